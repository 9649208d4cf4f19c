"""Findings turned into steps. effects/test_diagnosis.py takes such steps on real venvs."""

import pytest

from pyman.core.diagnosis.finding import Finding
from pyman.core.immutable import replace
from pyman.core.owner_files import OwnerFile
from pyman.core.plans.repair import Repair, moved_steps, plan_repair, relink_plan, settings_of
from pyman.core.plans.steps import (
    CopyProgram,
    Forget,
    OwnCopy,
    Plan,
    RemoveBytecode,
    RemoveLink,
    ReplaceFile,
    ReplaceLink,
    Verify,
)
from pyman.core.relink import Target, target_for
from pyman.core.relocation import Edit, LinkEdit
from pyman.core.shared_files import SharedFile
from pyman.core.venv import SAME_COPY, Entry, Library, Stray, VenvFolder
from pyman.core.version import Version
from pyman.errors import Refused
from stage.facts import RUNTIMES, base, cfg, following, pinned, within
from stage.stores import store

STORE = store("3.13.5", "3.13.15", "3.12.9")
PLACE = VenvFolder("/p/.venv")
BIN = "/p/.venv/bin"
LINK = f"{RUNTIMES}/3.13/bin/python3.13"


def written(facts):
    """The same with the file that its settings are read from."""
    text = "".join(f"{key} = {value}\n" for key, value in facts.settings.values.items())
    return replace(facts, cfg=text.encode())


def found(action, code="dangling", argument=""):
    return Finding(code, "venv", "/p/.venv", "", None, action, argument)


def steps(action, facts, **named):
    repair = plan_repair(found(action), facts, STORE, **named)
    assert repair.finding == found(action)
    plan = repair.plan
    return plan.steps if plan is not None else None


def test_a_record_is_forgotten_and_other_verbs_have_plans_of_their_own():
    forgotten = found("forget", argument="record")
    assert plan_repair(forgotten, None, STORE) == Repair(forgotten, Plan((Forget("record"),)))
    assert plan_repair(found("install"), following(), STORE).plan is None
    assert plan_repair(found("relink"), None, STORE).plan is None


def test_scripts_and_files():
    contents = (("/p/.venv/bin/pip", b"#!"), ("/p/.venv/bin/black", b"#!/x"))
    assert steps("repair-modes", following(), contents=contents) == tuple(
        ReplaceFile(path, text, text, executable=True) for path, text in contents
    )
    assert steps("show-files", following(), contents=contents) == tuple(
        ReplaceFile(path, text, text) for path, text in contents
    )
    assert steps("show-files", following()) is None


def test_a_moved_venv():
    """Bytecode goes first: nobody would know of it after the modules are replaced."""
    moved = moved_steps(
        [Edit("/p/.venv/bin/pip", b"old", b"new")],
        [LinkEdit("/p/.venv/bin/x", "/old", "/new")],
        [("/p/a.pyc", "/p/work")],
    )
    assert moved == (
        RemoveBytecode("/p/a.pyc", "/p/work"),
        ReplaceLink("/p/.venv/bin/x", "/old", "/new"),
        ReplaceFile("/p/.venv/bin/pip", b"old", b"new"),
    )
    assert plan_repair(found("repair-moved"), following(), STORE, moved=moved).plan == Plan(moved, PLACE)


