"""What is written down of a repair, and read again: lossless, and believed only of what it says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.immutable import replace
from pyman.core.plans.steps import CopyProgram, Plan, RemoveLink, ReplaceFile, ReplaceLink
from pyman.core.repairs import (
    DoneRepair,
    Present,
    Undo,
    Undone,
    as_line,
    by_run,
    changes_of,
    modules_of,
    parse_line,
    plan_undo,
    undone,
)
from pyman.core.venv import VenvFolder

VENV = "/home/u/app/.venv"
LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"c", b"\xff\r\n", b"\r", b"d\n", b""]), max_size=8).map(b"".join)


def done(*steps, run="20261127T000000Z-1-a", folder=VENV, action="relink"):
    return DoneRepair(run, folder, folder, "stale-patch", action, "3.13.5", changes_of(Plan(steps), {}))


@given(old=LINES, new=LINES)
def test_any_file_goes_back_as_it_was(old, new):
    repair = parse_line(as_line(done(ReplaceFile(f"{VENV}/f", old, new))))
    undo = plan_undo([repair], {f"{VENV}/f": Present(None, new, True, 0o644)}, VenvFolder(VENV))
    if old == new:
        assert undo.is_settled
    else:
        assert undo.plan.steps == (ReplaceFile(f"{VENV}/f", new, old),)
    # Once it is back, nothing is left to do.
    assert plan_undo([repair], {f"{VENV}/f": Present(None, old, True, 0o644)}, VenvFolder(VENV)).is_settled


@given(old=LINES, new=LINES, now=LINES)
def test_a_file_that_is_neither_is_left(old, new, now):
    undo = plan_undo(
        [done(ReplaceFile(f"{VENV}/f", old, new))], {f"{VENV}/f": Present(None, now, True, 0o644)}, VenvFolder(VENV)
    )
    assert bool(undo.reason) == (now not in (old, new))


def test_links_that_were_made_replaced_and_removed():
    steps = (
        ReplaceLink(f"{VENV}/bin/python", "/old/python3.12", "/new/python3.13"),
        ReplaceLink(f"{VENV}/bin/python3.13", None, "python"),
        RemoveLink(f"{VENV}/bin/python3.12", "python"),
    )
    repair = parse_line(as_line(done(*steps)))
    now = {
        f"{VENV}/bin/python": Present("/new/python3.13", None, True),
        f"{VENV}/bin/python3.13": Present("python", None, True),
        f"{VENV}/bin/python3.12": Present(),
    }
    assert plan_undo([repair], now, VenvFolder(VENV)).plan.steps == (
        ReplaceLink(f"{VENV}/bin/python3.12", None, "python"),
        RemoveLink(f"{VENV}/bin/python3.13", "python"),
        ReplaceLink(f"{VENV}/bin/python", "/new/python3.13", "/old/python3.12"),
    )
    now[f"{VENV}/bin/python3.12"] = Present(is_there=True)
    assert plan_undo([repair], now, VenvFolder(VENV)).reason.startswith("bin/python3.12 was changed since")


def test_two_repairs_of_one_file_go_back_one_after_the_other():
    first, second = done(ReplaceFile(f"{VENV}/f", b"1\n", b"2\n")), done(ReplaceFile(f"{VENV}/f", b"2\n", b"3\n"))
    undo = plan_undo([second, first], {f"{VENV}/f": Present(None, b"3\n", True, 0o644)}, VenvFolder(VENV))
    assert [(step.old, step.new) for step in undo.plan.steps] == [(b"3\n", b"2\n"), (b"2\n", b"1\n")]


def test_two_repairs_of_one_link_go_back_one_after_the_other():
    path = f"{VENV}/bin/python"
    first, second = done(ReplaceLink(path, "a", "b")), done(ReplaceLink(path, "b", "c"))
    undo = plan_undo([second, first], {path: Present("c", None, True)}, VenvFolder(VENV))
    assert undo.plan.steps == (ReplaceLink(path, "c", "b"), ReplaceLink(path, "b", "a"))
    made, moved = done(ReplaceLink(path, None, "b")), done(RemoveLink(path, "b"))
    undo = plan_undo([moved, made], {path: Present()}, VenvFolder(VENV))
    assert undo.plan.steps == (ReplaceLink(path, None, "b"), RemoveLink(path, "b"))


def test_a_file_beside_the_venv_is_only_that_of_its_owner():
    folder = "/home/u/envs/demo-AbCd1234-py3.13"
    repair = done(ReplaceFile("/home/u/envs/envs.toml", b"1", b"2"), folder=folder)
    assert parse_line(as_line(repair)) == repair
    fields = json.loads(as_line(repair))
    for name in ("/home/u/envs/demo", "/"):
        fields["folder"] = name
        assert parse_line(json.dumps(fields).encode()) is None
    inside = json.loads(as_line(done(ReplaceLink(f"{VENV}/x", "a", "b"))))
    assert parse_line(json.dumps(inside | {"folder": "/"}).encode()) is None


def test_what_is_not_kept_cannot_be_taken_back():
    repair = done(
        ReplaceLink(f"{VENV}/x", "a", "b"), CopyProgram(f"{VENV}/bin/python", "/new/python"), action="refresh"
    )
    assert repair.changes == ()
    assert plan_undo([repair], {}, VenvFolder(VENV)).reason == repair.why_it_stays != ""
    large = done(ReplaceFile(f"{VENV}/f", b"x\n" * (1 << 20), b""))
    assert large.changes == ()


def test_the_last_run_comes_first_and_its_venvs_in_their_order():
    repairs = [
        done(ReplaceLink(f"{folder}/x", "a", "b"), run=run, folder=folder)
        for run, folder in (("1", "/a"), ("2", "/a"), ("2", "/b"), ("2", "/a"), ("2", "/ab/c"))
    ]
    runs = [[[one.folder for one in venv] for venv in run] for run in by_run(repairs, [])]
    assert runs == [[["/b"], ["/a", "/a"], ["/ab/c"]], [["/a"]]]
    assert [[venv[0].folder for venv in run] for run in by_run(repairs, ["/ab"])] == [["/ab/c"]]


@pytest.mark.parametrize(
    ("action", "python", "why"),
    [
        (
            "rebuild",
            "3.12.1",
            "it was recreated, and the old one was not kept; `pyman rebuild /home/u/app/.venv -p 3.12` recreates it for 3.12",
        ),
        ("rebuild", "", "it was recreated, and the old one was not kept"),
        ("refresh", "3.12.1", "its interpreter was copied again, and the old copy was not kept"),
        ("rewrite", "3.12.1", "its old content was not kept"),
    ],
)
def test_why_a_repair_stays(action, python, why):
    repair = DoneRepair("20261127T000000Z-1-a", VENV, VENV, "x", action, python)
    assert (repair.why_it_stays, repair.day) == (why, "2026-11-27")
    assert plan_undo([repair], {}, VenvFolder(VENV)) == Undo((repair,), reason=why)


@pytest.mark.parametrize(
    ("change", "now"),
    [
        (ReplaceLink(f"{VENV}/x", "a", "b"), Present(None, b"", True)),
        (ReplaceLink(f"{VENV}/x", "a", "b"), Present("c", None, True)),
        (ReplaceLink(f"{VENV}/x", "a", "b"), Present()),
        (ReplaceFile(f"{VENV}/x", b"a\n", b"b\n"), Present("b", None, True)),
        (ReplaceFile(f"{VENV}/x", b"a\n", b"b\n"), Present()),
        (ReplaceFile(f"{VENV}/x", b"a\n", b"b\n"), Present(None, b"c\n", True)),
        (RemoveLink(f"{VENV}/x", "a"), Present("c", None, True)),
    ],
)
def test_what_is_neither_as_before_nor_as_after_is_left(change, now):
    undo = plan_undo([done(change)], {f"{VENV}/x": now}, VenvFolder(VENV))
    assert undo.reason == "x was changed since it was repaired on 2026-11-27"
    assert undo.plan is None
    assert not undo.is_settled


def test_permissions_go_back_with_the_file():
    changes = changes_of(Plan((ReplaceFile(f"{VENV}/bin/x", b"a", b"a", executable=True),)), {f"{VENV}/bin/x": 0o640})
    repair = replace(done(), changes=changes)
    undo = plan_undo([repair], {f"{VENV}/bin/x": Present(None, b"a", True, 0o750)}, VenvFolder(VENV))
    assert undo.plan.steps == (ReplaceFile(f"{VENV}/bin/x", b"a", b"a", mode=0o640),)
    assert plan_undo([repair], {f"{VENV}/bin/x": Present(None, b"a", True, 0o640)}, VenvFolder(VENV)).is_settled


@pytest.mark.parametrize(
    "damage",
    [
        {"folder": "relative"},
        {"folder": "/a/../b"},
        {"path": "/a\0b"},
        {"run": 1},
        {"python": 3},
        {"changes": [{"path": "../x", "link": ["a", "b"]}]},
        {"changes": [{"path": "/etc/passwd", "link": ["a", "b"]}]},
        {"changes": [{"path": ".", "link": ["a", "b"]}]},
        {"changes": [{"path": "a//b", "link": ["a", "b"]}]},
        {"changes": [{"path": "x", "link": ["a"]}]},
        {"changes": [{"path": "x", "sha256": ["a", "b"], "line": -1, "lines": 0, "old": "", "mode": None}]},
        {"changes": [{"path": "x", "sha256": ["a", "b"], "line": 0, "lines": "1", "old": "", "mode": None}]},
        {"changes": [{"path": "x"}]},
        {"changes": 7},
    ],
)
def test_a_line_that_pyman_did_not_write_is_no_repair(damage):
    fields = json.loads(as_line(done(ReplaceLink(f"{VENV}/x", "a", "b"))))
    assert parse_line(json.dumps({**fields, **damage}).encode()) is None


def test_what_people_are_told_of_an_undo():
    repairs = (
        done(ReplaceLink(f"{VENV}/bin/python", "a", "b"), ReplaceFile(f"{VENV}/a.py", b"1", b"2")),
        done(RemoveLink(f"{VENV}/x", "a")),
    )
    present = {f"{VENV}/bin/python": Present("b", None, True), f"{VENV}/a.py": Present(None, b"2", True, 0o644)}
    undo = plan_undo(repairs, present, VenvFolder(VENV))
    assert undo.links == ((f"{VENV}/bin/python", "a"), (f"{VENV}/x", "a"))
    assert undone(undo) == Undone(VENV, ("stale-patch",), "3.13.5")
    assert undone(replace(undo, links=())).python == ""
    assert modules_of(undo.plan) == (f"{VENV}/a.py",)


def test_a_repair_that_is_half_taken_back_is_taken_back_to_its_end():
    first, second = ReplaceLink(f"{VENV}/bin/a", "/old/a", "/new/a"), ReplaceLink(f"{VENV}/bin/b", "/old/b", "/new/b")
    now = {f"{VENV}/bin/a": Present("/new/a", None, True), f"{VENV}/bin/b": Present("/old/b", None, True)}
    undo = plan_undo([done(first, second)], now, VenvFolder(VENV))
    assert undo.plan.steps == (ReplaceLink(f"{VENV}/bin/a", "/new/a", "/old/a"),)
    assert undo.links == ((f"{VENV}/bin/a", "/old/a"),)
    now[f"{VENV}/bin/a"] = Present("/old/a", None, True)
    assert plan_undo([done(first, second)], now, VenvFolder(VENV)).is_settled


def test_what_its_owner_remembers_goes_back_with_the_venv():
    inside = ReplaceFile(f"{VENV}/pyvenv.cfg", b"1\n", b"2\n")
    beside = ReplaceFile("/home/u/envs/envs.toml", b"a\n", b"b\n")
    now = {step.path: Present(None, step.new, True, 0o644) for step in (inside, beside)}
    plan = plan_undo([done(inside, beside)], now, VenvFolder(VENV)).plan
    assert (plan.venv, plan.steps) == (VenvFolder(VENV), (ReplaceFile(inside.path, b"2\n", b"1\n"),))
    assert plan.also == Plan((ReplaceFile(beside.path, b"b\n", b"a\n"),), VenvFolder("/home/u/envs"))


def test_a_file_whose_mode_alone_was_changed_gets_it_back():
    step = ReplaceFile(f"{VENV}/bin/pip", b"x\n", b"x\n", executable=True)
    repair = DoneRepair(
        "1", VENV, VENV, "not-executable", "repair-modes", "", changes_of(Plan((step,)), {step.path: 0o644})
    )
    undo = plan_undo([repair], {step.path: Present(None, b"x\n", True, 0o755)}, VenvFolder(VENV))
    assert undo.plan.steps == (ReplaceFile(step.path, b"x\n", b"x\n", mode=0o644),)
    assert plan_undo([repair], {step.path: Present(None, b"x\n", True, 0o644)}, VenvFolder(VENV)).is_settled
