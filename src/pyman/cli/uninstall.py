"""`pyman uninstall`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.show.moves import moved_data, moved_lines
from pyman.cli.verb import verb
from pyman.core.answer import Answer
from pyman.core.moves import Moved
from pyman.core.request import parse_request
from pyman.core.runtime import Runtime, Store
from pyman.effects.runtimes import remove_runtime
from pyman.effects.store import read_store
from pyman.errors import NotFound, Refused


@verb
def uninstall(
    session: Session,
    requests: Annotated[list[str], typer.Argument(metavar="REQUEST...", help="A patch release, or a minor with one.")],
) -> Answer:
    """Remove Pythons from the store. An adopted one is forgotten: its owner keeps it.

    Examples:
        pyman uninstall 3.13.5
    """
    store = read_store(session.places.root)
    chosen = [to_remove(store, text) for text in requests]
    moved: list[Moved] = []
    changed: list[str] = []
    lines: list[str] = []
    for runtime in chosen:
        moves = remove_runtime(session.places, runtime, observer=session.observer)
        moved += moves
        changed.append(runtime.name)
        lines.append(
            f"removed {runtime.name}" if runtime.is_managed else f"forgot {runtime.name}; {runtime.target} stays"
        )
        lines += moved_lines(moves)
    return Answer({"changed": changed, "moved": moved_data(tuple(moved))}, tuple(lines))


def to_remove(store: Store, text: str) -> Runtime:
    """The runtime that a request to remove names: a patch release, or a minor with exactly one installed.

    Raises NotFound where there is none, Refused where it could be several.
    """
    named = store.runtime(text)
    if named is not None:
        return named
    request = parse_request(text)
    fitting = [runtime for runtime in store.runtimes if request.admits(runtime.version, runtime.variant)]
    if not fitting:
        raise NotFound(f"Python {text} is not installed", hint="see `pyman list`")
    if len(fitting) > 1:
        names = ", ".join(runtime.name for runtime in fitting)
        raise Refused(f"{text} could be any of {names}", hint="name the patch release", code="ambiguous")
    return fitting[0]
