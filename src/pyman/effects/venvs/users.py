"""Which venvs run on which runtime, told from one link each: the quick answer that `list` and the guards need."""

from __future__ import annotations

import errno
import os

from pyman.core.implementation import of_program
from pyman.core.pyvenv_cfg import FILE_NAME, parse_pyvenv_cfg
from pyman.core.runtime import Store
from pyman.effects.files import read_text
from pyman.effects.venvs.records import known_venvs

_MOST_LINKS = 4


def count_users(root: str, store: Store) -> dict[str, int]:
    """How many known venvs run on each runtime, by its name in the store."""
    counts: dict[str, int] = {}
    for known in known_venvs(root):
        name = runtime_of(known.path, store)
        if name is not None:
            counts[name] = counts.get(name, 0) + 1
    return counts


def runtime_of(venv: str, store: Store) -> str | None:
    """The runtime that the link of a venv leads to; None where it leads elsewhere."""
    link = _way_out(venv)
    if link is None:
        return None
    inside = os.path.join(store.root, "runtimes") + "/"
    if link.startswith(inside):
        name = link[len(inside) :].split("/")[0]
        runtime = store.runtime(name) or store.alias_target(name)
        return runtime.name if runtime is not None else None
    # Another name of the same place: an adopted runtime used by the path of its owner.
    real = os.path.realpath(link)
    if of_program(os.path.basename(real)) is not None:
        return None  # A PyPy in the prefix that it shares with the system's Python.
    for runtime in store.runtimes:
        if real.startswith(os.path.realpath(runtime.path) + "/"):
            return runtime.name
    return None


def _way_out(venv: str) -> str | None:
    """The first path outside of a venv that its `python` leads to; by its `home` where that is a copy."""
    path = os.path.join(venv, "bin", "python")
    try:
        link = os.readlink(path)
        for _ in range(_MOST_LINKS):
            if "/" in link:
                return os.path.join(venv, "bin", link)
            link = os.readlink(os.path.join(venv, "bin", link))
    except OSError as error:
        if error.errno != errno.EINVAL:
            return None
    try:
        home = parse_pyvenv_cfg(read_text(os.path.join(venv, FILE_NAME))).home
    except OSError:
        return None
    return os.path.join(home, "python") if home is not None and home.startswith("/") else None
