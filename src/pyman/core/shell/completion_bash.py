"""The completion script for bash, from 3.2 (macOS) on."""

from __future__ import annotations

from pyman.core.escape import quote
from pyman.core.shell.completion_words import ArgumentWords, CommandTable, OptionWords, described, kinds_of

# What is the same for every table. `values` collects candidates, each perhaps with a tab and its description.
_HEAD = """\
# Completes pyman's words in bash. Generated from the command table: change that, not this file.
#
# shellcheck shell=bash disable=SC2016,SC2053

# Adds the names in a folder of the store that fit: __pyman_names runtimes '*.*.*'
__pyman_names() {
    local entry name failglob=''
    shopt -q failglob && failglob=yes && shopt -u failglob
    for entry in "$root/$1"/*; do
        name=${entry##*/}
        [[ $name == $2 && ( -e $entry || -L $entry ) ]] && values+=("$name")
    done
    [[ -z $failglob ]] || shopt -s failglob
}

__pyman_aliases() {
    local entry name failglob=''
    shopt -q failglob && failglob=yes && shopt -u failglob
    for entry in "$root/runtimes"/[0-9]*; do
        name=${entry##*/}
        [[ $name != *.*.* && -L $entry ]] && values+=("$name")
    done
    [[ -z $failglob ]] || shopt -s failglob
}

__pyman_available() {
    local line cache=${PYMAN_CACHE_DIR-}
    if [[ -z $cache ]]; then
        case $OSTYPE in
            darwin*) cache=$HOME/Library/Caches/pyman ;;
            *) cache=${XDG_CACHE_HOME:-$HOME/.cache}/pyman ;;
        esac
    fi
    [[ -f $cache/available && -r $cache/available ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        # What is installed stands in the list already.
        [[ $line == [0-9]* && $line != *[!0-9a-z.+-]* && " ${values[*]-} " != *" $line "* ]] && values+=("$line")
    done <"$cache/available"
}

# Bash cannot read a link; a subshell can go where it leads.
__pyman_venvs() {
    local line
    while IFS= read -r line; do
        values+=("$line")
    done < <(
        shopt -u failglob
        for entry in "$root"/venvs/*; do
            builtin cd -P -- "$entry" 2>/dev/null && printf '%s\\n' "$PWD"
        done
    )
}

__pyman_paths() {
    local line
    while IFS= read -r line; do
        values+=("$line")
    done < <(compgen "$1" -- "$cur")
    compopt -o filenames 2>/dev/null
}

# The values of a kind; several are joined by a bar.
__pyman_values() {
    case $1 in
        *'|'*) __pyman_values "${1%%'|'*}" && __pyman_values "${1#*'|'}" ;;
        installed) __pyman_names runtimes '[0-9]*.*.*' ;;
        alias) __pyman_aliases ;;
        available) __pyman_available ;;
        request)
            values+=(latest system)
            __pyman_aliases
            __pyman_names runtimes '[0-9]*.*.*'
            __pyman_available
            ;;
        program) __pyman_names shims '[!.]*' ;;
        shell) values+=(bash zsh fish) ;;
        venv)
            __pyman_venvs
            __pyman_paths -d
            ;;
        folder) __pyman_paths -d ;;
        file) __pyman_paths -f ;;
        command) __pyman_paths -c ;;
        choice:*)
            local -a choices
            IFS=, read -r -a choices <<<"${1#choice:}"
            values+=("${choices[@]}")
            ;;
    esac
}
"""

