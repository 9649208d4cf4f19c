"""Every venv of this machine that pyman made, found or was told of, and where tools keep theirs (design.md 6)."""

from __future__ import annotations

import os
import sys

from pyman.core.admission import OUTSIDE, Objection, refusal
from pyman.core.immutable import replace
from pyman.core.implementation import is_repaired
from pyman.core.owners import creator_of
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.store import is_shared
from pyman.core.venv import VenvFacts, with_release
from pyman.effects.files import TEMPORARY, read_text
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.interruption import DeferredSignals
from pyman.effects.observer import SILENT, Observer
from pyman.effects.project_files import project_of
from pyman.effects.venvs.home_search import found_venvs, never_walked
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.place import is_work_folder
from pyman.effects.venvs.record_mounts import RecordMounts
from pyman.effects.venvs.records import (
    KnownVenv,
    record_name,
    record_names,
)
from pyman.effects.venvs.search import search_venvs
from pyman.effects.venvs.stores import (
    is_known,
    record_venv,
    recorded_by_others,
    recorded_elsewhere,
    recorded_venvs,
)
from pyman.effects.venvs.venvs_of_tools import PlaceOwners, tool_places, venvs_of_tools
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyman.core.venv import KnownBy
    from pyman.core.version import Version
    from pyman.effects.places import Places

_USUAL = (".venv", "venv")
FOLDERS_OF_TOOLS = (".tox", ".nox", ".hatch", ".direnv")
"""Folders of a project in which a tool keeps venvs."""
_NAMED = ".python-envs"
_MOST_LINES = 1000


class Inventory:
    """Where the venvs are. Made by `take_inventory`."""

    def __init__(
        self,
        places: Places,
        known: dict[str, KnownVenv],
        paths: Mapping[str, KnownBy],
        unreadable: tuple[str, ...],
        record: bool,
        named: Iterable[str] = (),
        pointed: frozenset[str] = frozenset(),
    ) -> None:
        self._places = places
        self._pointed = pointed
        self._named = frozenset(named)
        self._known = known
        self._paths = paths
        self._record = record
        self._mounts = RecordMounts()
        self.unreadable = unreadable
        """Folders that could not be searched."""
        self.unrecorded: PymanError | None = None
        """Why one could not be recorded."""
        self.recorded: list[str] = []
        """Those that were not known before: recorded by now, or to be recorded."""
        self.absent: list[tuple[KnownVenv, str]] = []
        """Records whose venv is not there: `gone`, or `unreachable` with its whole folder. Complete after `read`."""

    def read(self) -> Iterator[VenvFacts]:
        """Read one venv after the other, and record those that were not known.

        One that goes by two names, because `.venv` is a link to it or a file that names it, is read once.
        """
        bases, releases, claims = Bases(), BaseReleases(self._places), Claims(self._places, self._pointed)
        unique = {name: known.path for name, known in self._known.items()}
        known_by: dict[str, KnownBy] = {}
        for path, how in self._paths.items():
            name = record_name(path)
            if name not in unique:
                unique[name] = path
                known_by[name] = how
        folders: set[str] = set()
        pointers: list[VenvFacts] = []
        # What was read is dropped: there may be tens of thousands, and whoever reads them keeps something of each.
        names = sorted(unique, key=unique.__getitem__, reverse=True)
        while names:
            name = names.pop()
            path, known = unique.pop(name), self._known.pop(name, None)
            if is_own(path) or is_work_folder(os.path.basename(path)):
                continue
            facts = read_venv(path, bases)
            if facts is None:
                if known is not None:
                    self.absent.append((known, self._mounts.state_of(known)))
                continue
            facts = claims.complete(facts)
            how = known_by.get(name, "record")
            if how != "record":
                facts = replace(facts, known=how)
            elif self._record and known is not None:
                is_folder = facts.identity is not None and facts.path == facts.folder
                device = facts.identity[0] if facts.identity and is_folder else None
                self._mounts.note(known, device)
            if how in ("place", "project") and (path in self._named or not facts.only_named):
                if self._record:
                    self._remember(path)
                    facts = claims.complete(facts)
                else:
                    self.recorded.append(path)
            if facts.folder != facts.path:
                pointers.append(facts)
                continue
            folders.add(facts.folder)
            yield releases.complete(facts)
        for facts in pointers:
            if facts.folder not in folders:
                folders.add(facts.folder)
                yield releases.complete(facts)
        self._store_mounts()

    def _store_mounts(self) -> None:
        try:
            with DeferredSignals():
                self._mounts.store()
        except (PymanError, OSError):
            pass  # A store that cannot be written is no reason not to look.

    def _remember(self, path: str) -> None:
        """A store that cannot be written is no reason not to look."""
        try:
            with DeferredSignals():
                self._mounts.note(record_venv(self._places, path, with_mount=False))
                self.recorded.append(path)
        except PymanError as error:
            self.unrecorded = error


