"""What the move of an alias means for a venv, as steps."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.aliases import Swap
from pyman.core.immutable import replace
from pyman.core.owner_files import OwnerFile
from pyman.core.plans.move import (
    AliasMove,
    Follower,
    copies_of,
    going_along,
    going_and_waiting,
    library_of_runtime,
    may_need_work,
    onto_alias,
    plan_to_hold_back,
    plan_to_tell_owner,
    plan_to_update,
    through_other,
    version_lines,
)
from pyman.core.plans.steps import Plan, ReplaceFile, ReplaceLink, Verify
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from pyman.core.venv import VenvFolder
from pyman.core.version import Version
from stage.stores import runtime, store

RUNTIMES = "/store/runtimes"
OLD, NEW = Version(3, 13, 5), Version(3, 13, 15)

OURS = f"""\
home = {RUNTIMES}/3.13/bin
include-system-site-packages = false
version = 3.13
executable = {RUNTIMES}/3.13/bin/python3.13
pyman-request = 3.13
pyman-policy = follow
"""
STDLIB = f"""\
home = {RUNTIMES}/3.13/bin
version = 3.13.5
executable = {RUNTIMES}/3.13/bin/python3.13
command = {RUNTIMES}/3.13/bin/python3.13 -m venv /v
"""
VIRTUALENV = f"""\
home = {RUNTIMES}/3.13/bin
version = 3.13.5
version_info = 3.13.5.final.0
base-prefix = {RUNTIMES}/3.13
base-exec-prefix = {RUNTIMES}/3.13
base-executable = {RUNTIMES}/3.13/bin/python3.13
"""
UV = f"home = {RUNTIMES}/3.13/bin\nuv = 0.9\nversion_info = 3.13\n"


def follower(text, through="3.13"):
    text = text.replace(f"{RUNTIMES}/3.13/", f"{RUNTIMES}/{through}/")
    link = ("python", f"{RUNTIMES}/{through}/bin/python3.13")
    return Follower("/v", RUNTIMES, through, text.encode(), links=(link,))


def carried_out(one, plan):
    """The venv once a plan was carried out."""
    cfg, links, through = one.cfg, dict(one.links), one.through
    for step in plan.steps:
        match step:
            case ReplaceFile():
                assert step.old == cfg
                cfg = step.new
            case ReplaceLink(path, old, new):
                name = path.rpartition("/")[2]
                assert links[name] == old
                links[name] = new
                through = new[len(RUNTIMES) + 1 :].split("/")[0]
    return Follower(one.path, RUNTIMES, through, cfg, links=tuple(links.items()))


@pytest.mark.parametrize("text", [OURS, STDLIB, VIRTUALENV, UV], ids=["ours", "stdlib", "virtualenv", "uv"])
def test_held_back_and_forward_again(text):
    before = follower(text)
    newly_held = through_other(before, "3.13.5", OLD, held_back="3.13.5 numpy 1 needs <3.13.15", variant="default")
    # the home goes down before the link, so that the newer binary never misses its newer library
    assert [type(step) for step in newly_held.steps] == [ReplaceFile, ReplaceLink, Verify]
    held = carried_out(before, newly_held)
    assert held.through == "3.13.5"
    assert held.settings.home == f"{RUNTIMES}/3.13.5/bin"
    assert held.settings.held_back == ("3.13.5", "numpy 1 needs <3.13.15")
    assert held.settings.policy == before.settings.policy
    assert held.settings.get("version") in (None, "3.13", "3.13.5")
    # pre-commit runs what base-executable names.
    for key in ("executable", "base-executable"):
        assert held.settings.get(key) in (None, f"{RUNTIMES}/3.13.5/bin/python3.13")
    assert held.settings.get("base-prefix") in (None, f"{RUNTIMES}/3.13.5")
    released = through_other(held, "3.13", NEW, held_back=None, variant="default")
    assert [type(step) for step in released.steps] == [ReplaceLink, ReplaceFile, Verify]
    after = carried_out(held, released)
    assert (after.through, after.links, after.settings.home) == ("3.13", before.links, before.settings.home)
    assert after.settings.held_back is None
    expected = text.replace("version = 3.13.5", "version = 3.13").replace("3.13.5.final.0", "3.13")
    assert after.cfg.decode() == expected
    if text is OURS:
        assert after.cfg == before.cfg
    assert released.steps[-1] == Verify("/v", NEW, "default", f"{RUNTIMES}/3.13/bin")


def test_pre_commit_finds_the_very_release_that_runs():
    venv = replace(follower(VIRTUALENV), path="/c/repo1/py_env-python3.13")
    held = carried_out(venv, through_other(venv, "3.13.5", OLD, held_back="3.13.5 x", variant="default"))
    assert held.settings.get("version_info") == "3.13.5.final.0"
    for one in (venv, held):
        moved = carried_out(one, onto_alias(one, "3.13", NEW, "default"))
        assert moved.settings.get("version_info") == "3.13.15.final.0"
        assert moved.settings.get("base-executable") == f"{RUNTIMES}/3.13/bin/python3.13"


def test_lines_that_name_the_release_that_ran_name_the_alias_from_then_on():
    text = STDLIB.replace("/3.13/bin/python3.13\ncommand", "/3.13.5/bin/python3.13\ncommand")
    moved = carried_out(follower(text), onto_alias(follower(text), "3.13", NEW, "default"))
    assert moved.settings.get("executable") == f"{RUNTIMES}/3.13/bin/python3.13"
    assert onto_alias(moved, "3.13", OLD, "default").steps == ()
    # A base of another maker is none of the store.
    elsewhere = STDLIB.replace(f"executable = {RUNTIMES}/3.13", "executable = /opt/3.13.5")
    assert (
        carried_out(follower(elsewhere), onto_alias(follower(elsewhere), "3.13", NEW, "default")).settings.get(
            "executable"
        )
        == "/opt/3.13.5/bin/python3.13"
    )


def test_owners_are_told_with_it_also_of_one_that_stays_behind():
    envs = b'[shop-AbCd1_-2]\nminor = "3.13"\npatch = "3.13.5"\n'
    venv = replace(
        follower(OURS, "3.13.5"),
        path="/c/shop-AbCd1_-2-py3.13",
        owner_files=(OwnerFile("/c/envs.toml", envs), OwnerFile("/c/shop-AbCd1_-2-py3.13/uv-receipt.toml", b"")),
    )
    moved = runtime("3.13.15")
    for plan in (
        onto_alias(venv, "3.13", NEW, "default", moved),
        plan_to_tell_owner(AliasMove(Swap("3.13", "3.13.5", "3.13.15"), runtime("3.13.5"), moved), venv),
    ):
        assert plan.also.venv.path == "/c"
        assert plan.also.steps == (ReplaceFile("/c/envs.toml", envs, envs.replace(b"3.13.5", b"3.13.15")),)


def test_a_pinned_one_that_is_to_follow_says_so():
    pinned = follower(OURS.replace("= follow", "= pin").replace("request = 3.13", "request = 3.13.5"), "3.13.5")
    after = carried_out(pinned, through_other(pinned, "3.13", NEW, held_back=None, variant="default", follow=True))
    assert after.settings.values == parse_pyvenv_cfg(OURS).values


@pytest.mark.parametrize(
    ("line", "version", "now"),
    [
        ("version = 3.13.5", NEW, {"version": "3.13"}),
        ("version = 3.13", NEW, {}),
        ("version_info = 3.13.5.final.0", NEW, {"version_info": "3.13"}),
        ("version_info = 3.13.0.candidate.2", NEW, {}),
        ("version = 3.13.0rc2", NEW, {}),
        ("version_info = 3.13.5", NEW, {"version_info": "3.13"}),
        ("version_info = 3.13", NEW, {}),
        ("python-version = 3.13.5", NEW, {"python-version": "3.13"}),
        ("version = 3.12.1", NEW, {}),
        ("version = strange", NEW, {}),
        ("version_info = 3.13.5.alpha.1", NEW, {}),
        ("home = /x", NEW, {}),
    ],
)
def test_version_lines_of_one_that_follows(line, version, now):
    assert version_lines(parse_pyvenv_cfg(line), version, follows=True) == now
    assert may_need_work(line.encode(), version.minor_name) or not now


def test_a_follower_whose_lines_name_the_minor_alone_is_not_touched():
    assert onto_alias(follower(OURS), "3.13", NEW, "default").steps == ()
    [step] = onto_alias(follower(STDLIB), "3.13", NEW, "default").steps
    assert step.new.decode() == STDLIB.replace("3.13.5", "3.13")


def test_the_steps_of_a_move():
    ours, stdlib, held = follower(OURS), follower(STDLIB), follower(OURS, "3.13.5")
    move = AliasMove(Swap("3.13", "3.13.5", "3.13.15"), runtime("3.13.5"), runtime("3.13.15"))
    assert b"pyman-held-back = 3.13.5 why\n" in plan_to_hold_back(move, ours, "why").steps[0].new
    assert [len(plan_to_update(move, one).steps) for one in (held, ours, stdlib)] == [3, 0, 1]
    gone = AliasMove(Swap("3.13", "3.13.5", None), runtime("3.13.5"), None)
    assert plan_to_update(gone, ours).steps == ()
    first = AliasMove(Swap("3.13", None, "3.13.5"), None, runtime("3.13.5"))
    assert plan_to_hold_back(first, ours, "why").steps == ()


@pytest.mark.parametrize("text", [OURS, UV, STDLIB.replace("version = 3.13.5", "version = 3.13")])
def test_most_files_are_seen_at_a_glance_to_need_nothing(text):
    assert not may_need_work(text.encode(), "3.13")
    assert onto_alias(follower(text), "3.13", NEW, "default").steps == ()


@pytest.mark.parametrize(
    ("cfg", "work"),
    [(OURS + "pyman-held-back = 3.13.5 x\n", True), (OURS.replace("/3.13/bin\n", "/3.13.5/bin\n"), True),
     ("\ufeffversion=3.13.5", True), ("VERSION_INFO = 3.13.5", True), ("executable = /x/3.13.5/bin/python", True),
     ("version = 3.14.1", False), ("", False), ("command = /x/3.13.5/bin/python -m venv /v\nprompt = 3.13.5\n", False)],
)  # fmt: skip
def test_what_goes_stale_is_never_overlooked(cfg, work):
    assert may_need_work(cfg.encode(), "3.13") is work


def test_what_an_earlier_move_left_half_done_is_done():
    half_held = follower(OURS.replace("/3.13/bin\n", "/3.13.5/bin\n") + "pyman-held-back = 3.13.5 x\n")
    half_held = replace(half_held, links=(("python", f"{RUNTIMES}/3.13/bin/python3.13"),), through="3.13")
    after = carried_out(half_held, onto_alias(half_held, "3.13", NEW, "default"))
    assert after.cfg.decode() == OURS
    half_forward = replace(half_held, through="3.13.5", links=(("python", f"{RUNTIMES}/3.13.5/bin/python3.13"),))
    after = carried_out(half_forward, onto_alias(half_forward, "3.13", NEW, "default"))
    assert (after.through, after.cfg.decode()) == ("3.13", OURS)


def test_copies_go_with_the_release_and_not_with_the_link():
    copied = replace(follower(STDLIB), links=(), copies=("python", "python3"))
    move = AliasMove(Swap("3.13", "3.13.5", "3.13.15"), runtime("3.13.5"), runtime("3.13.15"))
    assert [(step.path, step.source) for step in copies_of(move, copied).steps] == [
        (f"/v/bin/{name}", f"{RUNTIMES}/3.13.15/bin/python3.13") for name in ("python", "python3")
    ]
    assert copies_of(move, copied).venv == VenvFolder("/v")
    # held back, they stay what they are
    assert [type(step) for step in plan_to_hold_back(move, copied, "why").steps] == [ReplaceFile, Verify]


def test_going_down_the_home_goes_first():
    pinned = follower(OURS, "3.13.15")
    down = through_other(pinned, "3.13", OLD, held_back=None, variant="default", follow=True)
    assert [type(step) for step in down.steps] == [ReplaceFile, ReplaceLink, Verify]
    # On one release nothing goes down.
    same = through_other(pinned, "3.13", NEW, held_back=None, variant="default", follow=True)
    assert [type(step) for step in same.steps] == [ReplaceLink, ReplaceFile, Verify]


def test_what_its_owner_remembers_is_the_name_that_it_goes_through():
    source = {"__Path__": "/x/bin/python3.13", "__type__": "Path"}
    metadata = {"python_version": "Python 3.13.5", "source_interpreter": source}
    file = OwnerFile("/v/pipx_metadata.json", json.dumps(metadata).encode())
    one = replace(follower(STDLIB), owner_files=(file,))
    for plan, name in (
        (onto_alias(one, "3.13", NEW, "default"), "3.13"),
        (through_other(one, "3.13.15", NEW, held_back=None, variant="default"), "3.13.15"),
    ):
        step = plan.steps[-1]
        assert (step.path, step.old, plan.venv, plan.also) == (file.path, file.content, VenvFolder("/v"), None)
        told = json.loads(step.new)
        assert told["python_version"] == "Python 3.13.15"
        assert told["source_interpreter"]["__Path__"] == f"{RUNTIMES}/{name}/bin/python3.13"


def test_what_its_owner_finds_is_what_the_alias_leads_to():
    """Poetry throws a venv away whose patch release is not that of the Python that it finds."""
    folder = "/c/demo-AbCd1_-2-py3.13"
    file = OwnerFile("/c/envs.toml", b'[demo-AbCd1_-2]\nminor = "3.13"\npatch = "3.13.2"\n')
    one = replace(follower(STDLIB), path=folder, owner_files=(file,))
    held = through_other(one, "3.13.5", OLD, held_back="3.13.5 why", variant="default", found=runtime("3.13.15"))
    alone = through_other(one, "3.13.5", OLD, held_back="3.13.5 why", variant="default")
    for plan, patch in ((held, b"3.13.15"), (alone, b"3.13.5")):
        assert plan.also == Plan(
            (ReplaceFile(file.path, file.content, file.content.replace(b"3.13.2", patch)),), VenvFolder("/c")
        )


def test_libraries_of_the_base_are_those_of_the_name_that_it_goes_through():
    library = ("bin/libpypy3.11-c.so", "/old/bin/libpypy3.11-c.so")
    [step] = onto_alias(replace(follower(OURS), libraries=(library,)), "3.13", NEW, "default").steps
    assert step == ReplaceLink("/v/bin/libpypy3.11-c.so", library[1], f"{RUNTIMES}/3.13/bin/libpypy3.11-c.so")


@given(st.lists(st.sampled_from([*OURS.splitlines(), *VIRTUALENV.splitlines(), "# note", "", "x=y", "prompt = 'a'"])))
def test_lines_that_are_not_about_the_runtime_stay_as_they_are(lines):
    before = follower("\n".join(lines))
    for plan in (
        onto_alias(before, "3.13", NEW, "default"),
        through_other(before, "3.13.5", OLD, held_back="3.13.5 x", variant="default"),
    ):
        after = carried_out(before, plan).cfg.decode().split("\n")
        for line in lines:
            if "3.13" not in line:
                assert line in after


def test_a_move_of_an_alias_that_is_new_or_goes_asks_nothing_of_venvs():
    one, there = follower(STDLIB), runtime("3.13.15")
    made = AliasMove(Swap("3.13", None, "3.13.15"), None, there)
    gone = AliasMove(Swap("3.13", "3.13.15", None), there, None)
    assert plan_to_hold_back(made, one, "why") == Plan()
    assert plan_to_update(gone, one) == Plan()
    assert (copies_of(made, one), copies_of(gone, one)) == (Plan(), Plan())
    assert (made.goes_up, gone.goes_up) == (False, False)
    assert AliasMove(Swap("3.13", "a", "b"), runtime("3.13.5"), there).goes_up
    assert not AliasMove(Swap("3.13", "a", "b"), there, runtime("3.13.5")).goes_up
    assert not AliasMove(Swap("3.13", "a", "b"), there, there).goes_up


def test_who_goes_along_is_told_and_counted():
    move = AliasMove(Swap("3.13", "a", "b"), runtime("3.13.5"), runtime("3.13.15"), others=2)
    asked = going_along(move, follower(STDLIB), "numpy needs <3.13.10", force=True)
    assert (asked.others, asked.unprotected, asked.notes) == (3, (), (("/v", "moved anyway: numpy needs <3.13.10"),))
    unasked = going_along(asked, follower(STDLIB), "why", force=False)
    assert (unasked.others, unasked.unprotected, len(unasked.notes)) == (4, ("/v",), 2)


def test_nobody_is_told_about_what_no_name_tells():
    move = AliasMove(Swap("3.13", "3.13.5", "3.13.15"), runtime("3.13.5"), runtime("3.13.15"))
    assert plan_to_tell_owner(move, follower(STDLIB, "3.13")) == Plan()
    assert plan_to_tell_owner(move, follower(STDLIB, "pypy3.11-8.0.1")) == Plan()
    assert plan_to_tell_owner(replace(move, new=None), follower(STDLIB, "3.13.5")) == Plan()


def test_which_venvs_stop_a_move():
    one = follower(STDLIB)
    assert one.stops_moves
    assert not replace(one, is_recorded=False).stops_moves
    assert not replace(one, is_own=False).stops_moves
    assert (one.place, replace(one, folder="/real").place) == ("/v", "/real")


@pytest.mark.parametrize(
    ("text", "library"),
    [("3.13.5", "python3.13"), ("3.14.2t", "python3.14t"), ("3.13.5d", "python3.13"), ("pypy3.11-8.0.1", "pypy3.11")],
)
def test_the_folder_that_holds_packages(text, library):
    assert library_of_runtime(runtime(text)) == library


def test_what_processes_use_waits_unless_its_release_goes():
    minor, other = (
        AliasMove(Swap(alias, f"{alias}.1", f"{alias}.2"), runtime(f"{alias}.1"), runtime(f"{alias}.2"))
        for alias in ("3.12", "3.13")
    )
    after = store("3.12.1", "3.12.2", "3.13.1", "3.13.2")
    assert going_and_waiting([minor, other], after, {"3.13"}) == ([minor], [other])
    assert going_and_waiting([minor, other], after, ()) == ([minor, other], [])
    assert going_and_waiting([minor, other], store("3.12.1", "3.12.2", "3.13.2"), {"3.13"}) == ([minor, other], [])
