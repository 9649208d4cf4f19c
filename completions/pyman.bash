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
    for entry in "$root/runtimes"/[0-9]* "$root/runtimes"/*py3.*; do
        name=${entry##*/}
        [[ $name != *.*.* && $name != .* && -L $entry ]] && values+=("$name")
    done
    [[ -z $failglob ]] || shopt -s failglob
}

__pyman_installed() {
    __pyman_names runtimes '[0-9]*.*.*'
    # Those with versions of their own: pypy3.11-8.0.1
    __pyman_names runtimes '[a-z]*py3.*-*'
}

__pyman_available() {
    local line cache=${PYMAN_CACHE_DIR-}
    if [[ -z $cache ]]; then
        case $OSTYPE in
            darwin*) cache=${XDG_CACHE_HOME:-$HOME/Library/Caches}/pyman ;;
            *) cache=${XDG_CACHE_HOME:-$HOME/.cache}/pyman ;;
        esac
    fi
    [[ -f $cache/available && -r $cache/available ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        # What is installed stands in the list already.
        [[ $line == [0-9a-z]* && $line != *[!0-9a-z.+-]* && " ${values[*]-} " != *" $line "* ]] && values+=("$line")
    done <"$cache/available"
}

# Bash cannot read a link; a subshell can go where it leads.
__pyman_venvs() {
    local line seen=$'\n'
    while IFS= read -r line; do
        # Several records may lead to one folder. Of thousands nobody reads the list, and to compare them takes long.
        if ((${#values[@]} < 500)); then
            [[ $seen != *$'\n'"$line"$'\n'* ]] || continue
            seen+=$line$'\n'
        fi
        values+=("$line")
    done < <(
        shopt -u failglob
        for entry in "$root"/venvs/*; do
            builtin cd -P -- "$entry" 2>/dev/null && printf '%s\n' "$PWD"
        done
    )
}

__pyman_paths() {
    local line quoted=''
    # Before bash 4 nothing tells readline that these are names of files: it would cut them at blanks.
    if type compopt >/dev/null 2>&1; then
        compopt -o filenames 2>/dev/null
    else
        quoted=yes
    fi
    while IFS= read -r line; do
        [[ -z $quoted ]] || printf -v line '%q' "$line"
        values+=("$line")
    done < <(compgen "$1" -- "$cur")
}

# The values of a kind; several are joined by a bar.
__pyman_values() {
    case $1 in
        *'|'*) __pyman_values "${1%%'|'*}" && __pyman_values "${1#*'|'}" ;;
        installed) __pyman_installed ;;
        alias) __pyman_aliases ;;
        available) __pyman_available ;;
        request)
            values+=(latest system)
            __pyman_aliases
            __pyman_installed
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

__pyman_verbs() {
    values+=(
        'install'$'\t''Install Pythons and update their aliases'
        'upgrade'$'\t''Upgrade every minor version to its newest patch release'
        'hold'$'\t''Keep an alias at one patch release'
        'unhold'$'\t''Remove a hold; the alias moves to the newest installed release'
        'rollback'$'\t''Move an alias back to the previous release and hold it there'
        'prune'$'\t''Remove releases that nothing uses'
        'uninstall'$'\t''Remove a Python that nothing needs'
        'adopt'$'\t''Use Pythons installed by pyenv, uv, the system or other tools'
        'forget'$'\t''Remove the link to an adopted Python or the record of a venv'
        'list'$'\t''List installed and available Pythons'
        'info'$'\t''Explain a Python or a venv'
        'venv'$'\t''Create a venv tied to a minor version'
        'venvs'$'\t''List every venv on this machine'
        'doctor'$'\t''Check venvs, the store and the machine, and repair them'
        'report'$'\t''Report everything known about one machine or many'
        'rebuild'$'\t''Recreate a venv with the same packages'
        'register'$'\t''Register venvs that pyman did not create'
        'pin'$'\t''Keep a venv on one patch release'
        'follow'$'\t''Make a venv follow its minor version'
        'schedule'$'\t''Upgrade Pythons and check venvs regularly'
        'use'$'\t''Choose the Python for this folder, or the default'
        'find'$'\t''Print the path of an interpreter'
        'which'$'\t''Print which program a command runs here'
        'run'$'\t''Run a command with a Python first on PATH'
        'init'$'\t''Print the lines for a shell'\''s start-up file'
        'completions'$'\t''Print a completion script'
        'shims'$'\t''Create or update the shims'
        'mirror'$'\t''Create a mirror for machines without a network'
        'cache'$'\t''Show or clean the download and seed cache'
        'self'$'\t''Show, update or uninstall pyman itself'
    )
}

__pyman_options() {
    case $1 in
        '') values+=(
            '--version'$'\t''Print pyman'\''s own version'
        ) ;;
        install) values+=(
            '--from'$'\t''Install a local archive instead of downloading'
            '--mirror'$'\t''Use this mirror: a folder or URL with an index.ndjson'
            '--build'$'\t''Build from source with python-build instead of downloading'
            '--build-with'$'\t''Build from source with these configure options'
            '--force'$'\t''Reinstall, and move aliases even if the check of the venvs fails'
            '--no-adopt'$'\t''Fail instead of adopting a Python if nothing can be downloaded'
            '--no-check'$'\t''Move aliases without checking the venvs'
            '--default'$'\t''Make the first one the default version'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        upgrade) values+=(
            '--no-check'$'\t''Move aliases without checking the venvs'
            '--force'$'\t''Move even if an incompatible venv cannot be held back'
            '--prune'$'\t''Afterwards remove releases that nothing uses any more'
            '--mirror'$'\t''Use this mirror: a folder or URL with an index.ndjson'
            '--try'$'\t''Hold back venvs in which this fails only on the new release'
            '--search'$'\t''Search the home folder for venvs now, or skip the search'
            '--no-search'$'\t''Search the home folder for venvs now, or skip the search'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        hold) values+=(
            '--no-check'$'\t''Move the alias without checking the venvs'
            '--force'$'\t''Move even if an incompatible venv cannot be held back'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        unhold) values+=(
            '--no-check'$'\t''Move the alias without checking the venvs'
            '--force'$'\t''Move even if an incompatible venv cannot be held back'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        rollback) values+=(
            '--no-check'$'\t''Move the alias without checking the venvs'
            '--force'$'\t''Move even if an incompatible venv cannot be held back'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        prune) values+=(
            '--force'$'\t''Also remove releases needed only by unreachable venvs or unknown processes'
            '--search'$'\t''Search the home folder for venvs now, or skip the search'
            '--no-search'$'\t''Search the home folder for venvs now, or skip the search'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        uninstall) values+=(
            '--relink'$'\t''Move the venvs that need it to their alias first'
            '--force'$'\t''Remove it even if venvs or processes need it'
            '--search'$'\t''Search the home folder for venvs now, or skip the search'
            '--no-search'$'\t''Search the home folder for venvs now, or skip the search'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        adopt) values+=(
            '--all'$'\t''Adopt every Python found on this machine'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        forget) values+=(
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        list) values+=(
            '--available'$'\t''Show Pythons that can be installed'
            '--outdated'$'\t''Show only Pythons with a newer patch release'
            '--all'$'\t''With --available: show every patch release'
        ) ;;
        venv) values+=(
            '--python'$'\t''A version, range or path'
            '--pin'$'\t''Stay on the current patch release'
            '--clear'$'\t''Delete the existing venv with its packages first'
            '--without-pip'$'\t''Do not install pip'
            '--no-install'$'\t''Fail instead of installing a Python'
            '--system-site-packages'$'\t''Make the base Python'\''s packages importable'
            '--prompt'$'\t''Prompt of the activated venv; `.` for this folder'\''s name'
            '--yes'$'\t''With --clear: keep files that are not part of the venv, instead of refusing'
            '--requirement'$'\t''Install the packages listed in FILE, with uv if available, else pip'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        venvs) values+=(
            '--size'$'\t''Show disk usage'
            '--python'$'\t''Show only venvs that run this Python'
            '--unused'$'\t''Show only venvs not used for this long: 90d, 12w, 6m, 1y'
            '--remove'$'\t''Delete the given venvs or, with --unused, all unused ones'
            '--yes'$'\t''With --remove: keep files that are not part of the venv; delete unused venvs without asking'
            '--search'$'\t''Search the home folder for venvs now, or skip the search'
            '--no-search'$'\t''Search the home folder for venvs now, or skip the search'
            '--all-users'$'\t''As root: also for every other user of this machine'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        doctor) values+=(
            '--fix'$'\t''Repair everything that has an automatic repair'
            '--foreign'$'\t''Also repair venvs owned by other tools (pipx, poetry, ...)'
            '--yes'$'\t''Answer every question with yes'
            '--ignore'$'\t''Ignore findings with this code'
            '--undo'$'\t''Undo the last repairs, or the last ones in DIR'
            '--explain'$'\t''Explain a finding and its repair'
            '--search'$'\t''Search the home folder for venvs now, or skip the search'
            '--no-search'$'\t''Search the home folder for venvs now, or skip the search'
            '--all-users'$'\t''As root: also for every other user of this machine'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        report) values+=(
            '--merge'$'\t''Merge the reports in FILE... instead of examining this machine'
            '--html'$'\t''Write a self-contained HTML page to FILE'
            '--search'$'\t''Search the home folder for venvs now, or skip the search'
            '--no-search'$'\t''Search the home folder for venvs now, or skip the search'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        rebuild) values+=(
            '--all'$'\t''All venvs that `pyman doctor` says need it'
            '--python'$'\t''The Python to use; default: the same minor version'
            '--from'$'\t''Install from a lock or requirements file instead'
            '--allow-newer'$'\t''Allow newer versions of packages that are no longer available'
            '--force'$'\t''Also recreate venvs owned by another tool or with modified package files'
            '--installer'$'\t''The program that installs packages'
            '--yes'$'\t''Answer yes to every question; rebuild even if relinking is enough'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        register) values+=(
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        pin) values+=(
            '--yes'$'\t''Confirm a move to an older release, or away from a Python whose packages the venv uses'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        follow) values+=(
            '--yes'$'\t''Confirm a move to an older release, or away from a Python whose packages the venv uses'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        schedule) values+=(
            '--fix'$'\t''Also make the repairs that need no confirmation'
            '--with'$'\t''Use this timer instead of the default'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        use) values+=(
            '--global'$'\t''Set the default for this user instead'
            '--unset'$'\t''Remove the setting'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        find) values+=(
            '--resolve'$'\t''Print the path of the patch release itself'
        ) ;;
        which) values+=(
            '--explain'$'\t''Show every step of the choice'
            '--all'$'\t''Also show programs of other Pythons and on PATH'
        ) ;;
        run) values+=(
            '--python'$'\t''A version, range or path'
        ) ;;
        shims) values+=(
            '--link'$'\t''Link python3.13 and so on into DIR, for programs that read no shell start-up file'
            '--unlink'$'\t''Remove those links'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        mirror) values+=(
            '--platform'$'\t''Platform to mirror for; can be repeated'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        cache) values+=(
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
        self) values+=(
            '--yes'$'\t''Uninstall without asking'
            '--dry-run'$'\t''Show what would be done without changing anything'
        ) ;;
    esac
    values+=(
        '--json'$'\t''Print one JSON object instead of text'
        '--quiet'$'\t''Print only results and errors'
        '--verbose'$'\t''Print more details'
        '--root'$'\t''Use the store in DIR (default: PYMAN_ROOT, else ~/.local/share/pyman)'
        '--offline'$'\t''Do not use the network'
        '--help'$'\t''Explain the command'
    )
}

__pyman_option() {
    kind=''
    case $1:$2 in
        *:--root) kind='folder' ;;
        install:--from) kind='file' ;;
        install:--mirror) kind='folder' ;;
        install:--build-with) kind='text' ;;
        upgrade:--mirror) kind='folder' ;;
        upgrade:--try) kind='choice:imports|command' ;;
        venv:-p | venv:--python) kind='request' ;;
        venv:--prompt) kind='text' ;;
        venv:-r | venv:--requirement) kind='file' ;;
        venvs:-p | venvs:--python) kind='request' ;;
        venvs:--unused) kind='text' ;;
        doctor:--ignore) kind='text' ;;
        doctor:--explain) kind='text' ;;
        report:--html) kind='file' ;;
        rebuild:-p | rebuild:--python) kind='request' ;;
        rebuild:--from) kind='choice:lock|file' ;;
        rebuild:--installer) kind='choice:auto,uv,pip' ;;
        schedule:--with) kind='choice:systemd,launchd,cron' ;;
        run:-p | run:--python) kind='request' ;;
        mirror:--platform) kind='text' ;;
    esac
}

__pyman_argument() {
    kind=''
    case $1:$2 in
        install:*) kind='available' ;;
        upgrade:*) kind='alias' ;;
        hold:0) kind='alias' ;;
        hold:1) kind='installed' ;;
        unhold:0) kind='alias' ;;
        rollback:0) kind='alias' ;;
        uninstall:*) kind='installed|alias' ;;
        adopt:*) kind='file' ;;
        forget:*) kind='installed|venv' ;;
        info:0) kind='installed|alias|venv' ;;
        venv:0) kind='folder' ;;
        venvs:*) kind='venv' ;;
        doctor:*) kind='folder' ;;
        report:*) kind='file' ;;
        rebuild:*) kind='venv' ;;
        register:*) kind='folder' ;;
        pin:0) kind='venv' ;;
        pin:1) kind='installed' ;;
        follow:0) kind='venv' ;;
        schedule:0) kind='choice:daily,weekly,off,run' ;;
        use:*) kind='request' ;;
        find:0) kind='request' ;;
        which:0) kind='program' ;;
        run:0) kind='command' ;;
        run:*) kind='file' ;;
        init:0) kind='shell' ;;
        completions:0) kind='shell' ;;
        shims:0) kind='folder' ;;
        mirror:0) kind='folder' ;;
        mirror:*) kind='available' ;;
        cache:0) kind='choice:dir,clean' ;;
        self:0) kind='choice:update,uninstall' ;;
    esac
}

_pyman() {
    local IFS=$' \t\n' cur=${COMP_WORDS[COMP_CWORD]} root=${PYMAN_ROOT:-$HOME/.local/share/pyman}
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
            [[ -z $is_root ]] || root=${word/#\~\//$HOME/}
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
        word=${value%%$'\t'*}
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
        word=${value%%$'\t'*}
        if [[ -n $width && $value == *$'\t'* ]]; then
            printf -v word '%-*s  (%s)' "$width" "$word" "${value#*$'\t'}"
        fi
        COMPREPLY[index]=$word
    done
}

complete -o nosort -F _pyman pyman 2>/dev/null || complete -F _pyman pyman
