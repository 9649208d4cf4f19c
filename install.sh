#!/bin/sh
# Installs pyman for this user, then the given Pythons: ./install.sh 3.13
#
# Everything is in functions, and the last line calls the first of them, so a truncated download runs nothing.

[ -z "${ZSH_VERSION-}" ] || emulate sh

usage() {
    cat <<'END'
usage: ./install.sh [REQUEST…]         install or update pyman, then install these Pythons: ./install.sh 3.13
       ./install.sh --python PATH      run pyman on this Python, 3.11 or newer
       ./install.sh --wheelhouse DIR   install pyman's dependencies from the wheels in DIR, without a network
       ./install.sh --system           install for every user: /opt/pyman and /usr/local/bin/pyman
       ./install.sh --uninstall        remove pyman; Pythons that venvs may need stay

PYMAN_ROOT     where pyman keeps everything, including its own environment (~/.local/share/pyman)
PYMAN_MIRROR   folder or URL to install Pythons from
pip's own settings (PIP_INDEX_URL, PIP_NO_INDEX, PIP_FIND_LINKS …) set where pyman's dependencies come from; each is
checked against requirements.lock.
END
}

main() {
    set -eu
    umask 022
    wanted_python=
    wheelhouse=
    system=
    uninstall=
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && return 0 ;;
            --uninstall) uninstall=yes ;;
            --system) system=yes ;;
            --wheelhouse)
                [ $# -ge 2 ] || misused "--wheelhouse needs a folder"
                wheelhouse=$2
                shift
                ;;
            --python)
                [ $# -ge 2 ] || misused "--python needs a path"
                wanted_python=$2
                shift
                ;;
            -*) misused "unknown option \`$1\`" ;;
            *) break ;;
        esac
        shift
    done
    [ -z "$system" ] || [ $# -eq 0 ] || misused "--system takes no version: each user installs their own Pythons"
    set_places
    check_owner
    if [ -n "$uninstall" ]; then
        [ $# -eq 0 ] || misused "--uninstall takes no version: \`pyman uninstall $1\` removes a Python"
        uninstall_all
        return
    fi
    check_sources
    check_launcher
    begin_work
    say "looking for a Python to run pyman on"
    find_python || fetch_python
    make_app
    swap_app
    write_launcher
    finish_work
    show_result "$@"
}

# --- words ---

say() {
    printf '%s\n' "$1"
}

fail() {
    printf 'error: %s\n' "$1" >&2
    [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

misused() {
    printf 'error: %s\n' "$1" >&2
    usage >&2
    exit 2
}

# A path as one word of sh.
quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# --- places ---

set_places() {
    if [ -n "$system" ]; then
        [ "$(id -u)" = 0 ] || fail "only root can install pyman for every user" \
            "run \`sudo sh $(quoted "$0") --system\`, or leave out --system to install it for yourself"
        usual_root=/opt/pyman
        root=/opt/pyman
        programs=/usr/local/bin
    else
        case ${HOME-} in
            /*) ;;
            *) fail "there is no home folder" "set HOME to an absolute path" ;;
        esac
        usual_root=$HOME/.local/share/pyman
        root=${PYMAN_ROOT:-$usual_root}
        programs=$HOME/.local/bin
    fi
    case $root in
        /*) ;;
        *) root=$PWD/$root ;;
    esac
    root=${root%/}
    case $root in
        '' | *'
'*) fail "pyman cannot be installed in \`$root\`" "choose another PYMAN_ROOT" ;;
    esac
    launcher=$programs/pyman
    source_folder=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    case $wheelhouse in
        '' | /*) ;;
        *) wheelhouse=$PWD/$wheelhouse ;;
    esac
    [ -z "$wheelhouse" ] || [ -d "$wheelhouse" ] || fail "$wheelhouse is not a folder" "give --wheelhouse a folder of wheels"
    work=
    lock=
}

# As root, what belongs to somebody else is not written to: `sudo` may keep the HOME of the user, whose installation
# would be replaced by one that only root can change.
check_owner() {
    [ "$(id -u)" = 0 ] && [ -z "$system" ] || return 0
    for folder in "$HOME" "$root" "$programs"; do
        while [ ! -e "$folder" ]; do
            folder=$(dirname -- "$folder")
        done
        [ -O "$folder" ] ||
            fail "$folder belongs to another user, and install.sh runs as root; nothing was changed" \
                "run install.sh as that user, without sudo; or for root itself: \`$(root_again)\`"
    done
}

# The command that does the same for root, in root's own home.
root_again() {
    if [ -n "${SUDO_UID-}" ]; then
        printf 'sudo -H '
    else
        printf '%sHOME=~root ' "${PYMAN_ROOT:+PYMAN_ROOT= }"
    fi
    printf 'sh %s' "$(quoted "$source_folder/install.sh")"
}

check_sources() {
    for part in src/pyman/__init__.py shims/python completions requirements.lock; do
        [ -e "$source_folder/$part" ] ||
            fail "$source_folder lacks $part" "run install.sh from a copy of pyman's repository"
    done
}

# The mark by which install.sh knows its own launcher again.
is_ours() {
    [ -f "$1" ] && [ ! -h "$1" ] && [ "$(sed -n 2p -- "$1" 2>/dev/null)" = '# pyman launcher, written by install.sh' ]
}

check_launcher() {
    if { [ -e "$launcher" ] || [ -h "$launcher" ]; } && ! is_ours "$launcher"; then
        fail "$launcher already exists and was not created by install.sh; nothing was changed" \
            "remove it with the tool that installed it (pipx, uv tool, pip), then run install.sh again"
    fi
    if [ -e "$root/app" ] && [ ! -h "$root/app" ]; then
        fail "$root/app already exists and was not created by install.sh; nothing was changed" "move it away"
    fi
}

# Makes a folder that this user may write to.
make_folder() {
    if ! mkdir -p -- "$1" 2>/dev/null || [ ! -w "$1" ]; then
        fail "$1 is not writable; nothing was changed" "$2"
    fi
}

begin_work() {
    make_folder "$programs" "make it writable for your user: \`ls -ld $(quoted "$programs")\` shows who owns it"
    make_folder "$root" "choose another folder with PYMAN_ROOT"
    if ! mkdir -- "$root/.installing" 2>/dev/null; then
        other=$(cat "$root/.installing/process" 2>/dev/null || :)
        if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then
            fail "another install.sh, process $other, is running in $root" "wait until it has finished"
        fi
        rm -rf -- "$root/.installing"
        mkdir -- "$root/.installing"
    fi
    lock=$root/.installing
    printf '%s\n' $$ >"$lock/process"
    trap 'undo_work' EXIT
    trap 'interrupted 129' HUP
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM
    work=$root/app-$(date +%Y%m%d%H%M%S)-$$
}

interrupted() {
    printf 'error: interrupted; nothing was changed\nhint: run install.sh again to install pyman\n' >&2
    exit "$1"
}

undo_work() {
    result=$?
    trap - EXIT HUP INT TERM
    [ -z "$work" ] || rm -rf -- "$work"
    [ -z "$lock" ] || rm -rf -- "$lock"
    rmdir -- "$root" 2>/dev/null || :
    exit "$result"
}

# Runs a program, and shows what it says on stderr only if it fails: one that is interrupted says too much.
quietly() {
    "$@" </dev/null 2>"$lock/said" || {
        result=$?
        cat -- "$lock/said" >&2
        return "$result"
    }
}

finish_work() {
    work=
    rm -rf -- "$lock"
    lock=
    trap - EXIT HUP INT TERM
}

# --- a Python for pyman itself ---

# Prints the path by which a new venv should use this interpreter: of a venv the base, and by the name that carries
# the minor, so that a system upgraded to another minor leaves a dead link and no Python that lacks pyman's packages.
# Then where its pip is: a wheel that is bundled with it, or else `pip`, the module. Nothing of it is installed.
probe='
import glob, os, sys
release = sys.version_info
if release < (3, 11) or release.releaselevel != "final" or sys.implementation.name != "cpython":
    sys.exit(4)
try:
    import ssl, venv, zlib
except ImportError as error:
    print(error.name)
    sys.exit(3)
base = sys._base_executable or sys.executable
if len(sys.argv) > 1:
    # For every user: what they can reach, and nobody but root can change.
    path = os.path.realpath(base)
    while True:
        status = os.stat(path)
        if status.st_uid != 0 or status.st_mode & 0o022 or not status.st_mode & 0o001:
            print(path)
            sys.exit(5)
        if path == "/":
            break
        path = os.path.dirname(path)
try:
    import ensurepip
    places = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), getattr(ensurepip, "_WHEEL_PKG_DIR", None)]
except ImportError:
    places = []
wheels = [wheel for place in places if place for wheel in glob.glob(os.path.join(glob.escape(place), "pip-*.whl"))]
if wheels:
    pip = wheels[0]
else:
    try:
        import pip._internal
    except ImportError:
        print("ensurepip")
        sys.exit(3)
    pip = "pip"
named = os.path.join(os.path.dirname(base), f"python{release[0]}.{release[1]}{sys.abiflags}")
print(named if os.path.exists(named) and os.path.samefile(named, base) else base)
print(pip)
'

# Tries one interpreter; sets base and pip where it will do, and lacking where it nearly does.
try_python() {
    [ -f "$1" ] && [ -x "$1" ] || return 1
    answer=$("$1" -I -c "$probe" ${system:+system} </dev/null 2>/dev/null) && result=0 || result=$?
    case $result in
        0) ;;
        3) lacking="$1 lacks the module $answer" ;;
        5) lacking="$1 cannot serve every user: $answer belongs to a single user, is writable by others, or is not readable by them" ;;
    esac
    [ "$result" -eq 0 ] && [ -n "$answer" ] || return 1
    [ -x "${answer%
*}" ] || return 1
    base=${answer%
*}
    pip=${answer##*
}
}

find_python() {
    lacking=
    if [ -n "$wanted_python" ]; then
        try_python "$wanted_python" && return 0
        [ -z "$lacking" ] || fail "$lacking" "$(how_to_help "$lacking")"
        fail "$wanted_python is not CPython 3.11 or newer" "pass another interpreter to --python"
    fi
    # Also minor versions that did not exist when this was written; the newest first.
    names=
    minor=99
    while [ "$minor" -ge 11 ]; do
        names="$names python3.$minor"
        minor=$((minor - 1))
    done
    for name in $names python3 python; do
        saved=$IFS
        IFS=:
        for folder in $PATH; do
            IFS=$saved
            case $folder in
                # A shim leads to what the user may want to remove.
                "$root"/*) ;;
                # Apple's placeholder opens a dialog where the developer tools are not installed, and is 3.9 where they are.
                /usr/bin) [ "$(uname -s)" != Darwin ] && try_python "$folder/$name" && say_python && return 0 ;;
                /*) try_python "$folder/$name" && say_python && return 0 ;;
            esac
        done
        IFS=$saved
    done
    # What is pyman's own comes before what the user may want to remove.
    for candidate in "$root"/app/python/bin/python3.[1-9][0-9] \
        "$root"/runtimes/3.[1-9][0-9]/bin/python3.[1-9][0-9] \
        "${PYENV_ROOT:-${HOME-}/.pyenv}"/versions/3.*/bin/python3 \
        "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-${HOME-}/.local/share}/uv/python}"/cpython-3.*/bin/python3 \
        "${MISE_DATA_DIR:-${XDG_DATA_HOME:-${HOME-}/.local/share}/mise}"/installs/python/3.*/bin/python3 \
        "${ASDF_DATA_DIR:-${HOME-}/.asdf}"/installs/python/3.*/bin/python3; do
        try_python "$candidate" && say_python && return 0
    done
    return 1
}

# What helps against what a Python lacks.
how_to_help() {
    case $1 in
        *' lacks the module ensurepip' | *' lacks the module venv')
            # shellcheck disable=SC2016  # a command to paste
            printf 'install it (on Debian and Ubuntu: `apt install python3-venv`), or pass another interpreter to --python'
            ;;
        *) printf 'pass another interpreter to --python' ;;
    esac
}

say_python() {
    case $base in
        "$root"/app*)
            # It goes with the old environment, so the new one takes a copy.
            mkdir -- "$work"
            cp -R -- "$root/app/python" "$work/python"
            base=$work/python/bin/${base##*/}
            say "pyman keeps its own Python, $base"
            ;;
        *) say "pyman will run on $base" ;;
    esac
}