def test_files_of_its_own():
    work = "lib/python3.13/site-packages"
    probe = SharedFile(f"{work}/pip/__init__.py", "foreign", "copy", True, "sha256", "aa")
    code = SharedFile(f"{work}/a.py", "foreign", "copy", True, "sha256", "bb")
    cache = SharedFile(f"{work}/__pycache__/a.pyc", "foreign", "drop", linked=True)
    # Of this one it does not matter what is in it: others may exchange it anyway.
    program = SharedFile("bin/x", "writable", "copy", linked=True)
    # A probe comes last, so that a repair that is killed is taken up again.
    assert steps("own-files", following(), shared=(probe, code, program, cache)) == (
        OwnCopy(f"/p/.venv/{code.path}", work, "sha256", "bb"),
        OwnCopy(f"/p/.venv/{program.path}", "bin", "", ""),
        RemoveBytecode(f"/p/.venv/{cache.path}", work),
        OwnCopy(f"/p/.venv/{probe.path}", work, "sha256", "aa"),
    )
    doubtful = SharedFile("bin/x", "foreign", "doubt", linked=True)
    assert steps("own-files", following(), shared=(code, doubtful)) is None


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        (following(settings=cfg("version = 3.13.5\n")), b"version = 3.13\n"),
        (
            following(settings=cfg("version = 3.13.5\n"), **within(f"{RUNTIMES}/3.13.15", base("3.13.15"))),
            b"version = 3.13.15\n",
        ),
        # pre-commit throws a venv away whose file does not name the very release.
        (following(settings=cfg("version = 3.13.5\n"), folder="/c/py_env-python3"), b"version = 3.13.15\n"),
        (
            following(settings=cfg("home = /x/bin\nbase-prefix = /x\n")),
            f"home = {RUNTIMES}/3.13/bin\nbase-prefix = {RUNTIMES}/3.13\n".encode(),
        ),
        (following(settings=cfg("version = 3.13\n")), None),
        (following(settings=cfg("version = 3.13.5\n"), interpreter=None), None),
    ],
)
def test_lines_that_are_rewritten(facts, lines):
    facts = written(facts)
    head = b"include-system-site-packages = false\n"
    expected = (ReplaceFile(f"{facts.folder}/pyvenv.cfg", facts.cfg, head + lines),) if lines is not None else None
    assert steps("rewrite", facts) == expected


def test_a_copy_is_refreshed():
    entries = (Entry("python", "file"), Entry("python3", "link", "python"), Entry("python3.13", "file"))
    facts = following(entries=entries, copy=SAME_COPY)
    path = base("3.13.15").path
    assert steps("refresh", facts) == (CopyProgram(f"{BIN}/python", path), CopyProgram(f"{BIN}/python3.13", path))
    assert steps("refresh", replace(facts, home_interpreter=None)) is None


def test_names_are_made_the_same():
    strays = (
        Stray(Entry("python3", "missing"), ""),
        Stray(Entry("python3.13", "link", "/usr/bin/python3"), ""),
        Stray(Entry("python3.12", "file"), ""),
    )
    facts = following(strays=strays)
    links = (
        ReplaceLink(f"{BIN}/python3", None, "python"),
        ReplaceLink(f"{BIN}/python3.13", "/usr/bin/python3", "python"),
    )
    assert steps("repair-names", facts) == (*links, CopyProgram(f"{BIN}/python3.12", base("3.13.15").path))
    assert steps("repair-names", replace(facts, interpreter=None)) == links


def linked(release="3.13.5", **changes):
    """A venv with a link into one release, as venv makes it."""
    own = f"{RUNTIMES}/{release}/bin/python3.13"
    entries = (Entry("python", "link", own), Entry("python3", "link", "python"), Entry("python3.13", "link", "python"))
    settings = cfg(f"home = {RUNTIMES}/{release}/bin\nversion = {release}\n")
    facts = following(entries=entries, settings=settings, **within(f"{RUNTIMES}/{release}", base(release)))
    return written(replace(facts, **changes))


def cfg_step(facts, *lines):
    text = "include-system-site-packages = false\n" + "".join(f"{line}\n" for line in lines)
    return ReplaceFile("/p/.venv/pyvenv.cfg", facts.cfg, text.encode())


def kinds(plan):
    return [type(step).__name__ for step in plan.steps]


def test_a_relink_up_changes_the_link_first():
    """The newer binary runs with the older library, not the reverse."""
    facts = linked()
    repair = plan_repair(found("relink", "stale-patch"), facts, STORE)
    assert repair.finding == found("relink", "stale-patch")
    assert repair.plan == Plan(
        (
            ReplaceLink(f"{BIN}/python", f"{RUNTIMES}/3.13.5/bin/python3.13", LINK),
            cfg_step(facts, f"home = {RUNTIMES}/3.13/bin", "version = 3.13"),
            Verify("/p/.venv", Version(3, 13, 15), "default", f"{RUNTIMES}/3.13/bin"),
        ),
        PLACE,
    )


