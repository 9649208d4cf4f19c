"""How a command ends: failures become words and exit statuses, interruptions too, and nobody sees a traceback."""

from __future__ import annotations

import os
import signal

from pyman.errors import Interrupted, PymanError, bug
from pyman.hot.speak import CannotPrint, answer_json, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130


class Terminated(BaseException):
    """SIGTERM or SIGHUP: everything is undone as for ctrl-C, and the status says which it was."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_status = 128 + number


def _terminate(number: int, _frame: object) -> None:
    raise Terminated(number)


def to_the_end(action: Callable[[], int], *, json: bool) -> int:
    """Run an action and return its exit status, or that of its failure, which is shown."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    try:
        return action()
    except PymanError as error:
        return _fail(error, json=json)
    except Terminated as terminated:
        return _fail(Interrupted("terminated", exit_status=terminated.exit_status), json=json)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted", exit_status=INTERRUPTED), json=json)
    except Exception as error:  # the last line of defence: a bug is reported as one, not as a traceback
        if os.environ.get("PYMAN_TRACEBACK"):
            raise
        return _fail(bug(error), json=json)


def _fail(error: PymanError, *, json: bool) -> int:
    if json and not isinstance(error, CannotPrint):
        answer_json({}, error)
    complain(error)
    return error.exit_status
