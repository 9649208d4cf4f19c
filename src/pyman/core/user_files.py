"""Whose a file in a venv's folder is, told by its name: the user's, a package's, or the venv's own (design.md 5)."""

from __future__ import annotations

import re
from posixpath import dirname, normpath

from pyman.core.new_venv import IGNORE_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT_NOTE = ".project"

# What every tool puts there, `.lock` by uv, `pip-selfcheck.json` by pip before 10.
_OF_A_VENV = frozenset(("bin", "lib", "lib64", "include", "share", "etc", "man", "doc", "pyvenv.cfg", ".lock"))
_LITTER = frozenset(("pip-selfcheck.json", "__pycache__", IGNORE_FILE))

DATA_FOLDERS = ("share", "etc", "include", "man", "doc")
"""Folders that packages put data into; what else lies there is somebody's settings."""

DATA_OF_TOOLS = ("share/jupyter", "etc/jupyter", "share/python-wheels")
"""What tools put into a venv's folders and no package records: Jupyter's kernels, the wheels of Debian's old venv."""

# Notes of tools, which a rebuild keeps, and which nobody misses with the venv: uv's and virtualenv's, pipenv's and
# virtualenvwrapper's.
_NOTES = frozenset(("CACHEDIR.TAG", PROJECT_NOTE))
# What repairs were about to put in place (effects/files.py), and the mark of a venv whose making was cut off.
_OURS = re.compile(r"\.pyman-unfinished|\..+\.pyman-[0-9]+-[0-9a-f]{8}")

# What a venv's `bin` is born with, whoever makes it.
_BORN_WITH = re.compile(
    r"(?:python|pythonw|pypy)[0-9.]*[td]?|𝜋thon|(?:pip|wheel|easy_install)-?[0-9.]*t?|pydoc(?:\.bat)?"
    r"|activate(?:\.[a-z0-9]+)?|activate_this\.py|deactivate(?:\.[a-z0-9]+)?|__pycache__",
    re.IGNORECASE,
)
_PIPS = re.compile(r"(pip|wheel|easy_install)-?[0-9.]*t?")
_RUNTIME_FOLDER = re.compile(r"(?:python|pypy|graalpy)[0-9.]+[a-z]*|site")
# Bookkeeping of installers, which the new ones do for themselves; virtualenv and uv patch distutils.
_BOOKKEEPING = re.compile(
    r".*\.(?:dist-info|egg-info|egg-link|egg|virtualenv)|~.*|__pycache__|_virtualenv\.(?:py|pth)"
    r"|(?:easy-install|setuptools|distutils-precedence)\.pth|\.pyman-.*"
)


def of_the_user(names: Iterable[str]) -> tuple[str, ...]:
    """The names at the top of a venv's folder that belong to no venv: a project around it, another tool's notes."""
    return tuple(sorted(name for name in names if name not in _OF_A_VENV | _LITTER and not _OURS.fullmatch(name)))


def made_by_nobody(names: Iterable[str]) -> tuple[str, ...]:
    """Of these the names that neither making a venv nor a tool that keeps one puts there."""
    return tuple(name for name in of_the_user(names) if name not in _NOTES)


def may_be_a_packages(name: str) -> bool:
    """True for a name at the top of a venv's folder that a package may put there; never what a repository lives in."""
    return not name.startswith(".")


def is_runtime_folder(name: str) -> bool:
    """True for what a venv has in `lib` and `include` for its Python: `python3.13`, and `site` for headers."""
    return _RUNTIME_FOLDER.fullmatch(name) is not None


def is_written_by_a_tool(ignore_file: str) -> bool:
    """True for a `.gitignore` that hides the whole folder, and says nothing else."""
    lines = [line.strip() for line in ignore_file.splitlines()]
    return [line for line in lines if line and not line.startswith("#")] in ([], ["*"])


def is_born_with(name: str) -> bool:
    """True for what is in the `bin` of every venv."""
    return _BORN_WITH.fullmatch(name) is not None


def package_of_program(name: str) -> str | None:
    """The package that puts a program of this name into every venv: `pip` for `pip3.13`."""
    found = _PIPS.fullmatch(name)
    return {"easy_install": "setuptools"}.get(found[1], found[1]) if found is not None else None


def is_bookkeeping(name: str) -> bool:
    """True for what installers keep in site-packages for themselves."""
    return _BOOKKEEPING.fullmatch(name) is not None


def with_parents(paths: Iterable[str]) -> frozenset[str]:
    """Relative paths and every folder above them."""
    found: set[str] = set()
    for path in paths:
        above = path
        while above and above not in found:
            found.add(above)
            above = dirname(above)
    return frozenset(found)


def inside(venv: str, folder: str, path: str) -> str | None:
    """A path of RECORD, relative to the venv; None for one that leads out of it.

    `folder` is that of RECORD's own site-packages, relative to the venv.
    """
    if path.startswith("/"):
        return normpath(path[len(venv) + 1 :]) if path.startswith(f"{venv}/") else None
    found = normpath(f"{folder}/{path}")
    return found if found not in (".", "..") and not found.startswith("../") and "\0" not in found else None
