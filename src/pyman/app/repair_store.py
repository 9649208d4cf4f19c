"""Repairing the store itself, before any venv is looked at; and clearing away what dead processes left in between."""

from __future__ import annotations

import contextlib
import os

from pyman.app import install as installing
from pyman.app.repair import RepairResult
from pyman.app.session import Session
from pyman.core.diagnosis import finding as actions
from pyman.core.diagnosis.finding import FAILED, FIXED, OPEN, RESTART_NEEDED, Finding
from pyman.core.repairs import LASTING, DoneRepair
from pyman.core.request import parse_request
from pyman.core.venv import VenvFolder
from pyman.effects.interpreters.external import ask_external
from pyman.effects.interruption import Part
from pyman.effects.lock import hold_store
from pyman.effects.moves.move import reconcile_aliases
from pyman.effects.runtimes.health import present_executable
from pyman.effects.runtimes.install import adopt
from pyman.effects.runtimes.managed import prepare_folders, remove_runtime
from pyman.effects.staging import clean_up_temporaries
from pyman.effects.store import read_stores
from pyman.effects.venvs.journal import journal_paths
from pyman.effects.venvs.moved_files import folders_of_moved
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.own_folders import clean_up_own, has_temporaries, package_folders
from pyman.effects.venvs.recovery import LEFT, interrupted, recover
from pyman.effects.venvs.repairs import RepairLog
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STORE_FIRST = (
    actions.CLEAN_UP,
    actions.ADOPT_AGAIN,
    actions.FORGET_RUNTIME,
    actions.REINSTALL,
    actions.MOVE_ALIASES,
)
"""What the store needs before any venv is looked at: in this order."""


def repair_store(
    session: Session,
    findings: tuple[Finding, ...],
    allowed: Callable[[Finding], bool],
    repaired: list[RepairResult],
    log: RepairLog,
) -> None:
    """Repair what the store itself needs; `repaired` gets what became of each finding."""
    wanted = [finding for finding in findings if finding.kind != "venv" and finding.action in _STORE_FIRST]
    if session.places.keeps_running:
        wanted = [finding for finding in wanted if finding.code != RESTART_NEEDED]
    for finding in sorted(wanted, key=lambda one: _STORE_FIRST.index(one.action)):
        if finding.asks and not allowed(finding):
            repaired.append(RepairResult(finding, OPEN, "not wanted"))
            continue
        try:
            with Part(whole=True):
                _repair_in_store(session, finding)
                if finding.action in LASTING:
                    log.add(DoneRepair(log.run, finding.path, finding.path, finding.code, finding.action, None))
                repaired.append(RepairResult(finding, FIXED))
        except PymanError as error:
            repaired.append(RepairResult(finding, FAILED, error.message))


def _refuse_what_is_left(session: Session, venv: str) -> None:
    """Raise PymanError where work on a venv that was cut off can neither be finished nor undone."""
    if not any(entry.venv == venv for entry in interrupted(session.places)):
        return
    with hold_store(session.places, session.observer):
        reasons = [one.reason for one in recover(session.places) if (one.venv, one.outcome) == (venv, LEFT)]
    if reasons:
        raise PymanError(reasons[0])


def _repair_in_store(session: Session, finding: Finding) -> None:
    places = session.places
    if finding.action == actions.CLEAN_UP:
        for work in prepare_folders(places, session.observer):
            if work.path == finding.argument:
                raise PymanError(work.trouble)
        _refuse_what_is_left(session, finding.argument)
        return
    if finding.action == actions.MOVE_ALIASES:
        moved = reconcile_aliases(places, session.observer)
        if any(move.waits and move.alias == finding.argument for move in moved):
            raise PymanError("processes run through it")
        return
    runtime = read_stores(places).runtime(finding.argument)
    if runtime is None:
        return
    if finding.action == actions.FORGET_RUNTIME:
        remove_runtime(places, runtime, force=True, observer=session.observer)
    elif finding.action == actions.ADOPT_AGAIN:
        target = runtime.target or runtime.path
        external = ask_external(os.path.join(target, present_executable(runtime)), places)
        # The new name first, so that a venv that follows always has its Python.
        adopt(places, external, session.observer)
        remove_runtime(places, runtime, force=True, observer=session.observer)
    else:
        installed = installing.get(session, [parse_request(runtime.release)], force=True, may_adopt=False)
        if installed.error is not None:
            raise installed.error
        for result in installed.results:
            if result.already and result.said:
                # Something is in the way of the new one: the old one was kept, so nothing was repaired.
                raise PymanError(result.said[0])


def clean_up(session: Session, venvs: list[str]) -> None:
    """Remove what dead processes were about to put in place of something, in the store and in venvs."""
    places = session.places
    for folder in (places.root, places.runtimes, places.venvs, places.shims):
        clean_up_temporaries(folder)
    for venv in venvs:
        if has_temporaries(f"{venv}/bin"):
            # A repair of a moved venv changes more folders, and this one last.
            facts = read_venv(venv)
            clean_up_own(VenvFolder(venv), folders_of_moved(facts) if facts is not None else ())
        clean_up_own(VenvFolder(venv), ("", *package_folders(venv), "bin"))
    if journal_paths(places):
        # Their remaining problems were reported already.
        with contextlib.suppress(PymanError), hold_store(places, session.observer):
            recover(places)
