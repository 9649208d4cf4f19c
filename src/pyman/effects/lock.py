"""One process at a time: a lock that other processes wait for, and that is released when its process dies.

The lock is `flock` on a file that is never removed, so nobody can hold a lock on a file that has lost its name. Some
network file systems have no `flock`: there it is a folder beside that file, see `enter_folder`.

Import-light.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time

from pyman.effects.files import read_text, write_all
from pyman.effects.interruption import defer_signals
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import cannot_write
from pyman.errors import Locked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.effects.places import Places

_NO_FLOCK = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN)
_POLL = 0.05
_LONGEST_NOTE = 4096


class Lock:
    """A lock while `with` lasts. Made by `hold`."""

    def __init__(
        self,
        path: str,
        observer: Observer,
        what: str,
        timeout: float | None,
        flock: Callable[[int, int], None],
        give_up: Callable[[], bool] | None,
    ) -> None:
        self._path = path
        self._observer = observer
        self._what = what
        self._timeout = timeout
        self._flock = flock
        self._give_up = give_up
        self._descriptor = -1
        self._note = ""
        self._deadline: float | None = None
        self._holder = ""

    def __enter__(self) -> None:
        if self._timeout is not None:
            self._deadline = time.monotonic() + self._timeout
        try:
            if not self._enter_file():
                self._note = enter_folder(f"{self._path}.d", _note_text(self._what), self._wait)
        except OSError as error:
            raise cannot_write(os.path.dirname(self._path), error) from error

    @defer_signals
    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            self._leave_file()
        else:
            leave_folder(self._note)

    def _enter_file(self) -> bool:
        """Take the lock; False where the file system has no `flock`."""
        while True:
            self._descriptor = self._open()
            try:
                if not self._lock_file():
                    self._close()
                    return False
                if self._is_named():
                    self._write_note()
                    return True
            except BaseException:
                self._close()
                raise
            # Somebody deleted the file while we waited: others would lock a new one beside us.
            self._close()

    def _open(self) -> int:
        flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | flags, 0o644)
        except PermissionError as error:
            try:
                # A file that root made once can be locked without being writable.
                return os.open(self._path, os.O_RDONLY | flags)
            except FileNotFoundError:
                raise error from None

    def _lock_file(self) -> bool:
        try:
            self._flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno in _NO_FLOCK:
                return False
            if error.errno not in _TAKEN:
                raise
        self._tell(os.pread(self._descriptor, _LONGEST_NOTE, 0).decode("utf-8", "replace"))
        if self._deadline is None and self._give_up is None:
            self._flock(self._descriptor, fcntl.LOCK_EX)
            return True
        while True:
            self._pause()
            try:
                self._flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise

    def _is_named(self) -> bool:
        try:
            named = os.stat(self._path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        ours = os.fstat(self._descriptor)
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _write_note(self) -> None:
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, _note_text(self._what), 0)
        except OSError:
            # The note is for the words of those who wait; a full disk or a file of root's does not undo the lock.
            pass

    def _leave_file(self) -> None:
        try:
            os.ftruncate(self._descriptor, 0)
        except OSError:
            pass  # as in _write_note
        self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _wait(self, note: str) -> None:
        self._tell(note)
        self._pause()

    def _tell(self, note: str) -> None:
        holder = _holder(note)
        if not self._holder:
            self._observer.waiting(self._what, holder)
        self._holder = holder

    def _pause(self) -> None:
        if self._give_up is not None and self._give_up():
            raise Locked(f"nobody is waiting for {self._what} any more")
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise Locked(
                f"{self._what} is still locked by {self._holder} after {self._timeout:g} seconds",
                hint="wait until it has finished, or stop it if it hangs",
            )
        time.sleep(_POLL)


def hold(
    path: str,
    observer: Observer = SILENT,
    what: str = "the store",
    timeout: float | None = None,
    flock: Callable[[int, int], None] = fcntl.flock,
    give_up: Callable[[], bool] | None = None,
) -> Lock:
    """Return a lock to be used with `with`; entering waits until no other process and no other thread has it.

    `path` is an absolute path of a dot file in an existing folder, which stays there. `what` says what is locked, for
    those who wait: the observer is told once of a wait. `timeout` in seconds, None waits as long as it takes. `flock`
    is the system's; a test gives one that does not exist. `give_up` is asked again and again during a wait, and ends it
    with True: a thread cannot be interrupted otherwise.

    Entering raises PymanError where the lock cannot be made, Locked when the time is over or it was given up.
    """
    return Lock(path, observer, what, timeout, flock, give_up)


def hold_store(places: Places, observer: Observer = SILENT) -> Lock:
    """Hold the store's lock as `hold` does: whoever changes the store, or a venv by what the store says, has it."""
    return hold(places.lock, observer)


