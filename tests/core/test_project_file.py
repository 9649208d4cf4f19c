"""`requires-python`, read as a TOML parser reads it wherever it is read without one."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.project_file import plainly_required

PLAIN = [
    '[project]\nrequires-python = ">=3.11"\n',
    '[project]\nname = "x"\nrequires-python=">=3.11"\n[tool.x]\n',
    "[build-system]\nrequires = [\n  'x',\n]\n\n[project] # ours\n  requires-python\t=  '>=3.11'  # why\n",
    '[project]\r\nrequires-python = ">=3.11"\r\n',
    '[project]\nrequires-python = " >=3.11 "',
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_line_is_read(text):
    assert plainly_required(text) == ">=3.11"
    assert tomllib.loads(text)["project"]["requires-python"].strip() == ">=3.11"


@pytest.mark.parametrize(
    "text",
    ["", '[project]\nname = "x"\n', '[tool.x]\nrequires-python = ">=3.11"\n', '[project.x]\nrequires-python = ">=3.11"\n',
     'requires-python = ">=3.11"\n', "[project]\nrequires-python = 3\n", '[project]\nrequires-python = ">=3\\u002e11"\n',
     '[project]\nrequires-python = """\n>=3.11"""\n', '[project]\n# requires-python\nrequires-python = ">=3.11"\n',
     'project = { requires-python = ">=3.11" }\n', '["project"]\nrequires-python = ">=3.11"\n',
     'x = """\n[project]\nrequires-python = ">=3.11"\n"""\n', "x = '''\n[project]\nrequires-python = '>=3.11'\n'''\n",
     '[project]\nrequires-python.x = ">=3.11"\n', '[project]\n"requires-python" = ">=3.11"\n',
     '[project]\nrequires-python = ">=3.11" x\n', '[project]\nrequires-python = ">=3.11\n', "[project]\nrequires-python =\n",
     '[project]\nx = [\n["y"],\n]\nrequires-python = ">=3.11"\n', '[[project]]\nrequires-python = ">=3.11"\n'],
)  # fmt: skip
def test_of_anything_else_nothing_is_said(text):
    assert plainly_required(text) is None


LINES = st.sampled_from(
    ["[project]", "[tool.x]", " [project] ", 'requires-python = ">=3.11"', "requires-python = '3'", "x = [", "]", '["a"],',
     '"""', "'''", "x = 1", "# requires-python", "", 'y = "a # b"', "z = {a = 1}", 'x = """', "[[a]]"]
)  # fmt: skip


@given(st.lists(LINES, max_size=8))
def test_a_valid_file_says_the_same_to_the_parser(lines):
    text = "\n".join(lines)
    value = plainly_required(text)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    if value is not None:
        assert table["project"]["requires-python"] == value
