"""Copies of whole folders, as true as the system allows: for file systems that refuse to rename a folder.

An image's lower layer on overlayfs answers EXDEV. What is copied so takes the place of the original.
"""

from __future__ import annotations

import errno
import os
import stat

from pyman.effects.files import write_all

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE = 1 << 20
_RUNS_AS_OWNER = stat.S_ISUID | stat.S_ISGID


def copy_exactly(source: str, target: str) -> None:
    """Copy a folder with all below it into an empty one: links as links, hard links among its files as such.

    Modes, times and, for root, owners are those of the original; what belongs to somebody else and becomes this user's
    does not run as its owner any more. The disk has all of it afterwards. Raises OSError, also for a device or socket;
    the copy is then not whole.
    """
    _Copy().fill(source, target)
    flush(target)


def flush(folder: str) -> None:
    """Wait until the file system that holds a folder has written everything. Raises OSError."""
    import ctypes

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    except AttributeError:
        os.sync()  # macOS
    finally:
        os.close(descriptor)


class _Copy:
    """One copy: the files that have several names are made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], str] = {}

    def fill(self, source: str, target: str) -> None:
        descriptor = os.open(source, _FOLDER)
        try:
            status = os.fstat(descriptor)
            names = os.listdir(descriptor)
            for name in names:
                self._copy(f"{source}/{name}", f"{target}/{name}", descriptor, name)
        finally:
            os.close(descriptor)
        _make_like(target, status)

    def _copy(self, source: str, target: str, folder: int, name: str) -> None:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(target, 0o700)
            self.fill(source, target)
            return
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and key in self._made:
            os.link(self._made[key], target, follow_symlinks=False)
            return
        if stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=folder), target)
        elif stat.S_ISREG(status.st_mode):
            _copy_content(name, folder, target)
        elif stat.S_ISFIFO(status.st_mode):
            os.mkfifo(target)
        else:
            raise OSError(errno.EOPNOTSUPP, "a device or socket cannot be copied", source)
        _make_like(target, status)
        self._made[key] = target


def _copy_content(name: str, folder: int, target: str) -> None:
    reading = os.open(name, _READ, dir_fd=folder)
    try:
        writing = os.open(target, _WRITE, 0o600)
        try:
            while piece := os.read(reading, _PIECE):
                write_all(writing, piece)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _make_like(path: str, status: os.stat_result) -> None:
    """Give a copy the owner, mode and times of its original."""
    made = os.lstat(path)
    is_own = (made.st_uid, made.st_gid) == (status.st_uid, status.st_gid)
    if not is_own:
        try:
            os.chown(path, status.st_uid, status.st_gid, follow_symlinks=False)
            is_own = True
        except PermissionError:
            pass
    if not stat.S_ISLNK(status.st_mode):
        mode = stat.S_IMODE(status.st_mode)
        os.chmod(path, mode if is_own else mode & ~_RUNS_AS_OWNER)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
