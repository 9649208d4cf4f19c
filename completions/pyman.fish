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
    printf '%s\n' install\t'Install Pythons and update their aliases' upgrade\t'Upgrade every minor version to its newest patch release' hold\t'Keep an alias at one patch release' unhold\t'Remove a hold; the alias moves to the newest installed release' rollback\t'Move an alias back to the previous release and hold it there' prune\t'Remove releases that nothing uses' uninstall\t'Remove a Python that nothing needs' adopt\t'Use Pythons installed by pyenv, uv, the system or other tools' forget\t'Remove the link to an adopted Python or the record of a venv' list\t'List installed and available Pythons' info\t'Explain a Python or a venv' venv\t'Create a venv tied to a minor version' venvs\t'List every venv on this machine' doctor\t'Check venvs, the store and the machine, and repair them' report\t'Report everything known about one machine or many' rebuild\t'Recreate a venv with the same packages' register\t'Register venvs that pyman did not create' pin\t'Keep a venv on one patch release' follow\t'Make a venv follow its minor version' schedule\t'Upgrade Pythons and check venvs regularly' use\t'Choose the Python for this folder, or the default' find\t'Print the path of an interpreter' which\t'Print which program a command runs here' run\t'Run a command with a Python first on PATH' init\t'Print the lines for a shell\'s start-up file' completions\t'Print a completion script' shims\t'Create or update the shims' mirror\t'Create a mirror for machines without a network' cache\t'Show or clean the download and seed cache' self\t'Show, update or uninstall pyman itself'
end

