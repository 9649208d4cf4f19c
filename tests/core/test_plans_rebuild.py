"""What a rebuild puts back, what it leaves to the new runtime, and what stops it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.choice import choose
from pyman.core.immutable import replace
from pyman.core.new_venv import VenvSpec
from pyman.core.packages.compatibility import Release, marker_environment
from pyman.core.packages.installer import Batch, Installer
from pyman.core.packages.package import UNKNOWN, Distribution, Origin, Package, normalize_name
from pyman.core.plans.rebuild import (
    Comparison,
    RebuildOptions,
    RebuildPlan,
    RequestedPython,
    compare,
    fits,
    kept_request,
    local_sources,
    means_same_minor,
    obstacles_of,
    plan_reinstallation,
    refuse_missing_sources,
    refuse_unknown_names,
    relax,
    requested_python,
    split_own,
    stays,
    told_changes,
    unplanned,
    with_policy,
)
from pyman.core.request import parse_request
from pyman.core.venv import Library
from pyman.core.version import parse_version
from pyman.errors import BLOCKED, CHANGED_FILES, SOURCE_GONE, BadRequest, NotFound, Refused, UsageError
from stage.facts import RUNTIMES, cfg, following, pinned
from stage.stores import store


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
    made = plan(
        *(package("Spam"), package("ed", origin=EDITABLE), package("x", origin=GIT), package("f", origin=FOLDER)),
        package("pip", "25.0"),
    )
    assert made.obstacles == ()
    assert made.own == ("pip", "setuptools")
    (batch,) = made.batches
    assert batch.lines == ("Spam==1.0", "-e file:///src", "x @ git+https://h/x.git@abc", "f @ file:///other")
    assert not batch.dependencies
    assert batch.names == ("spam", "ed", "x", "f")
    sources = ["from the index", "editable, from /src", "from https://h/x.git at abc", "from /other"]
    assert [one.source for one in made.exact] == sources
    # What lies in a folder may have another version by now.
    assert [one.exact for one in made.exact] == [True, False, True, False]
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
        (package("x", python=">=3.12", origin=GIT), {}, "it requires Python >=3.12", False),
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
            'tomli[slow,fast]>=1.1,<3; python_version < "3.12"',
            'old-friend; python_version < "3.12"',
            'always-missing; python_version < "3.14"',
            'speed; python_version < "3.12" and extra == "speed"',
            'typing-extensions; python_version < "3.12"',
            "other",
        ],
    )
    made = plan(needy, package("Old.Friend"))
    exact, resolved = made.batches
    assert exact.lines == ("needy==1.0", "Old.Friend==1.0")
    assert resolved.lines == ("tomli[fast,slow]<3,>=1.1", "typing-extensions")
    assert resolved.dependencies
    assert resolved.names == ("tomli", "typing-extensions")
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
    compared = compare(before, after, made.own)
    assert unplanned(made, compared) == ("c 1.0 is missing", "b is 2.0 instead of 1.0")
    assert unplanned(made, compared, any_version=True) == ("c 1.0 is missing",)


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


# Which Python a rebuild is for, and what stays of request and policy.

DEAD = {"interpreter": None, "link": None, "home_interpreter": None, "libraries": ()}


def texts(requested):
    return [str(request) for request in requested.requests]


@pytest.mark.parametrize(
    ("changes", "asked", "minor", "requests", "alias", "pin", "fallback"),
    [
        ({}, "3.12", None, ["3.12"], None, False, None),
        (pinned("3.13.5"), "3.12", None, ["3.12"], None, True, None),
        ({}, None, None, ["3.13", f"{RUNTIMES}/3.13/bin/python3.13"], "3.13", False, None),
        ({"link": None}, None, None, ["3.13"], "3.13", False, None),
        ({"link": None}, None, "3.14t", ["3.14t"], "3.14t", False, None),
        # A pinned release first; where it is nowhere to be had, its minor.
        ({**pinned("3.13.5"), "link": None}, None, None, ["3.13.5"], "3.13", True, "3.13"),
        ({**pinned("3.13.5"), "link": "/x/python3.13"}, None, None, ["3.13.5", "/x/python3.13"], "3.13", True, "3.13"),
        # The packages are for another minor than the pin.
        ({**pinned("3.12.1"), "link": None}, None, None, ["3.13"], "3.13", True, None),
        # The path that it was made from goes before the alias.
        ({"settings": cfg("pyman-request = /usr/bin/python3.13\n"), "link": None}, None, None,
         ["/usr/bin/python3.13", "3.13"], "3.13", False, None),
        # Only the words tell, and words that nobody understands tell nothing.
        ({**DEAD, "settings": cfg("pyman-request = 3.11\n")}, None, None, ["3.11"], None, False, None),
        ({**DEAD, "settings": cfg("pyman-request = >=3.11\npyman-policy = pin\n")}, None, None, [">=3.11"], None, True, None),
        ({"settings": cfg("pyman-request = !!\n"), "link": None}, None, None, ["3.13"], "3.13", False, None),
    ],
)  # fmt: skip
def test_which_python_a_rebuild_looks_for(changes, asked, minor, requests, alias, pin, fallback):
    found = requested_python(following(**changes), asked, minor)
    assert (texts(found), found.alias, found.pin, found.asked) == (requests, alias, pin, asked is not None)
    assert [one.kind == "path" for one in found.requests] == [text.startswith("/") for text in requests]
    assert (str(found.fallback) if found.fallback is not None else None) == fallback


def test_a_venv_that_nothing_tells_about():
    with pytest.raises(NotFound, match=r"it is not known which Python /p/\.venv needs") as told:
        requested_python(following(**DEAD, settings=cfg("")), None)
    assert told.value.hint == "choose one: `pyman rebuild -p 3.13 /p/.venv`"


@pytest.mark.parametrize(
    ("asked", "same"),
    [("3.13", True), ("3.13.1", True), ("3.13t", False), ("3.12", False), ("3", True), (">=3.12", True), ("<3.12", False),
     ("latest", True), ("pypy3.13", False)],
)  # fmt: skip
def test_words_that_name_the_minor_that_a_venv_has(asked, same):
    assert means_same_minor(following(), asked) is same
    assert means_same_minor(following(interpreter=None), "latest") is False
    pypy = following(implementation="pypy", libraries=(Library("pypy3.11", site_packages=True),))
    same_of_pypy = [means_same_minor(pypy, text) for text in ("pypy3.11", "pypy3.11-8.0.1", "pypy3.10-7.3.19", "3.11")]
    assert same_of_pypy == [True, True, False, False]


STORE = store("3.13.5", "3.13.15", "3.14.2t")


def test_a_choice_keeps_minor_and_policy():
    follows = choose(STORE, parse_request("3.13"))
    assert fits(follows, RequestedPython((), "3.13"))
    assert fits(follows, RequestedPython(()))
    assert not fits(follows, RequestedPython((), "3.14t"))
    request, minor = parse_request("3.13.15"), parse_request("3.13")
    pins = RequestedPython((request,), "3.13", pin=True, fallback=minor)
    assert with_policy(follows, pins, request, STORE).through == "3.13.15"
    assert with_policy(follows, pins, minor, STORE) == follows
    assert with_policy(follows, replace(pins, pin=False), request, STORE) == follows
    pinned_one = choose(STORE, request)
    assert with_policy(pinned_one, pins, request, STORE) == pinned_one
    outside = replace(follows, runtime=None)
    assert with_policy(outside, pins, request, STORE) == replace(outside, policy="pin")


@pytest.mark.parametrize(
    ("said", "asked", "request_text", "policy", "kept"),
    [
        ("3.13", True, ">=3.12", "follow", ">=3.12"),
        ("3.13", True, "/usr/bin/python3.13", "follow", f"{RUNTIMES}/3.13/bin/python3.13"),
        (">=3.12", False, "3.13", "follow", ">=3.12"),
        # What is no longer true goes.
        ("3.12", False, "3.13", "follow", "3.13"),
        ("3.12", False, "3.13.15", "pin", "3.13.15"),
        ("/usr/bin/python3.13", False, "/usr/bin/python3.13", "follow", f"{RUNTIMES}/3.13/bin/python3.13"),
        ("/usr/bin/python3.13", False, "3.13", "follow", "3.13"),
        ("", False, "/usr/bin/python3.13", "follow", f"{RUNTIMES}/3.13/bin/python3.13"),
        ("3.12", False, "/usr/bin/python3.13", "follow", "3.13"),
    ],
)
def test_the_words_that_are_kept(said, asked, request_text, policy, kept):
    facts = following(settings=cfg(f"pyman-request = {said}\n" if said else ""))
    choice = replace(choose(STORE, parse_request("3.13")), policy=policy)
    request = parse_request(request_text)
    assert kept_request(facts, choice, RequestedPython((request,), asked=asked), request) == kept


def test_what_of_the_users_stays_in_the_folder():
    facts = following()
    assert stays(facts, "/elsewhere/src")
    assert stays(facts, "/p/.venv/src/app")
    assert not stays(facts, "/p/.venv/lib/app")
    inside = package("ed", origin=Origin("editable", "file:///p/.venv/src/app", "/p/.venv/src/app"))
    assert split_own(facts, ["bin", "src", "src2", "notes", "pyvenv.cfg"], (inside, package("x"))) == (
        ("src",),
        ("notes", "src2"),
    )


def test_files_that_were_changed_are_named():
    changed = tuple((f"lib/python3.13/site-packages/a{number}.py", "app 1.0") for number in range(7))
    start = "files of packages were changed since they were installed: a0.py (app 1.0)"
    assert told_changes(changed[:1]) == start
    assert told_changes(changed[:5]).endswith(", a4.py (app 1.0)")
    assert told_changes(changed) == f"{told_changes(changed[:5])} and 2 more"


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("lib/python3.13/site-packages/app/a.py", "app/a.py"),
        ("lib/python3.13/site-packages/app/site-packages/a.py", "app/site-packages/a.py"),
        ("bin/app", "bin/app"),
    ],
)
def test_a_changed_file_is_named_as_its_package_names_it(path, named):
    assert told_changes(((path, "app 1.0"),)).endswith(f" since they were installed: {named} (app 1.0)")


def test_names_behind_an_option_are_those_of_packages():
    packages = (package("Spam"), package("Eggs_x"))
    refuse_unknown_names(following(), packages, ["spam", "eggs-x"])
    with pytest.raises(UsageError, match=r"/p/\.venv has no package bacon") as told:
        refuse_unknown_names(following(), packages, ["spam", "bacon", "x"])
    assert told.value.hint == "`--allow-newer` takes the names of installed packages"


def test_sources_that_are_gone_are_told_before_a_python_is_installed_for_nothing():
    packages = (package("ed", origin=EDITABLE), package("x", origin=ARCHIVE), package("y"))
    refuse_missing_sources(following(), packages, frozenset())
    with pytest.raises(Refused) as told:
        refuse_missing_sources(following(), packages, frozenset(("/src", "/w/x-1.0.whl")))
    assert told.value.message == (
        "/p/.venv cannot be rebuilt: ed 1.0: the source of this editable install is gone: /src; "
        "x 1.0: what it was installed from is gone: /w/x-1.0.whl"
    )
    assert told.value.hint == "put it back, or uninstall ed x first"
    assert told.value.code == SOURCE_GONE


def rebuild_plan(*packages, missing=frozenset(), **named):
    choice = choose(STORE, parse_request("3.13"))
    decided = plan_reinstallation(packages, OLD, NEW, missing=missing)
    spec = VenvSpec("/p/.venv", "3.13", system_site_packages=True)
    installer = Installer("pip", ("/x/python", "-m", "pip"))
    return RebuildPlan(
        following(),
        spec,
        choice,
        installer,
        packages,
        OLD,
        NEW,
        decided,
        decided.batches,
        "/p",
        missing=missing,
        may_relax=False,
        copied=(),
        moved=(),
        pip_conf=None,
        offline=False,
        notes=(),
        **{"changed": (), "goes_over_changes": False, **named},
    )


def test_what_nobody_understands_is_left_to_the_installer():
    assert obstacles_of(rebuild_plan(package("a", python="<" + "9" * 5000), package("b", python="three"))) is None


def test_what_prevents_a_rebuild():
    plain = rebuild_plan(package("a"))
    assert (obstacles_of(plain), plain.source, plain.unfinished, plain.sync) == (None, None, None, None)
    newer = obstacles_of(rebuild_plan(package("a", python=">=3.12"), package("b", python=">=3.12")))
    assert newer.message == (
        "/p/.venv cannot be rebuilt with Python 3.13.15: "
        "a 1.0: it requires Python >=3.12; b 1.0: it requires Python >=3.12"
    )
    assert newer.hint == "`--allow-newer a b` allows newer versions of a and b"
    assert newer.code == BLOCKED
    gone = package("ed", origin=EDITABLE)
    mixed = obstacles_of(rebuild_plan(package("a", python=">=3.12"), gone, missing=frozenset(("/src",))))
    assert mixed.hint == "put back what is missing, or uninstall these packages first"
    many = obstacles_of(rebuild_plan(*(package(f"p{number}", python=">=3.12") for number in range(7))))
    assert many.message.endswith("p4 1.0: it requires Python >=3.12; and p5, p6")
    # What a lock file says is installed instead.
    assert obstacles_of(rebuild_plan(package("a", python=">=3.12"), source="/p/lock")) is None


def test_changes_in_packages_prevent_a_rebuild_until_they_may_be_lost():
    changed = (("lib/python3.13/site-packages/a.py", "app 1.0"),)
    refused = obstacles_of(rebuild_plan(changed=changed))
    assert refused.message == f"/p/.venv was not rebuilt: {told_changes(changed)}"
    assert refused.code == CHANGED_FILES
    assert refused.hint == "copy the changes elsewhere, then run `pyman rebuild /p/.venv --force`"
    assert obstacles_of(rebuild_plan(changed=changed, goes_over_changes=True)) is None


def test_a_relaxed_plan_takes_other_versions_of_just_these():
    unfinished = Batch(("z",), ("z",))
    plan = rebuild_plan(package("a", python=">=3.12"), package("b"), unfinished=unfinished)
    assert obstacles_of(plan) is not None
    relaxed = relax(plan, frozenset(("a",)))
    assert (obstacles_of(relaxed), relaxed.relaxed) == (None, frozenset(("a",)))
    assert [batch.lines for batch in relaxed.batches] == [("b==1.0",), ("a>1.0",), ("z",)]
    assert all(batch.system_site_packages for batch in relaxed.batches)
    assert relax(relaxed, frozenset(("b",))).relaxed == frozenset(("a", "b"))
    assert relax(replace(plan, unfinished=None), frozenset(("a",))).batches[-1].lines == ("a>1.0",)
    # Without the network nothing is relaxed that would need it.
    offline = relax(replace(plan, packages=(package("x", origin=REMOTE),), offline=True), frozenset(("a",)))
    assert "the network is disabled" in obstacles_of(offline).message
    assert plan.library == "lib/python3.13/site-packages"
    assert replace(plan, facts=following(libraries=())).library is None


def test_a_pinned_release_that_is_too_old_to_be_asked_for_is_not_looked_for():
    facts = following(**{**DEAD, **pinned("3.5.2"), "libraries": (Library("python3.5", site_packages=True),)})
    with pytest.raises(BadRequest, match="too old"):
        requested_python(facts, None)


def test_all_that_is_installed_is_named():
    made = plan(package("Spam"), package("x"), package("pip"), relaxed=frozenset({"x"}))
    assert (made.names, [batch.names for batch in made.batches]) == (("spam", "x"), [("spam",), ("x",)])


def test_without_a_word_a_rebuild_is_of_what_is_there_and_goes_over_nothing():
    said = RebuildOptions()
    assert (said.python, said.minor, said.source) == (None, None, None)
    assert not any((said.allow_newer, said.relaxed, said.force, said.foreign, said.yes))
    assert said.installer == "auto"


def test_what_a_package_requires_of_python_may_be_met():
    assert plan(package("x", python=">=3.8,!=3.11.0")).obstacles == ()
    assert plan(package("x", python=">=3.15"), new=release("3.15.0rc1")).obstacles == ()


def test_a_specifier_that_nobody_understands_is_left_to_the_installer():
    assert plan(package("x", python="three")).obstacles == ()
