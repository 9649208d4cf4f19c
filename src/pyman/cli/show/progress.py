"""Work that takes time, as a person sees it: bars on a terminal, one line in a pipe."""

from __future__ import annotations

import threading

from pyman.effects.observer import Observer
from pyman.hot.speak import note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_WORTH_A_BAR = 512 * 1024
"""Bytes. Less is there before a bar could be read."""


def listener(on_terminal: bool, *, verbose: bool) -> Observer:
    """The observer that tells the user what is going on."""
    return _Bars(verbose=verbose) if on_terminal else _Lines(verbose=verbose)


class _Lines(Observer):
    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._said: set[str] = set()

    def waiting(self, what: str, holder: str) -> None:
        note(f"waiting for {what}: {holder} is at it")

    def began(self, task: str, total: int | None) -> None:
        if self._verbose and task not in self._said:
            self._said.add(task)
            note(f"{task}: {total} bytes" if total is not None else task)

    def retrying(self, task: str, reason: str, seconds: float) -> None:
        note(f"{task}: {reason}, trying again in {seconds:g} s")

    def noted(self, fact: str) -> None:
        note(fact)


class _Bars(_Lines):
    def __init__(self, *, verbose: bool) -> None:
        super().__init__(verbose=verbose)
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def began(self, task: str, total: int | None) -> None:
        super().began(task, total)
        if total is not None and total < _WORTH_A_BAR:
            return
        with self._lock:
            if self._progress is None:
                self._progress = _make_progress()
                self._progress.start()
            if task not in self._tasks:
                self._tasks[task] = self._progress.add_task(task, total=total)

    def advanced(self, task: str, amount: int) -> None:
        with self._lock:
            if self._progress is not None and task in self._tasks:
                self._progress.advance(self._tasks[task], amount)

    def finished(self, task: str) -> None:
        with self._lock:
            if self._progress is None or task not in self._tasks:
                return
            self._progress.remove_task(self._tasks.pop(task))
            if not self._tasks:
                self._progress.stop()
                self._progress = None


def _make_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, Task, TextColumn, TransferSpeedColumn
    from rich.text import Text

    class Amount(DownloadColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) if task.total is not None else Text()

    class Speed(TransferSpeedColumn):
        def render(self, task: Task) -> Text:
            return super().render(task) if task.total is not None else Text()

    # The names of tasks come from file names: `markup` off.
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), Amount(), Speed())
    return Progress(*columns, console=Console(stderr=True), transient=True)
