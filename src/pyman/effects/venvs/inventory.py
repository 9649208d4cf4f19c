"""Every venv of this machine that pyman made, found or was told of, read and not run (DESIGN 6)."""

from __future__ import annotations

import os
import sys

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.record import replace
from pyman.effects.files import TEMPORARY
from pyman.effects.interpreters.base_release import BaseReleases
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.interruption import Undisturbed
from pyman.effects.observer import SILENT, Observer
from pyman.effects.settings import read_settings
from pyman.effects.venvs.known_places import find_known_venvs
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.place import is_work_folder
from pyman.effects.venvs.project import is_inside, project_of
from pyman.effects.venvs.records import (
    GONE,
    PRESENT,
    UNREACHABLE,
    KnownVenv,
    is_recorded,
    known_venvs,
    record_name,
    record_names,
    write_record,
)
from pyman.effects.venvs.records import state_of as state_of_record
from pyman.effects.venvs.search import search_venvs
from pyman.effects.venvs.shared_files import SharedFilesLook
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyman.core.venv import VenvFacts
    from pyman.effects.places import Places

_USUAL = (".venv", "venv")
_OF_TESTERS = (".tox", ".nox")


class Inventory:
    """Where the venvs are. Made by `take_inventory`."""

    def __init__(
        self,
        places: Places,
        known: dict[str, KnownVenv],
        paths: Iterable[str],
        unreadable: tuple[str, ...],
        record: bool,
        named: Iterable[str] = (),
    ) -> None:
        self._places = places
        self._named = frozenset(named)
        self._known = known
        self._paths = paths
        self._record = record
        self.unreadable = unreadable
        """Folders that could not be searched."""
        self.unrecorded: PymanError | None = None
        """Why one could not be recorded."""
        self.recorded: list[str] = []
        """Those that were not known before."""
        self.absent: list[tuple[KnownVenv, str]] = []
        """Records whose venv is not there: `gone`, or `unreachable` with its whole folder. Complete after `read`."""

    def read(self) -> Iterator[VenvFacts]:
        """Read one venv after the other, and record those that were not known.

        One that goes by two names, because `.venv` is a link to it or a file that names it, is read once.
        """
        bases, releases = Bases(), BaseReleases(self._places)
        unique = {name: known.path for name, known in self._known.items()}
        for path in self._paths:
            unique.setdefault(record_name(path), path)
        folders: set[str] = set()
        pointers: list[VenvFacts] = []
        for name, path in sorted(unique.items(), key=lambda item: item[1]):
            if is_own(path) or is_work_folder(os.path.basename(path)):
                continue
            facts = read_venv(path, bases)
            if facts is None:
                if name in self._known:
                    self._absent(self._known[name])
                continue
            facts = _with_claim(self._places, facts)
            if name not in self._known and self._record and (path in self._named or not facts.only_named):
                self._remember(path)
                facts = _with_claim(self._places, facts)
            if facts.folder != facts.path:
                pointers.append(facts)
                continue
            folders.add(facts.folder)
            yield releases.complete(facts)
        for facts in pointers:
            if facts.folder not in folders:
                folders.add(facts.folder)
                yield releases.complete(facts)

    def _remember(self, path: str) -> None:
        """A store that cannot be written is no reason not to look."""
        try:
            with Undisturbed():
                write_record(self._places.root, path)
                self.recorded.append(path)
        except PymanError as error:
            self.unrecorded = error

    def _absent(self, known: KnownVenv) -> None:
        state = state_of_record(known.path)
        if state == PRESENT:
            # A folder without its file is none any more; a link may lead to a disk that is not mounted.
            state = state_of_record(os.path.realpath(known.path)) if os.path.islink(known.path) else GONE
        self.absent.append((known, UNREACHABLE if state == UNREACHABLE else GONE))


