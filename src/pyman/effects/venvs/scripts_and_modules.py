"""Looking at what lies in a venv beside its interpreter: scripts that run another Python, modules that none loads.

To open every script and every RECORD of a thousand venvs takes seconds, so what was seen is remembered by the times of
`bin` and of the folders of packages: whoever installs, removes or replaces something changes them. What lies outside of
the venv is looked at each time, once for all venvs.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import time

from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, PROGRAMS, abi_tag
from pyman.core.packages.package import compiled_in_record, parse_direct_url, paths_in_record
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.relocation import is_easy_install, is_pointer, sources_in
from pyman.core.script_header import read_header
from pyman.core.scripts_and_modules import NOTHING, Abi, Contents, Modules, Named, has_tag, module_of, split_tag
from pyman.core.venv import stage_of
from pyman.effects.architecture import architectures_of
from pyman.effects.files import names_seen, open_to_read, read_bytes
from pyman.effects.interpreters.on_disk import is_executable
from pyman.effects.memo import Memo
from pyman.effects.packages.dist_info import LARGEST_RECORD
from pyman.effects.venvs.place import is_deployed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.core.venv import Interpreter, VenvFacts

_JUST_NOW = 2_000_000_000
"""Nanoseconds. What changed that recently may change once more without another time."""
_FORMAT = 2
"""Of what is remembered."""
_LONGEST_HEADER = 4096
_MOST_SOURCES = 20
"""Of one editable install: scikit-build-core names every module."""
_BUILD_OF = "_sysconfigdata_"
_INFO, _EGG_INFO = ".dist-info", ".egg-info"
_SCRIPT_ROW = re.compile(rb'^"?(?:\.\./)+bin/([^/",\r\n]+)', re.MULTILINE)


@record
class _Seen:
    """What was seen in one venv; nothing in it depends on what lies elsewhere."""

    interpreters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Interpreters that generated scripts name and that are not names in this `bin`; and the scripts."""
    not_executable: tuple[str, ...] = ()
    sample: str = ""
    """One generated script, to see whether all of them lost their modes since."""
    modules: tuple[Modules, ...] = ()
    missing: tuple[str, ...] = ()
    sources: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Editable installs, and the paths in their source folders that they import from."""


class ContentsLook:
    """Looks at one venv after the other, and remembers what need not be looked at again."""

    def __init__(self, cache: str | None = None) -> None:
        """Without a cache nothing is remembered."""
        self._memo = Memo(os.path.join(cache, "contents") if cache is not None else None)
        self._abis: dict[str, Abi] = {}
        self._outside: dict[str, bool | None] = {}
        self._gone: dict[str, bool] = {}

    def complete(self, facts: VenvFacts) -> VenvFacts:
        """The facts of a venv with what may be wrong with its scripts and modules. Raises nothing."""
        seen, value = self._seen(facts)
        named = tuple(self._named(facts, seen)) if seen.interpreters else ()
        gone = tuple(self._gone_sources(seen.sources)) if seen.sources else ()
        contents = Contents(named, seen.not_executable, seen.modules, seen.missing, gone, hidden_files(facts))
        runs = facts.running or facts.interpreter
        abi = self._abi(runs) if runs is not None and seen.modules else None
        # What is wrong may be put right without another time: a mode, a module deep in a package.
        if value is not None and not contents.is_wrong_for(abi):
            self._memo.keep(facts.folder, value)
        if contents == NOTHING:
            return facts
        place = contents.old_place
        meant_for = place if place is not None and stage_of(facts.folder, place) else facts.meant_for
        return replace(facts, contents=contents, abi=abi, meant_for=meant_for)

    def store(self, *, all_asked: bool) -> None:
        """Keep what was seen for the next time; `all_asked` drops the venvs that nobody asked for now."""
        self._memo.store(all_asked=all_asked)

    def _seen(self, facts: VenvFacts) -> tuple[_Seen, str | None]:
        """What is in a venv, and what may be remembered of that."""
        bin_folder = f"{facts.folder}/bin"
        folders = [f"{facts.folder}/lib/{library.name}/site-packages" for library in facts.libraries]
        stamp, newest = _stamp((bin_folder, *folders))
        known = self._memo.find(facts.folder)
        seen = _read(known, stamp) if known is not None else None
        if seen is None or (seen.sample and not _may_be_executed(f"{bin_folder}/{seen.sample}")):
            seen = look(facts.folder, folders)
            return seen, _written(stamp, seen) if time.time_ns() - newest > _JUST_NOW else None
        return seen, known

    def _named(self, facts: VenvFacts, seen: _Seen) -> Iterator[Named]:
        for interpreter, scripts in seen.interpreters:
            if os.path.dirname(interpreter) == f"{facts.folder}/bin":
                yield Named(interpreter, True, scripts)
                continue
            if is_deployed(os.path.dirname(os.path.dirname(interpreter)), facts.folder):
                continue
            if interpreter not in self._outside:
                self._outside[interpreter] = _is_of_a_venv(interpreter)
            of_a_venv = self._outside[interpreter]
            if of_a_venv is None:
                yield Named(interpreter, True, scripts)
            elif of_a_venv and not _is_same_folder(os.path.dirname(interpreter), f"{facts.folder}/bin"):
                yield Named(interpreter, False, scripts)

    def _gone_sources(self, sources: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, str]]:
        for package, paths in sources:
            for path in paths:
                if path not in self._gone:
                    self._gone[path] = _is_gone(path)
                if self._gone[path]:
                    yield package, path
                    break

    def _abi(self, runs: Interpreter) -> Abi | None:
        """What an interpreter loads; None for a release of another implementation that is not known."""
        if runs.path not in self._abis:
            platform = _platform_of(runs) if runs.library is not None else None
            own = runs.version.own if runs.version is not None else ""
            tag = abi_tag(runs.implementation, runs.minor, own) if own else None
            if runs.implementation != CPYTHON and tag is None:
                return None
            self._abis[runs.path] = Abi(runs.minor, runs.variant, platform, architectures_of(runs.path), tag or "")
        return self._abis[runs.path]


def _stamp(folders: Iterable[str]) -> tuple[str, int]:
    """The times of folders as text, and the newest of them."""
    times = []
    for folder in folders:
        try:
            times.append(os.stat(folder).st_mtime_ns)
        except OSError:
            times.append(0)
    return ":".join(map(str, (_FORMAT, *times))), max(times)


def _is_gone(path: str) -> bool:
    """True for what certainly does not exist: what cannot be looked at may be there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _may_be_executed(path: str) -> bool:
    try:
        return is_executable(os.stat(path))
    except OSError:
        return True


