"""Which Python, and which program, is meant here: `find`, `which`, what a shim runs, and every step of the choice.

Import-light.
"""

from __future__ import annotations

import os

from pyman.app.console import Answer
from pyman.app.version_source_order import each_source, explain_sources, notes_of_source, version_sources
from pyman.core.choice import Choice, choose, through_alias
from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, known_titles
from pyman.core.names import is_interpreter_name
from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.core.request import Request, how_to_get, parse_request
from pyman.core.shell.shims import (
    is_of_a_venv,
    own_program,
    program_implementation,
    program_minor,
    program_of_venv,
    program_release,
)
from pyman.core.store import Store, is_shared
from pyman.core.version import minor_alias, python_name, version_data
from pyman.core.version_source import (
    ACTIVE_VENV,
    ENVIRONMENT,
    NEWEST,
    PROGRAM,
    Selection,
    VersionSource,
    named_by_program,
    select,
    select_for_program,
)
from pyman.effects.files import open_regular, read_text
from pyman.effects.store import read_stores
from pyman.errors import UNSUPPORTED, BadRequest, NoPython, NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Never

    from pyman.effects.places import Places


@record
class Located:
    """A program, and how it was chosen."""

    path: str
    selection: Selection
    asked: tuple[VersionSource, ...]
    choice: Choice | None
    """None for a program of the system, and of an active venv."""
    starter: str = ""
    """The interpreter that starts the program, where that is a script of another one."""


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
    if request.kind == "venv":
        path = pyenv_venv(request.text, environ, places.home)
        if path is None:
            raise NotFound(f"pyenv has no venv `{request}`", hint="request a version")
        return choose_path(path, store, environ, cwd, places, named=True)
    if request.kind == "system":
        path = system_program(environ, store)
        if path is None:
            raise NotFound("there is no Python on PATH besides pyman's", hint="request a version instead of `system`")
        return choose_path(path, store, environ, cwd, places, named=_is_on_own_path(path, cwd, places))
    if request.kind == "other":
        raise BadRequest(
            f"`{request}` is not supported: pyman manages {known_titles('and')}",
            hint="choose one of these, for example `3.13`",
            code=UNSUPPORTED,
            exit_status=1,
        )
    return choose(store, request)


def _is_on_own_path(path: str, cwd: str, places: Places) -> bool:
    """Whether PATH names a program as the user would: PATH is the user's word, but for folders of the project."""
    from pyman.effects.subprocesses import search_path_outside

    return search_path_outside(os.path.dirname(path), cwd, places.home) != ""


def choose_path(
    text: str, store: Store, environ: Mapping[str, str], cwd: str, places: Places, *, named: bool
) -> Choice:
    """Answer a request that is a path; a shim is what it would run.

    Raises NotFound where nothing is there, BadRequest where it leads to no Python, NotStarted where that may not be
    started.
    """
    from pyman.app.paths import absolute, resolve_path

    path = absolute(text, environ, cwd)
    shims = os.path.join(store.root, "shims")
    if os.path.islink(path) and os.path.dirname(target := os.readlink(path)) == shims:
        path = target  # `pyman shims --link` made it.
    if os.path.dirname(path) == shims and os.path.lexists(path):
        return _behind_shim(path, store, environ, cwd, places)
    return resolve_path(path, store, places, named=named)


def _behind_shim(path: str, store: Store, environ: Mapping[str, str], cwd: str, places: Places) -> Choice:
    """The interpreter that a shim would run in this folder.

    Raises NotFound where that is none, and what choosing raises.
    """
    from pyman.app.paths import absolute

    def is_shim(word: str | None) -> bool:
        return os.path.dirname(absolute(word or "/", environ, cwd)) == os.path.dirname(path)

    # A request that is itself a shim is skipped for the next source, else the shim would run itself.
    if is_shim(store.default):
        store = replace(store, default=None)
    if is_shim(environ.get(ENVIRONMENT)):
        environ = {key: value for key, value in environ.items() if key != ENVIRONMENT}
    try:
        located = located_in(store, places, environ, cwd, os.path.basename(path))
    except NoPython as error:
        raise NotFound(f"the shim {path} finds nothing to run: {error.message}", hint=error.hint) from None
    if located.choice is not None:
        return located.choice
    named = _is_on_own_path(located.path, cwd, places)
    return choose_path(located.path, store, environ, cwd, places, named=named)


