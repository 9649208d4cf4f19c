"""`pyman prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.show.moves import moved_data
from pyman.cli.show.sizes import megabytes
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.plans.removal import Need, aliases_without_way_back, prunable
from pyman.core.record import record
from pyman.core.runtime import Runtime
from pyman.effects.runtimes.managed import prepare_folders, remove_runtime
from pyman.effects.runtimes.removal import read_needs
from pyman.effects.sizes import size_of
from pyman.effects.store import read_store
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.errors import IN_USE, PymanError, Refused


@verb
def prune(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also remove what only unreachable venvs or unknown processes may need.")
    ] = False,
) -> Answer:
    """Remove the installed releases that no alias, venv, hold or process uses. Nothing adopted is ever deleted.

    Examples:
        pyman prune --dry-run
        pyman prune
    """
    done = remove_unused(session, dry_run=dry_run, force=force)
    data = {
        "changed": [] if dry_run else [runtime.name for runtime, _ in done.removed],
        "removed": removed_data(done),
        "freed": sum(size for _, size in done.removed),
        "kept": [{"version": runtime.name, "why": need.why, "who": need.who} for runtime, need in done.kept],
        "without_way_back": list(done.without_way_back),
        "moved": moved_data(()),
    }
    return Answer(data, done.lines, error=done.error)


_OVERRULED = ("unreachable", "processes")
"""What `--force` does not keep a release for."""


@record
class Pruned:
    """What was removed, or would be, with its size in bytes; what was kept, and why."""

    removed: tuple[tuple[Runtime, int], ...]
    kept: tuple[tuple[Runtime, Need], ...]
    without_way_back: tuple[str, ...]
    """The aliases that can no longer be rolled back."""
    lines: tuple[str, ...]
    error: PymanError | None = None


def removed_data(done: Pruned) -> list[dict[str, object]]:
    """The key `removed`: versions, places and sizes."""
    return [{"version": str(runtime.version), "path": runtime.path, "bytes": size} for runtime, size in done.removed]


def remove_unused(session: Session, *, dry_run: bool, force: bool = False) -> Pruned:
    """Remove what nothing uses. Raises nothing for a runtime that cannot be removed: that is in the answer."""
    if not dry_run:
        prepare_folders(session.places)
    store = read_store(session.places.root)
    others = unrecorded_venvs(session.places, session.environ, session.cwd, session.observer)
    going: list[tuple[Runtime, int]] = []
    kept: list[tuple[Runtime, Need]] = []
    lines: list[str] = []
    for runtime in prunable(store):
        needed = [
            need
            for need in read_needs(session.places, store, runtime, others)
            if not (force and need.why in _OVERRULED)
        ]
        if needed:
            more = f", and {len(needed) - 1} more" if len(needed) > 1 else ""
            lines.append(f"kept {runtime.name}: {needed[0].told}{more}")
            kept += [(runtime, need) for need in needed]
        else:
            going.append((runtime, size_of(runtime.path)))
    removed: list[tuple[Runtime, int]] = []
    error = _refusal(kept)
    for runtime, size in going:
        try:
            if not dry_run:
                remove_runtime(session.places, runtime, observer=session.observer)
        except PymanError as failure:
            error = failure
            break
        removed.append((runtime, size))
        lines.append(f"{'would remove' if dry_run else 'removed'} {runtime.name}, {megabytes(size)}")
    lost = aliases_without_way_back(store, [runtime for runtime, _ in removed])
    if removed:
        lines.append(f"{'would free' if dry_run else 'freed'} {megabytes(sum(size for _, size in removed))}")
        lines += [f"{alias} {'could' if dry_run else 'can'} no longer be rolled back" for alias in lost]
    elif not any(runtime.is_managed for runtime in store.runtimes):
        lines.append("nothing to remove: pyman has installed no Python")
    elif not lines:
        lines.append("nothing to remove: everything installed is used")
    return Pruned(tuple(removed), tuple(kept), lost, tuple(lines), error)


def _refusal(kept: list[tuple[Runtime, Need]]) -> PymanError | None:
    """What to say where a release was kept for no other reason than that processes are not known."""
    whys: dict[str, set[str]] = {}
    for runtime, need in kept:
        whys.setdefault(runtime.name, set()).add(need.why)
    names = [name for name, found in whys.items() if found == {"processes"}]
    if not names:
        return None
    return Refused(
        f"{', '.join(names)} may be in use: {next(need.who for _, need in kept if need.why == 'processes')}",
        hint="stop the programs that run on Pythons of pyman, then run `pyman prune --force`",
        code=IN_USE,
    )
