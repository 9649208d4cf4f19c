"""Where tools keep venvs: by default, by their environment variables, and by their own settings files (design.md 6)."""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.core.owners import is_pdm_name, is_pipenv_name
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.toml_text import NotToml, parse_toml
from pyman.effects.files import read_own_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_PARTS_OF_A_PATH = 12


@record
class ToolPlace:
    """One folder of one tool."""

    tool: str
    folder: str
    depth: int
    """How many folders lie between it and a venv, the venv counted."""
    only: str = ""
    """How the name of the last folder begins, where it holds other things as well."""
    shared: bool = False
    """True where the user named the folder, and may keep other venvs in it too."""


def tool_places(environ: Mapping[str, str], home: str, platform: str = sys.platform) -> tuple[ToolPlace, ...]:
    """Say where each tool keeps its venvs; none of these folders need exist.

    A settings file that cannot be read or understood is as none: its tool says so.
    """
    found = list(_places(_ToolFolders(environ, home, platform)))
    if platform == "darwin" and any(environ.get(name) for name in _XDG):
        # Newer releases of the tools follow these there too, older ones do not.
        found += _places(_ToolFolders(environ, home, "linux"))
    return tuple(dict.fromkeys(found))


_XDG = ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


def _places(found: _ToolFolders) -> Iterator[ToolPlace]:
    yield from _pipx(found)
    yield ToolPlace("uv", found.named("UV_TOOL_DIR", found.data, "uv", "tools"), 1)
    yield from _poetry(found)
    yield from _pdm(found)
    yield from _hatch(found)
    yield from _workon_home(found)
    yield ToolPlace("pyenv-virtualenv", os.path.join(found.named("PYENV_ROOT", found.home, ".pyenv"), "versions"), 3)
    yield ToolPlace("pre-commit", found.named("PRE_COMMIT_HOME", found.cache, "pre-commit"), 2, "py_env-")