_TAIL = """\
_pyman() {
    local IFS=$' \\t\\n' cur=${COMP_WORDS[COMP_CWORD]} root=${PYMAN_ROOT:-$HOME/.local/share/pyman}
    local verb='' kind='' pending='' is_root='' only='' word value index number=0 width=0
    local -a values
    values=()
    COMPREPLY=()
    [[ $cur != = ]] || cur=''
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if [[ $word == = ]]; then
            continue
        elif [[ -n $pending ]]; then
            # A tilde is still a tilde here.
            [[ -z $is_root ]] || root=${word/#\\~\\//$HOME/}
            pending='' is_root=''
        elif [[ -z $only && $word == -- ]]; then
            only=yes
        elif [[ -z $only && $word == -* ]]; then
            __pyman_option "$verb" "$word"
            pending=$kind
            [[ $word != --root ]] || is_root=yes
        elif [[ -z $verb ]]; then
            verb=$word
        else
            # What stands behind a program is the program's.
            __pyman_argument "$verb" "$number"
            [[ $kind != command ]] || only=yes
            number=$((number + 1))
        fi
    done
    if [[ -n $pending ]]; then
        __pyman_values "$pending"
    elif [[ -z $only && $cur == -* ]]; then
        __pyman_options "$verb"
    elif [[ -z $verb ]]; then
        __pyman_verbs
    else
        __pyman_argument "$verb" "$number"
        __pyman_values "$kind"
    fi
    for value in ${values[@]+"${values[@]}"}; do
        word=${value%%$'\\t'*}
        [[ $word == "$cur"* ]] || continue
        COMPREPLY+=("$value")
        ((${#word} <= width)) || width=${#word}
    done
    # Descriptions are shown in a list, and never written into the line: 33 and 63 are the lists of readline.
    if ((${#COMPREPLY[@]} < 2)) || [[ ${COMP_TYPE-} != 63 && ${COMP_TYPE-} != 33 ]]; then
        width=''
    fi
    for ((index = 0; index < ${#COMPREPLY[@]}; index++)); do
        value=${COMPREPLY[index]}
        word=${value%%$'\\t'*}
        if [[ -n $width && $value == *$'\\t'* ]]; then
            printf -v word '%-*s  (%s)' "$width" "$word" "${value#*$'\\t'}"
        fi
        COMPREPLY[index]=$word
    done
}

complete -o nosort -F _pyman pyman 2>/dev/null || complete -F _pyman pyman
"""


def bash_script(table: CommandTable) -> str:
    """Return `completions/pyman.bash`."""
    return "\n".join([_HEAD, _verbs(table), _options(table), _option_values(table), _arguments(table), _TAIL])


def _verbs(table: CommandTable) -> str:
    words = [_candidate(command.name, command.summary) for command in table.commands]
    return _function("__pyman_verbs", ["values+=("] + [f"    {word}" for word in words] + [")"])


def _options(table: CommandTable) -> str:
    lines = ["case $1 in", "    '') values+=("]
    lines += [f"        {word}" for option in table.alone for word in _option_candidates(option)]
    lines += ["    ) ;;"]
    for command in table.commands:
        if command.options:
            words = [word for option in command.options for word in _option_candidates(option)]
            lines += [f"    {command.name}) values+=(", *(f"        {word}" for word in words), "    ) ;;"]
    shared = [f"    {word}" for option in table.shared for word in _option_candidates(option)]
    return _function("__pyman_options", [*lines, "esac", "values+=(", *shared, ")"])


def _option_values(table: CommandTable) -> str:
    lines = ["kind=''", "case $1:$2 in"]
    owners = [("*", (*table.shared, *table.alone)), *((command.name, command.options) for command in table.commands)]
    for owner, options in owners:
        for option in options:
            if option.value:
                patterns = " | ".join(f"{owner}:{name}" for name in option.names)
                lines.append(f"    {patterns}) kind={quote(_kind(option))} ;;")
    return _function("__pyman_option", [*lines, "esac"])


def _arguments(table: CommandTable) -> str:
    lines = ["kind=''", "case $1:$2 in"]
    for command in table.commands:
        for place, argument in enumerate(command.arguments):
            if argument.value == "command":
                lines += [f"    {command.name}:{place}) kind='command' ;;", f"    {command.name}:*) kind='file' ;;"]
                break
            pattern = f"{command.name}:*" if argument.many else f"{command.name}:{place}"
            lines.append(f"    {pattern}) kind={quote(_kind(argument))} ;;")
    return _function("__pyman_argument", [*lines, "esac"])


def _kind(words: OptionWords | ArgumentWords) -> str:
    return "|".join(kinds_of(words))


def _option_candidates(option: OptionWords) -> list[str]:
    return [_candidate(name, option.summary) for name in option.names if name.startswith("--")] or [
        _candidate(name, option.summary) for name in option.names
    ]


def _candidate(word: str, summary: str) -> str:
    return f"{quote(word)}$'\\t'{quote(described(summary))}"


def _function(name: str, lines: list[str]) -> str:
    return "\n".join([f"{name}() {{", *(f"    {line}" for line in lines), "}", ""])
