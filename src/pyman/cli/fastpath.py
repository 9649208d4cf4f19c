"""Plain command lines, answered before anything heavy is imported.

A plain command line that stands in the tables below is answered here, with a start of 1.5 times that of a bare
interpreter. Anything else, an option that is not listed, a question, a failure that deserves more words, is left to
the command line, which calls the same functions: both ways agree because there is one way.

Import-light.
"""

from __future__ import annotations

from pyman import __version__
from pyman.app.console import (
    Answer,
    Listener,
    answer_naming_store,
    answer_plainly,
    end_interrupted_line,
    error_naming_store,
    print_error,
)
from pyman.core.immutable import record, replace
from pyman.effects.places import Places, check_owner, read_places, shipped
from pyman.errors import Interrupted, NoPython, PymanError, UsageError, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


@record
class CommandLine:
    """A plain command line, taken apart."""

    arguments: tuple[str, ...]
    options: dict[str, str]
    """Long names; a flag's value is the empty string."""


# Option as written → the parameter's name, and whether a value follows.
SHARED_OPTIONS = {
    "--json": ("json", False),
    "--quiet": ("quiet", False),
    "-q": ("quiet", False),
    "--verbose": ("verbose", False),
    "-v": ("verbose", False),
    "--root": ("root", True),
    "--offline": ("offline", False),
}
"""The options of every command."""
# What each fast verb understands here; a flag by its long name.
_SHARED = {word: SHARED_OPTIONS[word] for word in ("-q", "--quiet", "--root")}
_OPTIONS = {
    "find": {**_SHARED, "--resolve": ("resolve", False)},
    "init": {**_SHARED},
    "which": {**_SHARED, "--explain": ("explain", False)},
    "venv": {
        **_SHARED,
        "-p": ("python", True),
        "--python": ("python", True),
        "--pin": ("pin", False),
        "--without-pip": ("without-pip", False),
        "--no-install": ("no-install", False),
        "--system-site-packages": ("system-site-packages", False),
        "--prompt": ("prompt", True),
    },
}
_MOST_ARGUMENTS = 1


def answer(argv: list[str], environ: Mapping[str, str]) -> int | None:
    """Answer a plain command line and return its exit status; None leaves it to the command line."""
    if argv in (["--version"], ["-V"]):
        return tell(Answer({}, (f"pyman {__version__}",)))
    if argv and argv[0] == "shim":
        return run_shim(argv[1:], environ)
    if argv[:1] == ["--root"] and argv[2:3] == ["shim"]:
        return run_shim(argv[3:], environ, root=argv[1])
    if not argv or argv[0] not in _OPTIONS:
        return None
    words = take_apart(argv[1:], _OPTIONS[argv[0]])
    if words is None:
        return None
    return run(argv[0], words, environ)


def take_apart(argv: list[str], known: dict[str, tuple[str, bool]], most: int = _MOST_ARGUMENTS) -> CommandLine | None:
    """Split plain words into arguments, at most so many, and options; None where anything is not plain."""
    arguments: list[str] = []
    options: dict[str, str] = {}
    left = iter(argv)
    for word in left:
        if not word.startswith("-"):
            arguments.append(word)
            continue
        if word not in known:
            return None
        name, takes_value = known[word]
        value = next(left, None) if takes_value else ""
        if value is None or name in options or (takes_value and value.startswith("-")):
            return None
        options[name] = value
    return CommandLine(tuple(arguments), options) if len(arguments) <= most else None


# The fast verbs: from plain words to the functions that the command line calls too.


def run(verb: str, words: CommandLine, environ: Mapping[str, str]) -> int | None:
    """Run one fast verb; None where it needs what only the command line has: a download, a question."""
    option = ""
    try:
        places = read_places(environ, words.options.get("root"))
        option = places.root_option
        check_owner(places.root)
        check_owner(places.runtimes)
        check_owner(places.cache)
        given = _VERBS[verb](words, places, environ)
        if given is None:
            return None
        return answer_plainly(answer_naming_store(given, option), quiet="quiet" in words.options)
    except PymanError as error:
        return _fail(error_naming_store(error, option))
    except KeyboardInterrupt:
        end_interrupted_line()
        return _fail(Interrupted("interrupted"))
    except Exception as error:  # as in cli/verb.py
        if environ.get("PYMAN_TRACEBACK"):
            raise
        return _fail(bug(error))


def tell(answer: Answer) -> int:
    """Print an answer that needs no look at anything, and return the exit status."""
    try:
        return answer_plainly(answer)
    except PymanError as error:
        return _fail(error)


def _fail(error: PymanError) -> int:
    print_error(error)
    return error.exit_status


