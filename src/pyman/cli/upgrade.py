"""`pyman upgrade`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.app import install as installing
from pyman.app.catalogue import catalogue, nothing_newer
from pyman.app.console import Answer
from pyman.app.reasons import Reasons
from pyman.app.remove import Pruned, remove_unused, removed_data
from pyman.app.search import search_if_due
from pyman.app.session import Session
from pyman.app.shims import keep_shims_current
from pyman.cli.options import MoveAnywayOption, SearchOption
from pyman.cli.show.changes import (
    changed_names,
    installed_data,
    moved_data,
    moved_lines,
    moved_status,
    notice_of_alias,
    waiting_data,
)
from pyman.cli.show.reasons import move_lines
from pyman.cli.verb import verb
from pyman.core.plans.install import (
    Fetch,
    adopted_minors,
    cannot_use,
    decide_upgrade,
    minors_to_upgrade,
    missed,
)
from pyman.core.request import Request, parse_request
from pyman.core.store import Store, origin_of
from pyman.core.trials import IMPORTS, Trial, split_command
from pyman.core.version import python_name
from pyman.effects.interruption import Part
from pyman.effects.runtimes.managed import prepare_folders, reconcile
from pyman.effects.store import manifest_builds
from pyman.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.catalogue import Build


@verb
def upgrade(
    session: Session,
    requests: Annotated[
        list[str] | None, typer.Argument(metavar="[REQUEST...]", help="Minor versions; default: all.")
    ] = None,
    no_check: Annotated[bool, typer.Option("--no-check", help="Move aliases without checking the venvs.")] = False,
    force: MoveAnywayOption = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Afterwards remove releases that nothing uses any more.")
    ] = False,
    mirror: Annotated[
        str | None,
        typer.Option("--mirror", metavar="URL", help="Use this mirror: a folder or URL with an index.ndjson."),
    ] = None,
    try_: Annotated[
        str | None,
        typer.Option(
            "--try", metavar="imports|COMMAND", help="Hold back venvs in which this fails only on the new release."
        ),
    ] = None,
    search: SearchOption = None,
) -> Answer:
    """Upgrade every minor version to its newest patch release, after checking the venvs that follow it.

    A venv whose packages fit the old release but not the new one is held back and tried again at the next upgrade. Old
    releases stay until `pyman prune`, so that `pyman rollback` can go back to them.

    Examples:
        pyman upgrade --dry-run
        pyman upgrade
        pyman upgrade 3.13 --prune
    """
    trials = _trials(try_, no_check=no_check)
    done = _Done(session, Reasons(session, may_ask=True, mirror=mirror))
    session.if_cut_off(done.answer_of_what_was_cut_off)
    # Before anything changes: ctrl-C ends the command here.
    searched = search_if_due(session, search if search is not None or not prune else True, may_end=False)
    with Part():
        done.installed.reconciled = reconcile(
            session.places,
            session.observer,
            check=not no_check,
            force=force,
            trials=trials,
            preview=session.preview,
        )
    store = session.store()
    minors = minors_to_upgrade(store, requests or ())
    adopted = [parse_request(alias) for alias in adopted_minors(store)] if not requests else []
    if not minors and not adopted:
        done.lines = ["no Python is installed by pyman: run `pyman install`"]
        return done.answer()
    known = catalogue(session, mirror, [*minors, *adopted])
    known.refuse_nothing()
    for note in known.stale_notes:
        session.observer.noted(note)
    for error in dict.fromkeys(known.unreachable.values()):
        done.installed.fail(error)
    builds = manifest_builds(store)
    decisions = [decide_upgrade(minor, store, known.builds, builds) for minor in minors]
    fetches = [decision for decision in decisions if isinstance(decision, Fetch)]
    for damaged in missed(minors, store, known.builds, known.unusable):
        done.installed.fail(cannot_use(damaged))
    if fetches:
        if not session.dry_run:
            prepare_folders(session.places, session.observer)
        with Part():
            installing.get_together(session, fetches, done.installed, check=not no_check, force=force, trials=trials)
            keep_shims_current(session)
    fetched = [fetch.request for fetch in fetches]
    done.lines = _kept(session, [minor for minor in minors if minor not in fetched], done.reasons)
    if minors and not fetches and not done.lines and done.installed.error is None:
        done.lines = [nothing_newer(known)]
    done.lines += _newer_than_adopted(adopted, store, known.builds, done.reasons)
    if prune:
        remove_unused(session, done.pruned, search=search, searched=searched)
    return done.answer()


def _trials(command: str | None, *, no_check: bool) -> tuple[Trial, ...] | None:
    """What to try; None for what the settings say."""
    if command is None:
        return None
    if no_check:
        raise UsageError("`--try` and `--no-check` cannot be used together", hint="leave one of them out")
    if command != IMPORTS:
        split_command(command)
    return (Trial(command),)


class _Done:
    """What was done so far."""

    def __init__(self, session: Session, reasons: Reasons) -> None:
        self._session = session
        self.reasons = reasons
        self.installed = installing.Installed()
        self.pruned = Pruned(dry_run=session.dry_run)
        self.lines: list[str] = []

    def answer_of_what_was_cut_off(self) -> Answer:
        """The same, at once."""
        self.reasons.without_asking()
        return self.answer()

    def answer(self) -> Answer:
        """For people and for programs."""
        planned = self._session.dry_run
        lines = moved_lines(self.installed.reconciled, self.reasons, planned=planned)
        for result in self.installed.results:
            done = (
                "is already installed" if result.already else self._session.shown("is installed", "would be installed")
            )
            lines.append(f"{python_name(result.runtime.name)} {done}")
            lines += moved_lines(result.moved, self.reasons, planned=planned)
            lines += notice_of_alias(self._session, result.runtime, self.reasons)
        if planned and any(move.followed for move in self.installed.moved):
            lines.append("compiled packages are checked and trials run once the new release is installed")
        lines += [*self.lines, *self.pruned.lines()]
        store = self._session.store()
        data = {
            "changed": [*changed_names(self.installed), *(runtime.name for runtime, _ in self.pruned.removed)],
            "installed": [installed_data(store, result) for result in self.installed.results],
            "moved": moved_data(self.installed.moved, self.reasons),
            "waiting": waiting_data(self.installed.moved),
            "removed": removed_data(self.pruned),
        }
        return Answer(
            data,
            tuple(lines),
            error=self.installed.error or self.pruned.refusal,
            status=moved_status(self.installed.moved),
        )


def _newer_than_adopted(minors: list[Request], store: Store, builds: Sequence[Build], reasons: Reasons) -> list[str]:
    """What exists beyond adopted releases: their owners bring it, or the user names the minor."""
    lines = []
    for minor in minors:
        decision, present = decide_upgrade(minor, store, builds, {}), store.alias_target(minor.text)
        if isinstance(decision, Fetch) and present is not None:
            owner = origin_of(present.target)
            lines.append(
                f"{minor.text} is an adopted {present.release} ({owner}); {decision.name} is available: "
                f"run `pyman upgrade {minor.text}` to install it"
            )
            new = decision.build.version
            reason = reasons.between(present.version, present.target, new)
            lines += [f"  {line}" for line in move_lines(reasons, present.version, new, reason)]
    return lines


def _kept(session: Session, minors: list[Request], reasons: Reasons) -> list[str]:
    """Which aliases do not move to the newest release that is installed, and why."""
    store = session.store()
    lines = []
    for minor in minors:
        newest = max(
            (one for one in store.releases if one.whole and one.alias == minor.text),
            key=lambda one: one.rank,
            default=None,
        )
        if newest is not None:
            lines += notice_of_alias(session, newest, reasons)
    return lines
