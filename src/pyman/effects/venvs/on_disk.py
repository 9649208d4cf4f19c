"""A venv as it lies on the disk and what it stands on: read, never run (design.md 6). Import-light."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.implementation import CPYTHON, is_own_library, of_program, reads_home
from pyman.core.names import is_interpreter_name, minor_of_executable, minor_sibling, of_venv, split_library
from pyman.core.owners import MARKERS, creator_of
from pyman.core.pyvenv_cfg import FILE_NAME, VERSION_KEYS, Settings, parse_pyvenv_cfg
from pyman.core.script_header import read_header
from pyman.core.shell.activation import read_virtual_env
from pyman.core.venv import (
    CIRCLE,
    LONE_COPY,
    MOST_LINKS,
    NO_COPY,
    OTHER_COPY,
    SAME_COPY,
    SCRIPT,
    Entry,
    Interpreter,
    Library,
    OwnerLink,
    Problem,
    Stray,
    VenvFacts,
    Way,
    named_folder,
    stage_of,
)
from pyman.effects.files import NotReadable, open_regular, open_to_read, read_bytes, status_of
from pyman.effects.interpreters.on_disk import Bases, is_executable
from pyman.effects.interpreters.standard_library import standard_library
from pyman.effects.venvs.own_folders import why_not_written
from pyman.effects.venvs.place import UNFINISHED, folder_of, is_deployed, is_work_folder
from pyman.effects.venvs.uses import CIRCULAR, FILE, INTERPRETERS, MISSING, WayOut, way_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.venv import Copy, EntryKind


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
        self.missing: set[str] = set()
        self.cfg = b""

    def find_folder(self) -> os.stat_result | None:
        """See where the venv really lies; None where nothing is there."""
        try:
            status = os.lstat(self.path)
            if stat.S_ISDIR(status.st_mode):
                return status
            found = os.path.realpath(self.path) if stat.S_ISLNK(status.st_mode) else folder_of(self.path)
            if found is None:
                return None
            self.folder = found
            return os.stat(found)
        except OSError:
            return None

    def read(self) -> VenvFacts | None:
        status = self.find_folder()
        if status is None:
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
        names_in_bin = tuple(entry.name for entry in (*entries, *others))
        link, way = read_link(f"{self.folder}/bin", (*entries, *others), self.bases)
        libraries = self.read_libraries()
        if len(self.missing) > 1:
            # Nothing but its file is there: it is not known what it was.
            self.problems += [Problem(folder, "no such file or directory") for folder in sorted(self.missing)]
        called = os.path.basename(link) if link is not None else ""
        interpreter = self.bases.interpreter(way.real, called) if way is not None and way.real is not None else None
        home = settings.home if settings.home is not None and settings.home.startswith("/") else None
        if link is not None and interpreter is not None and not reads_home(interpreter.implementation):
            # Its link alone decides what runs: what the file says is at most out of date.
            home = os.path.dirname(link)
        home_way = self.bases.folder(home.rstrip("/") or "/") if home is not None else None
        home_interpreter = interpreter_of_home(home_way, called, libraries, self.bases)
        copy = self.what_copy(link, way, home_interpreter)
        runs = {NO_COPY: interpreter, SAME_COPY: home_interpreter}.get(copy)
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
            has_bin=f"{self.folder}/bin" not in self.missing,
            strays=find_strays(f"{self.folder}/bin", entries, way, runs, self.bases),
            link=link,
            way=way,
            interpreter=interpreter,
            copy=copy,
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
            own_libraries=self.find_own_libraries(interpreter),
            implementation=find_implementation(
                settings, link, way, (interpreter, home_interpreter), names_in_bin, libraries, self.bases
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
        except FileNotFoundError:
            self.missing.add(folder)
            return []
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
            self.problems.append(Problem(path, "it contains no settings"))
        elif not _is_utf8(content):
            self.problems.append(Problem(path, "it is not UTF-8 text, and no Python starts with it"))
        elif b"\r" in content.replace(b"\r\n", b""):
            # Readers differ: some take a lone carriage return for the end of a line.
            self.problems.append(Problem(path, "it contains a carriage return without a line feed"))
        return parse_pyvenv_cfg(content.decode("utf-8", "surrogateescape"))

    def read_entries(self) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
        """The names of the interpreter in `bin`, and the links there named after an implementation unknown here."""
        folder = f"{self.folder}/bin"
        names = self.list(folder)
        entries: list[tuple[str, EntryKind, str, bool]] = []
        others: list[Entry] = []
        for name in sorted(names or ()):
            is_other = not is_interpreter_name(name)
            if is_other and of_program(name) is None:
                continue
            path = f"{folder}/{name}"
            try:
                text = os.readlink(path)
                if is_other:
                    others.append(Entry(name, "link", text))
                else:
                    entries.append((name, "link", text, True))
            except OSError as error:
                if error.errno != errno.EINVAL or is_other:
                    continue
                status = status_of(path)
                if status is not None and stat.S_ISREG(status.st_mode):
                    kind: EntryKind = "script" if is_script(path) else "file"
                    entries.append((name, kind, "", is_executable(status)))
                else:
                    entries.append((name, "other", "", True))
                    self.problems.append(Problem(path, f"{path} is not a regular file"))
        return self.bases.entries(tuple(entries)), tuple(others)

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

    def what_copy(self, link: str | None, way: Way | None, base: Interpreter | None) -> Copy:
        if link is not None or way is None or way.real is None:
            return NO_COPY
        try:
            return compare_copy(way.real, base)
        except OSError as error:
            self.problems.append(Problem(way.real, why(error)))
            return LONE_COPY

    def find_own_libraries(self, interpreter: Interpreter | None) -> tuple[tuple[str, str], ...]:
        """The links to the libraries of another implementation's base that virtualenv makes, relative to the venv."""
        if interpreter is not None and interpreter.implementation == CPYTHON:
            return ()
        return library_links(self.folder)

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