# Upstream's builds of one release, by the hash that its SHA256SUMS has.
upstream=https://github.com/astral-sh/python-build-standalone/releases/download
upstream_tag=20260901
upstream_version=3.13.15

upstream_sha256() {
    case $1 in
        x86_64-unknown-linux-gnu) echo 8a689a077337bea6d1c4bc0b7df1d52fcaa28f5f67e50df8bf417c1e3f9d8874 ;;
        aarch64-unknown-linux-gnu) echo 01ce0ce9189feaead3298abf10d4efe998c55a489b3d5d38ca4f83dda7e7977e ;;
        x86_64-apple-darwin) echo f712a9143c8a5d248438ec7921a0b48d548bca4f1337d33c690d28c2d0504137 ;;
        aarch64-apple-darwin) echo d3904bd6a072246e07aa0bdadee9a14e80521e42a943c0848059feb16a2816dc ;;
    esac
}

set_target() {
    machine=$(uname -m)
    case $machine in
        arm64) machine=aarch64 ;;
        amd64) machine=x86_64 ;;
    esac
    case $(uname -s) in
        Darwin)
            # A shell that Rosetta translates is told that this is an x86_64.
            [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" != 1 ] || machine=aarch64
            target=$machine-apple-darwin
            ;;
        Linux)
            target=$machine-unknown-linux-musl
            for loader in /lib64/ld-linux* /lib/ld-linux*; do
                [ ! -e "$loader" ] || target=$machine-unknown-linux-gnu
            done
            ;;
        *) target=$machine-$(uname -s) ;;
    esac
}

