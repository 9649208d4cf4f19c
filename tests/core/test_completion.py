"""What is generated for each shell from a table of commands; shims/test_completions.py has the shells read the real ones."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pyman.core.shell.completion import (
    KINDS,
    ArgumentWords,
    CommandTable,
    CommandWords,
    OptionWords,
    completion_scripts,
    described,
    framed,
    kinds_of,
)

QUIET = OptionWords(("-q", "--quiet"), "Say [less].")
ROOT = OptionWords(("--root",), "It's the folder.", "folder")
VERSION = OptionWords(("--version",), "Show the version.")
FLAT = OptionWords(("-1",), "One a line.")
SORT = OptionWords(("--sort",), "Order: by what.", "choice", ("name", "size"))
MIXED = OptionWords(("-p", "--python"), "Which.", "request|venv")
TABLE = CommandTable(
    (
        CommandWords("list", "List Pythons.", (FLAT, SORT)),
        CommandWords("run", "Run a command.", (MIXED,), (ArgumentWords("venv"), ArgumentWords("command"))),
        CommandWords(
            "use",
            "Choose.",
            (),
            (ArgumentWords("choice", choices=("on", "off")), ArgumentWords("installed|choice", many=True, choices=("a", "b"))),
        ),
    ),
    (QUIET, ROOT),
    (VERSION,),
)  # fmt: skip

BASH = r"""
__pyman_verbs() {
    values+=(
        'list'$'\t''List Pythons'
        'run'$'\t''Run a command'
        'use'$'\t''Choose'
    )
}

__pyman_options() {
    case $1 in
        '') values+=(
            '--version'$'\t''Show the version'
        ) ;;
        list) values+=(
            '-1'$'\t''One a line'
            '--sort'$'\t''Order: by what'
        ) ;;
        run) values+=(
            '--python'$'\t''Which'
        ) ;;
    esac
    values+=(
        '--quiet'$'\t''Say [less]'
        '--root'$'\t''It'\''s the folder'
    )
}

__pyman_option() {
    kind=''
    case $1:$2 in
        *:--root) kind='folder' ;;
        list:--sort) kind='choice:name,size' ;;
        run:-p | run:--python) kind='request|venv' ;;
    esac
}

__pyman_argument() {
    kind=''
    case $1:$2 in
        run:0) kind='venv' ;;
        run:1) kind='command' ;;
        run:*) kind='file' ;;
        use:0) kind='choice:on,off' ;;
        use:*) kind='installed|choice:a,b' ;;
    esac
}
"""

FISH = r"""
function __pyman_verbs
    printf '%s\n' list\t'List Pythons' run\t'Run a command' use\t'Choose'
end

function __pyman_options
    switch $argv[1]
        case ''
            printf '%s\n' --version\t'Show the version'
        case list
            printf '%s\n' -1\t'One a line' --sort\t'Order: by what'
        case run
            printf '%s\n' -p\t'Which' --python\t'Which'
    end
    printf '%s\n' -q\t'Say [less]' --quiet\t'Say [less]' --root\t'It\'s the folder'
end

function __pyman_option
    switch $argv[1]:$argv[2]
        case '*:--root'
            echo 'folder'
        case 'list:--sort'
            echo 'choice:name,size'
        case 'run:-p' 'run:--python'
            echo 'request|venv'
    end
end

function __pyman_argument
    switch $argv[1]:$argv[2]
        case run:0
            echo 'venv'
        case run:1
            echo 'command'
        case use:0
            echo 'choice:on,off'
        case 'use:*'
            echo 'installed|choice:a,b'
    end
end
"""

ZSH = r"""
_pyman_verbs() {
    local -a verbs=(
        'list:List Pythons'
        'run:Run a command'
        'use:Choose'
    )
    _describe -V -t commands command verbs
}

typeset -ga _pyman_shared=(
    '(-q --quiet)-q[Say \[less\]]'
    '(-q --quiet)--quiet[Say \[less\]]'
    '--root=[It'\''s the folder]:folder:_files -/'
)

typeset -ga _pyman_alone=(
    '--version[Show the version]'
)

_pyman_installed_or_a_or_b() {
    local ret=1
    _pyman_installed && ret=0
    compadd -- a b && ret=0
    return ret
}

_pyman_request_or_venv() {
    local ret=1
    _pyman_request && ret=0
    _pyman_venv && ret=0
    return ret
}

_pyman_arguments() {
    case $1 in
        list)
            _arguments $_pyman_shared \
                '-1[One a line]' \
                '--sort=[Order\: by what]:choice:(name size)'
            ;;
        run)
            _arguments $_pyman_shared \
                '(-p --python)-p+[Which]:request or venv:_pyman_request_or_venv' \
                '(-p --python)--python=[Which]:request or venv:_pyman_request_or_venv' \
                '1:venv:_pyman_venv' \
                '*:: :_normal'
            ;;
        use)
            _arguments $_pyman_shared \
                '1:choice:(on off)' \
                '*:installed or a or b:_pyman_installed_or_a_or_b'
            ;;
        *) return 1 ;;
    esac
}
"""

SCRIPTS = {"bash": ("pyman.bash", BASH), "fish": ("pyman.fish", FISH), "zsh": ("_pyman", ZSH)}
FRAMES = {shell: f"# {shell}\n\n@generated@# end\n" for shell in SCRIPTS}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_what_is_generated(shell):
    name, text = SCRIPTS[shell]
    scripts = completion_scripts(TABLE, FRAMES)
    assert set(scripts) == {name for name, _ in SCRIPTS.values()}
    assert scripts[name] == f"# {shell}\n{text}# end\n"


@pytest.mark.parametrize("table", [TABLE, CommandTable((), ())], ids=["a table", "an empty table"])
@pytest.mark.parametrize("shell", [shell for shell in SCRIPTS if shutil.which(shell)])
def test_its_shell_understands_it(tmp_path, shell, table):
    script = tmp_path / "script"
    script.write_text(completion_scripts(table, FRAMES)[SCRIPTS[shell][0]])
    subprocess.run([shell, "-n", str(script)], check=True)


def test_what_zsh_completes_itself_is_one_of_several_kinds():
    table = CommandTable((CommandWords("rebuild", "Rebuild.", (), (ArgumentWords("folder|venv"),)),), ())
    script = completion_scripts(table, FRAMES)["_pyman"]
    assert "    _files -/ && ret=0\n    _pyman_venv && ret=0\n" in script


def test_a_frame_keeps_what_stands_around_its_hole():
    assert framed("a\n@generated@\nz", "b", "c") == "a\nb\nc\nz"


@pytest.mark.parametrize(
    ("summary", "shown"), [("Do it. ", "Do it"), ("Two. Words", "Two. Words"), ("Why...", "Why..")]
)
def test_a_summary_in_a_list_has_no_full_stop(summary, shown):
    assert described(summary) == shown


@pytest.mark.parametrize(
    ("words", "kinds"),
    [(QUIET, ()), (ROOT, ("folder",)), (SORT, ("choice:name,size",)), (ArgumentWords("file|choice", choices=("-",)), ("file", "choice:-"))],
)  # fmt: skip
def test_the_kinds_of_a_place(words, kinds):
    assert kinds_of(words) == kinds
    assert {kind.partition(":")[0] for kind in kinds} <= set(KINDS)
