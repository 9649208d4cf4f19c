"""Making a venv, beside uv and the venv module, with everything in the caches; each in a place of its own.

Once on the disk, where people have their venvs, and once in memory, where the file system costs next to nothing.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.bench import Bench, Row, in_turns


def rows(bench: Bench) -> list[Row]:
    """The table's rows."""
    with _on_disk(bench) as disk:
        folders = {"on disk": disk, "in memory": bench.folder / "venvs"}
        found = [row for where, folder in folders.items() if folder for row in _with_pip(bench, folder, where)]
        return found + _without_pip(bench, disk or bench.folder / "venvs")


@contextlib.contextmanager
def _on_disk(bench: Bench):
    """A folder that is not on the file system of the benchmarks; None where there is no other."""
    folder = Path(tempfile.mkdtemp(prefix="pyman-benchmark-venvs-"))
    try:
        yield folder if os.stat(folder).st_dev != os.stat(bench.folder).st_dev else None
    finally:
        shutil.rmtree(folder)


class _Places:
    """A new folder for every venv, beside the caches: what was deleted a moment ago makes file systems slow."""

    _numbers = itertools.count()

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench = bench
        self._top = folder
        self._caches = {"PYMAN_CACHE_DIR": f"{folder}/pyman-cache", "UV_CACHE_DIR": f"{folder}/uv-cache"}
        folder.mkdir(exist_ok=True)
        alias = bench.root / "runtimes/3.13"
        self.python = str(alias / "bin/python3.13")
        self.wheels = str(alias / "lib/python3.13/ensurepip/_bundled")

    def work(self, *command: str):
        """What makes a venv with a command that ends in its place; it returns the seconds."""

        def make() -> float:
            return self._bench.seconds([*command, f"{self._top}/{next(self._numbers)}"], **self._caches)

        return make

    def can(self, *command: str) -> bool:
        """Whether such a command succeeds."""
        environ = {**self._bench.environ, **self._caches}
        place = f"{self._top}/{next(self._numbers)}"
        return subprocess.run([*command, place], env=environ, capture_output=True, check=False).returncode == 0


def _with_pip(bench: Bench, folder: Path, where: str) -> list[Row]:
    places = _Places(bench, folder)
    works = {"pyman": places.work(bench.pyman, "venv", "-p", "3.13")}
    if bench.uv is not None:
        uv = [bench.uv, "-q", "venv", "--seed", "-p", places.python]
        if os.geteuid() == 0:
            uv += ["--link-mode", "copy"]  # What root makes shares no file with anybody, for pyman without an option.
        # The same pip as pyman's, and no question to an index.
        works["uv"] = places.work(*uv, "--offline", "--no-index", "--find-links", places.wheels)
        if places.can(*uv):
            works["uv with its index"] = places.work(*uv)
    for work in works.values():
        work()
    found = in_turns(bench.rounds(40), **works)
    slow = in_turns(bench.rounds(8), pyman=works["pyman"], venv=places.work(places.python, "-m", "venv"))
    shown = [
        Row(
            "`venv` with pip",
            found["pyman"],
            "ms",
            "`uv venv --seed`, warm",
            found.get("uv"),
            1.0,
            f"{where}, no index",
        )
    ]
    if "uv with its index" in found:
        peer = found["uv with its index"]
        shown.append(Row("", found["pyman"], "ms", "`uv venv --seed`, warm", peer, 1.0, f"{where}, as it comes"))
    return [*shown, Row("", slow["pyman"], "ms", "`python -m venv`", slow["venv"], 1 / 20, where)]


def _without_pip(bench: Bench, folder: Path) -> list[Row]:
    places = _Places(bench, folder)
    works = {
        "pyman": places.work(bench.pyman, "venv", "--without-pip", "-p", "3.13"),
        "venv": places.work(places.python, "-m", "venv", "--without-pip"),
    }
    if bench.uv is not None:
        works["uv"] = places.work(bench.uv, "-q", "venv", "--offline", "-p", places.python)
    for work in works.values():
        work()
    found = in_turns(bench.rounds(40), **works)
    return [
        Row("`venv --without-pip`", found["pyman"], "ms", "`python -m venv --without-pip`", found["venv"], 1.0),
        Row("", found["pyman"], "ms", "`uv venv`", found.get("uv"), None, "not in the budget"),
    ]
