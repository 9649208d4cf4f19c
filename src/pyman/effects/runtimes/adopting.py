"""Adopting: an absolute link to a Python that stays its owner's. It is never written to, and never deleted."""

from __future__ import annotations

import os

from pyman.core.plans.install import KeepInstalled, Stranger, decide_adoption
from pyman.core.plans.steps import ReplaceLink
from pyman.core.store import Moved, Runtime, with_runtime
from pyman.effects.moves.move import change_store
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places
from pyman.effects.store import read_store


def adopt(
    places: Places, stranger: Stranger, observer: Observer = SILENT, *, check: bool = True
) -> tuple[Runtime, tuple[Moved, ...], KeepInstalled | None]:
    """Link to a Python, and move the aliases that this moves.

    Returns the runtime of that release, the moves, and the decision to keep where the release was there already.
    """
    decision = decide_adoption(stranger, read_store(places.root))
    if isinstance(decision, KeepInstalled):
        return decision.runtime, (), decision
    path = os.path.join(places.runtimes, decision.name)
    runtime = Runtime(decision.name, stranger.version, stranger.variant, path, stranger.prefix)
    old = decision.replaces.target if decision.replaces is not None else None
    moved = change_store(
        places,
        lambda store: with_runtime(store, runtime),
        lambda transaction: transaction.take_step(ReplaceLink(path, old, stranger.prefix)),
        check=check,
        trees={decision.name: stranger.prefix},
        observer=observer,
    )
    return runtime, moved, None
