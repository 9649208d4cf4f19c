"""What follows from the facts of a venv."""

import pytest

from pyman.core.immutable import replace
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from pyman.core.scripts_and_modules import Abi, Contents, Modules, Named, has_tag, module_of, split_tag, wrong_modules
from pyman.core.venv import (
    CIRCLE,
    OTHER_COPY,
    SAME_COPY,
    Entry,
    Interpreter,
    Library,
    Stray,
    VenvFacts,
    Way,
    named_folder,
    stage_of,
    stage_reason,
    with_release,
)
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
    assert replace(copy, implementation="pypy").running is None
    assert (FOLLOWING.release, replace(copy, copy=OTHER_COPY).release) == ("3.13.5", None)
    assert replace(FOLLOWING, interpreter=replace(BASE, version=None)).release is None


def test_a_whole_venv():
    assert FOLLOWING.is_whole
    assert not replace(FOLLOWING, strays=(Stray(Entry("python3", "missing"), ""),)).is_whole
    assert not replace(FOLLOWING, libraries=()).is_whole
    assert not replace(FOLLOWING, libraries=(Library("python3.13", site_packages=False),)).is_whole
    shut = replace(FOLLOWING, entries=(Entry("python", "file", executable=False), Entry("python3", "link")))
    assert (shut.not_executable, shut.is_whole) == (("/p/.venv/bin/python",), False)
    base = replace(FOLLOWING, interpreter=replace(BASE, executable=False))
    assert base.not_executable == (BASE.path,)
    assert replace(base, copy=SAME_COPY).not_executable == ()


def test_names_that_tell_nothing():
    assert replace(BASE, minor="").alias == ""
    assert replace(FOLLOWING, libraries=(), interpreter=replace(BASE, minor="")).alias is None
    assert Library("site-python", site_packages=True).minor == ""
    assert (Way((), reason=CIRCLE).is_circle, Way(()).is_circle) == (True, False)


def test_where_a_venv_was_before():
    scripts = Contents(named=(Named("/a/bin/python", True, ("x",)), Named("/b/bin/python", True, ("y", "z"))))
    assert replace(FOLLOWING, moved_from="/old").old_place == "/old"
    assert replace(FOLLOWING, contents=scripts).old_place == "/b"
    assert replace(FOLLOWING, moved_from="/p/.venv").old_place is None
    assert FOLLOWING.old_place is None


@pytest.mark.parametrize(
    ("folder", "place", "stage"),
    [
        ("/build/opt/app", "/opt/app", "/build"),
        ("/opt/app", "/opt/app", None),
        ("/opt/app", "/srv/app", None),
        ("/build/opt/app", "opt/app", None),
    ],
)
def test_a_tree_that_is_being_packed(folder, place, stage):
    assert stage_of(folder, place) == stage
    assert bool(stage_reason(folder, place)) is (stage is not None)
    assert stage_reason(folder, None) == ""
    facts = replace(FOLLOWING, folder=folder, meant_for=place)
    assert facts.stage_reason == stage_reason(folder, place)
    if stage is not None:
        assert (
            facts.stage_reason == "it was created for /opt/app, so /build may be a tree that is being packed or mounted"
        )


def test_a_folder_named_after_a_release():
    assert named_folder("/s/3.13.5/bin/python") == "/s/3.13.5"
    assert named_folder("/s/cpython-3.13.5-linux/bin/python") == "/s/cpython-3.13.5-linux"
    assert (named_folder("/s/3.13/bin/python"), named_folder("/usr/bin/python3.13"), named_folder(None)) == (None,) * 3
    # What is remembered is forgotten in time, and answers stay what they are.
    for number in range(2100):
        assert named_folder(f"/{number}/3.13.5/bin") == f"/{number}/3.13.5"
    assert named_folder("/0/3.13.5/bin") == "/0/3.13.5"


