"""`pyman rebuild` killed, ended by a signal, or failing at any of its steps: the old venv is back, whole, or the new one stands."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys

import pytest

from stage.mirror import OTHER_MINOR
from stage.rebuilding import Bench, left_beside, picture

# Does something when it is about to ask the system for its n-th change: `SIGKILL` and the like, or a fault of the disk.
STRUCK = """
import errno, os, signal, sys
left, what = int(sys.argv.pop(1)), sys.argv.pop(1)
changes = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "subprocess.Popen"}
def count(event, arguments):
    global left
    if event in changes or (event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT):
        left -= 1
        if left == 0 and what == "fault":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if left == 0:
            os.kill(os.getpid(), signal.Signals[what])
sys.addaudithook(count)
from pyman.__main__ import main
try:
    status = main()
except SystemExit as error:
    status = error.code
print("not struck" if left > 0 else "struck", file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench"))


class Venv:
    """One venv on MINOR, that is there again whenever it is wanted."""

    def __init__(self, bench):
        self.bench = bench
        self.path = bench.venv("spam==1.0", "eggs==1.0", options=("--without-pip",))
        self.kept = self.path.parent.parent / f"{self.path.parent.name}-kept"
        shutil.copytree(self.path, self.kept, symlinks=True)
        self.before = picture(self.path)

    def again(self):
        shutil.rmtree(self.path)
        shutil.copytree(self.kept, self.path, symlinks=True)
        self.before = picture(self.path)

    def struck(self, number, what):
        """Rebuild it with OTHER_MINOR, and strike at the n-th change; the status, and what was said."""
        words = [sys.executable, "-c", STRUCK, str(number), what, "rebuild", "-p", OTHER_MINOR, str(self.path)]
        process = subprocess.run(
            words, cwd=self.path.parent, env=self.bench.home.environ, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in process.stderr, process.stderr
        return process.returncode, process.stderr

    def is_old(self):
        """True where it is the old one, inode for inode; False where it is the new one, with all its packages."""
        assert left_beside(self.path) == []
        assert self.bench.journals() == []
        if picture(self.path) == self.before:
            return True
        assert self.bench.minor(self.path) == OTHER_MINOR
        assert self.bench.packages(self.path) == {"eggs": "1.0", "spam": "1.0"}
        assert self.bench.home.run(self.path / "bin/spam") == "spam 1.0"
        return False


@pytest.fixture
def venv(bench):
    return Venv(bench)


def test_killed_at_any_step(bench, venv):
    """The next doctor ends it, also one that looks at this venv alone."""
    seen = []
    number, step = 1, 3
    while venv.struck(number, "SIGKILL")[0] == -9:
        if number % 4 == 0:
            listed = bench.home.json("venvs", venv.path.parent)["venvs"]
            assert {one["path"] for one in listed} <= {str(venv.path)}
        bench.home.pyman("doctor", "--fix", *([".venv"] if number % 2 else []), cwd=venv.path.parent)
        seen.append(venv.is_old())
        if not seen[-1]:
            venv.again()
            step = 9
        number += step
    # From one step on it is the new one.
    assert seen == sorted(seen, reverse=True)
    assert set(seen) == {True, False}


@pytest.mark.parametrize(
    ("what", "step"), [(["fault"], 2), (["SIGTERM", "SIGINT", "SIGHUP"], 1)], ids=["fault", "signal"]
)
def test_a_fault_or_a_signal_at_any_step(what, step, venv):
    olds = news = 0
    number = 1
    while True:
        struck = what[number % len(what)]
        status, told = venv.struck(number, struck)
        if "not struck" in told:
            assert status == 0
            break
        if venv.is_old():
            olds += 1
            assert status == (1 if struck == "fault" else 128 + signal.Signals[struck]), told
        else:
            news += 1
            venv.again()
            step = 9
        number += step
    assert olds > 10
    assert news > 2
