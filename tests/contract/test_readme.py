"""README and docs show what really happens, and name what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pyman.cli.commands import command_named
from pyman.cli.typer_command import load
from stage.mirror import need_real_archives
from stage.readme import documents, play, written

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("document", documents())
def test_transcripts_are_what_happens(tmp_path, document):
    if document != "README.md":
        need_real_archives("they show the platform of the archives")
    assert play(document, tmp_path) == written(document)


TEXT = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
# `pyman hold 3.13 3.13.5`, `pyman rebuild -p 3.14`: in a sentence, or in a transcript
LINES = {
    line: page.name
    for page in PAGES
    if page.name != "design.md"
    for line in re.findall(r"(?:`|\$ |\()pyman ([a-z][^`\n)|;>…]*)", page.read_text("utf-8"))
}


@pytest.mark.parametrize("line", sorted(LINES))
def test_every_command_and_option_in_them_exists(line):
    verb, *words = shlex.split(line)
    command = command_named(verb)
    assert command is not None, LINES[line]
    known = {name for parameter in load(command).params for name in (*parameter.opts, *parameter.secondary_opts)}
    own = words[: words.index("--")] if "--" in words else words
    assert {word for word in own if word.startswith("-") and " " not in word} <= known | {"--help"}, LINES[line]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!https?:)[^)#]+)", TEXT))))
def test_every_file_that_it_links_to_is_there(path):
    assert (ROOT / path).exists()
