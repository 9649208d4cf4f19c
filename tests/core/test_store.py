"""Names of runtimes and aliases, and where aliases point."""

import pytest
from hypothesis import given

from pyman.core.aliases import Swap, missing_links, swaps, wanted_aliases, with_links_beneath, with_swaps
from pyman.core.immutable import replace
from pyman.core.store import (
    Alias,
    alias_order,
    is_adopted_target,
    is_alias_name,
    is_own_build,
    is_shared,
    origin_of,
    parse_runtime_name,
    rollback_target,
    with_broken,
    with_default,
    with_hold,
    with_runtime,
    without_runtime,
)
from pyman.core.version import UNKNOWN_PATCH, Version
from stage.stores import ADOPTED, MANAGED, aliases, distinct, layered, runtime, settle, store

NAMES = [
    ("3.13.5", (Version(3, 13, 5), "default", None)),
    ("pypy3.11-8.0.1", (Version(3, 11, UNKNOWN_PATCH, implementation="pypy", own="8.0.1"), "default", None)),
    ("pypy3.11-8.0.1+20261101", None),
    ("pypy3.11", None),
    ("pypy3.11-v8.0.1", None),
    ("3.14.2t", (Version(3, 14, 2), "freethreaded", None)),
    ("3.14.0rc2d", (Version(3, 14, 0, "rc2"), "debug", None)),
    ("3.13.15+20261101", (Version(3, 13, 15), "default", "20261101")),
    ("3.14.2t+20261101", (Version(3, 14, 2), "freethreaded", "20261101")),
    ("3.13", None),
    ("3", None),
    ("3.13.5+source", (Version(3, 13, 5), "default", "source")),
    ("3.14.2t+lto2", (Version(3, 14, 2), "freethreaded", "lto2")),
    ("3.13.5+", None),
    ("3.13.5+Source", None),
    ("3.13.5+gil", None),
    ("3.13.5+debug", None),
    ("3.13.5+my-own", None),
    ("3.13+source", None),
    ("3.13.5+2026", None),
    ("3.13.5+20261101x", None),
    ("3.13.5-old", None),
    ("python", None),
    ("", None),
    (".install-3.13.5", None),
]


@pytest.mark.parametrize(("name", "parsed"), NAMES, ids=str)
def test_names_of_runtimes(name, parsed):
    assert parse_runtime_name(name) == parsed


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("3", True), ("3.13", True), ("3.14t", True), ("3.14d", True), ("3.13.5", False), ("3t", False), ("x", False),
     ("", False), ("3.13.5+20261101", False), ("3.14rc1", False), ("pypy3.11", True), ("graalpy3.12", True),
     ("pypy3", False), ("pypy3.11-8.0.1", False)],
)  # fmt: skip
def test_names_of_aliases(name, is_one):
    assert is_alias_name(name) is is_one


RULES = [
    # installed → aliases
    ((), {}),
    (("3.13.5",), {"3.13": "3.13.5", "3": "3.13"}),
    (("3.13.5", "3.13.15"), {"3.13": "3.13.15", "3": "3.13"}),
    (("3.13.15", "3.13.5@/pyenv"), {"3.13": "3.13.15", "3": "3.13"}),
    # managed before adopted, however old
    (("3.13.5", "3.13.15@/pyenv"), {"3.13": "3.13.5", "3": "3.13"}),
    (("3.12.1@/usr", "3.12.0@/pyenv"), {"3.12": "3.12.1", "3": "3.12"}),
    # final before pre-release, also an adopted one
    (("3.14.0rc2",), {"3.14": "3.14.0rc2", "3": "3.14"}),
    (("3.14.0rc2", "3.14.0rc1"), {"3.14": "3.14.0rc2", "3": "3.14"}),
    (("3.14.0rc2", "3.14.0"), {"3.14": "3.14.0", "3": "3.14"}),
    (("3.14.1rc1", "3.14.0@/pyenv"), {"3.14": "3.14.0", "3": "3.14"}),
    # `3` prefers what is final
    (("3.15.0a1", "3.13.5"), {"3.15": "3.15.0a1", "3.13": "3.13.5", "3": "3.13"}),
    # a newer build goes before the older
    (("3.13.15", "3.13.15+20261101"), {"3.13": "3.13.15+20261101", "3": "3.13"}),
    # variants have aliases of their own
    (("3.14.2", "3.14.3t", "3.14.1d"), {"3.14": "3.14.2", "3.14t": "3.14.3t", "3.14d": "3.14.1d", "3": "3.14"}),
    (("3.13.5", "3.14.3t"), {"3.13": "3.13.5", "3.14t": "3.14.3t", "3": "3.13"}),
    (("3.14.3t",), {"3.14t": "3.14.3t", "3": "3.14t"}),
    # what is broken is nobody's target
    (("3.13.5", "3.13.15!"), {"3.13": "3.13.5", "3": "3.13"}),
    (("3.13.15!",), {}),
]  # fmt: skip


