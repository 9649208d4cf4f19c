"""`pyman find` and `pyman which`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.app import select as hot_find
from pyman.app import select as hot_which
from pyman.app.console import Answer
from pyman.app.session import Session
from pyman.cli.verb import verb
from pyman.errors import UsageError


@verb
def find(
    session: Session,
    request: Annotated[
        str | None,
        typer.Argument(
            metavar="[REQUEST]", help="A version, range or path; default: the version this folder requests."
        ),
    ] = None,
    resolve: Annotated[bool, typer.Option("--resolve", help="Print the path of the patch release itself.")] = False,
) -> Answer:
    """Print the path of the interpreter that matches a request, through its minor version's alias.

    Examples:
        pyman find 3.13
        uv venv -p "$(pyman find 3.13)"
        pyman find --resolve 3.13
    """
    return hot_find.find(session.places, session.environ, session.cwd, request, resolve=resolve)


# `pyman which`.


@verb
def which(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A program: python, python3.13, pip…")] = "python",
    explain: Annotated[bool, typer.Option("--explain", help="Show every step of the choice.")] = False,
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Also show programs of other Pythons and on PATH.")
    ] = False,
) -> Answer:
    """Print which program a command runs in this folder.

    Examples:
        pyman which
        pyman which pip3.12
        pyman which --explain
        pyman which -a pip
    """
    if every and explain:
        raise UsageError("`--all` and `--explain` cannot be used together", hint="leave one of them out")
    if every:
        return hot_which.which_all(session.places, session.environ, session.cwd, name)
    return hot_which.which(session.places, session.environ, session.cwd, name, explain=explain)
