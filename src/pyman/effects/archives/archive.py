"""Unpacking: from an archive whose hash is known to be right to the tree of a runtime."""

from __future__ import annotations

import os
import stat

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
    read_patch_level,
)
from pyman.core.implementation import CPYTHON, title
from pyman.effects.archives.decompression import Ahead, decompress
from pyman.effects.archives.tar_stream import TarStream
from pyman.effects.files import NotReadable, read_text
from pyman.effects.interpreters.on_disk import read_other_version
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write
from pyman.errors import IntegrityError, NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib

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
