"""Files of the cache put into a venv, sharing what the file system and its permissions allow. Import-light.

Nearly all the time goes to the kernel, which makes a name in 5 µs and a folder in 25: two hands share the work
between them, each file is compared with what was unpacked in the instant in which it is used, and names are looked up
from the two folders instead of from the root each time. Copies are written from one file that holds the content of
all: opening a thousand files to read them takes as long as writing them.
"""

from __future__ import annotations

# Importing threading takes as long as the second hand saves.
import _thread
import errno
import fcntl
import os
import sys

from pyman.effects.files import read_text, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyman.core.seeding import Seed

    Way = Callable[[str, int, int, int, int], None]
    """Puts one file, by its name, size, time, mode, and place in the pack."""
    Folders = Sequence[tuple[str, int]]
    """Paths with the number of files in each; parents first, the top itself as an empty path before all."""
    Files = Sequence[tuple[str, int, int, int]]
    """Paths with size in bytes, time in ns and `st_mode`; in the order of their folders."""

_FICLONE = 0x40049409  # linux/fs.h
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_WORTH_A_WORKER = 100
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


class Corrupt(Exception):
    """A file is not any more what was put there."""


def share_tree(
    source: str, pack: tuple[str, int, int, int], folders: Folders, files: Files, destination: int, ways: Sequence[str]
) -> str:
    """Put the files of a tree into another, an open folder; return how: the first of `ways` that works here.

    Paths are relative to the trees. `pack` is a file with the content of all `files` in their order, with its size,
    time and mode. A clone has the bytes in common and nothing else, and Linux has it on Btrfs, XFS and others. A hard
    link has permissions and owner in common too, so it is used only where both folders have one owner. The time is
    kept, because bytecode holds that of its source. Raises Corrupt where a file is not what was unpacked, OSError where
    no way works, and FileExistsError where something has a name; what was done until then is the caller's to remove.
    """
    from_ = os.open(source, _FOLDER)
    try:
        worker = _Worker(from_, destination, pack, ways)
        try:
            if len(files) < _WORTH_A_WORKER:
                worker.make(folders)
                worker.put(files)
            else:
                _put_with_two(worker, folders, files)
            return worker.how
        finally:
            worker.close()
    finally:
        os.close(from_)


def check_files(folder: str, files: Files) -> None:
    """Raise Corrupt unless files below a folder are what they were, and still belong to its owner."""
    owner = os.lstat(folder).st_uid
    for name, size, mtime_ns, mode in files:
        status = os.lstat(f"{folder}/{name}")
        if (status.st_size, status.st_mtime_ns, status.st_mode, status.st_uid) != (size, mtime_ns, mode, owner):
            raise Corrupt


def _put_with_two(first: _Worker, folders: Folders, files: Files) -> None:
    """Share the work between two threads: while one waits for the kernel the other calls it."""
    middle, half = _middle(folders, files)
    start_of_half = sum(file[1] for file in files[:half])
    between = _needed_before(folders[middle:])
    first.make([folder for folder in folders if folder[0] in between])
    # The first file settles which way works here; its folder is the first that holds any.
    start = next(number for number, (_, count) in enumerate(folders, 1) if count)
    first.make([folder for folder in folders[:start] if folder[0] not in between])
    first.put(files[:1])
    second = first.second_worker()
    failed: list[BaseException] = []
    done = _thread.allocate_lock()
    done.acquire()

    def work_along() -> None:
        try:
            second.make(folders[middle:])
            second.put(files[half:], start_of_half)
        except BaseException as error:  # noqa: BLE001  # it is raised below, by the thread that can be seen
            failed.append(error)
        finally:
            second.close()
            done.release()

    _thread.start_new_thread(work_along, ())
    try:
        first.make([folder for folder in folders[start:middle] if folder[0] not in between])
        first.put(files[1:half], files[0][1])
    except BaseException:
        second.stop = True
        raise
    finally:
        done.acquire()
    if failed:
        raise failed[0]


def _middle(folders: Folders, files: Files) -> tuple[int, int]:
    """Where to part folders and files, so that no folder's files are parted and both halves are about as long."""
    number = 0
    for place, (_, count) in enumerate(folders, 1):
        number += count
        if 2 * number >= len(files):
            return place, number
    return len(folders), len(files)


def _needed_before(folders: Folders) -> set[str]:
    """The folders that hold some of these, and are none of them."""
    here = {path for path, _ in folders}
    needed: set[str] = set()
    for path in here:
        above = path.rpartition("/")[0]
        while above and above not in here and above not in needed:
            needed.add(above)
            above = above.rpartition("/")[0]
    return needed


