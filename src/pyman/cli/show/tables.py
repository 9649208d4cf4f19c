"""Tables for a terminal. Loaded only to draw one."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from pyman.core.answer import Table
from pyman.core.escape import visible

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


def draw(table: Table) -> None:
    """Draw a table as wide as the terminal, with the words that matter coloured. NO_COLOR is rich's own business.

    Under rows that have the same detail it stands once.
    """
    console = Console(highlight=False, soft_wrap=False)
    rows = [tuple(map(visible, row)) for row in table.rows]
    widths = fit_widths([max(map(len, column)) for column in zip(table.head, *rows, strict=True)], console.width)
    details = table.details or ("",) * len(rows)
    begin = 0
    for end in range(1, len(rows) + 1):
        if end < len(rows) and details[end] == details[begin]:
            continue
        console.print(_block(table.head, widths, rows[begin:end], with_head=begin == 0))
        if details[begin]:
            console.print(Padding(Text(visible(details[begin]), style="dim"), (0, 0, 0, _INDENT)))
        begin = end


def _block(head: tuple[str, ...], widths: list[int], rows: list[tuple[str, ...]], *, with_head: bool) -> RichTable:
    drawn = RichTable(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold", show_edge=False, show_header=with_head
    )
    for name, width in zip(head, widths, strict=True):
        drawn.add_column(name, overflow="fold", width=width)
    for row in rows:
        drawn.add_row(*map(_cell, row))
    return drawn


def fit_widths(wanted: list[int], room: int) -> list[int]:
    """Share `room` characters between columns that want so many: the wide ones give way, the narrow ones do not."""
    room -= _GAP * (len(wanted) - 1)
    over = sum(wanted) - room
    wide = [column for column, width in enumerate(wanted) if width > _NARROW]
    if over <= 0 or not wide:
        return wanted
    left = max(room - sum(width for width in wanted if width <= _NARROW), _NARROWEST * len(wide))
    widths = list(wanted)
    # The narrowest of the wide first: what it does not need of its share is for the others.
    for number, column in enumerate(sorted(wide, key=wanted.__getitem__)):
        widths[column] = min(wanted[column], left // (len(wide) - number))
        left -= widths[column]
    return widths


def _cell(text: str) -> Text:
    first = text.partition(",")[0].partition(" ")[0]
    return Text(text, style=_STYLES.get(first, ""))
