"""The project that a folder belongs to: what its files say counts inside of it, and nowhere else (DESIGN 6). Hot."""

from __future__ import annotations

import os

_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def project_of(folder: str, home: str) -> str:
    """Return the nearest folder at or above an absolute one that is a project, with its links resolved.

    The home folder and what is above it are none, whatever lies there; where no folder is one, it is the folder itself.
    """
    start = os.path.realpath(folder)
    above = os.path.realpath(home)
    if not is_inside(start, above):
        above = "/"
    found = start
    while found != above and is_inside(found, above):
        if any(os.path.lexists(os.path.join(found, mark)) for mark in _MARKS):
            return found
        found = os.path.dirname(found)
    return start


def is_inside(path: str, folder: str) -> bool:
    """True for a folder itself and all that lies below it; both absolute, with their links resolved."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
