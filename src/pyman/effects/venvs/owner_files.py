"""Reading what the owner of a venv remembers of its Python, to be changed with the venv."""

from __future__ import annotations

import os

from pyman.core.owner_files import OwnerFile, owner_files_of
from pyman.effects.files import read_bytes

_LARGEST = 4 << 20
"""Bytes. poetry keeps one file for all its venvs."""


def has_owner_files(folder: str) -> bool:
    """True for a venv of which a tool may remember something; made to be quick."""
    return any(map(os.path.lexists, owner_files_of(folder)))


def read_owner_files(folder: str) -> tuple[OwnerFile, ...]:
    """The files that a tool may have written about a venv: no links, and none that cannot be read."""
    files: list[OwnerFile] = []
    for path in owner_files_of(folder):
        try:
            if not os.path.islink(path):
                files.append(OwnerFile(path, read_bytes(path, _LARGEST)))
        except OSError:
            continue
    return tuple(files)
