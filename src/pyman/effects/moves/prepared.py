"""Looking at the venvs that moves of aliases concern, and sorting them by what becomes of each."""

from __future__ import annotations

import os

from pyman.core.plans.move import AliasMove, Follower, may_need_work
from pyman.core.record import replace
from pyman.core.store import Store, Swap, parse_runtime_name
from pyman.core.version import minor_alias
from pyman.effects.moves.followers import CANNOT_BE_WRITTEN, Followers, complete, read_followers
from pyman.effects.moves.quiet_followers import QuietFollowers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.effects.places import Places


def prepare(
    places: Places, before: Store, after: Store, wanted: Iterable[Swap], *, check: bool, trees: Mapping[str, str]
) -> list[AliasMove]:
    """Look at the venvs that these swaps concern, and decide what becomes of each."""
    swaps = list(wanted)
    if not swaps:
        return []
    aliases = {swap.alias for swap in swaps}
    major = _minor_of_major(before)

    def concerns(name: str) -> bool:
        return name in aliases or (name == "3" and major in aliases) or alias_of(name) in aliases

    # Without the check nothing has to be known of a venv in which nothing goes stale.
    counted = {} if check else {alias: alias.rstrip("td") for alias in aliases - {"3"}}
    quiet = QuietFollowers(places.cache) if counted else None
    followers = read_followers(places.root, concerns, counted, quiet=quiet)
    through_major = major if "3" not in aliases else None
    return [_prepare(swap, before, after, followers, through_major, check=check, trees=trees) for swap in swaps]


def _prepare(
    swap: Swap,
    before: Store,
    after: Store,
    followers: Followers,
    major: str | None,
    *,
    check: bool,
    trees: Mapping[str, str],
) -> AliasMove:
    """Sort the venvs that one swap concerns; those that go through `3` follow the minor `major`."""
    old = before.alias_target(swap.alias)
    new = after.runtime(swap.new) if swap.new is not None else None
    move = AliasMove(swap, old, new, others=followers.others.get(swap.alias, 0))
    if swap.alias == "3":
        through_major = tuple(one for one in followers.each if one.through == "3")
        return replace(move, to_minor=tuple((_completed(one, None), old) for one in through_major)) if old else move
    own = (swap.alias, "3") if major == swap.alias else (swap.alias,)
    along = [one for one in followers.each if one.through in own]
    elsewhere = [one for one in followers.each if alias_of(one.through) == swap.alias]
    pinned = [one for one in elsewhere if one.is_pinned]
    waiting = [one for one in elsewhere if not one.is_pinned and one.is_held_back]
    # The release that they are kept on is the one that comes.
    home_again = [one for one in waiting if one.through == swap.new]
    waiting = [one for one in waiting if one.through != swap.new]
    move = replace(move, along=tuple(along), forward=tuple(home_again), pinned=tuple(pinned))
    if check and new is not None and (along or waiting):
        from pyman.effects.moves.check import check_followers

        move = check_followers(move, waiting, before, trees)
    else:
        move = replace(move, still=tuple((one, (one.settings.held_back or ("", ""))[1]) for one in waiting))
    return _what_can_be_done(move, after)


def _what_can_be_done(move: AliasMove, after: Store) -> AliasMove:
    """Tell apart what cannot be done: to venvs that cannot be written, and where the old release is to go."""
    old = move.old
    program = os.path.join(old.path, old.executable) if old is not None else None
    minor = move.swap.alias.rstrip("td")
    behind: list[tuple[Follower, str]] = []
    stuck: list[tuple[Follower, str]] = []
    along: list[Follower] = []
    forward: list[Follower] = []
    still, notes, others = list(move.still), list(move.notes), move.others
    for follower, reason in move.behind:
        if old is not None and after.runtime(old.name) is None:
            stuck.append((follower, f"{reason}, and it cannot be held back on {old.release}, which is to go"))
        elif (ready := _ready(follower, program)).obstacle:
            stuck.append((follower, f"{reason}, and it cannot be held back: {ready.obstacle}"))
        else:
            behind.append((ready, reason))
    for follower in move.along:
        if not follower.copies and not may_need_work(follower.cfg, minor):
            others += 1
        elif (ready := _ready(follower, program)).obstacle:
            others += 1
            notes.append((follower.path, f"was not brought up to date: {ready.obstacle}"))
        else:
            along.append(ready)
    for follower in move.forward:
        present = os.path.join(follower.runtimes, follower.through, move.new.executable) if move.new else None
        if (ready := _ready(follower, present)).obstacle:
            still.append((follower, f"it fits again, and cannot be brought forward: {ready.obstacle}"))
        else:
            forward.append(ready)
    return replace(
        move,
        along=tuple(along),
        others=others,
        behind=tuple(behind),
        stuck=tuple(stuck),
        forward=tuple(forward),
        still=tuple(still),
        notes=tuple(notes),
    )


def _completed(follower: Follower, program: str | None) -> Follower:
    try:
        return complete(follower, program)
    except OSError:
        return replace(follower, obstacle=CANNOT_BE_WRITTEN)


def _ready(follower: Follower, program: str | None) -> Follower:
    """A venv with all that is needed to change it, or with why it is left as it is."""
    return follower if follower.obstacle else _completed(follower, program)


def _minor_of_major(store: Store) -> str | None:
    """The minor that `3` leads to."""
    target = store.alias_target("3")
    return target.alias if target is not None else None


def alias_of(name: str) -> str | None:
    """The alias that the release of such a name belongs to: `3.13` for `3.13.5`; None for an alias."""
    parsed = parse_runtime_name(name)
    return minor_alias(parsed[0], parsed[1]) if parsed is not None else None
