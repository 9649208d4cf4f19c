"""Holds: lines `3.13 3.13.5` in the file `holds` of the store, which keep an alias where the user wants it."""

from __future__ import annotations

import os

from pyman.core.store import Moved, with_hold
from pyman.effects.moves.move import change_store
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, make_folder
from pyman.effects.store import read_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.effects.transaction import Transaction


def set_hold(
    places: Places,
    alias: str,
    name: str | None,
    observer: Observer = SILENT,
    *,
    check: bool = True,
    force: bool = False,
) -> tuple[Moved, ...]:
    """Keep an alias at a runtime, or let it go where the rules say; returns the moves that this makes.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    return change_store(
        places,
        lambda store: with_hold(store, alias, name),
        lambda transaction: write_holds(places, alias, name, transaction),
        check=check,
        force=force,
        observer=observer,
    )


def write_holds(places: Places, alias: str, name: str | None, transaction: Transaction) -> None:
    """Write the file with one hold set or taken away. The caller holds the store's lock."""
    path = os.path.join(places.root, "holds")
    holds = with_hold(read_store(places.root), alias, name).holds
    text = "".join(f"{held} {target}\n" for held, target in sorted(holds))
    transaction.put_file(path, text.encode())
