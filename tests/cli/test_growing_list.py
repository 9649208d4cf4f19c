"""Lists of builds that have grown, or that their servers do not have: what is known is used, and nothing is guessed."""

from __future__ import annotations

import json
import os

import pytest

from pyman.effects.machine import platform
from stage.home import Home
from stage.mirrors import Mirror, write_stand_in
from stage.server import Server, status

OLD, NEW, NEWEST = "3.13.9", "3.13.10", "3.13.11"
STRANGE = [
    '{"version": "graalpy-25.0+20270101", "date": "2027-01-01T00:00:00Z", "artifacts": []}',
    '{"version": "3.13.99+20270101.1", "artifacts": []}',
    '{"schema": 2}',
    "# generated",
]


@pytest.fixture
def mirror(tmp_path):
    return Mirror(tmp_path / "mirror")


@pytest.fixture
def user(tmp_path, mirror):
    """A home with a Python of pyenv's that would do, if it were asked."""
    home = Home(tmp_path, mirror.path)
    write_stand_in(home.path / ".pyenv/versions/3.13.5", "3.13.5")
    return home


def names(home):
    return sorted(os.listdir(home.runtimes)) if home.runtimes.exists() else []


def artifact(**changes):
    """One for this platform, which is never fetched."""
    fields = {"variant": "install_only_stripped", "url": "x.tar.gz", "archive_format": "tar.gz", "sha256": "a" * 64}
    return {"platform": platform(), **fields, **changes}


def line(version, *artifacts):
    return json.dumps({"version": version, "artifacts": artifacts})


@pytest.mark.parametrize("strange", STRANGE)
def test_upgrade_goes_on_behind_a_line_of_an_unknown_kind(user, mirror, strange):
    mirror.add(OLD)
    with Server(mirror.path) as server:
        user.pyman("install", "3.13", PYMAN_MIRROR=server.url)
        before, mirror.lines = mirror.lines, []
        mirror.add_line(strange)
        mirror.add(NEW, tag="20261101")
        mirror.lines += before
        mirror.add_line("")
        answer = user.json("upgrade", PYMAN_MIRROR=server.url)
    assert [one["version"] for one in answer["installed"]] == [NEW]
    assert os.readlink(user.runtimes / "3.13") == NEW


def test_upgrade_does_not_say_that_all_is_up_to_date_of_what_it_cannot_read(user, mirror):
    mirror.add(OLD)
    user.pyman("install", "3.13")
    assert user.pyman("upgrade").out == "everything is up to date\n"
    mirror.lines[:0] = STRANGE
    mirror.add_line("")
    for words in (["upgrade"], ["list", "--outdated"]):
        answer = user.pyman(*words)
        assert "up to date" not in answer.out + answer.err
        assert "this version of pyman does not understand 4 lines of the list of builds" in answer.out + answer.err
    with open(f"{mirror.path}/index.ndjson", "w") as file:
        file.write("".join(f"{one}\n" for one in STRANGE))
    for words in (["upgrade"], ["list", "--outdated"], ["list", "--available"]):
        assert user.json(*words, status=1)["error"]["code"] == "bad-answer"


@pytest.mark.parametrize("changes", [{"sha256": "sha512:" + "a" * 64}, {"variant": "portable"}, {"url": "../x.tar.gz"}])
def test_a_newer_release_that_cannot_be_used_is_told_and_the_others_are_upgraded(user, mirror, changes):
    mirror.add(OLD)
    mirror.add("3.12.3")
    user.pyman("install", "3.13", "3.12")
    mirror.lines.insert(0, line(f"{NEWEST}+20261201", artifact(**changes)))
    mirror.add("3.12.4", tag="20261101")
    assert NEWEST in user.pyman("install", "3.13").err
    assert NEWEST in user.pyman("list", "--available").err
    assert NEWEST in user.pyman("list", "--outdated").err
    assert user.json("install", NEWEST, status=1)["error"]["code"] == "integrity"
    answer = user.json("upgrade", status=1)
    assert answer["error"]["code"] == "integrity"
    assert f"Python {NEWEST} cannot be installed: its entry in the list of builds has" in answer["error"]["message"]
    assert [one["version"] for one in answer["installed"]] == ["3.12.4"]
    assert "up to date" not in user.pyman("upgrade", status=1).out


def test_builds_with_options_that_are_not_known_are_never_taken_for_the_default_one(user, mirror):
    mirror.add(OLD)
    [release] = map(json.loads, mirror.lines)
    others = [artifact(variant=f"{option}+install_only_stripped") for option in ("asan", "experimental_jit", "debug")]
    others += [artifact(platform=f"{platform()}-tsan"), artifact(variant="install_only_stripped+tailcall")]
    release["artifacts"] = [*others, *release["artifacts"]]
    mirror.lines = [json.dumps(release), *STRANGE]
    mirror.add_line("")
    assert "4 lines and 4 builds" in user.pyman("install", "3.13", "--no-adopt", "-v").err
    assert names(user) == ["3", "3.13", OLD]
    available = user.json("list", "--available")["available"]
    assert [(one["version"], one["variant"]) for one in available] == [(OLD, "default"), (OLD, "debug")]


@pytest.mark.parametrize("code", [401, 404, 410])
@pytest.mark.parametrize("where", ["index", "archive"])
def test_an_answer_that_somebody_has_to_correct_never_leads_to_adoption(user, mirror, code, where):
    archive = mirror.add(OLD)
    with Server(mirror.path) as server:
        server.fault("/index.ndjson" if where == "index" else archive.removeprefix(mirror.path), status(code))
        answer = user.json("install", "3.13", status=1, PYMAN_MIRROR=server.url)
    assert answer["error"]["code"] == "bad-answer"
    assert f"HTTP {code}" in answer["error"]["message"]
    assert names(user) == []


@pytest.mark.parametrize("code", [403, 407, 429, 503])
def test_a_server_out_of_reach_does(user, mirror, code):
    with Server(mirror.path) as server:
        server.fault("/index.ndjson", status(code))
        [got] = user.json("install", "3.13", PYMAN_MIRROR=server.url)["installed"]
    assert (got["version"], got["origin"]) == ("3.13.5", "pyenv")


@pytest.mark.parametrize("mirror_name", ["nowhere", "empty", "strange"])
def test_a_folder_that_is_not_a_mirror_never_leads_to_adoption_either(user, tmp_path, mirror_name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "index.ndjson").write_text("hello\n")
    answer = user.json("install", "3.13", status=1, PYMAN_MIRROR=str(tmp_path / mirror_name))
    assert answer["error"]["code"] == "bad-answer"
    assert names(user) == []


def test_what_is_managed_is_kept_whatever_the_answer(user, mirror):
    mirror.add(OLD)
    user.pyman("install", "3.13")
    with Server() as server:
        answer = user.pyman("install", "3.13", PYMAN_MIRROR=server.url)
        assert f"using installed {OLD}; could not check for newer releases: " in answer.out
        assert "HTTP 404" in answer.out
        assert user.json("upgrade", status=1, PYMAN_MIRROR=server.url)["error"]["code"] == "bad-answer"
