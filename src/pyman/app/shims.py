"""Shims that are those of what is installed, after every command that changes it."""

from __future__ import annotations

from pyman.app.console import Session
from pyman.core.shell.init_script import can_be_on_path
from pyman.core.shell.shims import shim_names
from pyman.effects.lock import hold
from pyman.effects.places import make_folder
from pyman.effects.shims import are_current, changing_shims, pyman_command, write_shims
from pyman.errors import PymanError


def refresh_shims(session: Session) -> tuple[str, ...]:
    """Make the shims those of the minors that are installed; returns the names that change.

    Raises PymanError where that is not possible.
    """
    root, command = session.places.root, pyman_command()
    names = shim_names(alias.name for alias in session.store().aliases)
    if are_current(root, names, command):
        return ()
    if session.dry_run:
        return changing_shims(root, names, command)
    make_folder(root)
    with hold(session.places.lock, session.observer, what="the store"):
        return write_shims(root, shim_names(alias.name for alias in session.store().aliases), command)


def keep_shims_current(session: Session) -> None:
    """The same after another command: a store that cannot be written is no reason to fail."""
    if session.dry_run:
        return
    try:
        changed = refresh_shims(session)
        folder = session.places.shims
        if changed and not can_be_on_path(folder):
            session.observer.noted(f"the shims in {folder} cannot be on PATH, whose folders are separated by `:`")
    except PymanError as error:
        session.observer.noted(f"the shims were left as they are: {error.message}")
