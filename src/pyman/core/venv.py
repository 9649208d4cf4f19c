"""What is known of a venv from its files alone, and what follows from that.

effects/venvs/on_disk.py reads; nothing in here looks. Import-light.
"""

from __future__ import annotations

from posixpath import basename

from pyman.core.immutable import derived, record, replace
from pyman.core.implementation import CPYTHON, alias_name, library_name, reads_home
from pyman.core.names import is_minor_name, is_release_name, split_library
from pyman.core.scripts_and_modules import NOTHING, Abi, Contents
from pyman.core.version import VARIANT_SUFFIX, Version, release_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from pyman.core.pyvenv_cfg import Policy, Settings
    from pyman.core.shared_files import SharedFiles
    from pyman.core.version import Variant

    EntryKind = Literal["link", "file", "script", "other", "missing"]
    Copy = Literal["", "same", "differs", "script", "lone"]
    KnownBy = Literal["record", "place", "project", "search"]
    LinkKind = Literal["alias", "patch", "external", "broken"]

NO_COPY: Copy = ""
SAME_COPY: Copy = "same"
OTHER_COPY: Copy = "differs"
SCRIPT: Copy = "script"
LONE_COPY: Copy = "lone"
"""What `bin/python` is where it is not a link: a copy of its base, of something else, no interpreter at all, a copy
with nothing left to compare it with."""


MOST_LINKS = 40
"""What Linux follows before it answers ELOOP. So deep may venvs lie in venvs too, each made from the one before."""
CIRCLE = "its links form a circle"
"""The reason of a way that does not end."""


@record
class Entry:
    """One name of the interpreter in a venv's `bin`."""

    name: str
    kind: EntryKind
    """`link`, `file`, `script` for a file that is no program, `other` for what is none of these, or `missing`."""
    text: str = ""
    """What a link says."""
    executable: bool = True
    """False for a file that its owner may not execute."""


@record
class Stray:
    """A name of the interpreter in a venv's `bin` that runs another Python than `bin/python` does, or is missing."""

    entry: Entry
    leads_to: str
    """The interpreter that it leads to, or the path that is not there; its own path for a file."""


@record
class Interpreter:
    """An interpreter outside the venv, told from the files around it."""

    path: str
    """Its real path: no link is left in it."""
    prefix: str
    """The folder above its `bin`."""
    minor: str
    """`3.13`, or empty where neither its name nor its library tells."""
    variant: Variant
    version: Version | None
    """The patch release, from the manifest, `patchlevel.h` or the name of a folder; None where none of them tells."""
    library: str | None
    """Its standard library, None where that is missing."""
    size: int
    mtime_ns: int
    uid: int
    implementation: str = CPYTHON
    executable: bool = True
    """False where nobody may execute it."""

    @property
    def alias(self) -> str:
        """The alias that such an interpreter belongs to: `3.13`, `3.14t`, `pypy3.11`; empty where nothing tells."""
        return alias_name(self.implementation, self.minor + VARIANT_SUFFIX[self.variant]) if self.minor else ""


@record
class OwnerLink:
    """The minor-version link that the owner of an interpreter keeps beside it."""

    path: str
    interpreter: Interpreter
    """What it leads to today."""


@record
class Library:
    """A `lib/python3.X` of the venv, or a `lib/pypy3.X`."""

    name: str
    """`python3.13`, `python3.14t`, `pypy3.11`."""
    site_packages: bool
    distributions: int | None = None
    """How many packages are installed in it; counted only where a venv has several of these folders."""

    @property
    def minor(self) -> str:
        """`3.13` for `python3.13` and `python3.13t`."""
        split = split_library(self.name)
        return split[1] if split is not None else ""

    @property
    def variant(self) -> Variant:
        """Debug builds share the folder of default ones; only free-threaded ones have their own."""
        return "freethreaded" if self.name.endswith("t") else "default"


@record
class Problem:
    """Something of a venv that cannot be read, and why."""

    path: str
    reason: str


@record
class Way:
    """Where a path leads, link by link."""

    chain: tuple[str, ...]
    """The path as it is written, then as it reads after each link; the last one is where it ends."""
    through: tuple[str, ...] = ()
    """The links to folders that were passed: an alias is one of them."""
    real: str | None = None
    """The end; None where something is missing, unreadable or goes round in circles."""
    reason: str = ""
    """Why there is no end."""
    hidden: bool = False
    """True where the system refused a look: there may be an end."""

    @property
    def is_circle(self) -> bool:
        """True where the links lead to one another."""
        return self.reason == CIRCLE


@record
class VenvFolder:
    """The folder of a venv that is to be written into, and which one that was when it was read."""

    path: str
    identity: tuple[int, int] | None = None
    """Device and inode; None where nobody looked."""


