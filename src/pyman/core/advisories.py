"""Which known vulnerabilities of CPython a move between two patch releases fixes, or gives up (design.md 8).

Pure. What is said rests on a table: for each advisory the first fixed release of each minor version, as the release
notes of CPython and the records of the Python Software Foundation (PSF) tell it. The table is never complete, so it
supports one kind of sentence alone: this move fixes at least so many. It never says that a Python is secure, or
vulnerable.
"""

from __future__ import annotations

from posixpath import basename

from pyman.core.immutable import derived, record
from pyman.core.implementation import CPYTHON
from pyman.core.store import DISTRIBUTION_PREFIXES, origin_of
from pyman.core.version import Version, parse_version, split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Builder = Literal["upstream", "distribution", "unknown"]

FILE = "advisories.json"
"""What the table is called beside the list of builds in a mirror."""
FORMAT = 1
SEVERITIES = ("critical", "high", "medium", "low")
"""The ratings, worst first."""
UNRATED = "unrated"
LARGEST = 1 << 20
"""Bytes of a table."""

_MOST_ADVISORIES = 5000
_MOST_MINORS = 100
_MOST_RELEASES = 100
_MOST_PATCH = 999
_LONGEST_ID = 40
_ID_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")


class NotATable(ValueError):
    """Data that is not a table of advisories."""


@record
class Advisory:
    """One vulnerability of CPython."""

    id: str
    """`CVE-2025-8194`."""
    severity: str
    """One of SEVERITIES, as the PSF rates it, or UNRATED."""
    fixed: tuple[Version, ...]
    """The first fixed release of each minor version, where that is known."""
    since: tuple[Version, ...] = ()
    """The first affected releases, where that was checked; empty where it is as old as the minor version."""
    systems: tuple[str, ...] = ()
    """The systems that are affected: `windows`, `posix`, `linux`, `macos`; empty for all."""

    def affects(self, version: Version, systems: tuple[str, ...]) -> bool:
        """True where a release before the fix has it, on a machine that goes by these names."""
        if self.systems and not set(self.systems) & set(systems):
            return False
        if not self.since:
            return True
        own = [one for one in self.since if one.minor_name == version.minor_name]
        return any(one <= version for one in own or self.since)


@record
class Coverage:
    """How much of one minor version a table knows."""

    until: int
    """The patch number of the newest release that it knows."""
    gaps: frozenset[int] = frozenset()
    """Patch numbers of releases up to then whose notes were not read in full."""


@record
class Table:
    """Advisories, and what is known of them."""

    made: str
    """`YYYY-MM-DD`."""
    known_to: str
    """The day up to which releases were looked at, `YYYY-MM-DD`."""
    coverage: Mapping[str, Coverage]
    """By minor version: `3.13`."""
    advisories: tuple[Advisory, ...]

    @derived
    def by_minor(self) -> dict[str, list[tuple[Version, Advisory]]]:
        """The fixed releases of each minor version."""
        found: dict[str, list[tuple[Version, Advisory]]] = {}
        for advisory in self.advisories:
            for version in advisory.fixed:
                found.setdefault(version.minor_name, []).append((version, advisory))
        return found


@record
class Fixes:
    """What lies between two releases of a minor version."""

    old: Version
    """The older one, whichever way the move goes."""
    new: Version
    ids: tuple[str, ...] = ()
    """The worst first."""
    counts: tuple[tuple[str, int], ...] = ()
    """Severities, the worst first, and how many advisories have each; each that occurs."""
    known_to: str = ""
    unknown_from: str = ""
    """The first release after `old` that the table does not know; empty where it knows them all."""

    @property
    def is_rated(self) -> bool:
        """True where the PSF has rated one of them."""
        return any(severity != UNRATED for severity, _ in self.counts)

    @property
    def data(self) -> dict[str, object] | None:
        """`fixes` of design.md 11; None where nothing is known."""
        if not self.ids:
            return None
        counts = dict(self.counts)
        return {
            "known_to": self.known_to,
            "at_least": len(self.ids),
            "by_severity": {severity: counts.get(severity, 0) for severity in (*SEVERITIES, UNRATED)},
            "ids": list(self.ids),
            "unknown_from": self.unknown_from or None,
        }

    def days_until(self, day: str) -> int:
        """How old the table is on a day, `YYYY-MM-DD`."""
        return _day_number(day) - _day_number(self.known_to)


