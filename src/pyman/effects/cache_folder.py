"""The cache folder: what pyman has put there, and taking it away. Nothing else is touched, whatever lies there."""

from __future__ import annotations

import os
from contextlib import contextmanager

from pyman.core.immutable import record
from pyman.core.implementation import KNOWN
from pyman.core.pypy_lists import FILES
from pyman.core.store import parse_runtime_name
from pyman.effects.disk_size import size_of
from pyman.effects.files import is_folder
from pyman.effects.interruption import DeferredSignals
from pyman.effects.lock import hold
from pyman.effects.observer import Observer
from pyman.effects.remove_tree import remove_tree
from pyman.effects.staging import clean_up_temporaries
from pyman.errors import Locked, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_WAITING = 0.0


class _Holder(Observer):
    """Hears who has a lock."""

    name = "another process"

    def waiting(self, what: str, holder: str) -> None:
        del what
        self.name = holder


@record
class Entry:
    """One thing in the cache."""

    path: str
    name: Name
    size: int
    """Bytes on the disk."""


@record
class Cache:
    """What lies in the cache folder."""

    folder: str
    entries: tuple[Entry, ...] = ()
    foreign: tuple[str, ...] = ()
    """Paths that are not pyman's."""


class Cleaned:
    """What was removed so far."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.freed = 0
        """Bytes; files that venvs share with the cache stay with the venvs, and free nothing."""
        self.busy: list[str] = []
        """What was kept, and why, one sentence each."""


def read_cache(folder: str) -> Cache:
    """Look at the cache; a folder that is not there holds nothing. Raises PymanError where it cannot be read."""
    entries: list[Entry] = []
    foreign: list[str] = []
    for below in FOLDERS:
        place = os.path.join(folder, below) if below else folder
        if os.path.islink(place) and below:
            # The target of a link that somebody put there is kept.
            foreign.append(place)
            continue
        for name in _names(place):
            path = os.path.join(place, name)
            known = name_in_cache(below, name)
            if known is not None and (known.may_be_folder(name) or not is_folder(path)):
                entries.append(Entry(path, known, _size(path)))
            elif below or name not in FOLDERS:
                foreign.append(path)
    return Cache(folder, tuple(entries), tuple(foreign))


def plan_cleaning(folder: str, done: Cleaned) -> None:
    """Say in `done` what `clean_cache` would remove. Raises PymanError where the cache cannot be read."""
    for entry in (entry for entries in _together(read_cache(folder)).values() for entry in entries):
        if os.path.basename(entry.path).startswith(entry.name.lock or "/"):
            continue
        with _not_in_use(entry) as free:
            if free:
                done.removed.append(entry.path)
                done.freed += _size(entry.path, alone=True)
            else:
                done.busy.append(_kept_in_use(entry))


def clean_cache(folder: str, done: Cleaned) -> None:
    """Remove what pyman keeps in the cache, but for what another process is creating, and say so in `done`.

    Raises PymanError where something cannot be removed.
    """
    for below in FOLDERS:
        clean_up_temporaries(os.path.join(folder, below) if below else folder)
    for (place, subject), entries in _together(read_cache(folder)).items():
        lock = entries[0].name.lock
        holder = _Holder()
        try:
            if not lock:
                _remove(entries, done)
                continue
            with hold(os.path.join(place, lock), holder, what=subject, timeout=_NO_WAITING):
                _remove(entries, done)
                # It may have been made just now, to be held.
                _unlink(os.path.join(place, lock))
        except Locked:
            done.busy.append(f"{os.path.join(place, subject)} was kept: {holder.name} is using it")
        except OSError as error:
            raise PymanError(
                f"{error.filename or place} cannot be removed: {error.strerror}",
                hint="check the permissions of its folder",
            ) from error
    for below in (*FOLDERS[1:], ""):
        try:
            os.rmdir(os.path.join(folder, below) if below else folder)
        except OSError:
            pass  # not empty, or not there


def _together(cache: Cache) -> dict[tuple[str, str], list[Entry]]:
    """What comes and goes together, by its folder and subject."""
    together: dict[tuple[str, str], list[Entry]] = {}
    for entry in cache.entries:
        together.setdefault((os.path.dirname(entry.path), entry.name.subject), []).append(entry)
    return together


def _names(place: str) -> list[str]:
    try:
        return sorted(os.listdir(place))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise PymanError(f"{place} cannot be read: {error.strerror}", hint="make it readable") from error


def _size(path: str, *, alone: bool = False) -> int:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return 0
    if not os.path.isdir(path) or os.path.islink(path):
        return 0 if alone and status.st_nlink > 1 else status.st_blocks * 512
    return status.st_blocks * 512 + size_of(path, alone=alone)


def _remove(entries: list[Entry], done: Cleaned) -> None:
    for entry in entries:
        if os.path.basename(entry.path).startswith(entry.name.lock or "/"):
            continue
        size = _size(entry.path, alone=True)
        with _not_in_use(entry) as free, DeferredSignals():
            if not free:
                done.busy.append(_kept_in_use(entry))
                continue
            if os.path.isdir(entry.path) and not os.path.islink(entry.path):
                remove_tree(entry.path)
            else:
                _unlink(entry.path)
            done.removed.append(entry.path)
            done.freed += size


@contextmanager
def _not_in_use(entry: Entry) -> Iterator[bool]:
    """True where no process runs from what pyman.pyz was unpacked to; none can begin to until this is left."""
    if entry.name.kind != BUILDS:
        yield True
        return
    import fcntl

    try:
        held = os.open(entry.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(held)


def _kept_in_use(entry: Entry) -> str:
    return f"{entry.path} was kept: a running pyman uses it"


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # somebody else was first


# What pyman keeps in its cache: which names are its own, of what kind they are, and whose work they belong to.
#
# - `archives/`: downloads: a finished archive, `.NAME.part` on its way, `.NAME.lock`
# - `catalogue/`: lists of builds
# - `seeds/`: unpacked pip and setuptools: `KEY/`, `KEY.unfit`, `.KEY.work-…`, `.KEY.lock`
# - `interpreters/`: what interpreters said of themselves
# - `pyz/`: what pyman.pyz was unpacked to, see tools/pyz_main.py: `BUILD/`, `.work-…`
# - `trials/`: which runtimes of the store have started, and what they consisted of then
# - `logs/`: of builds from source that failed
# - and the names in `_ALONE`

ARCHIVES, LISTS, SEEDS, ANSWERS = "archives", "lists of builds", "unpacked pip and setuptools", "cached probe results"
BUILDS = "unpacked pyman.pyz"
LOGS = "logs of builds"
KINDS = (ARCHIVES, LISTS, SEEDS, ANSWERS, BUILDS, LOGS)
FOLDERS = ("", "archives", "catalogue", "seeds", "interpreters", "trials", "pyz", "logs")
"""Where pyman keeps things: the cache itself, and the folders in it."""

_ALONE = {
    "available": LISTS,
    "unreachable": ANSWERS,
    "checks": ANSWERS,
    "followers": ANSWERS,
    "contents": ANSWERS,
    "shared-files": ANSWERS,
    "sizes": ANSWERS,
    "release-cycle.json": ANSWERS,
    "release-cycle.json.etag": ANSWERS,
}
_OF_ARCHIVES = (".tar.gz", ".tar.zst", ".tar.bz2", ".tar.xz", ".tgz")
_ENDINGS = (".lock.d", ".lock", ".part", ".unfit")
_WORK = ".work-"
_DIGEST = 64
_BUILD = 32


@record
class Name:
    """One name in the cache that is pyman's."""

    kind: str
    subject: str
    """What it belongs to: an archive, an unpacked wheel. Names with one subject come and go together."""
    lock: str = ""
    """The lock beside it that is held while its subject is made; empty where it is written in one step."""

    def may_be_folder(self, name: str) -> bool:
        """True where pyman makes folders of such names, or a lock that is one; any other folder is somebody's own."""
        return self.kind in (SEEDS, BUILDS) or name.startswith(self.lock or "/")


