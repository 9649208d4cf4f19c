"""What `pyman init SHELL` prints: lines for the shell's start-up file, made of built-ins alone.

They put the shims first on PATH, once however often they are read, but behind the `bin` of a venv that is active: a
shell inside a shell reads its start-up file again, and whatever else that puts first. In bash, zsh and fish TAB loads
the completions on first use. The lines work through `eval "$(pyman init bash)"` as well as copied into the file, which
costs no start of pyman at all. What a scheduled run has to say an interactive shell says once. Import-light.
"""

from __future__ import annotations

from pyman.core.escape import as_word, fish_quote, quote
from pyman.errors import PATH_SEPARATOR, UsageError

NOTICE = "notice"
"""The file of a store with what a scheduled run has to say."""

SHELLS = ("bash", "zsh", "fish")
"""Those that have completions, too."""

# One text for every shell that understands POSIX: quoted parts of a pattern mean themselves.
_POSIX = """\
__pyman_without() {{
    while case $__pyman_path in *":$1:"*) ;; *) false ;; esac; do
        __pyman_path=${{__pyman_path%%":$1:"*}}:${{__pyman_path#*":$1:"}}
    done
}}
__pyman_path=:$PATH:
__pyman_first=
__pyman_without {shims}
case $__pyman_path in
    *":${{VIRTUAL_ENV:-/dev/null}}/bin:"*)
        __pyman_first=$VIRTUAL_ENV/bin:
        __pyman_without "$VIRTUAL_ENV/bin"
        ;;
esac
__pyman_path=${{__pyman_path#:}}
__pyman_path=${{__pyman_path%:}}
PATH=$__pyman_first{shims}${{__pyman_path:+:$__pyman_path}}
export PATH
unset __pyman_path __pyman_first
unset -f __pyman_without
"""

# A scheduled run leaves a line there, and whoever shows it empties the file: one look at a start without one.
_POSIX_NOTICE = """\
case $- in
    *i*)
        if [ -s {notice} ] && [ -w {notice} ]; then
            IFS= read -r __pyman_notice <{notice} || true
            true >|{notice}
            printf '%s\\n' "$__pyman_notice" >&2
            unset __pyman_notice
        fi
        ;;
esac
"""

_BASH = """\
__pyman_complete() {{
    if [[ -r {completions}/pyman.bash ]]; then
        source {completions}/pyman.bash && _pyman "$@"
    fi
}}
complete -F __pyman_complete pyman
"""

_ZSH = """\
(( ${{fpath[(Ie){completions}]}} )) || fpath=({completions} $fpath)
if (( ${{+functions[compdef]}} )); then
    autoload -Uz _pyman
    compdef _pyman pyman
fi
"""

_FISH = """\
while contains -- {shims} $PATH
    set -e PATH[(contains -i -- {shims} $PATH)]
end
if set -q VIRTUAL_ENV; and contains -- $VIRTUAL_ENV/bin $PATH
    while contains -- $VIRTUAL_ENV/bin $PATH
        set -e PATH[(contains -i -- $VIRTUAL_ENV/bin $PATH)]
    end
    set -gx PATH $VIRTUAL_ENV/bin {shims} $PATH
else
    set -gx PATH {shims} $PATH
end
contains -- {completions} $fish_complete_path; or set -g fish_complete_path $fish_complete_path {completions}
if status is-interactive; and test -s {notice}; and test -w {notice}
    read -l __pyman_notice <{notice}
    true >{notice}
    printf '%s\\n' $__pyman_notice >&2
end
"""

_CSH = """\
set -f path = ( {shims} $path:q )
if ( $?VIRTUAL_ENV ) then
    foreach pyman_folder ( $path:q )
        if ( "$pyman_folder" == "$VIRTUAL_ENV/bin" ) set -f path = ( "$VIRTUAL_ENV/bin" $path:q )
    end
    unset pyman_folder
endif
"""

_NU = """\
$env.PATH = ($env.PATH | split row (char esep) | prepend {shims} | uniq)
if ('VIRTUAL_ENV' in $env) and ($'($env.VIRTUAL_ENV)/bin' in $env.PATH) {{
    $env.PATH = ($env.PATH | prepend $'($env.VIRTUAL_ENV)/bin' | uniq)
}}
"""

