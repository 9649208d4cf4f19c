"""`pyman venv`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app import install as installing
from pyman.app.consent import with_what_needs_yes
from pyman.app.console import Answer
from pyman.app.session import Session
from pyman.app.venv import Missing, VenvOptions, make_venv, place_of, plan_venv
from pyman.cli.options import PythonOption
from pyman.cli.show.changes import changed_names
from pyman.cli.verb import verb
from pyman.core.immutable import replace
from pyman.core.version import python_name
from pyman.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.core.packages.installer import Installer


@verb
def venv(
    session: Session,
    folder: Annotated[str, typer.Argument(metavar="[DIR]", help="Where to create it.")] = ".venv",
    python: PythonOption = None,
    pin: Annotated[bool, typer.Option("--pin", help="Stay on the current patch release.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Delete the existing venv with its packages first.")] = False,
    without_pip: Annotated[bool, typer.Option("--without-pip", help="Do not install pip.")] = False,
    no_install: Annotated[bool, typer.Option("--no-install", help="Fail instead of installing a Python.")] = False,
    system_site_packages: Annotated[
        bool, typer.Option("--system-site-packages", help="Make the base Python's packages importable.")
    ] = False,
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", metavar="TEXT", help="Prompt of the activated venv; `.` for this folder's name."),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="With --clear: keep files that are not part of the venv, instead of refusing."
        ),
    ] = False,
    requirements: Annotated[
        list[str] | None,
        typer.Option(
            "--requirement",
            "-r",
            metavar="FILE",
            help="Install the packages listed in FILE, with uv if available, else pip.",
        ),
    ] = None,
) -> Answer:
    """Create a venv tied to a minor version; it gets new patch releases automatically.

    A request for a patch release (`3.13.5`, `==3.13.5`) pins the venv; any other request follows the alias of its minor
    version.

    Examples:
        pyman venv
        pyman venv -p 3.12 env
        pyman venv -p '>=3.11,<3.14' --prompt work
        pyman venv --pin
        pyman venv -r requirements.txt
    """
    files = tuple(_requirements_file(session, file) for file in requirements or ())
    options = VenvOptions(folder, python, pin, not without_pip, system_site_packages, prompt, clear, yes, files)
    install = None
    changed: list[str] = []
    notes: tuple[str, ...] = ()
    if requirements:
        installer = _find_installer(session, place_of(folder, session.cwd, clear=clear), with_pip=not without_pip)
        install = _installation(session, installer, files)
        done = session.shown("installed", "would install")
        notes = (f"{done} {' and '.join(requirements)} with {installer.kind}",)
    try:
        answer = _make(session, options, install)
    except Missing as missing:
        if no_install:
            raise
        what = "the newest" if missing.request.kind == "latest" else "it"
        installs = session.shown(f"installing {what}", f"{what} would be installed")
        session.observer.noted(f"{missing.message}: {installs}")
        installed = installing.Installed()
        try:
            installing.get(session, [missing.request], done=installed)
        finally:
            for result in installed.results:
                done = session.shown("is", "would be")
                for line in (*result.said, f"{python_name(result.runtime.release)} {done} installed"):
                    session.observer.noted(line)
        if installed.error is not None:
            raise installed.error from None
        changed = changed_names(installed)
        answer = _make(session, options, install)
    data = {**answer.data, "changed": [*changed, *answer.data["changed"]]}
    return replace(answer, data=data, lines=(*answer.lines, *notes))


def _make(session: Session, options: VenvOptions, install: Callable[[str], None] | None) -> Answer:
    places, environ, cwd = session.places, session.environ, session.cwd
    if not session.dry_run:
        return make_venv(places, environ, cwd, options, install, session.observer)
    store = session.store()
    return with_what_needs_yes(
        session, options.yes, lambda yes: plan_venv(places, environ, cwd, replace(options, yes=yes), store)
    )


def _requirements_file(session: Session, text: str) -> str:
    path = session.absolute(text)
    if not os.path.exists(path) or os.path.isdir(path):
        raise NotFound(f"there is no file {path}", hint="give a requirements file")
    return path


def _find_installer(session: Session, venv: str, *, with_pip: bool) -> Installer:
    """The program that installs: none that the project, or what lies in it, could have brought along."""
    from pyman.effects.packages.installers import find_installer
    from pyman.effects.subprocesses import search_path_outside

    search_path = search_path_outside(session.environ.get("PATH", ""), session.cwd, session.places.home, venv)
    if not with_pip:
        try:
            return find_installer("uv", search_path, "")
        except NotFound as error:
            raise NotFound(error.message, hint="leave out `--without-pip`, or install uv", code=error.code) from None
    return find_installer("auto", search_path, os.path.join(venv, "bin", "python"))


def _installation(session: Session, installer: Installer, files: tuple[str, ...]) -> Callable[[str], None]:
    """What puts the packages into the new venv."""

    def install_into(venv: str) -> None:
        from pyman.core.packages.installer import Batch
        from pyman.effects.packages.installers import install
        from pyman.effects.settings import read_link_mode

        batch = Batch(dependencies=True, file=files[0], more_files=files[1:])
        install(
            installer,
            batch,
            os.path.join(venv, "bin", "python"),
            environ=session.environ,
            folder=session.cwd,
            offline=session.offline,
            link_mode=read_link_mode(session.places),
            observer=session.observer,
        )

    return install_into