def take_inventory(
    places: Places,
    environ: Mapping[str, str],
    cwd: str,
    folders: Iterable[str] = (),
    found: Iterable[str] = (),
    observer: Observer = SILENT,
    *,
    record: bool = True,
    named: bool = False,
) -> Inventory:
    """Find every known venv, and those that nobody has told of.

    With `folders` only what lies below these, searched to the bottom. Else the records, the current folder, the places
    where other tools keep theirs, and what only a search has found: until now, or by the one that told `found`. With
    `record` those that were not known are recorded when they are read, except what only a search has found; what only a
    link or a text file of a project names, outside of that project, is recorded where it is one of `folders` itself and
    the user `named` them to be recorded.
    """
    given = [os.path.abspath(os.path.join(cwd, os.path.expanduser(folder))) for folder in folders]
    records = recorded_venvs(places)
    if given:
        search = search_venvs(given, observer, without=never_walked(os.path.abspath(places.home)))
        tops = tuple(f"{top.rstrip('/')}/" for top in dict.fromkeys((*given, *map(os.path.realpath, given))))
        known = {one.name: one for one in records if f"{one.path}/".startswith(tops)}
        below: dict[str, KnownBy] = dict.fromkeys(search.venvs, "place")
        return Inventory(places, known, below, search.unreadable, record=record, named=given if named else ())
    paths = _without_records(places, environ, cwd, found)
    pointed = named_outside(places, cwd)
    return Inventory(places, {one.name: one for one in records}, paths, (), record=record, pointed=pointed)


def unrecorded_venvs(places: Places, found: Iterable[str] = ()) -> tuple[str, ...]:
    """The paths of the venvs that are known without a record, for those who only ask which name of the store each uses.

    `found` is what a search has just found; what an earlier one found is among the answer. Every command asks this,
    also each move of an alias: nothing is searched, and nothing recorded. Raises PymanError where the records cannot be
    read.
    """
    recorded = set(record_names(places.root))
    known = (*_without_records(places, places.environ, places.cwd, found), *recorded_elsewhere(places))
    return tuple(path for path in dict.fromkeys(known) if record_name(path) not in recorded)


def _without_records(places: Places, environ: Mapping[str, str], cwd: str, found: Iterable[str]) -> dict[str, KnownBy]:
    """Where venvs are, whether they have a record or not, and how they are known."""
    paths: dict[str, KnownBy] = dict.fromkeys(_here(places, cwd), "project")
    of_tools = venvs_of_tools(tool_places(environ, places.home))
    sources: tuple[tuple[Iterable[str], KnownBy], ...] = (
        (of_tools, "place"),
        (named_outside(places, cwd), "project"),
        (found, "search"),
        (found_venvs(places), "search"),
    )
    for each, how in sources:
        for path in each:
            paths.setdefault(path, how)
    return paths


def read_one(places: Places, path: str) -> VenvFacts | None:
    """Read one venv with the release that runs, its scripts, modules and shared files; None where there is none."""
    from pyman.effects.venvs.scripts_and_modules import ContentsLook
    from pyman.effects.venvs.shared_files import SharedFilesLook

    facts = read_venv(path)
    if facts is None:
        return None
    complete = BaseReleases(places).complete(Claims(places).complete(facts))
    return ContentsLook().complete(SharedFilesLook().complete(complete))


def leads_outside(places: Places, path: str, folder: str) -> bool:
    """True for a venv whose `path` is a link or a text file, and whose `folder` lies outside of the project of that."""
    if path == folder:
        return False
    # What the files of a project say counts inside of it, and nowhere else (design.md 6).
    return not _is_inside(folder, project_of(os.path.realpath(os.path.dirname(path)), places.home))


