"""Keeping the shims and the links to them up to date after every command that installs or removes a Python."""

from __future__ import annotations

import os

from pyman.app.session import Session
from pyman.core.shell.init_script import can_be_on_path
from pyman.core.shell.shims import names_to_link, shim_names
from pyman.effects.lock import hold_store
from pyman.effects.places import make_folder
from pyman.effects.shim_links import LinkChanges, apply_links, link_changes, linked_folders
from pyman.effects.shims import are_current, changing_shims, shim_command, write_shims
from pyman.errors import PymanError


def refresh_shims(session: Session) -> tuple[str, ...]:
    """Make the shims, and the links to them, those of what is installed; returns the paths that change.

    Raises PymanError where that is not possible.
    """
    root, command = session.places.root, shim_command()
    names = _names(session)
    linked = [path for change in _link_changes(root, names) for path in change.paths]
    if are_current(root, names, *command) and not linked:
        return ()
    if session.dry_run:
        return (*_paths(session, changing_shims(root, names, *command)), *linked)
    make_folder(root)
    with hold_store(session.places, session.observer):
        # Another command may have changed everything while this one waited.
        names = _names(session)
        changed = write_shims(root, names, *command)
        links = _link_changes(root, names)
        failures = [failure for change in links if (failure := _applied(root, change)) is not None]
    if failures:
        raise failures[0]
    return (*_paths(session, changed), *(path for change in links for path in change.paths))


def _link_changes(root: str, names: tuple[str, ...]) -> list[LinkChanges]:
    """What is to be done in the folders with links; one that is gone may be on a disk that is away, and is not made."""
    folders = [folder for folder in linked_folders(root) if os.path.isdir(folder)]
    return [link_changes(root, folder, names_to_link(names)) for folder in folders]


def _applied(root: str, changes: LinkChanges) -> PymanError | None:
    """Change one folder; what hinders that does not keep the others from being changed."""
    if not changes.paths:
        return None
    try:
        apply_links(root, changes)
    except PymanError as error:
        return error
    return None


def link_shims(session: Session, folder: str) -> LinkChanges:
    """Link the shims with a version in their names into a folder, now and after each change of what is installed.

    Raises PymanError where that is not possible.
    """
    refresh_shims(session)
    if session.dry_run:
        return link_changes(session.places.root, folder, names_to_link(_names(session)))
    with hold_store(session.places, session.observer):
        changes = link_changes(session.places.root, folder, names_to_link(_names(session)))
        apply_links(session.places.root, changes)
    return changes


def unlink_shims(session: Session) -> tuple[LinkChanges, ...]:
    """Take back the links to shims in every folder that has some. Raises PymanError where that is not possible."""
    root = session.places.root
    if session.dry_run or not linked_folders(root):
        return tuple(link_changes(root, folder, ()) for folder in linked_folders(root))
    with hold_store(session.places, session.observer):
        each = tuple(link_changes(root, folder, ()) for folder in linked_folders(root))
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
        session.observer.noted(f"the shims were not changed: {error.message}")


def _names(session: Session) -> tuple[str, ...]:
    store = session.store()
    return shim_names((*(alias.name for alias in store.aliases), *(runtime.name for runtime in store.releases)))


def _paths(session: Session, names: tuple[str, ...]) -> list[str]:
    return [os.path.join(session.places.shims, name) for name in names]
