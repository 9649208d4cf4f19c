"""Removing runtimes: which one a request names, who needs it, and those that nothing uses."""

from __future__ import annotations

import contextlib
import os

from pyman.app.console import megabytes
from pyman.app.search import search_before_removal
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.core.aliases import wanted_aliases
from pyman.core.escape import as_word
from pyman.core.immutable import record
from pyman.core.plans.removal import Dependent, aliases_without_way_back, prunable
from pyman.core.request import parse_request
from pyman.core.store import Runtime, Store, without_runtime
from pyman.core.version import python_name, version_data
from pyman.effects.disk_size import size_of
from pyman.effects.interruption import DeferredSignals, Part
from pyman.effects.moves.followers import complete, why_left_alone
from pyman.effects.runtimes.dependents import UnreachableVenvs, read_dependents, runtime_at, sort_for_relink
from pyman.effects.runtimes.managed import prepare_folders, remove_runtime
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.effects.venvs.record_mounts import RecordMounts
from pyman.effects.venvs.records import GONE, forget
from pyman.effects.venvs.stores import recorded_venvs
from pyman.errors import AMBIGUOUS, IN_USE, NotFound, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.plans.move import Follower
    from pyman.core.request import Request
    from pyman.effects.venvs.home_search import HomeSearch

_MOST_LISTED = 20
_MOST_IN_A_SENTENCE = 6


def needed_by(runtime: Runtime, needed: tuple[Dependent, ...]) -> tuple[str, list[str]]:
    """Who needs a runtime, in a sentence; and, where these are more than a sentence can hold, as a list before it."""
    if len(needed) <= _MOST_IN_A_SENTENCE:
        return f"{runtime.name} is needed: {'; '.join(dependent.description for dependent in needed)}", []
    listed = [dependent.description for dependent in needed[:_MOST_LISTED]]
    if len(needed) > _MOST_LISTED:
        listed.append(f"and {len(needed) - _MOST_LISTED} more: see `pyman info {runtime.name}`")
    return f"{runtime.name} is needed: {needed[0].description}, and {len(needed) - 1} more", listed


def to_remove(session: Session, store: Store, text: str) -> Runtime:
    """The runtime that a request to remove names: a patch release, a minor with exactly one installed, or its path.

    Raises NotFound where there is none, Refused where it could be several.
    """
    named = store.runtime(text)
    if named is not None:
        return named
    request = parse_request(text)
    if request.kind == "path":
        path = session.absolute(text)
        fitting = [runtime for runtime in (runtime_at(store, path),) if runtime is not None]
    else:
        fitting = [runtime for runtime in store.runtimes if request.admits(runtime.version, runtime.variant)]
    if not fitting and store.beneath is not None and _is_beneath(store.beneath, text, request):
        root = store.beneath.root
        raise ReadOnly(
            f"{python_name(text)} is in the system store {root}, not in yours",
            hint=f"the administrator can remove it with `pyman --root {as_word(root)} uninstall {as_word(text)}`",
        )
    if not fitting:
        raise NotFound(f"{python_name(text)} is not installed", hint="see `pyman list`")
    if len(fitting) > 1:
        names = ", ".join(runtime.name for runtime in fitting)
        raise Refused(
            f"{text} matches several installed Pythons: {names}", hint="give the full version", code=AMBIGUOUS
        )
    return fitting[0]


def _is_beneath(beneath: Store, text: str, request: Request) -> bool:
    """True for a request that means a runtime of the store for everybody."""
    if request.kind == "path":
        return False
    admitted = any(request.admits(runtime.version, runtime.variant) for runtime in beneath.runtimes)
    return beneath.runtime(text) is not None or admitted


@record
class PlannedRemoval:
    """A runtime that is to go, and who needs it."""

    runtime: Runtime
    needed: tuple[Dependent, ...]
    relinked: tuple[Follower, ...] = ()
    """The venvs that are linked to its alias first."""


def planned_removal(
    session: Session,
    store: Store,
    runtime: Runtime,
    chosen: list[Runtime],
    others: tuple[str, ...],
    *,
    relink: bool,
    force: bool,
) -> PlannedRemoval:
    """Who needs a runtime once the others that were chosen are gone, and which venvs are linked to its alias first.

    Raises Refused where there is nothing to link them to.
    """
    rest = store
    for other in chosen:
        if other.name != runtime.name:
            rest = without_runtime(rest, other.name)
    needed = read_dependents(session.places, rest, runtime, others)
    if relink:
        # The yes to go down with their alias: the move checks them, and stops where one does not fit.
        needed = tuple(dependent for dependent in needed if not dependent.goes_down_to)
    linked = [
        dependent
        for dependent in needed
        if dependent.follower is not None and dependent.follower.through == runtime.name
    ]
    if not relink or not linked:
        return PlannedRemoval(runtime, needed)
    left = without_runtime(rest, runtime.name)
    target = left.linked(wanted_aliases(left).get(runtime.alias))
    if target is None:
        raise Refused(
            f"there is no other {python_name(runtime.alias)} to move the venvs to",
            hint=f"run `pyman install {runtime.alias}` first",
            code=IN_USE,
        )
    movable, needed = sort_for_relink(session.places, needed, runtime, target)
    followers = [dependent.follower for dependent in movable if dependent.follower is not None]
    if force:
        # What does not fit would not run at all without the runtime.
        unfit = [dependent.follower for dependent in needed if dependent.unfit and dependent.follower is not None]
        followers += [follower for follower in unfit if not why_left_alone(follower)]
    program = os.path.join(runtime.path, runtime.executable)
    return PlannedRemoval(runtime, needed, tuple(complete(follower, program) for follower in followers))


