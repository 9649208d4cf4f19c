"""Wrong command lines: one sentence that says what is wrong, one with what to write, which is true when pasted."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.cli.commands import COMMANDS, command_named
from pyman.cli.typer_command import load
from pyman.cli.usage_errors import OTHER_WORDS, no_such_command
from pyman.core.escape import as_word
from stage.home import Home


@pytest.mark.parametrize(("word", "ours"), OTHER_WORDS.items())
def test_words_of_others_lead_to_commands_and_options_that_exist(word, ours):
    verb, *options = ours.split()
    command = command_named(verb)
    assert command_named(word) is None
    assert command is not None
    known = {name for parameter in load(command).params for name in getattr(parameter, "opts", ())}
    assert set(options) <= known


WRONG = [
    (["3.13"], "unknown command `3.13`", "did you mean `pyman install 3.13`?"),
    (["python", "install", ">=3.12"], "unknown command `python`", "did you mean `pyman install '>=3.12'`?"),
    (["python", "pin", "3.12"], "unknown command `python`", "did you mean `pyman use 3.12`?"),
    (["virtualenv"], "unknown command `virtualenv`", "did you mean `pyman venv`?"),
    (["pip", "install", "x"], "unknown command `pip`", "pyman installs no packages"),
    (["shell", "3.13"], "unknown command `shell`", "PYMAN_PYTHON"),
    (["version"], "unknown command `version`", "`pyman which --explain`"),
    (["self-update"], "unknown command `self-update`", "did you mean `pyman self update`?"),
    (["config", "set", "x"], "unknown command `config`", "config.toml"),
    (["clean"], "unknown command `clean`", "`pyman cache clean`"),
    (["exec", "python"], "unknown command `exec`", "did you mean `pyman run`?"),
    (["plugin", "add", "python"], "unknown command `plugin`", "`pyman install 3.13`"),
    (["upgrade", "--check"], "unknown option `--check`", "did you mean `--dry-run`?"),
    (["install", "--list"], "unknown option `--list`", "did you mean `pyman list --available`?"),
    (["use", "--unset", "3.13"], "`--unset` takes no version", "leave one of them out"),
    (["--fix"], "unknown global option `--fix`", "after it"),
    (["--versio"], "unknown global option `--versio`", "did you mean `--version`?"),
    (["--root"], "`--root` needs a value", "--root DIR"),
    (["list", "--avail"], "unknown option `--avail`", "did you mean `--available`?"),
    (["list", "--zzz"], "unknown option `--zzz`", "see `pyman list --help`"),
    (["venv", "-p"], "`-p` needs a value", "see `pyman venv --help`"),
    (["venv", "a", "b", "c"], "`pyman venv` does not take `b c`", "see `pyman venv --help`"),
    (["prune", "3.13"], "`pyman prune` does not take `3.13`", "see `pyman prune --help`"),
    (["hold"], "`pyman hold` needs ALIAS", "see `pyman hold --help`"),
    (["forget"], "`pyman forget` needs REQUEST or VENV", "see `pyman forget --help`"),
    (["cache", "foo"], "`foo` is not one of `dir`, `clean`", "see `pyman cache --help`"),
    (["list", "--all=1"], "option `--all` does not take a value", "see `pyman list --help`"),
]


@pytest.mark.parametrize(("words", "message", "hint"), WRONG, ids=" ".join)
def test_wrong_words_and_what_was_meant(tmp_path, words, message, hint):
    answer = Home(tmp_path).pyman(*words, status=2)
    first, second = answer.err.splitlines()
    assert first == f"error: {message}"
    assert second.startswith("hint: ")
    assert hint in second
    assert answer.out == ""


@given(st.text(max_size=12), st.lists(st.text(max_size=5), max_size=2))
def test_any_first_word_has_an_answer(word, rest):
    if word not in [command.name for command in COMMANDS]:
        error = no_such_command(word, rest)
        assert error.message
        assert error.hint


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=8))
def test_a_word_in_a_hint_is_one_word_of_a_shell(text):
    told = subprocess.run(["/bin/sh", "-c", f"printf %s {as_word(text)}"], capture_output=True, check=True)
    assert told.stdout.decode() == text


@pytest.mark.parametrize(
    "words", [("find", ">=4"), ("run", "-p", ">=4", "true"), ("venv", "--no-install", "-p", ">=4")]
)
def test_a_range_in_a_hint_can_be_pasted(user, words):
    told = user.pyman(*words, status=None).err
    assert "hint: run `pyman install '>=4'`\n" in told


def test_required_arguments_have_no_braces_in_the_help(tmp_path):
    assert Home(tmp_path).pyman("mirror", "--help").out.startswith("Usage: pyman mirror [OPTIONS] DIR REQUEST...\n")


def test_a_folder_with_a_venv_in_it_is_told_from_a_python(user):
    make = [sys.executable, "-m", "venv", "--without-pip", str(user.project / "my shop/.venv")]
    subprocess.run(make, check=True)
    for words in (("info", "my shop"), ("pin", "my shop"), ("rebuild", "my shop")):
        told = user.pyman(*words, status=1)
        assert told.err.splitlines()[1] == "hint: did you mean 'my shop/.venv'?"
    told = user.pyman("info", "shob", status=2).err
    assert told.splitlines()[0] == "error: there is no venv `shob` here, and it is not a Python version"


def test_a_file_is_no_folder_to_search(user):
    (user.project / "notes").write_text("")
    assert "notes is not a folder" in user.pyman("doctor", "notes", status=2).err
    assert "notes is not a folder" in user.pyman("venvs", "notes", status=1).err
    assert "notes is not a folder" in user.pyman("register", "notes", status=1).err


def test_a_minor_is_nothing_to_pin_to(user):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(user.project / ".venv")], check=True)
    assert user.pyman("pin", ".venv", "3.13", status=1).err.startswith("error: `3.13` is not a patch release\n")
