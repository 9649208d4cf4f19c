"""How long each minor version of CPython gets fixes.

Pure: dates are ISO 8601 texts, which sort like the days they name. The table holds what PEPs 494, 537, 569, 596, 619,
664, 693, 719, 745 and 790 and the developer's guide say; data that was published since can replace its rows.
"""

from __future__ import annotations

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    CycleStatus = Literal["feature", "prerelease", "bugfix", "security", "end-of-life"]

STATUSES: tuple[CycleStatus, ...] = ("feature", "prerelease", "bugfix", "security", "end-of-life")
"""In the order in which a minor version passes through them."""


class NoCycles(ValueError):
    """Data that is no table of minor versions."""


@record
class Cycle:
    """The days of one minor version, each `YYYY-MM-DD`."""

    released: str
    """The day of X.Y.0."""
    end_of_life: str
    """The last day of its support."""
    last_bugfix: str | None = None
    """The day of the last release that is not for security alone; None where only `status` tells."""
    frozen: str | None = None
    """The day of the first beta: what comes before has the status `feature`."""
    status: CycleStatus | None = None
    """The status that was published, as of the day of the publication."""


@record
class CycleState:
    """Where a minor version stands on one day."""

    status: CycleStatus
    end_of_life: str | None
    """`YYYY-MM-DD`, the last day of support."""


CYCLES: dict[str, Cycle] = {
    "3.6": Cycle("2016-12-23", "2021-12-23", "2018-12-24"),
    "3.7": Cycle("2018-06-27", "2023-06-27", "2020-06-27"),
    "3.8": Cycle("2019-10-14", "2024-10-07", "2021-05-03"),
    "3.9": Cycle("2020-10-05", "2025-10-31", "2022-05-17"),
    "3.10": Cycle("2021-10-04", "2026-10-31", "2023-04-05"),
    "3.11": Cycle("2022-10-24", "2027-10-31", "2024-04-02"),
    "3.12": Cycle("2023-10-02", "2028-10-31", "2025-04-08"),
    "3.13": Cycle("2024-10-07", "2029-10-31", "2026-10-07"),
    "3.14": Cycle("2025-10-07", "2030-10-31", "2027-10-31"),
    "3.15": Cycle("2026-10-01", "2031-10-31", "2028-10-31", frozen="2026-05-05"),
}


def state(minor: str, today: str, published: Mapping[str, Cycle] | None = None) -> CycleState | None:
    """Say where a minor version (`3.13`) stands on a day (`2026-11-23`); None where it is unknown.

    A status that was published is believed, unless a day that has passed since contradicts it.
    """
    cycle = (published or {}).get(minor) or CYCLES.get(minor)
    if cycle is None:
        return None
    return CycleState(max(_told(cycle), _by_date(cycle, today), key=STATUSES.index), cycle.end_of_life)


def _told(cycle: Cycle) -> CycleStatus:
    return cycle.status or STATUSES[0]


def _by_date(cycle: Cycle, today: str) -> CycleStatus:
    """The earliest status that the days allow."""
    if today > cycle.end_of_life:
        return "end-of-life"
    if today >= cycle.released:
        past_bugfix = cycle.last_bugfix is not None and today > cycle.last_bugfix
        return "security" if past_bugfix else "bugfix"
    return "prerelease" if cycle.frozen is not None and today >= cycle.frozen else "feature"


def parse_cycles(text: str) -> dict[str, Cycle]:
    """Read `release-cycle.json` of peps.python.org: `{"3.14": {"status", "first_release", "end_of_life", …}, …}`.

    Rows that are not understood are left out. Raises ValueError where the whole is none.
    """
    import json

    try:
        table = json.loads(text)
    except RecursionError:
        raise NoCycles("nested too deeply") from None
    if not isinstance(table, dict):
        raise NoCycles("no table of minor versions")
    cycles: dict[str, Cycle] = {}
    for minor, row in table.items():
        if not isinstance(row, dict):
            continue
        released, ends = _day(row.get("first_release"), last=False), _day(row.get("end_of_life"), last=True)
        status = row.get("status")
        if released is not None and ends is not None and status in STATUSES:
            known = CYCLES.get(minor)
            cycles[minor] = Cycle(
                released, ends, known.last_bugfix if known else None, known.frozen if known else None, status
            )
    if not cycles:
        raise NoCycles("no table of minor versions")
    return cycles


def _day(text: object, *, last: bool) -> str | None:
    """Return a day as `YYYY-MM-DD`; a month is its first or its last day, as the developer's guide reads it."""
    if not isinstance(text, str):
        return None
    parts = text.split("-")
    if [len(part) for part in parts] not in ([4, 2], [4, 2, 2]) or not all(p.isascii() and p.isdigit() for p in parts):
        return None
    year, month = int(parts[0]), int(parts[1])
    if not 1 <= month <= 12:
        return None
    if len(parts) == 3:
        return text if 1 <= int(parts[2]) <= _days(year, month) else None
    return f"{text}-{_days(year, month) if last else 1:02}"


def _days(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31
