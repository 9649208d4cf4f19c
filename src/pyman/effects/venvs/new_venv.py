"""New venvs: prepared beside their place, with their activation scripts, and put there in one step. Import-light."""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.new_venv import IGNORE_FILE, VenvLayout
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.shell.activation import TEMPLATES, render
from pyman.core.venv import VenvFolder
from pyman.effects.files import read_text
from pyman.effects.interruption import DeferredSignals, committed, defer_signals, failure_of
from pyman.effects.mounts import cannot_rename, is_mount_point
from pyman.effects.places import cannot_write, shipped
from pyman.effects.seeds.sharing import write_new
from pyman.effects.venvs.journal import Journal
from pyman.effects.venvs.own_folders import folder_made
from pyman.effects.venvs.place import UNFINISHED
from pyman.errors import EXISTS, MOUNT, NOT_A_FOLDER, Changed, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PLACE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)


class NewVenv:
    """A venv in the making, at an absolute path where nothing or an empty folder is.

    Entering prepares it beside its place, `put` gives it its name in one step, `keep` ends it well. Leaving the `with`
    block otherwise removes all of it, and the folders above that were made for it; what somebody else has put into it
    meanwhile stays, and so does the venv, marked as unfinished. `journal` tells the next process what one that is
    killed leaves. `fill` puts packages into the unfinished venv, whose path and open folder it is given. Whatever the
    system refuses is raised as a PymanError. All is written through the descriptor of that folder: where others may
    exchange names on the way to it, nothing is written elsewhere.

    Where the folder is there and its parent cannot be written, something else is in it, or a shell stands in it, the
    venv is prepared inside of it and moved up, `pyvenv.cfg` last: without that file it is not a venv yet.
    """

    def __init__(
        self,
        path: str,
        layout: VenvLayout,
        fill: Callable[[str, int], None] | None = None,
        journal: Journal | None = None,
    ) -> None:
        self.path = path
        self._layout = layout
        self._fill = fill
        self._journal = journal or Journal(None, path, "venv")
        self._work = ""
        self._folder = -1
        self._made: list[VenvFolder] = []
        self._put: list[str] = []
        self._up: VenvFolder | None = None
        """The folder that it is moved up into, where it was prepared in there."""
        self._replaced: int | None = None
        self._putting = False
        self._is_marked = False
        self._kept = False

    def __enter__(self) -> Self:
        try:
            with DeferredSignals():
                self._begin()
            write_layout(self._folder, self.path, self._layout)
            if self._fill is not None:
                self._fill(self._work, self._folder)
        except BaseException as error:
            self._take_back()
            raise self._told(error) from error
        return self

    def _begin(self) -> None:
        self._make_parents(os.path.dirname(self.path))
        entry = self._journal.entry
        work = entry.new_inside if entry.taken or _is_here(self.path) else entry.new_beside
        try:
            os.mkdir(work, 0o777)
        except OSError as error:
            if work == entry.new_inside or error.errno not in _REFUSALS or not os.path.isdir(self.path):
                raise
            work = entry.new_inside
            os.mkdir(work, 0o777)
        self._work = work
        self._folder = os.open(work, _FOLDER)
        self._journal.made(os.fstat(self._folder).st_ino)

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
                    raise PymanError(
                        f"{path} is not a folder", hint="choose another folder", code=NOT_A_FOLDER
                    ) from None
            else:
                self._made.append(folder_made(path))

    def put(self, *, unfinished: bool = False) -> None:
        """Give the venv its name. With `unfinished` it says so in a file until it is kept."""
        try:
            if unfinished:
                self._is_marked = True
                write_new(UNFINISHED, self._journal.entry.number.encode(), folder=self._folder)
            self._putting = True
            with DeferredSignals():
                self._put_in_place()
        except OSError as error:
            raise self._told(error) from error

    def _put_in_place(self) -> None:
        if self._work == self._journal.entry.new_inside:
            self._move_up()
            return
        self._replaced = os.stat(self.path).st_mode if os.path.isdir(self.path) else None
        os.rename(self._work, self.path)
        self._put.append(self.path)
        if not self._is_ours(self.path):
            raise _exchanged(self.path)

    def _move_up(self) -> None:
        work = os.path.basename(self._work)
        folder = os.open(self.path, _FOLDER)
        try:
            if not _is_same(os.stat(work, dir_fd=folder, follow_symlinks=False), self._folder):
                raise _exchanged(self.path)
            self._up = VenvFolder(self.path, _identity(os.fstat(folder)))
            # Marked from the first instant, a venv from the last.
            found = _names_to_move(self._folder, folder, "")
            names = sorted(found, key=lambda name: (name == FILE_NAME, name != UNFINISHED))
            self._journal.putting(
                [(os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_ino, name) for name in names]
            )
            for name in names:
                os.rename(name, name, src_dir_fd=self._folder, dst_dir_fd=folder)
                self._put.append(f"{self.path}/{name}")
        except BaseException:
            os.close(folder)
            raise
        from pyman.effects.remove_tree import remove_tree

        # Folders that are there already, and what of them the user's own file says.
        remove_tree(self._work, inode=self._journal.entry.made)
        os.close(self._folder)
        self._folder = folder

    def _is_ours(self, path: str, folder: int | None = None) -> bool:
        """True while a name is that of the folder that was made; with `folder` it is one in that open folder."""
        try:
            return _is_same(os.stat(path, dir_fd=folder, follow_symlinks=False), self._folder)
        except FileNotFoundError:
            return False

    def leave(self) -> None:
        """Leave the venv in its place as it is, unfinished: who backed up the old one answers for it."""
        self._kept = True

    def keep(self) -> None:
        """Say that the venv is good."""
        with DeferredSignals():
            if self._is_marked:
                try:
                    os.unlink(UNFINISHED, dir_fd=self._folder)
                except FileNotFoundError:
                    pass  # Somebody else has removed it.
                except OSError as error:
                    raise self._told(error) from error
            self._kept = True
            committed()

    @defer_signals
    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        if self._kept:
            self._close()
            return
        left = self._take_back()
        failure = failure_of(error)
        if left and failure is not None:
            failure.message += f"; {left}"

    @defer_signals
    def _take_back(self) -> str:
        """Remove all of it; returns why, where it stays."""
        from pyman.effects.remove_tree import remove_tree
        from pyman.effects.venvs.recovery import InTheWay, remove_part, remove_parts

        try:
            # Nothing that somebody else has put in its place meanwhile.
            if self.path in self._put:
                self._take_away()
            elif self._up is not None and f"{self.path}/{UNFINISHED}" in self._put:
                # What was installed into it goes too, and what somebody put beside that stays.
                remove_parts(self._up, also_folders=not self._journal.entry.taken)
            elif self._up is not None:
                for path in self._put:
                    remove_part(self._up, path[len(self.path) + 1 :])
            if self._work and self._is_ours(self._work):
                remove_tree(self._work, inode=os.fstat(self._folder).st_ino)
            for folder in reversed(self._made):
                if _identity(os.lstat(folder.path)) == folder.identity:
                    os.rmdir(folder.path)
        except InTheWay as error:
            return f"{self.path} was not removed: {error.strerror}"
        except OSError:
            pass  # A folder that somebody else uses already, or a disk that is gone: the first failure is told.
        finally:
            self._close()
        return ""

    def _take_away(self) -> None:
        """Remove the venv, and restore the empty folder that it took the place of, in the folder that held them."""
        from pyman.effects.venvs.recovery import remove_new

        above, name = os.path.split(self.path)
        parent = os.open(above, _PLACE)
        try:
            if self._is_ours(name, parent):
                remove_new(self.path, self._journal.entry.made)
                if self._replaced is not None:
                    os.mkdir(name, dir_fd=parent)
                    _set_mode(name, self._replaced & 0o7777, parent)
        finally:
            os.close(parent)

    def _close(self) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def _told(self, error: BaseException) -> BaseException:
        """The failure to report for one of the system's."""
        if not isinstance(error, OSError):
            return error
        if error.errno == errno.ENAMETOOLONG:
            return PymanError(f"the path {self.path} is too long for this system", hint="choose a shorter one")
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR) and self._putting:
            return Refused(
                f"{self.path} was created by another process in the meantime",
                hint="check it, then run the same command again",
                code=EXISTS,
            )
        if is_mount_point(self.path):
            return Refused(f"{self.path} is a mount point", hint="create the venv in a folder inside it", code=MOUNT)
        if error.errno == errno.EXDEV:
            return cannot_rename(self.path)
        told = cannot_write(self.path, error)
        if isinstance(told, ReadOnly):
            told.hint = "choose a folder that you can write to"
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


