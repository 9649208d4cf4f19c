"""Brings the table of advisories (src/pyman/advisories.json) up to date from CVE records and CPython's release notes.

    python tools/make_advisories.py --records cvelistV5/cves --news cpython/Misc/NEWS.d --news Python-3.13.15/Misc/NEWS

Records are CVE JSON 5 files; those of CPython name the issue that a vulnerability was reported in. Release notes are a
folder with a file for each release (`3.13.15.rst`) or the merged file of a source archive; they say which release
contains a change for which issue, in any section. Both together give the first fixed release of each minor version:

- Release notes that name the issue decide.
- A version range of the record that names a release of the minor version counts where the notes of that release were
  not read. A range that the notes contradict proves nothing, and one that begins at 0 does not say where a fault began.
- Where the two disagree, or notes of several issues do, the row stays as it was, and a person has to decide: such rows
  are printed, and the exit status is 1.

What neither source tells stays as the table has it. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "src"))

from pyman.core.advisories import (  # noqa: E402  # the folder of the package has to be known first
    SEVERITIES,
    UNRATED,
    Advisory,
    Coverage,
    Table,
    parse_table,
    table_text,
)
from pyman.core.immutable import record, replace  # noqa: E402
from pyman.core.version import Version, parse_version  # noqa: E402

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

TABLE = TOP / "src/pyman/advisories.json"
_ISSUE = re.compile(r"github\.com/python/cpython/(?:issues|pull)/(\d+)")
_ENTRY = re.compile(r"^(?:\.\. gh-issue: (\d+)|- gh-(\d+):)", re.MULTILINE)
_DATE = re.compile(r"\.\. release date: (\d{4}-\d\d-\d\d)|^\*Release date: (\d{4}-\d\d-\d\d)\*", re.MULTILINE)
_HEADING = re.compile(
    r"^What's New in Python (\d+\.\d+\.\d+)(?: (final|alpha|beta|release candidate)(?: (\d+))?)?\??$", re.MULTILINE
)
_STAGES = {"alpha": "a", "beta": "b", "release candidate": "rc"}


@record
class Notes:
    """The release notes of one release."""

    version: Version
    issues: frozenset[int]
    date: str = ""


@record
class CveRecord:
    """What a record says."""

    id: str
    severity: str
    issues: tuple[int, ...]
    ranges: tuple[tuple[str, str], ...]
    """Where each affected range begins, and the release before which it ends."""
    systems: tuple[str, ...] = ()
    is_rejected: bool = False


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--records", metavar="FOLDER", help="CVE records, at any depth")
    parser.add_argument("--news", metavar="PATH", action="append", default=[], help="release notes; may be repeated")
    parser.add_argument("--table", metavar="FILE", default=str(TABLE), help="the table to bring up to date")
    parser.add_argument("--made", metavar="DATE", help="the day to write into it; default: today")
    words = parser.parse_args()
    table = parse_table(Path(words.table).read_text("utf-8"))
    notes = {each.version: each for path in words.news for each in read_notes(Path(path))}
    records = read_records(Path(words.records)) if words.records else []
    conflicts: list[str] = []
    new = updated(table, list(records), list(notes.values()), conflicts)
    if new != table or words.made:
        new = replace(new, made=words.made or dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"))
        new = replace(new, made=max(new.made, new.known_to))
    Path(words.table).write_text(table_text(new), "utf-8")
    before = {one.id: one for one in table.advisories}
    for one in new.advisories:
        if one != before.get(one.id):
            print(
                f"{'changed' if one.id in before else 'new'}: {one.id} {one.severity}: {', '.join(map(str, one.fixed))}"
            )
    for each in conflicts:
        print(f"decide: {each}", file=sys.stderr)
    return 1 if conflicts else 0


# Reading.


def read_notes(path: Path) -> Iterator[Notes]:
    """The notes in a folder with a file for each release, or in one merged file."""
    if path.is_dir():
        for file in sorted(path.glob("*.rst")):
            version = parse_version(file.stem)
            if version is not None:
                yield _notes(version, file.read_text("utf-8"))
        return
    text = path.read_text("utf-8")
    headings = list(_HEADING.finditer(text))
    for number, heading in enumerate(headings):
        stage = _STAGES.get(heading[2] or "", "")
        version = parse_version(heading[1] + (stage + (heading[3] or "1") if stage else ""))
        end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
        if version is not None:
            yield _notes(version, text[heading.end() : end])


def _notes(version: Version, text: str) -> Notes:
    date = _DATE.search(text)
    issues = frozenset(int(entry[1] or entry[2]) for entry in _ENTRY.finditer(text))
    return Notes(version, issues, (date[1] or date[2]) if date is not None else "")


def read_records(folder: Path) -> Iterator[CveRecord]:
    """The records of CPython in a folder, which may hold those of the whole world."""
    for top, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.startswith("CVE-") and name.endswith(".json"):
                text = Path(top, name).read_text("utf-8")
                found = parse_record(json.loads(text)) if "CPython" in text else None
                if found is not None:
                    yield found


def parse_record(data: dict[str, Any]) -> CveRecord | None:
    """Read a record; None for one that is not about CPython."""
    about, cna = data["cveMetadata"], data["containers"].get("cna", {})
    if about.get("state") == "REJECTED":
        return CveRecord(about["cveId"], UNRATED, (), (), is_rejected=True)
    affected = [one for one in cna.get("affected", []) if one.get("product") == "CPython"]
    if not affected:
        return None
    ranges = [
        (str(each.get("version", "0")), str(each.get("lessThan", "")))
        for one in affected
        for each in one.get("versions", [])
        if each.get("status") == "affected"
    ]
    issues = [int(found[1]) for each in cna.get("references", []) for found in _ISSUE.finditer(each.get("url", ""))]
    platforms = {str(name).lower() for one in affected for name in one.get("platforms", [])}
    is_of_all = any(not one.get("platforms") for one in affected)
    systems = () if is_of_all else tuple(sorted(_SYSTEMS.get(name, name) for name in platforms))
    return CveRecord(about["cveId"], _severity(cna), tuple(dict.fromkeys(issues)), tuple(ranges), systems)


_SYSTEMS = {"unix": "posix", "mac os": "macos", "macos x": "macos", "darwin": "macos"}


def _severity(cna: dict[str, Any]) -> str:
    """The rating of the PSF itself; others who rate are in other parts of a record."""
    for metric in cna.get("metrics", []):
        for key, value in metric.items():
            words = value.get("baseSeverity") if key.startswith("cvssV") else None
            if key == "other":
                words = (value.get("content") or {}).get("text") if isinstance(value.get("content"), dict) else None
            if isinstance(words, str) and words.lower() in SEVERITIES:
                return words.lower()
    return UNRATED


# Deciding.


def updated(table: Table, records: Sequence[CveRecord], notes: Sequence[Notes], conflicts: list[str]) -> Table:
    """The table with what the records and notes say; `conflicts` gets what a person has to decide."""
    rows = {one.id: one for one in table.advisories}
    for each in records:
        if each.is_rejected:
            rows.pop(each.id, None)
            continue
        row = _row(each, rows.get(each.id), notes, conflicts)
        if row.fixed:
            rows[each.id] = row
    known_to = max((table.known_to, *(each.date for each in notes)))
    advisories = tuple(sorted(rows.values(), key=lambda one: [int(part) for part in one.id.split("-")[1:]]))
    return replace(table, known_to=known_to, coverage=_coverage(table, notes), advisories=advisories)


def _row(each: CveRecord, old: Advisory | None, notes: Sequence[Notes], conflicts: list[str]) -> Advisory:
    fixed = {one.minor_name: one for one in (old.fixed if old is not None else ())}
    minors = {one.version.minor_name for one in notes} | {
        end.minor_name for _, text in each.ranges if (end := parse_version(text)) is not None
    }
    for minor in sorted(minors):
        found = _fixed_in(minor, each, notes, conflicts)
        if found is not None:
            fixed[minor] = found
    severity = each.severity if each.severity != UNRATED or old is None else old.severity
    return Advisory(
        each.id,
        severity,
        tuple(sorted((one for one in fixed.values() if one.patch > 0), key=lambda one: one.order)),
        old.since if old is not None and old.since else _since(each),
        each.systems or (old.systems if old is not None else ()),
    )


def _fixed_in(minor: str, each: CveRecord, notes: Sequence[Notes], conflicts: list[str]) -> Version | None:
    """The first fixed release of a minor version; None where nothing tells it, or a person has to decide."""
    own = [one for one in notes if one.version.minor_name == minor]
    named = {
        min((one.version for one in own if issue in one.issues), key=lambda version: version.order)
        for issue in each.issues
        if any(issue in one.issues for one in own)
    }
    by_range = next(
        (end for _, text in each.ranges if (end := parse_version(text)) is not None and end.minor_name == minor), None
    )
    if len(named) > 1 and by_range not in named:
        conflicts.append(f"{each.id}: notes of its issues name {', '.join(sorted(map(str, named)))}")
        return None
    if named:
        release = by_range if len(named) > 1 and by_range is not None else named.pop()
        if by_range is not None and _final(by_range) != _final(release):
            conflicts.append(f"{each.id}: notes name {release}, its record {by_range}")
            return None
        return _final(release)
    if by_range is not None and any(one.version == by_range for one in own):
        conflicts.append(f"{each.id}: its record names {by_range}, whose notes name no issue of it")
        return None
    return _final(by_range) if by_range is not None else None


def _final(version: Version) -> Version:
    """The release that a pre-release led to."""
    return replace(version, prerelease="")


def _since(each: CveRecord) -> tuple[Version, ...]:
    """Where a fault began; nothing where a range begins at 0: that is no statement."""
    begins = [parse_version(begin) for begin, _ in each.ranges]
    known = [_final(begin) for begin in begins if begin is not None]
    return (min(known, key=lambda one: one.order),) if known and len(known) == len(begins) else ()


def _coverage(table: Table, notes: Iterable[Notes]) -> dict[str, Coverage]:
    """How much of each minor version is known with these notes."""
    read: dict[str, set[int]] = {minor: set() for minor in table.coverage}
    for one in notes:
        if one.version.is_final:
            read.setdefault(one.version.minor_name, set()).add(one.version.patch)
    found = {}
    for minor, patches in read.items():
        old = table.coverage.get(minor, Coverage(0))
        until = max(old.until, *patches, 0)
        gaps = {*old.gaps, *range(old.until + 1, until + 1)} - patches
        found[minor] = Coverage(until, frozenset(gaps))
    return dict(sorted(found.items(), key=lambda pair: [int(part) for part in pair[0].split(".")]))


if __name__ == "__main__":
    sys.exit(main())
