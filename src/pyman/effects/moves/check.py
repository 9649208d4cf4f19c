"""The check before an alias moves: whether what is installed in venvs fits a release. Files are read, nothing runs."""

from __future__ import annotations

import functools
import os
import sys

from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON
from pyman.core.packages.compatibility import Move, Release, Verdict, marker_environment
from pyman.core.packages.lent import names_missing, package_folders
from pyman.core.plans.move import AliasMove, Follower, library_of_runtime
from pyman.core.request import Request, parse_request
from pyman.core.version import release_name
from pyman.effects.memo import Memo
from pyman.effects.packages.donors import Donor, Donors
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.core.packages.package import Distribution
    from pyman.core.store import Runtime, Store
    from pyman.core.version import Variant, Version
    from pyman.effects.packages.dist_info import Reader


class Check:
    """Says which venvs fit a release; `trees` tells where a runtime lies that has not got its name yet."""

    def __init__(self, new: Runtime, trees: Mapping[str, str]) -> None:
        self._new = new
        self._trees = trees
        self._release = read_release(self._base(new))
        self._visible: tuple[Distribution, ...] | None = None
        self._donors = Donors()

    def _base(self, runtime: Runtime) -> Base:
        return Base(os.path.join(self._tree(runtime), runtime.executable), runtime.version, runtime.variant)

    def _tree(self, runtime: Runtime) -> str:
        return self._trees.get(runtime.name, runtime.path)

    def verdicts(
        self, followers: Iterable[Follower], old: Runtime, *, asked: bool = True
    ) -> list[tuple[Follower, Verdict]]:
        """Say of venvs that run `old` whether they fit the new release; what they have in common is read once.

        Without `asked`, what the venvs themselves asked for is no reason.
        """
        from pyman.effects.packages.dist_info import Reader

        each = tuple(followers)
        if not each:
            return []
        move = Move(read_release(self._base(old)), self._release)
        reader = Reader(move.lost_symbols, move.lost_architectures, move.lost_abi)
        library = library_of_runtime(self._new)
        folders = [f"{follower.place}/lib/{library}/site-packages" for follower in each]
        answers = []
        for follower, installed in zip(each, reader.read_each(folders), strict=True):
            borrows = follower.settings.has_system_site_packages
            visible = self._seen_from_outside() if borrows else ()
            request = _request_of(follower) if asked else None
            verdict = move.check(installed.distributions, installed.needs, request=request, visible=visible)
            lost = self._no_more_lent(installed.site_packages, old) if borrows else ()
            reasons = (*verdict.reasons, names_missing(old.release, lost)) if lost else verdict.reasons
            answers.append((follower, Verdict(reasons, (*installed.notes, *verdict.notes))))
        return answers

    def _no_more_lent(self, site_packages: str, old: Runtime) -> tuple[str, ...]:
        before, after = (Donor(self._tree(each), library_of_runtime(each)) for each in (old, self._new))
        return self._donors.missed(before, after, site_packages)

    def _seen_from_outside(self) -> tuple[Distribution, ...]:
        """What is installed in the new runtime itself, for venvs that can import it."""
        from pyman.effects.packages.dist_info import read_distributions

        if self._visible is None:
            folders = package_folders(self._tree(self._new), library_of_runtime(self._new))
            self._visible = tuple(one for folder in folders for one in read_distributions(folder)[0])
        return self._visible


def check_followers(move: AliasMove, waiting: Iterable[Follower], before: Store, trees: Mapping[str, str]) -> AliasMove:
    """Say of every venv that follows an alias whether it fits the new release, compared with the one that it runs.

    `waiting` are those that an earlier move held back.
    """
    new, old = move.new, move.old
    if new is None:
        return move
    check = Check(new, trees)
    newly_held: list[tuple[Follower, str]] = []
    updated: list[Follower] = list(move.updated) if old is None else []
    notes: list[tuple[str, str]] = []
    for follower, verdict in check.verdicts(move.updated, old) if old is not None else ():
        notes += [(follower.path, note) for note in verdict.notes]
        if verdict.reasons:
            newly_held.append((follower, one_line(verdict.reasons)))
        else:
            updated.append(follower)
    released: list[Follower] = list(move.released)
    still_held: list[tuple[Follower, str]] = []
    held: dict[str, list[Follower]] = {}
    for follower in waiting:
        held.setdefault(follower.through, []).append(follower)
    for name, followers in held.items():
        runtime = before.runtime(name)
        if runtime is None or not runtime.whole:
            # What kept it there is gone: it cannot be worse off.
            released += followers
            continue
        for follower, verdict in check.verdicts(followers, runtime):
            notes += [(follower.path, note) for note in verdict.notes]
            if verdict.reasons:
                still_held.append((follower, one_line(verdict.reasons)))
            else:
                released.append(follower)
    return replace(
        move,
        updated=tuple(updated),
        newly_held=tuple(newly_held),
        released=tuple(released),
        still_held=tuple(still_held),
        notes=(*move.notes, *notes),
    )


