"""The default request: one line in the file `default` of the store."""

from __future__ import annotations

import os

from pyman.effects.files import replace_file
from pyman.effects.lock import hold
from pyman.effects.move import move_aliases
from pyman.effects.places import Places, cannot_write, make_folder


def set_default(places: Places, request: str) -> None:
    """Write the default request, and point the alias `3` at its minor.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    path = os.path.join(places.root, "default")
    with hold(places.lock, what="the store"):
        try:
            replace_file(path, f"{request}\n".encode(), durable=True)
        except OSError as error:
            raise cannot_write(path, error) from error
        move_aliases(places)
