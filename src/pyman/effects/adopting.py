"""Adopting: an absolute link to a Python that stays its owner's. It is never written to, and never deleted."""

from __future__ import annotations

import os

from pyman.core.plans.adopt import KeepInstalled, Link, decide
from pyman.effects.files import replace_link
from pyman.effects.lock import hold
from pyman.effects.move import move_aliases
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write
from pyman.effects.store import read_store
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.moves import Moved
    from pyman.core.plans.adopt import Stranger
    from pyman.core.runtime import Runtime


def adopt(
    places: Places, stranger: Stranger, observer: Observer = SILENT
) -> tuple[Runtime, tuple[Moved, ...], KeepInstalled | None]:
    """Link to a Python, and move the aliases that this moves.

    Returns the runtime of that release, the moves, and the decision to keep where the release was there already.
    """
    with hold(places.lock, observer, what="the store"):
        decision = decide(stranger, read_store(places.root))
        if isinstance(decision, KeepInstalled):
            return decision.runtime, (), decision
        _link(places, decision)
        moved = move_aliases(places, observer)
    runtime = read_store(places.root).runtime(decision.name)
    if runtime is None:
        raise PymanError(f"{decision.name} was removed while it was adopted", hint="run the same command again")
    return runtime, moved, None


def _link(places: Places, decision: Link) -> None:
    path = os.path.join(places.runtimes, decision.name)
    try:
        replace_link(path, decision.stranger.prefix)
    except OSError as error:
        raise cannot_write(path, error) from error