fetch_python() {
    install_one="install Python 3.11 or newer, then run install.sh again"
    none="no Python 3.11 or newer was found"
    if [ -n "$lacking" ]; then
        none="no suitable Python was found ($lacking)"
        install_one="$(how_to_help "$lacking")"
    fi
    set_target
    mkdir -- "$work" "$work/download"
    if [ -n "${PYMAN_MIRROR-}" ]; then
        find_in_mirror || fail "$none, and $PYMAN_MIRROR has none for $target" "$install_one"
    else
        archive=cpython-$upstream_version+$upstream_tag-$target-install_only_stripped.tar.gz
        sha256=$(upstream_sha256 "$target")
        [ -n "$sha256" ] ||
            fail "$none, and install.sh has no build for $target" "$install_one"
        [ -z "${PYMAN_OFFLINE-}" ] || [ "$PYMAN_OFFLINE" = 0 ] ||
            fail "$none, and PYMAN_OFFLINE does not allow downloading one" "$install_one"
        say "$none: downloading $archive"
        get "$upstream/$upstream_tag/$(printf '%s' "$archive" | sed 's/+/%2B/g')" "$work/download/$archive" ||
            fail "$archive could not be downloaded from $upstream" "$install_one"
    fi
    found=$(sha256_of "$work/download/$archive") ||
        fail "no program to compute a sha256 was found" "install sha256sum, shasum or openssl"
    [ "$found" = "$sha256" ] ||
        fail "$archive has the sha256 $found instead of $sha256; it was not used" "try again later"
    tar -xzof "$work/download/$archive" -C "$work" ||
        fail "$archive could not be unpacked" "run install.sh again to download it again"
    rm -rf -- "$work/download"
    for candidate in "$work"/python/bin/python3.[1-9][0-9]; do
        try_python "$candidate" && return 0
    done
    fail "the Python in $archive does not run here" "$install_one"
}

