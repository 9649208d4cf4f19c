"""Symbols of Python's C interface that compiled modules need, and that interpreters offer: ELF and Mach-O."""

from __future__ import annotations

import os

from pyman.core.mach_o import is_mach_o, python_symbols
from pyman.effects.files import names_seen, open_regular
from pyman.effects.packages import elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

_HEADER = 16


def is_library(path: str) -> bool:
    """True for a regular file that begins as a compiled module does. Raises OSError where it cannot be read."""
    with open_regular(path) as file:
        header = file.read(_HEADER)
        return elf.is_elf(header) or is_mach_o(header)


def undefined_symbols(path: str) -> frozenset[str] | None:
    """Return the `Py*` and `_Py*` symbols that a module cannot be loaded without; None where it is none.

    Raises OSError where it cannot be read.
    """
    return _symbols(path, defined=False)


def defined_symbols(path: str) -> frozenset[str] | None:
    """Return the `Py*` and `_Py*` symbols that a program or library offers to what it loads; None as above."""
    return _symbols(path, defined=True)


def exported_symbols(executable: str) -> frozenset[str] | None:
    """Return the `Py*` and `_Py*` symbols that a runtime offers to extensions: its own and those of its libpython.

    None where neither can be read, or neither has any.
    """
    found: frozenset[str] = frozenset()
    for path in (executable, *_libraries(executable)):
        try:
            found |= defined_symbols(path) or frozenset()
        except OSError:
            continue
    return found or None


def _symbols(path: str, *, defined: bool) -> frozenset[str] | None:
    with open_regular(path) as file:
        header = file.read(_HEADER)
        try:
            if elf.is_elf(header):
                return frozenset(elf.python_symbols(file, header, defined=defined))
            return _of_mach_o(file, defined=defined) if is_mach_o(header) else None
        except OSError:
            raise
        except Exception:  # noqa: BLE001 - what a crafted file makes of a parser is anybody's guess
            return None


def _of_mach_o(file: BinaryIO, *, defined: bool) -> frozenset[str]:
    return python_symbols(lambda offset, size: os.pread(file.fileno(), size, offset), defined=defined)


def _libraries(executable: str) -> list[str]:
    """Return the shared libpython of this very interpreter, once each.

    `lib/libpython3.14t.so.1.0`, `lib/libpython3.14.dylib`; a framework build has it in its own folder.
    """
    real = os.path.realpath(executable)
    prefix = os.path.dirname(os.path.dirname(real))
    start = f"lib{os.path.basename(real)}"
    found: dict[str, None] = {}
    for folder in (os.path.join(prefix, "lib"), os.path.join(prefix, "lib64")):
        for name in names_seen(folder):
            if name in (f"{start}.so", f"{start}.dylib") or name.startswith(f"{start}.so."):
                found[os.path.realpath(os.path.join(folder, name))] = None
    if os.path.basename(os.path.dirname(prefix)) == "Versions":
        found[os.path.join(prefix, "Python")] = None
    return list(found)
