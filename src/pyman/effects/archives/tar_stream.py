"""Reading a tar archive from front to back: its members, and the content of each, as it comes out of decompression.

The loop of `tarfile` takes a damaged header for the end of the archive, holds every member, follows names through
links, and knows kinds that no runtime needs: those are refused here. A header of POSIX.1-1988 (ustar) is read here
too, at a third of the time, which is half of what unpacking costs beside decompression.
"""

from __future__ import annotations

from collections.abc import Iterator

from pyman.core.archive import (
    Limits,
    Member,
    Tree,
    Unacceptable,
    read_extended_header,
)
from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

_ANOTHER = "use another archive"
_BLOCK = 512
_ZEROS = bytes(_BLOCK)
# Bytes. An extended header holds a name or two.
_LARGEST_EXTENSION = 1 << 16
# Bytes. What headers and padding may add to the content that the limits allow.
_SLACK = 1 << 27

_KINDS = {
    b"0": "file",
    b"\0": "file",
    b"1": "hard link",
    b"2": "link",
    b"3": "a device",
    b"4": "a device",
    b"5": "folder",
    b"6": "a named pipe",
    b"S": "a sparse file",
}


@record
class _Header:
    """What a block of 512 bytes says of the member behind it."""

    name: str
    kind: bytes
    size: int
    mode: int
    target: str


class TarStream:
    """The members of an archive in their order, once. `pieces` is the unpacked archive, in pieces of any size."""

    def __init__(self, pieces: Iterator[bytes], tree: Tree, limits: Limits) -> None:
        self._pieces = pieces
        self._tree = tree
        self._piece = memoryview(b"")
        self._left_in_stream = limits.size + _SLACK
        self._left_in_member = 0
        self._padding = 0

    def next_member(self) -> Member | None:
        """Return the next member, None at the end of the archive, when nothing but padding has followed.

        Raises Unacceptable when the archive is damaged, cut short, or holds what the limits do not allow.
        """
        for _ in self.content():
            pass  # what nobody has read of the member before
        self._skip(self._padding)
        self._padding = 0
        overrides: dict[str, str] = {}
        while True:
            block = self._take(_BLOCK)
            if block == _ZEROS:
                if overrides:
                    raise Unacceptable("ends in the middle of a member")
                self._check_rest()
                return None
            self._tree.count_header()
            header = _read_header(block)
            if header.kind not in (b"x", b"g", b"L", b"K"):
                return self._member(header, overrides)
            self._read_extension(header.kind, header.size, overrides)

    def content(self) -> Iterator[memoryview]:
        """Yield the content of the current member, what has not been read of it. A piece is valid until the next.

        Raises Unacceptable when the archive ends before it.
        """
        while self._left_in_member:
            piece = self._piece or self._next_piece()
            part, self._piece = piece[: self._left_in_member], piece[self._left_in_member :]
            self._left_in_member -= len(part)
            yield part

    def _member(self, header: _Header, overrides: dict[str, str]) -> Member:
        size = header.size
        if "size" in overrides:
            digits = overrides["size"]
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
                raise Unacceptable("has a member with a size that is not a number")
            size = int(digits)
        if size < 0:
            raise Unacceptable("has a member with a negative size")
        kind = _KINDS.get(header.kind, f"of the unknown type {header.kind!r}")
        if kind == "file":
            self._left_in_member = size
            self._padding = -size % _BLOCK
        name, target = overrides.get("path", header.name), overrides.get("linkpath", header.target)
        return Member(name, kind, size, executable=bool(header.mode & 0o100), target=target)

    def _read_extension(self, kind: bytes, size: int, overrides: dict[str, str]) -> None:
        """Take what an extra header says about the next member. Two that speak of the same thing are refused."""
        if not 0 <= size <= _LARGEST_EXTENSION:
            raise Unacceptable("has an extended header that is too large")
        content = self._take(size)
        self._skip(-size % _BLOCK)
        if kind in (b"L", b"K"):
            # GNU: one long name, ended by a zero byte
            records = {
                "path" if kind == b"L" else "linkpath": content.removesuffix(b"\0").decode("utf-8", "surrogateescape")
            }
        else:
            records = read_extended_header(content)
        for name, value in records.items():
            if name.startswith("GNU.sparse"):
                raise Unacceptable("has a sparse file")
            if name not in ("path", "linkpath", "size"):
                continue
            if kind == b"g" or name in overrides or not value:
                raise Unacceptable(f"has extended headers that are ambiguous about the {name} of a member")
            overrides[name] = value

    def _following_piece(self) -> memoryview | None:
        for piece in self._pieces:
            self._left_in_stream -= len(piece)
            if self._left_in_stream < 0:
                raise Unacceptable("contains more than its members")
            if piece:
                return memoryview(piece)
        return None

    def _next_piece(self) -> memoryview:
        piece = self._following_piece()
        if piece is None:
            raise Unacceptable("is truncated")
        return piece

    def _take(self, size: int) -> bytes:
        """Return the next `size` bytes, at most some kilobytes."""
        if len(self._piece) >= size:
            taken, self._piece = bytes(self._piece[:size]), self._piece[size:]
            return taken
        parts: list[bytes] = []
        while size:
            piece = self._piece or self._next_piece()
            parts.append(bytes(piece[:size]))
            self._piece = piece[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def _skip(self, size: int) -> None:
        if size:
            self._take(size)

    def _check_rest(self) -> None:
        """Read to the end, so that the checksum of the compression is looked at, and accept only zeros."""
        piece: memoryview | None = self._piece
        self._piece = memoryview(b"")
        while piece is not None:
            if piece.tobytes().strip(b"\0"):
                raise Unacceptable("goes on after its end")
            piece = self._following_piece()


def _read_header(block: bytes) -> _Header:
    """Read a header. Raises Unacceptable where its checksum is wrong or a number is none."""
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise Unacceptable("has a damaged header: its checksum is wrong")
    name, kind = _text(block[:100]), block[156:157]
    if kind == b"\0" and name.endswith("/"):
        # As it was written before there were types.
        kind = b"5"
    if kind == b"5":
        name = name.rstrip("/")
    prefix = _text(block[345:500])
    if prefix and block[257:263] == b"ustar\0":
        # GNU keeps other things in its place, and writes the mark with a blank.
        name = f"{prefix}/{name}"
    return _Header(name, kind, _number(block[124:136]), _number(block[100:108]), _text(block[157:257]))


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """A number in octal digits, or in GNU's form for what is too large for them."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (1 << 8 * len(field) - 8 if field[0] == 0xFF else 0)
    digits = field.partition(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise Unacceptable("has a damaged header: it contains an invalid number")
    return int(digits, 8) if digits else 0