def test_a_relink_down_changes_home_first():
    facts = linked("3.13.15")
    down = Target(f"{RUNTIMES}/3.13.5/bin", f"{RUNTIMES}/3.13.5/bin/python3.13", Version(3, 13, 5), "default", f"{RUNTIMES}/3.13.5", in_store=True, pins=True)  # fmt: skip
    assert kinds(relink_plan(facts, down)) == ["ReplaceFile", "ReplaceLink", "Verify"]


def test_a_venv_that_starts_to_follow_says_so_first():
    """One that follows and was cut off in between is `unfollowed`, and repaired; the reverse nobody would see."""
    facts = linked("3.13.15")
    target = target_for(facts, STORE, "3.13")
    assert kinds(relink_plan(facts, target)) == ["ReplaceLink", "ReplaceFile", "Verify"]
    assert kinds(relink_plan(facts, target, also={"pyman-policy": "follow"})) == [
        "ReplaceFile",
        "ReplaceLink",
        "Verify",
    ]
    pins = relink_plan(facts, replace(target, pins=True), also={"pyman-policy": "pin"})
    assert kinds(pins) == ["ReplaceLink", "ReplaceFile", "Verify"]


def test_what_is_right_is_not_written():
    facts = written(following(settings=cfg(f"home = {RUNTIMES}/3.13/bin\nversion = 3.13\n")))
    names = (Entry("python", "link", LINK), Entry("python3", "link", "python"), Entry("python3.13", "link", LINK))
    assert kinds(relink_plan(replace(facts, entries=names), target_for(facts, STORE, "3.13"))) == ["Verify"]


def test_a_venv_is_relinked_to_nothing_where_there_is_nothing():
    assert plan_repair(found("relink"), linked(), store("3.11.2")).plan is None


def test_another_implementation_is_left_alone():
    with pytest.raises(Refused, match="GraalPy venv"):
        relink_plan(following(implementation="graalpy"), target_for(following(), STORE, "3.13"))


OLD = f"{RUNTIMES}/3.13.5/bin/python3.13"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        # Links that lead outside are pointed at the target, each of them.
        (
            (Entry("python", "link", "python3.13"), Entry("python3", "link", "python3.13"), Entry("python3.13", "link", OLD)),
            [ReplaceLink(f"{BIN}/python3.13", OLD, LINK)],
        ),
        (
            (Entry("python", "link", "./python3"), Entry("python3", "link", f"{BIN}/python3.13"), Entry("python3.13", "link", OLD)),
            [ReplaceLink(f"{BIN}/python3.13", OLD, LINK)],
        ),
        # What is missing comes back.
        (
            (),
            [
                ReplaceLink(f"{BIN}/python", None, LINK),
                ReplaceLink(f"{BIN}/python3", None, "python"),
                ReplaceLink(f"{BIN}/python3.13", None, "python"),
            ],
        ),
        # A copy stays one.
        (
            (Entry("python", "file"), Entry("python3", "link", "python"), Entry("python3.13", "link", "python")),
            [CopyProgram(f"{BIN}/python", LINK)],
        ),
        # Names of another minor go, and all others lead to `python`.
        (
            (Entry("python", "link", "python3.12"), Entry("python3", "link", "python3.12"), Entry("python3.12", "link", "/x/python3.12")),
            [
                ReplaceLink(f"{BIN}/python", "python3.12", LINK),
                ReplaceLink(f"{BIN}/python3", "python3.12", "python"),
                RemoveLink(f"{BIN}/python3.12", "/x/python3.12"),
                ReplaceLink(f"{BIN}/python3.13", None, "python"),
            ],
        ),
        # What is neither a link nor a file is left alone.
        (
            (Entry("python", "link", LINK), Entry("python3", "other"), Entry("python3.13", "script")),
            [],
        ),
    ],
)  # fmt: skip
def test_names_of_the_interpreter(entries, expected):
    facts = replace(linked(), entries=entries)
    plan = relink_plan(facts, target_for(facts, STORE, "3.13"))
    assert [step for step in plan.steps if not isinstance(step, ReplaceFile | Verify)] == expected


