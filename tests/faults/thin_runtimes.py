"""Real interpreters with little around them: a mirror whose archives unpack in a tenth of a second.

Each has the binary of the mirror's release, the part of the standard library that pyman's own questions, the making of
bytecode and an ordinary start need (in a zip file, where every Python looks first), and a tiny wheel named pip in
`ensurepip/_bundled`. What is left out is only more of the same.
"""

from __future__ import annotations

import atexit
import functools
import glob
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile

from pyman.core.interpreter import REQUIRED_MODULES
from pyman.effects.machine import platform
from stage.mirror import runtime_tree
from stage.wheels import build_wheel

_STARTS = (
    (
        "-c",
        f"import {', '.join(REQUIRED_MODULES)}, sysconfig, platform, json, re, runpy, typing, subprocess, ctypes, functools",
    ),
    ("-m", "compileall", "-q", "-f", "-i", os.devnull),
)
_ALSO = ("os.py", "ensurepip/__init__.py", "_sysconfigdata*.py", "config-*/Makefile")


def thin_mirror(folder: str, releases: dict[str, str]) -> str:
    """Make a mirror of `{release: build}` in a folder, newest release first."""
    lines = []
    for release, build in sorted(releases.items(), key=lambda pair: pair[1], reverse=True):
        name = f"cpython-{release}+{build}-{platform()}-install_only_stripped.tar.gz"
        path = os.path.join(folder, build, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(_archive(release), path)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        artifact = {
            "platform": platform(),
            "variant": "install_only_stripped",
            "url": f"{build}/{name.replace('+', '%2B')}",
            "archive_format": "tar.gz",
            "sha256": digest,
        }
        date = f"{build[:4]}-{build[4:6]}-{build[6:]}T00:00:00Z"
        lines.append(json.dumps({"version": f"{release}+{build}", "date": date, "artifacts": [artifact]}) + "\n")
    with open(os.path.join(folder, "index.ndjson"), "w", encoding="utf-8") as file:
        file.writelines(lines)
    return folder


@functools.cache
def _archive(release: str) -> str:
    """The thin archive of a release of the mirror: made once for the session."""
    tree = runtime_tree(release)
    library = f"lib/python{release.rpartition('.')[0]}"
    python = f"{os.path.realpath(tree)}/bin/python{release.rpartition('.')[0]}"
    wanted = {name for words in _STARTS for name in _files_of_start(python, *words)}
    wanted |= {
        os.path.relpath(path, tree)
        for name in ("patchlevel.h", "pyconfig.h")
        for path in glob.glob(f"{tree}/include/*/{name}")
    }
    zipped = {name for name in wanted if name.endswith(".py")}
    wanted -= zipped
    wanted |= {os.path.relpath(path, tree) for pattern in _ALSO for path in glob.glob(f"{tree}/{library}/{pattern}")}
    wanted |= {
        os.path.relpath(path, tree) for path in glob.glob(f"{tree}/bin/python*") + glob.glob(f"{tree}/lib/libpython*")
    }
    folder = tempfile.mkdtemp(prefix="pyman-test-thin-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    wheel = build_wheel(folder, "pip", "99.0", scripts={"pip": "pip:main", "pip3": "pip:main"})
    modules = _zipped(
        os.path.join(folder, "modules"), {os.path.relpath(name, library): f"{tree}/{name}" for name in zipped}, python
    )
    path = os.path.join(folder, "thin.tar.gz")
    with gzip.open(path, "wb", compresslevel=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name in sorted(wanted):
            tar.add(f"{tree}/{name}", f"python/{name}", recursive=False)
        tar.add(modules, f"python/lib/{os.path.basename(library).replace('.', '')}.zip")
        tar.add(wheel, f"python/{library}/ensurepip/_bundled/{os.path.basename(wheel)}")
    return path


def _zipped(folder: str, files: dict[str, str], python: str) -> str:
    """A zip file of modules and their bytecode."""
    for name, path in files.items():
        os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
        shutil.copy(path, os.path.join(folder, name))
    subprocess.run(
        [python, "-I", "-B", "-m", "compileall", "-q", "-b", "--invalidation-mode", "unchecked-hash", folder],
        check=True,
    )
    return shutil.make_archive(folder, "zip", folder)


def _files_of_start(python: str, *words: str) -> set[str]:
    """The files below its prefix that an interpreter opens."""
    prefix = os.path.dirname(os.path.dirname(python))
    told = subprocess.run([python, "-I", "-B", "-v", *words], check=True, capture_output=True, text=True).stderr
    paths = set(re.findall(rf"{re.escape(prefix)}/[^'\"\n]+?\.(?:py|so)\b", told))
    return {os.path.relpath(path, prefix) for path in paths if os.path.isfile(path)}


def unpack_thin(release: str, prefix: str) -> str:
    """Put a thin runtime where somebody else might have it; return its prefix."""
    os.makedirs(prefix)
    subprocess.run(["tar", "-xzf", _archive(release), "-C", prefix, "--strip-components=1"], check=True)
    return prefix
