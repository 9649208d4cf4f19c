"""Processes that run in a venv: `/proc` on Linux, `ps` on macOS."""

from __future__ import annotations

import os
import sys

from pyman.core.moves import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_COMMAND = 200
_LONGEST_MAPS = 1 << 22


def processes_of_venv(venv: str) -> tuple[Process, ...]:
    """The processes that were started by a name in the venv's `bin`, or while it was active, or have its modules.

    What belongs to others and cannot be looked into is left out: nobody can tell.
    """
    place = os.fsencode(venv.rstrip("/"))
    if sys.platform == "darwin":
        return tuple(_told_by_ps(os.fsdecode(place) + "/bin/"))
    try:
        numbers = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return ()
    found = []
    for number in numbers:
        words = _words(number)
        if number != os.getpid() and words and _runs_in(number, words, place):
            found.append(Process(number, b" ".join(words)[:_LONGEST_COMMAND].decode("utf-8", "replace")))
    return tuple(found)


def _words(pid: int) -> list[bytes]:
    try:
        content = _read(f"/proc/{pid}/cmdline", 1 << 12)
    except OSError:
        return []
    return content.rstrip(b"\0").split(b"\0") if content else []


def _runs_in(pid: int, words: list[bytes], venv: bytes) -> bool:
    inside = venv + b"/bin/"
    if any(word.startswith(inside) for word in words[:2]):
        return True
    try:
        if b"/" in words[0] and not words[0].startswith(b"/"):
            folder = os.readlink(f"/proc/{pid}/cwd".encode())
            return os.path.normpath(os.path.join(folder, words[0])).startswith(inside)
        # `python` found on PATH is that of the venv where it is active.
        if b"python" not in os.path.basename(os.readlink(f"/proc/{pid}/exe".encode())):
            return False
        if b"/" not in words[0] and b"VIRTUAL_ENV=" + venv in _read(f"/proc/{pid}/environ", 1 << 18).split(b"\0"):
            return True
        return venv + b"/lib/" in _read(f"/proc/{pid}/maps", _LONGEST_MAPS)
    except OSError:
        return False


def _read(path: str, most: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(most)


def _told_by_ps(inside: str) -> Iterator[Process]:
    import subprocess

    try:
        answer = subprocess.run(
            ["/bin/ps", "-axww", "-o", "pid=,args="], capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in answer.splitlines():
        number, _, command = line.strip().partition(" ")
        if any(word.startswith(inside) for word in command.split(None, 2)[:2]) and number != str(os.getpid()):
            yield Process(int(number), command.strip()[:_LONGEST_COMMAND])
