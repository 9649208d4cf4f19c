"""What every benchmark measures with: pyman installed as a user has it, peers, and times taken in turns.

A module of this folder has `rows(bench) -> list[Row]`; `run.py` calls those it lists and prints one table.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

CHECKOUT = Path(__file__).resolve().parents[2]
_FACTOR = {"s": 1.0, "ms": 1e3, "µs": 1e6, "MiB": 1.0}
_ROOM = 2 << 30


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, beside what, and what it may be at most."""

    work: str
    value: float
    """Seconds, or MiB where that is the unit."""
    unit: str = "ms"
    """What it is shown in: `s`, `ms`, `µs`, `MiB`."""
    against: str = ""
    peer: float | None = None
    """The same of the peer."""
    at_most: float | None = None
    """Of the peer's where there is one, else in the unit's own measure: seconds or MiB."""
    note: str = ""
    group: str = "Budget"

    @property
    def ratio(self) -> float | None:
        """How many times the peer's."""
        return self.value / self.peer if self.peer else None

    @property
    def holds(self) -> bool | None:
        """Whether it is within what it may be; None where nothing says."""
        measured = self.ratio if self.against else self.value
        return None if self.at_most is None or measured is None else measured <= self.at_most

    def cells(self) -> list[str]:
        """The line of the table."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}" if self.ratio >= 0.1 else f"1/{1 / self.ratio:.0f}"
        limit = ""
        if self.at_most is not None:
            if self.against:
                limit = f"{self.at_most:g}" if self.at_most >= 0.5 else f"1/{1 / self.at_most:.0f}"
            else:
                limit = self._shown(self.at_most)
        peer = f"{self.against}: {self._shown(self.peer) if self.peer else 'not here'}" if self.against else ""
        verdict = {True: "holds", False: "**missed**", None: ""}[self.holds]
        return [self.work, self._shown(self.value), peer, ratio, limit, verdict, self.note]

    def _shown(self, value: float) -> str:
        number = value * _FACTOR[self.unit]
        return f"{number:.3g} {self.unit}" if abs(number) < 100 else f"{number:.0f} {self.unit}"


# Runs a program and prints the bytes, or the pages of 1,024, of its largest process. It is small itself: what is
# started begins with the size of who starts it.
_PEAK = """
import os, resource, sys
silent = os.open(os.devnull, os.O_RDWR)
child = os.fork()
if not child:
    os.dup2(silent, 0), os.dup2(silent, 1), os.dup2(silent, 2)
    os.execv(sys.argv[1], sys.argv[1:])
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, status)
"""


class Bench:
    """A home on a file system in memory where pyman is installed by install.sh. Used with `with`."""

    def __init__(self, *, quick: bool = False) -> None:
        self.quick = quick
        memory = "/dev/shm"
        roomy = os.path.isdir(memory) and shutil.disk_usage(memory).free > _ROOM
        self.folder = Path(tempfile.mkdtemp(prefix="pyman-benchmark-", dir=memory if roomy else None))
        self.home = self.folder / "home"
        self.home.mkdir()
        self.root = self.home / ".local/share/pyman"
        self.pyman = str(self.home / ".local/bin/pyman")
        self.mirror = _mirror()
        kept = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_INDEX", "UV_DEFAULT"))}
        self.environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **kept}
        self.environ["PYMAN_MIRROR"] = self.mirror
        self.uv = _find("uv")
        self.pyenv = _find("pyenv", os.path.expanduser("~/.pyenv/bin"))

    def __enter__(self) -> Self:
        base = os.path.realpath(sys.executable)
        self.call(["/bin/sh", str(CHECKOUT / "install.sh"), "--python", base])
        self.python = str(self.root / "app/bin/python")
        self.call([self.pyman, "install", "3.13.5", "3.13.15", "3.11"])
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def rounds(self, number: int) -> int:
        """How often to measure; fewer times when it shall be quick."""
        return max(3, number // 4) if self.quick else number

    def call(
        self, command: list[str], cwd: Path | None = None, statuses: tuple[int, ...] = (0,), **environ: str
    ) -> str:
        """Run a program that prepares something; it must succeed."""
        done = subprocess.run(
            command, env=self.environ | environ, cwd=cwd or self.home, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode not in statuses:
            raise SystemExit(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def seconds(
        self, command: list[str], cwd: Path | None = None, statuses: tuple[int, ...] = (0,), **environ: str
    ) -> float:
        """Run a program once, and measure it from its start to its end."""
        os.chdir(cwd or self.home)
        silent = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            *((os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)),
        ]
        path = shutil.which(command[0], path=self.environ["PATH"]) or command[0]
        whole = self.environ | environ
        began = time.perf_counter()
        process = os.posix_spawn(path, command, whole, file_actions=silent)
        _, status = os.waitpid(process, 0)
        seconds = time.perf_counter() - began
        if os.waitstatus_to_exitcode(status) not in statuses:
            raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(status)}")
        return seconds

    def peak(
        self, command: list[str], cwd: Path | None = None, statuses: tuple[int, ...] = (0,), **environ: str
    ) -> float:
        """Run a program once, and return the MiB of its largest process at its largest."""
        answer = self.call([self.python, "-I", "-S", "-c", _PEAK, *command], cwd, **environ)
        size, status = map(int, answer.split())
        if status not in statuses:
            raise SystemExit(f"{command} ended with {status}")
        return size / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def in_turns(rounds: int, **works: object) -> dict[str, float]:
    """Call each work once a round, in turns, and return the median of what each returns, by name.

    What slows the machine down for a while slows all of them down.
    """
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds):
        names = list(works)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(works[name]())
    return {name: statistics.median(values) for name, values in found.items()}


def _find(name: str, *more: str) -> str | None:
    folders = [os.environ.get("PYMAN_TEST_PEERS", ""), os.path.dirname(sys.executable), *more]
    return shutil.which(name, path=os.pathsep.join(folders)) or shutil.which(name)


def _mirror() -> str:
    folder = os.environ.get("PYMAN_TEST_MIRROR") or str(CHECKOUT.parent / "shared/runtimes")
    if not os.path.isfile(f"{folder}/index.ndjson"):
        raise SystemExit(f"there is no mirror of real archives in {folder}: set PYMAN_TEST_MIRROR")
    return os.path.abspath(folder)
