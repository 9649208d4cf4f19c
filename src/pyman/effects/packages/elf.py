"""Symbols of Python's C interface in ELF files, and the libraries that these need.

Only the few fields of an ELF file are read that lead to its dynamic symbols (the System V ABI, chapter 4 and 5, names
them as they are named here), and the symbols are unpacked in one piece: thousands of files may have to be read before
an alias moves.
"""

from __future__ import annotations

import os
import struct

from pyman.core.immutable import record
from pyman.effects.files import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

LARGEST_TABLE = 16 << 20
"""Bytes. The largest symbol tables there are, those of Qt and of torch, have some 10 MiB of names."""

_MAGIC = b"\x7fELF"
_PREFIXES = (b"Py", b"_Py")
_IDENTIFICATION = 16  # EI_NIDENT
_DYNAMIC_SYMBOLS = 11  # SHT_DYNSYM
_LOADED, _DYNAMIC = 1, 2  # PT_LOAD, PT_DYNAMIC
_HASH, _NAMES, _SYMBOLS, _NAMES_SIZE, _GNU_HASH = 4, 5, 6, 10, 0x6FFFFEF5  # DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, …
_NEEDED, _RUN_PATHS = 1, (15, 29)  # DT_NEEDED; DT_RPATH, DT_RUNPATH
_LONGEST_CHAIN = 1 << 18
_UNDEFINED = 0  # SHN_UNDEF
_WEAK = 2  # STB_WEAK: left at zero where nobody has it, and the file loads all the same


def is_elf(header: bytes) -> bool:
    """True for the first bytes of an ELF file."""
    return header[: len(_MAGIC)] == _MAGIC


