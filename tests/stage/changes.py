"""Every change that pyman makes below a folder, one by one: made to fail, or the last thing that its process does.

An audit hook sees each beforehand. It cannot be taken back, so there is one for a module of tests, idle until it is
armed.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

# Where the descriptor of the folder stands among the arguments of each, for a name in an open folder.
_FOLDERS = {"os.rename": 2, "os.symlink": 2, "os.link": 3, "os.remove": 1, "os.mkdir": 2, "os.rmdir": 1, "os.chmod": 2}
_CHANGES = ("open", "os.rename", "os.symlink", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")


class Changes:
    """Counts changes of files and folders, and does something at one of them."""

    def __init__(self) -> None:
        self._folder = ""
        self._left = 0
        self._act: Callable[[str], None] = lambda path: None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._folder or event not in _CHANGES or threading.current_thread() is not threading.main_thread():
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        path = _path(event, arguments)
        if path.startswith(self._folder):
            self._left -= 1
            if self._left == 0:
                self._act(path)

    def failing(self, folder: Path, number: int, work: Callable[[], object]) -> bool:
        """Do something whose n-th change fails as on a bad disk; True where it came that far. Raises what it raises."""

        def fail(path: str) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

        self._folder, self._left, self._act = str(folder), number, fail
        try:
            work()
        finally:
            self._folder = ""
        return self._left <= 0

    def came(self) -> bool:
        """True where the last work came to the change that was to fail."""
        return self._left <= 0

    def killed(self, folder: Path, number: int, work: Callable[[], object]) -> bool:
        """Do something in a process of its own that is killed before its n-th change; True where it came that far."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self._folder, self._left = str(folder), number
                self._act = lambda path: os.kill(os.getpid(), signal.SIGKILL)
                work()
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(ended)
        assert code in (0, -signal.SIGKILL)
        return code != 0


def _path(event: str, arguments: tuple[object, ...]) -> str:
    """The absolute path of what is changed; empty where that cannot be told."""
    path = arguments[1] if event in ("os.symlink", "os.link") else arguments[0]
    if not isinstance(path, str) or path.startswith("/"):
        return path if isinstance(path, str) else ""
    if event == "open":
        # It is not said in which folder: only what is about to replace something is opened by its name alone.
        found = [fd for fd in _open_folders() if ".pyman-" in path]
        return f"{found[-1]}/{path}" if found else ""
    folder = arguments[_FOLDERS[event]]
    return f"{os.readlink(f'/proc/self/fd/{folder}')}/{path}" if isinstance(folder, int) and folder >= 0 else ""


def _open_folders() -> list[str]:
    """The folders that this process has open, by their descriptors."""
    found = []
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            path = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if os.path.isdir(path) and not path.startswith("/proc/"):
            found.append(path)
    return found
