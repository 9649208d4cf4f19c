"""`@verb`: gives a command the options that every command has, and answers with what it returns."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from pyman.cli.session import open_session
from pyman.cli.show.answer import show
from pyman.errors import PymanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.core.answer import Answer

_SHARED = {
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is done.")],
    "root": Annotated[
        str | None, typer.Option("--root", metavar="DIR", help="Use the store in DIR instead of PYMAN_ROOT.")
    ],
    "offline": Annotated[bool, typer.Option("--offline", help="Use no network at all.")],
}


SHARED_NAMES = tuple(_SHARED)


def verb(function: Callable[..., Answer]) -> Callable[..., int]:
    """Make a typer command of a function that takes a Session first and returns an Answer.

    The command returns the exit status; failures are raised as PymanError and shown by `cli.app`.
    """

    @functools.wraps(function)
    def command(**given: Any) -> int:
        shared = {name: given.pop(name) for name in _SHARED}
        try:
            session = open_session(**shared)
        except PymanError as error:
            error.exit_status = getattr(command, "status_without_session", error.exit_status)
            raise
        return show(function(session, **given), json=session.json, quiet=session.quiet)

    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "session"
    ]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=None if name == "root" else False
        )
        for name, annotation in _SHARED.items()
    ]
    signature = inspect.Signature([*own, *shared])
    command.__signature__ = signature  # type: ignore[attr-defined]  # inspect documents it, typeshed does not know it
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    return command
