"""What becomes of the build's prefix in the text of two files."""

from __future__ import annotations

import sys

import pytest

from pyman.core.prefix import relocated_makefile, relocated_variables


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
