"""Work in progress: dot folders that say what they are, so that a later run can finish or undo what was cut off.

runtimes/.install-3.13.15-4711-9f3a/
    note        what is done, to what, by which process; locked for as long as that process lives
    tree/       the new folder, before it gets its name
    old/        what had the name before, where the system cannot exchange two folders in one step
    copy/       where a folder cannot be renamed a copy of it, until it is whole and becomes `old`
    removing    a file, while the original of such a copy is removed, and where `old` could not get its name back; it
                holds the number of the folder that may be removed to put `old` in its place
"""

from __future__ import annotations

import errno
import fcntl
import os

from pyman.core.immutable import record, replace
from pyman.effects.files import SMALL_FILE, clean_up_folder, is_alive, is_there, read_text, write_all
from pyman.effects.interruption import defer_signals
from pyman.effects.lock import hold, host
from pyman.effects.mounts import never_renames
from pyman.effects.places import cannot_write
from pyman.effects.remove_tree import Exchanged, refuse_what_cannot_be_removed, remove_tree
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

NOTE = "note"
TREE = "tree"
OLD = "old"
_COPY = "copy"
_REMOVING = "removing"

_LONGEST_NAME = 255
"""Bytes, of a file in every usual file system."""

_OPERATIONS = ("install", "remove", "move")


@record
class Unfinished:
    """One piece of work that has not ended."""

    path: str
    operation: str
    """`install`, `remove` or `move`."""
    subject: str
    """The name in `runtimes/` that it is about."""
    alive: bool
    """True while the process that does it lives."""
    backup: str = ""
    """What had the name, where it lies whole in the work folder and is to get its name back."""
    trouble: str = ""
    """Why `clean_up` could not end it: it is still there."""


