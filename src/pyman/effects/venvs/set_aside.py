"""A venv set aside while another takes its place: the old one is back, whole, unless the new one stands.

A journal (effects/venvs/aside_journal.py) says so to the next pyman, should this process die.
"""

from __future__ import annotations

import errno
import os

from pyman.effects.interruption import Interruption
from pyman.effects.lock import hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.unfinished import WorkFolder
from pyman.effects.venvs.aside_journal import begin, find_good, go_on, is_set_aside, put_back, recover
from pyman.effects.venvs.place import being_made, work_name
from pyman.effects.venvs.records import record_name
from pyman.errors import MOUNT, NOT_YOURS, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class SetAside:
    """One venv, set aside while `with` lasts. `keep_new` ends it well; leaving without puts the old one back.

    A signal cuts the body short, once, and never the way in or back. Raises Refused for a venv that cannot be moved or
    that another process has set aside, PymanError where the system refuses something.
    """

    def __init__(self, places: Places, venv: str, operation: str, observer: Observer = SILENT) -> None:
        self.venv = venv
        self.kept = False
        """True once the new venv stands, whatever happens afterwards."""
        self.restored = True
        """False where the old venv could not be put back."""
        self._observer = observer
        folder, name = os.path.split(venv)
        self.aside = os.path.join(folder, f"{work_name(name, 'old')}{os.getpid()}-{os.urandom(3).hex()}")
        self._places = places
        self._moving: tuple[str, ...] = ()
        self._work: WorkFolder | None = WorkFolder(places.venvs, operation, record_name(venv), None)
        self._interruption = Interruption(SetAside.__exit__.__code__)

    def __enter__(self) -> Self:
        refuse_what_cannot_move(self.venv)
        self._interruption.begin()
        try:
            self._begin_journal()
            os.rename(self.venv, self.aside)
            self._interruption.open()
            return self
        except BaseException as error:
            if os.path.lexists(self.aside):
                os.rename(self.aside, self.venv)
            self._end_journal()
            self._interruption.end()
            if isinstance(error, OSError):
                raise _cannot_move(self.venv, error) from error
            raise

    def _begin_journal(self) -> None:
        work = self._work
        if work is None:
            return
        try:
            make_folder(self._places.venvs)
            with hold(self._places.lock, self._observer, what="the store"):
                recover(self._places)
                if is_set_aside(self._places, self.venv):
                    self._work = None
                    raise being_made(self.venv)
                work.__enter__()
        except ReadOnly:
            # A store of somebody else's does not stop a venv from being made; only a crash is not provided for.
            self._work = None
            self._observer.noted(f"{self.venv} lies in {self.aside} until the new one is good")
            return
        begin(work.path, self.venv, self.aside)

    def _end_journal(self) -> None:
        if self._work is not None:
            self._work.__exit__(None, None, None)

    def flush(self) -> None:
        """Wait until the disk has the new venv: only then may a power failure find the old one gone."""
        try:
            _flush(self.venv)
        except OSError as error:
            raise cannot_write(self.venv, error) from error

    def keep_new(self, moving: tuple[str, ...] = ()) -> None:
        """Say that the new venv is good: from here on a crash drops the old one instead of putting it back.

        `moving` are names at the top of the old venv that the new one gets. Raises PymanError where that cannot be
        written; the new one is not kept then.
        """
        self._interruption.close()
        if self._work is not None:
            try:
                find_good(self._work.path, moving)
            except OSError as error:
                raise cannot_write(self._work.path, error) from error
        self._moving = moving
        self.kept = True

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        try:
            if self.kept:
                self._finish()
            else:
                self._undo(error)
        finally:
            self._interruption.end()

    def _finish(self) -> None:
        try:
            go_on(self.venv, self.aside, self._moving)
        except OSError as trouble:
            # The journal stays: the next pyman tries again.
            self._observer.noted(f"the old venv could not be removed from {self.aside} yet: {trouble}")
            return
        self._end_journal()

    def _undo(self, error: BaseException | None) -> None:
        try:
            put_back(self.venv, self.aside)
        except OSError as trouble:
            self.restored = False
            told = f"the old venv could not be put back from {self.aside}: {trouble}"
            hint = f"rename {self.aside} to {self.venv} yourself"
            if isinstance(error, PymanError):
                error.message += f"; {told}"
                error.hint = hint
                return
            raise PymanError(told, hint=hint) from trouble
        self._end_journal()


def _flush(venv: str) -> None:
    """Wait until the file system that holds the venv has written everything."""
    import ctypes

    descriptor = os.open(venv, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    except AttributeError:
        os.sync()  # macOS
    finally:
        os.close(descriptor)


def refuse_what_cannot_move(venv: str) -> None:
    """Raise Refused or ReadOnly for a venv that cannot get another name, or that another user owns."""
    try:
        status = os.lstat(venv)
    except OSError as error:
        raise Refused(f"{venv} is not there any more: {error.strerror}", hint="look at it, then try again") from error
    if status.st_uid != os.geteuid():
        raise Refused(f"{venv} belongs to another user", hint="let its owner run pyman", code=NOT_YOURS)
    if os.path.ismount(venv):
        raise _mounted(venv)
    folder = os.path.dirname(venv)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ReadOnly(
            f"{folder} cannot be written",
            hint=f"make {folder} writable: the old venv is kept there until the new one is good",
        )


def _cannot_move(venv: str, error: OSError) -> PymanError:
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return _mounted(venv)
    told = cannot_write(venv, error)
    if isinstance(told, ReadOnly):
        told.hint = f"{os.path.dirname(venv)} must be writable, because the old venv is kept there meanwhile"
    return told


def _mounted(venv: str) -> Refused:
    return Refused(f"{venv} is a mount point and cannot be moved", hint="make the venv in a folder of it", code=MOUNT)
