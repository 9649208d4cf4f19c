"""A venv set aside while another takes its place: the old one is back, whole, unless the new one stands.

The journal is a folder of work in progress in the store's `venvs/` (effects/unfinished.py): it names the venv and
where the old one lies meanwhile, beside it and so on the same file system. A process that dies leaves the journal to
the next pyman, which puts the old venv back, or drops it where the new one was found good.

    journal     the venv and the place of the old one
    good        only once the new one is good: the names that go over to it from the old one
"""

from __future__ import annotations

import errno
import os

from pyman.core.own_files import IGNORE_FILE
from pyman.effects.files import NotReadable, read_text, replace_file
from pyman.effects.interruption import Interruption
from pyman.effects.lock import Lock, hold
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.unfinished import WorkFolder, read_unfinished, remove_tree
from pyman.effects.venv_place import UNFINISHED, being_made, work_name
from pyman.effects.venv_records import record_name
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

JOURNAL = "journal"
GOOD = "good"


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
        except PymanError as error:
            if error.code != "read-only":
                raise
            # A store of somebody else's does not stop a venv from being made; only a crash is not provided for.
            self._work = None
            self._observer.noted(f"{self.venv} lies in {self.aside} until the new one is good")
            return
        _write_durably(work.path, JOURNAL, os.fsencode(f"{self.venv}\0{self.aside}\0"))

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
                _write_durably(self._work.path, GOOD, os.fsencode("\0".join(moving)))
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
            _go_on(self.venv, self.aside, self._moving)
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


def recover(places: Places) -> tuple[str, ...]:
    """Put back, or drop, what dead processes had set aside; returns the venvs concerned.

    What somebody else has made in the place since then stays, and so does the old one, under its other name. The
    caller holds the store's lock. Raises nothing: what cannot be mended now is left for the next time.
    """
    mended = []
    for work in read_unfinished(places.venvs):
        if work.alive:
            continue
        try:
            named = read_journal(work.path)
            if named is not None:
                venv, aside = named
                moving = _read_good(work.path)
                if moving is not None:
                    _go_on(venv, aside, moving)
                elif os.path.lexists(aside) and is_free_for_old(venv):
                    put_back(venv, aside)
                mended.append(venv)
            remove_tree(work.path)
        except OSError:
            continue
    return tuple(mended)


class Turn:
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
        except PymanError as error:
            if error.code != "read-only":
                raise
            self._lock = None

    def __exit__(self, *_: object) -> None:
        if self._lock is None:
            return
        try:
            # There are as many of these as venvs; who waits for it notices, and makes a new one.
            os.unlink(self._path)
        except OSError:
            pass  # A file system without `flock` has none.
        self._lock.__exit__()


def is_set_aside(places: Places, venv: str) -> bool:
    """True while a living process has this venv set aside."""
    name = record_name(venv)
    return any(work.alive and work.subject == name for work in read_unfinished(places.venvs))


def read_journal(work: str) -> tuple[str, str] | None:
    """The venv and the place of the old one that a journal names; None where it names none that could be ours.

    Raises OSError where it is there and cannot be read: without it nobody finds the old venv again.
    """
    try:
        lines = read_text(os.path.join(work, JOURNAL)).split("\0")
    except (FileNotFoundError, NotReadable):
        return None
    if len(lines) != 3:
        return None
    venv, aside = lines[0], lines[1]
    ours = os.path.basename(aside).startswith(work_name(os.path.basename(venv), "old"))
    return (venv, aside) if ours and os.path.dirname(venv) == os.path.dirname(aside) else None


def _read_good(work: str) -> tuple[str, ...] | None:
    """The names that go over to the new venv; None where that was not found good."""
    try:
        text = read_text(os.path.join(work, GOOD))
    except FileNotFoundError:
        return None
    return tuple(name for name in text.split("\0") if name and "/" not in name and name not in (".", ".."))


def is_free_for_old(venv: str) -> bool:
    """True where nothing is in the place of an old venv but a new one that nobody has finished."""
    return not os.path.lexists(venv) or os.path.lexists(os.path.join(venv, UNFINISHED))


def put_back(venv: str, aside: str) -> None:
    """Give the old venv its name again, and remove what had it meanwhile. Raises OSError."""
    folder, name = os.path.split(venv)
    spoiled = ""
    if os.path.lexists(venv):
        # The old one first: what is large, or cannot be removed, does not keep it waiting.
        spoiled = os.path.join(folder, f"{work_name(name, 'new')}{os.getpid()}-{os.urandom(3).hex()}")
        os.rename(venv, spoiled)
    os.rename(aside, venv)
    if spoiled:
        try:
            remove_tree(spoiled)
        except OSError:
            pass  # `clear_left_behind` tries again.


def _go_on(venv: str, aside: str, moving: tuple[str, ...]) -> None:
    """Finish what was found good; what is done already stays done. Raises OSError."""
    for name in moving:
        old, new = os.path.join(aside, name), os.path.join(venv, name)
        if os.path.lexists(old) and (name == IGNORE_FILE or not os.path.lexists(new)):
            os.replace(old, new)
    left = [name for name in moving if os.path.lexists(os.path.join(aside, name))]
    remove_tree(os.path.join(venv, UNFINISHED))
    if left:
        raise OSError(errno.EEXIST, f"{left[0]} is in {venv} already", aside)
    remove_tree(aside)


def _write_durably(folder: str, name: str, content: bytes) -> None:
    """Write a file that is there after a power failure too. Raises OSError."""
    replace_file(os.path.join(folder, name), content, durable=True)
    for above in (folder, os.path.dirname(folder)):
        descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError:
            pass  # Some network file systems cannot, and need not.
        finally:
            os.close(descriptor)


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
    """Raise Refused for a venv that cannot get another name, or that another user owns."""
    try:
        status = os.lstat(venv)
    except OSError as error:
        raise Refused(f"{venv} is not there any more: {error.strerror}", hint="look at it, then try again") from error
    if status.st_uid != os.geteuid():
        raise Refused(f"{venv} belongs to another user", hint="let its owner run pyman", code="not-yours")
    if os.path.ismount(venv):
        raise _mounted(venv)
    folder = os.path.dirname(venv)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(
            f"{folder} cannot be written",
            hint=f"make {folder} writable: the old venv is kept there until the new one is good",
            code="read-only",
        )


def _cannot_move(venv: str, error: OSError) -> PymanError:
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return _mounted(venv)
    told = cannot_write(venv, error)
    if told.code == "read-only":
        told.hint = f"{os.path.dirname(venv)} must be writable, because the old venv is kept there meanwhile"
    return told


def _mounted(venv: str) -> Refused:
    return Refused(f"{venv} is a mount point and cannot be moved", hint="make the venv in a folder of it", code="mount")
