#!/bin/sh
# pyman in one file: this launcher, then a zip that Python runs. It needs a CPython 3.11 or newer; `python3.X pyman.pyz`
# runs it on another one than the first that is found here. Built by tools/build_pyz.py.
[ -z "${ZSH_VERSION-}" ] || emulate sh 2>/dev/null

# Sets python to the newest CPython in a folder that is neither a venv's nor a shim, which would lead back here.
find_in() {
    python=
    case $1 in
        */shims | */shims/) return 1 ;;
        /*) ;;
        *) return 1 ;;
    esac
    [ ! -f "$1/../pyvenv.cfg" ] || return 1
    for candidate in "$1"/python3.1[1-9] "$1"/python3.[2-9][0-9]; do
        if [ ! -f "$candidate" ] || [ ! -x "$candidate" ] || [ ! -r "$candidate" ]; then
            continue
        fi
        line=
        IFS= read -r line <"$candidate" 2>/dev/null
        case $line in
            '#!'*) ;;
            *) python=$candidate ;;
        esac
    done
    [ -n "$python" ]
}

find_python() {
    set -f
    IFS=:
    for folder in ${PATH-}; do
        unset IFS
        set +f
        find_in "$folder" && return 0
    done
    unset IFS
    set +f
    # On macOS a start-up file may not have been read that puts these on PATH.
    for folder in /usr/local/bin /opt/homebrew/bin /Library/Frameworks/Python.framework/Versions/3.1[1-9]/bin \
        "${PYMAN_ROOT:-${HOME-}/.local/share/pyman}"/runtimes/3.[1-9][0-9]/bin; do
        find_in "$folder" && return 0
    done
    return 1
}

if find_python; then
    exec "$python" -I -S "$0" "$@"
fi
printf 'error: no CPython 3.11 or newer was found on PATH, and pyman.pyz needs one\n' >&2
printf 'hint: install one, or run it with another: python3.13 %s\n' "'$0'" >&2
exit 1
