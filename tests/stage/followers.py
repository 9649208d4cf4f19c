"""Venvs that go through the store, made by real tools, and what moves of aliases do to them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from stage.home import Home
from stage.mirror import MINOR
from stage.venvs import need_copies_that_start, peer
from stage.wheels import install_distribution

CREATORS = ("pyman", "venv", "virtualenv", "uv", "copies")


def make_venv(home: Home, creator: str, name: str, *, through: str = MINOR) -> Path:
    """A venv that goes through a name of the store, known to pyman."""
    venv = home.project / name
    python = home.runtimes / through / f"bin/python{'.'.join(through.split('.')[:2])}"
    if creator == "pyman":
        home.pyman("venv", venv, "--without-pip", "-p", through, "-q")
        return venv
    if creator == "venv":
        # As people call it: then only `bin/python3` leads out of the venv.
        home.run(python.with_name("python3"), "-m", "venv", "--without-pip", venv)
    elif creator == "copies":
        home.run(python, "-m", "venv", "--without-pip", "--copies", venv)
        need_copies_that_start(venv)
    elif creator == "virtualenv":
        home.run(peer("virtualenv"), "-q", "--no-pip", "-p", python, venv)
    else:
        home.run(peer("uv"), "venv", "-q", "-p", python, venv)
    home.pyman("register", venv, "-q")
    return venv


def add_package(venv: Path, name: str, version: str = "1.0", **fields: object) -> Path:
    """Install a tiny distribution; `fields` as of `install_distribution`. Returns its dist-info folder."""
    return Path(install_distribution(str(site_packages(venv)), name, version, **fields))


def site_packages(venv: Path) -> Path:
    return next((venv / "lib").glob("python3.*")) / "site-packages"


def version_of(venv: Path) -> str:
    """What the venv runs, by starting it: the interpreter and its library must be of one release."""
    script = "import sys, platform, sysconfig, ssl; print(platform.python_version(), sys.prefix == sys.base_prefix)"
    process = subprocess.run([venv / "bin/python", "-I", "-c", script], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    version, is_base = process.stdout.split()
    assert is_base == "False"
    return version


def library_of(venv: Path) -> str:
    """The release whose standard library a venv uses, as the library itself says it."""
    script = "import os, re; print(os.path.realpath(os.__file__))"
    process = subprocess.run([venv / "bin/python", "-I", "-c", script], capture_output=True, text=True, check=True)
    found = re.search(r"/runtimes/([^/]+)/", process.stdout)
    assert found is not None, process.stdout
    return found[1]


def cfg_of(venv: Path) -> str:
    return (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="surrogateescape")


def setting(venv: Path, key: str) -> str | None:
    """A line of a venv's `pyvenv.cfg`."""
    found = re.search(rf"^{re.escape(key)}\s*=\s*(.*)$", cfg_of(venv), re.MULTILINE)
    return found[1].strip() if found else None


def contents(home: Home) -> dict[str, str | bytes]:
    """Every link and file of store and venvs; of the runtimes only that they are there: they never change.

    Not what a search has left in the store: to look is no change.
    """
    found: dict[str, str | bytes] = {}
    for top, folders, files in os.walk(home.path):
        if top.startswith(str(home.cache)):
            folders.clear()
            continue
        if os.path.dirname(top) == str(home.runtimes):
            found[top] = "runtime"
            folders.clear()
            continue
        for name in (*folders, *files):
            path = os.path.join(top, name)
            if path == str(home.root / "searched") or top == str(home.root / "found"):
                continue
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif os.path.isfile(path) and not name.startswith(".lock") and name != "__pycache__":
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found


def is_consistent(venv: Path) -> bool:
    """True where link and `home` lead to one runtime, and copies are those of its interpreter."""
    home = Path(os.path.realpath(setting(venv, "home") or ""))
    python = venv / "bin/python"
    if (venv / "bin/python3").is_symlink():
        return Path(os.path.realpath(python)).parent == home
    return python.read_bytes() == (home / f"python{MINOR}").read_bytes()


def restore(wanted, present):
    """Make links and files what they were."""
    for path in wanted.keys() | present.keys():
        if wanted.get(path) == present.get(path):
            continue
        if path in present:
            os.unlink(path)
        if isinstance(wanted.get(path), str):
            os.symlink(wanted[path], path)
        elif path in wanted:
            with open(path, "wb") as file:
                file.write(wanted[path])


def difference(one, other):
    return {
        path: (one.get(path), other.get(path)) for path in one.keys() | other.keys() if one.get(path) != other.get(path)
    }
