"""Where a venv could be linked to instead, and what of its file is stale."""

import pytest

from pyman.core.immutable import replace
from pyman.core.relink import (
    Target,
    base_target,
    has_stale_home,
    names_one_runtime,
    numbers_in,
    pinned_release,
    relink_target,
    shown_release,
    stale_keys,
    target_for,
    wanted_alias,
)
from pyman.core.venv import Library, OwnerLink, Way
from pyman.core.version import UNKNOWN_PATCH, Version
from stage.facts import RUNTIMES, base, cfg, following, pinned, within
from stage.stores import store

STORE = store("3.13.5", "3.13.15", "3.14.2t", "pypy3.11-8.0.1")
NOTHING_TOLD = {"libraries": (), "interpreter": None, "home_interpreter": None}


@pytest.mark.parametrize(
    ("changes", "alias"),
    [
        ({}, "3.13"),
        ({"libraries": (Library("python3.14t", site_packages=True),)}, "3.14t"),
        ({**NOTHING_TOLD, "link": "/gone/bin/python3.12"}, "3.12"),
        ({**NOTHING_TOLD, "link": "/gone/bin/python3.14t"}, "3.14t"),
        ({**NOTHING_TOLD, "link": "/gone/bin/python3.11", "implementation": "pypy"}, "pypy3.11"),
        ({**NOTHING_TOLD, "link": "/gone/bin/python", "settings": cfg("version = 3.11.2\n")}, "3.11"),
        ({**NOTHING_TOLD, "link": None, "settings": cfg("version_info = 3.10.1.final.0\n")}, "3.10"),
        ({**NOTHING_TOLD, "link": None, "settings": cfg("version = 3\nversion_info = 3.9\n")}, "3.9"),
        ({**NOTHING_TOLD, "link": None, "settings": cfg("version = 3\n")}, None),
    ],
)
def test_the_alias_that_the_packages_need(changes, alias):
    assert wanted_alias(following(**changes)) == alias


@pytest.mark.parametrize(
    ("changes", "alias", "home", "pins"),
    [
        ({}, "3.13", f"{RUNTIMES}/3.13/bin", False),
        (pinned("3.13.5"), "3.13", f"{RUNTIMES}/3.13.5/bin", True),
        # A release that is gone, or one of another minor than the packages are for: the venv follows from then on.
        (pinned("3.13.9"), "3.13", f"{RUNTIMES}/3.13/bin", False),
        (pinned("3.13.5"), "3.14t", f"{RUNTIMES}/3.14t/bin", False),
        ({"implementation": "pypy"}, "pypy3.11", f"{RUNTIMES}/pypy3.11/bin", False),
    ],
)
def test_what_a_venv_should_go_through(changes, alias, home, pins):
    found = target_for(following(**changes), STORE, alias)
    assert (found.home, found.pins, found.in_store, found.alias) == (home, pins, True, alias)
    assert found.prefix_in_use == home.removesuffix("/bin")
    assert found.prefix == STORE.in_use(alias).path or found.pins
    assert found.executable.startswith(f"{home}/")


def test_the_prefix_of_an_adopted_release_is_where_it_lies():
    found = target_for(following(), store("3.13.5@/opt/python"), "3.13")
    assert (found.prefix, found.home) == ("/opt/python", f"{RUNTIMES}/3.13/bin")


def test_a_pinned_release_that_is_broken_is_no_target():
    """What nothing runs in is not linked to, however much it is what was asked for."""
    found = target_for(following(**pinned("3.13.5")), store("3.13.5!", "3.13.15"), "3.13")
    assert (found.home, found.pins) == (f"{RUNTIMES}/3.13/bin", False)
    assert target_for(following(**pinned("3.13.5")), store("3.13.5!"), "3.13") is None


UV = base("3.12.4", "/uv/cpython-3.12.4")


