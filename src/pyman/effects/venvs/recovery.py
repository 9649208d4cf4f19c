"""Ending work on a venv, by the process that began it, or once that has died by any other: undone, or finished.

What is touched is what the journal tells of (journal.py): by its name and its inode, and only what belongs to this user
and is what making a venv puts there. Everything can be done again and again, from any state.
"""

from __future__ import annotations

import errno
import os
import stat

from pyman.core.immutable import record
from pyman.core.new_venv import IGNORE_FILE
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.copying import copy_exactly
from pyman.effects.files import NotReadable, is_alive, is_there, names_seen, read_bytes, status_of
from pyman.effects.observer import SILENT, Observer
from pyman.effects.places import Places, cannot_write
from pyman.effects.remove_tree import refuse_what_cannot_be_removed, remove_tree
from pyman.effects.venvs.journal import (
    Claim,
    Entry,
    Journal,
    Part,
    dead_entries,
    journal_path,
    journal_paths,
    read_entry,
)
from pyman.effects.venvs.own_folders import folder_made, within_own
from pyman.effects.venvs.place import UNFINISHED, being_made, is_work_folder, process_of, venv_of
from pyman.effects.venvs.user_files import own_entries, user_files_in
from pyman.errors import IN_THE_WAY, NOT_OURS, NOT_WHOLE, NOT_YOURS, PymanError, ReadOnly, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Literal

    from pyman.core.diagnosis.venv import WorkFolder
    from pyman.core.venv import VenvFolder

    Outcome = Literal["undone", "finished", "left", "unfinished"]

UNDONE: Outcome = "undone"
FINISHED: Outcome = "finished"
LEFT: Outcome = "left"
UNFINISHED_VENV: Outcome = "unfinished"
_MOST_NAMED = 5


