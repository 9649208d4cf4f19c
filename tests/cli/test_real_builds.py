"""Real builds from upstream's tarballs with the real python-build: `tests/run --build`, minutes each.

PYMAN_TEST_SOURCES names a folder with the tarballs, as upstream or as Debian's source packages call them (tests/README.md).
python-build is found as pyman finds it, from the home of whoever runs the tests.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from pathlib import Path

import pytest

from pyman.core.pythons_of_tools import python_builds
from stage.home import Home
from stage.mirror import mirror_folder

_EXTENSION = r"""
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "made_here", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_made_here(void) { return PyModule_Create(&module); }
"""
_COMPILE = """
import shlex, subprocess, sys, sysconfig
var = sysconfig.get_config_var
command = [*shlex.split(var("LDSHARED")), *shlex.split(var("CFLAGS")), "-fPIC", "-I" + sysconfig.get_path("include")]
target = sysconfig.get_path("platlib") + "/made_here" + var("EXT_SUFFIX")
subprocess.run([*command, sys.argv[1], "-o", target], check=True)
"""


def tarball(release: str) -> str:
    """The source of a release in PYMAN_TEST_SOURCES."""
    folder = os.environ.get("PYMAN_TEST_SOURCES", "")
    names = (f"Python-{release}.tar.xz", f"python3.*_{release}.orig.tar.xz")
    found = [path for name in names for path in glob.glob(os.path.join(glob.escape(folder), name))] if folder else []
    if not found:
        pytest.skip(f"PYMAN_TEST_SOURCES names no folder with the source of {release}")
    return found[0]


@pytest.fixture
def user(tmp_path: Path) -> Home:
    """A home that uses the python-build of whoever runs the tests."""
    places = [os.environ.get("PYMAN_PYTHON_BUILD", ""), *python_builds(os.environ, os.path.expanduser("~"))]
    program = next((place for place in places if os.path.isfile(place)), None)
    if program is None:
        pytest.skip("no python-build on this machine: set PYMAN_PYTHON_BUILD")
    home = Home(tmp_path)
    home.environ |= {"PYMAN_PYTHON_BUILD": program, "MAKE_OPTS": os.environ.get("MAKE_OPTS", "-j2")}
    home.environ |= {name: os.environ[name] for name in ("CC", "CFLAGS") if name in os.environ}
    return home


def offer(folder: Path, release: str, source: str) -> str:
    """A mirror with one tarball."""
    folder.mkdir()
    name = f"Python-{release}.tar.xz"
    (folder / name).symlink_to(source)
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest()
    artifact = {"platform": "any", "variant": "source", "url": name, "archive_format": "tar.xz", "sha256": digest}
    (folder / "index.ndjson").write_text(json.dumps({"version": f"{release}+20260901", "artifacts": [artifact]}) + "\n")
    return str(folder)


@pytest.mark.parametrize(("release", "name"), [("3.13.5", "3.13.5"), ("3.9.2", "3.9.2+own")])
def test_a_real_build_is_a_runtime_like_any_other(user: Home, tmp_path: Path, release: str, name: str) -> None:
    mirror = offer(tmp_path / "sources", release, tarball(release))
    user.pyman("install", name, "--build", PYMAN_MIRROR=mirror)
    runtime = user.runtimes / name
    for path in runtime.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert path.stat().st_mode & 0o7777 in (0o755, 0o644), path
            content = path.read_bytes()
            # Bytecode and debugging information name the source, as those of every build do.
            assert b"\0" in content or b"/.install-" not in content, path
    assert (runtime / "bin/python3-config").is_symlink()
    for script in ("pip3", "pydoc3"):
        assert user.run(runtime / "bin" / script, "--version" if script == "pip3" else "json")
    user.pyman("venv", "-p", "3.13" if name == "3.13.5" else name)
    python = user.project / ".venv/bin/python"
    user.run(python, "-c", "import bz2, ctypes, lzma, readline, sqlite3, ssl, zlib")
    assert "pip" in user.run(python, "-m", "pip", "--version")
    (tmp_path / "made_here.c").write_text(_EXTENSION)
    user.run(python, "-c", _COMPILE, tmp_path / "made_here.c")
    user.run(python, "-c", "import made_here")
    findings = user.json("doctor", "--offline", status=None)["findings"]
    assert [one["code"] for one in findings if one["severity"] == "error"] == []
    if name != "3.13.5":
        return
    moved = user.json("install", "3.13.15", PYMAN_MIRROR=mirror_folder())["moved"]
    assert [move["venvs"]["followed"] for move in moved if move["alias"] == "3.13"] == [1]
    assert user.run(python, "-c", "import made_here, sys; print(sys.version_info[:3])") == "(3, 13, 15)"