class Claims:
    """Says whose a venv is: a tool's, by the place that it lies in; and whether only a file of a project names it.

    What such a file says can make pyman look inside of that project, and write nowhere else (design.md 6).
    """

    def __init__(self, places: Places, pointed: frozenset[str] = frozenset()) -> None:
        self._places = places
        self._pointed = pointed
        """Venvs that a file of the current project names, and nothing else."""
        self._owners = PlaceOwners(tool_places(places.environ, places.home))

    def complete(self, facts: VenvFacts) -> VenvFacts:
        """The facts of a venv with its owner, and with whether it is not to be changed."""
        tool = self._owners.tool_of(facts.folder)
        if tool:
            creator, foreign = creator_of(facts.folder, facts.names, facts.settings, tool)
            if (creator, foreign) != (facts.creator, facts.foreign):
                facts = replace(facts, creator=creator, foreign=foreign)
        only_named = self._is_only_named(facts)
        return facts if only_named == facts.only_named else replace(facts, only_named=only_named)

    def _is_only_named(self, facts: VenvFacts) -> bool:
        if facts.path not in self._pointed and not leads_outside(self._places, facts.path, facts.folder):
            return False
        return not any(is_known(self._places, each) for each in (facts.path, facts.folder))


def is_own(path: str) -> bool:
    """True for the venv that pyman itself runs in: it is left alone, its installer looks after it."""
    try:
        return os.path.samestat(os.stat(path), os.stat(sys.prefix))
    except OSError:
        return False


def _here(places: Places, cwd: str) -> list[str]:
    """The venvs in the current folder and in its project."""
    found: list[str] = []
    for top in _tops(places, cwd):
        # `.venv` may also be a link or a file that names one.
        found += [path for name in _USUAL if os.path.lexists(path := os.path.join(top, name))]
        folders = [top, *_folders(top)]
        for name in FOLDERS_OF_TOOLS:
            folders += _folders(os.path.join(top, name))
        found += filter(_is_venv, folders)
    return [*found, *(path for path, is_outside in _named_here(places, cwd) if not is_outside)]


def named_outside(places: Places, cwd: str) -> frozenset[str]:
    """The venvs that a file of the current project names, outside of that project, and in no place of a tool."""
    named = [path for path, is_outside in _named_here(places, cwd) if is_outside]
    if not named:
        return frozenset()
    of_tools = venvs_of_tools(tool_places(places.environ, places.home))
    return frozenset(named).difference(of_tools)


def named_by_others(places: Places) -> frozenset[str]:
    """The venvs that a record of another user names, and nothing of this user's: they count, and are not changed."""
    others = recorded_by_others(places)
    if not others:
        return frozenset()
    return frozenset(others).difference(_without_records(places, places.environ, places.cwd, ()))


def _tops(places: Places, cwd: str) -> list[str]:
    here = os.path.realpath(cwd)
    project = project_of(here, places.home)
    return [cwd] if here == project else [cwd, project]


def _named_here(places: Places, cwd: str) -> list[tuple[str, bool]]:
    """The venvs that `.python-envs` of the current project names, and whether they lie outside of it."""
    tops = _tops(places, cwd)
    named = [path for top in tops for path in _named_in(top) if _is_venv(path)]
    project = os.path.realpath(tops[-1])
    return [(path, not _is_inside(os.path.realpath(path), project)) for path in named]


def _named_in(project: str) -> list[str]:
    """The folders that `.python-envs` names, one a line (PEP 832, a draft); relative ones are below its own."""
    try:
        text = read_text(os.path.join(project, _NAMED))
    except OSError:
        return []
    lines = [line.strip() for line in text.splitlines()[:_MOST_LINES] if "\0" not in line]
    return [os.path.normpath(os.path.join(project, line)) for line in lines if line and not line.startswith("#")]


def _is_venv(folder: str) -> bool:
    return os.access(os.path.join(folder, FILE_NAME), os.F_OK)


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            folders = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    # Work in progress is not a venv yet, or none any more.
    return [path for path in folders if TEMPORARY not in os.path.basename(path)]


# What venvs stand on, as far as neither their links nor files tell it, and whether that may be started (design.md 6).
#
# Only a base interpreter is ever started, never anything of a venv, and only one that
# effects/interpreters/admission.py admits: a repository may bring along a venv, and the program that it leads to.

