"""A lock on file systems without `flock`: a folder that gets its name by a rename and holds one note.

The note is named after the process. A dead process's note is removed by its exact name, and only a folder without a
note can be replaced, so of two processes that find the same dead holder one wins and neither can drive out the other.
A process on another host is never taken for dead: nobody here can know. Hot.
"""

from __future__ import annotations

import errno
import os

from pyman.effects.files import read_text, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_NOTE = 4096


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


def _host() -> str:
    return os.uname().nodename.replace("/", "_")


def _started(process: int) -> str:
    """Return when a process started, in the kernel's own ticks; "0" where the system does not show it."""
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
