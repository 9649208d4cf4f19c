"""The folder of shims: what is in it, and putting it right. Never touches a file that is not a shim of pyman."""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.core.shell.shims import TEMPLATE, is_shim, render_shim
from pyman.effects.files import read_text, replace_file, replace_link
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.own_installation import own_archive
from pyman.effects.places import cannot_write, make_folder, shipped
from pyman.errors import NOT_OURS, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_EXECUTABLE = 0o755
_LARGEST_SHIM = 1 << 18


@record
class Shims:
    """What lies in `<root>/shims`."""

    folder: str
    names: tuple[str, ...] = ()
    """Those that are pyman's, sorted."""
    foreign: tuple[str, ...] = ()
    """Whatever else has a name in there."""
    text: str | None = None
    """The text of the one file behind the names; None where it is missing."""


def read_shims(root: str) -> Shims:
    """Look at the shims. A folder that is not there holds none.

    Raises PymanError where the folder cannot be read.
    """
    folder = os.path.join(root, "shims")
    try:
        entries = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return Shims(folder)
    except OSError as error:
        raise _unreadable(folder, error) from error
    text = _shim_text(os.path.join(folder, TEMPLATE))
    names: list[str] = []
    foreign: list[str] = []
    for name in entries:
        if name.startswith("."):
            continue
        path = os.path.join(folder, name)
        if os.path.islink(path):
            try:
                ours = os.readlink(path) == TEMPLATE and name != TEMPLATE
            except OSError as error:
                raise _unreadable(path, error) from error
        else:
            ours = _shim_text(path) is not None
        (names if ours else foreign).append(name)
    return Shims(folder, tuple(names), tuple(foreign), text)


def wanted_text(root: str, *command: str) -> str:
    """Return the text that the shims of a store should have. `command` starts pyman, see `shim_command`."""
    return render_shim(read_text(shipped("shims", TEMPLATE), _LARGEST_SHIM), root, *command)


def are_current(root: str, names: tuple[str, ...], *command: str) -> bool:
    """Say whether the shims are as `write_shims` would make them. Raises PymanError where they cannot be read."""
    present = read_shims(root)
    return (
        present.text == wanted_text(root, *command)
        and os.access(os.path.join(present.folder, TEMPLATE), os.X_OK)
        and {*names, TEMPLATE} - {*present.foreign} == {*present.names}
    )


def write_shims(root: str, names: tuple[str, ...], *command: str) -> tuple[str, ...]:
    """Put the shims in place, take away those of pyman's that are no longer wanted, and return the names changed.

    What is right already is not written again. Raises Refused where something that is no shim has the name of the
    one file behind them all, and PymanError where the folder cannot be written; other foreign names are left alone.
    """
    present = _own_shims(root)
    try:
        make_folder(present.folder)
        with DeferredSignals():
            changed = _write(present, names, wanted_text(root, *command))
            committed()
    except OSError as error:
        raise cannot_write(present.folder, error) from error
    return tuple(sorted(changed))


def changing_shims(root: str, names: tuple[str, ...], *command: str) -> tuple[str, ...]:
    """The names that `write_shims` would change. Raises what it would raise before it begins."""
    present = _own_shims(root)
    return tuple(sorted(name for name, _ in _changes(present, names, wanted_text(root, *command))))


def remove_shims(root: str, *, dry_run: bool = False) -> tuple[str, ...]:
    """Remove all shims, and their folder where nothing else is in it; returns what goes.

    Raises PymanError where that is not possible.
    """
    present = read_shims(root)
    gone = [os.path.join(present.folder, name) for name in present.names]
    if not present.foreign and os.path.isdir(present.folder):
        gone.append(present.folder)
    if dry_run:
        return tuple(gone)
    try:
        with DeferredSignals():
            for path in gone:
                (os.rmdir if path == present.folder else os.unlink)(path)
    except OSError as error:
        raise cannot_write(present.folder, error) from error
    return tuple(gone)


def _own_shims(root: str) -> Shims:
    present = read_shims(root)
    if TEMPLATE in present.foreign:
        raise Refused(
            f"{os.path.join(present.folder, TEMPLATE)} is not a pyman shim; nothing was changed",
            hint="move it away, then run `pyman shims`",
            code=NOT_OURS,
        )
    return present


def _changes(present: Shims, names: tuple[str, ...], text: str) -> Iterator[tuple[str, str]]:
    """What is to be done: a name, and `file`, `link` or `remove`."""
    if present.text != text or not os.access(os.path.join(present.folder, TEMPLATE), os.X_OK):
        yield TEMPLATE, "file"
    for name in names:
        link = os.path.join(present.folder, name)
        if name not in present.foreign and name != TEMPLATE and not os.path.islink(link):
            yield name, "link"
    for name in present.names:
        if name not in names and name != TEMPLATE:
            yield name, "remove"


def _write(present: Shims, names: tuple[str, ...], text: str) -> list[str]:
    changed: list[str] = []
    for name, action in tuple(_changes(present, names, text)):
        path = os.path.join(present.folder, name)
        if action == "file":
            replace_file(path, text.encode("utf-8", "surrogateescape"), _EXECUTABLE)
        elif action == "link":
            replace_link(path, TEMPLATE)
        else:
            os.unlink(path)
        changed.append(name)
    return changed


def pyman_command() -> str:
    """Return the path by which a shim can start this pyman again; empty where there is none."""
    archive = own_archive()
    if archive:
        # Its name is the user's to choose. What it was unpacked to may be removed at any time.
        return archive if os.access(archive, os.X_OK) else ""
    for path in (os.path.join(os.path.dirname(sys.executable), "pyman"), os.path.abspath(sys.argv[0])):
        if (
            os.path.isabs(path)
            and os.path.basename(path) == "pyman"
            and os.path.isfile(path)
            and os.access(path, os.X_OK)
        ):
            return path
    return ""


def shim_command() -> tuple[str, ...]:
    """The program by which a shim starts this pyman, and the script that it runs where that is a Python.

    A shim looks for pyman nowhere else, so there is one also for `python -m pyman`, and for a pyman.pyz that is not
    executable; the shim runs it isolated from what a project puts into the environment. Empty only where the
    interpreter does not know its own path.
    """
    command = pyman_command()
    if command:
        return (command,)
    script = own_archive() or os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "__main__.py")
    return (sys.executable, script) if sys.executable else ()


def _unreadable(path: str, error: OSError) -> PymanError:
    reason = (error.strerror or str(error)).lower()
    return PymanError(f"{path} cannot be read: {reason}", hint="make its folder readable")


def _shim_text(path: str) -> str | None:
    try:
        text = read_text(path, _LARGEST_SHIM)
    except OSError:
        return None
    return text if is_shim(text) else None
