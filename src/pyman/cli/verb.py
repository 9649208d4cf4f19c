"""`@verb`: gives a command the options that every command has, and answers with what it returns.

What typer needs to know of a command is added when typer runs it (cli/typer_command.py): a plain command line gets
here without it (cli/plain.py).
"""

from __future__ import annotations

import os

from pyman.cli.session import open_session
from pyman.cli.show.answer import show
from pyman.core.record import replace
from pyman.effects.interruption import failure_of, work_until_signal
from pyman.errors import PymanError, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyman.cli.session import Session
    from pyman.core.answer import Answer

SHARED_NAMES = ("json", "quiet", "verbose", "root", "offline")


def verb(function: Callable[..., Answer]) -> Callable[..., int]:
    """Make a command of a function that takes a Session first and returns an Answer.

    The command takes what the function takes, and the shared options, all by name. It returns the exit status;
    failures are raised as PymanError, for cli/outcome.py to show.
    """

    def command(**given: Any) -> int:
        shared = {name: given.pop(name) for name in SHARED_NAMES}
        try:
            session = open_session(**shared)
        except PymanError as error:
            error.exit_status = getattr(command, "status_without_session", error.exit_status)
            raise
        answer = _answer(session, lambda: function(session, **given))
        return show(answer, json=session.json, quiet=session.quiet)

    command.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps has it, which costs 1 ms to import
    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    return command


def _answer(session: Session, function: Callable[[], Answer]) -> Answer:
    """The answer of a verb: the whole of it, or what was done until it failed or a signal came, and why it ended.

    Raises what ended it where nothing can have been done yet.
    """
    answer, ended = work_until_signal(function)
    if ended is not None:
        answer = answer or _so_far(session)
        if answer is None:
            raise ended
        failure = failure_of(ended)
        if failure is None:
            assert isinstance(ended, Exception)
            if os.environ.get("PYMAN_TRACEBACK"):
                raise ended
            failure = bug(ended)
        before = () if answer.error is None else (answer.error.message,)
        answer = replace(answer, error=failure, notes=(*answer.notes, *before))
    assert answer is not None
    return answer


def _so_far(session: Session) -> Answer | None:
    try:
        return session.so_far()
    except PymanError:
        return None  # What ended the work keeps the store from being read too, and is told.
