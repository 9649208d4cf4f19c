"""What venvs that are recreated hold: wheels of every kind, projects that build themselves, a repository; and pictures of venvs."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from stage.home import Home
from stage.mirror import MINOR, NEW, OTHER, OTHER_MINOR, mirror_folder
from stage.venvs import peer
from stage.wheels import build_wheel

_TAG, _OTHER_TAG = (f"cp{minor.replace('.', '')}" for minor in (MINOR, OTHER_MINOR))

# A build backend (PEP 517, 660) that needs nothing, so that projects are built without an index.
_BACKEND = """
import os, zipfile

NAME = {name!r}

def _wheel(folder, files):
    info = f"{{NAME}}-0.1.dist-info"
    files = dict(files)
    files[f"{{info}}/METADATA"] = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: 0.1\\n"
    files[f"{{info}}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: stage\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{{info}}/entry_points.txt"] = f"[console_scripts]\\n{{NAME}} = {{NAME}}:main\\n"
    files[f"{{info}}/RECORD"] = "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"])
    with zipfile.ZipFile(os.path.join(folder, f"{{NAME}}-0.1-py3-none-any.whl"), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{{NAME}}-0.1-py3-none-any.whl"

def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open(f"{{NAME}}.py") as file:
        return _wheel(folder, {{f"{{NAME}}.py": file.read()}})

def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{f"{{NAME}}.pth": os.getcwd() + "\\n"}})
"""

_COMPILED = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "compiled", 0, -1, 0};
PyMODINIT_FUNC PyInit_compiled(void) {
    PyObject *self = PyModule_Create(&module);
    PyModule_AddStringConstant(self, "built_for", PY_VERSION);
    return self;
}
"""


def write_project(folder: str, name: str) -> str:
    """A source tree that pip and uv can build and install editable."""
    os.makedirs(folder)
    files = {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "0.1"\n',
        "backend.py": _BACKEND.format(name=name),
        f"{name}.py": f"def main():\n    print('{name}')\n",
    }
    for path, text in files.items():
        Path(folder, path).write_text(text)
    return folder


def commit_project(folder: str, name: str) -> str:
    """The same as a git repository, and its first commit."""
    if shutil.which("git") is None:
        pytest.skip("there is no git for an installation from a repository")
    write_project(folder, name)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return asked.stdout.strip()


