"""What `pyman init SHELL` prints: lines for the shell's start-up file, made of built-ins alone.

They put the shims first on PATH, once however often they are read, but behind the `bin` of a venv that is active
(a shell inside a shell reads its start-up file again), and let TAB load the completions on first use. They work
through `eval "$(pyman init bash)"` as well as copied into the file, which costs no start of pyman at all. Import-light.
"""

from __future__ import annotations

from pyman.core.escape import fish_quote, quote
from pyman.errors import PATH_SEPARATOR, UsageError

SHELLS = ("bash", "zsh", "fish")

_HEAD = """\
# pyman: shims first on PATH, completions on the first TAB. In {file}, write
#     {line}
# or these lines themselves, which saves starting pyman.
"""

# Bash and zsh read the same; names are local, and quoted parts of a pattern mean themselves.
_PATH = """\
__pyman_init() {{
    local shims={shims} rest=":$PATH:"
    while [[ $rest == *":$shims:"* ]]; do
        rest="${{rest%%":$shims:"*}}:${{rest#*":$shims:"}}"
    done
    rest="${{rest#:}}"
    rest="${{rest%:}}"
    if [[ -n ${{VIRTUAL_ENV-}} && "$rest:" == "$VIRTUAL_ENV/bin:"* ]]; then
        rest="${{rest#"$VIRTUAL_ENV/bin"}}"
        export PATH="$VIRTUAL_ENV/bin:$shims$rest"
    else
        export PATH="$shims${{rest:+:$rest}}"
    fi
}}
__pyman_init
unset -f __pyman_init
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
if set -q VIRTUAL_ENV; and test "$PATH[1]" = "$VIRTUAL_ENV/bin"
    set -gx PATH $PATH[1] {shims} $PATH[2..-1]
else
    set -gx PATH {shims} $PATH
end
contains -- {completions} $fish_complete_path; or set -g fish_complete_path $fish_complete_path {completions}
"""

_START_UP = {
    "bash": ("~/.bashrc", 'eval "$(pyman init bash)"'),
    "zsh": ("~/.zshrc", 'eval "$(pyman init zsh)"'),
    "fish": ("~/.config/fish/config.fish", "pyman init fish | source"),
}


def can_be_on_path(folder: str) -> bool:
    """False for a folder that PATH would take for two."""
    return ":" not in folder


def init_script(shell: str, shims: str, completions: str) -> str:
    """Return the lines for a shell. Both folders are absolute paths.

    Raises UsageError for a shell that pyman does not know, and for shims that cannot be on PATH.
    """
    if shell not in SHELLS:
        raise UsageError(f"`{shell}` is no shell that pyman knows", hint="choose one of bash, zsh and fish")
    if not can_be_on_path(shims):
        raise UsageError(
            f"{shims} cannot be on PATH, whose folders are separated by `:`",
            hint="choose another folder with PYMAN_ROOT",
            code=PATH_SEPARATOR,
        )
    file, line = _START_UP[shell]
    head = _HEAD.format(file=file, line=line)
    if shell == "fish":
        return head + _FISH.format(shims=fish_quote(shims), completions=fish_quote(completions))
    body = _PATH + (_BASH if shell == "bash" else _ZSH)
    return head + body.format(shims=quote(shims), completions=quote(completions))
