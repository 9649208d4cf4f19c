"""pin and follow: what a venv does when a patch release comes."""

from __future__ import annotations

import os

import pytest

from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, OTHER_MINOR
from stage.venvs import make_prefix, make_venv


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def settings(venv):
    return dict(line.split(" = ", 1) for line in (venv / "pyvenv.cfg").read_text().splitlines())


def runs(machine, venv):
    return machine.run(venv / "bin/python", "-c", "import sys; print(sys.version.split()[0])")


@pytest.mark.parametrize("tool", ["pyman", "venv", "virtualenv", "uv"])
def test_there_and_back(machine, tool):
    venv = machine.venv("a", tool=tool)
    machine.give(venv)
    before = settings(venv)
    assert machine.json("pin", venv) == {"schema": "pyman/1", "changed": [str(venv)]}
    (one,) = machine.json("venvs")["venvs"]
    assert (one["policy"], one["request"], one["link"], one["python"]) == ("pin", NEW, "patch", NEW)
    machine.works(venv, NEW)
    assert f"is pinned to {OLD} ({NEW} -> {OLD})" in machine.pyman("pin", venv, OLD, "--yes").out
    machine.works(venv, OLD)
    assert settings(venv)["home"] == str(machine.python(OLD).parent)
    assert machine.found(status=0) == {"a/.venv": ["pinned open"]}
    assert f"follows {MINOR}, now {NEW}" in machine.pyman("follow", venv).out
    machine.works(venv, NEW)
    assert machine.found(status=0) == {}
    after = settings(venv)
    assert (after["pyman-policy"], after["pyman-request"]) == ("follow", MINOR)
    assert after.get("executable", str(machine.python())) == str(machine.python())
    kept = before.keys() - {"pyman-request", "pyman-policy", "version", "version_info", "executable"}
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}


def test_a_pin_holds_when_the_alias_moves(tmp_path):
    machine = Machine(tmp_path, OLD)
    pinned, follows = machine.venv("pinned", tool="pyman"), machine.venv("follows", tool="pyman")
    machine.pyman("pin", pinned)
    (move,) = [move for move in machine.json("install", NEW)["moved"] if move["alias"] == MINOR]
    assert move["venvs"] == {"followed": 1, "pinned": 1, "held_back": 0}
    assert (runs(machine, pinned), runs(machine, follows)) == (OLD, NEW)


def test_the_default_is_the_active_venv_else_the_one_here(machine):
    here, active = machine.venv("project", tool="pyman"), machine.venv("active", tool="pyman")
    assert machine.json("pin", VIRTUAL_ENV=str(active))["changed"] == [str(active)]
    assert machine.json("pin")["changed"] == [str(here)]
    # One word that names a release is one, unless a venv is called so.
    assert machine.json("pin", OLD, "--yes")["changed"] == [str(here)]
    assert runs(machine, here) == OLD
    assert machine.json("follow")["changed"] == [str(here)]
    assert "no venv at" in machine.pyman("follow", cwd=machine.path, status=1).err


def test_twice_is_as_once(machine):
    venv = machine.venv("a", tool="pyman")
    for words in (("pin", venv, OLD, "--yes"), ("follow", venv)):
        machine.pyman(*words)
        before = machine.exact(venv)
        machine.pyman(*words)
        assert machine.exact(venv) == before


def test_what_cannot_be(machine):
    venv = machine.venv("a", tool="pyman")
    before = machine.exact(venv)
    make_venv(
        f"{machine.path}/b/.venv",
        make_prefix(f"{machine.path}/3.12.2", "3.12.2") + "/bin/python3.12",
        library="python3.12",
    )
    for words, said in [
        (("pin", venv, f"{MINOR}.7"), f"Python {MINOR}.7 is not in the store"),
        (("pin", venv, "3.12.2"), "Python 3.12.2 is not in the store"),
        (("pin", venv, MINOR), "is not a patch release"),
        (("pin", "nowhere"), "there is no venv"),
        (("follow", machine.path / "b/.venv"), "no alias 3.12"),
        (("pin", machine.path / "b/.venv"), "not in the store"),
    ]:
        result = machine.pyman(*words, status=1)
        assert said in result.err
        assert "hint: " in result.err
    machine.pyman("pin", venv, "nonsense?", status=2)
    assert machine.exact(venv) == before


def test_never_across_a_minor(machine):
    machine.pyman("install", OTHER_MINOR)
    venv = machine.venv("a", tool="pyman")
    release = next(name for name in os.listdir(machine.runtimes) if name.startswith(f"{OTHER_MINOR}."))
    result = machine.pyman("pin", venv, release, status=1)
    assert f"was built for {MINOR}" in result.err
    assert "pyman rebuild" in result.err


def test_a_pin_survives_a_relink_elsewhere(machine):
    """Somebody else's OLD goes: the store has that release, so that is where the pin stays."""
    venv = machine.venv("a", machine.python(OLD), tool="pyman")
    machine.give(venv)
    text = (venv / "pyvenv.cfg").read_text().replace(f"{machine.runtimes}/{OLD}", f"{machine.path}/gone/{OLD}")
    (venv / "pyvenv.cfg").write_text(text)
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(f"{machine.path}/gone/{OLD}/bin/python{MINOR}")
    assert machine.found(venv, "--fix", status=0) == {"a/.venv": ["dangling fixed", "pinned open"]} or machine.found(
        venv, status=0
    ) == {"a/.venv": ["pinned open"]}
    machine.works(venv, OLD)
