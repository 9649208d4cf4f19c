"""How much room venvs take: measured once, and again after something was installed into or removed from one."""

from __future__ import annotations

import os

from pyman.effects.disk_size import size_of
from pyman.effects.files import names_seen
from pyman.effects.memo import Memo

_MOST_DIGITS = 18


class VenvSizes:
    """Sizes in bytes; files that several venvs share by hard links count in each of them."""

    def __init__(self, cache: str) -> None:
        self._memo = Memo(os.path.join(cache, "sizes"))

    def of(self, folder: str) -> int:
        """The bytes that a venv takes on the disk, as they were when its folders of packages last changed."""
        stamp = _stamp(folder)
        known = (self._memo.find(folder) or "").partition(" ")
        if known[0] == stamp and known[2].isdecimal() and len(known[2]) <= _MOST_DIGITS:
            self._memo.keep(folder, " ".join((stamp, known[2])))
            return int(known[2])
        size = size_of(folder)
        self._memo.keep(folder, f"{stamp} {size}")
        return size

    def store(self) -> None:
        """Keep what was measured for the next time."""
        self._memo.store(all_asked=False)


def _stamp(folder: str) -> str:
    times = []
    libraries = names_seen(f"{folder}/lib")
    for path in (f"{folder}/bin", *(f"{folder}/lib/{name}/site-packages" for name in libraries)):
        try:
            times.append(os.stat(path).st_mtime_ns)
        except OSError:
            times.append(0)
    return ":".join(map(str, times))