def _is_of_a_venv(interpreter: str) -> bool | None:
    """Whether an interpreter is that of a venv; None where it does not exist."""
    try:
        os.stat(interpreter)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return False  # It cannot be looked at.
    return os.path.lexists(f"{os.path.dirname(os.path.dirname(interpreter))}/{FILE_NAME}")


def _is_same_folder(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def hidden_files(facts: VenvFacts) -> tuple[str, ...]:
    """The `.pth` files of a venv that the system hides; only macOS does, and no time of a folder tells of it."""
    if sys.platform != "darwin":
        return ()
    folders = [f"{facts.folder}/lib/{library.name}/site-packages" for library in facts.libraries]
    paths = [f"{folder}/{name}" for folder in folders for name in names_seen(folder) if name.endswith(".pth")]
    return tuple(path for path in paths if _flags(path) & stat.UF_HIDDEN)


def _flags(path: str) -> int:
    try:
        return getattr(os.lstat(path), "st_flags", 0)
    except OSError:
        return 0


def look(folder: str, site_packages: Iterable[str]) -> _Seen:
    """Look at the scripts of a venv and at the packages in its folders. Raises nothing."""
    generated: set[str] = set()
    modules: dict[str, set[str]] = {}
    examples: dict[str, str] = {}
    missing: list[str] = []
    sources: list[tuple[str, tuple[str, ...]]] = []
    for packages in site_packages:
        _look_at_packages(packages, generated, modules, examples, missing)
        sources += _editable_sources(packages)
    named: dict[str, list[str]] = {}
    not_executable: list[str] = []
    own = names_seen(f"{folder}/bin")
    sample = ""
    for name in own:
        if name.startswith(("python", "activate")):
            continue
        script = _read_script(f"{folder}/bin/{name}", is_listed=name in generated)
        if script is None:
            continue
        interpreter, executable = script
        sample = sample or name
        if not executable:
            not_executable.append(name)
        above, _, called = interpreter.rpartition("/")
        if interpreter and not (above == f"{folder}/bin" and called in own):
            named.setdefault(interpreter, []).append(name)
    groups: dict[tuple[str, ...], list[str]] = {}
    for module, tags in modules.items():
        if "" not in tags:
            groups.setdefault(tuple(sorted(tags)), []).append(examples[module])
    return _Seen(
        tuple((interpreter, tuple(names)) for interpreter, names in named.items()),
        tuple(not_executable),
        sample,
        tuple(Modules(tags, len(paths), paths[0]) for tags, paths in groups.items()),
        tuple(missing),
        tuple(sources),
    )


def _editable_sources(folder: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The editable installs in a folder of packages, and which paths of their source folders they import from."""
    for name in names_seen(folder):
        if name.endswith(".egg-link"):
            paths = sources_in(name, _content(f"{folder}/{name}"))
            if paths:
                yield name.removesuffix(".egg-link"), paths[:1]
        elif name.endswith(_INFO) and not name.startswith("~"):
            told = _content(f"{folder}/{name}/direct_url.json")
            origin = parse_direct_url(told) if told else None
            if origin is not None and origin.kind == "editable" and origin.path:
                yield name.removesuffix(_INFO), _imported_from(folder, name, origin.path.rstrip("/"))


def _imported_from(folder: str, info: str, source: str) -> tuple[str, ...]:
    """The paths below a source folder that a package's own pointers name; that folder where they name none."""
    found: list[str] = []
    for path in paths_in_record(_content(f"{folder}/{info}/RECORD")):
        if is_pointer(path) and "/" not in path:
            named = sources_in(path, _content(f"{folder}/{path}"))
            found += [each for each in named if f"{each}/".startswith(f"{source}/")]
    return tuple(dict.fromkeys(found))[:_MOST_SOURCES] or (source,)


def _content(path: str) -> bytes:
    try:
        return read_bytes(path, LARGEST_RECORD)
    except OSError:
        return b""


def _look_at_packages(
    folder: str, scripts: set[str], modules: dict[str, set[str]], examples: dict[str, str], missing: list[str]
) -> None:
    """See which scripts, compiled modules and files the packages in one folder have."""
    names = names_seen(folder)
    there = set(names)
    compiled = [name for name in names if name.endswith(".so")]
    for name in names:
        if name.startswith(("~", ".")):
            continue
        if name.endswith(_INFO):
            try:
                content = read_bytes(f"{folder}/{name}/RECORD", LARGEST_RECORD)
            except OSError:
                continue
            compiled += compiled_in_record(content)
            if _lacks_all_files(content, there):
                missing.append(name.removesuffix(_INFO))
        elif name.endswith(_EGG_INFO):
            try:
                content = read_bytes(f"{folder}/{name}/installed-files.txt", LARGEST_RECORD)
            except OSError:
                continue
        else:
            continue
        scripts.update(row.decode("utf-8", "surrogateescape") for row in _SCRIPT_ROW.findall(content))
    # What lies beside a listed module counts too: somebody may have put the right one there.
    for above in sorted({os.path.dirname(path) for path in compiled if path.endswith(".so")}):
        start = f"{above}/" if above else ""
        for name in names_seen(f"{folder}/{above}") if above else names:
            if name.endswith(".so"):
                _look_at_module(folder, start + name, modules, examples)


def _look_at_module(folder: str, path: str, modules: dict[str, set[str]], examples: dict[str, str]) -> None:
    module, tag = module_of(path)
    if not has_tag(tag):
        built_for = "+".join(sorted(architectures_of(f"{folder}/{path}")))
        tag = f"{tag}@{built_for}" if built_for else ""
    modules.setdefault(f"{folder}/{module}", set()).add(tag)
    examples.setdefault(f"{folder}/{module}", path)


def _lacks_all_files(content: bytes, there: set[str]) -> bool:
    """True where RECORD lists files beside the metadata, and nothing of what they lie in is there."""
    listed = False
    for path in paths_in_record(content):
        top = path.partition("/")[0]
        if top in there and not top.endswith(_INFO):
            return False
        listed = listed or (top not in ("", "..", ".", "__pycache__") and not top.endswith((_INFO, ".data")))
    return listed


def _read_script(path: str, *, is_listed: bool) -> tuple[str, bool] | None:
    """The Python that a script names and whether it may be executed; None for what nobody generated.

    It is empty where the script names no Python, or none by an absolute path.
    """
    if os.path.islink(path):
        return None  # What it leads to lies elsewhere, and is somebody else's.
    try:
        descriptor = open_to_read(path)
    except OSError:
        return None
    try:
        if os.read(descriptor, 2) != b"#!":
            return None
        executable = is_executable(os.fstat(descriptor))
        text = os.pread(descriptor, _LONGEST_HEADER, 0).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if not is_listed and not is_easy_install(text):
        return None
    header = read_header(text)
    interpreter = header[0] if header is not None else ""
    is_python = interpreter.startswith("/") and os.path.basename(interpreter).startswith(PROGRAMS)
    return interpreter if is_python and "\0" not in interpreter else "", executable


def _platform_of(runs: Interpreter) -> str | None:
    """What the names of modules that an interpreter loads end with: as its own modules do, or as its build says."""
    found = {
        parts[2]
        for name in names_seen(f"{runs.library}/lib-dynload")
        if name.endswith(".so") and (parts := split_tag(module_of(name)[1]))[0].startswith("cpython-")
    }
    if not found:
        # Its name goes on with the flags, the platform, and what is looked for.
        names = [name.removesuffix(".py") for name in names_seen(runs.library or "") if name.startswith(_BUILD_OF)]
        words = [name.removeprefix(_BUILD_OF).split("_", 2) for name in names]
        found = {each[2] for each in words if len(each) == 3 and each[1] == sys.platform}
    return found.pop() if len(found) == 1 else None


# What is remembered, as one line: fields between tabs, parts of a field between NULs.


def _written(stamp: str, seen: _Seen) -> str | None:
    fields = [stamp, seen.sample]
    fields += ["\0".join(("i", named, *scripts)) for named, scripts in seen.interpreters]
    fields += ["\0".join(("x", *seen.not_executable))] if seen.not_executable else []
    fields += ["\0".join(("m", str(one.count), one.example, *one.tags)) for one in seen.modules]
    fields += ["\0".join(("g", *seen.missing))] if seen.missing else []
    fields += ["\0".join(("e", package, *paths)) for package, paths in seen.sources]
    return "\t".join(fields) if not any("\t" in field or "\n" in field for field in fields) else None


def _read(value: str, stamp: str) -> _Seen | None:
    """What was seen; None where it was at another time, or is not understood."""
    was, *fields = value.split("\t")
    if was != stamp or not fields:
        return None
    sample, *others = fields
    if not others:
        return _Seen(sample=sample) if sample else _SEEN_NOTHING
    interpreters: list[tuple[str, tuple[str, ...]]] = []
    not_executable: tuple[str, ...] = ()
    modules: list[Modules] = []
    missing: tuple[str, ...] = ()
    sources: list[tuple[str, tuple[str, ...]]] = []
    for field in others:
        kind, *parts = field.split("\0")
        if kind == "i" and len(parts) > 1:
            interpreters.append((parts[0], tuple(parts[1:])))
        elif kind == "x":
            not_executable = tuple(parts)
        elif kind == "m" and len(parts) > 2 and parts[0].isascii() and parts[0].isdecimal() and len(parts[0]) < 10:
            modules.append(Modules(tuple(parts[2:]), int(parts[0]), parts[1]))
        elif kind == "g":
            missing = tuple(parts)
        elif kind == "e" and len(parts) > 1:
            sources.append((parts[0], tuple(parts[1:])))
        else:
            return None
    return _Seen(tuple(interpreters), not_executable, sample, tuple(modules), missing, tuple(sources))


_SEEN_NOTHING = _Seen()