def _note_text(what: str) -> bytes:
    words = " ".join(what.split())
    text = f"{os.getpid()} {os.uname().nodename} {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {words}\n"
    return text.encode("utf-8", "surrogateescape")


def _holder(note: str) -> str:
    """Say in words who wrote a note: `process 123 on host`."""
    words = note.split()
    if len(words) < 2 or not words[0].isdigit():
        return "another process"
    return f"process {words[0]} on {words[1]}"


# A lock on file systems without `flock`: a folder that gets its name by a rename and holds one note.
#
# The note is named after the process. A dead process's note is removed by its exact name, and only a folder without a
# note can be replaced, so of two processes that find the same dead holder one wins and neither can drive out the
# other. A process on another host is never considered dead: it cannot be checked from here.


def enter_folder(folder: str, text: bytes, wait: Callable[[str], None]) -> str:
    """Take the lock, and return the path of the note that holds it.

    `text` goes into the note; `wait` gets the text of the present holder's, pauses, and may raise to end the wait.
    Raises OSError where the folder cannot be made.
    """
    token = f"{os.getpid()}.{_started(os.getpid())}.{os.urandom(4).hex()}.{_host()}"
    ours = f"{folder}.{token}"
    os.mkdir(ours, 0o755)
    note = os.path.join(ours, token)
    try:
        descriptor = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            write_all(descriptor, text)
        finally:
            os.close(descriptor)
        while not _rename_folder(ours, folder):
            holders = _living_notes(folder)
            if holders:
                wait(_read_note(holders[0]))
    except BaseException:
        _remove_note(note)
        _remove_folder(ours)
        raise
    _remove_leftovers(folder)
    return os.path.join(folder, token)


def leave_folder(note: str) -> None:
    """Give the lock up."""
    _remove_note(note)
    # The next one may have taken the empty folder already: then it is not empty, and stays.
    _remove_folder(os.path.dirname(note))


def _rename_folder(ours: str, folder: str) -> bool:
    try:
        # A folder replaces an empty one in one step, and nothing else.
        os.rename(ours, folder)
        return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False


def _read_note(path: str) -> str:
    try:
        return read_text(path, _LONGEST_NOTE)
    except OSError:
        return ""


def _living_notes(folder: str) -> list[str]:
    """Return the notes in a lock's folder after those of dead processes of this host have been removed."""
    living = []
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    for name in names:
        path = os.path.join(folder, name)
        if _is_dead(name):
            _remove_note(path)
        else:
            living.append(path)
    return living


def _is_dead(token: str) -> bool:
    process, _, rest = token.partition(".")
    started, _, rest = rest.partition(".")
    _, _, host = rest.partition(".")
    if not process.isascii() or not process.isdigit() or host != _host():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    # The number may have been given to another process since.
    return _started(int(process)) != started


def host() -> str:
    """What this machine is called in notes, also after it was given another name: a Mac's changes with the network."""
    if sys.platform == "darwin":
        from pyman.effects.libproc import Libproc

        return Libproc().host() or os.uname().nodename
    return os.uname().nodename


def _host() -> str:
    return host().replace("/", "_")


def _started(process: int) -> str:
    """Return when a process started, in the kernel's own ticks; "0" where the system does not show it."""
    if sys.platform == "darwin":
        from pyman.effects.libproc import Libproc

        return Libproc().started(process)
    try:
        with open(f"/proc/{process}/stat", "rb") as status:
            # The second field is the name in parentheses, and may hold anything; the start is the 22nd.
            return status.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return "0"


def _remove_leftovers(folder: str) -> None:
    """Remove the prepared folders of processes that were killed while they waited."""
    parent, prefix = os.path.dirname(folder), f"{os.path.basename(folder)}."
    for name in os.listdir(parent):
        token = name.removeprefix(prefix)
        if token != name and _is_dead(token):
            _remove_note(os.path.join(parent, name, token))
            _remove_folder(os.path.join(parent, name))


def _remove_note(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # whoever removed it first did the same


def _remove_folder(path: str) -> None:
    try:
        os.rmdir(path)
    except OSError:
        pass  # not empty: it is another process's by now
