"""What was found out once and need not be found out again: small files in the cache, which may go at any time.

Nothing here fails: a file that cannot be read, or is not the user's or root's, holds nothing, and one that cannot be
written costs time, no more. Whoever asks says in the key, or in the first fields, what the answer depends on.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left

from pyman.effects.files import read_own_text, replace_file
from pyman.effects.places import make_folder
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
    _store(path, "\0".join(fields).encode("utf-8", "surrogateescape"))


class Memo:
    """A table of answers by key, in one file.

    Of tens of thousands of keys, which are long paths, only the hashes are held, in order; of equal answers only one.
    """

    def __init__(self, path: str | None) -> None:
        """Without a path nothing is known, and nothing is kept beyond this object."""
        self._path = path
        hashes: list[int] = []
        answers: list[str] = []
        equal: dict[str, str] = {}
        for key, answer in _entries(path):
            hashes.append(hash(key))
            answers.append(equal.setdefault(answer, answer))
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        self._hashes = array("q", (hashes[number] for number in order))
        self._answers = [answers[number] for number in order]
        self._is_kept = bytearray(len(order))
        """1 for what was known and is still so."""
        self._new: dict[str, str] = {}

    def find(self, key: str) -> str | None:
        """Return the answer that an earlier run, or this one, kept under a key."""
        if key in self._new:
            return self._new[key]
        place = self._place(key)
        return self._answers[place] if place is not None else None

    def keep(self, key: str, answer: str) -> None:
        """Keep an answer for `store`; what cannot be a line of the file is not kept."""
        place = self._place(key)
        if place is not None and self._answers[place] == answer and key not in self._new:
            self._is_kept[place] = 1
        elif "\n" not in key and "\0" not in key and "\n" not in answer:
            self._new[key] = answer

    def store(self, *, all_asked: bool) -> None:
        """Write what is kept where that differs from the file.

        `all_asked` drops what nobody kept this time: what it was about is gone, or has changed since.
        """
        is_whole = all_asked or len(self._hashes) > _MOST_KEPT
        if self._path is None or not (self._new or (is_whole and 0 in self._is_kept)):
            return
        text = bytearray()
        for key, answer in _entries(self._path):
            if key not in self._new and (not is_whole or self._was_kept(key)):
                text += _line(key, answer)
        for key, answer in self._new.items():
            text += _line(key, answer)
        _store(self._path, text)

    def _place(self, key: str) -> int | None:
        """Where a known key stands among the hashes."""
        wanted = hash(key)
        place = bisect_left(self._hashes, wanted)
        return place if place < len(self._hashes) and self._hashes[place] == wanted else None

    def _was_kept(self, key: str) -> bool:
        place = self._place(key)
        return place is not None and bool(self._is_kept[place])


def _entries(path: str | None) -> Iterator[tuple[str, str]]:
    """The keys and answers of a file, one after the other."""
    try:
        text = read_own_text(path, _LARGEST_MEMO) if path is not None else ""
    except OSError:
        return
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        key, mark, answer = text[start:end].partition("\0")
        if mark:
            yield key, answer
        start = end + 1


def _line(key: str, answer: str) -> bytes:
    return f"{key}\0{answer}\n".encode("utf-8", "surrogateescape")


def _store(path: str, text: bytes | bytearray) -> None:
    try:
        make_folder(os.path.dirname(path))
        replace_file(path, text, 0o600)
    except (OSError, PymanError):
        pass  # It is found out again.
