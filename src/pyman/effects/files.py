"""Reading files that others may have written, replacing our own in one step, and what folders take on the disk.

Import-light.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO

SMALL_FILE = 1 << 20
"""Bytes. No file that pyman parses in one piece has a reason to be larger."""

TEMPORARY = ".pyman-"
"""Marks the name of what is about to replace something else; the process number follows."""

_RANDOM = 4
"""Bytes at the end of such a name."""
_HEX = frozenset("0123456789abcdef")

_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NO_TRACE: int = getattr(os, "O_NOATIME", 0)
_IS_A_LINK = (errno.ELOOP, errno.EMLINK)  # what O_NOFOLLOW answers, and what it answers on FreeBSD

_NO_HARD_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_LARGEST_KEPT = 128 << 20


class NotReadable(OSError):
    """No regular file, or larger than the limit: a fifo would hang us, a device or a gigabyte would fill us."""


class WritableByOthers(NotReadable):
    """A file that decides what is run, and that others than the user may write."""


def status_of(path: str) -> os.stat_result | None:
    """What has a name, links not followed; None where nothing has it.

    Raises OSError where that cannot be told: it must not be taken for nothing by who is about to remove or replace it.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_there(path: str) -> bool:
    """True where something has a name. Raises OSError as `status_of` does."""
    return status_of(path) is not None


def names_in(folder: str) -> list[str]:
    """What is in a folder, sorted; nothing where there is none. Raises OSError where that cannot be told."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def names_seen(folder: str) -> list[str]:
    """What is in a folder, sorted, as far as it can be looked into: for whoever only looks."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def is_folder(path: str) -> bool:
    """True for a folder that is not a link. Raises OSError as `status_of` does."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def read_bytes(path: str, limit: int = SMALL_FILE, *, folder: int | None = None) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    With `folder`, the descriptor of an open folder, `path` is a name in it, and a link of that name is not followed.
    Raises NotReadable for anything else that is there, and OSError as the system says it.
    """
    descriptor = _open(path, folder)
    try:
        return read_descriptor(descriptor, path, limit)
    finally:
        os.close(descriptor)


def open_to_read(path: str, *, folder: int | None = None) -> int:
    """Open a regular file, and return its descriptor; links are followed, but not in a `folder` that is open.

    A link may lead to a device, and to open some of these is to use them: a tape rewinds, a watchdog begins to count.
    So what a link leads to is looked at before it is opened. Raises NotReadable for what is not a regular file, and
    OSError as the system says it.
    """
    descriptor = _open(path, folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotReadable(f"{path} is not a regular file")
    return descriptor


def _open(path: str, folder: int | None = None) -> int:
    """Open what is not a link, or the regular file that a link leads to.

    That pyman has read a file is no sign that it is used: where the system can, its access time stays.
    """
    try:
        try:
            return os.open(path, _READ_FLAGS | os.O_NOFOLLOW | _NO_TRACE, dir_fd=folder)
        except PermissionError as error:
            if not _NO_TRACE or error.errno != errno.EPERM:
                raise
            return os.open(path, _READ_FLAGS | os.O_NOFOLLOW, dir_fd=folder)  # Somebody else's.
    except OSError as error:
        if error.errno not in _IS_A_LINK or folder is not None:
            raise
        return _open_behind_link(path)


def _open_behind_link(path: str) -> int:
    if not hasattr(os, "O_PATH"):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise NotReadable(f"{path} is not a regular file")
        return os.open(path, _READ_FLAGS)
    end = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(end).st_mode):
            raise NotReadable(f"{path} is not a regular file")
        try:
            return os.open(f"/proc/self/fd/{end}", _READ_FLAGS)
        except FileNotFoundError:
            return os.open(path, _READ_FLAGS)  # There is no /proc.
    finally:
        os.close(end)


