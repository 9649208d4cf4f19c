import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.release_cycle import CYCLES, STATUSES, Cycle, CycleState, NoCycles, parse_cycles, state
from stage.hostile import HUGE, damaged, text_of


@pytest.mark.parametrize(
    ("minor", "today", "status", "end"),
    [
        ("3.6", "2026-11-23", "end-of-life", "2021-12-23"),
        ("3.10", "2026-10-31", "security", "2026-10-31"),
        ("3.10", "2026-11-01", "end-of-life", "2026-10-31"),
        ("3.12", "2026-11-23", "security", "2028-10-31"),
        ("3.13", "2026-10-07", "bugfix", "2029-10-31"),
        ("3.13", "2026-10-08", "security", "2029-10-31"),
        ("3.14", "2026-11-23", "bugfix", "2030-10-31"),
        ("3.15", "2026-05-04", "feature", "2031-10-31"),
        ("3.15", "2026-05-05", "prerelease", "2031-10-31"),
        ("3.15", "2026-10-01", "bugfix", "2031-10-31"),
    ],
)
def test_where_a_minor_stands(minor, today, status, end):
    assert state(minor, today) == CycleState(status, end)


def test_nobody_knows_the_others():
    assert state("3.5", "2026-01-01") is None
    assert state("3.99", "2026-01-01") is None


def test_published_data_adds_minors_and_replaces_days():
    published = parse_cycles(
        json.dumps(
            {
                "3.16": {
                    "branch": "main",
                    "pep": 0,
                    "status": "feature",
                    "first_release": "2027-10-05",
                    "end_of_life": "2032-02",
                },
                "3.14": {"status": "security", "first_release": "2025-10-07", "end_of_life": "2030-11"},
                "2.7": {"status": "end-of-life", "first_release": "2010-07-03", "end_of_life": "2020-01-01"},
            }
        )
    )
    assert state("3.16", "2026-11-23", published) == CycleState("feature", "2032-02-29")
    assert state("3.14", "2026-11-23", published) == CycleState("security", "2030-11-30")
    assert state("2.7", "2026-11-23", published) == CycleState("end-of-life", "2020-01-01")
    assert state("3.13", "2026-11-23", published) == state("3.13", "2026-11-23")


def test_a_status_that_days_have_overtaken_is_not_believed():
    published = {"3.14": Cycle("2025-10-07", "2030-10-31", status="prerelease")}
    assert state("3.14", "2025-10-06", published).status == "prerelease"
    assert state("3.14", "2025-10-07", published).status == "bugfix"
    assert state("3.14", "2030-11-01", published).status == "end-of-life"


@pytest.mark.parametrize(
    "text", ["[]", "{}", "null", '{"x":' * 100_000, '{"3.14": 1}', '{"3.14": {"status": "bugfix"}}']
)
def test_data_that_is_no_table(text):
    with pytest.raises(NoCycles):
        parse_cycles(text)


@pytest.mark.parametrize(
    ("end", "understood"),
    [
        ("2028-02", "2028-02-29"),
        ("2027-02", "2027-02-28"),
        ("2100-02", "2100-02-28"),
        ("2030-10-07", "2030-10-07"),
        ("2030-13", None),
        ("2030-04-31", None),
        ("2030", None),
        ("30-10-07", None),
        ("2030-1\uff10", None),
        (2030, None),
    ],
)
def test_a_month_is_its_last_day(end, understood):
    text = json.dumps(
        {
            "3.14": {"status": "bugfix", "first_release": "2025-10-07", "end_of_life": end},
            "3.13": {"status": "bugfix", "first_release": "2024-10", "end_of_life": "2029-10"},
        }
    )
    cycles = parse_cycles(text)
    assert cycles["3.13"].released == "2024-10-01"
    assert (cycles["3.14"].end_of_life if "3.14" in cycles else None) == understood


@given(st.sampled_from(sorted(CYCLES)), st.dates().map(str), st.dates().map(str))
def test_a_minor_never_goes_back(minor, one, other):
    earlier, later = sorted((one, other))
    assert STATUSES.index(state(minor, earlier).status) <= STATUSES.index(state(minor, later).status)


TABLE = b'{"3.14": {"status": "bugfix", "first_release": "2025-10-07", "end_of_life": "2030-10"}, "3.x": {}}'


@settings(max_examples=150)
@given(damaged(TABLE))
def test_a_damaged_table_says_days_or_nothing(content):
    try:
        cycles = parse_cycles(text_of(content))
    except ValueError:
        return
    for cycle in cycles.values():
        assert len(cycle.released) == len(cycle.end_of_life) == 10
        assert cycle.status in STATUSES


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_table(kind):
    with pytest.raises(ValueError, match=r"."):
        parse_cycles(text_of(HUGE[kind]))
