"""The default request: one line in the file `default` of the store."""

from __future__ import annotations

import os

from pyman.core.store import with_default
from pyman.effects.moves.move import change_store
from pyman.effects.places import Places, cannot_write, make_folder


def set_default(places: Places, request: str) -> None:
    """Write the default request, and point the alias `3` at its minor.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    path = os.path.join(places.root, "default")

    try:
        change_store(
            places,
            lambda store: with_default(store, request),
            lambda transaction: transaction.put_file(path, f"{request}\n".encode()),
        )
    except OSError as error:
        raise cannot_write(path, error) from error
