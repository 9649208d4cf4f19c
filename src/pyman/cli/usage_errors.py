"""Command lines that are wrong: what is wrong with them in one sentence, and what was probably meant."""

from __future__ import annotations

import difflib

from pyman.cli.commands import COMMANDS, command_named
from pyman.cli.fastpath import SHARED_OPTIONS
from pyman.core.escape import as_word
from pyman.core.request import parse_request
from pyman.errors import PymanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

OTHER_WORDS = {
    "available": "list --available",
    "check": "doctor",
    "create": "venv",
    "current": "which --explain",
    "default": "use --global",
    "delete": "uninstall",
    "environment": "list",
    "envs": "venvs",
    "exec": "run",
    "fix": "doctor --fix",
    "interpreter": "list",
    "latest": "list --available",
    "link": "adopt",
    "list-all": "list --available",
    "list-remote": "list --available",
    "ls": "list",
    "ls-remote": "list --available",
    "mend": "doctor --fix",
    "mkvirtualenv": "venv",
    "outdated": "list --outdated",
    "path": "find",
    "prefix": "find",
    "recreate": "rebuild",
    "reinstall": "rebuild",
    "reinstall-all": "rebuild --all",
    "relink": "doctor --fix",
    "remove": "uninstall",
    "repair": "doctor --fix",
    "reshim": "shims",
    "rm": "uninstall",
    "scan": "venvs",
    "search": "list --available",
    "set": "use",
    "shimversions": "which --all",
    "status": "doctor",
    "switch": "use",
    "unpin": "follow",
    "unregister": "forget",
    "unuse": "use --unset",
    "up": "upgrade",
    "update": "upgrade",
    "upgrade-all": "upgrade",
    "virtualenv": "venv",
    "virtualenv-delete": "venvs --remove",
    "virtualenvs": "venvs",
    "whence": "which --all",
    "where": "find",
    "x": "run",
}
"""What pyenv, uv, pipx and others call it, or what people try first: pyman's own words for it."""
_OF_UV = {"dir": "list", "pin": "use", "update-shell": "init bash"}
"""`uv python WORD` that has another name here."""
_ABOUT_PACKAGES = ("add", "freeze", "inject", "lock", "pip", "pipx", "runpip", "sync", "tool", "uninject")
_SETTINGS = "settings are in ~/.config/pyman/config.toml, or in the file set in PYMAN_CONFIG"
_ON_PATH = 'run `eval "$(pyman init bash)"`, or the same for zsh or fish'
_ANSWERS = {
    "activate": "run `source .venv/bin/activate`",
    "clean": "run `pyman cache clean`, or `pyman prune` to remove the Pythons that nothing uses",
    "config": _SETTINGS,
    "deactivate": "run `deactivate`, which activating the venv defined",
    "ensurepath": _ON_PATH,
    "env": "run `pyman venvs` to list venvs, or `pyman venv` to create one",
    "plugin": "pyman needs no plugins: run `pyman install 3.13`",
    "root": "the store is in ~/.local/share/pyman, or in the folder set in PYMAN_ROOT",
    "self-update": "did you mean `pyman self update`?",
    "settings": _SETTINGS,
    "shell": "run `export PYMAN_PYTHON=3.13` in this shell, or `pyman run -p 3.13 -- COMMAND`",
    "trust": "pyman runs no code from a project's files, so there is nothing to trust",
    "version": "run `pyman which --explain` for the Python that is used here, `pyman --version` for pyman itself",
    **dict.fromkeys(_ABOUT_PACKAGES, "pyman installs no packages: use uv, or the pip of the venv"),
}
_OTHER_OPTIONS = {
    # verb, or empty for every verb that takes the option; the option as others call it; what to do
    ("", "--check"): "did you mean `--dry-run`?",
    ("", "-n"): "did you mean `--dry-run`?",
    ("", "--verbosity"): "did you mean `--verbose`?",
    ("install", "--list"): "did you mean `pyman list --available`?",
    ("install", "-l"): "did you mean `pyman list --available`?",
    ("install", "--skip-existing"): "leave it out: what is installed is kept",
    ("install", "-s"): "leave it out: what is installed is kept",
    ("install", "-f"): "did you mean `--force`?",
    ("install", "--reinstall"): "did you mean `--force`?",
    ("uninstall", "-f"): "did you mean `--force`?",
    ("uninstall", "--all"): "did you mean `pyman prune`, which removes the Pythons that nothing uses?",
    ("venv", "--seed"): "leave it out: pip is installed unless `--without-pip` is given",
    ("venv", "--relocatable"): "leave it out: `pyman doctor --fix DIR` repairs a venv that was moved",
    ("list", "--bare"): "leave it out: piped output is plain text, and `--json` is for programs",
    ("list", "--only-downloads"): "did you mean `--available`?",
    ("which", "--nosystem"): "put a version into `.python-version` instead of `system`",
}
_HELP = "see `pyman --help`"


