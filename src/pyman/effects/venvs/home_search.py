"""The search of the home folder, or of the folders of the settings: what it found is kept in `found` (design.md 6).

    found/NAME-HASH -> /path/to/.venv      what only a search has found
    searched                               when, which folders, and `- FOLDER` for each that could not be looked into

A search finds what nobody told pyman of. So it is no record: a record says that its venv may be changed.
"""

from __future__ import annotations

import os
import sys
import time

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.record import record
from pyman.effects.files import read_text, replace_file
from pyman.effects.interruption import DeferredSignals
from pyman.effects.mounts import Mounts
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import make_folder
from pyman.effects.settings import read_settings
from pyman.effects.venvs.records import links_in, record_name, record_names, write_link
from pyman.effects.venvs.search import search_venvs
from pyman.effects.venvs.uses import folder_of
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.effects.places import Places

FOUND, SEARCHED = "found", "searched"
_A_DAY = 86400.0
_MOST_NAMED = 100

# Below the home: what tools fill with copies of other things, and what was thrown away.
_WITHOUT = (
    ".cache/uv",
    ".cache/pip",
    ".docker",
    ".local/share/Trash",
    ".local/share/containers",
    ".local/share/docker",
    ".local/share/flatpak",
    ".local/share/lxc",
    ".local/share/lxd",
    ".Trash",
    ".snapshot",
    ".snapshots",
    ".zfs",
    "snap",
)
_CACHES = ("UV_CACHE_DIR", "PIP_CACHE_DIR")
_WITHOUT_ON_MACOS = ("Library/Caches/pip", "Library/Caches/uv", "Library/Containers", "Library/Group Containers")
# The system asks the user before a program may look into these.
_GUARDED_ON_MACOS = (
    "Desktop",
    "Documents",
    "Downloads",
    "Library/CloudStorage",
    "Library/Mobile Documents",
    "Movies",
    "Music",
    "Pictures",
)


@record
class SearchPlan:
    """What a search would look through."""

    folders: tuple[str, ...]
    """Absolute folders."""
    without: tuple[str, ...] = ()
    """Folders below them that are left out, because no venv that anybody uses is in them."""
    refused: tuple[tuple[str, str], ...] = ()
    """Folders that are to be searched and are not, each with the reason."""
    may_be_slow: bool = False
    """True where a file system of theirs may never answer."""


@record
class HomeSearch:
    """What is known of the last search, or of the one that was just made."""

    plan: SearchPlan
    venvs: tuple[str, ...] = ()
    """What it found; empty for one that was made before: `found_venvs`."""
    unreadable: tuple[str, ...] = ()
    """Folders that could not be looked into, at most a hundred."""
    is_made: bool = False
    """True where these folders were searched within a day."""
    is_whole: bool = True
    """False where ctrl-C ended it."""

    @property
    def not_searched(self) -> tuple[str, ...]:
        """The folders that should have been looked through, and were not."""
        missed = () if self.is_made else self.plan.folders
        return tuple(dict.fromkeys((*(folder for folder, _ in self.plan.refused), *missed, *self.unreadable)))


def plan_search(places: Places) -> SearchPlan:
    """Say which folders a search goes through. Raises PymanError where the settings cannot be used."""
    chosen = read_settings(places.config).folders
    mounts = Mounts()
    if chosen is not None:
        folders = [os.path.abspath(os.path.join(places.home, os.path.expanduser(folder))) for folder in chosen]
        slow = any(map(mounts.may_be_slow, folders))
        return SearchPlan(tuple(dict.fromkeys(folders)), _without(places, mounts, folders), may_be_slow=slow)
    reason = _why_not(places.home, mounts)
    if reason == _MISSING:
        return SearchPlan(())
    if reason:
        return SearchPlan((), (), ((places.home, reason),))
    home = os.path.abspath(places.home)
    guarded = [os.path.join(home, name) for name in _GUARDED_ON_MACOS] if sys.platform == "darwin" else []
    refused = tuple(
        (folder, "macOS asks before a program looks into it") for folder in guarded if os.path.isdir(folder)
    )
    return SearchPlan((home,), (*_without(places, mounts, [home]), *guarded), refused, mounts.may_be_slow(home))


_MISSING = "it does not exist"


def _why_not(home: str, mounts: Mounts) -> str:
    """Why a home is searched only where its user names it; empty where it is searched."""
    if os.path.abspath(home) == "/":
        return "it is the root of all folders"
    mount = mounts.covering(os.path.abspath(home))
    if mount is not None and mount.is_on_network:
        return f"it is on a network ({mount.kind})"  # No look at it is taken: it may never answer.
    real = os.path.realpath(home)
    if real == "/":
        return "it is the root of all folders"
    mount = mounts.covering(real)
    if mount is not None and mount.is_on_network:
        return f"it is on a network ({mount.kind})"
    try:
        owner = os.stat(home).st_uid
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return "" if owner == os.geteuid() else "it belongs to another user"


