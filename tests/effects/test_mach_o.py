"""Symbols of Mach-O files on disk, and of those in wheels for macOS beside what `nm` tells of them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pyman.core.architecture import architectures_in
from pyman.effects.packages.symbols import defined_symbols, exported_symbols, is_library, undefined_symbols
from stage.index import fetch_wheels, unzip_wheels
from stage.mach_o import mach_o


@pytest.mark.parametrize(
    "content",
    [b"", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x41", b"\xca\xfe\xba\xbe\0\0\0\1" + bytes(60), mach_o()[:-1]],
    ids=["empty", "only its first word", "a class of Java", "no second part", "cut short"],
)
def test_what_is_damaged_or_something_else_is_none(tmp_path, content):
    (tmp_path / "x.so").write_bytes(content)
    assert undefined_symbols(str(tmp_path / "x.so")) is None


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
