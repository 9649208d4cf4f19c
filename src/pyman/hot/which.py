"""`which`: the program that a name would run here, and every step of the choice; `shim`: runs it."""

from __future__ import annotations

import os

from pyman.core.answer import Answer
from pyman.core.record import record
from pyman.core.selection import (
    DEFAULT,
    NEWEST,
    PROGRAM,
    Selection,
    Wish,
    named_by_program,
    select,
    select_for_program,
)
from pyman.core.shell.shim_names import own_program, program_minor
from pyman.core.version import minor_alias
from pyman.effects.store import read_store
from pyman.errors import NoPython, PymanError
from pyman.hot.choosing import choose_interpreter, is_there, system_program, wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Never

    from pyman.core.choice import Choice
    from pyman.core.runtime import Store
    from pyman.effects.places import Places


@record
class Located:
    """A program, and how it was chosen."""

    path: str
    selection: Selection
    asked: tuple[Wish, ...]
    choice: Choice | None
    """None for a program of the system."""


def which(places: Places, environ: Mapping[str, str], cwd: str, name: str, *, explain: bool = False) -> Answer:
    """Answer with the program that the shim `name` would run in this folder.

    Raises NoPython where there is none, BadRequest where a file is not understood.
    """
    try:
        located = locate(places, environ, cwd, name)
    except NoPython as error:
        error.exit_status = 1
        if not explain:
            raise
        return _unexplained(read_store(places.root), environ, cwd, name, error)
    data = {
        "path": located.path,
        "version": str(located.choice.version) if located.choice is not None else None,
        "request": located.selection.request.text,
        "source": located.selection.source,
    }
    if not explain:
        return Answer(data, (located.path,), raw=True)
    steps = explain_steps(located, name)
    return Answer({**data, "steps": list(steps)}, steps)


def _unexplained(store: Store, environ: Mapping[str, str], cwd: str, name: str, error: NoPython) -> Answer:
    """Who asks for what, where nothing answers: the steps as far as they go."""
    asked, selection = _asked(store, environ, cwd, name, None)
    steps = explain_wishes(asked, selection, name)
    data = {"path": None, "version": None, "request": selection.request.text, "source": selection.source}
    return Answer({**data, "steps": list(steps)}, steps, error=error)


def locate(places: Places, environ: Mapping[str, str], cwd: str, name: str, request: str | None = None) -> Located:
    """Find the program that `name` means in a folder, as the shim does; `request` is what the command line asks for.

    Raises NoPython (127) where nothing can be run, and BadRequest where somebody's wish is not understood.
    """
    return located_in(read_store(places.root), places.cache, environ, cwd, name, request)


def located_in(
    store: Store, cache: str, environ: Mapping[str, str], cwd: str, name: str, request: str | None = None
) -> Located:
    """Find a program as `locate` does, in a store that was read."""
    asked, selection = _asked(store, environ, cwd, name, request)
    minor = program_minor(name)
    if selection.request.kind == "system":
        path = system_program(environ, store, name)
        if path is None:
            raise NoPython(
                f"no `{name}` is on PATH but shims, and {selection.source} asks for the system's",
                hint="choose another Python with `pyman use`",
            )
        return Located(path, selection, asked, None)
    choice = choose_interpreter(store, selection.request, environ, cwd, cache)
    if minor is not None and choice is not None and minor_alias(choice.version, choice.variant) != minor:
        # A path that leads to another minor says nothing about this one.
        selection = named_by_program(minor)
        choice = choose_interpreter(store, selection.request, environ, cwd, cache)
    if choice is None:
        raise missing(store, selection)
    return Located(_program_of(choice, name), selection, asked, choice)


def _asked(
    store: Store, environ: Mapping[str, str], cwd: str, name: str, request: str | None
) -> tuple[tuple[Wish, ...], Selection]:
    """Everybody who may ask, and the wish that counts for a program."""
    asked = wishes(environ, cwd, store, request)
    minor = program_minor(name)
    there = is_there(store, environ, name)
    return tuple(asked), select(asked, there) if minor is None else select_for_program(asked, minor, there)


