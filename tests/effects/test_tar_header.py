"""Headers of tar archives, against those that the standard library writes and reads."""

from __future__ import annotations

import tarfile

from hypothesis import given
from hypothesis import strategies as st

from pyman.core.archive import Unacceptable
from pyman.effects.archives.tar_stream import _read_header

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
                         tarfile.FIFOTYPE])  # fmt: skip
FORMATS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


@st.composite
def members(draw):
    member = tarfile.TarInfo("/".join(draw(st.lists(NAMES, min_size=1, max_size=4))))
    member.type = draw(KINDS)
    member.linkname = draw(NAMES) if member.type in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    member.size = draw(st.integers(0, 8**12)) if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else 0
    member.mode = draw(st.integers(0, 0o7777))
    return member


def blocks(member, tar_format):
    try:
        written = member.tobuf(tar_format, "utf-8", "surrogateescape")
    except ValueError:
        return []  # no room for it in this format
    return [written[start : start + 512] for start in range(0, len(written), 512)]


def theirs(block):
    header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    # What a folder is called is all the same to both: a slash at its end says nothing more.
    name = header.name.rstrip("/") if header.type == tarfile.DIRTYPE else header.name
    return name, header.type, header.size, header.mode, header.linkname


def ours(block):
    header = _read_header(block)
    name = header.name.rstrip("/") if header.kind == tarfile.DIRTYPE else header.name
    return name, header.kind, header.size, header.mode, header.target


@given(members(), FORMATS)
def test_what_the_standard_library_writes(member, tar_format):
    for block in blocks(member, tar_format)[:1]:
        assert ours(block) == theirs(block)


@given(members(), FORMATS, st.integers(0, 511), st.integers(0, 255))
def test_one_byte_changed_is_seen_or_is_no_change(member, tar_format, place, value):
    for block in blocks(member, tar_format)[:1]:
        changed = block[:place] + bytes([value]) + block[place + 1 :]
        if changed == block:
            continue
        try:
            read = ours(changed)
        except Unacceptable:
            continue
        # Another way to write the same checksum.
        assert 148 <= place < 156
        assert read == ours(block)


@given(st.binary(min_size=512, max_size=512))
def test_random_bytes_are_no_header(content):
    try:
        _read_header(content)
    except Unacceptable:
        return
    tarfile.TarInfo.frombuf(content, "utf-8", "surrogateescape")


@given(members(), st.sampled_from([124, 100]), st.binary(min_size=8, max_size=8))
def test_a_number_is_read_as_the_standard_library_does_or_refused(member, place, field):
    for block in blocks(member, tarfile.USTAR_FORMAT)[:1]:
        changed = bytearray(block)
        changed[place : place + 8] = field
        changed[148:156] = b" " * 8
        changed[148:156] = b"%06o\0 " % sum(changed)
        try:
            read = ours(bytes(changed))
        except Unacceptable:
            continue
        assert read == theirs(bytes(changed))
