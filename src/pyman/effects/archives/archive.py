"""Unpacking: from an archive whose hash is known to be right to the tree of a runtime."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from pyman.core.archive import (
    FOLDER_MODE,
    TOP_FOLDER,
    ArchiveName,
    Limits,
    Member,
    Placement,
    Release,
    Tree,
    Unacceptable,
    parse_archive_name,
    read_configuration,
    read_extended_header,
    read_patch_level,
)
from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON, title
from pyman.effects.files import NotReadable, read_text
from pyman.effects.interpreters.on_disk import read_other_version
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write
from pyman.errors import IntegrityError, NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib
    from typing import Any

_ANOTHER = "use another archive"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(
    archive: str,
    destination: str,
    observer: Observer = SILENT,
    task: str = "",
    *,
    sha256: str = "",
    limits: Limits | None = None,
    top: str | None = TOP_FOLDER,
) -> None:
    """Put what an archive holds below its one folder into `destination`, an empty folder that nobody else knows.

    That folder is called `top`; None for whatever it is called.

    Reads the archive to its very end and compares the checksums of its compression. Modes become 755 and 644, times
    those of now: upstream gives every release the same ones, and bytecode is told apart by them.

    `sha256` is what the archive was found to have before. One that others may have changed or exchanged since, because
    it is not the user's or root's alone, is compared with it once more, as it is read.

    Nothing is ever made outside `destination`; after a failure it holds a part of the tree. Raises IntegrityError for
    an archive that is damaged, that is not what it was, or that may not be unpacked (see `core.archive`),
    NotFound where there is none, PymanError for what the system refuses: a full disk, a folder that cannot be written.
    """
    limits = limits or Limits()
    descriptor, status = _open_archive(archive)
    try:
        observer.began(task, status.st_size)
        digest = _digest() if sha256 and _may_be_changed(status) else None
        pieces = Ahead(decompress(descriptor, archive, observer, task, digest))
        try:
            _unpack_pieces(TarStream(iter(pieces), tree := Tree(limits, top), limits), tree, destination)
        finally:
            pieces.close()
        if digest is not None and digest.hexdigest() != sha256:
            raise Unacceptable("was changed by another process after it was checked")
    except Unacceptable as error:
        raise IntegrityError(f"{archive} {error}", hint="get the archive again, from a place that you trust") from None
    except FileExistsError as error:
        # the rules tell every two names apart; a file system that ignores case does not
        raise IntegrityError(
            f"{archive} has two members that are both {error.filename} in {destination}",
            hint="use a case-sensitive file system",
        ) from None
    except OSError as error:
        raise cannot_write(destination, error) from error
    finally:
        os.close(descriptor)
        observer.finished(task)


def _digest() -> hashlib._Hash:
    import hashlib

    return hashlib.sha256()


def _may_be_changed(status: os.stat_result) -> bool:
    """Whether somebody else may write into a file, or has put it there."""
    return status.st_uid not in (0, os.geteuid()) or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _open_archive(archive: str) -> tuple[int, os.stat_result]:
    try:
        descriptor = os.open(archive, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise NotFound(f"there is no archive {archive}", hint="check its path") from None
    except OSError as error:
        raise PymanError(f"{archive} cannot be read: {error.strerror}") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise PymanError(f"{archive} is not a regular file", hint="give the path of an archive")
    return descriptor, status


def _unpack_pieces(stream: TarStream, tree: Tree, destination: str) -> None:
    folder = os.open(destination, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if os.listdir(folder):
            raise PymanError(f"{destination} is not empty, so nothing is unpacked into it", hint="empty it first")
        while (member := stream.next_member()) is not None:
            _make(member, tree.place(member), stream, folder)
        tree.finish()
        for path, target in tree.links:
            os.symlink(target, path, dir_fd=folder)
    finally:
        os.close(folder)


def _make(member: Member, placement: Placement, stream: TarStream, folder: int) -> None:
    """Make one member below the open folder, and the folders above it. Modes do not depend on the user's umask."""
    for path in placement.folders:
        os.mkdir(path, FOLDER_MODE, dir_fd=folder)
        os.chmod(path, FOLDER_MODE, dir_fd=folder)
    if member.kind == "hard link":
        os.link(placement.source, placement.path, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    elif member.kind == "file":
        descriptor = os.open(placement.path, _NEW_FILE, placement.mode, dir_fd=folder)
        try:
            for piece in stream.content():
                left = piece
                while left:
                    left = left[os.write(descriptor, left) :]
            os.fchmod(descriptor, placement.mode)
        finally:
            os.close(descriptor)


def release_of(archive: str) -> ArchiveName | None:
    """Return what the file name of an archive says that it holds, None when it is not one of upstream's names."""
    return parse_archive_name(os.path.basename(archive))


def release_in_tree(tree: str, implementation: str = CPYTHON, minor: str = "") -> Release:
    """Return the release of an unpacked runtime as its own headers tell it: no interpreter is started.

    `minor` is that of another implementation. Raises IntegrityError where they are missing or tell nothing.
    """
    if implementation != CPYTHON:
        found = read_other_version(tree, implementation, minor)
        if found is None or not found.own:
            raise IntegrityError(f"{tree} does not say which {title(implementation)} it is", hint=_ANOTHER)
        return Release(found, "default")
    try:
        folders = [name for name in os.listdir(f"{tree}/include") if name.startswith("python")]
        if len(folders) == 1:
            version = read_patch_level(read_text(f"{tree}/include/{folders[0]}/patchlevel.h"))
            variant = read_configuration(read_text(f"{tree}/include/{folders[0]}/pyconfig.h"))
            if version is not None and variant is not None:
                return Release(version, variant)
    except (NotReadable, OSError):
        pass  # said below, whatever the reason
    raise IntegrityError(
        f"{tree} does not say which Python it is: its include folder has no usable patchlevel.h",
        hint="only archives of CPython in the layout of python-build-standalone can be installed",
    )


# Reading a tar archive from front to back: its members, and the content of each, as it comes out of decompression.
#
# The loop of `tarfile` takes a damaged header for the end of the archive, holds every member, follows names through
# links, and knows kinds that no runtime needs: those are refused here. A header of POSIX.1-1988 (ustar) is read here
# too, at a third of the time, which is half of what unpacking costs beside decompression.

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
# Bytes. An extended header holds a name or two.
_LARGEST_EXTENSION = 1 << 16
# Bytes. What headers and padding may add to the content that the limits allow.
_SLACK = 1 << 27

_KINDS = {
    b"0": "file",
    b"\0": "file",
    b"1": "hard link",
    b"2": "link",
    b"3": "a device",
    b"4": "a device",
    b"5": "folder",
    b"6": "a named pipe",
    b"S": "a sparse file",
}


@record
class _Header:
    """What a block of 512 bytes says of the member behind it."""

    name: str
    kind: bytes
    size: int
    mode: int
    target: str


class TarStream:
    """The members of an archive in their order, once. `pieces` is the unpacked archive, in pieces of any size."""

    def __init__(self, pieces: Iterator[bytes], tree: Tree, limits: Limits) -> None:
        self._pieces = pieces
        self._tree = tree
        self._piece = memoryview(b"")
        self._left_in_stream = limits.size + _SLACK
        self._left_in_member = 0
        self._padding = 0

    def next_member(self) -> Member | None:
        """Return the next member, None at the end of the archive, when nothing but padding has followed.

        Raises Unacceptable when the archive is damaged, cut short, or holds what the limits do not allow.
        """
        for _ in self.content():
            pass  # what nobody has read of the member before
        self._skip(self._padding)
        self._padding = 0
        overrides: dict[str, str] = {}
        while True:
            block = self._take(_BLOCK)
            if block == _ZEROS:
                if overrides:
                    raise Unacceptable("ends in the middle of a member")
                self._check_rest()
                return None
            self._tree.count_header()
            header = _read_header(block)
            if header.kind not in (b"x", b"g", b"L", b"K"):
                return self._member(header, overrides)
            self._read_extension(header.kind, header.size, overrides)

    def content(self) -> Iterator[memoryview]:
        """Yield the content of the current member, what has not been read of it. A piece is valid until the next.

        Raises Unacceptable when the archive ends before it.
        """
        while self._left_in_member:
            piece = self._piece or self._next_piece()
            part, self._piece = piece[: self._left_in_member], piece[self._left_in_member :]
            self._left_in_member -= len(part)
            yield part

    def _member(self, header: _Header, overrides: dict[str, str]) -> Member:
        size = header.size
        if "size" in overrides:
            digits = overrides["size"]
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
                raise Unacceptable("has a member with a size that is not a number")
            size = int(digits)
        if size < 0:
            raise Unacceptable("has a member with a negative size")
        kind = _KINDS.get(header.kind, f"of the unknown type {header.kind!r}")
        if kind == "file":
            self._left_in_member = size
            self._padding = -size % _BLOCK
        name, target = overrides.get("path", header.name), overrides.get("linkpath", header.target)
        return Member(name, kind, size, executable=bool(header.mode & 0o100), target=target)

    def _read_extension(self, kind: bytes, size: int, overrides: dict[str, str]) -> None:
        """Take what an extra header says about the next member. Two that speak of the same thing are refused."""
        if not 0 <= size <= _LARGEST_EXTENSION:
            raise Unacceptable("has an extended header that is too large")
        content = self._take(size)
        self._skip(-size % _BLOCK)
        if kind in (b"L", b"K"):
            # GNU: one long name, ended by a zero byte
            records = {
                "path" if kind == b"L" else "linkpath": content.removesuffix(b"\0").decode("utf-8", "surrogateescape")
            }
        else:
            records = read_extended_header(content)
        for name, value in records.items():
            if name.startswith("GNU.sparse"):
                raise Unacceptable("has a sparse file")
            if name not in ("path", "linkpath", "size"):
                continue
            if kind == b"g" or name in overrides or not value:
                raise Unacceptable(f"has extended headers that are ambiguous about the {name} of a member")
            overrides[name] = value

    def _following_piece(self) -> memoryview | None:
        for piece in self._pieces:
            self._left_in_stream -= len(piece)
            if self._left_in_stream < 0:
                raise Unacceptable("contains more than its members")
            if piece:
                return memoryview(piece)
        return None

    def _next_piece(self) -> memoryview:
        piece = self._following_piece()
        if piece is None:
            raise Unacceptable("is truncated")
        return piece

    def _take(self, size: int) -> bytes:
        """Return the next `size` bytes, at most some kilobytes."""
        if len(self._piece) >= size:
            taken, self._piece = bytes(self._piece[:size]), self._piece[size:]
            return taken
        parts: list[bytes] = []
        while size:
            piece = self._piece or self._next_piece()
            parts.append(bytes(piece[:size]))
            self._piece = piece[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def _skip(self, size: int) -> None:
        if size:
            self._take(size)

    def _check_rest(self) -> None:
        """Read to the end, so that the checksum of the compression is looked at, and accept only zeros."""
        piece: memoryview | None = self._piece
        self._piece = memoryview(b"")
        while piece is not None:
            if piece.tobytes().strip(b"\0"):
                raise Unacceptable("goes on after its end")
            piece = self._following_piece()


def _read_header(block: bytes) -> _Header:
    """Read a header. Raises Unacceptable where its checksum is wrong or a number is none."""
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
        raise Unacceptable("has a damaged header: its checksum is wrong")
    name, kind = _text(block[:100]), block[156:157]
    if kind == b"\0" and name.endswith("/"):
        # As it was written before there were types.
        kind = b"5"
    if kind == b"5":
        name = name.rstrip("/")
    prefix = _text(block[345:500])
    if prefix and block[257:263] == b"ustar\0":
        # GNU keeps other things in its place, and writes the mark with a blank.
        name = f"{prefix}/{name}"
    return _Header(name, kind, _number(block[124:136]), _number(block[100:108]), _text(block[157:257]))


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """A number in octal digits, or in GNU's form for what is too large for them."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], "big") - (1 << 8 * len(field) - 8 if field[0] == 0xFF else 0)
    digits = field.partition(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise Unacceptable("has a damaged header: it contains an invalid number")
    return int(digits, 8) if digits else 0


# Decompressing an archive, one piece ahead of its reader.
#
# Decompressing takes longer than everything else about unpacking, and zlib and zstd let other threads run meanwhile:
# a thread of its own decompresses while the caller writes files. What it may be ahead is bounded, so memory is too.

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
