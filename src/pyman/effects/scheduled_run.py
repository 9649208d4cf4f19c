"""What the scheduled upkeep leaves in the store: `upkeep`, what the last run did, and `notice`, a line for shells.

A shell that `pyman init` set up shows the line once, and empties the file (core/shell/init_script.py). Import-light.
"""

from __future__ import annotations

import os

from pyman.core.scheduled_run import UpkeepRun, parse_run
from pyman.core.shell.init_script import NOTICE
from pyman.effects.files import read_own_text, replace_file
from pyman.effects.places import cannot_write, make_folder

_LAST = "upkeep"
_PRIVATE = 0o600


def read_last_run(root: str) -> UpkeepRun | None:
    """What the last scheduled run did; None where there was none, or where its file is another user's or damaged."""
    try:
        text = read_own_text(os.path.join(root, _LAST))
    except OSError:
        return None
    import json

    try:
        return parse_run(json.loads(text))
    except (ValueError, RecursionError):
        return None


def write_last_run(root: str, run: UpkeepRun, notice: str) -> None:
    """Keep what a run did, and the line for shells; none takes the old one away.

    Raises PymanError where that is not possible.
    """
    import json

    make_folder(root)
    path = os.path.join(root, _LAST)
    try:
        replace_file(path, json.dumps(run.data).encode(), _PRIVATE)
        path = os.path.join(root, NOTICE)
        if notice:
            replace_file(path, f"{notice}\n".encode("utf-8", "backslashreplace"), _PRIVATE)
        else:
            _remove(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def upkeep_files(root: str) -> tuple[str, ...]:
    """The files that are there; none in a folder that neither has runtimes nor tells of a run, which is no store."""
    runtimes = os.path.join(root, "runtimes")
    if (os.path.islink(runtimes) or not os.path.isdir(runtimes)) and read_last_run(root) is None:
        return ()
    paths = (os.path.join(root, _LAST), os.path.join(root, NOTICE))
    return tuple(path for path in paths if os.path.isfile(path) or os.path.islink(path))


def remove_upkeep_files(root: str) -> None:
    """Forget the last run and what it had to say. Raises PymanError where that is not possible."""
    for path in upkeep_files(root):
        try:
            _remove(path)
        except OSError as error:
            raise cannot_write(path, error) from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # There was nothing to say.
