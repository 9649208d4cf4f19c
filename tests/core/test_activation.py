"""Activation scripts: quoting holds for every text, and the path in a script can be read back, whoever wrote it."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.shell.activation import TEMPLATES, quote_powershell, quote_sh, read_virtual_env, render
from pyman.effects.venvs.new_venv import template
from stage.hostile import HUGE, text_of

QUOTES = "'\u2018\u2019\u201a\u201b"

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=[]), max_size=40)
paths = texts.map(lambda text: "/" + text)


@given(texts)
def test_a_quoted_text_is_one_word_of_sh(text):
    assert shlex.split(quote_sh(text)) == [text]


@given(texts)
def test_powershell_ends_a_text_at_no_quote_of_ours(text):
    quoted = quote_powershell(text)
    inside = quoted[1:-1]
    for mark in QUOTES:
        assert inside.replace(mark * 2, "").count(mark) == 0
    assert len(inside) == len(text) + sum(text.count(mark) for mark in QUOTES)


@settings(max_examples=50)
@given(paths, texts)
def test_the_path_in_our_script_is_read_back(venv, prompt):
    assert read_virtual_env(render("activate", template("activate"), venv, prompt)) == venv


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=25)
@given(venv=paths, prompt=texts)
def test_what_is_put_in_is_not_taken_for_a_place_of_the_template(name, venv, prompt):
    marked = render(name, template(name), "@@PROMPT@@" + venv, "@@VENV@@" + prompt)
    assert ("@@PROMPT@@" in marked) == (name != "Activate.ps1")
    assert "@@VENV@@" in marked
    assert "@@BIN@@" not in marked


def test_an_unknown_place_is_an_error():
    with pytest.raises(KeyError):
        render("activate", "@@HOME@@", "/v", "v")


def test_the_folder_of_programs_has_the_name_that_was_asked_for():
    for name in ("activate", "activate.fish", "activate.csh"):
        assert "'Scripts'" in render(name, template(name), "/v", "v", "Scripts")


@pytest.mark.parametrize(
    ("script", "path"),
    [
        pytest.param('VIRTUAL_ENV="/home/u/v"\nexport VIRTUAL_ENV\n', "/home/u/v", id="venv 3.6 to 3.11"),
        pytest.param('VIRTUAL_ENV="/home/u/a $b `c` \\d/v"\n', "/home/u/a $b `c` \\d/v", id="venv 3.11, unescaped"),
        pytest.param('VIRTUAL_ENV="/home/u/a"b/v"\nexport VIRTUAL_ENV\n', '/home/u/a"b/v', id="venv 3.11, a quote"),
        pytest.param('VIRTUAL_ENV="/home/u/a\nb"\nexport VIRTUAL_ENV\n', "/home/u/a\nb", id="venv 3.11, a line end"),
        pytest.param(
            '    export VIRTUAL_ENV=$(cygpath "/home/u/v")\nelse\n    export VIRTUAL_ENV="/home/u/v"\nfi\n',
            "/home/u/v",
            id="venv 3.12",
        ),
        pytest.param(
            "        VIRTUAL_ENV=$(cygpath /home/u/v)\n        export VIRTUAL_ENV\n        ;;\n"
            "    *)\n        export VIRTUAL_ENV=/home/u/v\n        ;;\n",
            "/home/u/v",
            id="venv 3.13.1 and newer, bare",
        ),
        pytest.param(
            "        export VIRTUAL_ENV='/home/u/it'\"'\"'s/v'\n        ;;\n",
            "/home/u/it's/v",
            id="venv 3.13.1 and newer, quoted",
        ),
        pytest.param("VIRTUAL_ENV='/home/u/v'\n", "/home/u/v", id="virtualenv before 20.26.6"),
        pytest.param(
            '        VIRTUAL_ENV="$CURRENT_ENV"\n        unset CURRENT_ENV\n    else\n        VIRTUAL_ENV=/home/u/v\n',
            "/home/u/v",
            id="virtualenv 21",
        ),
        pytest.param("VIRTUAL_ENV='/home/u/v'\nif ([ x ]); then\n    VIRTUAL_ENV=$(x)\nfi\n", "/home/u/v", id="uv"),
        pytest.param(
            'VIRTUAL_ENV=\'\'"$(dirname -- "$(dirname -- "$(realpath -- "$SCRIPT_PATH")")")"\'\'\n',
            None,
            id="uv, relocatable",
        ),
        pytest.param("VIRTUAL_ENV=/home/u/a\\ b\\\n/v; export VIRTUAL_ENV\n", "/home/u/a b/v", id="by hand"),
        pytest.param('VIRTUAL_ENV=/a"b \\" \\c"d\n', '/ab " \\cd', id="by hand, quoted in the middle"),
        pytest.param("VIRTUAL_ENV=relative/v\n", None, id="relative"),
        pytest.param("VIRTUAL_ENV='/home/u/v", None, id="cut off"),
        pytest.param('VIRTUAL_ENV="/home/u/v', None, id="cut off, double quotes"),
        pytest.param("_OLD_VIRTUAL_ENV=/x\n# VIRTUAL_ENV=/y\nunset VIRTUAL_ENV\n", None, id="other names"),
        pytest.param("VIRTUAL_ENV='/home/u/v\nexport VIRTUAL_ENV\n", None, id="a quote that nothing closes"),
        pytest.param("VIRTUAL_ENV=/home/u/v", "/home/u/v", id="bare, at the end of the file"),
        pytest.param("VIRTUAL_ENV=/home'/u/v", None, id="a quote in the middle that nothing closes"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_path_is_read_from_the_script_of_every_creator(script, path):
    assert read_virtual_env(script) == path


@settings(max_examples=100)
@given(st.lists(st.sampled_from(["VIRTUAL_ENV=", "'", '"', "\\", "$", "/a", "\n", "export ", " ", "\0"])).map("".join))
def test_reading_never_fails_and_never_answers_a_relative_path(script):
    path = read_virtual_env(script)
    assert path is None or (path.startswith("/") and "\0" not in path)


@pytest.mark.parametrize("kind", HUGE)
def test_a_script_of_any_kind_and_size_is_read_soon(kind):
    # As much as is read of one, see effects/venvs/on_disk.py.
    text = text_of(HUGE[kind][: 1 << 18])
    assert read_virtual_env(text) is None
    for start in ("VIRTUAL_ENV=/", "VIRTUAL_ENV='/", 'VIRTUAL_ENV="/', "export VIRTUAL_ENV=/\\"):
        path = read_virtual_env(start + text)
        assert path is None or (path.startswith("/") and "\0" not in path)
