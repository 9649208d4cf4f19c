"""SIGTERM and SIGHUP end the work as ctrl-C does: undone, and with a status that says which it was. Hot."""

from __future__ import annotations

# What `signal` wraps: that one imports enum, which takes longer than all the rest of a hot word.
import _signal  # type: ignore[import-not-found] # typeshed does not know it

from pyman.errors import Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_NUMBERS = (_signal.SIGTERM, _signal.SIGHUP)


class Terminated(BaseException):
    """One of the signals has come."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_status = 128 + number


class Termination:
    """Raises Terminated for the signals that have not been taken care of, while `with` lasts.

    Leaving it for one is a PymanError with its status.
    """

    def __enter__(self) -> Self:
        self._taken = [number for number in _NUMBERS if _signal.getsignal(number) == _signal.SIG_DFL]
        for number in self._taken:
            _signal.signal(number, _terminate)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        for number in self._taken:
            _signal.signal(number, _signal.SIG_DFL)
        if isinstance(error, Terminated):
            raise Interrupted("terminated", exit_status=error.exit_status) from None


def _terminate(number: int, _frame: object) -> None:
    raise Terminated(number)
