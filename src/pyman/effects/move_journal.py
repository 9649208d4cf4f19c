"""What an alias that is about to move means for venvs, written down first: a move that was cut off is ended later.

The journal is work in progress in `runtimes/` (effects/unfinished.py). Before the alias has moved, a venv that was held
back for it goes back to the alias; afterwards, those that follow are brought up to date. Both are told by looking at
the alias, so it does not matter at which instant the process died.
"""

from __future__ import annotations

import os

from pyman.core.plans.move import onto_alias, refreshed
from pyman.core.record import replace
from pyman.effects.apply import Transaction
from pyman.effects.files import read_text, replace_file
from pyman.effects.followers import complete, read_follower
from pyman.effects.places import cannot_write
from pyman.effects.store import read_store
from pyman.effects.unfinished import WorkFolder, read_unfinished, remove_tree, sweep_temporaries
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

    from pyman.core.plans.move import AliasMove, Follower
    from pyman.core.runtime import Runtime, Store
    from pyman.effects.places import Places

OPERATION = "move"
_FILE = "venvs"
_LARGEST = 64 << 20


class MoveJournal:
    """Written while `with` lasts, where the moves change venvs at all. The caller holds the store's lock."""

    def __init__(self, places: Places, moves: Iterable[AliasMove]) -> None:
        self._entries = [entry for move in moves if (entry := _entry(move)) is not None]
        self._work: WorkFolder | None = None
        if self._entries:
            subject = "-".join(entry["alias"] for entry in self._entries)
            self._work = WorkFolder(places.runtimes, OPERATION, subject, None)

    def __enter__(self) -> Self:
        if self._work is None:
            return self
        import json

        try:
            self._work.__enter__()
        except OSError as error:
            remove_tree(self._work.path)
            raise cannot_write(self._work.path, error) from error
        try:
            text = json.dumps(self._entries).encode()
            replace_file(os.path.join(self._work.path, _FILE), text, 0o600, durable=True)
        except OSError as error:
            self._work.__exit__()
            raise cannot_write(self._work.path, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._work is not None:
            # What is left of it is ended once more by the next pyman, which changes nothing then.
            self._work.__exit__()


def _entry(move: AliasMove) -> dict[str, Any] | None:
    """What has to be known of a move to end it; None where it changes no venv."""
    if move.new is None or move.swap.alias == "3":
        return None
    behind = [follower.path for follower, _ in move.behind]
    along = [follower.path for follower in move.along]
    forward = [follower.path for follower in move.forward]
    if not behind and not along and not forward:
        return None
    return {"alias": move.swap.alias, "new": move.new.name, "behind": behind, "along": along, "forward": forward}


def end_moves(places: Places) -> tuple[str, ...]:
    """End the moves that dead processes left half done; returns the venvs that were looked at.

    The caller holds the store's lock. What cannot be mended now is for `doctor`. Raises nothing for a venv.
    """
    mended: list[str] = []
    for work in read_unfinished(places.runtimes):
        if work.operation != OPERATION or work.alive:
            continue
        store = read_store(places.root)
        for entry in _read(work.path):
            target = store.alias_target(entry["alias"])
            if target is None:
                continue
            moved = target.name == entry["new"]
            for path in (*entry["along"], *(entry["forward"] if moved else entry["behind"])):
                mended.append(path)
                try:
                    _settle(places, store, path, entry["alias"], target)
                except (PymanError, OSError):
                    continue
        remove_tree(work.path)
    return tuple(mended)


def _read(work: str) -> list[dict[str, Any]]:
    import json

    try:
        entries = json.loads(read_text(os.path.join(work, _FILE), _LARGEST))
    except (OSError, ValueError):
        return []  # Cut off before anything was done.
    return entries if isinstance(entries, list) else []


def _settle(places: Places, store: Store, path: str, alias: str, target: Runtime) -> None:
    names = {"3", alias, *(runtime.name for runtime in store.runtimes if runtime.alias == alias)}
    follower = read_follower(path, places.runtimes, names.__contains__)
    if follower is None:
        return
    for folder in (follower.place, os.path.join(follower.place, "bin")):
        sweep_temporaries(folder)
    if follower.is_pinned or not follower.writable:
        return
    with Transaction(places) as transaction:
        transaction.take(onto_alias(replace(follower, copies=()), alias, target.version, target.variant))
        _refresh_copies(transaction, follower, store, alias, target)


def _refresh_copies(transaction: Transaction, follower: Follower, store: Store, alias: str, target: Runtime) -> None:
    """Copies of another release of the minor become those of the one that runs."""
    if not follower.copies:
        return
    for runtime in store.runtimes:
        if runtime.alias == alias and runtime.name != target.name:
            program = os.path.join(runtime.path, runtime.executable)
            for step in refreshed(complete(follower, program), os.path.join(target.path, target.executable)):
                transaction.take_step(step)
