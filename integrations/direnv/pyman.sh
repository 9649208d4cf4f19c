# shellcheck shell=bash
# For direnv: append this to ~/.config/direnv/direnvrc, and write `layout pyman` or `layout pyman 3.13` into .envrc.
#
# direnv's own `layout python` names its folder by the patch release, so each upgrade begins with an empty venv. This one keeps
# .venv, which follows the minor version, and repairs it where another tool made it.
layout_pyman() {
    local venv=${VIRTUAL_ENV:-$PWD/.venv}
    if [[ ! -e $venv/pyvenv.cfg ]]; then
        pyman venv "$venv" ${1:+-p "$1"} || return
    # It is not run to find out: the .venv of a clone may be anything.
    elif [[ ! -f $venv/bin/python || ! -x $venv/bin/python ]]; then
        pyman doctor "$venv" --fix || return
    fi
    watch_file .python-version "$venv/pyvenv.cfg"
    export VIRTUAL_ENV=$venv
    PATH_add "$venv/bin"
}
