"""Whether a second copy of a folder fits beside it."""

from __future__ import annotations

import os

_PLENTY = 256 << 30
"""Bytes. No venv comes near to this, so that none need be counted where so much is free."""


def lacking_room(folder: str) -> int:
    """The bytes that lack for a second copy of a folder beside it; 0 where it fits. Raises OSError."""
    room = os.statvfs(os.path.dirname(folder))
    free = room.f_bavail * room.f_frsize
    if free >= _PLENTY:
        return 0
    from pyman.effects.removal import size_of

    return max(size_of(folder) - free, 0)
