"""Plain command lines of verbs that typer would slow down noticeably: it takes a third of the time of an `install`.

As in pyman.hot, anything that is not in the table, or not written plainly, is left to typer, which calls the same
function with the same values.
"""

from __future__ import annotations

import importlib

from pyman.cli.commands import command_named
from pyman.cli.outcome import to_the_end
from pyman.hot import take_apart

_SHARED = {
    "--json": ("json", False),
    "--quiet": ("quiet", False),
    "-q": ("quiet", False),
    "--verbose": ("verbose", False),
    "-v": ("verbose", False),
    "--root": ("root", True),
    "--offline": ("offline", False),
}
# Option as written → the function's parameter, and whether a value follows.
OPTIONS = {
    "install": {
        **_SHARED,
        "--from": ("archive", True),
        "--mirror": ("mirror", True),
        "--force": ("force", False),
        "--no-adopt": ("no_adopt", False),
        "--no-check": ("no_check", False),
        "--default": ("default", False),
    },
}
ARGUMENTS = {"install": "requests"}
"""The parameter that takes all arguments, as a list, or None where there are none."""
_MANY = 1000


def answer(words: list[str]) -> int | None:
    """Answer a plain command line and return its exit status; None leaves it to typer."""
    verb = words[0] if words else ""
    command = command_named(verb)
    if command is None or verb not in OPTIONS:
        return None
    plain = take_apart(words[1:], OPTIONS[verb], _MANY)
    if plain is None:
        return None
    given: dict[str, object] = {ARGUMENTS[verb]: list(plain.arguments) or None}
    for name, takes_value in OPTIONS[verb].values():
        given[name] = plain.options.get(name) if takes_value else name in plain.options
    module, function = command.place
    return to_the_end(
        lambda: int(getattr(importlib.import_module(module), function)(**given)), json="json" in plain.options
    )
