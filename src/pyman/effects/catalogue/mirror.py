"""A mirror as a folder: archives fetched into it, and its lists written again, each in one step.

An archive is in its place before a list names it. What is on its way lies in `.pyman-mirror` in the folder, on the
same file system, with the lock that one process at a time holds; the next run goes on with it.
"""

from __future__ import annotations

import os

from pyman.core.advisories import FILE, LARGEST, NotATable, Table, parse_table, table_text
from pyman.core.catalogue import WrongShape, resolve_url
from pyman.core.mirror_lists import INDEX, SUMS, MirroredArchive, merge_index, merge_sums
from pyman.effects.checksum import sha256_of
from pyman.effects.files import open_regular, read_text, replace_file
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.lock import hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write, make_folder
from pyman.effects.web.download import fetch_all
from pyman.errors import NOT_A_MIRROR, IntegrityError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_WORK = ".pyman-mirror"
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

    Raises what `fetch_all` raises, PymanError where the folder cannot be written or its index is none. What is
    complete by then stays.
    """
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
                place = os.path.join(folder, archive.place)
                make_folder(os.path.dirname(place))
                with DeferredSignals():
                    os.replace(ready, place)
                    done[archive] = True
            with DeferredSignals():
                _write_lists(folder, archives)
                committed()
        except OSError as error:
            raise cannot_write(folder, error) from error
        _clean_up(os.path.join(work, "archives"))


def add_table(folder: str, table: Table, done: list[Table], observer: Observer = SILENT) -> None:
    """Put a table of advisories into a mirror, unless it has that one or a newer one; `done` gets what was added.

    Raises PymanError where the folder cannot be written.
    """
    if not lacks_table(folder, table):
        return
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

    Raises PymanError where the folder has an index that cannot be understood.
    """
    _read_index(folder, [])
    return {archive: not _is_right(folder, archive) for archive in archives}


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
    if found.startswith(work + os.sep):
        return found
    # From a mirror that is a folder: its file stays where it is.
    copy = os.path.join(work, f"copy-{archive.name}")
    if _copy(found, copy) != archive.build.sha256:
        os.unlink(copy)
        raise IntegrityError(f"{found} was changed while it was copied", hint="run the same command again")
    return copy


def _copy(source: str, destination: str) -> str:
    import hashlib

    digest = hashlib.sha256()
    with open_regular(source) as reading, open(destination, "wb") as writing:
        while piece := reading.read(_PIECE):
            digest.update(piece)
            writing.write(piece)
    os.chmod(destination, 0o644)
    return digest.hexdigest()


def _write_sums(folder: str, archives: list[MirroredArchive]) -> None:
    path = os.path.join(folder, SUMS)
    sums = {archive.name: archive.build.sha256 or "" for archive in archives}
    _replace(path, merge_sums(_text(path), sums))


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
        replace_file(path, text.encode("utf-8", "surrogateescape"), durable=True)


def _clean_up(folder: str) -> None:
    """Remove the locks of finished downloads; what is cut off stays for the next run."""
    try:
        for name in os.listdir(folder):
            if name.endswith(".lock"):
                os.unlink(os.path.join(folder, name))
        os.rmdir(folder)
    except OSError:
        pass  # not there, or something of another run is in it