@pytest.mark.parametrize(("installed", "wanted"), RULES, ids=lambda value: " ".join(value) or "nothing")
def test_alias_rules(installed, wanted):
    made = store(*installed, reconciled=False)
    assert wanted_aliases(made) == wanted
    assert aliases(settle(made)) == wanted


@pytest.mark.parametrize(
    ("holds", "wanted"),
    [({"3.13": "3.13.5"}, "3.13.5"), ({"3.13": "3.13.4"}, "3.13.15"), ({"3.13": "3.12.1"}, "3.13.15"),
     ({"3.13": "3.13.9"}, "3.13.15"), ({"3.12": "3.13.5"}, "3.13.15")],
    ids=["a hold", "of what is not there", "of another minor", "of what is broken", "on another alias"],
)  # fmt: skip
def test_a_hold_keeps_an_alias_where_it_can(holds, wanted):
    made = store("3.13.5", "3.13.15", "3.13.9!", "3.12.1", holds=holds)
    assert aliases(made)["3.13"] == wanted
    assert aliases(made)["3.12"] == "3.12.1"


@pytest.mark.parametrize(
    ("default", "three"),
    [("3.12", "3.12"), ("3.12.1", "3.12"), ("python-3.12", "3.12"), (">=3.11,<3.13", "3.12"), ("3.14t", "3.14t"),
     ("3.9", "3.13"), ("latest", "3.13"), ("system", "3.13"), ("nonsense", "3.13"), ("/usr/bin/python3", "3.13"),
     (None, "3.13"), ("3", "3.13")],
)  # fmt: skip
def test_3_leads_to_the_default_minor(default, three):
    assert aliases(store("3.12.1", "3.13.5", "3.14.0t", default=default))["3"] == three


def test_what_is_right_is_not_rewritten_and_what_lies_in_the_way_is_not_touched():
    made = store("3.12.1", "3.13.5", "3.13.15")
    assert swaps(made) == ()
    stale = replace(made, aliases=(Alias("3.13", "3.13.5"), Alias("3.11", "3.11.2")), blocked=("3.12",))
    assert swaps(stale) == (Swap("3.11", "3.11.2", None), Swap("3.13", "3.13.5", "3.13.15"), Swap("3", None, "3.13"))


@given(MANAGED, ADOPTED)
def test_an_alias_leads_to_a_final_release_where_there_is_one(managed, adopted):
    made = store(*distinct(managed), *adopted)
    for name in aliases(made):
        target = made.alias_target(name)
        assert target is not None
        assert target.whole
        if name == "3":
            continue
        peers = [one for one in made.runtimes if one.whole and one.alias == name]
        finals = [one for one in peers if one.version.is_final]
        assert target.version.is_final is bool(finals)
        mine = [one for one in finals or peers if one.is_managed]
        assert target.is_managed is bool(mine)
        assert all(one.version <= target.version for one in mine or finals or peers)
    assert {one.alias for one in made.runtimes if one.whole} == set(aliases(made)) - {"3"}
    assert swaps(made) == ()


@pytest.mark.parametrize(
    ("at", "back"),
    [("3.13.15+20261101", "3.13.15"), ("3.13.15", "3.13.5"), ("3.13.5", "3.13.2"), ("3.13.2", None)],
)  # fmt: skip
def test_rollback_goes_one_lower_each_time(at, back):
    made = store("3.13.15", "3.13.15+20261101", "3.13.5", "3.13.2@/pyenv", "3.13.9!", "3.12.9", holds={"3.13": at})
    target = rollback_target(made, "3.13")
    assert (target.name if target else None) == back


@pytest.mark.parametrize(
    ("target", "origin", "shared"),
    [(None, "managed", False), ("/usr", "system", True), ("/usr/local", "system", True),
     ("/home/me/.pyenv/versions/3.12.1", "pyenv", False), ("/home/me/.local/share/uv/python/cpython-3.13.5-x", "uv", False),
     ("/home/me/.local/share/mise/installs/python/3.12.1", "mise", False), ("/home/me/.asdf/installs/python/3.12.1", "asdf", False),
     ("/opt/homebrew/opt/python@3.12", "homebrew", False), ("/opt/homebrew", "homebrew", True),
     ("/opt/local/Library/Frameworks/Python.framework/Versions/3.13", "macports", False),
     ("/Library/Frameworks/PythonT.framework/Versions/3.14", "python.org", False),
     ("/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions/3.9", "system", False),
     ("/home/me/.local/share/pystand/3.12.1", "pystand", False), ("/srv/python", "path", False)],
)  # fmt: skip
def test_whose_a_runtime_is(target, origin, shared):
    assert origin_of(target) == origin
    assert is_shared(target) is shared


