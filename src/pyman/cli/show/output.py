"""An answer on the screen: JSON for programs, tables and progress on a terminal, plain text in pipes; and `--help`."""

from __future__ import annotations

import os
import sys

from pyman.app.console import (
    Answer,
    Table,
    answer_json,
    answer_plainly,
    fitted,
    is_terminal,
    note,
    print_error,
    result,
    short_path,
)
from pyman.app.session import Session
from pyman.core.escape import visible
from pyman.core.immutable import replace
from pyman.effects.observer import Observer
from pyman.effects.places import is_automated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table as RichTable
    from rich.text import Text

    from pyman.cli.commands import Command

_WIDEST = 60
"""Characters of a column in a pipe: one long path shall not push all others off the screen."""


def show(answer: Answer, *, json: bool, quiet: bool) -> int:
    """Print an answer and return the exit status."""
    if json:
        answer_json(answer.data, answer.error)
        if answer.error is not None:
            print_error(answer.error)
        return answer.exit_status
    if answer.table is not None and answer.table.rows:
        if is_terminal(sys.stdout):
            draw(answer.table)
        else:
            answer = replace(answer, lines=(*plain_rows(answer.table), *answer.lines))
    return answer_plainly(answer, quiet=quiet)


def plain_rows(table: Table) -> list[str]:
    """The rows of a table as lines with aligned columns, its head first."""
    widths = [0] * (len(table.head) + bool(table.details))
    for row in _rows(table):
        widths = [max(width, min(len(cell), _WIDEST)) for width, cell in zip(widths, row, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in _rows(table)
    ]


def _rows(table: Table) -> Iterator[tuple[str, ...]]:
    """One after the other: of tens of thousands each copy counts."""
    details = ("Why", *table.details) if table.details else None
    for number, row in enumerate((table.head, *table.rows)):
        yield tuple(map(visible, row if details is None else (*row, details[number])))


# Notes that several verbs add to their answer.


def with_pyman_line(answer: Answer, word: str, ours: str) -> Answer:
    """The answer to one of pyenv's words, with pyman's own word for it."""
    return replace(answer, notes=(*answer.notes, f"`{word}` is a command of pyenv; in pyman it is `pyman {ours}`"))


def count_of_venvs(count: int) -> str:
    """`1 venv`, `2 venvs`."""
    return "1 venv" if count == 1 else f"{count} venvs"


def changed_place(path: str) -> str:
    """What was changed, for people: a crontab has no path, and only pyman's own line in it is meant."""
    from pyman.core.schedule import CRONTAB

    return "pyman's line in the crontab" if path == CRONTAB else path


def count_of_links(count: int) -> str:
    """`1 link`, `2 links`."""
    return "1 link" if count == 1 else f"{count} links"


def in_need(ill: int, count: int) -> str:
    """How many of the venvs that were looked at need attention."""
    if count == 1:
        return "1 venv checked: needs attention"
    return f"{ill} of {count_of_venvs(count)} {'needs' if ill == 1 else 'need'} attention"


def shown_place(session: Session, path: str) -> str:
    """A path as people write it on a terminal, and whole in a pipe, where somebody may go on with it."""
    return short_path(session, path) if is_terminal(sys.stdout) else path


# Tables for a terminal. Loaded only to draw one.

_STYLES = {
    "healthy": "green",
    "error": "bold red",
    "warning": "yellow",
    "info": "cyan",
    "fixed": "green",
    "failed": "bold red",
    "installed": "green",
    "held": "yellow",
}
_GAP = 2
_NARROW = 26
"""Characters. A column that needs no more keeps what it needs; the wider ones share what is left."""
_NARROWEST = 16
_INDENT = 4


def _console(*, stderr: bool = False) -> Console:
    """A terminal to write to, without styles in continuous integration; NO_COLOR is rich's own business."""
    from rich.console import Console

    return Console(
        stderr=stderr, highlight=False, soft_wrap=False, color_system=None if is_automated(os.environ) else "auto"
    )


def draw(table: Table) -> None:
    """Draw a table as wide as the terminal, with the words that matter coloured.

    Under rows that have the same detail it stands once.
    """
    from rich.text import Text

    console = _console()
    rows = [tuple(map(visible, row)) for row in table.rows]
    columns = list(zip(table.head, *rows, strict=True))
    words = [max(len(word) for cell in column for word in cell.split(" ")) for column in columns]
    widths = fit_widths([max(map(len, column)) for column in columns], words, console.width)
    details = table.details or ("",) * len(rows)
    begin = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and details[end] == details[begin]:
            continue
        _draw_rows(console, table.head, widths, rows[begin:end], with_head=begin == 0)
        if details[begin]:
            detail = fitted(" " * _INDENT + visible(details[begin]), sys.stdout)
            console.print(Text(detail, style="dim"), soft_wrap=True)
        begin = end


def _draw_rows(
    console: Console, head: tuple[str, ...], widths: list[int], rows: list[tuple[str, ...]], *, with_head: bool
) -> None:
    """Rows in columns; a cell with a word that is longer than its column has a line of its own, above the others."""
    begin = 0
    for number, row in enumerate(rows):
        long = [max(map(len, cell.split(" "))) > width for cell, width in zip(row, widths, strict=True)]
        if not any(long):
            continue
        if begin < number or with_head:
            console.print(_block(head, widths, rows[begin:number], with_head=with_head))
        with_head = False
        for cell, is_long in zip(row, long, strict=True):
            if is_long:
                console.print(_cell(cell), soft_wrap=True)
        if not all(is_long or not cell for cell, is_long in zip(row, long, strict=True)):
            short = tuple("" if is_long else cell for cell, is_long in zip(row, long, strict=True))
            console.print(_block(head, widths, [short], with_head=False))
        begin = number + 1
    if begin < len(rows):
        console.print(_block(head, widths, rows[begin:], with_head=with_head))


def _block(head: tuple[str, ...], widths: list[int], rows: list[tuple[str, ...]], *, with_head: bool) -> RichTable:
    from rich.table import Table as RichTable

    drawn = RichTable(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold", show_edge=False, show_header=with_head
    )
    for name, width in zip(head, widths, strict=True):
        drawn.add_column(name, overflow="fold", width=width)
    for row in rows:
        drawn.add_row(*map(_cell, row))
    return drawn


def fit_widths(wanted: list[int], words: list[int], room: int) -> list[int]:
    """Share `room` characters between columns that want so many: the wide ones give way, the narrow ones do not.

    `words` are the longest words of the columns: one that can be broken between words gives way to one that cannot.
    """
    room -= _GAP * (len(wanted) - 1)
    over = sum(wanted) - room
    wide = [column for column, width in enumerate(wanted) if width > _NARROW]
    if over <= 0 or not wide:
        return wanted
    left = max(room - sum(width for width in wanted if width <= _NARROW), _NARROWEST * len(wide))
    widths = list(wanted)
    # The narrowest of the wide columns first: what it does not need is shared by the others.
    for number, column in enumerate(sorted(wide, key=wanted.__getitem__)):
        widths[column] = min(wanted[column], left // (len(wide) - number))
        left -= widths[column]
    for column in wide:
        for other in wide:
            spare = widths[other] - max(words[other], _NARROWEST)
            more = min(words[column] - widths[column], spare)
            if more == words[column] - widths[column] > 0:
                widths[column] += more
                widths[other] -= more
    return widths


def _cell(text: str) -> Text:
    from rich.text import Text

    first = text.partition(",")[0].partition(" ")[0]
    return Text(text, style=_STYLES.get(first, ""))


# Work that takes time, as a person sees it: bars on a terminal, one line in a pipe.

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
        note(f"waiting for {what}, used by {holder}")

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
        import threading

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
                self._tasks[task] = self._progress.add_task(visible(task), total=total)

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
    return Progress(*columns, console=_console(stderr=True), transient=True)


# `pyman --help`: the command table on one page.

_HEAD = """\
Manage Python versions and every venv that uses them.

Usage: pyman COMMAND [OPTIONS] …
"""
_FOOT = """\
Global options:
  --json  -q/--quiet  -v/--verbose  --root DIR  --offline  -h/--help  --version

Examples:
  pyman install 3.13          install 3.13 and move the venvs that follow it
  pyman venv                  create .venv, tied to its minor version
  pyman COMMAND --help        show the options and examples of a command
"""


def overview(commands: tuple[Command, ...]) -> None:
    """Print every command with its summary, by group."""
    for line in overview_lines(commands):
        result(line)


def overview_lines(commands: tuple[Command, ...]) -> list[str]:
    """What `pyman --help` prints."""
    shown = [command for command in commands if not command.hidden]
    width = max(len(command.name) for command in shown)
    parts = [_HEAD]
    for group in dict.fromkeys(command.group for command in shown):
        rows = [f"  {c.name.ljust(width)}  {c.summary}\n" for c in shown if c.group == group]
        parts.append(f"{group}:\n" + "".join(rows))
    parts.append(_FOOT)
    return "\n".join(parts).rstrip("\n").split("\n")
