"""A command that has to wait for another pyman says so: nobody looks at a screen on which nothing happens."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from pyman.effects.lock import hold
from stage.mirror import MINOR, NEW, OLD

_SECONDS = 60
"""After which a command that waits in silence is ended, and has failed."""


@pytest.mark.parametrize(
    "words",
    [
        ("hold", MINOR, OLD),
        ("rollback", MINOR),
        ("use", "--global", MINOR),
        ("uninstall", OLD, "--no-search"),
        ("prune", "--no-search"),
        ("install", OLD, "--force"),
        ("pin", "old"),
        ("shims",),
        ("doctor", "--fix", "--no-search"),
    ],
    ids=" ".join,
)
def test_it_says_that_it_waits(home, words):
    home.with_runtimes(OLD, NEW)
    home.pyman("venv", "old", "--without-pip")
    with hold(f"{home.root}/.lock"):
        process = subprocess.Popen(
            [sys.executable, "-m", "pyman", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=home.environ, cwd=home.project,
        )  # fmt: skip
        told = _first_line(process)
    _, err = process.communicate()
    assert "waiting for the store" in told, told + err
    assert process.returncode == 0, err


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    before = signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.alarm(_SECONDS)
    try:
        return process.stderr.readline()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
