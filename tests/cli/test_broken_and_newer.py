"""A Python of the store that does not start, and one of somebody else's that has a newer patch release."""

from __future__ import annotations

import os
import shutil
import struct

import pytest

from stage.machine import Machine
from stage.mirror import LIBRARY, MINOR, NEW, OLD, OTHER
from stage.venvs import call

AARCH64 = 183


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def replaced(path, change):
    """Give a file, which other tests share by a hard link, another content."""
    content = bytearray(path.read_bytes())
    change(content)
    path.unlink()
    path.write_bytes(content)
    path.chmod(0o755)


def for_another_machine(content):
    content[18:20] = struct.pack("<H", AARCH64)


def without_its_loader(content):
    place = content.index(b"/ld-linux-x86-64.so.2")
    content[place : place + 4] = b"/no-"


def lose_library(runtime):
    shutil.rmtree(runtime / "lib")


def lose_interpreter(runtime):
    (runtime / f"bin/python{MINOR}").unlink()


def lose_encodings(runtime):
    shutil.rmtree(runtime / f"{LIBRARY}/encodings")


def change_machine(runtime):
    replaced(runtime / f"bin/python{MINOR}", for_another_machine)


def change_loader(runtime):
    replaced(runtime / f"bin/python{MINOR}", without_its_loader)


BROKEN = [lose_library, lose_interpreter, lose_encodings, change_machine, change_loader]


@pytest.mark.parametrize("spoil", BROKEN)
@pytest.mark.parametrize("request_", [OLD, MINOR, f">={MINOR},<{NEW}"])
def test_install_puts_a_broken_one_right(tmp_path, spoil, request_):
    release = NEW if request_ == MINOR else OLD
    machine = Machine(tmp_path, release)
    spoil(machine.runtimes / release)
    answer = machine.json("install", request_)
    assert [(one["version"], one["already"]) for one in answer["installed"]] == [(release, False)]
    assert call(machine.runtimes / release / f"bin/python{MINOR}", "-c", "import os, encodings; print(1)") == "1\n"
    # And what works is left as it is.
    again = machine.json("install", request_)
    assert [one["already"] for one in again["installed"]] == [True]


@pytest.mark.parametrize("spoil", BROKEN[:2])
def test_a_broken_one_cannot_be_installed_again_without_a_network(tmp_path, spoil):
    machine = Machine(tmp_path, OLD)
    spoil(machine.runtimes / OLD)
    failed = machine.pyman("install", OLD, "--offline", "--no-adopt", status=1, PYMAN_MIRROR="http://127.0.0.1:9/")
    assert "is already installed" not in failed.out + failed.err


@pytest.mark.parametrize("spoil", [lose_library, change_machine])
def test_list_marks_it_and_venv_refuses_it(tmp_path, spoil):
    machine = Machine(tmp_path, OLD)
    spoil(machine.runtimes / OLD)
    [line] = [line for line in machine.pyman("list").out.splitlines() if line.startswith(OLD)]
    assert "broken" in line
    for words in (("venv", "new"), ("venv", "new", "--dry-run"), ("venv", "new", "-p", OLD)):
        refused = machine.pyman(*words, "--json", status=1, cwd=machine.path)
        assert refused.json["error"]["code"] == "broken-runtime"
        assert f"Python {OLD} is broken" in refused.json["error"]["message"]
    assert not (machine.path / "new").exists()


# --- somebody else's, and there is a newer release


@pytest.fixture
def adopted(machine):
    """pyenv's OLD, adopted, and a venv that follows it."""
    place = machine.put(OLD, machine.path / ".pyenv/versions" / OLD)
    machine.pyman("adopt", place)
    machine.pyman("venv", machine.project / ".venv", "--without-pip", "-p", MINOR)
    return machine


def test_list_and_upgrade_name_what_an_owner_does_not_have_yet(adopted):
    outdated = adopted.json("list", "--outdated")["outdated"]
    assert [(one["alias"], one["version"], one["newest"]) for one in outdated] == [(MINOR, OLD, NEW)]
    assert f"`pyman upgrade {MINOR}`" in adopted.pyman("list", "--outdated").err
    said = adopted.pyman("upgrade").out
    assert said.startswith(
        f"{MINOR} is an adopted {OLD} (pyenv); {NEW} is available: run `pyman upgrade {MINOR}` to install it\n"
    )
    assert not (adopted.runtimes / NEW).exists()
    [finding] = [one for one in adopted.json("doctor")["findings"] if one["code"] == "update-available"]
    assert finding["repair"] == f"`pyman upgrade {MINOR}`"


@pytest.mark.parametrize("words", [[MINOR], [MINOR, "--dry-run"], ["3"]])
def test_upgrade_of_a_named_minor_installs_it(adopted, words):
    answer = adopted.json("upgrade", *words)
    assert [one["version"] for one in answer["installed"]] == [NEW]
    assert [(one["from"], one["to"], one["venvs"]["followed"]) for one in answer["moved"] if one["alias"] == MINOR] == [
        (OLD, NEW, 1)
    ]
    if "--dry-run" not in words:
        assert adopted.run(adopted.project / ".venv/bin/python", "-V") == f"Python {NEW}"
        assert os.path.islink(adopted.runtimes / OLD)


def test_upgrade_of_a_managed_minor_still_names_the_adopted_one(adopted, machine):
    place = machine.put(OTHER, machine.path / f"opt/{OTHER}")
    machine.pyman("adopt", place)
    machine.pyman("upgrade", MINOR)
    assert machine.pyman("upgrade").out == "everything is up to date\n"


def test_install_says_that_an_alias_stays(tmp_path):
    machine = Machine(tmp_path, NEW)
    said = machine.pyman("install", OLD).out.splitlines()
    assert said == [f"Python {OLD} is installed", f"{MINOR} stays at {NEW}; `pyman hold {MINOR} {OLD}` moves it"]
    # Also where it is there already.
    assert machine.pyman("install", OLD).out.splitlines()[1] == said[1]
    assert os.readlink(machine.runtimes / MINOR) == NEW
