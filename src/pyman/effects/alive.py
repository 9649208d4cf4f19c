"""Whether the process that left something behind may still come back to it. Hot."""

from __future__ import annotations

import os


def is_alive(pid: str) -> bool:
    """Say whether a process of this machine has a number, as it stands in a file's name; False for what is none."""
    # To `kill`, 0 is everybody who was started together with us.
    if not pid.isascii() or not pid.isdigit() or not pid.strip("0"):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError, ValueError):
        return True
    return True