def library_links(folder: str) -> tuple[tuple[str, str], ...]:
    """The links in `bin` and `lib` of a venv to shared libraries elsewhere: names relative to the venv, and texts."""
    found = []
    for below in ("bin", "lib"):
        try:
            names = sorted(filter(is_own_library, os.listdir(f"{folder}/{below}")))
        except OSError:
            continue
        for name in names:
            try:
                text = os.readlink(f"{folder}/{below}/{name}")
            except OSError:
                continue
            if text.startswith("/"):
                found.append((f"{below}/{name}", text))
    return tuple(found)


# What a venv stands on: where its interpreter's name, its `home` and its owner's links lead. Nothing is run.


def why(error: OSError) -> str:
    """What kept a file from being read, as a word for people."""
    if isinstance(error, NotReadable):
        return str(error)
    return (error.strerror or str(error)).lower()


def read_link(folder: str, entries: tuple[Entry, ...], bases: Bases) -> tuple[str | None, Way | None]:
    """Find the first path outside of a venv's `bin` that the interpreter's name leads to, and where that ends."""
    known = {entry.name: entry for entry in entries}
    start = next((name for name in INTERPRETERS if name in known), entries[0].name if entries else "")
    try:
        out = way_out(folder, (start,)) if start else WayOut((), None, MISSING)
    except OSError as error:
        return None, Way((f"{folder}/{start}",), (), None, why(error), hidden=True)
    chain = tuple(f"{folder}/{name}" for name in out.names)
    if out.target is not None:
        way = bases.follow(out.target)
        shown = out.target if "/.." not in out.target else os.path.normpath(out.target)
        return shown, Way((*chain, *way.chain), way.through, way.real, way.reason, way.hidden)
    if out.end == FILE and os.path.isfile(chain[-1]):
        return None, Way(chain, (), chain[-1])
    return None, Way(chain, (), None, CIRCLE if out.end == CIRCULAR else "it is not there")


_PYTHON3 = "python3"


def find_strays(
    folder: str, entries: tuple[Entry, ...], way: Way | None, runs: Interpreter | None, bases: Bases
) -> tuple[Stray, ...]:
    """Find the names in a venv's `bin` that run another Python than the one that `way` leads to.

    `runs` is that Python. Names of another minor version are left out: they say what they run.
    """
    if runs is None or way is None:
        return ()
    passed = {path.rpartition("/")[2] for path in way.chain if path.startswith(f"{folder}/")}
    inside = {entry.name for entry in entries}
    strays = []
    for entry in entries:
        if entry.name in passed or (entry.kind == "link" and entry.text in inside and entry.text != entry.name):
            continue
        named = minor_of_executable(entry.name)
        if named is not None and named[0] != runs.minor:
            continue
        leads_to = _another_python(f"{folder}/{entry.name}", entry, runs, bases)
        if leads_to is not None:
            strays.append(Stray(entry, leads_to))
    if _PYTHON3 not in inside:
        # Whoever calls it in this venv gets the system's instead.
        strays.append(Stray(Entry(_PYTHON3, "missing"), ""))
    return tuple(strays)


