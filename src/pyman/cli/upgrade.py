"""`pyman upgrade`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.app import install as installing
from pyman.app.console import Answer, Session
from pyman.app.remove import Pruned, remove_unused, removed_data
from pyman.app.shims import keep_shims_current
from pyman.cli.show.changes import got_data, moved_data, moved_lines, planned_lines, told_of_hold
from pyman.cli.verb import verb
from pyman.core.plans.install import Fetch, answer_is_known, decide_upgrade, minors_to_upgrade
from pyman.core.request import Request
from pyman.core.store import Runtime, swaps, with_runtime
from pyman.effects.interruption import Part
from pyman.effects.moves.move import as_planned, prepare
from pyman.effects.runtimes.install import unpack_runtimes
from pyman.effects.runtimes.managed import prepare_folders, tidy
from pyman.effects.store import read_manifest, read_store
from pyman.effects.web.download import fetch_all


@verb
def upgrade(
    session: Session,
    requests: Annotated[list[str] | None, typer.Argument(metavar="[REQUEST...]", help="Minors; default: all.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would move, and who would stay.")] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Move aliases without checking the venvs.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Move also where a venv that does not fit cannot be held back.")
    ] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove afterwards what nothing uses any more.")] = False,
    mirror: Annotated[
        str | None, typer.Option("--mirror", metavar="URL", help="A folder or URL with an index.ndjson.")
    ] = None,
) -> Answer:
    """Install the newest patch release of every minor, check the venvs, and move the aliases.

    A venv whose packages fit the old release and do not fit the new one is held back, and tried again next time. The
    old releases stay until `pyman prune`, so that `pyman rollback` has somewhere to go.

    Examples:
        pyman upgrade --dry-run
        pyman upgrade
        pyman upgrade 3.13 --prune
    """
    done = _Done(session)
    if not dry_run:
        session.if_cut_off(done.answer)
        with Part():
            done.installed.settled = tidy(session.places, session.observer, check=not no_check, force=force)
    store = read_store(session.places.root)
    minors = minors_to_upgrade(store, requests or ())
    if not minors:
        done.lines = ["no Python is installed by pyman: run `pyman install`"]
        return done.answer()
    known = installing.catalogue(session, mirror, lambda builds: answer_is_known(minors, builds))
    if known.stale:
        session.observer.noted(f"{known.source} was not asked: this is what it had when it was last reached")
    builds = {}
    for runtime in store.runtimes:
        manifest = read_manifest(runtime)
        if manifest is not None and manifest.build is not None:
            builds[runtime.name] = manifest.build
    decisions = [decide_upgrade(minor, store, known.builds, builds) for minor in minors]
    fetches = [decision for decision in decisions if isinstance(decision, Fetch)]
    if dry_run:
        return _dry_run(session, minors, fetches, check=not no_check)
    if fetches:
        prepare_folders(session.places)
        with Part():
            _get_together(session, fetches, done.installed, check=not no_check, force=force)
            keep_shims_current(session)
    else:
        done.lines = _nothing_newer(session, minors)
    if prune:
        remove_unused(session, done.pruned)
    return done.answer()


class _Done:
    """What was done so far."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.installed = installing.Installed()
        self.pruned = Pruned()
        self.lines: list[str] = []

    def answer(self) -> Answer:
        """For people and for programs."""
        lines = moved_lines(self.installed.settled)
        for got in self.installed.got:
            lines.append(f"Python {got.runtime.name} is installed" + (" already" if got.already else ""))
            lines += moved_lines(got.moved)
            lines += told_of_hold(self._session, got.runtime)
        lines += [*self.lines, *self.pruned.lines()]
        store = read_store(self._session.places.root)
        data = {
            "installed": [got_data(store, got) for got in self.installed.got],
            "moved": moved_data(self.installed.moved),
            "removed": removed_data(self.pruned),
        }
        return Answer(data, tuple(lines), error=self.pruned.refusal)


def _get_together(
    session: Session, fetches: list[Fetch], done: installing.Installed, *, check: bool, force: bool
) -> None:
    """Download side by side, unpack, and move all aliases in one step: if anything fails, nothing has changed."""
    builds = list(dict.fromkeys(fetch.build for fetch in fetches))
    paths = fetch_all(builds, session.places.cache, offline=session.offline, observer=session.observer)
    archives = [installing.archive_of(wanted, path) for wanted, path in zip(fetches, paths, strict=True)]
    found, moved = unpack_runtimes(session.places, archives, check=check, force=force, observer=session.observer)
    new = {runtime.name: (runtime, already) for runtime, already in found}
    for wanted in fetches:
        runtime, already = new[wanted.name]
        moves = tuple(one for one in moved if one.alias == runtime.alias)
        done.got.append(installing.Got(wanted.request, runtime, already, moves))


def _nothing_newer(session: Session, minors: list[Request]) -> list[str]:
    """That nothing is to be done, and which aliases do not get what is there."""
    store = read_store(session.places.root)
    held = []
    for minor in minors:
        newest = max(
            (one for one in store.runtimes if one.whole and one.alias == minor.text),
            key=lambda one: one.rank,
            default=None,
        )
        if newest is not None:
            held += told_of_hold(session, newest)
    return held or ["everything is the newest already"]


def _dry_run(session: Session, minors: list[Request], fetches: list[Fetch], *, check: bool) -> Answer:
    """What would move, and which venvs would be held back, as far as that can be told without the new release."""
    before = read_store(session.places.root)
    after = before
    lines = []
    for fetch in fetches:
        runtime = Runtime(
            fetch.name, fetch.build.version, fetch.build.variant, after.folder(fetch.name), None, fetch.build.build
        )
        after = with_runtime(after, runtime)
        lines.append(f"would install {fetch.name}")
    moves = prepare(session.places, before, after, swaps(after), check=check, trees={})
    moved = tuple(as_planned(move) for move in moves if move.swap.alias != "3")
    lines += planned_lines(moved)
    for move in moves:
        lines += [f"  would stop it, without `--force`: {one.path}: {reason}" for one, reason in move.stuck]
    for fetch in fetches:
        lines += told_of_hold(session, Runtime(fetch.name, fetch.build.version, fetch.build.variant, ""))
    if not fetches and not moved:
        lines += _nothing_newer(session, minors)
    elif check and any(move.followed for move in moved):
        lines.append("compiled packages are checked once the new release is there")
    return Answer({"installed": [], "moved": moved_data(moved), "removed": []}, tuple(lines))
