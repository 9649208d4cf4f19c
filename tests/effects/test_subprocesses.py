"""A program that pyman starts does not outlive it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from pyman.effects.subprocesses import run_supervised

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def gone(pid: int) -> bool:
    """True once a process has ended; waits for that, and for no fixed time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        if not state.strip() or state.startswith("Z"):
            return True
        time.sleep(0.01)
    return False


def test_status_and_output_are_the_programs_own(tmp_path):
    lines = []
    status, output = run_supervised(["sh", "-c", "pwd; echo two >&2; exit 7"], ENVIRONMENT, str(tmp_path), lines.append)
    assert (status, output) == (7, f"{tmp_path}\ntwo\n")
    assert lines == [str(tmp_path), "two"]


def test_words_reach_it_as_they_are(tmp_path):
    words = ["a b", "", "$HOME", "'\"", "*", "-x", "\n"]
    status, output = run_supervised(
        [sys.executable, "-c", "import sys; print(sys.argv[1:])", *words], {}, str(tmp_path)
    )
    assert (status, output) == (0, f"{words}\n")


def test_it_has_no_input_and_no_leash_of_its_own(tmp_path):
    program = "import os, sys; print(repr(sys.stdin.read()), sorted(os.listdir('/dev/fd'))[:4])"
    status, output = run_supervised([sys.executable, "-c", program], {}, str(tmp_path))
    assert status == 0
    # The fourth is the folder that is being listed.
    assert output.split(" ", 1) == ["''", "['0', '1', '2', '3']\n"]


def test_a_signal_is_told(tmp_path):
    assert run_supervised(["sh", "-c", "kill -TERM $$"], ENVIRONMENT, str(tmp_path))[0] == -signal.SIGTERM


def test_a_program_that_is_not_there_is_a_failure(tmp_path):
    assert run_supervised([str(tmp_path / "none")], ENVIRONMENT, str(tmp_path))[0] == 127


def test_a_very_long_output_is_kept_to_its_end(tmp_path):
    _, output = run_supervised([sys.executable, "-c", "print('x' * 3_000_000); print('end')"], {}, str(tmp_path))
    assert output.endswith("x\nend\n")
    assert len(output) == 1 << 20


def test_a_daemon_that_keeps_the_output_open_holds_nobody_up(tmp_path):
    status, output = run_supervised(["sh", "-c", "sleep 600 & echo $!"], ENVIRONMENT, str(tmp_path))
    os.kill(int(output), signal.SIGKILL)
    assert status == 0


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interruption_ends_it_and_what_it_started(tmp_path, interruption):
    pids = []

    def listen(line):
        pids.append(int(line))
        if len(pids) == 2:
            raise interruption

    with pytest.raises(interruption):
        run_supervised(["sh", "-c", "echo $$; sleep 600 & echo $!; wait"], ENVIRONMENT, str(tmp_path), listen)
    assert all(map(gone, pids))


def test_when_we_are_killed_outright_it_goes_too(tmp_path):
    program = (
        "from pyman.effects.subprocesses import run_supervised\n"
        "run_supervised(['sh', '-c', 'echo $$; sleep 600 & echo $!; wait'], {'PATH': '/usr/bin:/bin'}, '/',"
        " lambda line: print(line, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        pids = [int(process.stdout.readline()) for _ in range(2)]
        process.kill()
    assert all(map(gone, pids))


@pytest.mark.parametrize(
    "text", ["echo $$; sleep 600", "echo $$; exec >&- 2>&-; sleep 600"], ids=["open", "closed output"]
)
def test_what_takes_too_long_is_ended(tmp_path, text):
    pids = []
    with pytest.raises(TimeoutError):
        run_supervised(["sh", "-c", text], ENVIRONMENT, str(tmp_path), lambda line: pids.append(int(line)), seconds=1.0)
    assert len(pids) == 1
    assert all(map(gone, pids))


def test_what_ends_in_time_is_as_without_a_limit(tmp_path):
    assert run_supervised(["sh", "-c", "echo x; exit 3"], ENVIRONMENT, str(tmp_path), seconds=600.0) == (3, "x\n")
