"""A store for everybody, beneath the users' own: who gets which Python, what follows, and what is never written."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from stage.crowd import gather
from stage.mirror import MINOR, NEW, OLD, OTHER, SITE
from stage.venvs import call, make_venv

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")


@pytest.fixture
def crowd(monkeypatch):
    with gather(monkeypatch) as crowd:
        yield crowd


def listed(crowd, name):
    """The rows of `list`: store and version, with the number of venvs; and the aliases."""
    data = crowd.pyman(name, "list", "--json").data
    rows = {(one["store"], one["version"]): one["venvs"] for one in data["runtimes"]}
    return rows, {one["name"]: one["target"] for one in data["aliases"]}


def test_a_user_without_a_store_uses_the_one_for_everybody(crowd):
    assert listed(crowd, "alice") == ({("system", OLD): 0}, {MINOR: OLD, "3": MINOR})
    for request in (MINOR, "3", OLD, "latest"):
        found = crowd.pyman("alice", "find", request)
        name = OLD if request == OLD else MINOR
        assert found.out == f"{crowd.runtimes}/{name}/bin/python{MINOR}\n"
    assert not crowd.own("alice").exists()


def test_a_venv_goes_through_the_user_s_own_alias_and_follows_what_root_installs(crowd):
    planned = crowd.pyman("alice", "venv", "v", "--without-pip", "--json", "--dry-run").data
    made = crowd.pyman("alice", "venv", "v", "--without-pip", "--json").data
    assert made == {key: value for key, value in planned.items() if key != "dry_run"}
    assert made["home"] == f"{crowd.own('alice')}/{MINOR}/bin"
    assert os.readlink(crowd.own("alice") / MINOR) == f"{crowd.runtimes}/{MINOR}"
    assert crowd.runs("alice") == OLD
    assert listed(crowd, "alice")[0] == {("system", OLD): 1}
    upgraded = crowd.admin("install", MINOR, "--json")
    assert upgraded.status == 0, upgraded
    assert upgraded.data["moved"][0]["venvs"] == {"followed": 1, "pinned": 0, "held_back": 0}
    assert crowd.runs("alice") == NEW
    assert crowd.pyman("alice", "doctor", "--json").data["findings"] == []


def test_twelve_users_follow(monkeypatch):
    names = [f"user{number}" for number in range(12)]
    with gather(monkeypatch, *names) as crowd:
        for name in names:
            assert crowd.pyman(name, "venv", "v", "--without-pip").status == 0
        assert crowd.admin("install", MINOR, "--json").data["moved"][0]["venvs"]["followed"] == 12
        assert {crowd.runs(name) for name in names} == {NEW}


def test_the_newer_alias_wins_the_own_one_on_a_tie_and_where_it_is_held(crowd):
    assert crowd.pyman("alice", "venv", "v", "--without-pip").status == 0
    # A Python of her own above that of everybody.
    installed = crowd.pyman("alice", "install", NEW, "--json")
    assert [(one["from"], one["to"]) for one in installed.data["moved"]] == [(OLD, NEW)]
    assert os.readlink(crowd.own("alice") / MINOR) == NEW
    assert crowd.runs("alice") == NEW
    assert listed(crowd, "alice") == ({("own", NEW): 1, ("system", OLD): 0}, {MINOR: NEW, "3": MINOR})
    # Equal ones: her own.
    assert crowd.admin("install", NEW).status == 0
    assert crowd.pyman("alice", "doctor", "--json").data["findings"] == []
    # Bob has an older one of his own.
    installed = crowd.pyman("bob", "install", OLD, "--json")
    assert os.readlink(crowd.own("bob") / MINOR) == f"{crowd.runtimes}/{MINOR}"
    assert crowd.pyman("bob", "find", MINOR, "--resolve").out.startswith(f"{crowd.runtimes}/{NEW}/")
    held = crowd.pyman("bob", "hold", MINOR, OLD, "--json")
    assert [(one["from"], one["to"]) for one in held.data["moved"]] == [(NEW, OLD)]
    assert os.readlink(crowd.own("bob") / MINOR) == OLD
    assert crowd.pyman("bob", "unhold", MINOR).status == 0
    assert os.readlink(crowd.own("bob") / MINOR) == f"{crowd.runtimes}/{MINOR}"


def test_an_own_alias_that_is_older_is_stale_until_it_is_a_link_to_the_system_s(crowd):
    assert crowd.pyman("alice", "install", OLD).status == 0
    assert crowd.pyman("alice", "venv", "v", "--without-pip").status == 0
    assert crowd.admin("install", NEW).status == 0
    assert crowd.runs("alice") == OLD
    found = crowd.pyman("alice", "doctor", "--json")
    assert (found.status, [one["code"] for one in found.data["findings"]]) == (1, ["alias-stale"])
    fixed = crowd.pyman("alice", "doctor", "--fix", "--json")
    assert (fixed.status, fixed.data["findings"][0]["status"]) == (0, "fixed"), fixed
    assert os.readlink(crowd.own("alice") / MINOR) == f"{crowd.runtimes}/{MINOR}"
    assert crowd.runs("alice") == NEW
    assert crowd.pyman("alice", "doctor", "--fix", "--json").data["changed"] == []


def test_what_a_user_removes_is_in_the_own_store(crowd):
    before = sorted(os.listdir(crowd.runtimes))
    refused = crowd.pyman("alice", "uninstall", OLD, "--json")
    assert (refused.status, refused.data["error"]["code"]) == (1, "read-only")
    assert str(crowd.root) in refused.data["error"]["hint"]
    assert crowd.pyman("alice", "install", OLD, NEW).status == 0
    assert crowd.pyman("alice", "uninstall", NEW).status == 0
    assert os.readlink(crowd.own("alice") / MINOR) == OLD
    assert crowd.pyman("alice", "uninstall", OLD).status == 0
    # What is left is everybody's.
    assert os.readlink(crowd.own("alice") / MINOR) == f"{crowd.runtimes}/{MINOR}"
    assert sorted(os.listdir(crowd.runtimes)) == before


def test_uninstall_refuses_for_a_pin_of_any_user(crowd):
    assert crowd.pyman("alice", "venv", "v", "--without-pip", "-p", OLD).status == 0
    assert crowd.admin("install", NEW).status == 0
    refused = crowd.admin("uninstall", OLD, "--json")
    assert refused.status == 1
    assert [(one["why"], one["who"]) for one in refused.data["needed"]] == [("pinned", f"{crowd.home('alice')}/v")]
    assert crowd.admin("prune", "--json").data["removed"] == []
    assert crowd.runs("alice") == OLD


def test_users_who_cannot_be_asked_need_force(crowd):
    assert crowd.admin("install", NEW).status == 0
    carol = crowd.add("carol")
    carol.rmdir()
    crowd.add("daemon", 40, crowd.folder / "daemon", "/usr/sbin/nologin").rmdir()
    crowd.add("service", 5000, crowd.folder / "service", "/usr/sbin/nologin").rmdir()
    kept = crowd.admin("prune", "--json").data
    assert [(one["why"], one["who"]) for one in kept["kept"]] == [("unasked", "carol (the home does not exist)")]
    refused = crowd.admin("uninstall", OLD, "--json")
    assert [one["why"] for one in refused.data["needed"]] == ["unasked"]
    assert "carol" in refused.data["error"]["message"]
    # Not in any other store of root's.
    other = crowd.folder / "other"
    crowd.put(other, OLD)
    assert crowd.pyman("root", "uninstall", OLD, PYMAN_ROOT=str(other)).status == 0
    assert [one["version"] for one in crowd.admin("prune", "--force", "--json").data["removed"]] == [OLD]


def test_a_shim_finds_what_only_the_system_store_has(crowd):
    assert crowd.pyman("alice", "install", NEW).status == 0
    (crowd.home("alice") / ".python-version").write_text(OLD)
    assert crowd.pyman("alice", "which", "python").out == f"{crowd.runtimes}/{OLD}/bin/python\n"
    # The shim asks pyman, here a stand-in, where there are settings of the system.
    shim = crowd.own("alice").parent / "shims/python"
    stand_in = crowd.folder / "pyman"
    stand_in.write_text("#!/bin/sh\necho asked: $*\n")
    stand_in.chmod(0o755)
    text = re.sub("(?m)^pyman_written_command=.*", f"pyman_written_command='{stand_in}'", shim.read_text())
    shim.write_text(re.sub("(?m)^pyman_written_script=.*", "pyman_written_script=''", text))
    environ = {"HOME": str(crowd.home("alice")), "PYMAN_PYTHON": OLD}
    assert call(shim, "-V", PYMAN_SYSTEM_CONFIG=str(crowd.config), **environ) == "asked: shim python -V\n"
    with pytest.raises(AssertionError, match="not installed"):
        call(shim, "-V", **environ)


def test_a_store_that_is_away_is_as_none_and_its_links_stay(crowd):
    assert crowd.pyman("alice", "venv", "v", "--without-pip").status == 0
    crowd.root.rename(crowd.folder / "away")
    assert crowd.pyman("alice", "list", "--json").data["runtimes"] == []
    assert crowd.pyman("alice", "install", OTHER, "--no-check").status == 0
    assert os.readlink(crowd.own("alice") / MINOR) == f"{crowd.runtimes}/{MINOR}"
    (crowd.folder / "away").rename(crowd.root)
    assert crowd.runs("alice") == OLD


def test_what_only_another_user_s_record_names_is_counted_and_not_written(crowd):
    """A venv of root's that alice has recorded: a backup, an image, anything that goes through the alias."""
    theirs = make_venv(
        f"{crowd.folder}/backup/v", f"{crowd.runtimes}/{MINOR}/bin/python{MINOR}", extra=f"version = {OLD}\n"
    )
    assert crowd.pyman("alice", "register", theirs).status == 0
    settings = Path(theirs, "pyvenv.cfg")
    before = settings.read_text()
    moved = crowd.admin("install", NEW, "--json").data["moved"][0]
    assert moved["venvs"]["followed"] == 1
    assert settings.read_text() == before