def test_a_runtime_knows_its_names():
    one = runtime("3.14.2t@/pyenv/versions/3.14.2t")
    assert (one.alias, one.release, one.executable, one.is_managed) == ("3.14t", "3.14.2t", "bin/python3.14t", False)
    made = store("3.14.2t", "3.13.5")
    assert made.names_of(made.runtime("3.14.2t")) == ("3.14t",)
    assert set(made.names_of(made.runtime("3.13.5"))) == {"3.13", "3"}


# Two stores: the one for everybody lies beneath a user's own.


@pytest.mark.parametrize(
    ("own", "below", "wanted"),
    [
        ((), ("3.13.5",), {"3.13": "/system/runtimes/3.13", "3": "3.13"}),
        (("3.13.15",), ("3.13.5",), {"3.13": "3.13.15", "3": "3.13"}),
        (("3.13.5",), ("3.13.15",), {"3.13": "/system/runtimes/3.13", "3": "3.13"}),
        # The same release: one's own.
        (("3.13.5",), ("3.13.5",), {"3.13": "3.13.5", "3": "3.13"}),
        # A final release goes before a pre-release, wherever it is.
        (("3.14.0rc2",), ("3.14.0",), {"3.14": "/system/runtimes/3.14", "3": "3.14"}),
        (("3.13.5",), ("3.13.15rc1",), {"3.13": "3.13.5", "3": "3.13"}),
        (("3.12.1",), ("3.13.5",), {"3.12": "3.12.1", "3.13": "/system/runtimes/3.13", "3": "3.13"}),
        (("3.13.5",), (), {"3.13": "3.13.5", "3": "3.13"}),
        (("3.13.5",), ("3.13.15!",), {"3.13": "3.13.5", "3": "3.13"}),
    ],
)
def test_the_newer_of_two_stores(own, below, wanted):
    made = layered(own, below)
    assert wanted_aliases(made) == wanted
    assert aliases(made) == wanted
    assert swaps(made) == ()


def test_a_hold_of_ones_own_keeps_the_alias_from_the_store_beneath():
    assert aliases(layered(("3.13.5",), ("3.13.15",), holds=(("3.13", "3.13.5"),)))["3.13"] == "3.13.5"


def test_a_default_may_be_a_minor_beneath():
    assert aliases(layered(("3.13.5",), ("3.12.1",), default="3.12"))["3"] == "3.12"


def test_links_beneath_that_lead_nowhere_go_and_those_of_others_stay():
    mine = (Alias("3.11", "/system/runtimes/3.11"), Alias("3.10", "/opt/python/3.10"), Alias("3.13", "3.13.5"))
    made = layered(("3.13.5",), ("3.13.5",), (*mine, Alias("3", "3.13")))
    assert swaps(made) == (Swap("3.11", "/system/runtimes/3.11", None),)
    alone = replace(made, beneath=None)
    assert swaps(alone) == ()


def test_the_first_venv_makes_the_links_that_lack():
    made = layered(("3.12.1",), ("3.13.5", "3.14.2t"), (Alias("3.12", "3.12.1"),))
    links = (("3.13", "/system/runtimes/3.13"), ("3.14t", "/system/runtimes/3.14t"), ("3", "3.13"))
    assert missing_links(made) == links
    linked = with_links_beneath(made)
    assert aliases(linked) == {"3.12": "3.12.1", **dict(links)}
    assert [alias.name for alias in linked.aliases] == ["3.14t", "3.13", "3.12", "3"]
    assert (missing_links(linked), with_links_beneath(linked)) == ((), linked)


def test_without_a_store_beneath_no_links_are_made():
    made = store("3.13.5", reconciled=False)
    assert (missing_links(made), with_links_beneath(made)) == ((), made)
    # What is missing of one's own is a matter of the repair.
    assert missing_links(layered(("3.13.5",), ("3.13.2",), (Alias("3.12", "x"),))) == ()


def test_swapped_aliases():
    made = store("3.13.5", "3.12.1")
    done = (Swap("3.13", "3.13.5", "3.13.9"), Swap("3.12", "3.12.1", None), Swap("3.11", None, None))
    assert with_swaps(made, done).aliases == (Alias("3.13", "3.13.9"), Alias("3", "3.13"))


