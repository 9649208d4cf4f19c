"""Shims that are those of what is installed, after every command that changes it, and the links to them."""

from __future__ import annotations

import os

from pyman.app.console import Session
from pyman.core.shell.init_script import can_be_on_path
from pyman.core.shell.shims import names_to_link, shim_names
from pyman.effects.lock import hold
from pyman.effects.places import make_folder
from pyman.effects.shim_links import LinkChanges, apply_links, link_changes, linked_folders
from pyman.effects.shims import are_current, changing_shims, pyman_command, write_shims
from pyman.errors import PymanError


def refresh_shims(session: Session) -> tuple[str, ...]:
    """Make the shims, and the links to them, those of what is installed; returns the paths that change.

    Raises PymanError where that is not possible.
    """
    root, command = session.places.root, pyman_command()
    names = _names(session)
    links = [link_changes(root, folder, names_to_link(names)) for folder in linked_folders(root)]
    linked = [path for change in links for path in change.paths]
    if are_current(root, names, command) and not linked:
        return ()
    if session.dry_run:
        return (*_paths(session, changing_shims(root, names, command)), *linked)
    make_folder(root)
    with hold(session.places.lock, session.observer, what="the store"):
        changed = write_shims(root, _names(session), command)
        for change in links:
            apply_links(root, change)
    return (*_paths(session, changed), *linked)


def link_shims(session: Session, folder: str) -> LinkChanges:
    """Link the shims with a version in their names into a folder, now and after each change of what is installed.

    Raises PymanError where that is not possible.
    """
    refresh_shims(session)
    changes = link_changes(session.places.root, folder, names_to_link(_names(session)))
    if not session.dry_run:
        with hold(session.places.lock, session.observer, what="the store"):
            apply_links(session.places.root, changes)
    return changes


def unlink_shims(session: Session) -> tuple[LinkChanges, ...]:
    """Take back the links to shims in every folder that has some. Raises PymanError where that is not possible."""
    root = session.places.root
    each = tuple(link_changes(root, folder, ()) for folder in linked_folders(root))
    if each and not session.dry_run:
        with hold(session.places.lock, session.observer, what="the store"):
            for changes in each:
                apply_links(root, changes)
    return each


def keep_shims_current(session: Session) -> None:
    """The same as `refresh_shims` after another command: a store that cannot be written is no reason to fail."""
    if session.dry_run:
        return
    try:
        changed = refresh_shims(session)
        folder = session.places.shims
        if changed and not can_be_on_path(folder):
            session.observer.noted(f"the shims in {folder} cannot be on PATH, whose folders are separated by `:`")
    except PymanError as error:
        session.observer.noted(f"the shims were left as they are: {error.message}")


def _names(session: Session) -> tuple[str, ...]:
    store = session.store()
    return shim_names((*(alias.name for alias in store.aliases), *(runtime.name for runtime in store.releases)))


def _paths(session: Session, names: tuple[str, ...]) -> list[str]:
    return [os.path.join(session.places.shims, name) for name in names]