def test_a_release_that_was_asked_for():
    unknown = replace(BASE, version=None)
    facts = replace(FOLLOWING, interpreter=unknown, home_interpreter=replace(unknown, minor=""))
    told = with_release(facts, Version(3, 13, 9))
    assert told.interpreter == replace(BASE, version=Version(3, 13, 9))
    assert told.home_interpreter == replace(BASE, version=Version(3, 13, 9))
    assert with_release(facts, Version(3, 12, 1)).interpreter == unknown
    assert with_release(FOLLOWING, Version(3, 13, 9)) == FOLLOWING
    assert with_release(replace(FOLLOWING, interpreter=None), Version(3, 13, 9)).interpreter is None


LINUX = Abi("3.13", "default", "x86_64-linux-gnu", frozenset(("x86_64",)))


@pytest.mark.parametrize(
    ("abi", "tag", "loads"),
    [
        (LINUX, "cpython-313-x86_64-linux-gnu", True),
        (LINUX, "cpython-312-x86_64-linux-gnu", False),
        (LINUX, "cpython-313-aarch64-linux-gnu", False),
        (LINUX, "cpython-313t-x86_64-linux-gnu", False),
        (LINUX, "pypy311-pp73-x86_64-linux-gnu", False),
        # What names no Python is for any, as far as its processor is.
        (LINUX, "abi3", True),
        (LINUX, "", True),
        (LINUX, "abi3@x86_64", True),
        (LINUX, "abi3@aarch64", False),
        (LINUX, "abi3@aarch64+x86_64", True),
        (replace(LINUX, architectures=frozenset()), "abi3@aarch64", True),
        (replace(LINUX, platform=None), "cpython-313-aarch64-linux-gnu", False),
        (replace(LINUX, platform=None), "cpython-313-x86_64-linux-musl", True),
        (replace(LINUX, platform=None), "cpython-313-darwin", True),
        (replace(LINUX, platform=None, architectures=frozenset()), "cpython-313-aarch64-linux-gnu", True),
        (replace(LINUX, variant="freethreaded"), "cpython-313t-x86_64-linux-gnu", True),
        (replace(LINUX, variant="freethreaded"), "cpython-313-x86_64-linux-gnu", False),
        (replace(LINUX, variant="debug"), "cpython-313d-x86_64-linux-gnu", True),
        (replace(LINUX, variant="debug"), "cpython-313-x86_64-linux-gnu", True),
        (replace(LINUX, own="pypy311-pp73"), "pypy311-pp73-x86_64-linux-gnu", True),
        (replace(LINUX, own="pypy311-pp73"), "cpython-313-x86_64-linux-gnu", False),
    ],
)
def test_which_modules_are_loaded(abi, tag, loads):
    assert abi.loads(tag) is loads
    module = Modules((tag,), 1, "a.so")
    assert tuple(wrong_modules((module,), abi)) == (() if loads else (module,))
    assert Contents(modules=(module,)).is_wrong_for(abi) is not loads
    # One file of several that fits is enough.
    assert tuple(wrong_modules((Modules((tag, "abi3"), 1, "a.so"),), abi)) == ()


def test_contents_in_which_something_is_wrong():
    assert not Contents().is_wrong_for(None)
    assert Contents(missing=("a",)).is_wrong_for(None)
    assert Contents(not_executable=("a",)).is_wrong_for(None)
    assert Contents(named=(Named("/a/bin/python", True, ("x",)),)).is_wrong_for(LINUX)
    assert not Contents(modules=(Modules(("cpython-312-x",), 1, "a.so"),)).is_wrong_for(None)


def test_names_of_compiled_modules():
    assert split_tag("cpython-313-x86_64-linux-gnu") == ("cpython-313", "-", "x86_64-linux-gnu")
    assert split_tag("cpython-313") == ("cpython-313", "-", "")
    assert (split_tag("cpython"), split_tag("abi3"), split_tag("lib-313-x")) == (("", "", ""),) * 3
    assert module_of("numpy/core/_m.cpython-313-x86_64-linux-gnu.so") == (
        "numpy/core/_m",
        "cpython-313-x86_64-linux-gnu",
    )
    assert (module_of("_m.abi3.so"), module_of("_m.so")) == (("_m", "abi3"), ("_m", ""))
    assert (has_tag("cpython-313-x"), has_tag("abi3")) == (True, False)
