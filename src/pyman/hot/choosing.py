"""Looking and choosing, as every verb that needs a Python does it: what answers a request, and runs under a name."""

from __future__ import annotations

import os

from pyman.core.record import record, replace
from pyman.core.selection import (
    ENVIRONMENT,
    NEWEST,
    PROGRAM,
    Selection,
    Wish,
    named_by_program,
    select,
    select_for_program,
)
from pyman.core.shell.shims import own_program, program_minor
from pyman.core.store import Choice, Store, choose
from pyman.core.version import minor_alias
from pyman.effects.store import read_store
from pyman.errors import UNSUPPORTED, BadRequest, NoPython, NotFound
from pyman.hot.wishes import is_there, system_program, wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.request import Request
    from pyman.effects.places import Places


@record
class Located:
    """A program, and how it was chosen."""

    path: str
    selection: Selection
    asked: tuple[Wish, ...]
    choice: Choice | None
    """None for a program of the system."""


def choose_interpreter(
    store: Store, request: Request, environ: Mapping[str, str], cwd: str, places: Places, *, named: bool
) -> Choice | None:
    """The interpreter that answers a request; None where nothing that is installed does.

    `named` says that a path stands in the user's own words, and not in a file of a venv. Raises NotFound and
    BadRequest for a path that leads nowhere, and for what pyman cannot use yet, NotStarted for an interpreter that
    may not be started.
    """
    if request.kind == "path":
        return choose_path(request.text, store, environ, cwd, places, named=named)
    if request.kind == "system":
        path = system_program(environ, store)
        if path is None:
            raise NotFound("there is no Python on PATH besides pyman's", hint="ask for a version instead of `system`")
        return choose_path(path, store, environ, cwd, places, named=_is_on_own_path(path, cwd, places))
    if request.kind == "other":
        raise BadRequest(
            f"`{request}` is not supported yet: pyman looks after CPython only",
            hint="name a CPython, for example `3.13`",
            code=UNSUPPORTED,
            exit_status=1,
        )
    return choose(store, request)


def _is_on_own_path(path: str, cwd: str, places: Places) -> bool:
    """Whether PATH names a program as the user would: PATH is the user's word, but for folders of the project."""
    from pyman.effects.project_files import project_of
    from pyman.effects.subprocesses import outside_of, usable_search_path

    outside = outside_of("", project_of(cwd, places.home), places.home)
    return usable_search_path(os.path.dirname(path), outside=outside, home=places.home) != ""


def choose_path(
    text: str, store: Store, environ: Mapping[str, str], cwd: str, places: Places, *, named: bool
) -> Choice:
    """Answer a request that is a path; a shim is what it would run.

    Raises NotFound where nothing is there, BadRequest where it leads to no Python, NotStarted where that may not be
    started.
    """
    from pyman.hot.paths import absolute, resolve_path

    path = absolute(text, environ, cwd)
    if os.path.dirname(path) == os.path.join(store.root, "shims") and os.path.lexists(path):
        return _behind_shim(path, store, environ, cwd, places)
    return resolve_path(path, store, places, named=named)


def _behind_shim(path: str, store: Store, environ: Mapping[str, str], cwd: str, places: Places) -> Choice:
    """The interpreter that a shim would run in this folder.

    Raises NotFound where that is none, and what choosing raises.
    """
    from pyman.hot.paths import absolute

    def is_shim(word: str | None) -> bool:
        return os.path.dirname(absolute(word or "/", environ, cwd)) == os.path.dirname(path)

    # Where a shim is what is asked for it stands for what is asked for besides, else it would stand for itself.
    if is_shim(store.default):
        store = replace(store, default=None)
    if is_shim(environ.get(ENVIRONMENT)):
        environ = {key: value for key, value in environ.items() if key != ENVIRONMENT}
    try:
        located = located_in(store, places, environ, cwd, os.path.basename(path))
    except NoPython as error:
        raise NotFound(f"the shim {path} has nothing to run: {error.message}", hint=error.hint) from None
    if located.choice is not None:
        return located.choice
    named = _is_on_own_path(located.path, cwd, places)
    return choose_path(located.path, store, environ, cwd, places, named=named)


def locate(places: Places, environ: Mapping[str, str], cwd: str, name: str, request: str | None = None) -> Located:
    """Find the program that `name` means in a folder, as the shim does; `request` is what the command line asks for.

    Raises NoPython (127) where nothing can be run, and BadRequest where somebody's wish is not understood.
    """
    return located_in(read_store(places.root), places, environ, cwd, name, request)


def located_in(
    store: Store, places: Places, environ: Mapping[str, str], cwd: str, name: str, request: str | None = None
) -> Located:
    """Find a program as `locate` does, in a store that was read."""
    asked, selection = who_asks(store, environ, cwd, name, request)
    minor = program_minor(name)
    if selection.request.kind == "system":
        path = system_program(environ, store, name)
        if path is None:
            raise NoPython(
                f"no `{name}` is on PATH but shims, and {selection.source} asks for the system's",
                hint="choose another Python with `pyman use`",
            )
        return Located(path, selection, asked, None)
    choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if minor is not None and choice is not None and minor_alias(choice.version, choice.variant) != minor:
        # A path that leads to another minor says nothing about this one.
        selection = named_by_program(minor)
        choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if choice is None:
        raise missing(store, selection)
    return Located(_program_of(choice, name), selection, asked, choice)


def who_asks(
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
    from pyman.core.escape import as_word

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
