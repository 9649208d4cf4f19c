"""info: one Python or one venv explained."""

from __future__ import annotations

import os

import pytest

from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_venv


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def test_a_venv_that_follows(machine):
    venv, other = machine.venv("a", tool="pyman"), machine.venv("b", tool="pyman")
    answer = machine.json("info", venv)
    runtimes = str(machine.runtimes)
    assert {
        key: answer[key]
        for key in ("path", "creator", "policy", "python", "link", "state", "home", "users", "findings")
    } == {
        "path": str(venv),
        "creator": "pyman",
        "policy": "follow",
        "python": NEW,
        "link": "alias",
        "state": "healthy",
        "home": f"{runtimes}/{MINOR}/bin",
        "users": [str(other)],
        "findings": [],
    }
    assert answer["chain"] == [
        f"{venv}/bin/python",
        f"{runtimes}/{MINOR}/bin/python{MINOR}",
        f"{runtimes}/{NEW}/bin/python{MINOR}",
    ]
    text = machine.pyman("info", venv).out
    assert text.startswith("~/a/.venv, made by pyman\n")
    for part in (
        f"runs Python {NEW}",
        f"→ ~/.local/share/pyman/runtimes/{MINOR}/bin/python{MINOR}",
        "pyman upgrade",
        "~/b/.venv",
        "healthy",
    ):
        assert part in text
    # What moves it is what holds it, too.
    machine.pyman("hold", MINOR)
    assert f"held at {NEW}" in machine.pyman("info", venv).out


def test_what_would_move_each(machine):
    machine.venv("pinned", machine.python(OLD), tool="pyman")
    machine.venv("patch", machine.python(OLD))
    make_venv(f"{machine.path}/broken/.venv", f"{machine.path}/gone/{MINOR}.1/bin/python{MINOR}")
    for name, part in {
        "pinned": "only `pyman follow` moves it",
        "patch": "`pyman doctor --fix` lets it follow",
        "broken": "`pyman doctor --fix` repairs it",
    }.items():
        assert part in machine.pyman("info", machine.path / name / ".venv").out
    answer = machine.json("info", machine.path / "broken/.venv")
    assert (answer["state"], answer["python"], answer["link"]) == ("dangling", None, "broken")
    assert [list(one) for one in answer["findings"]] == [["code", "severity", "message", "repair"]]


def test_a_venv_of_links(machine):
    real = machine.venv("envs/shop", tool="pyman")
    (machine.project / ".venv").symlink_to(real)
    text = machine.pyman("info").out
    assert text.startswith("~/project/.venv, made by pyman\n  points to ~/envs/shop/.venv\n")


def test_a_runtime(machine):
    venv = machine.venv("a", tool="pyman")
    for subject in (MINOR, NEW, str(machine.runtimes / NEW), str(machine.runtimes / MINOR)):
        answer = machine.json("info", subject)
        assert (answer["version"], answer["name"], answer["venvs"]) == (NEW, NEW, 1)
        assert answer["users"] == [str(venv)]
        assert answer["executable"] == str(machine.python(NEW))
        assert len(answer["sha256"]) == 64
    assert machine.json("info", OLD)["users"] == []
    text = machine.pyman("info", MINOR).out
    for part in (f"Python {NEW}, managed", f"aliases: {MINOR}, 3", "venvs that run it: 1", "~/a/.venv"):
        assert part in text


def test_an_adopted_runtime(machine):
    other = machine.put(OLD, machine.path / f".pyenv/versions/{OLD}")
    machine.pyman("uninstall", OLD)
    machine.pyman("adopt", other)
    text = machine.pyman("info", OLD).out
    assert f"Python {OLD}, pyenv" in text
    assert "which pyman never changes" in text


def test_the_path_of_an_interpreter(machine):
    assert machine.json("info", machine.runtimes / OLD / "bin/python3")["version"] == OLD
    venv = machine.venv("a", machine.python(OLD))
    assert machine.json("info", venv / "bin/python")["path"] == str(venv)
    stranger = machine.json("info", "/usr/bin/env", status=1)
    assert stranger["error"]["code"] == "not-found"


def test_the_default_is_the_active_venv_else_the_one_here(machine):
    here, active = machine.venv("project", tool="pyman"), machine.venv("active", tool="pyman")
    assert machine.json("info", VIRTUAL_ENV=str(active))["path"] == str(active)
    assert machine.json("info")["path"] == str(here)


@pytest.mark.parametrize(("subject", "status"), [("3.12", 1), ("./nowhere", 1), ("/etc", 1), ("nonsense?", 2)])
def test_what_is_neither(machine, subject, status):
    result = machine.pyman("info", subject, status=status)
    assert result.err.startswith("error: ")
    assert "hint: " in result.err


def test_nothing_is_written(machine):
    venv = machine.venv("a", machine.python(OLD))
    before = machine.exact(venv)
    machine.pyman("info", venv)
    assert machine.exact(venv) == before
    assert os.readlink(machine.runtimes / MINOR) == NEW
