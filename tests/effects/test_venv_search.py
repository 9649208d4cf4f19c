"""The search to the bottom: what it finds, what it leaves alone, alone and with helpers."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pyman.effects.observer import Observer
from pyman.effects.venvs import folder_walk, home_search
from pyman.effects.venvs import search as venv_search
from pyman.effects.venvs.folder_walk import Walk
from pyman.effects.venvs.search import search_venvs
from stage.home import PACKAGE
from stage.venvs import make_venv, write


@pytest.fixture
def place(tmp_path):
    return os.path.realpath(tmp_path)


@pytest.fixture(params=[0, 2], ids=["alone", "helped"])
def find(request, monkeypatch):
    """Search with helpers that start at once, or without any."""
    monkeypatch.setattr(venv_search, "_WORTH_HELP", -1.0)
    monkeypatch.setattr(venv_search, "_BATCH", 3)
    return lambda *folders, **named: search_venvs(folders, helpers=request.param, **named)


def below(place, search):
    return [os.path.relpath(venv, place) for venv in search.venvs]


def test_finds_what_find_finds(place, find):
    expected = []
    for number in range(40):
        folder = f"{place}/p{number % 5}/q{number % 7}/r{number}"
        os.makedirs(f"{folder}/src/deep/er")
        write(f"{folder}/file")
        if number % 3 == 0:
            make_venv(f"{folder}/.venv", "/nowhere/bin/python")
            expected.append(f"{folder}/.venv")
    # A bare one, in a folder that has no folder in it.
    write(f"{place}/bare/pyvenv.cfg")
    expected.append(f"{place}/bare")
    found = find(place)
    assert list(found.venvs) == sorted(expected)
    by_find = subprocess.run(["find", place, "-name", "pyvenv.cfg"], capture_output=True, text=True, check=True).stdout
    assert sorted(map(os.path.dirname, by_find.split())) == list(found.venvs)
    assert found.unreadable == ()


def test_what_is_skipped(place, find):
    for inside in (".git/x", "node_modules/y", "a/__pycache__/z", "lib/site-packages/w", ".app.pyman-12-ab/v"):
        make_venv(f"{place}/{inside}", "/nowhere/bin/python")
    assert find(place).venvs == ()


def test_a_venv_is_not_searched_itself_but_what_lies_beside_it(place, find):
    venv = make_venv(f"{place}/project", "/nowhere/bin/python")
    make_venv(f"{venv}/lib/python3.13/inner", "/nowhere/bin/python")
    make_venv(f"{venv}/.tox/py313", "/nowhere/bin/python")
    make_venv(f"{venv}/src/.nox/tests-3-13", "/nowhere/bin/python")
    assert below(place, find(place)) == ["project", "project/.tox/py313", "project/src/.nox/tests-3-13"]


def test_links_are_not_followed_unless_they_are_given(place, find):
    make_venv(f"{place}/real/.venv", "/nowhere/bin/python")
    os.makedirs(f"{place}/here")
    os.symlink("../real", f"{place}/here/link")
    os.symlink("../real/.venv", f"{place}/here/.venv")
    os.symlink(".", f"{place}/here/loop")
    # But one in the place of a venv: only reading it tells what it is.
    assert find(f"{place}/here").venvs == (f"{place}/here/.venv",)
    assert find(f"{place}/here/link").venvs == (f"{place}/here/link/.venv",)
    assert find(f"{place}/here/.venv").venvs == (f"{place}/here/.venv",)


def test_a_text_file_is_left_to_whoever_reads_it(place, find):
    write(f"{place}/.venv", "/somewhere\n")
    for number in range(3):
        write(f"{place}/leaf{number}/.venv", "/somewhere\n")
    assert find(f"{place}/.venv").venvs == (f"{place}/.venv",)
    assert below(place, find(place)) == [".venv", "leaf0/.venv", "leaf1/.venv", "leaf2/.venv"]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_pyvenv_cfg_that_is_no_file_is_found(place, find, make):
    os.makedirs(f"{place}/v/bin")
    make(f"{place}/v/pyvenv.cfg")
    assert find(place).venvs == (f"{place}/v",)


def test_unreadable_folders_are_counted(place, find):
    make_venv(f"{place}/a/.venv", "/nowhere/bin/python")
    missing = f"{place}/missing"
    descriptor = os.open(place, os.O_RDONLY)
    # Deeper than a path can say: an unreadable folder also for root.
    for _ in range(40):
        os.mkdir("x" * 200, dir_fd=descriptor)
        below = os.open("x" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    found = find(place, missing)
    assert found.venvs == (f"{place}/a/.venv",)
    assert missing in found.unreadable
    assert len(found.unreadable) == 2
    subprocess.run(["rm", "-rf", f"{place}/{'x' * 200}"], check=True)


def test_without_permission(place, find):
    if os.geteuid() == 0:
        pytest.skip("root may look everywhere")
    os.makedirs(f"{place}/a/b")
    os.chmod(f"{place}/a", 0)
    try:
        assert find(place).unreadable == (f"{place}/a",)
    finally:
        os.chmod(f"{place}/a", 0o755)


def test_other_file_systems_are_left_alone(place, find):
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    os.mkdir(f"{place}/mount")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "none", f"{place}/mount"], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        make_venv(f"{place}/mount/v", "/nowhere/bin/python")
        make_venv(f"{place}/w", "/nowhere/bin/python")
        assert find(place).venvs == (f"{place}/w",)
        assert find(f"{place}/mount").venvs == (f"{place}/mount/v",)
    finally:
        subprocess.run(["umount", f"{place}/mount"], check=True)
    assert find("/proc").folders == 0


def test_a_file_system_that_does_not_count_folders_is_opened(place):
    """Link counts are believed only from a file system that has shown them to be right."""
    os.makedirs(f"{place}/a/b/c")
    write(f"{place}/a/b/c/pyvenv.cfg")
    device = os.stat(place).st_dev
    for believed in ({}, {device: False}):
        walk = Walk()
        walk._believed = believed
        # As btrfs says it: every folder has one link.
        walk.pending = [(os.fsencode(f"{place}/a"), device, 1)]
        walk.run(10)
        assert walk.found == [os.fsencode(f"{place}/a/b/c")]
        assert walk._believed == {device: False}


def test_odd_names(place, find):
    names = [b"a\nb", b"caf\xe9", b"-rf", b"$(x)", b" "]
    for name in names:
        make_venv(os.fsdecode(os.fsencode(place) + b"/" + name + b"/v"), "/nowhere/bin/python")
    assert len(find(place).venvs) == len(names)


def test_helpers_that_die_cost_nothing(place, monkeypatch):
    monkeypatch.setattr(venv_search, "_WORTH_HELP", -1.0)
    monkeypatch.setattr(venv_search, "_BATCH", 5)
    for number in range(60):
        make_venv(f"{place}/p{number % 6}/q{number}/v", "/nowhere/bin/python")
    for command in ("exit 1", "kill -9 $$", "cat", "printf x"):
        fake = write(f"{place}/fake", f"#!/bin/sh\n{command}\n", 0o755)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", fake)
            assert len(search_venvs([place], helpers=2).venvs) == 60
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", "")
            assert len(search_venvs([place], helpers=2).venvs) == 60


def test_helpers_that_a_dead_disk_holds_are_waited_for_together(place, monkeypatch):
    """They do not hear a signal until the disk answers: all are told to end, then all are waited for as long as one."""
    told, waited = [], []

    class Held(subprocess.Popen):
        def terminate(self):
            assert not waited
            told.append(self)

        def wait(self, timeout=None):
            waited.append(timeout)
            now[0] += timeout
            raise subprocess.TimeoutExpired("search", timeout)

    now = [100.0]
    started = []

    def start(number):
        idle = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        started.extend(Held(idle, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(number))
        return [venv_search._Helper(process) for process in started]

    monkeypatch.setattr(venv_search, "_start", start)
    monkeypatch.setattr(venv_search.time, "monotonic", lambda: now[0])
    try:
        venv_search.search_venvs([], helpers=3, aside=True)
    finally:
        monkeypatch.undo()
        for process in started:
            process.kill()
            subprocess.Popen.wait(process)
    assert told == started
    assert waited == [venv_search._WAITING_SECONDS, 0, 0, 0]


def test_ctrl_c_leaves_no_helper_behind(place):
    for number in range(30):
        os.makedirs(f"{place}/p{number % 6}/q{number}/r")
    program = f"""
