"""A venv whose disk is away is kept and counted; one that is gone is forgotten."""

from __future__ import annotations

import os
import shutil

import pytest

from stage.disks import mounted
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_venv


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def states(machine):
    return {os.path.relpath(one["path"], machine.path): one["state"] for one in machine.json("venvs")["venvs"]}


def test_a_project_that_was_removed_keeps_nothing(machine):
    """Also the only one in its folder: other projects lie beside that, on the same disk."""
    for place in ("code/deep/only/.venv", "code/foo/.venv", "other/.venv"):
        make_venv(f"{machine.path}/{place}", str(machine.python(OLD)), extra=f"version = {MINOR}\n")
        machine.pyman("register", machine.path / place)
    shutil.rmtree(machine.path / "code")
    assert states(machine) == {"other/.venv": "stale-patch"}
    found = machine.found(status=1)
    assert found == {
        "code/deep/only/.venv": ["gone open"],
        "code/foo/.venv": ["gone open"],
        "other/.venv": ["stale-patch open"],
    }
    needed = machine.json("uninstall", OLD, status=1)["needed"]
    assert [one["who"] for one in needed] == [f"{machine.path}/other/.venv"]
    shutil.rmtree(machine.path / "other")
    before = os.listdir(machine.root / "venvs")
    machine.pyman("uninstall", OLD, "--dry-run")
    assert os.listdir(machine.root / "venvs") == before
    machine.pyman("uninstall", OLD)
    assert os.listdir(machine.root / "venvs") == []


def test_a_disk_that_is_away_keeps_its_pythons(machine):
    disk = machine.path / "disk"
    disk.mkdir()
    venv = disk / "p/.venv"
    with mounted(disk, "-t", "tmpfs", "tmpfs"):
        make_venv(str(venv), str(machine.python(OLD)), extra=f"version = {MINOR}\n")
        machine.pyman("register", disk)
    assert states(machine) == {"disk/p/.venv": "unreachable"}
    answer = machine.json("doctor", "--fix", "--search")
    assert [(one["code"], one["repair"]) for one in answer["findings"]] == [("unreachable", None)]
    assert answer["summary"] == {
        "checked": 0, "open": 0, "fixed": 0, "ignored": 0, "unreachable": 1, "unsearched": 0,
    }  # fmt: skip
    for words in (("doctor",), ("venvs",), ("uninstall", OLD), ("prune",)):
        told = machine.pyman(*words, status=None)
        hint = f"`pyman forget {'~/disk/p/.venv' if words == ('doctor',) else venv}`"
        assert hint in told.out + told.err, words
        assert "no venv is known" not in told.out + told.err, words
    assert machine.json("uninstall", OLD, status=1)["needed"] == [
        {"version": OLD, "why": "unreachable", "who": str(venv), "reason": None}
    ]
    machine.pyman("forget", venv)
    machine.pyman("uninstall", OLD)