def test_which_store_a_name_means():
    made = layered(("3.13.5", "3.12.1"), ("3.13.15", "3.11.2"))
    newer = made.beneath.runtime("3.13.15")
    assert made.alias_target("3.13") == made.in_use("3.13") == made.linked("/system/runtimes/3.13") == newer
    assert made.find("3.11.2") == made.beneath.runtime("3.11.2")
    assert made.find("3.12.1") == made.runtime("3.12.1") == made.linked("3.12.1")
    assert (made.find("3.9.1"), made.linked(None), made.linked("/opt/x"), made.in_use("3.9")) == (None,) * 4
    assert (made.path_of(newer, "3.13"), made.path_of(newer, newer.name)) == ("/store/runtimes/3.13", newer.path)
    assert made.path_of(made.runtime("3.13.5"), "nothing") == "/store/runtimes/nothing"
    assert (made.level_of(newer), made.level_of(made.runtime("3.13.5"))) == ("system", "own")
    assert store("3.13.5").level_of(runtime("3.13.5")) == "own"
    assert made.names_of(newer) == ("3.13", "3")
    bare = replace(made, aliases=())
    assert bare.path_of(newer, "3.13") == "/system/runtimes/3.13"
    assert bare.in_use("3.13") == newer
    assert replace(made, beneath=None).alias_target("3.13") is None


def test_aliases_that_lead_to_one_another_lead_nowhere():
    made = replace(store("3.13.5"), aliases=(Alias("3", "3.13"), Alias("3.13", "3")))
    assert made.alias_target("3") is None
    # `3` and `3.13` and a release: no way is longer than that.
    chain = tuple(Alias(f"3.{number}", f"3.{number + 1}") for number in range(4))
    assert replace(made, aliases=(*chain[1:], Alias("3.4", "3.13.5"))).alias_target("3.1") is None
    assert replace(made, aliases=(*chain[1:3], Alias("3.3", "3.13.5"))).alias_target("3.1") == made.runtime("3.13.5")


def test_changes_of_a_store():
    made = store("3.13.5", "3.12.1", holds={"3.13": "3.13.5"}, default="3.12")
    again = replace(runtime("3.13.5"), target="/opt")
    assert with_runtime(made, again).runtimes == (made.runtime("3.12.1"), again)
    assert without_runtime(made, "3.13.5").runtimes == (made.runtime("3.12.1"),)
    assert with_hold(made, "3.12", "3.12.1").holds == (("3.13", "3.13.5"), ("3.12", "3.12.1"))
    assert with_hold(made, "3.13", None).holds == ()
    assert with_hold(made, "3.13", "3.13.4").holds == (("3.13", "3.13.4"),)
    assert (made.held("3.13"), made.held("3.12")) == ("3.13.5", None)
    assert (with_default(made, None).default, with_default(made, "3.13").default) == (None, "3.13")
    assert [one.whole for one in with_broken(made, {"3.12.1"}).runtimes] == [True, False]


def test_kinds_of_names():
    assert [is_own_build(name) for name in ("3.13.5+source", "3.13.5+20261101", "3.13.5", "3.13")] == [
        True,
        False,
        False,
        False,
    ]
    assert (is_adopted_target("/usr"), is_adopted_target("3.13.5")) == (True, False)


def test_aliases_are_listed_from_the_newest_on():
    names = ["3", "pypy3.11", "3.9", "3.13d", "3.13", "graalpy3.12", "3.13t", "3.10"]
    ordered = sorted((Alias(name, "") for name in names), key=alias_order, reverse=True)
    assert [alias.name for alias in ordered] == [
        "3.13",
        "3.13t",
        "3.13d",
        "3.10",
        "3.9",
        "3",
        "graalpy3.12",
        "pypy3.11",
    ]


@pytest.mark.parametrize(
    ("names", "held", "beyond"),
    [
        (["3.13.5", "3.13.15", "3.13.8", "3.12.4"], "3.13.5", "3.13.15"),
        (["3.13.5", "3.13.15"], "3.13.15", None),
        (["3.13.5", "3.13.15"], None, None),
        (["3.13.5", "3.13.15+source"], "3.13.5", None),  # a build of the user's own is not what a hold keeps away
        (["3.13.15"], "3.13.5", None),  # the held release is gone: that is another finding
        ([], "3.13.5", None),
    ],
)
def test_what_a_hold_keeps_away(names, held, beyond):
    made = with_hold(store(*names), "3.13", held)
    found = made.beyond_hold("3.13")
    assert (found.name if found is not None else None) == beyond


def test_a_broken_release_is_not_kept_away_by_a_hold():
    made = with_hold(with_broken(store("3.13.5", "3.13.15"), {"3.13.15"}), "3.13", "3.13.5")
    assert made.beyond_hold("3.13") is None
