"""Who needs a runtime, and what may go."""

import pytest

from pyman.core.plans.move import Follower
from pyman.core.plans.removal import Dependent, aliases_without_way_back, dependents_of, prunable
from pyman.core.store import Process
from stage.stores import runtime, store


def venv(path, through, text=""):
    return Follower(path, "/store/runtimes", through, text.encode())


FOLLOWING = venv("/a", "3.13", "pyman-policy = follow\n")
PINNED = venv("/b", "3.13.5", "pyman-policy = pin\n")
HELD_BACK = venv("/c", "3.13.5", "pyman-policy = follow\npyman-held-back = 3.13.5 numpy\n")
LINKED = venv("/d", "3.13.5")
OTHER = venv("/e", "3.12")


def description(found):
    return [(dependent.why, dependent.who) for dependent in found]


def test_everything_that_needs_a_runtime_is_named():
    made = store("3.13.5", "3.13.15", "3.12.1", holds={"3.13": "3.13.5"})
    everyone = (FOLLOWING, PINNED, HELD_BACK, LINKED, OTHER)
    process = Process(47, "python -m http.server")
    found = dependents_of(made.runtime("3.13.5"), made, everyone, ["/media/disk/venv"], [process])
    assert description(found) == [
        ("pinned", "/b"),
        ("held back", "/c"),
        ("linked", "/d"),
        ("unreachable", "/media/disk/venv"),
        ("process", "47 (python -m http.server)"),
        ("hold", "3.13"),
    ]
    for dependent in found:
        assert dependent.who in dependent.description


@pytest.mark.parametrize(
    ("installed", "dependents"),
    [(("3.13.5",), True), (("3.13.5", "3.13.15"), False), (("3.13.5", "3.13.15!"), True),
     (("3.13.5", "3.13.15@/x"), False), (("3.13.5", "3.13.15t"), True), (("3.13.5", "3.12.9"), True)],
)  # fmt: skip
def test_followers_need_the_last_one_behind_their_alias(installed, dependents):
    made = store(*installed)
    assert description(dependents_of(made.runtime("3.13.5"), made, [FOLLOWING], [], [])) == (
        [("follows", "/a")] if dependents else []
    )


def test_what_is_not_known_keeps_a_runtime_and_pyman_its_own():
    made = store("3.13.5", "3.13.15")
    found = dependents_of(
        made.runtime("3.13.5"),
        made,
        [],
        [],
        [],
        unknown_because="/proc hides processes",
        runs_pyman=True,
        unasked=["bob"],
    )
    assert [(one.why, one.who, one.description) for one in found] == [
        ("pyman", "pyman", "pyman itself runs on it"),
        ("processes", "/proc hides processes", "/proc hides processes, so one may be running it"),
        ("unasked", "bob", "the venvs of bob cannot be counted"),
    ]


def test_every_reason_in_words():
    follower = FOLLOWING
    assert [
        Dependent("follows", "/a", follower).description,
        Dependent("follows", "/a", follower, "numpy", "3.13.2").description,
        Dependent("pinned", "/b").description,
        Dependent("held back", "/c").description,
        Dependent("linked", "/d", unfit="numpy").description,
        Dependent("unreachable", "/m y").description,
        Dependent("process", "47 (x)").description,
        Dependent("hold", "3.13").description,
    ] == [
        "/a follows its alias",
        "/a follows its alias, and would go down to 3.13.2 and does not fit the release that it would move to: numpy",
        "/b is pinned to it",
        "/c is held back on it",
        "/d is linked to it and does not fit the release that it would move to: numpy",
        "/m y cannot be reached and may need it (`pyman forget '/m y'` if it is gone for good)",
        "process 47 (x) runs it",
        "3.13 is held at it",
    ]


def test_followers_that_would_go_down_need_it_and_it_says_how_far():
    made = store("3.13.5", "3.13.2")
    [found] = dependents_of(made.runtime("3.13.5"), made, [FOLLOWING], [], [])
    assert (found.why, found.follower, found.goes_down_to) == ("follows", FOLLOWING, "3.13.2")
    # Nothing goes down where the alias leads elsewhere.
    assert dependents_of(made.runtime("3.13.2"), made, [FOLLOWING], [], []) == ()
    held = store("3.13.5", "3.13.2", holds={"3.13": "3.13.2"})
    assert dependents_of(held.runtime("3.13.5"), held, [FOLLOWING], [], []) == ()
    # Without the one that it is held at, a venv goes up.
    assert description(dependents_of(held.runtime("3.13.2"), held, [FOLLOWING], [], [])) == [("hold", "3.13")]


def test_who_goes_through_3_needs_the_last_release_behind_it():
    made = store("3.13.5", "3.12.9")
    major = venv("/f", "3", "pyman-policy = follow\n")
    assert description(dependents_of(made.runtime("3.13.5"), made, [major], [], [])) == [("follows", "/f")]
    assert dependents_of(made.runtime("3.12.9"), made, [major], [], []) == ()


def test_a_build_of_ones_own_is_needed_by_who_names_it_alone():
    made = store("3.13.5", "3.13.5+mine")
    assert dependents_of(made.runtime("3.13.5+mine"), made, [FOLLOWING], [], []) == ()
    named = venv("/g", "3.13.5+mine")
    assert description(dependents_of(made.runtime("3.13.5+mine"), made, [named], [], [])) == [("linked", "/g")]
    assert prunable(made) == ()


def test_what_no_alias_leads_to_and_no_hold_names_may_be_pruned():
    made = store(
        "3.13.15", "3.13.14", "3.13.5", "3.12.9@/x", "3.12.8@/y", "3.14.0t", "3.11.2!", holds={"3.13": "3.13.5"}
    )
    assert [one.name for one in prunable(made)] == ["3.13.15", "3.13.14", "3.11.2"]
    assert [one.name for one in prunable(store("3.13.15", "3.13.5"))] == ["3.13.5"]
    assert prunable(store("3.13.15")) == ()
    # a hold of another alias name keeps all the same
    assert prunable(store("3.13.15", "3.13.5", holds={"3.12": "3.13.5"})) == ()


def test_aliases_that_can_no_longer_be_rolled_back():
    made = store("3.13.15", "3.13.5", "3.13.2", "3.12.9", "3.12.8@/x", "3.12.7")
    assert aliases_without_way_back(made, [runtime("3.13.5"), runtime("3.13.2")]) == ("3.13",)
    assert aliases_without_way_back(made, [runtime("3.13.5")]) == ()
    assert aliases_without_way_back(made, [runtime("3.12.7")]) == ()
    assert aliases_without_way_back(made, []) == ()