@record
class VenvFacts:
    """One venv, read and not run."""

    path: str
    """As it was asked for."""
    folder: str
    """Where it really is: somewhere else where `.venv` is a link, or a file that holds a path."""
    uid: int
    settings: Settings
    creator: str
    foreign: bool
    """True where another tool owns the venv, and repairs it by a command of its own."""
    names: tuple[str, ...] = ()
    """Of the files in its folder those that tell who owns it (creator.py)."""
    entries: tuple[Entry, ...] = ()
    has_bin: bool = True
    """False where the whole `bin` was deleted."""
    strays: tuple[Stray, ...] = ()
    """Of these entries those that run another Python than `bin/python` does."""
    link: str | None = None
    """The first path outside the venv that `bin/python` leads to; None for a copy or where nothing is there."""
    way: Way | None = None
    """From `bin/python` on."""
    interpreter: Interpreter | None = None
    """What `bin/python` ends at."""
    copy: Copy = NO_COPY
    home: str | None = None
    home_way: Way | None = None
    home_interpreter: Interpreter | None = None
    """The interpreter in `home` that goes by the name of the one that is linked."""
    home_library: str | None = None
    """The standard library beside `home`."""
    outer: str | None = None
    """The venv that `home` lies in."""
    base_home: str | None = None
    """The `home` of the outermost of such venvs."""
    libraries: tuple[Library, ...] = ()
    moved_from: str | None = None
    """The place that `bin/activate` names, where it is not this venv."""
    meant_for: str | None = None
    """The place that it is to have, where it lies in a tree that is being packed or mounted (`stage_of`)."""
    compiled: bool | None = None
    """True where compiled packages are installed; looked at only where a pre-release is or was at work."""
    owner_link: OwnerLink | None = None
    """For a venv that names a patch release of somebody else: the link that it could go through."""
    implementation: str | None = None
    """`cpython`, `pypy`, `graalpy`, the name of another one, or None where nothing tells (implementation.py)."""
    cfg: bytes = b""
    """`pyvenv.cfg` as it was read."""
    problems: tuple[Problem, ...] = ()
    shared: SharedFiles | None = None
    """Files that it shares with other venvs, and that somebody else may change."""
    contents: Contents = NOTHING
    """What may be wrong with its scripts and compiled modules."""
    abi: Abi | None = None
    """What the interpreter that runs loads; looked at only where there are compiled modules."""
    own_libraries: tuple[tuple[str, str], ...] = ()
    """Links to shared libraries of its base, which virtualenv makes for PyPy: names relative to the venv, and texts."""
    only_named: bool = False
    """True where only a link or a text file of a project names it, and it lies outside of that project: it is shown,
    and not changed."""
    known: KnownBy = "record"
    """How it is known: by a record, in a place where a tool keeps venvs, in the current project, by a search alone."""
    identity: tuple[int, int] | None = None
    """Device and inode of its folder."""
    not_written: str = ""
    """Why nothing is written into it: a folder of it is a link, or somebody else's (own_folders.py)."""
    marked: bool = False
    """True where the mark of an unfinished venv lies in it, which anybody may have put there."""
    has_work: bool = False
    """True where a folder for work on it lies in it."""

    @derived
    def stage_reason(self) -> str:
        """Why it is left as it is until somebody says yes; empty where it need not be."""
        return stage_reason(self.folder, self.meant_for)

    @property
    def old_place(self) -> str | None:
        """The place that its activation, else its scripts, name instead of this one; None where they do not."""
        place = self.moved_from or self.contents.old_place
        return place if place != self.folder else None

    @property
    def place(self) -> VenvFolder:
        """Its folder, to write into."""
        return VenvFolder(self.folder, self.identity)

    @property
    def request(self) -> str | None:
        """What the user asked for, as pyman wrote it down."""
        return self.settings.request

    @property
    def policy(self) -> Policy | None:
        """`follow`, `pin`, or None where nothing says it."""
        return self.settings.policy

    @derived
    def library(self) -> Library | None:
        """The library folder that the venv's packages are in: of several, the one that holds most."""
        used = [library for library in self.libraries if library.site_packages] or list(self.libraries)
        if not used:
            return None
        runs = self.interpreter
        own = library_name(runs.implementation, runs.minor + VARIANT_SUFFIX[runs.variant]) if runs else ""
        return max(used, key=lambda each: (each.distributions or 0, each.name == own, each.name))

    @property
    def running(self) -> Interpreter | None:
        """The interpreter whose release runs: what the link ends at, or what the copy was made from."""
        if self.copy == NO_COPY:
            return self.interpreter
        if not reads_home(self.implementation):
            return None  # It has copied libraries beside the program, which stay what they were.
        return self.home_interpreter if self.copy == SAME_COPY else None

    @property
    def python(self) -> Version | None:
        """The patch release that runs; None where files do not tell it."""
        return self.running.version if self.running else None

    @property
    def release(self) -> str | None:
        """The same with its variant, as people write it: `3.14.2t`."""
        runs = self.running
        return release_name(runs.version, runs.variant) if runs is not None and runs.version is not None else None

    @derived
    def not_executable(self) -> tuple[str, ...]:
        """The interpreters, by path, that this venv runs and that may not be executed: its own files, or its base."""
        own = tuple(f"{self.folder}/bin/{entry.name}" for entry in self.entries if not entry.executable)
        base = self.interpreter if self.copy == NO_COPY else None
        return own or ((base.path,) if base is not None and not base.executable else ())

    @property
    def is_whole(self) -> bool:
        """False where the venv has a part less than it was made with, or one of another Python."""
        library = self.library
        return not self.not_executable and not self.strays and library is not None and library.site_packages

    @derived
    def alias(self) -> str | None:
        """The name of the alias that fits the venv's packages: `3.13`, `3.14t`, `3.14d`, `pypy3.11`."""
        library, interpreter = self.library, self.interpreter or self.home_interpreter
        if library is None:
            return (interpreter.alias or None) if interpreter else None
        if interpreter is not None and interpreter.minor == library.minor and interpreter.variant == "debug":
            return interpreter.alias
        return alias_name(self.implementation, library.minor + VARIANT_SUFFIX[library.variant])

    @derived
    def minor_link(self) -> str | None:
        """The minor-version link that both `bin/python` and `home` go through; None where they do not share one."""
        own, homes = self._minor_links
        return next((link for link in own if link in homes), None)

    @derived
    def _minor_links(self) -> tuple[list[str], list[str]]:
        homes = self.home_way.through if self.home_way is not None else ()
        own = self.way.through if self.way is not None and self.copy == NO_COPY else homes
        return [link for link in own if is_minor_name(basename(link))], [
            link for link in homes if is_minor_name(basename(link))
        ]

    @derived
    def named_release(self) -> str | None:
        """The folder named after a full version that the link or `home` names; None where neither does."""
        return named_folder(self.link) or named_folder(f"{self.home}/python" if self.home else None)

    @derived
    def link_kind(self) -> LinkKind:
        """`alias`, `patch`, `external`, or `broken`, as `--json` says it."""
        if self.home_way is None or self.home_way.real is None or (self.interpreter is None and self.copy == NO_COPY):
            return "broken"
        if all(self._minor_links):
            return "alias"
        return "patch" if self.named_release is not None else "external"


