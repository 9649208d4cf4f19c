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
    [MINOR],
    [NEW, OLD],
    [MINOR, "--force", "--default"],
    ["3.9"],
    [MINOR, "nonsense"],
    ["--mirror", "/nowhere", MINOR, "--no-adopt"],
    ["--from", "nothing.tar.gz"],
    ["--from", "nothing.tar.gz", MINOR],
    ["system"],
    ["--json", NEW],
    ["--root", "/nowhere/at/all", "3.9", "--offline", "--no-adopt"],
    ["--mirror", "", "--offline", "3.9", "--no-adopt"],
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
    plain = reconciled.pyman("install", *words, "--quiet", status=None)
    full = reconciled.pyman("--quiet", "install", *words, status=None)
    assert (plain.status, plain.out, plain.err) == (full.status, full.out, full.err)


@pytest.mark.parametrize(
    "words", [["install", "--nonsense"], ["install", "--force", "--force"], ["install", "--mirror"]]
)
def test_what_is_not_plain_is_left_to_typer(home, words):
    result = home.pyman(*words, status=None)
    assert result.status in (0, 1, 2)
    assert "Traceback" not in result.err


def test_typer_is_not_loaded(home):
    code = f"import sys; from pyman.__main__ import main; sys.argv[1:] = ['install', '{MINOR}']; main();"
    code += "print(*(name for name in ('typer', 'inspect', 'rich', 'httpx', 'dataclasses') if name in sys.modules))"
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=home.environ | {"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.splitlines()[-1] == ""
