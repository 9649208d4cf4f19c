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
        'install'$'\t''Install Pythons, and move their aliases'
        'upgrade'$'\t''Bring every minor to its newest patch release'
        'hold'$'\t''Keep an alias at one patch release'
        'unhold'$'\t''Let an alias go to the newest release again'
        'rollback'$'\t''Point an alias at the release before, and hold it there'
        'prune'$'\t''Remove the releases that nothing uses'
        'uninstall'$'\t''Remove a Python that nothing needs'
        'adopt'$'\t''Use Pythons of pyenv, uv, the system… through the store'
        'forget'$'\t''Drop the link to an adopted Python, or the record of a venv'
        'list'$'\t''Show what is installed, or what could be'
        'info'$'\t''Explain one Python or one venv'
        'venv'$'\t''Make a venv that follows its minor version'
        'venvs'$'\t''Show every venv of this machine'
        'doctor'$'\t''Say what is wrong with venvs, and mend it'
        'report'$'\t''Tell all that is known, of one machine or many'
        'rebuild'$'\t''Make a venv anew with its packages'
        'register'$'\t''Make venvs known that pyman did not make'
        'pin'$'\t''Keep a venv on one patch release'
        'follow'$'\t''Let a venv follow its minor version'
        'use'$'\t''Choose the Python of this folder, or the default'
        'find'$'\t''Print the path of an interpreter'
        'which'$'\t''Print the program that a name runs here'
        'run'$'\t''Run a command with a Python first on PATH'
        'init'$'\t''Print what a shell'\''s start-up file needs'
        'completions'$'\t''Print a completion script'
        'shims'$'\t''Put the shims in place'
        'mirror'$'\t''Make a mirror for machines without a network'
        'cache'$'\t''Show or clean what pyman keeps for later'
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
            '--mirror'$'\t''A folder or URL with an index.ndjson'
            '--build'$'\t''Build from source with python-build instead of downloading a build'
            '--build-with'$'\t''The same, with these options of configure'
            '--force'$'\t''Install again what is there, and move aliases in spite of the check'
            '--no-adopt'$'\t''Fail rather than adopt a Python when upstream is out of reach'
            '--no-check'$'\t''Move aliases without checking the venvs'
            '--default'$'\t''Make the first one the default'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        upgrade) values+=(
            '--no-check'$'\t''Move aliases without checking the venvs'
            '--force'$'\t''Move also where a venv that does not fit cannot be held back'
            '--prune'$'\t''Remove afterwards what nothing uses any more'
            '--mirror'$'\t''A folder or URL with an index.ndjson'
            '--search'$'\t''Search the home folder for venvs now, or leave that out'
            '--no-search'$'\t''Search the home folder for venvs now, or leave that out'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        hold) values+=(
            '--no-check'$'\t''Move the alias without checking the venvs'
            '--force'$'\t''Move it also where a venv that does not fit cannot be held back'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        unhold) values+=(
            '--no-check'$'\t''Move the alias without checking the venvs'
            '--force'$'\t''Move it also where a venv that does not fit cannot be held back'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        rollback) values+=(
            '--no-check'$'\t''Move the alias without checking the venvs'
            '--force'$'\t''Move it also where a venv that does not fit cannot be held back'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        prune) values+=(
            '--force'$'\t''Also remove what only unreachable venvs or unknown processes may need'
            '--search'$'\t''Search the home folder for venvs now, or leave that out'
            '--no-search'$'\t''Search the home folder for venvs now, or leave that out'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        uninstall) values+=(
            '--relink'$'\t''Move the venvs that need it to their alias first'
            '--force'$'\t''Remove it although venvs or processes need it'
            '--search'$'\t''Search the home folder for venvs now, or leave that out'
            '--no-search'$'\t''Search the home folder for venvs now, or leave that out'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        adopt) values+=(
            '--all'$'\t''Adopt every Python of this machine'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        forget) values+=(
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        list) values+=(
            '--available'$'\t''Show what could be installed'
            '--outdated'$'\t''Show what a newer patch release exists for'
            '--all'$'\t''With --available: every patch release'
        ) ;;
        venv) values+=(
            '--python'$'\t''A version, range or path'
            '--pin'$'\t''Stay on the patch release of today'
            '--clear'$'\t''Replace the venv that is there'
            '--without-pip'$'\t''Leave pip out'
            '--no-install'$'\t''Fail rather than install a Python'
            '--system-site-packages'$'\t''Let the base Python'\''s packages be imported'
            '--prompt'$'\t''What the prompt shows; `.` for this folder'\''s name'
            '--yes'$'\t''With --clear: keep what is not part of the venv, instead of refusing'
            '--requirement'$'\t''Install what it names, with uv or else pip'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        venvs) values+=(
            '--size'$'\t''Measure how much room each takes'
            '--python'$'\t''Only those that run such a Python'
            '--unused'$'\t''Only those not used for this long: 90d, 12w, 6m, 1y'
            '--remove'$'\t''Delete the venvs that are named, or all that are unused, and forget them'
            '--yes'$'\t''With --remove: keep what is not part of the venv; delete unused ones without asking'
            '--search'$'\t''Search the home folder for venvs now, or leave that out'
            '--no-search'$'\t''Search the home folder for venvs now, or leave that out'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        doctor) values+=(
            '--fix'$'\t''Repair what has an automatic repair'
            '--foreign'$'\t''Repair also what pipx, poetry and other tools own'
            '--yes'$'\t''Answer every question with yes'
            '--ignore'$'\t''Leave out what has this code'
            '--undo'$'\t''Take back the last repairs, or the last ones in DIR'
            '--explain'$'\t''Explain a finding and its repair'
            '--search'$'\t''Search the home folder for venvs now, or leave that out'
            '--no-search'$'\t''Search the home folder for venvs now, or leave that out'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        report) values+=(
            '--merge'$'\t''Put the reports in FILE... together instead of looking at this machine'
            '--html'$'\t''Write a page of it that needs nothing else'
            '--search'$'\t''Search the home folder for venvs now, or leave that out'
            '--no-search'$'\t''Search the home folder for venvs now, or leave that out'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        rebuild) values+=(
            '--all'$'\t''All that `pyman doctor` says need it'
            '--python'$'\t''Another Python; default: the same minor'
            '--from'$'\t''A lock or requirements file, instead of what was there'
            '--allow-newer'$'\t''Allow other versions of what cannot be had; names may follow'
            '--force'$'\t''Also recreate a venv that another tool owns, or with changed files of packages'
            '--installer'$'\t''What installs packages'
            '--yes'$'\t''Answer every question with yes; rebuild also where a relink would do'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        register) values+=(
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        pin) values+=(
            '--yes'$'\t''Go to an older release, or off a Python that lends it packages'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        follow) values+=(
            '--yes'$'\t''Go to an older release, or off a Python that lends it packages'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        use) values+=(
            '--global'$'\t''Set the default of this user instead'
            '--unset'$'\t''Remove the choice instead'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        find) values+=(
            '--resolve'$'\t''Print the path of the patch release itself'
        ) ;;
        which) values+=(
            '--explain'$'\t''Show every step of the choice'
            '--all'$'\t''Also those of other Pythons and on PATH, which do not run here'
        ) ;;
        run) values+=(
            '--python'$'\t''A version, range or path'
        ) ;;
        shims) values+=(
            '--link'$'\t''Link python3.13 and so on into DIR, for programs without a shell'\''s set-up'
            '--unlink'$'\t''Remove those links again'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        mirror) values+=(
            '--platform'$'\t''Mirror for this platform; may be repeated'
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        cache) values+=(
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
        self) values+=(
            '--dry-run'$'\t''Show what would be done, and change nothing'
        ) ;;
    esac
    values+=(
        '--json'$'\t''Print one JSON object instead of text'
        '--quiet'$'\t''Print results and errors only'
        '--verbose'$'\t''Say more about what is done'
        '--root'$'\t''Use the store in DIR instead of PYMAN_ROOT'
        '--offline'$'\t''Use no network at all'
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
