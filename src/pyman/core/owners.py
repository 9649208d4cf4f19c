"""Which tool made a venv and owns it, the command with which that tool repairs it, and what it remembers about it.

Import-light.
"""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.names import version_in_name
from pyman.core.pyvenv_cfg import long_form
from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.pyvenv_cfg import Settings
    from pyman.core.relink import Target
    from pyman.core.venv import VenvFacts
    from pyman.core.version import Version

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
    if name.startswith(_OF_PRE_COMMIT):
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
    return "run `pre-commit clean`: it creates its environments again when they are needed"


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


# What owners remember of a venv's Python, in files of their own. It is brought up to date with the venv, so that the
# tool keeps the venv at its next run (design.md 7). What is not as the tool writes it stays as it is.

_PIPX_METADATA, _UV_RECEIPT, _TOX_INFO = MARKERS
_POETRY_ENVS = "envs.toml"


@record
class OwnerFile:
    """A file in which the owner of a venv remembers its Python."""

    path: str
    content: bytes


@record
class Base:
    """The Python of a venv as its owner is to know it."""

    executable: str
    """The path by which the venv runs it."""
    version: Version
    """The release that runs."""
    found: Version
    """The release that the owner finds when it looks for the venv's minor: another one for a venv that is held back."""
    found_at: str
    """Its interpreter, in the release's own folder."""


def owner_files_of(folder: str) -> tuple[str, ...]:
    """The paths of the files that an owner may have written about a venv, in it and beside it."""
    inside = tuple(f"{folder}/{name}" for name in MARKERS)
    return (*inside, f"{dirname(folder)}/{_POETRY_ENVS}") if _is_poetry_name(basename(folder)) else inside


def rewrite_owner_file(file: OwnerFile, folder: str, base: Base) -> bytes:
    """The content of an owner's file after the venv in `folder` has got another Python."""
    name = basename(file.path)
    try:
        if name == _PIPX_METADATA:
            return _rewrite_pipx_metadata(file.content, base)
        if name == _TOX_INFO:
            return _rewrite_tox_info(file.content, base)
        if name == _UV_RECEIPT:
            return _rewrite_uv_receipt(file.content, base)
        return _rewrite_poetry_envs(file.content, folder, base)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return file.content


def _rewrite_pipx_metadata(content: bytes, base: Base) -> bytes:
    import json

    metadata = json.loads(content)
    if isinstance(metadata.get("python_version"), str):
        metadata["python_version"] = f"Python {base.version}"
    source = metadata.get("source_interpreter")
    if isinstance(source, dict) and "__Path__" in source:
        source["__Path__"] = base.executable
    changed = metadata != json.loads(content)
    return json.dumps(metadata, indent=4, sort_keys=True).encode() if changed else content


def _rewrite_tox_info(content: bytes, base: Base) -> bytes:
    """tox compares release and interpreter with those that it finds; it follows the links of the path."""
    import json

    info = json.loads(content)
    python = info["Python"]
    if len(python["version_info"]) != 5:
        return content
    python["version_info"] = [int(part) if part.isdigit() else part for part in long_form(base.found).split(".")]
    if version_in_name(basename(dirname(dirname(python.get("executable", ""))))) is not None:
        python["executable"] = base.found_at
    return json.dumps(info, indent=2).encode() if info != json.loads(content) else content


def _rewrite_uv_receipt(content: bytes, base: Base) -> bytes:
    """A request that is no path, `3.13`, stays."""
    from pyman.core.toml_text import parse_toml, replace_value

    text = content.decode()
    python = parse_toml(text)["tool"]["python"]
    if not python.startswith("/") or python == base.executable:
        return content
    return replace_value(text, "tool", "python", base.executable).encode()


def _rewrite_poetry_envs(content: bytes, folder: str, base: Base) -> bytes:
    """poetry compares the release with the one that it finds, in the table of the project, for the minor in use."""
    from pyman.core.toml_text import parse_toml, replace_value

    text = content.decode()
    project, _, minor = basename(folder).rpartition("-py")
    told = parse_toml(text)[project]
    if told["minor"] != minor or told["patch"] == str(base.found):
        return content
    return replace_value(text, project, "patch", str(base.found)).encode()
