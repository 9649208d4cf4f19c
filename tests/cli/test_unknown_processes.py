"""Where the system does not tell which program a process runs, no Python is removed unless that is said."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

OLD, NEW = "3.13.5", "3.13.15"
MACOS = "macOS does not tell which program a process runs"
NO_PROC = "/proc is not there to tell which program a process runs"
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
        [sys.executable, "-c", STARTER, system, *words, "--json"],
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