def _request_of(follower: Follower) -> Request | None:
    text = follower.settings.request
    if text is None:
        return None
    try:
        return parse_request(text)
    except PymanError:
        return None


# Whether venvs fit a release, asked for many at once and remembered: what has not changed is not read again.
#
# A verdict is cached by the site-packages folder and the time of its last change: installing or removing a package
# makes or removes a folder there. Where compiled files count that no package lists, nothing is cached: no time tells of
# their change. The memory lies in the cache and may be deleted at any time.


@record
class Base:
    """An interpreter whose release packages may or may not fit."""

    executable: str
    version: Version
    variant: Variant


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
        self.donors = Donors()
        self._memo = Memo(os.path.join(cache, "checks"))
        self._moves: dict[tuple[Base, Base], tuple[Move, Reader]] = {}

    def reasons(self, questions: Iterable[Question]) -> dict[str, str]:
        """The venvs that do not fit, by path, with the reason."""
        found: dict[str, str] = {}
        open_questions: dict[tuple[Base, Base], list[tuple[Question, str]]] = {}
        for question in questions:
            key = _key(question)
            reason = self._memo.find(key) if key is not None else None
            if key is None or reason is None:
                open_questions.setdefault((question.old, question.new), []).append((question, key or ""))
                continue
            self._memo.keep(key, reason)
            if reason:
                found[question.path] = reason
        for (old, new), asked in open_questions.items():
            found |= self._check(old, new, asked)
        return found

    def _check(self, old: Base, new: Base, asked: list[tuple[Question, str]]) -> dict[str, str]:
        from pyman.effects.packages.dist_info import Reader

        if (old, new) not in self._moves:
            move = Move(read_release(old), read_release(new))
            self._moves[old, new] = move, Reader(move.lost_symbols, move.lost_architectures, move.lost_abi)
        move, reader = self._moves[old, new]
        found = {}
        installed = reader.read_each(question.site_packages for question, _ in asked)
        for (question, key), one in zip(asked, installed, strict=True):
            verdict = move.check(one.distributions, one.needs, request=question.request)
            reason = one_line(verdict.reasons)
            if key and not one.may_change_unseen:
                self._memo.keep(key, reason)
            if reason:
                found[question.path] = reason
        return found

    def store(self, *, all_asked: bool) -> None:
        """Keep the answers for the next time; `all_asked` drops those that nobody asked for now."""
        self._memo.store(all_asked=all_asked)


def _key(question: Question) -> str | None:
    """What the answer depends on; None where it cannot be remembered."""
    try:
        changed = os.stat(question.site_packages).st_mtime_ns
    except OSError:
        return None
    # Thousands of venvs have few different questions, with long names.
    short = _digest(question.old, question.new, question.request)
    return f"{changed}\t{short}\t{question.site_packages}"


@functools.cache
def _digest(old: Base, new: Base, request: Request | None) -> str:
    from hashlib import blake2b

    names = "\t".join(f"{release_name(base.version, base.variant)}\t{base.executable}" for base in (old, new))
    text = f"{names}\t{request or ''}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def read_release(base: Base) -> Release:
    """What a release is to packages: its version, its markers, what its interpreter is built for and exports."""
    from pyman.effects.architecture import architectures_of
    from pyman.effects.packages.symbols import exported_symbols

    machine = os.uname()
    markers = marker_environment(
        base.version,
        sys_platform=sys.platform,
        machine=machine.machine,
        system_release=machine.release,
        system_version=machine.version,
    )
    # What another implementation exports is in a library of its own, and its ABI is told by a name.
    symbols = exported_symbols(base.executable) if base.version.implementation == CPYTHON else None
    built_for = architectures_of(base.executable)
    return Release(base.version, markers, symbols, base.variant, built_for)


def one_line(reasons: tuple[str, ...]) -> str:
    """Reasons as one line: it becomes a line of `pyvenv.cfg`."""
    shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" if len(reasons) > 3 else "")
    return " ".join(shown.split())
