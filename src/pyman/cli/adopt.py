"""`pyman adopt`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app import install as installing
from pyman.app.console import Answer, Table
from pyman.app.install import notice_of_base
from pyman.app.reasons import Reasons
from pyman.app.select import choose_path
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.cli.show.changes import changed_names, installed_data, moved_data, moved_lines, moved_status
from pyman.cli.show.output import shown_place
from pyman.cli.verb import verb
from pyman.core.plans.install import ExternalPython, KeepInstalled
from pyman.core.request import Request
from pyman.core.store import Moved, Runtime, origin_of
from pyman.core.version import release_name, version_data
from pyman.effects.interpreters.external import ask_external, discover
from pyman.effects.interruption import Part
from pyman.effects.runtimes.install import adopt as adopt_one
from pyman.effects.runtimes.managed import prepare_folders
from pyman.effects.store import read_stores
from pyman.errors import PymanError, UsageError


@verb
def adopt(
    session: Session,
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH...]", help="An interpreter or its folder.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Adopt every Python found on this machine.")] = False,
) -> Answer:
    """Use a Python installed by another tool: the store gets a link to it, and an alias may point at it.

    pyman never writes to an adopted Python and never deletes it. A managed release of the same minor version takes
    precedence. Without a path, list the Pythons that can be adopted.

    Examples:
        pyman adopt
        pyman adopt --all
        pyman adopt ~/.pyenv/versions/3.12.1 /usr/bin/python3
    """
    if every and paths:
        raise UsageError("`--all` and paths cannot be used together", hint="leave one of them out")
    if every or not paths:
        externals, notes = discover(session.places)
        if session.verbose:
            for note in notes:
                session.observer.noted(note)
        if not every:
            return _show(session, externals)
        return _adopt_all(session, [(external.prefix, external) for external in externals])
    return _adopt_all(session, [(path, _external(session, path)) for path in paths])


def _external(session: Session, path: str) -> ExternalPython:
    """The Python that a path leads to: of a folder, an interpreter, or a venv whose base may be started unnamed."""
    store = read_stores(session.places)
    text = path if path.startswith(("/", "~", ".")) else f"./{path}"
    chosen = choose_path(text, store, session.environ, session.cwd, session.places, named=True)
    return ask_external(chosen.executable, session.places, named=True)


def _show(session: Session, externals: list[ExternalPython]) -> Answer:
    store = read_stores(session.places)
    rows = []
    found: list[dict[str, object]] = []
    for external in sorted(externals, key=lambda one: one.version.order, reverse=True):
        there = any(runtime.target == external.prefix for runtime in store.runtimes)
        release = release_name(external.version, external.variant)
        here = "adopted" if there else "installed" if any(one.release == release for one in store.runtimes) else ""
        rows.append((release, external.origin, shown_place(session, external.prefix), here))
        found.append(
            {
                **version_data(external.version),
                "variant": external.variant,
                "origin": external.origin,
                "path": external.prefix,
                "adopted": there,
            }
        )
    notes = ("adopt them with `pyman adopt --all`, or one with `pyman adopt PATH`",)
    if all(row[-1] for row in rows):
        notes = ("nothing is left to adopt",) if rows else ("no other Python found",)
    table = Table(("Python", "From", "Place", "State"), tuple(rows))
    return Answer({"found": found, "installed": [], "changed": [], "moved": []}, table=table, notes=notes)


def _adopt_all(session: Session, asked: list[tuple[str, ExternalPython]]) -> Answer:
    if not session.dry_run:
        prepare_folders(session.places, session.observer)
    done, reasons = installing.Installed(), Reasons(session)

    def answer() -> Answer:
        store = session.store()
        data = {
            "installed": [installed_data(store, one) for one in done.results],
            "changed": changed_names(done),
            "moved": moved_data(done.moved, reasons),
        }
        lines = tuple(line for one in done.results for line in one.said)
        return Answer(data, lines, error=done.error, status=moved_status(done.moved))

    session.if_cut_off(answer)
    for path, external in sorted(asked, key=lambda one: one[1].version.order):
        try:
            with Part():
                runtime, moves, kept = adopt_one(session.places, external, session.observer, preview=session.preview)
                said = (_kept(kept),) if kept is not None else _adopted(session, runtime, external, moves, reasons)
                done.results.append(
                    installing.InstallResult(Request(path, "path"), runtime, kept is not None, moves, said)
                )
                keep_shims_current(session)
        except PymanError as error:
            done.fail(error)
    return answer()


def _adopted(
    session: Session, runtime: Runtime, external: ExternalPython, moves: tuple[Moved, ...], reasons: Reasons
) -> tuple[str, ...]:
    more = (*notice_of_base(external), *moved_lines(moves, reasons, planned=session.dry_run))
    done = session.shown("adopted", "would adopt")
    return (f"{done} {runtime.name} from {external.prefix} ({external.origin})", *(f"  {line}" for line in more))


def _kept(kept: KeepInstalled) -> str:
    if kept.is_same:
        return f"{kept.runtime.name} is already adopted, from {kept.external.prefix}"
    place = kept.runtime.target or kept.runtime.path
    if os.path.realpath(place) == kept.external.prefix:
        return f"{kept.runtime.name} is already managed by pyman, in {place}"
    return (
        f"kept {kept.runtime.name} ({origin_of(kept.runtime.target)}, in {place}); "
        f"{kept.external.prefix} is the same release and was not adopted"
    )
