"""What a build is linked to, read from its files, and what of that is gone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pyman.effects.packages.elf import needed_libraries
from pyman.effects.source_builds.linked import linked_libraries, missing_libraries

pytestmark = pytest.mark.skipif(
    os.uname().sysname != "Linux" or shutil.which("gcc") is None, reason="needs gcc, and the format of Linux"
)


def library(path: Path, *flags: str) -> Path:
    """A shared library that does nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "gcc",
        "-shared",
        "-fPIC",
        "-x",
        "c",
        "/dev/null",
        "-x",
        "none",
        "-o",
        str(path),
        "-Wl,--no-as-needed",
        *flags,
    ]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A runtime with a module that is linked to the system's libraries, to one beside it, and to one in /opt."""
    aside = library(tmp_path / "opt/lib/libaside.so.1", "-Wl,-soname,libaside.so.1")
    inside = library(tmp_path / "tree/lib/libinside.so.1", "-Wl,-soname,libinside.so.1")
    flags = ("-lm", str(aside), str(inside), f"-Wl,-rpath,{aside.parent}", "-Wl,-rpath,$ORIGIN/../lib")
    library(tmp_path / "tree/modules/_module.cpython-313-x86_64-linux-gnu.so", *flags)
    return tmp_path / "tree"


def test_an_elf_file_names_what_it_is_linked_to_and_where_it_looks(tree: Path) -> None:
    [module] = (tree / "modules").iterdir()
    names, folders = needed_libraries(str(module))
    assert {"libm.so.6", "libaside.so.1", "libinside.so.1"} <= {*names}
    assert folders == (str(tree.parent / "opt/lib"), "$ORIGIN/../lib")
    (tree / "text.so").write_text("no library")
    assert needed_libraries(str(tree / "text.so")) == ((), ())
    (tree / "cut.so").write_bytes(module.read_bytes()[:200])
    assert needed_libraries(str(tree / "cut.so")) == ((), ())


def test_what_lies_outside_is_needed_by_name_or_by_path(tree: Path) -> None:
    needs = linked_libraries(str(tree))
    aside = str(tree.parent / "opt/lib/libaside.so.1")
    assert {"libm.so.6", "libc.so.6", aside} == {*needs}
    assert missing_libraries(needs) == ()
    os.unlink(aside)
    assert missing_libraries((*needs, "libssl.so.0.9")) == (aside, "libssl.so.0.9")


def test_what_is_not_found_on_the_first_day_is_not_missed_later(tree: Path) -> None:
    (tree.parent / "opt/lib/libaside.so.1").unlink()
    assert {"libm.so.6", "libc.so.6"} == {*linked_libraries(str(tree))}
