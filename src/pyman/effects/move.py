"""Moving aliases: one operation, whoever asks for it (DESIGN 8)."""

from __future__ import annotations

import os

from pyman.core.moves import Moved, swaps
from pyman.effects.files import replace_link
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write
from pyman.effects.store import read_store


def move_aliases(places: Places, _observer: Observer = SILENT) -> tuple[Moved, ...]:
    """Point every alias where the rules say; what is right already is not rewritten.

    The caller holds the store's lock. Raises PymanError where a link cannot be written.
    """
    moved = []
    for swap in swaps(read_store(places.root)):
        path = os.path.join(places.runtimes, swap.alias)
        try:
            if swap.new is None:
                os.unlink(path)
            else:
                replace_link(path, swap.new)
        except OSError as error:
            raise cannot_write(path, error) from error
        if swap.alias != "3":
            moved.append(Moved(swap.alias, swap.old, swap.new))
    return tuple(moved)
