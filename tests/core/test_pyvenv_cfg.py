"""Reading every dialect of pyvenv.cfg, and changing one line without touching the others."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.pyvenv_cfg import (
    HELD_BACK,
    POLICY,
    REQUEST,
    base_lines,
    edit,
    long_form,
    other_settings,
    parse_pyvenv_cfg,
    render,
    unquote,
    version_line,
)
from pyman.core.version import Version
from stage.hostile import HUGE, damaged, text_of

STDLIB = """\
home = /opt/python/3.13/bin
include-system-site-packages = false
version = 3.13.5
executable = /opt/python/3.13.5/bin/python3.13
command = /opt/python/3.13/bin/python3.13 -m venv --prompt="it's" /srv/app/.venv
prompt = "it's"
"""
UV = """\
home = /opt/uv/cpython-3.13-linux-x86_64-gnu/bin
implementation = CPython
uv = 0.13.9
version_info = 3.13
include-system-site-packages = false
prompt = app
"""
VIRTUALENV = """\
home = /opt/python/3.13/bin
implementation = CPython
python-version = 3.13
version_info = 3.13.5.final.0
version = 3.13.5
virtualenv = 21.15.8
include-system-site-packages = false
base-prefix = /opt/python/3.13
"""


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        (STDLIB, "home", "/opt/python/3.13/bin"),
        (STDLIB, "version", "3.13.5"),
        (UV, "uv", "0.13.9"),
        (VIRTUALENV, "version_info", "3.13.5.final.0"),
        ("HOME=/a\n", "home", "/a"),
        ("\ufeffhome = /a\n", "home", "/a"),
        ("home = /a\r\nversion = 3\r\n", "home", "/a"),
        ("home\t=\t/a b \n", "home", "/a b"),
        ("no equals sign\nhome = /a=b", "home", "/a=b"),
        ("home = /a\nhome = /b\n", "home", "/a"),
        ("version = 1\nversion = 2\n", "version", "2"),
        ("home =\n", "home", None),
        ("home = \nhome = /b\n", "home", None),
        ("= x\n", "", None),
        ("", "home", None),
    ],
)
def test_reads_like_cpython(text, key, value):
    assert parse_pyvenv_cfg(text).get(key) == value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("app", "app"),
        ("'app'", "app"),
        ('"it\'s"', "it's"),
        (r"'a\'b\\c'", r"a'b\c"),
        (r"'\u00e9\x41\U0001f40d\n\t'", "éA\U0001f40d\n\t"),
        ("'", "'"),
        ("''", ""),
        ("'a'b'", "'a'b'"),
        (r"'\q'", r"'\q'"),
        (r"'\u12'", r"'\u12'"),
        (r"'\U00ffffff'", r"'\U00ffffff'"),
        (r"'\U00110000'", r"'\U00110000'"),
        (r"'\U0010ffff'", "\U0010ffff"),
        ("'a\"", "'a\""),
    ],
)
def test_prompt_is_unquoted_where_it_is_quoted(written, meant):
    assert unquote(written) == meant
    assert parse_pyvenv_cfg(f"prompt = {written}\n").prompt == meant


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_prompt_that_the_stdlib_quoted_comes_back(prompt):
    assert unquote(repr(prompt)) == prompt


def test_what_pyman_wrote():
    written = parse_pyvenv_cfg(f"{REQUEST} = >=3.11,<3.14\n{POLICY} = follow\n{HELD_BACK} = 3.13.5 demo needs it\n")
    assert (written.request, written.policy) == (">=3.11,<3.14", "follow")
    assert written.held_back == ("3.13.5", "demo needs it")
    nothing = parse_pyvenv_cfg(f"{POLICY} = whatever\n{HELD_BACK} = 3.13.5\n")
    assert (nothing.request, nothing.policy, nothing.held_back) == (None, None, ("3.13.5", ""))
    assert parse_pyvenv_cfg("").held_back is None


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("include-system-site-packages = false", False),
        ("include-system-site-packages = TRUE", True),
        ("Include-System-Site-Packages=True", True),
        ("include-system-site-packages = maybe", False),
        ("include-system-site-packages =", False),
        ("", True),
    ],
)
def test_system_site_packages_as_site_decides(line, answer):
    assert parse_pyvenv_cfg(line).has_system_site_packages is answer


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        (STDLIB, {"version": "3.13"}, STDLIB.replace("version = 3.13.5", "version = 3.13")),
        (UV, {"home": "/new/bin"}, UV.replace("/opt/uv/cpython-3.13-linux-x86_64-gnu/bin", "/new/bin")),
        ("a = 1\r\nb = 2\r\n", {"a": "3"}, "a = 3\r\nb = 2\r\n"),
        ("a = 1\r\nb = 2", {"c": "3"}, "a = 1\r\nb = 2\r\nc = 3\r\n"),
        ("\ufeffHome=/a\nx\n", {"home": "/b"}, "\ufeffHome = /b\nx\n"),
        ("\ufeffhome = /a\nb = 1\n", {"home": None}, "\ufeffb = 1\n"),
        ("home = /a\nhome = /b\n", {"home": "/c"}, "home = /c\nhome = /c\n"),
        ("home = /a\n\n# note\nb=1", {"b": None}, "home = /a\n\n# note\n"),
        ("home=/a  \n", {"home": "/a"}, "home=/a  \n"),
        ("", {"home": "/a"}, "home = /a\n"),
        ("\ufeff", {"home": "/a"}, "\ufeffhome = /a\n"),
        ("a = 1\n", {"b": None}, "a = 1\n"),
    ],
)
def test_edit_keeps_every_other_byte(before, changes, after):
    assert edit(before, changes) == after
    assert edit(after, changes) == after


@pytest.mark.parametrize("value", ["/a\nb = c", "/a\rb", " /a", "/a "])
def test_what_no_line_can_hold_is_refused(value):
    with pytest.raises(ValueError, match="cannot be a value"):
        edit("", {"home": value})
    with pytest.raises(ValueError, match="cannot be a value"):
        render([("home", value)])


@pytest.mark.parametrize("key", ["", "Home", " home", "a=b", "a\nb"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(ValueError, match="cannot be a key"):
        edit("", {key: "x"})


KEYS = st.sampled_from(["home", "version", "version_info", "prompt", POLICY, "other"])
VALUES = st.text(max_size=15).map(str.strip).filter(lambda text: not set(text) & {"\n", "\r"})
FILES = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.one_of(
            st.builds(
                lambda key, space, equals, value: f"{key}{space}{equals}{space}{value}",
                KEYS.map(str.title) | KEYS,
                st.sampled_from(["", " ", "\t"]),
                st.sampled_from(["=", "= =", ""]),
                VALUES,
            ),
            st.text(max_size=10),
        ),
        max_size=6,
    ).flatmap(lambda lines: st.sampled_from(["\n", "\r\n"]).map(lambda ending: ending.join(lines))),
)


@settings(max_examples=200)
@given(FILES, st.dictionaries(KEYS, VALUES | st.none(), max_size=3))
def test_edit_then_parse_gives_the_values_and_nothing_else_changes(text, changes):
    before = parse_pyvenv_cfg(text).values
    edited = edit(text, changes)
    after = parse_pyvenv_cfg(edited).values
    for key, value in changes.items():
        assert after.get(key) == value
    assert {k: v for k, v in after.items() if k not in changes} == {k: v for k, v in before.items() if k not in changes}

    def others(whole):
        return [
            line.rstrip("\r")
            for line in whole.removeprefix("\ufeff").split("\n")
            if line.partition("=")[0].strip().lower() not in changes and line.strip()
        ]

    assert others(edited) == others(text)
    assert edit(edited, changes) == edited


@given(st.binary(max_size=200))
def test_random_bytes_never_crash(content):
    text = content.decode("utf-8", "surrogateescape")
    parse_pyvenv_cfg(text)
    assert edit(text, {}) == text
    assert edit(text, {"home": "/a"}).encode("utf-8", "surrogateescape")


def test_render_then_parse():
    pairs = [("home", "/a b/bin"), ("version", "3.13"), (POLICY, "follow")]
    assert parse_pyvenv_cfg(render(pairs)).values == dict(pairs)


@settings(max_examples=200)
@given(damaged(STDLIB.encode(), UV.encode()))
def test_a_damaged_file_is_read_and_changed_as_well_as_it_goes(content):
    text = text_of(content)
    read = parse_pyvenv_cfg(text)
    assert read.home is None or ("\0" not in read.home and read.home == read.home.strip())
    assert read.policy in (None, "follow", "pin")
    assert "" not in (read.prompt or "x", read.request, read.held_back)
    assert read.has_system_site_packages in (True, False)
    edited = parse_pyvenv_cfg(edit(text, {"home": "/new/bin", "version": None}))
    assert (edited.home, edited.get("version")) == ("/new/bin", None)


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_names_no_base(kind):
    text = text_of(HUGE[kind])
    assert parse_pyvenv_cfg(text).home is None
    for value in ("'" + text[:-1] + "'", text):
        assert parse_pyvenv_cfg(f"home = /a\nprompt = {value}").home == "/a"
        assert parse_pyvenv_cfg(f"prompt = {value}").prompt != ""
    assert parse_pyvenv_cfg(edit(text, {"home": "/a"})).home == "/a"


def test_a_home_that_no_system_takes_is_none():
    assert parse_pyvenv_cfg("home = /a\0b\n").home is None


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("version = 3.13.5\n", "3.13"),
        ("version_info = 3.13.5.final.0\n", "3.13"),
        ("version = x\nversion_info = 3.12\n", "3.12"),
        ("version = 3\n", None),
        ("version = 3.²\n", None),
        ("", None),
    ],
)
def test_the_minor_that_a_file_names(text, minor):
    assert parse_pyvenv_cfg(text).minor == minor


def test_what_a_release_was_held_back_for():
    assert parse_pyvenv_cfg(f"{HELD_BACK} = 3.13.5  numpy needs <3.13.10\n").held_back == (
        "3.13.5",
        "numpy needs <3.13.10",
    )
    assert parse_pyvenv_cfg(f"{HELD_BACK} = 3.13.5\n").held_back == ("3.13.5", "")
    assert parse_pyvenv_cfg("").held_back is None


def test_lines_that_no_maker_of_venvs_writes_are_kept_as_far_as_they_can_be():
    settings = parse_pyvenv_cfg("home = /x\nversion = 3.13\nmine = a b\nodd = a\0b\n")
    assert other_settings(settings) == {"mine": "a b"}


@pytest.mark.parametrize(
    ("version", "long"),
    [
        (Version(3, 13, 15), "3.13.15.final.0"),
        (Version(3, 14, 0, "a1"), "3.14.0.alpha.1"),
        (Version(3, 14, 0, "b2"), "3.14.0.beta.2"),
        (Version(3, 14, 0, "rc10"), "3.14.0.candidate.10"),
    ],
)
def test_a_release_as_the_interpreter_has_it(version, long):
    assert long_form(version) == long


@pytest.mark.parametrize(
    ("value", "follows", "line"),
    [
        ("3.13.5", False, "3.14.0rc2"),
        ("3.13.5.final.0", False, "3.14.0.candidate.2"),
        ("3.13", False, "3.14"),
        ("3.13.5", True, "3.14"),
        ("3.13.5.final.0", True, "3.14"),
        ("odd", False, "3.14.0rc2"),
    ],
)
def test_the_version_in_the_form_that_it_had(value, follows, line):
    assert version_line(value, Version(3, 14, 0, "rc2"), follows=follows) == line


def test_only_the_lines_of_its_base_that_a_file_has_are_written():
    said = {"base-prefix": "/p", "base-exec-prefix": "/p", "base-executable": "/p/bin/python3.13"}
    for keys in (said, ["base-prefix"], ["base-exec-prefix", "base-executable"], []):
        settings = parse_pyvenv_cfg("".join(f"{key} = /old\n" for key in keys))
        found = base_lines(settings, "/p/bin", "/p/bin/python3.13")
        assert {key: found[key] for key in found if key in said} == {key: said[key] for key in keys}
        assert set(found) == set(keys)
