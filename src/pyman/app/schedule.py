"""`schedule`: having the system run pyman's upkeep, and the run itself."""

from __future__ import annotations

import contextlib
import os
import time
import zlib

from pyman.app.session import Session
from pyman.core.immutable import record
from pyman.core.schedule import (
    CRONTAB,
    LAUNCHD,
    SYSTEMD,
    Schedule,
    carried,
    cron_line,
    launchd_plist,
    refuse_odd,
    refuse_readable_passwords,
    schedule_name,
    service_unit,
    timer_unit,
)
from pyman.core.scheduled_run import FAILED, UNFINISHED, UpkeepRun, notice_of, run_of
from pyman.effects.interruption import Part
from pyman.effects.lock import hold
from pyman.effects.own_process import ask_pyman, own_command
from pyman.effects.places import NO_HOME, make_folder
from pyman.effects.scheduled_run import read_last_run, remove_upkeep_files, upkeep_files, write_last_run
from pyman.effects.settings import read_settings
from pyman.effects.timers import (
    InstalledTimer,
    TimerTools,
    agent_path,
    find_tools,
    install_agent,
    install_line,
    install_units,
    installed_timers,
    limits_here,
    names_that_start,
    refuse_what_is_in_the_way,
    remove_timer,
    unit_paths,
)
from pyman.errors import NO_TIMER, Locked, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.schedule import Kind, When

_COULD_NOT_LOOK = 2
"""The exit status of a doctor that saw nothing."""


@record
class ScheduleState:
    """Whether pyman's upkeep runs by a timer, and what came of it."""

    timer: InstalledTimer | None
    last: UpkeepRun | None
    limits: tuple[str, ...] = ()
    """When it does not run, a sentence each."""


def schedule_state(session: Session) -> ScheduleState:
    """Look at the timers of this store, and at what the last run left."""
    tools = find_tools(session.places)
    timer = next(iter(installed_timers(tools, _name(session))), None)
    limits = limits_here(tools, timer.kind) if timer is not None else []
    if timer is not None and not timer.is_active:
        limits.insert(0, "its files exist, but it is not enabled: run `pyman schedule` again with `daily` or `weekly`")
    return ScheduleState(timer, read_last_run(session.places.root), tuple(limits))


def _name(session: Session) -> str:
    """The name of this store's timer: every store has its own."""
    root = os.path.realpath(session.places.root)
    is_usual = root == os.path.realpath(session.places.own_root)
    return schedule_name(None if is_usual else zlib.crc32(os.fsencode(root)))


def turn_on(
    session: Session, when: When, kind: Kind | None, changed: list[str], *, fix: bool
) -> tuple[ScheduleState, list[str]]:
    """Have the system run the upkeep; says in `changed` what was written, and returns what has to be said.

    Raises PymanError where that is not possible; nothing has changed then.
    """
    tools = find_tools(session.places)
    chosen = kind or tools.kind
    if chosen is None or not tools.tool(chosen):
        raise PymanError(
            f"{chosen} is not available here" if chosen else "neither systemd nor cron is available to this user",
            hint=f"run `{' '.join(own_command())} schedule run` once a day with a scheduler of this system",
            code=NO_TIMER,
        )
    schedule, notes = _schedule(session, tools, when, fix=fix)
    refuse_readable_passwords(schedule, chosen)
    refuse_what_is_in_the_way(tools, schedule.name, chosen)
    before = installed_timers(tools, schedule.name)
    with Part():
        if chosen == SYSTEMD:
            paths: tuple[str, ...] = unit_paths(tools, schedule.name)
            texts = (service_unit(schedule), timer_unit(schedule))
            if not session.dry_run:
                install_units(tools, schedule.name, *texts)
        elif chosen == LAUNCHD:
            paths = (agent_path(tools, schedule.name),)
            text = launchd_plist(schedule)
            if not session.dry_run:
                install_agent(tools, schedule.name, text)
        else:
            paths = (CRONTAB,)
            line, left_out = cron_line(schedule)
            notes += [f"{name} is too long for a crontab line and was left out" for name in left_out]
            if not session.dry_run:
                install_line(tools, schedule.name, line)
        changed.extend(paths)
        # One is enough: after a change from cron to systemd the upkeep must not run twice.
        for other in before:
            if other.kind != chosen:
                _remove(session, tools, schedule.name, other, changed)
    timer = InstalledTimer(chosen, when, fix, is_active=True, paths=paths)
    return ScheduleState(timer, read_last_run(session.places.root), tuple(limits_here(tools, chosen))), notes


