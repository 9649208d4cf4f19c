""""""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyman.core.request import parse_request
from pyman.core.version_files import (
    LONGEST_FILE,
    LONGEST_LINE,
    FileRequest,
    of_poetry,
    parse_tool_versions,
    parse_version_file,
    plainly_of_mise,
    plainly_required,
    required_by,
    split_pyenv_name,
    words_of_mise,
)
from pyman.errors import BadRequest
from stage.hostile import HUGE, damaged, text_of

MEANT = [
    ("", []),
    ("\n\n", []),
    ("# a comment\n   # another\n", []),
    ("3.12", ["3.12"]),
    ("3.12\n", ["3.12"]),
    ("  3.12\t\n", ["3.12"]),
    ("\ufeff3.12\r\n", ["3.12"]),
    ("3.12.1\r\n3.11\r\n", ["3.12.1", "3.11"]),
    ("3.12 \r\n", ["3.12"]),
    ("3.13.1 3.11", ["3.13.1", "3.11"]),
    ("3.12  # pinned", ["3.12"]),
    ("3.12#pinned", ["3.12"]),
    ("\n# first\n\n3.12\n", ["3.12"]),
    ("system", ["system"]),
    ("3.14t\npypy3.10-7.3.12\n", ["3.14t", "pypy3.10-7.3.12"]),
    ("python-3.12.1", ["python-3.12.1"]),
    ("cpython@3.12", ["cpython@3.12"]),
    ("3.13+freethreaded", ["3.13+freethreaded"]),
    (">=3.11,<3.14", [">=3.11,<3.14"]),
    (">=3.11, <3.14 # range", [">=3.11,<3.14"]),
    (">= 3.11 , < 3.14", [">=3.11,<3.14"]),
    ("~=3.12", ["~=3.12"]),
    ("==3.12.*, !=3.12.4", ["==3.12.*,!=3.12.4"]),
    ("3.14 >=3.11", ["3.14", ">=3.11"]),
    (">=3.11\n<3.14", [">=3.11", "<3.14"]),
    (">=3.11 3.12", [">=3.11", "3.12"]),
    ("3.11.2/envs/blog", ["3.11.2/envs/blog"]),
]

REFUSED = [
    ("../evil", 1, "is a path"),
    ("3.12\n/usr/bin/python3\n", 2, "is a path"),
    ("~/venv", 1, "is a path"),
    ("-c", 1, "cannot be understood"),
    (".hidden", 1, "cannot be understood"),
    ("..", 1, "cannot be understood"),
    ("3.*", 1, "cannot be understood"),
    ("3.1?", 1, "cannot be understood"),
    ("[3].12", 1, "cannot be understood"),
    ("$(reboot)", 1, "cannot be understood"),
    ("`reboot`", 1, "cannot be understood"),
    ("3.12;reboot", 1, "cannot be understood"),
    ("3.12|3.11", 1, "cannot be understood"),
    ('"3.12"', 1, "cannot be understood"),
    ("3.12\\", 1, "cannot be understood"),
    ("3.12\x003.11", 1, "NUL"),
    ("3\0.\x001\x002\0", 1, "NUL"),
    ("3.12\x1b[31m", 1, "cannot be understood"),
    ("3.12\r3.11", 1, "cannot be understood"),
    ("3.12\u2028", 1, "cannot be understood"),
    ("3.12\u00a0", 1, "cannot be understood"),
    ("\n\n\uff13.12", 3, "cannot be understood"),
    ("3.12,3.11", 1, "cannot be understood"),
    (">=3.11 <3.14", 1, "without a comma"),
    (">=3.11,/etc", 1, "is a path"),
    ("# ok\n" + "3" * (LONGEST_LINE + 1), 2, "longer than"),
    ("3.12 #" + "x" * LONGEST_LINE, 1, "longer than"),
    ("3.11.2/envs/-x", 1, "is a path"),
]


