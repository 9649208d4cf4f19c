"""A machine with a store for everybody, its administrator, and users with homes of their own. Only root can set it up.

with gather(monkeypatch) as crowd:                   OLD is in the system store; alice and bob have homes
    crowd.admin("install", NEW)                      root, in the system store
    crowd.pyman("alice", "venv", "v")                alice, in her home

Commands run in forks of this process, which have become the user: the passwd database and the place of the system's
settings are those of the crowd there too.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import pkgutil
import pwd
import shutil
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pyman
from pyman.effects import places, system_settings
from stage.home import installed_once, link_tree
from stage.mirror import MINOR, OLD, mirror_folder
from stage.venvs import call

_FIRST = 23001


class Result:
    """What a command printed, and its exit status."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def data(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)

    def __repr__(self) -> str:
        return f"Result({self.status}, {self.out!r}, {self.err!r})"


class Crowd:
    """The machine."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str, releases: tuple[str, ...] = (OLD,)):
        _import_all()
        self.folder = folder
        self.root = folder / "opt/pyman"
        self.runtimes = self.root / "runtimes"
        self.config = folder / "etc/config.toml"
        for release in releases:
            self.put(self.root, release)
        self.link(self.root, MINOR, releases[-1])
        self.link(self.root, "3", MINOR)
        self.config.parent.mkdir()
        self.config.write_text(f'system-root = "{self.root}"\nfolders = []\n')
        for module in (places, system_settings):
            monkeypatch.setattr(module, "SYSTEM_CONFIG", str(self.config))
        self.users: dict[str, types.SimpleNamespace] = {}
        self.add("root", 0, folder / "root")
        for name in names or ("alice", "bob"):
            self.add(name)
        monkeypatch.setattr(pwd, "getpwall", lambda: list(self.users.values()))
        monkeypatch.setattr(pwd, "getpwuid", self._by_number)

    def _by_number(self, uid: int) -> types.SimpleNamespace:
        found = next((user for user in self.users.values() if user.pw_uid == uid), None)
        if found is None:
            raise KeyError(uid)
        return found

    def add(self, name: str, uid: int | None = None, home: Path | None = None, shell: str = "/bin/sh") -> Path:
        """One more user, who has a home."""
        home = home or self.folder / "home" / name
        uid = _FIRST + len(self.users) if uid is None else uid
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, uid, uid)
        user = types.SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=uid, pw_dir=str(home), pw_shell=shell)
        self.users[name] = user
        return home

    def home(self, name: str) -> Path:
        """The home of a user."""
        return Path(self.users[name].pw_dir)

    def own(self, name: str) -> Path:
        """The `runtimes` of the user's own store."""
        return self.home(name) / ".local/share/pyman/runtimes"

    def put(self, root: Path, release: str) -> None:
        """A real release in a store of root's."""
        target = root / "runtimes" / release
        target.parent.mkdir(parents=True, exist_ok=True)
        link_tree(installed_once(release), str(target))

    def link(self, root: Path, name: str, target: str) -> None:
        """Point an alias, as `ln -sfn` does."""
        (root / "runtimes" / name).unlink(missing_ok=True)
        (root / "runtimes" / name).symlink_to(target)

    def admin(self, *words: object, **environ: str) -> Result:
        """A command of root's, in the system store."""
        return self.pyman("root", *words, PYMAN_ROOT=str(self.root), **environ)

    def pyman(self, name: str, *words: object, cwd: Path | None = None, **environ: str) -> Result:
        """A command of a user's."""
        user = self.users[name]
        given = {
            "HOME": user.pw_dir,
            "PATH": "/usr/bin:/bin",
            "PYMAN_MIRROR": str(mirror_folder()),
            "PYMAN_TRACEBACK": "1",
            "NO_COLOR": "1",
            "COLUMNS": "240",
            **environ,
        }
        pipes = [os.pipe(), os.pipe()]
        child = os.fork()
        if child == 0:
            _become(user, cwd or Path(user.pw_dir), given, [str(word) for word in words], [pipe[1] for pipe in pipes])
        for pipe in pipes:
            os.close(pipe[1])
        texts = []
        for reading, _ in pipes:
            with open(reading, encoding="utf-8", errors="replace") as told:
                texts.append(told.read())
        return Result(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), *texts)

    def runs_as(self, name: str, *command: str) -> int:
        """The exit status of a program of a user's."""
        user = self.users[name]
        kept = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", "env": {"HOME": user.pw_dir}}
        return subprocess.call(command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], **kept)

    def runs(self, name: str, venv: str = "v") -> str:
        """The release that a venv in a user's home runs, by its own word."""
        return call(f"{self.home(name)}/{venv}/bin/python", "-V").split()[-1]


@contextlib.contextmanager
def gather(monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[Crowd]:
    """A crowd while `with` lasts: not below pytest's folder, which is root's alone whenever another run begins."""
    if os.geteuid() != 0:
        pytest.skip("only root can become other users")
    folder = Path(tempfile.mkdtemp(prefix="pyman-test-"))
    folder.chmod(0o755)
    try:
        yield Crowd(folder, monkeypatch, *names)
    finally:
        shutil.rmtree(folder)


@functools.cache
def _import_all() -> None:
    """Import what commands need: the Python of the tests may lie where other users may not look."""
    for module in pkgutil.walk_packages(pyman.__path__, "pyman."):
        if not module.name.endswith(("__main__", "folder_walk")):
            importlib.import_module(module.name)
    for name in ("concurrent.futures.thread", "concurrent.futures.process", "rich.table", "tomllib", "ctypes", "zlib"):
        importlib.import_module(name)
    "".encode("idna")  # a codec


def _become(user: Any, cwd: Path, environ: dict[str, str], words: list[str], outputs: list[int]) -> None:
    status = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, output in enumerate(outputs, 1):
            os.dup2(output, number)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.environ.clear()
        os.environ.update(environ)
        os.umask(0o022)
        os.chdir(cwd)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - until the fork ends
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.argv = ["pyman", *words]
        from pyman.__main__ import main

        status = main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - the fork ends here, whatever happened
        os.write(2, traceback.format_exc().encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
