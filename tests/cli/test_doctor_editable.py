"""Editable installs whose source is gone: nothing can import them, and doctor says so."""

from __future__ import annotations

import os
import shutil
import time

import pytest

from stage.machine import Machine
from stage.mirror import NEW, SITE
from stage.venvs import write
from stage.wheels import install_distribution

POINTERS = {
    "a line": {"lib.pth": "@/src\n"},
    "a finder": {
        "__editable__.lib.pth": "import __editable___lib_finder\n",
        "__editable___lib_finder.py": "MAPPING = {'lib': '@/src/lib'}\n",
    },
    # What an isolated build leaves behind is no source.
    "a loader": {"_lib_editable_loader.py": "install('@/src/lib', ['/tmp/pip-build-env/bin/ninja'])\n"},
}


def editable(machine, venv, source, pointers):
    write(f"{source}/src/lib/__init__.py", "")
    install_distribution(
        f"{venv}/{SITE}",
        "lib-dist",
        "1.0",
        files={name: text.replace("@", str(source)) for name, text in pointers.items()},
        direct_url={"url": f"file://{source}", "dir_info": {"editable": True}},
    )
    machine.pyman("register", venv)


@pytest.mark.parametrize("shape", POINTERS)
def test_a_source_that_is_gone_is_told_until_it_is_back(tmp_path, shape):
    machine = Machine(tmp_path, NEW)
    venv, source = machine.venv("app"), machine.path / "lib"
    editable(machine, venv, source, POINTERS[shape])
    for folder in ("bin", SITE):
        # Old enough to be remembered.
        os.utime(venv / folder, ns=(time.time_ns() - 10**10,) * 2)
    assert machine.found(status=0) == {}
    source.rename(machine.path / "elsewhere")
    (finding,) = machine.json("doctor", status=1)["findings"]
    assert (finding["code"], finding["severity"], finding["status"]) == ("editable-gone", "warning", "open")
    assert "lib_dist-1.0" in finding["message"] and f"{source}/src" in finding["message"]
    assert machine.found("--fix", status=1) == {"app/.venv": ["editable-gone open"]}
    assert machine.json("venvs")["venvs"][0]["state"] == "editable-gone"
    (machine.path / "elsewhere").rename(source)
    assert machine.found(status=0) == {}


def test_what_setuptools_left_before_wheels(tmp_path):
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("app")
    write(f"{venv}/{SITE}/lib.egg-link", f"{machine.path}/lib\n.")
    machine.pyman("register", venv)
    assert machine.found(status=1) == {"app/.venv": ["editable-gone open"]}


def test_a_copy_whose_original_is_removed(tmp_path):
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("old")
    editable(machine, venv, machine.path / "old", POINTERS["a line"])
    shutil.copytree(machine.path / "old", machine.path / "new", symlinks=True)
    machine.found(machine.path / "new", "--fix", status=0)
    shutil.rmtree(machine.path / "old")
    assert machine.found(machine.path / "new", status=1) == {"new/.venv": ["editable-gone open"]}


def test_a_venv_that_moved_away_from_its_source_is_not_healthy(tmp_path):
    """What could be repaired is, and what tells of the old place is gone: the rest is told as long as it is so."""
    machine = Machine(tmp_path, NEW)
    venv = machine.venv("old/app")
    editable(machine, venv, machine.path / "old/lib", POINTERS["a finder"])
    (machine.path / "old/app").rename(machine.path / "app")
    shutil.rmtree(machine.path / "old")
    where = machine.path / "app"
    assert machine.found(where, status=1) == {"app/.venv": ["moved open"]}
    for _ in range(2):
        assert "editable-gone open" in machine.found(where, "--fix", status=1)["app/.venv"]
