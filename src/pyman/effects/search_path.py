"""Programs found on PATH, as pyman's own helpers: none that a project or a venv could have brought along (DESIGN 6)."""

from __future__ import annotations

import os

from pyman.core.pyvenv_cfg import FILE_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def outside_of(venv: str, project: str, home: str) -> tuple[str, ...]:
    """The folders of which nothing on PATH counts: the venv, if there is one, and the project.

    A project that holds the home folder is none: everything in there is the user's own, the usual place of uv too.
    """
    real_home, real_project = (f"{os.path.realpath(folder).rstrip('/')}/" for folder in (home, project))
    own = (venv,) if venv else ()
    return own if real_home.startswith(real_project) else (*own, project)


def usable_search_path(search_path: str, *, outside: Iterable[str] = (), home: str = "") -> str:
    """Return a PATH without relative folders, without those in the folders `outside`, and without those in a venv.

    A home folder that is a venv itself does not count as one. For root nothing counts that belongs to somebody else.
    """
    closed = tuple(f"{path.rstrip('/')}/" for folder in outside for path in (folder, os.path.realpath(folder)))
    above = (home.rstrip("/"), os.path.realpath(home) if home else "")
    kept = []
    for folder in search_path.split(os.pathsep):
        if not os.path.isabs(folder):
            continue
        places = (os.path.normpath(folder), os.path.realpath(folder))
        if any(f"{place}/".startswith(closed) or _lies_in_venv(place, above) for place in places):
            continue
        if not _is_foreign(folder):
            kept.append(folder)
    return os.pathsep.join(kept)


def find_on_path(name: str, usable: str) -> str | None:
    """Return the first program of that name on the usable part of a PATH, None where there is none."""
    for folder in usable.split(os.pathsep):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK) and not _is_foreign(path):
            return path
    return None


def _lies_in_venv(folder: str, homes: tuple[str, ...]) -> bool:
    while folder not in ("/", "", *homes):
        if os.path.lexists(os.path.join(folder, FILE_NAME)):
            return True
        folder = os.path.dirname(folder)
    return False


def _is_foreign(path: str) -> bool:
    """True where root would start what belongs to somebody else."""
    if os.geteuid() != 0:
        return False
    try:
        return os.stat(path).st_uid != 0
    except OSError:
        return False