def _day_number(day: str) -> int:
    """The days up to `YYYY-MM-DD`, in the proleptic Gregorian calendar."""
    year, month, number = (int(part) for part in day.split("-"))
    # The year starts in March, so that the leap day is its last.
    year, month = (year - 1, month + 9) if month < 3 else (year, month - 3)
    return year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 + 2) // 5 + number


# Who may be judged.

_BUILD_UPSTREAM_SOURCES = ("managed", "uv", "rye", "hatch", "pdm", "pystand", "python.org")
_NAMED_FOR_RELEASE = ("pyenv", "mise", "asdf")
"""They also install conda's Pythons and builds of branches, which are called otherwise."""


def builder_of(place: str | None) -> Builder:
    """Whose sources a Python was built from, told from the folder that it really lies in; None for a managed one."""
    if place in DISTRIBUTION_PREFIXES:
        return "distribution"
    origin = origin_of(place)
    if origin in _BUILD_UPSTREAM_SOURCES:
        return "upstream"
    named = split_release(basename(place or "")) if origin in _NAMED_FOR_RELEASE else None
    return "upstream" if named is not None and len(named[0]) == 3 else "unknown"


def systems_of(platform: str) -> tuple[str, ...]:
    """The names by which advisories call a system; `platform` as in `sys.platform`."""
    return ("macos", "posix") if platform == "darwin" else (platform, "posix")


def fixes_between(table: Table, one: Version, other: Version, systems: tuple[str, ...]) -> Fixes | None:
    """What the newer of two releases fixes that the older does not; None where nothing can be said.

    That is so for another implementation, another minor version and pre-releases, and where nothing is known to be
    fixed. Both have to be built from upstream's sources (`builder_of`).
    """
    old, new = sorted((one, other), key=lambda version: version.order)
    if not (is_comparable(old, new) and old < new):
        return None
    minor = old.minor_name
    found = [
        advisory
        for fixed, advisory in table.by_minor.get(minor, ())
        if old < fixed <= new and advisory.affects(old, systems)
    ]
    order = (*SEVERITIES, UNRATED)
    found.sort(key=lambda advisory: (order.index(advisory.severity), _id_order(advisory.id)))
    severities = [advisory.severity for advisory in found]
    counts = tuple((severity, severities.count(severity)) for severity in order if severity in severities)
    coverage = table.coverage.get(minor)
    first = max((coverage.until if coverage is not None else old.patch) + 1, old.patch + 1)
    unknown_from = f"{minor}.{first}" if first <= new.patch else ""
    if not found and not unknown_from and coverage is not None:
        unread = [patch for patch in sorted(coverage.gaps) if old.patch < patch <= new.patch]
        unknown_from = f"{minor}.{unread[0]}" if unread else ""
    if not found and not unknown_from:
        return None
    return Fixes(old, new, tuple(advisory.id for advisory in found), counts, table.known_to, unknown_from)


def is_comparable(one: Version, other: Version) -> bool:
    """True for two final releases of one minor version of CPython."""
    both = (one, other)
    return one.minor_name == other.minor_name and all(
        version.implementation == CPYTHON and version.is_final for version in both
    )


def _id_order(name: str) -> tuple[tuple[int, str], ...]:
    """By year and number, which is padded with zeros to four digits alone."""
    return tuple((len(part.lstrip("0")) if part.isdigit() else 0, part.lstrip("0")) for part in name.split("-"))


# Reading a table, which may be anybody's.


