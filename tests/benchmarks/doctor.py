"""doctor, over known venvs and over a large tree, and how its time grows."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from pathlib import Path

from benchmarks.bench import Bench, Row, in_turns
from pyman.cli.fastpath import answer

_SIZES = (10, 100, 1000, 10_000, 20_000)
_BUDGET = 1000
_FOLDERS = 100_000


def rows(bench: Bench) -> list[Row]:
    """Known venvs in growing numbers, then a search."""
    found = []
    for size in _SIZES[: 3 if bench.quick else None]:
        places, folder = _venvs(bench, size)
        taken = _doctor(bench, places, size)
        peak = bench.peak([bench.pyman, "doctor"], None, (0, 1), **places)
        if size == _BUDGET:
            found.append(Row("`doctor`, 1,000 known venvs", taken, "s", at_most=0.5))
        found.append(Row(f"`doctor`, {size:,} known venvs", taken, "s", group="Growth"))
        found.append(Row(f"`doctor`, {size:,} known venvs", peak, "MiB", at_most=60.0, group="Peak memory"))
        shutil.rmtree(folder)
        shutil.rmtree(places["PYMAN_ROOT"])
    return [*found, *_search(bench)]


def _venvs(bench: Bench, number: int) -> tuple[dict[str, str], Path]:
    """A store of its own with so many venvs that follow."""
    folder = bench.folder / f"venvs-{number}"
    environ = bench.environ | {
        "PYMAN_ROOT": str(bench.folder / f"store-{number}"),
        "PYMAN_CACHE_DIR": str(bench.folder / f"cache-{number}"),
    }
    runtimes = Path(environ["PYMAN_ROOT"], "runtimes")
    shutil.copytree(bench.root / "runtimes", runtimes, symlinks=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for one in range(number):
            project = folder / f"{one % 100}/project-{one}"
            project.mkdir(parents=True)
            # The command itself, without a start of Python for each.
            assert answer(["venv", str(project / ".venv"), "--without-pip", "-p", "3.13"], environ) == 0
    return {key: environ[key] for key in ("PYMAN_ROOT", "PYMAN_CACHE_DIR")}, folder


def _doctor(bench: Bench, places: dict[str, str], size: int) -> float:
    # The first time it starts every runtime once, because something changed.
    bench.seconds([bench.pyman, "doctor"], None, (0, 1), **places)
    found = in_turns(
        bench.rounds(12 if size <= _BUDGET else 4),
        pyman=lambda: bench.seconds([bench.pyman, "doctor"], None, (0, 1), **places),
    )
    return found["pyman"]


def _search(bench: Bench) -> list[Row]:
    number = _FOLDERS // 10 if bench.quick else _FOLDERS
    tree = bench.folder / "tree"
    for one in range(number // 100):
        for two in range(99):
            folder = tree / f"{one % 10}/{one}/{two}"
            folder.mkdir(parents=True)
            for name in ("one.py", "two.py", "three.py"):
                (folder / name).touch()
    for one in range(20):
        bench.call([bench.pyman, "venv", str(tree / f"{one % 10}/{one}/.venv"), "--without-pip", "-p", "3.13"])
    empty = bench.folder / "empty"
    empty.mkdir()
    find = shutil.which("find") or "find"
    places = {"PYMAN_ROOT": str(bench.root)}
    home = {"HOME": str(tree), "PYMAN_ROOT": str(bench.folder / "first"), "PYMAN_CONFIG": str(bench.folder / "none")}

    def first_look() -> float:
        shutil.rmtree(home["PYMAN_ROOT"], ignore_errors=True)
        return bench.seconds([bench.pyman, "doctor", "--search", "--offline"], None, (0, 1), **home)

    found = in_turns(
        bench.rounds(12),
        first=first_look,
        whole=lambda: bench.seconds([bench.pyman, "doctor", str(tree)], None, (0, 1), **places),
        nothing=lambda: bench.seconds([bench.pyman, "doctor", str(empty)], None, (0, 1), **places),
        find=lambda: bench.seconds([find, str(tree), "-name", "pyvenv.cfg"]),
    )
    folders = sum(len(below) for _, below, _ in os.walk(tree))
    shutil.rmtree(tree)
    return [
        Row(f"first `doctor`, a home of {folders:,} folders", found["first"], "ms",
            "`find HOME -name pyvenv.cfg`", found["find"], 1.2),
        Row(f"`doctor DIR`, search of {folders:,} folders", found["whole"] - found["nothing"], "ms",
            "`find DIR -name pyvenv.cfg`", found["find"], 1.0, f"the whole command {found['whole'] * 1e3:.0f} ms"),
    ]  # fmt: skip
