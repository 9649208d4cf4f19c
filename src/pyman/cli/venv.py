"""`pyman venv`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli import installing
from pyman.cli.session import Session
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.hot.venv import Missing, VenvOptions, choose_for_venv, make_venv


@verb
def venv(
    session: Session,
    folder: Annotated[str, typer.Argument(metavar="[DIR]", help="Where to make it.")] = ".venv",
    python: Annotated[
        str | None, typer.Option("--python", "-p", metavar="REQUEST", help="A version, range or path.")
    ] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Stay on the patch release of today.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Replace the venv that is there.")] = False,
    without_pip: Annotated[bool, typer.Option("--without-pip", help="Leave pip out.")] = False,
    no_install: Annotated[bool, typer.Option("--no-install", help="Fail rather than install a Python.")] = False,
    system_site_packages: Annotated[
        bool, typer.Option("--system-site-packages", help="Let the base Python's packages be imported.")
    ] = False,
    prompt: Annotated[str | None, typer.Option("--prompt", metavar="TEXT", help="What the prompt shows.")] = None,
) -> Answer:
    """Make a venv that names a minor version, so that the next patch release reaches it by itself.

    A request for a patch release (`3.13.5`, `==3.13.5`) pins it; any other follows the alias of its minor.

    Examples:
        pyman venv
        pyman venv -p 3.12 env
        pyman venv -p '>=3.11,<3.14' --prompt work
        pyman venv --pin
    """
    options = VenvOptions(folder, python, pin, not without_pip, system_site_packages, prompt, clear)
    try:
        request, choice = choose_for_venv(session.places, session.environ, session.cwd, options)
    except Missing as missing:
        if no_install:
            raise
        session.observer.noted(f"no installed Python satisfies {missing.request}: installing it")
        installed = installing.get(session, [missing.request])
        if installed.error is not None:
            raise installed.error from None
        for got in installed.got:
            for line in (*got.said, f"Python {got.runtime.release} is installed"):
                session.observer.noted(line)
        request, choice = choose_for_venv(session.places, session.environ, session.cwd, options)
    return make_venv(session.places, session.environ, session.cwd, options, request, choice)
