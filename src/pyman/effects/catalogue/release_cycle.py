"""How long minor versions get fixes, as it was last published. Never needed: the core has a table of its own.

One small file, asked for at most once a day, with little patience; every failure leaves what was known before.
"""

from __future__ import annotations

import os
import time

from pyman.core.release_cycle import Cycle, parse_cycles
from pyman.effects.catalogue.freshness import A_DAY, is_fresh
from pyman.effects.catalogue.kept import KeptFile, ask
from pyman.effects.web.http import Web
from pyman.errors import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


PUBLISHED = "https://peps.python.org/api/release-cycle.json"
_WEB_SECONDS = 4.0
_LARGEST = 1 << 20


def today() -> str:
    """The day in UTC, as `YYYY-MM-DD`."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def published_cycles(
    cache: str,
    *,
    offline: bool = False,
    url: str = PUBLISHED,
    web: Web | None = None,
    clock: Callable[[], float] = time.time,
) -> dict[str, Cycle]:
    """Return what was published, by minor version; {} where nobody could be asked yet. A network never makes it fail.

    `offline` is for a user who forbids the network, or who has a mirror because there is none.
    """
    web = web or Web(offline=offline, patience=_WEB_SECONDS)
    kept = KeptFile(os.path.join(cache, "release-cycle.json"), _LARGEST)
    cycles = _cycles(kept)
    if offline or web.offline or is_fresh(kept.time(), clock(), A_DAY):
        return cycles
    try:
        with web:
            content, tag = ask(web, url, kept.tag() if cycles else "", _LARGEST)
        if content is not None:
            cycles = parse_cycles(content.decode())
            kept.write(content, tag)
    except (NetworkError, ValueError):
        # Retried tomorrow: if this host cannot be reached, every command would wait for it.
        pass
    kept.touch(clock())
    return cycles


def _cycles(kept: KeptFile) -> dict[str, Cycle]:
    try:
        return parse_cycles(kept.read())
    except ValueError:
        return {}