def locate(places: Places, environ: Mapping[str, str], cwd: str, name: str, request: str | None = None) -> Located:
    """Find the program that `name` means in a folder, as the shim does; `request` is what the command line asks for.

    Raises NoPython (127) where nothing can be run, and BadRequest where a version source is not understood.
    """
    return located_in(read_stores(places), places, environ, cwd, name, request)


def located_in(
    store: Store, places: Places, environ: Mapping[str, str], cwd: str, name: str, request: str | None = None
) -> Located:
    """Find a program as `locate` does, in a store that was read."""
    asked, selection = who_asks(store, environ, cwd, places, name, request)
    minor, implementation = program_minor(name) or "", program_implementation(name)
    if selection.request.kind == "venv":
        return Located(_program_of_venv(selection, environ, places, name), selection, asked, None)
    if selection.request.kind == "system":
        path = system_program(environ, store, name)
        if path is None:
            raise NoPython(
                f"`{name}` is on PATH only as a shim, but {selection.source} requests the system's",
                hint="choose another Python with `pyman use`",
            )
        return Located(path, selection, asked, None)
    choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if choice is not None and not _is_named(choice, minor, implementation):
        # A path to another minor version says nothing about this one.
        selection = named_by_program(minor or implementation or "")
        choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if choice is None:
        raise missing(store, selection)
    return Located(_program_of(choice, name), selection, asked, choice)


def _is_named(choice: Choice, minor: str, implementation: str | None) -> bool:
    """False for an interpreter that the name of a program does not mean."""
    if minor:
        return minor_alias(choice.version, choice.variant) == minor
    return implementation is None or choice.version.implementation == implementation


def in_active_venv(environ: Mapping[str, str], name: str) -> Located | None:
    """The headers, pydoc or IDLE of the Python of an active venv, for which `python` answers there, too.

    None where no venv is active, its file is not understood, or `name` is another program. Raises NoPython where that
    Python does not have it.
    """
    venv = environ.get("VIRTUAL_ENV", "")
    if not is_of_a_venv(name) or not venv.startswith("/"):
        return None
    if f"{venv}/bin" not in environ.get("PATH", "").split(os.pathsep):
        return None
    try:
        settings = parse_pyvenv_cfg(read_text(f"{venv}/{FILE_NAME}"))
    except OSError:
        return None
    minor = settings.minor
    if minor is None or settings.home is None or not settings.home.startswith("/"):
        return None
    own = program_of_venv(name, minor, "freethreaded" if os.path.isdir(f"{venv}/lib/python{minor}t") else "default")
    if own is None:
        return None
    path = os.path.join(settings.home, own)
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise NoPython(
            f"the Python of the active venv {venv} has no program `{own}`", hint="install a package that provides it"
        )
    starter = "" if own.startswith("python") else f"{venv}/bin/python"
    return Located(path, Selection(Request(venv, "path"), ACTIVE_VENV), (), None, starter)


def who_asks(
    store: Store, environ: Mapping[str, str], cwd: str, places: Places, name: str = "", request: str | None = None
) -> tuple[tuple[VersionSource, ...], Selection]:
    """All version sources, and the one that counts, for a program where one is named."""
    asked = version_sources(environ, cwd, store, request)
    release = program_release(name)
    if release is not None:
        return tuple(asked), named_by_program(release)
    minor, implementation = program_minor(name) or "", program_implementation(name) or ""
    there = is_there(store, environ, places, name)
    named = minor or implementation
    selection = select_for_program(asked, minor, there, implementation) if named else select(asked, there)
    return tuple(asked), replace(selection, request=for_this_machine(selection.request))