# Chooses the newest final release in a mirror, fetches it, and finds the hash that SHA256SUMS beside it has.
find_in_mirror() {
    mirror=${PYMAN_MIRROR%/}
    mirror=${mirror#file://}
    get "$mirror/index.ndjson" "$work/download/index" || return 1
    for kind in install_only_stripped install_only; do
        name="cpython-3\\.(1[1-9]|[2-9][0-9])\\.[0-9]+(\\+|%2B)[0-9]+-$target-$kind\\.tar\\.gz"
        place=$(tr '"' '\n' <"$work/download/index" | grep -E "^([^/]*/)*$name\$" | sed -n 1p)
        [ -z "$place" ] || break
    done
    case $place in
        '' | /* | *..*) return 1 ;;
        "$mirror"/*) place=${place#"$mirror"/} ;;
        *:*) return 1 ;;
    esac
    archive=$(printf '%s' "${place##*/}" | sed 's/%2B/+/g')
    say "$none: downloading $archive from $mirror"
    case $place in
        */*) folder=$mirror/${place%/*} ;;
        *) folder=$mirror ;;
    esac
    get "$folder/SHA256SUMS" "$work/download/SHA256SUMS" || return 1
    sha256=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$(printf '%s' "$archive" | sed 's/\./\\./g')\$/\1/p" "$work/download/SHA256SUMS")
    [ -n "$sha256" ] || fail "$folder/SHA256SUMS does not list $archive" "fix the mirror"
    case $mirror in
        /*) get "$folder/$archive" "$work/download/$archive" || return 1 ;;
        *) get "$mirror/$place" "$work/download/$archive" || return 1 ;;
    esac
}

# get FROM TO. A folder is copied from; https never becomes http.
get() {
    case $1 in
        https://*)
            if command -v curl >/dev/null 2>&1; then
                curl --fail --silent --show-error --location --proto '=https' --proto-redir '=https' --output "$2" -- "$1"
            elif command -v wget >/dev/null 2>&1; then
                # Busybox's wget has no --https-only; the hash is checked in any case.
                wget --https-only -q -O "$2" -- "$1" 2>/dev/null || wget -q -O "$2" "$1"
            else
                fail "neither curl nor wget is installed" "install one of them, or Python 3.11 or newer"
            fi
            ;;
        http://*)
            if command -v curl >/dev/null 2>&1; then
                curl --fail --silent --show-error --location --output "$2" -- "$1"
            elif command -v wget >/dev/null 2>&1; then
                wget -q -O "$2" "$1"
            else
                fail "neither curl nor wget is installed" "install one of them, or Python 3.11 or newer"
            fi
            ;;
        *) [ -f "$1" ] && cp -- "$1" "$2" ;;
    esac
}

sha256_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1" | sed 's/ .*//'
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 <"$1" | sed 's/ .*//'
    elif command -v openssl >/dev/null 2>&1; then
        openssl dgst -sha256 -r <"$1" | sed 's/ .*//'
    else
        return 1
    fi
}

