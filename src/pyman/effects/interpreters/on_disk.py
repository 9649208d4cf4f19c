"""Interpreters told from the files around them, each looked at once however many venvs lead to it. Import-light."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.immutable import replace
from pyman.core.implementation import CPYTHON, library_name, version_macro
from pyman.core.manifest import parse_manifest
from pyman.core.names import (
    is_minor_name,
    minor_of_executable,
    of_base,
    other_in_name,
    prefix_of,
    release_of_path,
    split_library,
)
from pyman.core.store import MANIFEST, is_shared
from pyman.core.venv import CIRCLE, MOST_LINKS, Entry, Interpreter, OwnerLink, Way
from pyman.core.version import UNKNOWN_PATCH, Version, is_own_version, parse_version
from pyman.effects.files import read_text
from pyman.effects.interpreters.standard_library import standard_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from pyman.core.venv import EntryKind
    from pyman.core.version import Variant

    Item = TypeVar("Item")

# A path of more components is longer than PATH_MAX allows to be useful, and would only go deep.
_MOST_COMPONENTS = 200

_FIRST_WITH_DETAILS = (3, 14)
_STAGES = {"alpha": "a", "beta": "b", "candidate": "rc", "final": ""}

_NO_FOLDER = Way((), (), None, CIRCLE)
# Nothing is there, or what is there leads nowhere. Whatever else the system says, it has not told.
_TOLD = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG))


class Bases:
    """What was found out about folders and interpreters, shared by all venvs that are read together."""

    def __init__(self) -> None:
        self._folders: dict[str, Way] = {"/": Way(("/",), (), "/")}
        self._files: dict[str, Way] = {}
        self._shared: dict[tuple[Any, ...], Any] = {}
        self._interpreters: dict[tuple[str, str], Interpreter | None] = {}
        self.implementations: dict[tuple[Any, ...], str | None] = {}
        """What the signs of a venv say together; most venvs have the same few."""

    def shared(self, value: tuple[Item, ...]) -> tuple[Item, ...]:
        """The one copy of a value that many venvs have: ten thousand of them are to fit into memory."""
        one: tuple[Item, ...] = self._shared.setdefault(value, value)
        return one

    def entries(self, found: tuple[tuple[str, EntryKind, str, bool], ...]) -> tuple[Entry, ...]:
        """The names of the interpreter in a venv's `bin`: most venvs have the same few."""
        known: tuple[Entry, ...] | None = self._shared.get(found)
        if known is None:
            known = self._shared[found] = tuple(Entry(*each) for each in found)
        return known

    def follow(self, path: str) -> Way:
        """Follow an absolute path to a file through every link; each path and folder is looked at once."""
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = self._follow(path)
        return known

    def _follow(self, path: str) -> Way:
        chain: list[str] = []
        through: list[str] = []
        for _ in range(MOST_LINKS):
            folder = self.folder(os.path.dirname(path))
            name = os.path.basename(path)
            chain += [_join(each, name) for each in folder.chain]
            through += folder.through
            if folder.real is None:
                return Way(tuple(chain), tuple(through), None, folder.reason, folder.hidden)
            real = _join(folder.real, name)
            try:
                text = os.readlink(real)
            except OSError as error:
                if error.errno == errno.EINVAL:
                    return Way(tuple(chain), tuple(through), real)
                return Way(tuple(chain), tuple(through), None, *_why(error))
            path = text if text.startswith("/") else _join(folder.real, text)
        return Way(tuple(chain), tuple(through), None, CIRCLE)

    def folder(self, path: str) -> Way:
        """Follow an absolute path to a folder."""
        known = self._folders.get(path)
        if known is None:
            if path.count("/") > _MOST_COMPONENTS:
                return Way((path,), (), None, "its path is too long")
            # Whoever comes back here while this is open goes round in circles.
            self._folders[path] = _NO_FOLDER
            known = self._folders[path] = self._look(path)
        return known

    def _look(self, path: str) -> Way:
        above, name = os.path.split(path)
        parent = self.folder(above)
        if parent.real is None:
            return Way(
                tuple(_join(each, name) for each in parent.chain) or (path,),
                parent.through,
                None,
                parent.reason,
                parent.hidden,
            )
        if name in ("", "."):
            return parent
        if name == "..":
            return Way((*parent.chain[:-1], os.path.dirname(parent.real)), parent.through, os.path.dirname(parent.real))
        real = _join(parent.real, name)
        chain = tuple(_join(each, name) for each in parent.chain)
        try:
            text = os.readlink(real)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return Way(chain, parent.through, real)
            return Way(chain, parent.through, None, *_why(error))
        end = self.folder(text if text.startswith("/") else _join(parent.real, text))
        return Way(chain + end.chain, (*parent.through, real, *end.through), end.real, end.reason, end.hidden)

    def interpreter(self, real: str, minor: str = "") -> Interpreter | None:
        """Tell what the executable at a real path is; None where no regular file is there.

        `minor` is what the link to it was called, for an executable whose own name says nothing.
        """
        key = (real, minor)
        if key not in self._interpreters:
            self._interpreters[key] = _read_interpreter(real, minor)
        return self._interpreters[key]

    def owner_link(self, folder: str, called: str) -> OwnerLink | None:
        """The interpreter behind a folder that should be a minor-version link; None where it is not a link."""
        way = self.folder(folder)
        if way.real is None or not any(is_minor_name(os.path.basename(link)) for link in way.through):
            return None
        end = self.follow(f"{folder}/bin/{called}")
        found = self.interpreter(end.real, called) if end.real is not None else None
        return OwnerLink(folder, found) if found is not None else None


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder != "/" else f"/{name}"


