"""A mirror as a folder: archives fetched into it, and its lists written again, each in one step.

An archive is in its place before a list names it. What is on its way lies in `.pyman-mirror` in the folder, on the
same file system, with the lock that one process at a time holds; the next run goes on with it.

The folder may have come with a clone, so nothing in it is followed: its own folders are real ones, opened without
following a link, and what is written into them is a new file.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager

from pyman.core.advisories import FILE, LARGEST, NotATable, Table, parse_table, table_text
from pyman.core.catalogue import WrongShape, resolve_url
from pyman.core.mirror_lists import INDEX, SUMS, MirroredArchive, merge_index, merge_sums
from pyman.effects.checksum import sha256_of
from pyman.effects.files import open_regular, read_text, replace_file, status_of, write_all
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.lock import hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write, make_folder
from pyman.effects.web.download import fetch_all
from pyman.errors import NOT_A_MIRROR, NOT_OWN_FOLDER, IntegrityError, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORK, _DOWNLOADS = ".pyman-mirror", "archives"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_THAT = (errno.ELOOP, errno.EMLINK, errno.ENOTDIR)
_LARGEST_LIST = 1 << 26
_PIECE = 1 << 20


def add_archives(
    folder: str,
    archives: list[MirroredArchive],
    done: dict[MirroredArchive, bool],
    *,
    offline: bool = False,
    observer: Observer = SILENT,
) -> None:
    """Put archives into a mirror and into its lists; `done` gets each that is there, with True where it was added.

    Raises what `fetch_all` raises, PymanError where the folder cannot be written or its index is none, Refused before
    anything is written where one of its folders is a link. What is complete by then stays.
    """
    _refuse_links(folder, archives)
    work = os.path.join(folder, _WORK)
    make_folder(work)
    with hold(os.path.join(work, "lock"), observer, what=f"the mirror {folder}"):
        try:
            _read_index(folder, [])
            done.update((archive, False) for archive in archives if _is_right(folder, archive))
            lacking = [archive for archive in archives if archive not in done]
            builds = [archive.build for archive in lacking]
            found = fetch_all(builds, work, offline=offline, observer=observer)
            for archive, path in zip(lacking, found, strict=True):
                ready = _on_the_same_disk(path, archive, work)
                below = os.path.join(folder, archive.folder)
                make_folder(below)
                with _opened(below) as release, DeferredSignals():
                    os.replace(ready, archive.name, dst_dir_fd=release)
                    done[archive] = True
            with DeferredSignals():
                _write_lists(folder, archives)
                committed()
        except OSError as error:
            raise cannot_write(folder, error) from error
        _clean_up(os.path.join(work, _DOWNLOADS), archives)


def add_table(folder: str, table: Table, done: list[Table], observer: Observer = SILENT) -> None:
    """Put a table of advisories into a mirror, unless it has that one or a newer one; `done` gets what was added.

    Raises PymanError where the folder cannot be written, Refused where its work folder is a link.
    """
    if not lacks_table(folder, table):
        return
    _refuse_links(folder, [])
    work = os.path.join(folder, _WORK)
    make_folder(work)
    with hold(os.path.join(work, "lock"), observer, what=f"the mirror {folder}"):
        if not lacks_table(folder, table):
            return
        try:
            with DeferredSignals():
                replace_file(os.path.join(folder, FILE), table_text(table).encode(), durable=True)
                done.append(table)
        except OSError as error:
            raise cannot_write(folder, error) from error


def lacks_table(folder: str, table: Table) -> bool:
    """True where a mirror has no table of advisories, or an older one."""
    try:
        return parse_table(read_text(os.path.join(folder, FILE), LARGEST)).made < table.made
    except (OSError, NotATable):
        return True


def archives_there(folder: str, archives: Iterable[MirroredArchive]) -> dict[MirroredArchive, bool]:
    """What `add_archives` would do: each archive, with True where it would be added.

    Raises PymanError where the folder has an index that cannot be understood, Refused where a folder in it is a link.
    """
    archives = list(archives)
    _refuse_links(folder, archives)
    _read_index(folder, [])
    return {archive: not _is_right(folder, archive) for archive in archives}


def _refuse_links(folder: str, archives: Iterable[MirroredArchive]) -> None:
    """Raise Refused where something other than a real folder has the name of one that is written into."""
    names = [_WORK, os.path.join(_WORK, _DOWNLOADS), *(archive.folder for archive in archives)]
    for path in dict.fromkeys(os.path.join(folder, name) for name in names):
        try:
            status = status_of(path)
        except OSError as error:
            raise cannot_write(path, error) from error
        if status is not None and not stat.S_ISDIR(status.st_mode):
            raise _no_real_folder(path)


def _no_real_folder(path: str) -> Refused:
    what = "a link" if os.path.islink(path) else "not a folder"
    return Refused(
        f"{path} is {what}, and pyman writes only into a mirror's own folders",
        hint="remove it, or choose another folder for the mirror",
        code=NOT_OWN_FOLDER,
    )


@contextmanager
def _opened(path: str) -> Iterator[int]:
    """The descriptor of a folder of the mirror, which is no link. Raises Refused where it is one, and OSError."""
    try:
        descriptor = os.open(path, _FOLDER)
    except OSError as error:
        if error.errno in _NOT_THAT:
            raise _no_real_folder(path) from None
        raise
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_lists(folder: str, archives: list[MirroredArchive]) -> None:
    for below in dict.fromkeys(archive.folder for archive in archives):
        _write_sums(os.path.join(folder, below), [one for one in archives if one.folder == below])
    sized = [(archive, os.path.getsize(os.path.join(folder, archive.place))) for archive in archives]
    _replace(os.path.join(folder, INDEX), _read_index(folder, sized))


def _is_right(folder: str, archive: MirroredArchive) -> bool:
    try:
        return sha256_of(os.path.join(folder, archive.place))[0] == archive.build.sha256
    except OSError:
        return False  # not there, or fetching replaces it


def _on_the_same_disk(found: str, archive: MirroredArchive, work: str) -> str:
    """An archive where a rename puts it in its place."""
    if found.startswith(work + os.sep) and not os.path.islink(found):
        return found
    # From a mirror that is a folder: its file stays where it is. Of a link what it leads to is taken.
    name = f"copy-{archive.name}"
    with _opened(work) as folder:
        if _copy(found, name, folder) != archive.build.sha256:
            os.unlink(name, dir_fd=folder)
            raise IntegrityError(f"{found} was changed while it was copied", hint="run the same command again")
    return os.path.join(work, name)


def _copy(source: str, name: str, folder: int) -> str:
    """Copy an archive to a new file in an open folder, and return its sha256; what has the name is removed first."""
    import hashlib

    try:
        os.unlink(name, dir_fd=folder)  # What a run left that was cut off, or a link, which is not followed.
    except FileNotFoundError:
        pass
    digest = hashlib.sha256()
    descriptor = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    try:
        with open_regular(source) as reading:
            while piece := reading.read(_PIECE):
                digest.update(piece)
                write_all(descriptor, piece)
        os.fchmod(descriptor, 0o644)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def _write_sums(folder: str, archives: list[MirroredArchive]) -> None:
    path = os.path.join(folder, SUMS)
    sums = {archive.name: archive.build.sha256 or "" for archive in archives}
    before = _text(path)
    text = merge_sums(before, sums)
    if text != before:
        with _opened(folder) as opened:
            replace_file(SUMS, _bytes(text), durable=True, folder=opened)


def _read_index(folder: str, sized: list[tuple[MirroredArchive, int]]) -> str:
    """The text that the index should have. Raises PymanError where there is one that cannot be understood."""
    path = os.path.join(folder, INDEX)

    def is_there(url: str) -> bool:
        try:
            return os.path.isfile(resolve_url(url, folder))
        except WrongShape:
            return True  # not pyman's to judge: whoever reads the index refuses it

    try:
        return merge_index(_text(path), sized, is_there)
    except WrongShape as error:
        raise PymanError(
            f"{path} is not a list of builds: {error}", hint="choose another folder, or fix it", code=NOT_A_MIRROR
        ) from error


def _text(path: str) -> str:
    try:
        return read_text(path, _LARGEST_LIST)
    except FileNotFoundError:
        return ""


def _replace(path: str, text: str) -> None:
    if text != _text(path):
        replace_file(path, _bytes(text), durable=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _clean_up(folder: str, archives: list[MirroredArchive]) -> None:
    """Remove the locks of these archives' finished downloads; what is cut off stays for the next run."""
    try:
        with _opened(folder) as opened:
            there = {*os.listdir(opened)}
            for archive in archives:
                lock = f".{archive.build.archive_name}.lock"
                if lock in there:
                    os.unlink(lock, dir_fd=opened)
        os.rmdir(folder)
    except (OSError, Refused):
        pass  # not there, or something of another run is in it
