"""Files of a venv's own, in the place of those that it shares with others by hard links."""

from __future__ import annotations

import os
import stat

from pyman.effects.files import TEMPORARY, write_all
from pyman.effects.unfinished import exchange
from pyman.errors import Changed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.plans.steps import OwnCopy

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE = 1 << 20


def _work_name(name: str) -> str:
    """A name that no other process uses, and that marks itself as work in progress."""
    return f".{name[:100]}{TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}"


def beside_nothing(name: str, folder: int) -> tuple[str, int]:
    """A name for a file that is to be removed, and the number of the file. Raises OSError."""
    return _work_name(name), os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino


def copy_beside(step: OwnCopy, name: str, folder: int, work: int) -> tuple[str, int]:
    """Copy a file of an open folder into another; return the name of the copy, and the number of the file.

    It keeps the time, and the permissions but for what the folder allows nobody: others write to it only where they
    may exchange the whole file. Raises Changed where the content is not what the step says, and OSError; nothing is
    left then.
    """
    reading = os.open(name, _READ, dir_fd=folder)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            raise _changed(step.path)
        copy = _work_name(name)
        writing = os.open(copy, _WRITE, 0o600, dir_fd=work)
        try:
            if _copy(reading, writing, step.algorithm) != step.digest:
                raise _changed(step.path)
            closed = (stat.S_IWGRP | stat.S_IWOTH) & ~os.fstat(folder).st_mode
            os.fchmod(writing, status.st_mode & 0o777 & ~closed)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        except BaseException:
            os.unlink(copy, dir_fd=work)
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)
    return copy, status.st_ino


def _copy(reading: int, writing: int, algorithm: str) -> str:
    """Copy what is left of an open file, and return its digest; empty where no algorithm is wanted."""
    if not algorithm:
        while piece := os.read(reading, _PIECE):
            write_all(writing, piece)
        return ""
    import hashlib

    digest = hashlib.new(algorithm)
    while piece := os.read(reading, _PIECE):
        digest.update(piece)
        write_all(writing, piece)
    return digest.hexdigest()


def swap(kept: str, work: int, name: str, folder: int) -> None:
    """Exchange a name in one open folder with one in another, of which either may be missing; in one step if possible.

    Raises OSError.
    """
    if not _is_there(kept, work):
        os.rename(name, kept, src_dir_fd=folder, dst_dir_fd=work)
    elif not _is_there(name, folder):
        os.rename(kept, name, src_dir_fd=work, dst_dir_fd=folder)
    elif not exchange(kept, name, one_in=work, other_in=folder):
        aside = _work_name(name)
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=work)
        try:
            os.rename(kept, name, src_dir_fd=work, dst_dir_fd=folder)
        except BaseException:
            os.rename(aside, name, src_dir_fd=work, dst_dir_fd=folder)
            raise
        os.rename(aside, kept, src_dir_fd=work, dst_dir_fd=work)


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _changed(path: str) -> Changed:
    return Changed(f"{path} was changed by somebody else since it was read", hint="run the same command again")
