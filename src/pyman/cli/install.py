"""`pyman install`."""

from __future__ import annotations

import os

from pyman.app import install as installing
from pyman.app.console import Answer
from pyman.app.reasons import Reasons
from pyman.app.select import for_this_machine, is_there
from pyman.app.session import Session
from pyman.app.version_source_order import notes_of_source, version_sources
from pyman.cli.show.changes import changed_names, installed_data, moved_data, moved_lines, moved_status, notice_of_alias
from pyman.cli.verb import verb
from pyman.core.choice import pinned
from pyman.core.escape import as_word
from pyman.core.request import Request, parse_request
from pyman.core.version import python_name
from pyman.core.version_source import requests_of
from pyman.effects.moves.move import set_default
from pyman.effects.store import read_stores
from pyman.errors import NotFound, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    # For typer to read, which imports them itself: see cli/typer_command.py.
    from collections.abc import Iterable
    from typing import Annotated

    import typer


@verb
def install(
    session: Session,
    requests: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REQUEST...]", help="Versions to install; default: the version this folder requests."),
    ] = None,
    archive: Annotated[
        str | None, typer.Option("--from", metavar="FILE", help="Install a local archive instead of downloading.")
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option("--mirror", metavar="URL", help="Use this mirror: a folder or URL with an index.ndjson."),
    ] = None,
    from_source: Annotated[
        bool, typer.Option("--build", help="Build from source with python-build instead of downloading.")
    ] = False,
    options: Annotated[
        str | None,
        typer.Option("--build-with", metavar="OPTIONS", help="Build from source with these configure options."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Reinstall, and move aliases even if the check of the venvs fails.")
    ] = False,
    no_adopt: Annotated[
        bool, typer.Option("--no-adopt", help="Fail instead of adopting a Python if nothing can be downloaded.")
    ] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Move aliases without checking the venvs.")] = False,
    default: Annotated[bool, typer.Option("--default", help="Make the first one the default version.")] = False,
) -> Answer:
    """Install the newest patch release of each request and point its minor version's alias at it.

    All venvs that follow the alias then run the new release. The old release stays until `pyman prune`.

    Examples:
        pyman install 3.13
        pyman install 3.12 3.13.5 3.14t
        pyman install --from ~/Downloads/cpython-3.13.5*.tar.gz
        pyman install 3.13 --mirror /srv/pythons
        pyman install 3.9 --build
        pyman install 3.13.5+fast --build-with "--enable-optimizations --with-lto"
    """
    if archive is not None and requests:
        raise UsageError("`--from` takes no version: the archive determines it", hint="leave the version out")
    if archive is not None and mirror is not None:
        raise UsageError("`--from` and `--mirror` cannot be used together", hint="leave one of them out")
    is_built = from_source or options is not None
    if archive is not None and is_built:
        raise UsageError("`--from` and `--build` cannot be used together", hint="leave one of them out")
    done = installing.Installed()
    reasons = Reasons(session, may_ask=True, mirror=mirror)
    session.if_cut_off(lambda: _answer(session, done, reasons.without_asking()))
    if archive is not None:
        installing.install_archive(session, archive, done, force=force, check=not no_check)
    else:
        asked, source = [parse_request(text) for text in requests or ()], ""
        if not asked:
            asked, source = _asked_here(session)
        asked = [for_this_machine(request) for request in asked]
        for request in asked:
            _refuse_what_has_no_build(request)
        if is_built:
            from pyman.app.build import build

            build(session, asked, done, options=options or "", mirror=mirror, force=force, check=not no_check)
        else:
            installing.get(
                session, asked, mirror=mirror, force=force, may_adopt=not no_adopt, check=not no_check, done=done
            )
        if source and done.error is not None and done.error.code == NotFound.code:
            done.error.message += f", and {source} requests it"
    changed: list[str] = []
    if default and done.results:
        first = done.results[0]
        words = first.request.text if archive is None else first.runtime.alias
        words = first.runtime.name if first.runtime.is_own_build else words
        changed += [os.path.join(session.places.root, "default")] if session.store().default != words else []
        set_default(session.places, words, session.observer, preview=session.preview)
    return _answer(session, done, reasons, changed)


def _answer(session: Session, result: installing.Installed, reasons: Reasons, changed: Iterable[str] = ()) -> Answer:
    """What was installed so far, and what else was `changed`."""
    store = session.store()
    lines = moved_lines(result.reconciled, reasons, planned=session.dry_run)
    new = {one.runtime.name for one in result.results if not one.already}
    for one in result.results:
        choice = pinned(store, one.runtime)
        verb_done = "is already installed" if one.already else session.shown("is installed", "would be installed")
        if one.runtime.is_managed or one.already:
            named = one.runtime.name if one.runtime.is_own_build else choice.release
            lines.append(f"{python_name(named)} {verb_done}")
        lines += one.said
        lines += moved_lines(one.moved, reasons, planned=session.dry_run)
        now = store.alias_target(one.runtime.alias)
        if now is None or now.name not in new:  # else it moves with one of the other lines
            lines += notice_of_alias(session, one.runtime, reasons)
    data = {
        "changed": [*changed_names(result), *changed],
        "installed": [installed_data(store, one) for one in result.results],
        "moved": moved_data(result.moved, reasons),
    }
    return Answer(data, tuple(lines), error=result.error, status=moved_status(result.moved))


def _asked_here(session: Session) -> tuple[list[Request], str]:
    """Everything that the first source asks for, and its name; else the newest, of no source.

    Several versions in a file are all wanted.
    """
    store = read_stores(session.places)
    there = is_there(store, session.environ, session.places)
    asked = version_sources(session.environ, session.cwd, store)
    for note in notes_of_source(asked, session.environ):
        session.observer.noted(note)
    for source in asked:
        requests = list(requests_of(source, there))
        if requests:
            # What pyman cannot install is skipped if the source requests something that it can.
            return [one for one in requests if one.kind not in ("system", "other", "venv")] or requests, source.name
    return [parse_request("latest")], ""


def _refuse_what_has_no_build(request: Request) -> None:
    if request.kind == "system":
        raise UsageError(
            "`system` is already on this machine and cannot be installed",
            hint="run `pyman adopt` to see which Pythons could be used through the store",
        )
    if request.kind == "path":
        raise UsageError(
            f"`{request}` is a path: pyman installs versions, and adopts what is already on this machine",
            hint=f"run `pyman adopt {as_word(request.text)}` to use it through the store",
        )