import signal
from pyman.effects.venvs import folder_walk, home_search
from pyman.effects.venvs import search as venv_search

answering = venv_search._answering

def interrupted(crew, seconds):
    if crew:
        print(*[helper._process.pid for helper in crew], flush=True)
        signal.raise_signal(signal.SIGINT)
    return answering(crew, seconds)

venv_search._WORTH_HELP, venv_search._BATCH, venv_search._answering = -1.0, 1, interrupted
venv_search.search_venvs([{place!r}], helpers=2)
"""
    process = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": PACKAGE},
        check=False,
        timeout=60,
    )
    assert "KeyboardInterrupt" in process.stderr
    pids = process.stdout.split()
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_long_search_says_so_once(place, find, monkeypatch):
    said = []

    class Listener(Observer):
        def began(self, task, total):
            said.append(("began", task, total))

        def finished(self, task):
            said.append(("finished", task))

    os.makedirs(f"{place}/a/b")
    find(place, observer=Listener())
    assert said == []
    monkeypatch.setattr(venv_search, "_WORTH_SAYING", -1.0)
    find(place, observer=Listener())
    assert said == [("began", f"searching {place}", None), ("finished", f"searching {place}")]


def test_on_macos_what_the_system_guards_is_not_walked_unless_it_is_named(place, monkeypatch):
    """A look at it would open a dialog; a folder that is shown as one file holds nobody's venvs."""
    for folder in ("Library/Caches/x", "Pictures/Photos.photoslibrary", "Music", "Documents/work", "Some.app/Contents"):
        make_venv(f"{place}/{folder}/.venv", "/nowhere/bin/python")
    monkeypatch.setattr(home_search, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(folder_walk, "PACKAGES", (b".app", b".noindex", b".photoslibrary"))
    without = home_search.never_walked(place)
    assert below(place, search_venvs([place], helpers=0, without=without)) == ["Documents/work/.venv"]
    named = search_venvs([f"{place}/Library", f"{place}/Some.app"], helpers=0, without=without)
    assert below(place, named) == ["Library/Caches/x/.venv", "Some.app/Contents/.venv"]


def test_the_folders_that_macos_shows_below_its_root_are_walked_too(tmp_path, monkeypatch):
    """`/Users` is on another disk than `/`, through a link that is none."""
    users = tmp_path / "Users"
    users.mkdir()
    (tmp_path / "firmlinks").write_text(f"{users}\tUsers\n{tmp_path}/none\tnone\n\nnonsense\n")
    assert venv_search._firmlinks(str(tmp_path / "firmlinks")) == [str(users)]
    assert venv_search._firmlinks(str(tmp_path / "nothing")) == []
