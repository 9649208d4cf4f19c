"""Mount points as the kernel lists them, also folders that are mounted from their own file system. Import-light."""

from __future__ import annotations

import errno
import os

from pyman.errors import CANNOT_RENAME, MOUNT, Refused

_TABLE = "/proc/self/mountinfo"
_OVERLAY = "overlay"


def mounts_below(folder: str) -> list[str]:
    """The mount points below a folder, at any depth, sorted; the folder itself is not among them.

    Empty where the system has no such list (macOS): there only another device tells (effects/removal.py).
    """
    above = os.path.realpath(folder).rstrip("/") + "/"
    return sorted({place for place, _ in _mounts() if place.startswith(above)})


def is_mount_point(path: str) -> bool:
    """True for a mount point. Unlike `os.path.ismount` it also knows those that lie on the same file system."""
    if os.path.ismount(path):
        return True
    real = os.path.realpath(path)
    return any(place == real for place, _ in _mounts())


def refuse_mounts_below(folder: str) -> None:
    """Raise Refused where something is mounted below a folder that is to be moved or removed with all it holds."""
    for place in mounts_below(folder):
        from pyman.core.escape import as_word

        hint = f"unmount it first: `umount {as_word(place)}`"
        raise Refused(f"{place} is a mount point inside {folder}", hint=hint, code=MOUNT)


def rename_folder(folder: str, target: str) -> None:
    """Rename a folder. Raises Refused where its file system never does, and OSError."""
    try:
        os.rename(folder, target)
    except OSError as error:
        if error.errno != errno.EXDEV or is_mount_point(folder):
            raise
        raise cannot_rename(folder) from error


def cannot_rename(folder: str) -> Refused:
    """The failure to report for a folder whose file system refuses to rename it (EXDEV), and that is no mount point."""
    if _lies_on_overlay(folder):
        return Refused(
            f"{folder} is part of a container image, whose file system (overlayfs) cannot rename it",
            hint="replace it with a copy of itself first, or do this where the image is built",
            code=CANNOT_RENAME,
        )
    return Refused(
        f"{folder} cannot be renamed: its file system does not allow it",
        hint="choose a folder on another file system",
        code=CANNOT_RENAME,
    )


def _lies_on_overlay(path: str) -> bool:
    real = os.path.realpath(path)
    covering = [(place, kind) for place, kind in _mounts() if f"{real}/".startswith(place.rstrip("/") + "/")]
    # Of two mounts in one place the later one is seen.
    return bool(covering) and max(enumerate(covering), key=lambda one: (len(one[1][0]), one[0]))[1][1] == _OVERLAY


def _mounts() -> list[tuple[str, str]]:
    """Every mount point with the kind of its file system, in the order in which they were mounted."""
    found = []
    try:
        with open(_TABLE, encoding="utf-8", errors="surrogateescape") as table:
            for line in table:
                before, _, after = line.partition(" - ")
                found.append((_unescape(before.split(" ", 5)[4]), after.partition(" ")[0]))
    except (OSError, IndexError):
        return found
    return found


def _unescape(field: str) -> str:
    """Undo what the kernel writes for blanks and backslashes in paths, their octal numbers (proc_pid_mountinfo(5))."""
    for number in (0o40, 0o11, 0o12, 0o134):
        field = field.replace(f"\\{number:03o}", chr(number))
    return field
