"""`repairs` in the store: each repair is written down before it is made, and read to take it back (design.md 7)."""

from __future__ import annotations

import errno
import os
import stat
import time
from io import BytesIO

from pyman.core.repairs import DoneRepair, FileChange, Present, as_line, parse_line
from pyman.effects.files import NotReadable, read_bytes, read_descriptor, replace_file, write_all
from pyman.effects.lock import Lock, hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.venvs.stores import stores_of
from pyman.errors import UNREADABLE_STORE, UNSAFE_FOLDER, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_NAME = "repairs"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ADD = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OTHERS = stat.S_IWGRP | stat.S_IWOTH

_PLENTY = 1 << 20
"""Bytes. Before a run adds to more than this, the oldest runs go until half of it is left."""
_LARGEST = 32 << 20
"""Bytes. A run that fills this repairs on, and the rest of it cannot be taken back."""


class RepairLog:
    """What one call of pyman repairs, written down as it does."""

    def __init__(self, places: Places, observer: Observer = SILENT) -> None:
        self._places = places
        self._observer = observer
        self.run = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{os.urandom(4).hex()}"
        self._has_begun = False
        self._is_off = False

    def check(self) -> None:
        """Raise PymanError where the file of repairs must not be trusted: nothing is repaired then."""
        for store in stores_of(self._places):
            path = os.path.join(store, _NAME)
            try:
                descriptor = _open(path, _READ)
            except OSError as error:
                raise _unreadable(path, error) from error
            if descriptor is not None:
                os.close(descriptor)

    def add(self, repair: DoneRepair) -> Callable[[], None]:
        """Write a repair down, and return what takes that back; where nothing can be written, it is only said once.

        Raises PymanError where the file must not be trusted, or the system refuses it.
        """
        if not self._is_off:
            for store in stores_of(self._places):
                try:
                    return self._add(os.path.join(store, _NAME), as_line(repair))
                except ReadOnly:
                    continue
                except NotReadable:
                    break
            self._is_off = True
            self._observer.noted(f"the record of repairs is full: `--undo` will not undo {repair.path}")
        return lambda: None

    def _add(self, path: str, line: bytes) -> Callable[[], None]:
        make_folder(os.path.dirname(path))
        with _locked(path, self._observer):
            try:
                if not self._has_begun:
                    _make_room(path)
                before, after = _append(path, line)
            except NotReadable:
                raise
            except OSError as error:
                raise cannot_write(path, error) from error
        self._has_begun = True

        def take_back() -> None:
            with _locked(path, self._observer):
                _shorten(path, before, after)

        return take_back


def read_repairs(places: Places) -> tuple[DoneRepair, ...]:
    """The repairs of this user, the last one last. Raises PymanError where a file of them must not be trusted."""
    found = [repair for store in stores_of(places) for repair in _parsed(_read(os.path.join(store, _NAME)))]
    return tuple(sorted(found, key=lambda repair: repair.run[:16]))


def forget_repairs(places: Places, settled: Collection[tuple[str, str]], observer: Observer = SILENT) -> None:
    """Remove repairs that were taken back, by run and folder. Raises PymanError where that cannot be written."""
    if not settled:
        return
    for store in stores_of(places):
        path = os.path.join(store, _NAME)
        if not os.path.lexists(path):
            continue
        with _locked(path, observer):
            content = _read(path)
            left = [as_line(one) for one in _parsed(content) if (one.run, one.folder) not in settled]
            try:
                replace_file(path, b"".join(left), 0o600)
            except OSError as error:
                raise cannot_write(path, error) from error


def present_of(repairs: Iterable[DoneRepair]) -> dict[str, Present]:
    """What now has the names that repairs are about. What cannot be read is neither file nor link."""
    return {
        change.path: _present(change.path, isinstance(change, FileChange)) for one in repairs for change in one.changes
    }


def _present(path: str, is_file: bool) -> Present:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Present()
    except OSError:
        return Present(is_there=True)
    try:
        if stat.S_ISLNK(status.st_mode):
            return Present(os.readlink(path), None, True)
        if stat.S_ISREG(status.st_mode) and is_file:
            return Present(None, read_bytes(path), True, stat.S_IMODE(status.st_mode))
    except OSError:
        pass
    return Present(is_there=True)


