"""One process at a time changes a venv; the others wait, and are told for whom."""

from __future__ import annotations

import os

from pyman.effects.interruption import undisturbed
from pyman.effects.lock import Lock, hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, make_folder
from pyman.effects.venvs.records import record_name
from pyman.errors import ReadOnly


class Turn:
    """The right to change one venv, while `with` lasts: others wait, and are told for whom.

    A store that cannot be written has no turns; nobody else changes its venvs through pyman at the same instant.
    """

    def __init__(self, places: Places, venv: str, observer: Observer = SILENT) -> None:
        self._root = places.root
        self._path = os.path.join(places.root, f".lock-{record_name(venv)}")
        self._lock: Lock | None = hold(self._path, observer, what=venv)

    def __enter__(self) -> None:
        try:
            make_folder(self._root)
            if self._lock is not None:
                self._lock.__enter__()
        except ReadOnly:
            self._lock = None

    @undisturbed
    def __exit__(self, *_: object) -> None:
        if self._lock is None:
            return
        try:
            # There are as many of these as venvs; who waits for it notices, and makes a new one.
            os.unlink(self._path)
        except OSError:
            pass  # A file system without `flock` has none.
        self._lock.__exit__()
