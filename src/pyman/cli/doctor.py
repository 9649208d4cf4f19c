"""`pyman doctor`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.consent import confirmed
from pyman.app.console import Answer
from pyman.app.examine import Examination, accepted_findings, end_of_life, examine, without_accepted
from pyman.app.search import search_if_due
from pyman.app.session import Session
from pyman.cli.options import AllUsersOption, SearchOption
from pyman.cli.show.findings import JudgedFinding, answer, explanation, undo_answer
from pyman.cli.verb import verb
from pyman.core.diagnosis.finding import END_OF_LIFE, FAILED, FIXED, OPEN, PLANNED, Finding, worst_first
from pyman.core.diagnosis.ignore import Acknowledgement, unacknowledged
from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.stores import remember_venv
from pyman.errors import UNREADABLE, NotFound, PymanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.app.repair import RepairResult
    from pyman.core.repairs import Undone
    from pyman.effects.venvs.home_search import HomeSearch

_WORTH_SAYING = 20
"""Venvs. A few are mended before a line could be read."""
COULD_NOT_LOOK = 2
"""The exit status where nothing can be said about anything."""


@verb
def doctor(
    session: Session,
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="[DIR...]", help="Check only venvs below these folders.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Repair everything that has an automatic repair.")] = False,
    foreign: Annotated[
        bool, typer.Option("--foreign", help="Also repair venvs owned by other tools (pipx, poetry, ...).")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")] = False,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="CODE", help="Ignore findings with this code.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo the last repairs, or the last ones in DIR.")] = False,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="CODE", help="Explain a finding and its repair.")
    ] = None,
    search: SearchOption = None,
    all_users: AllUsersOption = False,
) -> Answer:
    """Check known venvs, the store and the machine; --fix repairs them in place.

    pyman reads a venv's files and never runs its code. Every repair is verified, and undone if it fails. Exit status:
    0 no problems, 1 problems found, 2 could not check.

    Examples:
        pyman doctor
        pyman doctor --fix
        pyman doctor ~/projects --dry-run
        pyman doctor --undo
        pyman doctor --explain stale-patch
        sudo pyman doctor --all-users --fix
    """
    if all_users:
        if undo or explain is not None:
            raise UsageError("`--all-users` cannot be used with `--undo` or `--explain`", hint="leave one of them out")
        return _for_all_users(session, _Options(folders or [], fix, foreign, yes, ignore or [], search))
    if explain is not None:
        return explanation(explain)
    if undo:
        if fix:
            raise UsageError("`--undo` and `--fix` cannot be used together", hint="leave one of them out")
        return _take_back(session, list(map(session.absolute, folders or [])))
    return _doctor(session, _Options(folders or [], fix, foreign, yes, ignore or [], search))


doctor.status_without_session = COULD_NOT_LOOK  # type: ignore[attr-defined]  # read by cli.verb


@record
class _Options:
    """What is to be checked, and what may be done about it."""

    folders: list[str]
    fix: bool
    foreign: bool
    yes: bool
    ignore: list[str]
    search: bool | None


def _for_all_users(session: Session, options: _Options) -> Answer:
    """Root's own part, and that of every other user by a process of that user."""
    from pyman.app.all_users import Part as UserPart
    from pyman.app.all_users import ask_all_users, refuse_all_users
    from pyman.cli.show.all_users import doctor_answer
    from pyman.effects.interruption import Part

    refuse_all_users(options.folders)  # Before anything is repaired.
    flags = {"--fix": options.fix, "--foreign": options.foreign, "--yes": options.yes, "--dry-run": session.dry_run}
    words = ["doctor", *(f"--ignore={code}" for code in options.ignore), *(flag for flag in flags if flags[flag])]
    with Part():
        own = _doctor(session, options)
    parts: list[UserPart] = []
    session.if_cut_off(lambda: doctor_answer(own, parts))
    ask_all_users(session, words, fix=options.fix and not session.dry_run, done=parts)
    return doctor_answer(own, parts)


