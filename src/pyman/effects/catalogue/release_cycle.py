"""How long minor versions get fixes, as it was last published. Never needed: the core has a table of its own.

One small file, asked for at most once a day, with little patience; every failure leaves what was known before.
"""

from __future__ import annotations

import os
import time

from pyman.core.release_cycle import Cycle, parse_cycles
from pyman.effects.files import read_text, replace_file
from pyman.effects.places import make_folder
from pyman.effects.web.http import Web, usable_tag
from pyman.errors import NetworkError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


PUBLISHED = "https://peps.python.org/api/release-cycle.json"
_A_DAY = 86400.0
_PATIENCE = 4.0
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
    web = web or Web(offline=offline, patience=_PATIENCE)
    kept = _Kept(os.path.join(cache, "release-cycle.json"))
    cycles = kept.cycles()
    if offline or web.offline or kept.is_younger(_A_DAY, clock()):
        return cycles
    try:
        with web:
            content, tag = _ask(web, url, kept.tag() if cycles else "")
        if content is not None:
            cycles = parse_cycles(content.decode())
            kept.write(content, tag)
    except (NetworkError, ValueError):
        # Asked again tomorrow: where this host cannot be reached, every command would wait for it.
        pass
    kept.touch(clock())
    return cycles


def _ask(web: Web, url: str, tag: str) -> tuple[bytes | None, str]:
    """Return what is published now, None where that has not changed, and its entity tag."""
    with web.get(url, {"If-None-Match": tag} if tag else {}) as answer:
        if answer.status == 304 and tag:
            return None, tag
        content = b""
        for piece in answer.pieces(decoded=True):
            content += piece
            if len(content) > _LARGEST:
                raise NetworkError(f"{url} is longer than any release cycle")
        return content, answer.tag


class _Kept:
    """The file in the cache, its entity tag beside it, and its time, which is that of the last question."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._tag_path = f"{path}.etag"

    def cycles(self) -> dict[str, Cycle]:
        try:
            return parse_cycles(read_text(self._path, _LARGEST))
        except (OSError, ValueError):
            return {}

    def tag(self) -> str:
        try:
            return usable_tag(read_text(self._tag_path, 1000))
        except OSError:
            return ""

    def is_younger(self, seconds: float, now: float) -> bool:
        try:
            return 0 <= now - os.stat(self._path).st_mtime < seconds
        except OSError:
            return False

    def write(self, content: bytes, tag: str) -> None:
        try:
            make_folder(os.path.dirname(self._path))
            # In this order: an old tag costs another answer, an old content with a new tag would stay for ever.
            replace_file(self._path, content)
            replace_file(self._tag_path, tag.encode())
        except (OSError, PymanError):
            pass  # a cache that cannot be written is done without

    def touch(self, now: float) -> None:
        try:
            if not os.path.lexists(self._path):
                make_folder(os.path.dirname(self._path))
                replace_file(self._path, b"")
            os.utime(self._path, (now, now), follow_symlinks=False)
        except (OSError, PymanError):
            pass  # as in write
