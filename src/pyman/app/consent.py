"""Asking for confirmation on a terminal, and what must not be done to a venv without it (design.md 8)."""

from __future__ import annotations

import os
import sys

from pyman.app.console import is_terminal, short_path
from pyman.app.session import Session
from pyman.core.escape import visible
from pyman.core.packages.lent import told
from pyman.core.relink import Target, shown_release
from pyman.core.venv import VenvFacts
from pyman.core.version import short_release
from pyman.effects.packages.donors import Donors
from pyman.effects.venvs.inventory import leads_outside
from pyman.effects.venvs.own_folders import leads_elsewhere, not_written
from pyman.effects.venvs.stores import is_known
from pyman.errors import BORROWS, NEEDS_YES, OLDER_RELEASE, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    Answered = TypeVar("Answered")


def confirmed(session: Session, question: str, *, yes: bool) -> bool:
    """True for a yes: given beforehand, or on a terminal now. A program that did not say yes is not asked.

    Raises Interrupted where nothing more can be typed, as ctrl-C ends the questions.
    """
    if yes or session.json or not is_terminal(sys.stdin):
        return yes
    return session.ask(visible(question))


# Before one venv goes to another Python: what it would lose there is named, and needs a yes (design.md 8).


def get_consent(
    session: Session,
    facts: VenvFacts,
    target: Target,
    *,
    yes: bool,
    command: str,
    may_go_down: bool = False,
    effects: Sequence[str] = (),
) -> tuple[str, ...]:
    """Make sure that the user wants what a venv loses by going to another Python; returns it, a sentence each.

    That is a newer release, unless it `may_go_down`, and the packages of its base that the other one does
    not have. Raises Refused without a yes; `command` is the one that gives it. `effects` is what else the question
    tells: "loses fixes for …".
    """
    sentences: list[str] = []
    code = OLDER_RELEASE
    if not may_go_down and facts.python is not None and target.version < facts.python:
        sentences.append(f"{shown_release(target)} is older than {facts.release}")
    lost = Donors().losses(facts, target)
    if lost:
        code = BORROWS
        sentences.append(f"it uses {told(lost)}, which {shown_release(target)} does not have")
    if not sentences or yes:
        return tuple(sentences)
    if session.dry_run:
        session.observer.noted(f"this needs confirmation: `{command}`")
        return tuple(sentences)
    shown = short_path(session, facts.path)
    told_first = "; ".join([*sentences, *(f"it {effect}" for effect in effects)])
    if confirmed(session, f"{shown}: {told_first}. Go ahead?", yes=yes):
        return tuple(sentences)
    raise Refused(
        f"{facts.path} was not changed: {'; '.join(sentences)}", hint=f"`{command}` does it anyway", code=code
    )


def shown_move(session: Session, facts: VenvFacts, target: Target) -> str:
    """From what to what a venv goes, in brackets; empty where it is one Python by two names."""
    running = facts.running
    if running is None or os.path.realpath(target.prefix) == running.prefix:
        return ""
    before = short_release(running.version) if running.version is not None else "an unknown release"
    runtimes = os.path.realpath(session.places.runtimes)
    if os.path.dirname(running.prefix) != runtimes:
        before += f" in {short_path(session, running.prefix)}"
    return f" ({before} -> {shown_release(target)})"


# Whether a verb may change the venv that is named: it is the one that the user sees, and its folders are its own.


def refuse_other_place(session: Session, facts: VenvFacts, command: str) -> None:
    """Raise Refused for a venv that may not be written into, or that is not the one that the user sees.

    A cloned project's `.venv` may be a link to any venv of the user's: it is changed where it lies in that project,
    where the link itself was recorded (`register`), or where it is given by its own path.
    """
    if leads_outside(session.places, facts.path, facts.folder) and not is_known(session.places, facts.path):
        raise leads_elsewhere(facts.path, facts.folder, command)
    if facts.not_written:
        raise not_written(facts.path, facts.not_written)


def refuse_stage(session: Session, facts: VenvFacts, command: str, *, yes: bool) -> None:
    """Ask whether a venv is to be changed that may lie in a tree for elsewhere; Refused without a yes (design.md 7)."""
    if facts.stage_reason and session.dry_run and not yes:
        session.observer.noted(f"{facts.path} needs confirmation (`--yes`): {facts.stage_reason}")
        return
    if facts.stage_reason and not confirmed(session, f"{facts.path}: {facts.stage_reason}; change it?", yes=yes):
        raise Refused(
            f"{facts.path} was not changed: {facts.stage_reason}",
            hint=f"if it really was moved there, run `pyman {command} --yes`",
            code=NEEDS_YES,
        )


def with_what_needs_yes(session: Session, yes: bool, take: Callable[[bool], Answered]) -> Answered:
    """What `take` answers; a dry run that it refuses for want of a yes says so, and goes on as if it had one."""
    try:
        return take(yes)
    except Refused as refusal:
        if not session.dry_run or yes:
            raise
        # What a confirmation does not change is refused again.
        answer = take(True)
        session.observer.noted(f"this needs confirmation: {refusal.message}; {refusal.hint}")
        return answer
