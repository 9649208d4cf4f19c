"""Which vulnerabilities a move fixes, for every command that says so. The table is read once, and only if needed.

Nothing here fails a command: what cannot be read says nothing.
"""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.core.store import MANIFEST
from pyman.core.version import Version, minor_alias, split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.app.session import Session
    from pyman.core.advisories import Builder, Fixes, Table
    from pyman.core.store import Moved, Runtime, Store
    from pyman.core.version import Variant


@record
class Reason:
    """What may be said of two releases."""

    fixes: Fixes | None = None
    """What lies between them; None where nothing is known."""
    of_distribution: str = ""
    """The release that its distribution patches, so that it is not judged."""


class Reasons:
    """Answers about pairs of releases, each looked up once."""

    def __init__(self, session: Session, *, may_ask: bool = False, mirror: str | None = None) -> None:
        """`may_ask` is for commands that use the network: they refresh the table. `mirror` is one that was named."""
        self._session = session
        self._may_ask = may_ask and not session.offline
        self._mirror = mirror
        self._table: Table | None = None
        self._was_read = False
        self._builders: dict[str, Builder] = {}
        self._known: dict[tuple[Version, str | None, Version, str | None], Reason] = {}
        self._today = ""

    def without_asking(self) -> Reasons:
        """The same from what is on this machine: a command that was cut off waits for nobody."""
        self._may_ask = False
        return self

    def between(self, one: Version, place: str | None, other: Version, other_place: str | None = None) -> Reason:
        """What may be said of two Pythons; `place` is the prefix of one, None for what pyman itself downloads."""
        key = (one, place, other, other_place)
        if key not in self._known:
            self._known[key] = self._look(*key)
        return self._known[key]

    def between_runtimes(self, one: Runtime, other: Runtime) -> Reason:
        """The same of two runtimes of the store."""
        return self.between(one.version, one.target, other.version, other.target)

    def of_move(self, move: Moved) -> Reason:
        """What may be said of the move of an alias."""
        old, new = move.runtimes
        return self.between_runtimes(old, new) if old is not None and new is not None else Reason()

    def of_newer(self, store: Store, version: Version, variant: Variant, place: str | None) -> Reason:
        """What the newest release that is known of a Python's minor version fixes; nothing where it is that one.

        A distribution's Python is not judged, whatever there is.
        """
        newest = _newest_known(self._session.places.cache, store, minor_alias(version, variant))
        if newest is None or newest < version:
            newest = version
        return self.between(version, place, newest)

    def of_runtime(self, store: Store, runtime: Runtime) -> Reason:
        """The same of a runtime of the store."""
        return self.of_newer(store, runtime.version, runtime.variant, runtime.target)

    @property
    def today(self) -> str:
        """The day in UTC: `YYYY-MM-DD`."""
        if not self._today:
            from pyman.effects.catalogue.release_cycle import today

            self._today = today()
        return self._today

    @property
    def table(self) -> Table | None:
        """The newest table that is known; None where there is none."""
        if not self._was_read:
            from pyman.effects.catalogue.advisories import read_table

            self._was_read = True
            source, may_ask = self._source()
            self._table = read_table(self._session.places.cache, source, may_ask=may_ask)
        return self._table

    def _look(self, one: Version, place: str | None, other: Version, other_place: str | None) -> Reason:
        from pyman.core.advisories import fixes_between, is_comparable, systems_of

        if not is_comparable(one, other):
            return Reason()
        builders = ((one, self._builder(place)), (other, self._builder(other_place)))
        for version, builder in builders:
            if builder == "distribution":
                return Reason(of_distribution=str(version))
        if one == other or any(builder != "upstream" for _, builder in builders) or self.table is None:
            return Reason()
        return Reason(fixes_between(self.table, one, other, systems_of(sys.platform)))

    def _builder(self, place: str | None) -> Builder:
        """Whose sources a Python was built from. The folder of a link that was adopted may be a link again."""
        from pyman.core.advisories import builder_of

        if place is None:
            return "upstream"
        if place not in self._builders:
            real = os.path.realpath(place)
            is_managed = os.path.lexists(os.path.join(real, MANIFEST))
            self._builders[place] = builder_of(None if is_managed else real)
        return self._builders[place]

    def _source(self) -> tuple[str, bool]:
        """Where a newer table may be, and whether it may be asked: not a mirror that was out of reach just now."""
        from pyman.core.escape import without_secrets
        from pyman.effects.catalogue.advisories import table_place
        from pyman.effects.settings import read_settings
        from pyman.errors import PymanError

        session = self._session
        try:
            address = session.environ.get("PYMAN_ADVISORIES_URL") or read_settings(session.places).advisories_url
            mirror = session.mirror(self._mirror)
            source = table_place(mirror, address)
        except PymanError:
            return "", False  # Code that needs the settings or the mirror reports what is wrong with them.
        if not self._may_ask or address:
            return source, self._may_ask
        from pyman.effects.web.http import LastFailure

        return source, not LastFailure(session.places.cache, without_secrets(mirror or "")).is_recent()


def _newest_known(cache: str, store: Store, alias: str) -> Version | None:
    """The newest final release of a minor version that is installed, or was in a list that is kept; nobody is asked."""
    from pyman.effects.files import read_text

    there = (one for layer in store.layers for one in layer.releases)
    known = [one.version for one in there if one.whole and one.alias == alias]
    try:
        available = read_text(os.path.join(cache, "available"), _LARGEST)
    except OSError:
        available = ""
    for name in available.split():
        split = split_release(name)
        if split is not None and len(split[0]) == 3:
            version = Version(*split[0], split[1])
            known += [version] if minor_alias(version, split[2]) == alias else []
    return max((one for one in known if one.is_final), key=lambda one: one.order, default=None)


_LARGEST = 1 << 20
"""Bytes of the list of releases."""
