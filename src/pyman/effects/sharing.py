"""Files of the cache put into a venv, sharing what the file system and the rights on it allow. Hot.

Nearly all the time goes to the kernel, which makes a name in 7 µs and a folder in 25: two hands share the folders
between them, each file is compared with what was unpacked in the instant in which it is used, and names are looked up
in open folders instead of from the root each time.
"""

from __future__ import annotations

# Importing threading takes as long as the second hand saves.
import _thread
import errno
import fcntl
import os
import sys

from pyman.effects.files import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Way = Callable[[str, int, int, int, int], None]
    Files = Sequence[tuple[str, int, int, int]]
    """Names with size in bytes, time in ns and `st_mode`."""
    Folders = Sequence[tuple[str, Files]]
    """Paths relative to the top, parents first, the top itself empty."""

_FICLONE = 0x40049409  # linux/fs.h
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_WORTH_A_HAND = 100
"""Files. For fewer a second thread costs more than it saves."""
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


class Spoilt(Exception):
    """A file is not any more what was put there."""


def share_tree(source: str, folders: Folders, destination: str) -> str:
    """Put the files of a tree into another, which is empty; return how: `cloned`, `linked` or `copied`.

    A clone has the bytes in common and nothing else, and Linux has it on Btrfs, XFS and others. A hard link has
    permissions and owner in common too, so it is used only where both folders have one owner. The time is kept,
    because bytecode holds that of its source. Raises Spoilt where a file is not what `folders` says, OSError where no
    way works, and FileExistsError where something has a name; what was done until then is the caller's to remove.
    """
    first = _Hand(source, destination)
    mine, other, between = _share_out(folders)
    for below in between:
        os.mkdir(destination + below)
    if not other:
        first.put(mine)
        return first.how
    # The first folder of files settles which way works here.
    settled = next((number for number, (_, files) in enumerate(mine, 1) if files), len(mine))
    first.put(mine[:settled], between)
    second = first.twin()
    failed: list[BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def help_out() -> None:
        try:
            second.put(other)
        except BaseException as error:  # noqa: BLE001  # it is raised below, by the thread that can be seen
            failed.append(error)
        finally:
            done.release()

    _thread.start_new_thread(help_out, ())
    try:
        first.put(mine[settled:], between)
    except BaseException:
        second.stop = True
        raise
    finally:
        done.acquire()
    if failed:
        raise failed[0]
    return first.how


def check_files(folder: str, files: Files) -> None:
    """Raise Spoilt unless the files of a folder are what they were, and still belong to its owner."""
    owner = os.lstat(folder).st_uid
    for name, size, mtime_ns, mode in files:
        _check(os.lstat(f"{folder}/{name}"), size, mtime_ns, mode, owner)


def _check(status: os.stat_result, size: int, mtime_ns: int, mode: int, owner: int) -> None:
    if status.st_mtime_ns != mtime_ns or status.st_size != size or status.st_mode != mode or status.st_uid != owner:
        raise Spoilt


def _share_out(folders: Folders) -> tuple[Folders, Folders, list[str]]:
    """Divide folders into two parts of about the same work, and name what the second needs of the first."""
    weights = [len(files) + 3 for _, files in folders]
    if sum(weights) < _WORTH_A_HAND:
        return folders, (), []
    half, middle = sum(weights) / 2, 0
    while half > 0:
        half -= weights[middle]
        middle += 1
    mine, other = folders[:middle], folders[middle:]
    here, between = {below for below, _ in other}, set()
    for below in here:
        above = below.rpartition("/")[0]
        while above and above not in here:
            between.add(above)
            above = above.rpartition("/")[0]
    return mine, other, sorted(between)


class _Hand:
    """One that works through folders."""

    def __init__(self, source: str, destination: str) -> None:
        self.stop = False
        self._source = source
        self._destination = destination
        self._ways: list[tuple[str, Way]] = [("copied", _copy)]
        from_, to = os.stat(source), os.stat(destination)
        self._owner = from_.st_uid
        if (from_.st_uid, from_.st_dev) == (to.st_uid, to.st_dev):
            self._ways.append(("linked", _link))
        if sys.platform == "linux":
            self._ways.append(("cloned", _clone))
        self.how, self._place = self._ways.pop()

    def twin(self) -> _Hand:
        """Another one, which begins with the way that has worked here."""
        other = _Hand(self._source, self._destination)
        other._ways, other.how, other._place = list(self._ways), self.how, self._place
        return other

    def put(self, folders: Folders, made: Sequence[str] = ()) -> None:
        """Make folders, but for those that are made, and put their files into them."""
        for below, files in folders:
            if self.stop:
                return
            if below and below not in made:
                os.mkdir(self._destination + below)
            if files:
                from_ = os.open(self._source + below, _FOLDER)
                try:
                    to = os.open(self._destination + below, _FOLDER)
                    try:
                        self._put(from_, to, files)
                    finally:
                        os.close(to)
                finally:
                    os.close(from_)

    def _put(self, from_: int, to: int, files: Files) -> None:
        stat, owner = os.stat, self._owner
        for name, size, mtime_ns, mode in files:
            _check(stat(name, dir_fd=from_, follow_symlinks=False), size, mtime_ns, mode, owner)
            while True:
                try:
                    self._place(name, from_, to, mtime_ns, mode)
                    break
                except OSError as error:
                    if error.errno not in _TRY_NEXT or not self._ways:
                        raise
                    self.how, self._place = self._ways.pop()


def write_new(path: str, content: bytes, mode: int = 0o666, folder: int | None = None) -> None:
    """Write a file where none is; `mode` is subject to the umask. Raises FileExistsError, and OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _clone(name: str, from_: int, to: int, mtime_ns: int, mode: int) -> None:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=from_)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        writing = os.open(name, flags, mode & 0o777, dir_fd=to)
        try:
            fcntl.ioctl(writing, _FICLONE, reading)
            os.utime(writing, ns=(mtime_ns, mtime_ns))
        except OSError:
            os.unlink(name, dir_fd=to)
            raise
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _link(name: str, from_: int, to: int, _mtime_ns: int, _mode: int) -> None:
    os.link(name, name, src_dir_fd=from_, dst_dir_fd=to)


def _copy(name: str, from_: int, to: int, mtime_ns: int, mode: int) -> None:
    reading = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=from_)
    try:
        content = os.read(reading, os.fstat(reading).st_size + 1)
        while piece := os.read(reading, 1 << 18):
            content += piece
    finally:
        os.close(reading)
    write_new(name, content, mode & 0o777, to)
    os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=to)
