"""The command line as completions are made from it: what is understood, read from the commands themselves."""

from __future__ import annotations

from typing import Any

from pyman.cli.commands import COMMANDS
from pyman.cli.typer_command import load
from pyman.cli.verb import SHARED_NAMES
from pyman.core.shell.completion import ArgumentWords, CommandTable, CommandWords, OptionWords

# What stands for a value in the help, and what can be completed in its place. A value in small letters is itself.
_KINDS = {
    "REQUEST": "request",
    "DIR": "folder",
    "FILE": "file",
    "URL": "folder",
    "PATH": "file",
    "VENV": "venv",
    "ALIAS": "alias",
    "VERSION": "installed",
    "NAME": "program",
    "COMMAND": "command",
    "SHELL": "shell",
    "TEXT": "text",
    "CODE": "text",
    "AGE": "text",
    "PLATFORM": "text",
    "OPTIONS": "text",
    "SOURCE": "file",
    "RUNTIME": "installed",
}
# A few arguments want less than their name would allow.
_NARROWER = {
    ("uninstall", "REQUEST"): "installed|alias",
    ("upgrade", "REQUEST"): "alias",
    ("forget", "REQUEST"): "installed",
    ("install", "REQUEST"): "available",
    ("mirror", "REQUEST"): "available",
    ("info", "RUNTIME"): "installed|alias",
    ("venvs", "DIR"): "venv",
}


def describe() -> CommandTable:
    """Describe every command that is not hidden. Loads them all."""
    shared: tuple[OptionWords, ...] = ()
    commands = []
    for command in COMMANDS:
        if command.hidden:
            continue
        loaded = load(command)
        options: list[OptionWords] = []
        arguments: list[ArgumentWords] = []
        common: list[OptionWords] = []
        for parameter in loaded.params:
            if getattr(parameter, "hidden", False):
                continue
            if parameter.param_type_name == "argument":
                arguments.append(_argument(command.name, parameter))
            elif parameter.name in SHARED_NAMES:
                common.append(_option(command.name, parameter))
            else:
                options.append(_option(command.name, parameter))
        shared = (*common, OptionWords(("-h", "--help"), "Explain the command."))
        commands.append(CommandWords(command.name, command.summary, tuple(options), tuple(arguments)))
    return CommandTable(tuple(commands), shared, (OptionWords(("--version",), "Print pyman's own version."),))


def _argument(verb: str, parameter: Any) -> ArgumentWords:
    kind, choices = _value(verb, parameter.metavar or parameter.name.upper())
    return ArgumentWords(kind, parameter.nargs == -1, choices)


def _option(verb: str, parameter: Any) -> OptionWords:
    names = tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=len))
    if parameter.is_flag:
        return OptionWords(names, parameter.help or "")
    kind, choices = _value(verb, parameter.metavar or "TEXT")
    return OptionWords(names, parameter.help or "", kind, choices)


def _value(verb: str, metavar: str) -> tuple[str, tuple[str, ...]]:
    """Kinds and choices: `REQUEST|VENV` stands for one of either, `lock|FILE` for the word or a file."""
    words = metavar.strip("[]").removesuffix("...").split("|")
    choices = tuple(word for word in words if word.islower())
    kinds = ["choice" if word in choices else _NARROWER.get((verb, word)) or _KINDS[word] for word in words]
    return "|".join(dict.fromkeys(kinds)), choices