def _another_python(path: str, entry: Entry, runs: Interpreter, bases: Bases) -> str | None:
    """Where a name of the interpreter leads, if that is another Python than `runs`; None where it is the same."""
    if entry.kind == "file":
        try:
            return path if compare_copy(path, runs) == OTHER_COPY else None
        except OSError:
            return None  # The look at its name has said so.
    if entry.kind != "link":
        return None
    end = bases.follow(entry.text if entry.text.startswith("/") else f"{os.path.dirname(path)}/{entry.text}")
    if end.hidden or (end.real is not None and os.path.dirname(end.real) == bases.folder(os.path.dirname(path)).real):
        return None
    found = bases.interpreter(end.real, entry.name) if end.real is not None else None
    if found is None:
        return end.chain[-1]
    return None if found.path == runs.path or found.prefix == runs.prefix else found.path


def interpreter_of_home(
    home: Way | None, called: str, libraries: tuple[Library, ...], bases: Bases
) -> Interpreter | None:
    """Find the interpreter beside `home`, by the name that the venv calls first."""
    if home is None or home.real is None:
        return None
    names = [called] if called else []
    names += [library.name for library in libraries]
    for name in dict.fromkeys([*names, "python3", "python"]):
        end = bases.follow(f"{home.real}/{name}")
        found = bases.interpreter(end.real, name) if end.real is not None else None
        if found is not None:
            return found
    return None


def library_beside(home: Way | None, interpreter: Interpreter | None, libraries: tuple[Library, ...]) -> str | None:
    """The standard library beside `home`, as it is written or as it ends."""
    if home is None or home.real is None:
        return None
    implementation = interpreter.implementation if interpreter is not None else CPYTHON
    minor = interpreter.minor if interpreter is not None else ""
    variant = interpreter.variant if interpreter is not None else "default"
    wanted = [(minor, variant)] if minor else [(library.minor, library.variant) for library in libraries]
    for folder in dict.fromkeys((home.chain[0], home.real)):
        for each in wanted:
            found = standard_library(os.path.dirname(folder), *each, implementation)
            if found is not None:
                return found
    return None


def outermost(home: str | None) -> tuple[str | None, str | None, Problem | None]:
    """The venv that `home` lies in, and the `home` of the last venv on the way from there to the base."""
    first = None
    for _ in range(MOST_LINKS):
        outer = os.path.dirname(home) if home is not None else ""
        if not outer or not os.access(f"{outer}/{FILE_NAME}", os.F_OK):
            return first, home if first is not None else None, None
        first = first or outer
        try:
            above = parse_pyvenv_cfg(read_bytes(f"{outer}/{FILE_NAME}").decode("utf-8", "surrogateescape")).home
        except OSError as error:
            return first, None, Problem(f"{outer}/{FILE_NAME}", why(error))
        home = above if above is not None and above.startswith("/") else None
    return first, None, None


def find_implementation(
    settings: Settings,
    link: str | None,
    way: Way | None,
    interpreters: tuple[Interpreter | None, Interpreter | None],
    names: tuple[str, ...],
    libraries: tuple[Library, ...],
    bases: Bases,
) -> str | None:
    """Tell the implementation of a venv by all that names one: its file, its links, its library, its base.

    `interpreters` are what its link and its `home` end at, `names` those of interpreters in its `bin`.
    """
    paths = [settings.get("executable"), settings.get("base-executable"), link]
    paths += way.chain[-1:] if link is not None and way is not None else ()
    if interpreters[0] is None:
        # Nothing of the base is left but what it and its folder were called, and the names that it gave to the venv.
        paths += [os.path.dirname(settings.home or ""), os.path.dirname(os.path.dirname(link or ""))]
        paths += names
    signs = (
        settings.get("implementation"),
        tuple(base.implementation if base is not None else None for base in interpreters),
        tuple(paths),
        tuple(library.name for library in libraries),
    )
    if signs not in bases.implementations:
        said, told, named, folders = signs
        programs = [os.path.basename(path) for path in named if path]
        bases.implementations[signs] = of_venv(said, told, programs, folders)
    return bases.implementations[signs]


