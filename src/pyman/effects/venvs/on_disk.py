"""Venvs as they lie on the disk: read, never run (DESIGN 6). Hot."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.implementation import of_program, split_library
from pyman.core.names import is_interpreter_name
from pyman.core.owners import MARKERS, creator_of
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS, Settings, parse_pyvenv_cfg
from pyman.core.venv import (
    LONE_COPY,
    NO_COPY,
    Entry,
    Interpreter,
    Library,
    Problem,
    VenvFacts,
    Way,
)
from pyman.effects.files import read_bytes
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.venvs.base import (
    find_implementation,
    find_owner_link,
    interpreter_of_home,
    library_beside,
    outermost,
    read_link,
    why,
)
from pyman.effects.venvs.contents import compare_copy, holds_compiled, is_script
from pyman.effects.venvs.location import read_location
from pyman.effects.venvs.own_folders import why_not_written
from pyman.effects.venvs.place import UNFINISHED, is_work_folder
from pyman.effects.venvs.uses import folder_of


def read_venv(path: str, bases: Bases | None = None) -> VenvFacts | None:
    """Read the venv at an absolute path; None where there is none.

    `.venv` may be a link to the venv, or a text file that holds its path (uv's centralised environments). What
    cannot be read is among the problems of the answer; nothing is raised for it, and nothing is executed.
    """
    return _Reading(path, bases or Bases()).read()


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
                found = os.path.realpath(self.path) if stat.S_ISLNK(status.st_mode) else folder_of(self.path)
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
        entries, others = self.read_entries()
        link, way = read_link(f"{self.folder}/bin", (*entries, *others), self.bases)
        libraries = self.read_libraries()
        called = os.path.basename(link) if link is not None else ""
        interpreter = self.bases.interpreter(way.real, called) if way is not None and way.real is not None else None
        home = settings.home if settings.home is not None and settings.home.startswith("/") else None
        home_way = self.bases.folder(home.rstrip("/") or "/") if home is not None else None
        home_interpreter = interpreter_of_home(home_way, called, libraries, self.bases)
        outer, base_home, problem = outermost(home)
        if problem is not None:
            self.problems.append(problem)
        markers = tuple(name for name in names if name in MARKERS)
        creator, foreign = creator_of(self.folder, markers, settings)
        moved_from, meant_for, problem = read_location(self.folder, self.path, settings)
        if problem is not None:
            self.problems.append(problem)
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
            home_library=library_beside(home_way, interpreter or home_interpreter, libraries),
            outer=outer,
            base_home=base_home,
            libraries=libraries,
            moved_from=moved_from,
            meant_for=meant_for,
            compiled=self.find_compiled(settings, libraries, interpreter),
            owner_link=find_owner_link(link, home, called, libraries, self.bases),
            implementation=find_implementation(
                settings, link, way, (interpreter, home_interpreter), others, libraries, self.bases
            ),
            cfg=self.cfg,
            problems=tuple(self.problems),
            identity=(status.st_dev, status.st_ino),
            not_written=why_not_written(self.folder, (library.name for library in libraries), status.st_uid),
            marked=UNFINISHED in names,
            has_work=any(map(is_work_folder, (name for name in names if name.startswith(".pyman-")))),
        )

    def list(self, folder: str) -> list[str] | None:
        try:
            return os.listdir(folder)
        except OSError as error:
            self.problems.append(Problem(folder, why(error)))
            return None

    def read_settings(self) -> Settings:
        path = f"{self.folder}/{FILE_NAME}"
        try:
            content = self.cfg = read_bytes(path)
        except OSError as error:
            self.problems.append(Problem(path, why(error)))
            return Settings({})
        if b"\0" in content or b"=" not in content:
            self.problems.append(Problem(path, "it holds no settings"))
        elif not _is_utf8(content):
            self.problems.append(Problem(path, "it is no UTF-8 text, and no Python starts with it"))
        return parse_pyvenv_cfg(content.decode("utf-8", "surrogateescape"))

    def read_entries(self) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
        """The names of CPython's interpreter in `bin`, and the links there that are named after another one."""
        folder = f"{self.folder}/bin"
        names = self.list(folder)
        entries: list[Entry] = []
        others: list[Entry] = []
        for name in sorted(names or ()):
            is_other = of_program(name) is not None
            if not is_other and not is_interpreter_name(name):
                continue
            path = f"{folder}/{name}"
            try:
                (others if is_other else entries).append(Entry(name, "link", os.readlink(path)))
            except OSError as error:
                if error.errno != errno.EINVAL or is_other:
                    continue
                if os.path.isfile(path):
                    entries.append(Entry(name, "script" if is_script(path) else "file"))
                else:
                    entries.append(Entry(name, "other"))
                    self.problems.append(Problem(path, f"{path} is no regular file"))
        return self.bases.shared(tuple(entries)), tuple(others)

    def read_libraries(self) -> tuple[Library, ...]:
        folder = f"{self.folder}/lib"
        names = sorted(name for name in self.list(folder) or () if split_library(name) is not None)
        libraries = []
        for name in names:
            packages = f"{folder}/{name}/site-packages"
            is_there = os.access(packages, os.F_OK)
            count = None
            if len(names) > 1 and is_there:
                count = sum(each.endswith(".dist-info") for each in self.list(packages) or ())
            libraries.append(Library(name, is_there, count))
        return self.bases.shared(tuple(libraries))

    def what_copy(self, link: str | None, way: Way | None, base: Interpreter | None) -> str:
        if link is not None or way is None or way.real is None:
            return NO_COPY
        try:
            return compare_copy(way.real, base)
        except OSError as error:
            self.problems.append(Problem(way.real, why(error)))
            return LONE_COPY

    def find_compiled(
        self, settings: Settings, libraries: tuple[Library, ...], interpreter: Interpreter | None
    ) -> bool | None:
        """Look for compiled packages, where the file names a pre-release (`3.14.0b1`, `3.14.0.beta.1`) or one runs."""
        named = "".join(settings.get(key) or "" for key in VERSION_KEYS).replace(".final.", "")
        runs = interpreter.version if interpreter is not None else None
        if not any(letter.isalpha() for letter in named) and (runs is None or runs.is_final):
            return None
        return holds_compiled([f"{self.folder}/lib/{library.name}/site-packages" for library in libraries])


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
