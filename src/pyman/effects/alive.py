"""Whether the process that left something behind may still come back to it. Hot."""

from __future__ import annotations

import os


def is_alive(pid: str) -> bool:
    """Say whether a process of this machine has a number, as it stands in a file's name; False for what is none."""
    if not pid.isascii() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
