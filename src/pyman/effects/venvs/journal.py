"""The journal of work on venvs: what is about to be done to one, written down in the store before it begins.

venvs/.NAME-HASH                a file beside the record NAME-HASH, locked for as long as its process lives
    operation venv              or clear, rebuild, remove
    venv /home/u/app/.venv
    number 4711-9f3a2c          how the names of all folders end that are made for it (place.py)
    pid 4711
    host laptop
    old 262147                  the inode of the folder that is backed up
    take 262147 lib/python3.13  instead, again and again: what is backed up of a folder that holds more than a venv
    requirement /home/u/r.txt   what is installed into the new one
    before 4703-11ab2c          the number of the work that left the old one unfinished
    end
    copy 262150                 the inode of a copy of it that is backed up in its place, 0 before it is made
    end
    whole                       only once all of it is copied: until then nothing of the original is touched
    end
    made 262148                 the inode of the folder that the new venv is prepared in
    end
    put 262149 bin              what is about to be moved up from it, with its inode
    end
    copied src                  what of the old venv is about to be copied into the new one
    end
    good                        only once the new venv is good; the names that go over to it from the old one
    move .envrc
    end

A line that no `end` follows was cut off, and says nothing. What a dead process left is believed only as far as this
file tells of it (recovery.py).

Import-light.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time

from pyman.core.immutable import record, replace
from pyman.effects.files import (
    TEMPORARY,
    NotReadable,
    flush_descriptor,
    is_alive,
    is_there,
    names_seen,
    read_descriptor,
    read_text,
    write_all,
)
from pyman.effects.interruption import defer_signals
from pyman.effects.lock import hold_store, host
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write, check_owner, make_folder
from pyman.effects.venvs.place import UNFINISHED, folder_beside, folder_inside
from pyman.effects.venvs.records import record_name
from pyman.errors import ReadOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Literal, Self

    Operation = Literal["venv", "clear", "rebuild", "remove"]


NEW, OLD = "new", "old"

_NO_FLOCK = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF, errno.EINVAL)
_LARGEST = 16 << 20
_LONGEST_MARK = 100
_LONGEST_BIRTH = 60.0
"""Seconds after which an empty file without a lock was left by a process that died."""
_END = "end\n"


Part = tuple[int, str]
"""The inode of something in a venv's folder, and its name relative to that."""


@record
class Entry:
    """What the journal tells of one venv."""

    venv: str
    operation: str
    """`venv`, `clear`, `rebuild`, `remove`."""
    number: str
    old: int = 0
    """The inode of the folder that was backed up; 0 where none was."""
    taken: tuple[Part, ...] = ()
    """What of the folder was backed up, where not all of it was."""
    requirements: tuple[str, ...] = ()
    """Absolute paths of requirements files."""
    before: str = ""
    """The number of the work that left the old venv unfinished; empty where it is whole."""
    made: int = 0
    """The inode of the folder that the new venv is, or was, prepared in; 0 where none was made."""
    put: tuple[Part, ...] = ()
    """What was moved up from there."""
    good: bool = False
    moving: tuple[str, ...] = ()
    """Names at the top of the old venv that the new one gets."""
    copied: tuple[str, ...] = ()
    """Names there that the new one has copies of."""
    copy: int | None = None
    """The inode of a copy that is backed up where the folder cannot be renamed; 0 before it is made."""
    whole: bool = False
    """True where all of it was copied."""

    @property
    def backed_up(self) -> int:
        """The inode of what is, or will be, the backup."""
        return self.old if self.copy is None else self.copy

    @property
    def new_beside(self) -> str:
        """Where the new venv is prepared."""
        return folder_beside(self.venv, NEW, self.number)

    @property
    def new_inside(self) -> str:
        """Where it is prepared otherwise."""
        return folder_inside(self.venv, NEW, self.number)

    @property
    def backup(self) -> str:
        """Where the old one, or what was taken of it, is meanwhile."""
        place = folder_inside if self.taken else folder_beside
        return place(self.venv, OLD, self.number)

    @property
    def folders(self) -> tuple[str, ...]:
        """All that is or was made for it."""
        return (self.new_beside, self.new_inside, self.backup)

    @property
    def has_folders(self) -> bool:
        """True where any of them is there, or it is unknown."""
        try:
            return any(map(is_there, self.folders))
        except OSError:
            return True

    @property
    def mark(self) -> str:
        """The number of the work that left the venv unfinished, as it says itself; empty where it says nothing.

        Raises OSError where that cannot be told.
        """
        try:
            return read_text(f"{self.venv}/{UNFINISHED}", _LONGEST_MARK)
        except (FileNotFoundError, NotADirectoryError, NotReadable):
            return ""

    @property
    def is_marked(self) -> bool:
        """True where the venv that this work has made has its name, and is unfinished. Raises OSError."""
        return self.mark == self.number

    @property
    def is_unfinished(self) -> bool:
        """True where the venv has its name and not all its packages, and there is no old one to be restored."""
        if self.good or self.has_folders:
            return False
        try:
            return self.mark in (self.number, self.before or self.number)
        except OSError:
            return False

    @property
    def is_interrupted(self) -> bool:
        """True where something is left to be undone, or finished."""
        try:
            return self.has_folders or (self.good and self.is_marked)
        except OSError:
            return True


