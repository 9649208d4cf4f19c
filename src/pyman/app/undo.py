"""Taking back what doctor has repaired: the last run of it, or what it did at some places (design.md 7)."""

from __future__ import annotations

import os

from pyman.app.console import Session
from pyman.app.repair import locked_store
from pyman.core.plans.steps import RemoveBytecode
from pyman.core.record import replace
from pyman.core.repairs import DoneRepair, Undo, by_run, modules_of, plan_undo
from pyman.core.venv import VenvFolder
from pyman.effects.interruption import DeferredSignals, Part
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.moved import bytecode_of
from pyman.effects.venvs.own_folders import folder_made
from pyman.effects.venvs.repairs import forget_repairs, present_of, read_repairs
from pyman.errors import NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def last_run(session: Session, wanted: Sequence[str]) -> tuple[Undo, ...]:
    """How the last run of repairs is taken back, one venv after the other; with `wanted`, the last one at those places.

    A run whose venvs all are as they were before it is passed over. Raises PymanError where nothing is recorded, or
    what is recorded must not be trusted.
    """
    for run in by_run(read_repairs(session.places), (*wanted, *map(os.path.realpath, wanted))):
        found = tuple(map(plan_of, run))
        if not all(undo.is_settled for undo in found):
            return found
    where = f" of {', '.join(wanted)}" if wanted else ""
    raise NotFound(
        f"there is no repair{where} to take back", hint="only repairs that `pyman doctor --fix` has made are recorded"
    )


def plan_of(repairs: Sequence[DoneRepair]) -> Undo:
    """Look at one venv, and plan to take its repairs back."""
    path = repairs[0].folder
    if repairs[0].why_it_stays:
        return plan_undo(repairs, {}, VenvFolder(path))
    try:
        folder = folder_made(path)
    except FileNotFoundError:
        return Undo(tuple(repairs), reason="it does not exist")
    except OSError as error:
        return Undo(tuple(repairs), reason=f"it cannot be read: {(error.strerror or str(error)).lower()}")
    undo = plan_undo(repairs, present_of(repairs), folder)
    # What it ran may have been removed since: it runs now, and would not run then.
    missing = next((target for _, target in undo.links if os.path.isabs(target) and not os.path.exists(target)), None)
    if missing is not None and undo.python is not None:
        return Undo(undo.repairs, reason=f"it would go back to {missing}, which does not exist any more")
    return undo


def take_back(session: Session, undos: Sequence[Undo], done: list[Undo], left: list[tuple[str, str]]) -> None:
    """Take back what can be; `done` gets what was, `left` the path of what was not, and the reason, at once each."""
    settled: list[DoneRepair] = [repair for undo in undos if undo.is_settled for repair in undo.repairs]
    try:
        for undo in undos:
            if undo.is_settled:
                continue
            if undo.reason:
                left.append((undo.path, undo.reason))
                continue
            if session.dry_run:
                done.append(undo)
                continue
            try:
                with Part():
                    _take_back_one(session, undo)
                    done.append(undo)
            except PymanError as error:
                left.append((undo.path, error.message))
    finally:
        if not session.dry_run:
            with DeferredSignals():
                settled += [repair for undo in done for repair in undo.repairs]
                forget_repairs(session.places, settled, session.observer)


def _take_back_one(session: Session, planned: Undo) -> None:
    """Raises PymanError where it cannot be taken back; the venv is then as it was."""
    with locked_store(session), Transaction(session.places) as transaction:
        undo = plan_of(planned.repairs)
        if undo.reason:
            raise PymanError(undo.reason)
        if undo.plan is None:
            return
        bytecode = bytecode_of(modules_of(undo.plan), undo.repairs[0].folder)
        steps = (*(RemoveBytecode(path, work) for path, work in bytecode), *undo.plan.steps)
        transaction.take(replace(undo.plan, steps=steps))
