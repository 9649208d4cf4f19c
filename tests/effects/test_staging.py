"""Work in progress: gone when it is done, left alone while it lasts, cleaned up when its process died."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.effects.files import is_alive
from pyman.effects.remove_tree import remove_tree
from pyman.effects.staging import Unfinished, WorkFolder, clean_up, clean_up_temporaries, exchange, read_unfinished
from pyman.errors import PymanError
from stage.home import PACKAGE
from stage.hostile import HUGE, damaged
from stage.somebody import SOMEBODY, as_root

_WORKER = """
import os, sys
from pyman.effects.staging import WorkFolder
folder, operation, subject, takes_name = sys.argv[1:]
with WorkFolder(folder, operation, subject, None) as work:
    open(os.path.join(work.tree, "half"), "w").close()
    if takes_name:
        os.rename(os.path.join(folder, subject), work.old)
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def worker(tmp_path):
    """Starts processes that are at work in `tmp_path`; `kill()` ends one as `kill -9` does."""
    running = []

    def start(operation, subject, takes_name=False):
        process = subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(tmp_path), operation, subject, "yes" if takes_name else ""],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": PACKAGE},
        )
        running.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def kill(process):
    process.kill()
    process.wait()


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def test_a_work_folder_goes_whatever_happens(tmp_path):
    with WorkFolder(str(tmp_path), "install", "3.13.5", str(tmp_path / ".lock")) as work:
        assert sorted(os.listdir(tmp_path)) == sorted([".lock", os.path.basename(work.path)])
        assert os.path.isdir(work.tree)
        [found] = read_unfinished(str(tmp_path))
        assert found == Unfinished(work.path, "install", "3.13.5", alive=True)
        assert clean_up(str(tmp_path)) == []
    assert os.listdir(tmp_path) == [".lock"]
    with pytest.raises(ZeroDivisionError), WorkFolder(str(tmp_path), "install", "3.13.5", None):
        1 / 0  # noqa: B018
    assert os.listdir(tmp_path) == [".lock"]


def test_where_nothing_can_be_made_nothing_stays(tmp_path):
    with pytest.raises(PymanError, match="cannot be written"), WorkFolder(f"{tmp_path}/nothing", "install", "x", None):
        pytest.fail("entered")
    assert os.listdir(tmp_path) == []


def test_the_work_of_a_live_process_is_left_alone(tmp_path, worker):
    worker("install", "3.13.5")
    assert [one.alive for one in read_unfinished(str(tmp_path))] == [True]
    assert clean_up(str(tmp_path)) == []


def test_what_a_dead_process_unpacked_is_removed(tmp_path, worker):
    kill(worker("install", "3.13.5"))
    [swept] = clean_up(str(tmp_path))
    assert (swept.operation, swept.subject, swept.alive) == ("install", "3.13.5", False)
    assert os.listdir(tmp_path) == []


def test_a_name_that_was_taken_away_for_a_new_tree_is_given_back(tmp_path, worker):
    os.mkdir(tmp_path / "3.13.5")
    kill(worker("install", "3.13.5", takes_name=True))
    assert not os.path.exists(tmp_path / "3.13.5")
    clean_up(str(tmp_path))
    assert os.listdir(tmp_path) == ["3.13.5"]


def test_a_name_that_the_new_tree_got_already_keeps_it(tmp_path, worker):
    (tmp_path / "3.13.5").mkdir()
    process = worker("install", "3.13.5", takes_name=True)
    (tmp_path / "3.13.5" / "new").mkdir(parents=True)
    kill(process)
    clean_up(str(tmp_path))
    assert os.listdir(tmp_path / "3.13.5") == ["new"]
    assert os.listdir(tmp_path) == ["3.13.5"]