@pytest.mark.parametrize(
    ("link", "alias", "is_one"),
    [
        (OwnerLink("/uv/cpython-3.12", UV), "3.12", True),
        (OwnerLink("/uv/cpython-3.12", UV), "3.11", False),
        (OwnerLink("/uv/cpython-3.12", replace(UV, version=None)), "3.12", False),
        (OwnerLink("/uv/cpython-3.12", replace(UV, library=None)), "3.12", False),
        (OwnerLink("/uv/graalpy", replace(UV, implementation="graalpy")), "graalpy3.12", False),
        (None, "3.12", False),
    ],
)
def test_the_link_of_an_owner(link, alias, is_one):
    found = target_for(following(owner_link=link), STORE, alias)
    wanted = Target(
        "/uv/cpython-3.12/bin",
        "/uv/cpython-3.12/bin/python3.12",
        Version(3, 12, 4),
        "default",
        UV.prefix,
        in_store=False,
    )
    assert found == (wanted if is_one else None)
    if found is not None:
        assert (found.alias, found.prefix_in_use) == ("3.12", "/uv/cpython-3.12")
        assert shown_release(found) == "3.12.4 in /uv/cpython-3.12.4"


def test_no_alias_and_no_implementation_that_is_left_alone_has_a_target():
    assert target_for(following(), STORE, None) is None
    assert target_for(following(implementation="graalpy"), STORE, "3.13") is None
    assert shown_release(target_for(following(), STORE, "3.13")) == "3.13.15"


@pytest.mark.parametrize(
    ("request_text", "link", "release"),
    [
        ("3.13.5", None, "3.13.5"),
        ("==3.13.5", None, "3.13.5"),
        ("== 3.14.2t", None, "3.14.2t"),
        ("pypy3.11-8.0.1", None, "pypy3.11-8.0.1"),
        ("3.13", f"{RUNTIMES}/3.13.9/bin/python3.13", "3.13.9"),
        ("3.13", f"{RUNTIMES}/3.13/bin/python3.13", None),
        ("pypy3.11", None, None),
    ],
)
def test_the_release_that_a_venv_is_pinned_to(request_text, link, release):
    facts = following(**pinned(request_text), link=link, home=None)
    assert pinned_release(facts) == release
    assert pinned_release(replace(facts, settings=cfg("pyman-policy = follow\n"))) is None


def test_the_link_tells_where_nobody_wrote_down_what_was_asked_for():
    facts = following(settings=cfg("pyman-policy = pin\n"), **within(f"{RUNTIMES}/3.13.5", base("3.13.5")))
    assert pinned_release(facts) == "3.13.5"


@pytest.mark.parametrize(
    ("base_home", "release", "home", "pins"),
    [
        ("/usr/bin", "3.13.1", "/usr/bin", False),
        # A folder of one release, which the alias has caught up with.
        (f"{RUNTIMES}/3.13.5/bin", "3.13.5", f"{RUNTIMES}/3.13/bin", False),
        (f"{RUNTIMES}/3.13.15/bin", "3.13.15", f"{RUNTIMES}/3.13/bin", False),
        # One that is newer than what the alias leads to stays.
        ("/opt/3.13.16/bin", "3.13.16", "/opt/3.13.16/bin", True),
    ],
)
def test_the_base_of_a_venv_of_a_venv(base_home, release, home, pins):
    found = base("3.13.1", "/usr") if release == "3.13.1" else base(release)
    facts = following(**within("/outer", found), outer="/outer", base_home=base_home)
    target = base_target(facts, STORE)
    assert (target.home, target.pins) == (home, pins)
    assert target.executable == f"{home}/python3.13"
    assert relink_target(facts, STORE, nested=True) == target
    assert relink_target(facts, STORE, nested=False).home == f"{RUNTIMES}/3.13/bin"


@pytest.mark.parametrize(
    "changes",
    [
        {"base_home": None},
        {"interpreter": None},
        {"interpreter": replace(base("3.13.5"), version=None)},
        {"interpreter": replace(base("3.13.5"), minor="")},
        {"implementation": "graalpy"},
    ],
)
def test_a_venv_of_a_venv_whose_base_nothing_tells(changes):
    assert base_target(following(**{"base_home": "/usr/bin", **changes}), STORE) is None