def test_links_that_only_lead_to_one_another_lead_nowhere():
    names = (
        Entry("python", "link", "python3"),
        Entry("python3", "link", "python"),
        Entry("python3.13", "link", "python"),
    )
    facts = replace(linked(), entries=names, link=None, interpreter=None)
    plan = relink_plan(facts, target_for(facts, STORE, "3.13"))
    assert plan.steps[0] == ReplaceLink(f"{BIN}/python", "python3", LINK)


@pytest.mark.parametrize(
    ("facts", "pins", "changes"),
    [
        (following(settings=cfg("")), False, {}),
        (following(settings=cfg("version = 3.13.5\n")), False, {"version": "3.13"}),
        (following(settings=cfg("version = 3.13.5\n")), True, {"version": "3.13.15"}),
        (
            following(settings=cfg("version_info = 3.13.5.final.0\nbase-executable = /x\n")),
            True,
            {"version_info": "3.13.15.final.0", "base-executable": LINK},
        ),
        (following(**pinned("3.13.5")), True, {}),
        (following(**pinned("3.13.5")), False, {"pyman-policy": "follow", "pyman-request": "3.13"}),
        (following(settings=cfg("pyman-policy = pin\n")), False, {"pyman-policy": "follow"}),
    ],
)
def test_lines_that_a_relink_changes(facts, pins, changes):
    target = replace(target_for(following(), STORE, "3.13"), pins=pins)
    always = {"home": f"{RUNTIMES}/3.13/bin", "pyman-held-back": None}
    assert settings_of(facts, target) == {**always, **changes}


def test_what_its_owner_remembers_goes_with_it():
    """A file in the venv is one more step; one beside it is taken behind the steps, or they are undone."""
    inside = OwnerFile("/p/.venv/pipx_metadata.json", b'{"python_version": "Python 3.13.5"}')
    beside = OwnerFile("/p/envs.toml", b"")
    right = OwnerFile("/p/.venv/uv-receipt.toml", b"no toml at all [")
    plan = plan_repair(found("relink"), linked(), STORE, owner_files=(inside, beside, right)).plan
    assert kinds(plan) == ["ReplaceLink", "ReplaceFile", "Verify", "ReplaceFile"]
    assert (plan.steps[-1].path, plan.also) == (inside.path, None)
    assert b"Python 3.13.15" in plan.steps[-1].new
    venv = VenvFolder("/c/demo-AbCd1_-2-py3.13")
    envs = OwnerFile("/c/envs.toml", b'[demo-AbCd1_-2]\nminor = "3.13"\npatch = "3.13.5"\n')
    facts = replace(linked(), folder=venv.path)
    both = plan_repair(found("relink"), facts, STORE, owner_files=(envs,)).plan
    assert both.also.venv == VenvFolder("/c")
    assert [step.new for step in both.also.steps] == [envs.content.replace(b"3.13.5", b"3.13.15")]


def test_links_to_libraries_of_its_base():
    facts = following(
        implementation="pypy",
        libraries=(Library("pypy3.11", site_packages=True),),
        own_libraries=(("bin/libpypy3.11-c.so", "/old/bin/libpypy3.11-c.so"), ("bin/libmine.so", "/mine/libmine.so")),
    )
    pypy = store("pypy3.11-8.0.1")
    plan = relink_plan(facts, target_for(facts, pypy, "pypy3.11"))
    link = ReplaceLink(
        f"{BIN}/libpypy3.11-c.so", "/old/bin/libpypy3.11-c.so", f"{RUNTIMES}/pypy3.11/bin/libpypy3.11-c.so"
    )
    assert link in plan.steps
    assert not any(getattr(step, "path", "").endswith("libmine.so") for step in plan.steps)


def test_bytes_that_are_no_text_stay_as_they_are():
    lines = b"include-system-site-packages = false\nprompt = \xff\nversion = 3.13.5\n"
    facts = replace(following(settings=cfg("version = 3.13.5\n")), cfg=lines)
    [step] = steps("rewrite", facts)
    assert (step.old, step.new) == (lines, lines.replace(b"3.13.5", b"3.13"))
    plan = relink_plan(facts, target_for(facts, STORE, "3.13"))
    [written_step] = [each for each in plan.steps if isinstance(each, ReplaceFile)]
    assert b"prompt = \xff\n" in written_step.new
