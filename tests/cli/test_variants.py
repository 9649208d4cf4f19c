"""Free-threaded builds, debug builds and pre-releases: side by side, under aliases of their own, and only when asked for."""

from __future__ import annotations

import os

import pytest

from stage.home import Home
from stage.mirrors import Mirror, stand_in
from stage.wheels import build_wheel


@pytest.fixture
def user(tmp_path):
    mirror = Mirror(tmp_path / "mirror")
    for release in ("3.15.0rc1", "3.15.0rc1t", "3.14.2", "3.14.2t", "3.14.2d"):
        mirror.add(release)
    for release in ("3.14.1", "3.14.1t", "3.15.0b4", "3.13.9"):
        mirror.add(release, tag="20260901")
    return Home(tmp_path, mirror.path)


def links(home):
    return {
        name: os.readlink(home.runtimes / name)
        for name in os.listdir(home.runtimes)
        if os.path.islink(home.runtimes / name)
    }


def test_variants_lie_side_by_side_with_aliases_of_their_own(user):
    answer = user.json("install", "3.14", "3.14t", "3.14d")
    assert [(one["version"], os.path.basename(one["path"]), one["aliases"]) for one in answer["installed"]] == [
        ("3.14.2", "3.14.2", ["3.14", "3"]),
        ("3.14.2", "3.14.2t", ["3.14t"]),
        ("3.14.2", "3.14.2d", ["3.14d"]),
    ]
    assert links(user) == {"3": "3.14", "3.14": "3.14.2", "3.14t": "3.14.2t", "3.14d": "3.14.2d"}
    listed = user.json("list")["runtimes"]
    assert {(one["version"], one["variant"]) for one in listed} == {
        ("3.14.2", "default"),
        ("3.14.2", "freethreaded"),
        ("3.14.2", "debug"),
    }


@pytest.mark.parametrize(
    ("request_", "program"),
    [("3.14", "3.14/bin/python3.14"), ("3.14t", "3.14t/bin/python3.14t"), ("3.14d", "3.14d/bin/python3.14d"),
     ("3.14.2t", "3.14.2t/bin/python3.14t"), ("3.14+freethreaded", "3.14t/bin/python3.14t"),
     ("cpython-3.14.2+debug", "3.14.2d/bin/python3.14d")],
)  # fmt: skip
def test_each_is_found_by_its_own_name_alone(user, request_, program):
    user.pyman("install", "3.14", "3.14t", "3.14d")
    assert user.pyman("find", request_).out == f"{user.runtimes}/{program}\n"


def test_no_variant_answers_for_another(user):
    user.pyman("install", "3.14t")
    for request in ("3.14", "3.14.2", "3.14d", ">=3.13"):
        assert "pyman install" in user.pyman("find", request, status=1).err
    assert user.json("find", "3")["path"] == f"{user.runtimes}/3.14t/bin/python3.14t"
    assert user.json("find")["path"] == f"{user.runtimes}/3.14t/bin/python3.14t"


def test_a_venv_of_a_variant_follows_it(user):
    user.pyman("install", "3.14.1t", "3.14.1")
    user.pyman("venv", "v", "--without-pip", "-p", "3.14t")
    venv = user.project / "v"
    assert os.readlink(venv / "bin/python") == f"{user.runtimes}/3.14t/bin/python3.14t"
    assert (venv / "lib/python3.14t/site-packages").is_dir()
    assert user.run(venv / "bin/python", "-V") == "Python 3.14.1"
    moved = user.json("install", "3.14")["moved"]
    assert [(one["alias"], one["venvs"]["followed"]) for one in moved] == [("3.14", 0)]
    assert user.run(venv / "bin/python", "-V") == "Python 3.14.1"
    moved = user.json("install", "3.14t")["moved"]
    assert [(one["alias"], one["venvs"]["followed"]) for one in moved] == [("3.14t", 1)]
    assert user.run(venv / "bin/python", "-V") == "Python 3.14.2"


def test_holds_and_removals_of_a_variant_leave_the_others_alone(user):
    user.pyman("install", "3.14", "3.14t", "3.14.1t")
    user.pyman("rollback", "3.14t")
    assert links(user)["3.14t"] == "3.14.1t"
    assert links(user)["3.14"] == "3.14.2"
    user.pyman("unhold", "3.14t")
    user.pyman("uninstall", "3.14.2t")
    assert links(user) == {"3": "3.14", "3.14": "3.14.2", "3.14t": "3.14.1t"}


# --- pre-releases ---


def test_a_pre_release_comes_only_where_it_is_asked_for_or_alone(user):
    assert user.json("install", "latest")["installed"][0]["version"] == "3.14.2"
    assert user.json("install", ">=3.13")["installed"][0]["version"] == "3.14.2"
    assert user.json("install", "3.15")["installed"][0]["version"] == "3.15.0rc1"
    assert links(user)["3.15"] == "3.15.0rc1"
    # it is installed now, and still nobody's newest
    assert links(user)["3"] == "3.14"
    for request in ("latest", "3", ">=3.13"):
        assert user.json("find", request)["version"] == "3.14.2"
    assert user.json("find", "3.15")["version"] == "3.15.0rc1"
    assert user.json("find", "3.15-dev")["version"] == "3.15.0rc1"


