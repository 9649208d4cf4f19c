"""`pyman init`, `completions` and `shims`: what the user's shell is given."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.cli.flows.current_shims import refresh_shims
from pyman.cli.session import Session
from pyman.cli.show.notes import pyman_says
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.shell.init_script import SHELLS, init_script
from pyman.effects.files import read_text
from pyman.effects.places import shipped
from pyman.effects.shims import read_shims
from pyman.errors import UsageError

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
    return Answer({"shell": shell, "script": text, "changed": []}, tuple(text.rstrip("\n").split("\n")), raw=True)


@verb
def completions(session: Session, shell: _SHELL) -> Answer:  # noqa: ARG001  # every verb takes a session
    """Print the completion script of a shell. `pyman init` sets it up by itself.

    Examples:
        pyman completions fish > ~/.config/fish/completions/pyman.fish
    """
    if shell not in SHELLS:
        raise UsageError(f"`{shell}` is no shell that pyman knows", hint="choose one of bash, zsh and fish")
    text = read_text(os.path.join(shipped("completions"), _FILES[shell]))
    return Answer({"shell": shell, "script": text, "changed": []}, tuple(text.rstrip("\n").split("\n")), raw=True)


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