def missing(store: Store, selection: Selection) -> NoPython:
    """The failure to report when nothing installed satisfies a request."""
    if selection.source == NEWEST:
        return NoPython(f"no Python is installed in {store.root}", hint="run `pyman install`")
    from pyman.core.shell.quoting import as_word

    others = "".join(f", {request}" for request in selection.missing)
    asks = "" if selection.source == PROGRAM else f", and {selection.source} asks for it"
    return NoPython(
        f"Python {selection.request}{others} is not installed{asks}",
        hint=f"run `pyman install {as_word(selection.request.text)}`",
    )


def _program_of(choice: Choice, name: str) -> str:
    if choice.runtime is not None and choice.runtime.is_managed:
        path = os.path.join(choice.home, name)
    else:
        minor = minor_alias(choice.version, choice.variant)
        own = own_program(name, minor)
        if own is None:
            raise NoPython(
                f"`{name}` is none of the programs of Python {choice.release}, which pyman did not install",
                hint="make a venv that has it, with `pyman venv`",
            )
        # An interpreter that a path named may be called anything.
        path = choice.executable if own == f"python{minor}" else os.path.join(choice.home, own)
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise NoPython(
            f"Python {choice.release} has no program `{os.path.basename(path)}`",
            hint="make a venv that has it, with `pyman venv`",
        )
    return path


def explain_steps(located: Located, name: str) -> tuple[str, ...]:
    """Every place that may ask, in order, what it asks for, and what came of it."""
    lines = list(explain_wishes(located.asked, located.selection, name))
    choice = located.choice
    if choice is None:
        lines.append(f"{located.selection.request}: the first on PATH that is no shim, no venv's and not pyman's")
    elif choice.policy == "follow" and choice.through is not None:
        lines.append(f"{located.selection.request} follows {choice.through}, now {choice.release}")
    else:
        lines.append(f"{located.selection.request} means the patch release {choice.release} and no other")
    lines.append(f"{name} runs {located.path}")
    return tuple(lines)


def explain_wishes(asked: tuple[Wish, ...], selection: Selection, name: str) -> tuple[str, ...]:
    """Every place that may ask, in order, and which of them counts."""
    lines = []
    decided = False
    for wish in asked:
        words = " ".join(wish.words)
        if not wish.words:
            lines.append(f"{wish.source}: asks for nothing")
        elif decided or selection.source != wish.source:
            lines.append(f"{wish.source}: asks for {words}; not needed")
        else:
            decided = True
            numbers = ", ".join(map(str, dict.fromkeys(wish.lines)))
            place = f" (line {numbers})" if numbers else ""
            lines.append(f"{wish.source}: asks for {words}{place}; this counts")
            lines += [f"  {request} is not installed" for request in selection.missing]
    if selection.source == PROGRAM:
        lines.append(f"{name} itself names {selection.request}; this counts")
    elif selection.source == NEWEST:
        lines.append("nobody asks: the newest installed; this counts")
    elif selection.source == DEFAULT and not decided:
        lines.append(f"the default: {selection.request}; this counts")
    return tuple(lines)


def shim(places: Places, environ: Mapping[str, str], cwd: str, name: str, arguments: list[str]) -> Never:
    """Run the program that a shim stands for, in place of this process.

    Raises NoPython where there is nothing to run; everything else that is wrong has the same status here.
    """
    try:
        located = locate(places, environ, cwd, name)
    except PymanError as error:
        error.exit_status = NoPython.exit_status
        raise
    child = {key: value for key, value in environ.items() if key != "PYMAN_SHIM_PROCESS"}
    replace_process(located.path, [located.path, *arguments], child)


def replace_process(path: str, arguments: list[str], environ: Mapping[str, str]) -> Never:
    """Become another program. Raises NoPython where the system refuses it."""
    try:
        os.execve(path, arguments, dict(environ))
    except OSError as error:
        raise NoPython(f"{path} cannot be run: {error.strerror}", hint="see `pyman doctor`", exit_status=126) from error
