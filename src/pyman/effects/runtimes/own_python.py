"""The Python that pyman itself runs on: what has its name in the store keeps it (design.md 3)."""

from __future__ import annotations

import os
import sys

from pyman.core.store import DISTRIBUTION_PREFIXES
from pyman.core.version import python_name
from pyman.effects.interpreters.on_disk import Bases
from pyman.errors import OWN_PYTHON, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyman.core.store import Runtime
    from pyman.effects.places import Places


def runs_pyman(places: Places, runtime: Runtime) -> bool:
    """True for a runtime that pyman needs to start: this process, or what install.sh put into this store.

    Needed is a folder that holds the interpreter, and the link of an adopted runtime on the way to it. An alias on
    the way is not: it leads to the same minor wherever it moves.
    """
    bases = Bases()
    place = os.path.join(os.path.realpath(os.path.dirname(runtime.path)), os.path.basename(runtime.path))
    for interpreter in _interpreters(places):
        way = bases.follow(interpreter)
        if place in way.through or (way.real is not None and way.real.startswith(f"{place}/")):
            return True
    # What this process loads from now on comes from here, wherever its alias leads meanwhile.
    return any(
        os.path.realpath(loaded).startswith(f"{place}/") for loaded in (f"{sys.base_prefix}/lib", "/proc/self/exe")
    )


def holds_pyman(places: Places, runtime: Runtime) -> bool:
    """True for an adopted runtime that pyman runs on by its own path: whoever deletes it later breaks pyman."""
    if not runtime.target or runtime.target in DISTRIBUTION_PREFIXES:
        return False
    folder = os.path.realpath(runtime.target)
    return any(os.path.realpath(interpreter).startswith(f"{folder}/") for interpreter in _interpreters(places))


def refuse_own(places: Places, runtime: Runtime, *, done: str = "removed") -> None:
    """Refuse to remove or replace the Python that pyman runs on; nothing overrules that. Raises Refused."""
    if runs_pyman(places, runtime):
        raise Refused(
            f"pyman itself runs on {python_name(runtime.name)}, so it is not {done}",
            hint="reinstall pyman on another Python first (`install.sh`, `pipx` and `uv tool` take `--python`)",
            code=OWN_PYTHON,
        )


def _interpreters(places: Places) -> Iterator[str]:
    yield getattr(sys, "_base_executable", None) or sys.executable
    # Another pyman may be at work in this store than the one that install.sh put there.
    yield os.path.join(places.root, "app", "bin", "python")