def parse_table(text: str) -> Table:
    """Read a table. Rows that are not understood are left out. Raises NotATable where the whole is none."""
    import json

    if len(text) > LARGEST:
        raise NotATable("it is too long")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise NotATable("it is not JSON") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise NotATable(f"its format is not {FORMAT}")
    made, known_to = _day(data.get("made")), _day(data.get("known_to"))
    minors, rows = data.get("minors"), data.get("advisories")
    if not made or not known_to or known_to > made:
        raise NotATable("it does not say when it was made")
    if not isinstance(minors, dict) or not isinstance(rows, list) or len(minors) > _MOST_MINORS:
        raise NotATable("it has no minor versions or no advisories")
    if len(rows) > _MOST_ADVISORIES:
        raise NotATable(f"it has more than {_MOST_ADVISORIES:,} advisories")
    coverage = {minor: known for minor, row in minors.items() if (known := _coverage(minor, row)) is not None}
    advisories = {found.id: found for row in rows if (found := _advisory(row)) is not None}
    if not coverage or not advisories:
        raise NotATable("it contains nothing that pyman understands")
    return Table(made, known_to, coverage, tuple(advisories.values()))


def _coverage(minor: str, row: object) -> Coverage | None:
    split = split_release(minor)
    if split is None or len(split[0]) != 2 or not isinstance(row, dict):
        return None
    until, gaps = _patch(row.get("until")), row.get("gaps", [])
    if until is None or not isinstance(gaps, list):
        return None
    numbers = [_patch(gap) for gap in gaps]
    known = frozenset(number for number in numbers if number is not None)
    return Coverage(until, known) if None not in numbers else None


def _advisory(row: object) -> Advisory | None:
    if not isinstance(row, dict):
        return None
    name, severity, systems = row.get("id"), row.get("severity"), row.get("systems", [])
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_ID or not _ID_LETTERS.issuperset(name):
        return None
    if not isinstance(systems, list) or not all(isinstance(one, str) for one in systems):
        return None
    fixed, since = _releases(row.get("fixed")), _releases(row.get("since", []))
    if not fixed or since is None or len({one.minor_name for one in fixed}) != len(fixed):
        return None
    known = severity if isinstance(severity, str) and severity in SEVERITIES else UNRATED
    return Advisory(name, known, fixed, since, tuple(systems))


def _releases(names: object) -> tuple[Version, ...] | None:
    if not isinstance(names, list) or len(names) > _MOST_RELEASES:
        return None
    found = [parse_version(name) if isinstance(name, str) else None for name in names]
    versions = tuple(one for one in found if one is not None and one.is_final)
    return versions if len(versions) == len(found) else None


def _patch(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, int) and is_number and 0 <= value <= _MOST_PATCH else None


def _day(value: object) -> str:
    """The day that a value is, `YYYY-MM-DD`; empty for anything else."""
    if not isinstance(value, str) or len(value) != 10 or not value.isascii():
        return ""
    parts = value.split("-")
    if [len(part) for part in parts] != [4, 2, 2] or not all(map(str.isdigit, parts)):
        return ""
    return value if 1 <= int(parts[1]) <= 12 and 1 <= int(parts[2]) <= 31 else ""


def table_text(table: Table) -> str:
    """A table as it is written: an advisory in each line."""
    import json

    minors = {
        minor: {"until": one.until, **({"gaps": sorted(one.gaps)} if one.gaps else {})}
        for minor, one in table.coverage.items()
    }
    head = {"format": FORMAT, "made": table.made, "known_to": table.known_to, "minors": minors}
    rows = [json.dumps(_row(advisory), separators=(",", ":")) for advisory in table.advisories]
    start = json.dumps(head, separators=(",", ":"))[:-1]
    return f'{start},"advisories":[\n' + ",\n".join(rows) + "\n]}\n"


def _row(advisory: Advisory) -> dict[str, object]:
    row: dict[str, object] = {"id": advisory.id}
    if advisory.severity != UNRATED:
        row["severity"] = advisory.severity
    if advisory.systems:
        row["systems"] = list(advisory.systems)
    row["fixed"] = [str(version) for version in advisory.fixed]
    if advisory.since:
        row["since"] = [str(version) for version in advisory.since]
    return row
