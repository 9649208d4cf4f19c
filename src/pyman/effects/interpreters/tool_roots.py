"""The folders of the user's own version managers: what lies in them may be started, and followed (DESIGN 6, 7).

A folder that a project brings along is none of them, whatever an environment variable says: a repository may hold a
`.pyenv` and the line that sets PYENV_ROOT to it.
"""

from __future__ import annotations

import os

from pyman.core.tool_roots import ToolRoot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.effects.places import Places

_REPOSITORY = ".git"


def own_tool_roots(places: Places) -> tuple[ToolRoot, ...]:
    """Return the folders of version managers that exist, belong to the user or root, and lie in no project."""
    return tuple(
        root for root in places.tool_roots if _is_own(root.root) and not lies_in_project(root.root, places.home)
    )


def lies_in_project(folder: str, home: str) -> bool:
    """True where a folder above this one, and below another one, is a repository, by name or by real path.

    Its own repository does not count: pyenv is installed by cloning it. Nor does that of the other folder, `home`.
    """
    homes = (home.rstrip("/"), os.path.realpath(home))
    return any(_lies_in_project(path, homes) for path in dict.fromkeys((folder, os.path.realpath(folder))))


def _lies_in_project(folder: str, homes: tuple[str, ...]) -> bool:
    above = os.path.dirname(folder)
    while above != os.path.dirname(above):
        if any(f"{home}/".startswith(f"{above}/") for home in homes):
            return False
        if os.path.lexists(os.path.join(above, _REPOSITORY)):
            return True
        above = os.path.dirname(above)
    return False


def _is_own(folder: str) -> bool:
    try:
        return os.stat(folder).st_uid in (0, os.geteuid())
    except OSError:
        return False
