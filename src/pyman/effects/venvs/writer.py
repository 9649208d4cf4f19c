"""New venvs: prepared beside their place, and put there in one step. Hot."""

from __future__ import annotations

import errno
import os

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.places import cannot_write
from pyman.effects.seeds.sharing import write_new
from pyman.effects.venvs.activation import activation_scripts
from pyman.effects.venvs.place import INSIDE, NAMES, UNFINISHED, lock_folder, work_name
from pyman.errors import EXISTS, MOUNT, NOT_A_FOLDER, Changed, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from pyman.core.venv_layout import VenvLayout

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)


class NewVenv:
    """A venv in the making, at an absolute path where nothing or an empty folder is.

    Entering prepares it beside its place, `put` gives it its name in one step, `keep` ends it well. Leaving the `with`
    block otherwise removes all of it, and the folders above that were made for it. A process that is killed leaves what
    `clear_left_behind` removes. `fill` puts packages into the unfinished venv, whose path and open folder it is given.
    Whatever the system refuses is raised as a PymanError. All is written through the descriptor of that folder: where
    others may exchange names on the way to it, nothing is written elsewhere.

    Where the folder is there and its parent cannot be written, or a shell stands in it, the venv is prepared inside of
    it and moved up, `pyvenv.cfg` last: without that file it is no venv yet.
    """

    def __init__(self, path: str, layout: VenvLayout, fill: Callable[[str, int], None] | None = None) -> None:
        self.path = path
        self._layout = layout
        self._fill = fill
        self._work = ""
        self._lock = -1
        self._made: list[str] = []
        self._put: list[str] = []
        self._replaced: int | None = None
        self._putting = False
        self._kept = False

    def __enter__(self) -> Self:
        try:
            self._begin()
            write_layout(self._lock, self.path, self._layout)
            if self._fill is not None:
                self._fill(self._work, self._lock)
        except BaseException as error:
            self._take_back()
            raise self._told(error) from error
        return self

    def _begin(self) -> None:
        parent, name = os.path.split(self.path)
        self._make_parents(parent)
        inside = _is_here(self.path)
        while True:
            folder, start = (self.path, INSIDE) if inside else (parent, work_name(name, "new"))
            work = os.path.join(folder, f"{start}{os.getpid()}-{os.urandom(3).hex()}")
            try:
                os.mkdir(work, 0o777)
            except OSError as error:
                if inside or error.errno not in _REFUSALS or not os.path.isdir(self.path):
                    raise
                inside = True
                continue
            self._work = work
            lock = lock_folder(work)
            if lock is not None:
                self._lock = lock
                return

    def _make_parents(self, folder: str) -> None:
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for path in reversed(missing):
            try:
                os.mkdir(path)
            except FileExistsError:
                if not os.path.isdir(path):
                    raise PymanError(f"{path} is no folder", hint="choose another folder", code=NOT_A_FOLDER) from None
            else:
                self._made.append(path)

    def put(self, *, unfinished: bool = False) -> None:
        """Give the venv its name. With `unfinished` it says so in a file until it is kept."""
        try:
            if unfinished:
                write_new(UNFINISHED, b"", folder=self._lock)
            self._putting = True
            if os.path.dirname(self._work) == self.path:
                self._move_up()
            else:
                self._replaced = os.stat(self.path).st_mode if os.path.isdir(self.path) else None
                os.rename(self._work, self.path)
                self._put.append(self.path)
                if not self._is_ours(self.path):
                    raise _exchanged(self.path)
        except OSError as error:
            raise self._told(error) from error

    def _move_up(self) -> None:
        work = os.path.basename(self._work)
        folder = os.open(self.path, _FOLDER)
        try:
            if not _is_same(os.stat(work, dir_fd=folder, follow_symlinks=False), self._lock):
                raise _exchanged(self.path)
            names = sorted(os.listdir(self._lock), key=lambda name: name == FILE_NAME)
            # Who is killed in between leaves word of what is his.
            write_new(NAMES, os.fsencode("\0".join(names)), folder=self._lock)
            for name in names:
                os.rename(name, name, src_dir_fd=self._lock, dst_dir_fd=folder)
                self._put.append(f"{self.path}/{name}")
            os.unlink(NAMES, dir_fd=self._lock)
            os.rmdir(work, dir_fd=folder)
        except BaseException:
            os.close(folder)
            raise
        os.close(self._lock)
        locked = lock_folder(self.path)
        self._lock = folder if locked is None else locked
        if locked is not None:
            os.close(folder)

    def _is_ours(self, path: str) -> bool:
        """True while a name is that of the folder that was made."""
        try:
            return _is_same(os.lstat(path), self._lock)
        except FileNotFoundError:
            return False

    def leave(self) -> None:
        """Leave the venv in its place as it is, unfinished: who set the old one aside answers for it."""
        self._kept = True

    def keep(self) -> None:
        """Say that the venv is good."""
        try:
            os.unlink(UNFINISHED, dir_fd=self._lock)
        except FileNotFoundError:
            pass  # It was never unfinished under this name.
        except OSError as error:
            raise self._told(error) from error
        self._kept = True

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if not self._kept:
            self._take_back()
        elif self._lock >= 0:
            os.close(self._lock)

    def _take_back(self) -> None:
        from pyman.effects.interruption import Undisturbed
        from pyman.effects.unfinished import remove_tree

        with Undisturbed():
            try:
                for path in (*self._put, self._work):
                    # Nothing that somebody else has put in its place meanwhile.
                    if path and (os.path.dirname(path) == self.path or self._is_ours(path)):
                        remove_tree(path)
                if self.path in self._put and self._replaced is not None:
                    # The empty folder that the venv took the place of.
                    os.mkdir(self.path)
                    _set_mode(self.path, self._replaced & 0o7777)
                for folder in reversed(self._made):
                    os.rmdir(folder)
            except OSError:
                pass  # A folder that somebody else uses already, or a disk that is gone: the first failure is told.
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    def _told(self, error: BaseException) -> BaseException:
        """The failure to report for one of the system's."""
        if not isinstance(error, OSError):
            return error
        if error.errno == errno.ENAMETOOLONG:
            return PymanError(f"the path {self.path} is too long for this system", hint="choose a shorter one")
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) and self._putting:
            return Refused(
                f"{self.path} was made by somebody else meanwhile", hint="look at it, then try again", code=EXISTS
            )
        if error.errno in (errno.EBUSY, errno.EXDEV):
            return Refused(f"{self.path} is a mount point", hint="make the venv in a folder of it", code=MOUNT)
        told = cannot_write(self.path, error)
        if isinstance(told, ReadOnly):
            told.hint = "choose a folder that you may write to"
        return told


def write_layout(folder: int, path: str, layout: VenvLayout) -> None:
    """Write everything but the packages into an open, empty folder; `path` is the place that the venv will have."""
    for name in layout.folders:
        os.mkdir(name, dir_fd=folder)
    for link, target in layout.links:
        os.symlink(target, link, dir_fd=folder)
    for file, text in layout.files:
        write_new(file, os.fsencode(text), folder=folder)
    for name, content in activation_scripts(path, layout.prompt).items():
        write_new(f"bin/{name}", content, folder=folder)


def _set_mode(path: str, mode: int) -> None:
    folder = os.open(path, _FOLDER)
    try:
        os.fchmod(folder, mode)
    finally:
        os.close(folder)


def _is_same(status: os.stat_result, folder: int) -> bool:
    return folder >= 0 and os.path.samestat(status, os.fstat(folder))


def _exchanged(path: str) -> Changed:
    return Changed(f"{path} was exchanged by somebody else while it was made", hint="choose a folder of your own")


def _is_here(path: str) -> bool:
    """True for the folder that this process, and so the user's shell, stands in: it must stay the same folder."""
    try:
        return os.path.samefile(path, ".")
    except OSError:
        return False