def _without(places: Places, mounts: Mounts, folders: Iterable[str]) -> tuple[str, ...]:
    names = (*_WITHOUT, *(_WITHOUT_ON_MACOS if sys.platform == "darwin" else ()))
    found = [os.path.join(os.path.abspath(places.home), name) for name in names]
    found += [places.runtimes, places.venvs, places.cache, os.path.join(places.root, FOUND)]
    found += [value for name in _CACHES if os.path.isabs(value := places.environ.get(name, ""))]
    for folder in folders:
        found += mounts.slow_below(folder)
    return tuple(dict.fromkeys(found))


def last_search(places: Places) -> HomeSearch:
    """What is known of the last search, as far as it went through what one would go through now.

    Raises PymanError where the settings cannot be used.
    """
    plan = plan_search(places)
    try:
        lines = read_text(os.path.join(places.root, SEARCHED)).splitlines()
        age = time.time() - float(lines[0])
    except (OSError, ValueError, IndexError):
        return HomeSearch(plan)
    folders = {line for line in lines[1:] if not line.startswith("- ")}
    unreadable = tuple(line[2:] for line in lines[1:] if line.startswith("- "))
    is_made = 0 <= age < _A_DAY and folders.issuperset(map(_as_line, plan.folders))
    return HomeSearch(plan, (), unreadable if is_made else (), is_made)


def search_home(
    places: Places, observer: Observer = SILENT, *, told: str = "", may_end: bool = False, record: bool = True
) -> HomeSearch:
    """Search, and with `record` keep what was found. A store that cannot be written is no reason not to look.

    Raises PymanError where the settings cannot be used.
    """
    plan = plan_search(places)
    if not plan.folders:
        return HomeSearch(plan, is_made=True)
    found = search_venvs(
        plan.folders, observer, without=plan.without, told=told, may_end=may_end, aside=plan.may_be_slow
    )
    unreadable = tuple(folder for folder in found.unreadable if not _is_of_another_user(folder))
    search = HomeSearch(
        plan, tuple(filter(_is_venv, found.venvs)), unreadable[:_MOST_NAMED], found.is_whole, found.is_whole
    )
    if record:
        try:
            with DeferredSignals():
                _keep(places, search)
        except (PymanError, OSError):
            pass  # It is in the answer all the same.
    return search


def _is_venv(path: str) -> bool:
    """True where a search met a venv, or what leads to one: any file may be called `.venv`."""
    try:
        folder = folder_of(path)
    except OSError:
        return False
    return folder is not None and os.path.lexists(os.path.join(folder, FILE_NAME))


def _is_of_another_user(folder: str) -> bool:
    """True for a folder of another user that this user may not enter: it holds none of this user's venvs."""
    try:
        return os.lstat(folder).st_uid != os.geteuid()
    except OSError:
        return False


def _keep(places: Places, search: HomeSearch) -> None:
    recorded = set(record_names(places.root))
    before = links_in(os.path.join(places.root, FOUND))
    names = {name: path for path in search.venvs if (name := record_name(path)) not in recorded}
    tops = tuple(f"{folder.rstrip('/')}/" for folder in search.plan.folders)
    if search.is_whole:
        for name, path in before.items():
            if name in recorded or (name not in names and f"{path}/".startswith(tops)):
                os.unlink(os.path.join(places.root, FOUND, name))
    for name, path in names.items():
        if before.get(name) != path:
            write_link(os.path.join(places.root, FOUND), name, path)
    if search.is_whole:
        make_folder(places.root)
        lines = [str(int(time.time())), *search.plan.folders, *(f"- {folder}" for folder in search.unreadable)]
        text = "".join(f"{_as_line(line)}\n" for line in lines)
        replace_file(os.path.join(places.root, SEARCHED), text.encode("utf-8", "surrogateescape"))


def _as_line(path: str) -> str:
    return path.replace("\n", "\\n")


def found_venvs(places: Places) -> tuple[str, ...]:
    """The paths of what only a search has found, in the order of their names. Some may be gone by now.

    Raises PymanError where the records cannot be read.
    """
    found = links_in(os.path.join(places.root, FOUND))
    recorded = set(record_names(places.root)) if found else set()
    return tuple(path for name, path in sorted(found.items()) if name not in recorded)
