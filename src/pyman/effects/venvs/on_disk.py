"""Venvs as they lie on the disk: read, never run (DESIGN 6). Hot."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.creator import MARKERS, creator_of
from pyman.core.folder_names import is_interpreter_name, minor_of_executable, minor_sibling
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS, Settings, parse_pyvenv_cfg
from pyman.core.shell.activation import read_virtual_env
from pyman.core.venv import (
    LONE_COPY,
    NO_COPY,
    Entry,
    Interpreter,
    Library,
    OwnerLink,
    Problem,
    VenvFacts,
    Way,
    named_folder,
)
from pyman.effects.files import NotReadable, read_bytes
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.interpreters.standard_library import standard_library
from pyman.effects.venvs.contents import compare_copy, holds_compiled, is_script

# A text file in place of `.venv` holds one path.
_LONGEST_PATH = 4096
_LARGEST_ACTIVATE = 1 << 18
# Venvs in venvs: each is made from the one before, by hand.
_DEEPEST_NESTING = 10


def read_venv(path: str, bases: Bases | None = None) -> VenvFacts | None:
    """Read the venv at an absolute path; None where there is none.

    `.venv` may be a link to the venv, or a text file that holds its path (uv's centralised environments). What
    cannot be read is among the problems of the answer; nothing is raised for it, and nothing is executed.
    """
    return _Reading(path, bases or Bases()).read()


def _why(error: OSError) -> str:
    if isinstance(error, NotReadable):
        return str(error)
    return (error.strerror or str(error)).lower()


class _Reading:
    """One venv while it is read."""

    def __init__(self, path: str, bases: Bases) -> None:
        self.path = path
        self.folder = path
        self.bases = bases
        self.problems: list[Problem] = []
        self.cfg = b""

    def read(self) -> VenvFacts | None:
        try:
            status = os.lstat(self.path)
            if not stat.S_ISDIR(status.st_mode):
                found = _elsewhere(self.path, status)
                if found is None:
                    return None
                self.folder = found
                status = os.stat(found)
        except OSError:
            return None
        names = self.list(self.folder)
        if names is None:
            creator, foreign = creator_of(self.folder, (), Settings({}))
            empty = Settings({})
            return VenvFacts(
                self.path, self.folder, status.st_uid, empty, creator, foreign, problems=tuple(self.problems)
            )
        if FILE_NAME not in names:
            return None
        settings = self.read_settings()
        entries = self.read_entries()
        link, way = self.read_link(entries)
        libraries = self.read_libraries()
        called = os.path.basename(link) if link is not None else ""
        interpreter = self.bases.interpreter(way.real, called) if way is not None and way.real is not None else None
        home = settings.home if settings.home is not None and settings.home.startswith("/") else None
        home_way = self.bases.folder(home.rstrip("/") or "/") if home is not None else None
        home_interpreter = self.interpreter_of_home(home_way, called, libraries)
        outer, base_home = self.outermost(home)
        markers = tuple(name for name in names if name in MARKERS)
        creator, foreign = creator_of(self.folder, markers, settings)
        location, moved_from = self.read_location()
        return VenvFacts(
            path=self.path,
            folder=self.folder,
            uid=status.st_uid,
            settings=settings,
            creator=creator,
            foreign=foreign,
            names=markers,
            entries=entries,
            link=link,
            way=way,
            interpreter=interpreter,
            copy=self.what_copy(link, way, home_interpreter),
            home=home,
            home_way=home_way,
            home_interpreter=home_interpreter,
            home_library=_library_beside(home_way, interpreter or home_interpreter, libraries),
            outer=outer,
            base_home=base_home,
            libraries=libraries,
            scripts_location=location,
            moved_from=moved_from,
            compiled=self.find_compiled(settings, libraries, interpreter),
            owner_link=self.find_owner_link(link, home, called, libraries),
            cfg=self.cfg,
            problems=tuple(self.problems),
        )

    def list(self, folder: str) -> list[str] | None:
        try:
            return os.listdir(folder)
        except OSError as error:
            self.problems.append(Problem(folder, _why(error)))
            return None

    def read_settings(self) -> Settings:
        path = f"{self.folder}/{FILE_NAME}"
        try:
            content = self.cfg = read_bytes(path)
        except OSError as error:
            self.problems.append(Problem(path, _why(error)))
            return Settings({})
        if b"\0" in content or b"=" not in content:
            self.problems.append(Problem(path, "it holds no settings"))
        return parse_pyvenv_cfg(content.decode("utf-8", "surrogateescape"))

    def read_entries(self) -> tuple[Entry, ...]:
        folder = f"{self.folder}/bin"
        names = self.list(folder)
        entries = []
        for name in sorted(name for name in names or () if is_interpreter_name(name)):
            path = f"{folder}/{name}"
            try:
                entries.append(Entry(name, "link", os.readlink(path)))
            except OSError as error:
                if error.errno != errno.EINVAL:
                    continue
                if os.path.isfile(path):
                    entries.append(Entry(name, "script" if is_script(path) else "file"))
                else:
                    entries.append(Entry(name, "other"))
                    self.problems.append(Problem(path, f"{path} is no regular file"))
        return self.bases.shared(tuple(entries))

    def read_link(self, entries: tuple[Entry, ...]) -> tuple[str | None, Way | None]:
        """Find the first path outside of `bin` that the interpreter's name leads to, and where that ends."""
        known = {entry.name: entry for entry in entries}
        name = next((name for name in ("python", "python3") if name in known), entries[0].name if entries else None)
        folder = f"{self.folder}/bin"
        chain: list[str] = []
        while name in known:
            entry = known.pop(name)
            chain.append(f"{folder}/{name}")
            if entry.kind != "link":
                return None, Way(tuple(chain), (), chain[-1] if entry.kind != "other" else None)
            target = entry.text if entry.text.startswith("/") else f"{folder}/{entry.text}"
            name = os.path.basename(target)
            if os.path.dirname(target) != folder:
                way = self.bases.follow(target)
                shown = target if "/.." not in target else os.path.normpath(target)
                return shown, Way((*chain, *way.chain), way.through, way.real, way.reason)
        return None, Way(tuple(chain), (), None, "it is not there")

    def interpreter_of_home(self, home: Way | None, called: str, libraries: tuple[Library, ...]) -> Interpreter | None:
        if home is None or home.real is None:
            return None
        names = [called] if called else []
        names += [library.name for library in libraries]
        for name in dict.fromkeys([*names, "python3", "python"]):
            end = self.bases.follow(f"{home.real}/{name}")
            found = self.bases.interpreter(end.real, name) if end.real is not None else None
            if found is not None:
                return found
        return None

    def outermost(self, home: str | None) -> tuple[str | None, str | None]:
        """The venv that `home` lies in, and the `home` of the last venv on the way from there to the base."""
        first = None
        for _ in range(_DEEPEST_NESTING):
            outer = os.path.dirname(home) if home is not None else ""
            if not outer or not os.access(f"{outer}/{FILE_NAME}", os.F_OK):
                return first, home if first is not None else None
            first = first or outer
            try:
                above = parse_pyvenv_cfg(read_bytes(f"{outer}/{FILE_NAME}").decode("utf-8", "surrogateescape")).home
            except OSError as error:
                self.problems.append(Problem(f"{outer}/{FILE_NAME}", _why(error)))
                return first, None
            home = above if above is not None and above.startswith("/") else None
        return first, None

    def read_libraries(self) -> tuple[Library, ...]:
        folder = f"{self.folder}/lib"
        names = sorted(name for name in self.list(folder) or () if minor_of_executable(name) is not None)
        libraries = []
        for name in names:
            packages = f"{folder}/{name}/site-packages"
            is_there = os.access(packages, os.F_OK)
            count = None
            if len(names) > 1 and is_there:
                count = sum(each.endswith(".dist-info") for each in self.list(packages) or ())
            libraries.append(Library(name, is_there, count))
        return self.bases.shared(tuple(libraries))

    def read_location(self) -> tuple[str | None, str | None]:
        path = f"{self.folder}/bin/activate"
        try:
            location = read_virtual_env(read_bytes(path, _LARGEST_ACTIVATE).decode("utf-8", "surrogateescape"))
        except FileNotFoundError:
            return None, None
        except OSError as error:
            self.problems.append(Problem(path, _why(error)))
            return None, None
        if location is None or location.rstrip("/") in (self.folder, self.path):
            return location, None
        try:
            is_here = os.path.samefile(location, self.folder)
        except OSError:
            is_here = False
        return location, None if is_here else location.rstrip("/")

    def what_copy(self, link: str | None, way: Way | None, base: Interpreter | None) -> str:
        if link is not None or way is None or way.real is None:
            return NO_COPY
        try:
            return compare_copy(way.real, base)
        except OSError as error:
            self.problems.append(Problem(way.real, _why(error)))
            return LONE_COPY

    def find_owner_link(
        self, link: str | None, home: str | None, called: str, libraries: tuple[Library, ...]
    ) -> OwnerLink | None:
        named = named_folder(link) or named_folder(f"{home}/python" if home is not None else None)
        sibling = minor_sibling(named) if named is not None else None
        if sibling is None:
            return None
        if minor_of_executable(called) is None:
            called = libraries[0].name if libraries else "python3"
        return self.bases.owner_link(sibling, called)

    def find_compiled(
        self, settings: Settings, libraries: tuple[Library, ...], interpreter: Interpreter | None
    ) -> bool | None:
        """Look for compiled packages, where the file names a pre-release (`3.14.0b1`, `3.14.0.beta.1`) or one runs."""
        named = "".join(settings.get(key) or "" for key in VERSION_KEYS).replace(".final.", "")
        runs = interpreter.version if interpreter is not None else None
        if not any(letter.isalpha() for letter in named) and (runs is None or runs.is_final):
            return None
        return holds_compiled([f"{self.folder}/lib/{library.name}/site-packages" for library in libraries])


def _elsewhere(path: str, status: os.stat_result) -> str | None:
    """The venv that a link or a text file in the place of `.venv` stands for."""
    if stat.S_ISLNK(status.st_mode):
        return os.path.realpath(path)
    if not stat.S_ISREG(status.st_mode):
        return None
    text = read_bytes(path, _LONGEST_PATH).decode("utf-8", "surrogateescape").removeprefix("\ufeff").strip()
    if not text or "\n" in text or "\0" in text:
        return None
    return os.path.realpath(os.path.join(os.path.dirname(path), text))


def _library_beside(home: Way | None, interpreter: Interpreter | None, libraries: tuple[Library, ...]) -> str | None:
    """The standard library beside `home`, as it is written or as it ends."""
    if home is None or home.real is None:
        return None
    minor = interpreter.minor if interpreter is not None else ""
    variant = interpreter.variant if interpreter is not None else "default"
    wanted = [(minor, variant)] if minor else [(library.minor, library.variant) for library in libraries]
    for folder in dict.fromkeys((home.chain[0], home.real)):
        for each in wanted:
            found = standard_library(os.path.dirname(folder), *each)
            if found is not None:
                return found
    return None
