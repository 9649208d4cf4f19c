"""The files in which a project says which Python it wants, looked for from a folder upward. Import-light."""

from __future__ import annotations

import os
import stat

from pyman.core.immutable import record
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.files import NotReadable, names_seen, read_bytes, read_text
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.git_index import GitIndex

VERSION_FILE = ".python-version"
TOOL_FILES = (".tool-versions", "mise.toml", ".mise.toml")
"""In the order in which they count; each behind `.python-version`."""
PYPROJECT = "pyproject.toml"
_MARKS = (PYPROJECT, "setup.py", "setup.cfg", ".git")
_GIT = ".git"
_INFOS = (".dist-info", ".egg-info")
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

    A list of Git's that cannot be read, or is not understood, has every file.
    """
    return is_any_tracked((path,))


def is_any_tracked(paths: Iterable[str]) -> bool:
    """True where the Git repository that one of these files lies in has it, as `is_tracked` says."""
    known: dict[str, tuple[GitIndex, ...] | None] = {}
    for path in paths:
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        above = next((one for one in upward(os.path.dirname(real)) if os.path.lexists(os.path.join(one, _GIT))), None)
        if above is None:
            continue
        if above not in known:
            known[above] = _tracked_in(above)
        lists, name = known[above], os.fsencode(os.path.relpath(real, above))
        if lists is None or any(each.has(name) for each in lists):
            return True
    return False


def came_with_clone(venv: str, packages: Iterable[str]) -> bool:
    """True where Git has what makes a folder a venv, or what says of one of its packages that it is installed.

    `packages` are its folders of packages.
    """
    infos = (f"{folder}/{name}" for folder in packages for name in names_seen(folder) if name.endswith(_INFOS))
    files = (f"{info}/{name}" for info in infos for name in ("METADATA", "PKG-INFO", "direct_url.json"))
    links = (f"{folder}/{name}" for folder in packages for name in names_seen(folder) if name.endswith(".egg-link"))
    return is_any_tracked((os.path.join(venv, FILE_NAME), *files, *links))


def _tracked_in(folder: str) -> tuple[GitIndex, ...] | None:
    """Git's lists of the files of a repository: one, and the one that it shares; None where that cannot be told."""
    from pyman.core.git_index import parse_index

    git = os.path.join(folder, _GIT)
    lists: list[GitIndex] = []
    try:
        if not os.path.isdir(git):
            git = os.path.join(folder, read_text(git).strip().removeprefix("gitdir:").strip())
        if not os.path.isdir(git):
            return None
        name = "index"
        while name:
            found = parse_index(read_bytes(os.path.join(git, name), _LARGEST_INDEX))
            if found is None or len(lists) > 1:
                return None
            lists.append(found)
            name = found.shared
    except FileNotFoundError:
        return None if lists else ()  # Nothing was added to it yet.
    except OSError:
        return None
    return tuple(lists)


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
