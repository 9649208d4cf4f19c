"""Carrying out the repairs that the store itself needs, before any venv is looked at."""

from __future__ import annotations

import os

from pyman.cli.flows import installing
from pyman.cli.flows.mending import Mended
from pyman.cli.session import Session
from pyman.core.diagnosis import finding as actions
from pyman.core.diagnosis.finding import FAILED, FIXED, OPEN, Finding
from pyman.core.request import parse_request
from pyman.effects.interpreters.external import ask_stranger
from pyman.effects.interruption import Part
from pyman.effects.lock import hold
from pyman.effects.moves.move import settle_aliases
from pyman.effects.runtimes.health import present_executable
from pyman.effects.runtimes.install import adopt
from pyman.effects.runtimes.managed import prepare_folders, remove_runtime
from pyman.effects.store import read_store
from pyman.effects.venvs.recovery import LEFT, interrupted, recover
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_STORE_FIRST = (
    actions.SWEEP,
    actions.ADOPT_AGAIN,
    actions.FORGET_RUNTIME,
    actions.REINSTALL,
    actions.MOVE_ALIASES,
)
"""What the store needs before any venv is looked at: in this order."""


def mend_store(
    session: Session, findings: tuple[Finding, ...], allowed: Callable[[Finding], bool], mended: list[Mended]
) -> None:
    """Repair what the store itself needs; `mended` gets what became of each finding."""
    wanted = [finding for finding in findings if finding.kind != "venv" and finding.action in _STORE_FIRST]
    for finding in sorted(wanted, key=lambda one: _STORE_FIRST.index(one.action)):
        if finding.asks and not allowed(finding):
            mended.append(Mended(finding, OPEN, "not wanted"))
            continue
        try:
            with Part(whole=True):
                _mend_store(session, finding)
                mended.append(Mended(finding, FIXED))
        except PymanError as error:
            mended.append(Mended(finding, FAILED, error.message))


def _refuse_what_is_left(session: Session, venv: str) -> None:
    """Raise PymanError where work on a venv that was cut off can neither be finished nor undone."""
    if not any(entry.venv == venv for entry in interrupted(session.places)):
        return
    with hold(session.places.lock, session.observer, what="the store"):
        reasons = [one.reason for one in recover(session.places) if (one.venv, one.outcome) == (venv, LEFT)]
    if reasons:
        raise PymanError(reasons[0])


def _mend_store(session: Session, finding: Finding) -> None:
    places = session.places
    if finding.action == actions.SWEEP:
        prepare_folders(places)
        _refuse_what_is_left(session, finding.argument)
        return
    if finding.action == actions.MOVE_ALIASES:
        settle_aliases(places, session.observer)
        return
    runtime = read_store(places.root).runtime(finding.argument)
    if runtime is None:
        return
    if finding.action == actions.FORGET_RUNTIME:
        remove_runtime(places, runtime, force=True, observer=session.observer)
    elif finding.action == actions.ADOPT_AGAIN:
        target = runtime.target or runtime.path
        stranger = ask_stranger(os.path.join(target, present_executable(runtime)), places)
        # The new name first: at no instant is a venv that follows without its Python.
        adopt(places, stranger, session.observer)
        remove_runtime(places, runtime, force=True, observer=session.observer)
    else:
        installed = installing.get(session, [parse_request(runtime.release)], force=True, may_adopt=False)
        if installed.error is not None:
            raise installed.error
        for got in installed.got:
            if got.already and got.said:
                # What is in the way of a new one: the old one was kept, and that is no repair.
                raise PymanError(got.said[0])
