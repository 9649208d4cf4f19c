"""Before one venv goes to another Python: what it would lose there is named, and needs a yes (DESIGN 8)."""

from __future__ import annotations

import os

from pyman.cli.flows.asking import confirmed
from pyman.cli.session import Session
from pyman.cli.show.notes import short_path
from pyman.core.packages.lent import told
from pyman.core.relink import Target, shown_release
from pyman.core.venv import VenvFacts
from pyman.effects.packages.lenders import Lenders
from pyman.errors import BORROWS, OLDER_RELEASE, Refused


def get_consent(
    session: Session, facts: VenvFacts, target: Target, *, yes: bool, command: str, may_go_down: bool = False
) -> tuple[str, ...]:
    """Make sure that the user wants what a venv loses by going to another Python; returns it, a sentence each.

    That is a newer release, unless it `may_go_down`, and the packages that its base lends it and the other one does
    not have. Raises Refused without a yes; `command` is the one that gives it.
    """
    sentences: list[str] = []
    code = OLDER_RELEASE
    if not may_go_down and facts.python is not None and target.version < facts.python:
        sentences.append(f"{shown_release(target)} is older than the {facts.python} that runs now")
    lost = Lenders().losses(facts, target)
    if lost:
        code = BORROWS
        sentences.append(f"its base lends it {told(lost)}, which {shown_release(target)} does not have")
    if not sentences or yes:
        return tuple(sentences)
    shown = short_path(session, facts.path)
    if confirmed(session, f"{shown}: {'; '.join(sentences)}. Go ahead?", yes=yes):
        return tuple(sentences)
    raise Refused(f"{facts.path} was not changed: {'; '.join(sentences)}", hint=f"`{command}` goes ahead", code=code)


def shown_move(session: Session, facts: VenvFacts, target: Target) -> str:
    """From what to what a venv goes, in brackets; empty where it is one Python by two names."""
    running = facts.running
    if running is None or os.path.realpath(target.prefix) == running.prefix:
        return ""
    before = str(running.version) if running.version is not None else "an unknown release"
    runtimes = os.path.realpath(session.places.runtimes)
    if os.path.dirname(running.prefix) != runtimes:
        before += f" in {short_path(session, running.prefix)}"
    return f" ({before} -> {shown_release(target)})"