def find_owner_link(
    link: str | None, home: str | None, called: str, libraries: tuple[Library, ...], bases: Bases
) -> OwnerLink | None:
    """Find the link that the owner of a Python keeps for its minor, beside the folder that a venv names."""
    named = named_folder(link) or named_folder(f"{home}/python" if home is not None else None)
    sibling = minor_sibling(named) if named is not None else None
    if sibling is None:
        return None
    if minor_of_executable(called) is None:
        called = libraries[0].name if libraries else "python3"
    return bases.owner_link(sibling, called)


# Where the files of a venv say that it lies, and whether it lies in a tree that is meant for another place.

_LARGEST_ACTIVATE = 1 << 18
_MOST_SCRIPTS, _LONGEST_HEADER = 5, 4096


def read_location(folder: str, path: str, settings: Settings) -> tuple[str | None, str | None, Problem | None]:
    """Return the place that `activate` names, where it is another one, and the place that the venv is meant for.

    `folder` is where the venv really lies, `path` what leads there. The last value is why `activate` cannot be read.
    """
    script = f"{folder}/bin/activate"
    location, problem = None, None
    try:
        location = read_virtual_env(read_bytes(script, _LARGEST_ACTIVATE).decode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = Problem(script, why(error))
    place = location.rstrip("/") if location is not None else ""
    if location is None or not place:
        # The root of the file system is no place of a venv, and every path begins with it.
        return None, _other_location(folder, settings), problem
    if place in (folder, path):
        return None, None, None
    try:
        if os.path.samefile(location, folder):
            return None, None, None
    except OSError:
        pass  # Nothing is there: it was moved.
    if is_deployed(place, folder):
        return None, None, None
    return place, place if stage_of(folder, place) else None, None


def _other_location(folder: str, settings: Settings) -> str | None:
    """The place that a venv in a tree is meant for, where no `activate` tells: by `command`, or by its scripts."""
    command = settings.get("command") or ""
    place = command[command.rfind(" /") + 1 :].rstrip("/")
    if stage_of(folder, place):
        return place
    try:
        names = sorted(os.listdir(f"{folder}/bin"))
    except OSError:
        return None
    scripts = [name for name in names if not name.startswith(("python", "activate"))]
    for name in scripts[:_MOST_SCRIPTS]:
        try:
            with open_regular(f"{folder}/bin/{name}") as file:
                header = read_header(file.read(_LONGEST_HEADER).decode("utf-8", "surrogateescape"))
        except OSError:
            continue
        place = os.path.dirname(os.path.dirname(header[0])) if header is not None else ""
        if stage_of(folder, place):
            return place
    return None


# Looking into the files of a venv, where their names do not tell: rarely, and never far.

# Of a copied interpreter: enough to tell two builds apart, whose every address differs.
_SAMPLES, _SAMPLE_BYTES = 32, 1 << 13
_MOST_ENTRIES = 50_000


def is_script(path: str) -> bool:
    """True for a file that names a program to run it, so is no interpreter itself; also where that is unseen."""
    try:
        descriptor = open_to_read(path)
    except OSError:
        return True
    try:
        return os.read(descriptor, 2) == b"#!"
    except OSError:
        return True
    finally:
        os.close(descriptor)


def compare_copy(path: str, base: Interpreter | None) -> Copy:
    """Say what a regular file in the place of an interpreter is, beside the one it should be a copy of.

    Raises OSError where it cannot be read.
    """
    descriptor = open_to_read(path)
    try:
        if os.pread(descriptor, 2, 0) == b"#!":
            return SCRIPT
        if base is None:
            return LONE_COPY
        if os.fstat(descriptor).st_size != base.size:
            return OTHER_COPY
        return SAME_COPY if _looks_same(descriptor, base) else OTHER_COPY
    finally:
        os.close(descriptor)


def _looks_same(descriptor: int, base: Interpreter) -> bool:
    """Compare parts of two files of one size."""
    other = open_to_read(base.path)
    try:
        step = max(base.size // _SAMPLES, _SAMPLE_BYTES)
        return all(
            os.pread(descriptor, _SAMPLE_BYTES, offset) == os.pread(other, _SAMPLE_BYTES, offset)
            for offset in range(0, base.size, step)
        )
    finally:
        os.close(other)


def holds_compiled(folders: list[str]) -> bool:
    """True where a compiled module lies below one of these folders; a look at so many names and no more."""
    pending = list(folders)
    seen = 0
    while pending and seen < _MOST_ENTRIES:
        try:
            with os.scandir(pending.pop()) as found:
                for entry in found:
                    seen += 1
                    if entry.name.endswith(".so"):
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:
            continue
    return False
