"""Installs that meet each other, and installs that are killed: the store is whole at every instant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest

from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, archive_path, mirror_folder
from stage.mirrors import Mirror
from stage.server import Server, stall

# Read by the interpreter at its start: kills it at the n-th change below a folder, as nothing can foresee.
_KILLER = """
import os, signal, sys
folder, left = os.environ["KILL_BELOW"], int(os.environ["KILL_AT"])
def hook(event, arguments):
    global left
    if event not in ("os.rename", "os.symlink", "os.mkdir", "os.remove", "os.rmdir", "open"):
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
        return
    if any(isinstance(path, str) and path.startswith(folder) for path in arguments[:2]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
"""


def start(home, *words, **environ):
    return subprocess.Popen(
        [sys.executable, "-m", "pyman", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=home.project,
        env={**home.environ, **environ},
        text=True,
    )


def names(home):
    return sorted(os.listdir(home.runtimes))


def check_whole(home):
    """What has a name works, and every alias leads to something that does."""
    for name in names(home):
        if not name.startswith("."):
            minor = ".".join(name.split(".")[:2]) if name != "3" else os.readlink(home.runtimes / "3")
            python = home.runtimes / name / "bin" / f"python{minor}"
            version = home.run(python, "-V").removeprefix("Python ")
            assert version.startswith(name.rstrip("t"))
            assert (home.runtimes / name / "pyman-runtime.toml").exists()


# --- at once ---


def test_eight_installs_of_one_release_are_one_download(home):
    path = "/" + os.path.relpath(archive_path(NEW), mirror_folder())
    with Server(mirror_folder()) as server:
        running = [start(home, "install", NEW, PYMAN_MIRROR=server.url) for _ in range(8)]
        answers = [(*process.communicate(timeout=120), process.returncode) for process in running]
        assert [status for _, _, status in answers] == [0] * 8, answers
        assert len(server.requests(path)) == 1
    assert sum("is installed\n" in out for out, _, _ in answers) == 1
    assert sum("is already installed\n" in out for out, _, _ in answers) == 7
    assert names(home) == ["3", MINOR, NEW]
    check_whole(home)


def test_installs_of_different_releases_do_not_disturb_each_other(tmp_path):
    mirror = Mirror(tmp_path / "mirror")
    releases = ["3.13.9", "3.13.8", "3.13.7", "3.14.2", "3.14.2t", "3.12.7"]
    for release in releases:
        mirror.add(release)
    home = Home(tmp_path, mirror.path)
    running = [start(home, "install", release) for release in releases]
    answers = [(*process.communicate(timeout=120), process.returncode) for process in running]
    assert [status for _, _, status in answers] == [0] * len(releases), answers
    assert names(home) == sorted([*releases, "3", "3.12", "3.13", "3.14", "3.14t"])
    links = {name: os.readlink(home.runtimes / name) for name in ("3", "3.12", "3.13", "3.14", "3.14t")}
    assert links == {"3": "3.14", "3.12": "3.12.7", "3.13": "3.13.9", "3.14": "3.14.2", "3.14t": "3.14.2t"}


def test_who_waits_is_told_for_whom(tmp_path):
    mirror = Mirror(tmp_path / "mirror")
    [path] = ["/" + os.path.relpath(mirror.add("3.13.9"), mirror.path)]
    home = Home(tmp_path, mirror.path)
    with Server(mirror.path) as server:
        server.fault(path, stall(100, times=1))
        first = start(home, "install", "3.13.9", PYMAN_MIRROR=server.url)
        assert server.stalled.wait(60)
        second = start(home, "install", "3.13.9", PYMAN_MIRROR=server.url)
        told = second.stderr.readline()
        assert str(first.pid) in told
        assert "waiting for" in told
        server.heal()
        for process in (first, second):
            process.communicate(timeout=60)
            assert process.returncode == 0


# --- killed ---


@pytest.fixture
def prepared(tmp_path):
    """3.13.8 is installed, a venv follows it, and 3.13.9 is there to be had."""
    mirror = Mirror(tmp_path / "mirror")
    mirror.add("3.13.8")
    home = Home(tmp_path, mirror.path)
    home.pyman("install", "3.13")
    home.pyman("venv", "v", "--without-pip")
    mirror.add("3.13.9")
    (tmp_path / "killer").mkdir()
    (tmp_path / "killer" / "sitecustomize.py").write_text(_KILLER)
    return home


def kill_at_every_step(home, tmp_path, *words):
    """Run a command again and again, killed one step later each time, until it gets to its end; yields in between."""
    saved = tmp_path / "saved"
    subprocess.run(["cp", "-a", home.root, saved], check=True)
    environ = {"PYTHONPATH": f"{tmp_path}/killer:{home.environ['PYTHONPATH']}", "KILL_BELOW": str(home.root)}
    for number in range(1, 200):
        process = start(home, *words, KILL_AT=str(number), **environ)
        out, err = process.communicate(timeout=60)
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, (out, err)
            return
        yield number
        subprocess.run(["rm", "-rf", home.root], check=True)
        subprocess.run(["cp", "-a", saved, home.root], check=True)


def test_killed_at_every_step_of_an_install(prepared, tmp_path):
    python = prepared.project / "v/bin/python"
    numbers = []
    for number in kill_at_every_step(prepared, tmp_path, "install", "3.13"):
        numbers.append(number)
        check_whole(prepared)
        assert prepared.run(python, "-V") in ("Python 3.13.8", "Python 3.13.9")
        # the next run finishes what was begun, and nothing of it is left over
        prepared.pyman("install", "3.13")
        assert names(prepared) == ["3", "3.13", "3.13.8", "3.13.9"]
        assert os.readlink(prepared.runtimes / "3.13") == "3.13.9"
        assert not [name for name in os.listdir(prepared.root) if ".pyman-" in name]
    assert len(numbers) > 10


def test_killed_at_every_step_of_a_removal(prepared, tmp_path):
    prepared.pyman("install", "3.13")
    for _ in kill_at_every_step(prepared, tmp_path, "uninstall", "3.13.9", "--relink"):
        check_whole(prepared)
        prepared.pyman("install", "3.13.8")
        assert [name for name in names(prepared) if name.startswith(".")] == []
        assert prepared.run(prepared.project / "v/bin/python", "-V") in ("Python 3.13.8", "Python 3.13.9")
        check_whole(prepared)


def test_killed_at_any_instant_of_a_real_install(home):
    """No step is chosen here: between two of them, and in the middle of one."""
    home.with_runtimes(OLD)
    home.pyman("venv", "v", "--without-pip")
    chance = random.Random()
    finished = 0
    for _ in range(10):
        process = start(home, "install", MINOR)
        try:
            process.communicate(timeout=chance.uniform(0.03, 0.6))
            finished += 1
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        check_whole(home)
        home.run(home.project / "v/bin/python", "-c", "pass")
        if finished:
            home.pyman("uninstall", NEW, "--force", status=None)
            finished = 0
    home.pyman("install", MINOR)
    assert names(home) == sorted(["3", MINOR, OLD, NEW])
    assert home.run(home.project / "v/bin/python", "-V") == f"Python {NEW}"
    home.run(home.runtimes / f"{MINOR}/bin/python3", "-c", "import ssl, sqlite3, asyncio, ensurepip")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_and_says_so(tmp_path, number):
    mirror = Mirror(tmp_path / "mirror")
    path = "/" + os.path.relpath(mirror.add("3.13.9"), mirror.path)
    home = Home(tmp_path, mirror.path)
    with Server(mirror.path) as server:
        server.fault(path, stall(100))
        process = start(home, "install", "3.13", PYMAN_MIRROR=server.url)
        assert server.stalled.wait(60)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert err.startswith("error: ")
    assert out == ""
    assert names(home) == []