def for_this_machine(request: Request) -> Request:
    """The request without the platform that it names, where that is this one's; any other as it is."""
    if not request.platform:
        return request
    from pyman.core.platform import is_this_platform, split_platform
    from pyman.effects.machine import platform

    if not is_this_platform(request.platform, platform()):
        return request
    return parse_request(split_platform(request.text.lower())[0] or "latest")


def missing(store: Store, selection: Selection) -> NoPython:
    """The failure to report when nothing installed satisfies a request."""
    if selection.source == NEWEST:
        return NoPython(f"no Python is installed in {store.root}", hint="run `pyman install`")
    others = "".join(f", {request}" for request in selection.missing)
    asks = "" if selection.source == PROGRAM else f", and {selection.source} requests it"
    return NoPython(
        f"{python_name(selection.request.text)}{others} is not installed{asks}",
        hint=how_to_get(selection.request),
    )


def _program_of_venv(selection: Selection, environ: Mapping[str, str], places: Places, name: str) -> str:
    """The program of a venv of pyenv-virtualenv. Raises NoPython where it has none of that name."""
    folder = pyenv_venv(selection.request.text, environ, places.home) or ""
    path = os.path.join(folder, "bin", name)
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise NoPython(f"the venv {folder} has no program `{name}`", hint=f"see `pyman info {folder}`")
    return path


def _program_of(choice: Choice, name: str) -> str:
    minor = minor_alias(choice.version, choice.variant)
    is_other, runtime = choice.version.implementation != CPYTHON, choice.runtime
    if is_other and is_interpreter_name(name):
        return choice.executable
    # Its programs do not carry its name: only in a folder of its own they are its own.
    has_own = is_other and runtime is not None and not is_shared(runtime.target)
    if has_own or (runtime is not None and runtime.is_managed):
        path = os.path.join(choice.home, f"python{minor}" if program_release(name) else name)
    else:
        own = own_program(name, minor) if not is_other else None
        if own is None:
            raise NoPython(
                f"{python_name(choice.release)} (adopted) has no program `{name}`",
                hint="install it in a venv: `pyman venv`",
            )
        # An interpreter that a path named may be called anything.
        path = choice.executable if own == f"python{minor}" else os.path.join(choice.home, own)
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise NoPython(
            f"{python_name(choice.release)} has no program `{os.path.basename(path)}`",
            hint="install it in a venv: `pyman venv`",
        )
    return path


# Who asks for a Python, and the Python that is there without pyman.

_SHIM_HEAD = b"#!/bin/sh\n# pyman shim:"


def is_there(store: Store, environ: Mapping[str, str], places: Places, program: str = "") -> Callable[[Request], bool]:
    """Whether a request has an answer on this machine; a path is taken at its word."""

    def answer(request: Request) -> bool:
        if request.kind == "system":
            return system_program(environ, store, program) is not None
        if request.kind == "venv":
            return pyenv_venv(request.text, environ, places.home) is not None
        return request.kind == "path" or choose(store, for_this_machine(request)) is not None

    return answer


def pyenv_venv(name: str, environ: Mapping[str, str], home: str) -> str | None:
    """The venv that pyenv-virtualenv keeps under a name in the user's own pyenv; None where there is none."""
    root = environ.get("PYENV_ROOT", "")
    root = root if os.path.isabs(root) else os.path.join(home, ".pyenv")
    path = os.path.join(root, "versions", name)
    try:
        if os.stat(os.path.join(path, "pyvenv.cfg")).st_uid not in (0, os.geteuid()):
            return None
    except (OSError, ValueError):
        return None
    from pyman.effects.interpreters.admission import lies_in_project

    return None if lies_in_project(root, home) else path


