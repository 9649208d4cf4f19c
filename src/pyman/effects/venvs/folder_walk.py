"""The walk of one process through folders, looking for `pyvenv.cfg`.

Also a program of its own: `python -I -S folder_walk.py` takes folders from its standard input and walks them beside
the process that started it (search.py). So it imports nothing of pyman.

A folder whose link count says that no folder is in it is not opened at all, as `find` does on file systems that it
knows by name. Here a file system has to show it: a count is believed once an opened folder had exactly two more links
than folders, more than none, and as long as none had another number. Link counts of macOS count files as well: two
means empty there.
"""

from __future__ import annotations

import errno
import os
import sys

FILE_NAME = b"pyvenv.cfg"
POINTER = b".venv"
"""May also be a link to a venv, or a text file that names one: only reading it tells."""

SKIPPED = frozenset(
    [
        b"node_modules",
        b"__pycache__",
        b"site-packages",
        b"dist-packages",
        b".git",
        b".hg",
        b".svn",
        b".mypy_cache",
        b".ruff_cache",
        b".pytest_cache",
        b".hypothesis",
    ]
)
"""Folders that tools fill, and that hold no venv that anybody uses. Below the home more is left out: home_search.py."""

PACKAGES = (b".app", b".noindex", b".photoslibrary") if sys.platform == "darwin" else ()
"""How the names of folders end that macOS shows as one file. It guards some of them with a dialog."""

OF_A_VENV = frozenset([b"bin", b"lib", b"lib64", b"include", b"share", b"etc", b"man", b"doc", b"conda-meta"])
"""What makes up a venv itself; what else lies in its folder may be a project with venvs of its own."""

_NO_FILE_SYSTEM = (b"/proc", b"/sys", b"/dev")
_WORK_IN_PROGRESS = b".pyman-"

NOTHING: frozenset[bytes] = frozenset()

Work = tuple[bytes, int, int]
"""A folder to walk: its path, the device that it must lie on, how many links it has; UNSEEN where nobody looked."""

UNSEEN = -1


class Walk:
    """Folders that are still to be walked, and what the others held."""

    def __init__(self, without: frozenset[bytes] = NOTHING) -> None:
        self.without = without
        """Paths of folders that are not walked, nor looked at."""
        self.pending: list[Work] = []
        self.found: list[bytes] = []
        self.unreadable: list[bytes] = []
        self.denied: list[bytes] = []
        """Those of them that the system does not let this user into."""
        self.count = 0
        self._believed: dict[int, bool] = {}

    def add(self, folder: bytes) -> None:
        """Walk this folder too, and what is below it on the same file system."""
        if folder in _NO_FILE_SYSTEM:
            return
        try:
            status = os.stat(folder)
        except OSError as error:
            self._refused(folder, error)
            return
        self.pending.append((folder, status.st_dev, UNSEEN))

    def add_unseen(self, folder: bytes) -> None:
        """The same, without a look at it: that may take for ever."""
        if folder not in _NO_FILE_SYSTEM:
            self.pending.append((folder, UNSEEN, UNSEEN))

    def run(self, most: int) -> None:
        """Walk at most so many folders."""
        pending, access, believed = self.pending, os.access, self._believed
        for _ in range(most):
            if not pending:
                return
            self.count += 1
            folder, device, links = pending.pop()
            if links == 2 and believed.get(device):
                if access(folder + b"/" + FILE_NAME, os.F_OK):
                    self.found.append(folder)
                if access(folder + b"/" + POINTER, os.F_OK):
                    self.found.append(folder + b"/" + POINTER)
                continue
            self._open(folder, device, links)

    def _open(self, folder: bytes, device: int, links: int) -> None:
        names = []
        is_venv = has_pointer = False
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        names.append(entry.name)
                    elif entry.name == FILE_NAME:
                        is_venv = True
                    elif entry.name == POINTER:
                        has_pointer = True
            if device == UNSEEN:
                device = os.stat(folder).st_dev
        except OSError as error:
            # One of those below may have gone away meanwhile.
            if device == UNSEEN or not isinstance(error, (FileNotFoundError, NotADirectoryError)):
                self._refused(folder, error)
            return
        if FILE_NAME in names:
            # A folder of that name: no venv that works, and one that wants explaining.
            is_venv = True
        if links != len(names) + 2:
            if links >= 0:
                self._believed[device] = False
        elif names:
            self._believed.setdefault(device, True)
        if is_venv:
            self.found.append(folder)
            names = [name for name in names if name not in OF_A_VENV]
        prefix = folder if folder.endswith(b"/") else folder + b"/"
        if has_pointer:
            self.found.append(prefix + POINTER)
        for name in names:
            if name in SKIPPED or _WORK_IN_PROGRESS in name or name.endswith(PACKAGES):
                continue
            path = prefix + name
            if path in self.without:
                continue
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._refused(path, error)
                continue
            if status.st_dev == device:
                self.pending.append((path, device, status.st_nlink))

    def _refused(self, folder: bytes, error: OSError) -> None:
        self.unreadable.append(folder)
        if error.errno in (errno.EACCES, errno.EPERM):
            self.denied.append(folder)


def _serve() -> None:
    """Walk what comes in until nothing comes any more: the other process may have died."""
    import marshal
    import signal

    # The parent process gets Ctrl-C as well, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            pending, most, without = marshal.load(sys.stdin.buffer)  # noqa: S302 - from the process that started this one
        except (EOFError, ValueError):
            return
        walk = Walk(without)
        walk.pending = pending
        walk.run(most)
        marshal.dump((walk.pending, walk.found, walk.unreadable, walk.denied, walk.count), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
