"""Which name of the store a venv goes through: the one answer, for everybody who asks. Nothing of a venv is run.

A venv goes by the link of its interpreter: of all paths on the way, link by link, the first one in the store's folder
of runtimes has the name. A venv whose interpreter is no link out of it (a copy, nothing, a circle) goes by the `home`
in its `pyvenv.cfg`; where that lies in another venv, as that one does.

Import-light.
"""

from __future__ import annotations

import errno
import os

from pyman.core.immutable import record
from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.core.venv import MOST_LINKS, Way
from pyman.effects.files import read_bytes
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.venvs.place import folder_of
from pyman.effects.venvs.records import known_venvs, record_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.store import Store

# What is there is not a link, or nothing is there. Whatever else the system says, it has not told.
_NO_LINK = frozenset((errno.ENOENT, errno.EINVAL, errno.ENOTDIR, errno.ELOOP))
_FILE = f"/{FILE_NAME}"
INTERPRETERS = ("python", "python3")
FILE, MISSING, CIRCULAR = "file", "missing", "circular"


@record
class WayOut:
    """How an interpreter's name leads out of a venv's `bin`."""

    names: tuple[str, ...]
    """The names in `bin` that it leads through."""
    target: str | None
    """The first path outside, absolute; None where there is none."""
    end: str = ""
    """What is there instead: FILE, MISSING, or CIRCULAR where the last name is one of those before."""


class Use:
    """A venv that goes through the store. No record: a move of an alias makes one for each of a thousand venvs."""

    __slots__ = ("_known", "by_home", "has_record", "identity", "name", "place", "recorded", "runtimes")

    def __init__(self, known: str, place: str, entry: tuple[str, str], status: os.stat_result) -> None:
        """`status` is that of its `pyvenv.cfg`. Raises OSError where the system refuses a look."""
        self._known = known
        self.recorded = False
        """True where the path that was asked about is that of its record."""
        self.has_record = False
        """True where it is recorded, by this path or by another one."""
        self.place = place
        """The folder, by the path of its record; where a text file in the place of `.venv` names a folder: that one."""
        self.runtimes, self.name = entry
        """The store's folder of runtimes, as the venv writes it, and the name in it: an alias, or a patch release."""
        if status.st_nlink != 1:
            # A copy of the venv shares the file by a hard link: its folder is its own.
            status = os.stat(place)
        self.identity = (status.st_dev, status.st_ino)
        """The same for all paths of one venv."""
        self.by_home = False
        """True for a venv that goes by its `home` alone."""

    @property
    def path(self) -> str:
        """The venv, as it is recorded or was asked about."""
        return _recorded_path(self._known) if self.recorded else self._known

    @property
    def folder(self) -> str:
        """The venv's own folder, with its neighbours: no record, link or text file that leads to it."""
        path = self.path if self.place == self._known else self.place
        return os.path.realpath(path) if os.path.islink(path) else path


