"""What effects report while they work. The default is silent; the command line listens and finds the words.

Import-light.
"""

from __future__ import annotations


class Observer:
    """Told what happens while it happens. Every method may be called from any thread."""

    def waiting(self, what: str, holder: str) -> None:
        """Another process works on `what`; `holder` says which: `process 123 on host`. Said once a wait."""

    def began(self, task: str, total: int | None) -> None:
        """A piece of work that takes time has started; `total` in bytes, None where it is unknown."""

    def advanced(self, task: str, amount: int) -> None:
        """`amount` more bytes of `task` are done."""

    def finished(self, task: str) -> None:
        """The work is over, well or not."""

    def retrying(self, task: str, reason: str, seconds: float) -> None:
        """A transfer failed and is tried again after a pause."""

    def noted(self, fact: str) -> None:
        """A fact that the user should know, one sentence: what was left out, what could not be read."""


SILENT = Observer()
