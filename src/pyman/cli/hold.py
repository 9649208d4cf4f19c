"""`pyman hold`, `unhold` and `rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.app.console import Answer
from pyman.app.reasons import Reason, Reasons
from pyman.app.session import Session
from pyman.cli.options import MoveAnywayOption
from pyman.cli.show.changes import moved_data, moved_lines, moved_status
from pyman.cli.show.reasons import kept_away_line, known_fixes
from pyman.cli.verb import verb
from pyman.core.request import parse_request
from pyman.core.store import Runtime, Store, is_alias_name, rollback_target
from pyman.core.version import python_name
from pyman.effects.moves.move import set_hold
from pyman.effects.runtimes.managed import prepare_folders
from pyman.errors import BadRequest, NotFound, Refused

_ALIAS = Annotated[str, typer.Argument(metavar="ALIAS", help="A minor version: 3.13, 3.14t.")]
_NO_CHECK = Annotated[bool, typer.Option("--no-check", help="Move the alias without checking the venvs.")]


@verb
def hold(
    session: Session,
    alias: _ALIAS,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="A patch release; default: the current one.")
    ] = None,
    no_check: _NO_CHECK = False,
    force: MoveAnywayOption = False,
) -> Answer:
    """Keep an alias at one patch release, even if newer ones are installed later.

    Examples:
        pyman hold 3.13
        pyman hold 3.13 3.13.5
    """
    if not session.dry_run:
        prepare_folders(session.places, session.observer)
    store = session.store()
    name = _alias_name(store, alias)
    runtime = _runtime_of(store, name, version)
    was_held = store.held(name) == runtime.name
    moved = set_hold(
        session.places, name, runtime.name, session.observer, check=not no_check, force=force, preview=session.preview
    )
    reasons = Reasons(session)
    kept_away = Reason() if moved else reasons.of_runtime(session.store(), runtime)
    lines = (
        *moved_lines(moved, reasons, planned=session.dry_run),
        f"{name} {session.shown('is', 'would be')} held at {runtime.name}; `pyman unhold {name}` removes the hold",
        *(f"  this {line}" for line in kept_away_line(reasons, kept_away)),
    )
    changed = [] if was_held and not moved else [name]
    data = {"changed": changed, "moved": moved_data(moved, reasons), **known_fixes(kept_away)}
    return Answer(data, lines, status=moved_status(moved))


@verb
def unhold(session: Session, alias: _ALIAS, no_check: _NO_CHECK = False, force: MoveAnywayOption = False) -> Answer:
    """Remove a hold; the alias moves to the newest installed release.

    Examples:
        pyman unhold 3.13
    """
    if not session.dry_run:
        prepare_folders(session.places, session.observer)
    store = session.store()
    name = _alias_name(store, alias)
    if store.held(name) is None:
        return Answer({"changed": [], "moved": []}, (f"{name} is not held",))
    moved = set_hold(
        session.places, name, None, session.observer, check=not no_check, force=force, preview=session.preview
    )
    target = session.store().alias_target(name)
    stays = f" and {session.shown('stays', 'would stay')} at {target.name}" if target is not None and not moved else ""
    reasons = Reasons(session)
    return Answer(
        {"changed": [name], "moved": moved_data(moved, reasons)},
        (
            *moved_lines(moved, reasons, planned=session.dry_run),
            f"{name} {session.shown('is no longer', 'would no longer be')} held{stays}",
        ),
        status=moved_status(moved),
    )


@verb
def rollback(session: Session, alias: _ALIAS, no_check: _NO_CHECK = False, force: MoveAnywayOption = False) -> Answer:
    """Move an alias back to the previous installed release and hold it there; run it again to go back further.

    Examples:
        pyman rollback 3.13
    """
    if not session.dry_run:
        prepare_folders(session.places, session.observer)
    store = session.store()
    name = _alias_name(store, alias)
    present = store.alias_target(name)
    target = rollback_target(store, name)
    if target is None:
        raise NotFound(
            f"no release older than {present.name if present else name} is installed",
            hint=f"install an older one first: `pyman install {name}.N`, then `pyman hold {name} {name}.N`",
        )
    moved = set_hold(
        session.places, name, target.name, session.observer, check=not no_check, force=force, preview=session.preview
    )
    reasons = Reasons(session)
    lines = (
        *moved_lines(moved, reasons, planned=session.dry_run),
        f"{name} {session.shown('is', 'would be')} held at {target.name}; `pyman unhold {name}` removes the hold",
    )
    return Answer({"changed": [name], "moved": moved_data(moved, reasons)}, lines, status=moved_status(moved))


def _alias_name(store: Store, text: str) -> str:
    if not is_alias_name(text) or text == "3":
        raise BadRequest(f"`{text}` is not a minor version", hint="give a minor version, such as `3.13` or `3.14t`")
    if all(runtime.alias != text for runtime in store.runtimes) and store.held(text) is None:
        present = store.in_use(text)
        if present is not None:
            raise _only_beneath(present)
        raise NotFound(f"{python_name(text)} is not installed", hint=f"run `pyman install {text}`")
    return text


def _only_beneath(runtime: Runtime) -> NotFound:
    """The failure to hold what only the store for everybody has: its owner may remove it at any time."""
    return NotFound(
        f"{python_name(runtime.release)} is in the system store, not in yours",
        hint=f"run `pyman install {runtime.release}`, then hold {runtime.alias} at it",
    )


def _runtime_of(store: Store, alias: str, version: str | None) -> Runtime:
    if version is None:
        target = store.alias_target(alias)
        if target is None:
            raise NotFound(f"the alias {alias} is broken", hint="run `pyman doctor --fix`")
        if store.level_of(target) == "system":
            raise _only_beneath(target)
        return target
    named = store.runtime(version) or store.runtime(f"{alias}-{version}")
    if named is None:
        request = parse_request(version)
        fitting = [
            runtime
            for runtime in store.releases
            if runtime.whole
            and runtime.alias == alias
            and request.pins
            and request.admits(runtime.version, request.variant)
        ]
        named = max(fitting, key=lambda runtime: runtime.rank, default=None)
    if named is None and (beneath := store.find(version)) is not None:
        raise _only_beneath(beneath)
    if named is None or not named.whole:
        raise NotFound(f"{python_name(version)} is not installed", hint=f"run `pyman install {version}`")
    if named.alias != alias:
        raise Refused(f"{named.name} is not a release of {alias}", hint=f"hold `{named.alias}` at it instead")
    return named
