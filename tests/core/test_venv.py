"""What follows from the facts of a venv."""

import pytest

from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from pyman.core.record import replace
from pyman.core.venv import OTHER_COPY, SAME_COPY, Interpreter, Library, VenvFacts, Way
from pyman.core.version import Version

ALIAS = "/s/runtimes/3.13"
BASE = Interpreter(
    f"{ALIAS}.5/bin/python3.13",
    f"{ALIAS}.5",
    "3.13",
    "default",
    Version(3, 13, 5),
    f"{ALIAS}.5/lib/python3.13",
    1,
    1,
    0,
)
FOLLOWING = VenvFacts(
    "/p/.venv",
    "/p/.venv",
    0,
    parse_pyvenv_cfg("pyman-request = 3.13\npyman-policy = follow\n"),
    "pyman",
    False,
    link=f"{ALIAS}/bin/python3.13",
    way=Way(("/p/.venv/bin/python", f"{ALIAS}/bin/python3.13", BASE.path), (ALIAS,), BASE.path),
    interpreter=BASE,
    home=f"{ALIAS}/bin",
    home_way=Way((f"{ALIAS}/bin", f"{ALIAS}.5/bin"), (ALIAS,), f"{ALIAS}.5/bin"),
    home_interpreter=BASE,
    libraries=(Library("python3.13", site_packages=True),),
)
PATCH_WAY = Way((f"{ALIAS}.5/bin",), (), f"{ALIAS}.5/bin")


def test_a_following_venv():
    assert FOLLOWING.link_kind == "alias"
    assert FOLLOWING.minor_link == ALIAS
    assert (str(FOLLOWING.python), FOLLOWING.alias) == ("3.13.5", "3.13")
    assert (FOLLOWING.request, FOLLOWING.policy) == ("3.13", "follow")
    assert FOLLOWING.named_release is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"link": f"{ALIAS}.5/bin/python3.13", "way": Way((), (), BASE.path), "home_way": PATCH_WAY}, "patch"),
        ({"home": f"{ALIAS}.5/bin", "home_way": PATCH_WAY}, "patch"),
        ({"interpreter": None}, "broken"),
        ({"home_way": None}, "broken"),
        ({"home_way": Way((), (ALIAS,), None)}, "broken"),
        ({"interpreter": None, "link": None, "copy": SAME_COPY}, "alias"),
        (
            {
                "link": "/usr/bin/python3",
                "home": "/usr/bin",
                "way": Way((), (), BASE.path),
                "home_way": Way(("/usr/bin",), (), "/usr/bin"),
            },
            "external",
        ),
        ({"home_way": Way((), ("/other/3.13",), f"{ALIAS}.5/bin"), "home": "/other/3.13/bin"}, "alias"),
    ],
)
def test_kinds_of_links(changes, kind):
    assert replace(FOLLOWING, **changes).link_kind == kind


def test_two_minor_links_are_not_one():
    facts = replace(FOLLOWING, home_way=Way((), ("/other/3.13",), f"{ALIAS}.5/bin"), home="/other/3.13/bin")
    assert facts.minor_link is None


def test_a_link_by_another_name_is_no_minor_link():
    way = Way((), ("/opt/current",), BASE.path)
    facts = replace(FOLLOWING, way=way, home_way=way, link="/opt/current/bin/python3", home="/opt/current/bin")
    assert (facts.minor_link, facts.link_kind) == (None, "external")


def test_the_library_with_most_in_it_says_which_minor_a_venv_is():
    old, new = Library("python3.12", True, 3), Library("python3.13", True, 1)
    assert replace(FOLLOWING, libraries=(old, new)).alias == "3.12"
    assert replace(FOLLOWING, libraries=(replace(old, distributions=1), new)).alias == "3.13"
    assert replace(FOLLOWING, libraries=(replace(old, site_packages=False), new)).alias == "3.13"
    assert replace(FOLLOWING, libraries=()).alias == "3.13"
    assert replace(FOLLOWING, libraries=(), interpreter=None, home_interpreter=None).alias is None


def test_variants():
    threaded = Library("python3.14t", True)
    assert (threaded.minor, threaded.variant) == ("3.14", "freethreaded")
    assert replace(FOLLOWING, libraries=(threaded,), interpreter=None).alias == "3.14t"
    debug = replace(BASE, variant="debug")
    assert replace(FOLLOWING, interpreter=debug).alias == "3.13d"


def test_what_runs_in_a_copy():
    copy = replace(FOLLOWING, link=None, interpreter=None, copy=SAME_COPY)
    assert str(copy.python) == "3.13.5"
    assert replace(copy, copy=OTHER_COPY).python is None
