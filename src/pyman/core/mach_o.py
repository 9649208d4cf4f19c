"""Symbols in Mach-O files, the programs and libraries of macOS, as <mach-o/loader.h> and <mach-o/nlist.h> lay them out.

`read(offset, size)` gives a piece of the file: fewer bytes where it ends before.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Read = Callable[[int, int], bytes]

LARGEST_TABLE = 16 << 20
"""Bytes of a table that is read."""

_ORDERS = {
    b"\xfe\xed\xfa\xce": (">", False),
    b"\xfe\xed\xfa\xcf": (">", True),
    b"\xce\xfa\xed\xfe": ("<", False),
    b"\xcf\xfa\xed\xfe": ("<", True),
}
# Several in one file: the entry of each, and where in it offset and size are.
_FAT = {b"\xca\xfe\xba\xbe": ">8xII4x", b"\xca\xfe\xba\xbf": ">8xQQ8x"}
_MOST_IN_A_FILE = 20
_LARGEST_COMMANDS = 1 << 20

_SYMBOL_TABLE, _PARTS_OF_TABLE = 0x2, 0xB  # LC_SYMTAB, LC_DYSYMTAB, which says where in it undefined symbols stand
_EXPORTS, _INFO = 0x80000033, (0x22, 0x80000022)  # LC_DYLD_EXPORTS_TRIE, LC_DYLD_INFO(_ONLY)
_DEBUGGING, _PRIVATE, _TYPE, _EXTERNAL = 0xE0, 0x10, 0x0E, 0x01  # N_STAB, N_PEXT, N_TYPE, N_EXT
_WEAK = 0x0040  # N_WEAK_REF: left at zero where nobody has it, and the file loads all the same
_PREFIXES = (b"_Py", b"__Py")  # Of C, a name has one `_` more here.
_LONGEST_NAME = 4096


def is_mach_o(header: bytes) -> bool:
    """True for the first bytes of a Mach-O file; a class file of Java begins as one of several processors does."""
    magic = header[:4]
    if magic in _FAT:
        return len(header) >= 8 and 0 < int.from_bytes(header[4:8], "big") <= _MOST_IN_A_FILE
    return magic in _ORDERS


def python_symbols(read: Read, *, defined: bool) -> frozenset[str]:
    """Return the `Py*` and `_Py*` symbols that a file offers to others, or cannot be loaded without.

    Where it is for several processors, each needs what one of them needs, and offers what all of them do. Raises
    ValueError, LookupError, struct.error or UnicodeDecodeError for what is no Mach-O file, or a damaged one.
    """
    found = [frozenset(_symbols_at(read, start, defined=defined)) for start in _parts(read)]
    return frozenset.intersection(*found) if defined else frozenset.union(*found)


def _parts(read: Read) -> list[int]:
    """Where in a file the part for each processor begins."""
    head = read(0, 8)
    if head[:4] not in _FAT:
        return [0]
    entry = struct.Struct(_FAT[head[:4]])
    number = int.from_bytes(head[4:8], "big")
    if not 0 < number <= _MOST_IN_A_FILE:
        raise ValueError(f"{number} processors")
    return [offset for offset, _ in entry.iter_unpack(_whole(read, 8, entry.size * number))]


def _symbols_at(read: Read, start: int, *, defined: bool) -> Iterator[str]:
    order, wide = _ORDERS[read(start, 4)]
    number, size = struct.unpack(f"{order}II", read(start + 16, 8))
    commands = _commands(_whole(read, start + (32 if wide else 28), size, _LARGEST_COMMANDS), order, number)
    exports = _exports(commands, order)
    if defined and exports is not None:
        names = _exported(_whole(read, start + exports[0], exports[1]))
    else:
        [table] = (content for kind, content in commands if kind == _SYMBOL_TABLE)
        symbols, count, texts, length = struct.unpack_from(f"{order}IIII", table, 8)
        size = 16 if wide else 12
        for kind, content in commands:
            if kind == _PARTS_OF_TABLE and not defined:
                first, count = struct.unpack_from(f"{order}II", content, 24)
                symbols += first * size
        rows = _whole(read, start + symbols, count * size)
        names = _listed(rows, _whole(read, start + texts, length), order, wide=wide, defined=defined)
    for name in names:
        if name.startswith(_PREFIXES):
            yield name[1:].decode("ascii")


def _whole(read: Read, offset: int, size: int, most: int = LARGEST_TABLE) -> bytes:
    if size > most:
        raise ValueError(f"a table of {size} bytes")
    content = read(offset, size)
    if len(content) != size:
        raise ValueError("the file is truncated")
    return content


def _commands(content: bytes, order: str, number: int) -> list[tuple[int, bytes]]:
    found, start = [], 0
    for _ in range(number):
        kind, size = struct.unpack_from(f"{order}II", content, start)
        if size < 8:
            raise ValueError("a command without a size")
        found.append((kind, content[start : start + size]))
        start += size
    return found


def _exports(commands: list[tuple[int, bytes]], order: str) -> tuple[int, int] | None:
    """Offset and size of the tree of names that the loader looks in; None for a file that has none."""
    for kind, content in commands:
        if kind == _EXPORTS or kind in _INFO:
            offset, size = struct.unpack_from(f"{order}II", content, 8 if kind == _EXPORTS else 40)
            if size:
                return offset, size
    return None


def _listed(rows: bytes, texts: bytes, order: str, *, wide: bool, defined: bool) -> Iterator[bytes]:
    # n_strx, n_type, n_sect, n_desc, n_value
    layout = struct.Struct(f"{order}IBxH{'Q' if wide else 'I'}")
    for name, kind, description, value in layout.iter_unpack(rows):
        if kind & _DEBUGGING or not kind & _EXTERNAL or not texts.startswith(_PREFIXES, name):
            continue
        is_undefined = kind & _TYPE == 0 and value == 0
        if is_undefined is defined or (kind & _PRIVATE if defined else description & _WEAK):
            continue
        yield texts[name : texts.index(b"\0", name)]


def _exported(tree: bytes) -> Iterator[bytes]:
    """The names in a tree whose edges are their parts; each node says how long what it tells of a name is."""
    pending, seen = [(0, b"")], {0}
    while pending:
        place, name = pending.pop()
        length, place = _number(tree, place)
        if length:
            yield name
        place += length
        count, place = tree[place], place + 1
        for _ in range(count):
            end = tree.index(b"\0", place)
            longer = name + tree[place:end]
            node, place = _number(tree, end + 1)
            if node in seen or len(longer) > _LONGEST_NAME:
                raise ValueError("an invalid tree")
            seen.add(node)
            # Other names than Python's are not gone after.
            if longer.startswith(_PREFIXES) or any(prefix.startswith(longer) for prefix in _PREFIXES):
                pending.append((node, longer))


def _number(content: bytes, place: int) -> tuple[int, int]:
    """A number of as many bytes as it needs (ULEB128), and where it ends."""
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number that is too long")
