"""`shims --link`: what programs without a shell's set-up find, kept current, and taken back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyman.effects.lock import hold
from pyman.effects.shim_links import apply_links, link_changes
from pyman.errors import PymanError
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, OTHER_MINOR


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
    os.symlink("/usr/bin/python3", f"{folder}/python{MINOR}.99")
    planned = machine.pyman("shims", "--link", "--dry-run", "--json").json
    assert links(machine) == {f"python{MINOR}.99": "/usr/bin/python3"}
    answer = machine.pyman("shims", "--link", "--json").json
    assert answer["changed"] == planned["changed"] == [f"{folder}/python{MINOR}"]
    # Each leads to a shim: it runs what the folder asks for.
    assert links(machine)[f"python{MINOR}"] == f"{shims}/python{MINOR}"
    assert machine.run(f"{folder}/python{MINOR}", "-V", PATH="/usr/bin:/bin") == f"Python {OLD}"
    assert machine.pyman("shims", "--link", "--json").json["changed"] == []

    machine.pyman("install", NEW)
    # None of a patch release: a tool that looks for 3.13 might take it, and pin.
    assert set(links(machine)) == {f"python{MINOR}", f"python{MINOR}.99"}
    assert machine.run(f"{folder}/python{MINOR}", "-V", PATH="/usr/bin:/bin") == f"Python {NEW}"
    machine.pyman("install", OTHER_MINOR)
    assert set(links(machine)) == {f"python{OTHER_MINOR}", f"python{MINOR}", f"python{MINOR}.99"}
    machine.pyman("uninstall", OTHER_MINOR, "--force")
    assert set(links(machine)) == {f"python{MINOR}", f"python{MINOR}.99"}

    # A venv made through a link follows, as through the shim.
    machine.run(f"{folder}/python{MINOR}", "-m", "venv", "--without-pip", f"{machine.path}/v", PATH="/usr/bin:/bin")
    assert f"home = {machine.root}/runtimes/{MINOR}/bin" in (machine.path / "v/pyvenv.cfg").read_text()
    found = machine.pyman("find", f"{folder}/python{MINOR}", "--json").json
    assert found["path"] == f"{machine.root}/runtimes/{MINOR}/bin/python{MINOR}"

    assert f"removed 1 link from {folder}" in machine.pyman("shims", "--unlink").out
    assert links(machine) == {f"python{MINOR}.99": "/usr/bin/python3"}
    assert "no links to shims" in machine.pyman("shims", "--unlink").out
    assert not os.path.exists(f"{machine.root}/links")


def test_a_name_that_is_taken_is_left_and_named(machine):
    folder = machine.path / "own bin"
    folder.mkdir()
    (folder / f"python{MINOR}").write_text("mine")
    told = machine.pyman("shims", "--link", "own bin", cwd=machine.path)
    assert f"kept {folder}/python{MINOR}: pyman did not create it" in told.err
    assert f"{folder} is not on PATH" in told.err
    assert (folder / f"python{MINOR}").read_text() == "mine"
    machine.pyman("shims", "--unlink")
    assert os.listdir(folder) == [f"python{MINOR}"]
    for words in (["--link", "--unlink"], ["own"]):
        assert machine.pyman("shims", *words, status=2).err.startswith("error: ")


def test_links_of_the_user_s_own_to_a_shim_stay_and_are_not_named(machine):
    shims, folder = f"{machine.root}/shims", f"{machine.path}/.local/bin"
    machine.pyman("shims")
    own = {
        "python-work": f"{shims}/python",
        "python": f"{shims}/python",
        "python3": f"{shims}/python3",  # a name that pyman never links
        "python3.12": f"{shims}/python",
        f"python{NEW}": f"{shims}/python{NEW}",  # nor this one
        f"python{OTHER_MINOR}": f"../share/pyman/shims/python{OTHER_MINOR}",  # written in another way
        f"python{MINOR}": f"{shims}/python3",  # where pyman's would be
    }
    for name, target in own.items():
        os.symlink(target, f"{folder}/{name}")
    told = machine.pyman("shims", "--link")
    assert f"kept {folder}/python{MINOR}: pyman did not create it" in told.err
    assert links(machine) == own
    os.unlink(f"{folder}/python{MINOR}")
    del own[f"python{MINOR}"]
    for words in (["shims", "--link", "--dry-run"], ["shims", "--link"], ["install", OTHER_MINOR], ["shims"]):
        changed = machine.pyman(*words, "--json").json["changed"]
        assert not [path for path in changed if path.startswith(folder) and path != f"{folder}/python{MINOR}"], words
    assert links(machine) == {**own, f"python{MINOR}": f"{shims}/python{MINOR}"}
    assert machine.pyman("shims", "--unlink", "--json").json["changed"] == [f"{folder}/python{MINOR}"]
    assert links(machine) == own


def test_a_folder_that_is_gone_is_not_made_again_and_one_that_fails_keeps_no_other_from_its_links(machine):
    gone, last = machine.path / "disk/bin", machine.path / "last"
    for folder in (gone, "/dev/null", last):
        os.makedirs(last, exist_ok=True)
        if folder != "/dev/null":
            machine.pyman("shims", "--link", folder)
    (machine.root / "links").write_text(f"{gone}\n/proc\n{last}\n")
    os.unlink(gone / f"python{MINOR}")
    os.rmdir(gone)
    os.unlink(last / f"python{MINOR}")
    assert "/proc cannot be written" in machine.pyman("shims", status=1).err
    assert not gone.exists()
    assert os.listdir(last) == [f"python{MINOR}"]
    (machine.root / "links").write_text(f"{gone}\n{last}\n")
    told = machine.pyman("shims", "--unlink")
    assert told.out == f"removed 1 link from {last}\n"
    assert f"{gone} does not exist; if it comes back, the links in it do too" in told.err


def test_what_came_into_the_place_of_a_link_meanwhile_is_left_alone(machine):
    folder = machine.path / "b"
    folder.mkdir()
    root, path = str(machine.root), folder / f"python{MINOR}"
    changes = link_changes(root, str(folder), [f"python{MINOR}"])
    path.write_text("mine")
    with pytest.raises(PymanError, match="cannot be written"):
        apply_links(root, changes)
    assert path.read_text() == "mine"
    path.unlink()
    apply_links(root, changes)
    away = link_changes(root, str(folder), ())
    path.unlink()
    path.write_text("mine")
    apply_links(root, away)
    assert path.read_text() == "mine"


def test_what_another_command_did_while_the_store_was_waited_for_is_seen(machine):
    """The other one takes all links back meanwhile: they stay so."""
    folder = machine.path / ".local/bin"
    machine.pyman("shims", "--link")
    os.unlink(folder / f"python{MINOR}")
    with hold(str(machine.root / ".lock")):
        command = [sys.executable, "-m", "pyman", "shims"]
        waiting = subprocess.Popen(command, env=machine.environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert b"waiting" in waiting.stderr.readline()
        os.unlink(machine.root / "links")
    waiting.communicate()
    assert (waiting.returncode, links(machine)) == (0, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed")
def test_no_link_is_made_by_the_word_of_another_user(machine):
    folder = machine.path / "chosen"
    folder.mkdir()
    machine.pyman("shims")
    (machine.root / "links").write_text(f"{folder}\n")
    os.chown(machine.root / "links", 65534, 65534)
    machine.pyman("shims")
    assert os.listdir(folder) == []
    refused = machine.pyman("shims", "--link", status=1)
    assert "links belongs to another user" in refused.err
    assert os.listdir(machine.path / ".local/bin") == []
    assert (machine.root / "links").read_text() == f"{folder}\n"
