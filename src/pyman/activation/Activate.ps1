<#
.Synopsis
Makes a virtual environment the one that this PowerShell session uses.

.Parameter VenvDir
The virtual environment. By default the one whose script this is.

.Parameter Prompt
What the prompt shows. By default what the virtual environment was made with.
#>
Param(
    [Parameter(Mandatory = $false)]
    [String]
    $VenvDir,
    [Parameter(Mandatory = $false)]
    [String]
    $Prompt
)

# Leaves the virtual environment; -NonDestructive keeps this function.
function global:deactivate ([switch]$NonDestructive) {
    if (Test-Path -LiteralPath Function:_OLD_VIRTUAL_PROMPT) {
        Copy-Item -LiteralPath Function:_OLD_VIRTUAL_PROMPT -Destination Function:prompt
        Remove-Item -LiteralPath Function:_OLD_VIRTUAL_PROMPT
    }
    if (Test-Path -LiteralPath Env:_OLD_VIRTUAL_PYTHONHOME) {
        Copy-Item -LiteralPath Env:_OLD_VIRTUAL_PYTHONHOME -Destination Env:PYTHONHOME
        Remove-Item -LiteralPath Env:_OLD_VIRTUAL_PYTHONHOME
    }
    if (Test-Path -LiteralPath Env:_OLD_VIRTUAL_PATH) {
        Copy-Item -LiteralPath Env:_OLD_VIRTUAL_PATH -Destination Env:PATH
        Remove-Item -LiteralPath Env:_OLD_VIRTUAL_PATH
    }
    if (Test-Path -LiteralPath Env:VIRTUAL_ENV) {
        Remove-Item -LiteralPath Env:VIRTUAL_ENV
    }
    if (Test-Path -LiteralPath Env:VIRTUAL_ENV_PROMPT) {
        Remove-Item -LiteralPath Env:VIRTUAL_ENV_PROMPT
    }
    if (Get-Variable -Name "_PYTHON_VENV_PROMPT_PREFIX" -ErrorAction SilentlyContinue) {
        Remove-Variable -Name "_PYTHON_VENV_PROMPT_PREFIX" -Scope Global -Force
    }
    if (-not $NonDestructive) {
        Remove-Item -LiteralPath Function:deactivate
    }
}

if (-not $VenvDir) {
    $VenvDir = Split-Path -Parent -Path $PSScriptRoot
}
if (-not $Prompt) {
    $Prompt = @@PROMPT@@
}

deactivate -NonDestructive

$Env:VIRTUAL_ENV = $VenvDir
$Env:VIRTUAL_ENV_PROMPT = $Prompt

if (-not $Env:VIRTUAL_ENV_DISABLE_PROMPT) {
    # Made here first, so that the copy is a global function too.
    function global:_OLD_VIRTUAL_PROMPT { "" }
    Copy-Item -LiteralPath Function:prompt -Destination Function:_OLD_VIRTUAL_PROMPT
    New-Variable -Name "_PYTHON_VENV_PROMPT_PREFIX" -Scope Global -Option ReadOnly -Visibility Public -Value $Prompt
    function global:prompt {
        Write-Host -NoNewline -ForegroundColor Green "($_PYTHON_VENV_PROMPT_PREFIX) "
        _OLD_VIRTUAL_PROMPT
    }
}

# It would send the interpreter to another standard library.
if (Test-Path -LiteralPath Env:PYTHONHOME) {
    Copy-Item -LiteralPath Env:PYTHONHOME -Destination Env:_OLD_VIRTUAL_PYTHONHOME
    Remove-Item -LiteralPath Env:PYTHONHOME
}

Copy-Item -LiteralPath Env:PATH -Destination Env:_OLD_VIRTUAL_PATH
$Env:PATH = "$PSScriptRoot$([System.IO.Path]::PathSeparator)$Env:PATH"
