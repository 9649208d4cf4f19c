"""Where aliases move, as a value: what a change of the store means for every link that venvs go through. Hot."""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.runtime import wanted_aliases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.runtime import Store


@record
class Swap:
    """One alias that does not point where it should. `new` is None where nothing is left for it to point at."""

    alias: str
    old: str | None
    new: str | None


def swaps(store: Store) -> tuple[Swap, ...]:
    """Compare every alias with the rules. What is right already is not in the answer, so it is not rewritten."""
    wanted = wanted_aliases(store)
    present = {alias.name: alias.target for alias in store.aliases}
    changes = [
        Swap(name, present.get(name), target)
        for name, target in wanted.items()
        if present.get(name) != target and name not in store.blocked
    ]
    changes += [Swap(name, target, None) for name, target in present.items() if name not in wanted]
    # `3` comes last: it leads through the minors.
    return tuple(sorted(changes, key=lambda swap: (swap.alias == "3", swap.alias)))


@record
class Held:
    """A venv that stays on the old patch release, and why."""

    path: str
    reason: str


@record
class Process:
    """A process that was running when an alias moved."""

    pid: int
    command: str
    through: str | None = ""
    """The name in the store by which it was started; empty where nothing tells, None by its owner's own path."""


@record
class Moved:
    """What the move of one alias meant for the venvs that go through it."""

    alias: str
    old: str | None
    new: str | None
    followed: int = 0
    pinned: int = 0
    held_back: tuple[Held, ...] = ()
    processes: tuple[Process, ...] = ()
    """Those that ran through the alias when it moved."""
    notes: tuple[tuple[str, str], ...] = ()
    """What could not be checked, or not be brought up to date: pairs of a venv's path and a sentence."""
