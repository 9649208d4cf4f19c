"""What a scheduled run did and left: from the JSON of its commands, to the store and back, and as one line."""

from __future__ import annotations

import json

import pytest

from pyman.core.scheduled_run import DONE, FAILED, LEFT, UNFINISHED, notice_of, parse_run, run_of

MOVE = {"alias": "3.13", "from": "3.13.5", "to": "3.13.15", "venvs": {}}
PROCESS = {"pid": 7, "command": "python -m x", "unit": None}
WAITS = {"alias": "3.12", "from": "3.12.1", "to": "3.12.4", "processes": [PROCESS, PROCESS | {"unit": "shop.service"}]}
UPGRADED = {"moved": [MOVE], "waiting": [WAITS], "installed": []}


def finding(code, severity, status="open", path="/v"):
    return {"code": code, "severity": severity, "status": status, "path": path, "message": "m", "kind": "venv"}


def test_a_run_with_all_there_is():
    examined = {
        "findings": [
            finding("dangling", "error"),
            finding("gone", "info"),
            finding("restart-needed", "info"),
            finding("moved", "error", "fixed"),
            finding("stale-patch", "warning", "failed", "/w"),
        ]
    }
    run = run_of("t", UPGRADED, examined, [])
    assert (run.status, run.time) == (LEFT, "t")
    assert [one["code"] for one in run.left] == ["dangling", "restart-needed", "stale-patch"]
    assert run.fixed == ({"path": "/v", "code": "moved"},)
    assert run.upgraded == ({"alias": "3.13", "from": "3.13.5", "to": "3.13.15"},)
    assert run.waiting[0].users == ("process 7 (python -m x)", "shop.service")
    assert parse_run(json.loads(json.dumps(run.data))) == run
    told = notice_of(run)
    assert told == (
        "pyman: 1 problem, 1 without the newest patch release, 3.12 did not move to 3.12.4, because it is in use; run `pyman doctor`"
    )


def test_how_it_ended():
    assert run_of("t", {}, {"findings": []}, []).status == DONE
    assert run_of("t", {}, {"findings": []}, ["upgrade: no network"]).status == FAILED
    assert run_of("t", {}, None, []).status == UNFINISHED
    # That the network was away is no news.
    assert notice_of(run_of("t", {}, {"findings": [finding("end-of-life", "warning")]}, ["upgrade: no network"])) == ""


def test_what_waited_still_does_until_somebody_has_looked():
    before = run_of("t", UPGRADED, {"findings": []}, [])
    assert run_of("u", {}, None, [], before=before).waiting == before.waiting
    assert run_of("u", {"moved": [], "waiting": []}, None, [], before=before).waiting == ()


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"status": "done"}, {"status": "odd", "time": "t"}, {"status": "done", "time": 1}, "text", 5],
)
def test_what_is_no_run(data):
    assert parse_run(data) is None


def test_a_damaged_one_is_read_as_far_as_it_goes():
    run = parse_run({"status": "left", "time": "t", "left": [5, {"path": 7}], "waiting": "x", "errors": [1, "e"]})
    assert run.left == ({"path": "", "code": "", "severity": "", "message": ""},)
    assert (run.waiting, run.errors) == ((), ("e",))


def test_it_does_not_grow_without_end():
    many = {"findings": [finding("dangling", "error", path=f"/{number}" + "x" * 5000) for number in range(5000)]}
    assert len(json.dumps(run_of("t", {}, many, []).data)) < 1 << 20
