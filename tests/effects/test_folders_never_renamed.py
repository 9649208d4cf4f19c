"""Folders that their file system never renames, as the lower layer of an image: copied, and nothing is lost.

The process that does it is killed, or gets an error, before every change that it makes.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

import pytest

from pyman.effects.copying import copy_exactly
from pyman.effects.lock import hold
from pyman.effects.places import Places
from pyman.effects.staging import WorkFolder, clean_up
from pyman.effects.venvs.backup import Backup
from pyman.effects.venvs.recovery import recover
from pyman.errors import PymanError
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
