"""Which runtime answers a request, and by which path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.choice import choose, pinned, through_alias
from pyman.core.immutable import replace
from pyman.core.request import parse_request
from pyman.core.store import Alias, executable_of, rollback_target
from stage.stores import ADOPTED, MANAGED, aliases, distinct, layered, store

CHOICES = [
    # request → home below runtimes/, policy
    ("3.13", "3.13", "follow"),
    ("3", "3.13", "follow"),
    ("latest", "3.13", "follow"),
    (">=3.11", "3.13", "follow"),
    (">=3.11,<3.13", "3.12", "follow"),
    ("~=3.13.5", "3.13", "follow"),
    ("3.13.5", "3.13.5", "pin"),
    ("==3.13.5", "3.13.5", "pin"),
    ("==3.13.*", "3.13", "follow"),
    # the newest that was named pins too: the user named it
    ("3.13.15", "3.13.15", "pin"),
    # pinned only because the alias's release does not satisfy it
    ("<3.13.10,>=3.13", "3.13.5", "pin"),
    ("3.14t", "3.14t", "follow"),
    ("3.14", None, None),
    ("3.12", "3.12", "follow"),
    ("3.12.1", "3.12.1", "pin"),
    # a pre-release alone, and beside a final one
    ("3.15", "3.15", "follow"),
    ("3.15.0b1", "3.15.0b1", "pin"),
    ("3.15-dev", "3.15", "follow"),
    ("3.9", None, None),
    ("system", None, None),
    ("pypy3.11", None, None),
]


@pytest.mark.parametrize(("text", "place", "policy"), CHOICES, ids=str)
def test_what_answers_a_request(text, place, policy):
    made = store("3.11.2", "3.12.1@/pyenv/3.12.1", "3.13.5", "3.13.15", "3.14.2t", "3.15.0b1")
    choice = choose(made, parse_request(text))
    if place is None:
        assert choice is None
        return
    assert choice is not None
    assert choice.home == f"/store/runtimes/{place}/bin"
    assert choice.policy == policy
    assert choice.executable == f"{choice.home}/{executable_of(choice.version, choice.variant)[4:]}"
    assert choice.through == place


def test_a_held_alias_is_followed_where_it_fits_and_passed_by_where_it_does_not():
    made = store("3.13.5", "3.13.15", holds={"3.13": "3.13.5"})
    assert choose(made, parse_request("3.13")) == choose(made, parse_request(">=3.13"))
    assert choose(made, parse_request("3.13")).release == "3.13.5"
    newer = choose(made, parse_request(">=3.13.10"))
    assert (newer.through, newer.policy) == ("3.13.15", "pin")


def test_without_an_alias_the_release_itself_answers():
    made = store("3.13.5", reconciled=False)
    assert choose(made, parse_request("3.13")).through == "3.13.5"
    dangling = replace(made, aliases=(Alias("3.13", "3.13.4"), Alias("3", "3.13")))
    assert choose(dangling, parse_request("3")).through == "3.13.5"


def test_the_newest_of_nothing_but_variants_is_what_3_means():
    made = store("3.14.2t", "3.12.1d")
    assert choose(made, parse_request("latest")).through == choose(made, parse_request("3")).through == "3.14t"


def test_several_builds_of_one_release_are_one_release():
    made = store("3.13.15", "3.13.15+20261101")
    assert choose(made, parse_request("3.13.15")).through == "3.13.15+20261101"
    assert pinned(made, made.runtime("3.13.15")).through == "3.13.15"


@given(
    MANAGED,
    ADOPTED,
    st.sampled_from(["3.12", "3.13", "3", "latest", ">=3.12", "3.13.2", "<3.13", "3.12t", "3.13-dev"]),
)
def test_an_answer_satisfies_its_request_and_is_no_pre_release_beside_a_final_one(managed, adopted, text):
    made = store(*distinct(managed), *adopted)
    request = parse_request(text)
    choice = choose(made, request)
    usable = [one for one in made.runtimes if one.whole]
    fitting = [one for one in usable if request.admits(one.version, one.variant)]
    if request.alias != "3" and request.kind != "latest":
        assert (choice is None) is (not fitting)
    if choice is None:
        return
    assert choice.runtime in usable
    if request.alias != "3" and request.kind != "latest":
        assert choice.runtime in fitting
    if any(one.version.is_final for one in fitting) and not request.prereleases:
        assert choice.version.is_final
    assert choice.policy == ("follow" if choice.through in aliases(made) else "pin")
    if request.pins:
        assert choice.policy == "pin"


def test_a_build_of_ones_own_answers_to_its_name_alone():
    made = store("3.13.5+source", "3.13.15", "3.12.1+source!")
    assert choose(made, parse_request("3.13.5+source")).through == "3.13.5+source"
    assert choose(made, parse_request("3.13.5+source")).policy == "pin"
    assert choose(made, parse_request("3.13.5")) is None
    assert choose(made, parse_request("3.12.1+source")) is None
    assert choose(made, parse_request("3.13.15+source")) is None
    assert (
        choose(layered((), ("3.13.5+source",)), parse_request("3.13.5+source")).home
        == "/system/runtimes/3.13.5+source/bin"
    )


def test_a_hold_lets_an_alias_lead_to_a_build_of_ones_own():
    made = store("3.13.5+source", "3.13.2", holds={"3.13": "3.13.5+source"})
    choice = choose(made, parse_request("3.13"))
    assert (choice.through, choice.release, choice.policy) == ("3.13", "3.13.5", "follow")
    assert choose(made, parse_request("==3.13.5")) is None


def test_what_is_used_through_its_alias():
    made = store("3.13.5", "3.13.15")
    assert through_alias(made, made.runtime("3.13.15")).through == "3.13"
    assert through_alias(made, made.runtime("3.13.5")).through == "3.13.5"
    assert choose(made, parse_request("3.13")).runtime == made.runtime("3.13.15")
    assert replace(choose(made, parse_request("3.13")), runtime=None).through is None
    assert rollback_target(made, "3.12") is None


def test_of_two_equal_releases_ones_own_is_pinned():
    made = layered(("3.13.5",), ("3.13.5",))
    assert choose(made, parse_request("3.13.5")).home == "/store/runtimes/3.13.5/bin"
    assert choose(layered((), ("3.13.5",)), parse_request("3.13.5")).home == "/system/runtimes/3.13.5/bin"
    assert choose(layered(("3.12.1",), ("3.13.5",)), parse_request("3.13")).home == "/store/runtimes/3.13/bin"


def test_a_build_of_ones_own_of_a_pre_release_is_that_one():
    made = store("3.15.0rc1+lto", "3.15.0+lto", "3.15.0")
    for name in ("3.15.0rc1+lto", "3.15.0+lto"):
        assert choose(made, parse_request(name)).runtime.name == name
