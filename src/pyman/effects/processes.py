"""Processes that run a runtime: `/proc` on Linux, `ps` on macOS."""

from __future__ import annotations

import os
import sys

from pyman.core.moves import Process

_LONGEST_COMMAND = 200


def processes_in(runtime: str) -> tuple[Process, ...]:
    """The processes of this machine whose program, or a library that they have loaded, lies in a runtime.

    What belongs to others and cannot be looked into is left out: nobody can tell.
    """
    prefix = os.path.realpath(runtime) + "/"
    if sys.platform == "darwin":
        return _told_by_ps(prefix)
    try:
        numbers = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return ()
    running = [number for number in numbers if number != os.getpid() and _runs_from(number, prefix)]
    return tuple(Process(number, _command(number)) for number in running)


def processes_of_venv(venv: str) -> tuple[Process, ...]:
    """The processes that were started with the interpreter of a venv, or with one of its scripts."""
    inside = venv.rstrip("/") + "/bin/"
    try:
        numbers = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return ()
    running = []
    for number in numbers:
        try:
            with open(f"/proc/{number}/cmdline", "rb") as file:
                words = file.read(_LONGEST_COMMAND * 8).split(b"\0")[:2]
        except OSError:
            continue
        if number != os.getpid() and any(os.fsdecode(word).startswith(inside) for word in words):
            running.append(Process(number, _command(number)))
    return tuple(running)


def _runs_from(pid: int, prefix: str) -> bool:
    try:
        program = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return False
    if program.startswith(prefix):
        return True
    if "python" not in os.path.basename(program) and "uwsgi" not in program:
        return False
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
            return any(prefix in line for line in maps)
    except OSError:
        return False


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(_LONGEST_COMMAND).rstrip(b"\0").split(b"\0")
    except OSError:
        return "?"
    return " ".join(word.decode("utf-8", "replace") for word in words)


def _told_by_ps(prefix: str) -> tuple[Process, ...]:
    import subprocess

    try:
        answer = subprocess.run(
            ["/bin/ps", "-axww", "-o", "pid=,comm=,args="], capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = []
    for line in answer.splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and os.path.realpath(words[1]).startswith(prefix) and int(words[0]) != os.getpid():
            found.append(Process(int(words[0]), words[2][:_LONGEST_COMMAND]))
    return tuple(found)
