"""Whose records count: those of the store, of the user's own one, and for root those of every user (design.md 3).

A venv is recorded in the store that it goes through where its user may write there, else in the user's own store. So
whoever changes a store that others use asks both, and root those of all. Import-light.
"""

from __future__ import annotations

import os

from pyman.effects.venvs.records import (
    KnownVenv,
    forget,
    is_recorded,
    known_venvs,
    links_in,
    remember,
    write_record,
)
from pyman.errors import PymanError, ReadOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyman.effects.mounts import Mounts
    from pyman.effects.places import Places

_FOLDERS = ("venvs", "found")
_MOST_RECORDS = 100_000
"""Of one user; nobody has so many, and nobody shall make root read for ever."""


def stores_of(places: Places) -> tuple[str, ...]:
    """The store, and the user's own one, where that is another and the home is this user's."""
    if places.own_root == places.root or not _is_own(places.home):
        return (places.root,)
    return places.root, places.own_root


def _is_own(folder: str) -> bool:
    try:
        return os.stat(folder).st_uid == os.geteuid()
    except OSError:
        return False


def remember_venv(places: Places, path: str) -> str | None:
    """Record a venv, and return the store that has its record; None where none can be written, which harms nobody.

    Raises PymanError for what is no question of permission.
    """
    return next((store for store in stores_of(places) if remember(store, path) is not None), None)


def record_venv(places: Places, path: str, *, with_mount: bool = True) -> KnownVenv:
    """Record a venv, and return its record; `with_mount` as in `write_record`.

    Raises PymanError where that is not possible.
    """
    first: ReadOnly | None = None
    for store in stores_of(places):
        try:
            return KnownVenv(write_record(store, path, with_mount=with_mount), os.path.abspath(path), store)
        except ReadOnly as error:
            first = first or error
    assert first is not None  # There is one store at least.
    raise first


def forget_venv(places: Places, name: str) -> bool:
    """Remove the record of that name; False where there is none. Raises PymanError where it cannot be removed."""
    forgotten = [forget(store, name) for store in stores_of(places)]
    return True in forgotten


def is_known(places: Places, path: str) -> bool:
    """True where the venv of this path has a record."""
    return any(is_recorded(store, path) for store in stores_of(places))


def stores_asked(places: Places) -> tuple[str, ...]:
    """The stores whose records of this user are about this one: the own one, where this one cannot be written."""
    return (places.root,) if _may_be_written(places.root) else stores_of(places)


def _may_be_written(folder: str) -> bool:
    """True for a folder that this user may write into, or make."""
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return os.access(folder, os.W_OK)


def recorded_venvs(places: Places) -> tuple[KnownVenv, ...]:
    """The records of this user that are about this store, one for each name: its own before those of the user's own.

    Raises PymanError where they cannot be read.
    """
    stores = reversed(stores_asked(places))
    return tuple({one.name: one for store in stores for one in known_venvs(store)}.values())


def recorded_elsewhere(places: Places) -> tuple[str, ...]:
    """The venvs with a record in another store than this one: in the user's own, and for root in that of every user.

    Records of others that cannot be read are left out: they keep root from nothing.
    """
    own = stores_of(places)[1:]
    found = [known.path for store in own for known in known_venvs(store)]
    return (*found, *recorded_by_others(places)) if os.geteuid() == 0 else tuple(found)


def recorded_by_others(places: Places) -> tuple[str, ...]:
    """What is in the stores of all users of this machine but this one, whether recorded or only found by a search.

    Nothing on a network is looked at: it may never answer.
    """
    if os.geteuid() != 0:
        return ()
    from pyman.effects.mounts import Mounts

    mounts = Mounts()
    taken = {os.path.realpath(store) for store in stores_of(places)}
    found: dict[str, None] = {}
    for home in _homes(mounts):
        store = os.path.join(home, ".local", "share", "pyman")
        if not os.path.isdir(store) or os.path.realpath(store) in taken:
            continue
        taken.add(os.path.realpath(store))
        for folder in _FOLDERS:
            try:
                links = links_in(os.path.join(store, folder), _MOST_RECORDS)
            except PymanError:
                continue
            found.update(dict.fromkeys(path for path in links.values() if not mounts.leads_away(path)))
    return tuple(found)


def unasked_users(places: Places) -> tuple[str, ...]:
    """The users whose venvs cannot be counted, each with the reason, where this is the store for everybody.

    Raises PymanError where the system's settings cannot be understood.
    """
    root = places.named_system_root
    if not root or os.path.realpath(root) != os.path.realpath(places.root):
        return ()
    if os.geteuid() != 0:
        return ("all other users (only root can read their records)",)
    import pwd

    from pyman.effects.mounts import Mounts
    from pyman.effects.users import is_person

    mounts = Mounts()
    found: dict[str, None] = {}
    for user in pwd.getpwall():
        reason = _why_not_asked(user.pw_dir, mounts)
        if reason and (is_person(user) or reason != _NOT_THERE):
            found[f"{user.pw_name} ({reason})"] = None
    return tuple(found)


_NOT_THERE = "the home does not exist"


def _why_not_asked(home: str, mounts: Mounts) -> str:
    """Why the records of a user cannot be read; empty where they can, or where there are none."""
    store = os.path.join(home, ".local", "share", "pyman")
    if mounts.leads_away(home) or any(mounts.leads_away(os.path.join(store, folder)) for folder in _FOLDERS):
        return "the home is on a network"
    try:
        os.stat(home)
        venvs = [path for folder in _FOLDERS for path in links_in(os.path.join(store, folder), _MOST_RECORDS).values()]
    except (FileNotFoundError, NotADirectoryError):
        return _NOT_THERE
    except (OSError, PymanError):
        return "the records cannot be read"
    return "some are on a network" if any(mounts.leads_away(path) for path in venvs) else ""


def _homes(mounts: Mounts) -> Iterator[str]:
    """The homes of this machine: those of the users that it lists, and the folders beside them."""
    import pwd

    from pyman.effects.users import has_persons_number

    users = [user for user in pwd.getpwall() if os.path.isabs(user.pw_dir)]
    homes = dict.fromkeys(os.path.normpath(user.pw_dir) for user in users)
    people = [user for user in users if has_persons_number(user)]
    for folder in {os.path.dirname(os.path.normpath(user.pw_dir)) for user in people} - {"/"}:
        if mounts.leads_away(folder):
            continue
        try:
            with os.scandir(folder) as entries:
                homes.update(dict.fromkeys(entry.path for entry in entries if entry.is_dir(follow_symlinks=False)))
        except OSError:
            continue
    return (home for home in homes if not mounts.leads_away(home))
