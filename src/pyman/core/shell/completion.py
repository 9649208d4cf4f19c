"""Scripts that complete pyman's words, made from a description of the command table.

They are committed in `completions/`, and a test holds them to the table. A script knows every verb and option with
its description; values it reads from the store itself, without starting Python:

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

from pyman.core.escape import fish_quote, quote
from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

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


def framed(frame: str, *parts: str) -> str:
    """Put what was generated into the hole of a frame, the shell text that is the same for every table."""
    return frame.replace("@generated@", "\n".join(parts))


# The completion script for bash, from 3.2 (macOS) on.


def bash_script(table: CommandTable, frame: str) -> str:
    """Return `completions/pyman.bash`, from its frame `completions/bash.in`."""
    return framed(frame, _bash_verbs(table), _bash_options(table), _bash_option_values(table), _bash_arguments(table))


def _bash_verbs(table: CommandTable) -> str:
    words = [_bash_candidate(command.name, command.summary) for command in table.commands]
    return _bash_function("__pyman_verbs", ["values+=("] + [f"    {word}" for word in words] + [")"])


def _bash_options(table: CommandTable) -> str:
    lines = ["case $1 in", "    '') values+=("]
    lines += [f"        {word}" for option in table.alone for word in _bash_option_candidates(option)]
    lines += ["    ) ;;"]
    for command in table.commands:
        if command.options:
            words = [word for option in command.options for word in _bash_option_candidates(option)]
            lines += [f"    {command.name}) values+=(", *(f"        {word}" for word in words), "    ) ;;"]
    shared = [f"    {word}" for option in table.shared for word in _bash_option_candidates(option)]
    return _bash_function("__pyman_options", [*lines, "esac", "values+=(", *shared, ")"])


def _bash_option_values(table: CommandTable) -> str:
    lines = ["kind=''", "case $1:$2 in"]
    owners = [("*", (*table.shared, *table.alone)), *((command.name, command.options) for command in table.commands)]
    for owner, options in owners:
        for option in options:
            if option.value:
                patterns = " | ".join(f"{owner}:{name}" for name in option.names)
                lines.append(f"    {patterns}) kind={quote(_bash_kind(option))} ;;")
    return _bash_function("__pyman_option", [*lines, "esac"])


def _bash_arguments(table: CommandTable) -> str:
    lines = ["kind=''", "case $1:$2 in"]
    for command in table.commands:
        for place, argument in enumerate(command.arguments):
            if argument.value == "command":
                lines += [f"    {command.name}:{place}) kind='command' ;;", f"    {command.name}:*) kind='file' ;;"]
                break
            pattern = f"{command.name}:*" if argument.many else f"{command.name}:{place}"
            lines.append(f"    {pattern}) kind={quote(_bash_kind(argument))} ;;")
    return _bash_function("__pyman_argument", [*lines, "esac"])


def _bash_kind(words: OptionWords | ArgumentWords) -> str:
    return "|".join(kinds_of(words))


def _bash_option_candidates(option: OptionWords) -> list[str]:
    return [_bash_candidate(name, option.summary) for name in option.names if name.startswith("--")] or [
        _bash_candidate(name, option.summary) for name in option.names
    ]


def _bash_candidate(word: str, summary: str) -> str:
    return f"{quote(word)}$'\\t'{quote(described(summary))}"


def _bash_function(name: str, lines: list[str]) -> str:
    return "\n".join([f"{name}() {{", *(f"    {line}" for line in lines), "}", ""])


# The completion script for fish, from 3.2 on.


def fish_script(table: CommandTable, frame: str) -> str:
    """Return `completions/pyman.fish`, from its frame `completions/fish.in`."""
    return framed(frame, _fish_verbs(table), _fish_options(table), _fish_option_values(table), _fish_arguments(table))


def _fish_verbs(table: CommandTable) -> str:
    return _fish_function(
        "__pyman_verbs", [_fish_candidates([(command.name, command.summary) for command in table.commands])]
    )


def _fish_options(table: CommandTable) -> str:
    lines = ["switch $argv[1]", "    case ''", f"        {_fish_candidates(_fish_named(table.alone))}"]
    for command in table.commands:
        if command.options:
            lines += [f"    case {command.name}", f"        {_fish_candidates(_fish_named(command.options))}"]
    return _fish_function("__pyman_options", [*lines, "end", _fish_candidates(_fish_named(table.shared))])


def _fish_option_values(table: CommandTable) -> str:
    lines = ["switch $argv[1]:$argv[2]"]
    owners = [("*", (*table.shared, *table.alone)), *((command.name, command.options) for command in table.commands)]
    for owner, options in owners:
        for option in options:
            if option.value:
                patterns = " ".join(fish_quote(f"{owner}:{name}") for name in option.names)
                lines += [f"    case {patterns}", f"        {_fish_kind(option)}"]
    return _fish_function("__pyman_option", [*lines, "end"])


def _fish_arguments(table: CommandTable) -> str:
    lines = ["switch $argv[1]:$argv[2]"]
    for command in table.commands:
        for place, argument in enumerate(command.arguments):
            pattern = fish_quote(f"{command.name}:*") if argument.many else f"{command.name}:{place}"
            lines += [f"    case {pattern}", f"        {_fish_kind(argument)}"]
    return _fish_function("__pyman_argument", [*lines, "end"])


def _fish_kind(words: OptionWords | ArgumentWords) -> str:
    return "echo " + fish_quote("|".join(kinds_of(words)))


def _fish_named(options: tuple[OptionWords, ...]) -> list[tuple[str, str]]:
    return [(name, option.summary) for option in options for name in option.names]


def _fish_candidates(words: list[tuple[str, str]]) -> str:
    if not words:
        return "true"
    return "printf '%s\\n' " + " ".join(f"{word}\\t{fish_quote(described(summary))}" for word, summary in words)


def _fish_function(name: str, lines: list[str]) -> str:
    return "\n".join([f"function {name}", *(f"    {line}" for line in lines), "end", ""])


# The completion script for zsh, loaded from `fpath` by its own name.

_ZSH_ACTIONS = {
    "folder": "_files -/",
    "file": "_files",
    "command": "_command_names -e",
    "text": " ",
}


def zsh_script(table: CommandTable, frame: str) -> str:
    """Return `completions/_pyman`, from its frame `completions/zsh.in`."""
    return framed(
        frame,
        _zsh_verbs(table),
        _zsh_specifications("_pyman_shared", table.shared),
        _zsh_specifications("_pyman_alone", table.alone),
        _zsh_mixtures(table),
        _zsh_arguments(table),
    )


def _zsh_verbs(table: CommandTable) -> str:
    words = [quote(f"{command.name}:{_zsh_escape(described(command.summary))}") for command in table.commands]
    lines = ["_pyman_verbs() {", "    local -a verbs=(", *(f"        {word}" for word in words)]
    return "\n".join([*lines, "    )", "    _describe -V -t commands command verbs", "}", ""])


def _zsh_mixtures(table: CommandTable) -> str:
    """Functions for the places where either of several kinds may stand."""
    places: list[ArgumentWords | OptionWords] = []
    for command in table.commands:
        places += [*command.arguments, *command.options]
    functions = {}
    for kinds in sorted({kinds_of(place) for place in places if "|" in place.value}):
        lines = [f"    {_zsh_try(kind)} && ret=0" for kind in kinds]
        functions[_zsh_mixture(kinds)] = ["    local ret=1", *lines, "    return ret"]
    return "\n".join("\n".join([f"{name}() {{", *lines, "}", ""]) for name, lines in functions.items())


def _zsh_try(kind: str) -> str:
    if kind.startswith("choice:"):
        return f"compadd -- {kind.removeprefix('choice:').replace(',', ' ')}"
    return _ZSH_ACTIONS.get(kind, f"_pyman_{kind}")


def _zsh_mixture(kinds: tuple[str, ...]) -> str:
    return "_pyman_" + "_or_".join(kind.removeprefix("choice:").replace(",", "_or_") for kind in kinds)


def _zsh_specifications(name: str, options: tuple[OptionWords, ...]) -> str:
    words = [f"    {specification}" for option in options for specification in _zsh_option(option)]
    return "\n".join([f"typeset -ga {name}=(", *words, ")", ""])


def _zsh_arguments(table: CommandTable) -> str:
    lines = ["_pyman_arguments() {", "    case $1 in"]
    for command in table.commands:
        words = [specification for option in command.options for specification in _zsh_option(option)]
        words += _zsh_places(command)
        lines += [f"        {command.name})", "            _arguments $_pyman_shared \\"]
        lines += [f"                {word} \\" for word in words]
        lines[-1] = lines[-1].removesuffix(" \\")
        lines.append("            ;;")
    return "\n".join([*lines, "        *) return 1 ;;", "    esac", "}", ""])


def _zsh_option(option: OptionWords) -> list[str]:
    together = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    summary = f"[{_zsh_escape(described(option.summary))}]"
    if not option.value:
        return [quote(f"{together}{name}{summary}") for name in option.names]
    action = f":{_zsh_label(option)}:{_zsh_action(option)}"
    return [quote(f"{together}{name}{'=' if name.startswith('--') else '+'}{summary}{action}") for name in option.names]


def _zsh_places(command: CommandWords) -> list[str]:
    words: list[str] = []
    for place, argument in enumerate(command.arguments, 1):
        if argument.value == "command":
            # What follows is another program's: its own completion takes over.
            return [*words, quote("*:: :_normal")]
        start = "*" if argument.many else str(place)
        words.append(quote(f"{start}:{_zsh_label(argument)}:{_zsh_action(argument)}"))
    return words


def _zsh_label(words: OptionWords | ArgumentWords) -> str:
    if words.value == "choice":
        return "choice"
    return _zsh_mixture(kinds_of(words)).removeprefix("_pyman_").replace("_", " ")


def _zsh_action(words: OptionWords | ArgumentWords) -> str:
    if words.value == "choice":
        return f"({' '.join(words.choices)})"
    return _ZSH_ACTIONS.get(words.value, _zsh_mixture(kinds_of(words)))


def _zsh_escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


# The completion scripts of all shells, by their file names.


def completion_scripts(table: CommandTable, frames: Mapping[str, str]) -> dict[str, str]:
    """Return the scripts by their file names: `pyman.bash`, `_pyman` (zsh), `pyman.fish`. `frames`: by shell."""
    return {
        "pyman.bash": bash_script(table, frames["bash"]),
        "_pyman": zsh_script(table, frames["zsh"]),
        "pyman.fish": fish_script(table, frames["fish"]),
    }
