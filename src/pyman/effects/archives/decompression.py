"""Decompressing an archive, one piece ahead of its reader.

Decompressing takes longer than everything else about unpacking, and zlib and zstd let other threads run meanwhile:
a thread of its own decompresses while the caller writes files. What it may be ahead is bounded, so memory is too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from pyman.core.archive import (
    Unacceptable,
)
from pyman.effects.observer import Observer
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib
    from typing import Any

_ANOTHER = "use another archive"
# Bytes. Small enough for a processor's own cache, large enough that handing over costs nothing.
_COMPRESSED_PIECE = 1 << 16
_PIECE = 1 << 18
_PIECES_AHEAD = 12

_GZIP = b"\x1f\x8b"
_BZIP2 = b"BZh"
_ZSTD = b"\x28\xb5\x2f\xfd"


def decompress(
    descriptor: int, archive: str, observer: Observer, task: str, digest: hashlib._Hash | None = None
) -> Iterator[bytes]:
    """Yield the content of a `.tar.gz`, `.tar.bz2` or `.tar.zst` in pieces, told apart by their first bytes.

    The checksums of the compression are compared to the end; `digest` gets every byte of the file. Raises Unacceptable
    when the file is damaged, cut short, followed by something else, or no such archive; PymanError when it cannot be
    read or needs a newer Python.
    """
    head = os.pread(descriptor, 512, 0)
    if head.startswith(_GZIP):
        return _gunzip(_compressed(descriptor, archive, observer, task, digest))
    if head.startswith(_ZSTD):
        return _unzstd(_compressed(descriptor, archive, observer, task, digest), archive)
    if head.startswith(_BZIP2):
        return _bunzip2(_compressed(descriptor, archive, observer, task, digest), archive)
    if not head:
        raise Unacceptable("is empty")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        raise Unacceptable("is a web page: something between this machine and the server answered instead")
    raise Unacceptable("is not a .tar.gz, .tar.bz2 or .tar.zst")


def _compressed(
    descriptor: int, archive: str, observer: Observer, task: str, digest: hashlib._Hash | None
) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(descriptor, _COMPRESSED_PIECE)
        except OSError as error:
            raise PymanError(f"{archive} cannot be read: {error.strerror}") from error
        if not piece:
            return
        observer.advanced(task, len(piece))
        if digest is not None:
            digest.update(piece)
        yield piece


def _gunzip(compressed: Iterator[bytes]) -> Iterator[bytes]:
    """RFC 1952. Several gzip members in a row are one file to it; anything else behind the last one is not."""
    import zlib

    gzip_format = 16 + zlib.MAX_WBITS
    decoder = zlib.decompressobj(gzip_format)
    try:
        for piece in compressed:
            rest = piece
            while rest:
                if decoder.eof:
                    decoder = zlib.decompressobj(gzip_format)
                yield decoder.decompress(rest, _PIECE)
                rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        while not decoder.eof:
            last = decoder.decompress(b"", _PIECE)
            if not last:
                raise Unacceptable("is truncated")
            yield last
    except zlib.error as error:
        raise Unacceptable(f"is damaged: {error}") from None


def _bunzip2(compressed: Iterator[bytes], archive: str) -> Iterator[bytes]:
    """The format of bzip2: every block has a checksum, and several streams in a row are one file to it."""
    try:
        import bz2
    except ImportError:
        raise PymanError(
            f"{archive} is compressed with bzip2, which the Python that pyman runs on lacks",
            hint="run pyman on another Python",
        ) from None

    try:
        yield from _streams(compressed, bz2.BZ2Decompressor)
    except OSError as error:
        raise Unacceptable(f"is damaged: {error}") from None


def _unzstd(compressed: Iterator[bytes], archive: str) -> Iterator[bytes]:
    """RFC 8878. Its checksum is optional; where a frame has none, only the archive's own hash speaks for it."""
    try:
        from compression import zstd  # type: ignore[import-not-found]  # Python 3.14 has it
    except ImportError:
        raise PymanError(
            f"{archive} is compressed with zstd, which needs pyman to run on Python 3.14 or newer",
            hint="take the .tar.gz of the same release",
        ) from None

    try:
        yield from _streams(compressed, zstd.ZstdDecompressor)
    except zstd.ZstdError as error:
        raise Unacceptable(f"is damaged: {error}") from None


def _streams(compressed: Iterator[bytes], make_decoder: Callable[[], Any]) -> Iterator[bytes]:
    """Decode streams that follow each other as one. Raises Unacceptable for one that is truncated."""
    decoder = make_decoder()
    for piece in compressed:
        rest = piece
        while rest or not (decoder.needs_input or decoder.eof):
            if decoder.eof:
                decoder = make_decoder()
            yield decoder.decompress(rest, _PIECE)
            rest = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise Unacceptable("is truncated")


class Ahead:
    """An iterator that runs in a thread of its own, a bounded number of pieces ahead. To be closed, always."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        import threading
        from queue import SimpleQueue

        self._pieces = pieces
        self._ready: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
        self._room = threading.Semaphore(_PIECES_AHEAD)
        self._wanted = True
        self._thread = threading.Thread(target=self._work, name="decompress", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            piece = self._ready.get()
            if piece is None:
                return
            if isinstance(piece, BaseException):
                raise piece
            self._room.release()
            yield piece

    def close(self) -> None:
        """Stop the thread, wherever it is, and wait for it."""
        self._wanted = False
        self._room.release()
        self._thread.join()

    def _work(self) -> None:
        end: BaseException | None = None
        try:
            for piece in self._pieces:
                self._room.acquire()
                if not self._wanted:
                    return
                self._ready.put(piece)
        except BaseException as error:  # noqa: BLE001 it is raised again where the pieces are read
            end = error
        self._ready.put(end)
