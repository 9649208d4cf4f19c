"""What the move of an alias does to venvs, and what became of each: the move is handed back as it turned out."""

from __future__ import annotations

from pyman.core.plans.move import AliasMove, Follower, brought_along, copies_of, kept_behind, through_other
from pyman.core.record import replace
from pyman.errors import CANNOT_HOLD_BACK, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.store import Runtime
    from pyman.effects.transaction import Transaction


def keep_behind(transaction: Transaction, move: AliasMove, *, force: bool) -> AliasMove:
    """Link the venvs that do not fit to the release that the alias leaves, before it does.

    Raises Refused where one cannot be held back, unless `force`: then it goes along, and that is noted.
    """
    for follower, runtime in move.to_minor:
        plan = through_other(follower, runtime.alias, runtime.version, held_back=None, variant=runtime.variant)
        try:
            transaction.attempt(plan)
        except PymanError as error:
            if not force:
                raise _cannot_be_kept(follower, runtime, error) from error
            move = _noted(move, follower, error)
    behind: list[tuple[Follower, str]] = []
    for follower, reason in move.behind:
        try:
            transaction.attempt(kept_behind(move, follower, reason))
        except PymanError as error:
            why = f"{reason}, and it cannot be held back: {error.message}"
            if not force:
                raise cannot_hold_back(follower.path, move, why) from error
            move = replace(move, others=move.others + 1, notes=(*move.notes, (follower.path, f"goes along: {why}")))
        else:
            behind.append((follower, reason))
    return replace(move, behind=tuple(behind))


def cannot_hold_back(path: str, move: AliasMove, why: str) -> Refused:
    """The failure that stops a move: a venv would break."""
    new = move.new.release if move.new is not None else "what comes"
    return Refused(
        f"{path} does not fit {new}: {why}",
        hint="`--force` moves the alias all the same",
        code=CANNOT_HOLD_BACK,
    )


def _cannot_be_kept(follower: Follower, runtime: Runtime, error: PymanError) -> Refused:
    return Refused(
        f"{follower.path} goes through the alias 3, and cannot be linked to {runtime.alias}: {error.message}",
        hint="make it anew, or `pyman forget` it",
        code=CANNOT_HOLD_BACK,
    )


def refresh_copies(transaction: Transaction, move: AliasMove) -> AliasMove:
    """Give venvs that hold copies of the interpreter those of the new release."""
    for follower in move.along:
        try:
            transaction.attempt(copies_of(move, follower))
        except PymanError as error:
            move = _noted(move, follower, error)
    return move


def bring_along(transaction: Transaction, move: AliasMove) -> AliasMove:
    """Bring the venvs of an alias that has moved up to date, and those forward that fit again.

    What cannot be done to one of them does not stop the others: it is noted, and `doctor` finds it.
    """
    for follower in move.along:
        try:
            transaction.attempt(brought_along(move, follower))
        except PymanError as error:
            move = _noted(move, follower, error)
    forward: list[Follower] = []
    still = list(move.still)
    for follower in move.forward:
        try:
            transaction.attempt(brought_along(move, follower))
        except PymanError as error:
            still.append((follower, f"it fits again, and cannot be brought forward: {error.message}"))
        else:
            forward.append(follower)
    return replace(move, forward=tuple(forward), still=tuple(still))


def _noted(move: AliasMove, follower: Follower, error: PymanError) -> AliasMove:
    return replace(move, notes=(*move.notes, (follower.path, f"could not be brought up to date: {error.message}")))
