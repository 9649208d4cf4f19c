"""Options that several verbs have."""

from __future__ import annotations

from typing import Annotated

import typer

AllUsersOption = Annotated[
    bool, typer.Option("--all-users", help="As root: also for every other user of this machine.")
]
SearchOption = Annotated[
    bool | None,
    typer.Option("--search/--no-search", help="Search the home folder for venvs now, or skip the search."),
]
