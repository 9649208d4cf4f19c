"""What a move fixes, and every case in which nothing may be said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pyman.cli.show.reasons import fixes_given_up, fixes_kept_away, fixes_upward
from pyman.core.advisories import (
    LARGEST,
    NotATable,
    builder_of,
    fixes_between,
    parse_table,
    systems_of,
    table_text,
)
from pyman.core.version import Version, parse_version
from stage.home import PACKAGE

SHIPPED = Path(PACKAGE, "pyman/advisories.json")
LINUX, TODAY = systems_of("linux"), "2026-11-27"

TABLE = {
    "format": 1,
    "made": "2026-11-26",
    "known_to": "2026-10-01",
    "minors": {"3.12": {"until": 9, "gaps": [7]}, "3.13": {"until": 16}, "3.15": {"until": 0}},
    "advisories": [
        {"id": "CVE-2026-0010", "severity": "low", "fixed": ["3.12.3", "3.13.6"]},
        {"id": "CVE-2026-0009", "severity": "critical", "fixed": ["3.13.7"]},
        {"id": "CVE-2026-10000", "fixed": ["3.13.7"]},
        {"id": "CVE-2026-0002", "severity": "high", "fixed": ["3.13.8"], "systems": ["windows"]},
        {"id": "CVE-2026-0003", "severity": "high", "fixed": ["3.13.8"], "systems": ["posix"]},
        {"id": "CVE-2026-0004", "severity": "high", "fixed": ["3.13.8"], "systems": ["macos"]},
        {"id": "CVE-2026-0005", "severity": "medium", "fixed": ["3.12.9", "3.13.9"], "since": ["3.12.4", "3.13.2"]},
    ],
}


def version(text):
    found = parse_version(text)
    assert found is not None
    return found


def between(one, other, table=TABLE, systems=LINUX):
    return fixes_between(parse_table(json.dumps(table)), version(one), version(other), systems)


def shipped(one, other, systems=LINUX):
    return fixes_between(parse_table(SHIPPED.read_text()), version(one), version(other), systems)


# The examples that were worked out by hand from the release notes and records.


def test_3_13_5_to_3_13_15_fixes_35():
    fixes = shipped("3.13.5", "3.13.15")
    assert fixes.counts == (("critical", 1), ("high", 7), ("medium", 20), ("low", 7))
    assert fixes.ids[:8] == (
        "CVE-2026-6100", "CVE-2025-8194", "CVE-2026-4519", "CVE-2026-4786", "CVE-2026-9669", "CVE-2026-11940",
        "CVE-2026-11972", "CVE-2026-15308",
    )  # fmt: skip
    assert len(set(fixes.ids)) == 35
    # Only their documentation changed, whatever their records say.
    assert not {"CVE-2025-12781", "CVE-2026-3479"} & set(fixes.ids)
    # Three more concern Windows.
    assert not {"CVE-2026-3087", "CVE-2026-3298", "CVE-2026-12003"} & set(fixes.ids)
    assert len(shipped("3.13.5", "3.13.15", ("windows",)).ids) == 38
    assert len(shipped("3.13.5", "3.13.15", systems_of("darwin")).ids) == 35
    assert fixes_upward(fixes, TODAY) == (
        "fixes at least 35 known vulnerabilities, 1 critical, 7 high, rated by the PSF, known to 2026-10-01"
    )


def test_3_11_2_to_3_11_14_fixes_20():
    fixes = shipped("3.11.2", "3.11.14")
    assert len(fixes.ids) == 20
    assert dict(fixes.counts)["high"] == 3
    assert dict(fixes.counts)["unrated"] == 6
    # 3.11.2 has no extraction filters yet, so it has none of their faults.
    filters = {"CVE-2024-12718", "CVE-2025-4138", "CVE-2025-4330", "CVE-2025-4435", "CVE-2025-4517"}
    assert not filters & set(fixes.ids)
    assert filters <= set(shipped("3.11.4", "3.11.14").ids)
    assert len(shipped("3.11.2", "3.11.14", ("windows",)).ids) == 22


def test_the_table_that_comes_with_pyman_is_small_and_written_as_it_is_read():
    text = SHIPPED.read_text()
    assert len(text) < 10_000
    assert table_text(parse_table(text)) == text
    table = parse_table(text)
    assert len(table.advisories) == text.count('{"id"') > 60
    assert set(table.coverage) >= {"3.10", "3.11", "3.12", "3.13", "3.14", "3.15"}
    assert set(json.loads(text)["advisories"][0]) <= {"id", "severity", "systems", "fixed", "since"}


# What counts for a move.


def test_the_worst_come_first_and_then_the_older():
    fixes = between("3.13.5", "3.13.9")
    assert fixes.ids == ("CVE-2026-0009", "CVE-2026-0003", "CVE-2026-0005", "CVE-2026-0010", "CVE-2026-10000")
    assert fixes.data == {
        "known_to": "2026-10-01",
        "at_least": 5,
        "by_severity": {"critical": 1, "high": 1, "medium": 1, "low": 1, "unrated": 1},
        "ids": list(fixes.ids),
        "unknown_from": None,
    }


@pytest.mark.parametrize(
    ("one", "other", "ids"),
    [
        # The release itself has its fix; the one that is left does not.
        ("3.13.5", "3.13.6", ["CVE-2026-0010"]),
        ("3.13.6", "3.13.7", ["CVE-2026-0009", "CVE-2026-10000"]),
        # Whichever way it goes.
        ("3.13.6", "3.13.5", ["CVE-2026-0010"]),
        # Not before the release that brought it.
        ("3.13.1", "3.13.9", ["CVE-2026-0009", "CVE-2026-0003", "CVE-2026-0010", "CVE-2026-10000"]),
        ("3.12.3", "3.12.9", []),
        ("3.12.4", "3.12.9", ["CVE-2026-0005"]),
    ],
)
def test_only_what_lies_between_counts(one, other, ids):
    fixes = between(one, other)
    assert list(fixes.ids) == ids


def test_what_came_with_another_minor_version_is_as_old_as_the_next():
    row = {"id": "CVE-2026-0006", "fixed": ["3.11.9", "3.13.6"], "since": ["3.12.0"]}
    table = {**TABLE, "advisories": [row], "minors": {"3.11": {"until": 20}, "3.13": {"until": 16}}}
    assert between("3.13.5", "3.13.6", table).ids == ("CVE-2026-0006",)
    assert between("3.11.5", "3.11.9", table) is None


@pytest.mark.parametrize(
    ("systems", "name"), [(("windows",), "CVE-2026-0002"), (LINUX, "CVE-2026-0003"), (("macos",), "CVE-2026-0004")]
)
def test_advisories_for_other_systems_do_not_count(systems, name):
    assert between("3.13.7", "3.13.8", systems=systems).ids == (name,)
    assert systems_of("darwin") == ("macos", "posix")


# When nothing may be said.


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (version("3.13.0rc2"), version("3.13.9")),
        (version("3.13.5"), version("3.13.10rc1")),
        (version("3.12.9"), version("3.13.9")),
        (version("3.13.9"), version("3.13.9")),
        # Nothing is known to be fixed, and every release is known: no sentence that says 0.
        (version("3.13.9"), version("3.13.10")),
        (Version(3, 13, 5, implementation="pypy", own="8.0.0"), Version(3, 13, 9, implementation="pypy", own="8.0.1")),
        (Version(3, 13, 5), Version(3, 13, 9, implementation="graalpy", own="25.1")),
    ],
)
def test_nothing_is_said(one, other):
    assert fixes_between(parse_table(json.dumps(TABLE)), one, other, LINUX) is None


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("3.15.0", "3.15.2", "what 3.15.2 fixes is not known here"),
        ("3.15.1", "3.15.2", "what 3.15.2 fixes is not known here"),
        ("3.13.16", "3.13.17", "what 3.13.17 fixes is not known here"),
        # No table of that minor version.
        ("3.8.1", "3.8.20", "what 3.8.20 fixes is not known here"),
        # Known, but its notes were not read.
        ("3.12.6", "3.12.7", "what 3.12.7 fixes is not known here"),
        (
            "3.13.8", "3.13.17",
            "fixes at least 1 known vulnerability, rated by the PSF, known to 2026-10-01; what 3.13.17 fixes is not known here",
        ),
        (
            "3.13.8", "3.13.19",
            "fixes at least 1 known vulnerability, rated by the PSF, known to 2026-10-01; what 3.13.17 and later fix is not known here",
        ),
    ],
)  # fmt: skip
def test_a_release_beyond_the_table_never_fixes_0(one, other, said):
    fixes = between(one, other)
    assert fixes_upward(fixes, TODAY) == said
    data = fixes.data
    assert data is None or (data["at_least"], data["unknown_from"]) == (1, "3.13.17")


def test_down_and_kept_away():
    fixes = between("3.13.8", "3.13.6")
    counted = "at least 3 known vulnerabilities, 1 critical, 1 high, rated by the PSF, known to 2026-10-01"
    assert fixes_given_up(fixes, TODAY) == f"loses fixes for {counted}"
    assert fixes_kept_away(fixes, TODAY) == f"blocks 3.13.8, which fixes {counted}"
    unknown = between("3.15.0", "3.15.2")
    assert fixes_given_up(unknown, TODAY) == "what 3.15.2 fixes is not known here"
    assert fixes_kept_away(unknown, TODAY) == "blocks 3.15.2; what 3.15.2 fixes is not known here"


def test_whose_rating_it_is_and_how_old_the_table_is():
    unrated = {**TABLE, "advisories": [{"id": "CVE-2026-0001", "fixed": ["3.13.6"]}]}
    assert fixes_upward(between("3.13.5", "3.13.6", unrated), "2026-11-30") == (
        "fixes at least 1 known vulnerability, known to 2026-10-01"
    )
    assert fixes_upward(between("3.13.5", "3.13.6", unrated), "2026-12-01").endswith(
        "known to 2026-10-01 (61 days ago)"
    )
    assert fixes_upward(between("3.13.5", "3.13.6", unrated), "2028-03-01").endswith("(517 days ago)")


@pytest.mark.parametrize(
    ("place", "builder"),
    [
        (None, "upstream"),
        ("/home/me/.pyenv/versions/3.12.1", "upstream"),
        ("/home/me/.pyenv/versions/3.14.2t", "upstream"),
        ("/home/me/.local/share/mise/installs/python/3.12.1", "upstream"),
        ("/home/me/.local/share/uv/python/cpython-3.13.5-linux-x86_64-gnu", "upstream"),
        ("/Library/Frameworks/Python.framework/Versions/3.13", "upstream"),
        ("/usr", "distribution"),
        # conda's, and builds of a branch: what they hold is not told by a number.
        ("/home/me/.pyenv/versions/miniconda3-4.7.12", "unknown"),
        ("/home/me/.pyenv/versions/3.13-dev", "unknown"),
        ("/usr/local", "unknown"),
        ("/opt/python", "unknown"),
        ("/opt/homebrew/Cellar/python@3.13/3.13.5", "unknown"),
        ("/nix/store/abc-python3-3.13.5", "unknown"),
    ],
)
def test_whose_sources_a_python_was_built_from(place, builder):
    assert builder_of(place) == builder


# A table may be anybody's.


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "[" * 100_000, '{"format": 2}', "<!doctype html>", "x" * (LARGEST + 1),
        json.dumps({**TABLE, "made": "2026-13-01"}),
        json.dumps({**TABLE, "made": 20261126}),
        json.dumps({**TABLE, "made": "2026-1-126"}),
        json.dumps({**TABLE, "made": "2026-1a-26"}),
        json.dumps({**TABLE, "known_to": "2026-12-01"}),
        json.dumps({**TABLE, "known_to": "\u0662026-10-01"}),
        json.dumps({**TABLE, "minors": []}),
        json.dumps({**TABLE, "minors": {str(number): {"until": 1} for number in range(101)}}),
        json.dumps({**TABLE, "advisories": {}}),
        json.dumps({**TABLE, "advisories": []}),
        json.dumps({**TABLE, "advisories": [{"id": 1}] * 5001}),
        json.dumps(TABLE).replace('"until": 9', '"until": ' + "9" * 5000),
    ],
)  # fmt: skip
def test_what_is_not_a_table(text):
    with pytest.raises(NotATable):
        parse_table(text)


@pytest.mark.parametrize(
    "row",
    [
        None, [], "CVE-2026-1", {}, {"id": "CVE-2026-1"}, {"id": "CVE-2026-1", "fixed": []},
        {"id": "CVE\x1b[31m", "fixed": ["3.13.6"]},
        {"id": "CVE-2026-1\n", "fixed": ["3.13.6"]},
        {"id": "C" * 41, "fixed": ["3.13.6"]},
        {"id": ["CVE-2026-1"], "fixed": ["3.13.6"]},
        {"id": "CVE-2026-1", "fixed": "3.13.6"},
        {"id": "CVE-2026-1", "fixed": ["3.13.6", 3]},
        {"id": "CVE-2026-1", "fixed": ["3.13"]},
        {"id": "CVE-2026-1", "fixed": ["3.13.6rc1"]},
        {"id": "CVE-2026-1", "fixed": ["3.13.6", "3.13.7"]},
        {"id": "CVE-2026-1", "fixed": ["3.13.6"] * 101},
        {"id": "CVE-2026-1", "fixed": ["3.13.6"], "since": "3.13.0"},
        {"id": "CVE-2026-1", "fixed": ["3.13.6"], "since": [None]},
        {"id": "CVE-2026-1", "fixed": ["3.13.6"], "systems": "windows"},
        {"id": "CVE-2026-1", "fixed": ["3.13.6"], "systems": [1]},
    ],
)  # fmt: skip
def test_rows_that_are_not_understood_are_skipped(row):
    table = {**TABLE, "advisories": [row, *TABLE["advisories"]]}
    assert between("3.13.5", "3.13.6", table).ids == ("CVE-2026-0010",)


def test_a_rating_that_is_not_known_is_none_and_a_minor_that_is_none_does_not_count():
    table = {
        **TABLE,
        "advisories": [{"id": "CVE-2026-1", "severity": "apocalyptic\x07", "fixed": ["3.13.6"]}],
        "minors": {"3.13": {"until": 16}, "3.12": {"until": -1}, "3.11": {"until": True}, "x": {"until": 1}, "3.10": 3,
                   "3.9": {"until": 3, "gaps": ["x"]}},
    }  # fmt: skip
    read = parse_table(json.dumps(table))
    assert set(read.coverage) == {"3.13"}
    assert between("3.13.5", "3.13.6", table).counts == (("unrated", 1),)
