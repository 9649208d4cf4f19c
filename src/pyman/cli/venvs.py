"""`pyman venvs` and `pyman register`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from pyman.cli.examining import examine
from pyman.cli.session import Session
from pyman.cli.show.notes import short_path
from pyman.cli.show.sizes import megabytes
from pyman.cli.verb import verb
from pyman.core.answer import Answer, Table
from pyman.core.diagnosis import state_of_venv
from pyman.core.request import Request, parse_request
from pyman.core.venv import VenvFacts
from pyman.effects.inventory import is_own, take_inventory
from pyman.effects.removal import size_of
from pyman.effects.set_aside import SetAside
from pyman.effects.venv_records import UNREACHABLE, forget, record_name
from pyman.effects.venvs_on_disk import read_venv
from pyman.errors import NotFound, Refused, UsageError


@verb
def venvs(
    session: Session,
    folders: Annotated[
        list[str] | None, typer.Argument(metavar="[DIR...]", help="Search these folders instead, to the bottom.")
    ] = None,
    size: Annotated[bool, typer.Option("--size", help="Measure how much room each takes.")] = False,
    python: Annotated[
        str | None, typer.Option("--python", "-p", metavar="REQUEST", help="Only those that run such a Python.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the venvs that are named, and forget them.")] = False,
) -> Answer:
    """Show every venv that pyman made, found or was told of: who made it, what runs in it, and how it is.

    Examples:
        pyman venvs
        pyman venvs ~/projects --size
        pyman venvs --python 3.12
        pyman venvs --remove ~/old/.venv
    """
    if remove:
        if not folders:
            raise UsageError("`--remove` takes the venvs to delete", hint="name them: `pyman venvs --remove DIR`")
        return _remove(session, folders)
    _refuse_missing(session, folders or [])
    seen = examine(session, folders or (), machine=False)
    request = parse_request(python) if python is not None else None
    chosen = [facts for facts in seen.inventory.venvs if request is None or _runs(facts, request)]
    sizes = {facts.path: size_of(facts.folder) for facts in chosen} if size else {}
    records = []
    rows = []
    for facts in chosen:
        state = state_of_venv(seen.findings, facts.path)
        record: dict[str, object] = {
            "path": facts.path,
            "creator": facts.creator,
            "request": facts.request,
            "policy": facts.policy,
            "python": str(facts.python) if facts.python is not None else None,
            "link": facts.link_kind,
            "state": state,
        }
        if size:
            record["bytes"] = sizes[facts.path]
        records.append(record)
        room = (megabytes(sizes[facts.path]),) if size else ()
        shown = short_path(session, facts.path)
        rows.append((shown, facts.creator, str(facts.python or "?"), _follows(facts), *room, state))
    notes = []
    if request is None:
        for known, how in seen.inventory.absent:
            if how == UNREACHABLE:
                notes.append(f"{known.path} cannot be reached: is its disk mounted?")
    if not rows:
        notes.append("no venv is known" if request is None else f"no venv runs {request}")
    head = ("Venv", "Made by", "Python", "Follows", *(("Size",) if size else ()), "State")
    return Answer({"venvs": records}, table=Table(head, tuple(rows)), notes=tuple(notes))


@verb
def register(
    session: Session,
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="A venv, or a folder to search for them.")],
) -> Answer:
    """Make venvs known that pyman did not make, so that upgrades check them and `uninstall` counts them.

    Examples:
        pyman register .venv
        pyman register ~/projects
    """
    _refuse_missing(session, folders)
    found = take_inventory(session.places, session.environ, session.cwd, folders, observer=session.observer)
    if not found.venvs:
        raise NotFound(f"there is no venv in {', '.join(folders)}", hint="a venv has a file pyvenv.cfg")
    lines = tuple(f"{short_path(session, facts.path)} is known" for facts in found.venvs)
    return Answer({"changed": [facts.path for facts in found.venvs]}, lines)


def _refuse_missing(session: Session, folders: list[str]) -> None:
    for folder in folders:
        if not os.path.lexists(os.path.join(session.cwd, folder)):
            raise NotFound(f"{folder} does not exist", hint="name a venv or a folder to search")


def _runs(facts: VenvFacts, request: Request) -> bool:
    running = facts.running
    if running is None or running.version is None:
        return request.alias is not None and facts.alias == request.alias
    return request.admits(running.version, running.variant)


def _follows(facts: VenvFacts) -> str:
    if facts.policy == "pin":
        return "pinned"
    held = facts.settings.held_back
    if held is not None:
        return f"held back on {held[0]}"
    return {"alias": facts.alias or "", "patch": "a patch release", "external": "external", "broken": ""}[
        facts.link_kind
    ]


def _remove(session: Session, folders: list[str]) -> Answer:
    changed = []
    for folder in folders:
        path = os.path.abspath(os.path.join(session.cwd, os.path.expanduser(folder)))
        facts = read_venv(path)
        if facts is None:
            raise NotFound(f"{path} is no venv; nothing was touched", hint="see `pyman venvs`")
        if facts.foreign:
            raise Refused(f"{path} belongs to {facts.creator}", hint=f"remove it with {facts.creator}", code="foreign")
        if is_own(path):
            raise Refused(f"{path} is what pyman runs in", hint="install.sh --uninstall removes pyman")
        with SetAside(session.places, facts.folder, "remove", session.observer) as old:
            old.keep_new()
        forget(session.places.root, record_name(path))
        changed.append(path)
    return Answer({"changed": changed}, tuple(f"removed {short_path(session, path)}" for path in changed))
