"""Copies of files, and of whole folders, as true as the system allows: for file systems that refuse to rename a folder.

An image's lower layer on overlayfs answers EXDEV. What is copied so takes the place of the original.
"""

from __future__ import annotations

import errno
import os
import stat

from pyman.effects.files import NotReadable, flush_descriptor, write_all
from pyman.effects.remove_tree import Exchanged

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE = 1 << 20
RUNS_AS_OWNER = stat.S_ISUID | stat.S_ISGID
"""The bits of a mode that a file does not keep whose owner becomes another one."""

_NOT_FOR_US = (errno.EPERM, errno.EACCES, errno.EINVAL)
"""What the system answers to an owner that only root may give; EINVAL where a user namespace does not know him."""
_NO_ATTRIBUTE = (*_NOT_FOR_US, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENODATA)
"""The same of an extended attribute; the rest is of file systems that do not have that kind, or any."""
_ACCESS_LISTS = "system.posix_acl_"


def copy_exactly(source: str, target: str) -> None:
    """Copy a folder with all below it into an empty one: links as links, hard links among its files as such.

    Modes, times and, for root, owners are those of the original, and so are extended attributes, among them access
    lists and capabilities, as far as the system lets this user set them; what belongs to somebody else and becomes this
    user's does not run as its owner any more. The disk has all of it afterwards. Raises OSError, also for a device or
    socket; the copy is then not whole.
    """
    _Copy().fill(source, target)
    flush(target)


def open_source(path: str, *, folder: int | None = None) -> int:
    """Open a regular file to copy it, and return the descriptor, which the caller closes; a link is not followed.

    With `folder`, the descriptor of an open folder, `path` is a name in it. Raises NotReadable for what is not a
    regular file, and OSError.
    """
    descriptor = os.open(path, _READ, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotReadable(f"{path} is not a regular file")
    return descriptor


def copy_content(source: int, target: str) -> None:
    """Copy what is in an open file into a new one, which nobody else may read yet. Raises OSError."""
    writing = os.open(target, _WRITE, 0o600)
    try:
        while piece := os.read(source, _PIECE):
            write_all(writing, piece)
    finally:
        os.close(writing)


def flush(folder: str) -> None:
    """Wait until the file system that holds a folder has written everything. Raises OSError where it could not."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        failed = library.syncfs(descriptor) != 0
        number = ctypes.get_errno()
    except AttributeError:
        # macOS: `os.sync` returns before the disk has it, and waiting for one file waits for all before it.
        failed, number = False, 0
        os.sync()
        flush_descriptor(descriptor)
    finally:
        os.close(descriptor)
    if failed and number != errno.ENOSYS:
        raise OSError(number, os.strerror(number), folder)
    if failed:
        os.sync()


class _Copy:
    """One copy: the files that have several names are made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], str] = {}
        self._waiting: list[tuple[str, str, os.stat_result]] = []
        """Folders to be filled, each with its place in the copy and what it was when it was met."""
        self._filled: list[tuple[str, os.stat_result, dict[str, bytes]]] = []
        """Folders of the copy, each with what its original is."""

    def fill(self, source: str, target: str) -> None:
        self._waiting.append((source, target, os.lstat(source)))
        while self._waiting:
            self._fill(*self._waiting.pop())
        # A folder gets its final permissions and times once its content is complete.
        for made, status, attributes in reversed(self._filled):
            _make_like(made, status, attributes)

    def _fill(self, source: str, target: str, status: os.stat_result) -> None:
        descriptor = os.open(source, _FOLDER)
        try:
            if not os.path.samestat(os.fstat(descriptor), status):
                raise Exchanged(source)
            self._filled.append((target, status, _attributes(descriptor)))
            for name in os.listdir(descriptor):
                self._copy(f"{source}/{name}", f"{target}/{name}", descriptor, name)
        finally:
            os.close(descriptor)

    def _copy(self, source: str, target: str, folder: int, name: str) -> None:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(target, 0o700)
            self._waiting.append((source, target, status))
            return
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and key in self._made:
            os.link(self._made[key], target, follow_symlinks=False)
            return
        if stat.S_ISREG(status.st_mode):
            _copy_file(name, folder, target)
        elif stat.S_ISLNK(status.st_mode):
            os.symlink(os.readlink(name, dir_fd=folder), target)
            _make_like(target, status, {})
        elif stat.S_ISFIFO(status.st_mode):
            os.mkfifo(target)
            _make_like(target, status, {})
        else:
            raise OSError(errno.EOPNOTSUPP, "a device or socket cannot be copied", source)
        self._made[key] = target


def _copy_file(name: str, folder: int, target: str) -> None:
    """Copy a file: what it is, and what it may do, is read from the one that its content is read from."""
    reading = open_source(name, folder=folder)
    try:
        copy_content(reading, target)
        _make_like(target, os.fstat(reading), _attributes(reading))
    finally:
        os.close(reading)


def _make_like(target: str, status: os.stat_result, attributes: dict[str, bytes]) -> None:
    """Give a copy the owner, extended attributes, mode and times of its original."""
    made = os.lstat(target)
    is_own = (made.st_uid, made.st_gid) == (status.st_uid, status.st_gid)
    if not is_own:
        try:
            os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
            is_own = True
        except OSError as error:
            if error.errno not in _NOT_FOR_US:
                raise
    if not stat.S_ISLNK(status.st_mode):
        # A new owner takes capabilities away, and a mode that allows no writing would keep attributes away.
        _set_attributes(target, attributes)
        mode = stat.S_IMODE(status.st_mode)
        os.chmod(target, mode if is_own else mode & ~RUNS_AS_OWNER)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _set_attributes(target: str, attributes: dict[str, bytes]) -> None:
    for name, value in attributes.items():
        try:
            os.setxattr(target, name, value)
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTE:
                raise
    for name in _attribute_names(target):
        # The folder above may give one to all that is made in it.
        if name.startswith(_ACCESS_LISTS) and name not in attributes:
            os.removexattr(target, name)


def _attributes(path: str | int) -> dict[str, bytes]:
    """The extended attributes of a file or folder that this user may read; none where the system has none."""
    found: dict[str, bytes] = {}
    for name in _attribute_names(path):
        try:
            found[name] = os.getxattr(path, name)
        except OSError as error:
            if error.errno not in _NO_ATTRIBUTE:
                raise
    return found


def _attribute_names(path: str | int) -> list[str]:
    try:
        return os.listxattr(path) if hasattr(os, "listxattr") else []
    except OSError as error:
        if error.errno not in _NO_ATTRIBUTE:
            raise
        return []
