"""What a server sends back."""

from __future__ import annotations

from pyman.effects.web.failures import Failures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


def usable_tag(text: str) -> str:
    """An entity tag as it came or was kept; empty for what no header can hold: line ends, and all beyond ASCII."""
    return text if text.isascii() and text.isprintable() else ""


class Answer:
    """What a server sends back: its status, its headers, and the content piece by piece. Closed by `with`."""

    def __init__(self, response: httpx.Response, silence: float) -> None:
        self._response = response
        self._silence = silence
        self.status = response.status_code
        self.headers = response.headers
        self.url = str(response.url)

    def __enter__(self) -> Answer:  # noqa: PYI034  # typing.Self would import typing
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    @property
    def is_web_page(self) -> bool:
        """True where the server itself says that this is a page for a person."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() in (
            "text/html",
            "application/xhtml+xml",
        )

    @property
    def tag(self) -> str:
        """The entity tag; empty where there is none that can be sent back."""
        return usable_tag(self.headers.get("etag", ""))

    @property
    def length(self) -> int | None:
        """Bytes that are still to come, as they are sent; None where the server does not say."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None

    def pieces(self, *, decoded: bool = False) -> Iterator[bytes]:
        """Yield the content as it comes in; `decoded` undoes a compression for the way.

        Raises PassingError for a transfer that is cut or stalls.
        """
        with Failures(self.url, self._silence):
            yield from self._response.iter_bytes() if decoded else self._response.iter_raw()
