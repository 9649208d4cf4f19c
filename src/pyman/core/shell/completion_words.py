"""Scripts that complete pyman's words, made from a description of the command table.

They are committed in `completions/`, and a test holds them to the table. A script knows every verb and option with
its description; values it reads from the store by itself, without starting Python:

    installed   the releases in `<root>/runtimes`
    alias       the minors there, and `3`
    available   the lines of `<cache>/available`, which every refresh of the catalogue writes
    request     all of these, `latest` and `system`
    venv        where the links in `<root>/venvs` lead, and folders
    program     the names in `<root>/shims`
    shell       bash, zsh, fish
    choice      one of `choices`
    folder, file, command, text    what the shell completes itself; nothing for text

Where either of two may stand, their kinds are joined by a bar: `installed|venv`. What stands behind a command is that
command's own.
`--root`, PYMAN_ROOT and PYMAN_CACHE_DIR count as they do for pyman.
"""

from __future__ import annotations

from pyman.core.record import record

KINDS = (
    "installed",
    "alias",
    "available",
    "request",
    "venv",
    "program",
    "shell",
    "choice",
    "folder",
    "file",
    "command",
    "text",
)


@record
class OptionWords:
    """One option."""

    names: tuple[str, ...]
    """As they are written: `-p`, `--python`."""
    summary: str
    value: str = ""
    """A kind or several; empty for a flag."""
    choices: tuple[str, ...] = ()


@record
class ArgumentWords:
    """One argument."""

    value: str
    """A kind or several."""
    many: bool = False
    """True for the last argument where it may be repeated."""
    choices: tuple[str, ...] = ()


@record
class CommandWords:
    """One verb."""

    name: str
    summary: str
    options: tuple[OptionWords, ...] = ()
    arguments: tuple[ArgumentWords, ...] = ()


@record
class CommandTable:
    """Everything that can be written after `pyman`."""

    commands: tuple[CommandWords, ...]
    shared: tuple[OptionWords, ...]
    """Options that are understood before and after every verb."""
    alone: tuple[OptionWords, ...] = ()
    """Options that stand in a verb's place: `--version`."""


def kinds_of(words: OptionWords | ArgumentWords) -> tuple[str, ...]:
    """Return what can stand in a place, one kind each; choices as `choice:uv,pip`."""
    kinds = words.value.split("|") if words.value else []
    return tuple(f"choice:{','.join(words.choices)}" if kind == "choice" else kind for kind in kinds)


def described(summary: str) -> str:
    """Return a summary as a list shows it: without the full stop."""
    return summary.strip().removesuffix(".")
