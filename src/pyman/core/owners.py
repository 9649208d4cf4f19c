"""Which tool made a venv and owns it, the command with which that tool repairs it, and what it remembers about it.

Import-light.
"""

from __future__ import annotations

from posixpath import basename, dirname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.pyvenv_cfg import Settings
    from pyman.core.relink import Target
    from pyman.core.venv import VenvFacts

MARKERS = ("pipx_metadata.json", "uv-receipt.toml", ".tox-info.json")
"""Files in a venv's folder by which its owner knows it."""


_OF_PRE_COMMIT = "py_env-"


def creator_of(folder: str, markers: tuple[str, ...], settings: Settings, place: str = "") -> tuple[str, bool]:
    """Say who made a venv, and whether that tool owns it: by what lies around it, then by its own file.

    `place` is the tool that keeps its venvs where this one lies. Owned, so foreign to doctor: the venvs of pipx, tox
    and the like, and those of `uv tool`; never a project's, nor those that users make with a tool and run themselves.
    """
    owner = _owner_of(folder, markers) or (place if place not in _OF_USERS else "")
    if owner:
        return owner, True
    words = (settings.get("command") or "").split()
    if words and basename(words[0]) == "pyman":
        return "pyman", False
    helper = _helper_of(folder, place, settings)
    if helper:
        return helper, False
    if settings.get("uv") is not None:
        return "uv", False
    if settings.get("virtualenv") is not None:
        return "virtualenv", False
    if words or (settings.get("version") is not None and settings.get("version_info") is None):
        return "venv", False
    return "unknown", False


_OF_USERS = ("", "pipenv", "virtualenvwrapper", "pyenv-virtualenv", "direnv")
"""Tools that make venvs for their users, and remember nothing about them."""


def _helper_of(folder: str, place: str, settings: Settings) -> str:
    """The tool with which a user made a venv, as its place tells; empty where that tells nothing."""
    above = dirname(folder)
    if basename(above) == ".direnv":
        return "direnv"
    if basename(above) == "envs" and basename(dirname(dirname(above))) == "versions":
        return "pyenv-virtualenv"
    # These two use virtualenv, and anybody may keep other venvs beside theirs.
    return place if place in ("pipenv", "virtualenvwrapper") and settings.get("virtualenv") is not None else ""


def _owner_of(folder: str, markers: tuple[str, ...]) -> str | None:
    if "pipx_metadata.json" in markers:
        return "pipx"
    if "uv-receipt.toml" in markers:
        return "uv"
    name, above = basename(folder), dirname(folder)
    parent = basename(above)
    grandparent = basename(dirname(above))
    if ".tox-info.json" in markers or parent == ".tox":
        return "tox"
    if parent == ".nox":
        return "nox"
    if name.startswith(_OF_PRE_COMMIT):
        return "pre-commit"
    if "/hatch/env/virtual/" in folder or "/hatch/env/.internal/" in folder or parent == ".hatch":
        return "hatch"
    if (parent == "virtualenvs" and grandparent == "pypoetry") or is_poetry_name(name):
        return "poetry"
    if parent == "venvs" and grandparent == "pdm":
        return "pdm"
    if name == "shared" and parent == "pipx":
        return "pipx"
    return None


def is_poetry_name(name: str) -> bool:
    """True for `demo-AbCd1_-2-py3.13`: the project, eight characters of a hash, the minor."""
    front, mark, minor = name.rpartition("-py")
    numbers = minor.split(".")
    return bool(mark) and len(numbers) == 2 and all(number.isdigit() for number in numbers) and is_pipenv_name(front)


def is_pipenv_name(name: str) -> bool:
    """True for `demo-AbCd1_-2`: the project, and eight characters of a hash."""
    return len(name) > 9 and name[-9] == "-" and all(letter.isalnum() or letter in "-_" for letter in name[-8:])


def is_pdm_name(name: str) -> bool:
    """True for `demo-AbCd1_-2-3.13`: the same, then a name that the user chose, or the minor."""
    return any(letter == "-" and is_pipenv_name(name[:at]) for at, letter in enumerate(name[:-1]) if at)


# What the owner of a venv offers to repair it: doctor names that command instead of touching the venv (design.md 7).
#
# Each was tried with the tool itself: it works from any folder, keeps the minor version, and leaves a venv with what
# was in it. poetry, pdm and hatch remove a venv and do not make it again; nox has names for sessions that no folder
# tells.


def owner_command(facts: VenvFacts, target: Target | None) -> str | None:
    """The command by which the owner of a venv moves it to `target`; None where it has none that does."""
    from pyman.core.escape import as_word

    called = basename(facts.folder)
    if target is None or called.startswith(("-", ".")):
        return None  # An option, or an environment that tox keeps for itself.
    name = as_word(called)
    if facts.creator == "tox" and basename(dirname(facts.folder)) == ".tox":
        return f"cd {as_word(dirname(dirname(facts.folder)))} && tox run --recreate -e {name}"
    python = as_word(target.executable)
    if facts.creator == "pipx" and "pipx_metadata.json" in facts.names:
        return f"pipx reinstall --python {python} {name}"
    if facts.creator == "uv" and facts.link_kind != "broken":
        # It refuses a tool whose Python is gone.
        return f"uv tool upgrade --python {python} {name}"
    return None


RECREATES_ITSELF = "pre-commit"
"""The owner whose venvs only it can recreate: it installs a repository into each, and notes that in its own files."""


def recreation_hint() -> str:
    """How the venvs of RECREATES_ITSELF are recreated."""
    return "run `pre-commit clean`: it recreates its environments when they are needed"


def reads_exact_release(folder: str) -> bool:
    """True for a venv of pre-commit, which makes one anew whose file does not name the very release that runs."""
    return basename(folder).startswith(_OF_PRE_COMMIT)


IGNORES_VERSION_LINES = frozenset(("pipx", "nox", "hatch"))
"""Owners that never read which release a venv's file names."""


def foreign_command(facts: VenvFacts) -> str:
    """The command by which pyman repairs the venv of another tool."""
    from pyman.core.escape import as_word

    return f"pyman doctor {as_word(facts.folder)} --fix --foreign"


def owner_hint(facts: VenvFacts, target: Target | None, *, asks: bool) -> str:
    """How the venv of another tool is repaired, by that tool where it can, and by pyman; `asks` where that asks."""
    command = owner_command(facts, target)
    pyman = f"`{foreign_command(facts)}{' --yes' if asks else ''}`"
    return f"run `{command}`, or {pyman}" if command is not None else f"run {pyman}"
