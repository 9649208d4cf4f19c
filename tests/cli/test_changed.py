"""`changed`: every verb that can change something says what it changed, and nothing where nothing was."""

from __future__ import annotations

import os
import pwd

from stage.disks import as_on_a_disk
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_venv


def changed(home, *words, status=0):
    """What a dry run says that would be changed, and what the run then says, which is the same."""
    planned = home.json(*words, "--dry-run", status=None)["changed"]
    done = home.json(*words, status=status)["changed"]
    assert isinstance(done, list)
    assert planned == done, words
    return done


def test_pythons(home):
    assert changed(home, "install", OLD) == [OLD]
    assert changed(home, "install", OLD) == []
    assert changed(home, "install", OLD, "--default") == [f"{home.root}/default"]
    assert changed(home, "install", OLD, "--default") == []
    assert changed(home, "use", "--global", MINOR) == [f"{home.root}/default"]
    assert changed(home, "use", "--global", MINOR) == []
    assert changed(home, "upgrade", MINOR, "--prune") == [NEW, OLD]
    assert changed(home, "upgrade", MINOR) == []
    assert changed(home, "hold", MINOR) == [MINOR]
    assert changed(home, "hold", MINOR) == []
    assert changed(home, "unhold", MINOR) == [MINOR]
    assert changed(home, "unhold", MINOR) == []
    assert changed(home, "prune") == []
    assert changed(home, "uninstall", NEW) == [NEW]


def test_an_alias_that_moves_by_itself(home):
    """What a killed process left is ended by the next one, and that is a change too."""
    home.with_runtimes(OLD, NEW)
    os.unlink(home.runtimes / MINOR)
    os.symlink(OLD, home.runtimes / MINOR)
    assert changed(home, "install", NEW) == [MINOR]


def test_venvs(home):
    home.with_runtimes(OLD, NEW)
    made = f"{home.project}/v"
    assert changed(home, "venv", "v", "--without-pip") == [made]
    assert changed(home, "pin", "v") == [made]
    assert changed(home, "pin", "v") == []
    assert changed(home, "follow", "v") == [made]
    assert changed(home, "follow", "v") == []
    assert changed(home, "venvs") == []
    other = make_venv(f"{home.path}/elsewhere/w", f"{home.runtimes}/{OLD}/bin/python{MINOR}", library=f"python{MINOR}")
    assert changed(home, "register", other) == [other]
    assert changed(home, "register", other) == []
    assert changed(home, "doctor", "--fix", other) == [other]
    assert changed(home, "doctor", "--fix", other) == []
    assert changed(home, "doctor") == []
    assert changed(home, "rebuild", other) == []
    assert changed(home, "rebuild", other, "--yes") == [other]
    assert changed(home, "use", MINOR) == [f"{home.project}/.python-version"]
    assert changed(home, "use", MINOR) == []
    assert changed(home, "venvs", "--remove", made) == [made]


def test_a_venv_with_the_python_that_it_needs(home):
    assert changed(home, "venv", "v", "-p", NEW, "--without-pip") == [NEW, f"{home.project}/v"]


def test_whose_venvs_they_are(home):
    home.with_runtimes(NEW)
    home.pyman("venv", "v", "--without-pip")
    [one] = home.json("venvs")["venvs"]
    assert (one["owner"], one["implementation"]) == (pwd.getpwuid(os.geteuid()).pw_name, "cpython")
    if os.geteuid() == 0:
        # A user without a name.
        os.chown(home.project / "v", 4_000_000, -1)
        assert [one["owner"] for one in home.json("venvs")["venvs"]] == [None]


def test_what_is_out_of_reach_is_counted(home):
    home.with_runtimes(NEW)
    home.pyman("venv", f"{home.path}/disk/v", "--without-pip")
    os.rename(home.path / "disk", home.path / "away")
    as_on_a_disk(home.root)
    summary = home.json("doctor", "--offline", status=None)["summary"]
    assert (summary["unreachable"], summary["ignored"], summary["checked"]) == (1, 0, 0)
