"""A venv in a tree that is meant for another place is left as it is until somebody says yes (design.md 7, Moved)."""

import os
import shutil

import pytest

from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, SITE
from stage.venvs import make_venv, write
from stage.wheels import install_distribution

LAYOUTS = {
    "a package that is built": ("build/stage/opt/venvs/app", "/opt/venvs/app"),
    "a layer of an image": ("overlay2/0123abcd/diff/srv/app/.venv", "/srv/app/.venv"),
    "a backup": ("backup/home/me/proj/.venv", "/home/me/proj/.venv"),
    "a project that a container has at its top": ("code/app/.venv", "/app/.venv"),
}


def staged(machine, layout, python=None, **more):
    """A venv with a script, in a tree, whose files name the place that it is to have."""
    place, meant_for = LAYOUTS[layout]
    venv = make_venv(
        f"{machine.path}/{place}",
        str(python or machine.python(OLD)),
        activate=meant_for,
        extra=f"version = {OLD}\n",
        **more,
    )
    info = install_distribution(f"{venv}/{SITE}", "spam", "1.0", scripts={"spam": "spam:main"})
    write(f"{venv}/bin/spam", f"#!{meant_for}/bin/python\nimport spam\n", 0o755)
    with open(f"{info}/RECORD", "a", encoding="utf-8") as record:
        record.write("../../../bin/spam,,\n")
    return venv, meant_for


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_repair_of_any_kind_without_a_yes(tmp_path, layout):
    machine = Machine(tmp_path, OLD, NEW)
    venv, meant_for = staged(machine, layout)
    stage = venv.removesuffix(meant_for)
    machine.pyman("register", venv)
    before = machine.exact(machine.path / LAYOUTS[layout][0].partition("/")[0])
    for words in ((), ("--fix",), (machine.path, "--fix"), (venv, "--fix", "--foreign")):
        answer = machine.json("doctor", *words, status=1)
        told = {one["code"]: one for one in answer["findings"] if one["path"] == venv}
        assert set(told) == {"stale-patch", "moved"}
        for one in told.values():
            assert one["status"] == "open"
            assert one["repair"].startswith("after confirmation: ")
            assert f"it was created for {meant_for}, so {stage} may be a tree" in one["message"]
    planned = machine.json("doctor", "--dry-run", status=1)["findings"]
    assert [(one["status"], one["repair"][:20]) for one in planned if one["path"] == venv] == [
        ("planned", "after confirmation: ")
    ] * 2
    assert "need confirmation: `pyman doctor --fix --yes`" in machine.pyman("doctor", "--dry-run", status=1).err
    for words in (("pin", venv), ("follow", venv), ("rebuild", venv), ("rebuild", venv, "--force")):
        refused = machine.json(*words, status=1)["error"]
        assert (refused["code"], meant_for in refused["message"]) == ("needs-yes", True), words
        assert refused["hint"].endswith(" --yes`")
    # A move neither writes the venv's lines nor takes it off the release that goes.
    machine.pyman("rollback", MINOR)
    machine.pyman("unhold", MINOR)
    refused = machine.json("uninstall", OLD, "--relink", status=1)
    assert meant_for in refused["error"]["message"]
    assert machine.exact(machine.path / LAYOUTS[layout][0].partition("/")[0]) == before
    # It was really moved.
    assert machine.found(venv, "--fix", "--yes", status=0) == {LAYOUTS[layout][0]: ["moved fixed", "stale-patch fixed"]}
    with open(f"{venv}/bin/spam", encoding="utf-8") as script:
        # Beyond what the kernel takes, the path stands in the second line.
        assert f"{venv}/bin/python" in script.readline() + script.readline()
    assert machine.found(venv, status=0) == {}


@pytest.mark.parametrize("tells", ["command", "script"])
def test_a_venv_without_activation_that_names_another_place(tmp_path, tells):
    """uv's relocatable venvs compute their place, and some builders leave activation out: other files tell."""
    machine = Machine(tmp_path, OLD, NEW)
    venv, meant_for = staged(machine, "a package that is built")
    os.unlink(f"{venv}/bin/activate")
    if tells == "command":
        os.unlink(f"{venv}/bin/spam")
        with open(f"{venv}/pyvenv.cfg", "a", encoding="utf-8") as settings:
            settings.write(f"command = /usr/bin/python3 -m venv {meant_for}\n")
    before = machine.exact(machine.path / "build")
    # The script starts nothing here: its interpreter is where the tree is meant for.
    codes = ["moved", "stale-patch"] if tells == "script" else ["stale-patch"]
    found = machine.found(venv, "--fix", status=1)
    assert found == {"build/stage/opt/venvs/app": [f"{code} open" for code in codes]}
    machine.pyman("pin", venv, status=1)
    assert machine.exact(machine.path / "build") == before
    found = machine.found(venv, "--fix", "--yes", status=0)
    assert found == {"build/stage/opt/venvs/app": [f"{code} fixed" for code in codes]}


def test_a_move_writes_no_lines_and_holds_nothing_back_in_a_tree(tmp_path):
    machine = Machine(tmp_path, OLD, NEW)
    venv, _ = staged(machine, "a layer of an image", machine.python())
    machine.pyman("register", venv)
    before = machine.exact(machine.path / "overlay2")
    (moved,) = machine.json("hold", MINOR, OLD)["moved"]
    assert "it was created for /srv/app/.venv" in str(moved["notes"])
    machine.pyman("unhold", MINOR)
    assert machine.exact(machine.path / "overlay2") == before
    # What does not fit and may not be written stops a move, as any other that cannot be held back.
    install_distribution(f"{venv}/{SITE}", "eggs", "1.0", requires_python=f">={NEW}")
    before = machine.exact(machine.path / "overlay2")
    refused = machine.json("rollback", MINOR, status=1)["error"]
    assert (refused["code"], "created for /srv/app/.venv" in refused["message"]) == ("cannot-hold-back", True)
    assert machine.exact(machine.path / "overlay2") == before


@pytest.mark.parametrize("verb", ["pin", "follow", "rebuild"])
def test_with_a_yes_it_is_changed(tmp_path, verb):
    machine = Machine(tmp_path, OLD, NEW)
    venv = f"{machine.path}/data/srv/app/.venv"
    made = machine.venv("data/srv/app", machine.python(NEW if verb != "follow" else OLD))
    for name in ("activate", "activate.csh", "activate.fish"):
        text = (made / "bin" / name).read_text()
        (made / "bin" / name).write_text(text.replace(str(machine.path / "data"), ""))
    assert machine.json(verb, venv, status=1)["error"]["code"] == "needs-yes"
    shown = machine.pyman(verb, venv, "--dry-run")
    assert "needs confirmation (`--yes`): it was created for /srv/app/.venv" in shown.err
    machine.pyman(verb, venv, "--yes")
    text = (made / "pyvenv.cfg").read_text()
    assert {"pin": "policy = pin", "follow": "policy = follow", "rebuild": f"request = {MINOR}"}[verb] in text


def test_what_is_no_tail_is_a_move_like_any_other(tmp_path):
    """Only whole names count: `/srv/app` is no tail of `/data/xsrv/app`."""
    machine = Machine(tmp_path, NEW)
    venv = make_venv(f"{machine.path}/xsrv/app", str(machine.python()), activate="/srv/app")
    assert machine.found(venv, "--fix", status=0) == {"xsrv/app": ["moved fixed"]}
    shutil.move(venv, machine.path / "elsewhere")
    assert machine.found(machine.path / "elsewhere", "--fix", status=0) == {"elsewhere": ["moved fixed"]}