class InTheWay(OSError):
    """Something that pyman did not make has a place that is needed, or lies in what is to be removed."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(errno.EEXIST, reason, path)


@record
class Recovered:
    """What became of one venv whose process had died."""

    venv: str
    outcome: Outcome
    """`undone`, `finished`, `left` (it could not be ended, `reason` tells why), or `unfinished`: the venv says so."""
    reason: str = ""


def recover(places: Places) -> tuple[Recovered, ...]:
    """End what dead processes had begun with venvs, and say what became of it.

    What somebody else has put in a place since then stays, and so does the old venv, under its other name. The caller
    holds the store's lock. Raises nothing: what cannot be ended now is left for the next time.
    """
    ended = []
    for path in journal_paths(places):
        with Claim(path) as claim:
            if claim.is_there:
                told = _end(claim)
                ended += [told] if told is not None else []
    return tuple(ended)


def recover_here(places: Places, venv: str) -> Entry | None:
    """End what a dead process had begun with one venv; returns what its journal tells where that cannot be done yet.

    The caller holds the store's lock. Raises Locked while a living process works on it.
    """
    path = journal_path(places, venv)
    with Claim(path) as claim:
        if claim.is_there:
            told = _end(claim)
            return claim.entry if told is not None and told.outcome in (LEFT, UNFINISHED_VENV) else None
        if claim.is_alive:
            raise being_made(venv)
    if is_there(path):
        raise Refused(
            f"{path} is not a pyman file", hint="move it away, then run the same command again", code=NOT_OURS
        )
    return None


def recover_venv(places: Places, venv: str, observer: Observer = SILENT) -> None:
    """The same before a venv is looked at. A store that cannot be written leaves everything as it is.

    Raises Locked while a living process works on it.
    """
    from pyman.effects.lock import hold_store

    if not is_there(journal_path(places, venv)):
        return
    try:
        with hold_store(places, observer):
            recover_here(places, venv)
    except ReadOnly:
        pass


def keep_unfinished(places: Places, venv: str) -> bool:
    """Take an unfinished venv for finished as it is; False where it is not one. Raises PymanError."""
    path = journal_path(places, venv)
    entry = read_entry(path)
    if entry is None or not entry.is_unfinished:
        return False
    from pyman.effects.lock import hold_store

    with hold_store(places), Claim(path) as claim:
        if claim.entry is not None and claim.entry.is_unfinished:
            try:
                _remove_mark(claim.entry)
                claim.remove()
            except OSError as error:
                raise cannot_write(venv, error) from error
    return True


def interrupted(places: Places) -> tuple[Entry, ...]:
    """What dead processes had begun and is to be ended."""
    return tuple(entry for entry in dead_entries(places) if entry.is_interrupted)


def _end(claim: Claim) -> Recovered | None:
    """End what one journal tells of, and remove it unless something is left."""
    entry = claim.entry
    told = _recover(entry) if entry is not None else None
    if told is None or told.outcome in (UNDONE, FINISHED):
        try:
            claim.remove()
        except OSError:
            pass  # It tells of nothing that is left.
    return told


def _recover(entry: Entry) -> Recovered:
    try:
        if entry.good:
            complete(entry, own=True)
            return Recovered(entry.venv, FINISHED)
        if entry.operation == "venv":
            _finish_moving_up(entry)
        else:
            restore(entry)
        for folder in (entry.new_beside, entry.new_inside):
            _take_away(folder, entry.made)
    except OSError as error:
        return Recovered(entry.venv, LEFT, f"{error.filename or entry.venv}: {error.strerror or error}")
    return Recovered(entry.venv, UNFINISHED_VENV if entry.is_unfinished else UNDONE)


def _finish_moving_up(entry: Entry) -> None:
    """Move up the rest of a venv that was prepared in its own folder: it was whole before the first of it was moved."""
    for inode, name in entry.put:
        source, target = os.path.join(entry.new_inside, name), os.path.join(entry.venv, name)
        if _inode(source) != inode:
            continue
        if is_there(target):
            raise InTheWay(target, "it is in the way")
        os.rename(source, target)
    if entry.put and _inode(entry.new_inside) == entry.made:
        remove_tree(entry.new_inside, own=True, inode=entry.made)


def restore(entry: Entry) -> None:
    """Give the old venv its name again, and remove what had it meanwhile. Raises OSError."""
    if entry.taken:
        _restore_parts(entry)
        return
    venv, backup = entry.venv, entry.backup
    if not is_there(backup):
        return
    if entry.copy is not None and not entry.whole:
        # Nothing of the original was touched yet.
        _take_away_copy(entry)
        return
    _expect(backup, entry.backed_up)
    spoiled = ""
    if entry.copy is not None and not entry.made and _inode(venv) == entry.old:
        # What is left of the original, whose copy is whole.
        remove_tree(venv, own=True, inode=entry.old)
    if is_there(venv):
        _expect(venv, entry.made)
        if not entry.is_marked:
            raise InTheWay(venv, "something else is in its place")
        _refuse_user_files(venv, (name for name in user_files_in(venv, fresh=True) if name not in entry.copied))
        # The old one first: what is large, or cannot be removed, does not keep it waiting.
        spoiled = entry.new_beside
        os.rename(venv, spoiled)
    os.rename(backup, venv)
    if spoiled:
        try:
            remove_tree(spoiled, own=True, inode=entry.made)
        except OSError:
            pass  # The journal stays, and tells of it.


def _take_away_copy(entry: Entry) -> None:
    if not entry.copy:
        # The process died before it wrote down which folder it had made, and before it put anything into it.
        os.rmdir(entry.backup)
        return
    _expect(entry.backup, entry.copy)
    remove_tree(entry.backup, own=True, inode=entry.copy)


def back_up_copy(journal: Journal) -> None:
    """Back up a copy of a venv whose folder cannot be renamed, and remove the original, which has its name in an image.

    Raises OSError, and Refused where this user may not remove all of the original; `restore` undoes it.
    """
    entry = journal.entry
    refuse_what_cannot_be_removed(entry.venv)
    journal.backing_up(0)
    os.mkdir(entry.backup, 0o700)
    journal.backing_up(os.lstat(entry.backup).st_ino)
    copy_exactly(entry.venv, entry.backup)
    journal.backing_up(journal.entry.backed_up, whole=True)
    remove_tree(entry.venv, inode=entry.old)


def _restore_parts(entry: Entry) -> None:
    marked = _marked_folder(entry)
    if marked is not None:
        remove_parts(marked, own=True)
    for inode, name in reversed(entry.taken):
        source, target = os.path.join(entry.backup, name), os.path.join(entry.venv, name)
        if _inode(source) != inode:
            continue
        if is_there(target):
            raise InTheWay(target, "it is in the way")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(source, target)
    _remove_empty_folders(entry.backup, (name for _, name in entry.taken))
    _remove_if_empty(entry.backup)


def take_parts(entry: Entry) -> None:
    """Set parts of a venv's folder aside, in it. The folders that they lay in stay: the way back takes no room.

    Raises OSError.
    """
    os.makedirs(entry.backup, 0o700, exist_ok=True)
    for inode, name in entry.taken:
        source, target = os.path.join(entry.venv, name), os.path.join(entry.backup, name)
        if _inode(source) == inode:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(source, target)


def _remove_empty_folders(top: str, names: Iterable[str]) -> None:
    """Remove the folders that they lay in, as far as they are empty now."""
    above = {name[:at] for name in names for at, letter in enumerate(name) if letter == "/"}
    for folder in sorted(above, reverse=True):
        _remove_if_empty(os.path.join(top, folder))


def _remove_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError as error:
        # Something else is in it, or it is gone.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise


def complete(entry: Entry, *, own: bool = False) -> None:
    """Finish what was found good; what is done already stays done. With `own` as for a dead process. Raises OSError."""
    venv, backup = entry.venv, entry.backup
    for name in entry.moving:
        old, new = os.path.join(backup, name), os.path.join(venv, name)
        if is_there(old) and (name == IGNORE_FILE or not is_there(new)):
            os.replace(old, new)
    if entry.is_marked:
        _remove_mark(entry)
    _remove_empty_folders(venv, (name for _, name in entry.taken))
    if not is_there(backup):
        return
    if not entry.taken:
        _expect(backup, entry.backed_up)
        _refuse_user_files(backup, (name for name in user_files_in(backup) if name not in entry.copied))
    remove_tree(backup, own=own, inode=entry.backed_up)


def _remove_mark(entry: Entry) -> None:
    os.unlink(os.path.join(entry.venv, UNFINISHED))


def _take_away(folder: str, inode: int) -> None:
    """Remove a folder in which a venv was prepared. Raises OSError."""
    if not is_there(folder):
        return
    if not inode:
        # The process died before it wrote down which one it had made, and before it put anything into it.
        os.rmdir(folder)
        return
    _expect(folder, inode)
    _refuse_user_files(folder, user_files_in(folder, fresh=True))
    remove_tree(folder, own=True, inode=inode)


def _marked_folder(entry: Entry) -> VenvFolder | None:
    """The folder of the venv that this work has made, where it says so itself; None where none does. Raises OSError."""
    try:
        place = folder_made(entry.venv)
        found: list[bytes] = []
        _within(place, "", lambda folder: found.append(read_bytes(UNFINISHED, folder=folder)))
    except (FileNotFoundError, NotADirectoryError, NotReadable):
        return None
    return place if found == [entry.number.encode()] else None


def remove_parts(venv: VenvFolder, *, own: bool = False, also_folders: bool = False) -> None:
    """Remove from a folder that holds more what making a venv and installing packages put there. Raises OSError.

    With `also_folders` those go too that are empty then; else they wait for what is restored, which takes no room so.
    Another folder that has its name by now is left alone.
    """
    names = own_entries(venv.path)
    for name in sorted(names, key=lambda name: (name != FILE_NAME, name == UNFINISHED)):
        remove_part(venv, name, own=own)
    if also_folders:
        _remove_empty_folders(venv.path, names)


def remove_part(venv: VenvFolder, name: str, *, own: bool = False) -> None:
    """Remove something in a venv's own folders, by its relative path; it may be gone. Raises OSError."""
    path = os.path.join(venv.path, name)
    try:
        _within(venv, os.path.dirname(name), lambda folder: remove_tree(path, own=own, folder=folder))
    except FileNotFoundError:
        pass  # With the folder that it lay in.