def _names_to_move(work: int, folder: int, below: str) -> Iterator[str]:
    """What is to be moved up, relative to the venv: of a folder that is there already what it lacks."""
    inner = os.open(below or ".", _FOLDER, dir_fd=work)
    try:
        entries = os.listdir(inner)
    finally:
        os.close(inner)
    for entry in entries:
        name = f"{below}/{entry}" if below else entry
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            yield name
            continue
        is_folder = stat.S_ISDIR(os.stat(name, dir_fd=work, follow_symlinks=False).st_mode)
        if is_folder and stat.S_ISDIR(status.st_mode):
            yield from _names_to_move(work, folder, name)
        elif name != IGNORE_FILE:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)


def _set_mode(name: str, mode: int, parent: int) -> None:
    """Give an empty folder of one's own its permissions; another one that has its name by now is left alone."""
    folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        if os.fstat(folder).st_uid == os.geteuid() and not os.listdir(folder):
            os.fchmod(folder, mode)
    finally:
        os.close(folder)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_same(status: os.stat_result, folder: int) -> bool:
    return folder >= 0 and os.path.samestat(status, os.fstat(folder))


def _exchanged(path: str) -> Changed:
    return Changed(
        f"{path} was replaced by another process while it was created",
        hint="choose a folder that only you can write to",
    )


def _is_here(path: str) -> bool:
    """True for the folder that this process, and so the user's shell, stands in: it must stay the same folder."""
    try:
        return os.path.samefile(path, ".")
    except OSError:
        return False


# The activation scripts of a venv, from the templates that the package carries.


def template(name: str) -> str:
    """Return the text of one of TEMPLATES."""
    return read_text(shipped("activation", name))


def activation_scripts(venv: str, prompt: str, bin_name: str = "bin") -> dict[str, bytes]:
    """Return the content of every activation script of the venv at the absolute path `venv`, by its name in `bin`."""
    return {name: os.fsencode(render(name, template(name), venv, prompt, bin_name)) for name in TEMPLATES}
