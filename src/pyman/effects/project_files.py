"""The files in which a project says which Python it wants, looked for from a folder upward. Import-light."""

from __future__ import annotations

import os
import stat

from pyman.core.record import record
from pyman.effects.files import NotReadable, read_text
from pyman.errors import BadRequest

VERSION_FILE = ".python-version"
TOOL_FILES = (".tool-versions", "mise.toml", ".mise.toml")
"""In the order in which they count; each behind `.python-version`."""
PYPROJECT = "pyproject.toml"
_MARKS = (PYPROJECT, "setup.py", "setup.cfg", ".git")


@record
class ProjectFile:
    """One file that was found and read."""

    path: str
    text: str
    owner: int
    """The number of the user whose file it is. Any file may choose among what is installed, and can do no more."""


def project_of(folder: str, home: str) -> str:
    """The project of a folder: the nearest at or above it, below the home, that is marked as one; else itself."""
    homes = (home.rstrip("/"), os.path.realpath(home))
    for above in upward(folder):
        if above == "/" or any(f"{each}/".startswith(f"{above}/") for each in homes):
            break
        if any(os.path.lexists(os.path.join(above, name)) for name in _MARKS):
            return above
    return folder


def is_below_a_mark(path: str) -> bool:
    """True where a folder above a path is marked as a project."""
    return any(os.path.lexists(os.path.join(above, name)) for above in upward(os.path.dirname(path)) for name in _MARKS)


def upward(folder: str) -> list[str]:
    """A folder and all those above it."""
    folders = [folder]
    while os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        folders.append(folder)
    return folders


def read_project_file(path: str) -> ProjectFile | None:
    """Read one file; None where there is none.

    Raises BadRequest for what is there and cannot be read, or is not a regular file.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise BadRequest(f"{path} is a link to nothing", hint="fix or delete it", exit_status=1) from None
        return None
    except (NotADirectoryError, PermissionError):
        return None
    except OSError as error:
        raise BadRequest(f"{path} cannot be read: {error.strerror}", hint="remove it", exit_status=1) from None
    if not stat.S_ISREG(status.st_mode):
        raise BadRequest(f"{path} is not a regular file", hint="put a text file in its place", exit_status=1)
    try:
        return ProjectFile(path, read_text(path), status.st_uid)
    except NotReadable as error:
        raise BadRequest(str(error), hint="put a text file in its place, or use PYMAN_PYTHON", exit_status=1) from None
    except OSError as error:
        raise BadRequest(
            f"{path} cannot be read: {error.strerror}", hint="make it readable, or use PYMAN_PYTHON", exit_status=1
        ) from None
