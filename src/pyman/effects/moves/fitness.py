"""Whether venvs fit a release, asked for many at once and remembered: what has not changed is not read again.

A verdict is remembered by the venv's site-packages folder and the time of its last change: installing or removing a
package makes or removes a folder there. The memory lies in the cache and may be deleted at any time.
"""

from __future__ import annotations

import os
import sys

from pyman.core.packages.compatibility import Move, Release, marker_environment
from pyman.core.record import record
from pyman.effects.files import read_text, replace_file
from pyman.effects.packages.lenders import Lenders
from pyman.effects.places import make_folder
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.request import Request
    from pyman.core.version import Version
    from pyman.effects.packages.dist_info import Reader

_LARGEST_MEMORY = 16 << 20


@record
class Base:
    """An interpreter whose release packages may or may not fit."""

    executable: str
    version: Version
    variant: str


@record
class Question:
    """Whether what is installed here, and fitted the old release, fits the new one."""

    path: str
    site_packages: str
    old: Base
    new: Base
    request: Request | None = None


class Fitness:
    """Answers questions, and keeps the answers."""

    def __init__(self, cache: str) -> None:
        self.lenders = Lenders()
        self._file = os.path.join(cache, "checks")
        self._known = self._recall()
        self._kept: dict[str, str] = {}
        self._moves: dict[tuple[Base, Base], tuple[Move, Reader]] = {}

    def reasons(self, questions: Iterable[Question]) -> dict[str, str]:
        """The venvs that do not fit, by path, with the reason."""
        found: dict[str, str] = {}
        open_questions: dict[tuple[Base, Base], list[tuple[Question, str]]] = {}
        for question in questions:
            key = _key(question)
            if key is not None and key in self._known:
                self._kept[key] = self._known[key]
                if self._known[key]:
                    found[question.path] = self._known[key]
            else:
                open_questions.setdefault((question.old, question.new), []).append((question, key or ""))
        for (old, new), asked in open_questions.items():
            found |= self._check(old, new, asked)
        return found

    def _check(self, old: Base, new: Base, asked: list[tuple[Question, str]]) -> dict[str, str]:
        if (old, new) not in self._moves:
            from pyman.effects.packages.dist_info import Reader

            move = Move(read_release(old), read_release(new))
            self._moves[old, new] = move, Reader(move.lost_symbols, move.lost_architectures)
        move, reader = self._moves[old, new]
        found = {}
        installed = reader.read_each(question.site_packages for question, _ in asked)
        for (question, key), one in zip(asked, installed, strict=True):
            verdict = move.check(one.distributions, one.needs, request=question.request)
            reason = one_line(verdict.reasons)
            if key:
                self._kept[key] = reason
            if reason:
                found[question.path] = reason
        return found

    def remember(self, *, all_asked: bool) -> None:
        """Keep the answers for the next time; a cache that cannot be written is no failure.

        `all_asked` drops those that nobody asked for now: their venvs are gone, or have changed since.
        """
        kept = self._kept if all_asked else self._known | self._kept
        if kept == self._known:
            return
        text = "".join(f"{key}\t{reason}\n" for key, reason in kept.items())
        try:
            make_folder(os.path.dirname(self._file))
            replace_file(self._file, text.encode("utf-8", "surrogateescape"), 0o600)
        except (OSError, PymanError):
            return
        self._known = kept

    def _recall(self) -> dict[str, str]:
        try:
            lines = read_text(self._file, _LARGEST_MEMORY).splitlines()
        except OSError:
            return {}
        return {key: reason for key, tab, reason in (line.rpartition("\t") for line in lines) if tab}


def _key(question: Question) -> str | None:
    """What the answer depends on; None where it cannot be remembered."""
    try:
        changed = os.stat(question.site_packages).st_mtime_ns
    except OSError:
        return None
    if "\n" in question.site_packages or "\t" in question.site_packages:
        return None
    names = "\t".join(_name(base) for base in (question.old, question.new))
    return f"{changed}\t{names}\t{question.request or ''}\t{question.site_packages}"


def _name(base: Base) -> str:
    return f"{base.version}\t{base.variant}\t{base.executable}"


def read_release(base: Base) -> Release:
    """What a release is to packages: its version, its markers, what its interpreter is built for and exports."""
    from pyman.effects.architecture import architectures_of
    from pyman.effects.packages.elf import exported_symbols

    machine = os.uname()
    markers = marker_environment(
        base.version,
        sys_platform=sys.platform,
        machine=machine.machine,
        system_release=machine.release,
        system_version=machine.version,
    )
    symbols, built_for = exported_symbols(base.executable), architectures_of(base.executable)
    return Release(base.version, markers, symbols, base.variant, built_for)


def one_line(reasons: tuple[str, ...]) -> str:
    """Reasons as one line: it becomes a line of `pyvenv.cfg`."""
    shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    return " ".join(shown.split())
