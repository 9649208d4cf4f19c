"""Signals that end the work (ctrl-C, SIGTERM, SIGHUP): they interrupt what can be undone, and wait for the rest.

A signal raises Terminated in the main thread. It waits while `DeferredSignals` work is done: an undo, or a step that
notes its undo; and within a `Part` from the moment that something of it is done for good (`committed`), so that the
command can still report it. A signal that waited is raised at the end of that work, so none is lost. Those that come
while the first one ends the work wait too: what `finally` puts in order is a way back as well.

In two places an exception does harm or gets lost, and there a signal comes a moment later: in an import, which would
leave the lock of all imports taken, so that no other thread could ever import, or wrap the exception in one of its own;
and in what is called while an object goes (`__del__`, a weak reference), where Python swallows every exception.

Import-light.
"""

from __future__ import annotations

# What `signal` wraps: that one imports enum, which takes longer than all the rest of a fast command.
import _signal  # type: ignore[import-not-found] # typeshed does not know it
import sys
from _thread import get_ident
from _weakref import ref

from pyman.errors import Interrupted, PymanError

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
        self.number = number
        self.is_ctrl_c = number == _signal.SIGINT
        words = "interrupted" if self.is_ctrl_c else "terminated"
        self.failure: PymanError = Interrupted(words, exit_status=128 + number)
        """What to tell, with the exit status that says which signal it was."""


def catch_signals() -> None:
    """Raise Terminated for the signals from now on. Those that the parent made this process ignore stay ignored."""
    _gate.thread = get_ident()
    for number, before in _BEFORE.items():
        if number not in _gate.caught and _signal.getsignal(number) == before:
            _gate.caught.append(number)
    _hand_over(_came)
    sys.unraisablehook = _swallowed
    _gate.let_through()


def leave_signals() -> None:
    """Raise Terminated for one that has waited, and hand over to a program that takes the place of this process."""
    _gate.let_through()
    _signal.setitimer(_signal.ITIMER_REAL, 0)  # It would outlive this program.


def work_until_signal(work: Callable[[], Result]) -> tuple[Result | None, Exception | Terminated | None]:
    """Do the work; return its result and what ended it, each None where there is none.

    Afterwards everything is done or undone, and only has to be said. No signal cuts that short; the second one that
    comes ends the process on the spot, as nobody may read what is said.
    """
    result: Result | None = None
    ended: Exception | Terminated | None = None
    try:
        try:
            with Part():
                result = work()
        except Exception as error:  # noqa: BLE001  # whoever says what was done raises it again, or tells it
            ended = error
        _hand_over(_came_late)
    except Terminated as error:
        ended = error
    # While that one is there no other is raised.
    _hand_over(_came_late)
    return result, ended


def _came_late(number: int, _frame: FrameType | None) -> None:
    _gate.waiting.append(number)
    _hand_over(_signal.SIG_DFL)


def _hand_over(handler: object) -> None:
    for number in _gate.caught:
        _signal.signal(number, handler)
    if handler is not _came:
        _signal.setitimer(_signal.ITIMER_REAL, 0)  # Nobody is left for one that would come back.


def failure_of(error: BaseException | None) -> PymanError | None:
    """What is told of a failure, or of a signal; None for anything else."""
    if isinstance(error, Terminated):
        return error.failure
    return error if isinstance(error, PymanError) else None


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
        self.defer_signals = 0
        self.parts = 0
        self.committed = False
        """True where something of the innermost part is done for good."""
        self.whole = False
        """True where what parts of the innermost part have done is reported at its end only."""
        self.waiting: list[int] = []
        self._ending: ref[Terminated] | None = None
        """The one that ends the work; it is gone again where somebody has swallowed it, as `__del__` does."""

    def let_through(self) -> None:
        """Raise Terminated for a signal that has waited, unless it has to go on waiting."""
        is_ending = self._ending is not None and self._ending() is not None
        if self.waiting and not self.defer_signals and not self.committed and not is_ending:
            signal = Terminated(self.waiting[0])
            self.waiting.clear()
            self._ending = ref(signal)
            try:
                raise signal
            finally:
                del signal  # Else the traceback would keep it for ever.


_gate = _Gate()


def _came(number: int, frame: FrameType | None) -> None:
    _gate.waiting.append(number)
    _try(frame)


def _try(frame: FrameType | None) -> None:
    """Raise what waits, unless one of the running functions is shielded, or imports something."""
    while frame is not None:
        if frame.f_code is _SHIELD:
            return
        if frame.f_code.co_filename == _IMPORTS:
            _try_later()
            return
        frame = frame.f_back
    _gate.let_through()


_IMPORTS = "<frozen importlib._bootstrap>"
_A_MOMENT = 0.01


def _try_later() -> None:
    """Come back with what waits when the main thread has gone on for a moment (seconds)."""
    _signal.signal(_signal.SIGALRM, lambda _number, frame: _try(frame) if _gate.waiting else None)
    _signal.setitimer(_signal.ITIMER_REAL, _A_MOMENT)


def _swallowed(unraisable: sys.UnraisableHookArgs) -> None:
    """Take back a signal that was raised where no exception gets out; all else is told as ever."""
    error = unraisable.exc_value
    if isinstance(error, Terminated) and get_ident() == _gate.thread:
        _gate.waiting.append(error.number)
        _try_later()
    else:
        sys.__unraisablehook__(unraisable)


class DeferredSignals:
    """Work that no signal cuts short, because it is the way back itself, or a step that has to note its undo."""

    def __enter__(self) -> None:
        if get_ident() == _gate.thread:
            _gate.defer_signals += 1

    def __exit__(self, *_: object) -> None:
        if get_ident() == _gate.thread:
            _gate.defer_signals -= 1
            _gate.let_through()


def defer_signals(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Make a function whose work no signal cuts short, be it at its very first instruction: `__exit__`."""

    def shielded(*given: Given.args, **named: Given.kwargs) -> Result:
        with DeferredSignals():
            return work(*given, **named)

    return shielded


# All that the decorator makes have one code. There a signal waits, also before `with` has begun.
_SHIELD = defer_signals(lambda: None).__code__


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
