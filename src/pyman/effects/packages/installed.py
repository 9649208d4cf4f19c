"""What many venvs have installed, as much of it as the check before a move needs (core/packages/compatibility.py)."""

from __future__ import annotations

import os
import time
from itertools import islice

from pyman.core.packages.compatibility import Need
from pyman.core.packages.package import Distribution
from pyman.core.record import record
from pyman.effects.architecture import architectures_of
from pyman.effects.packages.dist_info import read_distributions
from pyman.effects.packages.elf import is_elf, undefined_symbols

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What the system still has in memory one thread reads fastest; a disk answers several at once. Told by the first few
# folders: from memory a distribution takes 25 microseconds and a compiled file 400, from a disk ten times as long.
_SAMPLE = 8
_SLOW_DISTRIBUTION = 100e-6
_SLOW_FILE = 1e-3
_THREADS = 8

_MOST_REMEMBERED = 20_000


@record
class Installed:
    """What one site-packages folder holds."""

    site_packages: str
    distributions: tuple[Distribution, ...] = ()
    needs: tuple[Need, ...] = ()
    """What compiled files need of that which the move takes away."""
    notes: tuple[str, ...] = ()
    """What could not be read, one sentence each."""


class Reader:
    """Reads site-packages folders; a compiled file that several venvs share by hard links is read once."""

    def __init__(
        self, lost_symbols: frozenset[str] = frozenset(), lost_architectures: frozenset[str] = frozenset()
    ) -> None:
        """What the move takes away: where it takes no symbol, no table of symbols is read."""
        self.lost_symbols = lost_symbols
        self.lost_architectures = lost_architectures
        self._remembered: dict[tuple[int, int, int, int], tuple[str, ...] | None] = {}

    def read(self, site_packages: str) -> Installed:
        """Read one folder. Raises nothing: what cannot be read is a note."""
        distributions, notes = read_distributions(site_packages)
        needs: list[Need] = []
        unreadable: list[str] = []
        for distribution in distributions:
            for file in distribution.compiled:
                if self.lost_architectures:
                    built_for = architectures_of(f"{site_packages}/{file}")
                    if built_for and built_for <= self.lost_architectures:
                        needs.append(Need(str(distribution), file, architectures=built_for))
                try:
                    symbols = self._lost_symbols_of(f"{site_packages}/{file}")
                except OSError as error:
                    unreadable.append(f"{file} of {distribution} could not be checked: {error.strerror or error}")
                    continue
                if symbols is None:
                    unreadable.append(f"{file} of {distribution} could not be checked: it is no ELF file")
                elif symbols:
                    needs.append(Need(str(distribution), file, symbols))
        return Installed(site_packages, distributions, tuple(needs), (*notes, *_shortened(unreadable)))

    def read_each(self, folders: Iterable[str]) -> Iterator[Installed]:
        """Read many folders, answering in their order, and with several threads where the disk is what takes time."""
        waiting = iter(folders)
        seconds = expected = 0.0
        for folder in islice(waiting, _SAMPLE):
            began = time.perf_counter()
            installed = self.read(folder)
            seconds += time.perf_counter() - began
            files = sum(len(distribution.compiled) for distribution in installed.distributions)
            expected += len(installed.distributions) * _SLOW_DISTRIBUTION + files * _SLOW_FILE
            yield installed
        if seconds <= expected:
            yield from map(self.read, waiting)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_THREADS) as pool:
            yield from pool.map(self.read, waiting)

    def _lost_symbols_of(self, path: str) -> tuple[str, ...] | None:
        if not self.lost_symbols:
            return () if is_elf(path) else None
        status = os.stat(path)
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if key in self._remembered:
            return self._remembered[key]
        symbols = undefined_symbols(path)
        answer = None if symbols is None else tuple(sorted(symbols & self.lost_symbols))
        if len(self._remembered) < _MOST_REMEMBERED:
            self._remembered[key] = answer
        return answer


def _shortened(notes: list[str]) -> list[str]:
    """Leave it at one sentence where a whole venv is of a kind that nobody reads here, as on macOS."""
    return notes if len(notes) <= 3 else [*notes[:2], f"{len(notes) - 2} more compiled files could not be checked"]
