"""Symbols of real interpreters and real extensions, and of files that only look like them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.effects.packages.symbols import defined_symbols, exported_symbols, is_library, undefined_symbols
from stage.mirror import MINOR, NEW, OLD, added_symbols, runtime_tree

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is the format of Linux")

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to build an extension with")


@pytest.fixture(scope="session")
def interpreters():
    return {release: f"{runtime_tree(release)}/bin/python{MINOR}" for release in (OLD, NEW)}


def compile_shared(folder, source, *options):
    (folder / "x.c").write_text(source)
    subprocess.run(["gcc", "-shared", "-fPIC", *options, "-o", folder / "x.so", folder / "x.c"], check=True)
    return str(folder / "x.so")


@pytest.mark.real_archives("symbols")
def test_two_real_patch_releases_differ_by_the_symbols_that_were_added(interpreters):
    old, new = (exported_symbols(interpreters[release]) for release in (OLD, NEW))
    assert old is not None
    assert new is not None
    assert {"PyList_New", "_Py_Dealloc", "Py_Initialize"} <= old & new
    assert new - old == set(added_symbols())
    assert old - new == set()


def test_the_python_that_runs_the_tests_exports_what_it_says_that_it_exports():
    import ctypes

    exported = exported_symbols(os.path.realpath(sys.executable))
    assert exported is not None
    for name in sorted(exported)[:: len(exported) // 20]:
        assert hasattr(ctypes.pythonapi, name), name


@needs_compiler
def test_a_shared_libpython_beside_the_program_counts(tmp_path):
    # Whether the running Python has one says nothing: Debian builds one and links its program without it.
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib").mkdir()
    os.rename(compile_shared(tmp_path, "void *Py_Main(void) { return 0; }"), tmp_path / f"bin/python{MINOR}")
    os.symlink(f"python{MINOR}", tmp_path / "bin/python3")
    for path in (tmp_path / f"bin/python{MINOR}", tmp_path / "bin/python3"):
        assert exported_symbols(str(path)) == {"Py_Main"}
    library = compile_shared(tmp_path, "void *PyList_New(long size) { return 0; }")
    os.rename(library, tmp_path / f"lib/libpython{MINOR}.so.1.0")
    os.symlink(f"libpython{MINOR}.so.1.0", tmp_path / f"lib/libpython{MINOR}.so")
    for path in (tmp_path / f"bin/python{MINOR}", tmp_path / "bin/python3"):
        assert exported_symbols(str(path)) == {"Py_Main", "PyList_New"}
    # Of another minor, and of the stable interface, which is none of this program's.
    for name in ("libpython3.1.so.1.0", "libpython3.so"):
        os.rename(tmp_path / f"lib/libpython{MINOR}.so.1.0", tmp_path / "lib" / name)
        assert exported_symbols(str(tmp_path / f"bin/python{MINOR}")) == {"Py_Main"}
        os.rename(tmp_path / "lib" / name, tmp_path / f"lib/libpython{MINOR}.so.1.0")


@needs_compiler
def test_an_extension_needs_what_it_leaves_undefined_and_nobody_may_lack(tmp_path):
    path = compile_shared(
        tmp_path,
        """
        extern void *_PyType_AllocNoTrack(void *, long), *PyList_New(long), *NotOurs_New(long);
        extern void *PyWeak_Maybe(void) __attribute__((weak));
        void *PyInit_x(void) { return _PyType_AllocNoTrack(PyList_New(0), PyWeak_Maybe ? 1 : (long) NotOurs_New(0)); }
        """,
    )
    assert undefined_symbols(path) == {"_PyType_AllocNoTrack", "PyList_New"}
    assert defined_symbols(path) == {"PyInit_x"}


@needs_compiler
def test_a_file_without_section_headers_says_the_same(tmp_path):
    path = compile_shared(tmp_path, "extern void *PyList_New(long); void *PyInit_x(void) { return PyList_New(0); }")
    content = bytearray((tmp_path / "x.so").read_bytes())
    # e_shoff, then e_shentsize, e_shnum and e_shstrndx of a 64-bit header.
    content[0x28:0x30] = bytes(8)
    content[0x3A:0x40] = bytes(6)
    (tmp_path / "stripped.so").write_bytes(content)
    assert undefined_symbols(str(tmp_path / "stripped.so")) == undefined_symbols(path) == {"PyList_New"}


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"/* GNU ld script */"])
def test_what_is_no_elf_file_is_none(tmp_path, content):
    (tmp_path / "x.so").write_bytes(content)
    assert undefined_symbols(str(tmp_path / "x.so")) is None
    assert exported_symbols(str(tmp_path / "x.so")) is None
    assert not is_library(str(tmp_path / "x.so"))


def test_what_cannot_be_read_is_an_error_that_says_so(tmp_path):
    os.mkfifo(tmp_path / "x.so")
    with pytest.raises(OSError, match="not a regular file"):
        undefined_symbols(str(tmp_path / "x.so"))
    with pytest.raises(FileNotFoundError):
        is_library(str(tmp_path / "none.so"))
    assert exported_symbols(str(tmp_path / "none")) is None


@pytest.fixture(scope="session")
def elf_bytes(tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to build an extension with")
    folder = tmp_path_factory.mktemp("elf")
    compile_shared(folder, "extern void *PyList_New(long); void *PyInit_x(void) { return PyList_New(0); }")
    return (folder / "x.so").read_bytes()


@given(
    st.lists(st.tuples(st.integers(0, 4095), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    st.integers(0, 20_000),
)
@settings(max_examples=150)
def test_no_damage_to_a_file_makes_it_fail(tmp_path_factory, elf_bytes, damage, length):
    content = bytearray(elf_bytes)
    for place, garbage in damage:
        place = place % 64 if place % 2 else len(content) - place  # noqa: PLW2901 - headers lie at both ends
        content[place : place + len(garbage)] = garbage
    path = tmp_path_factory.getbasetemp() / "damaged.so"
    path.write_bytes(content[:length] if length < 200 else content)
    for ask in (undefined_symbols, defined_symbols):
        try:
            answer = ask(str(path))
        except OSError:
            continue
        assert answer is None or all(isinstance(name, str) for name in answer)
