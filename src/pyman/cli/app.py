"""From words to a command: finds the verb, loads its module alone, and turns failures into exit statuses."""

from __future__ import annotations

import importlib
import inspect
import os
import signal

import typer

from pyman.cli.commands import COMMANDS, Command, command_named
from pyman.cli.show.help import overview
from pyman.errors import PymanError, UsageError
from pyman.hot.speak import answer_json, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FLAGS = ("--json", "--quiet", "-q", "--verbose", "-v", "--offline")
INTERRUPTED = 130


class Terminated(BaseException):
    """SIGTERM or SIGHUP: everything is undone as for ctrl-C, and the status says which it was."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_status = 128 + number


def _terminate(number: int, _frame: object) -> None:
    raise Terminated(number)


def run(words: list[str]) -> int:
    """Run one command line and return its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    shared, name, rest = split_words(words)
    json = "--json" in (*shared, *_before_dashes(rest))
    try:
        if name is None or name == "help":
            return _help(shared, rest)
        command = command_named(name)
        if command is None:
            raise UsageError(f"there is no command `{name}`", hint=_nearest(name))
        status = load(command).main(
            args=[*shared, *_rewritten(command, rest)],
            prog_name=f"pyman {name}",
            complete_var="_PYMAN_NO_TYPER_COMPLETION",
            standalone_mode=False,
        )
        return status if isinstance(status, int) else 0
    except PymanError as error:
        return _fail(error, json=json)
    except typer.Exit as exit_:
        return exit_.exit_code
    except Terminated as terminated:
        return _fail(PymanError("terminated", exit_status=terminated.exit_status, code="interrupted"), json=json)
    except (KeyboardInterrupt, typer.Abort):
        return _fail(PymanError("interrupted", exit_status=INTERRUPTED, code="interrupted"), json=json)
    except typer.TyperException as error:
        message = getattr(error, "format_message", error.__str__)().rstrip(".")
        hint = f"see `pyman {name} --help`"
        return _fail(UsageError(message[:1].lower() + message[1:], hint=hint), json=json)
    except RecursionError:
        raise
    except Exception as error:  # the last line of defence: a bug is reported as one, not as a traceback
        if os.environ.get("PYMAN_TRACEBACK"):
            raise
        return _fail(
            PymanError(
                f"pyman failed in a way that it should not: {type(error).__name__}: {error}",
                hint="nothing is left half done; please report it with what PYMAN_TRACEBACK=1 adds",
                code="bug",
            ),
            json=json,
        )


def split_words(words: list[str]) -> tuple[list[str], str | None, list[str]]:
    """Split a command line into the shared options before the verb, the verb, and the rest."""
    shared: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word in _FLAGS or word.startswith("--root="):
            shared.append(word)
        elif word == "--root" and left:
            shared += [word, left.pop(0)]
        elif word in ("-h", "--help"):
            return shared, None, left
        else:
            return shared, word, left
    return shared, None, []


def _before_dashes(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words


def _rewritten(command: Command, words: list[str]) -> list[str]:
    """The words of a verb whose grammar is more than options and arguments, in the form that typer understands."""
    module, function = command.place
    rewrite = getattr(getattr(importlib.import_module(module), function), "rewrite_words", None)
    return rewrite(words) if rewrite is not None else words


def load(command: Command) -> Any:
    """Import a verb's module and make its typer command."""
    module, function = command.place
    application = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    loaded = importlib.import_module(module)
    implementation = getattr(loaded, function)
    text, _, examples = inspect.cleandoc(implementation.__doc__ or "").partition("Examples:")
    epilog = "\b\nExamples:\n" + "\n".join("  " + line.strip() for line in examples.strip().splitlines())
    settings: dict[str, Any] = dict(getattr(implementation, "context_settings", {}))
    application.command(
        command.name,
        help=text.strip(),
        epilog=epilog if examples.strip() else None,
        context_settings={"help_option_names": ["-h", "--help"], **settings},
    )(implementation)
    return typer.main.get_command(application)


def _help(shared: list[str], rest: list[str]) -> int:
    name = next((word for word in rest if not word.startswith("-")), None)
    if name is None:
        overview(COMMANDS)
        return 0
    command = command_named(name)
    if command is None:
        raise UsageError(f"there is no command `{name}`", hint=_nearest(name))
    load(command).main(args=[*shared, "--help"], prog_name=f"pyman {name}", standalone_mode=False)
    return 0


def _nearest(name: str) -> str:
    import difflib

    names = [command.name for command in COMMANDS if not command.hidden]
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `pyman {near[0]}`?" if near else "see `pyman --help`"


def _fail(error: PymanError, *, json: bool) -> int:
    if json:
        answer_json({}, error)
    complain(error)
    return error.exit_status
