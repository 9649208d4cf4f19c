"""The folders in which tools keep venvs, as their documentation and their environment variables say. Hot."""

from __future__ import annotations

import os
import sys

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@record
class Place:
    """One folder of one tool."""

    tool: str
    folder: str
    depth: int
    """How many folders lie between it and a venv, the venv counted."""
    only: str = ""
    """How the name of the last folder begins, where it holds other things as well."""


def known_places(environ: Mapping[str, str], home: str, platform: str = sys.platform) -> tuple[Place, ...]:
    """Say where each tool keeps its venvs; none of these folders need exist."""
    data = _absolute(environ, "XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    cache = _absolute(environ, "XDG_CACHE_HOME") or os.path.join(home, ".cache")
    # What platformdirs answers, which pipx, poetry, pdm and hatch ask; uv and pre-commit do not.
    user_data, user_cache = data, cache
    if platform == "darwin":
        user_data = os.path.join(home, "Library", "Application Support")
        user_cache = os.path.join(home, "Library", "Caches")

    def named(variable: str, *default: str) -> str:
        return _absolute(environ, variable, home) or os.path.join(*default)

    pipx = [named("PIPX_HOME", user_data, "pipx")]
    if "PIPX_HOME" not in environ:
        pipx.append(os.path.join(home, ".local", "pipx"))
    poetry_cache = named("POETRY_CACHE_DIR", user_cache, "pypoetry")
    places = [place for folder in pipx for place in (Place("pipx", f"{folder}/venvs", 1), Place("pipx", folder, 1))]
    places += [
        Place("uv", named("UV_TOOL_DIR", data, "uv", "tools"), 1),
        Place("poetry", named("POETRY_VIRTUALENVS_PATH", poetry_cache, "virtualenvs"), 1),
        Place("pipenv", named("WORKON_HOME", data, "virtualenvs"), 1),
        Place("virtualenvwrapper", named("WORKON_HOME", home, ".virtualenvs"), 1),
        Place("pdm", os.path.join(user_data, "pdm", "venvs"), 1),
        Place("hatch", os.path.join(named("HATCH_DATA_DIR", user_data, "hatch"), "env", "virtual"), 3),
        Place("pyenv-virtualenv", os.path.join(named("PYENV_ROOT", home, ".pyenv"), "versions"), 3),
        Place("pre-commit", named("PRE_COMMIT_HOME", cache, "pre-commit"), 2, "py_env-"),
    ]
    return tuple(dict.fromkeys(places))


def _absolute(environ: Mapping[str, str], variable: str, home: str = "") -> str | None:
    value = environ.get(variable, "")
    if home and value.startswith("~/"):
        value = home + value[1:]
    return os.path.normpath(value) if os.path.isabs(value) and "\0" not in value else None


def find_known_venvs(environ: Mapping[str, str], home: str, platform: str = sys.platform) -> tuple[str, ...]:
    """List the venvs in the places of all tools: a look into a few folders each, without following links."""
    found: dict[str, None] = {}
    for place in known_places(environ, home, platform):
        for folder in _below(place.folder, place.depth, place):
            found[folder] = None
    return tuple(found)


def _below(folder: str, depth: int, place: Place) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            folders = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return  # Nothing of that tool is here, or nothing that we may see.
    for path in folders:
        if (depth > 1 or os.path.basename(path).startswith(place.only)) and os.access(f"{path}/{FILE_NAME}", os.F_OK):
            yield path
        elif depth > 1 and not (place.tool == "pyenv-virtualenv" and depth == 2 and not path.endswith("/envs")):
            yield from _below(path, depth - 1, place)
