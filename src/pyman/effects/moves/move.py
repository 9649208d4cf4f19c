"""Changing the store so that aliases move: one operation, whoever requests it (design.md 8).

Look and check without the lock, which may take seconds; then, under the lock and in one transaction: hold back what
does not fit, make the change, swap the links, bring the venvs up to date. If the store is another one by then, look
again. Whatever fails leaves everything as it was.
"""

from __future__ import annotations

import os

from pyman.core.aliases import Swap, swaps, with_swaps
from pyman.core.immutable import replace
from pyman.core.names import minor_of_alias
from pyman.core.plans.move import AliasMove, Follower, going_along, going_and_waiting, may_need_work
from pyman.core.plans.steps import RemoveLink, ReplaceLink
from pyman.core.store import Held, Moved, Process, Store, parse_runtime_name, with_default, with_hold
from pyman.core.version import minor_alias
from pyman.effects.lock import hold_store
from pyman.effects.moves.followers import (
    CANNOT_BE_WRITTEN,
    NOT_RECORDED,
    Followers,
    cannot_hold_back,
    complete,
    hold_back,
    only_named,
    read_followers,
    refresh_copies,
    update_followers,
)
from pyman.effects.moves.journal import MoveJournal, end_moves
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.settings import read_settings
from pyman.effects.store import read_stores, write_default, write_hold
from pyman.effects.transaction import Transaction
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pyman.core.store import Runtime
    from pyman.core.trials import Trial

_MOST_LOOKS = 5


