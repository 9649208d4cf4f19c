"""The check before an alias moves: what is installed in the venvs that follow it is read, and nothing is run."""

from __future__ import annotations

import os

from pyman.core.compatibility import Move
from pyman.core.record import replace
from pyman.core.request import parse_request
from pyman.effects.fitness import Base, one_line, read_release
from pyman.effects.installed import Reader
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.compatibility import Release, Verdict
    from pyman.core.plans.move import AliasMove, Follower
    from pyman.core.request import Request
    from pyman.core.runtime import Runtime, Store


def check_followers(move: AliasMove, before: Store, trees: dict[str, str]) -> AliasMove:
    """Say of every venv that follows an alias whether it fits the new release, compared with the one that it runs."""
    new, old = move.new, move.old
    if new is None or old is None:
        return move
    release = _release(new, trees)
    behind: list[tuple[Follower, str]] = []
    along: list[Follower] = []
    notes: list[str] = []
    for follower, verdict in _verdicts(move.along, _release(old, trees), release):
        notes += [f"{follower.path}: {note}" for note in verdict.notes]
        if verdict.reasons:
            behind.append((follower, one_line(verdict.reasons)))
        else:
            along.append(follower)
    forward: list[Follower] = []
    still: list[tuple[Follower, str]] = []
    for name in dict.fromkeys(follower.through for follower in move.forward):
        runtime = before.runtime(name)
        waiting = tuple(follower for follower in move.forward if follower.through == name)
        if runtime is None or not runtime.whole:
            forward += waiting
            continue
        for follower, verdict in _verdicts(waiting, _release(runtime, trees), release):
            if verdict.reasons:
                still.append((follower, one_line(verdict.reasons)))
            else:
                forward.append(follower)
    return replace(
        move, along=tuple(along), behind=tuple(behind), forward=tuple(forward), still=tuple(still), notes=tuple(notes)
    )


def _release(runtime: Runtime, trees: dict[str, str]) -> Release:
    tree = trees.get(runtime.name, runtime.path)
    return read_release(Base(os.path.join(tree, runtime.executable), runtime.version, runtime.variant))


def _verdicts(followers: tuple[Follower, ...], old: Release, new: Release) -> list[tuple[Follower, Verdict]]:
    """Check venvs that run the same release together: what they have in common is read and parsed once."""
    if not followers:
        return []
    check = Move(old, new)
    reader = Reader(check.lost_symbols)
    installed = reader.read_each(follower.site_packages or "" for follower in followers)
    return [
        (follower, check.check(one.distributions, one.needs, request=_request_of(follower)))
        for follower, one in zip(followers, installed, strict=True)
    ]


def _request_of(follower: Follower) -> Request | None:
    text = follower.settings.request
    if text is None:
        return None
    try:
        return parse_request(text)
    except PymanError:
        return None
