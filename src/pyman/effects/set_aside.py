"""A venv set aside while another takes its place: the old one is back, whole, unless the new one stands.

The journal is a folder of work in progress in the store's `venvs/` (effects/unfinished.py): its note names the venv and
where the old one lies meanwhile, beside it and so on the same file system. A process that dies leaves the journal to
the next pyman, which puts the old venv back, or drops it where the new one was found good.
"""

from __future__ import annotations

import errno
import os

from pyman.effects.files import read_text, replace_file
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.undisturbed import Undisturbed
from pyman.effects.unfinished import WorkFolder, read_unfinished, remove_tree
from pyman.effects.venv_place import UNFINISHED, work_name
from pyman.effects.venv_records import record_name
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

JOURNAL = "journal"
_GOOD = "good"


class SetAside:
    """One venv, set aside while `with` lasts. `keep_new` ends it well; leaving without puts the old one back."""

    def __init__(self, places: Places, venv: str, operation: str, observer: Observer = SILENT) -> None:
        self.venv = venv
        self._observer = observer
        folder, name = os.path.split(venv)
        self.aside = os.path.join(folder, f"{work_name(name, 'old')}{os.getpid()}-{os.urandom(3).hex()}")
        self._places = places
        self._work: WorkFolder | None = WorkFolder(places.venvs, operation, record_name(venv), places.lock)
        self._kept = False

    def __enter__(self) -> Self:
        _refuse_what_cannot_move(self.venv)
        self._begin_journal()
        try:
            os.rename(self.venv, self.aside)
            return self
        except BaseException as error:
            # An interrupt may come when it has its other name already.
            if os.path.lexists(self.aside):
                os.rename(self.aside, self.venv)
            self._end_journal()
            if isinstance(error, OSError):
                raise _cannot_move(self.venv, error) from error
            raise

    def _begin_journal(self) -> None:
        work = self._work
        if work is None:
            return
        try:
            make_folder(self._places.venvs)
            work.__enter__()
        except (OSError, PymanError):
            # A store that cannot be written does not stop a venv from being made; only a crash is not provided for.
            self._work = None
            return
        try:
            replace_file(os.path.join(work.path, JOURNAL), _journal_text(self.venv, self.aside), durable=True)
        except OSError as error:
            self._end_journal()
            raise cannot_write(work.path, error) from error

    def _end_journal(self) -> None:
        if self._work is not None:
            self._work.__exit__(None, None, None)

    def keep_new(self) -> None:
        """Say that the new venv is good: from here on a crash drops the old one instead of putting it back."""
        if self._work is not None:
            try:
                replace_file(os.path.join(self._work.path, _GOOD), b"", durable=True)
            except OSError as error:
                raise cannot_write(self._work.path, error) from error
        self._kept = True
        remove_tree(os.path.join(self.venv, UNFINISHED))

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        # A second ctrl-C must not cut the way back short.
        with Undisturbed():
            try:
                if self._kept:
                    remove_tree(self.aside)
                else:
                    _put_back(self.venv, self.aside)
            except OSError as trouble:
                if self._kept:
                    raise PymanError(
                        f"the old venv could not be removed from {self.aside}: {trouble}",
                        hint="remove it yourself; the new one is whole",
                    ) from trouble
                if isinstance(error, PymanError):
                    error.message += f"; the old venv lies in {self.aside}: {trouble}"
                    return
                raise PymanError(
                    f"{self.venv} could not be put back from {self.aside}: {trouble}",
                    hint=f"rename {self.aside} to {self.venv} yourself",
                ) from trouble
            self._end_journal()


def recover(places: Places) -> tuple[str, ...]:
    """Put back, or drop, what dead processes had set aside; returns the venvs concerned.

    What somebody else has made in the place since then stays, and so does the old one, under its other name. The
    caller holds the store's lock. Raises nothing: what cannot be mended now is left for the next time.
    """
    mended = []
    for work in read_unfinished(places.venvs):
        if work.alive:
            continue
        places_named = read_journal(work.path)
        try:
            if places_named is not None:
                venv, aside = places_named
                mark = os.path.join(venv, UNFINISHED)
                if os.path.exists(os.path.join(work.path, _GOOD)):
                    remove_tree(mark)
                    remove_tree(aside)
                elif os.path.lexists(aside) and (not os.path.lexists(venv) or os.path.lexists(mark)):
                    _put_back(venv, aside)
                mended.append(venv)
            remove_tree(work.path)
        except OSError:
            continue
    return tuple(mended)


def is_set_aside(places: Places, venv: str) -> bool:
    """True while a living process has this venv set aside."""
    name = record_name(venv)
    return any(work.alive and work.subject == name for work in read_unfinished(places.venvs))


def read_journal(work: str) -> tuple[str, str] | None:
    """The venv and the place of the old one that a journal names; None where it names none that could be ours."""
    try:
        lines = read_text(os.path.join(work, JOURNAL)).split("\0")
    except OSError:
        return None
    if len(lines) != 3:
        return None
    venv, aside = lines[0], lines[1]
    ours = os.path.basename(aside).startswith(work_name(os.path.basename(venv), "old"))
    return (venv, aside) if ours and os.path.dirname(venv) == os.path.dirname(aside) else None


def _journal_text(venv: str, aside: str) -> bytes:
    # Paths may hold line ends; a NUL they cannot.
    return os.fsencode(f"{venv}\0{aside}\0")


def _put_back(venv: str, aside: str) -> None:
    if os.path.lexists(venv):
        remove_tree(venv)
    os.rename(aside, venv)


def _refuse_what_cannot_move(venv: str) -> None:
    try:
        status = os.lstat(venv)
    except OSError as error:
        raise Refused(f"{venv} is not there any more: {error.strerror}", hint="look at it, then try again") from error
    if status.st_uid != os.geteuid():
        raise Refused(f"{venv} belongs to another user", hint="let its owner run pyman", code="not-yours")
    if os.path.ismount(venv):
        raise _mounted(venv)


def _cannot_move(venv: str, error: OSError) -> PymanError:
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return _mounted(venv)
    told = cannot_write(venv, error)
    if told.code == "read-only":
        told.hint = f"{os.path.dirname(venv)} must be writable, because the old venv is kept there meanwhile"
    return told


def _mounted(venv: str) -> Refused:
    return Refused(f"{venv} is a mount point and cannot be moved", hint="make the venv in a folder of it", code="mount")
