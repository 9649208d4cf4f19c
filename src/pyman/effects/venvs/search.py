"""Finding venvs below folders: to the bottom, on their file system, without following a link (design.md 6).

One process walks at once; when there is more to do, others of the same program help it.
"""

from __future__ import annotations

import os
import sys
import time

from pyman.core.immutable import record
from pyman.effects.files import read_text
from pyman.effects.interruption import Terminated
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
_WAITING_SECONDS = 2.0
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
    is_whole: bool = True
    """False where ctrl-C ended it."""
    denied: tuple[str, ...] = ()
    """Those that could not be looked into because the system does not let this user in."""


def search_venvs(
    folders: Iterable[str],
    observer: Observer = SILENT,
    helpers: int | None = None,
    *,
    without: Iterable[str] = (),
    told: str = "",
    may_end: bool = False,
    aside: bool = False,
) -> Search:
    """Find every venv below absolute folders; one that is given by a link is walked, links below it are not.

    A path that is not a folder is among the venvs: only reading it tells whether it is a text file in place of `.venv`.
    `helpers` says how many processes may help; by default one less than there are processors. Folders in `without`, by
    their paths, are not looked at. The task that an observer is told of is `told`. Where it `may_end`, ctrl-C ends the
    search, and what was found until then is the answer. With `aside` this process looks at nothing itself: on a file
    system that does not answer, only the helpers wait, and they can be ended.
    """
    walk = Walk(frozenset(map(os.fsencode, without)))
    given = sorted(set(folders))
    for folder in (*given, *(_firmlinks() if "/" in given and sys.platform == "darwin" else ())):
        if aside:
            walk.add_unseen(os.fsencode(folder))
        elif os.path.isfile(folder):
            walk.found.append(os.fsencode(folder))
        else:
            walk.add(os.fsencode(folder))
    if helpers is None:
        helpers = min(_processors() - 1, _MOST_HELPERS)
    started = time.monotonic()
    task = ""
    crew: list[_Helper] = []
    is_whole = True
    try:
        if aside:
            crew = _start(helpers + 1)
            helpers = 0
        while walk.pending or any(helper.is_busy for helper in crew):
            # Without any helper there is nobody else to look.
            alone = not aside or not crew
            for helper in crew:
                if not helper.is_busy and len(walk.pending) > alone:
                    helper.give(walk)
            if alone:
                walk.run(_BATCH)
            waits = None if task else max(started + _WORTH_SAYING - time.monotonic(), 0)
            for helper in _answering(crew, waits if not alone or not walk.pending else 0):
                if not helper.take(walk):
                    crew.remove(helper)
            elapsed = time.monotonic() - started
            if helpers and elapsed > _WORTH_HELP and len(walk.pending) > 1:
                crew = _start(helpers)
                helpers = 0
            if not task and elapsed > _WORTH_SAYING:
                task = told or f"searching {', '.join(given)}"
                observer.began(task, None)
    except Terminated as signal:
        if not may_end or not signal.is_ctrl_c:
            raise
        is_whole = False
    finally:
        _end(crew)
        if task:
            observer.finished(task)
    return Search(
        tuple(sorted({os.fsdecode(path) for path in walk.found})),
        walk.count,
        tuple(sorted({os.fsdecode(path) for path in walk.unreadable})),
        is_whole,
        tuple(sorted({os.fsdecode(path) for path in walk.denied})),
    )


def _firmlinks(table: str = "/usr/share/firmlinks") -> list[str]:
    """The folders of macOS that look as if they were on the disk of `/`, which cannot be written, and are on another.

    Each line has one, a tab, and where it is on that other disk.
    """
    try:
        lines = read_text(table).splitlines()
    except OSError:
        return []
    folders = (line.partition("\t")[0] for line in lines)
    return [folder for folder in folders if folder.startswith("/") and os.path.isdir(folder)]


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


def _answering(crew: list[_Helper], seconds: float | None) -> list[_Helper]:
    """The helpers that have something to say within so many seconds; None waits until one has."""
    import select

    busy = {helper.descriptor: helper for helper in crew if helper.is_busy}
    if not busy:
        return []
    ready, _, _ = select.select(list(busy), [], [], seconds)
    return [busy[descriptor] for descriptor in ready]


def _end(crew: list[_Helper]) -> None:
    """End helpers, and wait for all of them together no longer than for one."""
    for helper in crew:
        helper.terminate()
    deadline = time.monotonic() + _WAITING_SECONDS
    for helper in crew:
        helper.wait(max(deadline - time.monotonic(), 0))


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

        half = max(len(walk.pending) // 2, 1)
        self._share = walk.pending[:half]
        del walk.pending[:half]
        try:
            marshal.dump((self._share, _BATCH, walk.without), self._to)
            self._to.flush()
        except OSError:
            pass  # It has died; its answer will say so.

    def take(self, walk: Walk) -> bool:
        """Take over what was found and what is left. False where the helper has died: its share goes back."""
        import marshal

        share, self._share = self._share, []
        try:
            pending, found, unreadable, denied, count = marshal.load(self._from)  # noqa: S302 - from a process of ours
        except (EOFError, ValueError, TypeError, OSError):
            walk.pending += share
            _end([self])
            return False
        walk.pending += pending
        walk.found += found
        walk.unreadable += unreadable
        walk.denied += denied
        walk.count += count
        return True

    def terminate(self) -> None:
        self._process.terminate()
        for stream in (self._to, self._from):
            try:
                stream.close()
            except OSError:
                pass  # What was not sent any more is not needed any more.

    def wait(self, seconds: float) -> None:
        import subprocess

        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass  # A disk holds it, and lets it go some day.
