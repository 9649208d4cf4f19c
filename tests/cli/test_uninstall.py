"""`pyman uninstall`: who needs a Python is asked first, and told."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from stage.disks import as_on_a_disk
from stage.followers import add_package, contents, make_venv, setting, version_of
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR


@pytest.fixture
def user(home):
    """Both releases are there; the alias leads to the newer."""
    return home.with_runtimes(OLD, NEW)


def installed(user):
    return sorted(path.name for path in user.runtimes.iterdir() if path.name.count(".") == 2)


def refused(user, *words):
    """What stands in the way; nothing has changed."""
    before = contents(user)
    answer = user.json("uninstall", *words, status=1)
    assert contents(user) == before
    assert answer["error"]["code"] == "in-use"
    assert (answer["changed"], answer["removed"], answer["moved"]) == ([], [], [])
    for need in answer["needed"]:
        assert need["who"] in answer["error"]["message"]
    return {need["why"]: need["who"] for need in answer["needed"]}


def test_what_nobody_needs_goes(user):
    answer = user.json("uninstall", OLD)
    assert answer["changed"] == [OLD]
    assert answer["removed"] == [{"version": OLD, "path": str(user.runtimes / OLD)}]
    assert answer["moved"] == []
    assert installed(user) == [NEW]
    # a minor with exactly one installed
    assert user.json("uninstall", MINOR)["changed"] == [NEW]
    assert sorted(path.name for path in user.runtimes.iterdir()) == []


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [(MINOR, 1, "ambiguous"), ("3.12", 1, "not-found"), (f"{MINOR}.9", 1, "not-found"), ("nonsense", 2, "bad-request")],
)
def test_what_is_not_meant(user, request_, status, code):
    before = contents(user)
    assert user.json("uninstall", request_, status=status)["error"]["code"] == code
    assert contents(user) == before


@pytest.mark.real_archives("processes whose program is the runtime's")
def test_everyone_who_needs_it_is_listed(user, tmp_path):
    user.pyman("hold", MINOR, OLD)
    pinned, held, linked = (make_venv(user, "pyman", name, through=OLD) for name in ("pinned", "held", "linked"))
    text = (held / "pyvenv.cfg").read_text().replace("policy = pin", "policy = follow")
    (held / "pyvenv.cfg").write_text(f"{text}pyman-held-back = {OLD} picky\n")
    lines = [line for line in (linked / "pyvenv.cfg").read_text().splitlines() if not line.startswith("pyman-")]
    (linked / "pyvenv.cfg").write_text("\n".join(lines) + "\n")
    disk = tmp_path / "disk"
    disk.mkdir()
    user.pyman("venv", disk / "far/.venv", "--without-pip")
    shutil.rmtree(disk)
    as_on_a_disk(user.root, disk / "far/.venv")
    with subprocess.Popen(
        [pinned / "bin/python", "-c", "import sys; sys.stdin.read()"], stdin=-1, stdout=-1
    ) as process:
        needed = refused(user, OLD)
        process.communicate()
    assert needed.pop("process").startswith(f"{process.pid} (")
    assert needed == {
        "pinned": str(pinned),
        "held back": str(held),
        "linked": str(linked),
        "hold": MINOR,
        "unreachable": str(disk / "far/.venv"),
    }
    text = user.pyman("uninstall", OLD, status=1)
    for who in needed.values():
        assert who in text.err
    assert "--relink" in text.err
    assert "--force" in text.err


def test_the_last_one_behind_an_alias_that_venvs_follow(user):
    venv = make_venv(user, "venv", "v")
    user.pyman("uninstall", OLD)
    assert refused(user, NEW) == {"follows": str(venv)}
    # together they are the last ones as well
    user.with_runtimes(OLD)
    assert refused(user, OLD, NEW) == {"follows": str(venv)}
    # one may go while another is there; what would go down needs a word for it
    assert refused(user, NEW) == {"follows": str(venv)}
    assert f"go down to {OLD}" in user.pyman("uninstall", NEW, status=1).err
    assert user.json("uninstall", NEW, "--relink")["moved"][0]["to"] == OLD
    assert version_of(venv) == OLD


def test_what_follows_may_stay_above(user):
    """An alias that was rolled back does not go down when the newer release goes."""
    venv = make_venv(user, "venv", "v")
    user.pyman("rollback", MINOR)
    assert user.json("uninstall", NEW)["changed"] == [NEW]
    assert version_of(venv) == OLD


def test_the_alias_is_checked_before_it_goes_back(user):
    """Uninstalling what the alias leads to moves it; a venv that fits nowhere else stops that."""
    misfit, fine = make_venv(user, "pyman", "misfit"), make_venv(user, "pyman", "fine")
    add_package(misfit, "picky", requires_python=f">{OLD}")
    before = contents(user)
    answer = user.json("uninstall", NEW, "--relink", status=1)
    assert answer["error"]["code"] == "cannot-hold-back"
    assert str(misfit) in answer["error"]["message"]
    assert contents(user) == before
    [moved] = user.json("uninstall", NEW, "--force")["moved"]
    assert moved["venvs"] == {"followed": 2, "pinned": 0, "held_back": 0}
    assert [note["path"] for note in moved["notes"]] == [str(misfit)]
    assert (version_of(misfit), version_of(fine)) == (OLD, OLD)


def test_relink_moves_the_venvs_first_and_says_who_follows_now(user):
    pinned, linked = make_venv(user, "pyman", "pinned", through=OLD), make_venv(user, "uv", "linked", through=OLD)
    result = user.pyman("uninstall", OLD, "--relink")
    assert f"{pinned} was pinned and now follows {MINOR}" in result.out
    assert f"{linked} now follows {MINOR}" in result.out
    assert installed(user) == [NEW]
    for venv in (pinned, linked):
        assert version_of(venv) == NEW
        assert setting(venv, "home") == f"{user.runtimes}/{MINOR}/bin"
    assert (setting(pinned, "pyman-policy"), setting(pinned, "pyman-request")) == ("follow", MINOR)
    assert (setting(linked, "pyman-policy"), setting(linked, "version_info")) == (None, MINOR)
    assert user.json("doctor", "--offline")["findings"] == [] or user.pyman("doctor", "--offline").status == 0


def test_relink_down_to_an_older_release(user):
    pinned = make_venv(user, "copies", "copies", through=NEW)
    follows = make_venv(user, "pyman", "follows")
    user.pyman("uninstall", NEW, "--relink")
    assert (version_of(pinned), version_of(follows)) == (OLD, OLD)


def test_relink_keeps_what_a_venv_that_follows_asked_for(user):
    """Held back on 3.13.5, it asked for less than a release: it still does."""
    venv = user.project / "v"
    user.pyman("hold", MINOR, OLD)
    user.pyman("venv", venv, "--without-pip", "-p", f">={MINOR},<4")
    package = add_package(venv, "picky", requires_python=f"<{NEW}")
    user.pyman("unhold", MINOR)
    assert setting(venv, "pyman-held-back")
    # what is held back for a reason is not relinked
    needed = user.json("uninstall", OLD, "--relink", status=1)["needed"]
    assert [(need["why"], need["who"]) for need in needed] == [("held back", str(venv))]
    assert needed[0]["reason"] == f"picky 1.0 requires Python <{NEW}"
    assert version_of(venv) == OLD
    (package / "METADATA").write_text((package / "METADATA").read_text().replace(f"<{NEW}", "<4"))
    user.pyman("uninstall", OLD, "--relink")
    assert (version_of(venv), setting(venv, "pyman-request")) == (NEW, f">={MINOR},<4")


def test_relink_with_force_takes_also_what_does_not_fit(user):
    venv = make_venv(user, "pyman", "v", through=OLD)
    add_package(venv, "picky", requires_python=f"<{NEW}")
    assert refused(user, OLD, "--relink") == {"pinned": str(venv)}
    user.pyman("uninstall", OLD, "--relink", "--force")
    assert version_of(venv) == NEW


def test_relink_with_nowhere_to_go(user):
    user.pyman("uninstall", NEW)
    make_venv(user, "pyman", "v", through=OLD)
    before = contents(user)
    answer = user.json("uninstall", OLD, "--relink", status=1)
    assert f"no other Python {MINOR}" in answer["error"]["message"]
    assert contents(user) == before


def test_force_goes_ahead_and_lets_the_hold_go(user):
    venv = make_venv(user, "pyman", "v", through=OLD)
    user.pyman("hold", MINOR, OLD)
    result = user.pyman("uninstall", OLD, "--force")
    assert f"{MINOR} is no longer held" in result.out
    assert (user.root / "holds").read_text() == ""
    assert os.readlink(user.runtimes / MINOR) == NEW
    assert not os.path.exists(venv / "bin/python")
    # doctor knows what to do about it
    [finding] = [one for one in user.json("doctor", "--offline", status=1)["findings"] if one["path"] == str(venv)]
    assert finding["code"] == "dangling"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a venv to somebody else")
def test_a_relink_that_fails_leaves_everything(user):
    one, other = (make_venv(user, "pyman", name, through=OLD) for name in ("one", "other"))
    os.chown(other / "pyvenv.cfg", 65534, -1)
    before = contents(user)
    answer = user.json("uninstall", OLD, "--relink", status=1)
    assert str(other) in answer["error"]["message"]
    assert contents(user) == before
    assert version_of(one) == OLD


def test_an_adopted_python_is_forgotten_and_stays(user, tmp_path):
    theirs = tmp_path / f"versions/{OTHER}"
    user.with_runtimes(OTHER)
    (user.runtimes / OTHER).rename(tmp_path / "moved")
    theirs.parent.mkdir()
    (tmp_path / "moved").rename(theirs)
    user.pyman("uninstall", OLD)
    user.pyman("adopt", theirs)
    venv = make_venv(user, "venv", "v", through=OTHER_MINOR)
    assert refused(user, OTHER_MINOR) == {"follows": str(venv)}
    # `forget` asks the same
    answer = user.json("forget", OTHER_MINOR, status=1)
    assert answer["error"]["code"] == "in-use"
    assert str(venv) in answer["error"]["message"]
    answer = user.json("uninstall", OTHER_MINOR, "--force")
    assert answer["changed"] == [OTHER]
    assert (theirs / f"bin/python{OTHER_MINOR}").exists()
    assert not os.path.lexists(user.runtimes / OTHER_MINOR)