@pytest.mark.parametrize(("text", "words"), MEANT)
def test_reads_the_union_of_both_dialects(text, words):
    assert [request.text for request in parse_version_file(text)] == words


@pytest.mark.parametrize(("text", "line", "why"), REFUSED)
def test_what_cannot_be_understood_is_refused_with_file_and_line(text, line, why):
    with pytest.raises(BadRequest) as caught:
        parse_version_file(text, "/p/.python-version")
    assert caught.value.message.startswith(f"/p/.python-version, line {line}: ")
    assert why in caught.value.message
    assert caught.value.exit_status == 1
    assert caught.value.hint


def test_lines_are_those_of_the_file():
    assert parse_version_file("\n# x\n3.12 3.11\n\n3.10") == (
        FileRequest("3.12", 3),
        FileRequest("3.11", 3),
        FileRequest("3.10", 5),
    )


def test_a_file_of_ten_megabytes_is_refused_at_once():
    with pytest.raises(BadRequest, match="too long"):
        parse_version_file("\n" * 10_000_000)
    parse_version_file("\n" * LONGEST_FILE)


PIECES = st.sampled_from(
    ["3", "3.12", "3.12.1", ">=3.11", "<3.14", ",", ", ", " ", "\t", "\r\n", "\n", "#", "# x", "\ufeff", "system",
     "3.13t", "..", "/", "-", "*", "\0", "\x07", "é", "\udcff"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=60))
@settings(max_examples=300)
@example(">=")
@example(",")
def test_total_and_safe(text):
    """Every text is understood or refused, and no request that comes out could be a path, an option or a pattern."""
    try:
        requests = parse_version_file(text)
    except BadRequest as error:
        assert error.exit_status == 1
        return
    for request in requests:
        assert request.text
        assert request.text.isascii()
        assert request.text.isprintable()
        assert not set(request.text) & set("/\\$`'\"()[]{}?;&| #")
        assert request.text[0] not in "-."
        assert "*" not in request.text or request.text[0] in "<>=!~"
        assert text.count("\n") + 1 >= request.line >= 1


@given(st.lists(st.sampled_from(["3.12", "3.13.5", "3.14t", "system", ">=3.11,<3.14"]), min_size=1, max_size=5))
@settings(max_examples=50)
def test_one_line_or_many_mean_the_same(words):
    in_lines = parse_version_file("\n".join(words))
    assert [request.text for request in in_lines] == words
    if not any(word[0] == ">" for word in words[1:]):
        in_one = parse_version_file("\ufeff" + "  ".join(words) + "\r\n")
        assert [request.text for request in in_one] == words


@given(st.text(st.characters(exclude_characters="\n"), max_size=40))
@settings(max_examples=100)
def test_a_comment_changes_nothing(comment):
    line = f"3.12 # {comment}"
    if "\0" not in comment:
        assert parse_version_file(line) == (FileRequest("3.12", 1),)


@settings(max_examples=200)
@given(damaged(b"3.13.5 # note\n\n>=3.11, <3.14\r\n3.14t system\n", b"\xef\xbb\xbfpypy3.11\t3.13\n"))
def test_a_damaged_file_is_words_that_are_no_paths_or_an_error_with_its_name(content):
    try:
        requests = parse_version_file(text_of(content), "/p/.python-version")
    except BadRequest as error:
        assert error.message.startswith("/p/.python-version")
        assert error.exit_status == 1
        return
    for request in requests:
        try:
            assert parse_request(request.text).kind != "path"
        except BadRequest:
            continue


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_an_error(kind):
    with pytest.raises(BadRequest):
        parse_version_file(text_of(HUGE[kind]))


@pytest.mark.parametrize("word", ["~", "~root", "~.13.", "3.13.5 ~", "~3.13", "~>3.13"])
def test_a_home_folder_is_no_request(word):
    with pytest.raises(BadRequest, match="cannot be understood"):
        parse_version_file(word)


def test_an_operator_may_stand_apart():
    assert [request.text for request in parse_version_file("~ =3.12")] == ["~=3.12"]


