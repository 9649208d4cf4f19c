"""Gone or out of reach: told by the mount that a record lay on. Real mounts, where the tests may mount."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyman.effects.mounts import Mount, Mounts
from pyman.effects.venvs import record_mounts
from pyman.effects.venvs.record_mounts import RecordMounts
from pyman.effects.venvs.records import GONE, UNREACHABLE, known_venvs, remember
from stage.disks import mounted
from stage.venvs import make_venv, write


@pytest.fixture
def place(tmp_path):
    return os.path.realpath(tmp_path)


def record(place, path, at=None):
    """A venv at a path, recorded by it or by another one that leads there."""
    make_venv(path, "/nowhere/bin/python")
    os.makedirs(f"{place}/root", exist_ok=True)
    remember(f"{place}/root", at or path)


def state(place):
    """What the one record is whose venv is missing."""
    ((_, found),) = RecordMounts().missing(known_venvs(f"{place}/root"))
    return found


def lines(place):
    with open(f"{place}/root/mounts") as file:
        return file.read().splitlines()


def folder(path):
    os.makedirs(path, exist_ok=True)
    return Path(path)


# Without a disk that goes away: what was removed is gone, however much of what was around it.


@pytest.mark.parametrize("removed", ["code/shop/.venv", "code/shop", "code"])
def test_what_was_removed_is_gone(place, removed):
    record(place, f"{place}/code/shop/.venv")
    assert RecordMounts().missing(known_venvs(f"{place}/root")) == []
    shutil.rmtree(f"{place}/{removed}")
    assert state(place) == GONE


def test_what_is_there_and_could_not_be_looked_at_for_a_moment_is_not_gone(place, monkeypatch):
    record(place, f"{place}/code/shop/.venv")
    (known,) = known_venvs(f"{place}/root")
    assert RecordMounts().state_of(known) == UNREACHABLE
    file = f"{known.path}/pyvenv.cfg"
    real = os.stat

    def fails(path, *args, **options):
        if path == file:
            raise OSError(errno.EIO, "Input/output error", path)
        return real(path, *args, **options)

    monkeypatch.setattr(os, "stat", fails)
    assert RecordMounts().state_of(known) == UNREACHABLE
    monkeypatch.undo()
    os.unlink(file)
    assert RecordMounts().state_of(known) == GONE


def test_a_folder_without_its_file_or_with_a_file_in_its_place_is_none(place):
    record(place, f"{place}/code/shop/.venv")
    os.unlink(f"{place}/code/shop/.venv/pyvenv.cfg")
    assert state(place) == GONE
    shutil.rmtree(f"{place}/code/shop")
    write(f"{place}/code/shop", "now a file")
    assert state(place) == GONE


def test_a_record_of_before_has_no_line_and_gets_one_when_its_venv_is_seen(place):
    record(place, f"{place}/code/shop/.venv")
    (line,) = lines(place)
    os.unlink(f"{place}/root/mounts")
    shutil.move(f"{place}/code", f"{place}/aside")
    assert state(place) == UNREACHABLE
    folder(f"{place}/code/shop")
    assert state(place) == GONE
    os.rmdir(f"{place}/code/shop")
    os.rmdir(f"{place}/code")
    shutil.move(f"{place}/aside", f"{place}/code")
    (known,) = known_venvs(f"{place}/root")
    again = RecordMounts()
    again.note(known)
    again.store()
    assert lines(place) == [line]
    shutil.rmtree(f"{place}/code")
    assert state(place) == GONE


def test_where_a_look_is_refused_nothing_is_known(place, monkeypatch):
    record(place, f"{place}/code/shop/.venv")
    shutil.rmtree(f"{place}/code")

    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(record_mounts, "_is_folder", refuse)
    assert state(place) == UNREACHABLE


# Disks that go away


@contextlib.contextmanager
def loop(place):
    """A file system in a file."""
    image = f"{place}/image"
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not there")
    with open(image, "wb") as file:
        file.truncate(4 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    with mounted(folder(f"{place}/disk"), "-o", "loop", image):
        yield


@contextlib.contextmanager
def tmpfs(place):
    with mounted(folder(f"{place}/disk"), "-t", "tmpfs", "tmpfs"):
        yield


@contextlib.contextmanager
def bind(place):
    """Another folder of the same file system."""
    folder(f"{place}/bound")
    with mounted(folder(f"{place}/disk"), "--bind", f"{place}/bound"):
        yield


@contextlib.contextmanager
def encrypted(place):
    """A folder of files that nobody can read without the key, as ecryptfs and gocryptfs keep them."""
    if shutil.which("gocryptfs") is None or os.geteuid() != 0:
        pytest.skip("gocryptfs is not there")
    folder(f"{place}/cipher")
    words = ["gocryptfs", "-q", "-extpass", "echo secret"]
    subprocess.run([*words, "-init", "-scryptn", "10", f"{place}/cipher"], check=True)
    made = subprocess.run(
        [*words, f"{place}/cipher", folder(f"{place}/disk")], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"this container may not mount FUSE: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", f"{place}/disk"], check=True)


DISKS = [tmpfs, bind, loop, encrypted]


@pytest.mark.parametrize("disk", DISKS)
def test_what_lies_on_a_disk_that_is_away_is_out_of_reach(place, disk):
    with disk(place):
        record(place, f"{place}/disk/code/shop/.venv")
        assert RecordMounts().missing(known_venvs(f"{place}/root")) == []
    assert state(place) == UNREACHABLE
    # A folder that looks like the one on the disk, and even the mount point removed, as for a stick.
    folder(f"{place}/disk/code/shop")
    assert state(place) == UNREACHABLE
    shutil.rmtree(f"{place}/disk")
    assert state(place) == UNREACHABLE


@pytest.mark.parametrize("disk", DISKS)
def test_what_was_removed_from_a_disk_that_is_there_is_gone(place, disk):
    with disk(place):
        record(place, f"{place}/disk/code/shop/.venv")
        shutil.rmtree(f"{place}/disk/code")
        assert state(place) == GONE


def test_a_locked_home_shows_other_files(place):
    """Where an encrypted home is not mounted lies a note that says how to; the store is on another disk."""
    folder(f"{place}/home")
    write(f"{place}/home/README.txt", "mount it first")
    with mounted(Path(f"{place}/home"), "-t", "tmpfs", "tmpfs"):
        record(place, f"{place}/home/shop/.venv")
    assert state(place) == UNREACHABLE


def test_another_disk_in_the_place_of_one(place):
    with tmpfs(place):
        record(place, f"{place}/disk/shop/.venv")
    with bind(place):
        assert state(place) == UNREACHABLE


def test_a_folder_for_what_is_temporary_is_empty_after_a_start(place):
    """A tmpfs is another one each time, and what was in it is gone."""
    with tmpfs(place):
        record(place, f"{place}/disk/shop/.venv")
    with tmpfs(place):
        assert state(place) == GONE


@pytest.mark.parametrize("at", ["app/.venv", "app"])
def test_a_volume_of_a_container_is_away(place, at):
    """Mounted upon the venv itself, or upon the project: an empty folder shows there without it."""
    with mounted(folder(f"{place}/{at}"), "-t", "tmpfs", "tmpfs"):
        record(place, f"{place}/app/.venv")
    assert state(place) == UNREACHABLE
    # Removed by hand in the volume, while it is there.
    with mounted(folder(f"{place}/{at}"), "-t", "tmpfs", "tmpfs"):
        assert state(place) == GONE


def test_a_path_that_goes_through_a_link_to_a_disk(place):
    with tmpfs(place):
        os.symlink(f"{place}/disk", f"{place}/link")
        record(place, f"{place}/link/shop/.venv")
    assert state(place) == UNREACHABLE
    os.rmdir(f"{place}/disk")
    assert state(place) == UNREACHABLE


@pytest.mark.parametrize("how", ["link", "file"])
def test_a_venv_that_lies_on_another_disk_than_its_project(place, how):
    with tmpfs(place):
        make_venv(f"{place}/disk/envs/shop", "/nowhere/bin/python")
        folder(f"{place}/project")
        if how == "link":
            os.symlink(f"{place}/disk/envs/shop", f"{place}/project/.venv")
        else:
            write(f"{place}/project/.venv", f"{place}/disk/envs/shop\n")
        folder(f"{place}/root")
        remember(f"{place}/root", f"{place}/project/.venv")
        assert RecordMounts().missing(known_venvs(f"{place}/root")) == []
    assert state(place) == UNREACHABLE
    # The project is gone, whatever became of the disk.
    shutil.rmtree(f"{place}/project")
    assert state(place) == GONE


# The file


def test_strange_names_and_lines(place, monkeypatch):
    """Blanks, backslashes and line breaks in what was mounted; lines that nobody understands; the last line counts."""
    record(place, f"{place}/code/shop/.venv")
    (known,) = known_venvs(f"{place}/root")
    mount = Mount("/", "cifs", "//nas/my files\\x\n", "/a b")
    monkeypatch.setattr(Mounts, "covering", lambda self, path: mount)
    again = RecordMounts()
    again.note(known)
    again.store()
    (line,) = lines(place)
    assert line.count(" ") == 2
    with open(f"{place}/root/mounts", "ab") as file:
        file.write(b"\xff\xfe nonsense\n\nof many words here\n")
    shutil.rmtree(f"{place}/code")
    assert state(place) == GONE
    monkeypatch.undo()
    assert state(place) == UNREACHABLE


def test_each_store_has_its_own_lines(place):
    """A user who may not write the store has records in another one, and both lie on the same disk or on none."""
    with tmpfs(place):
        record(place, f"{place}/disk/shop/.venv")
        make_venv(f"{place}/disk/tool/.venv", "/nowhere/bin/python")
        folder(f"{place}/own")
        remember(f"{place}/own", f"{place}/disk/tool/.venv")
    folder(f"{place}/disk/tool")
    records = [*known_venvs(f"{place}/root"), *known_venvs(f"{place}/own")]
    assert [state for _, state in RecordMounts().missing(records)] == [UNREACHABLE, UNREACHABLE]


def test_a_line_that_was_written_meanwhile_stays(place):
    record(place, f"{place}/code/shop/.venv")
    (known,) = known_venvs(f"{place}/root")
    os.unlink(f"{place}/root/mounts")
    again = RecordMounts()
    again.note(known)
    record(place, f"{place}/code/tool/.venv")
    again.store()
    assert len(lines(place)) == 2


def test_a_look_goes_over_a_network_through_whatever_link(place, monkeypatch):
    """The links on the way are read one after the other: to resolve a whole path asks the server."""
    os.symlink(f"{place}/net/share", f"{place}/link")
    folder(f"{place}/a")
    os.symlink("../link", f"{place}/a/more")
    os.symlink("circle", f"{place}/circle")
    asked = []
    real = os.readlink
    monkeypatch.setattr(os, "readlink", lambda path: asked.append(path) or real(path))
    mounts = Mounts()
    monkeypatch.setattr(mounts, "is_away", lambda path: f"{path}/".startswith(f"{place}/net/"))
    for path in (f"{place}/net/share/x", f"{place}/link/x", f"{place}/a/more/x", f"{place}/a/../link"):
        assert mounts.leads_away(path), path
    for path in (place, f"{place}/a/x", f"{place}/circle/x", "/", f"{place}/a/.."):
        assert not mounts.leads_away(path), path
    assert not [path for path in asked if path.startswith(f"{place}/net")]


def test_lines_that_no_record_needs_go_in_the_end(place):
    record(place, f"{place}/code/shop/.venv")
    (line,) = lines(place)
    with open(f"{place}/root/mounts", "a") as file:
        file.writelines(f"{number:016x} /dev/sda1 /\n" for number in range(200))
    (known,) = known_venvs(f"{place}/root")
    with open(f"{place}/root/mounts", "a") as file:
        file.write(f"{line.split()[0]} /dev/old /\n")
    again = RecordMounts()
    again.note(known)
    again.store()
    assert lines(place) == [line]


def test_the_mount_that_covers_a_path(place):
    mounts = Mounts()
    assert mounts.covering("/").place == "/"
    with tmpfs(place):
        folder(f"{place}/disk/inner")
        with mounted(Path(f"{place}/disk/inner"), "--bind", place):
            # A mount upon a mount, and one that is hidden by it.
            seen = Mounts()
            assert seen.covering(f"{place}/disk/x").kind == "tmpfs"
            assert seen.covering(f"{place}/disk/inner/x/y").place == f"{place}/disk/inner"
            assert seen.covering(f"{place}/disk/innermost").place == f"{place}/disk"
            with mounted(Path(f"{place}/disk"), "-t", "tmpfs", "other"):
                hidden = Mounts().covering(f"{place}/disk/inner/x")
                assert (hidden.place, hidden.source) == (f"{place}/disk", "other")
