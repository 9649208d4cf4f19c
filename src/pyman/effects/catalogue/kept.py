"""A small file from the web, kept in the cache with its entity tag beside it and the time of the last question."""

from __future__ import annotations

import os

from pyman.effects.files import read_text, replace_file
from pyman.effects.places import make_folder
from pyman.effects.web.http import Web, usable_tag
from pyman.errors import BadAnswer, PymanError


class KeptFile:
    """One such file. A cache that cannot be written is done without."""

    def __init__(self, path: str, largest: int) -> None:
        """`largest` in bytes: what is longer is not what was asked for."""
        self._path = path
        self._tag_path = f"{path}.etag"
        self._largest = largest
        self._content: str | None = None

    def read(self) -> str:
        """What is known; empty where nothing is."""
        if self._content is not None:
            return self._content
        try:
            return read_text(self._path, self._largest)
        except OSError:
            return ""

    def tag(self) -> str:
        """The entity tag of that; empty where there is none."""
        try:
            return usable_tag(read_text(self._tag_path, 1000))
        except OSError:
            return ""

    def time(self) -> float:
        """When it was last asked for, in seconds since 1970; 0 where it never was."""
        try:
            return os.stat(self._path).st_mtime
        except OSError:
            return 0.0

    def refresh(self, web: Web, url: str, now: float) -> None:
        """Ask for it again. Raises NetworkError."""
        known = self.tag() if self.read() else ""
        content, tag = web.transfer(url, (url,), lambda address: ask(web, address, known, self._largest))
        if content is not None:
            self._content = content.decode("utf-8", "replace")
            self.write(content, tag)
        self.touch(now)

    def write(self, content: bytes, tag: str) -> None:
        """Keep an answer."""
        try:
            make_folder(os.path.dirname(self._path))
            # In this order: an old tag costs another answer, an old content with a new tag would stay for ever.
            replace_file(self._path, content)
            replace_file(self._tag_path, tag.encode())
        except (OSError, PymanError):
            pass  # as the docstring of the class says

    def touch(self, now: float) -> None:
        """Note that it was asked for, whatever came of that."""
        try:
            if not os.path.lexists(self._path):
                make_folder(os.path.dirname(self._path))
                replace_file(self._path, b"")
            os.utime(self._path, (now, now), follow_symlinks=False)
        except (OSError, PymanError):
            pass  # as the docstring of the class says


def ask(web: Web, url: str, tag: str, largest: int) -> tuple[bytes | None, str]:
    """Return what is published now, None where that has not changed, and its entity tag. Raises NetworkError."""
    with web.get(url, {"If-None-Match": tag} if tag else {}) as answer:
        if answer.status == 304 and tag:
            return None, tag
        content = b""
        for piece in answer.pieces(decoded=True):
            content += piece
            if len(content) > largest:
                raise BadAnswer(f"{url} is longer than what was requested")
        return content, answer.tag
