"""The place of a venv: what has its name now, and how the folders are called in which work on it is done.

Import-light.
"""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.files import NotReadable, read_bytes
from pyman.effects.mounts import is_mount_point
from pyman.errors import Locked, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Occupant = Literal["nothing", "empty", "venv", "folder", "file", "link", "mount", "root", "home"]

UNFINISHED = ".pyman-unfinished"
"""A file in a venv that has its name already, and does not have all its packages yet: the number of the work on it.

It counts only where the store's journal tells of that work (journal.py).
"""

_WORK = ".pyman-"
_USES = ("new-", "old-")
_LONGEST_NAME = 40  # characters, of up to four bytes each, in a name of at most 255 bytes


def what_is_there(path: str) -> Occupant:
    """Say what has the name of a new venv: `empty` is a folder, `link` one that leads to nothing.

    Raises PymanError for what cannot be looked at.
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
    if is_mount_point(path):
        return "mount"
    if FILE_NAME in entries:
        return "venv"
    return "folder" if entries else "empty"


def only_of_finder(path: str) -> str:
    """The one file in a folder, where that is what the Finder of macOS leaves in folders that it has shown."""
    try:
        names = os.listdir(path)
    except OSError:
        return ""
    return names[0] if names in ([".DS_Store"], [".localized"]) else ""


def is_deployed(place: str, folder: str) -> bool:
    """True for a venv that has its place through a link which leads to another one now: `current -> releases/2`.

    The link leads, or led, to a folder beside the one of this venv, and leads back to it after a rollback.
    """
    while os.path.basename(place) == os.path.basename(folder) and "/" not in (place, folder):
        place, folder = os.path.dirname(place), os.path.dirname(folder)
    try:
        target = os.path.join(os.path.dirname(place), os.readlink(place))
    except OSError:
        return False
    return os.path.realpath(os.path.dirname(target.rstrip("/"))) == os.path.realpath(os.path.dirname(folder))


def being_made(path: str) -> Locked:
    """The failure to report while another process makes the same venv."""
    return Locked(f"another process is creating {path}", hint="wait until it has finished")


def folder_beside(venv: str, use: str, number: str) -> str:
    """A folder for work, beside the venv; `use` is `new` or `old`."""
    folder, name = os.path.split(venv)
    return os.path.join(folder, f".{name[:_LONGEST_NAME]}{_WORK}{use}-{number}")


def folder_inside(venv: str, use: str, number: str) -> str:
    """A folder for work, in the venv's own folder."""
    return os.path.join(venv, f"{_WORK}{use}-{number}")


def is_work_folder(name: str) -> bool:
    """True for a name of a folder for work, whoever made it."""
    return _split(name) is not None


def venv_of(folder: str) -> str | None:
    """The venv that a folder for work belongs to, told by its name; None where that was cut short.

    For one beside a venv that is the path that the venv has, or had.
    """
    above, name = os.path.split(folder)
    before = (_split(name) or ("", ""))[0]
    if not before:
        return above
    return os.path.join(above, before) if len(before) < _LONGEST_NAME else None


def process_of(name: str) -> str:
    """The number of the process that made a folder for work, as its name tells it."""
    return (_split(name) or ("", ""))[1].partition("-")[0]


def _split(name: str) -> tuple[str, str] | None:
    """The name of the venv, empty in the venv's own folder, and the number of the work."""
    for use in _USES:
        before, mark, number = name.rpartition(f"{_WORK}{use}")
        if mark and (not before or before.startswith(".")):
            return before[1:], number
    return None


# Where a venv really is: in the place of `.venv` may be a text file that contains a path (uv).

_LONGEST_PATH = 4096
_NOT_THERE = frozenset((errno.ENOENT, errno.EINVAL, errno.ENOTDIR, errno.ELOOP))


def folder_of(path: str) -> str | None:
    """Where a venv really lies: in the place of `.venv` may be a text file that holds a path (uv); None for no venv.

    Raises OSError where the system refuses a look.
    """
    try:
        if stat.S_ISDIR(os.lstat(path).st_mode):
            return path
        if os.path.isdir(path):
            return os.path.realpath(path)
        text = read_bytes(path, _LONGEST_PATH).decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
    except OSError as error:
        if isinstance(error, NotReadable) or error.errno in _NOT_THERE:
            return None
        raise
    if not text or "\n" in text or "\0" in text:
        return None
    return os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(path)), text))
