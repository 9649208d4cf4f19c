"""One call of pyman: what it was given, and what every part of it may ask."""

from __future__ import annotations

import os

from pyman.core.immutable import record
from pyman.effects.observer import Observer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyman.app.console import Answer
    from pyman.core.store import Store
    from pyman.effects.moves.move import Preview
    from pyman.effects.places import Places


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
    ask: Callable[[str], bool]
    """Puts a question to the person at the terminal; True for a yes."""
    _unfinished: list[Callable[[], Answer]]
    preview: Preview | None = None
    """The store as it would be, for a dry run: nothing on the disk changes then."""

    @property
    def dry_run(self) -> bool:
        """True where the plan is to be shown and nothing to be changed."""
        return self.preview is not None

    def store(self) -> Store:
        """The store as it is, or as the dry run has left it until now. Raises PymanError where it cannot be read."""
        from pyman.effects.store import read_stores

        return self.preview.store if self.preview is not None else read_stores(self.places)

    def mirror(self, named: str | None = None) -> str | None:
        """The mirror that counts: named on the command line, in the environment or in the settings.

        Raises PymanError where the settings cannot be understood.
        """
        from pyman.effects.settings import read_settings

        return named or self.environ.get("PYMAN_MIRROR") or read_settings(self.places).mirror

    def shown(self, done: str, planned: str) -> str:
        """The words for what was done, or for what a dry run would do."""
        return planned if self.dry_run else done

    def if_cut_off(self, answer: Callable[[], Answer]) -> None:
        """Have a failure, or a signal, from now on answered with what `answer` returns: what was done until then."""
        self._unfinished[:] = [answer]

    def so_far(self) -> Answer | None:
        """What was done so far; None where nothing can have been."""
        return self._unfinished[0]() if self._unfinished else None

    @property
    def cwd(self) -> str:
        """The working directory as the user sees it; `/` where it is gone."""
        return self.places.cwd

    def absolute(self, text: str) -> str:
        """The absolute path of a file or folder that the user named; no link is followed."""
        return os.path.abspath(os.path.join(self.cwd, os.path.expanduser(text)))
