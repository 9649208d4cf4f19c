"""Symbols of Mach-O files that were made for this, and of those in wheels for macOS beside what `nm` tells of them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.architecture import architectures_in
from pyman.core.mach_o import is_mach_o, python_symbols
from pyman.effects.packages.symbols import defined_symbols, exported_symbols, is_library, undefined_symbols
from stage.index import fetch_wheels, unzip_wheels
from stage.mach_o import ARM64, X86_64, mach_o, universal


def symbols(content, *, defined):
    return set(python_symbols(lambda offset, size: content[offset : offset + size], defined=defined))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("tree", [True, False])
@pytest.mark.parametrize("parts", [True, False])
def test_what_it_needs_and_what_it_offers(order, wide, tree, parts):
    content = mach_o(
        ["PyList_New", "_Py_Dealloc", "malloc"],
        ["PyInit_x", "other"],
        weak=["PyWeak_Maybe"],
        private=["_PyPrivate"],
        order=order,
        wide=wide,
        tree=tree,
        parts=parts,
    )
    assert is_mach_o(content)
    assert symbols(content, defined=False) == {"PyList_New", "_Py_Dealloc"}
    assert symbols(content, defined=True) == {"PyInit_x"}


@pytest.mark.parametrize("wide", [True, False])
def test_for_several_processors_it_needs_what_one_needs_and_offers_what_all_offer(wide):
    content = universal(
        (X86_64, mach_o(["PyList_New"], ["PyInit_x", "PyOnly_Here"], machine=X86_64)),
        (ARM64, mach_o(["PyDict_New"], ["PyInit_x"])),
        wide=wide,
    )
    assert symbols(content, defined=False) == {"PyList_New", "PyDict_New"}
    assert symbols(content, defined=True) == {"PyInit_x"}
    assert architectures_in(content[:4096]) == {"x86_64", "arm64"}


@pytest.mark.parametrize(
    "content",
    [b"", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x41", b"\xca\xfe\xba\xbe\0\0\0\1" + bytes(60), mach_o()[:-1]],
    ids=["empty", "only its first word", "a class of Java", "no second part", "cut short"],
)
def test_what_is_damaged_or_something_else_is_none(tmp_path, content):
    (tmp_path / "x.so").write_bytes(content)
    assert undefined_symbols(str(tmp_path / "x.so")) is None


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), max_size=4), st.booleans())
@settings(max_examples=200)
def test_no_damage_makes_it_fail_otherwise(damage, tree):
    content = bytearray(mach_o(["PyList_New"], ["PyInit_x", "PyInit_y"], tree=tree))
    for place, garbage in damage:
        content[place : place + len(garbage)] = garbage
    for defined in (True, False):
        try:
            assert all(isinstance(name, str) for name in symbols(bytes(content), defined=defined))
        except (ValueError, LookupError, struct.error):
            continue


def test_a_tree_that_leads_round_in_a_circle_ends():
    content = mach_o((), ["PyInit_x"], tree=True)
    leads_back = content.replace(b"_PyInit_x\0" + content[-7:-5], b"_PyInit_x\0\x80\x00")
    assert leads_back != content
    with pytest.raises(ValueError, match="tree"):
        symbols(leads_back, defined=True)


def test_a_runtime_offers_what_its_libpython_does(tmp_path):
    for folder, library in (("store", "lib/libpython3.13.dylib"), ("Python.framework/Versions/3.13", "Python")):
        prefix = tmp_path / folder
        (prefix / "bin").mkdir(parents=True)
        (prefix / "lib").mkdir()
        (prefix / "bin/python3.13").write_bytes(mach_o(["Py_BytesMain"], ["PyMain_Here"]))
        (prefix / library).write_bytes(mach_o((), ["PyList_New", "Py_BytesMain"], tree=True))
        assert exported_symbols(f"{prefix}/bin/python3.13") == {"PyMain_Here", "PyList_New", "Py_BytesMain"}


@pytest.mark.parametrize(
    ("platform", "project", "architectures"),
    [
        ("macosx_11_0_arm64", "markupsafe", {"arm64"}),
        ("macosx_10_13_x86_64", "markupsafe", {"x86_64"}),
        ("macosx_10_13_universal2", "charset-normalizer", {"arm64", "x86_64"}),
    ],
)
def test_real_wheels_for_macos_need_what_nm_tells(tmp_path, platform, project, architectures):
    unzip_wheels(tmp_path, fetch_wheels(tmp_path, project, platforms=[platform]))
    files = [str(path) for path in tmp_path.rglob("*.so")]
    assert files
    for path in files:
        with open(path, "rb") as file:
            assert architectures_in(file.read(4096)) == architectures
        assert is_library(path)
        assert defined_symbols(path) == {f"PyInit_{os.path.basename(path).partition('.')[0]}"}
        needs = undefined_symbols(path)
        assert "PyModuleDef_Init" in needs
        nm = shutil.which("llvm-nm")
        for architecture in architectures if nm is not None else ():
            told = subprocess.run(
                [nm, f"--arch={architecture}", "-u", "-P", path], capture_output=True, text=True, check=True
            )
            names = {line.split()[0][1:] for line in told.stdout.splitlines() if len(line.split()) > 1}
            assert {name for name in names if name.startswith(("Py", "_Py"))} == needs
