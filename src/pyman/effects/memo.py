"""What was found out once and need not be found out again: small files in the cache, which may go at any time.

Nothing here fails: a file that cannot be read, or is not the user's or root's, holds nothing, and one that cannot be
written costs time, no more. Whoever asks says in the key, or in the first fields, what the answer depends on.
"""

from __future__ import annotations

import os

from pyman.effects.files import read_own_text, replace_file
from pyman.effects.places import make_folder
from pyman.errors import PymanError

_LARGEST_MEMO = 64 << 20
"""Bytes."""
_MOST_KEPT = 50_000
"""Entries. A table that is never asked for all of its keys is begun again beyond that."""


def load_fields(path: str) -> list[str]:
    """Return the fields that `store_fields` wrote; none where there is nothing to read."""
    try:
        return read_own_text(path).split("\0")
    except OSError:
        return []


def store_fields(path: str, fields: list[str]) -> None:
    """Write fields, which hold no null byte, in one step."""
    _store(path, "\0".join(fields))


class Memo:
    """A table of answers by key, in one file."""

    def __init__(self, path: str | None) -> None:
        """Without a path nothing is known, and nothing is kept beyond this object."""
        self._path = path
        self._known = _load(path) if path is not None else {}
        self._kept: dict[str, str] = {}

    def find(self, key: str) -> str | None:
        """Return the answer that an earlier run, or this one, kept under a key."""
        return self._kept.get(key, self._known.get(key))

    def keep(self, key: str, answer: str) -> None:
        """Keep an answer for `store`; what cannot be a line of the file is not kept."""
        if "\n" not in key and "\0" not in key and "\n" not in answer:
            self._kept[key] = answer

    def store(self, *, all_asked: bool) -> None:
        """Write what is kept where that differs from the file.

        `all_asked` drops what nobody kept this time: what it was about is gone, or has changed since.
        """
        is_whole = all_asked or len(self._known) > _MOST_KEPT
        kept = self._kept if is_whole else self._known | self._kept
        if self._path is None or kept == self._known:
            return
        if _store(self._path, "".join(f"{key}\0{answer}\n" for key, answer in kept.items())):
            self._known = kept


def _load(path: str) -> dict[str, str]:
    try:
        lines = read_own_text(path, _LARGEST_MEMO).split("\n")
    except OSError:
        return {}
    return {key: answer for key, mark, answer in (line.partition("\0") for line in lines) if mark}


def _store(path: str, text: str) -> bool:
    try:
        make_folder(os.path.dirname(path))
        replace_file(path, text.encode("utf-8", "surrogateescape"), 0o600)
    except (OSError, PymanError):
        return False
    return True
