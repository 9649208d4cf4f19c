"""Symbols of Mach-O files that were made for this; effects/test_mach_o.py has those of real wheels."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.architecture import architectures_in
from pyman.core.mach_o import LARGEST_TABLE, is_mach_o, python_symbols
from stage.mach_o import ARM64, X86_64, mach_o, universal


def symbols(content, *, defined):
    return set(python_symbols(lambda offset, size: content[offset : offset + size], defined=defined))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("tree", [True, False])
@pytest.mark.parametrize("parts", [True, False])
def test_what_it_needs_and_what_it_offers(order, wide, tree, parts):
    content = mach_o(
        ["PyList_New", "_Py_Dealloc", "malloc"],
        ["PyInit_x", "other"],
        weak=["PyWeak_Maybe"],
        private=["_PyPrivate"],
        order=order,
        wide=wide,
        tree=tree,
        parts=parts,
    )
    assert is_mach_o(content)
    assert symbols(content, defined=False) == {"PyList_New", "_Py_Dealloc"}
    assert symbols(content, defined=True) == {"PyInit_x"}


@pytest.mark.parametrize("wide", [True, False])
def test_for_several_processors_it_needs_what_one_needs_and_offers_what_all_offer(wide):
    content = universal(
        (X86_64, mach_o(["PyList_New"], ["PyInit_x", "PyOnly_Here"], machine=X86_64)),
        (ARM64, mach_o(["PyDict_New"], ["PyInit_x"])),
        wide=wide,
    )
    assert symbols(content, defined=False) == {"PyList_New", "PyDict_New"}
    assert symbols(content, defined=True) == {"PyInit_x"}
    assert architectures_in(content[:4096]) == {"x86_64", "arm64"}


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)), max_size=4), st.booleans())
@settings(max_examples=200)
def test_no_damage_makes_it_fail_otherwise(damage, tree):
    content = bytearray(mach_o(["PyList_New"], ["PyInit_x", "PyInit_y"], tree=tree))
    for place, garbage in damage:
        content[place : place + len(garbage)] = garbage
    for defined in (True, False):
        try:
            assert all(isinstance(name, str) for name in symbols(bytes(content), defined=defined))
        except (ValueError, LookupError, struct.error):
            continue


def test_a_tree_that_leads_round_in_a_circle_ends():
    content = mach_o((), ["PyInit_x"], tree=True)
    leads_back = content.replace(b"_PyInit_x\0" + content[-7:-5], b"_PyInit_x\0\x80\x00")
    assert leads_back != content
    with pytest.raises(ValueError, match="tree"):
        symbols(leads_back, defined=True)


# Parts of a file are changed by what stands there: the lists of commands and the tables follow each other.
TABLE, EXPORTS = struct.pack("<2I", 2, 24), struct.pack("<2I", 0x80000033, 16)
ROW = struct.pack("<IBBHQ", 1, 0x0F, 1, 0, 0x1000)


def in_tree(tree):
    """A file whose tree of names is this one."""
    content = mach_o((), ["PyInit_x"], tree=True)
    at = content.index(EXPORTS)
    return content[: at + 8] + struct.pack("<2I", len(content), len(tree)) + content[at + 16 :] + tree


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"\xcf\xfa\xed", b"\xca\xfe\xba\xbe\0\0\0", b"\xca\xfe\xba\xbe" + bytes(4)]
)
def test_what_begins_otherwise_is_no_mach_o_file(content):
    assert not is_mach_o(content)


def test_a_class_file_of_java_is_none_and_several_processors_are_one():
    java, several = b"\xca\xfe\xba\xbe\0\0\0\x41", b"\xca\xfe\xba\xbe\0\0\0\x02"
    assert is_mach_o(several) and not is_mach_o(java)
    assert is_mach_o(several[:7] + b"\x14") and not is_mach_o(several[:7] + b"\x15")
    with pytest.raises(ValueError, match="65 processors"):
        symbols(java, defined=True)


@pytest.mark.parametrize("tree", [True, False])
@pytest.mark.parametrize("wide", [True, False])
def test_a_file_that_was_cut_off_anywhere_is_damaged(tree, wide):
    content = mach_o(["PyList_New"], ["PyInit_x"], tree=tree, wide=wide)
    both = universal((ARM64, content), (X86_64, mach_o(machine=X86_64)), wide=wide)
    whole = 4096 + len(content)
    for part, ends in ((content, range(len(content))), (both, [*range(64), 4095, 4096, 4100, whole - 1])):
        for end in ends:
            with pytest.raises((ValueError, LookupError, struct.error)):
                symbols(part[:end], defined=True)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (TABLE, struct.pack("<2I", 2, 7), "a command without a size"),
        (TABLE, struct.pack("<2I", 3, 24), "not enough values"),
        (struct.pack("<2I", 0xB, 80), struct.pack("<2I", 2, 80), "too many values"),
        (struct.pack("<7I", 0xFEEDFACF, ARM64, 0, 8, 2, 104, 0), struct.pack("<7I", 0xFEEDFACF, ARM64, 0, 8, 2, 1 << 21, 0),
         f"a table of {1 << 21} bytes"),
    ],
)  # fmt: skip
def test_commands_that_are_damaged(before, after, why):
    content = mach_o(["PyList_New"], ["PyInit_x"])
    assert content.count(before) == 1
    with pytest.raises(ValueError, match=why):
        symbols(content.replace(before, after), defined=True)


def test_a_table_that_would_fill_the_memory_is_not_read():
    content = mach_o((), ["PyInit_x"])
    at = content.index(TABLE)
    many = content[: at + 12] + struct.pack("<I", LARGEST_TABLE // 16 + 1) + content[at + 16 :]
    with pytest.raises(ValueError, match="a table of"):
        symbols(many, defined=True)


def test_a_name_that_does_not_end_is_damage():
    content = mach_o(["PyList_New"])
    assert symbols(content, defined=False) == {"PyList_New"}
    with pytest.raises(ValueError, match="not found"):
        symbols(content[:-1] + b"x", defined=False)


@pytest.mark.parametrize("kind", [0x22, 0x80000022])
def test_older_linkers_name_the_tree_at_another_place(kind):
    content = mach_o((), ["PyInit_x"], tree=True)
    at = content.index(EXPORTS)
    tree = content[at + 8 : at + 16]
    commands = content[32:at] + struct.pack("<2I", kind, 48) + bytes(32) + tree
    # The tables lie where they lay; the longer command reaches into what the header leaves free.
    moved = 32
    commands = commands.replace(content[32:56], struct.pack("<2I", 2, 24) + _moved(content[40:56], moved))
    commands = commands[:-8] + struct.pack("<2I", struct.unpack("<2I", tree)[0] + moved, struct.unpack("<2I", tree)[1])
    head = struct.pack("<7I", 0xFEEDFACF, ARM64, 0, 8, 3, len(commands), 0) + bytes(4)
    assert symbols(head + commands + content[at + 16 :], defined=True) == {"PyInit_x"}


def _moved(table, by):
    symbols_at, count, texts_at, length = struct.unpack("<4I", table)
    return struct.pack("<4I", symbols_at + by, count, texts_at + by, length)


def test_a_file_whose_tree_is_empty_has_its_names_in_the_table():
    content = mach_o((), ["PyInit_x"], tree=True)
    at = content.index(EXPORTS)
    none = content[: at + 8] + bytes(8) + content[at + 16 :]
    # This one has them in the tree alone.
    assert symbols(none, defined=True) == set()
    assert symbols(content, defined=True) == {"PyInit_x"}


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        # Edges are parts of names: what they have in common stands once.
        (b"\0\1_Py\0\7" + b"\0\2A\0\x0fB\0\x12" + b"\1\0\0" + b"\1\0\0", {"PyA", "PyB"}),
        # One that is the beginning of another.
        (b"\0\1_PyA\0\x08" + b"\1\0\1B\0\x0e" + b"\1\0\0", {"PyA", "PyAB"}),
        # What is no name of Python's is not gone after, wherever it leads.
        (b"\0\2_z\0\x7f_Py\0\x0b" + b"\1\0\0", {"Py"}),
        # What ends before it is one.
        (b"\0\1_P\0\6" + b"\1\0\0", set()),
        (b"\1\0\0", set()),
        (b"\0\0", set()),
    ],
)
def test_the_tree_of_names(tree, names):
    assert symbols(in_tree(tree), defined=True) == names


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        (b"\0\1_Py\0\0", "an invalid tree"),
        (b"\0\2_Py\0\x0c_PyB\0\x0c" + b"\1\0\0", "an invalid tree"),
        (b"\0\1_Py" + b"A" * 4096 + b"\0\x01", "an invalid tree"),
        (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "a number that is too long"),
        (b"\0\1_Py", "not found"),
    ],
)
def test_a_tree_that_is_damaged(tree, why):
    with pytest.raises(ValueError, match=why):
        symbols(in_tree(tree), defined=True)