_XONSH = """\
$PATH.add({shims}, front=True, replace=True)
if ${{...}}.get('VIRTUAL_ENV') and $VIRTUAL_ENV + '/bin' in $PATH:
    $PATH.add($VIRTUAL_ENV + '/bin', front=True, replace=True)
"""

_POWERSHELL = """\
$env:PATH = (@({shims}) + ($env:PATH -split ':' -cne {shims})) -join ':'
if ($env:VIRTUAL_ENV -and ($env:PATH -split ':' -ccontains "$env:VIRTUAL_ENV/bin")) {{
    $env:PATH = (@("$env:VIRTUAL_ENV/bin") + ($env:PATH -split ':' -cne "$env:VIRTUAL_ENV/bin")) -join ':'
}}
"""

_HEADS = {
    "bash": ("~/.bashrc (on macOS ~/.bash_profile)", 'eval "$(pyman init bash)"'),
    "zsh": ("~/.zshrc", 'eval "$(pyman init zsh)"'),
    "fish": ("~/.config/fish/config.fish", "pyman init fish | source"),
    "sh": ("~/.profile", 'eval "$(pyman init sh)"'),
    "csh": ("~/.tcshrc", ""),
    "nu": ("~/.config/nushell/config.nu", ""),
    "xonsh": ("~/.xonshrc", ""),
    "pwsh": ("the file that $PROFILE names", ""),
}
_OTHER_NAMES = {
    **dict.fromkeys(("ash", "busybox", "dash", "ksh", "ksh93", "loksh", "mksh", "oksh", "posix", "yash"), "sh"),
    "tcsh": "csh",
    "nushell": "nu",
    "powershell": "pwsh",
}


def can_be_on_path(folder: str) -> bool:
    """False for a folder that PATH would take for two."""
    return ":" not in folder


def init_script(shell: str, shims: str, completions: str) -> str:
    """Return the lines for a shell. Both folders are absolute paths.

    Raises UsageError for a shell that pyman does not know, and for shims that cannot be on PATH.
    """
    kind = _OTHER_NAMES.get(shell, shell)
    if kind not in _HEADS:
        raise UsageError(
            f"unknown shell `{shell}`",
            hint=f"the shells are {', '.join(_HEADS)}; in another one, put {as_word(shims)} first on PATH",
        )
    if not can_be_on_path(shims):
        raise UsageError(
            f"{shims} cannot be on PATH, whose folders are separated by `:`",
            hint="choose another folder with PYMAN_ROOT",
            code=PATH_SEPARATOR,
        )
    file, line = _HEADS[kind]
    head = "# pyman: shims first on PATH" + (", completions on the first TAB" if kind in SHELLS else "")
    if line:
        head += f". Add this line to {file}:\n#     {line}\n# or the lines below, which saves starting pyman.\n"
    else:
        head += f". Add these lines to {file}.\n"
    folders = {"shims": shims, "completions": completions, "notice": f"{shims.rpartition('/')[0]}/{NOTICE}"}
    return head + _BODIES[kind].format(**{name: _quoted(kind, folder) for name, folder in folders.items()})


_BODIES = {
    "bash": _POSIX + _BASH + _POSIX_NOTICE,
    "zsh": _POSIX + _ZSH + _POSIX_NOTICE,
    "fish": _FISH,
    "sh": _POSIX + _POSIX_NOTICE,
    "csh": _CSH,
    "nu": _NU,
    "xonsh": _XONSH,
    "pwsh": _POWERSHELL,
}


def _quoted(kind: str, folder: str) -> str:
    """A folder as one word of a shell, or one text."""
    if kind == "fish":
        return fish_quote(folder)
    if kind in ("csh", "pwsh"):
        from pyman.core.shell.activation import quote_csh, quote_powershell

        return quote_csh(folder) if kind == "csh" else quote_powershell(folder)
    if kind == "nu":
        return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(folder) if kind == "xonsh" else quote(folder)
