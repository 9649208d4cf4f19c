"""`@verb`: gives a command the options that every command has, and answers with what it returns.

What typer needs to know of a command is added when typer runs it (cli/typer_command.py): a plain command line gets
here without it (cli/plain.py).
"""

from __future__ import annotations

from pyman.cli.session import open_session
from pyman.cli.show.answer import show
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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
        answer = function(session, **given)
        command.has_answered = True  # type: ignore[attr-defined]  # see cli.typer_command
        return show(answer, json=session.json, quiet=session.quiet)

    command.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps has it, which costs 1 ms to import
    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    return command
