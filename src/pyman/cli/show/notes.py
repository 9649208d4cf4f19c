"""Notes that several verbs add to their answer."""

from __future__ import annotations

import sys

from pyman.cli.session import Session
from pyman.core.answer import Answer
from pyman.core.plans.install import Stranger, left_behind
from pyman.core.record import replace
from pyman.effects.interpreters.external import base_packages
from pyman.hot.speak import is_terminal


def pyman_says(answer: Answer, word: str, ours: str) -> Answer:
    """The answer to one of pyenv's words, with pyman's own word for it."""
    return replace(answer, notes=(*answer.notes, f"`{word}` is pyenv's word: pyman calls it `pyman {ours}`"))


def told_of_base(stranger: Stranger) -> list[str]:
    """A line about what was installed into a base itself, which nobody will find in its next patch release."""
    packages = left_behind(base_packages(stranger))
    if not packages:
        return []
    shown = ", ".join(packages[:5]) + (f" and {len(packages) - 5} more" if len(packages) > 5 else "")
    return [f"it holds packages of its own, which the next patch release will not have: {shown}"]


def told_count(count: int) -> str:
    """`1 venv`, `2 venvs`."""
    return "1 venv" if count == 1 else f"{count} venvs"


def in_need(ill: int, count: int) -> str:
    """How many of the venvs that were looked at need attention."""
    if count == 1:
        return "the only venv needs attention"
    whom = f"all {told_count(count)}" if ill == count else f"{ill} of {told_count(count)}"
    return f"{whom} {'needs' if ill == 1 else 'need'} attention"


def short_path(session: Session, path: str) -> str:
    """A path as people write it: `~` for their home."""
    home = session.places.home.rstrip("/")
    return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path


def shown_place(session: Session, path: str) -> str:
    """A path as people write it on a terminal, and whole in a pipe, where somebody may go on with it."""
    return short_path(session, path) if is_terminal(sys.stdout) else path
