"""Pythons that are not CPython: a real PyPy where its archive is at hand, and the layout of a GraalPy."""

from __future__ import annotations

import fcntl
import functools
import glob
import os
import shutil
import subprocess

import pytest

from stage.home import installed_once, link_tree
from stage.mirror import mirror_folder, shared_folder
from stage.venvs import write

PYPY = "3.11.17"
"""The Python that the PyPy of these tests speaks."""


def other_folder() -> str:
    """The folder with lists and archives of other implementations: PYMAN_TEST_OTHERS, else beside the mirror."""
    return os.environ.get("PYMAN_TEST_OTHERS") or os.path.join(os.path.dirname(mirror_folder()), "runtimes-other")


@functools.cache
def pypy(release: str = "8.0.1") -> str:
    """The folder of a PyPy 3.11, unpacked once for all processes; skips the test where there is no archive of it."""
    folder = os.path.join(other_folder(), "pypy")
    archives = glob.glob(f"{glob.escape(folder)}/pypy3.11-v{release}-*.tar.*")
    if not archives:
        pytest.skip(f"no archive of PyPy 3.11 {release} in {folder}: set PYMAN_TEST_OTHERS to the folder with `pypy/`")
    place = os.path.join(os.path.realpath(shared_folder()), f"pypy3.11-{release}")
    with open(f"{place}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f"{place}/bin"):
            os.mkdir(place)
            command = ["tar", "-xf", archives[0], "-C", place, "--no-same-owner", "--strip-components=1"]
            subprocess.run(command, check=True)
    if subprocess.run([f"{place}/bin/pypy3", "-c", ""], capture_output=True, check=False).returncode != 0:
        pytest.skip("the archive of PyPy is for another machine")
    return place


def pypy_in(place: str, release: str = "8.0.1") -> str:
    """A PyPy in a folder of its own, which may be removed."""
    os.makedirs(os.path.dirname(place), exist_ok=True)
    link_tree(pypy(release), place)
    return place


_SAYS_GRAALPY = """
import sys
class Version(tuple):
    major, minor, micro, releaselevel, serial = (property(lambda self, at=at: self[at]) for at in range(5))
sys.implementation.name = "graalpy"
sys.graalpy_version_info = Version(({numbers}, "final", 0))
"""


def graalpy_in(place: str, release: str = "3.13.5", own: str = "") -> str:
    """A CPython in the layout of a GraalPy standalone: its programs are not links, none is called `python3.13`.

    Without `own`, the version that it says it has, it tells by nothing but its files what it is: asked, it answers as
    CPython.
    """
    os.makedirs(os.path.dirname(place), exist_ok=True)
    link_tree(installed_once(release), place)
    os.unlink(f"{place}/pyman-runtime.toml")
    minor = release.rpartition(".")[0]
    shutil.copy(f"{place}/bin/python{minor}", f"{place}/graalpy")
    shutil.rmtree(f"{place}/bin")
    for name in ("graalpy", "graalpy-config", "python", "python3"):
        os.makedirs(f"{place}/bin", exist_ok=True)
        os.link(f"{place}/graalpy", f"{place}/bin/{name}")
    os.unlink(f"{place}/graalpy")
    write(f"{place}/lib/graalpy25.3/modules/README")
    write(f"{place}/release", f'GRAALVM_VERSION="{own or "25.3.1"}"\n')
    if own:
        # What every start imports, also with `-I -S`.
        module = f"{place}/lib/python{minor}/encodings/__init__.py"
        text = _read(module)
        os.unlink(module)
        write(module, text + _SAYS_GRAALPY.replace("{numbers}", own.replace(".", ", ")))
        os.utime(module, (1, 1))
    return place


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
