"""The lock, held and waited for by real processes, with `flock` and without."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings

from pyman.effects.lock import _living_notes, hold
from pyman.effects.observer import Observer
from pyman.errors import PymanError
from stage.hostile import damaged

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "src")

# What the processes below share: how to lock, and `flock` as a file system without it would answer.
PROLOGUE = f"""
import errno, fcntl, os, sys, time
sys.path.insert(0, {SOURCE!r})
from pyman.effects.lock import hold
from pyman.effects.observer import Observer
def missing(descriptor, operation):
    raise OSError(errno.ENOSYS, "Function not implemented")
flock = {{"flock": fcntl.flock, "folder": missing}}[sys.argv[1]]
path = sys.argv[2]
"""

HOLDER = (
    PROLOGUE
    + "\nwith hold(path, what='the test', flock=flock):\n    print('held', flush=True)\n    sys.stdin.readline()\n"
)

# Each adds one to a number that it reads, and then writes some time later: without a lock many would be lost.
COUNTER = (
    PROLOGUE
    + """
for _ in range(20):
    with hold(path, flock=flock):
        with open(path + ".count") as file:
            count = int(file.read())
        time.sleep(0.001)
        with open(path + ".count", "w") as file:
            file.write(str(count + 1))
"""
)


def missing(descriptor, operation):
    raise OSError(errno.ENOSYS, "Function not implemented")


FLOCKS = {"flock": fcntl.flock, "folder": missing}


@pytest.fixture(params=["flock", "folder"])
def way(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / ".lock")


class Waiting(Observer):
    def __init__(self):
        self.told = []
        self.happened = threading.Event()

    def waiting(self, what, holder):
        self.told.append((what, holder))
        self.happened.set()


def start(script, way, path):
    return subprocess.Popen(
        [sys.executable, "-c", script, way, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.fixture
def holder(way, path):
    process = start(HOLDER, way, path)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_waits_and_is_told_once_for_whom(way, path, holder):
    observer = Waiting()
    entered = threading.Event()

    def enter():
        with hold(path, observer, "the test", flock=FLOCKS[way]):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert observer.happened.wait(30)
    assert not entered.is_set()
    holder.stdin.write("go\n")
    holder.stdin.flush()
    thread.join(30)
    assert entered.is_set()
    assert observer.told == [("the test", f"process {holder.pid} on {os.uname().nodename}")]


def test_a_lock_that_is_not_given_up_in_time_is_an_error(way, path, holder):
    with pytest.raises(PymanError) as caught, hold(path, what="the store", timeout=0.1, flock=FLOCKS[way]):
        pass
    assert caught.value.code == "locked"
    assert f"process {holder.pid}" in caught.value.message


def test_a_wait_can_be_given_up(way, path, holder):
    asked = []
    with (
        pytest.raises(PymanError, match="nobody is waiting for the store"),
        hold(path, what="the store", flock=FLOCKS[way], give_up=lambda: bool(asked) or asked.append(1)),
    ):
        pass


def test_the_lock_of_a_killed_process_is_free(way, path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with hold(path, timeout=10, flock=FLOCKS[way]):
        pass


def test_many_processes_never_hold_it_together(way, path):
    with open(path + ".count", "w") as file:
        file.write("0")
    processes = [start(COUNTER, way, path) for _ in range(5)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with open(path + ".count") as file:
        assert file.read() == "100"


def test_processes_that_find_a_dead_holder_together_do_not_drive_each_other_out(path, tmp_path):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    number = dead.stdout.strip()
    with open(path + ".count", "w") as file:
        file.write("0")
    folder = tmp_path / ".lock.d"
    folder.mkdir()
    (folder / f"{number}.0.abcdef.{os.uname().nodename}").write_text(f"{number} here\n")
    processes = [start(COUNTER, "folder", path) for _ in range(5)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with open(path + ".count") as file:
        assert file.read() == "100"


def test_a_holder_on_another_host_is_never_driven_out(path, tmp_path):
    folder = tmp_path / ".lock.d"
    folder.mkdir()
    (folder / "1.0.abcdef.elsewhere").write_text("1 elsewhere 2026-01-01T00:00:00Z the store\n")
    with pytest.raises(PymanError, match="process 1 on elsewhere"), hold(path, timeout=0.1, flock=missing):
        pass


def test_a_number_that_another_process_has_by_now_is_a_dead_holder(path, tmp_path):
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("only Linux shows when a process started")
    folder = tmp_path / ".lock.d"
    folder.mkdir()
    (folder / f"{os.getpid()}.1.abcdef.{os.uname().nodename}").write_text("old\n")
    with hold(path, timeout=0.1, flock=missing):
        pass


@pytest.mark.parametrize("way", ["folder"])
def test_what_killed_waiters_prepared_is_removed(path, tmp_path, holder, way):
    waiter = start(HOLDER, way, path)
    while not list(tmp_path.glob(f".lock.d.{waiter.pid}.*")):
        assert waiter.poll() is None
    waiter.kill()
    waiter.communicate()
    holder.kill()
    holder.wait()
    with hold(path, timeout=10, flock=missing):
        assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".lock.d.")] == []
    assert not (tmp_path / ".lock.d").exists()


@pytest.mark.parametrize("way", ["flock"])
def test_a_file_that_is_deleted_while_somebody_waits_does_not_let_two_in(path, holder, way):
    observer = Waiting()
    entered = threading.Event()
    leave = threading.Event()

    def enter():
        with hold(path, observer):
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=enter)
    thread.start()
    assert observer.happened.wait(30)
    os.unlink(path)
    holder.stdin.write("go\n")
    holder.stdin.flush()
    assert entered.wait(30)
    with pytest.raises(PymanError), hold(path, timeout=0):
        pass
    leave.set()
    thread.join(30)


def test_threads_of_one_process_exclude_each_other(way, path):
    with (
        hold(path, flock=FLOCKS[way]),
        pytest.raises(PymanError, match=f"process {os.getpid()} on"),
        hold(path, timeout=0, flock=FLOCKS[way]),
    ):
        pass


def test_a_folder_that_cannot_be_written_or_is_missing_is_one_sentence_and_a_hint(tmp_path):
    with pytest.raises(PymanError) as caught, hold(str(tmp_path / "missing" / ".lock"), what="the store"):
        pass
    assert str(tmp_path / "missing") in caught.value.message
    assert caught.value.hint
    # Nobody can make a file here, not even root.
    with pytest.raises(PymanError, match="/proc cannot be written"), hold("/proc/.lock"):
        pass


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".lock").symlink_to(victim)
    with pytest.raises(PymanError), hold(str(tmp_path / ".lock")):
        pass
    assert victim.read_text() == "precious"


def test_the_lock_file_stays_and_its_note_does_not(path):
    with hold(path, what="Python 3.13.5"), open(path) as file:
        assert file.read().startswith(f"{os.getpid()} {os.uname().nodename} ")
    assert os.path.getsize(path) == 0


TOKEN = f"999999999.1234.abcd.{os.uname().nodename}".encode()


@settings(max_examples=150)
@given(name=damaged(TOKEN, b"\xc2\xb2" + TOKEN, b"9" * 40 + b".1.a." + os.uname().nodename.encode()))
def test_a_note_of_any_name_is_dead_or_waited_for(tmp_path_factory, name):
    folder = tmp_path_factory.getbasetemp() / "lock-folder"
    folder.mkdir(exist_ok=True)
    name = os.path.basename(name).replace(b"\0", b"")[:255]
    if name in (b"", b".", b".."):
        return
    path = os.path.join(os.fsencode(folder), name)
    open(path, "wb").close()
    living = _living_notes(str(folder))
    assert living == ([os.fsdecode(path)] if os.path.exists(path) else [])
    shutil.rmtree(folder)
