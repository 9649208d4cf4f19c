"""From words to a command: finds the verb, loads its module alone, and has it run.

Typer is loaded for what it is needed for: a plain command line may do without (cli/fastpath.py).
"""

from __future__ import annotations

import importlib

from pyman import __version__
from pyman.app.console import Answer
from pyman.cli import fastpath as plain
from pyman.cli.commands import COMMANDS, Command, command_named
from pyman.cli.show.output import overview, show
from pyman.cli.verb import to_the_end

_FLAGS = ("--dry-run", *(word for word, (_, takes_value) in plain.SHARED_OPTIONS.items() if not takes_value))


def run(words: list[str]) -> int:
    """Run one command line and return its exit status."""
    status = plain.answer_plain(words)
    if status is not None:
        return status
    shared, name, rest = split_words(words)
    return to_the_end(lambda: _run(shared, name, rest), json="--json" in (*shared, *_own_words(name, rest)))


def _run(shared: list[str], name: str | None, rest: list[str]) -> int:
    if name is None or name == "help":
        return _help(shared, rest)
    if name in ("--version", "-V"):
        json = "--json" in (*shared, *rest)
        return show(Answer({"version": __version__}, (f"pyman {__version__}",)), json=json, quiet=False)
    command = _named(name, rest)
    from pyman.cli.typer_command import run_by_typer

    return run_by_typer(command, [*shared, *_rewritten(command, rest)])


def split_words(words: list[str]) -> tuple[list[str], str | None, list[str]]:
    """Split a command line into the shared options before the verb, the verb, and the rest."""
    shared: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word in _FLAGS or word.startswith("--root="):
            shared.append(word)
        elif word == "--root" and left:
            shared += [word, left.pop(0)]
        elif word in ("-h", "--help"):
            return shared, None, left
        else:
            return shared, word, left
    return shared, None, []


def _own_words(name: str | None, words: list[str]) -> list[str]:
    """The words that are pyman's: not those behind `--`, nor those of the command that `run` runs."""
    words = words[: words.index("--")] if "--" in words else words
    if name != "run":
        return words
    end = 0
    while end < len(words) and words[end].startswith("-"):
        end += 2 if words[end] in ("-p", "--python", "--root") else 1
    return words[:end]


def _rewritten(command: Command, words: list[str]) -> list[str]:
    """The words of a verb whose grammar is more than options and arguments, in the form that typer understands."""
    module, function = command.place
    rewrite = getattr(getattr(importlib.import_module(module), function), "rewrite_words", None)
    return rewrite(words) if rewrite is not None else words


def _help(shared: list[str], rest: list[str]) -> int:
    name = next((word for word in rest if not word.startswith("-")), None)
    if name is None:
        overview(COMMANDS)
        return 0
    from pyman.cli.typer_command import run_by_typer

    return run_by_typer(_named(name, []), [*shared, "--help"])


def _named(name: str, rest: list[str]) -> Command:
    command = command_named(name)
    if command is None:
        from pyman.cli.usage_errors import no_such_command

        raise no_such_command(name, rest)
    return command
