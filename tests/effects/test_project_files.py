"""The files of a project that say which Python it wants, as a stranger's repository may have them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pyman.app.version_source_order import version_sources
from pyman.core.request import parse_request
from pyman.effects.store import read_store
from pyman.errors import BadRequest
from stage.hostile import HUGE, damaged

PROJECT = b"[build-system]\nrequires = []\n\n[project]\nname = 'x'\nrequires-python = \">=3.11,<3.14\" # note\n"


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Put a file into a folder, and say what is asked for there; an error has to name the file."""
    folder = tmp_path_factory.mktemp("project")
    store = read_store(str(folder / "nothing"))

    def ask(name: str, content: bytes) -> list[str]:
        (folder / name).write_bytes(content)
        try:
            return [word for spec in version_sources({}, str(folder), store) for word in spec.words]
        except BadRequest as error:
            assert str(folder / name) in error.message
            assert error.exit_status == 1
            return []
        finally:
            (folder / name).unlink()

    return ask


@settings(max_examples=200)
@given(content=damaged(PROJECT, PROJECT.replace(b'"', b'"""')))
def test_a_damaged_project_asks_for_something_or_not(ask, content):
    for word in ask("pyproject.toml", content):
        try:
            parse_request(word)
        except BadRequest:
            continue


@settings(max_examples=100)
@given(content=damaged(b"3.13.5\n>=3.11, <3.14 # note\r\nsystem\n"))
def test_a_damaged_version_file_asks_for_something_or_not(ask, content):
    assert all(word.strip() == word != "" for word in ask(".python-version", content))


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_asks_for_nothing(ask, kind):
    half = HUGE[kind][: 1 << 19]
    assert ask("pyproject.toml", b"x = 1\nrequires-python = '>=3.11'\nx" + half) == []
    assert ask(".python-version", half) == []
