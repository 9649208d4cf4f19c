"""What an alias that is about to move means for venvs, written down first: a move that was cut off is ended later.

The journal is work in progress in `runtimes/` (effects/staging.py). Before the alias has moved, a venv that was held
back for it goes back to the alias; afterwards, those that follow are brought up to date. Both are told by looking at
the alias, so it does not matter at which instant the process died.
"""

from __future__ import annotations

import os

from pyman.core.immutable import replace
from pyman.core.plans.move import AliasMove, Follower, onto_alias, refreshed
from pyman.core.plans.steps import Plan
from pyman.effects.files import read_text, replace_file
from pyman.effects.interruption import Part
from pyman.effects.moves.followers import complete, read_follower
from pyman.effects.places import Places, cannot_write
from pyman.effects.remove_tree import remove_tree
from pyman.effects.staging import WorkFolder, read_unfinished
from pyman.effects.store import read_stores
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.own_folders import clean_up_own
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from pyman.core.store import Runtime, Store

OPERATION = "move"
_FILE = "venvs"
_HELD_BACK, _UPDATED, _RELEASED = "behind", "along", "forward"
_LARGEST = 64 << 20


class MoveJournal:
    """Written while `with` lasts, where the moves change venvs at all. The caller holds the store's lock."""

    def __init__(self, places: Places, moves: Iterable[AliasMove]) -> None:
        fields = [field for move in moves for field in _fields(move)]
        self._text = os.fsencode("".join(f"{field}\0" for field in fields))
        self._work = WorkFolder(places.runtimes, OPERATION, fields[0], None) if fields else None

    def __enter__(self) -> Self:
        if self._work is not None:
            self._work.__enter__()
            try:
                replace_file(os.path.join(self._work.path, _FILE), self._text, 0o600, durable=True)
            except OSError as error:
                self._work.__exit__()
                raise cannot_write(self._work.path, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._work is not None:
            # What is left of it is ended once more by the next pyman, which changes nothing then.
            self._work.__exit__()


def _fields(move: AliasMove) -> Iterable[str]:
    """What has to be known of a move to end it: of every venv that it changes alias, new release, what, and path."""
    if move.new is None or move.swap.alias == "3":
        return
    newly_held = tuple(follower for follower, _ in move.newly_held)
    for what, followers in ((_HELD_BACK, newly_held), (_UPDATED, move.updated), (_RELEASED, move.released)):
        for follower in followers:
            # Paths may hold line ends; a NUL they cannot.
            yield from (move.swap.alias, move.new.name, what, follower.path)


def end_moves(places: Places) -> tuple[str, ...]:
    """End the moves that dead processes left half done; returns the venvs that were looked at.

    The caller holds the store's lock. What cannot be repaired now is for `doctor`. Raises nothing for a venv.
    """
    repaired: list[str] = []
    for work in read_unfinished(places.runtimes):
        if work.operation != OPERATION or work.alive:
            continue
        store = read_stores(places)
        for alias, new, what, path in _read(work.path):
            target = store.alias_target(alias)
            moved = target is not None and target.name == new
            repaired.append(path)
            try:
                _reconcile(places, store, path, alias, None if what == (_HELD_BACK if moved else _RELEASED) else target)
            except (PymanError, OSError):
                continue
        try:
            remove_tree(work.path)
        except OSError:
            pass  # Nothing is left to be done; `clean_up` tries again, and tells of it.
    return tuple(repaired)


def _read(work: str) -> Iterable[tuple[str, ...]]:
    try:
        fields = read_text(os.path.join(work, _FILE), _LARGEST).split("\0")
    except OSError:
        return []  # Cut off before anything was done.
    return (entry for entry in zip(*[iter(fields)] * 4, strict=False) if entry[3].startswith("/"))


def _reconcile(places: Places, store: Store, path: str, alias: str, target: Runtime | None) -> None:
    """Clear away what lies half done in a venv, and bring it onto its alias; without `target` it is in its place."""
    names = {"3", alias, *(runtime.name for runtime in store.runtimes if runtime.alias == alias)}
    follower = read_follower(path, places.root, names.__contains__)
    if follower is None:
        return
    clean_up_own(follower.own, ("", "bin"))
    if target is None or follower.is_pinned or follower.obstacle:
        return
    # This completes the work of another process, so there is nobody to report it to.
    with Part(), Transaction(places) as transaction:
        transaction.take(onto_alias(replace(follower, copies=()), alias, target.version, target.variant, target))
        _refresh_copies(transaction, follower, store, alias, target)


def _refresh_copies(transaction: Transaction, follower: Follower, store: Store, alias: str, target: Runtime) -> None:
    """Copies of another release of the minor become those of the one that runs."""
    if not follower.copies:
        return
    for runtime in store.runtimes:
        if runtime.alias == alias and runtime.name != target.name:
            program = os.path.join(runtime.path, runtime.executable)
            copies = refreshed(complete(follower, program), os.path.join(target.path, target.executable))
            transaction.take(Plan(copies, venv=follower.own))
