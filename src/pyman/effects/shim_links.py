"""Links to shims in folders of the user, for programs that know no shell's set-up: editors, cron, systemd, CI.

`links` in the store holds the folders, one a line. A link is pyman's where it has the name of a shim that is linked and
leads to the shim of that name, written as pyman writes it; whatever else is there is left alone, also what the user
linked to a shim. A link leads to a shim and never to an interpreter: what that would make by such a link could not find
its library.
"""

from __future__ import annotations

import os

from pyman.core.immutable import record
from pyman.core.shell.shims import names_to_link
from pyman.effects.files import names_seen, read_own_text, replace_file, status_of
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.places import cannot_write, make_folder
from pyman.errors import NOT_YOURS, BadRequest, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = "links"
_LARGEST = 1 << 16


@record
class LinkChanges:
    """What is to be done in one folder, and what stands in the way; names in it, sorted."""

    folder: str
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    """Names that something else has."""
    now: tuple[str, ...] = ()
    """All that are pyman's afterwards."""

    @property
    def paths(self) -> tuple[str, ...]:
        """What changes, as paths."""
        return tuple(os.path.join(self.folder, name) for name in sorted((*self.add, *self.remove)))


def linked_folders(root: str) -> tuple[str, ...]:
    """The folders that hold links to the shims of a store; none by the word of another user."""
    try:
        text = read_own_text(os.path.join(root, _NAME), _LARGEST)
    except OSError:
        return ()
    return tuple(dict.fromkeys(line for line in text.split("\n") if line.startswith("/")))


def link_changes(root: str, folder: str, names: Iterable[str]) -> LinkChanges:
    """What is to be done so that a folder holds these links and no others of pyman's. Changes nothing."""
    wanted = tuple(names)
    ours = {name for name in names_to_link(names_seen(folder)) if _is_ours(root, folder, name)}
    foreign = {name for name in wanted if name not in ours and os.path.lexists(os.path.join(folder, name))}
    add = {*wanted} - ours - foreign
    remove = ours - {*wanted}
    now = sorted({*wanted} - foreign)
    return LinkChanges(folder, tuple(sorted(add)), tuple(sorted(remove)), tuple(sorted(foreign)), tuple(now))


def apply_links(root: str, changes: LinkChanges) -> None:
    """Make and remove the links of one folder, which the store knows from then on, or no longer where none is left.

    What has come into the place of a link meanwhile is left alone. Raises PymanError where that is not possible.
    """
    folder = changes.folder
    _refuse_list_of_others(root)
    before = linked_folders(root)
    after = tuple(each for each in before if each != folder)
    if "\n" in folder:
        raise BadRequest(f"{folder!r} has a line break in its name", hint="choose another folder", exit_status=1)
    try:
        with DeferredSignals():
            if changes.now:
                make_folder(folder)
                # First of all: what is cut off after that is finished by the next command that changes the shims.
                _store_folders(root, (*after, folder), before)
            for name in changes.add:
                _make_link(root, folder, name)
            for name in changes.remove:
                if _is_ours(root, folder, name):
                    os.unlink(os.path.join(folder, name))
            if not changes.now:
                _store_folders(root, after, before)
            committed()
    except OSError as error:
        is_list = os.path.dirname(os.fsdecode(error.filename or "")) == root
        raise cannot_write(os.path.join(root, _NAME) if is_list else folder, error) from error


def _refuse_list_of_others(root: str) -> None:
    """Raise Refused where the list of folders is another user's: to add to it would be to follow it."""
    path = os.path.join(root, _NAME)
    status = status_of(path)
    if status is not None and status.st_uid not in (0, os.geteuid()):
        raise Refused(
            f"{path} belongs to another user, who could choose where links are made",
            hint="ask its owner to run pyman, or remove it",
            code=NOT_YOURS,
        )


def _make_link(root: str, folder: str, name: str) -> None:
    if not _is_ours(root, folder, name):
        os.symlink(_target(root, name), os.path.join(folder, name))  # Fails where something has the name.


def _store_folders(root: str, folders: tuple[str, ...], before: tuple[str, ...]) -> None:
    path = os.path.join(root, _NAME)
    if set(folders) == set(before):
        return
    if folders:
        replace_file(path, "".join(f"{folder}\n" for folder in folders).encode("utf-8", "surrogateescape"))
    else:
        os.unlink(path)


def _target(root: str, name: str) -> str:
    return os.path.join(root, "shims", name)


def _is_ours(root: str, folder: str, name: str) -> bool:
    try:
        return os.readlink(os.path.join(folder, name)) == _target(root, name)
    except OSError:
        return False
