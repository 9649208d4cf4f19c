"""What processes left that were killed while they replaced a file or made a venv: nobody will come back for it."""

from __future__ import annotations

from pyman.core.venv import VenvFolder
from pyman.effects.unfinished import sweep_temporaries
from pyman.effects.venvs.own_folders import sweep_own
from pyman.effects.venvs.place import clear_folder, clear_left_behind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.effects.places import Places


def clear_away(places: Places, venvs: Iterable[str], cwd: str) -> None:
    """Remove it from the store, from these venvs, from beside them, and unfinished venvs from a folder.

    What a live process is about to put in place stays. Raises nothing: what cannot be removed harms nobody.
    """
    for folder in (places.root, places.runtimes, places.venvs, places.shims):
        sweep_temporaries(folder)
    for venv in venvs:
        sweep_own(VenvFolder(venv), ("", "bin"))
        clear_left_behind(venv)
    clear_folder(cwd)
