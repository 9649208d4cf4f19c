"""Venvs that follow and have nothing in them that goes stale: seen once, their file is not opened again.

What is remembered holds for a `pyvenv.cfg` of that time and inode, of a venv that goes through that name. The memory
lies in the cache and may be deleted at any time; what it says is looked up again then.
"""

from __future__ import annotations

import os

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.files import read_text, replace_file
from pyman.effects.places import make_folder
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.effects.venvs.uses import Use

_LARGEST_MEMORY = 16 << 20
_MOST_KEPT = 50_000


class QuietFollowers:
    """Says of a venv that goes through a name of the store whether it needs nothing, without opening its file."""

    def __init__(self, cache: str) -> None:
        self._file = os.path.join(cache, "followers")
        self._known = self._recall()
        self._new: dict[str, str] = {}

    def knows(self, use: Use) -> bool:
        """True for a venv that needed nothing, and has not changed since."""
        return self._known.get(f"{use.place}/{FILE_NAME}") == _mark(use)

    def add(self, use: Use) -> None:
        """Remember a venv that needs nothing."""
        self._new[f"{use.place}/{FILE_NAME}"] = _mark(use)

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


def _mark(use: Use) -> str:
    return f"{use.status.st_mtime_ns}-{use.status.st_ino} {use.name}"


def _split(line: str) -> tuple[str, str, str]:
    end = line.find(" ", line.find(" ") + 1)
    return line[:end], line[end : end + 1], line[end + 1 :]
