"""Venvs of PyPy and GraalPy, told by their files; what is not repaired is left alone by every command that does."""

from __future__ import annotations

import os
import shutil
import stat

import pytest

from stage.implementations import PYPY, graalpy_in, pypy, pypy_in
from stage.machine import Machine
from stage.mirror import NEW, OLD, OTHER, OTHER_MINOR, SITE
from stage.venvs import call, make_venv, peer, write
from stage.wheels import install_distribution

KINDS = (
    "venv",
    "python -m venv",
    "virtualenv",
    "uv",
    "uv that says nothing",
    "lends",
    "gone",
    "moved",
    "in a cache of tox",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One venv of each kind, with a package, in a home that has CPython of two minors to link them to."""
    machine = Machine(tmp_path_factory.mktemp("pypy"), NEW)
    machine.put(OTHER)
    machine.alias(OTHER_MINOR, OTHER)
    base = pypy_in(f"{machine.path}/.pyenv/versions/pypy3.11-8.0.1")
    gone = pypy_in(f"{machine.path}/.pyenv/versions/pypy3.11-7.3.23")
    machine.pypy = base
    machine.venvs = {kind: _make(machine, kind, gone if kind == "gone" else base) for kind in KINDS}
    shutil.rmtree(gone)
    machine.pyman("register", machine.path / "made")
    return machine


def _make(machine, kind, base):
    venv = machine.path / "made" / kind / ".venv"
    if kind == "in a cache of tox":
        venv = machine.path / "made/.tox/pypy3"
    if kind == "virtualenv":
        call(peer("virtualenv"), "-q", "--no-pip", "--no-seed", "-p", f"{base}/bin/pypy3", venv, HOME=str(machine.path))
    elif kind.startswith("uv"):
        machine.run(peer("uv"), "venv", "-q", "-p", f"{base}/bin/pypy3", venv)
    else:
        name = "python3.11" if kind == "python -m venv" else "pypy3"
        lends = ["--system-site-packages"] if kind == "lends" else []
        call(f"{base}/bin/{name}", "-m", "venv", "--without-pip", *lends, venv, HOME=str(machine.path))
    (site_packages,) = venv.glob("lib/pypy3.11/site-packages")
    install_distribution(str(site_packages), "mine", "1.0", scripts={"mine": "mine:main"})
    if kind == "uv that says nothing":
        cfg = venv / "pyvenv.cfg"
        cfg.write_text(cfg.read_text().replace("implementation = PyPy\n", ""))
    if kind == "moved":
        os.rename(venv.parent, f"{venv.parent} elsewhere")
        venv = machine.path / "made" / "moved elsewhere" / ".venv"
    return venv


def everything(folder):
    """All that somebody who writes would change, and the text of every small file."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        text = path.read_bytes() if stat.S_ISREG(status.st_mode) and status.st_size < 100_000 else b""
        found[str(path)] = (status.st_ino, status.st_mtime_ns, os.readlink(path) if path.is_symlink() else text)
    return found


def rows(machine):
    return {one["path"]: one for one in machine.json("venvs")["venvs"]}


def test_they_are_shown_as_what_they_are(made):
    """`lends` is one whose base has no packages; there is no PyPy in the store that they could follow."""
    found = rows(made)
    states = {"gone": "dangling", "moved": "moved"}
    for kind, venv in made.venvs.items():
        one = found[str(venv)]
        expected = ("pypy", None if kind == "gone" else PYPY, states.get(kind, "healthy"))
        assert (one["implementation"], one["python"], one["state"]) == expected, kind
        assert one.get("implementation_version") == (None if kind == "gone" else "8.0.1"), kind
    venv = made.venvs["venv"]
    told = made.json("info", venv)
    assert (told["implementation"], told["python"], told["state"]) == ("pypy", PYPY, "healthy")
    assert f"runs PyPy 8.0.1 (Python {PYPY})" in made.pyman("info", venv).out
    listed = {one["path"] for one in made.json("venvs", "--python", "pypy3.11")["venvs"]}
    assert listed == set(map(str, made.venvs.values()))
    for other in (OTHER_MINOR, "pypy3.10", "pypy3.11-7.3.19", "graalpy"):
        assert made.json("venvs", "--python", other)["venvs"] == []


def test_they_still_run(made):
    for kind, venv in made.venvs.items():
        if kind != "gone":
            code = "import mine, sys; print(sys.implementation.name, sys.prefix)"
            assert made.run(venv / "bin/python", "-c", code) == f"pypy {venv}", kind


def test_a_cpython_in_the_same_home_is_no_answer_for_a_venv_of_pypy(tmp_path):
    """Debian has /usr/bin/pypy3 beside /usr/bin/python3."""
    machine = Machine(tmp_path, NEW)
    python = machine.put(NEW, machine.path / "usr") / "bin"
    os.symlink(f"{pypy()}/bin/pypy3", python / "pypy3")
    venv = machine.path / "v"
    call(pypy() + "/bin/pypy3", "-m", "venv", "--without-pip", venv, HOME=str(machine.path))
    cfg = (venv / "pyvenv.cfg").read_text().replace(f"home = {pypy()}/bin", f"home = {python}")
    (venv / "pyvenv.cfg").write_text(cfg)
    # It is the PyPy that is asked, which only the venv names.
    assert f"{pypy()}/bin/pypy3.11 was not started" in machine.pyman("find", venv, status=1).err
    os.unlink(python / "pypy3")
    assert "is gone from" in machine.pyman("find", venv, status=1).err


@pytest.fixture
def graal(tmp_path):
    machine = Machine(tmp_path, NEW, OLD)
    machine.graalpy = graalpy_in(f"{machine.path}/.pyenv/versions/graalpy-25.0.1")
    return machine


@pytest.mark.parametrize("name", ["graalpy", "python3"])
@pytest.mark.parametrize("what", ["there", "gone", "by uv"])
def test_a_venv_of_graalpy_is_left_alone(graal, name, what):
    if what == "by uv":
        venv = make_venv(
            f"{graal.path}/g/.venv", f"{graal.graalpy}/bin/{name}", extra="implementation = GraalVM\nuv = 0.13.9\n"
        )
    else:
        venv = f"{graal.path}/g/.venv"
        call(f"{graal.graalpy}/bin/{name}", "-m", "venv", "--without-pip", venv)
    install_distribution(f"{venv}/{SITE}", "mine", "1.0")
    if what == "gone":
        shutil.rmtree(graal.graalpy)
    before = graal.exact(graal.path / "g")
    answer = graal.json("doctor", "--fix", "--yes", "--foreign", graal.path / "g")
    assert [(one["code"], one["status"]) for one in answer["findings"]] == [("other-implementation", "open")]
    (row,) = graal.json("venvs", graal.path / "g")["venvs"]
    assert row["implementation"] == "graalpy"
    for words in (("rebuild", venv, "--yes"), ("follow", venv, "--yes"), ("pin", venv, "--yes")):
        assert graal.json(*words, status=1)["error"]["code"] == "unsupported"
    assert graal.exact(graal.path / "g") == before


def test_an_adopted_python_that_became_another_implementation(tmp_path):
    """`conda install pypy` into the folder that was adopted: it is told, and its venvs are not taken for CPython's."""
    machine = Machine(tmp_path, NEW)
    place = machine.put(OTHER, machine.path / "conda/envs/x")
    machine.pyman("adopt", place)
    shutil.rmtree(place)
    pypy_in(str(place))
    (finding,) = [
        one for one in machine.json("doctor", "--fix", "--yes", status=1)["findings"] if one["kind"] == "runtime"
    ]
    assert (finding["code"], finding["status"]) == ("adopted-changed", "open")
    assert "is PyPy now" in finding["message"]
    assert os.readlink(machine.runtimes / OTHER) == str(place)


def test_what_is_unknown_is_left_alone_too(tmp_path):
    machine = Machine(tmp_path, NEW, OLD)
    venv = make_venv(f"{machine.path}/a/.venv", str(machine.python(OLD)), extra="implementation = RustPython\n")
    before = machine.exact(machine.path / "a")
    answer = machine.json("doctor", "--fix", "--yes", machine.path / "a")
    assert [one["code"] for one in answer["findings"]] == ["other-implementation"]
    assert "it is a RustPython venv" in answer["findings"][0]["message"]
    (row,) = machine.json("venvs", machine.path / "a")["venvs"]
    assert row["implementation"] is None
    machine.pyman("rebuild", venv, "--yes", status=1)
    assert machine.exact(machine.path / "a") == before


def test_pypy_does_not_count_as_a_user_of_the_python_beside_it(tmp_path):
    """A PyPy that lies in the prefix of an adopted CPython, as Debian's in /usr."""
    machine = Machine(tmp_path, NEW)
    usr = machine.put(OTHER, machine.path / "usr")
    write(f"{usr}/bin/pypy3", b"\x7fELF", 0o755)
    machine.pyman("adopt", usr)
    venv = make_venv(f"{machine.path}/a/.venv", f"{usr}/bin/pypy3", library="pypy3.11")
    machine.pyman("register", venv)
    assert machine.json("info", OTHER)["users"] == []
    assert {one["version"]: one["venvs"] for one in machine.json("list")["runtimes"]}[OTHER] == 0
    assert machine.json("uninstall", OTHER)["changed"] == [OTHER]
