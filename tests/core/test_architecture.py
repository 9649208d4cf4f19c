"""What a file is built for, told from its first bytes."""

from __future__ import annotations

import os
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.architecture import HEADER, architectures_in, differ, runs_on, shown


def elf(machine, *, wide=True, little=True):
    order = "<" if little else ">"
    return (
        b"\x7fELF" + bytes([2 if wide else 1, 1 if little else 2, 1]) + bytes(9) + struct.pack(f"{order}HH", 3, machine)
    )


def mach_o(kind, *, order="<", wide=True):
    return struct.pack(f"{order}II", 0xFEEDFACF if wide else 0xFEEDFACE, kind) + bytes(24)


def fat(*kinds, wide=False):
    entries = b"".join(struct.pack(">I", kind) + bytes(28 if wide else 16) for kind in kinds)
    return struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(kinds)) + entries


INTEL, APPLE = 0x01000007, 0x0100000C


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (elf(62), {"x86_64"}),
        (elf(183), {"aarch64"}),
        (elf(3, wide=False), {"i686"}),
        (elf(40, wide=False), {"armv7l"}),
        (elf(21), {"ppc64le"}),
        (elf(21, little=False), {"ppc64"}),
        (elf(22, little=False), {"s390x"}),
        # x32: the processor is that of x86_64, and nothing else of it.
        (elf(62, wide=False), {"machine 62"}),
        (elf(999), {"machine 999"}),
        (mach_o(INTEL), {"x86_64"}),
        (mach_o(APPLE), {"arm64"}),
        (mach_o(18, order=">", wide=False), {"ppc"}),
        (fat(INTEL, APPLE), {"x86_64", "arm64"}),
        (fat(INTEL, APPLE, wide=True), {"x86_64", "arm64"}),
        (fat(), set()),
        # Java 8: 0xCAFEBABE, and then the version 52.
        (struct.pack(">II", 0xCAFEBABE, 52) + bytes(200), set()),
        (b"#!/bin/sh\n", set()),
        (b"", set()),
        (elf(62)[:19], set()),
        (fat(INTEL, APPLE)[:20], set()),
    ],
)
def test_what_a_file_is_built_for(header, names):
    assert architectures_in(header) == names


@given(st.binary(max_size=80), st.sampled_from([elf(62), mach_o(APPLE), fat(INTEL, APPLE), b""]))
def test_any_bytes_have_an_answer(rest, start):
    for cut in (len(start), 4, 8):
        assert all(isinstance(name, str) for name in architectures_in(start[:cut] + rest))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names are others")
def test_the_interpreter_of_the_tests():
    with open(os.path.realpath(sys.executable), "rb") as file:
        found = architectures_in(file.read(HEADER))
    assert runs_on(found, os.uname().machine)
    assert found <= {os.uname().machine, "i686", "armv7l"}


def test_what_is_not_known_differs_from_nothing():
    intel, apple, both, none = ({"x86_64"}, {"arm64"}, {"arm64", "x86_64"}, set())
    pairs = [
        (intel, apple, True),
        (intel, both, False),
        (both, both, False),
        (none, apple, False),
        (intel, none, False),
    ]
    for one, other, expected in pairs:
        assert differ(frozenset(one), frozenset(other)) is differ(frozenset(other), frozenset(one)) is expected


@pytest.mark.parametrize(
    ("built", "machine", "runs"),
    [("x86_64", "x86_64", True), ("i686", "x86_64", True), ("aarch64", "x86_64", False), ("x86_64", "i686", False),
     ("armv7l", "aarch64", True), ("x86_64", "amd64", True), ("x86_64", "sparc64", True), ("", "x86_64", True)],
)  # fmt: skip
def test_what_a_machine_can_run(built, machine, runs):
    assert runs_on(frozenset(filter(None, [built])), machine) is runs


def test_as_people_are_told():
    assert shown(frozenset({"x86_64", "arm64"})) == "arm64 and x86_64"
