"""Venvs that are seeded as `pyman venv` does it, and what to look at in them."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import subprocess
from pathlib import Path

from pyman.core.choice import Choice
from pyman.core.new_venv import VenvSpec, plan_layout
from pyman.core.seeding import SeedTarget
from pyman.effects.observer import SILENT
from pyman.effects.seeds.seed import seed
from pyman.effects.venvs.new_venv import write_layout

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def target_of(interpreter, venv, *, final=None, libraries=None):
    return SeedTarget(
        site_packages=f"{venv}/lib/python{interpreter.minor}/site-packages",
        scripts=f"{venv}/bin",
        python=f"{final or venv}/bin/python",
        version=interpreter.version,
        variant="default",
        executable=interpreter.executable,
        libraries=libraries or (interpreter.library,),
    )


def make_bare(interpreter, venv):
    """Make a venv without packages, as the interpreter itself would in a tenth of a second."""
    executable = interpreter.executable
    choice = Choice(interpreter.version, "default", os.path.dirname(executable), executable, "follow")
    os.makedirs(venv)
    folder = os.open(venv, os.O_RDONLY)
    write_layout(folder, str(venv), plan_layout(VenvSpec(str(venv), "x"), choice, lib64=True))
    os.close(folder)


def make(interpreter, venv, cache, observer=SILENT, **options):
    """Make a venv and seed it."""
    make_bare(interpreter, venv)
    return seed(target_of(interpreter, str(venv), **options), cache, observer)


def call(*command, status=0, **environ):
    done = subprocess.run(
        [str(word) for word in command],
        env={**ENVIRONMENT, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=300,
        check=False,
    )
    assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def files_of(venv):
    """Every file of a venv but what the layout is made of."""
    found = {str(path.relative_to(venv)) for path in Path(venv).rglob("*") if path.is_file() and not path.is_symlink()}
    return {name for name in found if name.startswith(("lib/", "bin/pip", "bin/easy_install"))}


def state_of(folder):
    """What each file is: another inode, time, mode or content is another state."""
    state = {}
    for path in sorted(Path(folder).rglob("*")):
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        state[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns, status.st_mode, content)
    return state


def check_record(site_packages, dist_info):
    """RECORD names everything of the distribution, each with the hash and size that it has."""
    top = Path(site_packages)
    with (top / dist_info / "RECORD").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == sorted(rows)
    for name, digest, size in rows:
        content = (top / name).read_bytes()
        if name.endswith((".pyc", "/RECORD")):
            assert (digest, size) == ("", "")
        else:
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={expected}", str(len(content)))
    return {name for name, _, _ in rows}
