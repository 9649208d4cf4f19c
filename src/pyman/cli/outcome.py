"""How a command ends: failures become words and exit statuses, signals too, and nobody sees a traceback."""

from __future__ import annotations

import os

from pyman.effects.interruption import Terminated, catch_signals, failure_of
from pyman.errors import Interrupted, PymanError, bug
from pyman.hot.speak import CannotPrint, answer_json, complain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def to_the_end(action: Callable[[], int], *, json: bool) -> int:
    """Run an action and return its exit status, or that of its failure, which is shown.

    What a verb has done until then is in its own answer: see cli/verb.py.
    """
    try:
        catch_signals()
        return action()
    except (PymanError, Terminated, KeyboardInterrupt) as error:
        return _fail(failure_of(error) or Interrupted("interrupted"), json=json)
    except Exception as error:  # the last line of defence: a bug is reported as one, not as a traceback
        if os.environ.get("PYMAN_TRACEBACK"):
            raise
        return _fail(bug(error), json=json)


def _fail(error: PymanError, *, json: bool) -> int:
    if json and not isinstance(error, CannotPrint):
        answer_json({}, error)
    complain(error)
    return error.exit_status
