"""Asking people: on a terminal, and nobody else."""

from __future__ import annotations

import sys

from pyman.cli.session import Session
from pyman.core.escape import visible
from pyman.hot.speak import is_terminal


def confirmed(session: Session, question: str, *, yes: bool) -> bool:
    """True for a yes: given beforehand, or on a terminal now. A program that did not say yes is not asked."""
    if yes or session.json or not is_terminal(sys.stdin):
        return yes
    import typer

    return typer.confirm(visible(question), err=True)
