"""New venvs: prepared beside their place, and put there in one step. Hot."""

from __future__ import annotations

import errno
import os

from pyman.effects.activation import activation_scripts
from pyman.effects.files import write_all
from pyman.effects.places import cannot_write, make_folder
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.core.venv_layout import VenvLayout

CFG = "pyvenv.cfg"


def what_is_there(path: str) -> str:
    """Say what has the name of a new venv: `nothing`, `empty`, `venv`, `folder`, `mount`, `file`, `root`."""
    try:
        entries = os.listdir(path)
    except FileNotFoundError:
        return "file" if os.path.islink(path) else "nothing"
    except NotADirectoryError:
        return "file"
    except OSError as error:
        raise cannot_write(path, error) from error
    if os.path.dirname(path) == path:
        return "root"
    if CFG in entries:
        return "mount" if os.path.ismount(path) else "venv"
    return "folder" if entries else "empty"


def write_venv(path: str, layout: VenvLayout, fill: Callable[[str], None] | None = None) -> None:
    """Make a venv at an absolute path where nothing or an empty folder is.

    `fill` puts packages into the unfinished venv, which it is given the place of. The venv appears in one step, whole;
    whatever goes wrong before leaves nothing behind. Raises PymanError as the system's refusal is best told.
    """
    parent, name = os.path.split(path)
    make_folder(parent)
    start = f".{name[:80]}.pyman-new-"
    _sweep(parent, start)
    work = os.path.join(parent, f"{start}{os.getpid()}-{os.urandom(3).hex()}")
    try:
        os.mkdir(work, 0o777)
        try:
            _write(work, path, layout)
            if fill is not None:
                fill(work)
            _put(work, path)
        except BaseException:
            from pyman.effects.unfinished import remove_tree

            remove_tree(work)
            raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise PymanError(f"the path {path} is too long for this system", hint="choose a shorter one") from error
        raise cannot_write(path, error) from error


def _sweep(parent: str, start: str) -> None:
    """Remove what a process left that was killed while it made a venv of this name here."""
    try:
        left = [name for name in os.listdir(parent) if name.startswith(start)]
    except OSError:
        return
    for name in left:
        try:
            os.kill(int(name.removeprefix(start).split("-")[0]), 0)
        except ProcessLookupError:
            from pyman.effects.unfinished import remove_tree

            remove_tree(os.path.join(parent, name))
        except (ValueError, OverflowError, OSError):
            continue  # It lives, or is none of ours.


def _write(work: str, path: str, layout: VenvLayout) -> None:
    for folder in layout.folders:
        os.mkdir(f"{work}/{folder}")
    for link, target in layout.links:
        os.symlink(target, f"{work}/{link}")
    for file, text in layout.files:
        _write_file(f"{work}/{file}", os.fsencode(text))
    for name, content in activation_scripts(path, layout.prompt).items():
        _write_file(f"{work}/bin/{name}", content)


def _write_file(path: str, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _put(work: str, path: str) -> None:
    """Give the finished venv its name.

    An empty folder makes way in the same step. One that cannot, a mount point or the folder that a shell stands in,
    is filled instead, `pyvenv.cfg` last: without it the folder is no venv yet.
    """
    if not os.path.isdir(path) or not (os.path.islink(path) or os.path.ismount(path) or _is_here(path)):
        try:
            os.rename(work, path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise Refused(
                    f"{path} was made by somebody else meanwhile", hint="look at it, then try again"
                ) from error
            raise
        return
    moved: list[str] = []
    try:
        for name in sorted(os.listdir(work), key=lambda name: name == CFG):
            os.rename(f"{work}/{name}", f"{path}/{name}")
            moved.append(name)
    except BaseException:
        for name in moved:
            os.rename(f"{path}/{name}", f"{work}/{name}")
        raise
    os.rmdir(work)


def _is_here(path: str) -> bool:
    try:
        return os.path.samefile(path, ".")
    except OSError:
        return False
