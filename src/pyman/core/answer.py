"""What a command found or did, before anybody put it on a screen. Hot."""

from __future__ import annotations

from pyman.core.record import record
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA = "pyman/1"


@record
class Table:
    """Rows to compare. Columns of a pipe are separated by two spaces and more."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    details: tuple[str, ...] = ()
    """One sentence about each row, or none at all: under the rows on a terminal, the last column in a pipe."""


@record
class Answer:
    """One answer, for people and for programs."""

    data: dict[str, Any]
    """The keys of the `--json` object (DESIGN 11), beside `schema`."""
    lines: tuple[str, ...] = ()
    """Results: stdout."""
    table: Table | None = None
    """Results that people compare: stdout, before the lines."""
    notes: tuple[str, ...] = ()
    """What was done and what to do next: stderr, silent with `-q`."""
    error: PymanError | None = None
    """A failure of a part, beside what was done."""
    status: int = 0
    """The exit status where there is no error."""
    raw: bool = False
    """True for text that another program reads letter by letter: paths, scripts. Escaped on a terminal only."""

    @property
    def exit_status(self) -> int:
        """0 done, 1 not done or findings, 2 wrong usage, or what a child said."""
        return self.error.exit_status if self.error is not None else self.status
