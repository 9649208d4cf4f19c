"""A real cron runs the line of `pyman schedule`: of a user of its own, whose folders have odd names."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from stage.home import Home, installed_once
from stage.mirror import MINOR, NEW, OLD, mirror_folder
from stage.pyz import build_pyz, build_wheel

USER = "pyman-cron-test"
_MOST = 150.0
"""Seconds: cron looks once a minute."""


def call(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more).stdout


@pytest.fixture
def cron():
    """A daemon that runs the crontabs of this machine while the test lasts."""
    if os.geteuid() != 0 or not shutil.which("cron") or not shutil.which("crontab") or not shutil.which("useradd"):
        pytest.skip("a cron of Debian's, and root to make a user for it, are needed")
    if any(Path(f"/proc/{number}/comm").read_text() == "cron\n" for number in os.listdir("/proc") if number.isdigit()):
        pytest.skip("a cron runs already")
    with subprocess.Popen(["cron", "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
        yield
        daemon.terminate()


@pytest.fixture
def user(tmp_path_factory):
    """A user with a home that others may enter."""
    folder = Path("/var/tmp") / f"pyman cron 100% {os.getpid()}"
    folder.mkdir()
    home = Home(folder, mirror_folder())
    call("useradd", "-M", "-d", str(home.path), "-s", "/bin/sh", USER)
    try:
        yield home
    finally:
        subprocess.run(["crontab", "-u", USER, "-r"], check=False, capture_output=True)
        subprocess.run(["userdel", USER], check=False, capture_output=True)
        shutil.rmtree(folder)


def test_cron_runs_the_upkeep(cron, user, tmp_path):
    home = user
    home.runtimes.mkdir(parents=True)
    # No hard links to what all tests share: the user is to own them.
    shutil.copytree(installed_once(OLD), home.runtimes / OLD, symlinks=True)
    for alias, target in ((MINOR, OLD), ("3", MINOR)):
        (home.runtimes / alias).symlink_to(target)
    program = home.path / "py man.pyz"
    build_pyz(program, build_wheel(tmp_path))
    call("chown", "-R", USER, str(home.path.parent))
    environ = {name: value for name, value in home.environ.items() if name != "PYTHONPATH"}
    start = [
        "setpriv",
        f"--reuid={USER}",
        "--clear-groups",
        "env",
        "-i",
        *(f"{key}={value}" for key, value in environ.items()),
    ]
    start.append(str(program))
    call(*start, "schedule", "daily", "--fix", "--with", "cron", cwd="/")
    line = call("crontab", "-u", USER, "-l")
    _, _, rest = line.split(" ", 2)
    call("crontab", "-u", USER, "-", input=f"* * {rest}")
    deadline = time.monotonic() + _MOST
    while not is_done(home) and time.monotonic() < deadline:
        time.sleep(0.5)
    told = call(*start, "schedule", cwd="/")
    assert f"{MINOR}: {OLD} -> {NEW}" in told
    assert os.readlink(home.runtimes / MINOR) == NEW


def is_done(home):
    path = home.root / "upkeep"
    return path.exists() and '"status": "done"' in path.read_text()
