"""The hot verbs: from plain words to the functions that the command line calls too."""

from __future__ import annotations

import os

from pyman.effects.places import Places, check_owner, read_places, shipped
from pyman.errors import Interrupted, NoPython, PymanError, UsageError, bug
from pyman.hot.speak import answer_plainly, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.answer import Answer
    from pyman.hot import Words


def run(verb: str, words: Words, environ: Mapping[str, str]) -> int | None:
    """Run one hot verb; None where it needs what only the command line has: a download, a question."""
    try:
        places = read_places(environ, words.options.get("root"))
        check_owner(places.root)
        check_owner(places.runtimes)
        check_owner(places.cache)
        given = _VERBS[verb](words, places, environ)
        if given is None:
            return None
        return answer_plainly(given, quiet="quiet" in words.options)
    except PymanError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted"))
    except Exception as error:  # as in cli/outcome.py
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
    complain(error)
    return error.exit_status


def run_shim(arguments: list[str], environ: Mapping[str, str], root: str | None = None) -> int:
    """Run what a shim hands over: its name, and the words that it was called with, untouched."""
    from pyman.hot.which import shim

    try:
        if not arguments:
            raise UsageError("`pyman shim` takes the name of a program", hint="it is what the shims call")
        places = read_places(environ, root)
        check_owner(places.root)
        check_owner(places.runtimes)
        check_owner(places.cache)
        shim(places, environ, working_directory(environ), arguments[0], arguments[1:])
    except PymanError as error:
        return _fail(error)
    except Exception as error:  # as in cli/outcome.py; a shim that cannot say what to run has the shell's status for it
        if environ.get("PYMAN_TRACEBACK"):
            raise
        failure = bug(error)
        failure.exit_status = NoPython.exit_status
        return _fail(failure)


def _find(words: Words, places: Places, environ: Mapping[str, str]) -> Answer | None:
    from pyman.hot.find import find

    request = words.arguments[0] if words.arguments else None
    return find(places, environ, working_directory(environ), request, resolve="resolve" in words.options)


def _venv(words: Words, places: Places, environ: Mapping[str, str]) -> Answer | None:
    from pyman.core.record import replace
    from pyman.effects.interruption import catch_signals, failure_of, work_until_signal
    from pyman.effects.observer import SILENT
    from pyman.hot.listener import Listener
    from pyman.hot.venv import Missing, VenvOptions, make_venv

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
    answer, ended = work_until_signal(
        lambda: make_venv(places, environ, working_directory(environ), options, observer=listener)
    )
    if isinstance(ended, Missing):
        return None  # It can be installed, which takes more than is loaded here.
    failure = failure_of(ended)
    if ended is not None and (failure is None or answer is None):
        raise failure or ended
    return answer if answer is None else replace(answer, error=failure)


def _which(words: Words, places: Places, environ: Mapping[str, str]) -> Answer | None:
    from pyman.hot.which import which

    name = words.arguments[0] if words.arguments else "python"
    return which(places, environ, working_directory(environ), name, explain="explain" in words.options)


def _init(words: Words, places: Places, _environ: Mapping[str, str]) -> Answer | None:
    from pyman.core.answer import Answer
    from pyman.core.shell.init_script import init_script

    if not words.arguments:
        return None
    text = init_script(words.arguments[0], places.shims, shipped("completions"))
    return Answer({}, tuple(text.rstrip("\n").split("\n")), raw=True)


_VERBS = {"init": _init, "find": _find, "which": _which, "venv": _venv}


def working_directory(environ: Mapping[str, str]) -> str:
    """The folder that the user is in, with its links kept where `PWD` tells them; `/` where it is gone."""
    try:
        real = os.getcwd()
    except OSError:
        return "/"
    named = environ.get("PWD", "")
    try:
        if os.path.isabs(named) and os.path.samefile(named, real):
            return named
    except OSError:
        pass
    return real
