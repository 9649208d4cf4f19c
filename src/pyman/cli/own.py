"""`pyman self`."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from pyman import __version__
from pyman.app.console import Answer, is_terminal, note
from pyman.app.own import Removal, own_installation, uninstall_pyman, update_pyman
from pyman.app.session import Session
from pyman.cli.show.output import changed_place
from pyman.cli.verb import verb
from pyman.core.immutable import replace
from pyman.effects.moves.move import Preview
from pyman.effects.own_installation import SOURCE, own_python


class What(StrEnum):
    """What to do with pyman itself."""

    update = "update"
    uninstall = "uninstall"


@verb
def own(
    session: Session,
    what: Annotated[
        What | None, typer.Argument(metavar="[update|uninstall]", help="Install the newest release, or remove pyman.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Uninstall without asking.")] = False,
) -> Answer:
    """Show pyman's version and how it was installed, update it or uninstall it.

    `update` replaces what install.sh installed, or the pyman.pyz that runs, with the newest release, whose sha256 is
    checked. It also replaces the Python that install.sh downloaded for pyman, if that is outdated. `uninstall` removes
    pyman, its cache, its shims and the links to them, after asking on a terminal; Pythons and venvs stay. If pip,
    pipx or uv installed pyman, both print the command of that installer.

    Examples:
        pyman self
        pyman self update
        pyman self uninstall --dry-run
    """
    if what == What.update:
        return _update(session)
    if what == What.uninstall:
        return _uninstall(session, yes=yes)
    installation = own_installation()
    how = "run from its source" if installation.by == SOURCE else f"installed by {installation.by}"
    where = installation.path or installation.package
    return Answer(_data(installation.by), (f"pyman {__version__}, {how}: {where}",))


def _data(by: str, version: str = __version__, changed: tuple[str, ...] = ()) -> dict[str, object]:
    return {"version": version, "installed_by": by, "changed": list(changed)}


def _update(session: Session) -> Answer:
    changed: list[str] = []
    session.if_cut_off(lambda: Answer(_data(own_installation().by, changed=tuple(changed))))
    update = update_pyman(session, changed)
    by = update.installation.by
    verb = session.shown("updated", "would update")
    lines = [f"pyman {__version__} is the newest release"] if update.release is None and not update.notes else []
    version = __version__
    if update.release is not None:
        version = update.release.version
        lines.append(f"{verb} pyman: {__version__} -> {version}")
    if update.python is not None:
        lines.append(f"{verb} the Python that pyman runs on: {own_python()[0]} -> {update.python}")
    return Answer(_data(by, version, tuple(changed)), tuple(lines), notes=update.notes)


def _uninstall(session: Session, *, yes: bool) -> Answer:
    removed: list[str] = []
    if not session.dry_run and not _may_uninstall(session, yes=yes):
        return Answer(_data(own_installation().by), ("nothing was removed",), status=1)
    by = own_installation().by

    def answer(removal: Removal | None = None) -> Answer:
        verb = session.shown("removed", "would remove")
        lines = tuple(f"{verb} {changed_place(path)}" for path in _shown(session, removed))
        notes = [] if removal is None else _notes(session, removal)
        return Answer(_data(by, changed=tuple(removed)), lines or ("nothing to remove",), notes=tuple(notes))

    session.if_cut_off(answer)
    return answer(uninstall_pyman(session, removed))


def _may_uninstall(session: Session, *, yes: bool) -> bool:
    """Whether a person at the terminal wants it, who is shown what goes and what stays. A program is not asked."""
    if yes or session.json or not is_terminal(sys.stdin):
        return True
    planned: list[str] = []
    plan = replace(session, preview=Preview(session.places))
    removal = uninstall_pyman(plan, planned)
    for path in _shown(session, planned):
        note(f"removes {changed_place(path)}")
    for line in _notes(plan, removal):
        note(line)
    return session.ask("Go ahead?")


def _shown(session: Session, removed: list[str]) -> list[str]:
    """What people want to know: not each shim, and not each file of the cache."""
    folder, cache = session.places.shims, session.places.cache
    shown = (cache if path.startswith(cache + "/") else path for path in removed if os.path.dirname(path) != folder)
    return list(dict.fromkeys(shown))


def _notes(session: Session, removal: Removal) -> list[str]:
    notes = []
    places = session.places
    kept = session.shown("kept", "keeps")
    if removal.command:
        notes.append(f"pyman was installed by {removal.installation.by}: to remove it, run `{removal.command}`")
    elif not removal.is_whole:
        notes.append(f"{kept} {removal.installation.package}: it was not installed by install.sh or as pyman.pyz")
    if os.path.isdir(places.root):
        notes.append(f"{kept} {places.root}: the Pythons that venvs run on, and the records of venvs")
    if os.path.isdir(places.cache) and not session.dry_run:
        notes.append(f"kept {places.cache}: it can be deleted")
    notes.append("remove the line with `pyman init` from your shell's start-up file yourself")
    return notes
