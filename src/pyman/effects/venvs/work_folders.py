"""Folders for work on venvs that no journal of this store names: looked at, told of, and never removed.

It may be of a pyman with another store, of one that could not write its store, or of somebody who would like to have
something deleted. A whole venv in one is put back where the user names it.
"""

from __future__ import annotations

import os

from pyman.core.diagnosis.venv import WorkFolder
from pyman.effects.files import is_alive
from pyman.effects.venvs.journal import dead_entries
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.place import UNFINISHED, is_work_folder, process_of, venv_of
from pyman.errors import IN_THE_WAY, NOT_WHOLE, NOT_YOURS, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.effects.places import Places


def find_work_folders(places: Places, folders: Iterable[str]) -> tuple[WorkFolder, ...]:
    """Look into folders for those for work on venvs, sorted; what a living process may be at is left out."""
    found = sorted({path for folder in folders for path in _candidates(folder)})
    if not found:
        return ()
    named = {path for entry in dead_entries(places) for path in entry.folders}
    return tuple(_look_at(path) for path in found if path not in named)


def _candidates(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        # Most names need no closer look.
        if ".pyman-" in name and is_work_folder(name) and not is_alive(process_of(name)):
            path = os.path.join(folder, name)
            if os.path.isdir(path) and not os.path.islink(path):
                yield path


def _look_at(path: str) -> WorkFolder:
    try:
        uid = os.lstat(path).st_uid
        holds = tuple(sorted(os.listdir(path)))
    except OSError:
        return WorkFolder(path, -1, ())
    venv = venv_of(path)
    facts = read_venv(path)
    whole = facts is not None and facts.library is not None and bool(facts.entries) and UNFINISHED not in holds
    return WorkFolder(path, uid, holds, venv if whole and venv is not None and venv != os.path.dirname(path) else None)


def put_back(path: str) -> str:
    """Give the whole venv in a folder for work the name that it had, and return that. Raises Refused and PymanError."""
    found = _look_at(path)
    if found.venv is None:
        raise Refused(f"{path} does not hold a whole venv", hint=f"see what is in it: `ls -A {path}`", code=NOT_WHOLE)
    if found.uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", hint="let its owner run pyman", code=NOT_YOURS)
    if os.path.lexists(found.venv):
        raise Refused(
            f"{found.venv} exists, so {path} cannot be put back", hint="move one of them away", code=IN_THE_WAY
        )
    try:
        os.rename(path, found.venv)
    except OSError as error:
        raise PymanError(
            f"{path} cannot be put back: {(error.strerror or str(error)).lower()}", hint="rename it yourself"
        ) from error
    return found.venv