def _doctor(session: Session, options: _Options) -> Answer:
    """Of this user alone."""
    wanted, fix, foreign = list(map(session.absolute, options.folders)), options.fix, options.foreign
    searched: HomeSearch | None = None

    def look() -> Examination:
        seen = examine(
            session, wanted, searched, foreign=foreign, machine=not wanted, record=not session.dry_run, work=True
        )
        return without_accepted(seen, accepted)

    try:
        accepted = accepted_findings(session, options.ignore)
        if fix and wanted and not session.dry_run:
            # Without folders this is a finding: `interrupted`.
            from pyman.app.rebuild import recover_what_was_cut_off

            recover_what_was_cut_off(session)
        _refuse_where_nothing_can_be_searched(wanted)
        if not wanted:
            searched = search_if_due(session, options.search, may_end=not fix)
        seen = look()
    except PymanError as error:
        error.exit_status = COULD_NOT_LOOK
        raise
    allowed = _asking(session, yes=options.yes)
    flags = [*(("--foreign",) if foreign else ()), *(f"--ignore {as_word(code)}" for code in options.ignore)]
    asked = " ".join(("pyman doctor", *map(as_word, options.folders), *flags))
    if session.dry_run or not fix:
        judged = [
            JudgedFinding(finding, PLANNED if session.dry_run and finding.is_for_fix else OPEN)
            for finding in worst_first(seen.findings)
        ]
        return answer(session, seen, judged, asked, fix=fix, dry_run=session.dry_run)
    done = _Fixing(session, seen, accepted, asked)
    session.if_cut_off(lambda: done.answer(cut_off=True))
    _fix(session, done, look, allowed, foreign=foreign, yes=options.yes)
    return done.answer()


def _take_back(session: Session, wanted: list[str]) -> Answer:
    """Take the last run of repairs back, or the last one at the places that are named."""
    from pyman.app.undo import last_run, take_back

    run = last_run(session, wanted)
    done: list[Undone] = []
    left: list[tuple[str, str]] = []

    def answer() -> Answer:
        return undo_answer(session, done, left)

    session.if_cut_off(answer)
    take_back(session, run, done, left)
    return answer()


def _refuse_where_nothing_can_be_searched(folders: list[str]) -> None:
    """Raise PymanError where no folder that was named can be looked at; one of several is a finding."""
    problems = [_why_not_searched(folder) for folder in folders]
    first = next((problem for problem in problems if problem is not None), None)
    if first is not None and None not in problems:
        raise first


def _why_not_searched(folder: str) -> PymanError | None:
    if not os.path.lexists(folder):
        return NotFound(f"{folder} does not exist", hint="give folders to search")
    if not os.path.isdir(folder) and read_venv(folder) is None:
        return NotFound(f"{folder} is not a folder", hint="give folders to search")
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        return PymanError(f"{folder} cannot be searched", hint="ask its owner to search it", code=UNREADABLE)
    return None


def _with_yes_for_found(session: Session, done: _Fixing, waiting: list[str], *, yes: bool) -> list[str]:
    """Those to repair: what only a search found after one yes for all, which makes records of them."""
    found = [path for path in waiting if path in done.venvs and done.venvs[path].known == "search"]
    if not found:
        return waiting
    verb = "was" if len(found) == 1 else "were"
    question = f"{len(found)} of these venvs {verb} found only by a search; repair those too?"
    if not confirmed(session, question, yes=yes):
        done.not_wanted = len(found)
        return [path for path in waiting if path not in found]
    for path in found:
        remember_venv(session.places, path)
    return waiting


def _asking(session: Session, *, yes: bool) -> Callable[[Finding], bool]:
    return lambda finding: confirmed(session, f"{finding.path}: {finding.message}; {finding.repair}?", yes=yes)