def system_program(environ: Mapping[str, str], store: Store, name: str = "") -> str | None:
    """The first program on PATH that would run without pyman: no shim, nothing of a venv, nothing of the store.

    Without a name, or as `python`, any of the names that a system's Python has.
    """
    names = {"": ("python3", "python"), "python": ("python", "python3")}.get(name, (name,))
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if _is_of_the_system(folder, store)]
    for candidate in names:
        for folder in folders:
            path = os.path.join(folder, candidate)
            if os.path.isfile(path) and os.access(path, os.X_OK) and not _is_shim(path):
                from pyman.app.paths import behind_placeholder

                if behind_placeholder(path) is not None:
                    return path
    return None


def _is_of_the_system(folder: str, store: Store) -> bool:
    plain = folder.rstrip("/")
    if not os.path.isabs(folder) or os.path.basename(plain) == "shims":
        return False
    if plain.startswith(os.path.join(store.root, "runtimes") + "/"):
        return False
    return not os.path.isfile(os.path.join(os.path.dirname(plain), "pyvenv.cfg"))


def _is_shim(path: str) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(_SHIM_HEAD)) == _SHIM_HEAD
    except OSError:
        return False


# `find`: which interpreter answers a request, by the path that follows its alias.


def find(places: Places, environ: Mapping[str, str], cwd: str, request: str | None, *, resolve: bool = False) -> Answer:
    """Answer with the path of an interpreter, through the alias where there is one.

    Raises NotFound where nothing installed satisfies the request, BadRequest where it is not understood.
    """
    selection, choice = _choose(places, environ, cwd, request)
    path = os.path.realpath(choice.executable) if resolve else choice.executable
    data = {
        "path": path,
        **version_data(choice.version),
        "request": selection.request.text,
        "source": selection.source,
    }
    return Answer(data, (path,), raw=True)


def interpreter_as_it_is(
    places: Places, environ: Mapping[str, str], cwd: str, request: str | None = None
) -> str | None:
    """The interpreter of the system, or of a venv of pyenv, where this folder asks for that, else None.

    It is not asked what it is, for who runs it need not know. Raises as `find` does.
    """
    store = read_stores(places)
    _, selection = who_asks(store, environ, cwd, places, request=request)
    if selection.request.kind == "venv":
        return _program_of_venv(selection, environ, places, "python")
    path = system_program(environ, store) if selection.request.kind == "system" else None
    if path is None:
        return None
    from pyman.app.paths import base_interpreter

    return base_interpreter(path)


def choose_here(places: Places, environ: Mapping[str, str], cwd: str, request: str | None = None) -> Choice:
    """The interpreter that a request names, else the one that this folder asks for. Raises as `find` does."""
    return _choose(places, environ, cwd, request)[1]


def _choose(places: Places, environ: Mapping[str, str], cwd: str, request: str | None) -> tuple[Selection, Choice]:
    store = read_stores(places)
    _, selection = who_asks(store, environ, cwd, places, request=request)
    choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if choice is not None:
        return selection, choice
    if selection.source == NEWEST:
        raise NotFound(f"no Python is installed in {store.root}", hint="run `pyman install`")
    asks = "" if request is not None else f", which {selection.source} requests"
    raise NotFound(
        f"no installed Python satisfies {selection.request}{asks}",
        hint=how_to_get(selection.request),
    )


# `which`: the program that a name would run here, and every step of the choice; `shim`: runs it.


def which(places: Places, environ: Mapping[str, str], cwd: str, name: str, *, explain: bool = False) -> Answer:
    """Answer with the program that the shim `name` would run in this folder.

    Raises NoPython where there is none, BadRequest where a file is not understood.
    """
    try:
        located = in_active_venv(environ, name) or locate(places, environ, cwd, name)
    except PymanError as error:
        error.exit_status = 1
        if not explain:
            raise
        return _unexplained(places, environ, cwd, name, error)
    data = {
        "path": located.path,
        **version_data(located.choice.version if located.choice is not None else None),
        "request": located.selection.request.text,
        "source": located.selection.source,
    }
    notes = notes_of_source(located.asked, environ)
    if not explain:
        return Answer(data, (located.path,), notes=notes, raw=True)
    steps = explain_steps(located, name)
    return Answer({**data, "steps": list(steps)}, steps, notes=notes)


