"""The place of a new venv: what has its name now, and what a process left there that was killed while it made one. Hot.

Who makes a venv holds a `flock` on its folder from the first instant to the last, under whatever name it goes; so what
is not locked was left behind.
"""

from __future__ import annotations

import errno
import fcntl
import os

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.alive import is_alive
from pyman.effects.places import cannot_write
from pyman.errors import Locked, PymanError

UNFINISHED = ".pyman-unfinished"
"""A file in a venv that has its name already, and does not have all its packages yet."""

INSIDE = ".pyman-new-"
"""How the name of a venv begins that is prepared inside of its own folder."""
NAMES = "names"
"""A file in it, with what is being moved up from it."""

_OURS = frozenset(("bin", "include", "lib", "lib64", ".gitignore", UNFINISHED, FILE_NAME))
_LONGEST_NAME = 40  # characters, of up to four bytes each, in a name of at most 255 bytes
_NO_FLOCK = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF, errno.EINVAL)


def what_is_there(path: str) -> str:
    """Say what has the name of a new venv.

    `nothing`, `empty` (a folder), `venv`, `unfinished` (a venv that a dead process left), `folder`, `file`, `link` (to
    nothing), `mount`, `root`. Raises PymanError for what cannot be looked at, Locked while another process makes it.
    """
    try:
        entries = os.listdir(path)
    except FileNotFoundError:
        return "link" if os.path.islink(path) else "nothing"
    except NotADirectoryError:
        return "file" if os.path.lexists(path) else "nothing"
    except OSError as error:
        raise PymanError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}", hint="choose another folder"
        ) from error
    if os.path.dirname(path) == path:
        return "root"
    if os.path.ismount(path) or (not entries and _is_bind_mount(path)):
        return "mount"
    if UNFINISHED in entries:
        if _is_being_made(path, ""):
            raise being_made(path)
        return "unfinished"
    if FILE_NAME in entries:
        return "venv"
    return "folder" if entries else "empty"


def being_made(path: str) -> Locked:
    """The failure to report while another process makes the same venv."""
    return Locked(f"another process is making {path}", hint="wait until it has finished")


def _is_bind_mount(path: str) -> bool:
    """True for a folder that is mounted from its own file system, which `os.path.ismount` does not see."""
    real = os.path.realpath(path)
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
            return any(_unescape(line.split(" ", 5)[4]) == real for line in mounts)
    except (OSError, IndexError):
        return False  # No Linux, or no /proc: renaming onto it fails, and says so.


def _unescape(field: str) -> str:
    """Undo what the kernel writes for blanks and backslashes in paths, their octal numbers (proc_pid_mountinfo(5))."""
    for number in (0o40, 0o11, 0o12, 0o134):
        field = field.replace(f"\\{number:03o}", chr(number))
    return field


def work_name(name: str, use: str) -> str:
    """The beginning of the name of a folder beside a venv; `use` is `new` or `old`."""
    return f".{name[:_LONGEST_NAME]}.pyman-{use}-"


def lock_folder(path: str) -> int | None:
    """Open a folder that was just made, and lock it; return the descriptor, None where it was swept away meanwhile.

    A file system without `flock` leaves it unlocked; the process number in its name has to do then.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == os.lstat(path).st_ino:
            return descriptor
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def clear_left_behind(path: str) -> bool:
    """Remove what dead processes left that were making this venv; True where an old one lies set aside beside it."""
    parent, name = os.path.split(path)
    beginning, aside = work_name(name, "new"), work_name(name, "old")
    set_aside = False
    for entry in _names_in(parent):
        if entry.startswith(beginning):
            _remove_if_dead(os.path.join(parent, entry), entry.removeprefix(beginning))
        elif entry.startswith(aside):
            set_aside = True
    for entry in _names_in(path):
        if entry.startswith(INSIDE):
            _remove_if_dead(os.path.join(path, entry), entry.removeprefix(INSIDE))
    return set_aside


def clear_folder(folder: str) -> None:
    """Remove what dead processes left in a folder that were making venvs in it, whatever their names."""
    for entry in _names_in(folder):
        before, mark, rest = entry.partition(".pyman-new-")
        if mark and before.startswith("."):
            _remove_if_dead(os.path.join(folder, entry), rest)


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _remove_if_dead(path: str, rest: str) -> None:
    """Remove an unfinished venv that nobody has locked; the rest of its name begins with a process number."""
    from pyman.effects.files import read_text
    from pyman.effects.unfinished import remove_tree

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        if _is_locked(descriptor, rest.partition("-")[0]):
            return
        try:
            moved = read_text(os.path.join(path, NAMES)).split("\0")
        except OSError:
            moved = []
        for name in _OURS.intersection(moved):
            if not os.path.lexists(os.path.join(path, name)):
                remove_tree(os.path.join(os.path.dirname(path), name))
        remove_tree(path)
    except OSError:
        pass  # What cannot be removed does not stop a venv from being made beside it.
    finally:
        os.close(descriptor)


def _is_being_made(path: str, pid: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        return _is_locked(descriptor, pid)
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int, pid: str) -> bool:
    """True where another process has a folder locked; takes the lock where none has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            return True
    return is_alive(pid)
