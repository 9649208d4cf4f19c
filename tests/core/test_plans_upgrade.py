"""What `upgrade` does about each minor."""

import pytest

from pyman.core.plans.install import Fetch, Keep, decide_upgrade, minors_to_upgrade
from pyman.core.request import parse_request
from pyman.core.store import with_runtime
from pyman.errors import BadRequest, NotFound, Refused
from stage.stores import builds, runtime, store

BUILDS = (
    *builds("3.14.2", "3.14.2t", "3.13.15", tag="20261001"),
    *builds("3.15.0rc1", "3.13.14", "3.12.11", tag="20260901"),
)

DECISIONS = [
    # installed, build that its manifest names, minor → what
    (("3.13.5",), {}, "3.13", "fetch 3.13.15"),
    (("3.13.15",), {"3.13.15": "20261001"}, "3.13", "keep"),
    # the same release, built again: beside the old one
    (("3.13.15",), {"3.13.15": "20260901"}, "3.13", "fetch 3.13.15+20261001"),
    (("3.13.15", "3.13.15+20261001"), {"3.13.15": "20260901", "3.13.15+20261001": "20261001"}, "3.13", "keep"),
    (("3.13.15", "3.13.15+20261001"), {"3.13.15": "20260901"}, "3.13", "keep"),
    # newer than the list knows
    (("3.13.16",), {}, "3.13", "keep"),
    (("3.12.12",), {"3.12.12": "20200101"}, "3.12", "keep"),
    (("3.11.2",), {}, "3.11", "keep"),
    # pre-releases go on to the next one, and to the final one
    (("3.15.0b1",), {}, "3.15", "fetch 3.15.0rc1"),
    (("3.14.0rc2",), {}, "3.14", "fetch 3.14.2"),
    (("3.14.0t",), {}, "3.14t", "fetch 3.14.2t"),
    # an adopted newer one is nobody's reason not to
    (("3.13.5", "3.13.15@/x"), {}, "3.13", "fetch 3.13.15"),
    (("3.13.5", "3.13.15!"), {}, "3.13", "fetch 3.13.15"),
]


def told(decision):
    return f"fetch {decision.name}" if isinstance(decision, Fetch) else "keep"


@pytest.mark.parametrize(("installed", "manifests", "minor", "what"), DECISIONS, ids=str)
def test_decisions(installed, manifests, minor, what):
    before = store(*installed)
    decision = decide_upgrade(parse_request(minor), before, BUILDS, manifests)
    assert told(decision) == what
    if isinstance(decision, Fetch):
        after = with_runtime(before, runtime(decision.name))
        again = decide_upgrade(parse_request(minor), after, BUILDS, {**manifests, decision.name: decision.build.build})
        assert isinstance(again, Keep)


@pytest.mark.parametrize(
    ("texts", "minors"),
    [((), ["3.14t", "3.13", "3.12"]), (("3.13",), ["3.13"]), (("3.13", "3.12", "3.13"), ["3.13", "3.12"]),
     (("3",), ["3.13", "3.12"]), (("latest",), ["3.14t", "3.13", "3.12"]), (("python-3.12",), ["3.12"]),
     (("3.14t",), ["3.14t"]), (("3.11",), ["3.11"]), (("3.12", "3.11"), ["3.12", "3.11"])],
)  # fmt: skip
def test_the_minors_that_are_meant(texts, minors):
    made = store("3.14.2t", "3.13.5", "3.13.15", "3.12.9", "3.11.2@/usr", "3.10.1!")
    assert [minor.text for minor in minors_to_upgrade(made, texts)] == minors


@pytest.mark.parametrize(
    ("text", "minors"), [("pypy", ["pypy3.11", "pypy3.10"]), ("pypy3.10", ["pypy3.10"]), ("3", ["3.13"]), ("latest", ["3.13"])]
)  # fmt: skip
def test_an_implementation_means_its_own_minors(text, minors):
    made = store("3.13.5", "pypy3.11-8.0.1", "pypy3.10-7.3.19")
    assert [minor.text for minor in minors_to_upgrade(made, (text,))] == minors


@pytest.mark.parametrize(
    ("text", "failure"),
    [("3.13.5", Refused), ("==3.13.5", Refused), (">=3.12", Refused), ("./venv", Refused), ("system", Refused),
     ("3.10", NotFound), ("3.13t", NotFound), ("nonsense", BadRequest)],
)  # fmt: skip
def test_what_has_no_newer_self(text, failure):
    with pytest.raises(failure) as raised:
        minors_to_upgrade(store("3.13.5", "3.11.2@/usr", "3.10.1!"), [text])
    assert text in raised.value.message
    assert raised.value.hint
    if failure is Refused:
        assert raised.value.message == f"`{text}` cannot be upgraded: it is not a minor version"
        assert raised.value.hint == "give a minor version: `pyman upgrade 3.13`"


def test_an_empty_store_has_nothing_to_upgrade():
    assert minors_to_upgrade(store(), ()) == []
