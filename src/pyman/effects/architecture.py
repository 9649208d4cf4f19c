"""What a file is built for, and whether a venv could be linked to what is for another processor. Import-light."""

from __future__ import annotations

import os
import sys

from pyman.core.architecture import HEADER, architectures_in, differ, runs_on, shown
from pyman.core.venv import NO_COPY, VenvFacts
from pyman.effects.files import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def architectures_of(path: str) -> frozenset[str]:
    """Return what `architectures_in` says of a program or library; empty where it cannot be read."""
    try:
        with open_regular(path) as file:
            return architectures_in(file.read(HEADER))
    except OSError:
        return frozenset()


def of_another_machine(executable: str) -> str:
    """Say that an interpreter certainly does not run on this machine; empty where it may. Only Linux is judged."""
    return _of_another_machine(executable, architectures_of) if sys.platform == "linux" else ""


def _of_another_machine(executable: str, read: Callable[[str], frozenset[str]]) -> str:
    built_for, machine = read(executable), os.uname().machine
    if runs_on(built_for, machine):
        return ""
    return f"{executable} is built for {shown(built_for)}, and this machine is {machine}"


# Whether a venv could be linked to an interpreter that is built for another processor: it never is.

_MOST_FILES = 100
_MOST_FOLDERS = 2000
"""In which a compiled file is looked for, where nothing else tells what a venv was made for."""


class Architectures:
    """What interpreters and venvs are built for; each file is looked at once, however many venvs lead to it."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    def objection(self, facts: VenvFacts, executable: str) -> str:
        """Say why a venv is not linked to an interpreter; empty where nothing is against it."""
        if sys.platform == "linux" and (objection := _of_another_machine(executable, self._of)):
            return objection
        new = self._of(executable)
        own = self._of_venv(facts) if new else new
        if differ(own, new):
            return f"{executable} is built for {shown(new)}, and it for {shown(own)}"
        return ""

    def _of_venv(self, facts: VenvFacts) -> frozenset[str]:
        """What a venv was made for: told by its copied interpreter, else its base, else by what is compiled in it."""
        if facts.copy != NO_COPY and facts.way is not None and facts.way.real is not None:
            return self._of(facts.way.real)
        base = self._of(facts.interpreter.path) if facts.interpreter is not None else frozenset()
        if len(base) == 1 or (facts.interpreter is not None and not base):
            return base
        # Gone, or for several: then it is for what its packages are for.
        for library in facts.libraries:
            for number, path in enumerate(_compiled_below(f"{facts.folder}/lib/{library.name}/site-packages")):
                found = self._of(path)
                base = (base & found or found) if base else found
                if len(base) == 1 or number == _MOST_FILES:
                    return base
        return base

    def _of(self, path: str) -> frozenset[str]:
        if path not in self._known:
            self._known[path] = architectures_of(path)
        return self._known[path]


def _compiled_below(site_packages: str) -> Iterator[str]:
    for number, (folder, folders, names) in enumerate(os.walk(site_packages)):
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".so"))
        folders.sort()
        if number == _MOST_FOLDERS:
            return