OLD = base("3.13.5")


@pytest.mark.parametrize(
    ("changes", "one"),
    [
        ({}, True),
        ({"link": None}, True),
        ({"home": None}, True),
        ({"home": f"{RUNTIMES}/3.13/bin/"}, True),
        # By two ways.
        ({"home": f"{RUNTIMES}/3.13.15/bin"}, True),
        ({"home": "/other/bin", "home_interpreter": replace(base("3.13.15"), path="/other/bin/python3")}, True),
        ({"home": "/other/bin", "home_interpreter": replace(base("3.13.15"), prefix="/other")}, True),
        ({"home": f"{RUNTIMES}/3.13.5/bin", "home_interpreter": OLD}, False),
        ({"home": "/x/bin", "home_interpreter": None}, False),
        ({"home": "/x/bin", "interpreter": None}, False),
    ],
)
def test_whether_link_and_home_are_one_python(changes, one):
    assert names_one_runtime(following(**changes)) is one


@pytest.mark.parametrize(
    ("written", "home", "stale"),
    [
        ("home = /a/bin\n", "/a/bin", False),
        ("home = /a/bin/\n", "/a/bin", False),
        ("home = /a/bin\n", "/a/bin/", False),
        ("home = /b/bin\n", "/a/bin", True),
        ("home = /a/binX\n", "/a/bin", True),
        ("", "/a/bin", False),
        ("home = /b/bin\n", None, False),
    ],
)
def test_a_home_that_does_not_count(written, home, stale):
    assert has_stale_home(following(settings=cfg(written), home=home, home_way=Way(()))) is stale


@pytest.mark.parametrize(
    ("text", "numbers", "prerelease"),
    [
        ("3.13", (3, 13), ""),
        ("3.13.5", (3, 13, 5), ""),
        ("3.14.0rc2", (3, 14, 0), "rc2"),
        ("3.13.5.final.0", (3, 13, 5), ""),
        ("3.14.0.candidate.2", (3, 14, 0), "rc2"),
        ("3.14.0.alpha.1", (3, 14, 0), "a1"),
        ("3.14.0.beta.3", (3, 14, 0), "b3"),
        ("3.14.0.beta.x", (), ""),
        ("3.14.0.beta.²", (), ""),
        ("", (), ""),
        ("PyPy", (), ""),
    ],
)
def test_what_a_version_line_names(text, numbers, prerelease):
    assert numbers_in(text) == (numbers, prerelease)


@pytest.mark.parametrize(
    ("lines", "version", "stale"),
    [
        ("version = 3.13\n", Version(3, 13, 5), ()),
        ("version = 3.13.5\n", Version(3, 13, 5), ()),
        ("version = 3.13.4\n", Version(3, 13, 5), ("version",)),
        ("version = 3.12\nversion_info = 3.13.5.final.0\n", Version(3, 13, 5), ("version",)),
        # The stdlib leaves the stage of a pre-release out.
        ("version = 3.14.0\n", Version(3, 14, 0, "rc1"), ()),
        ("version = 3.14.0rc1\n", Version(3, 14, 0, "rc1"), ()),
        ("version = 3.14.0rc1\n", Version(3, 14, 0), ("version",)),
        ("version_info = 3.14.0.candidate.1\n", Version(3, 14, 0, "rc2"), ("version_info",)),
        ("version = unknown\n", Version(3, 13, 5), ()),
        ("version = 3.11.4\n", Version(3, 11, UNKNOWN_PATCH, implementation="pypy", own="8.0.1"), ()),
        ("", Version(3, 13, 5), ()),
    ],
)
def test_version_lines_that_are_wrong(lines, version, stale):
    assert stale_keys(following(settings=cfg(lines)), version, ("version", "version_info")) == stale
