"""Where the system does not tell which program a process runs, no Python is removed unless that is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from pyman.effects.mounts import Mounts
from stage.home import PACKAGE
from stage.somebody import SOMEBODY, as_root

OLD, NEW = "3.13.5", "3.13.15"
MACOS = "macOS does not tell which program a process runs"
HIDDEN = "/proc hides the processes of other users"
NO_PROC = "without /proc it is unknown which program a process runs"
# What a Mac, or a machine without /proc, is to the one module that asks for processes.
STARTER = """
import os, sys, types
from pyman.effects import libproc, processes
from pyman.__main__ import main

if sys.argv[1] == "mac":
    processes.sys = types.SimpleNamespace(platform="darwin")
    # A system whose answers are not those of the headers that this was written by.
    libproc.Libproc.numbers = lambda self: [1]
else:
    real = os.path.exists
    processes.os = types.SimpleNamespace(**{**vars(os), "listdir": lambda _: (_ for _ in ()).throw(OSError())})
    processes.os.path = types.SimpleNamespace(**{**vars(os.path), "exists": lambda path: real(path + "/nowhere")})
sys.argv[1:2] = []
sys.exit(main())
"""


def pyman_on(system, user, *words):
    done = subprocess.run(
        [sys.executable, "-c", STARTER, system, *map(str, words), "--json"],
        env=user.environ, cwd=user.project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(("system", "reason"), [("mac", MACOS), ("no /proc", NO_PROC)])
@pytest.mark.parametrize("command", ["uninstall", "prune"])
def test_it_is_refused_and_says_why(user, system, reason, command):
    words = [command, OLD] if command == "uninstall" else [command]
    before = user.tree(user.runtimes)
    status, answer = pyman_on(system, user, *words)
    assert (status, answer["changed"], answer["error"]["code"]) == (1, [], "in-use")
    assert reason in answer["error"]["message"]
    assert "--force" in answer["error"]["hint"]
    who = answer["needed" if command == "uninstall" else "kept"]
    assert [(one["version"], one["why"], one["who"]) for one in who] == [(OLD, "processes", reason)]
    assert user.tree(user.runtimes) == before
    status, answer = pyman_on(system, user, *words, "--force")
    assert (status, answer["changed"]) == (0, [OLD])
    assert not (user.runtimes / OLD).exists()


def test_what_is_needed_for_another_reason_is_no_failure_of_prune(user):
    user.pyman("venv", "v", "--without-pip", "-p", OLD)
    status, answer = pyman_on("mac", user, "prune")
    assert (status, answer["changed"]) == (0, [])
    assert {one["why"] for one in answer["kept"]} == {"pinned", "processes"}
    # Nor does `--force` of prune remove what a venv needs.
    status, answer = pyman_on("mac", user, "prune", "--force")
    assert (status, [one["why"] for one in answer["kept"]]) == (0, ["pinned"])


def test_what_is_only_forgotten_needs_no_processes(user, tmp_path):
    theirs = tmp_path / "theirs"
    (user.runtimes / OLD).rename(theirs)
    (theirs / "pyman-runtime.toml").unlink()
    (user.runtimes / OLD).symlink_to(theirs)
    status, answer = pyman_on("mac", user, "uninstall", OLD)
    assert (status, answer["changed"]) == (0, [OLD])
    assert theirs.is_dir()


@pytest.mark.parametrize(("system", "reason"), [("mac", MACOS), ("no /proc", NO_PROC)])
def test_no_venv_is_called_unused_and_removed_then(user, system, reason):
    user.pyman("venv", "v", "--without-pip", "-p", OLD)
    venv = user.project / "v"
    then = time.time() - 300 * 86400
    for path in (venv, *venv.rglob("*")):
        os.utime(path, (then, then), follow_symlinks=False)
    if not Mounts().covering(os.path.realpath(venv)).keeps_access_times:
        pytest.skip("the file system keeps no access times")
    status, answer = pyman_on(system, user, "venvs", "--unused", "90d", "--remove", "--yes")
    assert (status, answer["changed"], answer["error"]["code"]) == (1, [], "in-use")
    assert reason in answer["error"]["message"]
    assert venv.is_dir()
    assert pyman_on(system, user, "venvs", "--remove", venv)[0] == 0


@as_root
@pytest.mark.parametrize(
    ("option", "user", "told"), [("hidepid=2", SOMEBODY, HIDDEN), ("hidepid=1", SOMEBODY, HIDDEN), ("hidepid=0", SOMEBODY, ""),
                                 ("hidepid=2", 0, "")],
)  # fmt: skip
def test_a_proc_that_hides_others(option, user, told):
    ask = (
        "import os; from pyman.effects.processes import why_unknown, why_unknown_in_venvs as told; "
        f"os.setgroups([]); os.setgid({user}); os.setuid({user}); print([why_unknown(), told()])"
    )
    command = f'mount -t proc -o {option} proc /proc || exit 7; exec "$@"'
    answer = subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", sys.executable, "-c", ask],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": PACKAGE}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode == 7 or "unshare" in answer.stderr:
        pytest.skip(f"no mounts of its own here: {answer.stderr}")
    assert answer.stdout.strip() == str(["", told]), answer.stderr
