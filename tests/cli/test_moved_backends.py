"""Editable installs of real build backends in a tree that was moved: what each writes leads to the new place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stage.machine import Machine
from stage.mirror import NEW, SITE
from stage.venvs import write

PROJECT = '[project]\nname = "lib"\nversion = "1"\ndescription = "d"\n'
BACKENDS = {
    "setuptools": ('requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"', "", "src/lib", {}),
    "setuptools, finder": ('requires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"', "", "lib", {}),
    "hatchling": ('requires = ["hatchling"]\nbuild-backend = "hatchling.build"', "", "src/lib", {}),
    "hatchling, exact": (
        'requires = ["hatchling"]\nbuild-backend = "hatchling.build"',
        "[tool.hatch.build]\ndev-mode-exact = true\n",
        "src/lib",
        {},
    ),
    "flit": ('requires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"', "", "src/lib", {}),
    "pdm-backend": ('requires = ["pdm-backend"]\nbuild-backend = "pdm.backend"', "", "src/lib", {}),
    "pdm-backend, editables": (
        'requires = ["pdm-backend"]\nbuild-backend = "pdm.backend"',
        '[tool.pdm.build]\neditable-backend = "editables"\n',
        "src/lib",
        {},
    ),
    "poetry-core": ('requires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"', "", "src/lib", {}),
    "uv_build": ('requires = ["uv_build"]\nbuild-backend = "uv_build"', "", "src/lib", {}),
    "meson-python": (
        'requires = ["meson-python"]\nbuild-backend = "mesonpy"',
        "",
        "lib",
        {
            "meson.build": "project('lib')\npy = import('python').find_installation(pure: true)\n"
            "py.install_sources('lib/__init__.py', subdir: 'lib')\n"
        },
    ),
    "scikit-build-core": (
        'requires = ["scikit-build-core"]\nbuild-backend = "scikit_build_core.build"',
        "",
        "src/lib",
        {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.15)\nproject(lib LANGUAGES NONE)\n"},
    ),
    "maturin": (
        'requires = ["maturin"]\nbuild-backend = "maturin"',
        '[tool.maturin]\npython-source = "src"\n',
        "src/lib",
        {
            "Cargo.toml": '[package]\nname = "lib"\nversion = "1.0.0"\n[lib]\ncrate-type = ["cdylib"]\npath = "lib.rs"\n',
            "lib.rs": "",
        },
    ),
}
# Its build folder names the old place too: what is imported is built anew, by a command that the user runs.
BUILDS_AT_IMPORT = {"meson-python"}


def pip(venv: Path, *words: object) -> None:
    """Install from the package index; skips the test where that gives nothing."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTPS_", "https_"))}
    command = [str(venv / "bin/pip"), "install", "-q", "--no-input", "--disable-pip-version-check", *map(str, words)]
    environ = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/"), **kept}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        pytest.skip(f"pip could not install {words[-1]}: {done.stderr.strip()[-200:]}")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_library_beside_the_project_moves_along(tmp_path, backend):
    if backend == "maturin" and shutil.which("cargo") is None:
        pytest.skip("maturin needs cargo")
    build, tool, package, files = BACKENDS[backend]
    machine = Machine(tmp_path, NEW)
    old, new = machine.path / "old", machine.path / "new"
    write(f"{old}/lib/pyproject.toml", f"{PROJECT}[build-system]\n{build}\n{tool}")
    write(f"{old}/lib/{package}/__init__.py", "print('imported')\n")
    for name, text in files.items():
        write(f"{old}/lib/{name}", text)
    machine.pyman("venv", old / "app/.venv")
    pip(old / "app/.venv", "-e", old / "lib")
    assert machine.run(old / "app/.venv/bin/python", "-c", "import lib") == "imported"
    old.rename(new)
    findings = machine.json("doctor", new, "--fix", status=0)["findings"]
    assert [(one["code"], one["status"]) for one in findings] == [("moved", "fixed")]
    assert machine.found(new, status=0) == {}
    site_packages = new / f"app/.venv/{SITE}"
    naming = [
        path.name for path in site_packages.rglob("*") if path.is_file() and f"{old}/".encode() in path.read_bytes()
    ]
    assert [name for name in naming if not name.endswith(".pyc")] == []
    if backend not in BUILDS_AT_IMPORT:
        assert machine.run(new / "app/.venv/bin/python", "-c", "import lib") == "imported"
    # And it is what a rebuild installs again.
    assert machine.json("rebuild", new / "app/.venv", "--dry-run", "--yes")["failed"] == []
