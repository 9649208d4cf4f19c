"""The names that upstream gives its archives, and the headers in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pyman.core.archive_name import parse_archive_name, read_configuration, read_patch_level
from stage.hostile import HUGE, damaged, text_of

LINUX = "x86_64-unknown-linux-gnu"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            f"cpython-3.13.5+20260901-{LINUX}-install_only_stripped.tar.gz",
            ("3.13.5", "default", "20260901", LINUX, "install_only_stripped"),
        ),
        (
            "cpython-3.13.5%2B20260901-x86_64_v3-unknown-linux-musl-install_only.tar.gz",
            ("3.13.5", "default", "20260901", "x86_64_v3-unknown-linux-musl", "install_only"),
        ),
        (
            "cpython-3.15.0a7%2B20260310-aarch64-apple-darwin-freethreaded%2Bpgo%2Blto-full.tar.zst",
            ("3.15.0a7", "freethreaded", "20260310", "aarch64-apple-darwin", "full"),
        ),
        (
            "cpython-3.14.7+20260807-aarch64-apple-darwin-freethreaded-install_only_stripped.tar.gz",
            ("3.14.7", "freethreaded", "20260807", "aarch64-apple-darwin", "install_only_stripped"),
        ),
        (
            "cpython-3.12.1+20240107-armv7-unknown-linux-gnueabihf-debug-full.tar.zst",
            ("3.12.1", "debug", "20240107", "armv7-unknown-linux-gnueabihf", "full"),
        ),
        (
            "cpython-3.13.5+1+20260901-aarch64-apple-darwin-install_only.tar.gz",
            ("3.13.5", "default", "20260901", "aarch64-apple-darwin", "install_only"),
        ),
        (
            "cpython-3.13.0rc3+20241001-i686-pc-windows-msvc-install_only.tar.gz",
            ("3.13.0rc3", "default", "20241001", "i686-pc-windows-msvc", "install_only"),
        ),
        ("cpython-3.13.5-x86_64-unknown-linux-gnu-install_only.tar.gz", None),
        (f"cpython-3.13.5+20260901-{LINUX}-install_only.zip", None),
        (f"cpython-3.13+20260901-{LINUX}-install_only.tar.gz", None),
        (f"cpython-3.13.5+20260901-{LINUX}-freethreaded+debug-full.tar.zst", None),
        (f"pypy-3.13.5+20260901-{LINUX}-install_only.tar.gz", None),
        (f"x/cpython-3.13.5+20260901-{LINUX}-install_only.tar.gz", None),
        ("python.tar.gz", None),
        ("", None),
    ],
)
def test_names(name, expected):
    found = parse_archive_name(name)
    shown = found and (str(found.version), found.variant, found.build, found.platform, found.flavor)
    assert shown == expected


PATCH_LEVEL = """
/* Values for PY_RELEASE_LEVEL */
#define PY_RELEASE_LEVEL_ALPHA  0xA
#define PY_RELEASE_LEVEL_GAMMA  0xC     /* For release candidates */
#define PY_RELEASE_LEVEL_FINAL  0xF     /* Serial should be 0 here */
#define PY_MAJOR_VERSION\t3
#define PY_MINOR_VERSION        14
#define PY_MICRO_VERSION        0
#define PY_RELEASE_LEVEL        PY_RELEASE_LEVEL_{level}
#define PY_RELEASE_SERIAL       {serial}
#define PY_VERSION              "anything"
"""


@pytest.mark.parametrize(
    ("level", "serial", "expected"),
    [("FINAL", 0, "3.14.0"), ("GAMMA", 2, "3.14.0rc2"), ("ALPHA", 7, "3.14.0a7"), ("BETA", 1, "3.14.0b1")],
)
def test_patch_level(level, serial, expected):
    assert str(read_patch_level(PATCH_LEVEL.format(level=level, serial=serial))) == expected


@pytest.mark.parametrize("text", ["", "#define", "#define PY_MAJOR_VERSION 3", PATCH_LEVEL])
def test_headers_that_say_nothing(text):
    assert read_patch_level(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "default"),
        ("/* #undef Py_DEBUG */\n#define Py_GIL_DISABLED 1\n", "freethreaded"),
        ("#define Py_DEBUG 1\n", "debug"),
        ("#define Py_DEBUG 1\n#define Py_GIL_DISABLED 1", None),
        ("#define Py_GIL_DISABLED 0", "default"),
    ],
)
def test_configuration(text, expected):
    assert read_configuration(text) == expected


@settings(max_examples=150)
@given(damaged(b"cpython-3.13.5+20261001-x86_64-unknown-linux-gnu-freethreaded+pgo-install_only.tar.gz"))
def test_a_damaged_name_says_a_release_or_nothing(content):
    said = parse_archive_name(text_of(content))
    assert said is None or (said.build.isdigit() and "/" not in said.platform)


@settings(max_examples=150)
@given(damaged(
    b"#define PY_MAJOR_VERSION 3\n#define PY_MINOR_VERSION 13\n#define PY_MICRO_VERSION 5\n"
    b"#define PY_RELEASE_LEVEL PY_RELEASE_LEVEL_GAMMA\n#define PY_RELEASE_SERIAL 2\n#define Py_DEBUG 1\n"
))  # fmt: skip
def test_damaged_headers_say_a_release_or_nothing(content):
    version = read_patch_level(text_of(content))
    assert version is None or version.order
    assert read_configuration(text_of(content)) in (None, "default", "freethreaded", "debug")


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_release(kind):
    text = text_of(HUGE[kind])
    assert parse_archive_name(f"cpython-3.13.5+2026-x86_64-{text}") is None
    assert read_patch_level(text) is None
    assert read_configuration(text) == "default"
