"""`which`: the program that a name would run here, and every step of the choice; `shim`: runs it."""

from __future__ import annotations

import os

from pyman.core.answer import Answer
from pyman.core.selection import (
    DEFAULT,
    NEWEST,
    PROGRAM,
    Selection,
    Wish,
)
from pyman.effects.store import read_store
from pyman.errors import NoPython, PymanError
from pyman.hot.choosing import Located, locate, who_asks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Never

    from pyman.core.store import Store
    from pyman.effects.places import Places


def which(places: Places, environ: Mapping[str, str], cwd: str, name: str, *, explain: bool = False) -> Answer:
    """Answer with the program that the shim `name` would run in this folder.

    Raises NoPython where there is none, BadRequest where a file is not understood.
    """
    try:
        located = locate(places, environ, cwd, name)
    except NoPython as error:
        error.exit_status = 1
        if not explain:
            raise
        return _unexplained(read_store(places.root), environ, cwd, name, error)
    data = {
        "path": located.path,
        "version": str(located.choice.version) if located.choice is not None else None,
        "request": located.selection.request.text,
        "source": located.selection.source,
    }
    if not explain:
        return Answer(data, (located.path,), raw=True)
    steps = explain_steps(located, name)
    return Answer({**data, "steps": list(steps)}, steps)


def _unexplained(store: Store, environ: Mapping[str, str], cwd: str, name: str, error: NoPython) -> Answer:
    """Who asks for what, where nothing answers: the steps as far as they go."""
    asked, selection = who_asks(store, environ, cwd, name, None)
    steps = explain_wishes(asked, selection, name)
    data = {"path": None, "version": None, "request": selection.request.text, "source": selection.source}
    return Answer({**data, "steps": list(steps)}, steps, error=error)


def explain_steps(located: Located, name: str) -> tuple[str, ...]:
    """Every place that may ask, in order, what it asks for, and what came of it."""
    lines = list(explain_wishes(located.asked, located.selection, name))
    choice = located.choice
    if choice is None:
        lines.append(f"{located.selection.request}: the first on PATH that is no shim, no venv's and not pyman's")
    elif choice.policy == "follow" and choice.through is not None:
        lines.append(f"{located.selection.request} follows {choice.through}, now {choice.release}")
    else:
        lines.append(f"{located.selection.request} means the patch release {choice.release} and no other")
    lines.append(f"{name} runs {located.path}")
    return tuple(lines)


def explain_wishes(asked: tuple[Wish, ...], selection: Selection, name: str) -> tuple[str, ...]:
    """Every place that may ask, in order, and which of them counts."""
    lines = []
    decided = False
    for wish in asked:
        words = " ".join(wish.words)
        if not wish.words:
            lines.append(f"{wish.source}: asks for nothing")
        elif decided or selection.source != wish.source:
            lines.append(f"{wish.source}: asks for {words}; not needed")
        else:
            decided = True
            numbers = ", ".join(map(str, dict.fromkeys(wish.lines)))
            place = f" (line {numbers})" if numbers else ""
            lines.append(f"{wish.source}: asks for {words}{place}; this counts")
            lines += [f"  {request} is not installed" for request in selection.missing]
    if selection.source == PROGRAM:
        lines.append(f"{name} itself names {selection.request}; this counts")
    elif selection.source == NEWEST:
        lines.append("nobody asks: the newest installed; this counts")
    elif selection.source == DEFAULT and not decided:
        lines.append(f"the default: {selection.request}; this counts")
    return tuple(lines)


def shim(places: Places, environ: Mapping[str, str], cwd: str, name: str, arguments: list[str]) -> Never:
    """Run the program that a shim stands for, in place of this process.

    Raises NoPython where there is nothing to run; everything else that is wrong has the same status here.
    """
    try:
        located = locate(places, environ, cwd, name)
    except PymanError as error:
        error.exit_status = NoPython.exit_status
        raise
    child = {key: value for key, value in environ.items() if key != "PYMAN_SHIM_PROCESS"}
    replace_process(located.path, [located.path, *arguments], child)


def replace_process(path: str, arguments: list[str], environ: Mapping[str, str]) -> Never:
    """Become another program. Raises NoPython where the system refuses it."""
    try:
        os.execve(path, arguments, dict(environ))
    except OSError as error:
        raise NoPython(f"{path} cannot be run: {error.strerror}", hint="see `pyman doctor`", exit_status=126) from error
