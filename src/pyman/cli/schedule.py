"""`pyman schedule`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.schedule import ScheduleState, failure_of_run, run_upkeep, schedule_state, turn_off, turn_on
from pyman.app.session import Session
from pyman.cli.show.output import changed_place
from pyman.cli.show.rows import schedule_data
from pyman.cli.verb import verb
from pyman.core.schedule import CRON, DAILY, LAUNCHD, SYSTEMD, WEEKLY
from pyman.core.scheduled_run import DONE, FAILED, LEFT, UNFINISHED, UpkeepRun
from pyman.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_SHOWN = 10


class Action(StrEnum):
    """What to do with the schedule."""

    daily = "daily"
    weekly = "weekly"
    off = "off"
    run = "run"


class Scheduler(StrEnum):
    """Programs that start others regularly."""

    systemd = "systemd"
    launchd = "launchd"
    cron = "cron"


_KINDS = {Scheduler.systemd: SYSTEMD, Scheduler.launchd: LAUNCHD, Scheduler.cron: CRON}


@verb
def schedule(
    session: Session,
    action: Annotated[
        Action | None,
        typer.Argument(metavar="[daily|weekly|off|run]", help="Turn the schedule on or off, or run the upkeep now."),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Also make the repairs that need no confirmation.")] = False,
    using: Annotated[
        Scheduler | None,
        typer.Option("--with", metavar="systemd|launchd|cron", help="Use this timer instead of the default."),
    ] = None,
) -> Answer:
    """Upgrade Pythons and check venvs regularly, or show the last run and its result.

    A run does `pyman upgrade`, then `pyman doctor`; with --fix, doctor also makes the repairs of known venvs that need
    no confirmation. An alias that running processes use is not moved, and is reported instead. The timer keeps the
    PYMAN_* and proxy variables of this shell.

    Examples:
        pyman schedule daily --fix
        pyman schedule
        pyman schedule run
        pyman schedule off
    """
    if fix and action in (None, Action.off):
        raise UsageError(
            "`--fix` can be used only with `daily`, `weekly` and `run`", hint="run `pyman schedule daily --fix`"
        )
    if using is not None and action not in (Action.daily, Action.weekly):
        raise UsageError(
            "`--with` can be used only with `daily` and `weekly`",
            hint=f"run `pyman schedule daily --with {using.value}`",
        )
    if action is None:
        return _answer(schedule_state(session))
    if action == Action.run:
        return _run(session, fix=fix)
    changed: list[str] = []
    done = session.shown("removed", "would remove") if action == Action.off else session.shown("wrote", "would write")

    def lines() -> list[str]:
        return [f"{done} {changed_place(path)}" for path in changed]

    session.if_cut_off(lambda: Answer(_data(schedule_state(session), changed), tuple(lines())))
    if action == Action.off:
        turn_off(session, changed)
        is_off = session.shown("the schedule is off", "the schedule would be off")
        return Answer(_data(ScheduleState(None, None), changed), (*lines(), is_off))
    when = DAILY if action == Action.daily else WEEKLY
    state, notes = turn_on(session, when, _KINDS[using] if using is not None else None, changed, fix=fix)
    return _answer(state, lines(), [*notes, *state.limits], changed)


def _run(session: Session, *, fix: bool) -> Answer:
    run = run_upkeep(session, fix=fix)
    state = schedule_state(session)
    if run is None:
        return Answer(_data(state, []), notes=("another run is in progress; this one did nothing",))
    data = _data(ScheduleState(state.timer, run, state.limits), _changed(run))
    return Answer(data, notes=tuple(_lines_of(run)), error=failure_of_run(run))


def _changed(run: UpkeepRun) -> list[str]:
    return list(dict.fromkeys((*(one["alias"] for one in run.upgraded), *(one["path"] for one in run.fixed))))


def _data(state: ScheduleState, changed: list[str]) -> dict[str, Any]:
    return {"changed": changed, **schedule_data(state)}


def _answer(
    state: ScheduleState,
    lines: list[str] | None = None,
    notes: list[str] | None = None,
    changed: list[str] | None = None,
) -> Answer:
    told = lines or []
    if state.timer is None:
        told.append("the schedule is off; `pyman schedule daily` turns it on")
    else:
        does = "upgrades Pythons, checks and repairs venvs" if state.timer.fix else "upgrades Pythons and checks venvs"
        told.append(f"{does} {state.timer.when} with {state.timer.kind}")
    if state.last is not None:
        told += _lines_of(state.last)
    elif state.timer is not None:
        told.append("it has not run yet; `pyman schedule run` runs it now")
    return Answer(_data(state, changed or []), tuple(told), notes=tuple(state.limits if notes is None else notes))


_WORDS = {DONE: "no problems left", LEFT: "", FAILED: "failed", UNFINISHED: "still running, or interrupted"}


def _lines_of(run: UpkeepRun) -> list[str]:
    counts = [f"{len(run.fixed)} repaired"] if run.fixed else []
    counts += [f"{len(run.left)} {'problem' if len(run.left) == 1 else 'problems'} left"] if run.left else []
    words = ", ".join(filter(None, (_WORDS[run.status], *counts)))
    lines = [f"last run {run.time.replace('T', ' ').removesuffix('Z')} UTC: {words}"]
    lines += [f"  {error}" for error in run.errors]
    lines += [f"  {one['alias']}: {one['from']} -> {one['to']}" for one in run.upgraded]
    lines += [f"  fixed {one['code']}: {one['path']}" for one in run.fixed[:_MOST_SHOWN]]
    lines += [f"  {one['code']}: {one['path']}: {one['message']}" for one in run.left[:_MOST_SHOWN]]
    hidden = len(run.fixed[_MOST_SHOWN:]) + len(run.left[_MOST_SHOWN:])
    return [*lines, f"  and {hidden} more: see `pyman schedule --json`"] if hidden else lines