def unfit(crowd, name, below):
    """A package in the user's venv that does not run on releases from `below` on."""
    package = crowd.home(name) / f"v/{SITE}/spam-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: spam\nVersion: 1.0\nRequires-Python: <{below}\n")
    (package / "RECORD").write_text("")
    os.system(f"chown -R {crowd.users[name].pw_uid} {package}")


def test_what_does_not_fit_goes_along_and_its_owner_can_hold_it_back_on_the_system_s_release(crowd):
    assert crowd.pyman("alice", "venv", "v", "--without-pip").status == 0
    unfit(crowd, "alice", NEW)
    moved = crowd.admin("install", NEW, "--json")
    assert moved.status == 1
    assert "moved anyway" in moved.data["moved"][0]["notes"][0]["note"]
    assert crowd.runs("alice") == NEW
    fixed = crowd.pyman("alice", "doctor", "--fix", "--json").data["findings"]
    assert [(one["code"], one["status"]) for one in fixed][-1] == ("incompatible", "fixed")
    assert crowd.runs("alice") == OLD
    assert os.readlink(crowd.home("alice") / "v/bin/python").startswith(f"{crowd.runtimes}/{OLD}/")
    assert [one["code"] for one in crowd.pyman("alice", "doctor", "--json").data["findings"]] == ["held-back"]
    # It counts, and keeps the release.
    assert [one["why"] for one in crowd.admin("uninstall", OLD, "--json").data["needed"]] == ["held back"]


def test_a_venv_that_does_not_fit_her_own_newer_release_stays_on_the_system_s(crowd):
    assert crowd.pyman("alice", "venv", "v", "--without-pip").status == 0
    unfit(crowd, "alice", NEW)
    moved = crowd.pyman("alice", "install", NEW, "--json")
    assert moved.status == 0, moved
    assert moved.data["moved"][0]["venvs"]["held_back"] == 1
    assert os.readlink(crowd.home("alice") / "v/bin/python").startswith(f"{crowd.runtimes}/{OLD}/")
    assert crowd.runs("alice") == OLD


def test_a_hold_at_what_only_the_system_store_has_is_refused(crowd):
    for words in ((MINOR,), (MINOR, OLD)):
        refused = crowd.pyman("alice", "hold", *words, "--json")
        assert (refused.status, refused.data["error"]["code"]) == (1, "not-found")
        assert f"`pyman install {OLD}`" in refused.data["error"]["hint"]
