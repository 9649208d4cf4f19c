"""`pyman use`, and pyenv's words for it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer, Session
from pyman.app.version_sources import version_sources
from pyman.cli.show.output import with_pyman_line
from pyman.cli.verb import verb
from pyman.core.escape import as_word
from pyman.core.request import parse_request
from pyman.core.selection import DEFAULT
from pyman.core.store import choose
from pyman.core.version_files import NAME, parse_version_file
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.moves.move import set_default
from pyman.effects.places import cannot_write
from pyman.errors import BadRequest, NotFound, Refused

_REQUESTS = Annotated[
    list[str] | None, typer.Argument(metavar="[REQUEST...]", help="A version or a range; several: first wins.")
]


@verb
def use(
    session: Session,
    requests: _REQUESTS = None,
    everywhere: Annotated[bool, typer.Option("--global", help="Set the default of this user instead.")] = False,
) -> Answer:
    """Choose the Python of this folder, in `.python-version`, or with `--global` the default.

    Without a request, prints what is chosen now.

    Examples:
        pyman use 3.13
        pyman use '>=3.11,<3.14'
        pyman use --global 3.13
    """
    return _use_global(session, requests or []) if everywhere else _use_here(session, requests or [])


@verb
def local(session: Session, requests: _REQUESTS = None) -> Answer:
    """pyenv's word for `pyman use`.

    Examples:
        pyman use 3.13
    """
    return with_pyman_line(_use_here(session, requests or []), "local", "use")


@verb
def global_(session: Session, requests: _REQUESTS = None) -> Answer:
    """pyenv's word for `pyman use --global`.

    Examples:
        pyman use --global 3.13
    """
    return with_pyman_line(_use_global(session, requests or []), "global", "use --global")


def _use_here(session: Session, requests: list[str]) -> Answer:
    if not requests:
        return _chosen_here(session)
    for text in requests:
        _refuse_unless_name(text)
    path = os.path.join(session.cwd, NAME)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise Refused(f"{path} is no regular file", hint="remove it, then run the same command again")
    content = ("\n".join(requests) + "\n").encode()
    changes = _content(path) != content
    if changes and not session.dry_run:
        _write(path, content)
    line = f"{path} {session.shown('asks', 'would ask')} for {' '.join(requests)}{session.shown(' now', '')}"
    return Answer({"changed": [path] if changes else []}, (line,), notes=_missing(session, requests))


def _content(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except OSError:
        return None


def _write(path: str, content: bytes) -> None:
    try:
        # Where the file is a link, what it leads to is what the user keeps there.
        with DeferredSignals():
            replace_file(os.path.realpath(path), content)
            committed()
    except OSError as error:
        raise cannot_write(path, error) from error


def _chosen_here(session: Session) -> Answer:
    """What the folder asks for: the words of the first place that has any."""
    store = session.store()
    source = next((source for source in version_sources(session.environ, session.cwd, store) if source.words), None)
    if source is None:
        raise NotFound("nothing here asks for a Python, so the newest installed counts", hint="run `pyman use 3.13`")
    data = {"changed": [], "requests": list(source.words), "source": source.name}
    return Answer(data, source.words, notes=(f"{source.name} asks for it",))


def _use_global(session: Session, requests: list[str]) -> Answer:
    if not requests:
        default = session.store().default
        if default is None:
            raise NotFound("no default is set, so the newest installed counts", hint="run `pyman use --global 3.13`")
        return Answer({"changed": [], "requests": [default], "source": DEFAULT}, (default,))
    if len(requests) > 1:
        raise BadRequest("the default is one request", hint="name one")
    _refuse_unless_name(requests[0])
    changes = session.store().default != requests[0]
    set_default(session.places, requests[0], preview=session.preview)
    return Answer(
        {"changed": [os.path.join(session.places.root, "default")] if changes else []},
        (f"the default {session.shown('is', 'would be')} {requests[0]}{session.shown(' now', '')}",),
        notes=_missing(session, requests),
    )


def _refuse_unless_name(text: str) -> None:
    """Refuse what a file may not say, or says in another way than it was meant: a comment, two requests."""
    request = parse_request(text)
    if request.kind in ("path", "other") or len(parse_version_file(text, NAME)) != 1:
        raise BadRequest(f"`{text}` cannot stand in a file", hint="name a version (`3.13`) or a range")


def _missing(session: Session, requests: list[str]) -> tuple[str, ...]:
    store = session.store()
    wanted = [parse_request(text) for text in requests]
    if any(request.kind == "system" or choose(store, request) is not None for request in wanted):
        return ()
    return (f"it is not installed yet: run `pyman install {as_word(requests[0])}`",)
