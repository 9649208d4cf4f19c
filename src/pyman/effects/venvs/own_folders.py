"""What may be written of a venv: folders of its own, of the user, reached without following a link (design.md 6).

The one rule for everything that changes a venv: `bin`, `lib`, `lib/pythonX.Y` and `site-packages` are real folders
that belong to whoever owns the venv. `why_not_written` says beforehand why a venv is left alone; `open_own` opens one
of its folders name by name, so that what is written through the descriptor goes nowhere else, whoever exchanges folders
meanwhile. `lib64` may be a link: nothing is written through it. Import-light.
"""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.names import minor_of_executable
from pyman.core.venv import VenvFolder
from pyman.effects.files import clean_up_folder, names_seen, pid_of_temporary
from pyman.errors import LEADS_ELSEWHERE, NOT_OWN_FOLDER, Changed, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_NOT_THAT = (errno.ELOOP, errno.ENOTDIR)


def why_not_written(venv: str, libraries: Iterable[str], owner: int, folder: int | None = None) -> str:
    """Say why nothing is written into a venv: `bin is a link to ../../.local/bin`; empty where nothing is against it.

    `libraries` are the names in its `lib` that hold packages; `owner` is the user that its folders must belong to.
    With `folder`, the descriptor of the venv's open folder, it is looked at through that. What is not there, or not
    to be seen, is no objection: it cannot be written either.
    """
    start = "" if folder is not None else f"{venv}/"
    names = ["bin", "lib"]
    for library in libraries:
        names += [f"lib/{library}", f"lib/{library}/site-packages"]
    for name in names:
        try:
            status = os.stat(start + name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner:
            return _objection(name, start + name, status, folder)
    return ""


def _objection(name: str, path: str, status: os.stat_result, folder: int | None) -> str:
    if stat.S_ISLNK(status.st_mode):
        try:
            return f"{name} is a link to {os.readlink(path, dir_fd=folder)}"
        except OSError:
            return f"{name} is a link"
    return f"{name} belongs to another user" if stat.S_ISDIR(status.st_mode) else f"{name} is not a folder"


def refuse_unless_own(venv: VenvFolder) -> None:
    """Raise Refused for a venv that nothing is written into, OSError where it cannot be looked at."""
    folder = open_own(venv)
    try:
        reason = why_not_written(venv.path, _libraries(folder), os.geteuid(), folder)
    finally:
        os.close(folder)
    if reason:
        raise not_written(venv.path, reason)


def _libraries(folder: int) -> list[str]:
    try:
        library = os.open("lib", _FOLDER, dir_fd=folder)
    except OSError:
        return []
    try:
        return [name for name in os.listdir(library) if minor_of_executable(name) is not None]
    finally:
        os.close(library)


def not_written(venv: str, reason: str) -> Refused:
    """The failure to report for a venv that nothing is written into."""
    return Refused(
        f"{venv} was not changed: {reason}, and pyman writes only into a venv's own folders",
        hint="put a real folder of your own in its place, or recreate the venv with `pyman venv --clear`",
        code=NOT_OWN_FOLDER,
    )


def leads_elsewhere(path: str, folder: str, command: str) -> Refused:
    """The failure to report for a place that is a link to another folder, or a text file that names one.

    `command` is the one that would do the same to that folder, if the user names it.
    """
    from pyman.core.escape import as_word

    return Refused(
        f"{path} points to another folder, {folder}; nothing was changed",
        hint=f"if you mean that one, run `pyman {command} {as_word(folder)}`",
        code=LEADS_ELSEWHERE,
    )


def open_own(venv: VenvFolder, below: str = "") -> int:
    """Open a folder of a venv to write into it, and return the descriptor, which the caller closes.

    `below` is relative to the venv, empty for its own folder. Raises Refused where a name on the way is a link or
    belongs to another user, PymanError where the venv is not the folder that was read, and OSError.
    """
    folder = _open(venv, "", venv.path, None)
    try:
        status = os.fstat(folder)
        if venv.identity is not None and venv.identity != (status.st_dev, status.st_ino):
            raise Changed(
                f"{venv.path} was replaced by another folder after it was read", hint="run the same command again"
            )
        _refuse_others(venv, "it", status)
        way = ""
        for name in below.split("/") if below else ():
            if name in ("", ".", ".."):
                raise ValueError(f"{below!r} is not in a venv")
            way = f"{way}/{name}" if way else name
            inner = _open(venv, way, name, folder)
            os.close(folder)
            folder = inner
            _refuse_others(venv, way, os.fstat(folder))
    except BaseException:
        os.close(folder)
        raise
    return folder


def within_own(venv: VenvFolder, below: str, act: Callable[[int], object]) -> None:
    """Call `act` with the descriptor of a folder of a venv. Raises as `open_own` does."""
    folder = open_own(venv, below)
    try:
        act(folder)
    finally:
        os.close(folder)


def folder_made(path: str) -> VenvFolder:
    """The folder of a venv that was just made there: what has its name later may be another. Raises OSError."""
    status = os.lstat(path)
    return VenvFolder(path, (status.st_dev, status.st_ino))


def _open(venv: VenvFolder, way: str, name: str, folder: int | None) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno not in _NOT_THAT:
            raise
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        raise not_written(venv.path, _objection(way or "it", name, status, folder)) from None


def _refuse_others(venv: VenvFolder, way: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise not_written(venv.path, f"{way} belongs to another user")


def package_folders(venv: str) -> list[str]:
    """The folders of a venv that hold packages, relative to it."""
    names = names_seen(f"{venv}/lib")
    return [f"lib/{name}/site-packages" for name in names if minor_of_executable(name) is not None]


def clean_up_own(venv: VenvFolder, folders: Iterable[str]) -> None:
    """Remove what dead processes were about to put in place in folders of a venv, relative to it; raises nothing."""
    for below in folders:
        try:
            folder = open_own(venv, below)
        except (OSError, PymanError):
            continue
        try:
            clean_up_folder(folder)
        finally:
            os.close(folder)


def has_temporaries(folder: str) -> bool:
    """True for a folder in which a process, dead or not, was about to put something in place."""
    return any(map(pid_of_temporary, names_seen(folder)))


class OwnName:
    """One name in a folder of a venv, or of the store, whose folder is opened again for each thing that is done to it.

    Each time it must be the folder that it was the first time: the way back leads nowhere else either. Keeping the
    folders of a thousand venvs open instead would take more descriptors than there are.
    """

    def __init__(self, path: str, venv: VenvFolder | None) -> None:
        """Without `venv` it is a name in the store, whose owner and mode are looked at when a command begins."""
        self.path = path
        self._above, self.name = os.path.split(path)
        self._venv = venv
        self._identity: tuple[int, int] | None = None
        if venv is not None and not path.startswith(f"{venv.path}/"):
            raise ValueError(f"{path} is not in {venv.path}")

    def open(self) -> int:
        """Open its folder, and return the descriptor, which the caller closes. Raises as `open_own` does."""
        if self._venv is None:
            folder = os.open(self._above, _FOLDER & ~os.O_NOFOLLOW)
        else:
            folder = open_own(self._venv, self._above[len(self._venv.path) + 1 :])
        status = os.fstat(folder)
        identity = (status.st_dev, status.st_ino)
        if self._identity not in (None, identity):
            os.close(folder)
            raise OSError(errno.ESTALE, "another folder has its name now", self._above)
        self._identity = identity
        return folder

    def within(self, act: Callable[[int], object]) -> None:
        """Call `act` with the descriptor of its folder. Raises as `open` does."""
        folder = self.open()
        try:
            act(folder)
        finally:
            os.close(folder)

    def is_there(self, folder: int) -> bool:
        """True where something has the name."""
        try:
            os.stat(self.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True
