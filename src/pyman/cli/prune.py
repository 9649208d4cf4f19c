"""`pyman prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.show.moves import moved_data
from pyman.cli.show.sizes import megabytes
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.plans.removal import aliases_without_way_back, prunable
from pyman.core.runtime import Runtime
from pyman.effects.removal import read_needs, size_of
from pyman.effects.runtimes import remove_runtime
from pyman.effects.store import read_store


@verb
def prune(
    session: Session,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Do not keep what only unreachable venvs may need.")] = False,
) -> Answer:
    """Remove the installed releases that no alias, venv, hold or process uses. Nothing adopted is ever deleted.

    Examples:
        pyman prune --dry-run
        pyman prune
    """
    removed, lines = remove_unused(session, dry_run=dry_run, force=force)
    data = {
        "changed": [] if dry_run else [runtime.name for runtime, _ in removed],
        "removed": [
            {"version": str(runtime.version), "path": runtime.path, "bytes": size} for runtime, size in removed
        ],
        "freed": sum(size for _, size in removed),
        "moved": moved_data(()),
    }
    return Answer(data, tuple(lines))


def remove_unused(
    session: Session, *, dry_run: bool, force: bool = False
) -> tuple[list[tuple[Runtime, int]], list[str]]:
    """Remove what nothing uses; returns what went, with its size in bytes, and what to say."""
    store = read_store(session.places.root)
    going: list[tuple[Runtime, int]] = []
    lines: list[str] = []
    for runtime in prunable(store):
        kept = [
            need for need in read_needs(session.places, store, runtime) if not (force and need.why == "unreachable")
        ]
        if kept:
            lines.append(
                f"kept {runtime.name}: {kept[0].told}" + (f", and {len(kept) - 1} more" if len(kept) > 1 else "")
            )
            continue
        going.append((runtime, size_of(runtime.path)))
    without_way_back = aliases_without_way_back(store, [runtime for runtime, _ in going])
    for runtime, size in going:
        if not dry_run:
            remove_runtime(session.places, runtime, observer=session.observer)
        lines.append(f"{'would remove' if dry_run else 'removed'} {runtime.name}, {megabytes(size)}")
    if going:
        lines.append(f"{'would free' if dry_run else 'freed'} {megabytes(sum(size for _, size in going))}")
        lines += [f"{alias} can no longer be rolled back" for alias in without_way_back]
    elif not lines:
        lines.append("nothing to remove: everything installed is used")
    return going, lines
