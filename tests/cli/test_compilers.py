"""Extensions built with a runtime that upstream's clang has built, on machines that have gcc, clang or neither.

The compilers are real. clang is the one on PATH, or PYMAN_TEST_CLANG; `apt-get install clang` gets it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from stage.home import Home
from stage.mirror import MINOR, OLD, copy_of_tree
from stage.mirrors import Mirror
from stage.upstream import like_upstream
from stage.venvs import write

CLANG = os.environ.get("PYMAN_TEST_CLANG") or shutil.which("clang")
COMPILERS = {
    "only gcc": {"gcc": shutil.which("gcc"), "g++": shutil.which("g++")},
    "only clang": {"clang": CLANG, "clang++": CLANG and shutil.which(f"{CLANG}++")},
    "cc": {"cc": shutil.which("cc"), "c++": shutil.which("c++")},
}

MODULE = """#include <Python.h>
static struct PyModuleDef it = {PyModuleDef_HEAD_INIT, "built", 0, -1, 0};
PyMODINIT_FUNC PyInit_built(void) { return PyModule_Create(&it); }
"""
NAMED = '[project]\nname = "built"\nversion = "1"\n[build-system]\n'
SETUP = (
    "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('built', ['built.{}'])], py_modules=[])\n"
)
PROJECTS = {
    "setuptools": {
        "pyproject.toml": f'{NAMED}requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
        "setup.py": SETUP.format("c"),
        "built.c": MODULE,
    },
    "Cython": {
        "pyproject.toml": f'{NAMED}requires = ["setuptools", "Cython"]\nbuild-backend = "setuptools.build_meta"\n',
        "setup.py": SETUP.format("pyx"),
        "built.pyx": "x = 1\n",
    },
    "cffi": {
        "pyproject.toml": f'{NAMED}requires = ["setuptools", "cffi"]\nbuild-backend = "setuptools.build_meta"\n',
        "setup.py": "from setuptools import setup\nsetup(cffi_modules=['made.py:ffi'], py_modules=[])\n",
        "made.py": "from cffi import FFI\nffi = FFI()\nffi.cdef('int one(void);')\n"
        "ffi.set_source('built', 'static int one(void) { return 1; }')\n",
    },
    "meson-python": {
        "pyproject.toml": f'{NAMED}requires = ["meson-python"]\nbuild-backend = "mesonpy"\n',
        "meson.build": "project('built', 'c')\npy = import('python').find_installation(pure: false)\n"
        "py.extension_module('built', 'built.c', dependencies: py.dependency(), install: true)\n",
        "built.c": MODULE,
    },
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with a runtime from an archive like upstream's, and a venv with what builds extensions."""
    folder = tmp_path_factory.mktemp("compilers")
    tree = copy_of_tree(OLD, str(folder / "python"))
    like_upstream(tree)
    archive = folder / "python.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as packed:
        packed.add(tree, "python")
    mirror = Mirror(folder / "mirror")
    mirror.add(OLD, archive.read_bytes())
    home = Home(folder, mirror.path)
    home.pyman("install", MINOR)
    home.pyman("venv", "env", "-p", MINOR)
    done = pip(home, "setuptools", "cython", "cffi", "meson-python", "ninja", path="/usr/bin:/bin")
    if done.returncode != 0:
        pytest.skip(f"the package index cannot be reached: {done.stderr[-200:]}")
    return home


def pip(home: Home, *words: str, path: str) -> subprocess.CompletedProcess[str]:
    """Install into the venv with this PATH."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "LD_LIBRARY_PATH"))}
    return subprocess.run(
        [home.project / "env/bin/python", "-m", "pip", "install", "-q", "--no-input", "--disable-pip-version-check", *words],
        env={"PATH": path, "HOME": str(home.path), **kept}, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def path_with(folder: Path, home: Home, compilers: dict[str, str | None]) -> str:
    """A PATH with these compilers alone, and what they and the build backends start."""
    folder.mkdir()
    for name in ("as", "ld", "ar", "sh", "uname", "env", "strip"):
        os.symlink(shutil.which(name) or "/nonexistent", folder / name)
    for name, program in compilers.items():
        if program:
            os.symlink(program, folder / name)
    return f"{folder}:{home.project}/env/bin"


@pytest.mark.parametrize("name", PROJECTS)
@pytest.mark.parametrize("there", COMPILERS)
def test_an_extension_is_built(home, tmp_path, there, name):
    if not all(list(COMPILERS[there].values())[:1]):
        pytest.skip(f"{there}: this machine does not have it")
    for file, text in PROJECTS[name].items():
        write(tmp_path / "project" / file, text)
    path = path_with(tmp_path / "path", home, COMPILERS[there])
    done = pip(home, "--no-build-isolation", "--no-deps", "--force-reinstall", str(tmp_path / "project"), path=path)
    assert done.returncode == 0, done.stdout + done.stderr
    home.run(home.project / "env/bin/python", "-c", "import built; assert built.__file__.endswith('.so')")


@pytest.mark.parametrize("name", PROJECTS)
def test_without_a_compiler_the_one_that_every_machine_has_is_called_for(home, tmp_path, name):
    for file, text in PROJECTS[name].items():
        write(tmp_path / "project" / file, text)
    path = path_with(tmp_path / "path", home, {})
    done = pip(home, "--no-build-isolation", "--no-deps", "--force-reinstall", str(tmp_path / "project"), path=path)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "Unknown compiler" in said if name == "meson-python" else ("'cc'" in said and "clang" not in said), said


@pytest.mark.parametrize("there", COMPILERS)
def test_what_python_config_says_is_understood(home, tmp_path, there):
    program = next(iter(COMPILERS[there].values()))
    if not program:
        pytest.skip(f"{there}: this machine does not have it")
    config = home.runtimes / f"{MINOR}/bin/python3-config"
    flags = home.run(config, "--cflags", "--ldflags").split()
    (tmp_path / "built.c").write_text(MODULE)
    out = tmp_path / f"built{home.run(config, '--extension-suffix').strip()}"
    built = subprocess.run(
        [program, "-shared", "-fPIC", "-Werror", *flags, tmp_path / "built.c", "-o", out],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
