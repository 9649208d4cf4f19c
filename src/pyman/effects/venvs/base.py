"""What a venv stands on: where its interpreter's name, its `home` and its owner's links lead. Nothing is run. Hot."""

from __future__ import annotations

import os

from pyman.core.implementation import of_venv
from pyman.core.names import minor_of_executable, minor_sibling
from pyman.core.pyvenv_cfg import FILE_NAME, Settings, parse_pyvenv_cfg
from pyman.core.venv import CIRCLE, MOST_LINKS, Entry, Interpreter, Library, OwnerLink, Problem, Way, named_folder
from pyman.effects.files import NotReadable, read_bytes
from pyman.effects.interpreters.standard_library import standard_library
from pyman.effects.venvs.uses import CIRCULAR, FILE, INTERPRETERS, MISSING, WayOut, way_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.effects.interpreters.on_disk import Bases


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
    minor = interpreter.minor if interpreter is not None else ""
    variant = interpreter.variant if interpreter is not None else "default"
    wanted = [(minor, variant)] if minor else [(library.minor, library.variant) for library in libraries]
    for folder in dict.fromkeys((home.chain[0], home.real)):
        for each in wanted:
            found = standard_library(os.path.dirname(folder), *each)
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
    others: tuple[Entry, ...],
    libraries: tuple[Library, ...],
    bases: Bases,
) -> str | None:
    """Tell the implementation of a venv by all that names one: its file, its links, its library, its base.

    `interpreters` are what its link and its `home` end at, `others` the names in its `bin` that are not CPython's.
    """
    paths = [settings.get("executable"), settings.get("base-executable"), link]
    paths += way.chain[-1:] if link is not None and way is not None else ()
    if interpreters[0] is None:
        # Nothing of the base is left but what it and its folder were called, and the names that it gave to the venv.
        paths += [os.path.dirname(settings.home or ""), os.path.dirname(os.path.dirname(link or ""))]
        paths += [entry.name for entry in others]
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
