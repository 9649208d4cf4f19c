"""Changing the store so that aliases move: one operation, whoever asks for it (DESIGN 8).

Look and check without the lock, which may take seconds; then, under the lock and in one transaction: hold back what
does not fit, make the change, swap the links, bring the venvs up to date. If the store is another one by then, look
again. Whatever fails leaves everything as it was.
"""

from __future__ import annotations

import os

from pyman.core.moves import Held, Moved, Process, Swap, swaps
from pyman.core.plan import RemoveLink, ReplaceLink
from pyman.core.plans.move import AliasMove, plans_after, plans_before
from pyman.core.record import replace
from pyman.effects.apply import Transaction
from pyman.effects.followers import read_followers
from pyman.effects.lock import hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write
from pyman.effects.store import read_store
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.core.runtime import Store
    from pyman.effects.places import Places

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
        after = change(before)
        wanted = swaps(after)
        moves = [prepare(places, swap, before, after, check=check, trees=trees or {}) for swap in wanted]
        _refuse_what_cannot_stay(moves, force=force)
        processes = {move.swap.alias: _running(move, observer) for move in moves}
        for move in moves:
            for note in move.notes:
                observer.noted(note)
        with hold(places.lock, observer, what="the store"):
            now = read_store(places.root)
            if swaps(change(now)) != wanted:
                continue
            with Transaction(places) as transaction:
                try:
                    return _carry_out(places, transaction, moves, do, processes, force=force)
                except OSError as error:
                    raise cannot_write(places.root, error) from error
    raise PymanError("the store is being changed by others all the time", hint="run the same command again later")


def settle_aliases(places: Places, observer: Observer = SILENT, *, check: bool = True) -> tuple[Moved, ...]:
    """Point every alias where the rules say, changing nothing else."""
    return change_store(places, lambda store: store, lambda _: None, check=check, observer=observer)


def prepare(
    places: Places, swap: Swap, before: Store, after: Store, *, check: bool, trees: dict[str, str]
) -> AliasMove:
    """Look at the venvs that the move of one alias concerns, and decide what becomes of each."""
    old = before.alias_target(swap.alias)
    new = after.runtime(swap.new) if swap.new is not None else None
    if swap.alias == "3" or old is None:
        return AliasMove(swap, old, new)
    relatives = [runtime.name for runtime in before.runtimes if runtime.alias == swap.alias]
    concerned = read_followers(places.root, (swap.alias, *relatives))
    along = tuple(one for one in concerned if one.through == swap.alias)
    pinned = tuple(one for one in concerned if one.through != swap.alias and one.is_pinned)
    waiting = tuple(one for one in concerned if one.through != swap.alias and not one.is_pinned and one.is_held_back)
    move = AliasMove(swap, old, new, along, forward=waiting, pinned=pinned)
    if not check or new is None or not (along or waiting):
        return move
    from pyman.effects.move_check import check_followers

    return check_followers(move, before, trees)


def _refuse_what_cannot_stay(moves: list[AliasMove], *, force: bool) -> None:
    """A venv that does not fit and cannot be held back stops the move: it would break."""
    stuck = [(one, reason) for move in moves for one, reason in move.behind if not one.writable]
    if stuck and not force:
        paths = ", ".join(one.path for one, _ in stuck[:3])
        raise Refused(
            f"{paths} does not fit the new release ({stuck[0][1]}) and cannot be held back, because it is not writable",
            hint="use `--force` to move the alias all the same",
            code="cannot-hold-back",
        )


def _carry_out(
    places: Places,
    transaction: Transaction,
    moves: list[AliasMove],
    do: Callable[[Transaction], None],
    processes: dict[str, tuple[Process, ...]],
    *,
    force: bool,
) -> tuple[Moved, ...]:
    for move in moves:
        for plan in plans_before(_only_writable(move)):
            transaction.take(plan)
    going = [move for move in moves if move.swap.new is None]
    staying = [move for move in moves if move.swap.new is not None]
    do(transaction)
    for move in (*staying, *going):
        _swap(places, transaction, move.swap)
    for move in moves:
        for plan in plans_after(_only_writable(move)):
            try:
                with Transaction(places) as own:
                    own.take(plan)
            except PymanError:
                # The alias has moved and the venv runs; what could not be brought up to date is what doctor finds.
                if not force and len(plan.steps) > 1:
                    raise
    return tuple(as_planned(move, processes[move.swap.alias]) for move in moves if move.swap.alias != "3")


def _swap(places: Places, transaction: Transaction, swap: Swap) -> None:
    path = os.path.join(places.runtimes, swap.alias)
    if swap.new is None and swap.old is not None:
        transaction.take_step(RemoveLink(path, swap.old))
    elif swap.new is not None:
        transaction.take_step(ReplaceLink(path, swap.old, swap.new))


def _only_writable(move: AliasMove) -> AliasMove:
    return replace(
        move,
        along=tuple(one for one in move.along if one.writable),
        behind=tuple(pair for pair in move.behind if pair[0].writable),
        forward=tuple(one for one in move.forward if one.writable),
    )


def _running(move: AliasMove, observer: Observer) -> tuple[Process, ...]:
    """Name the processes that run through the alias: what they import afterwards comes from the new release."""
    if move.old is None or move.swap.new is None or not (move.along or move.behind):
        return ()
    from pyman.effects.processes import processes_in

    running = processes_in(move.old.path)
    for process in running:
        observer.noted(
            f"process {process.pid} ({process.command}) runs {move.old.release} through {move.swap.alias}:"
            " what it imports from now on comes from the new release, so start it again"
        )
    return running


def as_planned(move: AliasMove, processes: tuple[Process, ...] = ()) -> Moved:
    """What a move means for the venvs, once it goes as it was prepared."""
    held = (*move.behind, *move.still)
    return Moved(
        move.swap.alias,
        move.swap.old,
        move.swap.new,
        followed=len(move.along) + len(move.forward),
        pinned=len(move.pinned),
        held_back=tuple(Held(one.path, reason) for one, reason in held),
        processes=processes,
    )
