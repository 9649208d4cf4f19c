"""Venvs that import packages of their base (`include-system-site-packages`): nothing takes them off it unasked."""

from __future__ import annotations

import os

import pexpect
import pytest

from stage.home import PACKAGE
from stage.machine import Machine
from stage.mirror import LIBRARY, MINOR, NEW, OLD, OTHER, OTHER_MINOR, SITE
from stage.venvs import call, write
from stage.wheels import install_distribution

LENDS = "--system-site-packages"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def lend(prefix, name="lent", folder=SITE):
    """A package in a base, of its own: the base's files are shared by the tests."""
    install_distribution(f"{prefix}/{folder}", name, "1.0")


def other(machine, release=OLD, place=".pyenv/versions", name="lent"):
    """Somebody else's Python, with a package in it."""
    prefix = machine.put(release, machine.path / place / release)
    lend(prefix, name)
    return prefix


def borrower(machine, prefix, *options, name="a"):
    """A venv that lives on the packages of a Python."""
    venv = machine.path / name / ".venv"
    call(prefix / f"bin/python{MINOR}", "-m", "venv", "--without-pip", LENDS, *options, venv, HOME=str(machine.path))
    return venv


def has(venv, module="lent"):
    code = f"import importlib.util; print(importlib.util.find_spec({module!r}) is not None)"
    return call(venv / "bin/python", "-c", code).strip() == "True"


def runs(venv):
    return call(venv / "bin/python", "-c", "import platform; print(platform.python_version())").strip()


def findings(machine, *words, status=None):
    return {one["code"]: one for one in machine.json("doctor", *words, status=status)["findings"]}


# --- doctor


@pytest.mark.parametrize("release", [OLD, NEW])
def test_doctor_asks_before_it_takes_a_venv_off_its_base(machine, release):
    """`stale-patch` and `unfollowed` alike."""
    venv = borrower(machine, other(machine, release))
    before = machine.exact(venv)
    found = findings(machine, machine.path / "a", "--fix", status=1)
    assert set(found) == {"borrows"}
    assert found["borrows"]["severity"] == "warning"
    assert found["borrows"]["status"] == "open"
    assert f"it uses lent 1.0, which {NEW} does not have" in found["borrows"]["message"]
    assert "without these packages" in found["borrows"]["repair"]
    assert machine.exact(venv) == before
    assert findings(machine, machine.path / "a", "--fix", "--yes", status=0)["borrows"]["status"] == "fixed"
    assert (runs(venv), has(venv)) == (NEW, False)
    assert findings(machine, machine.path / "a", status=0) == {}


def test_doctor_relinks_where_nothing_is_lost(machine):
    """The base lends nothing but pip; the other one has it too; the venv has its own."""
    bare = machine.put(OLD, machine.path / ".pyenv/versions" / OLD)
    for name in ("wheel", "setuptools"):
        lend(bare, name)
    nothing = borrower(machine, bare, name="nothing")
    lender = other(machine, OLD, "opt")
    own = borrower(machine, lender, name="own")
    install_distribution(f"{own}/{SITE}", "lent", "2.0")
    for name in ("nothing", "own"):
        assert findings(machine, machine.path / name, "--fix", status=0)["stale-patch"]["status"] == "fixed"
    assert (runs(nothing), runs(own), has(own)) == (NEW, NEW, True)
    both = borrower(machine, lender, name="both")
    lend(machine.runtimes / NEW)
    assert findings(machine, machine.path / "both", "--fix", status=0)["stale-patch"]["status"] == "fixed"
    assert has(both)


def egg_link(prefix):
    source = f"{prefix.parent}/source"
    write(f"{source}/lent.py")
    write(f"{source}/lent.egg-info/PKG-INFO", "Name: lent\nVersion: 1.0\n")
    write(f"{prefix}/{SITE}/lent.egg-link", f"{source}\n.\n")
    write(f"{prefix}/{SITE}/easy-install.pth", f"{source}\n")


def egg_info(prefix):
    write(f"{prefix}/{SITE}/lent.py")
    write(f"{prefix}/{SITE}/lent-1.0-py{MINOR}.egg-info", "Name: lent\nVersion: 1.0\n")


def loose(prefix):
    write(f"{prefix}/{SITE}/lent.py")


def by_pth(prefix):
    install_distribution(f"{prefix}/share/modules", "lent", "1.0")
    write(f"{prefix}/{SITE}/site.pth", "../../../share/modules\n")


