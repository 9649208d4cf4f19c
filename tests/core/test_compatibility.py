"""The rule of the check before a move: only what fitted the old release and does not fit the new one counts."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement

from pyman.core.architecture import shown
from pyman.core.immutable import replace
from pyman.core.packages.compatibility import (
    Move,
    Need,
    Release,
    Verdict,
    marker_environment,
    newly_broken,
    ordinary_marker,
)
from pyman.core.packages.package import Distribution, normalize_name
from pyman.core.request import parse_request
from pyman.core.version import Version, parse_version
from stage.hostile import HUGE, damaged, text_of


def release(text, symbols=frozenset(), variant="default"):
    version = parse_version(text)
    return Release(version, marker_environment(version, sys_platform="linux", machine="x86_64"), symbols, variant)


def dist(name, version="1.0", requires_python=None, requires_dist=()):
    return Distribution(name, normalize_name(name), version, requires_python, tuple(requires_dist))


UPGRADE = release("3.13.5"), release("3.13.15")
ROLLBACK = release("3.13.15"), release("3.13.5")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<3.13.10", "spam 1.0 requires Python <3.13.10"),
        (">=3.11,!=3.13.15", "spam 1.0 requires Python >=3.11,!=3.13.15"),
        ("==3.13.5", "spam 1.0 requires Python ==3.13.5"),
        (">=3.8", ""),
        (">=3.14", ""),
        ("==3.13.*", ""),
        (">=3.13.6", ""),
    ],
)
def test_requires_python_counts_where_it_admitted_the_old_release(text, reason):
    assert Move(*UPGRADE).check([dist("spam", requires_python=text)]) == Verdict((reason,) if reason else ())


def test_a_rollback_below_what_a_package_requires_has_a_reason():
    verdict = Move(*ROLLBACK).check([dist("spam", requires_python=">=3.13.8")])
    assert verdict.reasons == ("spam 1.0 requires Python >=3.13.8",)


def test_a_candidate_counts_as_its_release_like_pip_has_it():
    move = Move(release("3.14.1"), release("3.14.0rc2"))
    assert move.check([dist("spam", requires_python=">=3.14")]) == Verdict()
    assert move.check([dist("spam", requires_python=">=3.14.1")]).reasons


FLIP = 'backport>=2; python_full_version >= "3.13.10"'


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([], "spam 1.0 needs backport>=2 on 3.13.15, and it is not installed"),
        ([dist("Backport", "1.9")], "spam 1.0 needs backport>=2 on 3.13.15, and 1.9 is installed"),
        ([dist("Back.port", "2")], "spam 1.0 needs backport>=2 on 3.13.15, and it is not installed"),
        ([dist("BACKPORT", "2.1rc1")], ""),
    ],
)
def test_a_requirement_that_begins_to_apply_must_be_installed(others, reason):
    verdict = Move(*UPGRADE).check([dist("spam", requires_dist=[FLIP]), *others])
    assert verdict == Verdict((reason,) if reason else ())


@pytest.mark.parametrize(
    "line",
    [
        "backport>=2",
        'backport; python_version >= "3.13"',
        'backport; python_full_version < "3.13.10"',
        'backport; python_full_version >= "3.13.10" and extra == "speed"',
        'backport; python_full_version >= "3.13.10" and sys_platform == "win32"',
    ],
)
def test_what_applied_before_or_applies_to_nobody_is_not_asked_for(line):
    assert Move(*UPGRADE).check([dist("spam", requires_dist=[line])]) == Verdict()


def test_the_other_way_round_the_other_half_of_a_marker_begins():
    line = 'backport; python_full_version < "3.13.10"'
    assert Move(*ROLLBACK).check([dist("spam", requires_dist=[line])]).reasons == (
        "spam 1.0 needs backport on 3.13.5, and it is not installed",
    )
    other = 'backport; implementation_version < "3.13.10" or extra == "x"'
    assert Move(*ROLLBACK).check([dist("spam", requires_dist=[other])]).reasons


def test_packages_of_the_system_count_as_installed_and_are_not_checked():
    outside = [dist("backport", "2.0", requires_python="<3.13.10")]
    assert Move(*UPGRADE).check([dist("spam", requires_dist=[FLIP])], visible=outside) == Verdict()


@pytest.mark.parametrize(
    ("request_", "held"),
    [
        ("3.13", False),
        (">=3.13,<3.13.10", True),
        ("<3.13.5", False),
        ("3.13.5", True),
        ("latest", False),
        ("./x", False),
    ],
)
def test_the_request_of_the_venv_is_asked_again(request_, held):
    verdict = Move(*UPGRADE).check([], request=parse_request(request_))
    assert verdict.reasons == ((f"{request_} was requested",) if held else ())


OLD_SYMBOLS = frozenset({"PyList_New", "_PyType_AllocNoTrack", "_PyOther"})


def test_symbols_count_that_the_old_release_has_and_the_new_one_lacks():
    move = Move(release("3.13.15", OLD_SYMBOLS), release("3.13.5", frozenset({"PyList_New"})))
    needs = [
        Need("fast 2.0", "fast/_x.so", ("PyList_New", "_PyOther", "_PyType_AllocNoTrack")),
        Need("shiboken6 6.12", "shiboken6/Shiboken.abi3.so", ("PySide_SomethingOfTheirs",)),
    ]
    assert move.lost_symbols == {"_PyType_AllocNoTrack", "_PyOther"}
    assert move.check([], needs).reasons == ("fast 2.0 needs _PyOther and 1 more in fast/_x.so, which 3.13.5 lacks",)
    nobodys = [Need("", "_x.so", ("_PyOther",))]
    assert move.check([], nobodys).reasons == ("_x.so needs _PyOther, which 3.13.5 lacks",)


@pytest.mark.parametrize(("old", "new"), [(None, OLD_SYMBOLS), (OLD_SYMBOLS, None), (None, None)])
def test_symbols_that_nobody_could_read_are_no_reason(old, new):
    move = Move(release("3.13.15", old), release("3.13.5", new))
    assert move.lost_symbols == frozenset()
    assert move.check([], [Need("fast 2.0", "fast/_x.so", ("_PyOther",))]) == Verdict()


@pytest.mark.parametrize(
    "bad",
    [
        {"requires_python": "three and up"},
        {"requires_python": "<3.13.10," * 5000},
        {"requires_dist": ["spam; this is no marker"]},
        {"requires_dist": ['spam; python_full_version >= "3.13.10']},
        {"requires_dist": ["backport; " + "(" * 4000 + 'python_full_version >= "3.13.10"' + ")" * 4000]},
        {"requires_dist": ['backport; python_full_version ~= "not a version" and (python_full_version > "3.13.9"']},
        {"requires_dist": ["x" * 100_000]},
        {"requires_dist": ["\udcff; \0"]},
        # A name that no environment has, and those that only a lock file has.
        {"requires_dist": ['bar; "x" == "y"']},
        {"requires_dist": ['bar; "x" in extras']},
        {"requires_dist": ['bar; "x" in dependency_groups']},
        # More digits than `int` takes.
        {"requires_python": "<" + "9" * 5000},
    ],
)
def test_what_cannot_be_understood_is_told_and_is_no_reason(bad):
    verdict = Move(*UPGRADE).check([dist("odd", **bad)])
    assert verdict.reasons == ()
    assert len(verdict.notes) == 1
    assert verdict.notes[0].startswith("odd 1.0 could not be checked: ")
    assert len(verdict.notes[0]) < 300


def test_an_installed_version_that_is_none_is_told_and_is_no_reason():
    verdict = Move(*UPGRADE).check([dist("spam", requires_dist=[FLIP]), dist("backport", "unreleased")])
    assert verdict.reasons == ()
    assert verdict.notes == (
        "spam 1.0 could not be checked: `unreleased` is not a version of backport that can be compared",
    )


def test_one_move_says_the_same_of_the_same_venv_every_time():
    move = Move(*UPGRADE)
    venv = [dist("spam", requires_python="<3.13.10", requires_dist=[FLIP, "bad; bad"])]
    assert move.check(venv) == move.check(venv) == Move(*UPGRADE).check(venv)


_versions = st.sampled_from(["3.13.0", "3.13.5", "3.13.10", "3.13.15", "3.13.0rc1"])
_variables = st.sampled_from(
    ["python_full_version", "python_version", "implementation_version", "extra", "sys_platform"]
)
_atoms = st.builds(
    "{} {} {}{}{}".format,
    _variables,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!=", "in", "not in", "~="]),
    _quotes := st.sampled_from(["'", '"']),
    st.sampled_from(["3.13", "3.13.5", "3.13.10", "3.13.*", "linux", ""]),
    _quotes,
)
_lines = st.one_of(
    st.text(max_size=40),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["spam", "eggs", "Spam.Eggs", "a[b]"]),
        st.sampled_from(["", ">=1", " (>=1,<3)", "~=1", "~=1.0", "==1.*", "<1.*", ">=1,"]),
        st.sampled_from(["", ";", "; ", " ; "]),
        st.lists(st.one_of(_atoms, _atoms.map("({})".format), _atoms.map("({}".format)), max_size=3).map(" and ".join),
    ),
)


@given(
    _versions,
    st.lists(st.tuples(st.text(max_size=10) | st.sampled_from(["<3.13.10", ">3.13.5"]), st.lists(_lines, max_size=3))),
)
@settings(max_examples=100)
def test_the_same_release_never_gives_a_reason(version, packages):
    same = release(version, OLD_SYMBOLS)
    venv = [dist(f"p{n}", requires_python=python, requires_dist=lines) for n, (python, lines) in enumerate(packages)]
    needs = [Need("p0 1.0", "p.so", tuple(OLD_SYMBOLS))]
    assert Move(same, same).check(venv, needs, request=parse_request("3.13")).reasons == ()


@given(_versions, _versions, _lines)
@example("3.13.5", "3.13.15", "Spam.Eggs~=1")
@example("3.13.5", "3.13.15", "spam==1.*")
@settings(max_examples=300)
def test_the_pattern_for_ordinary_requirements_agrees_with_packaging(old, new, line):
    if ordinary_marker(line) is not None:
        Requirement(line)  # accepts it
    move = Move(release(old), release(new))
    verdict = move.check([dist("p", requires_dist=[line])])
    try:
        requirement = Requirement(line)
        sides = [
            requirement.marker is None or requirement.marker.evaluate(dict(one.markers)) for one in (move.old, move.new)
        ]
    except (InvalidRequirement, ValueError):
        assert verdict.notes
        assert not verdict.reasons
    else:
        # Nothing but `p` is installed, so that whatever begins to apply is missing.
        assert bool(verdict.reasons) is (sides == [False, True])


def test_a_marker_environment_has_every_variable_that_packaging_knows():
    from packaging.markers import default_environment

    told = marker_environment(parse_version("3.13.5"), sys_platform="linux", machine="aarch64", system_release="6")
    assert set(told) == {*default_environment(), "extra"}
    assert told["python_version"] == "3.13"
    assert told["platform_machine"] == "aarch64"
    assert (
        marker_environment(parse_version("3.13.5"), sys_platform="darwin", machine="arm64")["platform_system"]
        == "Darwin"
    )


LINES = (
    b"spam-eggs[a,b]>=1.0,!=1.5.*,<2; python_version >= '3.8' and extra == 'x'",
    b"spam ~=1.0; (sys_platform == 'linux' or os_name != \"posix\") and python_full_version not in '3.13.5'",
    b"spam @ https://h/x.whl ; implementation_name == 'cpython'",
    b"spam === 1.0+local",
)


@given(
    damaged(*LINES), damaged(b">=3.8,!=3.9.*", b"~=3.8", b"==3.13.5"), damaged(b"1.0", b"2!1.0rc1.post1.dev3+local.7")
)
@settings(max_examples=200)
def test_damaged_requirements_are_checked_or_told(line, python, version):
    line, python, version = map(text_of, (line, python, version))
    packages = [
        dist("p", requires_python=python, requires_dist=[line]),
        dist("spam", version),
        dist("spam-eggs", version),
    ]
    for old, new in (UPGRADE, ROLLBACK):
        verdict = Move(old, new).check(packages)
        assert all("p 1.0" in sentence for sentence in verdict.reasons + verdict.notes)
        newly_broken(packages[:1], packages, old, new)


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_requirement_is_not_checked(kind):
    text = text_of(HUGE[kind])
    for line in (text, f"spam>={text}", f"spam; python_version > '{text}'", f"spam; {text}"):
        for one in (line, line[:9000]):
            Move(*UPGRADE).check([dist("p", requires_python=one, requires_dist=[one]), dist("spam", one)])


PYPY_OLD, PYPY_NEW = (
    replace(release("3.11.15"), version=Version(3, 11, 15, implementation="pypy", own=own))
    for own in ("7.3.19", "8.0.1")
)


def test_extensions_of_another_abi_of_pypy_are_not_loaded():
    move = Move(PYPY_OLD, PYPY_NEW)
    assert (PYPY_OLD.shown, PYPY_OLD.abi, move.lost_abi) == ("PyPy 7.3.19", "pypy311-pp73", "pypy311-pp73")
    needs = [
        Need("spam", "s.so", abi="pypy311-pp73"),
        Need("", "t.so", abi="pypy311-pp73"),
        Need("x", "x.so", abi="abi3"),
    ]
    assert move.check([], needs).reasons == (
        "spam has s.so compiled for pypy311-pp73, and PyPy 8.0.1 loads pypy311-pp80",
        "t.so is compiled for pypy311-pp73, and PyPy 8.0.1 loads pypy311-pp80",
    )
    assert (Move(PYPY_OLD, PYPY_OLD).lost_abi, Move(*UPGRADE).lost_abi, release("3.13.5").abi) == ("", "", "")


INTEL, ARM = frozenset(("x86_64",)), frozenset(("arm64",))


def test_an_architecture_that_is_lost_takes_what_is_built_for_it():
    both = replace(release("3.13.5"), architectures=INTEL | ARM)
    arm = replace(release("3.13.15"), architectures=ARM)
    move = Move(both, arm)
    assert move.lost_architectures == INTEL
    needs = [
        Need("spam", "s.so", architectures=INTEL),
        Need("", "t.so", architectures=INTEL),
        Need("fat", "f.so", architectures=INTEL | ARM),
    ]
    assert move.check([], needs).reasons == (
        f"spam has s.so for {shown(INTEL)}, and 3.13.15 is built for {shown(ARM)}",
        f"t.so is for {shown(INTEL)}, and 3.13.15 is built for {shown(ARM)}",
    )
    assert Move(both, release("3.13.15")).lost_architectures == frozenset()
    assert Move(release("3.13.5"), arm).lost_architectures == frozenset()
    [reason] = Move(replace(both, architectures=INTEL), arm).check([]).reasons
    assert reason == f"3.13.15 is built for {shown(ARM)}, and 3.13.5 for {shown(INTEL)}"


def test_what_begins_to_be_required():
    spam = dist("spam", requires_dist=[FLIP, "other"])
    assert [one.name for one in Move(*UPGRADE).beginning(spam)] == ["backport"]
    assert Move(*UPGRADE).beginning(dist("spam")) == ()


@pytest.mark.parametrize(
    ("before", "after", "named", "broken"),
    [
        ([], [dist("a", requires_dist=["b>=2"])], {}, ("a 1.0 needs b>=2, which is not installed",)),
        ([], [dist("a", requires_dist=["b>=2"]), dist("b", "1.0")], {}, ("a 1.0 needs b>=2, and 1.0 is installed",)),
        ([], [dist("a", requires_dist=["b>=2"]), dist("b", "2.0")], {}, ()),
        # What was so before is no news.
        ([dist("a", requires_dist=["b>=2"])], [dist("a", requires_dist=["b>=2"])], {}, ()),
        ([dist("a", requires_dist=["b"]), dist("b")], [dist("a", requires_dist=["b"])], {}, ("a 1.0 needs b, which is not installed",)),
        # What is missing may come from the base, but not in another version.
        ([], [dist("a", requires_dist=["b"])], {"system_site_packages": True}, ()),
        ([], [dist("a", requires_dist=["b>=2"]), dist("b")], {"system_site_packages": True}, ("a 1.0 needs b>=2, and 1.0 is installed",)),
        # Nobody knows which extras were asked for, and what does not apply is not needed.
        ([], [dist("a", requires_dist=['b; extra == "x"', 'c; python_version < "3"'])], {}, ()),
        ([], [dist("a", requires_dist=["b >< 2", "==", 'b; "x" == "y"', 'b; "x" in dependency_groups'])], {}, ()),
    ],
)  # fmt: skip
def test_what_a_new_venv_lacks_that_the_old_one_had(before, after, named, broken):
    assert newly_broken(before, after, *UPGRADE, **named) == broken


def test_a_marker_may_apply_on_the_new_minor_alone():
    spam = dist("spam", requires_dist=['tomli; python_version < "3.11"'])
    assert newly_broken([spam], [spam], release("3.13.5"), release("3.10.1")) == (
        "spam 1.0 needs tomli, which is not installed",
    )
    assert newly_broken([spam], [spam], release("3.13.5"), release("3.12.1")) == ()


@pytest.mark.parametrize(
    ("marker", "is_ordinary"),
    [
        ("(python_version < '3' or (extra == 'x' and os_name == 'y'))", True),
        ("(python_version < '3'", False),
        ("python_version < '3')", False),
        ("python_version < '3') and (os_name == 'y'", False),
    ],
)
def test_parentheses_that_do_not_close_are_left_to_packaging(marker, is_ordinary):
    assert (ordinary_marker(f"p; {marker}") == marker) is is_ordinary
