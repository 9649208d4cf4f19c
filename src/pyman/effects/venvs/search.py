"""Finding venvs below folders: to the bottom, on their file system, without following a link (design.md 6).

One process walks at once; when there is more to do, others of the same program help it.
"""

from __future__ import annotations

import os
import sys
import time

from pyman.core.record import record
from pyman.effects.observer import SILENT, Observer
from pyman.effects.venvs import folder_walk
from pyman.effects.venvs.folder_walk import Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from subprocess import Popen

# Folders for one look around: some ten milliseconds of work.
_BATCH = 2000
# Seconds. A search that is over by then is not worth a process, or a line on the terminal.
_WORTH_HELP = 0.04
_WORTH_SAYING = 0.7
_MOST_HELPERS = 7


@record
class Search:
    """What a search found."""

    venvs: tuple[str, ...]
    """Folders with a `pyvenv.cfg`, and what is in the place of a folder `.venv`, sorted."""
    folders: int
    """How many folders were walked."""
    unreadable: tuple[str, ...]
    """Folders that could not be looked into, sorted."""


def search_venvs(folders: Iterable[str], observer: Observer = SILENT, helpers: int | None = None) -> Search:
    """Find every venv below absolute folders; one that is given by a link is walked, links below it are not.

    A path that is not a folder is among the venvs: only reading it tells whether it is a text file in place of `.venv`.
    `helpers` says how many processes may help; by default one less than there are processors.
    """
    walk = Walk()
    given = sorted(set(folders))
    for folder in given:
        if os.path.isfile(folder):
            walk.found.append(os.fsencode(folder))
        else:
            walk.add(os.fsencode(folder))
    if helpers is None:
        helpers = min(_processors() - 1, _MOST_HELPERS)
    started = time.monotonic()
    task = ""
    crew: list[_Helper] = []
    try:
        while walk.pending or any(helper.is_busy for helper in crew):
            for helper in crew:
                if not helper.is_busy and len(walk.pending) > 1:
                    helper.give(walk)
            walk.run(_BATCH)
            for helper in _answering(crew, wait=not walk.pending):
                if not helper.take(walk):
                    crew.remove(helper)
            elapsed = time.monotonic() - started
            if helpers and elapsed > _WORTH_HELP and len(walk.pending) > 1:
                crew = _start(helpers)
                helpers = 0
            if not task and elapsed > _WORTH_SAYING:
                task = f"searching {', '.join(given)}"
                observer.began(task, None)
    finally:
        for helper in crew:
            helper.end()
        if task:
            observer.finished(task)
    return Search(
        tuple(sorted({os.fsdecode(path) for path in walk.found})),
        walk.count,
        tuple(sorted({os.fsdecode(path) for path in walk.unreadable})),
    )


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(number: int) -> list[_Helper]:
    import subprocess

    command = [sys.executable or "", "-I", "-S", folder_walk.__file__]
    crew = []
    try:
        for _ in range(number):
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/"
            )
            crew.append(_Helper(process))
    except OSError:
        pass  # No more processes to be had: the walk goes on without.
    return crew


def _answering(crew: list[_Helper], *, wait: bool) -> list[_Helper]:
    """The helpers that have something to say; with `wait`, not before one has."""
    import select

    busy = {helper.descriptor: helper for helper in crew if helper.is_busy}
    if not busy:
        return []
    ready, _, _ = select.select(list(busy), [], [], None if wait else 0)
    return [busy[descriptor] for descriptor in ready]


class _Helper:
    """A process that walks a share of the folders."""

    def __init__(self, process: Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._to = process.stdin
        self._from = process.stdout
        self._share: list[folder_walk.Work] = []

    @property
    def descriptor(self) -> int:
        return self._from.fileno()

    @property
    def is_busy(self) -> bool:
        return bool(self._share)

    def give(self, walk: Walk) -> None:
        """Hand over half of what is pending: the folders that were met first, with most below them."""
        import marshal

        half = len(walk.pending) // 2
        self._share = walk.pending[:half]
        del walk.pending[:half]
        try:
            marshal.dump((self._share, _BATCH), self._to)
            self._to.flush()
        except OSError:
            pass  # It has died; its answer will say so.

    def take(self, walk: Walk) -> bool:
        """Take over what was found and what is left. False where the helper has died: its share goes back."""
        import marshal

        share, self._share = self._share, []
        try:
            pending, found, unreadable, count = marshal.load(self._from)  # noqa: S302 - from a process of ours
        except (EOFError, ValueError, TypeError, OSError):
            walk.pending += share
            self.end()
            return False
        walk.pending += pending
        walk.found += found
        walk.unreadable += unreadable
        walk.count += count
        return True

    def end(self) -> None:
        for stream in (self._to, self._from):
            try:
                stream.close()
            except OSError:
                pass  # What was not sent any more is not needed any more.
        self._process.terminate()
        self._process.wait()
