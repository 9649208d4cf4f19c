"""What strangers write: files that were right once and are damaged, and files of a size that nobody meant."""

from __future__ import annotations

from hypothesis import strategies as st

# What parsers stumble over: ends of lines and of texts, quotes, other encodings, ways out of a folder, long numbers.
_PIECES = (
    *(b"\0", b"\r", b"\n", b"\r\n", b"\t", b" ", b"\f", b"\x1c", b"\x85", b"\xff", b"\xef\xbb\xbf", b"\xed\xb2\x80"),
    *(b"\xe2\x80\xa8", b"\xc2\xb2", b"'", b'"', b"\\", b"`", b"$", b"#", b"=", b":", b";", b",", b"@", b"%00", b"%2e"),
    *(b"..", b"../", b"/", b"//", b"~", b"-", b"[", b"]", b"{", b"}", b"(", b")", b"<", b"null", b"true", b"-1", b"0"),
    *(b"9" * 30, b"9" * 5000, b"1e999", b"[" * 2000, b"(" * 2000, b"\\u0000", b"\\ud800", b"x" * 300),
)


@st.composite
def damaged(draw: st.DrawFn, *whole: bytes) -> bytes:
    """One of these contents with some places cut out, doubled, or filled with something else."""
    content = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 8)))
        piece = draw(st.sampled_from(_PIECES) | st.binary(max_size=6) | st.just(content[start:end] * 2))
        content = content[:start] + piece + content[end:]
    return content


_MEGABYTE = 1 << 20

HUGE = {
    "one line": b"a" * _MEGABYTE,
    "numbers": b"1" * _MEGABYTE,
    "zeros": bytes(_MEGABYTE),
    "no text": b"\xff" * _MEGABYTE,
    "lines": b"\n" * _MEGABYTE,
    "carriage returns": b"\r" * _MEGABYTE,
    "blanks": b" " * _MEGABYTE,
    "quotes": b'"' * _MEGABYTE,
    "nested": b"[" * _MEGABYTE,
    "dots": b"a." * (_MEGABYTE // 2),
    "keys": b"a = 1\n" * (_MEGABYTE // 6),
    "folded": b"a: 1\n " * (_MEGABYTE // 6),
    "assignments": b"VIRTUAL_ENV=" * (_MEGABYTE // 12),
    "rows": b'"a,""/b.so",,\n' * (_MEGABYTE // 14),
}
"""A megabyte each, by what it consists of."""


def text_of(content: bytes) -> str:
    """As files of strangers are read: what is no UTF-8 is kept."""
    return content.decode("utf-8", "surrogateescape")
