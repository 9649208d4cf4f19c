"""`pyman upgrade`: new patch releases flow into every venv, and none of them breaks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from stage.followers import (
    CREATORS,
    add_package,
    cfg_of,
    contents,
    is_consistent,
    library_of,
    make_venv,
    setting,
    version_of,
)
from stage.home import PACKAGE, Home
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR, mirror_of
from stage.server import Server, stall
from stage.venvs import peer

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a venv to somebody else")


@pytest.fixture
def user(home):
    """OLD is installed; the mirror has NEW."""
    return home.with_runtimes(OLD)


def test_the_new_release_flows_into_the_venvs_of_every_tool(user):
    venvs = {creator: make_venv(user, creator, creator) for creator in CREATORS}
    pinned = make_venv(user, "pyman", "pinned", through=OLD)
    before = cfg_of(venvs["pyman"])
    answer = user.json("upgrade")
    assert answer["schema"] == "pyman/1"
    [installed] = answer["installed"]
    assert (installed["version"], installed["already"], installed["aliases"]) == (NEW, False, [MINOR, "3"])
    assert answer["moved"][0].pop("fixes")["at_least"] >= 35
    assert answer["moved"] == [
        {
            "alias": MINOR,
            "from": OLD,
            "to": NEW,
            "venvs": {"followed": 5, "pinned": 1, "held_back": 0},
            "held_back": [],
            "processes": [],
            "notes": [],
        }
    ]
    for creator, venv in venvs.items():
        assert (creator, version_of(venv), library_of(venv)) == (creator, NEW, NEW)
        for key in ("version", "version_info", "python-version"):
            assert setting(venv, key) in (None, MINOR, f"{NEW}.final.0"), (creator, key)
    assert (version_of(pinned), setting(pinned, "version")) == (OLD, OLD)
    assert cfg_of(venvs["pyman"]) == before
    # and the way back
    user.pyman("rollback", MINOR)
    assert {(creator, version_of(venv)) for creator, venv in venvs.items()} == {(each, OLD) for each in CREATORS}
    assert user.pyman("doctor", "--offline").status == 0


@pytest.mark.parametrize("creator", ["venv", "virtualenv", "uv"])
def test_uv_keeps_a_venv_that_has_followed(user, creator):
    project = user.project
    (project / "pyproject.toml").write_text(f'[project]\nname = "p"\nversion = "1"\nrequires-python = ">={MINOR}"\n')
    venv = make_venv(user, creator, ".venv")
    (venv / "mark").write_text("mine")
    uv = (peer("uv"), "sync", "--offline", "--no-python-downloads", "-q")
    user.run(*uv)
    assert (venv / "mark").exists()
    user.pyman("upgrade")
    user.run(*uv)
    assert (venv / "mark").exists()
    assert version_of(venv) == NEW


def test_what_does_not_fit_is_held_back_and_comes_when_it_fits(user):
    asked = user.project / "asked"
    user.pyman("venv", asked, "--without-pip", "-p", f">={MINOR},<{NEW}")
    python, marker, misses, fine = (make_venv(user, "pyman", name) for name in ("python", "marker", "misses", "fine"))
    package = add_package(python, "old-fashioned", requires_python=f">=3.8,!={NEW}")
    add_package(marker, "modern", requires_dist=[f"helper>=2; python_full_version >= '{NEW}'"])
    add_package(misses, "modern", requires_dist=[f"helper>=2; python_full_version >= '{NEW}'"])
    add_package(misses, "helper", "1.0")
    add_package(fine, "modern", requires_dist=[f"helper>=2; python_full_version >= '{NEW}'", "x; extra == 'y'"])
    add_package(fine, "helper", "2.0")
    add_package(fine, "never-fitted", requires_python=">=3.99")

    planned = user.json("upgrade", "--dry-run")
    [moved] = user.json("upgrade")["moved"]
    assert planned["moved"] == [moved]
    assert moved["venvs"] == {"followed": 1, "pinned": 0, "held_back": 4}
    reasons = {os.path.basename(one["path"]): one["reason"] for one in moved["held_back"]}
    assert reasons == {
        "asked": f">={MINOR},<{NEW} was requested",
        "python": f"old-fashioned 1.0 requires Python >=3.8,!={NEW}",
        "marker": f"modern 1.0 needs helper>=2 on {NEW}, and it is not installed",
        "misses": f"modern 1.0 needs helper>=2 on {NEW}, and 1.0 is installed",
    }
    for name, reason in reasons.items():
        venv = user.project / name
        assert setting(venv, "pyman-held-back") == f"{OLD} {reason}"
        assert setting(venv, "home") == f"{user.runtimes}/{OLD}/bin"
        assert setting(venv, "pyman-policy") == "follow"
        assert (version_of(venv), library_of(venv)) == (OLD, OLD)
    assert version_of(fine) == NEW
    listed = user.json("venvs", "--offline")["venvs"]
    assert {one["path"]: one["state"] for one in listed}[str(python)] == "held-back"

    # still unfit: tried and left
    user.pyman("rollback", MINOR)
    assert version_of(python) == OLD
    [moved] = user.json("unhold", MINOR)["moved"]
    assert moved["venvs"]["held_back"] == 4
    # fixed: the next move takes it along
    text = (package / "METADATA").read_text()
    (package / "METADATA").write_text(text.replace(f",!={NEW}", ""))
    user.pyman("rollback", MINOR)
    [moved] = user.json("unhold", MINOR)["moved"]
    assert moved["venvs"] == {"followed": 2, "pinned": 0, "held_back": 3}
    assert version_of(python) == NEW
    assert "held-back" not in cfg_of(python)
    assert setting(python, "home") == f"{user.runtimes}/{MINOR}/bin"


def test_a_dry_run_says_everything_and_changes_nothing(user):
    misfit = make_venv(user, "pyman", "v")
    add_package(misfit, "picky", requires_python=f"<{NEW}")
    before = contents(user)
    result = user.pyman("upgrade", "--dry-run")
    for words in (
        f"Python {NEW} would be installed",
        f"{MINOR}: {OLD} -> {NEW}",
        "would be held back",
        str(misfit),
        "picky",
    ):
        assert words in result.out
    assert contents(user) == before


def test_a_misfit_that_cannot_be_written_stops_everything_unless_forced(user):
    misfit, other = make_venv(user, "pyman", "v"), make_venv(user, "venv", "w")
    add_package(misfit, "picky", requires_python=f"<{NEW}")
    add_package(other, "picky", requires_python=f"<{NEW}")
    # Nothing is written through a link.
    os.rename(misfit / "bin", misfit / "programs")
    os.symlink("programs", misfit / "bin")
    before = contents(user)
    planned = user.json("upgrade", "--dry-run", status=1)
    answer = user.json("upgrade", status=1)
    assert planned == {**answer, "dry_run": True}
    assert answer["error"]["code"] == "cannot-hold-back"
    assert str(misfit) in answer["error"]["message"]
    assert "--force" in answer["error"]["hint"]
    assert (answer["installed"], answer["moved"]) == ([], [])
    assert contents(user) == before
    [moved] = user.json("upgrade", "--force")["moved"]
    assert moved["venvs"] == {"followed": 1, "pinned": 0, "held_back": 1}
    assert [note["path"] for note in moved["notes"]] == [str(misfit)]
    assert (version_of(misfit), version_of(other)) == (NEW, OLD)


@AS_ROOT
def test_a_misfit_of_somebody_else_stops_nothing(user):
    """It is named, and the exit status says that not all is well."""
    misfit = make_venv(user, "pyman", "v")
    add_package(misfit, "picky", requires_python=f"<{NEW}")
    os.chown(misfit, 65534, -1)
    answer = user.json("upgrade", status=1)
    assert ("error" in answer, answer["changed"]) == (False, [NEW])
    [note] = answer["moved"][0]["notes"]
    assert note["path"] == str(misfit)
    assert f"moved anyway: picky 1.0 requires Python <{NEW}, and it cannot be held back" in note["note"]
    assert version_of(misfit) == NEW


def test_follow_says_why_a_venv_was_held_back(user):
    misfit = make_venv(user, "pyman", "misfit")
    add_package(misfit, "picky", requires_python=f"<{NEW}")
    user.json("upgrade")
    venv = str(misfit)
    told = user.pyman("follow", venv).out
    assert f"({OLD} -> {NEW})" in told
    assert f"\n  it was held back: picky 1.0 requires Python <{NEW}\n" in told
    assert "held back" not in user.pyman("follow", venv).out


def test_without_the_check_everyone_goes_along_but_who_was_held_back_before(user):
    early, late = make_venv(user, "pyman", "early"), make_venv(user, "venv", "late")
    add_package(early, "picky", requires_python=f"<{NEW}")
    user.pyman("upgrade")
    user.pyman("rollback", MINOR)
    user.pyman("unhold", MINOR)
    add_package(late, "picky", requires_python=f"<{OLD}")
    user.pyman("rollback", MINOR, "--no-check")
    assert (version_of(early), version_of(late)) == (OLD, OLD)
    add_package(late, "picky", requires_python=f"<{NEW}")
    [moved] = user.json("unhold", MINOR, "--no-check")["moved"]
    assert moved["venvs"] == {"followed": 2, "pinned": 0, "held_back": 0}
    assert (version_of(early), version_of(late)) == (NEW, NEW)


@pytest.mark.real_archives("processes whose program is the runtime's")
def test_a_process_that_runs_through_the_alias_is_named(user):
    follows, pinned = make_venv(user, "pyman", "follows"), make_venv(user, "pyman", "pinned", through=OLD)
    script = "import sys; print('up', flush=True); sys.stdin.read()"
    with (
        subprocess.Popen([follows / "bin/python", "-c", script], stdin=-1, stdout=-1) as one,
        subprocess.Popen([pinned / "bin/python", "-c", script], stdin=-1, stdout=-1) as other,
    ):
        assert one.stdout.readline() == other.stdout.readline() == b"up\n"
        text = user.pyman("upgrade")
        told = user.json("rollback", MINOR)
        with subprocess.Popen([follows / "bin/python", "-c", script], stdin=-1, stdout=-1) as third:
            third.stdout.readline()
            [moved] = user.json("unhold", MINOR)["moved"]
            third.communicate()
        for process in (one, other):
            process.communicate()
    assert f"process {one.pid}" in text.out
    assert f"process {one.pid}" in text.err
    assert str(follows / "bin/python") in text.out
    # the pinned one does not go through the alias, and nothing ran 3.13.15
    assert f"process {other.pid}" not in text.out + text.err
    assert told["moved"][0]["processes"] == []
    assert {process["pid"] for process in moved["processes"]} == {one.pid, third.pid}
    assert all(str(follows) in process["command"] for process in moved["processes"])


def test_a_newer_build_of_the_same_release_comes_beside_it(user, tmp_path):
    user.with_runtimes(NEW)
    venv, pinned = make_venv(user, "pyman", "v"), make_venv(user, "pyman", "pinned", through=NEW)
    mirror = mirror_of(tmp_path / "mirror", f"{NEW}+20270101")
    [outdated] = user.json("list", "--outdated", PYMAN_MIRROR=mirror)["outdated"]
    assert (outdated["alias"], outdated["version"], outdated["newest"], outdated["build"]) == (
        MINOR,
        NEW,
        NEW,
        "20270101",
    )
    answer = user.json("upgrade", PYMAN_MIRROR=mirror)
    [moved] = answer["moved"]
    assert (moved["from"], moved["to"]) == (NEW, f"{NEW}+20270101")
    assert os.readlink(user.runtimes / MINOR) == f"{NEW}+20270101"
    assert library_of(venv) == f"{NEW}+20270101"
    assert library_of(pinned) == NEW
    assert "everything is up to date" in user.pyman("upgrade", PYMAN_MIRROR=mirror).out
    assert user.json("list", "--outdated", PYMAN_MIRROR=mirror)["outdated"] == []
    user.pyman("rollback", MINOR)
    assert library_of(venv) == NEW


def test_all_minors_come_together_or_not_at_all(user, tmp_path):
    user.with_runtimes(OTHER)
    mirror = tmp_path / "mirror"
    mirror_of(mirror, f"{NEW}+20270101", f"{OTHER}+20270101")
    new, old = make_venv(user, "pyman", "new"), make_venv(user, "pyman", "old", through=OTHER_MINOR)
    [broken] = mirror.glob(f"*/*{OTHER}*")
    broken.chmod(0o644)
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-1000] + bytes(1000))
    before = contents(user)
    answer = user.json("upgrade", status=1, PYMAN_MIRROR=str(mirror))
    assert answer["error"]["code"] == "integrity"
    assert contents(user) == before
    broken.write_bytes(whole)
    answer = user.json("upgrade", PYMAN_MIRROR=str(mirror))
    assert {one["alias"]: one["to"] for one in answer["moved"]} == {MINOR: NEW, OTHER_MINOR: f"{OTHER}+20270101"}
    assert [library_of(venv) for venv in (new, old)] == [NEW, f"{OTHER}+20270101"]


def test_all_minors_are_downloaded_side_by_side(user, tmp_path):
    user.with_runtimes(OTHER)
    mirror_of(tmp_path / "mirror", f"{NEW}+20270101", f"{OTHER}+20270101")
    with Server(str(tmp_path / "mirror")) as server:
        paths = [f"/20270101/{archive.name}" for archive in (tmp_path / "mirror").glob("*/*.tar.gz")]
        for path in paths:
            server.fault(path, stall(after=100_000, times=1))
        with subprocess.Popen(
            [sys.executable, "-m", "pyman", "upgrade", "-q", "--mirror", server.url],
            env=user.environ, cwd=user.project, stdout=-1, stderr=-1,
        ) as process:  # fmt: skip
            # Each waits for the other to have been asked for.
            deadline = time.monotonic() + 60
            while not all(server.requests(path) for path in paths):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "one after the other"
                time.sleep(0.01)
            server.released.set()
            process.communicate()
    assert process.returncode == 0
    assert os.readlink(user.runtimes / OTHER_MINOR) == f"{OTHER}+20270101"
    assert os.readlink(user.runtimes / MINOR) == NEW


def test_only_the_minors_that_were_named(user, tmp_path):
    user.with_runtimes(OTHER)
    mirror = mirror_of(tmp_path / "mirror", NEW, f"{OTHER}+20270101")
    answer = user.json("upgrade", OTHER_MINOR, PYMAN_MIRROR=mirror)
    assert [one["alias"] for one in answer["moved"]] == [OTHER_MINOR]
    assert os.readlink(user.runtimes / MINOR) == OLD


def test_a_hold_is_told_of_beside_what_moves(user, tmp_path):
    user.with_runtimes(OLD, NEW, OTHER)
    user.pyman("hold", MINOR, OLD)
    mirror = mirror_of(tmp_path / "mirror", NEW, f"{OTHER}+20270101")
    told = user.pyman("upgrade", PYMAN_MIRROR=mirror).out
    assert "is installed" in told
    assert f"{MINOR} is held and stays at {OLD}; `pyman unhold {MINOR}` removes the hold\n" in told


def test_a_held_alias_stays_and_that_is_said(user):
    venv = make_venv(user, "pyman", "v")
    user.pyman("hold", MINOR)
    result = user.pyman("upgrade")
    assert f"{MINOR} is held and stays at {OLD}" in result.out
    assert (user.runtimes / NEW).is_dir()
    assert version_of(venv) == OLD
    assert f"{MINOR} is held and stays at {OLD}" in user.pyman("install", MINOR).out
    listed = user.json("list")
    assert {alias["name"]: (alias["target"], alias["held"]) for alias in listed["aliases"]}[MINOR] == (OLD, True)


def test_prune_goes_with_it(user):
    make_venv(user, "pyman", "v")
    answer = user.json("upgrade", "--prune")
    assert [one["version"] for one in answer["removed"]] == [OLD]
    assert sorted(path.name for path in user.runtimes.iterdir()) == ["3", MINOR, NEW]


def test_nothing_happens_where_the_archive_cannot_be_had(user, tmp_path):
    make_venv(user, "pyman", "v")
    mirror = tmp_path / "mirror"
    mirror_of(mirror, NEW)
    [archive] = mirror.glob("*/*.tar.gz")
    archive.unlink()
    before = contents(user)
    result = user.pyman("upgrade", status=1, PYMAN_MIRROR=str(mirror))
    assert result.err.startswith("error: ")
    assert contents(user) == before


@pytest.mark.parametrize("aliases", [{MINOR: OLD}, {MINOR: None}, {MINOR: f"{MINOR}.1"}])
def test_an_alias_that_a_dead_process_left_behind_is_moved_with_the_check(user, aliases):
    """Killed after the runtime got its name and before the alias moved: nothing is to be fetched any more."""
    user.with_runtimes(NEW)
    for name, target in aliases.items():
        (user.runtimes / name).unlink()
        if target is not None:
            os.symlink(target, user.runtimes / name)
    answer = user.json("upgrade")
    assert [(one["alias"], one["from"], one["to"]) for one in answer["moved"]] == [(MINOR, aliases[MINOR], NEW)]
    assert os.readlink(user.runtimes / MINOR) == NEW


KILLER = """
import os, signal, sys
last, left = {last!r}, [{number}]
def hook(event, arguments):
    if event not in ("os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "open"):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & 3):
        return
    path = arguments[0]
    if isinstance(path, str) and path.startswith(last) and "/tree/" not in path and "/.cache/" not in path:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
sys.argv[0] = "pyman"
from pyman.__main__ import main
sys.exit(main())
"""


def killed_upgrade(user: Home, number: int) -> int:
    """Run an upgrade that is killed at its n-th change of a file or folder."""
    process = subprocess.run(
        [sys.executable, "-c", KILLER.format(last=str(user.path), number=number), "upgrade", "-q"],
        env={**user.environ, "PYTHONPATH": PACKAGE},
        cwd=user.project,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert process.returncode in (0, -signal.SIGKILL), process.stderr
    return process.returncode


@pytest.mark.parametrize("number", [16, 20, None])
def test_killed_at_some_step_all_start_and_the_next_upgrade_ends_it(user, number):
    """Every step of the move is tried in tests/effects/test_move_journal.py, every call of the system in tests/faults."""
    venvs = [make_venv(user, creator, creator) for creator in ("pyman", "venv")]
    copies, misfit = make_venv(user, "copies", "copies"), make_venv(user, "pyman", "misfit")
    add_package(misfit, "picky", requires_python=f"<{NEW}")
    number = number or random.randrange(1, 40)
    killed_upgrade(user, number)
    assert len({version_of(venv) for venv in venvs}) == 1, number
    assert version_of(copies) in (OLD, NEW)
    assert version_of(misfit) == OLD
    user.pyman("upgrade", "-q")
    assert {version_of(venv) for venv in (*venvs, copies)} == {NEW}, number
    assert all(is_consistent(venv) for venv in (*venvs, copies, misfit)), number
    assert setting(misfit, "pyman-held-back").startswith(f"{OLD} picky")
    # A shim that was half written is replaced with the next change of the shims, or swept by `doctor --fix`.
    places = (path for path in user.path.rglob(".*") if path.parent.name != "shims")
    assert [path for path in places if ".pyman-" in path.name or path.parent == user.runtimes] == [], number
