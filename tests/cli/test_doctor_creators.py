"""Venvs of every tool, aged, broken, moved, copied and half upgraded: one `doctor --fix`, and all work, with packages."""

from __future__ import annotations

import os
import pwd
import shutil

import pytest

from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import call, peer

MAKERS = {
    "venv": ("venv",),
    "copies": ("venv", "--copies"),
    "virtualenv": ("virtualenv",),
    "uv": ("uv",),
    "relocatable": ("uv", "--relocatable"),
}
CREATOR = {"copies": "venv", "relocatable": "uv"}
HARMS = ("aged", "broken", "moved", "copied")


def venv_of(machine: Machine, maker: str, harm: str):
    return machine.path / harm / maker / ".venv"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Every tool's venv with every harm, on a machine that knows of none of them."""
    peer("uv"), peer("virtualenv")
    machine = Machine(tmp_path_factory.mktemp("creators"), OLD, NEW)
    gone = machine.put(OLD, machine.path / "versions" / OLD)
    for maker, (tool, *options) in MAKERS.items():
        machine.venv(f"aged/{maker}", machine.python(OLD), *options, tool=tool)
        machine.venv(f"broken/{maker}", gone / f"bin/python{MINOR}", *options, tool=tool)
        machine.venv(f"before/{maker}", machine.python(), *options, tool=tool)
        machine.venv(f"original/{maker}", machine.python(), *options, tool=tool)
    half = machine.venv("upgraded/venv", machine.python(OLD))
    machine.give(half, *(machine.path / harm / maker / ".venv" for maker in MAKERS for harm in ("aged", "broken")))
    machine.give(*(machine.path / harm / maker / ".venv" for maker in MAKERS for harm in ("before", "original")))
    call(machine.python(NEW), "-m", "venv", "--without-pip", "--upgrade", half)
    shutil.rmtree(machine.path / "versions")
    (machine.path / "before").rename(machine.path / "moved")
    shutil.copytree(machine.path / "original", machine.path / "copied", symlinks=True)
    machine.before = machine.exact(machine.path / "original")
    machine.first = machine.json("doctor", machine.path, status=1)
    machine.fixed = machine.json("doctor", machine.path, "--fix", status=0)
    machine.repaired = machine.exact(machine.path)
    machine.second = machine.json("doctor", machine.path, "--fix", status=0)
    machine.after_second = machine.exact(machine.path)
    return machine


EXPECTED = {
    ("aged", "venv"): {"stale-patch"},
    ("aged", "copies"): {"stale-patch"},
    ("aged", "virtualenv"): {"stale-patch"},
    ("aged", "uv"): {"stale-patch"},
    ("aged", "relocatable"): {"stale-patch"},
    ("broken", "venv"): {"dangling"},
    ("broken", "copies"): {"dangling"},
    ("broken", "virtualenv"): {"dangling"},
    ("broken", "uv"): {"dangling"},
    ("broken", "relocatable"): {"dangling"},
    ("moved", "venv"): {"moved"},
    ("moved", "copies"): {"moved"},
    ("moved", "virtualenv"): {"moved"},
    ("moved", "uv"): {"moved"},
    ("moved", "relocatable"): set(),
    ("copied", "venv"): {"moved"},
    ("copied", "copies"): {"moved"},
    ("copied", "virtualenv"): {"moved"},
    ("copied", "uv"): {"moved"},
    ("copied", "relocatable"): set(),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("harm", HARMS)
def test_it_is_found_and_mended_and_its_package_works(machine, maker, harm):
    venv = venv_of(machine, maker, harm)
    found = {one["code"] for one in machine.first["findings"] if one["path"] == str(venv)}
    assert found - {"stale-metadata"} == EXPECTED[harm, maker]
    after = [one for one in machine.fixed["findings"] if one["path"] == str(venv)]
    assert {one["status"] for one in after} <= {"fixed"}
    assert {one["code"] for one in after} == found
    machine.works(venv)


def test_what_python_m_venv_upgrade_leaves_is_mended(machine):
    venv = machine.path / "upgraded/venv/.venv"
    assert [one["code"] for one in machine.first["findings"] if one["path"] == str(venv)] == ["mixed"]
    machine.works(venv)


def test_a_copy_is_mended_in_the_copy(machine):
    """Nothing of the original was written, not even to the same content."""
    after = machine.exact(machine.path / "original")
    changed = {name for name in after if after[name] != machine.before.get(name)}
    # Of the originals themselves only what is wrong with them: version lines that went stale.
    assert all(name.endswith((".venv", "pyvenv.cfg")) for name in changed), changed
    for maker in MAKERS:
        machine.works(machine.path / "original" / maker / ".venv")


def test_the_second_fix_changes_nothing(machine):
    assert machine.second == {
        "schema": "pyman/1",
        "changed": [],
        "findings": [],
        "fixes": [],
        "summary": {
            "checked": len(MAKERS) * 5 + 1,
            "open": 0,
            "fixed": 0,
            "ignored": 0,
            "unreachable": 0,
            "unsearched": 0,
        },
    }
    # What was looked at is cached in the cache.
    remembered = {name for name in machine.repaired if name.startswith(".cache/pyman")}
    assert without(machine.after_second, remembered) == without(machine.repaired, remembered)


def without(tree, names):
    return {name: what for name, what in tree.items() if name not in names}


def test_who_made_what(machine):
    venvs = {one["path"]: one for one in machine.json("venvs")["venvs"]}
    assert len(venvs) == machine.first["summary"]["checked"] == len(MAKERS) * 5 + 1
    for maker in MAKERS:
        one = venvs[str(venv_of(machine, maker, "aged"))]
        assert one == {
            "path": str(venv_of(machine, maker, "aged")),
            "creator": CREATOR.get(maker, maker),
            "owner": pwd.getpwuid(os.geteuid()).pw_name,
            "known": "record",
            "implementation": "cpython",
            "request": None,
            "policy": None,
            "python": NEW,
            "link": "alias",
            "state": "healthy",
        }
