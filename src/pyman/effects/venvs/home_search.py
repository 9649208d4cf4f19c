"""The search of the home folder, or of the folders of the settings: what it found is kept in `found` (design.md 6).

    found/NAME-HASH -> /path/to/.venv      what only a search has found
    searched                               when, which folders, and `- FOLDER` for each that could not be looked into

Both are in the store, or in the user's own one where this user cannot write that (stores.py). A search finds what
nobody told pyman of. So it is no record: a record says that its venv may be changed.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from pyman.core.immutable import record
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.files import read_text, replace_file
from pyman.effects.interruption import DeferredSignals
from pyman.effects.mounts import Mounts
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write, make_folder
from pyman.effects.settings import read_settings
from pyman.effects.venvs.place import folder_of
from pyman.effects.venvs.records import links_in, record_name, record_names, write_link
from pyman.effects.venvs.search import search_venvs
from pyman.effects.venvs.stores import stores_asked, stores_of
from pyman.errors import PymanError, ReadOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from pyman.effects.places import Places

    Reason = Literal["root", "network", "another-user", "guarded", "unreadable"]

FOUND, SEARCHED = "found", "searched"
_A_DAY = 86400.0
_MOST_NAMED = 100

# Below the home: what tools fill with copies of other things, and what was thrown away. What is left out everywhere is
# `SKIPPED` in folder_walk.py.
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
# Half of `Library` is guarded; where tools keep venvs in it is known (venvs_of_tools.py).
_WITHOUT_ON_MACOS = ("Library",)
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


ROOT: Reason = "root"
"""It is the root of all folders."""
NETWORK: Reason = "network"
"""It is on a network: `detail` is the kind of its file system."""
ANOTHER_USERS: Reason = "another-user"
"""It belongs to another user."""
GUARDED: Reason = "guarded"
"""The system asks the user before a program may look into it."""
UNREADABLE: Reason = "unreadable"
"""The system refuses a look at it: `detail` is what it says."""


def never_walked(home: str) -> tuple[str, ...]:
    """Folders that a walk leaves out unless they are named: on macOS a look at them opens a dialog, for nothing."""
    if sys.platform != "darwin":
        return ()
    below = (*_WITHOUT_ON_MACOS, ".Trash", "Movies", "Music", "Pictures")
    return (*(os.path.join(home, name) for name in below), "/System", "/Volumes")


@record
class Refusal:
    """A folder that is to be searched and is not."""

    folder: str
    reason: Reason
    detail: str = ""


@record
class SearchPlan:
    """What a search would look through."""

    folders: tuple[str, ...]
    """Absolute folders."""
    without: tuple[str, ...] = ()
    """Folders below them that are left out, because no venv that anybody uses is in them."""
    refused: tuple[Refusal, ...] = ()
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
        return tuple(dict.fromkeys((*(one.folder for one in self.plan.refused), *missed, *self.unreadable)))


def plan_search(places: Places) -> SearchPlan:
    """Say which folders a search goes through. Raises PymanError where the settings cannot be used."""
    chosen = read_settings(places).folders
    mounts = Mounts()
    if chosen is not None:
        folders = [os.path.abspath(os.path.join(places.home, os.path.expanduser(folder))) for folder in chosen]
        ways = {folder: _real(folder, mounts) for folder in folders}
        return SearchPlan(tuple(ways), _without(places, mounts, ways), may_be_slow=_may_be_slow(ways, mounts))
    home = os.path.abspath(places.home)
    try:
        refused = _why_not(home, mounts)
    except (FileNotFoundError, NotADirectoryError):
        return SearchPlan(())
    if refused is not None:
        return SearchPlan((), (), (refused,))
    ways = {home: _real(home, mounts)}
    guarded = [os.path.join(home, name) for name in _GUARDED_ON_MACOS] if sys.platform == "darwin" else []
    return SearchPlan(
        (home,),
        (*_without(places, mounts, ways), *guarded),
        tuple(Refusal(folder, GUARDED) for folder in guarded if os.path.isdir(folder)),
        _may_be_slow(ways, mounts),
    )


def _real(folder: str, mounts: Mounts) -> str:
    """Where a folder is, through links, as far as that can be told without going over a network."""
    return folder if mounts.leads_away(folder) else os.path.realpath(folder)


def _may_be_slow(ways: Mapping[str, str], mounts: Mounts) -> bool:
    return any(mounts.may_be_slow(real) or mounts.leads_away(folder) for folder, real in ways.items())


def _why_not(home: str, mounts: Mounts) -> Refusal | None:
    """Why a home is searched only where its user names it; None where it is searched.

    Raises FileNotFoundError or NotADirectoryError where there is none.
    """
    if home == "/":
        return Refusal(home, ROOT)
    mount = mounts.covering(home)
    if mount is not None and mount.is_on_network:
        return Refusal(home, NETWORK, mount.kind)  # It is not accessed: it may never respond.
    real = os.path.realpath(home)
    if real == "/":
        return Refusal(home, ROOT)
    mount = mounts.covering(real)
    if mount is not None and mount.is_on_network:
        return Refusal(home, NETWORK, mount.kind)
    try:
        status = os.stat(home)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        return Refusal(home, UNREADABLE, (error.strerror or str(error)).lower())
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(home)
    return None if status.st_uid == os.geteuid() else Refusal(home, ANOTHER_USERS)


def _without(places: Places, mounts: Mounts, ways: Mapping[str, str]) -> tuple[str, ...]:
    """What is left out below folders, which are given with where they are."""
    names = (*_WITHOUT, *(_WITHOUT_ON_MACOS if sys.platform == "darwin" else ()))
    found = [os.path.join(os.path.abspath(places.home), name) for name in names]
    found += [os.path.join(store, name) for store in stores_of(places) for name in ("runtimes", "venvs", FOUND)]
    found.append(places.cache)
    found += [os.path.normpath(value) for name in _CACHES if os.path.isabs(value := places.environ.get(name, ""))]
    for real in ways.values():
        found += mounts.slow_below(real)
    # What lies below a folder that is reached by a link is met by the name of the link.
    for folder, real in ways.items():
        above = f"{real.rstrip('/')}/"
        if folder != real:
            found += [os.path.join(folder, path[len(above) :]) for path in found if path.startswith(above)]
    return tuple(dict.fromkeys(found))


def last_search(places: Places) -> HomeSearch:
    """What is known of the last search, as far as it went through what one would go through now.

    Raises PymanError where the settings cannot be used.
    """
    plan = plan_search(places)
    for store in stores_asked(places):
        unreadable = _last_in(store, plan)
        if unreadable is not None:
            return HomeSearch(plan, (), unreadable, is_made=True)
    return HomeSearch(plan)


def _last_in(store: str, plan: SearchPlan) -> tuple[str, ...] | None:
    """What a search could not look into that was made within a day; None where a store tells of none."""
    try:
        # Names may hold any other character that `splitlines` takes for the end of a line.
        lines = read_text(os.path.join(store, SEARCHED)).split("\n")
        age = time.time() - float(lines[0])
    except (OSError, ValueError):
        return None
    folders = {line for line in lines[1:] if not line.startswith("- ")}
    if 0 <= age < _A_DAY and folders.issuperset(map(_as_line, plan.folders)):
        return tuple(line[2:] for line in lines[1:] if line.startswith("- "))
    return None


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
    others = {folder for folder in found.denied if _is_of_another_user(folder)}
    unreadable = tuple(folder for folder in found.unreadable if folder not in others)
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
    """True for a folder of another user, whom this one is not let in to: it holds none of this user's venvs."""
    try:
        return os.lstat(folder).st_uid != os.geteuid()
    except OSError:
        return False