def read_descriptor(descriptor: int, path: str, limit: int) -> bytes:
    """Return the content of an open file, a regular one; `path` is for words. Raises as `read_bytes` does."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise NotReadable(f"{path} is not a regular file")
    if status.st_size > limit:
        raise NotReadable(f"{path} has {status.st_size} bytes, the limit is {limit}")
    pieces: list[bytes] = []
    left = limit + 1
    while left > 0:
        piece = os.read(descriptor, min(left, 1 << 18))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        left -= len(piece)
    raise NotReadable(f"{path} has more than {limit} bytes")


def read_text(path: str, limit: int = SMALL_FILE) -> str:
    """Return the text of a regular file; a byte order mark is dropped, bytes that are not UTF-8 are kept as surrogates.

    Raises NotReadable and OSError as `read_bytes` does.
    """
    return read_bytes(path, limit).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def read_own_text(path: str, limit: int = SMALL_FILE) -> str:
    """Return the text of a regular file of root's or the user's that nobody else may write: it may decide what is run.

    Raises NotReadable for a file of anybody else, WritableByOthers for one that others may write.
    """
    descriptor = _open(path)
    try:
        status = os.fstat(descriptor)
        if status.st_uid not in (0, os.geteuid()):
            raise NotReadable(f"{path} belongs to another user")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            from pyman.effects.interpreters.admission import may_others_write

            if may_others_write(path, status):
                raise WritableByOthers("others may write to it")
        content = read_descriptor(descriptor, path, limit)
    finally:
        os.close(descriptor)
    return content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def open_regular(path: str) -> FileIO:
    """Open a file for reading, without waiting for the other end of a fifo; unbuffered.

    Raises OSError, also for what is not a regular file.
    """
    try:
        return open(open_to_read(path), "rb", buffering=0)
    except ValueError as error:
        raise OSError(str(error)) from error  # a null byte


def pid_of_temporary(name: str) -> str:
    """The number of the process that made a file to put it in place of another; empty for any other name."""
    before, _, rest = name.rpartition(TEMPORARY)
    pid, _, random = rest.partition("-")
    is_ours = len(before) > 1 and before.startswith(".") and len(random) == 2 * _RANDOM and _HEX.issuperset(random)
    return pid if is_ours and pid.isascii() and pid.isdigit() else ""


def _beside(path: str, folder: int | None) -> str:
    """Return a name in the same folder that no other process uses and that marks itself as work in progress.

    What a process left there that was killed while it replaced the same thing is removed first.
    """
    above, name = os.path.split(path)
    start = f".{name[:100]}{TEMPORARY}"
    for left in os.listdir(folder if folder is not None else above or "."):
        if left.startswith(start) and (pid := pid_of_temporary(left)) and not is_alive(pid):
            _unlink(os.path.join(above, left), folder)
    return os.path.join(above, f"{start}{os.getpid()}-{os.urandom(_RANDOM).hex()}")


def _unlink(path: str, folder: int | None) -> None:
    try:
        os.unlink(path, dir_fd=folder)
    except OSError:
        pass  # Somebody else was faster, or it is not a file of ours; what is to be done does not depend on it.


def clean_up_folder(folder: int) -> None:
    """Remove the files and links of this user's in an open folder that dead processes were about to put in place."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        pid = pid_of_temporary(name)
        if not pid or is_alive(pid):
            continue
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            is_own = status.st_uid == os.geteuid()
            if is_own and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                os.unlink(name, dir_fd=folder)
        except OSError:
            pass  # It harms nobody, and is tried again.


def write_all(descriptor: int, content: bytes | bytearray) -> None:
    """Write every byte, however few the system takes at once."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def replace_file(
    path: str, content: bytes | bytearray, mode: int = 0o644, *, durable: bool = False, folder: int | None = None
) -> None:
    """Put a file in place in one step: readers see the old content or the new, never half of it.

    The file is a new one even where the old was a hard link into somebody's cache, or a link. `durable` waits for the
    disk. With `folder`, the descriptor of an open folder, `path` is a name in it.
    """
    temporary = _beside(path, folder)
    try:
        _write_new(temporary, content, mode, durable=durable, folder=folder)
        os.replace(temporary, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _unlink(temporary, folder)
        raise


def _write_new(
    path: str, content: bytes | bytearray, mode: int, *, durable: bool = False, folder: int | None = None
) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        write_all(descriptor, content)
        os.fchmod(descriptor, mode)
        if durable:
            flush_descriptor(descriptor)
    finally:
        os.close(descriptor)


_F_FULLFSYNC = 51  # <sys/fcntl.h> of macOS, where fsync(2) leaves what was written in the memory of the disk


def flush_descriptor(descriptor: int) -> None:
    """Wait until the disk has what was written into an open file or folder. Raises OSError."""
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(descriptor, _F_FULLFSYNC)
            return
        except OSError:
            pass  # Not every file system has it.
    os.fsync(descriptor)


def replace_link(path: str, target: str, *, folder: int | None = None) -> None:
    """Point a symlink elsewhere in one step: at no instant is the name missing.

    With `folder`, the descriptor of an open folder, `path` is a name in it. Raises IsADirectoryError where a real
    folder has the name, which is never touched.
    """
    temporary = _beside(path, folder)
    os.symlink(target, temporary, dir_fd=folder)
    try:
        os.replace(temporary, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        _unlink(temporary, folder)
        raise


def keep_beside(path: str, *, folder: int | None = None) -> str:
    """Give a file or a link a second name beside it, and return that: restoring it takes no room on the disk.

    With `folder`, the descriptor of an open folder, both are names in it. Raises OSError where there is nothing, or
    no second name can be made.
    """
    mode = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
    spare = _beside(path, folder)
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(path, dir_fd=folder), spare, dir_fd=folder)
        return spare
    try:
        os.link(path, spare, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        content = read_bytes(path, _LARGEST_KEPT, folder=folder)
        _write_new(spare, content, stat.S_IMODE(mode), folder=folder)
    return spare


# Whether the process that left something behind may still come back to it.


def is_alive(pid: str) -> bool:
    """Say whether a process of this machine has a number, as it stands in a file's name; False for what is none."""
    # To `kill`, 0 is everybody who was started together with us.
    if not pid.isascii() or not pid.isdigit() or not pid.strip("0"):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, ValueError):
        return True
    return True