def modes_of(paths: Iterable[str]) -> dict[str, int]:
    """The permissions of files; what cannot be looked at is left out."""
    modes: dict[str, int] = {}
    for path in paths:
        try:
            modes[path] = stat.S_IMODE(os.lstat(path).st_mode)
        except OSError:
            continue
    return modes


# The file itself.


def _locked(path: str, observer: Observer) -> Lock:
    return hold(os.path.join(os.path.dirname(path), f".lock-{_NAME}"), observer, what="the list of repairs")


def _open(path: str, flags: int) -> int | None:
    """Open a file of this user that nobody else can write to; None where there is none, or it is root's.

    Raises PymanError for any other, and OSError.
    """
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise _not_trusted(path, "is a link") from None
        if error.errno in (errno.ENXIO, errno.EISDIR):
            raise _not_trusted(path, "is not a file") from None
        if error.errno == errno.EACCES and _is_roots(path):
            return None
        raise
    status = os.fstat(descriptor)
    reason = ""
    if not stat.S_ISREG(status.st_mode):
        reason = "is not a file"
    elif status.st_uid not in (0, os.geteuid()):
        reason = "belongs to another user"
    elif status.st_mode & _OTHERS:
        reason = "can be written by others"
    if reason or status.st_uid != os.geteuid():
        os.close(descriptor)
        if reason:
            raise _not_trusted(path, reason)
        return None
    return descriptor


def _is_roots(path: str) -> bool:
    """True for root's file in a store that others use too: what root has repaired is root's to take back."""
    try:
        return os.lstat(path).st_uid == 0 != os.geteuid()
    except OSError:
        return False


def _not_trusted(path: str, reason: str) -> Refused:
    from pyman.core.escape import as_word

    return Refused(
        f"{path} {reason}, so what it says was repaired cannot be trusted",
        hint=f"inspect it, then run `rm -r {as_word(path)}`; earlier repairs can then no longer be undone",
        code=UNSAFE_FOLDER,
    )


def _read(path: str) -> bytes:
    """The content of the file; nothing where there is none. Raises PymanError where it must not be trusted."""
    try:
        descriptor = _open(path, _READ)
        if descriptor is None:
            return b""
        try:
            return read_descriptor(descriptor, path, 2 * _LARGEST)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> PymanError:
    return PymanError(
        f"{path} cannot be read: {error.strerror or error}",
        hint="delete it; earlier repairs can then no longer be undone",
        code=UNREADABLE_STORE,
    )


def _parsed(content: bytes) -> Iterator[DoneRepair]:
    """What the whole lines tell; one that was cut off, or that pyman did not write, tells nothing."""
    return (repair for line in BytesIO(content) if (repair := parse_line(line)) is not None)


def _make_room(path: str) -> None:
    """Drop the oldest runs of a file that has grown large, and make it this process's own: it may have other names."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode) and (status.st_size > _PLENTY or status.st_nlink > 1):
        runs: dict[str, list[bytes]] = {}
        for repair in reversed(tuple(_parsed(_read(path)))):
            runs.setdefault(repair.run, []).append(as_line(repair))
        kept: list[bytes] = []
        size = 0
        for lines in runs.values():
            size += sum(map(len, lines))
            if size > _PLENTY // 2:
                break
            kept += lines
        replace_file(path, b"".join(reversed(kept)), 0o600)


def _append(path: str, line: bytes) -> tuple[int, int]:
    """Add a line; the sizes before and after. Raises NotReadable where the file is full, and OSError."""
    descriptor = _open(path, _ADD)
    if descriptor is None:
        try:
            descriptor = os.open(path, _ADD | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise NotReadable(f"{path} is root's") from None
    try:
        before = os.fstat(descriptor).st_size
        if before + len(line) > _LARGEST:
            raise NotReadable(f"{path} has {before} bytes")
        if before and os.pread(descriptor, 1, before - 1) != b"\n":
            line = b"\n" + line  # The last one was cut off.
        try:
            write_all(descriptor, line)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
        return before, before + len(line)
    finally:
        os.close(descriptor)


def _shorten(path: str, before: int, after: int) -> None:
    """Remove the last line again, if it still is the last one. Raises OSError."""
    descriptor = _open(path, _ADD)
    if descriptor is None:
        return
    try:
        if os.fstat(descriptor).st_size == after:
            os.ftruncate(descriptor, before)
    finally:
        os.close(descriptor)
