"""`pyman init`, `completions` and `shims`: what the user's shell is given."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.show.notes import pyman_says
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.init_script import SHELLS, init_script
from pyman.core.shim_names import shim_names
from pyman.effects.files import read_text
from pyman.effects.lock import hold
from pyman.effects.places import make_folder
from pyman.effects.shims import are_current, pyman_command, read_shims, write_shims
from pyman.effects.shipped import shipped
from pyman.effects.store import read_store
from pyman.errors import PymanError, UsageError

_SHELL = Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
_FILES = {"bash": "pyman.bash", "zsh": "_pyman", "fish": "pyman.fish"}


@verb
def init(session: Session, shell: _SHELL) -> Answer:
    """Print what a shell's start-up file needs: the shims first on PATH, and completion.

    Examples:
        eval "$(pyman init bash)"          in ~/.bashrc
        eval "$(pyman init zsh)"           in ~/.zshrc
        pyman init fish | source           in ~/.config/fish/config.fish
    """
    text = init_script(shell, session.places.shims, shipped("completions"))
    return Answer({"shell": shell, "script": text}, tuple(text.rstrip("\n").split("\n")), raw=True)


@verb
def completions(session: Session, shell: _SHELL) -> Answer:  # noqa: ARG001  # every verb takes a session
    """Print the completion script of a shell. `pyman init` sets it up by itself.

    Examples:
        pyman completions fish > ~/.config/fish/completions/pyman.fish
    """
    if shell not in SHELLS:
        raise UsageError(f"`{shell}` is no shell that pyman knows", hint="choose one of bash, zsh and fish")
    text = read_text(os.path.join(shipped("completions"), _FILES[shell]))
    return Answer({"shell": shell, "script": text}, tuple(text.rstrip("\n").split("\n")), raw=True)


@verb
def shims(session: Session) -> Answer:
    """Put the shims in place, or bring them up to date. `install` does so by itself.

    Examples:
        pyman shims
    """
    return _shims(session)


@verb
def rehash(session: Session) -> Answer:
    """pyenv's word for `pyman shims`; nothing needs it here.

    Examples:
        pyman shims
    """
    return pyman_says(_shims(session), "rehash", "shims")


def _shims(session: Session) -> Answer:
    changed = refresh_shims(session)
    now = read_shims(session.places.root)
    on_path = session.places.shims in session.environ.get("PATH", "").split(os.pathsep)
    notes = [f"{name} in {now.folder} is not pyman's, and was left alone" for name in now.foreign]
    if not on_path:
        notes.append('put them on PATH: `eval "$(pyman init bash)"`, or zsh, or fish')
    lines = (f"{len(now.names)} shims in {now.folder}",)
    return Answer({"changed": [os.path.join(now.folder, name) for name in changed]}, lines, notes=tuple(notes))


def refresh_shims(session: Session) -> tuple[str, ...]:
    """Make the shims those of the minors that are installed. Raises PymanError where that is not possible."""
    root, command = session.places.root, pyman_command()
    if are_current(root, _wanted(root), command):
        return ()
    make_folder(root)
    with hold(session.places.lock, session.observer, what="the store"):
        return write_shims(root, _wanted(root), command)


def _wanted(root: str) -> tuple[str, ...]:
    return shim_names(alias.name for alias in read_store(root).aliases)


def keep_shims_current(session: Session) -> None:
    """The same after another command: a store that cannot be written is no reason to fail."""
    try:
        refresh_shims(session)
    except PymanError as error:
        session.observer.noted(f"the shims were left as they are: {error.message}")
