"""Command lines that are wrong: what is wrong with them in one sentence, and what was probably meant."""

from __future__ import annotations

import difflib

from pyman.cli.commands import COMMANDS, command_named
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
    "default": "use --global",
    "delete": "uninstall",
    "envs": "venvs",
    "exec": "run",
    "fix": "doctor --fix",
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
    "rm": "uninstall",
    "scan": "venvs",
    "search": "list --available",
    "status": "doctor",
    "switch": "use",
    "unpin": "follow",
    "unregister": "forget",
    "update": "upgrade",
    "version": "which --explain",
    "virtualenv": "venv",
    "virtualenvs": "venvs",
    "where": "find",
}
"""What pyenv, uv, pipx and others call it, or what people try first: pyman's own words for it."""
_OF_UV = {"dir": "list", "pin": "use"}
"""`uv python WORD` that has another name here."""
_ABOUT_PACKAGES = ("add", "freeze", "inject", "lock", "pip", "pipx", "sync", "tool")
_ANSWERS = {
    "activate": "run `source .venv/bin/activate`",
    "deactivate": "run `deactivate`, which activation has defined",
    "shell": "run `export PYMAN_PYTHON=3.13` in this shell, or `pyman run -p 3.13 -- COMMAND`",
    **dict.fromkeys(_ABOUT_PACKAGES, "pyman installs no packages: use uv, or the pip of the venv"),
}
_HELP = "see `pyman --help`"


def no_such_command(name: str, rest: list[str]) -> UsageError:
    """The failure for a first word that is no verb; `rest` are the words behind it."""
    if name == "--root":
        return UsageError("`--root` needs a value", hint="name the folder of a store: `pyman --root DIR list`")
    if name.startswith("-"):
        near = _nearest(name, ("--help", "--version", "--json", "--quiet", "--verbose", "--root", "--offline"))
        hint = f"did you mean `{near}`?" if near else f"write options of a command behind it: {_HELP}"
        return UsageError(f"there is no option `{name}` before the command", hint=hint)
    return UsageError(f"there is no command `{name}`", hint=_meant(name, rest))


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
        near = _nearest(option, error.possibilities or ())
        return UsageError(f"there is no option `{option}`", hint=f"did you mean `{near}`?" if near else hint)
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


def _nearest(name: str, known: Iterable[str]) -> str | None:
    names = list(known)
    begun = [other for other in names if len(name) > 4 and other.startswith(name)]
    return next(iter(begun or difflib.get_close_matches(name, names, n=1)), None)
