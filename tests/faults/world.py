"""Small worlds to break things in: a home with Pythons and venvs, restored in a hundredth of a second.

A world is made once by pyman's own commands and kept as a template; `reset` links a home to it again, at the same path,
because venvs name it. `snapshot` says what matters of it: to compare before, after, and what a fault left.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from faults.faulty import Ended, Faulty, Wrong
from faults.thin_runtimes import thin_mirror
from stage.home import Home, link_tree
from stage.wheels import build_wheel

STORE = ".local/share/pyman"
CACHE = ".cache/pyman"
RELEASES = {"3.13.5": "20260901", "3.13.15": "20261001"}
_LOCK = re.compile(r"\.lock|\.lock-.*|\..*\.lock")
_UNPACKED = re.compile(r"/runtimes/\.(?:install|remove)-[^/]*/(?:tree|old)/")
_NUMBERS = re.compile(r"-?\d+-[0-9a-f]{6,8}\b")


class World:
    """One home, its template, and pyman that can be made to fail."""

    def __init__(self, folder: str, faulty: Faulty, make: Callable[[World], object]) -> None:
        self.faulty = faulty
        self.mirror = thin_mirror(os.path.join(folder, "mirror"), RELEASES)
        self.wheels = os.path.join(folder, "wheels")
        build_wheel(self.wheels, "spam", "1.0", scripts={"spam": "spam:main"})
        self.home = Home(Path(folder), self.mirror)
        self.tools = os.path.join(folder, "tools")
        os.mkdir(self.tools)
        self.environ = {
            **self.home.environ,
            "PATH": f"{self.tools}:/usr/bin:/bin",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels,
            "UV_NO_INDEX": "1",
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": self.wheels,
            "UV_CACHE_DIR": os.path.join(folder, "uv-cache"),
        }
        self.path = str(self.home.path)
        self.project = str(self.home.project)
        self._template = os.path.join(folder, "template")
        self._digests: dict[tuple[int, int, int], str] = {}
        self._starts: dict[tuple[str, ...], str] = {}
        make(self)
        if os.path.isdir(os.path.join(self.path, CACHE)):
            self.run("doctor")  # What it remembers would be asked again after every fault.
        # The home stays as it is, and with it the folders that pyman remembers by their numbers.
        link_tree(self.path, self._template)
        self._before = self._raw(self._template)
        self.reset()
        self.known = {os.path.relpath(venv, self.path) for venv in self.venvs()}

    def reset(self) -> None:
        """Make the home what it was: only what differs is restored."""
        wanted = self._inodes(self._template)
        present = self._inodes(self.path) if os.path.isdir(self.path) else {}
        for name in sorted(present, reverse=True):
            if present[name] != wanted.get(name):
                path = os.path.join(self.path, name)
                os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        os.makedirs(self.path, exist_ok=True)
        for name, inode in wanted.items():
            if present.get(name) != inode:
                path, source = os.path.join(self.path, name), os.path.join(self._template, name)
                if inode == "folder":
                    os.mkdir(path)
                elif os.path.islink(source):
                    os.symlink(os.readlink(source), path)
                else:
                    os.link(source, path)

    def expect_template_untouched(self) -> None:
        """Files are replaced, never written into: what has a second name elsewhere stays as it is."""
        now = self._raw(self._template)
        changed = [name for name in {**now, **self._before} if now.get(name) != self._before.get(name)]
        assert [name for name in changed if not _is_lock(name)] == []

    def run(self, *words: object, wrong: Wrong | None = None, status: int | None = None) -> Ended:
        """Run pyman in the project's folder; below the home things go wrong."""
        ended = self.faulty.pyman(*words, cwd=self.project, environ=self.environ, below=self.path, wrong=wrong)
        assert status is None or ended.status == status, ended
        return ended

    # What is there

    def snapshot(self) -> dict[str, str]:
        """What matters, thing by thing: each runtime, each venv, and every other name outside the cache."""
        things: dict[str, list[str]] = {}
        for name, value in self._raw(self.path).items():
            if not name.startswith(".cache") and not _is_lock(name) and not _NOT_COMPARED.search(name):
                things.setdefault(_thing(name, self.path), []).append(f"{name} {value}")
        return {thing: "\n".join(lines) for thing, lines in things.items()}

    def state(self) -> str:
        """Everything, the cache too, to tell whether the same was seen before.

        Numbers of processes do not count, and not how much of a runtime in a work folder is there: nobody looks into it.
        """
        lines = (
            f"{_NUMBERS.sub('-N', name)} {value}"
            for name, value in self._raw(self.path).items()
            if not _UNPACKED.search(name)
        )
        return hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()

    def leftovers(self) -> list[str]:
        """Names of work in progress: of what was begun and has not ended."""
        return [
            name
            for name in self._raw(self.path)
            if (".pyman-" in name or os.path.basename(name).startswith("."))
            and os.path.basename(name)
            not in (".local", ".cache", ".config", ".gitignore", ".venv", ".python-version", ".pyman-mirror")
            and "/.pyman-mirror/" not in name
            and not _is_lock(name)
            and not (name.startswith(f"{CACHE}/") and name.endswith(".part"))
        ]

    def venvs(self) -> list[str]:
        """The folders with a `pyvenv.cfg`, whatever they are called."""
        return [
            os.path.join(self.path, os.path.dirname(name))
            for name in self._raw(self.path)
            if name.endswith("/pyvenv.cfg") and ".pyman-" not in name
        ]

    def what_is_broken(self) -> Iterator[tuple[str, str]]:
        """Which aliases lead to no whole runtime, which venvs do not start or have lost what was in them, and why."""
        runtimes = os.path.join(self.path, STORE, "runtimes")
        for name in os.listdir(runtimes) if os.path.isdir(runtimes) else ():
            if re.fullmatch(r"3|3\.\d+t?", name) and not os.path.isfile(os.path.join(runtimes, name, "bin", "python3")):
                yield name, f"leads to {os.readlink(os.path.join(runtimes, name))}, which is no runtime"
        for venv in self.venvs():
            told = self._start(venv)
            if told != "starts":
                yield venv, told

    def _start(self, venv: str) -> str:
        """Start the interpreter of a venv, once for each interpreter, home and package that there is."""
        python = os.path.join(venv, "bin", "python")
        with open(os.path.join(venv, "pyvenv.cfg"), encoding="utf-8", errors="surrogateescape") as file:
            home = next((line.partition("=")[2].strip() for line in file if line.startswith("home")), "")
        packages = [name for name in ("spam", "eggs") if self._has(venv, name)]
        ends = [os.path.realpath(python), os.path.realpath(home)]
        key = (venv, *ends, *(str(os.stat(end).st_ino) if os.path.exists(end) else "" for end in ends), *packages)
        if key not in self._starts:
            code = "import sys, os; {}; print(sys.prefix)".format(
                "; ".join(f"import {name}" for name in packages) or "0"
            )
            try:
                process = subprocess.run(
                    [python, "-I", "-B", "-c", code], capture_output=True, text=True, timeout=60, env={}, check=False
                )
                right = process.returncode == 0 and process.stdout.strip() == venv
                self._starts[key] = "starts" if right else f"{process.stdout}{process.stderr}".strip()[-300:]
            except OSError as error:
                self._starts[key] = f"does not start: {error}"
        return self._starts[key]

    @staticmethod
    def _has(venv: str, package: str) -> bool:
        library = os.path.join(venv, "lib")
        return any(
            os.path.exists(os.path.join(library, name, "site-packages", f"{package}.py"))
            for name in os.listdir(library)
        )

    @classmethod
    def _inodes(cls, top: str) -> dict[str, str]:
        """Every name below a folder and what makes it what it is, without looking into files."""
        return cls._names(top, lambda entry: str(entry.inode()))

    def _raw(self, top: str) -> dict[str, str]:
        return self._names(top, self._content)

    @staticmethod
    def _names(top: str, told: Callable[[os.DirEntry[str]], str]) -> dict[str, str]:
        """Every name below a folder, with where a link leads, and of a file what `told` says of it."""
        found: dict[str, str] = {}
        waiting = [top]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    name = entry.path[len(top) + 1 :]
                    if entry.is_symlink():
                        found[name] = f"-> {os.readlink(entry.path)}"
                    elif entry.is_dir():
                        found[name] = "folder"
                        waiting.append(entry.path)
                    else:
                        found[name] = told(entry)
        return dict(sorted(found.items()))

    def _content(self, entry: os.DirEntry[str]) -> str:
        status = entry.stat()
        key = (status.st_ino, status.st_mtime_ns, status.st_size)
        if key not in self._digests:
            with open(entry.path, "rb") as file:
                content = file.read()
            if entry.name == "pyman-runtime.toml":
                content = re.sub(rb"installed_at = .*", b"", content)
            if entry.name == ".pyman-unfinished" or "/venvs/." in entry.path:
                content = re.sub(rb"\d+(-[0-9a-f]{6})?|(?<=host ).*", b"N", content)
            if entry.name == "note" or _is_lock(entry.name):
                content = re.sub(rb"\d+|(?<=host ).*", b"N", content)
            # Bytecode holds the time of its source, which is when that was unpacked.
            self._digests[key] = "" if entry.name.endswith(".pyc") else hashlib.sha1(content).hexdigest()
        return f"{status.st_mode & 0o7777:o} {self._digests[key]}"


# To look is no change, and the time stands in one of these; what lay on which mount is remembered at the next look. What
# was repaired is written down with the time, before it is done: a line that is left says what a venv is like already.
_NOT_COMPARED = re.compile(r"/pyman/(searched$|found(/|$)|mounts$|repairs$)")


def _is_lock(name: str) -> bool:
    return _LOCK.fullmatch(os.path.basename(name)) is not None


def _thing(name: str, top: str) -> str:
    """The runtime or venv that a name belongs to, else itself."""
    parts = name.split("/")
    if name.startswith((f"{STORE}/runtimes/", "opt/")):
        return "/".join(parts[: 5 if parts[0] == ".local" else 2])
    for count in range(1, len(parts) + 1):
        if os.path.isfile(os.path.join(top, *parts[:count], "pyvenv.cfg")):
            return "/".join(parts[:count])
    return name