class _Fixing:
    """What was seen, and what became of it so far."""

    def __init__(self, session: Session, seen: Examination, accepted: tuple[Acknowledgement, ...], asked: str) -> None:
        self._session = session
        self.accepted = accepted
        self._asked = asked
        self.repaired: list[RepairResult] = []
        self.not_wanted = 0
        """How many venvs need a yes, because only a search found them."""
        self.look_at(seen)

    def look_at(self, seen: Examination) -> None:
        """Begin with what is wrong now; what was repaired until now stays."""
        self.seen = seen
        self.venvs = {venv.path: venv for venv in seen.venvs}
        self.left: dict[str, tuple[Finding, ...]] = {}
        for finding in seen.findings:
            if finding.kind == "venv" and finding.code != END_OF_LIFE:
                self.left[finding.path] = (*self.left.get(finding.path, ()), finding)
        self.others = tuple(finding for finding in seen.findings if finding.kind != "venv")

    def answer(self, *, cut_off: bool = False) -> Answer:
        """For people and for programs; `cut_off` where it was not looked at again what is left."""
        why = {(one.finding.path, one.finding.code): one.why for one in self.repaired if one.status == FAILED}
        done = tuple(one.finding for one in self.repaired if one.status == FIXED)
        fixed = {(finding.path, finding.code) for finding in done}
        judged = []
        about_venvs = (finding for found in self.left.values() for finding in found)
        # A rebuild changes the minor.
        ended = unacknowledged(end_of_life(self._session, self.venvs.values()), self.accepted)
        for finding in worst_first((*self.others, *about_venvs, *ended)):
            key = (finding.path, finding.code)
            if not cut_off or key not in fixed:
                judged.append(JudgedFinding(finding, FAILED, why[key]) if key in why else JudgedFinding(finding, OPEN))
        judged += [JudgedFinding(finding, FIXED) for finding in worst_first(done)]
        seen = replace(self.seen, venvs=tuple(self.venvs.values()))
        return answer(
            self._session,
            seen,
            judged,
            self._asked,
            fix=True,
            dry_run=False,
            not_wanted=self.not_wanted,
            may_ask=not cut_off,
        )


def _fix(
    session: Session,
    done: _Fixing,
    look: Callable[[], Examination],
    allowed: Callable[[Finding], bool],
    *,
    foreign: bool,
    yes: bool,
) -> None:
    """Repair the store, then one venv after the other; what was not touched is not looked at again."""
    from pyman.app.repair import repair_venv, repair_what_is_no_venv
    from pyman.app.repair_store import clean_up, repair_store
    from pyman.app.shims import keep_shims_current
    from pyman.core.diagnosis.venv import list_venv
    from pyman.effects.moves.check import Fitness
    from pyman.effects.store import read_stores
    from pyman.effects.venvs.repairs import RepairLog

    repaired, left = done.repaired, done.left
    log = RepairLog(session.places, session.observer)
    log.check()
    repair_store(session, done.seen.findings, allowed, repaired, log)
    if any(one.status == FIXED for one in repaired):
        # A runtime that is back, or an alias that leads somewhere again, changes what is wrong with venvs.
        done.look_at(look())
        left = done.left
    fitness = Fitness(session.places.cache)
    waiting = [path for path, found in left.items() if any(one.is_for_fix for one in found)]
    waiting = _with_yes_for_found(session, done, waiting, yes=yes)
    task = f"repairing {len(waiting)} venvs"
    # No progress is drawn while a question is on the terminal.
    asks = any(finding.asks for path in waiting for finding in left[path])
    if len(waiting) > _WORTH_SAYING and not asks:
        session.observer.began(task, None)
    for path in waiting:
        if left[path][0].code in ("gone", "interrupted"):
            repair_what_is_no_venv(session, left.pop(path)[0], repaired)
            continue
        outcome = repair_venv(
            session, path, allowed, repaired, foreign=foreign, fitness=fitness, log=log, accepted=done.accepted
        )
        left[path] = outcome.left
        if outcome.facts is not None:
            done.venvs[path] = list_venv(outcome.facts, outcome.left)
    session.observer.finished(task)
    fitness.store(all_asked=False)
    if done.others and read_stores(session.places) != done.seen.store:
        # A release was installed for a venv: what is wrong with the store is another thing now.
        done.others = tuple(finding for finding in look().findings if finding.kind != "venv")
    if done.seen.store.runtimes:
        keep_shims_current(session)
    clean_up(session, [venv.folder for venv in done.venvs.values() if venv.uid == os.geteuid()])
