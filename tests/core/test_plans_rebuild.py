"""What a rebuild puts back, what it leaves to the new runtime, and what stops it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.packages.compatibility import Release, marker_environment
from pyman.core.packages.package import UNKNOWN, Distribution, Origin, Package, normalize_name
from pyman.core.plans.rebuild import Comparison, compare, local_sources, plan_reinstallation, unplanned
from pyman.core.version import parse_version


def release(text):
    version = parse_version(text)
    return Release(version, marker_environment(version, sys_platform="linux", machine="x86_64"))


def package(name, version="1.0", *, requires=(), python=None, origin=None, requested=True):
    distribution = Distribution(name, normalize_name(name), version, python, tuple(requires))
    return Package(distribution, f"{name}-{version}.dist-info", requested=requested, origin=origin)


EDITABLE = Origin("editable", "file:///src", "/src")
FOLDER = Origin("folder", "file:///other", "/other")
ARCHIVE = Origin("archive", "file:///w/x-1.0.whl", "/w/x-1.0.whl")
REMOTE = Origin("archive", "https://h/x-1.0.whl")
GIT = Origin("vcs", "https://h/x.git", system="git", commit="abc")
OLD, NEW = release("3.13.5"), release("3.11.2")


def plan(*packages, old=OLD, new=NEW, **options):
    return plan_reinstallation(packages, old, new, **options)


def test_everything_is_put_back_in_its_version_from_where_it_came():
    made = plan(package("Spam"), package("ed", origin=EDITABLE), package("x", origin=GIT), package("pip", "25.0"))
    assert made.obstacles == ()
    assert made.own == ("pip", "setuptools")
    (batch,) = made.batches
    assert batch.lines == ("Spam==1.0", "-e file:///src", "x @ git+https://h/x.git@abc")
    assert not batch.dependencies
    assert batch.names == ("spam", "ed", "x")
    assert [one.exact for one in made.exact] == [True, False, True]
    assert plan().batches == ()


@pytest.mark.parametrize(
    ("one", "options", "words", "relaxable"),
    [
        (
            package("ed", origin=EDITABLE),
            {"missing": {"/src"}},
            "the source of this editable install is gone: /src",
            False,
        ),
        (package("x", origin=ARCHIVE), {"missing": {"/w/x-1.0.whl"}}, "installed from is gone: /w/x-1.0.whl", False),
        (package("x", origin=UNKNOWN), {}, "direct_url.json", False),
        (package("x", origin=REMOTE), {"offline": True}, "network", False),
        (package("x", origin=GIT), {"offline": True}, "network", False),
        (package("x", python=">=3.12"), {}, "it requires Python >=3.12", True),
        (package("x", python=">=3.12", origin=ARCHIVE), {}, "it requires Python >=3.12", False),
        (package("x", "1.0 beta"), {}, "not a version", False),
    ],
)
def test_what_cannot_be_put_back_is_told_before_anything_is_touched(one, options, words, relaxable):
    options = {name: frozenset(value) if isinstance(value, set) else value for name, value in options.items()}
    made = plan(one, package("fine"), **options)
    (obstacle,) = made.obstacles
    assert words in str(obstacle)
    assert str(obstacle).startswith(f"{one.name} {one.version}: ")
    assert obstacle.relaxable is relaxable
    assert [other.name for other in made.exact] == ["fine"]


def test_a_folder_may_have_learned_about_the_new_minor_since():
    assert (
        plan(package("ed", python=">=3.12", origin=EDITABLE), package("f", python="three", origin=FOLDER)).obstacles
        == ()
    )


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (package("x"), "x>=1.0"),
        (package("x", python=">=3.12"), "x>1.0"),
        (package("x", "2.0+cpu"), "x>=2.0"),
        (package("x", "2004d"), "x"),
    ],
)
def test_a_relaxed_package_is_resolved_against_all_others_as_they_were(one, line):
    made = plan(
        one, package("fine"), package("ed", origin=EDITABLE), package("g", origin=GIT), relaxed=frozenset({"x"})
    )
    assert made.obstacles == ()
    exact, resolved = made.batches
    assert exact.lines[0] == "fine==1.0"
    assert resolved.lines == (line,)
    assert resolved.dependencies
    assert resolved.constraints == ("fine==1.0", "g==1.0")


def test_what_came_from_elsewhere_than_the_index_is_never_taken_from_there_instead():
    made = plan(package("x", origin=ARCHIVE), relaxed=frozenset({"x"}), missing=frozenset({"/w/x-1.0.whl"}))
    assert [one.name for one in made.obstacles] == ["x"]
    assert made.batches == ()


def test_what_the_new_minor_needs_in_addition_is_installed_with_it():
    needy = package(
        "needy",
        requires=[
            'tomli[fast]>=1.1,<3; python_version < "3.12"',
            'old-friend; python_version < "3.12"',
            'always-missing; python_version < "3.14"',
            'speed; python_version < "3.12" and extra == "speed"',
            "other",
        ],
    )
    made = plan(needy, package("Old.Friend"))
    exact, resolved = made.batches
    assert exact.lines == ("needy==1.0", "Old.Friend==1.0")
    assert resolved.lines == ("tomli[fast]<3,>=1.1",)
    assert resolved.dependencies
    assert made.resolved[0].source == "needed by needy on Python 3.11"
    assert len(plan(needy, old=NEW, new=OLD).batches) == 1


V38, V311, V313 = release("3.8.18"), release("3.11.2"), release("3.13.5")


@pytest.mark.parametrize(
    ("old", "new", "setuptools", "others", "own"),
    [
        (V311, V313, package("setuptools", "65.5.0"), (), True),
        (V311, V313, package("setuptools", "84.0.0", requested=False), (), True),
        (V311, V313, package("setuptools", "84.0.0"), (), False),
        (V311, V313, package("setuptools", "65.5.0", origin=ARCHIVE), (), False),
        (V311, V313, package("setuptools", "65.5.0"), (package("needy", requires=["Setuptools>=40"]),), False),
        (V311, V313, package("setuptools", "65.5.0"), (package("x", requires=['setuptools; extra == "a"']),), True),
        (V38, V311, package("setuptools", "56.0.0"), (package("needy", requires=["setuptools>=40"]),), True),
        (V38, V311, package("setuptools", "70.0.0"), (), False),
        (V313, V311, package("setuptools", "65.5.0"), (), False),
        (V313, V311, None, (), True),
        (V311, V313, None, (), False),
    ],
)
def test_setuptools_is_the_runtimes_own_where_nobody_chose_it(old, new, setuptools, others, own):
    packages = (*others, package("pip"), *([setuptools] if setuptools else []))
    made = plan(*packages, old=old, new=new)
    assert ("setuptools" in made.own) is own
    assert ("setuptools" in [one.normalized for one in made.exact]) is (setuptools is not None and not own)
    assert "pip" in made.own


def test_sources_are_named_once():
    packages = [
        package("a", origin=EDITABLE),
        package("b", origin=EDITABLE),
        package("c", origin=ARCHIVE),
        package("d"),
    ]
    assert local_sources(packages) == ("/src", "/w/x-1.0.whl")


def test_before_and_after_are_compared_by_name_and_version():
    before = [
        package("Same"),
        package("gone"),
        package("grown"),
        package("pip", "22.0"),
        package("setuptools", "65.5.0"),
    ]
    after = [package("same"), package("new", "3"), package("Grown", "2.0"), package("pip", "25.0")]
    compared = compare(before, after, own=("pip", "setuptools"))
    assert compared == Comparison((("new", "3"),), (("gone", "1.0"),), (("grown", "1.0", "2.0"),))
    assert compare(before, before) == Comparison()


def test_what_was_not_planned_is_said_and_what_was_allowed_is_not():
    before = (package("a"), package("b"), package("ed", origin=EDITABLE), package("c"))
    made = plan(*before, relaxed=frozenset({"a"}))
    after = (package("a", "2.0"), package("b", "2.0"), package("ed", "9", origin=EDITABLE), package("extra"))
    assert unplanned(made, compare(before, after, made.own)) == ("c 1.0 is missing", "b is 2.0 instead of 1.0")


_packages = st.lists(
    st.builds(
        package,
        st.sampled_from(["a", "b", "C.c", "setuptools", "pip"]),
        st.sampled_from(["1.0", "65.5.0", "odd version"]),
        requires=st.lists(st.sampled_from(["a", 'd; python_version<"3.12"', "bad; bad", "setuptools"]), max_size=2),
        python=st.sampled_from([None, ">=3.12", "<3.12", "nonsense"]),
        origin=st.sampled_from([None, EDITABLE, GIT, UNKNOWN]),
        requested=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda one: one.normalized,
)


@given(
    _packages,
    st.sampled_from([V38, V311, V313]),
    st.sampled_from([V38, V311, V313]),
    st.frozensets(st.sampled_from(["a", "b"])),
)
@settings(max_examples=100)
def test_every_package_is_put_back_or_left_or_an_obstacle_and_never_two_of_these(packages, old, new, relaxed):
    made = plan(*packages, old=old, new=new, relaxed=relaxed, missing=frozenset({"/src"}))
    put_back = [one.normalized for one in (*made.exact, *made.resolved) if one.version]
    stopped = [one.normalized for one in made.obstacles]
    left = [one.normalized for one in packages if one.normalized in made.own]
    assert sorted([*put_back, *stopped, *left]) == sorted(one.normalized for one in packages)
    assert compare(packages, packages, made.own) == Comparison()
    if not made.resolved:
        assert unplanned(made, compare(packages, packages, made.own)) == ()
