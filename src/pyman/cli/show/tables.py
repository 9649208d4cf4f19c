"""Tables for a terminal. Loaded only to draw one."""

from __future__ import annotations

from rich.console import Console
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


def draw(table: Table) -> None:
    """Draw a table as wide as it needs, with the words that matter coloured. NO_COLOR is rich's own business."""
    drawn = RichTable(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in table.head:
        drawn.add_column(name, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_cell(text) for text in row))
    Console(highlight=False, soft_wrap=False).print(drawn)


def _cell(text: str) -> Text:
    shown = visible(text)
    first = shown.split(",")[0].split(" ")[0]
    return Text(shown, style=_STYLES.get(first, ""))
