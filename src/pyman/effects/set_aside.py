"""A venv set aside while another takes its place: the old one is back, whole, unless the new one stands.

The journal is a folder of work in progress in the store's `venvs/` (effects/unfinished.py): its note names the venv and
where the old one lies meanwhile, beside it and so on the same file system. A process that dies leaves the journal to
the next pyman, which puts the old venv back, or drops it where the new one was found good.
"""

from __future__ import annotations

import os

from pyman.effects.files import read_text, replace_file
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.unfinished import WorkFolder, read_unfinished, remove_tree
from pyman.effects.venv_records import record_name
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

JOURNAL = "journal"
_GOOD = "good"


class SetAside:
    """One venv, set aside while `with` lasts. `keep_new` ends it well; leaving without puts the old one back."""

    def __init__(self, places: Places, venv: str, operation: str, observer: Observer = SILENT) -> None:
        self.venv = venv
        self._observer = observer
        folder, name = os.path.split(venv)
        self.aside = os.path.join(folder, f".{name[:80]}.pyman-old-{os.getpid()}-{os.urandom(3).hex()}")
        self._places = places
        self._work: WorkFolder | None = WorkFolder(places.venvs, operation, record_name(venv), places.lock)
        self._kept = False

    def __enter__(self) -> Self:
        _refuse_what_cannot_move(self.venv)
        self._begin_journal()
        try:
            os.rename(self.venv, self.aside)
        except OSError as error:
            self._end_journal()
            raise cannot_write(self.venv, error) from error
        return self

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
            replace_file(os.path.join(self._work.path, _GOOD), b"", durable=True)
        self._kept = True

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        # A second ctrl-C must not cut the way back short.
        with _Undisturbed():
            try:
                if self._kept:
                    remove_tree(self.aside)
                else:
                    _put_back(self.venv, self.aside)
            except OSError as trouble:
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

    The caller holds the store's lock. Raises nothing: what cannot be mended now is left for the next time.
    """
    mended = []
    for work in read_unfinished(places.venvs):
        if work.alive:
            continue
        places_named = read_journal(work.path)
        try:
            if places_named is not None:
                venv, aside = places_named
                if os.path.exists(os.path.join(work.path, _GOOD)):
                    remove_tree(aside)
                elif os.path.lexists(aside):
                    _put_back(venv, aside)
                mended.append(venv)
            remove_tree(work.path)
        except OSError:
            continue
    return tuple(mended)


def read_journal(work: str) -> tuple[str, str] | None:
    """The venv and the place of the old one that a journal names; None where it names none that could be ours."""
    try:
        lines = read_text(os.path.join(work, JOURNAL)).split("\0")
    except OSError:
        return None
    if len(lines) != 3:
        return None
    venv, aside = lines[0], lines[1]
    ours = os.path.basename(aside).startswith(f".{os.path.basename(venv)[:80]}.pyman-old-")
    return (venv, aside) if ours and os.path.dirname(venv) == os.path.dirname(aside) else None


def _journal_text(venv: str, aside: str) -> bytes:
    # Paths may hold line ends; a NUL they cannot.
    return os.fsencode(f"{venv}\0{aside}\0")


def _put_back(venv: str, aside: str) -> None:
    if os.path.lexists(venv):
        remove_tree(venv)
    os.rename(aside, venv)


def _refuse_what_cannot_move(venv: str) -> None:
    status = os.lstat(venv)
    if status.st_uid != os.geteuid():
        raise Refused(f"{venv} belongs to another user", hint="let its owner run pyman", code="not-yours")
    if os.path.ismount(venv):
        raise Refused(
            f"{venv} is a mount point and cannot be moved", hint="make the venv in a folder of it", code="mount"
        )


class _Undisturbed:
    """Keeps signals that would end the process waiting until the work is done."""

    def __enter__(self) -> None:
        import signal
        import threading

        self._waiting: list[int] = []
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._before[number] = signal.signal(number, lambda got, _frame: self._waiting.append(got))

    def __exit__(self, *_: object) -> None:
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)
        for number in self._waiting[:1]:
            os.kill(os.getpid(), number)
