"""The check before a move alone, in this process: what packages say, and what compiled files need.

The budget (design.md 12) is for the whole move: 1,000 venvs of 30 pure packages within 2 s, a compiled file within 1 ms.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import time

from benchmarks.bench import Bench, Row, in_turns
from pyman.core.packages.compatibility import Move, Release, marker_environment
from pyman.core.version import parse_version
from pyman.effects.packages.dist_info import Reader
from stage.wheels import install_distribution

PACKAGES = 30
COMPILED = 500
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


def rows(bench: Bench) -> list[Row]:
    """Folders of packages that are alike, twice as many, and all different; then compiled files."""
    venvs = 100 if bench.quick else 1000
    found = []
    for packages, distinct in ((PACKAGES, False), (2 * PACKAGES, False), (PACKAGES, True)):
        top = bench.folder / f"check-{packages}-{distinct}"
        folders = [f"{top}/{venv}/lib/python3.13/site-packages" for venv in range(venvs)]
        for venv, site_packages in enumerate(folders):
            fill(site_packages, venv, packages, distinct=distinct)
        seconds = in_turns(3, check=lambda folders=folders: check(folders))["check"]
        kind = "all different" if distinct else "alike"
        found.append(
            Row(f"checking {venvs:,} venvs of {packages} packages, {kind}", seconds, "s", group="Growth",
                note=f"{seconds / venvs / packages * 1e6:.0f} µs a package")
        )  # fmt: skip
        shutil.rmtree(top)
    if shutil.which("gcc"):
        folder = bench.folder / "check-compiled"
        folder.mkdir()
        folders = compiled(str(folder), COMPILED)
        lost = SYMBOLS - {"PyList_New"}
        seconds = in_turns(5, check=lambda: check(folders, lost))["check"]
        found.append(Row("a compiled file that needs a lost symbol, checked", seconds / COMPILED, "ms", at_most=0.001))
    return found