class Journal:
    """The journal of one piece of work, while `with` lasts: locked, and removed at the end.

    Leaving the `with` block by a failure keeps it where something is left of the work. A store that cannot be written
    stops nobody from making a venv: `is_written` is False then, and only a crash is not provided for. Entering raises
    Refused while another process works on the same venv, and PymanError where the journal cannot be written.
    """

    def __init__(
        self,
        places: Places | None,
        venv: str,
        operation: Operation,
        *,
        old: int = 0,
        taken: tuple[Part, ...] = (),
        requirements: tuple[str, ...] = (),
        durable: bool = False,
        observer: Observer = SILENT,
    ) -> None:
        number = f"{os.getpid()}-{os.urandom(3).hex()}"
        self.entry = Entry(venv, operation, number, old, taken, requirements)
        self._places = places
        self._path = journal_path(places, venv) if places is not None else ""
        self._durable = durable
        self._observer = observer
        self._descriptor = -1

    @property
    def is_written(self) -> bool:
        """True where the store has it."""
        return self._descriptor >= 0

    def __enter__(self) -> Self:
        if self._places is None:
            return self
        try:
            make_folder(self._places.venvs)
            check_owner(self._places.venvs)
            self._begin(self._places)
        except ReadOnly:
            pass
        return self

    def _begin(self, places: Places) -> None:
        while not self._create(self._path):
            from pyman.effects.venvs.recovery import recover_here

            with hold_store(places, self._observer):
                left = recover_here(places, self.entry.venv)
                if left is None:
                    continue
                # What cannot be ended now is seen without its journal too, but for what it wanted to install.
                if left.is_unfinished:
                    files = self.entry.requirements or left.requirements
                    self.entry = replace(self.entry, requirements=files, before=left.mark)
                temporary = f"{self._path}{TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}"
                if self._create(temporary):
                    os.rename(temporary, self._path)
                    return

    def _create(self, path: str) -> bool:
        """Make the file, lock it, and write what is to be done; False where somebody else has it."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                _lock(self._descriptor, fcntl.LOCK_EX)
                if os.fstat(self._descriptor).st_nlink == 0:
                    self._close()  # Swept away before it was locked.
                    return False
                self._write(_first_lines(self.entry))
                if self._durable:
                    _flush_folder(os.path.dirname(path))
            except BaseException:
                os.unlink(path)
                self._close()
                raise
        except FileExistsError:
            return False
        except OSError as error:
            raise cannot_write(path, error) from error
        return True

    def made(self, inode: int) -> None:
        """Write down which folder the new venv is prepared in. Raises OSError."""
        self.entry = replace(self.entry, made=inode)
        self._write([f"made {self.entry.made}"])

    def putting(self, parts: Iterable[Part]) -> None:
        """Write down what is about to be moved up from it. Raises OSError."""
        self.entry = replace(self.entry, put=tuple(parts))
        self._write([f"put {inode} {_escape(name)}" for inode, name in self.entry.put])

    def copying(self, names: tuple[str, ...]) -> None:
        """Write down what of the old venv is about to be copied into the new one. Raises OSError."""
        self.entry = replace(self.entry, copied=names)
        self._write([f"copied {_escape(name)}" for name in names])

    def backing_up(self, copy: int, *, whole: bool = False) -> None:
        """Write down that a copy is backed up, and how far it is. Raises OSError."""
        self.entry = replace(self.entry, copy=copy, whole=whole)
        self._write(["whole"] if whole else [f"copy {copy}"])

    def good(self, moving: tuple[str, ...] = ()) -> None:
        """Write down that the new venv is good. Raises OSError."""
        self._write(["good", *(f"move {_escape(name)}" for name in moving)])
        self.entry = replace(self.entry, good=True, moving=moving)

    def _write(self, lines: list[str]) -> None:
        if self._descriptor < 0:
            return
        write_all(self._descriptor, os.fsencode("".join(f"{line}\n" for line in lines) + _END))
        if self._durable:
            flush_descriptor(self._descriptor)

    @defer_signals
    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self.end(keep=error is not None and (self.entry.is_unfinished or self.entry.is_interrupted))

    def end(self, *, keep: bool = False) -> None:
        """Let go of the journal; it stays where `keep` says that there is something left to be done."""
        if self._descriptor < 0:
            return
        for _ in range(0 if keep else 2):
            try:
                os.unlink(self._path)
            except OSError:
                continue  # It tells of nothing that is left, and is removed by the next one who looks.
            break
        self._close()

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def journal_path(places: Places, venv: str) -> str:
    """Where the journal of a venv is, if there is one."""
    return os.path.join(places.venvs, f".{record_name(venv)}")


def journal_paths(places: Places) -> list[str]:
    """The journals that there are, sorted; none where the store cannot be read."""
    names = names_seen(places.venvs)
    return [os.path.join(places.venvs, name) for name in names if name[:1] == "." and TEMPORARY not in name]


def dead_entries(places: Places) -> Iterator[Entry]:
    """What the journals of processes tell that died."""
    for path in journal_paths(places):
        entry = read_entry(path)
        if entry is not None:
            yield entry


def read_entry(path: str) -> Entry | None:
    """What a journal tells; None where there is none, where it tells nothing yet, or its process lives."""
    with Claim(path, shared=True) as claim:
        return claim.entry


class Claim:
    """The journal of a dead process, while `with` lasts. `entry` is None for one that tells nothing."""

    def __init__(self, path: str, *, shared: bool = False) -> None:
        self._path = path
        self._way = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor = -1
        self.is_there = False
        """True for a file of this user's that nobody works on."""
        self.is_alive = False
        self.entry: Entry | None = None

    def __enter__(self) -> Self:
        try:
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._descriptor = os.open(self._path, flags)
        except OSError:
            return self
        try:
            self._look()
        except (OSError, NotReadable):
            pass  # It tells nothing.
        except BaseException:
            self.__exit__()
            raise
        return self

    def _look(self) -> None:
        status = os.fstat(self._descriptor)
        if status.st_uid != os.geteuid() or not stat.S_ISREG(status.st_mode):
            return
        locked = _is_locked(self._descriptor, self._way)
        lines = _lines(read_descriptor(self._descriptor, self._path, _LARGEST))
        if locked is None:
            self.is_alive = _may_live(lines, status)
        else:
            self.is_alive = locked
        if os.fstat(self._descriptor).st_nlink == 0 or self.is_alive:
            return
        self.is_there = True
        self.entry = _parse(lines)

    def remove(self) -> None:
        """Remove it. Raises OSError."""
        os.unlink(self._path)

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock(descriptor: int, way: int) -> None:
    try:
        fcntl.flock(descriptor, way)
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            raise


