"""Taking back what doctor has repaired: the last run of it, or what it did at some places (design.md 7)."""

from __future__ import annotations

import os

from pyman.app.repair import locked_store
from pyman.app.session import Session
from pyman.core.immutable import replace
from pyman.core.plans.steps import RemoveBytecode
from pyman.core.repairs import Undo, Undone, by_run, modules_of, plan_undo, undone
from pyman.core.venv import VenvFolder
from pyman.effects.interruption import DeferredSignals, Part
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.moved_files import bytecode_of
from pyman.effects.venvs.own_folders import folder_made
from pyman.effects.venvs.repairs import forget_repairs, present_of, read_repairs
from pyman.errors import NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.repairs import Repairs


def last_run(session: Session, wanted: Sequence[str]) -> tuple[Repairs, ...]:
    """The last run of repairs, venv by venv; with `wanted`, the last one at those places.

    A run whose venvs all are as they were before it is passed over. Raises PymanError where nothing is recorded, or
    what is recorded must not be trusted.
    """
    for run in by_run(read_repairs(session.places), (*wanted, *map(os.path.realpath, wanted))):
        if not all(plan_of(repairs).is_settled for repairs in run):
            return run
    where = f" of {', '.join(wanted)}" if wanted else ""
    raise NotFound(f"there is no repair{where} to undo", hint="only repairs by `pyman doctor --fix` are recorded")


def plan_of(repairs: Repairs) -> Undo:
    """Look at one venv, and plan to take its repairs back."""
    path = repairs[0].folder
    if repairs[0].why_it_stays:
        return plan_undo(repairs, {}, VenvFolder(path))
    try:
        folder = folder_made(path)
    except FileNotFoundError:
        return Undo(repairs, reason="it does not exist")
    except OSError as error:
        return Undo(repairs, reason=f"it cannot be read: {(error.strerror or str(error)).lower()}")
    undo = plan_undo(repairs, present_of(repairs), folder)
    # The Python that it ran may have been removed since: undoing would break the venv.
    missing = next((target for _, target in undo.links if os.path.isabs(target) and not os.path.exists(target)), None)
    if missing is not None and repairs[-1].python is not None:
        return Undo(repairs, reason=f"it would go back to {missing}, which no longer exists")
    return undo


def take_back(session: Session, run: Sequence[Repairs], done: list[Undone], left: list[tuple[str, str]]) -> None:
    """Take back what can be; `done` gets what was, `left` the path of what was not, and the reason, at once each."""
    settled: set[tuple[str, str]] = set()
    try:
        for repairs in run:
            path, key = repairs[0].path, (repairs[0].run, repairs[0].folder)
            try:
                with Part():
                    undo = _take_back_one(session, repairs)
                    if undo.plan is not None:
                        done.append(undone(undo))
                    settled.add(key)
            except PymanError as error:
                left.append((path, error.message))
    finally:
        if not session.dry_run:
            with DeferredSignals():
                forget_repairs(session.places, settled, session.observer)


def _take_back_one(session: Session, repairs: Repairs) -> Undo:
    """Raises PymanError where it cannot be taken back; the venv is then as it was."""
    if session.dry_run:
        return _possible(repairs)
    with locked_store(session), Transaction(session.places) as transaction:
        undo = _possible(repairs)
        if undo.plan is not None:
            bytecode = bytecode_of(modules_of(undo.plan), repairs[0].folder)
            steps = (*(RemoveBytecode(path, work) for path, work in bytecode), *undo.plan.steps)
            transaction.take(replace(undo.plan, steps=steps))
        return undo


def _possible(repairs: Repairs) -> Undo:
    undo = plan_of(repairs)
    if undo.reason:
        raise PymanError(undo.reason)
    return undo
