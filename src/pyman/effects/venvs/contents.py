"""Looking into the files of a venv, where their names do not tell: rarely, and never far. Hot."""

from __future__ import annotations

import os

from pyman.core.venv import LONE_COPY, OTHER_COPY, SAME_COPY, SCRIPT, Interpreter
from pyman.effects.files import open_to_read

# Of a copied interpreter: enough to tell two builds apart, whose every address differs.
_SAMPLES, _SAMPLE_BYTES = 32, 1 << 13
_MOST_ENTRIES = 50_000


def is_script(path: str) -> bool:
    """True for a file that names a program to run it, so is no interpreter itself; also where that cannot be seen."""
    try:
        descriptor = open_to_read(path)
    except OSError:
        return True
    try:
        return os.read(descriptor, 2) == b"#!"
    except OSError:
        return True
    finally:
        os.close(descriptor)


def compare_copy(path: str, base: Interpreter | None) -> str:
    """Say what a regular file in the place of an interpreter is, beside the one it should be a copy of.

    Raises OSError where it cannot be read.
    """
    descriptor = open_to_read(path)
    try:
        if os.pread(descriptor, 2, 0) == b"#!":
            return SCRIPT
        if base is None:
            return LONE_COPY
        if os.fstat(descriptor).st_size != base.size:
            return OTHER_COPY
        return SAME_COPY if _looks_same(descriptor, base) else OTHER_COPY
    finally:
        os.close(descriptor)


def _looks_same(descriptor: int, base: Interpreter) -> bool:
    """Compare parts of two files of one size."""
    other = open_to_read(base.path)
    try:
        step = max(base.size // _SAMPLES, _SAMPLE_BYTES)
        return all(
            os.pread(descriptor, _SAMPLE_BYTES, offset) == os.pread(other, _SAMPLE_BYTES, offset)
            for offset in range(0, base.size, step)
        )
    finally:
        os.close(other)


def holds_compiled(folders: list[str]) -> bool:
    """True where a compiled module lies below one of these folders; a look at so many names and no more."""
    pending = list(folders)
    seen = 0
    while pending and seen < _MOST_ENTRIES:
        try:
            with os.scandir(pending.pop()) as found:
                for entry in found:
                    seen += 1
                    if entry.name.endswith(".so"):
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:
            continue
    return False
