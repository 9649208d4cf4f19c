"""What venvs stand on, as far as neither their links nor files tell it, and whether that may be started (DESIGN 6).

Only a base interpreter is ever started, never anything of a venv, and only one that effects/interpreters/admission.py
admits: a repository may bring along a venv, and the program that it leads to.
"""

from __future__ import annotations

import os

from pyman.core.admission import OUTSIDE, Objection, refusal
from pyman.core.implementation import is_repaired
from pyman.core.record import replace
from pyman.core.store import is_shared
from pyman.core.venv import VenvFacts, with_release
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Version
    from pyman.effects.places import Places


_OF_THE_SYSTEM = frozenset(
    ("/", "/usr", "/opt", "/nix", "/gnu", "/snap", "/var", "/home", "/Applications", "/Library", "/System", "/Users")
)
"""Folders right below the root in which a system keeps programs, or users. Any other may be somebody's project."""


class BaseReleases:
    """The answers of base interpreters, each asked once however many venvs run it."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._told: dict[str, Version | PymanError] = {}
        self._allowed: dict[str, bool] = {}

    def complete(self, facts: VenvFacts) -> VenvFacts:
        """The facts of a venv with the release that runs, and without what it may not be linked to.

        Nothing is raised where the release cannot be had.
        """
        link = facts.owner_link
        if link is not None and not (self._is_of_a_tool(link.path) and self._allows(link.interpreter.path)):
            facts = replace(facts, owner_link=None)
        if facts.base_home is not None and not self._is_base(facts):
            facts = replace(facts, base_home=None)
        answer = self._release(facts)
        return with_release(facts, answer) if answer is not None and not isinstance(answer, PymanError) else facts

    def why_unknown(self, facts: VenvFacts) -> PymanError | None:
        """Why nobody knows which release runs in a venv; None where that is known, or nothing runs."""
        answer = self._release(facts)
        return answer if isinstance(answer, PymanError) else None

    def _release(self, facts: VenvFacts) -> Version | PymanError | None:
        running = facts.running
        if not is_repaired(facts.implementation):
            return None  # Nothing would be done with the answer.
        if running is None or running.version is not None:
            return None
        try:
            if _lies_in(running.path, facts.folder):
                return None
            if self._came_along(running.path, facts.folder):
                return self._why_not(running.path)
        except OSError:
            return None  # Somebody exchanges links while they are looked at.
        if running.path not in self._told:
            self._told[running.path] = self._ask(running.path)
        return self._told[running.path]

    def _ask(self, executable: str) -> Version | PymanError:
        from pyman.effects.interpreters.admission import Admission
        from pyman.effects.interpreters.ask import ask_once

        try:
            return ask_once(executable, self._places.cache, Admission(self._places)).version
        except PymanError as error:
            return error

    def _why_not(self, executable: str) -> PymanError:
        """Why an interpreter that lies beside a venv is not started; where nothing else forbids it, because it does."""
        from pyman.effects.interpreters.admission import Admission

        try:
            Admission(self._places).check(executable)
        except PymanError as error:
            return error
        return refusal(executable, Objection(OUTSIDE, executable))

    def _is_of_a_tool(self, link: str) -> bool:
        """An owner's own minor-version link counts only in the folder of the user's own version manager."""
        from pyman.effects.interpreters.admission import own_tool_roots

        folder = os.path.dirname(link)
        if folder not in self._allowed:
            real = os.path.realpath(folder)
            self._allowed[folder] = any(
                f"{real}/".startswith(f"{os.path.realpath(root.pythons)}/") for root in own_tool_roots(self._places)
            )
        return self._allowed[folder]

    def _is_base(self, facts: VenvFacts) -> bool:
        """Whether what a venv in a venv stands on in the end is none that came along with it, and may be started."""
        base = facts.interpreter
        return base is not None and not self._came_along(base.path, facts.folder) and self._allows(base.path)

    def _came_along(self, executable: str, venv: str) -> bool:
        """True for an interpreter that was unpacked together with a venv, as likely as not, and nobody vouches for."""
        from pyman.effects.interpreters.admission import Admission

        return _lies_beside(executable, venv) and not Admission(self._places).vouches(executable)

    def _allows(self, executable: str) -> bool:
        from pyman.effects.interpreters.admission import Admission

        if executable not in self._allowed:
            self._allowed[executable] = Admission(self._places).allows(executable)
        return self._allowed[executable]


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(os.path.realpath(folder) + "/")


def _lies_beside(path: str, venv: str) -> bool:
    """True for an interpreter that a folder holds together with a venv, be it `/app`, where images are made.

    What the system keeps for everybody does not count: its own prefixes, and the folders that they lie in.
    """
    around = os.path.commonpath((path, os.path.realpath(venv)))
    return around not in _OF_THE_SYSTEM and not is_shared(os.path.dirname(os.path.dirname(path)))