_OF_THE_SYSTEM = frozenset(
    ("/", "/usr", "/opt", "/nix", "/gnu", "/snap", "/var", "/home", "/Applications", "/Library", "/System", "/Users")
)
"""Folders right below the root in which a system keeps programs, or users. Any other may be somebody's project."""


class BaseReleases:
    """The answers of base interpreters, each asked once however many venvs run it."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._told: dict[str, Version | PymanError] = {}
        self._allowed: dict[str, bool] = {}

    def complete(self, facts: VenvFacts) -> VenvFacts:
        """The facts of a venv with the release that runs, and without what it may not be linked to.

        Nothing is raised where the release cannot be had.
        """
        link = facts.owner_link
        if link is not None and not (self._is_of_a_tool(link.path) and self._allows(link.interpreter.path)):
            facts = replace(facts, owner_link=None)
        if facts.base_home is not None and not self._is_base(facts):
            facts = replace(facts, base_home=None)
        answer = self._release(facts)
        return with_release(facts, answer) if answer is not None and not isinstance(answer, PymanError) else facts

    def why_unknown(self, facts: VenvFacts) -> PymanError | None:
        """Why it is unknown which release runs in a venv; None where that is known, or nothing runs."""
        answer = self._release(facts)
        return answer if isinstance(answer, PymanError) else None

    def _release(self, facts: VenvFacts) -> Version | PymanError | None:
        running = facts.running
        if not is_repaired(facts.implementation):
            return None  # Nothing would be done with the answer.
        if running is None or running.version is not None:
            return None
        try:
            if _lies_in(running.path, facts.folder):
                return None
            if self._came_along(running.path, facts.folder):
                return self._why_not(running.path)
        except OSError:
            return None  # Links are being replaced while they are read.
        if running.path not in self._told:
            self._told[running.path] = self._ask(running.path)
        return self._told[running.path]

    def _ask(self, executable: str) -> Version | PymanError:
        from pyman.effects.interpreters.admission import Admission
        from pyman.effects.interpreters.ask import ask_once

        try:
            return ask_once(executable, self._places.cache, Admission(self._places)).version
        except PymanError as error:
            return error

    def _why_not(self, executable: str) -> PymanError:
        """Why an interpreter that lies beside a venv is not started; where nothing else forbids it, because it does."""
        from pyman.effects.interpreters.admission import Admission

        try:
            Admission(self._places).check(executable)
        except PymanError as error:
            return error
        return refusal(executable, Objection(OUTSIDE, executable))

    def _is_of_a_tool(self, link: str) -> bool:
        """An owner's own minor-version link counts only in the folder of the user's own version manager."""
        from pyman.effects.interpreters.admission import own_tool_roots

        folder = os.path.dirname(link)
        if folder not in self._allowed:
            real = os.path.realpath(folder)
            self._allowed[folder] = any(
                f"{real}/".startswith(f"{os.path.realpath(root.pythons)}/") for root in own_tool_roots(self._places)
            )
        return self._allowed[folder]

    def _is_base(self, facts: VenvFacts) -> bool:
        """Whether what a venv in a venv stands on in the end is none that came along with it, and may be started."""
        base = facts.interpreter
        return base is not None and not self._came_along(base.path, facts.folder) and self._allows(base.path)

    def _came_along(self, executable: str, venv: str) -> bool:
        """True for an interpreter that was unpacked together with a venv, as likely as not, and nobody vouches for."""
        from pyman.effects.interpreters.admission import Admission

        return _lies_beside(executable, venv) and not Admission(self._places).vouches(executable)

    def _allows(self, executable: str) -> bool:
        from pyman.effects.interpreters.admission import Admission

        if executable not in self._allowed:
            self._allowed[executable] = Admission(self._places).allows(executable)
        return self._allowed[executable]


def _lies_in(path: str, folder: str) -> bool:
    return path.startswith(os.path.realpath(folder) + "/")


def _lies_beside(path: str, venv: str) -> bool:
    """True for an interpreter that a folder holds together with a venv, be it `/app`, where images are made.

    What the system keeps for everybody does not count: its own prefixes, and the folders that they lie in.
    """
    around = os.path.commonpath((path, os.path.realpath(venv)))
    return around not in _OF_THE_SYSTEM and not is_shared(os.path.dirname(os.path.dirname(path)))


def _is_inside(path: str, folder: str) -> bool:
    """True for a folder itself and all that lies below it; both absolute, with their links resolved."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
