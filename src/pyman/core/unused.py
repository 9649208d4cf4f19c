"""When a venv was last used, as far as its files tell, and how long ago a user calls that unused (design.md 6).

Signs are what a use leaves: the times at which `pyvenv.cfg`, which every start of the venv's Python does, and the
programs in `bin` were last read; and those at which `pyvenv.cfg`, `bin`, `site-packages` and the `__pycache__` folders
of packages were written. A venv that is used every day may write nothing for years, so one whose file system keeps no
access times is never called unused. Nor is one that a process runs in.
"""

from __future__ import annotations

from pyman.core.immutable import record
from pyman.errors import UsageError

_DAY = 24 * 60 * 60
_UNITS = {"d": 1, "day": 1, "days": 1, "w": 7, "week": 7, "weeks": 7, "m": 30, "month": 30, "months": 30, "y": 365}
_UNITS |= {"year": 365, "years": 365}
_MOST_DIGITS = 5


@record
class Signs:
    """What was seen of one venv, in seconds since 1970."""

    written: tuple[float, ...] = ()
    read: float | None = None
    """When it was last read; None where the file system does not keep that, or it cannot be told."""
    is_running: bool = False
    """True where a process runs in it."""

    @property
    def last(self) -> float | None:
        """The last sign of life; None where there is none."""
        return max((*self.written, *((self.read,) if self.read is not None else ())), default=None)


def parse_age(text: str) -> int:
    """Seconds of `90d`, `12w`, `6m` (of 30 days), `1y` or `90`, which are days. Raises UsageError."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    days = _UNITS.get(text[len(digits) :].strip().lower() or "d")
    if not digits or len(digits) > _MOST_DIGITS or days is None or not int(digits):
        raise UsageError(f"`{text}` is not an age", hint="for example 90d, 12w, 6m or 1y")
    return int(digits) * days * _DAY


def is_unused(signs: Signs, now: float, age: int) -> bool | None:
    """True for a venv without a sign of life since `age` seconds; None where that cannot be told."""
    if signs.is_running:
        return False
    if signs.last is not None and signs.last > now - age:
        return False
    return True if signs.read is not None else None