@functools.cache
def wheelhouse() -> str:
    """Wheels for both minors, built once.

    spam 1.0 needs eggs and brings a program; compiled 1.0 has a real extension module for each; newest 1.0 wants
    MINOR, and 2.0 does not; abi 1.0 is there for MINOR only, and 1.1 for both; broken starts on MINOR only.
    """
    folder = tempfile.mkdtemp(prefix="pyman-test-wheelhouse-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    build_wheel(folder, "spam", "1.0", requires_dist=["eggs>=1"], scripts={"spam": "spam:main"})
    build_wheel(folder, "spam", "1.5", requires_dist=["eggs>=1"], scripts={"spam": "spam:main"})
    build_wheel(folder, "eggs", "1.0")
    build_wheel(folder, "eggs", "2.0")
    build_wheel(folder, "newest", "1.0", requires_python=f">={MINOR}")
    build_wheel(folder, "newest", "2.0")
    build_wheel(folder, "other", "1.0", requires_python=f">={MINOR}")
    build_wheel(folder, "other", "2.0")
    build_wheel(folder, "abi", "1.0", tags=[f"{_TAG}-none-any"])
    build_wheel(folder, "abi", "1.1", tags=[f"{_TAG}-none-any"])
    build_wheel(folder, "abi", "1.1", tags=[f"{_OTHER_TAG}-none-any"])
    build_wheel(folder, "abi2", "1.0", tags=[f"{_TAG}-none-any"])
    build_wheel(folder, "abi2", "1.1", tags=[f"{_OTHER_TAG}-none-any"])
    build_wheel(folder, "grows", "1.0", requires_dist=[f"eggs; python_version < '{MINOR}'"])
    newer = {
        "broken_inside.py": f"import sys\nif '%d.%d' % sys.version_info[:2] != '{MINOR}': raise SyntaxError\ndef main(): pass\n"
    }
    build_wheel(folder, "broken", "1.0", scripts={"broken": "broken_inside:main"}, files=newer)
    missing = {"lame.py": "import nowhere\n"}
    build_wheel(folder, "lame", "1.0", scripts={"lame": "lame:main"}, files=missing)
    return folder


@functools.cache
def compiled_wheels() -> str:
    """`compiled` 1.0 for both minors, each with an extension module that was compiled for it."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc to compile an extension module")
    folder = tempfile.mkdtemp(prefix="pyman-test-compiled-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    home = Home(Path(folder), mirror_folder()).with_runtimes(NEW, OTHER)
    Path(folder, "compiled.c").write_text(_COMPILED)
    for version in (NEW, OTHER):
        minor = version.rpartition(".")[0]
        include = home.runtimes / version / "include" / f"python{minor}"
        object_file = f"{folder}/compiled.so"
        command = ["gcc", "-shared", "-fPIC", "-O0", f"-I{include}", f"{folder}/compiled.c", "-o", object_file]
        subprocess.run(command, check=True)
        tag = f"cp{minor.replace('.', '')}"
        name = f"compiled.cpython-{minor.replace('.', '')}-x86_64-linux-gnu.so"
        content = Path(object_file).read_bytes()
        build_wheel(
            f"{folder}/wheels", "compiled_one", "1.0", files={name: content}, tags=[f"{tag}-{tag}-linux_x86_64"]
        )
    return f"{folder}/wheels"


class Bench:
    """A user with both minors, wheels instead of an index, and uv where it should be."""

    def __init__(self, folder: Path, *, uv: bool = True, runtimes: tuple[str, ...] = (NEW, OTHER)) -> None:
        self.home = Home(folder, mirror_folder()).with_runtimes(*runtimes)
        self.uv_folder = folder / "uv"
        self.uv_folder.mkdir()
        self.uv = self.uv_folder / "uv"
        place_program(peer("uv"), str(self.uv))
        self.home.environ |= {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": wheelhouse(),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_CONFIG": "1",
            "UV_INDEX": f"file://{folder}/no-index",
            "UV_FIND_LINKS": wheelhouse(),
            "UV_OFFLINE": "1",
            "UV_CACHE_DIR": str(folder / "uv-cache"),
        }
        self.with_uv(uv)
        self._count = 0

    def with_uv(self, wanted: bool) -> None:
        """Put uv on PATH, or take it away."""
        self.home.environ["PATH"] = f"{self.uv_folder}:/usr/bin:/bin" if wanted else "/usr/bin:/bin"

    def also(self, folder: str) -> None:
        """Take wheels from there as well."""
        self.home.environ["PIP_FIND_LINKS"] = f"{wheelhouse()} {folder}"
        self.home.environ["UV_FIND_LINKS"] = f"{wheelhouse()},{folder}"

    def project(self) -> Path:
        """A new, empty folder to work in."""
        self._count += 1
        folder = self.home.path / f"project-{self._count}"
        folder.mkdir()
        return folder

    def venv(self, *packages: str, python: str = MINOR, options: tuple[str, ...] = (), pip: bool = False) -> Path:
        """A venv that pyman makes in a new project, with these packages; pip is a thousand files that few look at."""
        if not pip:
            options = ("--without-pip", *options)
        folder = self.project()
        self.home.pyman("venv", ".venv", "-p", python, *options, "-q", cwd=folder)
        venv = folder / ".venv"
        self.install(venv, *packages)
        return venv

    def install(self, venv: Path, *packages: str) -> None:
        """Install as a user does it with uv."""
        if packages:
            self.home.run(self.uv, "pip", "install", "-q", "--python", venv / "bin/python", *packages)

    def rebuild(self, venv: Path, *words: object, status: int | None = 0, **environ: str) -> dict:
        """Rebuild it and return the JSON; the words stand before the venv."""
        result = self.home.pyman("rebuild", *words, venv, "--json", cwd=venv.parent, status=status, **environ)
        return result.json

    def packages(self, venv: Path) -> dict[str, str]:
        """Name and version of all that is installed, as the venv itself finds it; pip and setuptools left out."""
        code = "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'], d.version)"
        told = self.home.run(venv / "bin/python", "-I", "-c", code, cwd=venv.parent)
        found = dict(line.split() for line in told.splitlines())
        return {name: version for name, version in sorted(found.items()) if name not in ("pip", "setuptools")}

    def minor(self, venv: Path) -> str:
        """The minor that runs."""
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        return self.home.run(venv / "bin/python", "-I", "-c", code)

    def journals(self) -> list[str]:
        """Work in progress in the store."""
        return sorted(path.name for path in (self.home.root / "venvs").iterdir() if path.name.startswith("."))


def place_program(source: str, place: str) -> None:
    """Give a program a second place outside of its venv."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copy2(source, place)


def picture(folder: Path) -> dict[str, tuple]:
    """Everything about a tree: the same picture is the same tree, file for file and inode for inode."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        status = path.lstat()
        content = ""
        if stat.S_ISLNK(status.st_mode):
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns, status.st_mode, content)
    return found


def left_beside(venv: Path) -> list[str]:
    """What pyman has left beside a venv."""
    return sorted(path.name for path in venv.parent.iterdir() if ".pyman-" in path.name)
