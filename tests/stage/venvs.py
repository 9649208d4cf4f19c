"""Venvs and interpreters for tests that only read them: cheap ones made of links and text, and real ones by real tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from stage.mirror import MINOR

CFG = "include-system-site-packages = false\n"


def peer(name: str) -> str:
    """A tool that makes venvs, from PYMAN_TEST_PEERS or the environment of the tests; skips the test where it is not there."""
    folders = [os.environ.get("PYMAN_TEST_PEERS"), os.path.dirname(sys.executable)]
    for folder in folders:
        found = shutil.which(name, path=folder) if folder else None
        if found is not None:
            return found
    pytest.skip(f"{name} is not there: PYMAN_TEST_PEERS names no folder that has it")


def call(*command: object, **environ: str) -> str:
    """Run a tool without the settings of whoever runs the tests; it must succeed."""
    kept = {
        key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_INDEX", "UV_DEFAULT", "SSL_"))
    }
    process = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **kept, **environ},
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, f"{command}: {process.stdout}{process.stderr}"
    return process.stdout


def need_copies_that_start(venv: object) -> None:
    """Skip a test where a copy of this mirror's interpreter does not find its libraries."""
    if subprocess.run([f"{venv}/bin/python", "-V"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a copy of this mirror's interpreter does not find its libraries")


def write(path: str, content: str | bytes = "", mode: int = 0o644) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content)
    os.chmod(path, mode)
    return path


def make_prefix(
    prefix: str, release: str, *, binary: bytes = b"\x7fELF", patchlevel: bool = False, manifest: bool = False
) -> str:
    """What an interpreter's folder looks like to one who only reads it: `release` is `3.13.5`, `3.14.0t`."""
    thread = "t" if release.endswith("t") else ""
    version = release.rstrip("t")
    minor = ".".join(version.split(".")[:2]) + thread
    write(f"{prefix}/bin/python{minor}", binary + release.encode(), 0o755)
    for name in ("python3", "python"):
        os.symlink(f"python{minor}", f"{prefix}/bin/{name}")
    write(f"{prefix}/lib/python{minor}/os.py")
    if patchlevel:
        text = f'/* Version as a string */\n#define PY_VERSION      \t"{version}"\n/*--end constants--*/\n'
        write(f"{prefix}/include/python{minor}/patchlevel.h", text)
    if manifest:
        write(
            f"{prefix}/pyman-runtime.toml",
            f'version = "{version}"\nvariant = "{"freethreaded" if thread else "default"}"\nsha256 = ""\n'
            f'installed_at = ""\nlibrary = "lib/python{minor}"\nexecutable = "bin/python{minor}"\n',
        )
    return prefix


def make_venv(
    path: str,
    interpreter: str,
    *,
    home: str | None = None,
    library: str = "",
    extra: str = "",
    activate: str | None = None,
) -> str:
    """A venv of links and text that goes to `interpreter`; `extra` are more lines of its `pyvenv.cfg`.

    Its `library` is of the minor that the interpreter is called after, else of MINOR.
    """
    named = os.path.basename(interpreter)
    library = library or (named if named.startswith("python3.") else f"python{MINOR}")
    os.makedirs(f"{path}/bin", exist_ok=True)
    os.symlink(interpreter, f"{path}/bin/python")
    for name in ("python3", library):
        os.symlink("python", f"{path}/bin/{name}")
    os.makedirs(f"{path}/lib/{library}/site-packages")
    write(f"{path}/pyvenv.cfg", f"home = {home or os.path.dirname(interpreter)}\n{CFG}{extra}")
    write(f"{path}/bin/activate", f"VIRTUAL_ENV='{activate or path}'\nexport VIRTUAL_ENV\n")
    return path
