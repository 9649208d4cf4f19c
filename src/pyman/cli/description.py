"""The command line, described for the completions: what is understood, read from the commands themselves."""

from __future__ import annotations

from typing import Any

from pyman.cli.app import load
from pyman.cli.commands import COMMANDS
from pyman.cli.verb import SHARED_NAMES
from pyman.core.completion_scripts import ArgumentWords, CommandTable, CommandWords, OptionWords

# What stands for a value in the help, and what can be completed in its place.
_KINDS = {
    "REQUEST": "request",
    "DIR": "folder",
    "FILE": "file",
    "URL": "folder",
    "PATH": "folder",
    "VENV": "venv",
    "ALIAS": "alias",
    "VERSION": "installed",
    "NAME": "program",
    "COMMAND": "command",
    "SHELL": "shell",
    "TEXT": "text",
    "PLATFORM": "text",
    "SOURCE": "file",
    "RUNTIME": "installed",
}
# A few arguments want less than their name would allow.
_NARROWER = {
    ("uninstall", "REQUEST"): "installed",
    ("upgrade", "REQUEST"): "alias",
    ("forget", "REQUEST"): "installed",
    ("install", "REQUEST"): "available",
    ("venvs", "DIR"): "venv",
    ("run", "REQUEST"): "request",
}


def describe() -> CommandTable:
    """Describe every command that is not hidden. Loads them all."""
    shared: tuple[OptionWords, ...] = ()
    commands = []
    for command in COMMANDS:
        if command.hidden:
            continue
        loaded = load(command)
        options, arguments, common = [], [], []
        for parameter in loaded.params:
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
    metavar = (parameter.metavar or parameter.name.upper()).strip("[]")
    many = metavar.endswith("...")
    choices = _choices(parameter)
    kind = "choice" if choices else _kind(verb, metavar.removesuffix("..."))
    return ArgumentWords(kind, many, choices)


def _option(verb: str, parameter: Any) -> OptionWords:
    names = tuple(sorted(parameter.opts, key=len))
    if parameter.is_flag:
        return OptionWords(names, parameter.help or "")
    choices = _choices(parameter)
    kind = "choice" if choices else _kind(verb, (parameter.metavar or "TEXT").strip("[]").removesuffix("..."))
    return OptionWords(names, parameter.help or "", kind, choices)


def _choices(parameter: Any) -> tuple[str, ...]:
    return tuple(str(getattr(choice, "value", choice)) for choice in getattr(parameter.type, "choices", ()))


def _kind(verb: str, metavar: str) -> str:
    return "|".join(dict.fromkeys(_NARROWER.get((verb, part)) or _KINDS[part] for part in metavar.split("|")))
