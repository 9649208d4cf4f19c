"""pyman with something going wrong: the n-th change below a folder fails, or ends the process as `kill -9` does.

    with Faulty() as faulty:
        clean = faulty.pyman("hold", "3.13", cwd=..., environ=..., below=home, wrong=Wrong(COUNT))
        killed = faulty.pyman(..., wrong=Wrong(KILLED, at=3))

One process has loaded pyman and effects.c, and is forked for every command line, so a fault costs what the command
costs. Calls of the C library are counted over all threads and forks; programs that pyman starts are not reached.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import NamedTuple

import pytest

CHANGES, LOOKS = 0, 1
"""What is counted: calls that change something, or calls that look."""
_COUNT, _ONCE, _FULL, _FOLDER, _KILL, _TORN = range(1, 7)

COUNT = "counted only"
ERROR, FULL, DENIED, SHUT = "error", "full disk", "no permission", "folder shut"
KILLED, TORN = "killed before", "killed in"
FAULTS = {
    COUNT: (_COUNT, 0),
    ERROR: (_ONCE, errno.EIO),  # the n-th fails
    FULL: (_FULL, errno.ENOSPC),  # whatever takes room fails from the n-th on
    DENIED: (_ONCE, errno.EACCES),
    SHUT: (_FOLDER, errno.EACCES),  # nothing in the folder of the n-th can be changed from then on
    KILLED: (_KILL, 0),
    TORN: (_TORN, 0),  # killed after the n-th, or in the middle of it where it writes
}
TIMEOUT = 60
SYSTEM_SETTINGS = "PYMAN_TEST_SYSTEM_SETTINGS"
"""The variable that names another file in the place of `/etc/pyman/config.toml`."""


class Wrong(NamedTuple):
    """What goes wrong, and at which call; 1 is the first."""

    fault: str
    at: int = 0
    kind: int = CHANGES

    def __str__(self) -> str:
        return f"{self.fault} {self.at}" + (" (a look)" if self.kind == LOOKS else "")


class Ended(NamedTuple):
    """How a command line ended: `status` is negative for a signal."""

    status: int
    out: str
    err: str
    counted: int
    hits: int
    what: str
    """The call that went wrong, and its path below the folder."""
    calls: tuple[str, ...]

    def __str__(self) -> str:
        return f"status {self.status} after {self.what or 'no fault'}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Faulty:
    """The process that forks, while `with` lasts. Skips the test where it cannot be made."""

    def __enter__(self):
        if sys.platform != "linux":
            pytest.skip("faults are put under the C library by LD_PRELOAD, which only Linux has")
        compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
        if compiler is None:
            pytest.skip("no C compiler: it makes what puts faults under pyman")
        self._folder = tempfile.TemporaryDirectory(prefix="pyman-test-faults-")
        library = os.path.join(self._folder.name, "effects.so")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "effects.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-w", "-o", library, source, "-ldl"], check=True)
        from stage.home import PACKAGE

        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": PACKAGE, "PATH": os.defpath, "LD_PRELOAD": library},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(TIMEOUT)
        self._process.stdout.close()
        self._folder.cleanup()

    def pyman(
        self,
        *words: object,
        cwd: object,
        environ: dict[str, str],
        below: object = "/nowhere",
        wrong: Wrong | None = None,
    ) -> Ended:
        """Run one command line with a fault, or without."""
        streams = [os.path.join(self._folder.name, name) for name in ("out", "err")]
        mode, error = FAULTS[wrong.fault] if wrong else (0, 0)
        question = {
            "words": [str(word) for word in words],
            "cwd": str(cwd),
            "environ": environ,
            "streams": streams,
            "fault": [mode, wrong.kind if wrong else 0, error, wrong.at if wrong else 0, str(below)],
        }
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        texts = []
        for path in streams:
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
        return Ended(
            answer["status"],
            *texts,
            answer["counted"],
            answer["hits"],
            answer["what"],
            tuple(answer["log"].split("\n")[:-1]) if mode == _COUNT else (),
        )


def _serve() -> None:
    import ctypes

    # Loaded once, for all the forks.
    import importlib

    import httpx  # noqa: F401
    import tomli_w  # noqa: F401

    from pyman.cli.commands import COMMANDS

    for command in COMMANDS:
        importlib.import_module(command.place[0])
    for name in ("cli.app", "cli.show.output", "cli.show.changes", "app.rebuild", "app.repair_store"):
        importlib.import_module(f"pyman.{name}")
    from pyman.__main__ import main
    from pyman.effects import places

    faults = ctypes.CDLL(None)
    for name in ("faults_what", "faults_log"):
        getattr(faults, name).restype = ctypes.c_char_p
    for name in ("faults_counted", "faults_hits"):
        getattr(faults, name).restype = ctypes.c_long
    faults.faults_arm.argtypes = [ctypes.c_int] * 3 + [ctypes.c_long, ctypes.c_char_p]

    for line in sys.stdin.buffer:
        question = json.loads(line)
        mode, kind, error, at, below = question["fault"]
        faults.faults_arm(0, 0, 0, 0, b"")
        child = os.fork()
        if child == 0:
            status = 70
            try:
                for number, path in enumerate([os.devnull, *question["streams"]]):
                    flags = os.O_RDWR | (os.O_CREAT | os.O_TRUNC if number else 0)
                    os.dup2(os.open(path, flags, 0o600), number)
                os.chdir(question["cwd"])
                os.environ.clear()
                os.environ.update(question["environ"])
                if SYSTEM_SETTINGS in os.environ:  # The variable of pyman's own does not count for root.
                    places.SYSTEM_CONFIG = os.environ[SYSTEM_SETTINGS]
                sys.argv = ["pyman", *question["words"]]
                signal.alarm(TIMEOUT)
                faults.faults_arm(mode, kind, error, at, os.fsencode(below))
                status = main()
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:  # noqa: BLE001 - the fork ends here, whatever happened
                import traceback

                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        answer = {
            "status": os.waitstatus_to_exitcode(ended),
            "counted": faults.faults_counted(),
            "hits": faults.faults_hits(),
            "what": os.fsdecode(faults.faults_what()),
            "log": os.fsdecode(faults.faults_log()) if mode == _COUNT else "",
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
