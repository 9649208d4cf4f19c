#!/bin/bash
# What only a Mac can tell: run in a clone, `bash tests/macos/check.sh`. It has a home, a store and a cache of its own, needs
# a network, and removes them at its end. Prints a line for each fact and ends with the number of those that are wrong.
#
# Written where there was no Mac: until the nightly workflow has run it, none of its lines has ever been seen to pass.
#
# shellcheck disable=SC2016  # other shells expand these
set -u

here=$(cd "$(dirname "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HOME=$work/home
unset PYMAN_ROOT PYMAN_CACHE_DIR PYMAN_CONFIG PYMAN_MIRROR XDG_CACHE_HOME VIRTUAL_ENV
export PATH=$HOME/.local/bin:/usr/bin:/bin:/usr/sbin:/sbin
wrong=0

fact() { # NAME COMMAND…: the command succeeds
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'right  %s\n' "$name"
    else
        printf 'WRONG  %s: %s\n' "$name" "$(printf '%s' "$said" | tail -n 3 | tr '\n' ' ')"
        wrong=$((wrong + 1))
    fi
}

same() { # NAME GOT WANTED
    fact "$1" test "$2" = "$3"
    [ "$2" = "$3" ] || printf '       got <%s>, wanted <%s>\n' "$2" "$3"
}

[ "$(uname -s)" = Darwin ] || { echo "this is no Mac"; exit 2; }
mkdir -p "$HOME"
cd "$work" || exit 2

# Apple's own shells
fact 'install.sh by /bin/sh' /bin/sh "$here/install.sh"
fact 'install.sh by itself' "$here/install.sh"
fact 'the cache is in Library/Caches' test "$(pyman cache dir)" = "$HOME/Library/Caches/pyman"
fact 'bash 3.2 reads what init prints' /bin/bash --norc -euc 'eval "$(pyman init bash)"; [[ :$PATH: == *:"$HOME/.local/share/pyman/shims":* ]]'
fact 'zsh reads what init prints' /bin/zsh -fc 'eval "$(pyman init zsh)"; [[ :$PATH: == *:"$HOME/.local/share/pyman/shims":* ]]'

# A Python of upstream
fact 'install from upstream' pyman install 3.13.5
python=$(pyman find 3.13)
machine=$(uname -m)
[ "$(sysctl -n hw.optional.arm64 2>/dev/null)" != 1 ] || machine=arm64
same 'its architecture' "$(lipo -archs "$python")" "$machine"
fact 'its signature' codesign --verify "$(cd "$(dirname "$python")" && pwd -P)/python3.13"
fact 'its modules' "$python" -c 'import ssl, sqlite3, ctypes, tkinter'
fact 'its certificates' "$python" -c 'import urllib.request; urllib.request.urlopen("https://pypi.org/").read(1)'
fact 'it names no SDK of the build machine' "$python" -c '
import sysconfig
assert "isysroot" not in str(sysconfig.get_config_vars()) and "/install" not in str(sysconfig.get_config_vars())'

# A venv, an extension, a move, processes
mkdir 'a folder'
cd 'a folder' || exit 2
fact 'a venv' pyman venv
same 'its base goes through the alias' "$(.venv/bin/python -c 'import sys; print(sys.base_prefix)')" \
    "$HOME/.local/share/pyman/runtimes/3.13"
fact 'an extension is compiled' .venv/bin/python -m pip install -q --no-binary markupsafe markupsafe
.venv/bin/python -c 'import time; time.sleep(60)' &
sleeper=$!
moved=$(pyman install 3.13 2>&1)
fact 'a running process is named in a move' grep -q "$sleeper" <<<"$moved"
fact 'and keeps its release' test "$(pyman uninstall 3.13.5 >/dev/null 2>&1; echo $?)" = 1
kill "$sleeper"
fact 'the extension runs on the new release' .venv/bin/python -c 'import markupsafe._speedups'
fact 'an exchange of two folders' pyman install 3.13 --force

# One folder, several spellings
mkdir -p "$work/Projects/Café"
(cd "$work/Projects/Café" && pyman venv --without-pip) >/dev/null 2>&1
before=$(pyman venvs --json --no-search | grep -c '"path"')
(cd "$work/projects/café" && pyman venvs --no-search) >/dev/null 2>&1
(cd "$work/Projects/$(printf 'Cafe\314\201')" && pyman venvs --no-search) >/dev/null 2>&1
same 'one record for one venv' "$(pyman venvs --json --no-search | grep -c '"path"')" "$before"

# Hidden .pth files
printf '%s\n' "$work" >.venv/lib/python3.13/site-packages/added.pth
chflags hidden .venv/lib/python3.13/site-packages/added.pth
fact 'a hidden .pth is found' grep -q hidden-pth <<<"$(pyman doctor . --json 2>/dev/null)"
pyman doctor . --fix >/dev/null 2>&1
fact 'and is no longer hidden' test "$(.venv/bin/python -c "import sys; print('$work' in sys.path)")" = True

# Homebrew: by the name that stays
for brew in /opt/homebrew /usr/local; do
    for program in "$brew"/opt/python@3.*/bin/python3.[0-9]*; do
        case $program in *-config | *'*'*) continue ;; esac
        rm -rf brewed
        fact "a venv of $program" pyman venv brewed --without-pip -p "$brew/bin/${program##*/}"
        same 'its home is not in the Cellar' "$(sed -n 's/^home = //p' brewed/pyvenv.cfg)" "${program%/*}"
    done
done

# Frameworks: a process of each is seen
for program in /Library/Frameworks/Python.framework/Versions/3.*/bin/python3.[0-9]*; do
    case $program in *-config | *'*'* | *-intel64) continue ;; esac
    pyman adopt "$program" >/dev/null 2>&1 || continue
    "$program" -c 'import time; time.sleep(60)' &
    sleeper=$!
    sleep 1 # until it has become Python.app
    release=$("$program" -c 'import platform; print(platform.python_version())')
    fact "a process of $program is seen" grep -q "$sleeper" <<<"$(pyman uninstall "$release" --dry-run 2>&1)"
    kill "$sleeper"
done

# A shell that Rosetta translates is told that this is an Intel machine.
if [ "$machine" = arm64 ] && arch -x86_64 /usr/bin/true 2>/dev/null; then
    fact 'install.sh under Rosetta' arch -x86_64 /bin/sh "$here/install.sh"
fi

fact 'F_FULLFSYNC' .venv/bin/python -c 'import fcntl, os; fcntl.fcntl(os.open(".", os.O_RDONLY), 51)'
fact 'doctor' pyman doctor --no-search
fact 'install.sh --uninstall' /bin/sh "$here/install.sh" --uninstall
printf '%s wrong\n' "$wrong"
exit "$wrong"
