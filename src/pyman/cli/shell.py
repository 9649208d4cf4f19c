"""`pyman init`, `completions` and `shims`: what the user's shell is given."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.paths import absolute
from pyman.app.session import Session
from pyman.app.shims import link_shims, refresh_shims, unlink_shims
from pyman.cli.show.output import count_of_links, with_pyman_line
from pyman.cli.verb import verb
from pyman.core.escape import as_word
from pyman.core.shell.init_script import SHELLS, can_be_on_path, init_script
from pyman.effects.files import read_text
from pyman.effects.places import shipped
from pyman.effects.shims import read_shims
from pyman.errors import UsageError

_SHELL = Annotated[str, typer.Argument(metavar="SHELL", help="The shell: bash, zsh or fish.")]
_ANY_SHELL = Annotated[
    str, typer.Argument(metavar="SHELL", help="The shell: bash, zsh, fish, sh, tcsh, nu, xonsh or pwsh.")
]
_FILES = {"bash": "pyman.bash", "zsh": "_pyman", "fish": "pyman.fish"}


@verb
def init(session: Session, shell: _ANY_SHELL) -> Answer:
    """Print the lines for a shell's start-up file: they put the shims first on PATH and set up completion.

    The first line of the output names the file that they belong in.

    Examples:
        eval "$(pyman init bash)"          in ~/.bashrc, on macOS in ~/.bash_profile
        eval "$(pyman init zsh)"           in ~/.zshrc
        pyman init fish | source           in ~/.config/fish/config.fish
        eval "$(pyman init sh)"            in ~/.profile
    """
    text = init_script(shell, session.places.shims, shipped("completions"))
    return Answer({"shell": shell, "script": text, "changed": []}, tuple(text.rstrip("\n").split("\n")), raw=True)


@verb
def completions(session: Session, shell: _SHELL) -> Answer:  # noqa: ARG001  # every verb takes a session
    """Print the completion script of a shell. `pyman init` sets it up automatically.

    Examples:
        pyman completions fish > ~/.config/fish/completions/pyman.fish
    """
    if shell not in SHELLS:
        raise UsageError(f"unknown shell `{shell}`", hint="choose one of bash, zsh and fish")
    text = read_text(os.path.join(shipped("completions"), _FILES[shell]))
    return Answer({"shell": shell, "script": text, "changed": []}, tuple(text.rstrip("\n").split("\n")), raw=True)


@verb
def shims(
    session: Session,
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Folder for the links; default: ~/.local/bin.")
    ] = None,
    *,
    link: Annotated[
        bool,
        typer.Option(
            "--link", help="Link python3.13 and so on into DIR, for programs that read no shell start-up file."
        ),
    ] = False,
    unlink: Annotated[bool, typer.Option("--unlink", help="Remove those links.")] = False,
) -> Answer:
    """Create or update the shims (`install` does this automatically).

    Examples:
        pyman shims
        pyman shims --link
        pyman shims --unlink
    """
    if link and unlink:
        raise UsageError("`--link` and `--unlink` cannot be used together", hint="leave one of them out")
    if folder is not None and not link:
        raise UsageError("a folder can be given only with `--link`", hint=f"run `pyman shims --link {as_word(folder)}`")
    if link:
        return _linked(session, absolute(folder or "~/.local/bin", session.environ, session.cwd))
    return _unlinked(session) if unlink else _shims(session)


@verb
def rehash(session: Session) -> Answer:
    """pyenv's name for `pyman shims`; nothing needs it here.

    Examples:
        pyman shims
    """
    return with_pyman_line(_shims(session), "rehash", "shims")


def _shims(session: Session) -> Answer:
    changed = refresh_shims(session)
    now = read_shims(session.places.root)
    on_path = session.places.shims in session.environ.get("PATH", "").split(os.pathsep)
    notes = [f"kept {now.folder}/{name}: it is not a pyman shim" for name in now.foreign]
    if not can_be_on_path(now.folder):
        notes.append(f"{now.folder} cannot be on PATH, whose folders are separated by `:`: choose another PYMAN_ROOT")
    elif not on_path:
        notes.append('put them first on PATH: `eval "$(pyman init bash)"` (other shells: `pyman init --help`)')
    lines = (f"{len(now.names)} shims in {now.folder}",)
    if session.dry_run and changed:
        lines = (f"{len(changed)} shims in {now.folder} would be written or removed",)
    return Answer({"changed": list(changed)}, lines, notes=tuple(notes))


def _linked(session: Session, folder: str) -> Answer:
    changes = link_shims(session, folder)
    verb = "would be in" if session.dry_run else "is in" if len(changes.now) == 1 else "are in"
    notes = [f"kept {folder}/{name}: pyman did not create it" for name in changes.foreign]
    if folder not in session.environ.get("PATH", "").split(os.pathsep):
        notes.append(f"{folder} is not on PATH")
    if changes.now:
        lines = [f"{count_of_links(len(changes.now))} to shims {verb} {folder}: {', '.join(changes.now)}"]
    else:
        lines = ["nothing to link: no Python is installed, or every name is taken"]
    return Answer({"changed": list(changes.paths)}, tuple(lines), notes=tuple(notes))


def _unlinked(session: Session) -> Answer:
    each = unlink_shims(session)
    paths = [path for changes in each for path in changes.paths]
    would = "would remove" if session.dry_run else "removed"
    gone = [changes.folder for changes in each if not os.path.isdir(changes.folder)]
    lines = tuple(
        f"{would} {count_of_links(len(changes.remove))} from {changes.folder}"
        for changes in each
        if changes.folder not in gone
    )
    notes = tuple(f"{folder} does not exist; if it comes back, the links in it do too" for folder in gone)
    return Answer({"changed": paths}, lines or ("no links to shims",), notes=notes)
