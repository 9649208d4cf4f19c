"""Another user than the one of the tests, where root runs them: a fork, so there need be no Python that he may start."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SOMEBODY = 12345
"""His number; he has no other groups."""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def let_in(folder: Path) -> None:
    """Let everybody go to a folder of the tests, through those above it too."""
    for above in (folder, *folder.parents):
        status = above.stat()
        if not status.st_mode & 0o001 and status.st_uid == os.geteuid():
            above.chmod(status.st_mode | 0o711)


def run_as_somebody(work: Callable[[], object]) -> None:
    """Run a function as an ordinary user: another one where this is root, else the same. Its failure is the test's."""
    reading, writing = os.pipe()
    child = _fork(work, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as told:
        failure = told.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, failure


@contextlib.contextmanager
def busy_somebody(work: Callable[[], object]) -> Iterator[None]:
    """Another user who does one thing again and again while `with` lasts."""
    reading, writing = os.pipe()

    def forever() -> None:
        os.write(writing, b"x")
        while True:
            work()

    child = _fork(forever, writing)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"x"
        yield
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _fork(work: Callable[[], object], writing: int) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(SOMEBODY)
            os.setuid(SOMEBODY)
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - the fork ends here, whatever happened
        os.write(writing, traceback.format_exc().encode()[-4000:])
    finally:
        sys.stdout.flush()
        os._exit(status)


def exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step, as an attacker does while somebody else looks away. Linux; fails in silence."""
    _library().renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2)


@functools.cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
