"""An answer on the screen: JSON for programs, tables where people compare, plain text in pipes."""

from __future__ import annotations

import sys

from pyman.core.answer import Answer, Table
from pyman.core.escape import visible
from pyman.core.record import replace
from pyman.hot.speak import answer_json, answer_plainly, complain, is_terminal

_WIDEST = 60
"""Characters of a column in a pipe: one long path shall not push all others off the screen."""


def show(answer: Answer, *, json: bool, quiet: bool) -> int:
    """Print an answer and return the exit status."""
    if json:
        answer_json(answer.data, answer.error)
        if answer.error is not None:
            complain(answer.error)
        return answer.exit_status
    if answer.table is not None and answer.table.rows:
        if is_terminal(sys.stdout):
            from pyman.cli.show.tables import draw

            draw(answer.table)
        else:
            answer = replace(answer, lines=(*plain_rows(answer.table), *answer.lines))
    return answer_plainly(answer, quiet=quiet)


def plain_rows(table: Table) -> list[str]:
    """The rows of a table as lines with aligned columns, its head first."""
    rows = [table.head, *table.rows]
    if table.details:
        rows = [(*row, detail) for row, detail in zip(rows, ("Why", *table.details), strict=True)]
    rows = [tuple(map(visible, row)) for row in rows]
    widths = [min(max(len(row[column]) for row in rows), _WIDEST) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
