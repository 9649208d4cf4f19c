"""What the user accepts is counted, and neither shown nor repaired; hints are as narrow as the command."""

from __future__ import annotations

import os

import pytest

from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD


@pytest.fixture
def machine(tmp_path):
    """Two stale venvs, one of them in an archive, and the settings of the user."""
    machine = Machine(tmp_path, OLD, NEW)
    for name in ("archive/old", "now"):
        machine.venv(name, machine.python(OLD))
    machine.pyman("register", machine.path)
    machine.config = machine.path / "settings.toml"
    machine.environ["PYMAN_CONFIG"] = str(machine.config)
    machine.links = {
        name: os.readlink(machine.path / name / f".venv/bin/python{MINOR}") for name in ("archive/old", "now")
    }
    return machine


def findings(answer, machine):
    return {os.path.relpath(one["path"], machine.path): one["code"] for one in answer["findings"]}


def test_in_one_place(machine):
    machine.config.write_text('ignore = ["stale-patch ~/archive/*"]\n')
    answer = machine.json("doctor", status=1)
    assert findings(answer, machine) == {"now/.venv": "stale-patch"}
    assert (answer["summary"]["ignored"], answer["summary"]["open"]) == (1, 1)
    assert machine.json("doctor", "archive", cwd=machine.path)["summary"]["ignored"] == 1
    told = machine.pyman("doctor", status=1)
    assert "archive" not in told.out
    assert "1 finding is ignored" in told.err
    # Nor is it repaired.
    answer = machine.json("doctor", "--fix")
    assert (answer["summary"]["fixed"], answer["summary"]["ignored"]) == (1, 1)
    assert answer["changed"] == [str(machine.path / "now/.venv")]
    assert os.readlink(machine.path / f"archive/old/.venv/bin/python{MINOR}") == machine.links["archive/old"]
    # The state of a venv is what it is.
    states = {os.path.relpath(one["path"], machine.path): one["state"] for one in machine.json("venvs")["venvs"]}
    assert states == {"archive/old/.venv": "stale-patch", "now/.venv": "healthy"}


def test_everywhere_for_one_run(machine):
    answer = machine.json("doctor", "--ignore", "stale-patch", "--ignore", "update-available")
    assert (answer["findings"], answer["summary"]["ignored"]) == ([], 2)
    assert machine.json("doctor", "--fix", "--ignore", "stale-patch")["summary"]["fixed"] == 0
    assert len(machine.json("doctor", "--ignore", "dangling", status=1)["findings"]) == 2
    # What the hint says ignores as much.
    told = machine.pyman("doctor", "--ignore", "dangling", status=1)
    assert "`pyman doctor --ignore dangling --fix` repairs these" in told.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('ignore = ["stale"]', "unknown finding `stale`"),
        ('ignore = ["stale-patch archive"]', "`archive` is not an absolute path"),
        ('ignore = "stale-patch"', "`ignore` must be a list of strings"),
        ("ignore = [1]", "`ignore` must be a list of strings"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_file(machine, line, said):
    machine.config.write_text(line + "\n")
    told = machine.pyman("doctor", status=2)
    assert said in told.err
    assert str(machine.config) in told.err


def test_an_unknown_code_on_the_command_line(machine):
    told = machine.pyman("doctor", "--ignore", "stale", status=2)
    assert "unknown finding `stale`" in told.err


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--foreign",)])
def test_a_hint_repairs_nothing_beyond_what_was_asked_for(machine, words):
    told = machine.pyman("doctor", "now", *words, cwd=machine.path, status=1)
    more = " --foreign" if "--foreign" in words else ""
    assert f"`pyman doctor now{more} --fix`" in told.out + told.err
    assert "`pyman doctor --fix`" not in told.out + told.err
    machine.pyman("doctor", "now", "--fix", cwd=machine.path)
    assert os.readlink(machine.path / f"archive/old/.venv/bin/python{MINOR}") == machine.links["archive/old"]
