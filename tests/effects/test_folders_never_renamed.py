"""Folders that their file system never renames, as the lower layer of an image: copied, and nothing is lost.

The process that does it is killed, or gets an error, before every change that it makes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import stat
import struct
import sys

import pytest

from pyman.effects.copying import copy_exactly, flush
from pyman.effects.lock import hold
from pyman.effects.places import Places
from pyman.effects.remove_tree import remove_tree
from pyman.effects.staging import WorkFolder, clean_up
from pyman.effects.venvs.backup import Backup
from pyman.effects.venvs.recovery import recover
from pyman.errors import PymanError, Refused
from stage.somebody import SOMEBODY, as_root, let_in, run_as_somebody
from stage.venvs import write

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.utime")
KILL, FAIL = "killed", "an error"
END = 9


def tree(folder):
    found = {}
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(above, name)
            status = os.lstat(path)
            content = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            found[os.path.relpath(path, folder)] = (stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), content)
    return found


def make(folder):
    write(f"{folder}/pyvenv.cfg", "home = /usr/bin\n")
    write(f"{folder}/bin/tool", "#!/bin/sh\n", 0o755)
    write(f"{folder}/lib/python3.13/site-packages/a.py", "x = 1\n", 0o444)
    os.link(f"{folder}/bin/tool", f"{folder}/bin/twin")
    os.symlink("/usr/bin/python3", f"{folder}/bin/python")
    return os.path.realpath(folder)


def in_a_child(work, how, at):
    """Do something in a process of its own that is killed, or gets an error, before its change number `at`.

    Returns False where it makes fewer changes.
    """
    child = os.fork()
    if child == 0:
        seen = 0

        def count(event, arguments):
            nonlocal seen
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_CREAT | os.O_WRONLY)
            if event in CHANGES or writes:
                seen += 1
                if seen == at and how == KILL:
                    os._exit(END)
                if seen == at:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        status = 1
        try:
            sys.addaudithook(count)
            try:
                work()
            except PymanError:
                pass
            status = END if seen >= at else 0
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, END)
    return ended == END


@pytest.fixture
def never_renamed(monkeypatch):
    """Folders by path that nothing renames, as long as they are the ones that were there at first."""
    refused = {}
    rename = os.rename

    def refusing(source, target, **named):
        if source in refused and os.lstat(source).st_ino == refused[source]:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target, **named)

    monkeypatch.setattr(os, "rename", refusing)
    return lambda path: refused.__setitem__(path, os.lstat(path).st_ino)


@pytest.mark.parametrize("how", [KILL, FAIL])
def test_a_venv_that_is_backed_up(tmp_path, never_renamed, how):
    at = 0
    while True:
        at += 1
        home = tmp_path / str(at)
        places = Places(str(home), f"{home}/store", f"{home}/cache", f"{home}/config.toml")
        venv = make(f"{home}/app/.venv")
        never_renamed(venv)
        before = tree(venv)

        def work(places=places, venv=venv):
            with Backup(places, venv, "clear"):
                assert not os.path.exists(venv)
                raise PymanError("it could not be made", hint="")

        more = in_a_child(work, how, at)
        os.makedirs(places.root, exist_ok=True)
        with hold(places.lock):
            recover(places)
        assert tree(venv) == before, at
        assert os.listdir(os.path.dirname(venv)) == [".venv"], at
        if not more:
            break
    assert at > 20


@pytest.mark.parametrize("how", [KILL, FAIL])
@pytest.mark.parametrize("operation", ["install", "remove"])
def test_a_runtime_that_is_set_aside(tmp_path, never_renamed, operation, how):
    at = 0
    while True:
        at += 1
        runtimes = tmp_path / str(at)
        folder = make(runtimes / "3.13.5")
        never_renamed(folder)
        before = tree(folder)

        def work(runtimes=runtimes, folder=folder):
            try:
                with WorkFolder(str(runtimes), operation, "3.13.5", None) as place:
                    place.set_aside(folder)
                    if operation == "install":
                        _give_name(place, folder)
            except OSError:
                pass

        more = in_a_child(work, how, at)
        clean_up(str(runtimes))
        is_new = os.path.exists(f"{folder}/new")
        is_gone = operation == "remove" and not os.path.exists(folder)
        assert is_new or is_gone or tree(folder) == before, at
        assert [name for name in os.listdir(runtimes) if name.startswith(".")] == [], at
        if not more:
            assert is_new or is_gone
            break
    assert at > 20


def _give_name(place, folder):
    """As an install does it, whose undo gives the old one its name again."""
    try:
        write(f"{place.tree}/new", "")
        os.rename(place.tree, folder)
    except OSError:
        os.rename(place.old, folder)
        raise


def test_a_copy_is_what_the_original_is(tmp_path):
    source, target = make(tmp_path / "source"), tmp_path / "target"
    os.mkfifo(f"{source}/pipe")
    os.makedirs(f"{source}/empty")
    os.chmod(f"{source}/lib", 0o750)
    os.utime(f"{source}/bin/tool", ns=(1, 2_000_000_001))
    target.mkdir()
    copy_exactly(source, str(target))
    assert tree(target) == tree(source)
    assert os.path.samefile(target / "bin/tool", target / "bin/twin")
    assert not os.path.samefile(target / "bin/tool", f"{source}/bin/tool")
    assert (target / "bin/tool").stat().st_mtime_ns == 2_000_000_001


def test_extended_attributes_are_copied_also_to_what_must_not_be_written(tmp_path):
    source, target = make(tmp_path / "source"), tmp_path / "target"
    read_only = f"{source}/lib/python3.13/site-packages/a.py"
    try:
        os.setxattr(source, "user.note", b"of the folder")
        os.chmod(read_only, 0o644)
        os.setxattr(read_only, "user.note", b"of the file")
        os.chmod(read_only, 0o444)
    except OSError:
        pytest.skip("this file system has no extended attributes")
    target.mkdir()
    copy_exactly(source, str(target))
    assert os.getxattr(target, "user.note") == b"of the folder"
    assert os.getxattr(target / "lib/python3.13/site-packages/a.py", "user.note") == b"of the file"
    assert tree(target) == tree(source)


@as_root
def test_a_capability_of_a_program_is_copied(tmp_path):
    source, target = make(tmp_path / "source"), tmp_path / "target"
    # cap_net_bind_service, permitted and effective (struct vfs_cap_data of version 2).
    granted = struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0)
    os.chown(f"{source}/bin/tool", SOMEBODY, SOMEBODY)
    try:
        os.setxattr(f"{source}/bin/tool", "security.capability", granted)
    except OSError:
        pytest.skip("this system lets nobody give a program a capability")
    target.mkdir()
    copy_exactly(source, str(target))
    assert os.getxattr(target / "bin/tool", "security.capability") == granted


def test_an_access_list_that_the_folder_above_gives_to_all_is_not_the_copys(tmp_path):
    source, target = make(tmp_path / "source"), tmp_path / "target"
    everybody = 0xFFFFFFFF
    entries = ((1, 7, everybody), (2, 7, SOMEBODY), (4, 5, everybody), (16, 7, everybody), (32, 5, everybody))
    listed = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    target.mkdir()
    try:
        os.setxattr(target, "system.posix_acl_default", listed)
    except OSError:
        pytest.skip("this file system has no access lists")
    os.setxattr(f"{source}/lib", "system.posix_acl_access", listed)
    copy_exactly(source, str(target))
    assert os.getxattr(target / "lib", "system.posix_acl_access") == listed
    assert "system.posix_acl_access" not in os.listxattr(target / "bin/tool")
    assert "system.posix_acl_default" not in os.listxattr(target / "bin")
    assert tree(target) == tree(source)


def test_an_owner_that_a_user_namespace_does_not_know_is_no_reason_to_fail(tmp_path, monkeypatch):
    source, target = make(tmp_path / "source"), tmp_path / "target"
    os.chmod(f"{source}/bin/tool", 0o4755)
    lstat, refused = os.lstat, []

    def chown(path, *_owner, **_named):
        refused.append(path)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)

    def of_somebody(path, **named):
        status = lstat(path, **named)
        return os.stat_result((*status[:4], SOMEBODY, *status[5:])) if str(path).startswith(str(target)) else status

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(os, "lstat", of_somebody)
    target.mkdir()
    copy_exactly(source, str(target))
    monkeypatch.undo()
    assert refused
    assert stat.S_IMODE((target / "bin/tool").stat().st_mode) == 0o755


def test_a_tree_deeper_than_a_process_may_open_folders_is_copied(tmp_path):
    source, target = make(tmp_path / "source"), tmp_path / "target"
    os.makedirs(f"{source}{'/d' * 150}")
    target.mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        copy_exactly(source, str(target))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert tree(target) == tree(source)


def test_what_the_disk_could_not_write_is_told(tmp_path, monkeypatch):
    class Library:
        @staticmethod
        def syncfs(_descriptor):
            ctypes.set_errno(errno.EIO)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda *_given, **_named: Library)
    with pytest.raises(OSError, match=str(tmp_path)) as told:
        flush(str(tmp_path))
    assert told.value.errno == errno.EIO


@pytest.fixture
def kept(monkeypatch):
    """Names of files that the disk does not let go."""
    names = set()
    unlink = os.unlink

    def refusing(path, **named):
        if os.path.basename(path) in names and "/.remove-" not in os.readlink(
            f"/proc/self/fd/{named.get('dir_fd', 0)}"
        ):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        unlink(path, **named)

    monkeypatch.setattr(os, "unlink", refusing)
    return names


def test_a_runtime_that_can_be_removed_in_part_only_stays_whole_in_its_copy(tmp_path, never_renamed, kept):
    runtimes = tmp_path / "runtimes"
    folder = make(runtimes / "3.13.5")
    before = tree(folder)
    never_renamed(folder)
    kept.add("a.py")
    with (
        pytest.raises(PymanError, match=r"cannot be restored from .*/old: .*a.py") as told,
        WorkFolder(str(runtimes), "remove", "3.13.5", None) as work,
    ):
        work.set_aside(folder)
    assert tree(folder) != before
    assert tree(work.old) == before
    assert work.old in told.value.hint

    # Who cleans up meanwhile loses nothing of it either, and says where it lies.
    [left] = clean_up(str(runtimes))
    assert left.backup == work.old
    assert "a.py" in left.trouble
    assert tree(work.old) == before
    kept.clear()
    [ended] = clean_up(str(runtimes))
    assert not ended.trouble
    assert tree(folder) == before
    assert os.listdir(runtimes) == ["3.13.5"]


def test_something_else_that_has_the_name_by_now_is_not_removed_for_the_copy(tmp_path, never_renamed, kept):
    runtimes = tmp_path / "runtimes"
    folder = make(runtimes / "3.13.5")
    before = tree(folder)
    never_renamed(folder)
    kept.add("a.py")
    with pytest.raises(PymanError), WorkFolder(str(runtimes), "remove", "3.13.5", None) as work:
        work.set_aside(folder)
    kept.clear()
    remove_tree(folder)
    write(f"{folder}/theirs", "")
    [left] = clean_up(str(runtimes))
    assert folder in left.trouble
    assert os.listdir(folder) == ["theirs"]
    assert tree(work.old) == before


def test_a_name_that_cannot_be_given_back_keeps_the_work_folder(tmp_path):
    runtimes = tmp_path / "runtimes"
    folder = make(runtimes / "3.13.5")
    before = tree(folder)
    with (
        pytest.raises(PymanError, match="cannot be restored"),
        WorkFolder(str(runtimes), "remove", "3.13.5", None) as work,
    ):
        work.set_aside(folder)
        write(f"{folder}/theirs", "")
        work.give_back(folder)
    [left] = clean_up(str(runtimes))
    assert left.trouble
    assert tree(work.old) == before
    remove_tree(folder)
    clean_up(str(runtimes))
    assert tree(folder) == before


@as_root
def test_what_another_user_keeps_in_it_is_noticed_before_anything_is_removed(tmp_path, never_renamed):
    let_in(tmp_path)
    runtimes = tmp_path / "runtimes"
    folder = make(runtimes / "3.13.5")
    for above, _, _ in os.walk(runtimes):
        os.chown(above, SOMEBODY, SOMEBODY)
    theirs = f"{folder}/lib/python3.13/site-packages"
    os.chown(theirs, 0, 0)
    before = tree(folder)
    never_renamed(folder)

    def remove():
        with (
            pytest.raises(Refused, match=rf"{theirs}/a.py cannot be removed"),
            WorkFolder(str(runtimes), "remove", "3.13.5", None) as work,
        ):
            work.set_aside(folder)

    run_as_somebody(remove)
    assert tree(folder) == before
    assert os.listdir(runtimes) == ["3.13.5"]


def test_a_venv_that_can_be_removed_in_part_only_is_said_to_lie_in_its_copy(tmp_path, never_renamed, kept):
    places = Places(str(tmp_path), f"{tmp_path}/store", f"{tmp_path}/cache", f"{tmp_path}/config.toml")
    venv = make(f"{tmp_path}/app/.venv")
    before = tree(venv)
    never_renamed(venv)
    kept.add("a.py")
    backup = Backup(places, venv, "clear")
    with pytest.raises(PymanError) as told:
        backup.__enter__()
    assert f"could not be restored from {backup.backup}" in told.value.message
    assert backup.backup in told.value.hint
    assert tree(backup.backup) == before
    kept.clear()
    with hold(places.lock):
        recover(places)
    assert tree(venv) == before
