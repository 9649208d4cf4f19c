"""What becomes of the machine of the build in the text of the files that name it."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, settings

from pyman.core.sysconfig_files import (
    adapted_json,
    adapted_makefile,
    adapted_pkgconfig,
    adapted_script,
    adapted_variables,
)
from stage.hostile import damaged


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
        (
            "/install/share/zoneinfo:/install/lib/zoneinfo:/etc/zoneinfo",
            "{}/share/zoneinfo:{}/lib/zoneinfo:/etc/zoneinfo",
        ),
        ("/usr/lib:/install/lib", "/usr/lib:/install/lib"),
        ("", ""),
        ("/installed/lib", "/installed/lib"),
        ("/usr/bin/install -c", "/usr/bin/install -c"),
        ("-L/install/lib", "-L/install/lib"),
        ("rm /install", "rm /install"),
        ("'--prefix=/install'", "'--prefix=/install'"),
        (7, 7),
    ],
)
def test_values(value, expected):
    source = f"# by CPython\nbuild_time_vars = {{'A': {value!r}, 'OTHER': 'x'}}\n".encode()
    expected = expected.replace("{}", sys.base_prefix) if isinstance(expected, str) else expected
    assert imported(adapted_variables(source)) == {"A": expected, "OTHER": "x"}


FLAGS = [
    ("-fPIC -I/tools/deps/include -O3", "-fPIC  -O3"),
    ("-isystem /tools/deps/linux-uapi/usr/include -L/tools/deps/lib -lz", "  -lz"),
    ("-fdebug-default-version=4", ""),
    ("-isysroot /Applications/Xcode.app/SDKs/MacOSX14.2.sdk -arch arm64", " -arch arm64"),
    ("-O2 -Werror=unguarded-availability-new", "-O2 "),
    ("-I/toolsmith/include -DX=-isysroot", "-I/toolsmith/include -DX=-isysroot"),
    ("-fdebug-default-version=4x", "-fdebug-default-version=4x"),
]


@pytest.mark.parametrize(("value", "expected"), FLAGS)
def test_flags_that_only_the_machine_of_the_build_understands_go(value, expected):
    source = f"build_time_vars = {{'CFLAGS': {value!r}, 'CONFIG_ARGS': {value!r}}}\n".encode()
    assert imported(adapted_variables(source)) == {"CFLAGS": expected, "CONFIG_ARGS": value}
    assert adapted_makefile(f"CFLAGS=\t{value}\n".encode(), b"/r") == f"CFLAGS=\t{expected}\n".encode()
    assert json.loads(adapted_json(json.dumps({"CFLAGS": value}).encode(), "/r")) == {"CFLAGS": expected}
    quoted = f'CFLAGS=$(relocate "{value}")\nOPT="{value}"\n'.encode()
    assert adapted_script(quoted) == f'CFLAGS=$(relocate "{expected}")\nOPT="{expected}"\n'.encode()


PROGRAMS = [
    ("CC", "clang -pthread", "cc -pthread"),
    ("CC", "musl-clang -pthread", "cc -pthread"),
    ("CC", "gcc", "cc"),
    ("CC", "/usr/bin/aarch64-linux-gnu-gcc", "cc"),
    ("CC", "x86_64-linux-gnu-gcc-12 -pthread", "cc -pthread"),
    ("CC", "/tools/llvm/bin/clang-18", "cc"),
    ("CPP", "clang -E", "cc -E"),
    ("CXX", "clang++ -pthread", "c++ -pthread"),
    ("CXX", "/usr/bin/riscv64-linux-gnu-g++", "c++"),
    ("LDSHARED", "clang -pthread -shared", "cc -pthread -shared"),
    ("LDCXXSHARED", "clang++ -pthread -shared", "c++ -pthread -shared"),
    ("BLDSHARED", "clang -bundle -isysroot /Applications/MacOSX14.2.sdk -arch arm64", "cc -bundle  -arch arm64"),
    ("LINKCC", "clang", "cc"),
    ("AR", "/tools/llvm/bin/llvm-ar", "ar"),
    ("AR", "x86_64-linux-gnu-gcc-ar", "ar"),
    ("RANLIB", "llvm-ranlib-18", "ranlib"),
    ("CC", "ccache clang", "ccache clang"),
    ("CC", "emcc", "emcc"),
    ("CC", "icx", "icx"),
    ("CC", "", ""),
    ("CC", "$(CROSS)clang", "$(CROSS)clang"),
    ("OTHER", "clang", "clang"),
    ("CONFIG_ARGS", "'CC=clang'", "'CC=clang'"),
]


@pytest.mark.parametrize(("name", "value", "expected"), PROGRAMS)
def test_programs_become_what_every_machine_calls_them(name, value, expected, tmp_path, monkeypatch):
    for program in ("cc", "c++", "ar", "ranlib"):
        (tmp_path / program).touch(0o755)
    monkeypatch.setenv("PATH", f"/nowhere:{tmp_path}")
    source = f"build_time_vars = {{{name!r}: {value!r}}}".encode()
    assert imported(adapted_variables(source)) == {name: expected}
    assert json.loads(adapted_json(json.dumps({name: value}).encode(), "/r")) == {name: expected}
    assert adapted_makefile(f"{name}=\t\t{value}\n".encode(), b"/r") == f"{name}=\t\t{expected}\n".encode()


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], ("cc", "c++", "ar")),
        (["gcc", "g++", "ar"], ("gcc", "g++", "ar")),
        (["clang", "clang++", "llvm-ar"], ("clang", "clang++", "llvm-ar")),
        (["clang", "gcc", "clang++", "g++"], ("gcc", "g++", "ar")),
        (["clang", "cc", "c++"], ("cc", "c++", "ar")),
    ],
)
def test_where_a_machine_has_no_cc_what_it_has_is_used(there, expected, tmp_path, monkeypatch):
    for program in there:
        (tmp_path / program).touch(0o755)
    (tmp_path / "not-executable").mkdir()
    (tmp_path / "not-executable" / "cc").touch(0o644)
    monkeypatch.setenv("PATH", f"{tmp_path}/not-executable::{tmp_path}")
    source = b"build_time_vars = {'CC': 'clang -pthread', 'CXX': 'clang++', 'AR': '/tools/llvm/bin/llvm-ar'}"
    found = imported(adapted_variables(source))
    assert (found["CC"].split()[0], found["CXX"], found["AR"]) == expected


def test_json_has_the_same_paths_and_what_is_not_a_string_stays():
    variables = {"LIBDIR": "/install/lib", "SIZE": 8, "PREFIX": "/install", "OTHER": "/installed", "LIST": ["/install"]}
    adapted = adapted_json(json.dumps(variables).encode(), "/r/3.14.10 \udcff")
    assert json.loads(adapted) == variables | {"LIBDIR": "/r/3.14.10 \udcff/lib", "PREFIX": "/r/3.14.10 \udcff"}
    assert adapted_json(adapted, "/elsewhere") == adapted
    for other in (b"[1]", b"3", b"{", b"\xff", b"[" * 100_000):
        assert adapted_json(other, "/r") == other


def test_a_file_of_pkg_config_that_names_the_prefix_names_its_own_place():
    old = b"# See: man pkg-config\nprefix=/install\nexec_prefix=${prefix}\nlibdir=/install/lib\nprefix=/installed\n"
    new = old.replace(b"prefix=/install\n", b"prefix=${pcfiledir}/../..\n", 1)
    assert adapted_pkgconfig(old) == new
    assert adapted_pkgconfig(new) == new


def test_the_variables_stay_a_literal_and_a_second_time_changes_nothing():
    source = b"build_time_vars = {'A': '/install'}"
    once = adapted_variables(source)
    assert once.startswith(source)
    assert adapted_variables(once) == once
    # What an older pyman has added is replaced.
    older = source + b"\n\n# pyman: this build was made for /install on another machine.\nbuild_time_vars.clear()\n"
    assert adapted_variables(older) == once


def test_a_file_of_something_else_is_left_alone():
    assert adapted_variables(b"x = '/install'\n") == b"x = '/install'\n"


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
    assert adapted_makefile(source, b"/r/3.13.5") == f"one=1\n{expected}\nlast=2\n".encode()


def test_what_make_would_take_for_something_else_is_written_so_that_it_does_not():
    assert adapted_makefile(b"prefix=/install\n", b"/a$b/c#d\\1") == b"prefix=/a$$b/c\\#d\\1\n"


@settings(max_examples=150)
@given(
    damaged(b"build_time_vars = {'CC': 'clang -isysroot /a -I/tools/b', 'LIBDIR': '/install/lib'}\n"),
    damaged(b'{"CC": "clang -isysroot /a", "LIBDIR": "/install/lib", "SIZE": 8}'),
    damaged(b"prefix=/install\nCC=\tclang -pthread\nCFLAGS=-fdebug-default-version=4 -I/tools/deps/include\n"),
)
def test_damaged_files_of_a_build_are_adapted_once_and_stay_so(variables, listed, makefile):
    for adapted, source in (
        (adapted_variables, variables),
        (lambda source: adapted_json(source, "/r/3.14.10"), listed),
        (lambda source: adapted_makefile(source, b"/r/3.14.10"), makefile),
        (adapted_script, makefile),
        (adapted_pkgconfig, makefile),
    ):
        once = adapted(source)
        assert adapted(once) == once