# --- pyman's own environment ---

make_app() {
    python=$work/bin/python
    quietly "$base" -I -m venv --without-pip -- "$work" ||
        fail "$base could not create pyman's environment in $work" "pass another interpreter to --python"
    site=$("$python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    [ "$pip" = pip ] || quietly "$base" -I -m zipfile -e "$pip" "$lock/pip" || fail "$pip cannot be unpacked" "pass another interpreter to --python"
    say "installing pyman's dependencies"
    # pip's index, proxy and certificates are the user's to choose; where things go is not.
    (
        unset PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV PIP_NO_DEPS PIP_DRY_RUN PIP_USER PYTHONHOME PYTHONPATH
        set --
        # pip splits PIP_FIND_LINKS at blanks.
        [ -z "$wheelhouse" ] || set -- --no-index --find-links "$wheelhouse"
        quietly "$base" -I -c 'import runpy, sys
folder = sys.argv.pop(1)
if folder:
    sys.path.insert(0, folder)
runpy.run_module("pip", run_name="__main__", alter_sys=True)' "$([ "$pip" = pip ] || printf %s "$lock/pip")" \
            install --quiet --no-input --disable-pip-version-check --no-warn-script-location --no-compile \
            --require-hashes --no-deps --only-binary :all: --target "$site" "$@" \
            --requirement "$source_folder/requirements.lock"
    ) || fail "pyman's dependencies could not be installed; nothing was changed" "$(how_to_get_wheels)"
    rm -rf -- "${site:?}/bin"
    cp -R -- "$source_folder/src/pyman" "$site/pyman"
    rm -rf -- "$site/pyman/shims" "$site/pyman/completions"
    cp -R -- "$source_folder/shims" "$source_folder/completions" "$site/pyman/"
    find "$site/pyman" -name __pycache__ -type d -prune -exec rm -rf -- {} +
    version=$("$python" -I -c 'import pyman; print(pyman.__version__)')
    mkdir -- "$site/pyman_cli-$version.dist-info"
    printf 'Metadata-Version: 2.1\nName: pyman-cli\nVersion: %s\n' "$version" >"$site/pyman_cli-$version.dist-info/METADATA"
    echo install.sh >"$site/pyman_cli-$version.dist-info/INSTALLER"
    write_entry
    # Without compiled files every start of pyman would take five times as long. Nothing here highlights source code.
    say "compiling pyman"
    quietly "$python" -I -m compileall -q -x '/pygments/|/rich/_unicode_data/' "$site" >/dev/null ||
        say "some files of pyman could not be compiled"
    quietly "$python" -I -S "$work/pyman.py" --version >/dev/null ||
        fail "the new pyman does not start; an existing installation was kept" "pass another interpreter to --python"
    # A copy of the repository may be its user's alone.
    [ -z "$system" ] || chmod -R u=rwX,go=rX -- "$work"
}

how_to_get_wheels() {
    if [ -n "$wheelhouse" ]; then
        printf 'put the wheels listed in requirements.lock into %s' "$(quoted "$wheelhouse")"
    elif [ -n "${PIP_NO_INDEX-}" ]; then
        printf 'put the wheels listed in requirements.lock into the folder set in PIP_FIND_LINKS'
    else
        printf "check the network, or set pip's PIP_INDEX_URL; without a network use --wheelhouse"
    fi
}

write_entry() {
    again="sh $(quoted "$source_folder/install.sh")${system:+ --system}"
    cat >"$work/pyman.py" <<'END'
import sys

# `site` takes a quarter of a short command's time. Of what it does pyman needs these lines.
sys.prefix = sys.exec_prefix = __file__.rpartition("/")[0]
minor = f"python{sys.version_info[0]}.{sys.version_info[1]}{'t' if 't' in sys.abiflags else ''}"
sys.path.append(f"{sys.prefix}/lib/{minor}/site-packages")

try:
    from pyman.__main__ import main
except ModuleNotFoundError as error:
    if error.name != "pyman":
        raise
    sys.exit("error: the Python that pyman runs on was replaced by another minor version\nhint: run install.sh again to repair pyman")

if __name__ == "__main__":
    sys.argv[0] = sys.argv[0].removesuffix(".py")
    sys.exit(main())
END
    # What shims start: no words about a dead Python, the launcher has them.
    cat >"$work/bin/pyman" <<'END'
#!/bin/sh
exec "${0%/*}/python" -I -S "${0%/*}/../pyman.py" "$@"
END
    chmod 755 "$work/bin/pyman"
}

swap_app() {
    rm -f -- "$work.link"
    ln -s "${work##*/}" "$work.link"
    # No option of mv that replaces a link to a folder is known to every system.
    "$python" -I -c 'import os, sys; os.replace(*sys.argv[1:])' "$work.link" "$root/app"
    remove_apps "$work"
    work=
}

# Removes the environments that install.sh made, but for one.
remove_apps() {
    for old in "$root"/app-[0-9]*-[0-9]*; do
        if [ "$old" != "$1" ] && [ -f "$old/pyman.py" ]; then
            rm -rf -- "$old"
        fi
    done
}

write_launcher() {
    {
        printf '%s\n' '#!/bin/sh' '# pyman launcher, written by install.sh'
        # The `$` are for the launcher to read.
        # shellcheck disable=SC2016
        [ "$root" = "$usual_root" ] || printf '[ -n "${PYMAN_ROOT-}" ] || export PYMAN_ROOT=%s\n' "$(quoted "$root")"
        printf 'app=%s\n' "$(quoted "$root/app")"
        printf 'again=%s\n' "$(quoted "$again")"
        cat <<'END'
[ ! -x "$app/bin/python" ] || exec "$app/bin/python" -I -S "$app/pyman.py" "$@"
if [ -e "$app/pyman.py" ]; then
    printf 'error: the Python that pyman runs on is gone: %s\n' "$(readlink -- "$app/bin/python" || echo "$app/bin/python")" >&2
else
    printf 'error: pyman is installed in %s, which is gone\n' "$app" >&2
fi
printf 'hint: repair it with `%s`; Pythons and venvs are not affected\n' "$again" >&2
exit 1
END
    } >"$launcher.$$"
    chmod 755 "$launcher.$$"
    mv -f -- "$launcher.$$" "$launcher"
}

# --- what the user sees ---

show_result() {
    say "installed pyman $version: $launcher, on $base"
    if [ -n "$system" ]; then
        say "each user runs \`pyman init SHELL\` to see what to add to their shell's start-up file"
        return 0
    fi
    "$launcher" --quiet shims >/dev/null || say "the shims could not be created; see \`pyman doctor\`"
    shell=${SHELL-}
    case :$PATH: in
        *":$programs:"*) ;;
        *)
            add="export PATH=$(quoted "$programs"):\"\$PATH\""
            [ "${shell##*/}" != fish ] || add="fish_add_path $(quoted "$programs")"
            say "$programs is not on PATH: add to your shell's start-up file: $add"
            ;;
    esac
    # shellcheck disable=SC2016  # the user's shell is to read these
    case ${shell##*/} in
        zsh) say 'to use the shims, add this line to ~/.zshrc: eval "$(pyman init zsh)"' ;;
        fish) say 'to use the shims, add this line to ~/.config/fish/config.fish: pyman init fish | source' ;;
        bash)
            # A terminal of macOS starts login shells.
            # shellcheck disable=SC2088  # it is shown as people write it
            [ "$(uname -s)" = Darwin ] && file='~/.bash_profile' || file='~/.bashrc'
            say "to use the shims, add this line to $file: eval \"\$(pyman init bash)\""
            ;;
        *) say 'to use the shims, add this line to ~/.profile: eval "$(pyman init sh)"' ;;
    esac
    [ $# -gt 0 ] || return 0
    "$launcher" install "$@" || fail "pyman is installed, but \`pyman install $*\` failed"
    if [ ! -e "$root/demo" ] || [ -f "$root/demo/made-by-install.sh" ]; then
        rm -rf -- "$root/demo"
        say "Demo venv (safe to delete):"
        "$launcher" venv "$root/demo" --python "$1" ||
            fail "pyman is installed, but the demo venv could not be created"
        : >"$root/demo/made-by-install.sh"
    fi
}

