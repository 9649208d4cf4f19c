"""What becomes of the build's prefix in the text of two files."""

from __future__ import annotations

import posixpath
import sys
import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.prefix import Manifest, manifest_fields, parse_manifest, relocated_makefile, relocated_variables
from pyman.core.record import replace
from pyman.core.version import Version
from stage.hostile import HUGE, damaged, text_of


def imported(source: bytes) -> dict:
    module: dict = {}
    exec(compile(source, "_sysconfigdata.py", "exec"), module)
    return module["build_time_vars"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/install", "{}"),
        ("/install/lib", "{}/lib"),
        ("/install /install/lib /usr/lib", "{} {}/lib /usr/lib"),
        ("/install/lib /installed /install", "{}/lib /installed {}"),
        ("/install/", "{}/"),
        ("", ""),
        ("/installed/lib", "/installed/lib"),
        ("/usr/bin/install -c", "/usr/bin/install -c"),
        ("-L/install/lib", "-L/install/lib"),
        ("gcc /install", "gcc /install"),
        ("'--prefix=/install'", "'--prefix=/install'"),
        (7, 7),
    ],
)
def test_values(value, expected):
    source = f"# by CPython\nbuild_time_vars = {{'A': {value!r}, 'OTHER': 'x'}}\n".encode()
    expected = expected.replace("{}", sys.base_prefix) if isinstance(expected, str) else expected
    assert imported(relocated_variables(source)) == {"A": expected, "OTHER": "x"}


def test_the_variables_stay_a_literal_and_a_second_time_changes_nothing():
    source = b"build_time_vars = {'A': '/install'}"
    once = relocated_variables(source)
    assert once.startswith(source)
    assert relocated_variables(once) == once


def test_a_file_of_something_else_is_left_alone():
    assert relocated_variables(b"x = '/install'\n") == b"x = '/install'\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("prefix=\t\t/install", "prefix=\t\t/r/3.13.5"),
        ("A = /install/lib /install", "A = /r/3.13.5/lib /r/3.13.5"),
        ("A:=/install", "A:=/r/3.13.5"),
        ("A=/installed", "A=/installed"),
        ("A= /usr/bin/install -c", "A= /usr/bin/install -c"),
        ("CONFIG_ARGS= '--prefix=/install'", "CONFIG_ARGS= '--prefix=/install'"),
        ("\t/install/bin/x", "\t/install/bin/x"),
        ("exec_prefix=\t${prefix}", "exec_prefix=\t${prefix}"),
        ("# prefix=/install", "# prefix=/install"),
    ],
)
def test_makefile(line, expected):
    source = f"one=1\n{line}\nlast=2\n".encode()
    assert relocated_makefile(source, b"/r/3.13.5") == f"one=1\n{expected}\nlast=2\n".encode()


def test_what_make_would_take_for_something_else_is_written_so_that_it_does_not():
    assert relocated_makefile(b"prefix=/install\n", b"/a$b/c#d\\1") == b"prefix=/a$$b/c\\#d\\1\n"


# `pyman-runtime.toml`: what is written is read back, and nothing else is believed.

MANIFEST = Manifest(
    Version(3, 13, 5),
    "default",
    "20260901",
    "https://mirror.example/20260901/python.tar.gz",
    "ab" * 32,
    "2026-10-01T12:00:00Z",
    "lib/python3.13",
    "bin/python3.13",
)
TEXT = tomli_w.dumps(manifest_fields(MANIFEST))


def test_what_is_written_is_read_back():
    assert parse_manifest(TEXT) == MANIFEST
    local = replace(MANIFEST, url=None, build=None, version=Version(3, 14, 0, "rc2"), variant="freethreaded")
    assert parse_manifest(tomli_w.dumps(manifest_fields(local))) == local


@given(st.text(max_size=40))
def test_any_address_leaves_the_rest_readable(url):
    text = tomli_w.dumps(manifest_fields(replace(MANIFEST, url=url)))
    assert tomllib.loads(text)["url"] == url
    read = parse_manifest(text)
    assert read is not None
    assert read.url in (url, None)
    assert replace(read, url=url) == replace(MANIFEST, url=url)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "3.13.5"', 'version = "3.13"'),
        ('version = "3.13.5"', "version = 3"),
        ('version = "3.13.5"\n', ""),
        ('variant = "default"', 'variant = "fast"'),
        ("lib/python3.13", "/lib/python3.13"),
        ("lib/python3.13", "../lib"),
        ("bin/python3.13", "bin/../../evil"),
        ("bin/python3.13", ""),
    ],
)
def test_what_pyman_did_not_write_is_no_manifest(old, new):
    assert old in TEXT
    assert parse_manifest(TEXT.replace(old, new)) is None


@given(st.text(max_size=200) | st.lists(st.sampled_from(TEXT.splitlines()), max_size=9).map("\n".join))
def test_any_text_is_read_or_not(text):
    read = parse_manifest(text)
    assert read is None or read.version.major == 3


@settings(max_examples=200)
@given(damaged(TEXT.encode()))
def test_a_damaged_manifest_never_leads_out_of_its_runtime(content):
    read = parse_manifest(text_of(content))
    if read is None:
        return
    for path in (read.library, read.executable):
        assert posixpath.normpath(posixpath.join("/r/3.13", path)).startswith("/r/3.13")
        assert "\0" not in path


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_manifest(kind):
    assert parse_manifest(text_of(HUGE[kind])) is None
