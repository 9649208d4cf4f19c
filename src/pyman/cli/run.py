"""`pyman run`: a command with the chosen Python first on PATH."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.select import Located, choose_here, interpreter_as_it_is, locate, replace_process
from pyman.app.session import Session
from pyman.cli.options import PythonOption
from pyman.cli.verb import verb
from pyman.core.choice import Choice
from pyman.core.request import parse_request
from pyman.core.shell.shims import is_of_python
from pyman.core.store import is_shared
from pyman.core.version_source import ENVIRONMENT
from pyman.effects.interruption import leave_signals
from pyman.errors import NO_PROGRAM, BadRequest, NoPython, NotFound, PymanError, UsageError


@verb
def run(
    session: Session,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments.")],
    python: PythonOption = None,
) -> Answer:
    """Run a command with a Python first on PATH: the given one, else the one that this folder requests.

    Arguments, signals and the exit status are passed through unchanged. Exit status 127: there is no
    Python to run.

    Examples:
        pyman run -- python -V
        pyman run -p 3.12 -- python -m unittest
    """
    if not command:
        raise UsageError("there is no command to run", hint="put it after `--`: `pyman run -- python -V`")
    name = command[0]
    located = _of_python(session, name, python) if is_of_python(name) else None
    executable, shared = _chosen(session, python, located)
    environ = dict(session.environ)
    if python is not None:
        # Shims that the command starts must run the same Python, in whatever folder.
        environ[ENVIRONMENT] = executable if parse_request(python).kind == "path" else python
    if not shared:
        # The bin of a shared prefix holds far more than its Python.
        environ["PATH"] = os.path.dirname(executable) + os.pathsep + environ.get("PATH", os.defpath)
    for variable in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        environ.pop(variable, None)
    leave_signals()
    if located is not None:
        return replace_process(located.path, [located.path, *command[1:]], environ)
    return replace_process(_on_path(name, environ), command, environ)


run.context_settings = {"allow_interspersed_args": False}  # type: ignore[attr-defined]  # read by cli.app


def _on_path(name: str, environ: dict[str, str]) -> str:
    import shutil

    path = shutil.which(name, path=environ.get("PATH", os.defpath))
    if path is None and "/" in name and os.path.exists(name):
        # The status that shells use for a file that exists but cannot be run.
        raise NoPython(
            f"{name} is not an executable program", hint="check its permissions", code=NO_PROGRAM, exit_status=126
        )
    if path is None:
        where = f"`{name}`" if "/" in name else f"`{name}` on PATH"
        raise NoPython(f"there is no program {where}", hint="check the spelling", code=NO_PROGRAM)
    return path


def _of_python(session: Session, name: str, python: str | None) -> Located:
    """The program that the shim of this name would run. Raises NoPython and BadRequest, with the shim's status."""
    try:
        return locate(session.places, session.environ, session.cwd, name, python)
    except PymanError as error:
        raise _as_shim(error, python) from None


def _chosen(session: Session, python: str | None, located: Located | None) -> tuple[str, bool]:
    """The Python that comes first on PATH, and whether its folder is everybody's.

    `python3.11` runs where 3.11 is, also in a folder that asks for what is not there: then it is that one.
    """
    try:
        executable = interpreter_as_it_is(session.places, session.environ, session.cwd, python)
        if executable is not None:
            return executable, is_shared(os.path.dirname(os.path.dirname(executable)))
        choice = choose_here(session.places, session.environ, session.cwd, python)
    except PymanError as error:
        if not (isinstance(error, NotFound) and located is not None and located.choice is not None):
            raise _as_shim(error, python) from None
        choice = located.choice
    return choice.executable, _is_shared(choice)


def _as_shim(error: PymanError, python: str | None) -> PymanError:
    """The failure with the status of a shim, but for wrong words of the command line."""
    if python is None or error.exit_status != BadRequest.exit_status:
        error.exit_status = NoPython.exit_status
    return error


def _is_shared(choice: Choice) -> bool:
    return is_shared(os.path.dirname(choice.home) if choice.runtime is None else choice.runtime.target)
