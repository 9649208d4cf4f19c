"""`pyman-runtime.toml`, as it is written and read back."""

from __future__ import annotations

import posixpath
import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.immutable import replace
from pyman.core.manifest import Manifest, manifest_fields, parse_manifest
from pyman.core.version import Version
from stage.hostile import HUGE, damaged, text_of

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


OTHER = replace(MANIFEST, version=Version(3, 11, 17, implementation="pypy", own="8.0.1"))


def test_the_manifest_of_another_implementation_has_both_versions():
    text = tomli_w.dumps(manifest_fields(OTHER))
    assert parse_manifest(text) == OTHER
    for old, new in (('"pypy"', '"cpython"'), ('"pypy"', '"jython"'), ('"8.0.1"', '"8.x"'), ('"8.0.1"', '""')):
        assert old in text
        assert parse_manifest(text.replace(old, new)) is None