def another_folder(folder):
    return lambda prefix: install_distribution(f"{prefix}/{folder}", "lent", "1.0")


WAYS = {
    "egg-link": (egg_link, "lent"),
    "egg-info": (egg_info, "lent 1.0"),
    "loose": (loose, "the module lent"),
    "pth": (by_pth, "lent 1.0"),
    "Debian, of all minors": (another_folder("lib/python3/dist-packages"), "lent 1.0"),
    "Debian, of pip": (another_folder(f"local/{LIBRARY}/dist-packages"), "lent 1.0"),
    "Fedora": (another_folder(f"lib64/python{MINOR}/site-packages"), "lent 1.0"),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_way_a_base_lends(machine, way):
    prefix = machine.put(OLD, machine.path / ".pyenv/versions" / OLD)
    lends, told = WAYS[way]
    lends(prefix)
    venv = borrower(machine, prefix)
    found = findings(machine, machine.path / "a", "--fix", status=1)
    assert f"it uses {told}, which" in found["borrows"]["message"]
    assert machine.json("follow", venv, status=1)["error"]["code"] == "borrows"
    assert runs(venv) == OLD


LAYOUTS = ("virtualenv", "uv", "copies", "a link of its own", "no line at all", "mixed", "nested", "moved")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_the_venv_looks_like(machine, layout):
    prefix = other(machine)
    if layout in ("virtualenv", "uv"):
        venv = machine.venv("a", prefix / f"bin/python{MINOR}", LENDS, tool=layout)
    else:
        venv = borrower(machine, prefix, *(["--copies"] if layout == "copies" else []))
    cfg = venv / "pyvenv.cfg"
    if layout == "no line at all":
        cfg.write_text(cfg.read_text().replace("include-system-site-packages = true\n", ""))
    elif layout == "a link of its own":
        (machine.path / "bin").mkdir()
        (machine.path / "bin/py").symlink_to(prefix / f"bin/python{MINOR}")
        (venv / "bin/python").unlink()
        (venv / "bin/python").symlink_to(machine.path / "bin/py")
    elif layout == "mixed":
        (venv / f"bin/python{MINOR}").unlink()
        (venv / f"bin/python{MINOR}").symlink_to(machine.runtimes / NEW / f"bin/python{MINOR}")
    elif layout == "nested":
        outer = borrower(machine, prefix, name="outer")
        cfg.write_text(cfg.read_text().replace(f"home = {prefix}/bin", f"home = {outer}/bin"))
    elif layout == "moved":
        (machine.path / "a").rename(machine.path / "b")
        (machine.path / "b").rename(machine.path / "c")
        (machine.path / "a").mkdir()
        venv = (machine.path / "c/.venv").rename(machine.path / "a/.venv2")
    lent = layout in ("mixed", "nested") or has(venv)
    assert lent
    links = sorted(
        os.readlink(venv / "bin" / name)
        for name in os.listdir(venv / "bin")
        if name.startswith("python") and (venv / "bin" / name).is_symlink()
    )
    found = findings(machine, machine.path / "a", "--fix", status=1)
    assert "borrows" in found, found
    after = sorted(
        os.readlink(venv / "bin" / name)
        for name in os.listdir(venv / "bin")
        if name.startswith("python") and (venv / "bin" / name).is_symlink()
    )
    assert after == links


def test_what_a_base_lends_that_is_gone_is_lost_already(machine):
    prefix = other(machine)
    venv = borrower(machine, prefix)
    call("rm", "-r", prefix)
    assert findings(machine, machine.path / "a", "--fix", status=0)["dangling"]["status"] == "fixed"
    assert runs(venv) == NEW


def test_of_many_packages_some_are_named(machine):
    prefix = machine.put(OLD, machine.path / ".pyenv/versions" / OLD)
    for number in range(20):
        lend(prefix, f"package-{number:02}")
    borrower(machine, prefix)
    message = findings(machine, machine.path / "a", status=1)["borrows"]["message"]
    assert "package-00 1.0, package-01 1.0" in message.replace("_", "-")
    assert "and 14 more, which" in message


def test_a_venv_of_the_systems_python_is_healthy(machine):
    """Nothing relinks it, so there is nothing to ask."""
    prefix = machine.put(OLD, machine.path / "usr")
    lend(prefix)
    borrower(machine, prefix)
    assert findings(machine, machine.path / "a", "--fix", status=0) == {}


# --- pin and follow


@pytest.mark.parametrize("verb", ["pin", "follow"])
def test_pin_and_follow_ask(machine, verb):
    lender = machine.put(NEW, machine.path / "usr")
    lend(lender)
    venv = borrower(machine, lender)
    before = machine.exact(venv)
    answer = machine.pyman(verb, venv, status=1)
    assert f"{venv} was not changed: it uses lent 1.0, which {NEW} does not have" in answer.err
    assert f"`pyman {verb} {venv} --yes` does it anyway" in answer.err
    assert machine.exact(venv) == before
    told = machine.pyman(verb, venv, "--yes").out
    assert f"({NEW} in ~/usr -> {NEW})" in told
    assert "it uses lent 1.0" in told
    assert not has(venv)
    # From then on it is a venv of the store, which lends nothing more.
    machine.pyman(verb, venv)


def test_follow_goes_to_an_older_release_only_after_a_yes(tmp_path):
    machine = Machine(tmp_path, OLD)
    newer = machine.put(NEW, machine.path / ".pyenv/versions" / NEW)
    venv = machine.venv("a", newer / f"bin/python{MINOR}")
    answer = machine.json("follow", venv, status=1)
    assert answer["error"]["code"] == "older-release"
    assert runs(venv) == NEW
    assert f"({NEW} in ~/.pyenv/versions/{NEW} -> {OLD})" in machine.pyman("follow", venv, "--yes").out
    assert runs(venv) == OLD
    assert machine.pyman("pin", venv).out.strip() == f"{venv} is pinned to {OLD}"


@pytest.mark.parametrize("answer", ["y", "n"])
def test_at_a_terminal_it_is_a_question(machine, answer):
    venv = borrower(machine, other(machine))
    environ = {**os.environ, **machine.environ, "TERM": "dumb", "PYTHONPATH": PACKAGE}
    child = pexpect.spawn(
        f"{os.sys.executable} -m pyman follow {venv}",
        env=environ,
        cwd=str(machine.project),
        encoding="utf-8",
        timeout=60,
    )
    child.setwinsize(24, 400)
    child.expect("it uses lent 1.0.*Go ahead")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == (0 if answer == "y" else 1)
    assert runs(venv) == (NEW if answer == "y" else OLD)


# --- moves of an alias


def adopted(tmp_path):
    """A store whose MINOR is somebody else's, with a package in it, and a venv that goes through the alias."""
    machine = Machine(tmp_path)
    lender = other(machine)
    machine.pyman("adopt", lender)
    venv = machine.path / "a/.venv"
    machine.pyman("venv", venv, "--without-pip", LENDS)
    free = machine.path / "b/.venv"
    machine.pyman("venv", free, "--without-pip")
    return machine, venv, free


def test_a_move_holds_back_who_would_lose_what_the_old_base_lends(tmp_path):
    machine, venv, free = adopted(tmp_path)
    (move,) = [one for one in machine.json("install", NEW)["moved"] if one["alias"] == MINOR]
    assert move["held_back"] == [{"path": str(venv), "reason": f"{OLD} lends it lent 1.0"}]
    assert (runs(venv), has(venv), runs(free)) == (OLD, True, NEW)
    # It is tried again with every move, and by doctor, and stays.
    found = findings(machine, machine.path / "a", "--fix", "--yes", status=0)
    assert f"kept on {OLD} while {MINOR} points at {NEW}: {OLD} lends it lent 1.0" in found["held-back"]["message"]
    assert (runs(venv), has(venv)) == (OLD, True)
    assert machine.json("follow", venv, status=1)["error"]["code"] == "borrows"
    lend(machine.runtimes / NEW)
    assert findings(machine, machine.path / "a", "--fix", status=0)["held-back"]["status"] == "fixed"
    assert (runs(venv), has(venv)) == (NEW, True)


def test_it_comes_forward_when_it_has_the_package_itself(tmp_path):
    machine, venv, _ = adopted(tmp_path)
    machine.pyman("install", NEW)
    install_distribution(f"{venv}/{SITE}", "lent", "1.0")
    machine.pyman("hold", MINOR, OLD)
    machine.pyman("unhold", MINOR)
    assert (runs(venv), has(venv)) == (NEW, True)


def test_a_move_back_holds_back_too(machine):
    lend(machine.runtimes / NEW)
    venv = machine.path / "a/.venv"
    machine.pyman("venv", venv, "--without-pip", LENDS)
    (move,) = [one for one in machine.json("rollback", MINOR)["moved"] if one["alias"] == MINOR]
    assert [one["path"] for one in move["held_back"]] == [str(venv)]
    assert (runs(venv), has(venv)) == (NEW, True)


def test_without_the_check_nobody_is_held_back(tmp_path):
    machine, venv, _ = adopted(tmp_path)
    machine.pyman("install", NEW, "--no-check")
    assert (runs(venv), has(venv)) == (NEW, False)


@pytest.mark.parametrize("linked", ["held back", "pinned"])
def test_uninstalling_leaves_it_its_python(tmp_path, linked):
    machine, venv, _ = adopted(tmp_path)
    if linked == "pinned":
        machine.pyman("pin", venv)
    machine.pyman("install", NEW)
    answer = machine.json("uninstall", OLD, "--relink", status=1)
    assert answer["error"]["code"] == "in-use"
    assert [(one["who"], one["reason"]) for one in answer["needed"]] == [(str(venv), f"{OLD} lends it lent 1.0")]
    assert (runs(venv), has(venv)) == (OLD, True)
    machine.pyman("uninstall", OLD, "--relink", "--force")
    assert runs(venv) == NEW


# --- rebuild


def test_rebuild_asks_where_a_relink_would_do(machine):
    venv = borrower(machine, other(machine))
    before = machine.exact(venv)
    answer = machine.pyman("rebuild", venv, status=1)
    assert "it uses lent 1.0" in answer.err
    assert f"`pyman doctor {venv} --fix --yes` relinks it anyway" in answer.err
    again = machine.json("rebuild", venv, "-p", MINOR, status=1)
    assert again["error"]["code"] == "borrows"
    assert again["error"]["hint"] == f"`pyman rebuild {venv} -p {MINOR} --yes` does it anyway"
    assert machine.exact(venv) == before


def test_rebuild_to_another_base_needs_a_yes(machine):
    machine.put(OTHER)
    machine.alias(OTHER_MINOR, OTHER)
    lender = other(machine)
    venv = borrower(machine, lender)
    before = machine.exact(venv)
    for words in ((), ("--force",), ("--from", write(f"{machine.path}/r.txt"))):
        answer = machine.json("rebuild", venv, "-p", OTHER_MINOR, *words, status=1)
        assert answer["error"]["code"] == "borrows"
        assert f"it uses lent 1.0, which {OTHER} does not have" in answer["error"]["message"]
        assert machine.exact(venv) == before
    assert "it uses lent 1.0" in machine.pyman("rebuild", venv, "-p", OTHER_MINOR, "--dry-run").out
    # On its own base it keeps what that lends.
    machine.pyman("rebuild", venv, "--force", "-p", lender / f"bin/python{MINOR}")
    assert (runs(venv), has(venv)) == (OLD, True)
    told = machine.pyman("rebuild", venv, "-p", OTHER_MINOR, "--yes")
    assert "it uses lent 1.0" in told.out + told.err
    assert (runs(venv), has(venv)) == (OTHER, False)
    assert "include-system-site-packages = true" in (venv / "pyvenv.cfg").read_text()


def test_rebuilding_all_leaves_it(machine):
    """What doctor wants rebuilt, and borrows: its base went on to another minor, as /usr does."""
    machine.put(OTHER)
    machine.alias(OTHER_MINOR, OTHER)
    prefix = machine.put(OTHER, machine.path / "usr")
    lend(prefix, folder="lib/python3/dist-packages")
    venv = machine.path / "a/.venv"
    call(prefix / "bin/python3", "-m", "venv", "--without-pip", LENDS, venv, HOME=str(machine.path))
    call("rm", "-r", prefix / "bin", prefix / f"lib/python{OTHER_MINOR}")
    newer = machine.put(NEW, machine.path / "newer")
    call("cp", "-a", newer / "bin", newer / "lib", prefix)
    before = machine.exact(venv)
    found = findings(machine, machine.path / "a", "--fix", status=1)
    assert found["borrows"]["message"].startswith(
        f"its packages are for {OTHER_MINOR}, and it runs {MINOR}; but it uses lent"
    )
    (machine.runtimes / OTHER_MINOR).unlink()
    machine.json("uninstall", OTHER)
    found = findings(machine, machine.path / "a", "--fix", "--yes", status=1)
    assert found["minor-mismatch"]["status"] == "failed"
    assert "it uses lent 1.0" in found["minor-mismatch"]["message"]
    assert machine.exact(venv) == before
