"""Reports of other machines are somebody else's text: what is taken from them, and in which order they stand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.report import MOST_ROWS, Numbers, numbers_of, parse_answer, parse_reports, severities_of, worst_first
from pyman.errors import NOT_A_REPORT, PymanError


def venv(path, state="healthy", **changes):
    usual = {"path": path, "creator": "venv", "owner": "ann", "known": "record", "implementation": "cpython",
             "request": None, "policy": "follow", "python": "3.13.5", "implementation_version": None, "link": "alias",
             "state": state, "size": 10}  # fmt: skip
    return usual | changes


def finding(path, code, severity):
    return {
        "code": code,
        "severity": severity,
        "kind": "venv",
        "path": path,
        "message": "m",
        "repair": None,
        "status": "open",
    }


def report(host="web1", **changes):
    usual = {"schema": "pyman/1", "host": host, "user": "ann", "pyman": "1", "time": "2026-11-27T07:50:00Z", "runtimes": [],
             "aliases": [], "venvs": [], "findings": [], "summary": {"checked": 0}}  # fmt: skip
    return usual | changes


def parsed(*reports):
    return [one for each in reports for one in parse_reports(json.dumps(each), "/x")]


def test_only_known_keys_of_their_kind_are_taken():
    odd = report(
        extra="x",
        venvs=[venv("/v", size="big", owner=["x"], more=1, policy=3)],
        runtimes=[{"version": "3.13.5", "aliases": ["3.13", 3, "x" * 5000], "venvs": True, "path": 1}],
        summary={"checked": -1, "open": 2},
    )
    (found,) = parsed(odd)
    keys = {"host", "user", "pyman", "time", "runtimes", "aliases", "venvs", "findings", "summary", "schedule"}
    assert set(found) == keys
    assert found["schedule"] is None
    (only,) = found["venvs"]
    assert (only["size"], only["owner"], only["policy"], only["state"]) == (None, None, None, "healthy")
    assert "more" not in only
    (runtime,) = found["runtimes"]
    assert (runtime["venvs"], runtime["path"]) == (None, None)
    assert runtime["aliases"] == ["3.13", "x" * 4096]
    assert found["summary"] == {"checked": 0, "open": 2, "fixed": 0, "ignored": 0, "unreachable": 0, "unsearched": 0}


def test_what_became_of_a_schedule_is_taken_as_far_as_it_is_understood():
    (found,) = parsed(
        report(schedule={"on": 1, "when": "daily", "last": {"status": "odd"}, "limits": ["a", 1], "more": 2})
    )
    expected = {"on": False, "when": "daily", "fix": False, "timer": None, "limits": ["a"], "last": None}
    assert found["schedule"] == expected
    merged = {"schema": "pyman/1", "hosts": [found]}
    assert parse_reports(json.dumps(merged), "/x")[0]["schedule"] == expected


def test_what_was_merged_can_be_merged_again():
    merged = {"schema": "pyman/1", "hosts": parsed(report("a"), report("b"))}
    assert [one["host"] for one in parse_reports(json.dumps(merged), "/x")] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "3", '"pyman/1"', "{}", '{"schema": "pyman/2"}', json.dumps(report(host=None)), json.dumps(report(venvs={})),
     json.dumps(report(venvs=[1])), json.dumps(report(venvs=[{"state": "healthy"}])), json.dumps(report(summary=None)),
     json.dumps(report(findings=[{"path": "/v"}])), '{"schema": "pyman/1", "hosts": 3}', '{"schema": "pyman/1", "hosts": [3]}',
     '{"schema": "pyman/1", "hosts": []}', '{"schema": "pyman/1", "x": [' + "[]," * 4_000_000 + "1]}", "[" * 100_000],
    ids=range(18),
)  # fmt: skip
def test_what_is_no_report_is_one_error_that_names_the_file(text):
    with pytest.raises(PymanError, match=r"^/some/file is not a pyman report: ") as failure:
        parse_reports(text, "/some/file")
    assert failure.value.code == NOT_A_REPORT


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_is_a_report_or_an_error(value):
    for text in (json.dumps(value), json.dumps(report(venvs=[value], findings=value, host=value))):
        try:
            numbers_of(worst_first(parse_reports(text, "/x")))
        except PymanError:
            continue


def test_the_worst_host_stands_first_and_the_newest_report_of_one_counts():
    good, stale, broken = report("good"), report("stale"), report("broken")
    stale["findings"] = [finding("/v", "stale-patch", "warning")] * 5
    broken["findings"] = [finding("/v", "dangling", "error")]
    older = report("good", time="2026-01-01T00:00:00Z", findings=[finding("/v", "dangling", "error")] * 9)
    for order in ([good, stale, broken, older], [older, broken, good, stale]):
        assert [one["host"] for one in worst_first(parsed(*order))] == ["broken", "stale", "good"]
    other = report("good", user="bob")
    assert len(worst_first(parsed(good, other))) == 2


def test_what_is_counted():
    one = report(
        venvs=[venv("/a"), venv("/b", "stale-patch"), venv("/c", "dangling"), venv("/d", "held-back"), venv("/e", "mixed")],
        findings=[
            finding("/b", "stale-patch", "warning"), finding("/c", "dangling", "error"), finding("/d", "held-back", "info"),
            finding("/e", "mixed", "error"), finding("/a", "end-of-life", "warning"),
        ],
    )  # fmt: skip
    two = report("other", venvs=[venv("/a", size=None)])
    assert numbers_of(parsed(one, two)) == Numbers(6, 2, 1, 1, 1, 50, 4)


def test_answers_of_other_users_are_taken_as_far_as_they_are_understood():
    answer = {
        "venvs": [venv("/v"), "no row"],
        "findings": [finding("/v", "moved", "error"), finding("/v", "moved", "worst")],
        "summary": {"checked": 3, "fixed": "many"},
        "changed": ["/v"],
        "not_searched": "no",
    }
    answer["venvs"].pop()
    found = parse_answer(json.dumps({"schema": "pyman/1", **answer}), "ann")
    assert [one["path"] for one in found["venvs"]] == ["/v"]
    assert [one["severity"] for one in found["findings"]] == ["error"]
    assert (found["summary"]["checked"], found["changed"], found["not_searched"]) == (3, ["/v"], [])
    assert all(isinstance(number, int) for number in found["summary"].values())
    assert parse_answer(json.dumps({"schema": "pyman/1", "summary": 7}), "ann")["venvs"] == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"error": {"message": "rm -rf"}}, "it is an error"),
        ({"venvs": 7}, "`venvs` is not a list"),
        ({"findings": {}}, "`findings` is not a list"),
        ({"venvs": [{}] * (MOST_ROWS + 1)}, "has more than"),
    ],
)
def test_an_answer_that_is_none(answer, why):
    with pytest.raises(PymanError, match=why) as refused:
        parse_answer(json.dumps({"schema": "pyman/1", **answer}), "ann")
    assert refused.value.message.startswith("ann is not a pyman report")
    # What another user wrote is not repeated.
    assert "rm -rf" not in refused.value.message


FIXES = {
    "known_to": "2026-10-01",
    "at_least": 3,
    "by_severity": {"high": 2, "odd": 9, "low": -1},
    "ids": ["CVE-1", 7],
    "x": 1,
}


def fixes_of(value):
    (found,) = parsed(report(runtimes=[{"version": "3.13.5", "fixes": value}]))
    return found["runtimes"][0].get("fixes")


def test_what_a_newer_release_fixes_is_taken_as_far_as_it_is_understood():
    counts = {"critical": 0, "high": 2, "medium": 0, "low": 0, "unrated": 0}
    taken = {"known_to": "2026-10-01", "at_least": 3, "by_severity": counts, "ids": ["CVE-1"], "unknown_from": None}
    assert fixes_of(FIXES) == taken
    assert fixes_of({**FIXES, "by_severity": ["high"]})["by_severity"] == dict.fromkeys(counts, 0)
    for change in ({"known_to": 7}, {"known_to": None}, {"at_least": 0}, {"at_least": "3"}):
        assert fixes_of({**FIXES, **change}) is None
    assert fixes_of([FIXES]) is None


def test_of_several_findings_the_worst_names_the_severity_of_a_venv():
    kinds = ["warning", "error", "info"]
    found = {"findings": [finding("/v", "x", kind) for kind in kinds] + [finding("/w", "x", "info")]}
    assert severities_of(found) == {"/v": "error", "/w": "info"}
