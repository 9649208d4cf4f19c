# Makes this virtual environment the one that the shell uses: source it from fish.

# What is active already in this shell knows best how to be left.
if set -q _OLD_VIRTUAL_PATH; and functions -q deactivate
    deactivate nondestructive
end

function deactivate -d "Leave the virtual environment"
    if set -q _OLD_VIRTUAL_PATH
        set -gx PATH $_OLD_VIRTUAL_PATH
        set -e _OLD_VIRTUAL_PATH
    end
    if set -q _OLD_VIRTUAL_PYTHONHOME
        set -gx PYTHONHOME $_OLD_VIRTUAL_PYTHONHOME
        set -e _OLD_VIRTUAL_PYTHONHOME
    end
    if set -q _OLD_FISH_PROMPT_OVERRIDE
        set -e _OLD_FISH_PROMPT_OVERRIDE
        # A fish started inside this one inherits the variable and not the function.
        if functions -q _old_fish_prompt
            functions -e fish_prompt
            functions -c _old_fish_prompt fish_prompt
            functions -e _old_fish_prompt
        end
    end
    set -e VIRTUAL_ENV
    set -e VIRTUAL_ENV_PROMPT
    if test "$argv[1]" != nondestructive
        functions -e _virtual_env_status
        functions -e deactivate
    end
end

deactivate nondestructive

set -gx VIRTUAL_ENV @@VENV@@
set -gx VIRTUAL_ENV_PROMPT @@PROMPT@@

set -gx _OLD_VIRTUAL_PATH $PATH
set -gx PATH "$VIRTUAL_ENV/"@@BIN@@ $PATH

# It would send the interpreter to another standard library.
if set -q PYTHONHOME
    set -gx _OLD_VIRTUAL_PYTHONHOME $PYTHONHOME
    set -e PYTHONHOME
end

function _virtual_env_status -d "Succeed or fail as told"
    return $argv[1]
end

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _old_fish_prompt
    function fish_prompt
        # The prompt below this one may show how the last command ended.
        set -l last_status $status
        set_color 4B8BBE
        printf '(%s)' @@PROMPT@@
        set_color normal
        printf ' '
        _virtual_env_status $last_status
        _old_fish_prompt
    end
    set -gx _OLD_FISH_PROMPT_OVERRIDE "$VIRTUAL_ENV"
end
