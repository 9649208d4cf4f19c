"""`pyman prune`: what nothing uses goes, and the price is told."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from stage.disks import as_on_a_disk
from stage.followers import contents, make_venv
from stage.mirror import MINOR, NEW, OLD


@pytest.fixture
def user(home):
    return home.with_runtimes(OLD, NEW)


def installed(user):
    return sorted(path.name for path in user.runtimes.iterdir() if path.name.count(".") == 2)


def kept(answer):
    return [(one["version"], one["why"]) for one in answer["kept"]]


def test_what_nothing_uses_goes_and_the_price_is_told(user):
    make_venv(user, "pyman", "v")
    before = contents(user)
    planned = user.json("prune", "--dry-run")
    assert contents(user) == before
    assert (planned.pop("dry_run"), planned["changed"]) == (True, [OLD])
    [one] = planned["removed"]
    assert (one["version"], one["path"]) == (OLD, str(user.runtimes / OLD))
    assert 20e6 < one["bytes"] == planned["freed"] < 200e6
    assert planned["without_way_back"] == [MINOR]
    answer = user.json("prune")
    assert answer == planned
    assert installed(user) == [NEW]
    text = user.pyman("prune").out
    assert "every Python that pyman installed is used" in text


def test_in_words(user):
    text = user.pyman("prune", "--dry-run").out
    assert f"would remove {OLD}, " in text
    assert f"{MINOR} could no longer be rolled back" in text
    text = user.pyman("prune").out
    assert f"removed {OLD}, " in text
    assert "freed " in text


@pytest.mark.parametrize("creator", ["pyman", "venv", "virtualenv", "uv", "copies"])
def test_a_venv_that_goes_through_the_release_keeps_it(user, creator):
    venv = make_venv(user, creator, "v", through=OLD)
    answer = user.json("prune")
    assert kept(answer) == [(OLD, "pinned" if creator == "pyman" else "linked")]
    assert answer["kept"][0]["who"] == str(venv)
    assert installed(user) == sorted((NEW, OLD))
    assert str(venv) in user.pyman("prune").out


def test_a_hold_keeps_what_it_names_and_the_alias_what_it_leads_to(user):
    user.pyman("hold", MINOR, OLD)
    # 3.13.15 is used by nothing then
    assert user.json("prune")["changed"] == [NEW]
    assert installed(user) == [OLD]


@pytest.mark.real_archives("processes of their own")
def test_a_process_keeps_what_it_runs(user):
    with subprocess.Popen(
        [user.runtimes / OLD / f"bin/python{MINOR}", "-c", "import sys; sys.stdin.read()"], stdin=-1
    ) as process:
        answer = user.json("prune")
        process.communicate()
    assert kept(answer) == [(OLD, "process")]
    assert installed(user) == sorted((NEW, OLD))


def test_a_disk_that_is_not_there_keeps_everything_unless_forced(user, tmp_path):
    disk = tmp_path / "disk"
    user.pyman("venv", disk / "far/.venv", "--without-pip")
    shutil.rmtree(disk)
    as_on_a_disk(user.root)
    assert kept(user.json("prune")) == [(OLD, "unreachable")]
    assert user.json("prune", "--force")["changed"] == [OLD]
    # the record stays
    assert [os.readlink(path) for path in (user.root / "venvs").iterdir()] == [str(disk / "far/.venv")]


def test_nothing_adopted_is_ever_deleted(user, tmp_path):
    theirs = tmp_path / "versions" / OLD
    theirs.parent.mkdir()
    (user.runtimes / OLD).rename(theirs)
    user.pyman("adopt", theirs)
    assert user.json("prune")["removed"] == []
    assert (theirs / f"bin/python{MINOR}").exists()
    assert os.path.islink(user.runtimes / OLD)


def test_what_dead_processes_left_goes_too(user):
    work = user.runtimes / ".install-3.13.9-999999999-abcdef"
    (work / "tree").mkdir(parents=True)
    (work / "note").write_text("operation install\nsubject 3.13.9\npid 999999999\nhost x\n")
    user.pyman("prune", "--dry-run")
    assert work.exists()
    user.pyman("prune")
    assert not work.exists()
