"""The order of the sources that ask for a Python (design.md 9): option, variable, files, default; that explained.

Import-light.
"""

from __future__ import annotations

import os

from pyman.core.version_files import (
    MISE_FILES,
    MISE_KEY,
    of_poetry,
    parse_tool_versions,
    parse_version_file,
    plainly_of_mise,
    plainly_required,
    required_by,
    words_of_mise,
)
from pyman.core.version_source import (
    ARGUMENT,
    DEFAULT,
    ENVIRONMENT,
    NEWEST,
    PROGRAM,
    PYPROJECT_KEY,
    Selection,
    VersionSource,
)
from pyman.effects.project_files import PYPROJECT, TOOL_FILES, VERSION_FILE, read_project_file, upward
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from pyman.core.store import Store
    from pyman.effects.project_files import ProjectFile


def version_sources(
    environ: Mapping[str, str], cwd: str, store: Store, request: str | None = None
) -> list[VersionSource]:
    """All version sources in the order of design.md 9; one that is not set has no words.

    `request` is what the command line asks for, which outranks them all: no one else is asked then. Once one asks, no
    other file is read. Raises BadRequest that names the file, and the line, of what cannot be understood.
    """
    return list(each_source(environ, cwd, store, request))


def each_source(
    environ: Mapping[str, str], cwd: str, store: Store, request: str | None = None
) -> Iterator[VersionSource]:
    """The same one after the other, so that what was found before a failure is known."""
    if request is not None:
        yield VersionSource(ARGUMENT, (request,))
        return
    word = environ.get(ENVIRONMENT, "")
    yield VersionSource(ENVIRONMENT, (word,) if word else ())
    if not word:
        yield from _project_sources(cwd, environ)
    yield VersionSource(DEFAULT, (store.default,) if store.default is not None else ())


def _project_sources(cwd: str, environ: Mapping[str, str]) -> Iterator[VersionSource]:
    """What the files of a project ask for, up to the first that does.

    The files of asdf and mise count before `pyproject.toml` where they lie in its folder or below, else behind it.
    """
    folders = upward(cwd)
    inside = next((n for n, folder in enumerate(folders) if os.path.lexists(os.path.join(folder, PYPROJECT))), None)
    for number, folder in enumerate(folders):
        is_inside = inside is None or number <= inside
        for name in (VERSION_FILE, *TOOL_FILES) if is_inside else (VERSION_FILE,):
            source = _read_source(folder, name, environ)
            if source is not None:
                yield source
                return
    yield VersionSource(VERSION_FILE, ())
    yield VersionSource(TOOL_FILES[0], ())
    required = _requires_python(folders, environ)
    yield required
    if required.words or inside is None:
        return
    for folder in folders[inside + 1 :]:
        for name in TOOL_FILES:
            source = _read_source(folder, name, environ)
            if source is not None:
                yield source
                return


def _read_source(folder: str, name: str, environ: Mapping[str, str]) -> VersionSource | None:
    """What one file asks for; None where it is not there, or asks for nothing."""
    file = read_project_file(os.path.join(folder, name))
    if file is None:
        return None
    key = ""
    if name == VERSION_FILE:
        requests = parse_version_file(file.text, file.path)
    elif name in MISE_FILES:
        plain = plainly_of_mise(file.text, file.path)
        requests, key = plain if plain is not None else words_of_mise(_toml(file), file.path), MISE_KEY
    else:
        requests = parse_tool_versions(file.text, file.path)
    if not requests:
        return None
    words, lines = zip(*((request.text, request.line) for request in requests), strict=True)
    return VersionSource(file.path, words, lines, key, _stranger(file, environ))


def _toml(file: ProjectFile) -> dict[str, Any]:
    from pyman.core.toml_text import NotToml, parse_toml

    try:
        return parse_toml(file.text)
    except NotToml as error:
        raise BadRequest(
            f"{file.path} is not valid TOML: {error}", hint="fix it, or use PYMAN_PYTHON", exit_status=1
        ) from None


def _stranger(file: ProjectFile, environ: Mapping[str, str]) -> str:
    """The number of the user whose file it is, where that is neither this one, nor root, nor who has called sudo."""
    known = ("0", str(os.geteuid()), environ.get("SUDO_UID"))
    return "" if str(file.owner) in known else str(file.owner)


def _requires_python(folders: list[str], environ: Mapping[str, str]) -> VersionSource:
    for folder in folders:
        file = read_project_file(os.path.join(folder, PYPROJECT))
        if file is None or (PYPROJECT_KEY not in file.text and "poetry" not in file.text):
            continue
        plain = plainly_required(file.text)
        found = (plain, PYPROJECT_KEY) if plain else required_by(_toml(file))
        if found is not None:
            asked, key = found
            words = of_poetry(asked) if key != PYPROJECT_KEY else (asked,)
            return VersionSource(file.path, words, key=key, owner=_stranger(file, environ))
    return VersionSource(PYPROJECT, ())


def notes_of_source(asked: Iterable[VersionSource], environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence where other files of the folder of the one that counts ask for something else."""
    used = next((source for source in asked if source.words), None)
    if used is None or not used.lines:
        return ()
    notes = []
    folder = os.path.dirname(used.name)
    for name in (VERSION_FILE, *TOOL_FILES):
        try:
            other = _read_source(folder, name, environ)
        except BadRequest:
            continue  # It is not used, so its content does not matter.
        if other is not None and other.name != used.name and other.words != used.words:
            words = " ".join(other.words)
            notes.append(
                f"{other.name} requests {words}, {used.name} requests {' '.join(used.words)}; the latter is used"
            )
    return tuple(notes)


def explain_sources(asked: tuple[VersionSource, ...], selection: Selection | None, name: str) -> tuple[str, ...]:
    """Every place that may ask, in order, and which of them is used. No selection: what is used is not understood."""
    lines = []
    used = None
    for source in asked:
        if not source.words:
            lines.append(f"{source.name}: not set")
            continue
        words = f"{source.name}: {' '.join(source.words)}{_details(source)}"
        if used is not None or (selection is not None and selection.source != source.name):
            lines.append(f"{words}; not used")
            continue
        used = source
        lines.append(f"{words}; used")
        if selection is not None:
            chosen = selection.request.text
            before = source.words[: source.words.index(chosen)] if chosen in source.words else ()
            lines += [f"  {word} is not installed" for word in before]
    if selection is None:
        return tuple(lines)
    if selection.source == PROGRAM:
        lines.append(f"{name} itself names {selection.request}; used")
    elif selection.source == NEWEST:
        lines.append("nothing is set: the newest installed Python; used")
    return tuple(lines)


def _details(source: VersionSource) -> str:
    """Where in a file it stands, and whose file that is."""
    numbers = ", ".join(map(str, dict.fromkeys(filter(None, source.lines))))
    details = [f"line {numbers}"] if numbers else []
    if source.key:
        details.append(source.key)
    if source.owner:
        details.append(f"owned by {_user(source.owner)}")
    return f" ({', '.join(details)})" if details else ""


def _user(number: str) -> str:
    import pwd

    try:
        return f"{pwd.getpwuid(int(number)).pw_name}, user {number}"
    except (KeyError, OverflowError):
        return f"user {number}"
