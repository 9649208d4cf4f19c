"""PyPy, with real archives of three releases: 7.3.18 and 7.3.19 are the same Python and one ABI, 8.0.1 is another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from stage.implementations import graalpy_in, other_folder, pypy, pypy_in
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, SITE, mirror_folder
from stage.rebuilding import place_program
from stage.venvs import call, peer
from stage.wheels import build_wheel, install_distribution

RELEASES = ("7.3.18", "7.3.19", "8.0.1")
PYTHON = {"7.3.18": "3.11.11", "7.3.19": "3.11.11", "8.0.1": "3.11.17"}
TOOLS = ("venv", "virtualenv", "uv", "pyman")
_HELLO = """
#include <Python.h>
static PyObject *hi(PyObject *self, PyObject *none) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"hi", hi, METH_NOARGS, ""}, {0}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "hello", "", -1, methods};
PyMODINIT_FUNC PyInit_hello(void) { return PyModule_Create(&module); }
"""


class PyPyMachine(Machine):
    """A machine with PyPys of pyenv, each adopted when the test wants it."""

    def pyenv(self, release: str) -> str:
        place = f"{self.path}/.pyenv/versions/pypy3.11-{release}"
        return place if os.path.exists(place) else pypy_in(place, release)

    def adopt(self, release: str):
        return self.json("adopt", self.pyenv(release))

    def make(self, name: str, tool: str, base: str | None = None):
        """A venv of a tool with a pure package, through the alias or of another base."""
        venv = self.path / name / ".venv"
        program = f"{base or self.runtimes / 'pypy3.11'}/bin/pypy3.11"
        if tool == "venv":
            call(program, "-m", "venv", "--without-pip", venv, HOME=str(self.path))
        elif tool == "virtualenv":
            call(peer("virtualenv"), "-q", "--no-pip", "--no-seed", "-p", program, venv, HOME=str(self.path))
        elif tool == "uv":
            self.run(peer("uv"), "venv", "-q", "-p", program, venv)
        else:
            self.pyman("venv", venv, "--without-pip", "-p", "pypy3.11" if base is None else program)
        site = venv / "lib/pypy3.11/site-packages"
        install_distribution(str(site), "mine", "1.0", scripts={"mine": "mine:main"})
        return venv

    def compile(self, venv) -> None:
        """Give a venv an extension for the PyPy that it runs."""
        code = "import sys, sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'), sysconfig.get_path('include'))"
        suffix, include = self.run(venv / "bin/python", "-c", code).split()
        (self.path / "hello.c").write_text(_HELLO)
        output = venv / f"lib/pypy3.11/site-packages/hello{suffix}"
        command = ["cc", "-shared", "-fPIC", f"-I{include}", str(self.path / "hello.c"), "-o", str(output)]
        subprocess.run(command, check=True)

    def runs(self, venv, code: str = "0") -> str:
        """The release of PyPy that runs in a venv, which still imports its package, and what the code says."""
        program = f"import mine, sys; print('.'.join(map(str, sys.pypy_version_info[:3])), sys.prefix, {code})"
        release, prefix, answer = self.run(venv / "bin/python", "-c", program).split()
        assert prefix == str(venv)
        return release if code == "0" else f"{release} {answer}"


@pytest.fixture
def machine(tmp_path):
    return PyPyMachine(tmp_path, NEW)


def rows(machine, *words):
    return {one["path"]: one for one in machine.json("venvs", *words)["venvs"]}


def listed(machine):
    return {os.path.basename(one["path"]): one for one in machine.json("list")["runtimes"]}


def aliases(machine):
    return {one["name"]: one["target"] for one in machine.json("list")["aliases"]}


def test_adopted_pypys_are_ordered_by_their_own_version(machine):
    for release in ("7.3.19", "8.0.1", "7.3.18"):
        machine.adopt(release)
    assert aliases(machine) == {"3": MINOR, MINOR: NEW, "pypy3.11": "pypy3.11-8.0.1"}
    for release in RELEASES:
        one = listed(machine)[f"pypy3.11-{release}"]
        assert (one["implementation"], one["implementation_version"], one["version"]) == (
            *("pypy", release),
            PYTHON[release],
        )
    assert "implementation_version" not in listed(machine)[NEW]
    inside = machine.runtimes / "pypy3.11/bin/pypy3.11"
    for words in ("pypy3.11", "pypy", "PyPy3", "pp311", "pypy@3.11", "pypy3.11.17", "pypy>=3.10"):
        assert machine.pyman("find", words).out == f"{inside}\n", words
    assert machine.json("find", "pypy3.11-7.3.18")["implementation_version"] == "7.3.18"
    # Of the two with this Python the newer one.
    assert machine.json("find", "pypy3.11.11")["implementation_version"] == "7.3.19"
    # No name of CPython's ever means it, and `3` does not.
    assert machine.json("find", "3.11", status=1)["error"]["code"] == "not-found"
    assert machine.json("find", "3")["version"] == NEW
    shutil.rmtree(machine.pyenv("8.0.1"))
    pypy_in(f"{machine.path}/.pyenv/versions/pypy3.11-8.0.1", "7.3.19")
    found = [one for one in machine.json("doctor", status=None)["findings"] if one["kind"] == "runtime"]
    assert [(one["code"], os.path.basename(one["path"])) for one in found] == [("adopted-changed", "pypy3.11-8.0.1")]


def test_a_folder_that_is_named_after_another_release_is_not_adopted(machine):
    place = pypy_in(f"{machine.path}/.pyenv/versions/pypy3.11-7.3.23")
    answer = machine.json("adopt", place, status=1)
    assert "named after another release than the one in it, which is PyPy 8.0.1" in answer["error"]["message"]


@pytest.mark.parametrize("tool", TOOLS)
def test_venvs_follow_their_alias_through_three_releases(machine, tool):
    machine.adopt("7.3.18")
    venv, compiled = machine.make("pure", tool), machine.make("compiled", tool)
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    machine.compile(compiled)
    machine.pyman("register", venv, compiled)
    assert {row["state"] for row in rows(machine).values()} == {"healthy"}

    (moved,) = machine.adopt("7.3.19")["moved"]
    assert (moved["from"], moved["to"], moved["venvs"]["followed"]) == ("pypy3.11-7.3.18", "pypy3.11-7.3.19", 2)
    assert machine.runs(venv) == "7.3.19"
    assert machine.runs(compiled, "__import__('hello').hi()") == "7.3.19 42"

    (moved,) = machine.adopt("8.0.1")["moved"]
    assert (moved["venvs"]["followed"], [one["path"] for one in moved["held_back"]]) == (1, [str(compiled)])
    reason = moved["held_back"][0]["reason"]
    assert reason.endswith("is compiled for pypy311-pp73, and PyPy 8.0.1 loads pypy311-pp80")
    assert machine.runs(venv) == "8.0.1"
    assert machine.runs(compiled, "__import__('hello').hi()") == "7.3.19 42"
    found = rows(machine)
    assert [(found[str(one)]["state"], found[str(one)]["implementation_version"]) for one in (venv, compiled)] == [
        ("healthy", "8.0.1"),
        ("held-back", "7.3.19"),
    ]
    for name in venv.glob("*/lib*"):
        # Links of virtualenv to the libraries of PyPy.
        if name.is_symlink():
            assert os.readlink(name).startswith(f"{machine.runtimes}/pypy3.11/")

    machine.pyman("rollback", "pypy3.11")
    assert machine.runs(venv) == "7.3.19"
    assert machine.runs(compiled, "__import__('hello').hi()") == "7.3.19 42"
    machine.pyman("unhold", "pypy3.11")
    assert machine.runs(venv) == "8.0.1"
    machine.pyman("hold", "pypy3.11", "7.3.18")
    assert {machine.runs(venv), machine.runs(compiled)} == {"7.3.18"}
    assert {row["state"] for row in rows(machine).values()} == {"healthy"}


def test_pin_and_follow(machine):
    machine.adopt("7.3.19")
    machine.adopt("8.0.1")
    venv = machine.make("shop", "uv")
    machine.pyman("pin", venv, "7.3.19", status=1)
    machine.pyman("pin", venv, "7.3.19", "--yes")
    assert machine.runs(venv) == "7.3.19"
    assert machine.found(venv.parent)["shop/.venv"] == ["pinned open"]
    machine.pyman("follow", venv)
    assert machine.runs(venv) == "8.0.1"
    assert machine.json("uninstall", "pypy3.11-7.3.19", "--no-search")["changed"] == ["pypy3.11-7.3.19"]
    assert machine.json("uninstall", "pypy3.11-8.0.1", "--no-search", status=1)["error"]["code"] == "in-use"


@pytest.mark.parametrize("tool", ["venv", "virtualenv", "uv"])
def test_doctor_repairs_venvs_of_pypy(machine, tool):
    machine.adopt("8.0.1")
    old = machine.make("old", tool, machine.pyenv("7.3.19"))
    gone = machine.make("gone", tool, pypy_in(f"{machine.path}/.pyenv/versions/pypy3.11-7.3.12", "7.3.18"))
    shutil.rmtree(f"{machine.path}/.pyenv/versions/pypy3.11-7.3.12")
    assert machine.found(machine.path, "--fix") == {
        "old/.venv": ["stale-patch fixed"],
        "gone/.venv": ["dangling fixed"],
    }
    assert {machine.runs(old), machine.runs(gone)} == {"8.0.1"}
    for venv in (old, gone):
        (link,) = {os.readlink(one) for one in (venv / "bin").iterdir() if one.is_symlink() and _leads_out(one)} - {
            f"{machine.runtimes}/pypy3.11/bin/libpypy3.11-c.so"
        }
        assert link == f"{machine.runtimes}/pypy3.11/bin/pypy3.11"
        assert f"home = {machine.runtimes}/pypy3.11/bin\n" in (venv / "pyvenv.cfg").read_text()
    assert machine.found(machine.path, "--fix") == {}


def _leads_out(link):
    return os.readlink(link).startswith("/")


def test_a_home_that_pypy_does_not_read_is_no_error(machine):
    machine.adopt("8.0.1")
    venv = machine.make("shop", "venv")
    cfg = venv / "pyvenv.cfg"
    cfg.write_text(cfg.read_text().replace(f"home = {machine.runtimes}/pypy3.11/bin", "home = /nowhere/bin"))
    assert machine.runs(venv) == "8.0.1"
    (finding,) = machine.json("doctor", machine.path, "--dry-run", status=None)["findings"]
    assert (finding["code"], finding["severity"]) == ("stale-metadata", "warning")
    assert machine.found(machine.path, "--fix") == {"shop/.venv": ["stale-metadata fixed"]}
    assert f"home = {machine.runtimes}/pypy3.11/bin\n" in cfg.read_text()


def test_nothing_crosses_an_implementation(machine):
    """A CPython 3.11 beside it, newer in every number."""
    machine.put("3.11.2")
    machine.alias("3.11", "3.11.2")
    gone = pypy_in(f"{machine.path}/.pyenv/versions/pypy3.11-7.3.12", "7.3.18")
    venv = machine.make("shop", "venv", gone)
    shutil.rmtree(gone)
    # There is no PyPy to link it to.
    before = machine.exact(machine.path / "shop")
    assert machine.found(machine.path, "--fix", "--offline") == {"shop/.venv": ["dangling open"]}
    for words in (
        ("rebuild", venv, "-p", "3.11"),
        ("rebuild", venv, "-p", machine.runtimes / "3.11"),
        ("follow", venv),
    ):
        answer = machine.json(*words, "--yes", "--offline", status=1)
        assert answer["error"]["code"] in ("unsupported", "not-found")
    assert machine.exact(machine.path / "shop") == before
    machine.adopt("8.0.1")
    assert machine.found(machine.path, "--fix", "--offline") == {"shop/.venv": ["dangling fixed"]}
    # One that an older pyman linked to CPython goes back to where its packages are.
    for link in (venv / "bin").iterdir():
        if link.is_symlink() and _leads_out(link):
            link.unlink()
            link.symlink_to(machine.runtimes / "3.11/bin/python3.11")
    assert machine.found(machine.path, "--fix") == {"shop/.venv": ["minor-mismatch fixed"]}
    assert machine.runs(venv) == "8.0.1"


def test_rebuild_makes_it_for_another_abi(machine):
    machine.adopt("7.3.19")
    venv = machine.make("shop", "pyman")
    machine.adopt("8.0.1")
    machine.environ["PIP_NO_INDEX"] = "1"
    shutil.rmtree(next(venv.glob("lib/pypy3.11/site-packages/mine-*.dist-info")))
    answer = machine.json("rebuild", venv, "--yes", "--force")
    assert answer["rebuilt"][0]["to"] == "pypy3.11-8.0.1"
    assert machine.run(venv / "bin/python", "-c", "import sys; print(sys.pypy_version_info[0])") == "8"
    assert machine.found(venv.parent) == {}


def wheels_of_both_abis(machine) -> str:
    """`pure` for every Python, `compiled` for each of both ABIs, and `only73` for the older one alone."""
    folder = f"{machine.path}/wheels"
    (machine.path / "hello.c").write_text(_HELLO)
    build_wheel(folder, "pure", "1.0", scripts={"pure": "pure:main"})
    for release, abi in (("7.3.19", "pp73"), ("8.0.1", "pp80")):
        module = f"{machine.path}/{abi}.so"
        include = f"-I{pypy(release)}/include/pypy3.11"
        subprocess.run(["cc", "-shared", "-fPIC", include, f"{machine.path}/hello.c", "-o", module], check=True)
        with open(module, "rb") as file:
            files = {f"hello.pypy311-{abi}-x86_64-linux-gnu.so": file.read()}
        tags = [f"pp311-pypy311_{abi}-linux_x86_64"]
        build_wheel(folder, "compiled", "1.0", files=files, tags=tags)
        if abi == "pp73":
            build_wheel(folder, "only73", "1.0", files={"only73.txt": ""}, tags=tags)
    return folder


@pytest.mark.parametrize(("installer", "named"), [("uv", ()), ("pip", ("-p", "pypy3.11"))])
def test_rebuild_of_a_venv_that_is_held_back_installs_its_packages_for_the_other_abi(machine, installer, named):
    machine.adopt("7.3.19")
    venv = machine.path / "shop/.venv"
    machine.pyman("venv", venv, "--without-pip", "-p", "pypy3.11")
    site = venv / "lib/pypy3.11/site-packages"
    folder = wheels_of_both_abis(machine)
    machine.environ |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": folder, "PIP_CONFIG_FILE": os.devnull}
    machine.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": folder, "UV_NO_CONFIG": "1"}
    machine.run(peer("uv"), "pip", "install", "-q", "-p", venv / "bin/python", "pure", "compiled")
    (site / "own.py").write_text("kept = True\n")
    hi = "import hello, own, pure, sys; print(hello.hi(), sys.pypy_version_info[0])"
    assert machine.run(venv / "bin/python", "-c", hi) == "42 7"
    (moved,) = machine.adopt("8.0.1")["moved"]
    assert moved["venvs"]["held_back"] == 1
    words = ("rebuild", venv, *named, "--installer", installer)
    (machine.path / "uv").mkdir()
    place_program(peer("uv"), f"{machine.path}/uv/uv")
    path = f"{machine.path}/uv:{machine.environ['PATH']}"
    answer = machine.json(*words, PATH=path)
    (one,) = answer["rebuilt"]
    assert (one["from"], one["to"], one["packages"]) == ("pypy3.11-7.3.19", "pypy3.11-8.0.1", 2)
    assert (one["added"], one["removed"], one["changed"], answer["failed"]) == ([], [], [], [])
    assert machine.run(venv / "bin/python", "-c", hi) == "42 8"
    assert machine.run(venv / "bin/pure") == "pure 1.0"
    assert [file.name for file in site.glob("*.so")] == ["hello.pypy311-pp80-x86_64-linux-gnu.so"]
    assert machine.found(venv.parent) == {}
    # What the newer one cannot have: nothing of the venv changes.
    install_distribution(str(site), "only73", "1.0", tags=["pp311-pypy311_pp73-linux_x86_64"])
    before = machine.exact(venv)
    answer = machine.json(*words, "--yes", status=1, PATH=path)
    (failed,) = answer["failed"]
    assert (failed["path"], failed["restored"]) == (str(venv), True)
    assert "only73" in failed["reason"]
    assert machine.exact(venv).keys() == before.keys()
    assert machine.run(venv / "bin/python", "-c", hi) == "42 8"


def test_graalpy_is_adopted_listed_and_followed_and_never_changed(tmp_path):
    """A stand-in: a CPython in its layout. No real one was run."""
    machine = Machine(tmp_path, NEW)
    versions = f"{machine.path}/.pyenv/versions"
    machine.pyman("adopt", graalpy_in(f"{versions}/graalpy{MINOR}-25.3.0", OLD, "25.3.0"))
    link = machine.runtimes / f"graalpy{MINOR}/bin/graalpy"
    venv, pure = machine.path / "shop/.venv", machine.path / "pure/.venv"
    for one in (venv, pure):
        call(link, "-m", "venv", "--without-pip", one, HOME=str(machine.path))
        machine.pyman("register", one)
        assert os.readlink(one / "bin/graalpy") == str(link)
    before = machine.exact(machine.path / "shop"), machine.exact(machine.path / "pure")
    (moved,) = machine.json("adopt", graalpy_in(f"{versions}/graalpy{MINOR}-25.3.1", NEW, "25.3.1"))["moved"]
    assert (moved["alias"], moved["to"], moved["venvs"]["followed"]) == (f"graalpy{MINOR}", f"graalpy{MINOR}-25.3.1", 2)
    row = rows(machine)[str(venv)]
    assert [row[key] for key in ("implementation", "implementation_version", "python", "link", "state")] == [
        *("graalpy", "25.3.1", NEW, "alias"),
        "other-implementation",
    ]
    machine.pyman("doctor", "--fix", "--yes", "--foreign", machine.path)
    for words in (("rebuild", venv), ("pin", venv), ("follow", venv)):
        assert machine.json(*words, "--yes", status=1)["error"]["code"] == "unsupported"
    assert (machine.exact(machine.path / "shop"), machine.exact(machine.path / "pure")) == before
    refused = machine.json("venv", "new", "-p", f"graalpy{MINOR}", status=1)["error"]
    assert refused["code"] == "unsupported"
    assert "-m venv" in refused["hint"]
    assert not (machine.project / "new").exists()
    # What does not fit cannot be held back without a change of it: the alias stays.
    (pure / f"{SITE}/hello.graalpy253-313-native-x86_64-linux.so").write_bytes(b"\x7fELF")
    graalpy_in(f"{versions}/graalpy{MINOR}-26.0.0", NEW, "26.0.0")
    answer = machine.json("adopt", f"{versions}/graalpy{MINOR}-26.0.0", status=1)
    assert answer["error"]["code"] == "cannot-hold-back"
    assert os.readlink(machine.runtimes / f"graalpy{MINOR}") == f"graalpy{MINOR}-25.3.1"


@pytest.fixture
def mirror(tmp_path):
    """The real archives of PyPy beside those of CPython, in one mirror."""
    for release in RELEASES:
        pypy(release)
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "pypy").symlink_to(os.path.join(other_folder(), "pypy"))
    lines = []
    for place in (mirror_folder(), other_folder()):
        with open(os.path.join(place, "index.ndjson"), encoding="utf-8") as index:
            lines += index.readlines()
    for name in os.listdir(mirror_folder()):
        if name.isdigit():
            (folder / name).symlink_to(os.path.join(mirror_folder(), name))
    (folder / "index.ndjson").write_text("".join(sorted(lines, key=lambda line: line.split("+")[1][:8], reverse=True)))
    return folder


def test_install_upgrade_and_mirror(machine, mirror, tmp_path):
    machine.environ["PYMAN_MIRROR"] = str(mirror)
    offered = [one for one in machine.json("list", "--available")["available"] if "implementation_version" in one]
    assert [
        (one["version"], one["implementation_version"], one["installed"], one["end_of_life"]) for one in offered
    ] == [("3.11.17", "8.0.1", False, None)]
    answer = machine.json("install", "pypy3.11-7.3.18")
    assert (answer["changed"], answer["installed"][0]["aliases"]) == (["pypy3.11-7.3.18"], ["pypy3.11"])
    venv = machine.path / "shop/.venv"
    machine.pyman("venv", venv, "-p", "pypy3.11")
    assert machine.run(venv / "bin/pip", "--version").startswith("pip ")
    (outdated,) = machine.json("list", "--outdated")["outdated"]
    assert (outdated["alias"], outdated["version"], outdated["newest"], outdated["newest_implementation_version"]) == (
        *("pypy3.11", "3.11.11", "3.11.17"),
        "8.0.1",
    )
    planned = machine.json("upgrade", "--dry-run")
    answer = machine.json("upgrade")
    assert {**planned, "dry_run": None} == {**answer, "dry_run": None}
    (moved,) = answer["moved"]
    assert (moved["to"], moved["venvs"]["followed"]) == ("pypy3.11-8.0.1", 1)
    assert machine.run(venv / "bin/python", "-c", "import sys; print(sys.pypy_version_info[0])") == "8"
    manifest = (machine.runtimes / "pypy3.11-8.0.1/pyman-runtime.toml").read_text()
    assert 'implementation = "pypy"\nimplementation_version = "8.0.1"\n' in manifest
    # pip leaves the runtime alone.
    assert (machine.runtimes / "pypy3.11-8.0.1/lib/pypy3.11/EXTERNALLY-MANAGED").exists()
    assert machine.json("upgrade")["changed"] == []
    assert machine.json("install", "pypy3.11")["installed"][0]["already"] is True
    assert "pypy3.11-8.0.1" in (machine.cache / "available").read_text().splitlines()
    assert machine.found(machine.path) == {}
    assert machine.json("prune", "--no-search")["removed"][0]["implementation_version"] == "7.3.18"

    made = tmp_path / "made"
    machine.pyman("mirror", made, "pypy3.11", "pypy3.11-7.3.19", MINOR)
    machine.environ["PYMAN_MIRROR"] = str(made)
    assert machine.json("install", "pypy3.11-7.3.19")["changed"] == ["pypy3.11-7.3.19"]
    assert machine.pyman("mirror", made, "pypy3.11").out.endswith("is already there\n")
    kept = (made / "index.ndjson").read_text()
    assert [line.count("pypy311-pp") for line in kept.splitlines()] == [1, 0, 1]


def test_a_local_archive_and_one_that_is_damaged(machine, mirror):
    archive = mirror / "pypy/pypy3.11-v8.0.1-linux64.tar.gz"
    machine.environ["PYMAN_MIRROR"] = str(mirror / "none")
    answer = machine.json("install", "--from", archive)
    assert (answer["changed"], answer["installed"][0]["implementation_version"]) == (["pypy3.11-8.0.1"], "8.0.1")
    before = sorted(os.listdir(machine.runtimes))
    copy = machine.path / "pypy3.11-v7.3.19-linux64.tar.bz2"
    content = bytearray((mirror / "pypy" / copy.name).read_bytes())
    content[5_000_000] ^= 0xFF
    copy.write_bytes(content)
    assert machine.json("install", "--from", copy, status=1)["error"]["code"] == "integrity"
    # The name says another release than the archive holds.
    named = machine.path / "pypy3.11-v7.3.19-linux64.tar.gz"
    shutil.copy(archive, named)
    error = machine.json("install", "--from", named, status=1)["error"]
    assert "contains pypy3.11-8.0.1, not pypy3.11-7.3.19" in error["message"]
    graalpy = machine.path / f"graalpy{MINOR}-25.3.1-linux-amd64.tar.gz"
    graalpy.write_bytes(b"")
    assert machine.json("install", "--from", graalpy, status=1)["error"]["code"] == "unsupported"
    assert sorted(os.listdir(machine.runtimes)) == before


def test_an_unknown_sum_is_never_installed(machine, mirror):
    lines = (mirror / "index.ndjson").read_text().splitlines()
    for broken in ('"sha256": null', f'"sha256": "{"0" * 64}"'):
        changed = [
            line.replace('"sha256": "eca6', f'{broken}, "x": "') if '"8.0.1"' in line else line for line in lines
        ]
        (mirror / "index.ndjson").write_text("\n".join(changed) + "\n")
        error = machine.json("install", "pypy3.11-8.0.1", "--mirror", mirror, status=1)["error"]
        assert error["code"] in ("unverified", "integrity")
    assert not any(name.startswith("pypy") for name in os.listdir(machine.runtimes))


def test_shims_and_completion(machine, tmp_path):
    machine.adopt("7.3.19")
    machine.adopt("8.0.1")
    machine.pyman("shims")
    assert {"pypy", "pypy3", "pypy3.11"} <= set(os.listdir(machine.root / "shims"))
    programs = machine.root / "programs"
    programs.mkdir()
    # What the shim asks, where it cannot tell by itself.
    (programs / "pyman").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pyman "$@"\n')
    (programs / "pyman").chmod(0o755)
    environ = {**machine.environ, "PATH": f"{machine.root}/shims:{programs}:/usr/bin:/bin"}

    def runs(program, where=machine.project):
        code = "import sys; print('.'.join(map(str, getattr(sys, 'pypy_version_info', sys.version_info)[:3])))"
        done = subprocess.run(
            [program, "-c", code], cwd=where, env=environ, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() or done.stderr

    assert [runs(name) for name in ("pypy", "pypy3", "pypy3.11", "python3")] == ["8.0.1", "8.0.1", "8.0.1", NEW]
    (machine.project / ".python-version").write_text(f"{MINOR}\npypy3.11-7.3.19\n")
    assert [runs(name) for name in ("pypy", "pypy3.11", "python")] == ["7.3.19", "7.3.19", NEW]
    assert machine.json("which", "pypy3", cwd=machine.project)["implementation_version"] == "7.3.19"
    (machine.project / ".python-version").write_text("pypy3.11\n")
    assert [runs(name) for name in ("python", "python3", "pypy3", f"python{MINOR}")] == ["8.0.1", "8.0.1", "8.0.1", NEW]
    assert "has no program `pip`" in runs("pip")
    assert machine.pyman(
        "run", "-p", "pypy3.11", "--", "python", "-c", "import sys; print(sys.implementation.name)"
    ).out == ("pypy\n")
    shell = 'source "$1"; COMP_WORDS=(pyman "$2" pypy); COMP_CWORD=2; _pyman 2>/dev/null || __pyman; printf "%s\\n" "${COMPREPLY[@]}"'
    script = machine.path / "completion.bash"
    script.write_text(machine.pyman("completions", "bash").out)
    function = next(line for line in script.read_text().splitlines() if line.startswith("complete ")).split()[-2]
    shell = shell.replace("_pyman 2>/dev/null || __pyman", function)
    for verb, expected in (("hold", {"pypy3.11"}), ("find", {"pypy3.11", "pypy3.11-8.0.1", "pypy3.11-7.3.19"})):
        done = subprocess.run(
            ["bash", "-c", shell, "bash", script, verb], env=environ, capture_output=True, text=True, check=True
        )
        assert {line.split()[0] for line in done.stdout.split("\n") if line.strip()} == expected
