"""Signals that end the work (ctrl-C, SIGTERM, SIGHUP): they interrupt what can be undone, and wait for the rest. Hot.

A signal raises Terminated in the main thread. It waits while `Undisturbed` work is done: an undo, or a step that notes
its undo; and within a `Part` from the moment that something of it is done for good (`committed`), so that the command
can still report it. A signal that waited is raised at the end of that work, so none is lost.
"""

from __future__ import annotations

# What `signal` wraps: that one imports enum, which takes longer than all the rest of a hot word.
import _signal  # type: ignore[import-not-found] # typeshed does not know it
from _thread import get_ident

from pyman.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import ParamSpec, TypeVar

    Given = ParamSpec("Given")
    Result = TypeVar("Result")


class Terminated(BaseException):
    """ctrl-C, SIGTERM or SIGHUP came."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    @property
    def failure(self) -> Interrupted:
        """What to tell, with the exit status that says which signal it was."""
        words = "interrupted" if self._number == _signal.SIGINT else "terminated"
        return Interrupted(words, exit_status=128 + self._number)


def catch_signals() -> None:
    """Raise Terminated for the signals from now on. Those that the parent made this process ignore stay ignored."""
    _gate.thread = get_ident()
    for number, before in _BEFORE.items():
        if _signal.getsignal(number) == before:
            _gate.caught.append(number)
            _signal.signal(number, _came)


def ignore_signals() -> None:
    """Let no further signal cut short what is said of the first; see `release_signals`."""
    _hand_over(_signal.SIG_IGN)


def release_signals() -> None:
    """Let a signal end the process on the spot: everything is done or undone, and only has to be said."""
    _hand_over(_signal.SIG_DFL)


def _hand_over(handler: object) -> None:
    for number in _gate.caught:
        _signal.signal(number, handler)


_BEFORE = {
    _signal.SIGINT: _signal.default_int_handler,
    _signal.SIGTERM: _signal.SIG_DFL,
    _signal.SIGHUP: _signal.SIG_DFL,
}


class _Gate:
    """Where signals come through, or wait."""

    def __init__(self) -> None:
        self.thread = 0
        """The one that signals are raised in: no other closes the gate for it."""
        self.caught: list[int] = []
        self.undisturbed = 0
        self.parts = 0
        self.committed = False
        """True where something of the innermost part is done for good."""
        self.whole = False
        """True where what parts of the innermost part have done is reported at its end only."""
        self.waiting: list[int] = []

    def let_through(self) -> None:
        """Raise Terminated for a signal that has waited, unless it has to go on waiting."""
        if self.waiting and not self.undisturbed and not self.committed:
            number = self.waiting[0]
            self.waiting.clear()
            raise Terminated(number)


_gate = _Gate()


def _came(number: int, frame: FrameType | None) -> None:
    _gate.waiting.append(number)
    while frame is not None:
        if frame.f_code is _SHIELD:
            return
        frame = frame.f_back
    _gate.let_through()


class Undisturbed:
    """Work that no signal cuts short, because it is the way back itself, or a step that has to note its undo."""

    def __enter__(self) -> None:
        if get_ident() == _gate.thread:
            _gate.undisturbed += 1

    def __exit__(self, *_: object) -> None:
        if get_ident() == _gate.thread:
            _gate.undisturbed -= 1
            _gate.let_through()


def undisturbed(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Make a function whose work no signal cuts short, be it at its very first instruction: `__exit__`."""

    def shielded(*given: Given.args, **named: Given.kwargs) -> Result:
        with Undisturbed():
            return work(*given, **named)

    return shielded


# All that the decorator makes have one code. There a signal waits, also before `with` has begun.
_SHIELD = undisturbed(lambda: None).__code__


class Part:
    """A piece of work that is done and reported, or undone: after `committed` a signal waits until it is reported.

    The block holds the work and whatever puts it on record for the answer. Parts may hold others; one that is `whole`
    is reported at its own end only, also what parts in it have done. Leaving the block raises Terminated where a signal
    has waited.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._outer: tuple[bool, bool] = (False, False)

    def __enter__(self) -> None:
        if get_ident() == _gate.thread:
            self._outer = (_gate.committed, _gate.whole)
            _gate.committed, _gate.whole = False, self._whole
            _gate.parts += 1

    def __exit__(self, *_: object) -> None:
        if get_ident() == _gate.thread:
            _gate.parts -= 1
            before, whole = self._outer
            _gate.committed, _gate.whole = before or (whole and _gate.committed), whole
            _gate.let_through()


def committed() -> None:
    """Say that something is done for good: it is reported before a signal ends the work."""
    if _gate.parts and get_ident() == _gate.thread:
        _gate.committed = True