class Uses:
    """Answers for one store; what was looked up is shared by all venvs that are asked about."""

    def __init__(self, root: str, bases: Bases | None = None) -> None:
        runtimes = os.path.join(root, "runtimes")
        # Some tools write paths down with all links in them resolved.
        self._inside = tuple(dict.fromkeys((f"{runtimes}/", f"{os.path.realpath(runtimes)}/")))
        self._root = root
        self._bases = bases or Bases()
        # A thousand venvs have few different links.
        self._entries: dict[str, tuple[str, str] | None] = {}
        self._homes: dict[str, tuple[str, str] | None] = {}
        self._inner: dict[str, bool] = {}

    def entry(self, path: str) -> tuple[str, str] | None:
        """The store's folder of runtimes and the name in it by which an absolute path enters the store.

        None for one that does not enter it. Raises OSError where the system refuses a look on the way.
        """
        if path not in self._entries:
            found = self.named(path)
            self._entries[path] = found if found is not None else self._first(self._bases.follow(path))
        return self._entries[path]

    def named(self, path: str) -> tuple[str, str] | None:
        """The same of a path as it is written: no link is followed."""
        for start in self._inside:
            if path.startswith(start):
                name = path[len(start) :].partition("/")[0]
                return (start[:-1], name) if name not in ("", ".", "..") else None
        return None

    def _first(self, way: Way) -> tuple[str, str] | None:
        found = next((found for step in way.chain if (found := self.named(step)) is not None), None)
        if found is None and way.hidden:
            raise OSError(errno.EACCES, way.reason, way.chain[-1])
        return found

    def of(self, venv: str) -> Use | None:
        """How the venv at an absolute path goes through the store; None where it does not, or is not a venv.

        In its place may be a link to it, or a text file that names it. Raises OSError where the system refuses a look.
        """
        return self._of(venv, 0)

    def of_known(self, others: Iterable[str] = ()) -> tuple[list[Use], list[str]]:
        """How the recorded venvs go through the store, and those at the absolute paths `others`; each venv once.

        One that is known by several paths has its own, not that of a link or a text file. The second answer are the
        paths of those where the system refused a look. Raises PymanError where the records cannot be read.
        """
        found: dict[tuple[int, int], Use] = {}
        unseen: list[str] = []
        places = [f"{self._root}/venvs/{name}" for name in record_names(self._root)]
        recorded = len(places)
        for number, place in enumerate((*places, *others)):
            try:
                use = self._quick(place) or self._of(place, 0, recorded=number < recorded)
                if use is None:
                    continue
                use.recorded = use.has_record = number < recorded
                known = found.get(use.identity)
                if known is None or _is_own_path(use.path):
                    use.has_record = use.has_record or (known is not None and known.has_record)
                    found[use.identity] = use
            except OSError:
                unseen.append(_recorded_path(place) if number < recorded else place)
        return list(found.values()), unseen

    def _quick(self, known: str) -> Use | None:
        """The answer for a venv like one before it, with two looks; None where it is not like any."""
        try:
            entry = self._entries[os.readlink(known + "/bin/python")]
            return Use(known, known, entry, os.stat(known + _FILE)) if entry is not None else None
        except (KeyError, OSError):
            return None

    def _of(self, known: str, depth: int, *, recorded: bool = False) -> Use | None:
        place = known
        out = way_out(f"{place}/bin")
        if not out.names:
            path = _recorded_path(known) if recorded else known
            folder = folder_of(path)
            if folder is None:
                return None
            if folder != path:
                place = folder
                out = way_out(f"{place}/bin")
        try:
            status = os.stat(f"{place}/{FILE_NAME}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        entry = self.entry(out.target) if out.target is not None else None
        if entry is not None:
            return Use(known, place, entry, status)
        if out.target is not None and not self._ends_in_venv(out.target):
            return None
        entry = self._entry_of_home(place, depth)
        if entry is None:
            return None
        use = Use(known, place, entry, status)
        use.by_home = True
        return use

    def _ends_in_venv(self, target: str) -> bool:
        """True for a link to the copy that another venv holds: where that came from, `home` tells."""
        if target not in self._inner:
            real = self._bases.follow(target).real
            above = os.path.dirname(os.path.dirname(real)) if real is not None else ""
            self._inner[target] = real is not None and os.access(f"{above}/{FILE_NAME}", os.F_OK)
        return self._inner[target]

    def _entry_of_home(self, place: str, depth: int) -> tuple[str, str] | None:
        text = read_bytes(f"{place}/{FILE_NAME}").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        home = parse_pyvenv_cfg(text).home
        if home is None or not home.startswith("/"):
            return None
        home = home.rstrip("/")
        if home not in self._homes:
            self._homes[home] = self.named(home) or self._first(self._bases.folder(home or "/"))
        outer = os.path.dirname(home)
        if self._homes[home] is None and depth < MOST_LINKS and os.access(f"{outer}/{FILE_NAME}", os.F_OK):
            use = self._of(outer, depth + 1)
            return (use.runtimes, use.name) if use is not None else None
        return self._homes[home]


def _recorded_path(record: str) -> str:
    """The path that a record names; its own where it is gone by now."""
    try:
        return os.readlink(record)
    except OSError:
        return record


def _is_own_path(path: str) -> bool:
    """True where a venv is known by its own folder, not by a link or a text file in a project."""
    return not os.path.islink(path) and os.path.isdir(path)


def way_out(folder: str, starts: Iterable[str] = INTERPRETERS) -> WayOut:
    """Follow the interpreter's name through the links in a venv's `bin`, from the first of `starts` that is there.

    Raises OSError where the system refuses a look.
    """
    for start in starts:
        names: list[str] = []
        name = start
        while True:
            try:
                link = os.readlink(f"{folder}/{name}")
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
                if error.errno != errno.EINVAL and not names:
                    break
                return WayOut((*names, name), None, FILE if error.errno == errno.EINVAL else MISSING)
            names.append(name)
            target = link if link.startswith("/") else f"{folder}/{link}"
            while "/./" in target:
                target = target.replace("/./", "/")
            above, name = os.path.split(target)
            if above != folder:
                return WayOut(tuple(names), target)
            if name in names:
                return WayOut((*names, name), None, CIRCULAR)
    return WayOut((), None, MISSING)


# Which venvs run on which runtime of the store: what `list` counts and `info` names.


def read_users(store: Store, others: Iterable[str] = ()) -> dict[str, list[str]]:
    """The paths of the known venvs, and of those at the paths `others`, by the path of the runtime that they lead to.

    Raises PymanError where the records cannot be read. What the system does not let us look at is left out.
    """
    found: dict[str, list[str]] = {}
    seen: set[tuple[int, int]] = set()
    others = tuple(others)
    own = () if store.beneath is None else (known.path for known in known_venvs(store.root))
    for layer, known in ((store, others), (store.beneath, (*others, *own))):
        if layer is None:
            continue
        for use in Uses(layer.root).of_known(known)[0]:
            runtime = layer.runtime(use.name) or layer.alias_target(use.name)
            if runtime is not None and use.identity not in seen:
                seen.add(use.identity)
                found.setdefault(runtime.path, []).append(use.path)
    return found
