"""`shims --link`: what programs without a shell's set-up find, kept current, and taken back."""

from __future__ import annotations

import os

import pytest

from stage.machine import NEW, OLD, Machine


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path, OLD)
    (machine.path / ".local/bin").mkdir(parents=True, exist_ok=True)
    return machine


def links(machine, folder=".local/bin"):
    place = machine.path / folder
    return {name: os.readlink(place / name) for name in sorted(os.listdir(place)) if name.startswith("python")}


def test_links_are_made_kept_current_and_taken_back(machine):
    shims, folder = f"{machine.root}/shims", f"{machine.path}/.local/bin"
    os.symlink("/usr/bin/python3", f"{folder}/python3.13.99")
    planned = machine.pyman("shims", "--link", "--dry-run", "--json").json
    assert links(machine) == {"python3.13.99": "/usr/bin/python3"}
    answer = machine.pyman("shims", "--link", "--json").json
    assert answer["changed"] == planned["changed"] == [f"{folder}/python3.13"]
    # Each leads to a shim: it runs what the folder asks for.
    assert links(machine)["python3.13"] == f"{shims}/python3.13"
    assert machine.run(f"{folder}/python3.13", "-V", PATH="/usr/bin:/bin") == f"Python {OLD}"
    assert machine.pyman("shims", "--link", "--json").json["changed"] == []

    machine.pyman("install", NEW)
    # None of a patch release: a tool that looks for 3.13 might take it, and pin.
    assert set(links(machine)) == {"python3.13", "python3.13.99"}
    assert machine.run(f"{folder}/python3.13", "-V", PATH="/usr/bin:/bin") == f"Python {NEW}"
    machine.pyman("install", "3.11")
    assert set(links(machine)) == {"python3.11", "python3.13", "python3.13.99"}
    machine.pyman("uninstall", "3.11", "--force")
    assert set(links(machine)) == {"python3.13", "python3.13.99"}

    # A venv made through a link follows, as through the shim.
    machine.run(f"{folder}/python3.13", "-m", "venv", "--without-pip", f"{machine.path}/v", PATH="/usr/bin:/bin")
    assert f"home = {machine.root}/runtimes/3.13/bin" in (machine.path / "v/pyvenv.cfg").read_text()
    found = machine.pyman("find", f"{folder}/python3.13", "--json").json
    assert found["path"] == f"{machine.root}/runtimes/3.13/bin/python3.13"

    assert f"removed 1 link from {folder}" in machine.pyman("shims", "--unlink").out
    assert links(machine) == {"python3.13.99": "/usr/bin/python3"}
    assert "there are no links" in machine.pyman("shims", "--unlink").out
    assert not os.path.exists(f"{machine.root}/links")


def test_a_name_that_is_taken_is_left_and_named(machine):
    folder = machine.path / "own bin"
    folder.mkdir()
    (folder / "python3.13").write_text("mine")
    told = machine.pyman("shims", "--link", "own bin", cwd=machine.path)
    assert f"{folder}/python3.13 is not pyman's, and was left alone" in told.err
    assert f"{folder} is not on PATH here" in told.err
    assert (folder / "python3.13").read_text() == "mine"
    machine.pyman("shims", "--unlink")
    assert os.listdir(folder) == ["python3.13"]
    for words in (["--link", "--unlink"], ["own"]):
        assert machine.pyman("shims", *words, status=2).err.startswith("error: ")