class _ToolFolders:
    """The folders that the tools' folders lie in, and what their settings files say."""

    def __init__(self, environ: Mapping[str, str], home: str, platform: str) -> None:
        self.environ = environ
        self.home = home
        self._settings: dict[str, object] = {}
        """What each settings file says; None for one that cannot be read or understood."""
        self.data = self.path_in("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
        self.cache = self.path_in("XDG_CACHE_HOME") or os.path.join(home, ".cache")
        config = self.path_in("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        # What platformdirs answers, which pipx, poetry, pdm and hatch ask; uv and pre-commit do not.
        self.user_data, self.user_cache, self.user_config = self.data, self.cache, config
        if platform == "darwin":
            self.user_data = self.user_config = os.path.join(home, "Library", "Application Support")
            self.user_cache = os.path.join(home, "Library", "Caches")

    def path_in(self, variable: str) -> str | None:
        """The absolute path that a variable holds; None where it holds none."""
        return self.expanded(self.environ.get(variable))

    def named(self, variable: str, *default: str) -> str:
        """The path that a variable holds, else the default."""
        return self.path_in(variable) or os.path.join(*default)

    def expanded(self, value: object) -> str | None:
        """A path that somebody wrote down, where it is an absolute one or begins with the home folder."""
        if not isinstance(value, str) or "\0" in value:
            return None
        if value == "~" or value.startswith("~/"):
            value = self.home + value[1:]
        return os.path.normpath(value) if os.path.isabs(value) else None

    def setting(self, path: str, *keys: str) -> object:
        """A value in a TOML file of the user's; None where nothing says it."""
        if path not in self._settings:
            try:
                self._settings[path] = parse_toml(read_own_text(path))
            except (OSError, NotToml):
                self._settings[path] = None
        value = self._settings[path]
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def _pipx(found: _ToolFolders) -> Iterator[ToolPlace]:
    homes = [found.named("PIPX_HOME", found.user_data, "pipx")]
    caches = [os.path.join(homes[0], ".cache")]
    if "PIPX_HOME" not in found.environ:
        homes.append(os.path.join(found.home, ".local", "pipx"))
        caches = [os.path.join(found.user_cache, "pipx")]
    everybodys = found.named("PIPX_GLOBAL_HOME", "/opt/pipx")
    for folder in (*homes, everybodys):
        yield ToolPlace("pipx", f"{folder}/venvs", 1)
        yield ToolPlace("pipx", folder, 1)
    for folder in (*caches, f"{everybodys}/.cache"):
        yield ToolPlace("pipx", folder, 1)
    shared = found.path_in("PIPX_SHARED_LIBS")
    if shared is not None:
        yield ToolPlace("pipx", os.path.dirname(shared), 1, os.path.basename(shared))


def _workon_home(found: _ToolFolders) -> Iterator[ToolPlace]:
    """One variable for two tools, which keep them apart by their names where it is set."""
    moved = found.path_in("WORKON_HOME")
    yield ToolPlace("pipenv", moved or os.path.join(found.data, "virtualenvs"), 1, shared=moved is not None)
    yield ToolPlace("virtualenvwrapper", moved or os.path.join(found.home, ".virtualenvs"), 1)


def _poetry(found: _ToolFolders) -> Iterator[ToolPlace]:
    folder = found.environ.get("POETRY_CONFIG_DIR") or os.path.join(found.user_config, "pypoetry")
    settings = os.path.join(folder, "config.toml")
    cache = (
        found.path_in("POETRY_CACHE_DIR")
        or found.expanded(found.setting(settings, "cache-dir"))
        or os.path.join(found.user_cache, "pypoetry")
    )
    for said in (found.environ.get("POETRY_VIRTUALENVS_PATH"), found.setting(settings, "virtualenvs", "path")):
        place = found.expanded(said.replace("{cache-dir}", cache)) if isinstance(said, str) else None
        if place is not None:
            yield ToolPlace("poetry", place, 1, shared=True)
            return
    yield ToolPlace("poetry", os.path.join(cache, "virtualenvs"), 1, shared=True)


def _pdm(found: _ToolFolders) -> Iterator[ToolPlace]:
    settings = found.named("PDM_CONFIG_FILE", found.user_config, "pdm", "config.toml")
    # Its settings file may write a key with a dot in one word.
    said = found.setting(settings, "venv", "location") or found.setting(settings, "venv.location")
    moved = found.expanded(said)
    if moved is not None:
        yield ToolPlace("pdm", moved, 1, shared=True)
    yield ToolPlace("pdm", os.path.join(found.user_data, "pdm", "venvs"), 1)


def _hatch(found: _ToolFolders) -> Iterator[ToolPlace]:
    settings = found.named("HATCH_CONFIG", found.user_config, "hatch", "config.toml")
    data = (
        found.path_in("HATCH_DATA_DIR")
        or found.expanded(found.setting(settings, "dirs", "data"))
        or os.path.join(found.user_data, "hatch")
    )
    moved = found.expanded(found.setting(settings, "dirs", "env", "virtual"))
    if moved is not None:
        yield ToolPlace("hatch", moved, 3, shared=True)
    # Environments for building stay there wherever the others are.
    yield ToolPlace("hatch", os.path.join(data, "env", "virtual"), 3)
    yield ToolPlace("hatch", os.path.join(data, "env", ".internal"), 4)


def venvs_of_tools(places: tuple[ToolPlace, ...]) -> tuple[str, ...]:
    """List the venvs in the places of all tools: a look into a few folders each, without following links."""
    found: dict[str, None] = {}
    for place in places:
        for folder in _below(place.folder, place.depth, place):
            found[folder] = None
    return tuple(found)


def _below(folder: str, depth: int, place: ToolPlace) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            folders = sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return  # Nothing of that tool is here, or nothing that we may see.
    for path in folders:
        name = os.path.basename(path)
        if (depth > 1 or name.startswith(place.only)) and os.access(f"{path}/{FILE_NAME}", os.F_OK):
            yield path
        elif place.tool == "pre-commit" and name == place.only:
            # The interpreter was named by its path, which pre-commit appends to this name.
            yield from _below(path, _MOST_PARTS_OF_A_PATH, ToolPlace(place.tool, path, _MOST_PARTS_OF_A_PATH))
        elif depth > 1 and not (place.tool == "pyenv-virtualenv" and depth == 2 and name != "envs"):
            yield from _below(path, depth - 1, place)


class PlaceOwners:
    """Tells by the place of a venv which tool it belongs to; the names of folders alone do not where a tool moved."""

    def __init__(self, places: tuple[ToolPlace, ...]) -> None:
        self._tops = [
            (f"{top.rstrip('/')}/", place)
            for place in places
            for top in dict.fromkeys((place.folder, os.path.realpath(place.folder)))
        ]

    def tool_of(self, folder: str) -> str:
        """The tool in whose place a venv lies; empty where it lies in none, or the place tells nothing about it."""
        for top, place in self._tops:
            if folder.startswith(top) and _is_one_of(folder[len(top) :].split("/"), place):
                return place.tool
        return ""


def _is_one_of(parts: list[str], place: ToolPlace) -> bool:
    """True for a venv that the tool of a place made in it, by its folders below that place."""
    if place.tool == "pre-commit":
        return len(parts) > 1 and parts[1].startswith(place.only)
    if len(parts) > place.depth or not parts[-1].startswith(place.only):
        return False
    if place.tool == "pyenv-virtualenv":
        return parts[1:2] == ["envs"]
    if place.tool == "pipenv":
        return not place.shared or is_pipenv_name(parts[-1])
    if place.tool == "poetry":
        return False  # By its name alone: other venvs may lie beside it.
    if place.tool == "pdm":
        return not place.shared or is_pdm_name(parts[-1])
    return not place.shared or len(parts) == place.depth
