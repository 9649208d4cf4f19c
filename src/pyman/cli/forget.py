"""`pyman forget`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.own import notes_of_own_python
from pyman.app.reasons import Reasons
from pyman.app.remove import needed_by, to_remove
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.cli.show.changes import moved_data, moved_lines, moved_status
from pyman.cli.verb import verb
from pyman.core.store import Moved, Runtime, Store
from pyman.effects.interruption import DeferredSignals, Part
from pyman.effects.runtimes.dependents import read_dependents
from pyman.effects.runtimes.managed import remove_runtime
from pyman.effects.runtimes.own_python import refuse_own
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.effects.venvs.stores import forget_venv, recorded_venvs
from pyman.errors import IN_USE, NotFound, Refused


@verb
def forget(
    session: Session,
    names: Annotated[
        list[str], typer.Argument(metavar="REQUEST|VENV...", help="An adopted Python, or the path of a venv.")
    ],
) -> Answer:
    """Remove the link to an adopted Python or the record of a venv. The Python or venv itself is not touched.

    Examples:
        pyman forget 3.12.1
        pyman forget ~/old/project/.venv
    """
    changed: list[str] = []
    lines: list[str] = []
    moved: list[Moved] = []
    notes: list[str] = []
    reasons = Reasons(session)

    def answer() -> Answer:
        data = {"changed": changed, "moved": moved_data(tuple(moved), reasons)}
        return Answer(data, tuple(lines), notes=tuple(notes), status=moved_status(moved))

    session.if_cut_off(answer)
    for name in names:
        record = _record_of(session, name)
        if record is not None:
            with DeferredSignals():
                if not session.dry_run:
                    forget_venv(session.places, record[0])
                changed.append(record[1])
                lines.append(f"{session.shown('forgot', 'would forget')} the venv {record[1]}")
            continue
        with Part():
            store = session.store()
            runtime = _adopted(session, store, name)
            moves = remove_runtime(session.places, runtime, observer=session.observer, preview=session.preview)
            moved += moves
            changed.append(runtime.name)
            done = session.shown("forgot", "would forget")
            lines.append(f"{done} {runtime.name}; {runtime.target} stays as it is")
            lines += moved_lines(moves, reasons, planned=session.dry_run)
            notes += notes_of_own_python(session, store, [runtime])
            keep_shims_current(session)
    return answer()


def _adopted(session: Session, store: Store, name: str) -> Runtime:
    """The adopted runtime that a name means, which nobody needs. Raises NotFound or Refused."""
    try:
        runtime = to_remove(session, store, name)
    except NotFound as error:
        if "/" not in name and not name.startswith("."):
            raise
        raise NotFound(f"{name} is neither a recorded venv nor an adopted Python", hint="see `pyman venvs`") from error
    if runtime.is_managed:
        raise Refused(
            f"{runtime.name} is not adopted: pyman installed it",
            hint=f"run `pyman uninstall {runtime.name}` to delete it",
        )
    refuse_own(session.places, runtime)
    others = unrecorded_venvs(session.places)
    needed = read_dependents(session.places, store, runtime, others)
    if needed:
        sentence, names = needed_by(runtime, needed)
        for line in names:
            session.observer.noted(line)
        raise Refused(
            sentence,
            hint=f"`pyman uninstall {runtime.name} --force` forgets it anyway",
            code=IN_USE,
        )
    return runtime


def _record_of(session: Session, name: str) -> tuple[str, str] | None:
    """The record of a venv, by its path or by its name in the store."""
    path = session.absolute(name)
    for known in recorded_venvs(session.places):
        if known.name == name or known.path == path or os.path.realpath(known.path) == os.path.realpath(path):
            return known.name, known.path
    return None