def _is_locked(descriptor: int, way: int) -> bool | None:
    """True where another process holds the lock, else it is taken; None where the file system has none."""
    for _ in range(4):
        try:
            fcntl.flock(descriptor, way | fcntl.LOCK_NB)
            return False
        except OSError as error:
            if error.errno in _NO_FLOCK:
                return None
        # Who only looks at it holds it for an instant.
        time.sleep(0.005)
    return True


def _may_live(lines: list[str], status: os.stat_result) -> bool:
    """Whether the process may be alive that wrote these lines, on a file system without `flock`."""
    told = dict(line.partition(" ")[::2] for line in lines)
    if "pid" not in told:
        return time.time() - status.st_mtime < _LONGEST_BIRTH
    return told.get("host") != host() or is_alive(told["pid"])


def _first_lines(entry: Entry) -> list[str]:
    return [
        f"operation {entry.operation}",
        f"venv {_escape(entry.venv)}",
        f"number {entry.number}",
        f"pid {os.getpid()}",
        f"host {host()}",
        *([f"old {entry.old}"] if entry.old else []),
        *(f"take {inode} {_escape(name)}" for inode, name in entry.taken),
        *(f"requirement {_escape(file)}" for file in entry.requirements),
        *([f"before {entry.before}"] if entry.before else []),
    ]


