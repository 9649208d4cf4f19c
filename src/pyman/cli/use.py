"""`pyman use`, and pyenv's words for it."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.session import Session
from pyman.app.version_source_order import version_sources
from pyman.cli.show.output import with_pyman_line
from pyman.cli.verb import verb
from pyman.core.choice import choose
from pyman.core.request import how_to_get, parse_request
from pyman.core.version_files import NAME, parse_version_file
from pyman.core.version_source import DEFAULT
from pyman.effects.files import read_bytes, read_own_text, replace_file
from pyman.effects.interruption import DeferredSignals, committed
from pyman.effects.moves.move import set_default
from pyman.effects.places import cannot_write
from pyman.effects.project_files import project_of
from pyman.errors import LEADS_ELSEWHERE, BadRequest, NotFound, Refused, UsageError

_REQUESTS = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REQUEST...]", help="A version or range; list several: the first is used."),
]

_UNSET = Annotated[bool, typer.Option("--unset", help="Remove the setting.")]


@verb
def use(
    session: Session,
    requests: _REQUESTS = None,
    everywhere: Annotated[bool, typer.Option("--global", help="Set the default for this user instead.")] = False,
    unset: _UNSET = False,
) -> Answer:
    """Choose the Python for this folder in `.python-version`, or the default with `--global`.

    Without a request, print the current choice.

    Examples:
        pyman use 3.13
        pyman use '>=3.11,<3.14'
        pyman use --global 3.13
        pyman use --unset
    """
    return _use(session, requests or [], everywhere=everywhere, unset=unset)


@verb
def local(session: Session, requests: _REQUESTS = None, unset: _UNSET = False) -> Answer:
    """pyenv's name for `pyman use`.

    Examples:
        pyman use 3.13
    """
    return with_pyman_line(_use(session, requests or [], everywhere=False, unset=unset), "local", "use")


@verb
def global_(session: Session, requests: _REQUESTS = None, unset: _UNSET = False) -> Answer:
    """pyenv's name for `pyman use --global`.

    Examples:
        pyman use --global 3.13
    """
    return with_pyman_line(_use(session, requests or [], everywhere=True, unset=unset), "global", "use --global")


def _use(session: Session, requests: list[str], *, everywhere: bool, unset: bool) -> Answer:
    if unset and requests:
        raise UsageError("`--unset` takes no version", hint="leave one of them out")
    if unset:
        return _unset_default(session) if everywhere else _unset_here(session)
    return _use_global(session, requests) if everywhere else _use_here(session, requests)


def _unset_here(session: Session) -> Answer:
    """Remove the version file of this folder, never one above it."""
    path = os.path.join(session.cwd, NAME)
    if not os.path.lexists(path):
        return Answer({"changed": []}, (f"there is no {path}",), notes=_used_instead(session, path))
    if os.path.isdir(path) and not os.path.islink(path):
        raise Refused(f"{path} is not a file", hint="remove it, then run the same command again")
    if not session.dry_run:
        try:
            with DeferredSignals():
                os.unlink(path)
                committed()
        except OSError as error:
            raise cannot_write(path, error) from error
    return Answer(
        {"changed": [path]}, (f"{session.shown('removed', 'would remove')} {path}",), notes=_used_instead(session, path)
    )


def _used_instead(session: Session, path: str) -> tuple[str, ...]:
    """What chooses here once a file is gone."""
    try:
        asked = version_sources(session.environ, session.cwd, session.store())
    except BadRequest as error:
        return (error.message,)
    source = next((source for source in asked if source.words and source.name != path), None)
    return (f"{source.name} is used: {' '.join(source.words)}",) if source is not None else ()


def _unset_default(session: Session) -> Answer:
    if session.store().default is None:
        return Answer({"changed": []}, ("no default is set",))
    set_default(session.places, None, session.observer, preview=session.preview)
    line = session.shown("the default is no longer set", "the default would no longer be set")
    return Answer({"changed": [os.path.join(session.places.root, "default")]}, (line,))


def _use_here(session: Session, requests: list[str]) -> Answer:
    if not requests:
        return _chosen_here(session)
    for text in requests:
        _refuse_unless_name(text)
    path = os.path.join(session.cwd, NAME)
    if os.path.lexists(path) and not os.path.isfile(path):
        raise Refused(f"{path} is not a regular file", hint="remove it, then run the same command again")
    content = ("\n".join(requests) + "\n").encode()
    place = _behind_link(session, path)
    before = _content(place)
    changes = before != content
    if changes and not session.dry_run:
        _write(place, content)
    line = f"{session.shown('wrote', 'would write')} {' '.join(requests)} to {path}"
    notes = (*_lost(before or b""), *_missing(session, requests))
    return Answer({"changed": [path] if changes else []}, (line,), notes=notes)


def _lost(before: bytes) -> tuple[str, ...]:
    """What a version file said that is no request of pyman's, and is not written again: the venv of another tool."""
    lost = []
    for word in before.decode("utf-8", "replace").partition("#")[0].split():
        try:
            parse_request(word)
        except BadRequest:
            lost.append(word)
    return (f"it contained {' '.join(lost)} before",) if lost else ()


