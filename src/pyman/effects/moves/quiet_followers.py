"""Venvs that follow and have nothing in them that goes stale: seen once, they are only counted afterwards.

What is remembered holds for a `pyvenv.cfg` of that time and inode. The memory lies in the cache and may be deleted at
any time; what it says is looked up again then.
"""

from __future__ import annotations

import os

from pyman.effects.files import read_text, replace_file
from pyman.effects.places import make_folder
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_MEMORY = 16 << 20
_MOST_KEPT = 50_000


class QuietFollowers:
    """Says of a venv by which name of the store it goes, where that is known without opening anything."""

    def __init__(self, cache: str) -> None:
        self._file = os.path.join(cache, "followers")
        self._known = self._recall()
        self._new: dict[str, str] = {}

    def through(self, cfg: str) -> str | None:
        """The name that the venv with this `pyvenv.cfg` goes through; None where it has changed, or was never seen."""
        known = self._known.get(cfg)
        if known is None:
            return None
        try:
            status = os.stat(cfg)
        except OSError:
            return None
        mark, _, through = known.partition(" ")
        return through if mark == f"{status.st_mtime_ns}-{status.st_ino}" else None

    def add(self, cfg: str, through: str) -> None:
        """Remember a venv that needs nothing."""
        try:
            status = os.stat(cfg)
        except OSError:
            return
        self._new[cfg] = f"{status.st_mtime_ns}-{status.st_ino} {through}"

    def remember(self) -> None:
        """Keep what was seen for the next time; a cache that cannot be written is no failure."""
        if not self._new:
            return
        kept = {**self._known, **self._new} if len(self._known) < _MOST_KEPT else self._new
        text = "".join(f"{known} {cfg}\n" for cfg, known in kept.items() if "\n" not in cfg)
        try:
            make_folder(os.path.dirname(self._file))
            replace_file(self._file, text.encode("utf-8", "surrogateescape"), 0o600)
        except (OSError, PymanError):
            return

    def _recall(self) -> Mapping[str, str]:
        try:
            lines = read_text(self._file, _LARGEST_MEMORY).split("\n")
        except OSError:
            return {}
        return {cfg: known for known, space, cfg in map(_split, lines) if space}


def _split(line: str) -> tuple[str, str, str]:
    end = line.find(" ", line.find(" ") + 1)
    return line[:end], line[end : end + 1], line[end + 1 :]