def name_in_cache(folder: str, name: str) -> Name | None:
    """Say what a name in one of FOLDERS is; None for one that pyman does not give."""
    if not folder:
        return Name(_ALONE[name], name) if name in _ALONE else None
    if folder == "catalogue":
        plain = name.removesuffix(".etag")
        is_list = name.endswith(".ndjson") or plain in FILES or plain.startswith("advisories-")
        return Name(LISTS, name) if is_list else None
    if folder == "interpreters":
        return Name(ANSWERS, name) if len(name) == _DIGEST and name.isalnum() else None
    if folder == "pyz":
        is_build = len(name) == _BUILD and not name.strip("0123456789abcdef")
        return Name(BUILDS, name) if is_build or name.startswith(_WORK) else None
    if folder == "trials":
        return Name(ANSWERS, name) if parse_runtime_name(name) is not None else None
    if folder == "logs":
        return Name(LOGS, name) if name.startswith("build-") and name.endswith(".log") else None
    subject = _subject(name)
    if folder == "archives":
        known = subject.startswith(KNOWN) and subject.endswith(_OF_ARCHIVES)
        return Name(ARCHIVES, subject, f".{subject}.lock") if known else None
    # The key of core/seeding.py: project, version, size and time of the wheel, kind of bytecode.
    parts = subject.split("-")
    if folder == "seeds" and len(parts) > 4 and parts[-2].isdigit() and parts[-3].isdigit():
        return Name(SEEDS, subject, f".{subject}.lock")
    return None


def _subject(name: str) -> str:
    plain = name.removeprefix(".")
    if plain != name and _WORK in plain:
        return plain[: plain.rindex(_WORK)]
    # The lock of a file system without `flock` has the name of its holder behind it.
    plain = plain.partition(".lock.d.")[0]
    for ending in _ENDINGS:
        if plain.endswith(ending):
            return plain.removesuffix(ending)
    return plain
