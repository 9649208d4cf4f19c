"""Questions that nobody waits for are not asked again soon after they failed: each would cost the patience anew."""

from __future__ import annotations

import os
import time

from pyman.effects.files import read_own_text, replace_file
from pyman.effects.places import make_folder
from pyman.errors import PymanError

_LONG_ENOUGH = 600.0


class LastFailure:
    """The last failure to reach `address`, remembered in the cache for some minutes."""

    def __init__(self, cache: str, address: str) -> None:
        self._path = os.path.join(cache, "unreachable")
        self._address = address

    def is_recent(self) -> bool:
        """True where it failed within the last minutes."""
        try:
            age = time.time() - os.stat(self._path).st_mtime
            return 0 <= age < _LONG_ENOUGH and read_own_text(self._path) == self._address
        except OSError:
            return False

    def remember(self) -> None:
        """Take note of a failure; a cache that cannot be written costs time, no more."""
        try:
            make_folder(os.path.dirname(self._path))
            replace_file(self._path, self._address.encode("utf-8", "surrogateescape"), 0o600)
        except (OSError, PymanError):
            pass