def _within(venv: VenvFolder, below: str, act: Callable[[int], object]) -> None:
    """Call `act` with the descriptor of a folder of a venv. Raises InTheWay where that is not its own, and OSError."""
    try:
        within_own(venv, below, act)
    except PymanError as error:
        raise InTheWay(os.path.join(venv.path, below), error.message) from error


def remove_new(venv: str, inode: int) -> None:
    """Remove a venv that this process has just made and that is not to be. Raises OSError; InTheWay for other files."""
    _refuse_user_files(venv, user_files_in(venv, fresh=True))
    remove_tree(venv, inode=inode)


def _expect(folder: str, inode: int) -> None:
    """Raise InTheWay for a folder that is not the one that the journal tells of."""
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode) or status.st_ino != inode or status.st_uid != os.geteuid():
        raise InTheWay(folder, "something else is in its place")


def _refuse_user_files(folder: str, names: Iterable[str]) -> None:
    found = tuple(names)
    if found:
        raise InTheWay(folder, f"it also contains {shown(found)}, which pyman did not put there")


def shown(names: tuple[str, ...]) -> str:
    """Names for a sentence, of many the first ones."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def parts_of(venv: str, names: Iterable[str]) -> tuple[Part, ...]:
    """Names in a venv's folder with their inodes, `pyvenv.cfg` first: without it there is no venv. Raises OSError."""
    ordered = sorted(names, key=lambda name: name != FILE_NAME)
    return tuple((os.lstat(os.path.join(venv, name)).st_ino, name) for name in ordered)


