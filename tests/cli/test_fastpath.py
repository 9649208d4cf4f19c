"""Plain command lines that do without typer: understood as typer would, and really without it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyman.cli.commands import command_named
from pyman.cli.fastpath import PLAIN_ARGUMENTS, PLAIN_OPTIONS
from pyman.cli.typer_command import load
from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, mirror_folder


@pytest.mark.parametrize("verb", PLAIN_OPTIONS)
def test_the_table_says_what_typer_is_told(verb):
    declared = {}
    for parameter in load(command_named(verb)).params:
        if parameter.param_type_name == "argument":
            assert (parameter.name, parameter.nargs) == (PLAIN_ARGUMENTS[verb], -1)
        else:
            declared |= dict.fromkeys(parameter.opts, (parameter.name, not parameter.is_flag))
            assert parameter.default in (None, False)
    assert PLAIN_OPTIONS[verb] == declared


WORDS = [
    ["install", MINOR],
    ["install", NEW, OLD],
    ["install", MINOR, "--force", "--default"],
    ["install", "3.9"],
    ["install", MINOR, "nonsense"],
    ["install", "--mirror", "/nowhere", MINOR, "--no-adopt"],
    ["install", "--from", "nothing.tar.gz"],
    ["install", "--from", "nothing.tar.gz", MINOR],
    ["install", "system"],
    ["install", "--json", NEW],
    ["install", "--root", "/nowhere/at/all", "3.9", "--offline", "--no-adopt"],
    ["install", "--mirror", "", "--offline", "3.9", "--no-adopt"],
    ["list"],
    ["list", "--json"],
    ["list", "--available", "--all"],
    ["list", "--outdated", "--json"],
    ["list", MINOR],
    ["list", "--root", "/nowhere/at/all"],
]


@pytest.fixture(scope="module")
def reconciled(tmp_path_factory):
    """A home where nothing that is asked for here changes anything any more."""
    home = Home(tmp_path_factory.mktemp("plain"), mirror_folder())
    home.pyman("install", OLD, NEW)
    return home


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_both_ways_answer_alike(reconciled, words):
    """The verb behind an option is left to typer."""
    plain = reconciled.pyman(*words, "--quiet", status=None)
    full = reconciled.pyman("--quiet", *words, status=None)
    assert (plain.status, plain.out, plain.err) == (full.status, full.out, full.err)


@pytest.mark.parametrize(
    "words", [["install", "--nonsense"], ["install", "--force", "--force"], ["install", "--mirror"]]
)
def test_what_is_not_plain_is_left_to_typer(home, words):
    result = home.pyman(*words, status=None)
    assert result.status in (0, 1, 2)
    assert "Traceback" not in result.err


@pytest.mark.parametrize("words", [["install", MINOR], ["list"]], ids=" ".join)
def test_typer_is_not_loaded(home, words):
    code = f"import sys; from pyman.__main__ import main; sys.argv[1:] = {words}; main();"
    code += "print(*(name for name in ('typer', 'inspect', 'rich', 'httpx', 'dataclasses') if name in sys.modules))"
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=home.environ | {"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.splitlines()[-1] == ""
