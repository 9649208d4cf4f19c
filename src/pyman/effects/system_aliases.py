"""The links of a user's own store to aliases of the store for everybody, which lies beneath it (design.md 3)."""

from __future__ import annotations

import os

from pyman.core.aliases import missing_links
from pyman.effects.files import replace_link
from pyman.effects.lock import hold_store
from pyman.effects.observer import Observer
from pyman.effects.places import Places, cannot_write, make_folder
from pyman.effects.store import read_stores


def link_to_system(places: Places, observer: Observer) -> None:
    """Make the links to aliases that this store lacks and the one beneath has, and `3`. Nothing can follow them yet.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    with hold_store(places, observer):
        store = read_stores(places)
        for alias, target in missing_links(store):
            path = os.path.join(places.runtimes, alias)
            try:
                replace_link(path, target)
            except OSError as error:
                raise cannot_write(path, error) from error
