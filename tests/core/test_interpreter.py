"""How an interpreter's answer is read, and what is made of a linker's complaint."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.interpreter import ImportFailure, missing_part, read_facts, read_failures, split_answer, telling_line
from pyman.core.version import Version
from pyman.errors import Refused
from stage.hostile import HUGE, damaged, text_of

FIELDS = ["cpython", "3.13.5", "", "", "/r/3.13", "/r/3.13.5", "/r/3.13/lib/python3.13", "/r/p"]


def framed(fields: list[str], cookie: str = "cookie") -> bytes:
    return b"".join(field.encode("utf-8", "surrogateescape") + b"\0" for field in [cookie, *fields, cookie])


def test_an_answer_is_found_in_noise():
    assert split_answer(b"Welcome!\n" + framed(FIELDS) + b"bye\n", "cookie") == FIELDS
    assert split_answer(framed([]), "cookie") == []
    assert split_answer(framed(["\udcff"]), "cookie") == ["\udcff"]


@pytest.mark.parametrize(
    "output", [b"", b"hello\n", framed(FIELDS)[:-1], framed(FIELDS, "another"), framed(FIELDS) * 2, b"cookie\0"]
)
def test_no_answer(output):
    assert split_answer(output, "cookie") is None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_the_noise_the_answer_is_the_same(before, after):
    assert split_answer(before + framed(FIELDS, "a-long-cookie") + after, "a-long-cookie") == FIELDS


def test_facts():
    facts = read_facts(FIELDS)
    assert facts is not None
    assert (facts.version, facts.variant) == (Version(3, 13, 5), "default")
    assert (facts.base_prefix, facts.real_base_prefix) == ("/r/3.13", "/r/3.13.5")


def test_another_implementation_says_its_own_version_too():
    facts = read_facts(["pypy", "3.11.17", "8.0.1", *FIELDS[3:]])
    assert facts is not None
    assert facts.version == Version(3, 11, 17, implementation="pypy", own="8.0.1")
    assert (str(facts.version), facts.version.minor_name) == ("3.11.17", "3.11")


@pytest.mark.parametrize(
    ("flags", "variant"), [("", "default"), ("m", "default"), ("t", "freethreaded"), ("d", "debug"), ("dd", "debug")]
)
def test_variants(flags, variant):
    facts = read_facts([*FIELDS[:3], flags, *FIELDS[4:]])
    assert facts is not None
    assert facts.variant == variant


def test_a_variant_without_a_name():
    with pytest.raises(Refused):
        read_facts([*FIELDS[:3], "td", *FIELDS[4:]])


@pytest.mark.parametrize(
    "fields", [[], FIELDS[:-1], ["cpython", "3.13", *FIELDS[2:]], [*FIELDS[:4], "relative", *FIELDS[5:]]]
)
def test_what_is_no_fact(fields):
    assert read_facts(fields) is None


def test_failures_follow_the_facts():
    assert read_failures(FIELDS) == ()
    assert read_failures([*FIELDS, "_ssl libssl.so.3: cannot open", "_lzma"]) == (
        ImportFailure("_ssl", "libssl.so.3: cannot open"),
        ImportFailure("_lzma", ""),
    )


FATAL = """Python path configuration:
  PYTHONHOME = (not set)
  sys.prefix = '/install'
Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding
Python runtime state: core initialized
{}
Current thread 0x00007f0d5e1c6740 (most recent call first):
  <no Python frame>
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            FATAL.format("ModuleNotFoundError: No module named 'encodings'\n"),
            "ModuleNotFoundError: No module named 'encodings'",
        ),
        (
            FATAL.format(""),
            "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding",
        ),
        ("Traceback (most recent call last):\n  File ...\nMemoryError\n", "MemoryError"),
        ("first\nzipimport.ZipImportError: no\nException ignored in x\n", "zipimport.ZipImportError: no"),
        (
            "/r/python: error while loading shared libraries: libx.so: no\n\n",
            "/r/python: error while loading shared libraries: libx.so: no",
        ),
        ("first\n the last \n", "the last"),
        ("\n \n", ""),
        ("", ""),
    ],
)
def test_the_line_that_says_why_a_python_ended(text, line):
    assert telling_line(text) == line


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        ("libssl.so.3: cannot open shared object file: No such file or directory", "libssl.so.3"),
        (
            "/r/python: error while loading shared libraries: libpython3.13.so.1.0: cannot open shared object file: No",
            "libpython3.13.so.1.0",
        ),
        ("Error loading shared library libffi.so.8: No such file or directory (needed by /r/x.so)", "libffi.so.8"),
        ("/lib/libc.so.6: version `GLIBC_2.38' not found (required by /r/bin/python3.13)", "GLIBC_2.38"),
        ("dlopen(/r/_ssl.so, 2): Library not loaded: @rpath/libssl.3.dylib Referenced from: /r", "libssl.3.dylib"),
        ("No module named '_lzma'", None),
        ("", None),
    ],
)
def test_what_the_system_lacks(sentence, part):
    assert missing_part(sentence) == part


@settings(max_examples=200)
@given(damaged(b"\0".join(field.encode() for field in FIELDS)))
def test_a_damaged_answer_makes_sense_or_none(content):
    fields = text_of(content).split("\0")
    try:
        facts = read_facts(fields)
    except Refused:
        return
    read_failures(fields)
    if facts is None:
        return
    for path in (facts.base_prefix, facts.real_base_prefix, facts.standard_library, facts.executable):
        assert path.startswith("/")
        assert "\0" not in path


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_answer(kind):
    assert split_answer(HUGE[kind], "cookie") is None
    assert split_answer(b"cookie\0" + HUGE[kind], "cookie") is None
    assert missing_part(text_of(HUGE[kind])) is None
