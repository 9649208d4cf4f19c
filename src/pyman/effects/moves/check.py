"""The check before an alias moves: what is installed in the venvs that follow it is read, and nothing is run."""

from __future__ import annotations

import os

from pyman.core.packages.compatibility import Move, Verdict
from pyman.core.packages.lent import not_lent, package_folders
from pyman.core.plans.move import AliasMove, Follower, library_name
from pyman.core.record import replace
from pyman.core.request import Request, parse_request
from pyman.effects.moves.fitness import Base, one_line, read_release
from pyman.effects.packages.dist_info import Reader, read_distributions
from pyman.effects.packages.lenders import Lender, Lenders
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.core.packages.package import Distribution
    from pyman.core.store import Runtime, Store


class Check:
    """Says which venvs fit a release; `trees` tells where a runtime lies that has not got its name yet."""

    def __init__(self, new: Runtime, trees: Mapping[str, str]) -> None:
        self._new = new
        self._trees = trees
        self._release = read_release(self._base(new))
        self._visible: tuple[Distribution, ...] | None = None
        self._lenders = Lenders()

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
        each = tuple(followers)
        if not each:
            return []
        move = Move(read_release(self._base(old)), self._release)
        reader = Reader(move.lost_symbols, move.lost_architectures)
        library = library_name(self._new)
        folders = [f"{follower.place}/lib/{library}/site-packages" for follower in each]
        answers = []
        for follower, installed in zip(each, reader.read_each(folders), strict=True):
            borrows = follower.settings.has_system_site_packages
            visible = self._seen_from_outside() if borrows else ()
            request = _request_of(follower) if asked else None
            verdict = move.check(installed.distributions, installed.needs, request=request, visible=visible)
            lost = self._no_more_lent(installed.site_packages, old) if borrows else ()
            reasons = (*verdict.reasons, not_lent(old.release, lost)) if lost else verdict.reasons
            answers.append((follower, Verdict(reasons, (*installed.notes, *verdict.notes))))
        return answers

    def _no_more_lent(self, site_packages: str, old: Runtime) -> tuple[str, ...]:
        before, after = (Lender(self._tree(each), library_name(each)) for each in (old, self._new))
        return self._lenders.missed(before, after, site_packages)

    def _seen_from_outside(self) -> tuple[Distribution, ...]:
        """What is installed in the new runtime itself, for venvs that can import it."""
        if self._visible is None:
            folders = package_folders(self._tree(self._new), library_name(self._new))
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
    behind: list[tuple[Follower, str]] = []
    along: list[Follower] = list(move.along) if old is None else []
    notes: list[tuple[str, str]] = []
    for follower, verdict in check.verdicts(move.along, old) if old is not None else ():
        notes += [(follower.path, note) for note in verdict.notes]
        if verdict.reasons:
            behind.append((follower, one_line(verdict.reasons)))
        else:
            along.append(follower)
    forward: list[Follower] = list(move.forward)
    still: list[tuple[Follower, str]] = []
    held: dict[str, list[Follower]] = {}
    for follower in waiting:
        held.setdefault(follower.through, []).append(follower)
    for name, followers in held.items():
        runtime = before.runtime(name)
        if runtime is None or not runtime.whole:
            # What kept it there is gone: it cannot be worse off.
            forward += followers
            continue
        for follower, verdict in check.verdicts(followers, runtime):
            notes += [(follower.path, note) for note in verdict.notes]
            if verdict.reasons:
                still.append((follower, one_line(verdict.reasons)))
            else:
                forward.append(follower)
    return replace(
        move,
        along=tuple(along),
        behind=tuple(behind),
        forward=tuple(forward),
        still=tuple(still),
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
