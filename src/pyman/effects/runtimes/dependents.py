"""Who needs a runtime: looked up in the records, the links of venvs, and the processes; and which one a path names."""

from __future__ import annotations

import functools
import os

from pyman.core.escape import as_word
from pyman.core.immutable import replace
from pyman.core.plans.removal import Dependent, dependents_of
from pyman.effects.moves.check import Check, one_line
from pyman.effects.moves.followers import only_named, read_followers, why_left_alone
from pyman.effects.processes import processes_in, why_unknown
from pyman.effects.runtimes.own_python import runs_pyman
from pyman.effects.venvs.record_mounts import RecordMounts
from pyman.effects.venvs.records import UNREACHABLE
from pyman.effects.venvs.stores import recorded_by_others, recorded_venvs, unasked_users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.store import Runtime, Store
    from pyman.effects.places import Places


class UnreachableVenvs:
    """The records of this user whose venv is out of reach, and what is recorded by others; each looked up once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._own: list[str] | None = None
        self._of_others: frozenset[str] | None = None

    @functools.cached_property
    def unasked(self) -> tuple[str, ...]:
        """The users whose venvs cannot be counted, where this is the store for everybody."""
        return unasked_users(self._places)

    def with_unseen(self, unseen: Iterable[str]) -> list[str]:
        """The venvs out of reach, and those of `unseen`, which the system refused to show.

        What other users cannot be asked about keeps a Python of a store for everybody alone (design.md 3). Raises
        PymanError where the records cannot be read.
        """
        if self._own is None:
            missing = RecordMounts().missing(recorded_venvs(self._places))
            self._own = [known.path for known, state in missing if state == UNREACHABLE]
        hidden = [path for path in unseen if path not in self._own]
        if hidden and self._of_others is None:
            self._of_others = frozenset(recorded_by_others(self._places))
        return [*self._own, *(path for path in hidden if path not in (self._of_others or ()))]


def read_dependents(
    places: Places,
    store: Store,
    runtime: Runtime,
    others: Iterable[str] = (),
    out_of_reach: UnreachableVenvs | None = None,
) -> tuple[Dependent, ...]:
    """Everything that needs a runtime now; `others` are venvs that are known without a record.

    Who asks for several runtimes hands the same `out_of_reach` to each. Raises PymanError where the records cannot be
    read.
    """
    followers = read_followers(places.root, {runtime.name, runtime.alias, "3"}.__contains__, others=others)
    out_of_reach = out_of_reach or UnreachableVenvs(places)
    unreachable = out_of_reach.with_unseen(followers.unseen)
    # What runs an adopted Python has it without our link: only a venv can need the link.
    processes = processes_in(runtime) if runtime.is_managed else ()
    unknown_because = why_unknown() if runtime.is_managed else ""
    return dependents_of(
        runtime,
        store,
        followers.each,
        unreachable,
        processes,
        unknown_because=unknown_because,
        runs_pyman=runs_pyman(places, runtime),
        unasked=out_of_reach.unasked,
    )


def sort_for_relink(
    places: Places, dependents: Iterable[Dependent], runtime: Runtime, target: Runtime
) -> tuple[tuple[Dependent, ...], tuple[Dependent, ...]]:
    """Tell apart the venvs that can be linked to another release, and what else needs a runtime (design.md 8).

    A pinned venv gives up what it asked for; packages that do not fit are never overruled.
    """
    linked = [
        dependent
        for dependent in dependents
        if dependent.follower is not None and dependent.follower.through == runtime.name
    ]
    rest = [dependent for dependent in dependents if dependent not in linked]
    followers = [dependent.follower for dependent in linked if dependent.follower is not None]
    left_alone = only_named(places, followers)
    movable: list[Dependent] = []
    verdicts = Check(target, {}).verdicts(followers, runtime, asked=False)
    for dependent, (follower, verdict) in zip(linked, verdicts, strict=True):
        if verdict.reasons:
            rest.append(replace(dependent, unfit=one_line(verdict.reasons)))
        elif obstacle := why_left_alone(follower):
            rest.append(replace(dependent, unfit=obstacle))
        elif follower.path in left_alone:
            rest.append(replace(dependent, unfit=f"it is not recorded: run `pyman register {as_word(follower.path)}`"))
        else:
            movable.append(dependent)
    return tuple(movable), tuple(rest)


# The runtime of the store that a path names: its folder, its `bin`, or its interpreter.


def runtime_at(store: Store, path: str) -> Runtime | None:
    """Return the runtime that an absolute path names, through whatever links to folders; None where there is none.

    The interpreter of a venv names no runtime: its folder is the venv's.
    """
    real = os.path.realpath(path)
    bin_folder = os.path.realpath(os.path.dirname(path))
    for runtime in store.runtimes:
        prefix = os.path.realpath(runtime.path)
        program = os.path.join(prefix, runtime.executable)
        its_bin = os.path.dirname(program)
        if real in (prefix, its_bin) or (bin_folder == its_bin and real == os.path.realpath(program)):
            return runtime
    return None
