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
        string match --quiet --regex -- '^[0-9a-z][0-9a-z.+-]*$' $line
        and printf '%s\tavailable release\n' $line
    end <$cache/available
end

function __pyman_venvs
    for entry in $argv[1]/venvs/*
        # A record whose venv is gone leads nowhere.
        test -L $entry -a -d $entry; or continue
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
            __pyman_names $argv[2] runtimes '^([0-9].*[.].*[.]|[a-z]+py3[.][0-9]+-)' 'installed release'
        case alias
            __pyman_names $argv[2] runtimes '^([0-9]+([.][0-9]+)?[td]?|[a-z]+py3[.][0-9]+)$' 'minor version'
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
    printf '%s\n' install\t'Install Pythons, and move their aliases' upgrade\t'Bring every minor to its newest patch release' hold\t'Keep an alias at one patch release' unhold\t'Let an alias go to the newest release again' rollback\t'Point an alias at the release before, and hold it there' prune\t'Remove the releases that nothing uses' uninstall\t'Remove a Python that nothing needs' adopt\t'Use Pythons of pyenv, uv, the system… through the store' forget\t'Drop the link to an adopted Python, or the record of a venv' list\t'Show what is installed, or what could be' info\t'Explain one Python or one venv' venv\t'Make a venv that follows its minor version' venvs\t'Show every venv of this machine' doctor\t'Say what is wrong with venvs, and mend it' report\t'Tell all that is known, of one machine or many' rebuild\t'Make a venv anew with its packages' register\t'Make venvs known that pyman did not make' pin\t'Keep a venv on one patch release' follow\t'Let a venv follow its minor version' use\t'Choose the Python of this folder, or the default' find\t'Print the path of an interpreter' which\t'Print the program that a name runs here' run\t'Run a command with a Python first on PATH' init\t'Print what a shell\'s start-up file needs' completions\t'Print a completion script' shims\t'Put the shims in place' mirror\t'Make a mirror for machines without a network' cache\t'Show or clean what pyman keeps for later' self\t'Show, update or uninstall pyman itself'
end

function __pyman_options
    switch $argv[1]
        case ''
            printf '%s\n' --version\t'Print pyman\'s own version'
        case install
            printf '%s\n' --from\t'Install a local archive instead of downloading' --mirror\t'A folder or URL with an index.ndjson' --build\t'Build from source with python-build instead of downloading a build' --build-with\t'The same, with these options of configure' --force\t'Install again what is there, and move aliases in spite of the check' --no-adopt\t'Fail rather than adopt a Python when upstream is out of reach' --no-check\t'Move aliases without checking the venvs' --default\t'Make the first one the default' --dry-run\t'Show what would be done, and change nothing'
        case upgrade
            printf '%s\n' --no-check\t'Move aliases without checking the venvs' --force\t'Move also where a venv that does not fit cannot be held back' --prune\t'Remove afterwards what nothing uses any more' --mirror\t'A folder or URL with an index.ndjson' --search\t'Search the home folder for venvs now, or leave that out' --no-search\t'Search the home folder for venvs now, or leave that out' --dry-run\t'Show what would be done, and change nothing'
        case hold
            printf '%s\n' --no-check\t'Move the alias without checking the venvs' --force\t'Move it also where a venv that does not fit cannot be held back' --dry-run\t'Show what would be done, and change nothing'
        case unhold
            printf '%s\n' --no-check\t'Move the alias without checking the venvs' --force\t'Move it also where a venv that does not fit cannot be held back' --dry-run\t'Show what would be done, and change nothing'
        case rollback
            printf '%s\n' --no-check\t'Move the alias without checking the venvs' --force\t'Move it also where a venv that does not fit cannot be held back' --dry-run\t'Show what would be done, and change nothing'
        case prune
            printf '%s\n' --force\t'Also remove what only unreachable venvs or unknown processes may need' --search\t'Search the home folder for venvs now, or leave that out' --no-search\t'Search the home folder for venvs now, or leave that out' --dry-run\t'Show what would be done, and change nothing'
        case uninstall
            printf '%s\n' --relink\t'Move the venvs that need it to their alias first' --force\t'Remove it although venvs or processes need it' --search\t'Search the home folder for venvs now, or leave that out' --no-search\t'Search the home folder for venvs now, or leave that out' --dry-run\t'Show what would be done, and change nothing'
        case adopt
            printf '%s\n' --all\t'Adopt every Python of this machine' --dry-run\t'Show what would be done, and change nothing'
        case forget
            printf '%s\n' --dry-run\t'Show what would be done, and change nothing'
        case list
            printf '%s\n' --available\t'Show what could be installed' --outdated\t'Show what a newer patch release exists for' --all\t'With --available: every patch release'
        case venv
            printf '%s\n' -p\t'A version, range or path' --python\t'A version, range or path' --pin\t'Stay on the patch release of today' --clear\t'Replace the venv that is there' --without-pip\t'Leave pip out' --no-install\t'Fail rather than install a Python' --system-site-packages\t'Let the base Python\'s packages be imported' --prompt\t'What the prompt shows; `.` for this folder\'s name' -y\t'With --clear: keep what is not part of the venv, instead of refusing' --yes\t'With --clear: keep what is not part of the venv, instead of refusing' -r\t'Install what it names, with uv or else pip' --requirement\t'Install what it names, with uv or else pip' --dry-run\t'Show what would be done, and change nothing'
        case venvs
            printf '%s\n' --size\t'Measure how much room each takes' -p\t'Only those that run such a Python' --python\t'Only those that run such a Python' --unused\t'Only those not used for this long: 90d, 12w, 6m, 1y' --remove\t'Delete the venvs that are named, or all that are unused, and forget them' -y\t'With --remove: keep what is not part of the venv; delete unused ones without asking' --yes\t'With --remove: keep what is not part of the venv; delete unused ones without asking' --search\t'Search the home folder for venvs now, or leave that out' --no-search\t'Search the home folder for venvs now, or leave that out' --dry-run\t'Show what would be done, and change nothing'
        case doctor
            printf '%s\n' --fix\t'Repair what has an automatic repair' --foreign\t'Repair also what pipx, poetry and other tools own' -y\t'Answer every question with yes' --yes\t'Answer every question with yes' --ignore\t'Leave out what has this code' --undo\t'Take back the last repairs, or the last ones in DIR' --explain\t'Explain a finding and its repair' --search\t'Search the home folder for venvs now, or leave that out' --no-search\t'Search the home folder for venvs now, or leave that out' --dry-run\t'Show what would be done, and change nothing'
        case report
            printf '%s\n' --merge\t'Put the reports in FILE... together instead of looking at this machine' --html\t'Write a page of it that needs nothing else' --search\t'Search the home folder for venvs now, or leave that out' --no-search\t'Search the home folder for venvs now, or leave that out' --dry-run\t'Show what would be done, and change nothing'
        case rebuild
            printf '%s\n' --all\t'All that `pyman doctor` says need it' -p\t'Another Python; default: the same minor' --python\t'Another Python; default: the same minor' --from\t'A lock or requirements file, instead of what was there' --allow-newer\t'Allow other versions of what cannot be had; names may follow' --force\t'Also recreate a venv that another tool owns, or with changed files of packages' --installer\t'What installs packages' -y\t'Answer every question with yes; rebuild also where a relink would do' --yes\t'Answer every question with yes; rebuild also where a relink would do' --dry-run\t'Show what would be done, and change nothing'
        case register
            printf '%s\n' --dry-run\t'Show what would be done, and change nothing'
        case pin
            printf '%s\n' -y\t'Go to an older release, or off a Python that lends it packages' --yes\t'Go to an older release, or off a Python that lends it packages' --dry-run\t'Show what would be done, and change nothing'
        case follow
            printf '%s\n' -y\t'Go to an older release, or off a Python that lends it packages' --yes\t'Go to an older release, or off a Python that lends it packages' --dry-run\t'Show what would be done, and change nothing'
        case use
            printf '%s\n' --global\t'Set the default of this user instead' --unset\t'Remove the choice instead' --dry-run\t'Show what would be done, and change nothing'
        case find
            printf '%s\n' --resolve\t'Print the path of the patch release itself'
        case which
            printf '%s\n' --explain\t'Show every step of the choice' -a\t'Also those of other Pythons and on PATH, which do not run here' --all\t'Also those of other Pythons and on PATH, which do not run here'
        case run
            printf '%s\n' -p\t'A version, range or path' --python\t'A version, range or path'
        case shims
            printf '%s\n' --link\t'Link python3.13 and so on into DIR, for programs without a shell\'s set-up' --unlink\t'Remove those links again' --dry-run\t'Show what would be done, and change nothing'
        case mirror
            printf '%s\n' --platform\t'Mirror for this platform; may be repeated' --dry-run\t'Show what would be done, and change nothing'
        case cache
            printf '%s\n' --dry-run\t'Show what would be done, and change nothing'
        case self
            printf '%s\n' --dry-run\t'Show what would be done, and change nothing'
    end
    printf '%s\n' --json\t'Print one JSON object instead of text' -q\t'Print results and errors only' --quiet\t'Print results and errors only' -v\t'Say more about what is done' --verbose\t'Say more about what is done' --root\t'Use the store in DIR instead of PYMAN_ROOT' --offline\t'Use no network at all' -h\t'Explain the command' --help\t'Explain the command'
end

function __pyman_option
    switch $argv[1]:$argv[2]
        case '*:--root'
            echo 'folder'
        case 'install:--from'
            echo 'file'
        case 'install:--mirror'
            echo 'folder'
        case 'install:--build-with'
            echo 'text'
        case 'upgrade:--mirror'
            echo 'folder'
        case 'venv:-p' 'venv:--python'
            echo 'request'
        case 'venv:--prompt'
            echo 'text'
        case 'venv:-r' 'venv:--requirement'
            echo 'file'
        case 'venvs:-p' 'venvs:--python'
            echo 'request'
        case 'venvs:--unused'
            echo 'text'
        case 'doctor:--ignore'
            echo 'text'
        case 'doctor:--explain'
            echo 'text'
        case 'report:--html'
            echo 'file'
        case 'rebuild:-p' 'rebuild:--python'
            echo 'request'
        case 'rebuild:--from'
            echo 'choice:lock|file'
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
            echo 'available'
        case 'upgrade:*'
            echo 'alias'
        case hold:0
            echo 'alias'
        case hold:1
            echo 'installed'
        case unhold:0
            echo 'alias'
        case rollback:0
            echo 'alias'
        case 'uninstall:*'
            echo 'installed|alias'
        case 'adopt:*'
            echo 'file'
        case 'forget:*'
            echo 'installed|venv'
        case info:0
            echo 'installed|alias|venv'
        case venv:0
            echo 'folder'
        case 'venvs:*'
            echo 'venv'
        case 'doctor:*'
            echo 'folder'
        case 'report:*'
            echo 'file'
        case 'rebuild:*'
            echo 'venv'
        case 'register:*'
            echo 'folder'
        case pin:0
            echo 'venv'
        case pin:1
            echo 'installed'
        case follow:0
            echo 'venv'
        case 'use:*'
            echo 'request'
        case find:0
            echo 'request'
        case which:0
            echo 'program'
        case 'run:*'
            echo 'command'
        case init:0
            echo 'shell'
        case completions:0
            echo 'shell'
        case shims:0
            echo 'folder'
        case mirror:0
            echo 'folder'
        case 'mirror:*'
            echo 'available'
        case cache:0
            echo 'choice:dir,clean'
        case self:0
            echo 'choice:update,uninstall'
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
            # What stands behind a program is the program's.
            set -l kind (__pyman_argument $verb $number)
            test "$kind" = command; and set only yes
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
