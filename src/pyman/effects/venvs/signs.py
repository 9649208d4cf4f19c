"""Signs that a venv is used: what its use left in its folder, and the processes that run in it (core/unused.py)."""

from __future__ import annotations

import os
import stat

from pyman.core.names import minor_of_executable
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.unused import Signs
from pyman.effects.files import names_seen, open_to_read, read_text
from pyman.effects.mounts import Mounts
from pyman.effects.processes import processes_of_venv
from pyman.effects.venvs.inventory import FOLDERS_OF_TOOLS
from pyman.effects.venvs.records import USUAL_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_PACKAGES = 2000
_PROJECT = ".project"
"""The file in which pipenv and virtualenvwrapper name the project of a venv."""
_LARGEST = 4096


def read_signs(folder: str, mounts: Mounts) -> Signs:
    """Look at one venv. What cannot be looked at is no sign."""
    written = tuple(_written(folder))
    return Signs(written, _read_at(folder, mounts))


def with_processes(signs: Signs, folder: str) -> Signs:
    """The same, and whether a process runs in it: one that was started long ago leaves no newer sign."""
    return Signs(signs.written, signs.read, is_running=bool(processes_of_venv(folder)))


def _read_at(folder: str, mounts: Mounts) -> float | None:
    """When something was last read that every use reads; None where that is not kept, or cannot be told."""
    mount = mounts.covering(os.path.realpath(folder))
    if mount is None or not mount.keeps_access_times:
        return None
    times: list[float] = []
    for name in (FILE_NAME, *(f"bin/{each}" for each in names_seen(f"{folder}/bin"))):
        path = f"{folder}/{name}"
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                continue
            # Who reads a file by another name of it need not use this venv.
            if status.st_nlink == 1:
                times.append(status.st_atime)
            elif name == FILE_NAME or not _starts_python(path):
                return None
        except OSError:
            return None
    return max(times, default=None)


def _starts_python(path: str) -> bool:
    """True for a script, whose start is seen elsewhere: its interpreter reads `pyvenv.cfg`."""
    descriptor = open_to_read(path)
    try:
        return os.read(descriptor, 2) == b"#!"
    finally:
        os.close(descriptor)


def _written(folder: str) -> Iterator[float]:
    for path in _places(folder):
        try:
            yield os.lstat(path).st_mtime
        except OSError:
            continue


def _places(folder: str) -> Iterator[str]:
    yield from (f"{folder}/{name}" for name in (FILE_NAME, "bin"))
    for library in names_seen(f"{folder}/lib"):
        if minor_of_executable(library) is None:
            continue
        packages = f"{folder}/lib/{library}/site-packages"
        yield packages
        yield f"{packages}/__pycache__"
        yield from (
            f"{packages}/{name}/__pycache__" for name in names_seen(packages)[:_MOST_PACKAGES] if "." not in name
        )


def project_of_venv(folder: str) -> tuple[str | None, bool | None]:
    """The project that a venv was made for, and whether it still exists; None where nothing tells.

    A project that has nothing left but the venv no longer exists.
    """
    try:
        named = read_text(f"{folder}/{_PROJECT}", _LARGEST).strip()
    except OSError:
        named = ""
    if os.path.isabs(named):
        return named, os.path.lexists(named)
    above = os.path.dirname(folder)
    inside = os.path.basename(folder)
    if os.path.basename(above) in FOLDERS_OF_TOOLS:
        above, inside = os.path.dirname(above), os.path.basename(above)
    elif inside not in USUAL_NAMES:
        return None, None
    return above, any(name != inside for name in names_seen(above))
