"""A venv kept aside while another takes its place: the old one is restored, whole, unless the new one is good.

A journal (journal.py) says so to the next pyman, should this process die.
"""

from __future__ import annotations

import errno
import os

from pyman.core.escape import as_word
from pyman.effects.copying import flush
from pyman.effects.interruption import DeferredSignals, committed, defer_signals, failure_of
from pyman.effects.lock import Lock, hold
from pyman.effects.mounts import cannot_rename, is_mount_point, never_renames, refuse_mounts_below
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.venvs.journal import Journal
from pyman.effects.venvs.records import record_name
from pyman.effects.venvs.recovery import (
    back_up_copy,
    complete,
    parts_of,
    recover_venv,
    restore,
    shown,
    take_parts,
)
from pyman.effects.venvs.user_files import others_in_shared_folders, own_entries, user_files_in
from pyman.errors import HOME, MOUNT, NOT_YOURS, OTHER_FILES, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pyman.effects.venvs.journal import Operation


class Backup:
    """One venv, backed up while `with` lasts. `commit` ends it well; leaving without restores the old one.

    `names` are what of its folder is backed up, where that holds more than the venv; else the whole folder is. A signal
    cuts the body short, and never the way in or back. Raises Refused for a venv that cannot be moved or that another
    process has backed up, PymanError where the system refuses something.
    """

    def __init__(
        self,
        places: Places,
        venv: str,
        operation: Operation,
        observer: Observer = SILENT,
        *,
        names: tuple[str, ...] = (),
    ) -> None:
        self.venv = venv
        self.kept = False
        """True once the new venv stands, whatever happens afterwards."""
        self.restored = True
        """False where the old venv could not be restored."""
        self._places = places
        self._operation = operation
        self._names = names
        self._observer = observer
        self.journal = Journal(None, venv, operation)
        """For who makes the new venv; begun on the way in."""

    @property
    def backup(self) -> str:
        """Where the old one is meanwhile."""
        return self.journal.entry.backup

    def __enter__(self) -> Self:
        refuse_what_holds_the_store(self._places, self.venv)
        recover_venv(self._places, self.venv, self._observer)
        inode = refuse_what_cannot_move(self.venv, beside=not self._names)
        parts = _parts(self.venv, self._names)
        self.journal = Journal(
            self._places,
            self.venv,
            self._operation,
            old=0 if parts else inode,
            taken=parts,
            durable=True,
            observer=self._observer,
        )
        try:
            with DeferredSignals():
                self.journal.__enter__()
                if not self.journal.is_written:
                    self._observer.noted(f"{self.venv} is in {self.backup} until the new one works")
                self._move_away()
            return self
        except BaseException as error:
            failure = _cannot_move(self.venv, error) if isinstance(error, OSError) else error
            self._go_back(failure)
            if failure is error:
                raise
            raise failure from error

    def _move_away(self) -> None:
        if self.journal.entry.taken:
            take_parts(self.journal.entry)
            return
        try:
            os.rename(self.venv, self.backup)
        except OSError as error:
            if not never_renames(self.venv, error):
                raise
            back_up_copy(self.journal)

    @defer_signals
    def _go_back(self, error: BaseException) -> None:
        """Undo a beginning; the failure of it also tells of what could not be undone."""
        entry = self.journal.entry
        try:
            restore(entry)
        except OSError as trouble:
            self.journal.end(keep=True)
            is_moved = entry.copy is None or entry.whole
            if is_moved and os.path.lexists(entry.backup):
                self._tell_not_restored(error, trouble)
            return
        self.journal.end(keep=entry.is_unfinished)

    def flush(self) -> None:
        """Wait until the disk has the new venv: only then may a power failure find the old one gone."""
        try:
            flush(self.venv)
        except OSError as error:
            raise cannot_write(self.venv, error) from error

    def commit(self, moving: tuple[str, ...] = ()) -> None:
        """Say that the new venv is good: from here on a crash drops the old one instead of restoring it.

        `moving` are names at the top of the old venv that the new one gets. Raises PymanError where that cannot be
        written; the new one is not kept then.
        """
        with DeferredSignals():
            try:
                self.journal.good(moving)
            except OSError as error:
                raise cannot_write(self.venv, error) from error
            self.kept = True
            committed()

    @defer_signals
    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if self.kept:
            self._finish()
        else:
            self._undo(error)

    def _finish(self) -> None:
        try:
            try:
                complete(self.journal.entry)
            except OSError:
                complete(self.journal.entry)  # What came in the way has gone, more often than not.
        except OSError as trouble:
            self._observer.noted(f"the old venv could not be removed from {self.backup} yet: {trouble}")
            self.journal.end(keep=True)
            return
        self.journal.end()

    def _undo(self, error: BaseException | None) -> None:
        try:
            restore(self.journal.entry)
        except OSError as trouble:
            self.journal.end(keep=True)
            self._tell_not_restored(error, trouble)
            return
        self.journal.end(keep=self.journal.entry.is_unfinished or self.journal.entry.is_interrupted)

    def _tell_not_restored(self, error: BaseException | None, trouble: OSError) -> None:
        """Add to a failure where the old venv lies. Raises PymanError where there is no failure to add it to."""
        self.restored = False
        told = f"the old venv could not be restored from {self.backup}: {trouble}"
        hint = f"rename {self.backup} to {self.venv} yourself"
        if self.journal.entry.taken:
            hint = f"move what is in {self.backup} back into {self.venv} yourself"
        failure = failure_of(error)
        if failure is None:
            raise PymanError(told, hint=hint) from trouble
        failure.message += f"; {told}"
        failure.hint = hint


