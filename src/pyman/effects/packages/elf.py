"""Symbols of Python's C interface that shared objects need, and that interpreters offer.

pyelftools says what an ELF file is and where its tables lie; the symbols themselves are unpacked in one piece, because
the library takes a hundred times as long to walk over them.
"""

from __future__ import annotations

import os
import struct

from pyman.effects.files import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

LARGEST_TABLE = 16 << 20
"""Bytes. The largest symbol tables there are, those of Qt and of torch, have some 10 MiB of names."""

_MAGIC = b"\x7fELF"
_PREFIXES = (b"Py", b"_Py")
_DYNAMIC_SYMBOLS = 11  # SHT_DYNSYM
_UNDEFINED = 0  # SHN_UNDEF
_WEAK = 2  # STB_WEAK: left at zero where nobody has it, and the file loads all the same


def is_elf(path: str) -> bool:
    """True for a regular file that begins as an ELF file does. Raises OSError where it cannot be read."""
    with open_regular(path) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def undefined_symbols(path: str) -> frozenset[str] | None:
    """Return the `Py*` and `_Py*` symbols that a shared object cannot be loaded without; None where it is no ELF file.

    Raises OSError where it cannot be read.
    """
    return _symbols(path, defined=False)


def defined_symbols(path: str) -> frozenset[str] | None:
    """Return the `Py*` and `_Py*` symbols that a program or library offers to what it loads; None as above."""
    return _symbols(path, defined=True)


def exported_symbols(executable: str) -> frozenset[str] | None:
    """Return the `Py*` and `_Py*` symbols that a runtime offers to extensions: its own and those of its libpython.

    None where neither can be read, or neither has any, as on systems without ELF.
    """
    found: frozenset[str] = frozenset()
    for path in (executable, *_libraries(executable)):
        try:
            found |= defined_symbols(path) or frozenset()
        except OSError:
            continue
    return found or None


def _libraries(executable: str) -> list[str]:
    """Return the shared libpython of this very interpreter, once each: `lib/libpython3.14t.so.1.0`."""
    real = os.path.realpath(executable)
    prefix = os.path.dirname(os.path.dirname(real))
    start = "lib" + os.path.basename(real) + ".so"
    found: dict[str, None] = {}
    for folder in (os.path.join(prefix, "lib"), os.path.join(prefix, "lib64")):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in sorted(names):
            if name == start or name.startswith(start + "."):
                found[os.path.realpath(os.path.join(folder, name))] = None
    return list(found)


def _symbols(path: str, *, defined: bool) -> frozenset[str] | None:
    with open_regular(path) as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return None
        try:
            return frozenset(_python_symbols(file, defined=defined))
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - what a crafted file makes of a parser is anybody's guess
            return None


def _python_symbols(file: BinaryIO, *, defined: bool) -> Iterator[str]:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(file)
    order = "<" if elf.little_endian else ">"
    wide = elf.elfclass == 64
    sections = _sections(file, elf, order, wide=wide)
    dynamic = [section for section in sections if section["kind"] == _DYNAMIC_SYMBOLS]
    if not dynamic:
        yield from _symbols_without_sections(elf, defined=defined)
    for section in dynamic:
        names = _table(file, sections[section["link"]])
        if not any(prefix in names for prefix in _PREFIXES):
            continue
        # Elf64_Sym and Elf32_Sym: name, info, section, each where its class has it.
        layout = struct.Struct(order + ("IBxH16x" if wide else "I8xBxH"))
        symbols = _table(file, section)
        for name, info, where in layout.iter_unpack(symbols[: len(symbols) // layout.size * layout.size]):
            if (where != _UNDEFINED) is not defined or (not defined and info >> 4 == _WEAK):
                continue
            if names.startswith(_PREFIXES, name):
                yield names[name : names.index(b"\0", name)].decode("ascii")


def _symbols_without_sections(elf: Any, *, defined: bool) -> Iterator[str]:
    """Find the symbols as the loader does: sections are for linkers, and may have been stripped off. Slow, and rare."""
    for segment in elf.iter_segments("PT_DYNAMIC"):
        for symbol in segment.iter_symbols():
            here = symbol["st_shndx"] != "SHN_UNDEF"
            weak = symbol["st_info"]["bind"] == "STB_WEAK"
            if here is defined and (defined or not weak) and symbol.name.startswith(("Py", "_Py")):
                yield symbol.name


def _sections(file: BinaryIO, elf: Any, order: str, *, wide: bool) -> list[dict[str, int]]:
    header = elf.header
    size = max(header["e_shentsize"], 1)  # zero where there are none
    layout = struct.Struct(order + ("4xI16xQQI" if wide else "4xI8xIII"))
    raw = _table(file, {"offset": header["e_shoff"], "size": size * header["e_shnum"]})
    fields = ("kind", "offset", "size", "link")
    return [
        dict(zip(fields, layout.unpack_from(raw, start), strict=True))
        for start in range(0, len(raw) - layout.size + 1, size)
    ]


def _table(file: BinaryIO, section: dict[str, int]) -> bytes:
    if section["size"] > LARGEST_TABLE:
        raise ValueError(f"a table of {section['size']} bytes")
    return os.pread(file.fileno(), section["size"], section["offset"])
