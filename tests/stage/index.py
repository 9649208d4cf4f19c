"""Real wheels from the package index, for the tests that need what a real project ships."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import zipfile

import pytest

_GLIBC = ("2_34", "2_31", "2_28", "2_27", "2_26", "2_17", "2_5")


def fetch_wheels(
    folder: str, *requirements: str, python: str = "3.13", platforms: list[str] | None = None
) -> list[str]:
    """Download the newest wheels for a minor version, for this platform or others; skips the test where the index is out of reach."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--retries", "1"]
    command += ["--timeout", "15", "--only-binary", ":all:", "--dest", str(folder)]
    command += ["--python-version", python, "--implementation", "cp"]
    for abi in (f"cp{python.replace('.', '')}", "abi3", "none"):
        command += ["--abi", abi]
    here = [f"manylinux_{glibc}_{platform.machine()}" for glibc in _GLIBC] + [f"manylinux2014_{platform.machine()}"]
    for name in platforms or here:
        command += ["--platform", name]
    command += requirements
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the package index gave no {' '.join(requirements)}: {done.stderr.strip()[-300:]}")
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".whl"))


def unzip_wheels(site_packages: str, wheels: list[str]) -> None:
    """Put wheels where an installer would put them, without their scripts."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site_packages)