function __pyman_options
    switch $argv[1]
        case ''
            printf '%s\n' --version\t'Print pyman\'s own version'
        case install
            printf '%s\n' --from\t'Install a local archive instead of downloading' --mirror\t'Use this mirror: a folder or URL with an index.ndjson' --build\t'Build from source with python-build instead of downloading' --build-with\t'Build from source with these configure options' --force\t'Reinstall, and move aliases even if the check of the venvs fails' --no-adopt\t'Fail instead of adopting a Python if nothing can be downloaded' --no-check\t'Move aliases without checking the venvs' --default\t'Make the first one the default version' --dry-run\t'Show what would be done without changing anything'
        case upgrade
            printf '%s\n' --no-check\t'Move aliases without checking the venvs' --force\t'Move even if an incompatible venv cannot be held back' --prune\t'Afterwards remove releases that nothing uses any more' --mirror\t'Use this mirror: a folder or URL with an index.ndjson' --try\t'Hold back venvs in which this fails only on the new release' --search\t'Search the home folder for venvs now, or skip the search' --no-search\t'Search the home folder for venvs now, or skip the search' --dry-run\t'Show what would be done without changing anything'
        case hold
            printf '%s\n' --no-check\t'Move the alias without checking the venvs' --force\t'Move even if an incompatible venv cannot be held back' --dry-run\t'Show what would be done without changing anything'
        case unhold
            printf '%s\n' --no-check\t'Move the alias without checking the venvs' --force\t'Move even if an incompatible venv cannot be held back' --dry-run\t'Show what would be done without changing anything'
        case rollback
            printf '%s\n' --no-check\t'Move the alias without checking the venvs' --force\t'Move even if an incompatible venv cannot be held back' --dry-run\t'Show what would be done without changing anything'
        case prune
            printf '%s\n' --force\t'Also remove releases needed only by unreachable venvs or unknown processes' --search\t'Search the home folder for venvs now, or skip the search' --no-search\t'Search the home folder for venvs now, or skip the search' --dry-run\t'Show what would be done without changing anything'
        case uninstall
            printf '%s\n' --relink\t'Move the venvs that need it to their alias first' --force\t'Remove it even if venvs or processes need it' --search\t'Search the home folder for venvs now, or skip the search' --no-search\t'Search the home folder for venvs now, or skip the search' --dry-run\t'Show what would be done without changing anything'
        case adopt
            printf '%s\n' --all\t'Adopt every Python found on this machine' --dry-run\t'Show what would be done without changing anything'
        case forget
            printf '%s\n' --dry-run\t'Show what would be done without changing anything'
        case list
            printf '%s\n' --available\t'Show Pythons that can be installed' --outdated\t'Show only Pythons with a newer patch release' --all\t'With --available: show every patch release'
        case venv
            printf '%s\n' -p\t'A version, range or path' --python\t'A version, range or path' --pin\t'Stay on the current patch release' --clear\t'Delete the existing venv with its packages first' --without-pip\t'Do not install pip' --no-install\t'Fail instead of installing a Python' --system-site-packages\t'Make the base Python\'s packages importable' --prompt\t'Prompt of the activated venv; `.` for this folder\'s name' -y\t'With --clear: keep files that are not part of the venv, instead of refusing' --yes\t'With --clear: keep files that are not part of the venv, instead of refusing' -r\t'Install the packages listed in FILE, with uv if available, else pip' --requirement\t'Install the packages listed in FILE, with uv if available, else pip' --dry-run\t'Show what would be done without changing anything'
        case venvs
            printf '%s\n' --size\t'Show disk usage' -p\t'Show only venvs that run this Python' --python\t'Show only venvs that run this Python' --unused\t'Show only venvs not used for this long: 90d, 12w, 6m, 1y' --remove\t'Delete the given venvs or, with --unused, all unused ones' -y\t'With --remove: keep files that are not part of the venv; delete unused venvs without asking' --yes\t'With --remove: keep files that are not part of the venv; delete unused venvs without asking' --search\t'Search the home folder for venvs now, or skip the search' --no-search\t'Search the home folder for venvs now, or skip the search' --all-users\t'As root: also for every other user of this machine' --dry-run\t'Show what would be done without changing anything'
        case doctor
            printf '%s\n' --fix\t'Repair everything that has an automatic repair' --foreign\t'Also repair venvs owned by other tools (pipx, poetry, ...)' -y\t'Answer every question with yes' --yes\t'Answer every question with yes' --ignore\t'Ignore findings with this code' --undo\t'Undo the last repairs, or the last ones in DIR' --explain\t'Explain a finding and its repair' --search\t'Search the home folder for venvs now, or skip the search' --no-search\t'Search the home folder for venvs now, or skip the search' --all-users\t'As root: also for every other user of this machine' --dry-run\t'Show what would be done without changing anything'
        case report
            printf '%s\n' --merge\t'Merge the reports in FILE... instead of examining this machine' --html\t'Write a self-contained HTML page to FILE' --search\t'Search the home folder for venvs now, or skip the search' --no-search\t'Search the home folder for venvs now, or skip the search' --dry-run\t'Show what would be done without changing anything'
        case rebuild
            printf '%s\n' --all\t'All venvs that `pyman doctor` says need it' -p\t'The Python to use; default: the same minor version' --python\t'The Python to use; default: the same minor version' --from\t'Install from a lock or requirements file instead' --allow-newer\t'Allow newer versions of packages that are no longer available' --force\t'Also recreate venvs owned by another tool or with modified package files' --installer\t'The program that installs packages' -y\t'Answer yes to every question; rebuild even if relinking is enough' --yes\t'Answer yes to every question; rebuild even if relinking is enough' --dry-run\t'Show what would be done without changing anything'
        case register
            printf '%s\n' --dry-run\t'Show what would be done without changing anything'
        case pin
            printf '%s\n' -y\t'Confirm a move to an older release, or away from a Python whose packages the venv uses' --yes\t'Confirm a move to an older release, or away from a Python whose packages the venv uses' --dry-run\t'Show what would be done without changing anything'
        case follow
            printf '%s\n' -y\t'Confirm a move to an older release, or away from a Python whose packages the venv uses' --yes\t'Confirm a move to an older release, or away from a Python whose packages the venv uses' --dry-run\t'Show what would be done without changing anything'
        case schedule
            printf '%s\n' --fix\t'Also make the repairs that need no confirmation' --with\t'Use this timer instead of the default' --dry-run\t'Show what would be done without changing anything'
        case use
            printf '%s\n' --global\t'Set the default for this user instead' --unset\t'Remove the setting' --dry-run\t'Show what would be done without changing anything'
        case find
            printf '%s\n' --resolve\t'Print the path of the patch release itself'
        case which
            printf '%s\n' --explain\t'Show every step of the choice' -a\t'Also show programs of other Pythons and on PATH' --all\t'Also show programs of other Pythons and on PATH'
        case run
            printf '%s\n' -p\t'A version, range or path' --python\t'A version, range or path'
        case shims
            printf '%s\n' --link\t'Link python3.13 and so on into DIR, for programs that read no shell start-up file' --unlink\t'Remove those links' --dry-run\t'Show what would be done without changing anything'
        case mirror
            printf '%s\n' --platform\t'Platform to mirror for; can be repeated' --dry-run\t'Show what would be done without changing anything'
        case cache
            printf '%s\n' --dry-run\t'Show what would be done without changing anything'
        case self
            printf '%s\n' -y\t'Uninstall without asking' --yes\t'Uninstall without asking' --dry-run\t'Show what would be done without changing anything'
    end
    printf '%s\n' --json\t'Print one JSON object instead of text' -q\t'Print only results and errors' --quiet\t'Print only results and errors' -v\t'Print more details' --verbose\t'Print more details' --root\t'Use the store in DIR (default: PYMAN_ROOT, else ~/.local/share/pyman)' --offline\t'Do not use the network' -h\t'Explain the command' --help\t'Explain the command'
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
        case 'upgrade:--try'
            echo 'choice:imports|command'
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
        case 'schedule:--with'
            echo 'choice:systemd,launchd,cron'
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
        case schedule:0
            echo 'choice:daily,weekly,off,run'
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
