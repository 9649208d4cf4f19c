"""The known venvs: `venvs/NAME-HASH -> /path/to/.venv`, one link each, so that `ls -l` shows them. Import-light."""

from __future__ import annotations

import errno
import os
import sys

from pyman.core.immutable import record
from pyman.effects.files import replace_link
from pyman.effects.places import cannot_write, make_folder
from pyman.errors import UNREADABLE_STORE, PymanError, ReadOnly

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_LONGEST_NAME = 60
_HASH, _HEX = 16, frozenset("0123456789abcdef")
# Names that say nothing: the folder above tells more.
USUAL_NAMES = frozenset([".venv", "venv", "env", ".env", "virtualenv", ".virtualenv"])

# FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): hashlib costs more than all the rest here.
_OFFSET, _PRIME, _MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1

GONE, UNREACHABLE = "gone", "unreachable"
"""What a record is whose venv is missing (record_mounts.py)."""


@record
class KnownVenv:
    """One record."""

    name: str
    """Its name in the folder of records."""
    path: str
    """Where the venv is, or was."""
    store: str
    """The store that holds the record."""


def record_name(path: str) -> str:
    """The name under which a venv is recorded: one for each place, however the way there is written."""
    place = resolve_folder(path)
    name = os.path.basename(place)
    if name in USUAL_NAMES:
        name = os.path.basename(os.path.dirname(place))
    kept = "".join(letter if letter in _LETTERS else "_" for letter in name[:_LONGEST_NAME]).lstrip(".-")
    return f"{kept or 'venv'}-{_hash(os.fsencode(place)):016x}"


def is_record_name(name: str) -> bool:
    """True for a name that `record_name` may have made."""
    kept, _, number = name.rpartition("-")
    is_kept = _LETTERS.issuperset(kept) and 0 < len(kept) <= _LONGEST_NAME and kept[0] not in ".-"
    return is_kept and len(number) == _HASH and _HEX.issuperset(number)


def record_hash(name: str) -> str:
    """The part of a record's name that is computed from the place of its venv."""
    return name.rpartition("-")[2]


def resolve_folder(path: str) -> str:
    """The path with the links in its folder resolved, its last name kept: `.venv` itself may be a link."""
    folder, name = os.path.split(os.path.abspath(path))
    folder = os.path.realpath(folder)
    if sys.platform == "darwin":
        folder = as_on_disk(folder)
    return os.path.join(folder, name)


_F_GETPATH, _LONGEST_PATH = 50, 1024  # <sys/fcntl.h> of macOS, MAXPATHLEN


def as_on_disk(folder: str) -> str:
    """A folder as the disk spells it: macOS finds it by other letters and by other forms of Unicode too."""
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return folder
    try:
        answer = fcntl.fcntl(descriptor, _F_GETPATH, bytes(_LONGEST_PATH))
    except OSError:
        return folder
    finally:
        os.close(descriptor)
    return os.fsdecode(answer.partition(b"\0")[0]) or folder


def _hash(content: bytes) -> int:
    value = _OFFSET
    for byte in content:
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


def remember(root: str, path: str) -> str | None:
    """Record a venv and return the record's name; None where the store cannot be written, which harms nobody.

    Raises PymanError for what is no question of permission.
    """
    try:
        return write_record(root, path)
    except ReadOnly:
        return None


def write_record(root: str, path: str, *, with_mount: bool = True) -> str:
    """Record a venv and return the record's name. One that is already right is not written again.

    Who records many writes the lines of their mounts together, and needs them not `with_mount`. Raises PymanError where
    the store cannot be written.
    """
    name = record_name(path)
    if write_link(os.path.join(root, "venvs"), name, os.path.abspath(path)) and with_mount:
        from pyman.effects.venvs.record_mounts import note_mount

        try:
            note_mount(root, name, path)
        except OSError:
            pass  # It gets its line when it is seen the next time.
    return name


def write_link(folder: str, name: str, target: str) -> bool:
    """Make a link in a folder of the store; False for one that is already right, which is not written again.

    Raises PymanError where the store cannot be written.
    """
    place = os.path.join(folder, name)
    try:
        if os.readlink(place) == target:
            return False
    except OSError:
        pass  # No link yet, or something else in its place: the rename says so.
    make_folder(folder)
    try:
        replace_link(place, target)
    except OSError as error:
        raise cannot_write(place, error) from error
    return True


def forget(root: str, name: str) -> bool:
    """Remove a record; False where there is none. Raises PymanError where it cannot be removed."""
    path = os.path.join(root, "venvs", name)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise cannot_write(path, error) from error
    return True


def is_recorded(root: str, path: str) -> bool:
    """True where the venv of this path has a record."""
    return os.path.lexists(os.path.join(root, "venvs", record_name(path)))


def record_names(root: str) -> list[str]:
    """The names of all records, sorted. Raises PymanError where they cannot be read: they are not none."""
    return _names_in(os.path.join(root, "venvs"))


def _names_in(folder: str, most: int | None = None) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = (entry.name for entry in entries if not entry.name.startswith(".") and entry.is_symlink())
            return sorted(names if most is None else [name for name, _ in zip(names, range(most), strict=False)])
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def known_venvs(root: str) -> tuple[KnownVenv, ...]:
    """All records, by name. What is no absolute link in that folder is not one.

    Raises PymanError where they cannot be read.
    """
    return tuple(KnownVenv(name, target, root) for name, target in links_in(os.path.join(root, "venvs")).items())


def links_in(folder: str, most: int | None = None) -> dict[str, str]:
    """The absolute links in a folder of the store, by name, sorted; no more than `most` of them are looked at.

    Raises PymanError where they cannot be read.
    """
    found = {}
    for name in _names_in(folder, most):
        path = os.path.join(folder, name)
        try:
            target = os.readlink(path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINVAL):
                raise _unreadable(path, error) from error
            continue  # Forgotten since the folder was listed, or no link.
        if target.startswith("/"):
            found[name] = target
    return found


def _unreadable(path: str, error: OSError) -> PymanError:
    return PymanError(
        f"the record {path} cannot be read: {(error.strerror or str(error)).lower()}",
        hint="fix it, or choose another folder with PYMAN_ROOT",
        code=UNREADABLE_STORE,
    )