def which_all(places: Places, environ: Mapping[str, str], cwd: str, name: str) -> Answer:
    """Answer with every program of a name: the one that runs here first, then those of the store, then those on PATH.

    Where none runs here, that is the error beside the others.
    """
    answer = Answer({"path": None, "version": None, "request": None, "source": None})
    try:
        answer = which(places, environ, cwd, name)
    except PymanError as error:
        answer = replace(answer, error=error)
    found = list(answer.lines)
    store = read_stores(places)
    for runtime in store.runtimes:
        try:
            path = _program_of(through_alias(store, runtime), name)
        except NoPython:
            continue  # It has none of that name, or one of another minor.
        found.append(path)
    for folder in environ.get("PATH", "").split(os.pathsep):
        path = os.path.join(folder, name)
        is_own = not _is_of_the_system(folder, store) and not os.path.lexists(f"{os.path.dirname(folder)}/pyvenv.cfg")
        if not is_own and os.path.isfile(path) and os.access(path, os.X_OK) and not _is_shim(path):
            found.append(path)
    found = list(dict.fromkeys(found))
    return replace(answer, data={**answer.data, "all": found}, lines=tuple(found))


def _unexplained(places: Places, environ: Mapping[str, str], cwd: str, name: str, error: PymanError) -> Answer:
    """Who asks for what, where nothing answers: the steps as far as they go."""
    asked: list[VersionSource] = []
    selection = None
    try:
        store = read_stores(places)
        asked.extend(each_source(environ, cwd, store))
        _, selection = who_asks(store, environ, cwd, places, name)
    except PymanError:
        pass  # The failure that was given is the one to show.
    used = next((source for source in asked if source.words), None)
    steps = explain_sources(tuple(asked), selection, name)
    data = {
        "path": None,
        "version": None,
        "request": selection.request.text if selection is not None else None,
        "source": selection.source if selection is not None else used.name if used is not None else None,
    }
    return Answer({**data, "steps": list(steps)}, steps, error=error)


def explain_steps(located: Located, name: str) -> tuple[str, ...]:
    """Every place that may ask, in order, what it asks for, and what came of it."""
    if located.selection.source == ACTIVE_VENV:
        active = f"{ACTIVE_VENV}: {located.selection.request} is active; used"
        started = f", started by {located.starter}" if located.starter else ""
        return active, f"{name} runs {located.path}{started}"
    lines = list(explain_sources(located.asked, located.selection, name))
    choice, request = located.choice, located.selection.request
    if request.kind == "venv":
        lines.append(f"{request} is a venv of pyenv")
    elif choice is None:
        lines.append(f"{request}: the first on PATH that is not a shim or part of a venv or of pyman")
    elif choice.policy == "follow" and choice.through is not None:
        lines.append(f"{choice.through} is an alias of {choice.release}")
    else:
        lines.append(f"{request} is exactly the patch release {choice.release}")
    lines.append(f"{name} runs {located.path}")
    return tuple(lines)


def shim(places: Places, environ: Mapping[str, str], cwd: str, name: str, arguments: list[str]) -> Never:
    """Run the program that a shim stands for, in place of this process.

    Raises NoPython where there is nothing to run; everything else that is wrong has the same status here.
    """
    try:
        located = in_active_venv(environ, name) or locate(places, environ, cwd, name)
    except PymanError as error:
        error.exit_status = NoPython.exit_status
        raise
    child = {key: value for key, value in environ.items() if key != "PYMAN_SHIM_PROCESS"}
    words = [located.starter, located.path] if located.starter else [located.path]
    replace_process(words[0], [*words, *arguments], child)


def replace_process(path: str, arguments: list[str], environ: Mapping[str, str]) -> Never:
    """Become another program. Raises NoPython where the system refuses it."""
    try:
        os.execve(path, arguments, dict(environ))
    except OSError as error:
        raise NoPython(f"{path} cannot be run: {error.strerror}", hint="see `pyman doctor`", exit_status=126) from error
