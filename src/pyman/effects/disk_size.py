"""What folders take on the disk, and whether a second copy fits beside them."""

from __future__ import annotations

import os

_PLENTY = 256 << 30
"""Bytes. No venv comes near to this, so that none need be counted where so much is free."""


def missing_space(folder: str) -> int:
    """The bytes that lack for a second copy of a folder beside it; 0 where it fits. Raises OSError."""
    room = os.statvfs(os.path.dirname(folder))
    free = room.f_bavail * room.f_frsize
    if free >= _PLENTY:
        return 0
    return max(size_of(folder) - free, 0)


def size_of(folder: str, *, alone: bool = False, seen: set[tuple[int, int]] | None = None) -> int:
    """The bytes that a folder takes on the disk; hard-linked files count once, and with `alone` not at all.

    That is what removing it frees, as far as the other names of a file lie elsewhere. Files in `seen` do not count
    either, and those that do are added: so what several folders share counts in the first one.
    """
    total = 0
    seen = set() if seen is None else seen
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    if status.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if alone or (status.st_dev, status.st_ino) in seen:
                            continue
                        seen.add((status.st_dev, status.st_ino))
                    total += status.st_blocks * 512
        except OSError:
            continue
    return total
