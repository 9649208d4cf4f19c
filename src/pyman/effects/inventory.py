"""Every venv of this machine that pyman made, found or was told of, read and not run (DESIGN 6)."""

from __future__ import annotations

import os
import sys

from pyman.core.record import record
from pyman.effects.interpreters_on_disk import Bases
from pyman.effects.known_places import find_known_venvs
from pyman.effects.observer import SILENT, Observer
from pyman.effects.venv_records import PRESENT, KnownVenv, known_venvs, remember, resolve_folder, state_of
from pyman.effects.venv_search import search_venvs
from pyman.effects.venvs_on_disk import read_venv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.core.venv import VenvFacts
    from pyman.effects.places import Places

_USUAL = (".venv", "venv")


@record
class Inventory:
    """What was found."""

    venvs: tuple[VenvFacts, ...]
    absent: tuple[tuple[KnownVenv, str], ...] = ()
    """Records whose venv is not there: `gone`, or `unreachable` with its whole folder."""
    unreadable: tuple[str, ...] = ()
    """Folders that could not be searched."""


def take_inventory(
    places: Places,
    environ: Mapping[str, str],
    cwd: str,
    folders: Iterable[str] = (),
    searched: Iterable[str] = (),
    observer: Observer = SILENT,
) -> Inventory:
    """Read every known venv, and record those that were not known.

    With `folders` only what lies below these, searched to the bottom. Else the records, the current folder, the
    folders of the settings (`searched`) and the places where other tools keep theirs.
    """
    given = [os.path.join(cwd, folder) for folder in folders]
    absent: list[tuple[KnownVenv, str]] = []
    unreadable: tuple[str, ...] = ()
    recorded: dict[str, str] = {}
    for known in known_venvs(places.root):
        state = state_of(known.path)
        if state == PRESENT:
            recorded[resolve_folder(known.path)] = known.path
        elif not given or any(_is_below(known.path, folder) for folder in given):
            absent.append((known, state))
    if given:
        found = search_venvs((os.path.abspath(folder) for folder in given), observer)
        paths, unreadable = list(found.venvs), found.unreadable
    else:
        paths = [*recorded.values(), *_here(cwd), *find_known_venvs(environ, places.home)]
        wanted = [os.path.abspath(os.path.join(places.home, os.path.expanduser(folder))) for folder in searched]
        if wanted:
            found = search_venvs(wanted, observer)
            paths += found.venvs
            unreadable = found.unreadable
    unique = {resolve_folder(path): path for path in paths}
    bases = Bases()
    venvs = []
    for place, path in sorted(unique.items()):
        facts = None if is_own(path) else read_venv(path, bases)
        if facts is None:
            continue
        venvs.append(facts)
        if place not in recorded:
            remember(places.root, path)
    return Inventory(tuple(venvs), tuple(absent), unreadable)


def is_own(path: str) -> bool:
    """True for the venv that pyman itself runs in: it is left alone, its installer looks after it."""
    try:
        return os.path.samefile(path, sys.prefix)
    except OSError:
        return False


def _here(cwd: str) -> list[str]:
    return [path for name in _USUAL if os.path.lexists(path := os.path.join(cwd, name))]


def _is_below(path: str, folder: str) -> bool:
    above = os.path.abspath(folder).rstrip("/") + "/"
    return path.startswith(above) or os.path.realpath(path).startswith(os.path.realpath(folder).rstrip("/") + "/")
