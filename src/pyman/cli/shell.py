"""`pyman init`, `completions` and `shims`: what the user's shell is given, and what completions are made from."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from pyman.app.console import Answer, Session
from pyman.app.paths import absolute
from pyman.app.shims import link_shims, refresh_shims, unlink_shims
from pyman.cli.commands import COMMANDS
from pyman.cli.show.output import count_of_links, with_pyman_line
from pyman.cli.typer_command import load
from pyman.cli.verb import SHARED_NAMES, verb
from pyman.core.escape import as_word
from pyman.core.shell.completion import ArgumentWords, CommandTable, CommandWords, OptionWords
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

    Examples:
        eval "$(pyman init bash)"          in ~/.bashrc, on macOS in ~/.bash_profile
        eval "$(pyman init zsh)"           in ~/.zshrc
        pyman init fish | source           in ~/.config/fish/config.fish
        eval "$(pyman init sh)"            in ~/.profile; the others say which file is theirs
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
        raise UsageError("`--link` and `--unlink` cannot be used together", hint="give one of them")
    if folder is not None and not link:
        raise UsageError("a folder is only for `--link`", hint=f"run `pyman shims --link {as_word(folder)}`")
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
    notes = [f"kept {now.folder}/{name}: it is not a shim of pyman" for name in now.foreign]
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
    notes = [f"kept {folder}/{name}: it is not a link of pyman" for name in changes.foreign]
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


# The command line, described for the completions: what is understood, read from the commands themselves.

# What stands for a value in the help, and what can be completed in its place. A value in small letters is itself.
_KINDS = {
    "REQUEST": "request",
    "DIR": "folder",
    "FILE": "file",
    "URL": "folder",
    "PATH": "file",
    "VENV": "venv",
    "ALIAS": "alias",
    "VERSION": "installed",
    "NAME": "program",
    "COMMAND": "command",
    "SHELL": "shell",
    "TEXT": "text",
    "CODE": "text",
    "AGE": "text",
    "PLATFORM": "text",
    "OPTIONS": "text",
    "SOURCE": "file",
    "RUNTIME": "installed",
}
# A few arguments want less than their name would allow.
_NARROWER = {
    ("uninstall", "REQUEST"): "installed|alias",
    ("upgrade", "REQUEST"): "alias",
    ("forget", "REQUEST"): "installed",
    ("install", "REQUEST"): "available",
    ("mirror", "REQUEST"): "available",
    ("info", "RUNTIME"): "installed|alias",
    ("venvs", "DIR"): "venv",
}


def describe() -> CommandTable:
    """Describe every command that is not hidden. Loads them all."""
    shared: tuple[OptionWords, ...] = ()
    commands = []
    for command in COMMANDS:
        if command.hidden:
            continue
        loaded = load(command)
        options: list[OptionWords] = []
        arguments: list[ArgumentWords] = []
        common: list[OptionWords] = []
        for parameter in loaded.params:
            if getattr(parameter, "hidden", False):
                continue
            if parameter.param_type_name == "argument":
                arguments.append(_argument(command.name, parameter))
            elif parameter.name in SHARED_NAMES:
                common.append(_option(command.name, parameter))
            else:
                options.append(_option(command.name, parameter))
        shared = (*common, OptionWords(("-h", "--help"), "Explain the command."))
        commands.append(CommandWords(command.name, command.summary, tuple(options), tuple(arguments)))
    return CommandTable(tuple(commands), shared, (OptionWords(("--version",), "Print pyman's own version."),))


def _argument(verb: str, parameter: Any) -> ArgumentWords:
    kind, choices = _value(verb, parameter.metavar or parameter.name.upper())
    return ArgumentWords(kind, parameter.nargs == -1, choices)


def _option(verb: str, parameter: Any) -> OptionWords:
    names = tuple(sorted((*parameter.opts, *parameter.secondary_opts), key=len))
    if parameter.is_flag:
        return OptionWords(names, parameter.help or "")
    kind, choices = _value(verb, parameter.metavar or "TEXT")
    return OptionWords(names, parameter.help or "", kind, choices)


def _value(verb: str, metavar: str) -> tuple[str, tuple[str, ...]]:
    """Kinds and choices: `REQUEST|VENV` stands for one of either, `lock|FILE` for the word or a file."""
    words = metavar.strip("[]").removesuffix("...").split("|")
    choices = tuple(word for word in words if word.islower())
    kinds = ["choice" if word in choices else _NARROWER.get((verb, word)) or _KINDS[word] for word in words]
    return "|".join(dict.fromkeys(kinds)), choices
