"""Whether somebody else's Python gets a link, and under which name."""

import pytest

from pyman.core.plans.install import ExternalPython, KeepInstalled, Link, decide_adoption, left_behind
from pyman.core.version import Version
from pyman.errors import Refused
from stage.stores import store

EXTERNAL = ExternalPython("/home/me/.pyenv/versions/3.12.1", Version(3, 12, 1), "default", "pyenv")


@pytest.mark.parametrize(
    ("installed", "kept"),
    [((), None), (("3.12.2",), None), (("3.12.1t",), None), (("3.12.1",), "3.12.1"),
     (("3.12.1+20261101",), "3.12.1+20261101"), (("3.12.1", "3.12.1+20261101"), "3.12.1+20261101"),
     (("3.12.1@/usr",), "3.12.1")],
)  # fmt: skip
def test_one_version_has_one_place(installed, kept):
    decision = decide_adoption(EXTERNAL, store(*installed))
    if kept is None:
        assert decision == Link(EXTERNAL, "3.12.1")
    else:
        assert isinstance(decision, KeepInstalled)
        assert decision.runtime.name == kept
        assert not decision.is_same


def test_the_same_place_twice_is_the_same():
    decision = decide_adoption(EXTERNAL, store(f"3.12.1@{EXTERNAL.prefix}"))
    assert isinstance(decision, KeepInstalled)
    assert decision.is_same


def test_a_link_that_leads_nowhere_any_more_gives_way():
    made = store("3.12.1@/gone!")
    assert decide_adoption(EXTERNAL, made) == Link(EXTERNAL, "3.12.1", made.runtime("3.12.1"))


def test_a_broken_one_of_ours_is_mended_and_not_hidden():
    with pytest.raises(Refused, match="broken"):
        decide_adoption(EXTERNAL, store("3.12.1!"))


def test_a_variant_has_a_name_of_its_own():
    external = ExternalPython("/opt/python", Version(3, 14, 0, "rc2"), "freethreaded", "path")
    assert decide_adoption(external, store("3.14.0rc2")) == Link(external, "3.14.0rc2t")


def test_only_what_the_user_installed_is_left_behind():
    assert left_behind(("pip", "Setuptools", "requests", "black", "wheel")) == ("black", "requests")