# --- and away again ---

uninstall_all() {
    if [ -h "$launcher" ] || { [ -e "$launcher" ] && ! is_ours "$launcher"; }; then
        say "kept: $launcher, which install.sh did not create"
    elif [ -e "$launcher" ]; then
        cache=${PYMAN_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME-}/.cache}/pyman}
        [ "$(uname -s)" != Darwin ] || cache=${PYMAN_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME-}/Library/Caches}/pyman}
        if [ -z "$system" ] && [ -d "$cache" ] && ! "$launcher" --quiet cache clean >/dev/null 2>&1; then
            say "kept: the cache, $cache; it can be deleted"
        fi
        # A timer would start what is gone.
        "$launcher" --quiet schedule off >/dev/null 2>&1 || :
        rm -f -- "$launcher"
        say "removed $launcher"
    fi
    if [ -f "$root/links" ]; then
        while IFS= read -r folder; do
            for link in "$folder"/python*; do
                case $(readlink -- "$link" 2>/dev/null) in
                    "$root/shims/"*) rm -f -- "$link" ;;
                esac
            done
            say "removed the links to shims in $folder"
        done <"$root/links"
        rm -f -- "$root/links"
    fi
    for shim in "$root"/shims/*; do
        if [ -h "$shim" ] && [ "$(readlink -- "$shim")" = python ]; then
            rm -f -- "$shim"
        elif [ -f "$shim" ] && sed -n 2p -- "$shim" | grep -q '^# pyman shim:'; then
            rm -f -- "$shim"
        fi
    done
    if [ -d "$root/shims" ]; then
        if rmdir -- "$root/shims" 2>/dev/null; then
            say "removed $root/shims"
        else
            say "kept: files in $root/shims that are not pyman's"
        fi
    fi
    for record in "$root"/venvs/*; do
        [ "$(readlink -- "$record" 2>/dev/null)" != "$root/demo" ] || rm -f -- "$record"
    done
    [ ! -f "$root/demo/made-by-install.sh" ] || rm -rf -- "$root/demo"
    rmdir -- "$root/venvs" 2>/dev/null || :
    # What is told of records goes with the last of them.
    [ -d "$root/venvs" ] || rm -f -- "$root/mounts" "$root/searched" "$root/repairs"
    if [ -h "$root/app" ]; then
        rm -f -- "$root/app"
        say "removed pyman's own environment, $root/app"
    fi
    remove_apps ''
    rm -rf -- "$root/.installing" "$root/.lock" "$root"/.lock[.-]*
    kept=
    for runtime in "$root"/runtimes/*; do
        if [ -e "$runtime" ] || [ -h "$runtime" ]; then
            kept="$kept ${runtime##*/}"
        fi
    done
    if [ -n "$kept" ]; then
        say "kept: the Pythons in $root/runtimes, which venvs may use:$kept"
        say "to remove them too: rm -r $(quoted "$root")"
    elif [ -d "$root" ]; then
        rm -f -- "$root/default" "$root/holds" "$root/searched" "$root/mounts" "$root/repairs"
        for record in "$root"/venvs/* "$root"/found/*; do
            [ ! -h "$record" ] || rm -f -- "$record"
        done
        rmdir -- "$root/runtimes" "$root/venvs" "$root/found" 2>/dev/null || :
        rmdir -- "$root" 2>/dev/null || say "kept: other files in $root"
    fi
    say "remove the line with \`pyman init\` from your shell's start-up file yourself"
}

main "$@"
