"""A user's home on the stage: an empty HOME, a plain PATH, and pyman run as a user runs it."""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from stage.mirror import archive_path, shared_folder
from stage.warm import Warm

PACKAGE = str(Path(__file__).resolve().parents[2] / "src")


class Result:
    """What one call of pyman answered."""

    def __init__(self, process: subprocess.CompletedProcess) -> None:
        self.status = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self) -> dict:
        """The one object of `--json`."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Home:
    """One user's home folder below `folder`."""

    def __init__(self, folder: Path, mirror: str | None = None) -> None:
        self.path = folder / "home"
        self.path.mkdir()
        self.root = self.path / ".local/share/pyman"
        self.cache = self.path / ".cache/pyman"
        self.project = self.path / "project"
        self.project.mkdir()
        self.environ = {
            "HOME": str(self.path),
            "PATH": "/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONPATH": PACKAGE,
            # The machine's own index settings: without them pip and uv may have no index at all here.
            **{key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_INDEX", "UV_DEFAULT"))},
        }
        if mirror is not None:
            self.environ["PYMAN_MIRROR"] = mirror

    @property
    def runtimes(self) -> Path:
        """The folder of runtimes and aliases."""
        return self.root / "runtimes"

    def with_runtimes(self, *versions: str) -> Home:
        """Put releases of the mirror into the store as `pyman install` would, in a fraction of its time.

        Their files are hard links to those of one installation for the whole session: never write into one of them.
        """
        self.runtimes.mkdir(parents=True, exist_ok=True)
        (self.root / "venvs").mkdir(exist_ok=True)
        for version in versions:
            link_tree(installed_once(version), str(self.runtimes / version))
        newest: dict[str, str] = {}
        installed = [path.name for path in self.runtimes.iterdir() if path.name.count(".") == 2]
        for version in sorted(installed, key=lambda text: [int(part) for part in text.split(".")]):
            newest[version.rpartition(".")[0]] = version
            newest["3"] = version.rpartition(".")[0]
        for alias, target in newest.items():
            (self.runtimes / alias).unlink(missing_ok=True)
            os.symlink(target, self.runtimes / alias)
        return self

    def struck(self, strikes: dict[int, int], *words: object) -> tuple[Result, int]:
        """Run pyman, which gets signals at instants: one before and one after each change of a file. How many it had."""
        with _warm().turn:
            command, where = [*map(str, words)], str(self.project)
            result = Result(_warm().pyman(*command, cwd=where, environ=self.environ, strikes=strikes))
            return result, _warm().instants

    def pyman(self, *words: object, cwd: Path | None = None, status: int | None = 0, **environ: str) -> Result:
        """Run pyman; `status` is what it must answer, None for any.

        It is a fork of one that has started already (stage/warm.py), if that is not busy: hundreds of starts are no part
        of what is tried. What is meant for the interpreter that runs it is given to a new one.
        """
        command = [*map(str, words)]
        where, variables = str(cwd or self.project), {**self.environ, **environ}
        process = None
        is_plain = not any(name.startswith("PYTHON") for name in environ)
        if is_plain and _warm().turn.acquire(blocking=False):
            try:
                process = _warm().pyman(*command, cwd=where, environ=variables)
            finally:
                _warm().turn.release()
        if process is None:
            process = subprocess.run(
                [sys.executable, "-m", "pyman", *command],
                capture_output=True,
                text=True,
                errors="surrogateescape",
                stdin=subprocess.DEVNULL,
                cwd=where,
                env=variables,
                timeout=300,
                check=False,
            )
        result = Result(process)
        assert "Traceback" not in result.err, result
        assert status is None or result.status == status, result
        return result

    def json(self, *words: object, status: int | None = 0, **environ: str) -> dict:
        """Run pyman with `--json` and return its object."""
        return self.pyman(*words, "--json", status=status, **environ).json

    def run(self, *command: object, cwd: Path | None = None, **environ: str) -> str:
        """Run any program as this user, and return what it printed; it must succeed."""
        process = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=cwd or self.project,
            env={**self.environ, **environ},
            timeout=300,
            check=False,
        )
        assert process.returncode == 0, f"{command}: {process.stdout}{process.stderr}"
        return process.stdout.strip()

    def tree(self, folder: Path | None = None) -> dict[str, str]:
        """Every name below a folder and what it is: to compare before and after."""
        found = {}
        top = folder or self.root
        for path in sorted(top.rglob("*")):
            name = str(path.relative_to(top))
            if path.is_symlink():
                found[name] = f"-> {os.readlink(path)}"
            elif path.is_dir():
                found[name] = "folder"
            else:
                found[name] = f"{path.stat().st_size} {path.stat().st_mode:o}"
        return found

    def exact(self, folder: Path) -> dict[str, tuple]:
        """Every name below a folder with all that changes when somebody writes: to compare before and after."""
        found = {}
        for path in sorted([folder, *folder.rglob("*")]):
            status = path.lstat()
            what = os.readlink(path) if path.is_symlink() else status.st_size
            found[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns, status.st_mode, what)
        return found


def bundled_pip(runtime: Path) -> str:
    """The version of pip that a runtime puts into venvs."""
    [wheel] = runtime.glob("lib/python3.*/ensurepip/_bundled/pip-*.whl")
    return wheel.name.split("-")[1].partition("+")[0]


@functools.cache
def _warm() -> Warm:
    warm = Warm().__enter__()
    atexit.register(warm.__exit__)
    return warm


def link_tree(source: str, destination: str) -> None:
    """Copy a folder, by hard links where the file system can."""
    linked = subprocess.run(["cp", "-al", source, destination], capture_output=True, check=False)
    if linked.returncode != 0:
        shutil.rmtree(destination, ignore_errors=True)
        shutil.copytree(source, destination, symlinks=True)


@functools.cache
def installed_once(version: str) -> str:
    """The folder of a runtime that pyman itself installed, with the bytecode of what every start and venv imports."""
    mirror = os.path.dirname(os.path.dirname(archive_path(version)))
    place = Path(os.path.realpath(shared_folder()), version)
    # One of the processes makes it, and the others wait.
    with open(f"{place}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "made").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            home = Home(place, mirror)
            home.pyman("install", version)
            python = home.runtimes / version / "bin/python3"
            home.run(python, "-c", "import ensurepip, json, runpy, ssl, subprocess, sysconfig, tempfile, venv")
            home.run(python, "-m", "venv", "--without-pip", place / "venv")
            (place / "made").touch()
    return str(place / "home/.local/share/pyman/runtimes" / version)
