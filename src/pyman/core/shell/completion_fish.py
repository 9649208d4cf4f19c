"""The completion script for fish, from 3.2 on."""

from __future__ import annotations

from pyman.core.escape import fish_quote
from pyman.core.shell.completion_words import ArgumentWords, CommandTable, OptionWords, described, kinds_of

_HEAD = """\
# Completes pyman's words in fish. Generated from the command table: change that, not this file.

function __pyman_names
    for entry in $argv[1]/$argv[2]/*
        string match --quiet --regex -- $argv[3] (string replace --regex '.*/' '' -- $entry)
        and printf '%s\\t%s\\n' (string replace --regex '.*/' '' -- $entry) $argv[4]
    end
end

function __pyman_available
    set -l cache $PYMAN_CACHE_DIR
    if test -z "$cache"
        if test -d "$HOME/Library/Caches"; and not set -q XDG_CACHE_HOME
            set cache $HOME/Library/Caches/pyman
        else if test -n "$XDG_CACHE_HOME"
            set cache $XDG_CACHE_HOME/pyman
        else
            set cache $HOME/.cache/pyman
        end
    end
    test -f "$cache/available" -a -r "$cache/available"; or return
    while read -l line
        string match --quiet --regex -- '^[0-9][0-9a-z.+-]*$' $line
        and printf '%s\\tavailable release\\n' $line
    end <$cache/available
end

function __pyman_venvs
    for entry in $argv[1]/venvs/*
        test -L $entry; or continue
        # `path` came with fish 3.5.
        set -l place (path resolve -- $entry 2>/dev/null)
        and printf '%s\\tknown venv\\n' $place
    end
end

# The values of a kind: __pyman_values KIND ROOT WORD
function __pyman_values
    switch $argv[1]
        case '*|*'
            for kind in (string split '|' -- $argv[1])
                __pyman_values $kind $argv[2] $argv[3]
            end
        case installed
            __pyman_names $argv[2] runtimes '^[0-9].*[.].*[.]' 'installed release'
        case alias
            __pyman_names $argv[2] runtimes '^[0-9]+([.][0-9]+)?[td]?$' 'minor version'
        case available
            __pyman_available
        case request
            __pyman_values alias $argv[2] ''
            __pyman_values installed $argv[2] ''
            __pyman_available
            printf '%s\\n' latest\\t'the newest release' system\\t'the Python that is not managed by pyman'
        case program
            __pyman_names $argv[2] shims . program
        case shell
            printf '%s\\n' bash zsh fish
        case venv
            __pyman_venvs $argv[2]
            __fish_complete_directories $argv[3] ''
        case folder
            __fish_complete_directories $argv[3] ''
        case file
            # As for a program that fish knows nothing of: files. Its own function for that starts `ls`.
            complete --do-complete "__pyman_no_program $argv[3]"
        case 'choice:*'
            string split , -- (string replace choice: '' -- $argv[1])
    end
end
"""

_TAIL = """\
function __pyman_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --cut-at-cursor --current-token)
    set -l root $PYMAN_ROOT
    test -n "$root"; or set root $HOME/.local/share/pyman
    set -l verb ''
    set -l pending ''
    set -l last ''
    set -l only ''
    set -l number 0
    set -e words[1]
    for word in $words
        if test -n "$pending"
            test "$last" = --root; and set root (string replace --regex '^~/' $HOME/ -- $word)
            set pending ''
        else if test -z "$only"; and test "$word" = --
            set only yes
        else if test -z "$only"; and string match --quiet -- '-*' $word
            set last $word
            set pending (__pyman_option "$verb" $word)
            string match --quiet -- '--root=*' $word; and set root (string replace --root= '' -- $word)
        else if test -z "$verb"
            set verb $word
        else
            # What stands behind a program is the program's.
            set -l kind (__pyman_argument $verb $number)
            test "$kind" = command; and set only yes
            set number (math $number + 1)
        end
    end
    if test -n "$pending"
        __pyman_values $pending $root $current
    else if test -z "$only"; and string match --quiet -- '--*=*' $current
        set -l parts (string split --max 1 = -- $current)
        for value in (__pyman_values (__pyman_option "$verb" $parts[1]) $root $parts[2])
            printf '%s\\n' $parts[1]=$value
        end
    else if test -z "$only"; and string match --quiet -- '-*' $current
        __pyman_options "$verb"
    else if test -z "$verb"
        __pyman_verbs
    else
        set -l kind (__pyman_argument $verb $number)
        if test "$kind" = command
            # What follows is another program's: its own completion takes over.
            set -l place (contains --index -- -- $words); or set place (math (count $words) - $number)
            complete --do-complete (string join ' ' -- (string escape -- $words[(math $place + 1)..-1]) $current)
        else if test -n "$kind"
            __pyman_values $kind $root $current
        end
    end
end

complete --command pyman --no-files --keep-order --arguments '(__pyman_complete)'
"""


def fish_script(table: CommandTable) -> str:
    """Return `completions/pyman.fish`."""
    return "\n".join([_HEAD, _verbs(table), _options(table), _option_values(table), _arguments(table), _TAIL])


def _verbs(table: CommandTable) -> str:
    return _function("__pyman_verbs", [_candidates([(command.name, command.summary) for command in table.commands])])


def _options(table: CommandTable) -> str:
    lines = ["switch $argv[1]", "    case ''", f"        {_candidates(_named(table.alone))}"]
    for command in table.commands:
        if command.options:
            lines += [f"    case {command.name}", f"        {_candidates(_named(command.options))}"]
    return _function("__pyman_options", [*lines, "end", _candidates(_named(table.shared))])


def _option_values(table: CommandTable) -> str:
    lines = ["switch $argv[1]:$argv[2]"]
    owners = [("*", (*table.shared, *table.alone)), *((command.name, command.options) for command in table.commands)]
    for owner, options in owners:
        for option in options:
            if option.value:
                patterns = " ".join(fish_quote(f"{owner}:{name}") for name in option.names)
                lines += [f"    case {patterns}", f"        {_kind(option)}"]
    return _function("__pyman_option", [*lines, "end"])


def _arguments(table: CommandTable) -> str:
    lines = ["switch $argv[1]:$argv[2]"]
    for command in table.commands:
        for place, argument in enumerate(command.arguments):
            pattern = fish_quote(f"{command.name}:*") if argument.many else f"{command.name}:{place}"
            lines += [f"    case {pattern}", f"        {_kind(argument)}"]
    return _function("__pyman_argument", [*lines, "end"])


def _kind(words: OptionWords | ArgumentWords) -> str:
    return "echo " + fish_quote("|".join(kinds_of(words)))


def _named(options: tuple[OptionWords, ...]) -> list[tuple[str, str]]:
    return [(name, option.summary) for option in options for name in option.names]


def _candidates(words: list[tuple[str, str]]) -> str:
    if not words:
        return "true"
    return "printf '%s\\n' " + " ".join(f"{word}\\t{fish_quote(described(summary))}" for word, summary in words)


def _function(name: str, lines: list[str]) -> str:
    return "\n".join([f"function {name}", *(f"    {line}" for line in lines), "end", ""])
