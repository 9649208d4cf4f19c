"""The lines of a list of builds as they come in, and what to say of a list that is none."""

from __future__ import annotations

from pyman.effects.web.http import PassingError
from pyman.errors import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A hundred times what upstream has.
_LONGEST_LINE = 8 << 20
_LARGEST = 1 << 30


def split_lines(pieces: Iterable[bytes], shown: str) -> Iterator[tuple[int, bytes, bool]]:
    """Yield the lines that are not blank, with their numbers from 1, and whether their end was seen."""
    rest = b""
    number = size = 0
    for piece in pieces:
        size += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                yield number, line, True
        if len(rest) > _LONGEST_LINE or size > _LARGEST:
            raise NetworkError(
                f"the list of builds at {shown} is longer than any list of builds",
                hint="check the address of the mirror",
            )
    if rest.strip():
        yield number + 1, rest, False


def unreadable_line(shown: str, number: int, line: bytes, reason: str, *, first: bool, ended: bool) -> NetworkError:
    """Return the error for a line that is no release, `reason` says why; `ended` as `split_lines` yields it."""
    if first and line.lstrip(b"\xef\xbb\xbf \t\r").startswith(b"<"):
        return web_page(shown)
    if not ended:
        return PassingError(f"the list of builds at {shown} ends in the middle of line {number}")
    return NetworkError(
        f"line {number} of the list of builds at {shown} {reason}", hint="check the address, or tell whoever runs it"
    )


def web_page(shown: str) -> NetworkError:
    """Return the error for a page that a network shows to those who are to log in."""
    return NetworkError(
        f"{shown} sent a web page instead of the list of builds",
        hint="your network may ask you to log in first: open any page in a browser",
    )