class _Worker:
    """One that puts files from one open folder into another."""

    def __init__(self, from_: int, to: int, pack: tuple[str, int, int, int], ways: Sequence[str]) -> None:
        from pyman.core.seeding import CLONED, COPIED, LINKED

        self.stop = False
        self._from, self._to, self._pack = from_, to, pack
        self._opened_pack = -1
        # Elsewhere it sends to sockets only.
        self._sends = sys.platform == "linux"
        source, destination = os.fstat(from_), os.fstat(to)
        self._owner = source.st_uid
        self._can: dict[str, Way] = {COPIED: self._copy}
        if (source.st_uid, source.st_dev) == (destination.st_uid, destination.st_dev):
            self._can[LINKED] = self._link
        if sys.platform == "linux":
            self._can[CLONED] = self._clone
        self._ways = [way for way in reversed(ways) if way in self._can]
        self.how = self._ways.pop()

    def second_worker(self) -> _Worker:
        """Another one, which begins with the way that has worked here."""
        return _Worker(self._from, self._to, self._pack, (self.how, *reversed(self._ways)))

    def close(self) -> None:
        """Close what it has opened itself."""
        if self._opened_pack >= 0:
            os.close(self._opened_pack)

    def make(self, folders: Folders) -> None:
        """Make folders."""
        for path, _ in folders:
            if path:
                os.mkdir(path, dir_fd=self._to)

    def put(self, files: Files, start: int = 0) -> None:
        """Put them there, unless it is told to stop; `start` is where the first begins in the pack."""
        place = self._can[self.how]
        for name, size, mtime_ns, mode in files:
            while True:
                try:
                    place(name, size, mtime_ns, mode, start)
                    break
                except OSError as error:
                    if error.errno not in _TRY_NEXT or not self._ways:
                        raise
                    self.how = self._ways.pop()
                    place = self._can[self.how]
            start += size
            if self.stop:
                return

    def _link(self, name: str, size: int, mtime_ns: int, mode: int, _start: int) -> None:
        status = os.stat(name, dir_fd=self._from, follow_symlinks=False)
        if (
            status.st_mtime_ns != mtime_ns
            or status.st_size != size
            or status.st_mode != mode
            or status.st_uid != self._owner
        ):
            raise Corrupt
        os.link(name, name, src_dir_fd=self._from, dst_dir_fd=self._to)

    def _clone(self, name: str, size: int, mtime_ns: int, mode: int, _start: int) -> None:
        reading = os.open(name, _READ, dir_fd=self._from)
        try:
            self._check(reading, size, mtime_ns, mode)
            writing = os.open(name, _WRITE, mode & 0o777, dir_fd=self._to)
            try:
                fcntl.ioctl(writing, _FICLONE, reading)
                os.utime(writing, ns=(mtime_ns, mtime_ns))
            except OSError:
                os.unlink(name, dir_fd=self._to)
                raise
            finally:
                os.close(writing)
        finally:
            os.close(reading)

    def _copy(self, name: str, size: int, mtime_ns: int, mode: int, start: int) -> None:
        if self._opened_pack < 0:
            path, *expected = self._pack
            self._opened_pack = os.open(path, _READ)
            self._check(self._opened_pack, *expected)
        writing = os.open(name, _WRITE, mode & 0o777, dir_fd=self._to)
        try:
            done = os.sendfile(writing, self._opened_pack, start, size) if self._sends else 0
            if done < size:
                write_all(writing, os.pread(self._opened_pack, size - done, start + done))
            if name.endswith(".py"):
                os.utime(writing, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(writing)

    def _check(self, descriptor: int, size: int, mtime_ns: int, mode: int) -> None:
        status = os.fstat(descriptor)
        if (status.st_size, status.st_mtime_ns, status.st_mode, status.st_uid) != (size, mtime_ns, mode, self._owner):
            raise Corrupt


def write_new(path: str, content: bytes, mode: int = 0o666, folder: int | None = None) -> None:
    """Write a file where none is; `mode` is subject to the umask. Raises FileExistsError, and OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


# An unpacked wheel in the cache, read and compared with what was unpacked..
#
# seeds/pip-24.2-1815170-1704067200000000000-3.13d/
#     manifest    size, time and mode of every file below
#     pack        the content of all files in tree/, for copies
#     tree/       what goes into site-packages, bytecode included
#     own/        RECORD and the scripts, which each venv gets its own of

MANIFEST = "manifest"


def read_manifest(folder: str) -> Seed | None:
    """Return what a folder of the cache holds by its manifest, None where there is no whole one."""
    from pyman.core.seeding import parse_seed

    try:
        return parse_seed(read_text(os.path.join(folder, MANIFEST)))
    except OSError:
        return None


def read_prepared(folder: str) -> Seed | None:
    """Return the seed in a folder of the cache, None where there is none or it is no longer what was unpacked.

    A venv's files may be hard links to these. What is edited, truncated, compiled, given other permissions or
    another owner in place, there or here, shows in size, time, mode or owner.
    """
    from pyman.core.seeding import OWN, PACK, TREE

    seed = read_manifest(folder)
    if seed is None:
        return None
    try:
        check_files(f"{folder}/{TREE}", seed.files)
        check_files(f"{folder}/{OWN}", seed.own)
        check_files(folder, ((PACK, *seed.pack),))
    except (OSError, Corrupt):
        return None
    return seed