def test_a_final_release_takes_the_alias_of_its_pre_releases(user, tmp_path):
    user.pyman("install", "3.15.0b4")
    user.pyman("venv", "v", "--without-pip", "-p", "3.15")
    assert user.json("install", "3.15")["moved"][0]["to"] == "3.15.0rc1"
    final = Mirror(tmp_path / "final")
    final.add("3.15.0")
    moved = user.json("install", "3.15", "--mirror", final.path)["moved"]
    assert [(one["alias"], one["from"], one["to"]) for one in moved] == [("3.15", "3.15.0rc1", "3.15.0"), *[]]
    assert links(user) == {"3": "3.15", "3.15": "3.15.0"}
    # and no pre-release of the next patch takes it back
    final.add("3.15.1rc1")
    user.pyman("install", "3.15.1rc1", "--mirror", final.path)
    assert links(user)["3.15"] == "3.15.0"
    assert user.json("find", "3.15-dev")["version"] in ("3.15.0", "3.15.1")


def test_upgrade_goes_from_pre_release_to_pre_release_and_to_each_variant_s_newest(user):
    user.pyman("install", "3.15.0b4", "3.14.1", "3.14.1t")
    answer = user.json("upgrade")
    assert sorted(os.path.basename(one["path"]) for one in answer["installed"]) == ["3.14.2", "3.14.2t", "3.15.0rc1"]


# --- what is available ---


def test_what_is_available_by_minor_with_what_is_installed_marked(user):
    user.pyman("install", "3.14.1", "3.14t")
    answer = user.json("list", "--available", "--offline")
    assert [(one["version"], one["variant"], one["installed"]) for one in answer["available"]] == [
        ("3.15.0rc1", "default", False),
        ("3.15.0rc1", "freethreaded", False),
        ("3.14.2", "default", False),
        ("3.14.2", "freethreaded", True),
        ("3.14.2", "debug", False),
        ("3.13.9", "default", False),
    ]
    assert {"version", "variant", "installed", "end_of_life"} <= set(answer["available"][0])
    assert {"runtimes", "aliases"} <= set(answer)
    told = {line.split()[0]: line for line in user.pyman("list", "--available", "--offline").out.splitlines()[1:]}
    assert " 3.14.1 " in told["3.14"]
    assert " yes " in told["3.14t"]
    assert " yes " not in told["3.13"]


def test_every_patch_release_that_is_available(user):
    every = user.json("list", "--available", "--all", "--offline")["available"]
    assert len(every) == 9
    assert [one["version"] for one in every if one["variant"] == "default"] == [
        "3.15.0rc1",
        "3.15.0b4",
        "3.14.2",
        "3.14.1",
        "3.13.9",
    ]


def test_what_is_outdated(user):
    assert user.json("list", "--outdated")["outdated"] == []
    user.pyman("install", "3.14.1", "3.14t", "3.13")
    [one] = user.json("list", "--outdated")["outdated"]
    assert (one["alias"], one["version"], one["newest"], one["held"]) == ("3.14", "3.14.1", "3.14.2", False)
    assert "3.14.2" in user.pyman("list", "--outdated").out
    user.pyman("hold", "3.14")
    assert user.json("list", "--outdated")["outdated"][0]["held"] is True


def test_the_list_is_the_registry(user):
    user.pyman("install", "3.14.1", "3.14", "3.13")
    user.pyman("venv", "v", "--without-pip")
    user.pyman("venv", "w", "--without-pip", "-p", "3.14.1")
    user.pyman("hold", "3.13")
    answer = user.json("list")
    assert answer["aliases"] == [
        {"name": "3.14", "target": "3.14.2", "held": False},
        {"name": "3.13", "target": "3.13.9", "held": True},
        {"name": "3", "target": "3.14", "held": False},
    ]
    first = answer["runtimes"][0]
    assert first == {
        "version": "3.14.2",
        "implementation": "cpython",
        "variant": "default",
        "store": "own",
        "origin": "managed",
        "path": str(user.runtimes / "3.14.2"),
        "build": "20261001",
        "aliases": ["3.14", "3"],
        "venvs": 1,
        "fixes": None,
    }
    assert [(one["version"], one["venvs"]) for one in answer["runtimes"]] == [
        ("3.14.2", 1),
        ("3.14.1", 1),
        ("3.13.9", 0),
    ]
    assert set(answer) == {"schema", "runtimes", "aliases"}


def test_sentences_name_a_release_with_its_variant(user, tmp_path):
    wheel = build_wheel(str(tmp_path), "pip", "26.0")
    with open(wheel, "rb") as file:
        bundled = {f"lib/python3.14/ensurepip/_bundled/{os.path.basename(wheel)}": file.read()}
    mirror = Mirror(tmp_path / "with pip")
    mirror.add("3.14.2", stand_in("3.14.2", **bundled))
    user.pyman("install", "3.14.1t")
    user.pyman("install", "3.14", PYMAN_MIRROR=mirror.path)
    user.pyman("venv", "v", "--without-pip", "-p", "3.14t")
    assert "runs Python 3.14.1t" in user.pyman("info", "v").out
    assert "v: Python 3.14.1t → 3.14.2, packages" in user.pyman("rebuild", "v", "-p", "3.14", "--dry-run").out
    # programs read the variant beside it
    assert user.json("rebuild", "v", "-p", "3.14", "--dry-run")["rebuilt"][0]["from"] == "3.14.1"
    user.pyman("venv", "pinned", "--without-pip", "-p", "3.14.1t")
    user.pyman("install", "3.14t")
    findings = {finding["code"]: finding for finding in user.json("doctor", "pinned", status=0)["findings"]}
    assert findings["pinned"]["message"].partition(";")[0] == "pinned to 3.14.1t, and 3.14.2t is installed"
