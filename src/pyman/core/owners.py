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


def creator_of(folder: str, markers: tuple[str, ...], settings: Settings, place: str = "") -> tuple[str, bool]:
    """Say who made a venv, and whether that tool owns it: by what lies around it, then by its own file.

    `place` is the tool that keeps its venvs where this one lies. Owned, so foreign to doctor: the venvs of pipx, tox
    and the like, and those of `uv tool`; never a project's, nor those that users make with a tool and run themselves.
    """
    owner = _owner_of(folder, markers) or (place if place not in _OF_USERS else "")
    if owner:
        return owner, True
    words = (settings.get("command") or "").split()
    if words[:1] and basename(words[0]) == "pyman":
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
    if name.startswith("py_env-"):
        return "pre-commit"
    if "/hatch/env/virtual/" in folder or "/hatch/env/.internal/" in folder or parent == ".hatch":
        return "hatch"
    if (parent == "virtualenvs" and grandparent == "pypoetry") or _is_poetry_name(name):
        return "poetry"
    if parent == "venvs" and grandparent == "pdm":
        return "pdm"
    if name == "shared" and parent == "pipx":
        return "pipx"
    return None


def _is_poetry_name(name: str) -> bool:
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


def owner_command(facts: VenvFacts) -> str:
    """The command that recreates a foreign venv."""
    name = basename(facts.folder)
    if facts.creator == "pipx" and "pipx_metadata.json" not in facts.names:
        return "pipx upgrade-shared"
    commands = {
        "uv": f"uv tool upgrade --reinstall {name}",
        "pipx": f"pipx reinstall {name}",
        "poetry": f"poetry env remove {name}",
        "pdm": f"pdm venv remove {name}",
        "hatch": f"hatch env remove {name}",
        "tox": f"tox run --recreate -e {name}",
        "nox": f"nox --reuse-venv=never -s {name}",
        "pre-commit": "pre-commit clean",
    }
    return commands[facts.creator]


PIPX_METADATA = "pipx_metadata.json"


def rewrite_pipx_metadata(content: bytes, target: Target) -> bytes:
    """Tell pipx which interpreter its venv has now; anything that is not as pipx writes it stays as it is."""
    import json

    try:
        metadata = json.loads(content)
    except (ValueError, RecursionError):
        return content
    if not isinstance(metadata, dict):
        return content
    if isinstance(metadata.get("python_version"), str):
        metadata["python_version"] = f"Python {target.version}"
    source = metadata.get("source_interpreter")
    if isinstance(source, dict) and "__Path__" in source:
        source["__Path__"] = target.executable
    return json.dumps(metadata, indent=4, sort_keys=True).encode()
