"""The README shows what really happens, and names what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pyman.cli.commands import command_named
from pyman.cli.typer_command import load
from stage.readme import play, written

ROOT = Path(__file__).resolve().parents[2]


def test_transcripts_are_what_happens(tmp_path):
    assert play(tmp_path) == written()


TEXT = (ROOT / "README.md").read_text()
# `pyman hold 3.13 3.13.5`, `pyman rebuild -p 3.14`: in a sentence, or in the code of the front page
COMMANDS = sorted(set(re.findall(r"(?:`|\$ |\()pyman ([a-z][^`\n)]*)", TEXT)))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_and_option_in_it_exists(line):
    verb, *words = shlex.split(line)
    command = command_named(verb)
    assert command is not None
    known = {name for parameter in load(command).params for name in getattr(parameter, "opts", ())}
    own = words[: words.index("--")] if "--" in words else words
    assert {word for word in own if word.startswith("-") and " " not in word} <= known | {"--help"}


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!https?:)[^)#]+)", TEXT))))
def test_every_file_that_it_links_to_is_there(path):
    assert (ROOT / path).exists()