def needed_libraries(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the libraries that a program or library is linked to, and its own folders to look in.

    Empty for what is no ELF file. Raises OSError where it cannot be read.
    """
    with open_regular(path) as file:
        identification = file.read(_IDENTIFICATION)
        if identification[: len(_MAGIC)] != _MAGIC:
            return (), ()
        try:
            return _needed(_read_header(file, identification))
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - what a crafted file makes of a parser is anybody's guess
            return (), ()


def python_symbols(file: BinaryIO, identification: bytes, *, defined: bool) -> Iterator[str]:
    """Yield the `Py*` and `_Py*` symbols of an ELF file, which begins with these 16 bytes.

    Raises OSError where it cannot be read, and whatever a damaged one makes of it.
    """
    yield from _python_symbols(_read_header(file, identification), defined=defined)


@record
class _Elf:
    """An ELF file, and where its tables are."""

    file: BinaryIO
    wide: bool
    """True for 64 bits."""
    order: str
    """Of bytes, as `struct` writes it."""
    segments: tuple[int, int, int]
    """Offset, size and number of the program headers."""
    sections: tuple[int, int, int]
    """The same of the section headers."""

    def rows(self, layout: str, offset: int, size: int, number: int) -> Iterator[tuple[int, ...]]:
        """Unpack a table of so many rows of a size."""
        row = struct.Struct(self.order + layout)
        size = max(size, 1)  # zero where there are none
        raw = self.read(offset, size * number)
        return (row.unpack_from(raw, start) for start in range(0, len(raw) - row.size + 1, size))

    def read(self, offset: int, size: int) -> bytes:
        """Read a piece of the file. Raises ValueError for one that is too large."""
        if size > LARGEST_TABLE:
            raise ValueError(f"a table of {size} bytes")
        return os.pread(self.file.fileno(), size, offset)


def _read_header(file: BinaryIO, identification: bytes) -> _Elf:
    wide = {1: False, 2: True}[identification[4]]  # EI_CLASS
    order = {1: "<", 2: ">"}[identification[5]]  # EI_DATA
    # What follows e_entry: e_phoff, e_shoff, then e_phentsize, e_phnum, e_shentsize, e_shnum.
    layout = struct.Struct(order + ("16x QQ 6x HHHH" if wide else "12x II 6x HHHH"))
    values = layout.unpack(os.pread(file.fileno(), layout.size, _IDENTIFICATION))
    segments, sections, segment_size, segment_number, section_size, section_number = values
    return _Elf(file, wide, order, (segments, segment_size, segment_number), (sections, section_size, section_number))


def _python_symbols(elf: _Elf, *, defined: bool) -> Iterator[str]:
    # sh_type, sh_offset, sh_size, sh_link
    sections = list(elf.rows("4x I 16x QQ I" if elf.wide else "4x I 8x II I", *elf.sections))
    dynamic = [section for section in sections if section[0] == _DYNAMIC_SYMBOLS]
    for _, offset, size, link in dynamic:
        _, names_offset, names_size, _ = sections[link]
        yield from _chosen(elf, elf.read(names_offset, names_size), elf.read(offset, size), defined=defined)
    if not dynamic:
        yield from _symbols_without_sections(elf, defined=defined)


def _chosen(elf: _Elf, names: bytes, symbols: bytes, *, defined: bool) -> Iterator[str]:
    if not any(prefix in names for prefix in _PREFIXES):
        return
    # st_name, st_info, st_shndx
    layout = struct.Struct(elf.order + ("I B x H 16x" if elf.wide else "I 8x B x H"))
    for name, info, section in layout.iter_unpack(symbols[: len(symbols) // layout.size * layout.size]):
        if (section != _UNDEFINED) is not defined or (not defined and info >> 4 == _WEAK):
            continue
        if names.startswith(_PREFIXES, name):
            yield names[name : names.index(b"\0", name)].decode("ascii")


def _symbols_without_sections(elf: _Elf, *, defined: bool) -> Iterator[str]:
    """Find the symbols as the loader does: sections are for linkers, and may have been stripped off."""
    segments, rows = _dynamic_rows(elf)
    if not rows:
        return
    tags = dict(rows)

    def place(address: int) -> int:
        return _place(segments, address)

    number = _number_of_symbols(elf, tags, place)
    names = elf.read(place(tags[_NAMES]), tags[_NAMES_SIZE])
    symbols = elf.read(place(tags[_SYMBOLS]), number * (24 if elf.wide else 16))
    yield from _chosen(elf, names, symbols, defined=defined)


def _needed(elf: _Elf) -> tuple[tuple[str, ...], tuple[str, ...]]:
    segments, rows = _dynamic_rows(elf)
    tags = dict(rows)
    names = elf.read(_place(segments, tags[_NAMES]), tags[_NAMES_SIZE])

    def text(start: int) -> str:
        return os.fsdecode(names[start : names.index(b"\0", start)])

    libraries = tuple(text(value) for tag, value in rows if tag == _NEEDED)
    folders = [folder for tag, value in rows if tag in _RUN_PATHS for folder in text(value).split(":") if folder]
    return libraries, tuple(folders)


def _dynamic_rows(elf: _Elf) -> tuple[list[tuple[int, ...]], list[tuple[int, int]]]:
    """The segments, and the rows of the dynamic one: tag and value."""
    # p_type, p_offset, p_vaddr, p_filesz
    segments = list(elf.rows("I 4x QQ 8x Q" if elf.wide else "III 4x I", *elf.segments))
    row = 16 if elf.wide else 8
    found: list[tuple[int, int]] = []
    for kind, offset, _, size in segments:
        if kind == _DYNAMIC:
            found += [(tag, value) for tag, value in elf.rows("QQ" if elf.wide else "II", offset, row, size // row)]
    return segments, found


def _place(segments: list[tuple[int, ...]], address: int) -> int:
    """Where in the file an address lies."""
    return next(
        offset + address - start
        for kind, offset, start, size in segments
        if kind == _LOADED and start <= address < start + size
    )


def _number_of_symbols(elf: _Elf, tags: dict[int, int], place: Callable[[int], int]) -> int:
    """How many there are, which only the tables tell by which a loader looks for a name."""
    if _HASH in tags:
        [(_, chains)] = elf.rows("II", place(tags[_HASH]), 8, 1)
        return chains
    start = place(tags[_GNU_HASH])
    [(buckets, first, filters, _)] = elf.rows("IIII", start, 16, 1)
    start += 16 + filters * (8 if elf.wide else 4)
    last = max((bucket for (bucket,) in elf.rows("I", start, 4, buckets)), default=0)
    if last < first:
        return first
    # The chain of the last bucket ends with an odd number.
    for number, (value,) in enumerate(elf.rows("I", start + 4 * (buckets + last - first), 4, _LONGEST_CHAIN), last):
        if value & 1:
            return number + 1
    return first
