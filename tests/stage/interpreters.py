"""The real interpreters at hand: the mirror's, pyenv's, the system's; and what a venv of each needs."""

from __future__ import annotations

import functools
import glob
import os
import subprocess

import pytest

from pyman.core.version import parse_version
from stage.home import installed_once

MIRROR = ("3.11.2", "3.13.5", "3.13.15")
NEWER = ("3.14.10", "3.15.2")
"""Of the mirror of newer releases, where there is one."""
PYENV = tuple(sorted(glob.glob(os.path.expanduser(os.environ.get("PYENV_ROOT", "~/.pyenv") + "/versions/3.*"))))


class Interpreter:
    """One installed CPython."""

    def __init__(self, prefix: str, executable: str, version: str) -> None:
        self.prefix = prefix
        self.executable = executable
        self.version = parse_version(version)
        assert self.version is not None
        self.minor = self.version.minor_name
        self.library = f"{prefix}/lib/python{self.minor}"

    @property
    def bundles_pip(self) -> bool:
        """True where `python -m venv` can put pip into a venv automatically."""
        return bool(glob.glob(f"{self.library}/ensurepip/_bundled/pip-*.whl"))

    def venv(self, folder: str, *options: str) -> str:
        """Make a venv with the standard library; nothing is written into the interpreter's own folder."""
        command = [self.executable, "-B", "-m", "venv", *options, folder]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "", "HOME": folder}
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return folder


@functools.cache
def from_mirror(version: str) -> Interpreter:
    """A Python of the mirror, installed once for the session; skips the test where there is none."""
    prefix = installed_once(version)
    return Interpreter(prefix, f"{prefix}/bin/python{version.rpartition('.')[0]}", version)


@functools.cache
def from_prefix(prefix: str) -> Interpreter:
    """A Python in a folder that is named after its release, as pyenv does it."""
    version = os.path.basename(prefix)
    if parse_version(version) is None:
        pytest.skip(f"{prefix} is not named after a release")
    return Interpreter(prefix, f"{prefix}/bin/python{version.rpartition('.')[0]}", version)


def from_system() -> Interpreter:
    """The Python of `/usr`, often without wheels of its own; skips the test where there is none."""
    executable = "/usr/bin/python3"
    if not os.path.exists(executable):
        pytest.skip("this system has no Python of its own")
    code = "import platform; print(platform.python_version())"
    version = subprocess.run([executable, "-I", "-c", code], check=True, capture_output=True, text=True, timeout=60)
    return Interpreter("/usr", executable, version.stdout.strip())
