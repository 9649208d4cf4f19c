"""pyman speaks plain technical English: help fits the screen, and what was weeded out of the messages does not come back.

The text of the help is compared in `test_reference.py`, what commands print in the transcripts of `test_readme.py`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import pyman
from pyman.cli.commands import COMMANDS
from pyman.cli.show.output import overview_lines
from pyman.cli.typer_command import load

_SOURCE = Path(pyman.__file__).parent
_WEEDS = re.compile(
    r"\b(?:is|are) no (?!longer|more)[a-z]+\b(?!.*\?)|\banew\b|\bmend(?:s|ed|ing)?\b|\bby itself\b|\ball the same\b"
    r"|\bleads? to\b|\bcut (?:off|short)\b|^name (?:an?|one|another|the|it)\b"
    r"|\bis at it\b|\basks? for\b|\b(?:some|no)body\b|\bwhoever\b|\bare lacking\b|\bgoes? before\b|\bis no longer any\b"
)
_ALLOWED = ("there is no ", "There is no ", "there are no ", "There are no ", "nobody is waiting for", "is no longer")


def literals(path: Path):
    """Each text that the program may print, as it is written: no docstrings, expressions of f-strings as `{}`."""
    tree = ast.parse(path.read_text("utf-8"))
    apart = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            apart |= {
                id(one.value) for one in body if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
            }
        if isinstance(node, ast.JoinedStr):
            apart |= {id(part) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    getattr(part, "value", "{}") if isinstance(part, ast.Constant) else "{}" for part in node.values
                ),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in apart:
            yield node.lineno, node.value


def test_no_message_has_what_was_weeded_out():
    found = []
    for path in sorted(_SOURCE.rglob("*.py")):
        for line, text in literals(path):
            shown = text
            for one in _ALLOWED:
                shown = shown.replace(one, "")
            if " " in text and "\n" not in text and _WEEDS.search(shown):
                found.append(f"{path.relative_to(_SOURCE)}:{line}: {text}")
    assert found == []


@pytest.mark.parametrize("width", [80, 120])
def test_the_overview_fits(width):
    assert max(map(len, overview_lines(COMMANDS))) <= width


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_fits_and_breaks_between_words(command, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERMINAL_WIDTH", str(width))
    loaded = load(command)
    text = loaded.get_help(loaded.context_class(loaded, info_name=f"pyman {command.name}"))
    body, _, examples = text.partition("Examples:")
    assert examples
    assert max(map(len, body.splitlines())) <= width
    words = set(body.split())
    for parameter in loaded.params:
        if getattr(parameter, "hidden", False):
            continue
        assert re.fullmatch(r"[A-Z`].*[.…]", parameter.help or ""), parameter.name
        assert set(parameter.help.split()) <= words


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_a_summary_is_one_sentence(command):
    assert re.fullmatch(r"(?:[A-Z][a-z]+,?|pyenv's) .*\.", command.summary)
    assert command.hidden or len(command.summary) <= 64
