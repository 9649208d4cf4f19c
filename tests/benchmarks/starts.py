"""What it takes to start each command: its help, which loads all that it needs to understand its words."""

from __future__ import annotations

from benchmarks.bench import Bench, Row, in_turns
from pyman.cli.commands import COMMANDS

_MORE = 0.075
"""Seconds above a bare start that a command may take beside its work."""


def rows(bench: Bench) -> list[Row]:
    """One row for each command."""
    names = [command.name for command in COMMANDS if not command.hidden]
    found = in_turns(
        bench.rounds(12),
        bare=lambda: bench.seconds([bench.python, "-c", "pass"]),
        **{name: lambda name=name: bench.seconds([bench.pyman, name, "--help"]) for name in names},
    )
    limit = found["bare"] + _MORE
    rows = [Row("`python -c pass`", found["bare"], "ms", group="Starting")]
    return rows + [Row(f"`{name} --help`", found[name], "ms", at_most=limit, group="Starting") for name in names]