_OVERRULED = ("unreachable", "processes", "unasked")
"""What `--force` does not keep a release for."""


class Pruned:
    """What was removed so far, or would be, with its size in bytes; what was kept, and why."""

    def __init__(self, *, dry_run: bool = False) -> None:
        self.dry_run = dry_run
        self.store: Store | None = None
        """As it was before; None until it was looked at."""
        self.removed: list[tuple[Runtime, int]] = []
        self.kept: list[tuple[Runtime, Dependent]] = []

    @property
    def without_way_back(self) -> tuple[str, ...]:
        """The aliases that can no longer be rolled back."""
        removed = [runtime for runtime, _ in self.removed]
        return aliases_without_way_back(self.store, removed) if self.store is not None else ()

    @property
    def refusal(self) -> PymanError | None:
        """What to say where a release was kept for no other reason than that processes are not known."""
        return _refusal(self.kept)

    def lines(self) -> list[str]:
        """The same in words."""
        if self.store is None:
            return []
        needs: dict[str, list[Dependent]] = {}
        for runtime, dependent in self.kept:
            needs.setdefault(runtime.name, []).append(dependent)
        lines = [
            f"kept {name}: {needed[0].description}" + (f", and {len(needed) - 1} more" if len(needed) > 1 else "")
            for name, needed in needs.items()
        ]
        remove, free, can = ("would remove", "would free", "could") if self.dry_run else ("removed", "freed", "can")
        lines += [f"{remove} {runtime.name}, {megabytes(size)}" for runtime, size in self.removed]
        if self.removed:
            lines.append(f"{free} {megabytes(sum(size for _, size in self.removed))}")
            lines += [f"{alias} {can} no longer be rolled back" for alias in self.without_way_back]
        elif not any(runtime.is_managed for runtime in self.store.runtimes):
            lines.append("nothing to remove: no Python was installed by pyman")
        elif not lines:
            lines.append("nothing to remove: every Python that pyman installed is used")
        return lines


def removed_data(done: Pruned) -> list[dict[str, object]]:
    """The key `removed`: versions, places and sizes."""
    return [{**version_data(runtime.version), "path": runtime.path, "bytes": size} for runtime, size in done.removed]


def remove_unused(
    session: Session,
    done: Pruned,
    *,
    force: bool = False,
    search: bool | None = None,
    searched: HomeSearch | None = None,
) -> None:
    """Remove what nothing uses, and say so in `done`. Raises PymanError where one cannot be removed.

    The home is searched first, unless `search` is False or it was just `searched`.
    """
    if not done.dry_run:
        prepare_folders(session.places, session.observer)
    store = session.store()
    searched = search_before_removal(session, search, searched)
    others = unrecorded_venvs(session.places, searched.venvs)
    going: list[tuple[Runtime, int]] = []
    out_of_reach = UnreachableVenvs(session.places)
    for runtime in prunable(store):
        needed = [
            dependent
            for dependent in read_dependents(session.places, store, runtime, others, out_of_reach)
            if not (force and dependent.why in _OVERRULED)
        ]
        done.kept += [(runtime, dependent) for dependent in needed]
        if not needed:
            going.append((runtime, size_of(runtime.path)))
    done.store = store
    for runtime, size in going:
        with Part():
            remove_runtime(session.places, runtime, observer=session.observer, preview=session.preview)
            done.removed.append((runtime, size))
    if done.removed:
        keep_shims_current(session)
    forget_gone(session)


def forget_gone(session: Session) -> None:
    """Forget the records of venvs that are gone. A store that cannot be written is no reason to fail."""
    if session.dry_run:
        return
    with contextlib.suppress(PymanError), DeferredSignals():
        for known, state in RecordMounts().missing(recorded_venvs(session.places)):
            if state == GONE:
                forget(known.store, known.name)


def _refusal(kept: list[tuple[Runtime, Dependent]]) -> PymanError | None:
    """What to say where a release was kept for no other reason than that processes are not known."""
    whys: dict[str, set[str]] = {}
    for runtime, dependent in kept:
        whys.setdefault(runtime.name, set()).add(dependent.why)
    names = [name for name, found in whys.items() if found == {"processes"}]
    if not names:
        return None
    return Refused(
        f"{', '.join(names)} may be in use: {next(one.who for _, one in kept if one.why == 'processes')}",
        hint="stop the programs that run on pyman's Pythons, then run `pyman prune --force`",
        code=IN_USE,
    )
