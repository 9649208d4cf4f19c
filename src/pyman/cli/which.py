"""`pyman which`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.hot import which as hot_which


@verb
def which(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A program: python, python3.13, pip…")] = "python",
    explain: Annotated[bool, typer.Option("--explain", help="Show every step of the choice.")] = False,
) -> Answer:
    """Print the program that a name runs in this folder, as the shims do.

    Examples:
        pyman which
        pyman which pip3.12
        pyman which --explain
    """
    return hot_which.which(session.places, session.environ, session.cwd, name, explain=explain)
