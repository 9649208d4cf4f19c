"""`pyman prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.remove import Pruned, remove_unused, removed_data
from pyman.app.session import Session
from pyman.cli.options import SearchOption
from pyman.cli.verb import verb


@verb
def prune(
    session: Session,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also remove releases needed only by unreachable venvs or unknown processes."),
    ] = False,
    search: SearchOption = None,
) -> Answer:
    """Remove installed releases that no alias, venv, hold or process uses. Adopted Pythons are never deleted.

    Examples:
        pyman prune --dry-run
        pyman prune
    """
    done = Pruned(dry_run=session.dry_run)

    def answer() -> Answer:
        data = {
            "changed": [runtime.name for runtime, _ in done.removed],
            "removed": removed_data(done),
            "freed": sum(size for _, size in done.removed),
            "kept": [
                {"version": runtime.name, "why": dependent.why, "who": dependent.who}
                for runtime, dependent in done.kept
            ],
            "without_way_back": list(done.without_way_back),
            "moved": [],
        }
        return Answer(data, tuple(done.lines()), error=done.refusal)

    session.if_cut_off(answer)
    remove_unused(session, done, force=force, search=search)
    return answer()
