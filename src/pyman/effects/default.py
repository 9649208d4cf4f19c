"""The default request: one line in the file `default` of the store."""

from __future__ import annotations

import os

from pyman.core.runtime import with_default
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.move import change_store
from pyman.effects.places import Places, cannot_write, make_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.effects.apply import Transaction


def set_default(places: Places, request: str) -> None:
    """Write the default request, and point the alias `3` at its minor.

    Raises PymanError where the store cannot be written.
    """
    make_folder(places.runtimes)
    path = os.path.join(places.root, "default")

    def write(transaction: Transaction) -> None:
        before = _content(path)
        replace_file(path, f"{request}\n".encode(), durable=True)
        transaction.undo_with(lambda: os.unlink(path) if before is None else replace_file(path, before))

    try:
        change_store(places, lambda store: with_default(store, request), write)
    except OSError as error:
        raise cannot_write(path, error) from error


def _content(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None
