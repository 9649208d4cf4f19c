"""How time and memory grow: with runtimes, with the folders of a home, with the rows of a RECORD."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Bench, Row, in_turns

_RUNTIMES = (1, 10, 50, 200)
_FOLDERS = (1000, 10_000, 100_000, 200_000)
_MANY_FOLDERS = 2_000_000
"""With PYMAN_BENCHMARK_FOLDERS=all: two million take minutes to make."""
_ROWS = (1000, 10_000, 100_000, 1_000_000)
_MINORS = 8
"""The runtimes are spread over so many minor versions."""


def rows(bench: Bench) -> list[Row]:
    """All curves."""
    return [*_runtimes(bench), *_folders(bench), *_records(bench)]


def _curve(
    bench: Bench, work: str, command: Callable[[], float], peak: float, rounds: int, note: str = ""
) -> list[Row]:
    taken = in_turns(bench.rounds(rounds), it=command)["it"]
    return [Row(work, taken, "s", group="Growth", note=f"{note}{', ' if note else ''}{peak:.0f} MiB")]


def _runtimes(bench: Bench) -> list[Row]:
    found = []
    for number in _RUNTIMES[: 2 if bench.quick else None]:
        places = {"PYMAN_ROOT": str(bench.folder / f"runtimes-{number}"), "PYMAN_CACHE_DIR": str(bench.folder / "c")}
        runtimes = Path(places["PYMAN_ROOT"], "runtimes")
        for one in range(number):
            minor, patch = 6 + one % _MINORS, one // _MINORS
            _write_runtime(bench.root / "runtimes/3.13.5", runtimes / f"3.{minor}.{patch}")
        bench.call([bench.pyman, "doctor", "--fix", "--offline"], None, (0, 1), **places)
        for words in (["list"], ["find", "3.6"]):
            command = [bench.pyman, *words]
            work = f"`{' '.join(words)}`, {number:,} runtimes"
            peak = bench.peak(command, None, **places)
            found += _curve(bench, work, lambda c=command, p=places: bench.seconds(c, None, **p), peak, 12)
        shutil.rmtree(places["PYMAN_ROOT"])
    return found


def _write_runtime(like: Path, folder: Path) -> None:
    """A runtime that `list` and `find` take for whole: what they look at is there, by the names of its release."""
    release = folder.name
    minor = release.rpartition(".")[0]
    (folder / "bin").mkdir(parents=True)
    library = folder / f"lib/python{minor}"
    library.mkdir(parents=True)
    os.link(like / "bin/python3.13", folder / f"bin/python{minor}")
    os.symlink(f"python{minor}", folder / "bin/python3")
    for name in ("os.py", "encodings"):
        os.symlink(like / "lib/python3.13" / name, library / name)
    text = (like / "pyman-runtime.toml").read_text()
    (folder / "pyman-runtime.toml").write_text(text.replace("3.13.5", release).replace("python3.13", f"python{minor}"))


def _folders(bench: Bench) -> list[Row]:
    found = []
    sizes = (*_FOLDERS, _MANY_FOLDERS) if os.environ.get("PYMAN_BENCHMARK_FOLDERS") == "all" else _FOLDERS
    find = shutil.which("find") or "find"
    places = {"PYMAN_ROOT": str(bench.root)}
    for number in sizes[: 2 if bench.quick else None]:
        tree = bench.folder / "grown"
        for one in range(number // 100):
            for two in range(99):
                folder = tree / f"{one % 10}/{one}/{two}"
                folder.mkdir(parents=True)
                (folder / "one.py").touch()
        for one in range(10):
            bench.call([bench.pyman, "venv", str(tree / f"{one}/{one}/.venv"), "--without-pip", "-p", "3.13"])
        command = [bench.pyman, "doctor", str(tree)]
        peak = bench.peak(command, None, (0, 1), **places)
        taken = in_turns(
            bench.rounds(6),
            pyman=lambda c=command: bench.seconds(c, None, (0, 1), **places),
            find=lambda t=str(tree): bench.seconds([find, t, "-name", "pyvenv.cfg"]),
        )
        found.append(
            Row(f"`doctor DIR`, {number:,} folders", taken["pyman"], "s", "`find`", taken["find"], None,
                f"{peak:.0f} MiB", group="Growth")
        )  # fmt: skip
        shutil.rmtree(tree)
    return found


def _records(bench: Bench) -> list[Row]:
    found = []
    project = bench.folder / "records"
    project.mkdir()
    for number in _ROWS[: 2 if bench.quick else None]:
        bench.call([bench.pyman, "venv", "v", "--clear", "--without-pip", "-p", "3.13"], project)
        site_packages = project / "v/lib/python3.13/site-packages"
        folder = site_packages / "large-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: large\nVersion: 1.0\n")
        (folder / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        digest = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
        with open(folder / "RECORD", "w", encoding="utf-8") as file:
            file.writelines(f"large/part_{row // 1000}/module_{row}.py,{digest},0\n" for row in range(number))
        size = (folder / "RECORD").stat().st_size / (1 << 20)
        for words in (["doctor", "v"], ["rebuild", "v", "--dry-run", "--yes", "-p", "3.11"]):
            command = [bench.pyman, *words, "--offline"]
            shown = " ".join(words[:1])
            peak = bench.peak(command, project, (0, 1))
            found += _curve(
                bench, f"`{shown}`, a RECORD of {number:,} rows",
                lambda c=command: bench.seconds(c, project, (0, 1)), peak, 4, f"{size:.1f} MiB of text",
            )  # fmt: skip
    shutil.rmtree(project)
    return found
