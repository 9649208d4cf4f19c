# Completes pyman's words in fish. Generated from the command table: change that, not this file.

function __pyman_names
    for entry in $argv[1]/$argv[2]/*
        string match --quiet --regex -- $argv[3] (string replace --regex '.*/' '' -- $entry)
        and printf '%s\t%s\n' (string replace --regex '.*/' '' -- $entry) $argv[4]
    end
end

function __pyman_available
    set -l cache $PYMAN_CACHE_DIR
    if test -z "$cache"
        if test -d "$HOME/Library/Caches"; and not set -q XDG_CACHE_HOME
            set cache $HOME/Library/Caches/pyman
        else if test -n "$XDG_CACHE_HOME"
            set cache $XDG_CACHE_HOME/pyman
        else
            set cache $HOME/.cache/pyman
        end
    end
    test -f "$cache/available" -a -r "$cache/available"; or return
    while read -l line
        string match --quiet --regex -- '^[0-9][0-9a-z.+-]*$' $line
        and printf '%s\tavailable release\n' $line
    end <$cache/available
end

function __pyman_venvs
    for entry in $argv[1]/venvs/*
        test -L $entry; or continue
        # `path` came with fish 3.5.
        set -l place (path resolve -- $entry 2>/dev/null)
        and printf '%s\tknown venv\n' $place
    end
end

# The values of a kind: __pyman_values KIND ROOT WORD
function __pyman_values
    switch $argv[1]
        case '*|*'
            for kind in (string split '|' -- $argv[1])
                __pyman_values $kind $argv[2] $argv[3]
            end
        case installed
            __pyman_names $argv[2] runtimes '^[0-9].*[.].*[.]' 'installed release'
        case alias
            __pyman_names $argv[2] runtimes '^[0-9]+([.][0-9]+)?[td]?$' 'minor version'
        case available
            __pyman_available
        case request
            __pyman_values alias $argv[2] ''
            __pyman_values installed $argv[2] ''
            __pyman_available
            printf '%s\n' latest\t'the newest release' system\t'the Python that is not managed by pyman'
        case program
            __pyman_names $argv[2] shims . program
        case shell
            printf '%s\n' bash zsh fish
        case venv
            __pyman_venvs $argv[2]
            __fish_complete_directories $argv[3] ''
        case folder
            __fish_complete_directories $argv[3] ''
        case file
            # As for a program that fish knows nothing of: files. Its own function for that starts `ls`.
            complete --do-complete "__pyman_no_program $argv[3]"
        case 'choice:*'
            string split , -- (string replace choice: '' -- $argv[1])
    end
end

function __pyman_verbs
    printf '%s\n' install\t'Install Pythons, and move their aliases' upgrade\t'Install the newest patch releases, and move the venvs that follow' uninstall\t'Remove Pythons that nothing needs' prune\t'Remove all Pythons that nothing needs' hold\t'Keep an alias at a release' unhold\t'Let an alias move again' rollback\t'Go back to the release before' adopt\t'Use Pythons of pyenv, uv, the system… through the store' forget\t'Drop the link to an adopted Python, or the record of a venv' list\t'Show what is installed, or what could be' info\t'Explain one Python or one venv' venv\t'Make a venv that follows its minor version' venvs\t'List every known venv, or search folders for them' register\t'Remember venvs that another tool made' pin\t'Pin a venv to a patch release' follow\t'Let a venv follow its minor version' doctor\t'Find what is wrong, and mend it' rebuild\t'Make venvs anew, with their packages' use\t'Choose the Python of this folder, or the default' find\t'Print the path of an interpreter' which\t'Print the program that a name runs here' run\t'Run a command with a Python first on PATH' init\t'Print the lines for a shell\'s start-up file' completions\t'Print the completion script of a shell' shims\t'Put the shims in place again' mirror\t'Make a mirror for machines without a network' cache\t'Show or clean the cache'
end

function __pyman_options
    switch $argv[1]
        case ''
            printf '%s\n' --version\t'Print pyman\'s own version'
        case install
            printf '%s\n' --from\t'Install a local archive' --mirror\t'Get it from this folder or URL' --force\t'Go ahead all the same' --no-adopt\t'Never fall back on a Python of the machine' --no-check\t'Move aliases without checking the venvs that follow' --default\t'Make it the default'
        case upgrade
            printf '%s\n' --dry-run\t'Show what would be done' --no-check\t'Move aliases without checking the venvs that follow' --force\t'Go ahead all the same' --prune\t'Remove what nothing needs any more'
        case uninstall
            printf '%s\n' --relink\t'Move the venvs first' --force\t'Go ahead all the same'
        case prune
            printf '%s\n' --dry-run\t'Show what would be done' --force\t'Go ahead all the same'
        case adopt
            printf '%s\n' --all\t'Take all there are'
        case list
            printf '%s\n' --available\t'Show what can be installed' --outdated\t'Show what has a newer patch release' --all\t'Take all there are'
        case venv
            printf '%s\n' -p\t'Use this Python' --python\t'Use this Python' --pin\t'Pin it to the patch release' --clear\t'Make an existing venv anew' --without-pip\t'Leave pip out' --no-install\t'Never install a Python that is missing' --system-site-packages\t'Let it see the packages of its Python' --prompt\t'Show this text while it is active' -r\t'Install the requirements in this file'
        case venvs
            printf '%s\n' --size\t'Count their bytes' --python\t'Only those of this Python' --remove\t'Delete a venv'
        case doctor
            printf '%s\n' --fix\t'Repair what can be repaired' --dry-run\t'Show what would be done' --foreign\t'Also those of pipx, poetry and others' --yes\t'Answer every question with yes'
        case rebuild
            printf '%s\n' --all\t'Take all there are' -p\t'Use this Python' --python\t'Use this Python' --from\t'Install what this lock or file says' --allow-newer\t'Take newer versions where the old cannot be had' --force\t'Go ahead all the same' --dry-run\t'Show what would be done' --installer\t'Use this installer'
        case use
            printf '%s\n' --global\t'Choose the default'
        case find
            printf '%s\n' --resolve\t'Follow every link'
        case which
            printf '%s\n' --explain\t'Say why, step by step'
        case run
            printf '%s\n' -p\t'Use this Python' --python\t'Use this Python'
        case mirror
            printf '%s\n' --platform\t'For this platform too'
    end
    printf '%s\n' --json\t'Print one JSON object instead of text' -q\t'Print results and errors only' --quiet\t'Print results and errors only' -v\t'Say more about what is done' --verbose\t'Say more about what is done' --root\t'Use the store in this folder' --offline\t'Use no network at all' -h\t'Explain this command' --help\t'Explain this command'
end

function __pyman_option
    switch $argv[1]:$argv[2]
        case '*:--root'
            echo 'folder'
        case 'install:--from'
            echo 'file'
        case 'install:--mirror'
            echo 'folder'
        case 'venv:-p' 'venv:--python'
            echo 'request'
        case 'venv:--prompt'
            echo 'text'
        case 'venv:-r'
            echo 'file'
        case 'venvs:--python'
            echo 'request'
        case 'venvs:--remove'
            echo 'venv'
        case 'rebuild:-p' 'rebuild:--python'
            echo 'request'
        case 'rebuild:--from'
            echo 'file'
        case 'rebuild:--installer'
            echo 'choice:auto,uv,pip'
        case 'run:-p' 'run:--python'
            echo 'request'
        case 'mirror:--platform'
            echo 'text'
    end
end

function __pyman_argument
    switch $argv[1]:$argv[2]
        case 'install:*'
            echo 'request'
        case 'upgrade:*'
            echo 'alias'
        case 'uninstall:*'
            echo 'installed|alias'
        case hold:0
            echo 'alias'
        case hold:1
            echo 'installed'
        case unhold:0
            echo 'alias'
        case rollback:0
            echo 'alias'
        case 'adopt:*'
            echo 'folder'
        case 'forget:*'
            echo 'installed|venv'
        case info:0
            echo 'installed|alias|venv'
        case venv:0
            echo 'folder'
        case 'venvs:*'
            echo 'folder'
        case 'register:*'
            echo 'folder'
        case pin:0
            echo 'venv'
        case pin:1
            echo 'installed'
        case follow:0
            echo 'venv'
        case 'doctor:*'
            echo 'folder'
        case 'rebuild:*'
            echo 'venv'
        case use:0
            echo 'request'
        case find:0
            echo 'request'
        case which:0
            echo 'program'
        case run:0
            echo 'command'
        case 'run:*'
            echo 'file'
        case init:0
            echo 'shell'
        case completions:0
            echo 'shell'
        case mirror:0
            echo 'folder'
        case 'mirror:*'
            echo 'available'
        case cache:0
            echo 'choice:dir,clean'
    end
end

function __pyman_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --cut-at-cursor --current-token)
    set -l root $PYMAN_ROOT
    test -n "$root"; or set root $HOME/.local/share/pyman
    set -l verb ''
    set -l pending ''
    set -l last ''
    set -l only ''
    set -l number 0
    set -e words[1]
    for word in $words
        if test -n "$pending"
            test "$last" = --root; and set root (string replace --regex '^~/' $HOME/ -- $word)
            set pending ''
        else if test -z "$only"; and test "$word" = --
            set only yes
        else if test -z "$only"; and string match --quiet -- '-*' $word
            set last $word
            set pending (__pyman_option "$verb" $word)
            string match --quiet -- '--root=*' $word; and set root (string replace --root= '' -- $word)
        else if test -z "$verb"
            set verb $word
        else
            set number (math $number + 1)
        end
    end
    if test -n "$pending"
        __pyman_values $pending $root $current
    else if test -z "$only"; and string match --quiet -- '--*=*' $current
        set -l parts (string split --max 1 = -- $current)
        for value in (__pyman_values (__pyman_option "$verb" $parts[1]) $root $parts[2])
            printf '%s\n' $parts[1]=$value
        end
    else if test -z "$only"; and string match --quiet -- '-*' $current
        __pyman_options "$verb"
    else if test -z "$verb"
        __pyman_verbs
    else
        set -l kind (__pyman_argument $verb $number)
        if test "$kind" = command
            # What follows is another program's: its own completion takes over.
            set -l place (contains --index -- -- $words); or set place (math (count $words) - $number)
            complete --do-complete (string join ' ' -- (string escape -- $words[(math $place + 1)..-1]) $current)
        else if test -n "$kind"
            __pyman_values $kind $root $current
        end
    end
end

complete --command pyman --no-files --keep-order --arguments '(__pyman_complete)'