def _inode(path: str) -> int:
    status = status_of(path)
    return status.st_ino if status is not None else 0


# Folders for work on venvs that no journal of this store names: looked at, told of, and never removed.
#
# It may be of a pyman with another store, of one that could not write its store, or of somebody who would like to
# have something deleted. A whole venv in one is restored where the user names it.


def find_work_folders(places: Places, folders: Iterable[str]) -> tuple[WorkFolder, ...]:
    """Look into folders for those for work on venvs, sorted; what a living process may be at is left out."""
    found = sorted({path for folder in folders for path in _candidates(folder)})
    if not found:
        return ()
    named = {path for entry in dead_entries(places) for path in entry.folders}
    return tuple(_look_at(path) for path in found if path not in named)


def _candidates(folder: str) -> Iterator[str]:
    for name in names_seen(folder):
        # Most names need no closer look.
        if ".pyman-" in name and is_work_folder(name) and not is_alive(process_of(name)):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                yield path


def _look_at(path: str) -> WorkFolder:
    from pyman.core.diagnosis.venv import WorkFolder
    from pyman.effects.venvs.on_disk import read_venv

    try:
        uid = os.lstat(path).st_uid
        holds = tuple(sorted(os.listdir(path)))
    except OSError:
        return WorkFolder(path, -1, ())
    venv = venv_of(path)
    facts = read_venv(path)
    whole = facts is not None and facts.library is not None and bool(facts.entries) and UNFINISHED not in holds
    return WorkFolder(path, uid, holds, venv if whole and venv is not None and venv != os.path.dirname(path) else None)


def restore_work_folder(path: str) -> str:
    """Give the whole venv in a folder for work the name that it had, and return that. Raises Refused and PymanError."""
    found = _look_at(path)
    if found.venv is None:
        raise Refused(
            f"{path} does not contain a complete venv", hint=f"list what is in it: `ls -A {path}`", code=NOT_WHOLE
        )
    if found.uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", hint="ask its owner to run pyman", code=NOT_YOURS)
    if os.path.lexists(found.venv):
        raise Refused(
            f"{found.venv} exists, so {path} cannot be restored", hint="move one of them away", code=IN_THE_WAY
        )
    try:
        os.rename(path, found.venv)
    except OSError as error:
        raise PymanError(
            f"{path} cannot be restored: {(error.strerror or str(error)).lower()}", hint="rename it yourself"
        ) from error
    return found.venv