def take_inventory(
    places: Places,
    environ: Mapping[str, str],
    cwd: str,
    folders: Iterable[str] = (),
    searched: Iterable[str] = (),
    observer: Observer = SILENT,
    *,
    record: bool = True,
    named: bool = False,
) -> Inventory:
    """Find every known venv, and those that nobody has told of.

    With `folders` only what lies below these, searched to the bottom. Else the records, the current folder, the
    folders of the settings (`searched`) and the places where other tools keep theirs. With `record` those that were
    not known are recorded when they are read; what only a link or a text file of a project names, outside of that
    project, is recorded where it is one of `folders` itself and the user `named` them to be recorded.
    """
    given = [os.path.abspath(os.path.join(cwd, os.path.expanduser(folder))) for folder in folders]
    records = known_venvs(places.root)
    if given:
        found = search_venvs(given, observer)
        tops = tuple(f"{top.rstrip('/')}/" for top in dict.fromkeys((*given, *map(os.path.realpath, given))))
        known = {one.name: one for one in records if f"{one.path}/".startswith(tops)}
        return Inventory(places, known, found.venvs, found.unreadable, record=record, named=given if named else ())
    paths, unreadable = _without_records(places, environ, cwd, searched, observer)
    return Inventory(places, {one.name: one for one in records}, paths, unreadable, record=record)


def unrecorded_venvs(
    places: Places, environ: Mapping[str, str], cwd: str, observer: Observer = SILENT
) -> tuple[str, ...]:
    """The paths of the venvs that are known without a record, for those who only ask which name of the store each uses.

    Nothing is recorded. Raises PymanError where records or settings cannot be read.
    """
    recorded = set(record_names(places.root))
    paths, _ = _without_records(places, environ, cwd, read_settings(places.config).folders, observer)
    return tuple(dict.fromkeys(path for path in paths if record_name(path) not in recorded))


def _without_records(
    places: Places, environ: Mapping[str, str], cwd: str, searched: Iterable[str], observer: Observer
) -> tuple[list[str], tuple[str, ...]]:
    """Where venvs are, whether they have a record or not; and the folders that could not be searched."""
    paths = [*_here(cwd), *find_known_venvs(environ, places.home)]
    wanted = [os.path.abspath(os.path.join(places.home, os.path.expanduser(folder))) for folder in searched]
    if not wanted:
        return paths, ()
    found = search_venvs(wanted, observer)
    return [*paths, *found.venvs], found.unreadable


def read_one(places: Places, path: str) -> VenvFacts | None:
    """Read one venv with the release that runs, and with its shared files; None where there is none."""
    facts = read_venv(path)
    if facts is None:
        return None
    return SharedFilesLook().complete(BaseReleases(places).complete(_with_claim(places, facts)))


def leads_outside(places: Places, path: str, folder: str) -> bool:
    """True for a venv whose `path` is a link or a text file, and whose `folder` lies outside of the project of that."""
    return path != folder and not is_inside(folder, project_of(os.path.dirname(path), places.home))


def is_only_named(places: Places, path: str, folder: str) -> bool:
    """True for a venv that only a link or a text file of a project names, from outside, and no record."""
    return leads_outside(places, path, folder) and not any(is_recorded(places.root, each) for each in (path, folder))


def _with_claim(places: Places, facts: VenvFacts) -> VenvFacts:
    """Say of a venv that only a project's link or text file names that it is not to be changed.

    What such a file says can make pyman look inside of that project, and write nowhere else (DESIGN 6).
    """
    only_named = is_only_named(places, facts.path, facts.folder)
    return facts if only_named == facts.only_named else replace(facts, only_named=only_named)


def is_own(path: str) -> bool:
    """True for the venv that pyman itself runs in: it is left alone, its installer looks after it."""
    try:
        return os.path.samestat(os.stat(path), os.stat(sys.prefix))
    except OSError:
        return False


def _here(cwd: str) -> list[str]:
    """The current folder where it is a venv, and those in it; `.venv` may also be a link or a file that names one."""
    folders = [cwd]
    for folder in (cwd, *(os.path.join(cwd, name) for name in _OF_TESTERS)):
        folders += _folders(folder)
    found = [path for name in _USUAL if os.path.lexists(path := os.path.join(cwd, name))]
    return found + [folder for folder in folders if os.access(os.path.join(folder, FILE_NAME), os.F_OK)]


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    # Work in progress is no venv yet, or none any more.
    return [path for path in folders if TEMPORARY not in os.path.basename(path)]
