# Completes pyman's words in bash. Generated from the command table: change that, not this file.
#
# shellcheck shell=bash disable=SC2053

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
    for entry in "$root/runtimes"/[0-9]*; do
        name=${entry##*/}
        [[ $name != *.*.* && -L $entry ]] && values+=("$name")
    done
    [[ -z $failglob ]] || shopt -s failglob
}

__pyman_available() {
    local line cache=${PYMAN_CACHE_DIR-}
    if [[ -z $cache ]]; then
        case $OSTYPE in
            darwin*) cache=$HOME/Library/Caches/pyman ;;
            *) cache=${XDG_CACHE_HOME:-$HOME/.cache}/pyman ;;
        esac
    fi
    [[ -f $cache/available && -r $cache/available ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        [[ $line == [0-9]* && $line != *[!0-9a-z.+-]* ]] && values+=("$line")
    done <"$cache/available"
}

# Bash cannot read a link; a subshell can go where it leads.
__pyman_venvs() {
    local line
    while IFS= read -r line; do
        values+=("$line")
    done < <(
        shopt -u failglob
        for entry in "$root"/venvs/*; do
            builtin cd -P -- "$entry" 2>/dev/null && printf '%s\n' "$PWD"
        done
    )
}

__pyman_paths() {
    local line
    while IFS= read -r line; do
        values+=("$line")
    done < <(compgen "$1" -- "$cur")
    compopt -o filenames 2>/dev/null
}

# The values of a kind; several are joined by a bar.
__pyman_values() {
    case $1 in
        *'|'*) __pyman_values "${1%%'|'*}" && __pyman_values "${1#*'|'}" ;;
        installed) __pyman_names runtimes '[0-9]*.*.*' ;;
        alias) __pyman_aliases ;;
        available) __pyman_available ;;
        request)
            values+=(latest system)
            __pyman_aliases
            __pyman_names runtimes '[0-9]*.*.*'
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
        choice:*) IFS=, read -r -a values <<<"${1#choice:}" ;;
    esac
}

__pyman_verbs() {
    values+=(
        'install'$'\t''Install Pythons, and move their aliases'
        'upgrade'$'\t''Install the newest patch releases, and move the venvs that follow'
        'uninstall'$'\t''Remove Pythons that nothing needs'
        'prune'$'\t''Remove all Pythons that nothing needs'
        'hold'$'\t''Keep an alias at a release'
        'unhold'$'\t''Let an alias move again'
        'rollback'$'\t''Go back to the release before'
        'adopt'$'\t''Use Pythons of pyenv, uv, the system… through the store'
        'forget'$'\t''Drop the link to an adopted Python, or the record of a venv'
        'list'$'\t''Show what is installed, or what could be'
        'info'$'\t''Explain one Python or one venv'
        'venv'$'\t''Make a venv that follows its minor version'
        'venvs'$'\t''List every known venv, or search folders for them'
        'register'$'\t''Remember venvs that another tool made'
        'pin'$'\t''Pin a venv to a patch release'
        'follow'$'\t''Let a venv follow its minor version'
        'doctor'$'\t''Find what is wrong, and mend it'
        'rebuild'$'\t''Make venvs anew, with their packages'
        'use'$'\t''Choose the Python of this folder, or the default'
        'find'$'\t''Print the path of an interpreter'
        'which'$'\t''Print the program that a name runs here'
        'run'$'\t''Run a command with a Python first on PATH'
        'init'$'\t''Print the lines for a shell'\''s start-up file'
        'completions'$'\t''Print the completion script of a shell'
        'shims'$'\t''Put the shims in place again'
        'mirror'$'\t''Make a mirror for machines without a network'
        'cache'$'\t''Show or clean the cache'
    )
}

__pyman_options() {
    case $1 in
        '') values+=(
            '--version'$'\t''Print pyman'\''s own version'
        ) ;;
        install) values+=(
            '--from'$'\t''Install a local archive'
            '--mirror'$'\t''Get it from this folder or URL'
            '--force'$'\t''Go ahead all the same'
            '--no-adopt'$'\t''Never fall back on a Python of the machine'
            '--no-check'$'\t''Move aliases without checking the venvs that follow'
            '--default'$'\t''Make it the default'
        ) ;;
        upgrade) values+=(
            '--dry-run'$'\t''Show what would be done'
            '--no-check'$'\t''Move aliases without checking the venvs that follow'
            '--force'$'\t''Go ahead all the same'
            '--prune'$'\t''Remove what nothing needs any more'
        ) ;;
        uninstall) values+=(
            '--relink'$'\t''Move the venvs first'
            '--force'$'\t''Go ahead all the same'
        ) ;;
        prune) values+=(
            '--dry-run'$'\t''Show what would be done'
            '--force'$'\t''Go ahead all the same'
        ) ;;
        adopt) values+=(
            '--all'$'\t''Take all there are'
        ) ;;
        list) values+=(
            '--available'$'\t''Show what can be installed'
            '--outdated'$'\t''Show what has a newer patch release'
            '--all'$'\t''Take all there are'
        ) ;;
        venv) values+=(
            '--python'$'\t''Use this Python'
            '--pin'$'\t''Pin it to the patch release'
            '--clear'$'\t''Make an existing venv anew'
            '--without-pip'$'\t''Leave pip out'
            '--no-install'$'\t''Never install a Python that is missing'
            '--system-site-packages'$'\t''Let it see the packages of its Python'
            '--prompt'$'\t''Show this text while it is active'
            '-r'$'\t''Install the requirements in this file'
        ) ;;
        venvs) values+=(
            '--size'$'\t''Count their bytes'
            '--python'$'\t''Only those of this Python'
            '--remove'$'\t''Delete a venv'
        ) ;;
        doctor) values+=(
            '--fix'$'\t''Repair what can be repaired'
            '--dry-run'$'\t''Show what would be done'
            '--foreign'$'\t''Also those of pipx, poetry and others'
            '--yes'$'\t''Answer every question with yes'
        ) ;;
        rebuild) values+=(
            '--all'$'\t''Take all there are'
            '--python'$'\t''Use this Python'
            '--from'$'\t''Install what this lock or file says'
            '--allow-newer'$'\t''Take newer versions where the old cannot be had'
            '--force'$'\t''Go ahead all the same'
            '--dry-run'$'\t''Show what would be done'
            '--installer'$'\t''Use this installer'
        ) ;;
        use) values+=(
            '--global'$'\t''Choose the default'
        ) ;;
        find) values+=(
            '--resolve'$'\t''Follow every link'
        ) ;;
        which) values+=(
            '--explain'$'\t''Say why, step by step'
        ) ;;
        run) values+=(
            '--python'$'\t''Use this Python'
        ) ;;
        mirror) values+=(
            '--platform'$'\t''For this platform too'
        ) ;;
    esac
    values+=(
        '--json'$'\t''Print one JSON object instead of text'
        '--quiet'$'\t''Print results and errors only'
        '--verbose'$'\t''Say more about what is done'
        '--root'$'\t''Use the store in this folder'
        '--offline'$'\t''Use no network at all'
        '--help'$'\t''Explain this command'
    )
}

__pyman_option() {
    kind=''
    case $1:$2 in
        *:--root) kind='folder' ;;
        install:--from) kind='file' ;;
        install:--mirror) kind='folder' ;;
        venv:-p | venv:--python) kind='request' ;;
        venv:--prompt) kind='text' ;;
        venv:-r) kind='file' ;;
        venvs:--python) kind='request' ;;
        venvs:--remove) kind='venv' ;;
        rebuild:-p | rebuild:--python) kind='request' ;;
        rebuild:--from) kind='file' ;;
        rebuild:--installer) kind='choice:auto,uv,pip' ;;
        run:-p | run:--python) kind='request' ;;
        mirror:--platform) kind='text' ;;
    esac
}

__pyman_argument() {
    kind=''
    case $1:$2 in
        install:*) kind='request' ;;
        upgrade:*) kind='alias' ;;
        uninstall:*) kind='installed|alias' ;;
        hold:0) kind='alias' ;;
        hold:1) kind='installed' ;;
        unhold:0) kind='alias' ;;
        rollback:0) kind='alias' ;;
        adopt:*) kind='folder' ;;
        forget:*) kind='installed|venv' ;;
        info:0) kind='installed|alias|venv' ;;
        venv:0) kind='folder' ;;
        venvs:*) kind='folder' ;;
        register:*) kind='folder' ;;
        pin:0) kind='venv' ;;
        pin:1) kind='installed' ;;
        follow:0) kind='venv' ;;
        doctor:*) kind='folder' ;;
        rebuild:*) kind='venv' ;;
        use:0) kind='request' ;;
        find:0) kind='request' ;;
        which:0) kind='program' ;;
        run:0) kind='command' ;;
        run:*) kind='file' ;;
        init:0) kind='shell' ;;
        completions:0) kind='shell' ;;
        mirror:0) kind='folder' ;;
        mirror:*) kind='available' ;;
        cache:0) kind='choice:dir,clean' ;;
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
