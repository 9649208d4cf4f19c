"""Removing files and folders: by descriptors to the end, never through a link, never into a mount.

What was looked at is what is removed: exchanging a folder for a link meanwhile changes nothing. Whatever in pyman
deletes a folder that is not empty does it here.
"""

from __future__ import annotations

import errno
import os
import stat

from pyman.effects.mounts import mounts_below
from pyman.errors import NOT_YOURS, Refused

# On Linux a folder may be gone through that must not be listed.
_PLACE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class Mounted(OSError):
    """A folder that is mounted below what is to be removed: nothing of it is touched."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EBUSY, "a folder is mounted there", path)


class NotOwn(OSError):
    """Something that belongs to another user, or that others may write, where only the user's own is removed."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EPERM, "it belongs to another user", path)


class Exchanged(OSError):
    """Another folder than the one that was to be removed has its name."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.EEXIST, "something else is in its place", path)


def remove_tree(path: str, *, own: bool = False, inode: int = 0, folder: int | None = None) -> None:
    """Remove a folder and all below it, also what is read-only; links are removed, never followed.

    What is not there is fine. With `folder`, the descriptor of the open folder that it lies in, only the last name of
    `path` counts: nobody can exchange what is on the way there. With `own` the removal stops at the first thing that is
    not this user's; for root also at a folder that others may write. With `inode` only the folder with that number is
    removed. Raises Mounted, before anything is touched where the system lists its mounts; NotOwn; Exchanged; and
    OSError where something cannot be removed.
    """
    above, name = os.path.split(path)
    try:
        place = os.open(above or ".", _PLACE) if folder is None else os.dup(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        try:
            _Removal(path, own=own).remove(name, place, inode)
        except (Mounted, NotOwn, Exchanged):
            raise
        except OSError:
            # A program that still ran may have written into it meanwhile.
            _Removal(path, own=own).remove(name, place, inode)
    finally:
        os.close(place)


def refuse_what_cannot_be_removed(path: str) -> None:
    """Raise Refused for a folder that this user may not remove with all below it, as far as owners and modes tell.

    Raises Mounted for a mount below it, and OSError. Nothing is changed.
    """
    for mount in mounts_below(path):
        raise Mounted(mount)
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as found:
            entries = list(found)
        kept = _kept_by_owner(folder, entries)
        if kept is not None:
            raise Refused(
                f"{kept} cannot be removed: {folder} belongs to another user",
                hint="ask that user to remove it, then run the same command again",
                code=NOT_YOURS,
            )
        waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]


def _kept_by_owner(folder: str, entries: list[os.DirEntry[str]]) -> str | None:
    """What this user may not remove from a folder, as that belongs to somebody else; None where he may remove all."""
    status, user = os.lstat(folder), os.geteuid()
    if user in (0, status.st_uid):
        return None
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        return entries[0].path if entries else None
    if not status.st_mode & stat.S_ISVTX:
        return None
    return next((entry.path for entry in entries if entry.stat(follow_symlinks=False).st_uid != user), None)


class _Removal:
    """One removal, from its top down."""

    def __init__(self, path: str, *, own: bool) -> None:
        self._path = path
        self._own = own
        self._user = os.geteuid()
        self._device = -1
        self._above: list[_Folder] = []

    def remove(self, name: str, place: int, inode: int) -> None:
        try:
            status = os.stat(name, dir_fd=place, follow_symlinks=False)
            if not inode and not stat.S_ISDIR(status.st_mode):
                self._refuse_foreign(status)
                os.unlink(name, dir_fd=place)
                return
            self._device = status.st_dev
            self._enter(name, place)
        except FileNotFoundError:
            return
        try:
            if inode and os.fstat(self._above[0].descriptor).st_ino != inode:
                raise Exchanged(self._path)
            for mount in mounts_below(self._place_of(self._above[0])):
                raise Mounted(mount)
            while self._above:
                folder = self._above[-1]
                if folder.left:
                    self._remove_entry(folder, *folder.left.pop())
                else:
                    self._leave(place)
        finally:
            for folder in self._above:
                os.close(folder.descriptor)

    def _remove_entry(self, folder: _Folder, name: str, is_folder: bool) -> None:
        try:
            if is_folder:
                self._enter(name, folder.descriptor)
                return
            if self._own:
                self._refuse_foreign(os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False))
            os.unlink(name, dir_fd=folder.descriptor)
        except FileNotFoundError:
            pass  # Somebody else was faster.
        except OSError as error:
            raise self._named(error, name) from None

    def _enter(self, name: str, place: int) -> None:
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=place)
        except PermissionError:
            self._make_readable(name, place)
            descriptor = os.open(name, _FOLDER, dir_fd=place)
        try:
            status = os.fstat(descriptor)
            if status.st_dev != self._device:
                raise Mounted(self._path_of(name))
            self._refuse_foreign(status)
            if status.st_uid == self._user and status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
                os.fchmod(descriptor, stat.S_IRWXU)
            self._above.append(_Folder(name, descriptor))
        except BaseException:
            os.close(descriptor)
            raise

    def _leave(self, place: int) -> None:
        """Remove the folder that is empty now."""
        folder = self._above.pop()
        os.close(folder.descriptor)
        try:
            os.rmdir(folder.name, dir_fd=self._above[-1].descriptor if self._above else place)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._named(error, folder.name) from None

    def _refuse_foreign(self, status: os.stat_result) -> None:
        if not self._own:
            return
        writable = stat.S_ISDIR(status.st_mode) and status.st_mode & _OF_OTHERS
        if status.st_uid != self._user or (self._user == 0 and writable):
            raise NotOwn(self._path)

    def _make_readable(self, name: str, place: int) -> None:
        """Make a folder readable that cannot be opened: the one that was looked at, whatever has its name by now."""
        if not hasattr(os, "O_PATH"):
            os.chmod(name, stat.S_IRWXU, dir_fd=place, follow_symlinks=False)
            return
        descriptor = os.open(name, _PLACE | os.O_NOFOLLOW, dir_fd=place)
        try:
            if os.fstat(descriptor).st_uid == self._user:
                # The kernel's own link to what is open: it follows no path.
                os.chmod(f"/proc/self/fd/{descriptor}", stat.S_IRWXU)
        finally:
            os.close(descriptor)

    def _place_of(self, folder: _Folder) -> str:
        """Where an open folder lies by now."""
        try:
            return os.readlink(f"/proc/self/fd/{folder.descriptor}")
        except OSError:
            return self._path

    def _path_of(self, name: str) -> str:
        """The path of an entry, for words alone."""
        return os.path.join(self._path, *(folder.name for folder in self._above[1:]), *([name] if self._above else []))

    def _named(self, error: OSError, name: str) -> OSError:
        if isinstance(error, (Mounted, NotOwn)):
            return error  # It names its place.
        return OSError(error.errno, error.strerror, self._path_of(name))


class _Folder:
    """One folder while it is emptied."""

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
        self.descriptor = descriptor
        with os.scandir(descriptor) as entries:
            self.left = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