def no_such_command(name: str, rest: list[str]) -> UsageError:
    """The failure for a first word that is no verb; `rest` are the words behind it."""
    if name == "--root":
        return UsageError("`--root` needs a value", hint="give the folder of a store: `pyman --root DIR list`")
    if name.startswith("-"):
        shared = [word for word in SHARED_OPTIONS if word.startswith("--")]
        near = _nearest(name, ("--help", "--version", *shared))
        hint = f"did you mean `{near}`?" if near else f"put the options of a command after it: {_HELP}"
        return UsageError(f"unknown global option `{name}`", hint=hint)
    return UsageError(f"unknown command `{name}`", hint=_meant(name, rest))


def _meant(name: str, rest: list[str]) -> str:
    if name in _ANSWERS:
        return _ANSWERS[name]
    words = OTHER_WORDS.get(name)
    if words is None and name == "python" and rest:
        # `uv python list`
        command = command_named(_OF_UV.get(rest[0], rest[0]))
        words = " ".join([command.name, *map(as_word, rest[1:])]) if command is not None else None
    if words is None and _is_release(name):
        words = f"install {name}"
    if words is None:
        words = _nearest(name, [command.name for command in COMMANDS if not command.hidden])
    return f"did you mean `pyman {words}`?" if words else _HELP


def _is_release(text: str) -> bool:
    try:
        return parse_request(text).kind == "release"
    except PymanError:
        return False


def usage_error_of(error: Exception, verb: str) -> UsageError:
    """The failure for what typer says of a verb's words."""
    said = str(getattr(error, "message", "") or error).rstrip(".")
    hint = f"see `pyman {verb} --help`"
    option = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    _, is_extra, extra = said.partition("unexpected extra argument")
    if option and hasattr(error, "possibilities"):
        known = _other_option(verb, option)
        if known is not None:
            return UsageError(f"unknown option `{option}`", hint=known)
        near = _nearest(option, error.possibilities or ())
        return UsageError(f"unknown option `{option}`", hint=f"did you mean `{near}`?" if near else hint)
    if option and "requires an argument" in said:
        return UsageError(f"`{option}` needs a value", hint=hint)
    if is_extra:
        return UsageError(
            f"`pyman {verb}` does not take `{extra.partition('(')[2].removeprefix('s) (')[:-1]}`", hint=hint
        )
    if parameter is not None and not getattr(error, "message", ""):
        name = " or ".join(str(parameter.metavar or parameter.name).strip("[]").removesuffix("...").split("|"))
        return UsageError(f"`pyman {verb}` needs {name}", hint=hint)
    return UsageError((said[:1].lower() + said[1:]).replace("'", "`"), hint=hint)


def _other_option(verb: str, option: str) -> str | None:
    """What to do instead of an option of another tool's."""
    command = command_named(verb)
    if option in ("--check", "-n") and not (command is not None and command.changes):
        return None
    return _OTHER_OPTIONS.get((verb, option)) or _OTHER_OPTIONS.get(("", option))


def _nearest(name: str, known: Iterable[str]) -> str | None:
    names = list(known)
    begun = [other for other in names if len(name) > 4 and other.startswith(name)]
    return next(iter(begun or difflib.get_close_matches(name, names, n=1)), None)
