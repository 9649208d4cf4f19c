"""Files of the cache put into a venv, sharing what the file system and the rights on it allow. Hot."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

from pyman.effects.files import read_bytes, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Way = Callable[[str, str, int, int], None]

_FICLONE = 0x40049409  # linux/fs.h
_LARGEST_FILE = 1 << 26
# The file system, the rights on it, or a full table of links do not allow this way; the next one may do.
_TRY_NEXT = frozenset(
    (
        errno.EXDEV,
        errno.EPERM,
        errno.EACCES,
        errno.EMLINK,
        errno.EINVAL,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
    )
)


class Sharing:
    """Puts files of one folder into another: clones them, else links them, else copies them.

    A clone has the bytes in common and nothing else, and Linux has it on Btrfs, XFS and others. A hard link has
    permissions and owner in common too, so it is used only where both folders have one owner.
    """

    def __init__(self, source: str, destination: str) -> None:
        self._ways: list[tuple[str, Way]] = [("copied", _copy)]
        from_, to = os.stat(source), os.stat(destination)
        if (from_.st_uid, from_.st_dev) == (to.st_uid, to.st_dev):
            self._ways.append(("linked", _link))
        if sys.platform == "linux":
            self._ways.append(("cloned", _clone))
        self.how, self._place = self._ways.pop()

    def fill(self, source: str, destination: str, files: Iterable[tuple[str, int, int, int]]) -> None:
        """Give files of one folder a second name or a second self in another; `how` then says which.

        `files` are names with size, time in ns and `st_mode`. The time is kept, because bytecode holds that of its
        source. Raises OSError where no way works, and FileExistsError where something has a name.
        """
        for name, _, mtime_ns, mode in files:
            while True:
                try:
                    self._place(source + name, destination + name, mtime_ns, mode)
                    break
                except OSError as error:
                    if error.errno not in _TRY_NEXT or not self._ways:
                        raise
                    self.how, self._place = self._ways.pop()


def write_new(path: str, content: bytes, mode: int = 0o666) -> None:
    """Write a file where none is; `mode` is subject to the umask. Raises FileExistsError, and OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _clone(source: str, destination: str, mtime_ns: int, mode: int) -> None:
    reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode & 0o777)
        try:
            fcntl.ioctl(writing, _FICLONE, reading)
            os.utime(writing, ns=(mtime_ns, mtime_ns))
        except OSError:
            os.unlink(destination)
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _link(source: str, destination: str, _mtime_ns: int, _mode: int) -> None:
    os.link(source, destination)


def _copy(source: str, destination: str, mtime_ns: int, mode: int) -> None:
    write_new(destination, read_bytes(source, _LARGEST_FILE), mode & 0o777)
    os.utime(destination, ns=(mtime_ns, mtime_ns))
