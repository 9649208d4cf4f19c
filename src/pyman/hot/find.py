"""`find`: which interpreter answers a request, by the path that follows its alias."""

from __future__ import annotations

import os

from pyman.core.answer import Answer
from pyman.core.selection import NEWEST, Selection, select
from pyman.effects.store import read_store
from pyman.errors import NotFound
from pyman.hot.choosing import choose_interpreter
from pyman.hot.wishes import is_there, system_program, wishes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyman.core.store import Choice
    from pyman.effects.places import Places


def find(places: Places, environ: Mapping[str, str], cwd: str, request: str | None, *, resolve: bool = False) -> Answer:
    """Answer with the path of an interpreter, through the alias where there is one.

    Raises NotFound where nothing installed satisfies the request, BadRequest where it is not understood.
    """
    selection, choice = _choose(places, environ, cwd, request)
    path = os.path.realpath(choice.executable) if resolve else choice.executable
    data = {
        "path": path,
        "version": str(choice.version),
        "request": selection.request.text,
        "source": selection.source,
    }
    return Answer(data, (path,), raw=True)


def system_here(places: Places, environ: Mapping[str, str], cwd: str, request: str | None = None) -> str | None:
    """The system's interpreter where that is what this folder asks for, else None.

    It is not asked what it is, for who runs it need not know. Raises as `find` does.
    """
    store = read_store(places.root)
    selection = select(wishes(environ, cwd, store, request), is_there(store, environ))
    path = system_program(environ, store) if selection.request.kind == "system" else None
    if path is None:
        return None
    from pyman.hot.paths import base_interpreter

    return base_interpreter(path)


def choose_here(places: Places, environ: Mapping[str, str], cwd: str, request: str | None = None) -> Choice:
    """The interpreter that a request names, else the one that this folder asks for. Raises as `find` does."""
    return _choose(places, environ, cwd, request)[1]


def _choose(places: Places, environ: Mapping[str, str], cwd: str, request: str | None) -> tuple[Selection, Choice]:
    store = read_store(places.root)
    selection = select(wishes(environ, cwd, store, request), is_there(store, environ))
    choice = choose_interpreter(store, selection.request, environ, cwd, places, named=True)
    if choice is not None:
        return selection, choice
    if selection.source == NEWEST:
        raise NotFound(f"no Python is installed in {store.root}", hint="run `pyman install`")
    from pyman.core.escape import as_word

    asks = "" if request is not None else f", which {selection.source} asks for"
    raise NotFound(
        f"no installed Python satisfies {selection.request}{asks}",
        hint=f"run `pyman install {as_word(selection.request.text)}`",
    )
