"""Small and read-only disks, where the tests may mount: as root on Linux, and not in every container."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyman.effects.venvs.records import record_hash, record_name


def _mount(*words: object) -> None:
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("mounting needs root on Linux")
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this container may not mount: {done.stderr.decode(errors='replace').strip()}")


@contextlib.contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """A disk of `size` (`8m`) in a folder."""
    place.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", place)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextlib.contextmanager
def mounted(place: Path, *options: object) -> Iterator[None]:
    """Something mounted on a folder, as the words of `mount` say: `--bind`, `SOURCE`, or `-t`, `tmpfs`, `tmpfs`."""
    _mount(*options, place)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextlib.contextmanager
def read_only(place: Path) -> Iterator[None]:
    """A folder that nobody can write to, root neither."""
    _mount("--bind", place, place)
    try:
        _mount("-o", "remount,bind,ro", place)
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextlib.contextmanager
def dead_disk(place: Path, kind: str = "fuse.sshfs") -> Iterator[None]:
    """A file system that answers nothing: whoever looks at it waits, as for a server that is gone."""
    import ctypes

    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("mounting needs root on Linux")
    place.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"there is no FUSE here: {error.strerror}")
    try:
        options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0".encode()
        library = ctypes.CDLL(None, use_errno=True)
        if library.mount(b"dead", os.fsencode(place), kind.encode(), 0, options) != 0:
            pytest.skip(f"this container may not mount FUSE: {os.strerror(ctypes.get_errno())}")
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield
    finally:
        # Whoever still waits is answered with an error.
        os.close(descriptor)
        subprocess.run(["umount", "-l", place], check=True)


def as_on_a_disk(root: Path, *venvs: Path | str) -> None:
    """Have the records of a store, or of these venvs, say that they lay on a disk that is away. Needs no mount."""
    path = root / "mounts"
    keys = {record_hash(record_name(str(venv))) for venv in venvs}
    lines = path.read_text().splitlines()
    with path.open("w") as file:
        for line in lines:
            key = line.split()[0]
            file.write(f"{key} /dev/away /\n" if key in keys or not keys else f"{line}\n")
