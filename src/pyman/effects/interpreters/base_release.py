"""The release of a Python that neither links nor files tell: its interpreter is asked once, and remembered (DESIGN 6).

Only a base interpreter is started, never anything of a venv: a program outside of every venv, with its standard library
beside it, that belongs to root or the user.
"""

from __future__ import annotations

import os

from pyman.core.implementation import is_repaired
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.venv import VenvFacts, with_release
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.venv import Interpreter
    from pyman.core.version import Version


class BaseReleases:
    """The answers of base interpreters, each asked once however many venvs run it."""

    def __init__(self, cache: str) -> None:
        self._cache = cache
        self._told: dict[str, Version | None] = {}

    def complete(self, facts: VenvFacts) -> VenvFacts:
        """The facts of a venv with the release that runs, where that can be had; nothing is raised where it cannot."""
        running = facts.running
        if not is_repaired(facts.implementation):
            return facts  # Nothing would be done with the answer.
        if running is None or running.version is not None or _is_inside(running.path, facts.folder):
            return facts
        if running.path not in self._told:
            self._told[running.path] = self._ask(running)
        version = self._told[running.path]
        return with_release(facts, version) if version is not None else facts

    def _ask(self, base: Interpreter) -> Version | None:
        from pyman.effects.interpreters.interpreter import ask_once

        if base.library is None or os.path.lexists(os.path.join(base.prefix, FILE_NAME)):
            return None
        try:
            return ask_once(base.path, self._cache).version
        except PymanError:
            return None


def _is_inside(path: str, folder: str) -> bool:
    return path.startswith(os.path.realpath(folder) + "/")
