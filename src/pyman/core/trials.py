"""Trials: what the user has run in a venv before its alias moves, and what its result means (design.md 8)."""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Literal

    Ended = Literal["passed", "failed", "elsewhere"]

IMPORTS = "imports"
"""The trial that imports every top-level module of a venv's packages."""
PASSED: Ended = "passed"
FAILED: Ended = "failed"
ELSEWHERE: Ended = "elsewhere"
"""The Python of the trial was not started: whatever came of it says nothing."""
TRIAL_SECONDS = 600.0
"""How long a command may take: what a test suite gets."""

_PREFIX = "trial: "
_LONGEST = 200


@record
class Trial:
    """A command to try, in the folder of each venv's project, or for the venvs of one folder."""

    command: str
    folder: str = ""
    """Of a project; empty for every venv."""


@record
class Attempt:
    """How one run of a command ended."""

    ended: Ended
    said: str = ""
    """Why it failed, in a phrase."""


@record
class TrialVerdict:
    """What a trial says of a venv."""

    reason: str = ""
    """Why it is to be held back; empty where nothing speaks against the new release."""
    note: str = ""
    """Why it says nothing."""
    is_made: bool = False
    """True where it was made, and its result counts."""


def split_command(command: str) -> tuple[str, ...]:
    """The words of a command, as a shell would split it. Raises UsageError where there are none, or a quote is open."""
    import shlex

    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"`{command}` cannot be tried: {str(error).lower()}", hint="close the quotes") from error
    if not words:
        raise UsageError("there is no command to try", hint="`--try imports`, or a command such as `--try 'pytest -q'`")
    return words


def trial_for(project: str, trials: Iterable[Trial]) -> Trial | None:
    """The trial of the nearest folder at or above a project, else one for every venv."""
    fitting = [one for one in trials if not one.folder or f"{project}/".startswith(f"{one.folder.rstrip('/')}/")]
    return max(fitting, key=lambda one: len(one.folder), default=None)


def judge(what: str, release: str, on_new: Callable[[], Attempt], on_old: Callable[[], Attempt]) -> TrialVerdict:
    """Try a command on the new release, and on the old one only where that fails, each twice before a failure counts.

    What did not pass on the old release either is no reason to stay there.
    """
    new = _tried(on_new)
    if new.ended == ELSEWHERE:
        return TrialVerdict(note=f"not tried: `{what}` runs another Python")
    if new.ended == PASSED:
        return TrialVerdict(is_made=True)
    old = _tried(on_old)
    if old.ended == ELSEWHERE:
        return TrialVerdict(note=f"not tried: `{what}` runs another Python")
    if old.ended == FAILED:
        return TrialVerdict(note=f"`{what}` fails on both releases: {old.said}", is_made=True)
    return TrialVerdict(reason=f"{_PREFIX}`{what}` fails on {release}: {new.said}", is_made=True)


def _tried(run: Callable[[], Attempt]) -> Attempt:
    first = run()
    return first if first.ended != FAILED else run()


def is_of_trial(reason: str) -> bool:
    """True for the reason of a venv that a trial holds back: only another trial lets it go."""
    return reason.startswith(_PREFIX)


def shortened(output: str) -> str:
    """The last line of an output that says something, as a phrase in one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    text = "".join(letter if letter.isprintable() else " " for letter in lines[-1]) if lines else "it printed nothing"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
