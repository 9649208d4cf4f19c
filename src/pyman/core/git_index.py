"""Git's own list of the files that a repository has, `.git/index`, as far as names go (gitformat-index(5)).

A repository brings it along, so that nothing in it is believed: what is not understood to the end is not understood.
"""

from __future__ import annotations

from pyman.core.immutable import record

_HEADER = 12
_STATS = 40
"""Bytes of an entry before its hash: times, device, inode, mode, owner, size."""
_HASHES = (20, 32)
"""Bytes of SHA-1 and SHA-256; the list does not say which it has."""
_EXTENDED = 0x4000
_LENGTH = 0xFFF
_LINK = b"link"
_SPARSE = b"sdir"
_MOST_DIGITS = 5
"""Of a number in a list of version 4: no name is longer than those can say."""


@record
class GitIndex:
    """The names in one list."""

    names: frozenset[bytes]
    """In small letters: there are systems on which that makes no difference. That of a folder whose files are not
    listed one by one ends with a slash."""
    shared: str = ""
    """The name of another list in the same folder, whose names count too; empty where there is none."""

    def has(self, name: bytes) -> bool:
        """True for a file that is listed, or lies in a folder of which only the name is."""
        words = name.lower().split(b"/")
        folders = (b"/".join(words[:count]) + b"/" for count in range(1, len(words)))
        return name.lower() in self.names or any(folder in self.names for folder in folders)


def parse_index(content: bytes) -> GitIndex | None:
    """Read such a list; None for one that is not understood."""
    return next((found for size in _HASHES if (found := _parsed(content, size)) is not None), None)


def _parsed(content: bytes, size: int) -> GitIndex | None:
    version, count = _number(content, 4), _number(content, 8)
    if content[:4] != b"DIRC" or version not in (2, 3, 4):
        return None
    at, name, names = _HEADER, b"", set()
    for _ in range(count):
        flags = int.from_bytes(content[at + _STATS + size : at + _STATS + size + 2], "big")
        start = at + _STATS + size + (4 if flags & _EXTENDED else 2)
        kept = b""
        if version == 4:  # the version in which a name leaves out what it shares with the one before
            cut, start = _shared_length(content, start)
            if cut > len(name):
                return None
            kept = name[: len(name) - cut]
        end = content.find(b"\0", start)
        if end < 0:
            return None
        name = kept + content[start:end]
        if flags & _LENGTH != min(len(name), _LENGTH):
            return None
        names.add(name.lower())
        at = end + 1 if version == 4 else at + (end - at + 8) // 8 * 8
    shared = _shared_list(content, at, size)
    return GitIndex(frozenset(names), shared) if shared is not None else None


def _shared_list(content: bytes, at: int, size: int) -> str | None:
    """The name of the other list, from what stands behind the entries; None where that is not understood."""
    shared, end = "", len(content) - size
    while at < end:
        kind, length = content[at : at + 4], _number(content, at + 4)
        body = content[at + 8 : at + 8 + length]
        at += 8 + length
        if kind == _LINK:
            if len(body) < size:
                return None
            shared = f"sharedindex.{body[:size].hex()}" if any(body[:size]) else ""
        elif not kind[:1].isupper() and kind != _SPARSE:
            return None  # Git itself reads no list that needs what it does not know.
    return shared if at == end else None


def _number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "big")


def _shared_length(content: bytes, at: int) -> tuple[int, int]:
    """A number of version 4, as Git packs offsets, and where the next thing begins."""
    number = 0
    for place, byte in enumerate(content[at : at + _MOST_DIGITS]):
        number = (number + 1 << 7) + (byte & 0x7F) if place else byte & 0x7F
        if not byte & 0x80:
            return number, at + place + 1
    return len(content), at
