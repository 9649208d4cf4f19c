"""`pyman run`: a command with the chosen Python first on PATH; and `pyman shim`, which the shims hand over to."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.program import is_of_python
from pyman.core.runtime import is_shared
from pyman.errors import BadRequest, NoPython, NotFound, UsageError
from pyman.hot.find import choose_here
from pyman.hot.which import locate, replace_process


@verb
def run(
    session: Session,
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments.")],
    python: Annotated[
        str | None, typer.Option("--python", "-p", metavar="REQUEST", help="A version, range or path.")
    ] = None,
) -> Answer:
    """Run a command with a Python first on PATH: the one named, else the one that this folder asks for.

    The command gets its arguments, signals and status untouched. 127 means that there is no Python to run.

    Examples:
        pyman run -- python -V
        pyman run -p 3.12 -- python -m unittest
    """
    if not command:
        raise UsageError("there is no command to run", hint="write it behind `--`: `pyman run -- python -V`")
    environ = dict(session.environ)
    if python is not None:
        environ["PYMAN_PYTHON"] = python
    try:
        choice = choose_here(session.places, environ, session.cwd)
    except NotFound as error:
        raise NoPython(error.message, hint=error.hint) from None
    except BadRequest as error:
        if python is None:
            error.exit_status = NoPython.exit_status
        raise
    if choice.runtime is None or not is_shared(choice.runtime.target):
        # The bin of a shared prefix holds far more than its Python.
        environ["PATH"] = choice.home + os.pathsep + environ.get("PATH", os.defpath)
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        environ.pop(name, None)
    name = command[0]
    path = locate(session.places, environ, session.cwd, name).path if is_of_python(name) else _on_path(name, environ)
    return replace_process(path, [name, *command[1:]], environ)


run.context_settings = {"allow_interspersed_args": False}  # type: ignore[attr-defined]  # read by cli.app


def _on_path(name: str, environ: dict[str, str]) -> str:
    import shutil

    path = shutil.which(name, path=environ["PATH"])
    if path is None:
        raise NoPython(f"there is no program `{name}` on PATH", hint="look for a typing error", code="no-program")
    return path
