"""`@verb`: gives a command the options that every command has, answers with what it returns, and ends it well.

What typer needs to know of a command is added when typer runs it (cli/typer_command.py): a plain command line gets
here without it (cli/fastpath.py).
"""

from __future__ import annotations

import os
import sys

from pyman import __version__
from pyman.app.console import (
    Answer,
    CannotPrint,
    answer_json,
    answer_naming_store,
    end_interrupted_line,
    error_naming_store,
    is_terminal,
    print_error,
)
from pyman.app.session import Session
from pyman.cli.fastpath import SHARED_OPTIONS
from pyman.cli.show.output import listener, show
from pyman.core.immutable import replace
from pyman.effects.interruption import Terminated, catch_signals, failure_of, work_until_signal
from pyman.effects.observer import SILENT
from pyman.effects.places import check_owner, read_places
from pyman.effects.settings import is_offline
from pyman.errors import Interrupted, PymanError, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pyman.effects.places import Places

SHARED_NAMES = tuple(dict.fromkeys(name for name, _ in SHARED_OPTIONS.values()))
DRY_RUN = "dry_run"
"""The shared option of every verb that changes something (cli/commands.py)."""


def verb(function: Callable[..., Answer]) -> Callable[..., int]:
    """Make a command of a function that takes a Session first and returns an Answer.

    The command takes what the function takes, and the shared options, all by name. It returns the exit status;
    failures are raised as PymanError, for `to_the_end` to show.
    """

    def command(**given: Any) -> int:
        shared = {name: given.pop(name) for name in SHARED_NAMES}
        dry_run = given.pop(DRY_RUN, False)
        try:
            session = open_session(**shared, dry_run=dry_run)
        except PymanError as error:
            error.exit_status = getattr(command, "status_without_session", error.exit_status)
            raise
        option = session.places.root_option
        try:
            if dry_run:
                answer = _plan(session, lambda: function(session, **given))
            else:
                answer = _answer(session, lambda: function(session, **given))
        except PymanError as error:
            error_naming_store(error, option)
            raise
        return show(answer_naming_store(answer, option), json=session.json or answer.as_json, quiet=session.quiet)

    command.__wrapped__ = function  # type: ignore[attr-defined]  # as functools.wraps has it, which costs 1 ms to import
    command.__doc__ = function.__doc__
    command.__name__ = function.__name__
    return command


def _plan(session: Session, function: Callable[[], Answer]) -> Answer:
    """The answer of a dry run. What would stop the run is in it, and not raised."""
    try:
        answer = _answer(session, function)
    except PymanError as error:
        answer = Answer({}, error=error)
    notes = answer.notes if answer.error is not None else (*answer.notes, answer.nothing_done)
    return replace(answer, data={DRY_RUN: True, **answer.data}, notes=notes)


def _answer(session: Session, function: Callable[[], Answer]) -> Answer:
    """The answer of a verb: the whole of it, or what was done until it failed or a signal came, and why it ended.

    Raises what ended it where nothing can have been done yet.
    """
    answer, ended = work_until_signal(function)
    if ended is not None:
        answer = answer or _so_far(session)
        if answer is None:
            raise ended
        if isinstance(ended, Terminated) and ended.is_ctrl_c:
            end_interrupted_line()
        failure = failure_of(ended)
        if failure is None:
            assert isinstance(ended, Exception)
            if os.environ.get("PYMAN_TRACEBACK"):
                raise ended
            failure = bug(ended)
        before = () if answer.error is None else (answer.error.message,)
        answer = replace(answer, error=failure, notes=(*answer.notes, *before))
    assert answer is not None
    return answer


def _so_far(session: Session) -> Answer | None:
    try:
        return session.so_far()
    except PymanError:
        return None  # The failure that ended the work also prevents reading the store, and is the one to report.


def open_session(
    *, json: bool, quiet: bool, verbose: bool, root: str | None, offline: bool, dry_run: bool = False
) -> Session:
    """Read the environment once. Raises PymanError where the store or the cache is not safe to use."""
    places = read_places(os.environ, root)
    check_owner(places.root)
    check_owner(places.runtimes)
    check_owner(places.cache)
    observer = SILENT
    if not quiet:
        # A terminal that cannot move the cursor back gets plain lines.
        moves = is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("dumb", "unknown")
        moves = moves and not places.is_automated
        observer = listener(moves and not json, verbose=verbose)
        if verbose:
            observer.noted(_told_with_verbose(places))
    offline = offline or is_offline(places)
    preview = None
    if dry_run:
        from pyman.effects.moves.move import Preview

        preview = Preview(places)
    return Session(places, os.environ, json, quiet, verbose, offline, observer, _ask, [], preview)


def _told_with_verbose(places: Places) -> str:
    """Which pyman this is, and the folders and settings that it uses."""
    python = ".".join(map(str, sys.version_info[:3]))
    settings = places.config if os.path.exists(places.config) else f"{places.config} (does not exist)"
    return f"pyman {__version__} on Python {python}; store: {places.root}; cache: {places.cache}; settings: {settings}"


def _ask(question: str) -> bool:
    """True for a yes. Raises Interrupted where nothing more can be typed, as ctrl-C ends the questions."""
    import typer

    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        end_interrupted_line()
        raise Interrupted("interrupted") from None


# How a command ends: failures and signals become messages and exit statuses, never a traceback.


def to_the_end(action: Callable[[], int], *, json: bool) -> int:
    """Run an action and return its exit status, or that of its failure, which is shown.

    What a verb has done until then is in its own answer: see `verb`.
    """
    try:
        catch_signals()
        return action()
    except PymanError as error:
        return _fail(error, json=json)
    except (Terminated, KeyboardInterrupt) as error:
        if getattr(error, "is_ctrl_c", True):
            end_interrupted_line()
        return _fail(failure_of(error) or Interrupted("interrupted"), json=json)
    except Exception as error:  # the last line of defence: a bug is reported as one, not as a traceback
        if os.environ.get("PYMAN_TRACEBACK"):
            raise
        return _fail(bug(error), json=json)


def _fail(error: PymanError, *, json: bool) -> int:
    if json and not isinstance(error, CannotPrint):
        answer_json({}, error)
    print_error(error)
    return error.exit_status