def _why(error: OSError) -> tuple[str, bool]:
    """Why a way does not go on, and whether it may all the same."""
    return (error.strerror or str(error)).lower(), error.errno not in _TOLD


def _read_interpreter(real: str, called: str) -> Interpreter | None:
    try:
        status = os.stat(real)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    prefix = prefix_of(real)
    manifest = None
    try:
        manifest = parse_manifest(read_text(_join(prefix, MANIFEST)))
    except OSError:
        pass  # Not one of ours.
    implementation = manifest.version.implementation if manifest is not None else _implementation(prefix, real, called)
    if implementation != CPYTHON:
        return _of_another(real, prefix, implementation, status, manifest.version if manifest is not None else None)
    named = minor_of_executable(os.path.basename(real)) or minor_of_executable(called)
    minor, variant = named or _minor_of_libraries(prefix)
    version: Version | None = None
    if manifest is not None:
        version, variant = manifest.version, manifest.variant
        minor = version.minor_name
    elif minor:
        in_path = release_of_path(prefix, minor)
        version = (
            _read_build_details(prefix, minor, variant)
            or _read_patchlevel(prefix, f"python{minor}", minor, variant)
            or (in_path[0] if in_path else None)
        )
        if variant == "default" and in_path is not None:
            variant = in_path[1]
    library = standard_library(prefix, minor, variant) if minor else None
    return Interpreter(
        real,
        prefix,
        minor,
        variant,
        version,
        library,
        status.st_size,
        status.st_mtime_ns,
        status.st_uid,
        executable=is_executable(status),
    )


def is_executable(status: os.stat_result) -> bool:
    """False for a file whose owner may not execute it, as after an artifact of CI lost its modes."""
    return bool(status.st_mode & (0o111 if status.st_uid == 0 else stat.S_IXUSR))


def implementation_at(executable: str) -> str:
    """The implementation of an interpreter, told from its name and the files around it; nothing is run."""
    real = os.path.realpath(executable)
    return _implementation(prefix_of(real), real, os.path.basename(executable))


def _implementation(prefix: str, real: str, called: str) -> str:
    names: list[str] = []
    # Beside /usr/bin/python3.13 may lie anything; a `python3` there that is not a link is not CPython's.
    if not is_shared(prefix) or minor_of_executable(os.path.basename(real)) is None:
        names = _names(prefix)
        names += _names(f"{prefix}/lib")
    return of_base(os.path.basename(real), called, names, is_graalvm="release" in names and _is_graalvm(prefix))


def _is_graalvm(prefix: str) -> bool:
    return bool(_read_graalvm(prefix))


def _read_graalvm(prefix: str) -> str:
    """The version that the file `release` of a GraalVM names; empty where there is none."""
    try:
        lines = read_text(f"{prefix}/release", 1 << 16).splitlines()
    except OSError:
        return ""
    named = next((line for line in lines if line.startswith("GRAALVM_VERSION=")), "")
    return named.partition("=")[2].strip().strip('"')


