"""`pyman find`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.hot import find as hot_find


@verb
def find(
    session: Session,
    request: Annotated[
        str | None,
        typer.Argument(metavar="[REQUEST]", help="A version, range or path; default: what this folder asks for."),
    ] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Print the path of the patch release itself.")] = False,
) -> Answer:
    """Print the path of the interpreter that a request names, through its minor version's alias.

    Examples:
        pyman find 3.13
        uv venv -p "$(pyman find 3.13)"
        pyman find --resolve 3.13
    """
    return hot_find.find(session.places, session.environ, session.cwd, request, resolve=resolve)
