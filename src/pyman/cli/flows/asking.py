"""Asking people: on a terminal, and nobody else."""

from __future__ import annotations

import sys

from pyman.cli.session import Session
from pyman.core.escape import visible
from pyman.errors import Interrupted
from pyman.hot.speak import is_terminal


def confirmed(session: Session, question: str, *, yes: bool) -> bool:
    """True for a yes: given beforehand, or on a terminal now. A program that did not say yes is not asked.

    Raises Interrupted where nothing more can be typed, as ctrl-C ends the questions.
    """
    if yes or session.json or not is_terminal(sys.stdin):
        return yes
    import typer

    try:
        return typer.confirm(visible(question), err=True)
    except typer.Abort:
        raise Interrupted("interrupted") from None
