"""What hot words tell the user while they work: a wait, a fact, and on a terminal what takes long. Hot."""

from __future__ import annotations

import sys

from pyman.effects.observer import Observer
from pyman.hot.speak import note


class Listener(Observer):
    """One line for each."""

    def waiting(self, what: str, holder: str) -> None:
        """Say who is waited for."""
        note(f"waiting for {what}: {holder} is at it")

    def began(self, task: str, total: int | None) -> None:
        """Say what is begun."""
        del total
        if sys.stderr.isatty():
            note(task)

    def noted(self, fact: str) -> None:
        """Say it."""
        note(fact)
