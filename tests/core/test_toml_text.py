"""TOML from strangers: what the parser says, or one kind of failure, in a time that nobody notices."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings

from pyman.core.toml_text import NotToml, parse_toml, replace_value
from stage.hostile import HUGE, damaged, text_of

PROJECT = b"""[project]
name = "demo"
requires-python = ">=3.11"
dependencies = ["a>=1; python_version < '3.12'", 'b']
[tool."x.y".z]
a.b.c = [1, 0x1f, 1.5e3, 1979-05-27T07:32:00Z, {d = true}]
text = '''
several
lines'''
"""


@settings(max_examples=200)
@given(damaged(PROJECT))
def test_it_is_what_the_parser_says_or_no_toml(content):
    text = text_of(content)
    try:
        table = parse_toml(text)
    except NotToml:
        try:
            tomllib.loads(text)
        except (ValueError, RecursionError):
            return
        raise
    # nan is not equal to itself
    assert "nan" in text or table == tomllib.loads(text)


@pytest.mark.parametrize("text", [
    "x = " + "1" * 5000,
    "x = 1" + "_1" * 5000,
    "x = " + "[" * 5000,
    "x = " + "{a=" * 5000,
    # Each of these would take hours.
    "a." * 400_000 + "a = 1",
    "[" + "'a' . " * 150_000 + "a]",
    "x = {" + '"a".' * 200_000 + "a = 1}",
    "[[" + "a\t.\t" * 200_000 + "a]]",
])  # fmt: skip
def test_what_a_parser_suffers_from_is_no_toml(text):
    with pytest.raises(NotToml):
        parse_toml(text)


@pytest.mark.parametrize("text", [
    "a." * 31 + "a = 1", "# " + "." * 500, "x = " + repr("." * 500), "x = [" + "1.5, " * 500 + "]",
    "x = '''" + "see that. " * 500 + "'''", "x = '" + "/a.b" * 500 + "'",
])  # fmt: skip
def test_dots_that_are_no_key_are_no_harm(text):
    assert parse_toml(text) == tomllib.loads(text)


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything(kind):
    with pytest.raises(NotToml):
        parse_toml("x = 1\nx" + text_of(HUGE[kind]))


TEXT = """\
# kept
['demo']  # kept
"patch" = "3.13.5"\r
minor = '3.13' # gone
[other]
patch = "1"
"""


def test_one_string_is_replaced_and_every_other_line_stays():
    assert replace_value(TEXT, "demo", "patch", "3.13.15") == TEXT.replace('"patch" = "3.13.5"', '"patch" = "3.13.15"')
    assert replace_value(TEXT, "other", "patch", 'a"\\b') == TEXT.replace('patch = "1"', 'patch = "a\\"\\\\b"')
    assert replace_value('[t]\nk = "a"', "t", "k", "b") == '[t]\nk = "b"'


@pytest.mark.parametrize(
    "text",
    [
        '[t]\nj = "a"\n',
        '[s]\nk = "a"\n[t]\n',
        't = {k = "a"}\n',
        't.k = "a"\n',
        # A line that only looks like it.
        '[t]\nx = """\nk = "a"\n"""\nk.y = 1\n',
        '[t]\nk = """\na"""\n',
        "no toml",
    ],
)
def test_what_is_not_written_that_way_is_told(text):
    with pytest.raises(NotToml):
        replace_value(text, "t", "k", "b")


@pytest.mark.parametrize("value", ["a\nb", "\0", "\x7f"])
def test_a_control_character_is_not_written(value):
    with pytest.raises(NotToml, match="control character"):
        replace_value('[t]\nk = "a"\n', "t", "k", value)