class WorkFolder:
    """A folder to prepare something in, on the same file system as the place it will have.

    Leaving the `with` block removes it, whatever happened, unless it holds the only whole copy of something; that, and
    what a process leaves that is killed, is for `clean_up`. It is made under the store's lock, so that `clean_up` never
    meets one whose note is not locked yet: `lock` is that lock's place, or None where the caller holds it.
    """

    def __init__(self, folder: str, operation: str, subject: str, lock: str | None) -> None:
        self._lock = lock
        self.path = os.path.join(folder, f".{operation}-{subject}-{os.getpid()}-{os.urandom(3).hex()}")
        self.tree = os.path.join(self.path, TREE)
        self.old = os.path.join(self.path, OLD)
        self._text = f"operation {operation}\nsubject {subject}\npid {os.getpid()}\nhost {host()}\n"
        self._descriptor = -1
        self._is_only_copy = False
        """True while `old` is the only whole copy of what had the name."""

    def __enter__(self) -> Self:
        """Raises PymanError where the folder cannot be made; nothing of it stays then."""
        if self._lock is None:
            self._make()
        else:
            with hold(self._lock, what="the store"):
                self._make()
        return self

    def _make(self) -> None:
        try:
            self._fill()
        except BaseException as error:
            self.__exit__()
            if isinstance(error, OSError):
                raise cannot_write(os.path.dirname(self.path), error) from error
            raise

    def _fill(self) -> None:
        os.mkdir(self.path, 0o700)
        note = os.path.join(self.path, NOTE)
        self._descriptor = os.open(note, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pass  # A file system without flock: the note's process number has to do.
        write_all(self._descriptor, self._text.encode())
        os.mkdir(self.tree, 0o755)

    def set_aside(self, folder: str) -> None:
        """Take a folder's name away: it is `old` from then on, or a copy of it is.

        Raises OSError, and Refused where this user may not remove all of it; the folder has its name then. Where it was
        removed in part all the same, and cannot be restored, the PymanError says where the whole copy lies.
        """
        try:
            os.rename(folder, self.old)
            return
        except OSError as error:
            if not never_renames(folder, error):
                raise
        from pyman.effects.copying import copy_exactly, flush

        refuse_what_cannot_be_removed(folder)
        inode = os.lstat(folder).st_ino
        copy, mark = os.path.join(self.path, _COPY), os.path.join(self.path, _REMOVING)
        _write_mark(mark, inode)
        os.mkdir(copy, 0o700)
        copy_exactly(folder, copy)  # The disk has the mark then, too.
        os.rename(copy, self.old)
        flush(self.path)
        self._is_only_copy = True
        try:
            remove_tree(folder, inode=inode)
            os.unlink(mark)
        except OSError:
            self.give_back(folder)
            raise
        self._is_only_copy = False

    def give_back(self, folder: str) -> None:
        """Undo `set_aside`. Raises PymanError where that fails: it says where `old` lies, which stays."""
        self._is_only_copy = True
        try:
            _give_back(self.path, folder)
        except OSError as error:
            mark = os.path.join(self.path, _REMOVING)
            try:
                if not is_there(mark):
                    _write_mark(mark, 0)
            except OSError:
                pass  # `clean_up` will take it for a process that was killed.
            raise PymanError(
                f"{folder} cannot be restored from {self.old}: {_why(error)}",
                hint=f"{self.old} contains all of it: free some space at {folder}, then run `pyman doctor --fix`",
            ) from error
        self._is_only_copy = False

    @defer_signals
    def __exit__(self, *_exception: object) -> None:
        try:
            if not self._is_only_copy:
                remove_tree(self.path)
        except OSError:
            pass  # What was to be done is done; the rest is found as interrupted work, and removed then.
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_unfinished(folder: str) -> list[Unfinished]:
    """Find the work in progress of a folder, alive or cut off."""
    found = []
    try:
        # Of a thousand records none is a dot folder.
        entries = sorted(
            (entry for entry in os.scandir(folder) if entry.name.startswith(".")), key=lambda entry: entry.name
        )
    except OSError:
        return []
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            continue
        note = _read_note(os.path.join(entry.path, NOTE))
        if note is None:
            words = entry.name[1:].split("-")
            if words[0] in _OPERATIONS and len(words) > 3 and not _is_alive(entry.path, words[-2], ""):
                # Cut off between making the folder and writing the note.
                found.append(Unfinished(entry.path, words[0], "-".join(words[1:-2]), alive=False))
            continue
        alive = _is_alive(entry.path, note.get("pid", ""), note.get("host", ""))
        old = os.path.join(entry.path, OLD)
        backup = old if os.path.lexists(old) and os.path.lexists(os.path.join(entry.path, _REMOVING)) else ""
        found.append(Unfinished(entry.path, note.get("operation", ""), note.get("subject", ""), alive, backup))
    return found


def clean_up(folder: str) -> list[Unfinished]:
    """Finish or undo what dead processes left in a folder, and say what that was.

    What had its name taken away is restored; everything else in a work folder has no name yet, or none any more. Raises
    nothing: what cannot be ended now tells of its `trouble`, and stays. The caller holds the store's lock.
    """
    swept = []
    for work in read_unfinished(folder):
        if work.alive:
            continue
        try:
            _end(work, os.path.join(folder, work.subject))
        except OSError as error:
            swept.append(replace(work, trouble=_why(error)))
        else:
            swept.append(work)
    return swept


def _end(work: Unfinished, place: str) -> None:
    """Undo what a dead process had begun, or finish it. Raises OSError; a whole `old` is still there then."""
    is_marked = is_there(os.path.join(work.path, _REMOVING))
    undone = work.operation != "remove" and not is_there(place)
    if is_there(os.path.join(work.path, OLD)) and (is_marked or undone):
        _give_back(work.path, place)
    remove_tree(work.path)


def _give_back(work: str, place: str) -> None:
    """Put `old` in its place, of which the work may have left a part. Raises OSError."""
    try:
        status = os.lstat(place)
    except FileNotFoundError:
        pass
    else:
        # The number may be that of a newer folder by now: file systems give them out again.
        if status.st_ino != _marked_inode(work) or _holds_more(place, os.path.join(work, OLD)):
            raise Exchanged(place)
        remove_tree(place, inode=status.st_ino)
    os.rename(os.path.join(work, OLD), place)


def _holds_more(folder: str, copy: str) -> bool:
    """True where a folder has a name that the whole copy of what it is said to be has not. Raises OSError."""

    def stop(error: OSError) -> None:
        raise error

    for top, folders, files in os.walk(folder, onerror=stop):
        above = copy + top[len(folder) :]
        if not all(is_there(os.path.join(above, name)) for name in (*folders, *files)):
            return True
    return False


def _write_mark(path: str, inode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, f"{inode}\n".encode())
    finally:
        os.close(descriptor)


def _marked_inode(work: str) -> int:
    """The number of the folder that is removed to put `old` in its place; -1 where none may be."""
    try:
        return int(read_text(os.path.join(work, _REMOVING), SMALL_FILE))
    except (OSError, ValueError):
        return -1


def _why(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename}: {reason}" if error.filename else reason


def clean_up_temporaries(folder: str) -> None:
    """Remove the files and links that dead processes of this user were about to put in place of others (files.py).

    Nothing is removed through a link. Raises nothing: what stays harms nobody, and is tried again.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        clean_up_folder(descriptor)
    finally:
        os.close(descriptor)


def _read_note(path: str) -> dict[str, str] | None:
    try:
        lines = read_text(path, SMALL_FILE).splitlines()
    except OSError:
        return None
    note = {key: value for key, _, value in (line.partition(" ") for line in lines)}
    subject = note.get("subject", "")
    usable = "/" not in subject and "\0" not in subject and len(os.fsencode(subject)) <= _LONGEST_NAME
    return note if subject and usable and not subject.startswith(".") else None


def _is_alive(path: str, pid: str, where: str) -> bool:
    try:
        descriptor = os.open(os.path.join(path, NOTE), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return is_alive(pid)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return True
        return where not in ("", host()) or is_alive(pid)
    else:
        return False
    finally:
        os.close(descriptor)


def exchange(one: str, other: str, *, one_in: int | None = None, other_in: int | None = None) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot.

    `one_in` and `other_in` are descriptors of open folders that the names are relative to.
    """
    import ctypes
    import sys

    library = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    at_working_directory, swap = (-2 if sys.platform == "darwin" else -100), 2
    rename = "renameatx_np" if sys.platform == "darwin" else "renameat2"
    folders = [at_working_directory if folder is None else folder for folder in (one_in, other_in)]
    try:
        return bool(getattr(library, rename)(folders[0], first, folders[1], second, swap) == 0)
    except AttributeError:
        return False
