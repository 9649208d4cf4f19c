"""Which processors a program or library is built for, from the header of its file: ELF and Mach-O. Import-light."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

HEADER = 4096
"""Bytes of a file that are enough to tell."""

# e_machine (elf.h), with the class and the order of bytes where one number stands for several: 64 bits, little endian.
_ELF = {
    (3, False, True): "i686",
    (20, False, False): "ppc",
    (21, True, False): "ppc64",
    (21, True, True): "ppc64le",
    (22, True, False): "s390x",
    (40, False, True): "armv7l",
    (62, True, True): "x86_64",
    (183, True, True): "aarch64",
    (243, True, True): "riscv64",
    (258, True, True): "loongarch64",
}
# cputype (mach/machine.h).
_MACH_O = {7: "i386", 12: "arm", 18: "ppc", 0x01000007: "x86_64", 0x0100000C: "arm64", 0x01000012: "ppc64"}
_MACH_O_ORDERS: dict[bytes, Literal["little", "big"]] = {
    b"\xfe\xed\xfa\xce": "big",
    b"\xfe\xed\xfa\xcf": "big",
    b"\xce\xfa\xed\xfe": "little",
    b"\xcf\xfa\xed\xfe": "little",
}
# Several in one file: how long the entry of each is. A class file of Java begins like the first; where this has the
# number of entries, that has its version, which is not small.
_FAT = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}
_MOST_IN_A_FILE = 20

# What a kernel of one kind starts beside its own, as `uname -m` calls them.
_ALSO = {"x86_64": ("i686",), "amd64": ("x86_64", "i686"), "aarch64": ("armv7l",), "arm64": ("aarch64", "armv7l")}


def architectures_in(header: bytes) -> frozenset[str]:
    """Return the processors that a file is built for, by the names that `uname -m` has; empty where it does not tell.

    `header` are its first bytes, HEADER of them where it has as many.
    """
    try:
        return frozenset(_architectures(header))
    except EOFError:
        return frozenset()


def _number(header: bytes, offset: int, size: int, order: Literal["little", "big"]) -> int:
    """A number of the header. Raises EOFError where the file is too short for it."""
    if len(header) < offset + size:
        raise EOFError
    return int.from_bytes(header[offset : offset + size], order)


def _architectures(header: bytes) -> Iterable[str]:
    magic = header[:4]
    if magic == b"\x7fELF":
        wide, little = header[4:5] == b"\2", header[5:6] == b"\1"
        machine = _number(header, 18, 2, "little" if little else "big")
        return [_ELF.get((machine, wide, little), f"machine {machine}")]
    if magic in _MACH_O_ORDERS:
        kind = _number(header, 4, 4, _MACH_O_ORDERS[magic])
        return [_MACH_O.get(kind, f"machine {kind}")]
    if magic in _FAT:
        count = _number(header, 4, 4, "big")
        if count <= _MOST_IN_A_FILE:
            kinds = [_number(header, 8 + number * _FAT[magic], 4, "big") for number in range(count)]
            return [_MACH_O.get(kind, f"machine {kind}") for kind in kinds]
    return []


def differ(one: frozenset[str], other: frozenset[str]) -> bool:
    """True for files that no process can load together; what is not known differs from nothing."""
    return bool(one and other) and not one & other


def runs_on(built_for: frozenset[str], machine: str) -> bool:
    """False where a program is certainly none for a Linux machine; `machine` is what `uname -m` says of it."""
    known = {*_ELF.values(), *_ALSO}
    return not built_for or machine not in known or bool(built_for & {machine, *_ALSO.get(machine, ())})


def shown(architectures: frozenset[str]) -> str:
    """As people are told of them: `x86_64`, `arm64 and x86_64`."""
    return " and ".join(sorted(architectures))
