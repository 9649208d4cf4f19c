"""The names in Git's list of files, of every version, and what is not such a list."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from pyman.core.git_index import GitIndex, parse_index
from stage.hostile import HUGE, damaged

SHARED = bytes(range(1, 33))


def packed(number):
    """A number as version 4 has it."""
    found = bytes([number & 0x7F])
    while number := number >> 7:
        number -= 1
        found = bytes([0x80 | number & 0x7F]) + found
    return found


def entry(name, before, version, size, extended):
    flags = min(len(name), 0xFFF) | (0x4000 if extended else 0)
    start = b"s" * 40 + b"h" * size + flags.to_bytes(2, "big") + (b"\0\0" if extended else b"")
    if version == 4:
        common = next(
            (at for at, (a, b) in enumerate(zip(name, before, strict=False)) if a != b), min(len(name), len(before))
        )
        return start + packed(len(before) - common) + name[common:] + b"\0"
    whole = start + name
    return whole + b"\0" * (8 - len(whole) % 8)


def index(*names, version=2, size=20, extended=False, extensions=(), before=b""):
    content = b"DIRC" + version.to_bytes(4, "big") + len(names).to_bytes(4, "big")
    for name in names:
        content += entry(name, before, version, size, extended)
        before = name
    for kind, body in extensions:
        content += kind + len(body).to_bytes(4, "big") + body
    return content + b"c" * size


@pytest.mark.parametrize("size", [20, 32])
@pytest.mark.parametrize(("version", "extended"), [(2, False), (3, False), (3, True), (4, False), (4, True)])
def test_names_of_every_version(version, extended, size):
    names = (b".venv/pyvenv.cfg", b".venv/x" + b"y" * 5000, b"a", b"folder/A", b"folder/B")
    content = index(*names, version=version, size=size, extended=extended, extensions=[(b"TREE", b"x" * 9)])
    found = parse_index(content)
    assert found == GitIndex(frozenset(name.lower() for name in names))
    assert found.has(b"folder/a")
    assert not found.has(b"folder")


def test_a_folder_of_which_only_the_name_is_listed_has_all_that_lies_in_it():
    found = parse_index(index(b"a", b"deep/er/", extensions=[(b"sdir", b"")]))
    assert found.has(b"deep/er/.venv/pyvenv.cfg")
    assert not found.has(b"deep/x")
    assert not found.has(b"deeper/x")


@pytest.mark.parametrize("size", [20, 32])
def test_a_list_that_shares_another(size):
    link = (b"link", SHARED[:size] + b"bitmaps")
    # What replaces an entry of the other has no name.
    assert parse_index(index(b"", b"x", size=size, extensions=[link])) == GitIndex(
        frozenset((b"", b"x")), f"sharedindex.{SHARED[:size].hex()}"
    )
    assert parse_index(index(b"x", size=size, extensions=[(b"link", bytes(size))])) == GitIndex(frozenset((b"x",)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"DIRC",
        index(b"x", version=1),
        index(b"x", version=5),
        index(b"x").replace(b"DIRC", b"CRID"),
        index(b"x")[:40],
        index(b"x")[:-1],
        index(b"x") + b"y",
        index(b"x").replace(b"\0\1x", b"\0\2x"),
        index(b"xy", version=4, before=b"x" * 200)[:-1],
        index(b"xy", version=4, before=b"x" * 200),
        index(b"x", version=4)[:75],
        index(b"x", extensions=[(b"link", b"short")]),
        index(b"x", extensions=[(b"what", b"")]),
        b"DIRC\0\0\0\4\xff\xff\xff\xff" + b"\xff" * 200,
    ],
)
def test_what_is_not_understood(content):
    assert parse_index(content) is None


@settings(max_examples=200)
@given(
    content=damaged(
        index(b"a", b"b/c"),
        index(b"a", b"b/c", version=4, extensions=[(b"link", SHARED)]),
        index(b"a", size=32, extended=True, version=3),
    )
)
def test_a_damaged_list_is_one_or_none(content):
    found = parse_index(content)
    assert found is None or all(name in content.lower() or len(name) > 1 for name in found.names)


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_none(kind):
    for version in (2, 4):
        assert parse_index(b"DIRC" + version.to_bytes(4, "big") + b"\xff" * 4 + HUGE[kind]) is None
