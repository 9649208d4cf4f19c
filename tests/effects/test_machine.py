"""What the real machine says of itself."""

import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings

from pyman.core.platform import is_triple
from pyman.effects.machine import elf_interpreter, platform, system_loader
from stage.hostile import damaged


def test_this_machine_has_a_name():
    triple = platform()
    assert is_triple(triple)
    processor = {"arm64": "aarch64", "amd64": "x86_64"}.get(os.uname().machine, os.uname().machine)
    if sys.maxsize > 2**32:
        assert triple.startswith(f"{processor}-")
    assert ("linux" if sys.platform == "linux" else "darwin") in triple


@pytest.mark.skipif(sys.platform != "linux", reason="ELF programs are Linux's")
def test_the_loader_is_the_one_that_the_shell_asks_for():
    loader = system_loader()
    assert os.path.exists(loader)
    # The loader itself says whose C library it is.
    said = subprocess.run([loader, "--version"], capture_output=True, text=True, check=False)
    words = (said.stdout + said.stderr).lower()
    assert ("musl" in words) == ("musl" in loader)
    assert platform().endswith("musl") == ("musl" in loader)


@pytest.mark.skipif(sys.platform != "linux", reason="ELF programs are Linux's")
def test_where_every_program_is_static_the_installed_loader_tells(tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("no compiler to make a static program")
    (tmp_path / "a.c").write_text("int main(void) { return 0; }")
    made = subprocess.run(
        ["gcc", "-static", "-o", tmp_path / "static", tmp_path / "a.c"], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("the compiler makes no static programs")
    static = str(tmp_path / "static")
    assert elf_interpreter(static) is None
    installed = tmp_path / "ld-musl-x86_64.so.1"
    installed.touch()
    pattern = str(tmp_path / "ld-musl-*.so.1")
    assert system_loader((static,), (pattern,)) == str(installed)
    assert system_loader((static,), ()) is None


def test_what_is_no_program_names_no_loader(tmp_path):
    with open(sys.executable, "rb") as program:
        head = program.read(4096)
    for number, content in enumerate(
        [b"", b"#!/bin/sh\n", b"\x7fELF", head[:40], head[:64], b"\x7fELF" + b"\xff" * 200]
    ):
        path = tmp_path / str(number)
        path.write_bytes(content)
        assert elf_interpreter(str(path)) is None
    assert elf_interpreter(str(tmp_path)) is None
    assert elf_interpreter(str(tmp_path / "missing")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="ELF programs are Linux's")
def test_a_narrow_big_endian_program_is_read_too(tmp_path):
    loader = b"/lib/ld.so.1\0"
    head = b"\x7fELF\x01\x02\x01" + bytes(9) + bytes(12) + (52).to_bytes(4, "big") + bytes(10)
    head += (32).to_bytes(2, "big") + (2).to_bytes(2, "big")
    head = head.ljust(52, b"\0")
    other = (1).to_bytes(4, "big").ljust(32, b"\0")
    entry = (3).to_bytes(4, "big") + (52 + 64).to_bytes(4, "big") + bytes(8) + len(loader).to_bytes(4, "big")
    path = tmp_path / "program"
    path.write_bytes(head + other + entry.ljust(32, b"\0") + loader)
    assert elf_interpreter(str(path)) == "/lib/ld.so.1"


with open(os.path.realpath(sys.executable), "rb") as _program:
    PROGRAM = _program.read(1 << 12)


@pytest.mark.skipif(sys.platform != "linux", reason="ELF programs are Linux's")
@settings(max_examples=150)
@given(content=damaged(PROGRAM, PROGRAM[:64], PROGRAM[:900]))
def test_a_damaged_program_names_a_loader_or_none(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "program"
    path.write_bytes(content)
    loader = elf_interpreter(str(path))
    assert loader is None or 0 < len(loader) <= 4096
