"""The script that makes the table of advisories: what it takes from records and release notes, and what it leaves to a person."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
SCRIPT = TOP / "tools/make_advisories.py"
TABLE = {
    "format": 1,
    "made": "2026-10-02",
    "known_to": "2026-10-01",
    "minors": {"3.12": {"until": 3, "gaps": [1, 2]}, "3.13": {"until": 5}},
    "advisories": [{"id": "CVE-2025-9", "severity": "low", "fixed": ["3.12.2", "3.13.4"], "since": ["3.12.1"]}],
}


class Desk:
    """A folder with records, notes and a table."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "cves/2026").mkdir(parents=True)
        (folder / "NEWS.d").mkdir()
        self.table = folder / "table.json"
        self.table.write_text(json.dumps(TABLE))
        self.news = [str(folder / "NEWS.d")]

    def record(self, name, issues, ranges, metrics=(), platforms=None, state="PUBLISHED", product="CPython"):
        affected = {
            "product": product, "vendor": "Python Software Foundation", "defaultStatus": "unaffected",
            "versions": [
                {"version": start, "lessThan": end, "status": "affected", "versionType": "python"} for start, end in ranges
            ],
        }  # fmt: skip
        if platforms:
            affected["platforms"] = platforms
        urls = [{"url": f"https://github.com/python/cpython/issues/{issue}"} for issue in issues]
        cna = {"affected": [affected], "references": urls, "metrics": list(metrics)}
        adp = {"metrics": [{"cvssV3_1": {"baseSeverity": "CRITICAL"}}]}
        data = {"cveMetadata": {"cveId": name, "state": state}, "containers": {"cna": cna, "adp": [adp]}}
        (self.folder / f"cves/2026/{name}.json").write_text(json.dumps(data))

    def notes(self, version, *issues, date="2026-11-01"):
        entries = [
            f".. date: {date}-10-00-00\n.. gh-issue: {issue}\n.. nonce: abc\n"
            + (f".. release date: {date}\n" if number == 0 else "")
            + ".. section: Library\n\nWhat was changed, see gh-1.\n\n..\n"
            for number, issue in enumerate(issues)
        ]
        (self.folder / f"NEWS.d/{version}.rst").write_text("\n".join(entries))

    def run(self, status=0):
        words = [word for path in self.news for word in ("--news", path)]
        process = subprocess.run(
            [sys.executable, SCRIPT, "--records", self.folder / "cves", "--table", self.table, "--made", "2026-11-26", *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert process.returncode == status, process.stderr
        self.said = process.stdout + process.stderr
        table = json.loads(self.table.read_text())
        self.minors = table["minors"]
        return {row["id"]: row for row in table["advisories"]}, table


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_notes_say_which_release_and_records_which_advisory(desk):
    high = [{"cvssV4_0": {"baseSeverity": "HIGH", "baseScore": 8.2}}]
    desk.record("CVE-2026-20", [150], [("0", "3.15.0")], high)
    desk.record("CVE-2026-3", [151], [("0", "3.13.7"), ("0", "3.12.4")], platforms=["Windows"])
    desk.record("CVE-2026-4", [152], [("0", "3.13.7")], product="pip")
    desk.notes("3.13.6", 150, 9)
    desk.notes("3.13.7", 151, 152)
    # Fixed again, as a backport of a part: the first release counts.
    desk.notes("3.13.8", 150)
    rows, table = desk.run()
    assert list(rows) == ["CVE-2025-9", "CVE-2026-3", "CVE-2026-20"]
    # The rating is the PSF's, not that of others.
    assert rows["CVE-2026-20"] == {"id": "CVE-2026-20", "severity": "high", "fixed": ["3.13.6"]}
    # A range counts where the notes of that release were not read.
    assert rows["CVE-2026-3"] == {"id": "CVE-2026-3", "systems": ["windows"], "fixed": ["3.12.4", "3.13.7"]}
    assert rows["CVE-2025-9"] == TABLE["advisories"][0]
    assert (table["made"], table["known_to"]) == ("2026-11-26", "2026-11-01")
    assert table["minors"] == {"3.12": {"until": 3, "gaps": [1, 2]}, "3.13": {"until": 8}}
    # The same again gives the same.
    before = desk.table.read_bytes()
    desk.run()
    assert desk.table.read_bytes() == before


def test_a_merged_file_of_notes(desk):
    desk.record("CVE-2026-5", [160], [("0", "3.14.0")])
    merged = desk.folder / "NEWS"
    merged.write_text(
        "Python News\n\nWhat's New in Python 3.13.7 final?\n==================================\n\n"
        "*Release date: 2026-11-05*\n\nSecurity\n--------\n\n- gh-160: Refuse what\n  gh-161 described.\n\n"
        "What's New in Python 3.13.6 final?\n==================================\n\n*Release date: 2026-10-30*\n\n"
        "Library\n-------\n\n- gh-162: Another.\n\n"
        "What's New in Python 3.13.0 release candidate 2?\n================\n\n*Release date: 2024-09-06*\n\n- gh-163: x\n"
    )
    desk.news = [str(merged)]
    rows, table = desk.run()
    assert rows["CVE-2026-5"]["fixed"] == ["3.13.7"]
    assert table["known_to"] == "2026-11-05"
    assert table["minors"]["3.13"] == {"until": 7}


def test_what_came_before_the_first_release_was_never_in_one(desk):
    desk.record("CVE-2026-6", [170], [("0", "3.14.0")])
    desk.notes("3.14.0rc1", 170)
    rows, _ = desk.run()
    assert "CVE-2026-6" not in rows


@pytest.mark.parametrize(
    ("ranges", "since"),
    [
        ([("0", "3.13.7")], None),
        ([("3.13.0a1", "3.13.7")], ["3.13.0"]),
        ([("3.13.2", "3.13.7"), ("0", "3.12.9")], None),
    ],
)
def test_a_range_from_0_does_not_say_where_it_began(desk, ranges, since):
    desk.record("CVE-2026-7", [180], ranges)
    desk.notes("3.13.7", 180)
    rows, _ = desk.run()
    assert rows["CVE-2026-7"].get("since") == since


def test_what_disagrees_is_left_to_a_person(desk):
    desk.record("CVE-2025-9", [190], [("0", "3.13.6")], [{"cvssV3_1": {"baseSeverity": "MEDIUM"}}])
    desk.record("CVE-2026-10", [191], [("0", "3.13.7")])
    desk.record("CVE-2026-11", [192, 193], [])
    desk.record("CVE-2026-12", [194, 195], [("0", "3.13.7")])
    desk.notes("3.13.6", 192, 194)
    desk.notes("3.13.7", 190, 193, 195)
    rows, _ = desk.run(status=1)
    # Ratings are no matter of releases.
    assert rows["CVE-2025-9"] == TABLE["advisories"][0] | {"severity": "medium"}
    assert "decide: CVE-2025-9: notes name 3.13.7, its record 3.13.6" in desk.said
    # The documentation was changed, perhaps: a range that the notes contradict proves nothing.
    assert "CVE-2026-10" not in rows
    assert "decide: CVE-2026-10: its record names 3.13.7, whose notes name no issue of it" in desk.said
    assert "CVE-2026-11" not in rows
    assert "decide: CVE-2026-11: notes of its issues name 3.13.6, 3.13.7" in desk.said
    # Two issues, and the record says which one was the last.
    assert rows["CVE-2026-12"]["fixed"] == ["3.13.7"]


def test_what_was_rejected_goes_and_gaps_are_said(desk):
    desk.record("CVE-2025-9", [], [], state="REJECTED")
    desk.record("CVE-2026-13", [200], [])
    desk.notes("3.13.8", 200)
    desk.notes("3.12.2", 201)
    rows, table = desk.run()
    assert list(rows) == ["CVE-2026-13"]
    assert table["minors"] == {"3.12": {"until": 3, "gaps": [1]}, "3.13": {"until": 8, "gaps": [6, 7]}}


def test_the_table_that_comes_with_pyman_is_as_the_script_writes_it(tmp_path):
    shipped = (TOP / "src/pyman/advisories.json").read_bytes()
    copy = tmp_path / "advisories.json"
    copy.write_bytes(shipped)
    subprocess.run([sys.executable, SCRIPT, "--table", copy], check=True)
    assert copy.read_bytes() == shipped