def _of_another(
    real: str, prefix: str, implementation: str, status: os.stat_result, version: Version | None
) -> Interpreter:
    """An interpreter that is not CPython: the Python that it speaks, by its name or its one library."""
    named = minor_of_executable(os.path.basename(real))
    found = {split[1] for each in _names(f"{prefix}/lib") if (split := split_library(each)) is not None}
    minor = named[0] if named is not None else found.pop() if len(found) == 1 else ""
    return Interpreter(
        real,
        prefix,
        minor,
        "default",
        version or (read_other_version(prefix, implementation, minor) if minor else None),
        standard_library(prefix, minor, "default", implementation) if minor else None,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        uid=status.st_uid,
        implementation=implementation,
        executable=is_executable(status),
    )


def read_other_version(prefix: str, implementation: str, minor: str) -> Version | None:
    """The release of a PyPy or GraalPy, as its headers and its file `release` tell; None where they do not.

    The patch release of the language may be unknown.
    """
    text = _read_header(prefix, library_name(implementation, minor))
    macro = version_macro(implementation)
    own = _defined(text, macro) if macro else _read_graalvm(prefix)
    if not is_own_version(own):
        names = (os.path.basename(prefix), *_names(f"{prefix}/lib"))
        told = [one for name in names if (one := other_in_name(name)) is not None]
        own = next((one.own for one in told if one.implementation == implementation and one.own), "")
    version = parse_version(_defined(text, "PY_VERSION").rstrip("+"))
    if version is None or version.minor_name != minor:
        if not own:
            return None
        major, _, second = minor.partition(".")
        version = Version(int(major), int(second), UNKNOWN_PATCH)
    return replace(version, implementation=implementation, own=own)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _minor_of_libraries(prefix: str) -> tuple[str, Variant]:
    """Minor and variant of the one standard library below a prefix; empty where there are several or none."""
    try:
        names = os.listdir(f"{prefix}/lib")
    except OSError:
        return "", "default"
    found = [
        split[1:]
        for name in names
        if (split := split_library(name)) is not None
        and split[0] == CPYTHON
        and os.access(f"{prefix}/lib/{name}/os.py", os.F_OK)
    ]
    return found[0] if len(found) == 1 else ("", "default")


def _read_build_details(prefix: str, minor: str, variant: Variant) -> Version | None:
    """The release that `build-details.json` names (PEP 739): it lies in the standard library from 3.14 on."""
    if tuple(map(int, minor.split("."))) < _FIRST_WITH_DETAILS:
        return None
    library = standard_library(prefix, minor, variant)
    try:
        text = read_text(f"{library}/build-details.json", 1 << 16)
    except OSError:
        return None
    import json

    try:
        numbers = json.loads(text)["language"]["version_info"]
        stage, serial = _STAGES[numbers["releaselevel"]], int(numbers["serial"])
        release = ".".join(str(int(numbers[key])) for key in ("major", "minor", "micro"))
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    version = parse_version(f"{release}{stage}{serial}" if stage else release)
    return version if version is not None and version.minor_name == minor else None


def _read_patchlevel(prefix: str, folder: str, minor: str, variant: Variant) -> Version | None:
    """The release that the headers of a Python name (`Include/patchlevel.h`): the truth where no folder tells it."""
    suffixes = {"default": ("",), "freethreaded": ("t",), "debug": ("d", "")}[variant]
    for suffix in suffixes:
        version = parse_version(_defined(_read_header(prefix, f"{folder}{suffix}"), "PY_VERSION").rstrip("+"))
        if version is not None and version.minor_name == minor:
            return version
    return None


def _read_header(prefix: str, folder: str) -> str:
    try:
        return read_text(f"{prefix}/include/{folder}/patchlevel.h", 1 << 16)
    except OSError:
        return ""


def _defined(header: str, name: str) -> str:
    """The text that a header defines a name as; empty where it does not."""
    start = header.replace("\t", " ").find(f"#define {name} ")
    words = header[start : start + 80].split('"') if start >= 0 else []
    return words[1] if len(words) > 1 else ""
