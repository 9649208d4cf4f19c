"""Who needs a runtime, and what may go."""

import pytest

from pyman.core.plans.move import Follower
from pyman.core.plans.removal import aliases_without_way_back, dependents_of, prunable
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