# `requires-python`, read as a TOML parser reads it wherever it is read without one.

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


def test_a_constraint_of_a_megabyte_is_not_taken_apart():
    for alternatives in ("^3.9||" * 150_000, "^3.9," * 150_000):
        assert of_poetry(alternatives) == (alternatives,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nodejs 20\npython 3.12.1 3.11 system\n", [("3.12.1", 2), ("3.11", 2), ("system", 2)]),
        ("\ufeffpython 3.12 # mine\r\n", [("3.12", 1)]),
        ("pythonic 3\nnodejs 20\n", []),
        ("python\n", []),
        ("# python 3.12\n", []),
        # The first line counts.
        ("python 3.12\npython 3.11\n", [("3.12", 1)]),
        # asdf's and mise's own forms name no release.
        ("python ref:v3.13 path:/opt sub-1:latest 3.12 tag:x branch:y rev:z {{env}}", [("3.12", 1)]),
        ("python prefix:3.12\n", [("3.12", 1)]),
    ],
)
def test_what_asdf_asks_for(text, words):
    assert [(one.text, one.line) for one in parse_tool_versions(text)] == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("python prefix:\n", "/p/.tool-versions, line 1: `prefix:` cannot be understood"),
        ("x\npython /opt/python\n", "/p/.tool-versions, line 2: `/opt/python` is a path"),
        ("x" * (LONGEST_FILE + 1), "/p/.tool-versions: it is too long to be a version file"),
    ],
)
def test_what_asdf_cannot_mean(text, said):
    with pytest.raises(BadRequest) as refused:
        parse_tool_versions(text, "/p/.tool-versions")
    assert (str(refused.value), refused.value.exit_status) == (said, 1)


# Text, and what is read of it without a parser: None where only that can tell.
OF_MISE = [
    ("", []),
    ("[tools]\nnode = '20'\n", []),
    ('[tools]\npython = "3.12"\n', ["3.12"]),
    ("[tools]\n  python  =  '3.12'  # mine\r\n", ["3.12"]),
    ("[ tools ]\npython = '3.12'\n", None),
    ("[env]\nx = 'python'\n", []),
    ("[tools]\nnode = '20' # python\n", []),
    ("[tools]\npython = ''\n", []),
    ("[tools]\npython = 'ref:v3.13'\n", []),
    ("[tools]\npython = ['3.12', '3.11']\n", None),
    ("[tools]\npython = {version = '3.12'}\n", None),
    ("[tools]\npython = '3.12\n", None),
    ("[tools]\npython = '3.12' '3.11'\n", None),
    ("[tools]\npython '3.12'\n", None),
    ("[tools]\npython = '3.1\x07'\n", None),
    ("[tools]\npython.version = '3.12'\n", None),
    ("[tools]\n'python' = '3.12'\n", None),
    ("[tools]\npython = '3.12'\npython-extra = '1'\n", None),
    ("[tools]\n[tools]\npython = '3.12'\n", None),
    ("[tools.python]\nversion = '3.12'\n", None),
    ("tools.python = '3.12'\n", None),
    ('[tools]\npython = "3.1\\u0032"\n', None),
    ("x = '''\n[tools]\npython = '3.12'\n'''\n", None),
]


@pytest.mark.parametrize(("text", "words"), OF_MISE)
def test_a_plain_line_of_mise_is_read(text, words):
    found = plainly_of_mise(text)
    assert (None if found is None else [one.text for one in found]) == words


