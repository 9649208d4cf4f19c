"""Mach-O files made for a test, as <mach-o/loader.h> lays them out: a table of symbols, and a tree of those it offers."""

from __future__ import annotations

import struct

ARM64, X86_64 = 0x0100000C, 0x01000007


def mach_o(needs=(), offers=(), *, weak=(), private=(), machine=ARM64, tree=False, wide=True, order="<", parts=True):
    """A file that needs and offers these symbols of C; with `tree` what it offers stands in a tree, not in the table."""
    texts, rows = b"\0", []
    listed = [(name, 0x0F, 1, 0, 0x1000) for name in ([] if tree else offers)]
    listed += [(name, 0x1F, 1, 0, 0x1000) for name in private]
    listed += [("_Py_of_a_debugger", 0x24, 1, 0, 0x1000)]
    defined = len(listed)
    listed += [(name, 0x01, 0, 0, 0) for name in needs] + [(name, 0x01, 0, 0x40, 0) for name in weak]
    for name, kind, section, description, value in listed:
        rows.append(struct.pack(f"{order}IBBH{'Q' if wide else 'I'}", len(texts), kind, section, description, value))
        texts += f"_{name}\0".encode()
    table = b"".join(rows)
    trie = _tree([f"_{name}".encode() for name in offers]) if tree else b""
    size = 24 + (80 if parts else 0) + (16 if tree else 0)
    start = (32 if wide else 28) + size
    commands = struct.pack(f"{order}6I", 2, 24, start, len(listed), start + len(table), len(texts))
    if parts:
        commands += struct.pack(f"{order}8I", 0xB, 80, 0, 0, 0, defined, defined, len(listed) - defined) + bytes(48)
    if tree:
        commands += struct.pack(f"{order}4I", 0x80000033, 16, start + len(table) + len(texts), len(trie))
    magic = 0xFEEDFACF if wide else 0xFEEDFACE
    head = struct.pack(f"{order}7I", magic, machine, 0, 8, 1 + parts + tree, size, 0) + bytes(4 if wide else 0)
    return head + commands + table + texts + trie


def universal(*parts, wide=False):
    """One file of several, each a pair of its processor and its content."""
    place, head, body = 4096, b"", b""
    for machine, content in parts:
        entry = (machine, 0, place, len(content), 14)
        head += struct.pack(">IIQQII", *entry, 0) if wide else struct.pack(">5I", *entry)
        body += content + bytes(-len(content) % 4096)
        place = 4096 + len(body)
    head = struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(parts)) + head
    return head + bytes(4096 - len(head)) + body


def _tree(names):
    """One node of which an edge leads to each name, all of the same length: places are numbers of two bytes."""
    edges, nodes = b"", b""
    first = 2 + sum(len(name) + 3 for name in names)
    for number, name in enumerate(names):
        place = first + 5 * number
        edges += name + b"\0" + bytes((place & 0x7F | 0x80, place >> 7))
        nodes += b"\x03\x00\x80\x20\x00"
    return bytes((0, len(names))) + edges + nodes