def _escape(text: str) -> str:
    """One line for a path, which may hold line ends."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _unescape(text: str) -> str:
    return "\\".join(part.replace("\\n", "\n") for part in text.split("\\\\"))


def _lines(content: bytes) -> list[str]:
    """The lines up to the last one that is an end."""
    text = os.fsdecode(content)
    whole = text.rfind(f"\n{_END}")
    return text[: whole + 1].split("\n")[:-1] if whole >= 0 else []


def _parse(lines: list[str]) -> Entry | None:
    """What the lines of a journal tell; None where pyman did not write them."""
    told: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        told.setdefault(key, []).append(_unescape(value))
    try:
        venv, operation, number = (told[key][0] for key in ("venv", "operation", "number"))
        taken, put = (_parts(told.get(key, ())) for key in ("take", "put"))
        inodes = [int(told.get(key, ["0"])[-1]) for key in ("old", "made")]
        copy = int(told["copy"][-1]) if "copy" in told else None
    except (KeyError, ValueError):
        return None
    names = tuple(name for _, name in (*put, *taken))
    tops = (*told.get("move", ()), *told.get("copied", ()))
    usable = (
        os.path.isabs(venv)
        and os.path.normpath(venv) == venv
        and "/" not in number
        and "\0" not in "".join(lines)
        and all(name == os.path.normpath(name) and name.partition("/")[0] not in ("", ".", "..") for name in names)
        and not any("/" in name or name in ("", ".", "..") for name in tops)
    )
    if not usable:
        return None
    return Entry(
        venv,
        operation,
        number,
        inodes[0],
        taken,
        tuple(told.get("requirement", ())),
        told.get("before", [""])[-1],
        inodes[1],
        put,
        "good" in told,
        tuple(told.get("move", ())),
        tuple(told.get("copied", ())),
        copy,
        "whole" in told,
    )


def _parts(values: Iterable[str]) -> tuple[Part, ...]:
    """Raises ValueError for what is no number."""
    return tuple((int(inode), name) for inode, _, name in (value.partition(" ") for value in values))


def _flush_folder(folder: str) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flush_descriptor(descriptor)
    except OSError:
        pass  # Some network file systems cannot, and need not.
    finally:
        os.close(descriptor)
