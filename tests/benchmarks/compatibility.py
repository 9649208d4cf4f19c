"""Measure the check before a move: `python tests/benchmarks/compatibility.py [VENVS]`, 1,000 by default.

The budget (DESIGN 12): 1,000 venvs of 30 pure packages within 2 s, a compiled file within 1 ms, linear in packages.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "src"))

from pyman.core.compatibility import Move, Release, marker_environment
from pyman.core.version import parse_version
from pyman.effects.installed import Reader
from stage.wheels import install_distribution

PACKAGES = 30
SYMBOLS = frozenset({"PyList_New", "_PyType_AllocNoTrack"})


def release(text: str, symbols: frozenset[str]) -> Release:
    version = parse_version(text)
    assert version is not None
    return Release(version, marker_environment(version, sys_platform="linux", machine=platform.machine()), symbols)


def fill(site_packages: str, venv: int, packages: int, *, distinct: bool) -> None:
    for number in range(packages):
        # The worst case: no two venvs have one package in common.
        name = f"package-{venv}-{number}" if distinct else f"package-{number}"
        install_distribution(
            site_packages,
            name,
            f"1.{number}",
            requires_python=f">=3.{8 + number % 4}",
            requires_dist=[f"package-{(number + n) % packages}>=1.{n}; python_version >= '3.{n}'" for n in range(6)],
            extra_metadata=[f"Classifier: Programming Language :: Python :: 3.{n}" for n in range(15)],
        )


def check(folders: list[str], lost: frozenset[str] = frozenset()) -> float:
    move = Move(release("3.13.5", SYMBOLS), release("3.13.15", SYMBOLS - lost))
    reader = Reader(move.lost_symbols)
    began = time.perf_counter()
    for installed in reader.read_each(folders):
        verdict = move.check(installed.distributions, installed.needs)
        assert not installed.notes, installed.notes
        assert bool(verdict.reasons) is bool(lost)
    return time.perf_counter() - began


def compiled(folder: str, files: int) -> list[str]:
    with open(f"{folder}/x.c", "w", encoding="utf-8") as file:
        file.write("extern void *_PyType_AllocNoTrack(void *, long);\n")
        file.writelines(f"void *PyInit_x{n}(void) {{ return _PyType_AllocNoTrack(0, {n}); }}\n" for n in range(500))
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", f"{folder}/x.so", f"{folder}/x.c"], check=True)
    with open(f"{folder}/x.so", "rb") as file:
        content = file.read()
    install_distribution(f"{folder}/site", "fast", "1.0", files={f"fast/_{n}.so": content for n in range(files)})
    return [f"{folder}/site"]


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    venvs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    tell(f"{'what':<58}{'s':>8}{'each':>14}")
    for packages, distinct in ((PACKAGES, False), (2 * PACKAGES, False), (PACKAGES, True)):
        with tempfile.TemporaryDirectory() as folder:
            folders = [f"{folder}/{venv}/lib/python3.13/site-packages" for venv in range(venvs)]
            for venv, site_packages in enumerate(folders):
                fill(site_packages, venv, packages, distinct=distinct)
            seconds = min(check(folders) for _ in range(3))
            kind = "all different" if distinct else "of the same"
            what = f"{venvs} venvs of {packages} pure packages, {kind}"
            tell(f"{what:<58}{seconds:>8.3f}{seconds / venvs / packages * 1e6:>11.1f} µs")
    if shutil.which("gcc"):
        with tempfile.TemporaryDirectory() as folder:
            folders = compiled(folder, 500)
            for what, lost in (("nothing is lost", frozenset()), ("a symbol is lost", SYMBOLS - {"PyList_New"})):
                seconds = min(check(folders, lost) for _ in range(3))
                tell(f"{'500 compiled files, ' + what:<58}{seconds:>8.3f}{seconds / 500 * 1e6:>11.1f} µs")
    tell(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