def test_a_removal_that_had_begun_is_finished(tmp_path, worker):
    os.mkdir(tmp_path / "3.13.5")
    kill(worker("remove", "3.13.5", takes_name=True))
    clean_up(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_folder_without_its_note_belongs_to_the_process_in_its_name(tmp_path):
    os.mkdir(tmp_path / f".install-3.13.5-{os.getpid()}-abc123")
    gone = tmp_path / f".install-3.14.0rc2t-{dead_process()}-abc123"
    os.mkdir(gone)
    assert [one.subject for one in clean_up(str(tmp_path))] == ["3.14.0rc2t"]
    assert os.listdir(tmp_path) == [f".install-3.13.5-{os.getpid()}-abc123"]


@pytest.mark.parametrize(
    "text",
    [
        "operation install\nsubject ../../home\npid 1\n",
        "operation install\nsubject .hidden\n",
        "",
        "\0\xff",
        "subject \n",
    ],
)
def test_a_note_that_pyman_did_not_write_makes_nothing_go(tmp_path, text):
    folder = tmp_path / ".cache"
    folder.mkdir()
    (folder / "note").write_text(text)
    assert clean_up(str(tmp_path)) == []
    assert folder.exists()


def test_folders_of_others_are_left_alone(tmp_path):
    for name in (".git", ".install", ".install-", ".Trash-1000", "install-3.13.5-1-ab"):
        os.mkdir(tmp_path / name)
    os.symlink("/", tmp_path / ".install-3.13.5-1-ab")
    before = sorted(os.listdir(tmp_path))
    assert clean_up(str(tmp_path)) == []
    assert sorted(os.listdir(tmp_path)) == before


def test_on_a_file_system_without_flock_the_note_tells_who_is_at_it(tmp_path):
    def leave(name, pid, host):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note").write_text(f"operation install\nsubject 3.13.5\npid {pid}\nhost {host}\n")

    leave(f".install-3.13.5-{dead_process()}-a", dead_process(), socket.gethostname())
    assert len(clean_up(str(tmp_path))) == 1


def test_what_was_about_to_replace_something_goes_with_its_process(tmp_path):
    dead, alive = dead_process(), os.getpid()
    os.symlink("3.13.5", tmp_path / f".3.13.pyman-{dead}-0011aabb")
    (tmp_path / f".holds.pyman-{dead}-0011aabb").write_text("")
    kept = [f".3.14.pyman-{alive}-0011aabb", ".holds.pyman-x-1", ".pyman", "holds", f"x.pyman-{dead}-1"]
    for name in kept:
        (tmp_path / name).write_text("")
    (tmp_path / f".d.pyman-{dead}-1").mkdir()
    clean_up_temporaries(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == sorted([*kept, f".d.pyman-{dead}-1"])
    clean_up_temporaries(str(tmp_path / "nothing"))


@as_root
def test_what_others_were_about_to_put_in_place_of_something_stays(tmp_path):
    dead = dead_process()
    names = [f".{name}.pyman-{dead}-0011aabb" for name in ("file", "link", "own")]
    for name in names:
        (tmp_path / name).symlink_to("x") if "link" in name else (tmp_path / name).write_text("")
        if "own" not in name:
            os.chown(tmp_path / name, SOMEBODY, SOMEBODY, follow_symlinks=False)
    clean_up_temporaries(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == names[:2]


def test_two_names_are_exchanged_in_one_step(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a").write_text("")
    os.symlink("/usr", tmp_path / "other")
    if not exchange(str(tmp_path / "one"), str(tmp_path / "other")):
        pytest.skip("this file system cannot exchange two names")
    assert os.readlink(tmp_path / "one") == "/usr"
    assert os.listdir(tmp_path / "other") == ["a"]
    assert not exchange(str(tmp_path / "one"), str(tmp_path / "nothing"))


@settings(max_examples=150)
@given(note=damaged(b"operation install\nsubject 3.13.5\npid 1\nhost elsewhere\n"), has_old=st.booleans())
def test_a_damaged_note_is_swept_away_and_nothing_leaves_the_folder(tmp_path_factory, note, has_old):
    outside = tmp_path_factory.getbasetemp() / "swept"
    remove_tree(str(outside))
    work = outside / "runtimes" / ".install-3.13.5-999999999-abc"
    work.mkdir(parents=True)
    (work / "note").write_bytes(note)
    if has_old:
        (work / "old").mkdir()
    for left in clean_up(str(outside / "runtimes")):
        assert left.path == str(work)
    assert os.listdir(outside) == ["runtimes"]
    names = os.listdir(outside / "runtimes")
    assert len(names) <= 1
    assert has_old or not names


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_note(tmp_path, kind):
    work = tmp_path / ".install-3.13.5-999999999-abc"
    work.mkdir()
    (work / "old").mkdir()
    (work / "note").write_bytes(b"operation install\nsubject " + HUGE[kind][:-30])
    clean_up(str(tmp_path))
    assert all(not name.startswith(".install") for name in os.listdir(tmp_path))


@pytest.mark.parametrize("pid", ["0", "000", "-1", "", "²", "1 ", "9" * 5000])
def test_what_is_no_number_of_a_process_is_not_alive(pid):
    assert is_alive(pid) is (len(pid) > 20)  # of a system that has so many, it is unknown