def run_shim(arguments: list[str], environ: Mapping[str, str], root: str | None = None) -> int:
    """Run what a shim hands over: its name, and the words that it was called with, untouched."""
    from pyman.app.select import shim

    try:
        if not arguments:
            raise UsageError("`pyman shim` needs the name of a program", hint="only the shims call it")
        places = read_places(environ, root)
        check_owner(places.root)
        check_owner(places.runtimes)
        check_owner(places.cache)
        shim(places, environ, places.cwd, arguments[0], arguments[1:])
    except PymanError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted"))
    except Exception as error:  # as in cli/verb.py; a shim that cannot say what to run has the shell's status for it
        if environ.get("PYMAN_TRACEBACK"):
            raise
        failure = bug(error)
        failure.exit_status = NoPython.exit_status
        return _fail(failure)


def _find(words: CommandLine, places: Places, environ: Mapping[str, str]) -> Answer | None:
    from pyman.app.select import find

    request = words.arguments[0] if words.arguments else None
    return find(places, environ, places.cwd, request, resolve="resolve" in words.options)


def _venv(words: CommandLine, places: Places, environ: Mapping[str, str]) -> Answer | None:
    from pyman.app.venv import Missing, VenvOptions, make_venv
    from pyman.effects.interruption import catch_signals, failure_of, work_until_signal
    from pyman.effects.observer import SILENT

    given = words.options
    options = VenvOptions(
        folder=words.arguments[0] if words.arguments else ".venv",
        python=given.get("python"),
        pin="pin" in given,
        with_pip="without-pip" not in given,
        system_site_packages="system-site-packages" in given,
        prompt=given.get("prompt"),
    )
    catch_signals()
    listener = SILENT if "quiet" in given else Listener()
    answer, ended = work_until_signal(lambda: make_venv(places, environ, places.cwd, options, observer=listener))
    if isinstance(ended, Missing):
        return None  # It can be installed, which takes more than is loaded here.
    failure = failure_of(ended)
    if ended is not None and (failure is None or answer is None):
        raise failure or ended
    return answer if answer is None else replace(answer, error=failure)


def _which(words: CommandLine, places: Places, environ: Mapping[str, str]) -> Answer | None:
    from pyman.app.select import which

    name = words.arguments[0] if words.arguments else "python"
    return which(places, environ, places.cwd, name, explain="explain" in words.options)


def _init(words: CommandLine, places: Places, _environ: Mapping[str, str]) -> Answer | None:
    from pyman.core.shell.init_script import init_script

    if not words.arguments:
        return None
    text = init_script(words.arguments[0], places.shims, shipped("completions"))
    return Answer({}, tuple(text.rstrip("\n").split("\n")), raw=True)


_VERBS = {"init": _init, "find": _find, "which": _which, "venv": _venv}


# Verbs that typer would slow down noticeably: it takes a third of the time of an `install` or a `list`. What is not in
# the table, or not written plainly, is left to typer, which calls the same function with the same values.

PLAIN_OPTIONS = {
    "install": {
        **SHARED_OPTIONS,
        "--dry-run": ("dry_run", False),
        "--from": ("archive", True),
        "--mirror": ("mirror", True),
        "--force": ("force", False),
        "--no-adopt": ("no_adopt", False),
        "--no-check": ("no_check", False),
        "--default": ("default", False),
        "--build": ("from_source", False),
        "--build-with": ("options", True),
    },
    "list": {
        **SHARED_OPTIONS,
        "--available": ("available", False),
        "--outdated": ("outdated", False),
        "--all": ("every", False),
    },
}
PLAIN_ARGUMENTS = {"install": "requests"}
"""The parameter that takes all arguments, as a list, or None where none is given; a verb that is missing takes none."""
_MANY = 1000


def answer_plain(words: list[str]) -> int | None:
    """Answer a plain command line and return its exit status; None leaves it to typer."""
    import importlib

    from pyman.cli.commands import command_named
    from pyman.cli.verb import to_the_end

    verb = words[0] if words else ""
    command = command_named(verb)
    if command is None or verb not in PLAIN_OPTIONS:
        return None
    takes_arguments = verb in PLAIN_ARGUMENTS
    plain = take_apart(words[1:], PLAIN_OPTIONS[verb], _MANY if takes_arguments else 0)
    if plain is None:
        return None
    given: dict[str, object] = {PLAIN_ARGUMENTS[verb]: list(plain.arguments) or None} if takes_arguments else {}
    for name, takes_value in PLAIN_OPTIONS[verb].values():
        given[name] = plain.options.get(name) if takes_value else name in plain.options
    module, function = command.place
    return to_the_end(
        lambda: int(getattr(importlib.import_module(module), function)(**given)), json="json" in plain.options
    )
