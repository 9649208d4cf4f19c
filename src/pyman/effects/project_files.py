"""The files in which a project says which Python it wants, looked for from a folder upward. Import-light."""

from __future__ import annotations

import os
import stat

from pyman.core.immutable import record
from pyman.effects.files import NotReadable, read_bytes, read_text
from pyman.errors import BadRequest

VERSION_FILE = ".python-version"
TOOL_FILES = (".tool-versions", "mise.toml", ".mise.toml")
"""In the order in which they count; each behind `.python-version`."""
PYPROJECT = "pyproject.toml"
_MARKS = (PYPROJECT, "setup.py", "setup.cfg", ".git")
_LARGEST_INDEX = 64 << 20


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


def is_tracked(path: str) -> bool:
    """True where the Git repository that a file lies in has it, so that it came with a clone, or will go into one.

    Git's list of files is searched for its name, not understood: in one that leaves out what names have in common,
    any file of that name counts.
    """
    real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    for above in upward(os.path.dirname(real)):
        git = os.path.join(above, ".git")
        if not os.path.lexists(git):
            continue
        try:
            if not os.path.isdir(git):
                text = read_text(git).strip()
                git = os.path.join(above, text.removeprefix("gitdir:").strip())
            index = read_bytes(os.path.join(git, "index"), _LARGEST_INDEX)
        except FileNotFoundError:
            return False  # Nothing was added to it yet.
        except OSError:
            return True
        has_whole_names = index[4:8] in (b"\0\0\0\2", b"\0\0\0\3")
        name = os.path.relpath(real, above) if has_whole_names else os.path.basename(real)
        return os.fsencode(name) + b"\0" in index
    return False


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
            raise BadRequest(f"{path} is a broken link", hint="fix or delete it", exit_status=1) from None
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
