"""The command table: every verb loads, explains itself with an example that it understands, and has the shared options."""

from __future__ import annotations

import inspect
import shlex

import pytest

from pyman.cli.commands import COMMANDS, command_named
from pyman.cli.typer_command import load
from stage.home import Home

DESIGN = [
    "install",
    "upgrade",
    "uninstall",
    "prune",
    "hold",
    "unhold",
    "rollback",
    "adopt",
    "forget",
    "list",
    "info",
    "venv",
    "venvs",
    "register",
    "pin",
    "follow",
    "doctor",
    "rebuild",
    "report",
    "schedule",
    "use",
    "find",
    "which",
    "run",
    "init",
    "completions",
    "shims",
    "mirror",
    "cache",
    "self",
]
PYENV = ["local", "global", "versions", "rehash"]
VISIBLE = [command for command in COMMANDS if not command.hidden]


def params(name):
    return load(command_named(name)).params


def examples(command):
    module, function = command.place
    text = inspect.getdoc(getattr(__import__(module, fromlist=[function]), function)) or ""
    lines = text.partition("Examples:")[2].strip().splitlines()
    return [line.strip() for line in lines if line.strip()]


def test_every_command_of_the_contract_is_there_and_no_other_is_shown():
    assert sorted(command.name for command in VISIBLE) == sorted(DESIGN)
    assert {command.name for command in COMMANDS if command.hidden} == set(PYENV)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_verb_loads_and_has_what_all_have(command):
    options = {option for parameter in params(command.name) for option in parameter.opts}
    assert {"--json", "--quiet", "-q", "--verbose", "-v", "--root", "--offline"} <= options
    for parameter in params(command.name):
        assert parameter.param_type_name != "option" or parameter.help, parameter.name
    assert command.summary.endswith(".")
    assert len(command.summary) < 80


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_its_help_has_an_example_in_words_that_it_understands(command):
    shown = examples(command)
    assert shown, command.name
    for line in shown:
        words = shlex.split(line.partition(" # ")[0])
        if "pyman" not in words[:1]:
            assert "pyman" in line
            continue
        verb, *rest = words[1:]
        assert command_named(verb) is not None, line
        # what the shell does with it is not pyman's
        end = next((index for index, word in enumerate(rest) if word in ("|", ">", "&&")), len(rest))
        rest = rest[:end]
        made = load(command_named(verb))
        module, function = command_named(verb).place
        rewrite = getattr(getattr(__import__(module, fromlist=[function]), function), "rewrite_words", None)
        made.make_context(verb, rewrite(rest) if rewrite is not None else rest)


def test_help_of_every_verb_is_printed_by_the_program(tmp_path):
    """One process is enough to see that a verb's own help gets out whole."""
    home = Home(tmp_path)
    told = home.pyman("install", "--help").out
    assert "Usage: pyman install" in told
    assert "pyman install 3.13\n" in told
    assert "--mirror" in told
    assert told == home.pyman("install", "-h").out


@pytest.mark.parametrize(
    ("verb", "options"),
    [("install", "--from --mirror --force --no-adopt --no-check --default"), ("upgrade", "--dry-run --no-check --force --prune"),
     ("uninstall", "--relink --force"), ("prune", "--dry-run --force"), ("adopt", "--all"), ("list", "--available --outdated --all"),
     ("venv", "-p --python --pin --clear --without-pip --no-install --system-site-packages --prompt -r"),
     ("venvs", "--size --python --remove"), ("doctor", "--fix --dry-run --foreign --yes"),
     ("rebuild", "--all -p --from --allow-newer --force --dry-run --installer"), ("use", "--global"), ("find", "--resolve"),
     ("which", "--explain"), ("run", "-p"), ("mirror", "--platform")],
)  # fmt: skip
def test_the_options_of_the_contract(verb, options):
    declared = {option for parameter in params(verb) for option in parameter.opts}
    assert set(options.split()) <= declared