def _keep(places: Places, search: HomeSearch) -> None:
    """Keep a search in the first store that this user may write. Raises PymanError."""
    for store in stores_of(places):
        try:
            _keep_in(store, _recorded(places), search)
        except ReadOnly:
            continue
        except OSError as error:
            told = cannot_write(store, error)
            if not isinstance(told, ReadOnly):
                raise told from error
            continue
        return


def _keep_in(store: str, recorded: set[str], search: HomeSearch) -> None:
    place = os.path.join(store, FOUND)
    before = links_in(place)
    names = {name: path for path in search.venvs if (name := record_name(path)) not in recorded}
    tops = tuple(f"{folder.rstrip('/')}/" for folder in search.plan.folders)
    if search.is_whole:
        for name, path in before.items():
            if name in recorded or (name not in names and f"{path}/".startswith(tops)):
                os.unlink(os.path.join(place, name))
    for name, path in names.items():
        if before.get(name) != path:
            write_link(place, name, path)
    if search.is_whole:
        make_folder(store)
        lines = [str(int(time.time())), *search.plan.folders, *(f"- {folder}" for folder in search.unreadable)]
        text = "".join(f"{_as_line(line)}\n" for line in lines)
        replace_file(os.path.join(store, SEARCHED), text.encode("utf-8", "surrogateescape"))


def _recorded(places: Places) -> set[str]:
    return {name for store in stores_asked(places) for name in record_names(store)}


def _as_line(path: str) -> str:
    return path.replace("\n", "\\n")


def found_venvs(places: Places) -> tuple[str, ...]:
    """The paths of what only a search has found, in the order of their names. Some may be gone by now.

    Raises PymanError where the records cannot be read.
    """
    found: dict[str, str] = {}
    for store in reversed(stores_asked(places)):
        found |= links_in(os.path.join(store, FOUND))
    recorded = _recorded(places) if found else set()
    return tuple(path for name, path in sorted(found.items()) if name not in recorded)
