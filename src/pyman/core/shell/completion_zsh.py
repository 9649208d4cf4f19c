"""The completion script for zsh, loaded from `fpath` by its own name."""

from __future__ import annotations

from pyman.core.escape import quote
from pyman.core.shell.completion_words import (
    ArgumentWords,
    CommandTable,
    CommandWords,
    OptionWords,
    described,
    kinds_of,
)

_HEAD = """\
#compdef pyman
# Completes pyman's words in zsh. Generated from the command table: change that, not this file.

_pyman_names() {
    local -a found
    found=("$pyman_root"/$1/${~2}(Nn:t))
    (( $#found )) && _describe -V -t "$3" "$3" found
}

_pyman_installed() { _pyman_names runtimes '[0-9]*.*.*' 'installed release' }
_pyman_alias() { _pyman_names runtimes '[0-9]*~*.*.*' 'minor version' }
_pyman_program() { _pyman_names shims '*' 'program' }
_pyman_shell() { _values shell bash zsh fish }

_pyman_available() {
    local cache=$PYMAN_CACHE_DIR
    local -a found
    if [[ -z $cache ]]; then
        case $OSTYPE in
            darwin*) cache=$HOME/Library/Caches/pyman ;;
            *) cache=${XDG_CACHE_HOME:-$HOME/.cache}/pyman ;;
        esac
    fi
    [[ -f $cache/available && -r $cache/available ]] || return 1
    zmodload -F zsh/mapfile p:mapfile || return 1
    found=(${${(f)mapfile[$cache/available]}:#*[^0-9a-z.+-]*})
    (( $#found )) && _describe -V -t available 'available release' found
}

_pyman_request() {
    local -a words=('latest:the newest release' 'system:the Python that is not managed by pyman')
    local ret=1
    _pyman_alias && ret=0
    _pyman_installed && ret=0
    _pyman_available && ret=0
    _describe -V -t words 'word' words && ret=0
    return ret
}

_pyman_venv() {
    local -a found
    found=("$pyman_root"/venvs/*(N@:A))
    _alternative 'venvs:known venv:compadd -a found' 'folders:folder:_files -/'
}
"""

_TAIL = """\
_pyman() {
    local curcontext=$curcontext state line pyman_root=${PYMAN_ROOT:-$HOME/.local/share/pyman} ret=1
    local -A opt_args
    local -i index
    for (( index = 2; index < CURRENT; index++ )); do
        case $words[index] in
            --root) (( index + 1 < CURRENT )) && pyman_root=${(Q)words[index + 1]/#\\~\\//$HOME/} ;;
            --root=*) pyman_root=${(Q)${words[index]#--root=}} ;;
        esac
    done
    _arguments -C $_pyman_shared $_pyman_alone '1:command:_pyman_verbs' '*::argument:->argument' && ret=0
    if [[ $state == argument ]]; then
        curcontext=${curcontext%:*}-$line[1]:
        _pyman_arguments $line[1] && ret=0
    fi
    return ret
}

_pyman "$@"
"""

_ACTIONS = {
    "folder": "_files -/",
    "file": "_files",
    "command": "_command_names -e",
    "text": " ",
}


def zsh_script(table: CommandTable) -> str:
    """Return `completions/_pyman`."""
    return "\n".join(
        [
            _HEAD,
            _verbs(table),
            _specifications("_pyman_shared", table.shared),
            _specifications("_pyman_alone", table.alone),
            _mixtures(table),
            _arguments(table),
            _TAIL,
        ]
    )


def _verbs(table: CommandTable) -> str:
    words = [quote(f"{command.name}:{_escape(described(command.summary))}") for command in table.commands]
    lines = ["_pyman_verbs() {", "    local -a verbs=(", *(f"        {word}" for word in words)]
    return "\n".join([*lines, "    )", "    _describe -V -t commands command verbs", "}", ""])


def _mixtures(table: CommandTable) -> str:
    """Functions for the places where either of several kinds may stand."""
    places: list[ArgumentWords | OptionWords] = []
    for command in table.commands:
        places += [*command.arguments, *command.options]
    functions = {}
    for kinds in sorted({kinds_of(place) for place in places if "|" in place.value}):
        lines = [f"    {_try(kind)} && ret=0" for kind in kinds]
        functions[_mixture(kinds)] = ["    local ret=1", *lines, "    return ret"]
    return "\n".join("\n".join([f"{name}() {{", *lines, "}", ""]) for name, lines in functions.items())


def _try(kind: str) -> str:
    if kind.startswith("choice:"):
        return f"compadd -- {kind.removeprefix('choice:').replace(',', ' ')}"
    return _ACTIONS.get(kind, f"_pyman_{kind}")


def _mixture(kinds: tuple[str, ...]) -> str:
    return "_pyman_" + "_or_".join(kind.removeprefix("choice:").replace(",", "_or_") for kind in kinds)


def _specifications(name: str, options: tuple[OptionWords, ...]) -> str:
    words = [f"    {specification}" for option in options for specification in _option(option)]
    return "\n".join([f"typeset -ga {name}=(", *words, ")", ""])


def _arguments(table: CommandTable) -> str:
    lines = ["_pyman_arguments() {", "    case $1 in"]
    for command in table.commands:
        words = [specification for option in command.options for specification in _option(option)]
        words += _places(command)
        lines += [f"        {command.name})", "            _arguments $_pyman_shared \\"]
        lines += [f"                {word} \\" for word in words]
        lines[-1] = lines[-1].removesuffix(" \\")
        lines.append("            ;;")
    return "\n".join([*lines, "        *) return 1 ;;", "    esac", "}", ""])


def _option(option: OptionWords) -> list[str]:
    together = f"({' '.join(option.names)})" if len(option.names) > 1 else ""
    summary = f"[{_escape(described(option.summary))}]"
    if not option.value:
        return [quote(f"{together}{name}{summary}") for name in option.names]
    action = f":{_label(option)}:{_action(option)}"
    return [quote(f"{together}{name}{'=' if name.startswith('--') else '+'}{summary}{action}") for name in option.names]


def _places(command: CommandWords) -> list[str]:
    words: list[str] = []
    for place, argument in enumerate(command.arguments, 1):
        if argument.value == "command":
            # What follows is another program's: its own completion takes over.
            return [*words, quote("*:: :_normal")]
        start = "*" if argument.many else str(place)
        words.append(quote(f"{start}:{_label(argument)}:{_action(argument)}"))
    return words


def _label(words: OptionWords | ArgumentWords) -> str:
    if words.value == "choice":
        return "choice"
    return _mixture(kinds_of(words)).removeprefix("_pyman_").replace("_", " ")


def _action(words: OptionWords | ArgumentWords) -> str:
    if words.value == "choice":
        return f"({' '.join(words.choices)})"
    return _ACTIONS.get(words.value, _mixture(kinds_of(words)))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
