"""Changing the store so that aliases move: one operation, whoever asks for it (DESIGN 8).

Look and check without the lock, which may take seconds; then, under the lock and in one transaction: hold back what
does not fit, make the change, swap the links, bring the venvs up to date. If the store is another one by then, look
again. Whatever fails leaves everything as it was.
"""

from __future__ import annotations

import os

from pyman.core.plans.steps import RemoveLink, ReplaceLink
from pyman.core.record import replace
from pyman.core.store import Held, Moved, Process, Store, swaps
from pyman.effects.lock import hold
from pyman.effects.moves.journal import MoveJournal, end_moves
from pyman.effects.moves.prepared import prepare
from pyman.effects.moves.venvs import bring_along, cannot_hold_back, keep_behind, refresh_copies
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write
from pyman.effects.store import read_store
from pyman.effects.transaction import Transaction
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.core.plans.move import AliasMove

_MOST_LOOKS = 5


def change_store(
    places: Places,
    change: Callable[[Store], Store],
    do: Callable[[Transaction], None],
    *,
    check: bool = True,
    force: bool = False,
    trees: dict[str, str] | None = None,
    observer: Observer = SILENT,
) -> tuple[Moved, ...]:
    """Change the store and move the aliases that this moves.

    `change` says what the store will be, `do` makes it so; `trees` tells where a runtime lies that has not got its
    name yet. Raises Refused where a venv that does not fit cannot be held back, unless `force`.
    """
    for _ in range(_MOST_LOOKS):
        before = read_store(places.root)
        if any(name.startswith(".move-") for name in before.unfinished):
            with hold(places.lock, observer, what="the store"):
                end_moves(places)
        after = change(before)
        wanted = swaps(after)
        moves = prepare(places, before, after, wanted, check=check, trees=trees or {})
        moves = [_with_what_is_stuck(move, force=force) for move in moves]
        processes = {move.swap.alias: _running(move, observer) for move in moves}
        with hold(places.lock, observer, what="the store"):
            now = read_store(places.root)
            if swaps(change(now)) != wanted:
                continue
            try:
                with MoveJournal(places, moves), Transaction(places) as transaction:
                    moves = _carry_out(places, transaction, moves, do, now, after, force=force)
            except OSError as error:
                raise cannot_write(places.runtimes, error) from error
        return tuple(as_planned(move, processes[move.swap.alias]) for move in moves if move.swap.alias != "3")
    raise PymanError("the store is being changed by others all the time", hint="run the same command again later")


def settle_aliases(
    places: Places, observer: Observer = SILENT, *, check: bool = True, force: bool = False
) -> tuple[Moved, ...]:
    """Point every alias where the rules say, changing nothing else."""
    return change_store(places, lambda store: store, lambda _: None, check=check, force=force, observer=observer)


def _with_what_is_stuck(move: AliasMove, *, force: bool) -> AliasMove:
    """A venv that does not fit and cannot be held back stops the move; with `force` it goes along, and that is said."""
    if move.stuck and not force:
        raise cannot_hold_back(", ".join(one.path for one, _ in move.stuck[:3]), move, move.stuck[0][1])
    notes = tuple((follower.path, f"goes along: {reason}") for follower, reason in move.stuck)
    return replace(move, notes=(*move.notes, *notes))


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
    early = {move.swap.alias for move in moves if move.swap.old not in stays and move.swap.new in there}
    moves = [keep_behind(transaction, move, force=force) for move in moves]
    first = early | gone
    moves.sort(key=lambda move: move.swap.alias != "3" or "3" not in first)
    moves = [_swap(places, transaction, move) if move.swap.alias in first else move for move in moves]
    do(transaction)
    moves = [move if move.swap.alias in first else _swap(places, transaction, move) for move in moves]
    return [bring_along(transaction, move) for move in moves]


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


def _running(move: AliasMove, observer: Observer) -> tuple[Process, ...]:
    """Name the processes that run through the alias: what they import afterwards comes from the new release."""
    if move.old is None or move.swap.alias == "3":
        return ()
    from pyman.effects.processes import processes_in

    alias = move.swap.alias
    running = tuple(one for one in processes_in(move.old) if one.through in ("", "3", alias))
    becomes = "comes from the new release" if move.swap.new is not None else "is not found any more"
    for process in running:
        observer.noted(
            f"process {process.pid} ({process.command}) runs {move.old.release} through {alias}:"
            f" what it imports from now on {becomes}"
        )
    return running


def as_planned(move: AliasMove, processes: tuple[Process, ...] = ()) -> Moved:
    """What a move means for the venvs, as it was prepared or carried out."""
    following = len(move.along) + len(move.forward) + len(move.stuck) + move.others
    return Moved(
        move.swap.alias,
        move.swap.old,
        move.swap.new,
        followed=following if move.swap.new is not None else 0,
        pinned=len(move.pinned),
        held_back=tuple(Held(follower.path, reason) for follower, reason in (*move.behind, *move.still)),
        processes=processes,
        notes=move.notes,
    )
