"""Filling a part from the web: going on where the last attempt stopped, and noticing what is no archive."""

from __future__ import annotations

from pyman.core.escape import without_secrets
from pyman.effects.web.failures import PassingError
from pyman.errors import IntegrityError, NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.catalogue import Build
    from pyman.effects.observer import Observer
    from pyman.effects.web.answer import Answer
    from pyman.effects.web.http import Web
    from pyman.effects.web.part import Part

# A hundred times what any build has.
_LARGEST = 8 << 30


class Receiver:
    """One archive on its way into one part."""

    def __init__(self, build: Build, part: Part, web: Web, observer: Observer) -> None:
        self._build = build
        self._part = part
        self._web = web
        self._observer = observer
        self._task = f"Python {build.release}"
        self._tags: dict[str, str] = {}
        self._told = 0
        self._last_url = build.url

    def receive(self) -> None:
        """Fill the part with what the build's size and sha256 say, from the first address that has it.

        A part that was put together from several attempts and is wrong is fetched once more from its beginning.
        Raises NetworkError, IntegrityError for another content, OSError where the part cannot be written.
        """
        urls = list(self._build.urls)
        may_restart = True
        try:
            while not self._is_right():
                self._web.transfer(self._task, urls, self._receive_from, lambda: self._part.size)
                if self._is_right():
                    return
                error = self._wrong()
                resumed = self._part.resumed
                self._part.restart()
                if resumed and may_restart:
                    may_restart = False
                    continue
                urls.remove(self._last_url)
                if not urls:
                    raise error
        finally:
            self._observer.finished(self._task)

    def _is_right(self) -> bool:
        part, build = self._part, self._build
        if part.size == 0 or (build.size is not None and part.size != build.size):
            return False
        # Without a hash, an end is all there is to go by, and only this attempt knows of one.
        return part.sha256 == build.sha256 if build.sha256 is not None else self._last_url in self._tags

    def _wrong(self) -> IntegrityError:
        part, build, shown = self._part, self._build, without_secrets(self._last_url)
        if part.size == 0:
            what = "is empty"
        elif build.size is not None and part.size != build.size:
            what = f"has {part.size} bytes, and its list says {build.size}"
        else:
            what = f"has the sha256 {part.sha256}, and its list says {build.sha256}"
        return IntegrityError(
            f"{shown} is not what it should be: it {what}",
            hint="try again later; if it stays so, tell whoever runs the mirror",
        )

    def _receive_from(self, url: str) -> None:
        self._last_url = url
        part = self._part
        headers = {"Accept-Encoding": "identity"}
        if part.size and self._build.sha256 is None and not self._tags.get(url):
            # Nothing could tell whether the rest is of the same file.
            part.restart()
        if part.size:
            headers["Range"] = f"bytes={part.size}-"
            if self._tags.get(url):
                headers["If-Range"] = self._tags[url]
        with self._web.get(url, headers) as answer:
            if answer.status == 416 and part.size:
                # Nothing is left: the part is whole, or of something else.
                if not self._is_right():
                    part.restart()
                    raise PassingError(f"{without_secrets(url)} is shorter than what came of it before")
                return
            self._check(answer, url)
            tag = answer.tag
            self._tags[url] = "" if tag.startswith("W/") else tag
            total = None if answer.length is None else part.size + answer.length
            self._observer.began(self._task, total or self._build.size)
            self._fill(answer, url)

    def _check(self, answer: Answer, url: str) -> None:
        """See that the answer goes on where the part ends, or begins anew."""
        part = self._part
        if answer.is_web_page:
            raise _web_page(url)
        if answer.status == 200:
            part.restart()
        elif answer.status == 206 and part.size:
            if not answer.headers.get("content-range", "").startswith(f"bytes {part.size}-"):
                part.restart()
                raise PassingError(f"{without_secrets(url)} goes on in another place than asked for")
            part.resumed = True
        else:
            raise NetworkError(f"{without_secrets(url)} answered HTTP {answer.status} to a plain question")

    def _fill(self, answer: Answer, url: str) -> None:
        part = self._part
        most = self._build.size or _LARGEST
        self._report()
        for piece in answer.pieces():
            if part.size == 0 and piece.lstrip()[:1] == b"<":
                raise _web_page(url)
            part.add(piece)
            self._report()
            if part.size > most:
                # Longer than it should be: what else comes does not matter.
                return

    def _report(self) -> None:
        """Tell how far it is; what comes a second time is told once."""
        if self._part.size > self._told:
            self._observer.advanced(self._task, self._part.size - self._told)
            self._told = self._part.size


def _web_page(url: str) -> NetworkError:
    return NetworkError(
        f"{without_secrets(url)} is a web page instead of an archive",
        hint="your network may ask you to log in first: open any page in a browser",
    )
