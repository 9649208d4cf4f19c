"""Looks at the machine: its system, its processor, the C library of its own programs."""

from __future__ import annotations

import os
import sys

from pyman.core.platform import platform_triple

# The first that is a dynamic ELF program tells the loader. Not the Python that runs us: it may have brought its own.
_PROGRAMS = ("/bin/sh", "/usr/bin/env", "/bin/ls", "/bin/cat")
_LOADERS = ("/lib/ld-musl-*.so.1", "/lib64/ld-linux-*.so.*", "/lib64/ld64.so.*", "/lib/ld-linux*.so.*")

_PT_INTERP = 3


def platform() -> str:
    """Return this machine's platform as upstream names it. Raises PymanError where pyman does not support it."""
    if not hasattr(os, "uname"):
        return platform_triple("Windows" if sys.platform == "win32" else sys.platform, "")
    name = os.uname()
    loader = system_loader() if name.sysname == "Linux" else None
    return platform_triple(name.sysname, name.machine, name.version, loader)


def user_name(uid: int) -> str | None:
    """The name of a user; None where the machine has none for that number."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return None


def system_loader(programs: tuple[str, ...] = _PROGRAMS, loaders: tuple[str, ...] = _LOADERS) -> str | None:
    """Return the loader that the system's programs ask for; where they are static, the one that is installed."""
    for program in programs:
        loader = elf_interpreter(program)
        if loader is not None:
            return loader
    import glob  # loads re, which no start of a command shall pay for

    for pattern in loaders:
        found = sorted(glob.glob(pattern))
        if found:
            return found[0]
    return None


def elf_interpreter(path: str) -> str | None:
    """Return the loader that an ELF program names, None where it names none or is no ELF program.

    Layout: System V ABI, chapters 4 (ELF header) and 5 (program header).
    """
    import struct

    try:
        with open(path, "rb") as program:
            head = program.read(64)
            if head[:4] != b"\x7fELF":
                return None
            order, wide = "<>"[head[5] - 1], head[4] == 2
            (table,) = struct.unpack_from(f"{order}Q" if wide else f"{order}I", head, 32 if wide else 28)
            size, count = struct.unpack_from(f"{order}HH", head, 54 if wide else 42)
            program.seek(table)
            entries = program.read(min(size * count, 1 << 16))
            for start in range(0, len(entries), size):
                if struct.unpack_from(f"{order}I", entries, start)[0] == _PT_INTERP:
                    # Wide: type, flags, offset, address, address, size. Narrow: the same without flags.
                    fields = struct.unpack_from(f"{order}IIQQQQ" if wide else f"{order}IIIII", entries, start)
                    place, length = (fields[2], fields[5]) if wide else (fields[1], fields[4])
                    program.seek(place)
                    return program.read(min(length, 4096)).rstrip(b"\0").decode("utf-8", "surrogateescape") or None
    except (OSError, OverflowError, ValueError, IndexError, struct.error):
        pass  # cut short, or no ELF at all
    return None