def _parts(venv: str, names: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    try:
        return parts_of(venv, names)
    except OSError as error:
        raise PymanError(f"{venv} cannot be read: {error}", hint="run the same command again") from error


def parts_to_remove(venv: str, command: str, *, yes: bool) -> tuple[str, ...]:
    """What of a folder is the venv's, where something else lies at its top too; empty for one that is a venv alone.

    `command` removes it, for the hint. Raises Refused without `yes` where there is something else.
    """
    try:
        refuse_mounts_below(venv)
        user_files = user_files_in(venv) or others_in_shared_folders(venv)
        if user_files and yes:
            return own_entries(venv)
    except OSError as error:
        raise PymanError(f"{venv} cannot be read: {error}", hint="fix that, then run the same command again") from error
    if user_files:
        raise Refused(
            f"{venv} contains files that are not part of a venv: {shown(user_files)}",
            hint=f"`{command} --yes` removes only the venv's own files",
            code=OTHER_FILES,
        )
    return ()


def refuse_what_holds_the_store(places: Places, venv: str) -> None:
    """Raise Refused for a venv whose folder holds the home folder or the store: `python -m venv ~/.local`."""
    folder = os.path.realpath(venv).rstrip("/") + "/"
    for what, path in (("your home folder", places.home), ("the store of pyman", places.root)):
        if f"{os.path.realpath(path)}/".startswith(folder):
            raise Refused(
                f"{venv} contains {what}, {path}; nothing was changed",
                hint=f"if that folder is not meant to be a venv, run `rm {as_word(f'{venv}/pyvenv.cfg')}`",
                code=HOME,
            )


def refuse_what_cannot_move(venv: str, *, beside: bool = True) -> int:
    """Raise Refused or ReadOnly for a venv that cannot be moved, beside itself or in parts, or that another user owns.

    Returns its inode.
    """
    try:
        status = os.lstat(venv)
    except OSError as error:
        raise Refused(f"{venv} is gone: {error.strerror}", hint="check it, then run the same command again") from error
    if status.st_uid != os.geteuid():
        raise Refused(f"{venv} belongs to another user", hint="ask its owner to run pyman", code=NOT_YOURS)
    if is_mount_point(venv):
        raise _mounted(venv)
    refuse_mounts_below(venv)
    folder = os.path.dirname(venv)
    if beside and not os.access(folder, os.W_OK | os.X_OK):
        raise ReadOnly(
            f"{folder} cannot be written",
            hint=f"make {folder} writable: the old venv is kept there until the new one works",
        )
    return status.st_ino


def _cannot_move(venv: str, error: OSError) -> PymanError:
    if is_mount_point(venv):
        return _mounted(venv)
    if error.errno == errno.EXDEV:
        return cannot_rename(venv)
    told = cannot_write(venv, error)
    if isinstance(told, ReadOnly):
        told.hint = f"{os.path.dirname(venv)} must be writable, because the old venv is kept there meanwhile"
    return told


def _mounted(venv: str) -> Refused:
    return Refused(
        f"{venv} is a mount point and cannot be moved", hint="create the venv in a folder inside it", code=MOUNT
    )


# One process at a time changes a venv; the others wait, and say for which one.


class VenvLock:
    """The right to change one venv, while `with` lasts: others wait, and are told for whom.

    A store that cannot be written has no turns; nobody else changes its venvs through pyman at the same instant.
    """

    def __init__(self, places: Places, venv: str, observer: Observer = SILENT) -> None:
        self._root = places.root
        self._path = os.path.join(places.root, f".lock-{record_name(venv)}")
        self._lock: Lock | None = hold(self._path, observer, what=venv)

    def __enter__(self) -> None:
        try:
            make_folder(self._root)
            if self._lock is not None:
                self._lock.__enter__()
        except ReadOnly:
            self._lock = None

    @defer_signals
    def __exit__(self, *_: object) -> None:
        if self._lock is None:
            return
        try:
            # There are as many of these as venvs; who waits for it notices, and makes a new one.
            os.unlink(self._path)
        except OSError:
            pass  # A file system without `flock` has none.
        self._lock.__exit__()
