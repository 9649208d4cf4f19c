"""`pyman doctor`."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from pyman.cli.examining import Examination, examine
from pyman.cli.mending import FAILED, FIXED, Mended, is_for_fix, mend_store, mend_venv
from pyman.cli.session import Session
from pyman.cli.shell import keep_shims_current
from pyman.cli.show.notes import short_path
from pyman.cli.verb import verb
from pyman.core.answer import Answer, Table
from pyman.core.finding import INFO, Finding, worst_first
from pyman.errors import PymanError

_COULD_NOT_LOOK = 2


@verb
def doctor(
    session: Session,
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="[DIR...]", help="Look at the venvs below these folders only.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair what has an automatic repair.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what --fix would do.")] = False,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Repair also what pipx, poetry and other tools own.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")] = False,
) -> Answer:
    """Say what is wrong with the known venvs, the store and the machine, and mend it in place.

    A venv is read, never run. Every repair is verified, and undone if it fails. Exit status: 0 nothing open above
    info, 1 something is, 2 pyman could not look.

    Examples:
        pyman doctor
        pyman doctor --fix
        pyman doctor ~/projects --dry-run
    """
    wanted = folders or []
    missing = next((folder for folder in wanted if not os.path.exists(os.path.join(session.cwd, folder))), None)
    if missing is not None:
        raise PymanError(
            f"{missing} does not exist", hint="name folders to search", code="not-found", exit_status=_COULD_NOT_LOOK
        )
    try:
        seen = examine(session, wanted, foreign=foreign, machine=not wanted)
    except PymanError as error:
        error.exit_status = _COULD_NOT_LOOK
        raise
    if not fix or dry_run:
        planned = dry_run
        judged = [
            (finding, "planned" if planned and is_for_fix(finding) else "open", "")
            for finding in worst_first(seen.findings)
        ]
        return _answer(session, seen, judged, fixed=0, planned=planned)
    mended = _fix(session, seen, foreign=foreign, yes=yes)
    if seen.store.runtimes and os.path.isdir(session.places.shims):
        keep_shims_current(session)
    after = examine(session, wanted, foreign=foreign, machine=not wanted)
    done = [(one.finding, FIXED, "") for one in mended if one.status == FIXED]
    failed = {(one.finding.path, one.finding.code): one.why for one in mended if one.status == FAILED}
    left = [
        (
            finding,
            FAILED if (finding.path, finding.code) in failed else "open",
            failed.get((finding.path, finding.code), ""),
        )
        for finding in worst_first(after.findings)
    ]
    return _answer(session, after, [*left, *done], fixed=len(done), planned=False)


def _fix(session: Session, seen: Examination, *, foreign: bool, yes: bool) -> list[Mended]:
    def allowed(finding: Finding) -> bool:
        if yes:
            return True
        if not sys.stdin.isatty() or session.json:
            return False
        return typer.confirm(f"{finding.path}: {finding.message}; {finding.repair}?", err=True)

    mended = mend_store(session, seen.findings, allowed)
    if any(one.status == FIXED for one in mended):
        # A runtime that is back, or an alias that leads somewhere again, changes what is wrong with venvs.
        paths = [facts.path for facts in seen.inventory.venvs]
        again = examine(session, paths, foreign=foreign, machine=False) if paths else seen
        seen = Examination(again.store, seen.inventory, (*again.findings, *_records(seen)), again.world)
    for path in dict.fromkeys(finding.path for finding in seen.findings if finding.kind == "venv"):
        own = tuple(finding for finding in seen.findings if finding.path == path)
        mended += mend_venv(session, path, own, seen.world, allowed)
    return mended


def _records(seen: Examination) -> tuple[Finding, ...]:
    return tuple(finding for finding in seen.findings if finding.code == "gone")


def _answer(
    session: Session, seen: Examination, judged: list[tuple[Finding, str, str]], *, fixed: int, planned: bool
) -> Answer:
    still = [finding for finding, status, _ in judged if status != FIXED]
    open_count = sum(finding.is_open for finding in still)
    checked = len(seen.inventory.venvs)
    findings = [
        {
            "code": finding.code,
            "severity": finding.severity,
            "kind": finding.kind,
            "path": finding.path,
            "message": finding.message,
            "repair": finding.repair,
            "status": status,
        }
        for finding, status, _ in judged
    ]
    rows = tuple(_row(session, seen, finding, status, why) for finding, status, why in judged)
    data = {"findings": findings, "summary": {"checked": checked, "open": open_count, "fixed": fixed}}
    table = Table(("Where", "Python", "State", "What is wrong", "Repair"), rows)
    lines = _summary(checked, still, fixed)
    notes = [f"{short_path(session, folder)} could not be searched" for folder in seen.inventory.unreadable[:5]]
    if not planned and any(is_for_fix(finding) for finding in still) and not fixed:
        notes.append("`pyman doctor --fix` does the repairs; `--dry-run` shows them first")
    return Answer(data, tuple(lines), table=table, notes=tuple(notes), status=1 if open_count else 0)


def _row(session: Session, seen: Examination, finding: Finding, status: str, why: str) -> tuple[str, ...]:
    facts = seen.facts(finding.path) if finding.kind == "venv" else None
    python = str(facts.python) if facts is not None and facts.python is not None else ""
    state = f"{finding.severity} {finding.code}" if status in ("open", "planned") else f"{status} {finding.code}"
    repair = f"failed: {why}" if why else (finding.repair or "")
    return (short_path(session, finding.path), python, state, finding.message, repair)


def _summary(checked: int, still: list[Finding], fixed: int) -> list[str]:
    venvs = "1 venv" if checked == 1 else f"{checked} venvs"
    sick = {finding.path for finding in still if finding.kind == "venv" and finding.severity != INFO}
    told = [f"{fixed} repaired"] if fixed else []
    if not any(finding.is_open for finding in still):
        if checked == 0:
            return ["no venv is known here, and nothing else is wrong", *told]
        healthy = "the only venv is healthy" if checked == 1 else f"all {venvs} are healthy"
        return [", ".join([*told, healthy])]
    others = sum(finding.is_open for finding in still if finding.kind != "venv")
    parts = [*told, f"{len(sick)} of {venvs} need attention" if sick else f"{venvs} are healthy"]
    if others:
        parts.append(f"{others} more about the store and the machine")
    return [", ".join(parts)]