class Preview:
    """The store as a dry run would leave it: changed here, and not on the disk (design.md 11).

    What a change works out before it begins is worked out just so; what stops it then is raised here too.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._store: Store | None = None
        self.found: tuple[str, ...] = ()
        """Venvs that a search has found, and that a run would have taken note of."""

    @property
    def store(self) -> Store:
        """The store with all changes so far. Raises PymanError where it cannot be read."""
        if self._store is None:
            self._store = read_stores(self._places)
        return self._store

    def change(
        self,
        change: Callable[[Store], Store],
        *,
        check: bool = True,
        force: bool = False,
        trees: Mapping[str, str] | None = None,
    ) -> tuple[Moved, ...]:
        """What `change_store` would answer."""
        before = self.store
        after = change(before)
        wanted = swaps(after)
        moves = prepare(self._places, before, after, wanted, check=check, trees=trees or {}, found=self.found)
        processes = {move.swap.alias: _running(move) for move in moves}
        moves, waiting = _apart(self._places, moves, after, processes)
        moves = [_with_blocked(move, force=force) for move in moves]
        stay = {move.swap.alias for move in waiting}
        self._store = with_swaps(after, (swap for swap in wanted if swap.alias not in stay))
        return _told(moves, waiting, processes)


def change_store(
    places: Places,
    change: Callable[[Store], Store],
    do: Callable[[Transaction], None],
    *,
    check: bool = True,
    force: bool = False,
    trees: dict[str, str] | None = None,
    trials: tuple[Trial, ...] | None = None,
    observer: Observer = SILENT,
    preview: Preview | None = None,
) -> tuple[Moved, ...]:
    """Change the store and move the aliases that this moves; with a `preview`, in that alone.

    `change` says what the store will be, `do` makes it so; `trees` tells where a runtime lies that has not got its
    name yet. `trials` are run in the venvs that follow; None stands for those of the settings. Raises Refused where a
    venv that does not fit cannot be held back, unless `force`.
    """
    if preview is not None:
        return preview.change(change, check=check, force=force, trees=trees)
    for _ in range(_MOST_LOOKS):
        before = read_stores(places)
        if any(name.startswith(".move-") for name in before.unfinished):
            with hold_store(places, observer):
                end_moves(places)
        after = change(before)
        wanted = swaps(after)
        moves = prepare(places, before, after, wanted, check=check, trees=trees or {}, trials=trials, observer=observer)
        processes = {move.swap.alias: _running(move) for move in moves}
        moves, waiting = _apart(places, moves, after, processes)
        moves = [_with_blocked(move, force=force) for move in moves]
        for move in moves:
            _name_processes(move, processes[move.swap.alias], observer)
        with hold_store(places, observer):
            now = read_stores(places)
            if swaps(change(now)) != wanted:
                continue
            try:
                with MoveJournal(places, moves), Transaction(places) as transaction:
                    moves = _carry_out(places, transaction, moves, do, now, after, force=force)
            except OSError as error:
                raise cannot_write(places.runtimes, error) from error
        return _told(moves, waiting, processes)
    raise PymanError("other processes keep changing the store", hint="run the same command again later")


def reconcile_aliases(
    places: Places,
    observer: Observer = SILENT,
    *,
    check: bool = True,
    force: bool = False,
    trials: tuple[Trial, ...] | None = None,
    preview: Preview | None = None,
) -> tuple[Moved, ...]:
    """Point every alias where the rules say, changing nothing else."""
    return change_store(
        places,
        lambda store: store,
        lambda _: None,
        check=check,
        force=force,
        trials=trials,
        observer=observer,
        preview=preview,
    )


def _with_blocked(move: AliasMove, *, force: bool) -> AliasMove:
    """A venv of the user's that does not fit and cannot be held back stops the move, unless `force`.

    With it, it goes along, as one does that is somebody else's or that nobody has recorded; and that is said.
    """
    stopping = [(follower, reason) for follower, reason in move.blocked if follower.stops_moves]
    if stopping and not force:
        raise cannot_hold_back(", ".join(one.path for one, _ in stopping[:3]), move, stopping[0][1])
    for follower, reason in move.blocked:
        move = going_along(move, follower, reason, force=force)
    return replace(move, blocked=())


def _carry_out(
    places: Places,
    transaction: Transaction,
    moves: list[AliasMove],
    do: Callable[[Transaction], None],
    now: Store,
    after: Store,
    *,
    force: bool,
) -> list[AliasMove]:
    """Hold back, change, swap, bring along.

    What decides where an alias leads (a new runtime, a hold) comes before its swap, so that whoever finds a change cut
    off in between goes on with it. But an alias that leads to what goes is swapped or removed before, `3` first: one
    that is there leads somewhere always.
    """
    gone = {move.swap.alias for move in moves if move.swap.new is None}
    stays = {runtime.name for runtime in after.runtimes} | {alias.name for alias in now.aliases} - gone
    there = {runtime.name for runtime in now.runtimes if runtime.whole} | {alias.name for alias in now.aliases}
    early = {
        move.swap.alias
        for move in moves
        if not (move.swap.old in stays or _is_beneath(move.swap.old))
        and (move.swap.new in there or _is_beneath(move.swap.new))
    }
    moves = [hold_back(transaction, move, force=force) for move in moves]
    first = early | gone
    moves.sort(key=lambda move: move.swap.alias != "3" or "3" not in first)
    moves = [_swap(places, transaction, move) if move.swap.alias in first else move for move in moves]
    do(transaction)
    moves = [move if move.swap.alias in first else _swap(places, transaction, move) for move in moves]
    return [update_followers(transaction, move) for move in moves]


def _is_beneath(target: str | None) -> bool:
    """True for the link of an alias into the store beneath, which no change of this one touches."""
    return target is not None and os.path.isabs(target)


def _swap(places: Places, transaction: Transaction, move: AliasMove) -> AliasMove:
    """Point an alias elsewhere; no copied interpreter runs with a newer library than its own at any instant."""
    swap = move.swap
    path = os.path.join(places.runtimes, swap.alias)
    if move.goes_up:
        move = refresh_copies(transaction, move)
    if swap.new is not None:
        transaction.take_step(ReplaceLink(path, swap.old, swap.new))
    elif swap.old is not None:
        transaction.take_step(RemoveLink(path, swap.old))
    return move if move.goes_up else refresh_copies(transaction, move)


def _running(move: AliasMove) -> tuple[Process, ...]:
    """The processes that run through the alias: what they import afterwards comes from another release."""
    if move.old is None or move.swap.alias == "3":
        return ()
    from pyman.effects.processes import processes_in

    return tuple(one for one in processes_in(move.old) if one.through in ("", "3", move.swap.alias))


def _name_processes(move: AliasMove, running: tuple[Process, ...], observer: Observer) -> None:
    after = f"it imports from {move.new.release}" if move.new is not None else "it no longer finds its standard library"
    for process in running:
        observer.noted(
            f"process {process.pid} ({process.command}) runs {move.old.release if move.old else ''} through"
            f" {move.swap.alias}; after the move {after}"
        )


def _apart(
    places: Places, moves: list[AliasMove], after: Store, processes: dict[str, tuple[Process, ...]]
) -> tuple[list[AliasMove], list[AliasMove]]:
    """The moves to make, and those that wait for processes, where the caller wants that (design.md 8)."""
    if not places.keeps_running:
        return moves, []
    from pyman.effects.processes import is_pyman

    in_use = {alias for alias, found in processes.items() if not all(map(is_pyman, found))}
    return going_and_waiting(moves, after, in_use)


def _told(
    moves: Iterable[AliasMove], waiting: Iterable[AliasMove], processes: Mapping[str, tuple[Process, ...]]
) -> tuple[Moved, ...]:
    done = [as_planned(move, processes[move.swap.alias]) for move in moves if move.swap.alias != "3"]
    return (*done, *(replace(as_planned(move, processes[move.swap.alias]), waits=True) for move in waiting))


def as_planned(move: AliasMove, processes: tuple[Process, ...] = ()) -> Moved:
    """What a move means for the venvs, as it was prepared or carried out."""
    following = len(move.updated) + len(move.released) + move.others
    return Moved(
        move.swap.alias,
        _name_of(move.swap.old, move.old),
        _name_of(move.swap.new, move.new),
        followed=following if move.swap.new is not None else 0,
        pinned=len(move.pinned),
        held_back=tuple(Held(follower.path, reason) for follower, reason in (*move.newly_held, *move.still_held)),
        processes=processes,
        notes=move.notes,
        is_protected=not move.unprotected,
        runtimes=(move.old, move.new),
    )


def _name_of(target: str | None, runtime: Runtime | None) -> str | None:
    """The name of the runtime that an alias points at, also of one in the store beneath."""
    return runtime.name if _is_beneath(target) and runtime is not None else target


# Looking at the venvs that moves of aliases concern, and sorting them by what becomes of each.


def prepare(
    places: Places,
    before: Store,
    after: Store,
    wanted: Iterable[Swap],
    *,
    check: bool,
    trees: Mapping[str, str],
    found: Iterable[str] = (),
    trials: tuple[Trial, ...] | None = (),
    observer: Observer = SILENT,
) -> list[AliasMove]:
    """Look at the venvs that these swaps concern, and decide what becomes of each.

    They are those of the inventory, and those that the search of a dry run has `found`.
    """
    swaps = list(wanted)
    if not swaps:
        return []
    from pyman.effects.venvs.inventory import unrecorded_venvs

    aliases = {swap.alias for swap in swaps}
    major = _minor_of_major(before)

    def concerns(name: str) -> bool:
        return name in aliases or (name == "3" and major in aliases) or alias_of(name) in aliases

    # Without the check nothing has to be known of a venv in which nothing goes stale.
    counted = {} if check else {alias: minor_of_alias(alias) for alias in aliases - {"3"}}
    others = unrecorded_venvs(places, found)
    followers = read_followers(places.root, concerns, counted, others)
    left_alone = only_named(places, followers.each)
    each = tuple(replace(one, obstacle=NOT_RECORDED) if one.path in left_alone else one for one in followers.each)
    followers = replace(followers, each=each)
    through_major = major if "3" not in aliases else None
    moves = [_prepare(swap, before, after, followers, through_major, check=check, trees=trees) for swap in swaps]
    if check and any(move.updated or move.released for move in moves):
        wanted_trials = read_settings(places).trial if trials is None else trials
        if wanted_trials or any(move.released for move in moves):
            from pyman.effects.moves.trials import try_followers

            moves = [try_followers(places, wanted_trials, move, before, trees, observer) for move in moves]
    return [_what_can_be_done(move, after) if move.swap.alias != "3" else move for move in moves]


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
    new = after.linked(swap.new)
    move = AliasMove(swap, old, new, others=followers.others.get(swap.alias, 0))
    if swap.alias == "3":
        through_major = tuple(one for one in followers.each if one.through == "3")
        return replace(move, to_minor=tuple((_completed(one, None), old) for one in through_major)) if old else move
    own = (swap.alias, "3") if major == swap.alias else (swap.alias,)
    updated = [one for one in followers.each if one.through in own]
    elsewhere = [one for one in followers.each if alias_of(one.through) == swap.alias]
    pinned = [one for one in elsewhere if one.is_pinned]
    waiting = [one for one in elsewhere if not one.is_pinned and one.is_held_back]
    # The release that they are kept on is the one that comes.
    home_again = [one for one in waiting if one.through == swap.new]
    waiting = [one for one in waiting if one.through != swap.new]
    move = replace(move, updated=tuple(updated), released=tuple(home_again), pinned=tuple(pinned))
    if check and new is not None and (updated or waiting):
        from pyman.effects.moves.check import check_followers

        move = check_followers(move, waiting, before, trees)
    else:
        move = replace(move, still_held=tuple((one, (one.settings.held_back or ("", ""))[1]) for one in waiting))
    return move


def _what_can_be_done(move: AliasMove, after: Store) -> AliasMove:
    """Tell apart what cannot be done: to venvs that cannot be written, and where the old release is to go."""
    old = move.old
    program = os.path.join(old.path, old.executable) if old is not None else None
    minor = minor_of_alias(move.swap.alias)
    left = {runtime.path for layer in after.layers for runtime in layer.runtimes}
    newly_held: list[tuple[Follower, str]] = []
    blocked: list[tuple[Follower, str]] = []
    updated: list[Follower] = []
    released: list[Follower] = []
    still_held, notes, others = list(move.still_held), list(move.notes), move.others
    for follower, reason in move.newly_held:
        if old is not None and old.path not in left:
            blocked.append((follower, f"{reason}, and it cannot be held back on {old.release}, which is being removed"))
        elif (ready := _ready(follower, program)).obstacle:
            blocked.append((follower, f"{reason}, and it cannot be held back: {ready.obstacle}"))
        else:
            newly_held.append((ready, reason))
    for follower in move.updated:
        if not (follower.copies or follower.owner_files or may_need_work(follower.cfg, minor)):
            others += 1
        elif (ready := _ready(follower, program)).obstacle:
            others += 1
            notes.append((follower.path, f"was not updated: {ready.obstacle}"))
        else:
            updated.append(ready)
    for follower in move.released:
        present = os.path.join(follower.runtimes, follower.through, move.new.executable) if move.new else None
        if (ready := _ready(follower, present)).obstacle:
            still_held.append((follower, f"it fits again, but could not be moved: {ready.obstacle}"))
        else:
            released.append(ready)
    return replace(
        move,
        updated=tuple(updated),
        others=others,
        newly_held=tuple(newly_held),
        blocked=tuple(blocked),
        released=tuple(released),
        still_held=tuple(still_held),
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


# Changes of what the user wants: holds and the default request (effects/store.py), with the moves that these make.


def set_hold(
    places: Places,
    alias: str,
    name: str | None,
    observer: Observer = SILENT,
    *,
    check: bool = True,
    force: bool = False,
    preview: Preview | None = None,
) -> tuple[Moved, ...]:
    """Keep an alias at a runtime, or let it go where the rules say; returns the moves that this makes.

    Raises PymanError where the store cannot be written.
    """
    if preview is None:
        make_folder(places.runtimes)
    return change_store(
        places,
        lambda store: with_hold(store, alias, name),
        lambda transaction: write_hold(places, alias, name, transaction),
        check=check,
        force=force,
        observer=observer,
        preview=preview,
    )


def set_default(
    places: Places, request: str | None, observer: Observer = SILENT, *, preview: Preview | None = None
) -> None:
    """Write the default request, and point the alias `3` at its minor.

    Raises PymanError where the store cannot be written.
    """
    if preview is None:
        make_folder(places.runtimes)
    change_store(
        places,
        lambda store: with_default(store, request),
        lambda transaction: write_default(places, request, transaction),
        observer=observer,
        preview=preview,
    )
