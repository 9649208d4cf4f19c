"""What every verb is given: where things are, what the user switched on, and who listens to the work."""

from __future__ import annotations

import os
import sys

from pyman.core.record import record
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, check_owner, read_places
from pyman.hot.speak import is_terminal
from pyman.hot.verbs import working_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.core.answer import Answer


@record
class Session:
    """One call of pyman."""

    places: Places
    environ: Mapping[str, str]
    json: bool
    quiet: bool
    verbose: bool
    offline: bool
    observer: Observer
    _unfinished: list[Callable[[], Answer]]

    def if_cut_off(self, answer: Callable[[], Answer]) -> None:
        """Have a failure, or a signal, from now on answered with what `answer` returns: what was done until then."""
        self._unfinished[:] = [answer]

    def so_far(self) -> Answer | None:
        """What was done so far; None where nothing can have been."""
        return self._unfinished[0]() if self._unfinished else None

    @property
    def cwd(self) -> str:
        """The working directory as the user sees it; `/` where it is gone."""
        return working_directory(self.environ)


def open_session(*, json: bool, quiet: bool, verbose: bool, root: str | None, offline: bool) -> Session:
    """Read the environment once. Raises PymanError where the store or the cache is not safe to use."""
    places = read_places(os.environ, root)
    check_owner(places.root)
    check_owner(places.runtimes)
    check_owner(places.cache)
    observer = SILENT
    if not quiet:
        from pyman.cli.show.progress import listener

        # A terminal that cannot go back in its line gets lines.
        moves = is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("dumb", "unknown")
        observer = listener(moves and not json, verbose=verbose)
    offline = offline or os.environ.get("PYMAN_OFFLINE", "") not in ("", "0")
    return Session(places, os.environ, json, quiet, verbose, offline, observer, [])
