"""Which processors a file on the disk is built for."""

from __future__ import annotations

from pyman.core.architecture import HEADER, architectures_in
from pyman.effects.files import open_regular


def architectures_of(path: str) -> frozenset[str]:
    """Return what `architectures_in` says of a program or library; empty where it cannot be read."""
    try:
        with open_regular(path) as file:
            return architectures_in(file.read(HEADER))
    except OSError:
        return frozenset()