def _schedule(session: Session, tools: TimerTools, when: When, *, fix: bool) -> tuple[Schedule, list[str]]:
    places, command = session.places, own_command()
    fixed = {"PYMAN_ROOT": places.root}
    if places.home != NO_HOME:
        fixed["HOME"] = places.home
    # A timer runs in another folder, so relative paths do not work there.
    fixed |= {name: value for name, value in _absolute(session).items() if session.environ.get(name)}
    environment, left_out = carried(session.environ, fixed)
    refuse_odd((*command, places.root))
    if tools.for_machine:
        from pyman.effects.interpreters.admission import refuse_changeable

        refuse_changeable(os.path.realpath(command[0]), command[0])
    words = (*command, "--quiet", "schedule", "run", *(("--fix",) if fix else ()))
    seed = zlib.crc32(os.fsencode(f"{os.uname().nodename} {tools.uid} {places.root}"))
    notes = [f"{name} was left out: a timer file cannot contain its characters" for name in left_out]
    return Schedule(when, fix, _name(session), words, environment, seed, tools.for_machine), notes


def _absolute(session: Session) -> dict[str, str]:
    mirror = session.environ.get("PYMAN_MIRROR", "")
    here = session.absolute(mirror)
    return {
        "PYMAN_CACHE_DIR": session.places.cache,
        "PYMAN_CONFIG": session.places.config,
        "PYMAN_MIRROR": here if "://" not in mirror and os.path.isdir(here) else mirror,
    }


def turn_off(session: Session, changed: list[str]) -> None:
    """Take every timer of this store away, and what the last run left. Raises PymanError where that is not possible."""
    tools = find_tools(session.places)
    with Part(whole=True):
        for timer in installed_timers(tools, _name(session)):
            _remove(session, tools, _name(session), timer, changed)
        changed.extend(upkeep_files(session.places.root))
        if not session.dry_run:
            remove_upkeep_files(session.places.root)


def turn_all_off(session: Session, changed: list[str]) -> None:
    """Take away the timers of this store, and those of others that start this pyman: it is about to go.

    Raises PymanError where that is not possible.
    """
    turn_off(session, changed)
    tools = find_tools(session.places)
    for name in names_that_start(tools, own_command()[0]):
        for timer in installed_timers(tools, name):
            _remove(session, tools, name, timer, changed)


def _remove(session: Session, tools: TimerTools, name: str, timer: InstalledTimer, changed: list[str]) -> None:
    if not session.dry_run:
        remove_timer(tools, name, timer)
    changed.extend(path for path in timer.paths if path not in changed)


# The run.


def run_upkeep(session: Session, *, fix: bool) -> UpkeepRun | None:
    """Upgrade, then look, and repair where `fix` says so; None where another run is at work.

    Both are commands of their own: what one of them meets does not keep the other from its work. Raises PymanError
    where the store cannot be written.
    """
    settings = read_settings(session.places)
    environ = {**session.environ, "PYMAN_ROOT": session.places.root}
    environ["PYMAN_KEEP_RUNNING"] = "" if settings.move_running else "1"
    if session.offline:
        environ["PYMAN_OFFLINE"] = "1"
    with contextlib.ExitStack() as stack:
        if not session.dry_run:
            make_folder(session.places.root)
            try:
                lock = hold(os.path.join(session.places.root, ".lock-upkeep"), what="the scheduled upkeep", timeout=0)
                stack.enter_context(lock)
            except Locked:
                return None
        return _run(session, environ, fix=fix, notices=settings.notices)


def _run(session: Session, environ: dict[str, str], *, fix: bool, notices: bool) -> UpkeepRun:
    root, began = session.places.root, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    before = read_last_run(root)
    dry_run = ["--dry-run"] if session.dry_run else []

    def keep(run: UpkeepRun) -> UpkeepRun:
        if not session.dry_run:
            write_last_run(root, run, notice_of(run) if notices else "")
        return run

    # Written first, so that an interrupted run leaves a record.
    keep(run_of(began, {}, None, (), before=before))
    session.observer.noted("upgrading")
    upgraded = ask_pyman(["upgrade", "--no-search", *dry_run], environ)
    errors = [f"upgrade: {upgraded.complaint}"] if upgraded.complaint else []
    keep(run_of(began, upgraded.data, None, errors, before=before))
    session.observer.noted("checking venvs")
    examined = ask_pyman(["doctor", "--no-search", *(["--fix"] if fix else []), *dry_run], environ)
    if examined.complaint or "findings" not in examined.data or examined.status == _COULD_NOT_LOOK:
        errors.append(f"doctor: {examined.complaint or 'it could not check'}")
    return keep(run_of(began, upgraded.data, examined.data, errors, before=before))


def failure_of_run(run: UpkeepRun) -> PymanError | None:
    """What a run failed with; None for one that did all that it could."""
    if run.status not in (FAILED, UNFINISHED):
        return None
    return PymanError("; ".join(run.errors) or "the run was interrupted", hint="run `pyman schedule run` to try it now")