@pytest.mark.parametrize(("text", "words"), [row for row in OF_MISE if row[1] is not None])
def test_the_parser_reads_the_same_of_it(text, words):
    assert [one.text for one in words_of_mise(tomllib.loads(text.replace("\r\n", "\n")), "mise.toml")] == words


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, []),
        ({"tools": "python"}, []),
        ({"tools": {"python": " 3.12 "}}, ["3.12"]),
        ({"tools": {"python": {"version": "3.12", "virtualenv": ".venv"}}}, ["3.12"]),
        ({"tools": {"python": {"virtualenv": ".venv"}}}, []),
        ({"tools": {"python": ["3.12", {"version": "3.11"}, 3, "", None]}}, ["3.12", "3.11"]),
        ({"tools": {"python": 3.12}}, []),
    ],
)
def test_what_a_parsed_file_of_mise_asks_for(document, words):
    found = words_of_mise(document, "/p/mise.toml")
    assert [one.text for one in found] == words
    assert {one.line for one in found} <= {0}


def test_an_error_in_a_parsed_file_names_no_line():
    with pytest.raises(BadRequest, match=r"^/p/mise\.toml: `/x` is a path$"):
        words_of_mise({"tools": {"python": "/x"}}, "/p/mise.toml")


@pytest.mark.parametrize(
    ("document", "required"),
    [
        ({}, None),
        ({"project": "x", "tool": "y"}, None),
        ({"project": {"requires-python": " >=3.11 "}}, (">=3.11", "requires-python")),
        ({"project": {"requires-python": " "}}, None),
        ({"project": {"requires-python": 3}}, None),
        ({"tool": {"poetry": {"dependencies": {"python": " ^3.11 "}}}}, ("^3.11", "tool.poetry.dependencies.python")),
        (
            {"tool": {"poetry": {"dependencies": {"python": {"version": "^3.11"}}}}},
            ("^3.11", "tool.poetry.dependencies.python"),
        ),
        ({"tool": {"poetry": {"dependencies": {"python": {"extras": []}}}}}, None),
        ({"tool": {"poetry": {"dependencies": {"python": " "}}}}, None),
        ({"tool": {"poetry": {"dependencies": ["python"]}}}, None),
        (
            {"project": {"requires-python": ">=3.12"}, "tool": {"poetry": {"dependencies": {"python": "^3.11"}}}},
            (">=3.12", "requires-python"),
        ),
    ],
)
def test_what_a_project_requires(document, required):
    assert required_by(document) == required


@pytest.mark.parametrize(
    ("constraint", "sets"),
    [
        ("^3.11", (">=3.11,<4",)),
        ("^3.11.2", (">=3.11.2,<4",)),
        ("^3", (">=3,<4",)),
        ("~3.11", (">=3.11,<3.12",)),
        ("~3.11.2", (">=3.11.2,<3.12",)),
        ("~3", (">=3,<4",)),
        ("3.11", ("==3.11.*",)),
        ("3.11.*", ("==3.11.*",)),
        ("3.11.2", ("==3.11.2",)),
        ("*", (">=3",)),
        (">=3.11,<3.14", (">=3.11,<3.14",)),
        (">= 3.11 < 3.14", (">=3.11,<3.14",)),
        ("~=3.11", ("~=3.11",)),
        ("^3.11.2.1", ("^3.11.2.1",)),
        ("^x", ("^x",)),
        # The last alternative first.
        ("~3.11 || ^3.13 |", (">=3.13,<4", ">=3.11,<3.12")),
        ("", ()),
    ],
)
def test_constraints_of_poetry(constraint, sets):
    assert of_poetry(constraint) == sets


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("3.11.2/envs/blog", ("3.11.2", "blog")),
        ("3.11.2/envs/", None),
        ("/envs/blog", None),
        ("3.11.2/envs/.blog", None),
        ("3.11.2/envs/a/b", None),
        ("3.11.2", None),
    ],
)
def test_the_name_of_a_venv_of_pyenv_virtualenv(word, parts):
    assert split_pyenv_name(word) == parts


def test_a_file_that_is_too_long_is_refused_as_a_whole():
    with pytest.raises(BadRequest, match=r"^/p/file: it is too long to be a version file") as refused:
        parse_version_file("#\n" * (LONGEST_FILE // 2) + "3", "/p/file")
    assert refused.value.exit_status == 1
    assert parse_version_file("#\n" * (LONGEST_FILE // 2)) == ()