def _content(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except OSError:
        return None


def _behind_link(session: Session, path: str) -> str:
    """The file to write: where the version file is a link, the one that the user keeps their choice in.

    A cloned project may bring a link to any file. Raises Refused where it leads out of the project, or to a file that
    is another user's or chooses no Python.
    """
    place = os.path.realpath(path)
    if not os.path.islink(path):
        return place
    project = project_of(os.path.realpath(session.cwd), session.places.home)
    if place.startswith(project.rstrip("/") + "/") and _is_own_choice(place):
        return place
    raise Refused(f"{path} is a link to {place}", hint="remove the link, or edit that file", code=LEADS_ELSEWHERE)


def _is_own_choice(place: str) -> bool:
    """True for a regular file of this user's that chooses a Python, and does nothing else."""
    try:
        requests = [parse_request(one.text) for one in parse_version_file(read_own_text(place), NAME)]
    except (OSError, BadRequest):
        return False
    return bool(requests) and os.stat(place).st_uid == os.geteuid()


def _write(path: str, content: bytes) -> None:
    try:
        with DeferredSignals():
            replace_file(path, content)
            committed()
    except OSError as error:
        raise cannot_write(path, error) from error


def _chosen_here(session: Session) -> Answer:
    """What the folder asks for: the words of the first place that has any."""
    store = session.store()
    source = next((source for source in version_sources(session.environ, session.cwd, store) if source.words), None)
    if source is None:
        raise NotFound(
            "nothing here requests a Python, so the newest installed one is used", hint="run `pyman use 3.13`"
        )
    data = {"changed": [], "requests": list(source.words), "source": source.name}
    return Answer(data, source.words, notes=(f"{source.name} requests it",))


def _use_global(session: Session, requests: list[str]) -> Answer:
    if not requests:
        default = session.store().default
        if default is None:
            raise NotFound(
                "no default is set, so the newest installed Python is used", hint="run `pyman use --global 3.13`"
            )
        return Answer({"changed": [], "requests": [default], "source": DEFAULT}, (default,))
    if len(requests) > 1:
        raise BadRequest("the default is a single version", hint="give only one")
    _refuse_unless_name(requests[0])
    changes = session.store().default != requests[0]
    set_default(session.places, requests[0], session.observer, preview=session.preview)
    return Answer(
        {"changed": [os.path.join(session.places.root, "default")] if changes else []},
        (f"the default {session.shown('is', 'would be')} {requests[0]}{session.shown(' now', '')}",),
        notes=_missing(session, requests),
    )


def _refuse_unless_name(text: str) -> None:
    """Refuse what a file may not say, or says in another way than it was meant: a comment, two requests."""
    request = parse_request(text)
    if request.kind in ("path", "other") or len(parse_version_file(text, NAME)) != 1:
        raise BadRequest(f"`{text}` cannot be written to a file", hint="give a version (`3.13`) or a range")


def _missing(session: Session, requests: list[str]) -> tuple[str, ...]:
    store = session.store()
    wanted = [parse_request(text) for text in requests]
    if any(request.kind == "system" or choose(store, request) is not None for request in wanted):
        return ()
    return (f"it is not installed yet: {how_to_get(wanted[0])}",)
