"""What `install` does about each request, with the catalogue at hand and without."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.catalogue import NO_SHA256, Unusable
from pyman.core.immutable import replace
from pyman.core.plans.install import (
    Fetch,
    Impossible,
    Keep,
    answer_is_known,
    better_unusable,
    cannot_use,
    decide,
    decide_upgrade,
    missed,
    needs_catalogue,
    refuse_what_has_no_build,
    wanted_builds,
    without_network,
)
from pyman.core.request import best_of, parse_request
from pyman.core.store import with_runtime
from pyman.core.version import parse_version
from pyman.errors import UNSUPPORTED, UNVERIFIED, IntegrityError, NetworkError, NotFound, PymanError, UsageError
from stage.stores import builds, runtime, store

BUILDS = (
    *builds("3.15.0b1", "3.14.2", "3.14.2t", "3.13.15", "3.12.12", tag="20261001"),
    *builds("3.14.1", "3.13.14", "3.12.11", tag="20260901"),
    *builds("3.13.5", "3.14.0rc2", "3.11.2", tag="20250801"),
)

DECISIONS = [
    # installed, request → what
    ((), "3.13", "fetch 3.13.15"),
    ((), "3.13.5", "fetch 3.13.5"),
    ((), "3", "fetch 3.14.2"),
    ((), "latest", "fetch 3.14.2"),
    ((), ">=3.11,<3.13", "fetch 3.12.12"),
    ((), "==3.13.14", "fetch 3.13.14"),
    ((), "3.14t", "fetch 3.14.2t"),
    ((), "3.14.0rc2", "fetch 3.14.0rc2"),
    ((), "3.15", "fetch 3.15.0b1"),
    ((), "3.15-dev", "fetch 3.15.0b1"),
    (("3.13.5",), "3.13", "fetch 3.13.15"),
    (("3.13.5",), "3.13.5", "keep 3.13.5"),
    (("3.13.15",), "3.13", "keep 3.13.15"),
    # newer than the list knows
    (("3.13.16",), "3.13", "keep 3.13.16"),
    (("3.9.1",), "3.9", "keep 3.9.1"),
    # of others, and nothing that could take its place
    (("3.9.1@/pyenv",), "3.9", "keep 3.9.1"),
    (("3.9.1@/pyenv",), "3.9.1", "keep 3.9.1"),
    (("3.9.1@/pyenv!",), "3.9.1", "no"),
    # an adopted one is fetched all the same, and gives way
    (("3.13.15@/pyenv",), "3.13", "fetch 3.13.15 for 3.13.15"),
    (("3.13.15@/pyenv",), "3.13.15", "fetch 3.13.15 for 3.13.15"),
    # what is broken is fetched again
    (("3.13.15!",), "3.13", "fetch 3.13.15 for 3.13.15"),
    # a newer build of the same release is as good
    (("3.13.15+20261101",), "3.13.15", "keep 3.13.15+20261101"),
    # of several builds of one release the newest is meant
    (("3.13.15", "3.13.15+20261101", "3.13.15+20261002"), "3.13", "keep 3.13.15+20261101"),
    (("3.14.2",), "3.14t", "fetch 3.14.2t"),
    ((), "3.10", "no"),
    ((), "3.13.99", "no"),
    ((), "graalpy3.12", "no"),
]


def told(decision):
    match decision:
        case Keep(_, runtime_):
            return f"keep {runtime_.name}"
        case Fetch(_, build, name, replaces):
            assert name.startswith(build.release)
            return f"fetch {name}" + (f" for {replaces.name}" if replaces else "")
        case _:
            return "no"


@pytest.mark.parametrize(("installed", "text", "what"), DECISIONS, ids=str)
def test_decisions(installed, text, what):
    request = parse_request(text)
    decision = decide(request, store(*installed), BUILDS)
    assert told(decision) == what
    assert decision.request == request


@pytest.mark.parametrize(
    ("installed", "text", "what"),
    [(("3.13.15",), "3.13", "fetch 3.13.15 for 3.13.15"), (("3.13.5", "3.13.15"), "3.13.5", "fetch 3.13.5 for 3.13.5"),
     (("3.13.15+20261101",), "3.13.15", "fetch 3.13.15+20261101 for 3.13.15+20261101"), ((), "3.13", "fetch 3.13.15"),
     (("3.9.1",), "3.9", "no"), (("3.13.15@/pyenv",), "3.13", "fetch 3.13.15 for 3.13.15")],
)  # fmt: skip
def test_force_fetches_again_what_is_there(installed, text, what):
    assert told(decide(parse_request(text), store(*installed), BUILDS, force=True)) == what


REQUESTS = st.sampled_from(
    ["3", "3.13", "3.13.5", "3.14t", "3.15", "latest", ">=3.12,<3.14", "3.14.0rc2", "~=3.13.5", "3.12"]
)
INSTALLED = st.sets(st.sampled_from(["3.13.5", "3.13.15", "3.13.14!", "3.14.2t", "3.12.12@/x", "3.15.0b1", "3.14.3"]))


@given(REQUESTS, INSTALLED)
def test_planning_again_on_the_planned_store_changes_nothing(text, installed):
    request = parse_request(text)
    before = store(*installed)
    decision = decide(request, before, BUILDS)
    if isinstance(decision, Fetch):
        after = with_runtime(before, runtime(decision.name))
        again = decide(request, after, BUILDS)
        assert isinstance(again, Keep)
        assert again.runtime.name == decision.name


@given(REQUESTS, INSTALLED)
def test_what_is_fetched_satisfies_the_request_and_nothing_better_is_known(text, installed):
    request = parse_request(text)
    decision = decide(request, store(*installed), BUILDS)
    got = decision.build if isinstance(decision, Fetch) else decision.runtime
    assert request.admits(got.version, got.variant)
    best = best_of(request, [(build.version, build.variant) for build in BUILDS])
    assert got.version >= best[0]


@given(st.lists(REQUESTS, min_size=1, max_size=3), st.integers(1, len(BUILDS)))
def test_reading_stops_only_where_nothing_older_can_change_the_answer(texts, count):
    requests = [parse_request(text) for text in texts]
    if answer_is_known(requests, BUILDS[:count]):
        for request in requests:
            assert decide(request, store(), BUILDS[:count]) == decide(request, store(), BUILDS)


def test_reading_stops_early_for_what_people_mostly_ask():
    assert answer_is_known([parse_request("3.13.15")], BUILDS[:4])
    assert not answer_is_known([parse_request("3.13")], BUILDS[:5])
    assert answer_is_known([parse_request("3.13")], BUILDS[:6])
    assert not answer_is_known([parse_request("3.13"), parse_request("3.11")], BUILDS[:6])


@pytest.mark.parametrize(
    ("text", "installed", "force", "needed"),
    [("3.13", ("3.13.15",), False, True), ("3.13.15", ("3.13.15",), False, False), ("3.13.15", ("3.13.15",), True, True),
     ("==3.13.15", ("3.13.15",), False, False), ("3.13.15", ("3.13.15@/x",), False, True),
     ("3.13.15", ("3.13.15!",), False, True), ("latest", ("3.13.15",), False, True)],
)  # fmt: skip
def test_a_named_release_that_is_there_needs_no_network(text, installed, force, needed):
    assert needs_catalogue(parse_request(text), store(*installed), force=force) is needed


def test_without_network_what_satisfies_the_request_is_kept_and_said():
    error = NetworkError("mirror.example cannot be reached")
    kept = without_network(parse_request("3.13"), store("3.13.5"), error)
    assert isinstance(kept, Keep)
    assert (kept.request.text, kept.runtime.name, kept.because) == ("3.13", "3.13.5", error.message)
    assert without_network(parse_request("3.12"), store("3.13.5"), error) == Impossible(parse_request("3.12"), error)
    other = without_network(parse_request("graalpy3.12"), store("3.13.5"), error)
    assert isinstance(other, Impossible)
    assert (other.request.text, other.error.code) == ("graalpy3.12", "unsupported")


@pytest.mark.parametrize(
    ("text", "near"),
    [("3.13.99", "`3.13.5`, `3.13.14`, `3.13.15`"), ("3.10", "`3.11.2`, `3.12.12`, `3.13.15`"),
     ("3.99", "`3.13.15`, `3.14.2`, `3.15.0b1`"), ("3.13t", "`3.14.2t`"), ("3.12.1", "`3.11.2`, `3.12.11`, `3.12.12`"),
     (">=3.16", "`3.13.15`, `3.14.2`, `3.15.0b1`"), ("<3.11", "`3.11.2`, `3.12.12`, `3.13.15`")],
)  # fmt: skip
def test_the_nearest_that_exist_are_named(text, near):
    decision = decide(parse_request(text), store(), BUILDS)
    assert isinstance(decision, Impossible)
    assert isinstance(decision.error, NotFound)
    assert text in decision.error.message
    assert f"closest: {near};" in decision.error.hint


@pytest.mark.parametrize(
    ("text", "near"),
    [("3.13d", "`3.12.1`, `3.13.15`, `3.14.2`"), ("3.13.6d", "`3.13.5`, `3.13.5t`, `3.13.15`"),
     ("3.13.7t", "`3.13.5t`, `3.13.15t`, `3.14.2t`")],
)  # fmt: skip
def test_of_a_variant_that_nobody_builds_the_plain_releases_come_first(text, near):
    """And always the same ones."""
    both = ("3.14.2", "3.13.15", "3.13.5", "3.12.1")
    known = builds(*both, *(f"{name}t" for name in both[:3]))
    assert f"closest: {near};" in decide(parse_request(text), store(), known).error.hint


@pytest.mark.parametrize(
    ("text", "known", "near"),
    [("3.13", ("3.15.1", "3.14.2", "3.12.1", "3.11.2"), "`3.12.1`, `3.14.2`, `3.15.1`"),
     ("3.13.5", ("3.13.7", "3.13.6", "3.13.4", "3.13.3"), "`3.13.4`, `3.13.6`, `3.13.7`"),
     ("3.13.5t", ("3.13.7", "3.13.6d", "3.13.6", "3.13.4"), "`3.13.4`, `3.13.6`, `3.13.6d`")],
)  # fmt: skip
def test_of_two_that_are_as_near_the_newer_and_the_plain_one_is_named(text, known, near):
    assert f"closest: {near};" in decide(parse_request(text), store(), builds(*known)).error.hint


@pytest.mark.parametrize(
    ("text", "built"),
    [("3.8", True), ("3.8.1", True), ("3.12.1", True), ("3.8t", True), ("3.13.99", False), ("3.99", False), ("3.8d", False),
     ("pypy3.8", False), ("<3.9", False),
     # That it is there says its source is, and of a pre-release that of the release is not.
     ("3.14.1t", True), ("3.15.0b1t", True), ("3.15.0", False), ("3.15.0b2", False)],
)  # fmt: skip
def test_an_older_release_of_cpython_may_be_built_from_source(text, built):
    hint = decide(parse_request(text), store(), BUILDS).error.hint
    assert ("`pyman install " in hint) is built
    if built:
        assert hint.endswith(f"; `pyman install {text} --build` builds it from source")


def test_a_list_without_anything_names_nothing():
    decision = decide(parse_request("3.13"), store(), ())
    assert isinstance(decision.error, PymanError)
    assert "closest" not in decision.error.hint
    assert decision.error.hint.startswith("see `pyman list --available`")


def test_a_build_of_ones_own_is_built_and_never_downloaded():
    made = store("3.13.5+source", "3.12.1+source!")
    request = parse_request("3.13.5+source")
    assert not needs_catalogue(request, made, force=True)
    assert told(decide(request, made, BUILDS)) == "keep 3.13.5+source"
    for text, force in (("3.13.5+source", True), ("3.12.1+source", False), ("3.13.5+other", False)):
        refused = decide(parse_request(text), made, BUILDS, force=force)
        assert isinstance(refused, Impossible)
        assert refused.error.message == f"Python {text} cannot be downloaded: a name with `+` is that of your own build"
        assert refused.error.hint == f"run `pyman install {text} --build`"


@pytest.mark.parametrize(
    ("text", "hint"),
    [("graalpy3.12", "install it by other means, then run `pyman adopt PATH`"),
     *((text, "install it by other means") for text in ("jython2.7", "3.13td", "miniconda3-4.7.12"))],
)  # fmt: skip
def test_what_pyman_never_installs_is_refused_as_that(text, hint):
    """And not as a release that the list does not have, with the nearest that it has."""
    request = parse_request(text)
    error = decide(request, store("3.13.15"), BUILDS).error
    assert (error.message, error.code) == (
        f"`{text}` cannot be installed: pyman installs CPython and PyPy",
        UNSUPPORTED,
    )
    assert error.hint == hint
    with pytest.raises(PymanError, match="pyman installs CPython and PyPy"):
        refuse_what_has_no_build(request)


def test_what_pyman_does_not_install_is_kept_where_it_is_adopted():
    """Nobody has a download of it, but what is there answers."""
    made = store("graalpy3.12-25.0.1@/opt/graalpy")
    request = parse_request("graalpy3.12")
    assert told(decide(request, made, BUILDS)) == "keep graalpy3.12-25.0.1"
    assert told(decide(request, made, BUILDS, force=True)) == "no"
    assert told(decide(request, store(), BUILDS)) == "no"


@pytest.mark.parametrize(
    ("installed", "text", "manifests", "what"),
    [
        (("3.13.5",), "3.13", {}, "fetch 3.13.15"),
        (("3.13.15",), "3.13", {"3.13.15": "20261001"}, "keep 3.13.15"),
        (("3.13.15",), "3.13", {"3.13.15": "20250101"}, "fetch 3.13.15+20261001"),
        (("3.13.15+20250101",), "3.13", {}, "fetch 3.13.15+20261001"),
        (("3.13.15+20261101",), "3.13", {}, "keep 3.13.15+20261101"),
        # A build that nobody knows is no reason to think it older.
        (("3.13.15",), "3.13", {}, "keep 3.13.15"),
        (("3.13.15@/pyenv",), "3.13", {"3.13.15": "20250101"}, "keep 3.13.15"),
        (("3.13.5@/pyenv",), "3.13", {}, "fetch 3.13.15"),
        (("3.13.16",), "3.13", {}, "keep 3.13.16"),
        (("3.9.1",), "3.9", {}, "keep 3.9.1"),
        # Of several the newest counts, and one of pyman's own before one of others.
        (("3.13.5", "3.13.15@/pyenv"), "3.13", {}, "fetch 3.13.15"),
        (("3.13.15", "3.13.5", "3.13.16!"), "3.13", {}, "keep 3.13.15"),
        # Of several builds of one release too; which one has the plain name its manifest tells.
        (("3.13.15", "3.13.15+20261101"), "3.13", {}, "keep 3.13.15+20261101"),
        (("3.13.15", "3.13.15+20261101"), "3.13", {"3.13.15": "20261015"}, "keep 3.13.15+20261101"),
        (("3.13.15", "3.13.15+20261101"), "3.13", {"3.13.15": "20261201"}, "keep 3.13.15"),
    ],
)
def test_what_an_upgrade_brings(installed, text, manifests, what):
    minor = parse_request(text)
    decision = decide_upgrade(minor, store(*installed), BUILDS, manifests)
    assert told(decision) == what
    assert decision.request == minor


def test_a_minor_that_the_list_does_not_have_is_told():
    assert decide_upgrade(parse_request("3.9"), store("3.9.1"), BUILDS, {}).because == "nothing newer is known"
    assert decide_upgrade(parse_request("3.13"), store("3.13.15"), BUILDS, {}).because == ""


def test_what_a_mirror_gets():
    wanted = wanted_builds([parse_request(text) for text in ("3.13", "3.13.15", "3.12")], BUILDS, (), "x")
    assert [build.release for build in wanted] == ["3.13.15", "3.12.12"]
    with pytest.raises(NotFound, match=r"^Python 3\.10 is not available for aarch64-apple-darwin$") as told:
        wanted_builds([parse_request("3.10")], BUILDS, (), "aarch64-apple-darwin")
    # To build it here would not bring it there.
    assert "--build" not in told.value.hint
    for text in ("system", "/usr/bin/python3"):
        with pytest.raises(UsageError, match="is not a build that can be mirrored") as told:
            refuse_what_has_no_build(parse_request(text))
        assert told.value.hint == "give a version or a range"
    with pytest.raises(PymanError):
        refuse_what_has_no_build(parse_request("graalpy3.12"))
    refuse_what_has_no_build(parse_request("3.13"))


DAMAGED = Unusable(parse_version("3.13.16"), "default", "20261101", NO_SHA256)


def test_a_newer_entry_that_is_damaged_is_what_is_missed():
    minor = parse_request("3.13")
    assert better_unusable(minor, BUILDS, [DAMAGED]) == DAMAGED
    assert missed([minor], store("3.13.15"), BUILDS, [DAMAGED]) == [DAMAGED]
    assert missed([minor], store("3.13.16"), BUILDS, [DAMAGED]) == []
    assert missed([parse_request("3.12")], store("3.12.9"), BUILDS, [DAMAGED]) == []
    # An older build of a release that another build brings is not.
    older = replace(DAMAGED, version=parse_version("3.13.15"))
    assert better_unusable(minor, BUILDS, [older]) is None
    assert missed([minor], store("3.13.5"), BUILDS, [older]) == []


def test_a_damaged_entry_cannot_be_installed():
    decision = decide(parse_request("3.13.16"), store(), BUILDS, [DAMAGED])
    assert isinstance(decision, Impossible)
    error = cannot_use(DAMAGED)
    assert (decision.error.message, decision.error.code) == (error.message, error.code)
    assert error.message == "Python 3.13.16 cannot be installed: its entry in the list of builds has no sha256"
    assert error.hint == "choose another release, or tell the operator of the list"
    assert error.code == UNVERIFIED
    with pytest.raises(IntegrityError) as told:
        wanted_builds([parse_request("3.13.16")], BUILDS, [DAMAGED], "x")
    assert (told.value.message, told.value.code) == (error.message, error.code)
    assert cannot_use(replace(DAMAGED, reason="is odd")).code != UNVERIFIED


def test_reading_goes_on_for_whatever_is_no_release_of_cpython():
    for text in ("latest", "3", ">=3.13", "pypy3.11"):
        assert not answer_is_known([parse_request(text)], BUILDS)
