"""Where the files of a venv say that it lies, and whether it lies in a tree that is meant for another place. Hot."""

from __future__ import annotations

import os

from pyman.core.script_header import read_header
from pyman.core.shell.activation import read_virtual_env
from pyman.core.venv import Problem, stage_of
from pyman.effects.files import open_regular, read_bytes
from pyman.effects.venvs.base import why

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.pyvenv_cfg import Settings

_LARGEST_ACTIVATE = 1 << 18
_MOST_SCRIPTS, _LONGEST_HEADER = 5, 4096


def read_location(folder: str, path: str, settings: Settings) -> tuple[str | None, str | None, Problem | None]:
    """Return the place that `activate` names, where it is another one, and the place that the venv is meant for.

    `folder` is where the venv really lies, `path` what leads there. The last value is why `activate` cannot be read.
    """
    script = f"{folder}/bin/activate"
    location, problem = None, None
    try:
        location = read_virtual_env(read_bytes(script, _LARGEST_ACTIVATE).decode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        pass
    except OSError as error:
        problem = Problem(script, why(error))
    place = location.rstrip("/") if location is not None else ""
    if location is None or not place:
        # The root of the file system is no place of a venv, and every path begins with it.
        return None, _told_otherwise(folder, settings), problem
    if place in (folder, path):
        return None, None, None
    try:
        if os.path.samefile(location, folder):
            return None, None, None
    except OSError:
        pass  # Nothing is there: it was moved.
    return place, place if stage_of(folder, place) else None, None


def _told_otherwise(folder: str, settings: Settings) -> str | None:
    """The place that a venv in a tree is meant for, where no `activate` tells: by `command`, or by its scripts."""
    command = settings.get("command") or ""
    place = command[command.rfind(" /") + 1 :].rstrip("/")
    if stage_of(folder, place):
        return place
    try:
        names = sorted(os.listdir(f"{folder}/bin"))
    except OSError:
        return None
    scripts = [name for name in names if not name.startswith(("python", "activate"))]
    for name in scripts[:_MOST_SCRIPTS]:
        try:
            with open_regular(f"{folder}/bin/{name}") as file:
                header = read_header(file.read(_LONGEST_HEADER).decode("utf-8", "surrogateescape"))
        except OSError:
            continue
        place = os.path.dirname(os.path.dirname(header[0])) if header is not None else ""
        if stage_of(folder, place):
            return place
    return None
