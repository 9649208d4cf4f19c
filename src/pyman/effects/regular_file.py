"""Opening large files that somebody else may have put there."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO


def open_regular(path: str) -> FileIO:
    """Open a file for reading, without waiting for the other end of a fifo; unbuffered.

    Raises OSError, also for what is no regular file.
    """
    try:
        file = open(path, "rb", buffering=0, opener=_open_without_waiting)  # noqa: SIM115  # the caller closes it
    except ValueError as error:
        raise OSError(str(error)) from error  # a null byte
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is no regular file")
    return file


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