def stage_of(folder: str, place: str) -> str | None:
    """The tree that a venv lies in which is meant for `place`: `/build` for `/build/opt/app` and `/opt/app`.

    None where the place is no tail of the folder. Such a tree is being packed, or is a mounted image or a backup:
    it cannot be told from one that was really moved there (design.md 7, Moved).
    """
    return folder[: -len(place)] or None if place.startswith("/") and folder.endswith(place) else None


def stage_reason(folder: str, meant_for: str | None) -> str:
    """Why a venv is left as it is until somebody says yes: it may lie in such a tree; empty where it does not."""
    stage = stage_of(folder, meant_for) if meant_for is not None else None
    if stage is None:
        return ""
    return f"it was created for {meant_for}, so {stage} may be a tree that is being packed or mounted"


# Thousands of venvs have the same few.
_NAMED: dict[str | None, str | None] = {}
_MOST_NAMED = 2000


def named_folder(path: str | None) -> str | None:
    """The folder of a path that is named after a full version; None where there is none."""
    if path not in _NAMED:
        if len(_NAMED) > _MOST_NAMED:
            _NAMED.clear()
        _NAMED[path] = _named_folder(path)
    return _NAMED[path]


def _named_folder(path: str | None) -> str | None:
    parts = path.split("/") if path is not None else []
    for end in range(len(parts) - 1, 0, -1):
        if is_release_name(parts[end - 1]):
            return "/".join(parts[:end])
    return None


def with_release(facts: VenvFacts, version: Version) -> VenvFacts:
    """The facts of a venv whose interpreter was asked for its release, because no file tells it."""
    changed = facts
    for field in ("interpreter", "home_interpreter"):
        found = getattr(facts, field)
        if found is not None and found.version is None and found.minor in ("", version.minor_name):
            changed = replace(changed, **{field: replace(found, version=version, minor=version.minor_name)})
    return changed
