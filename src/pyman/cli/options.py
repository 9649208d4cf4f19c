"""Options that several verbs have."""

from __future__ import annotations

from typing import Annotated

import typer

AllUsersOption = Annotated[
    bool, typer.Option("--all-users", help="As root: also for every other user of this machine.")
]
MoveAnywayOption = Annotated[
    bool, typer.Option("--force", help="Move even if an incompatible venv cannot be held back.")
]
PythonOption = Annotated[
    str | None, typer.Option("--python", "-p", metavar="REQUEST", help="A version, range or path.")
]
SearchOption = Annotated[
    bool | None,
    typer.Option("--search/--no-search", help="Search the home folder for venvs now, or skip the search."),
]
