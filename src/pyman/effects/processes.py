"""Processes that run a runtime: `/proc` on Linux, `ps` on macOS."""

from __future__ import annotations

import os
import sys

from pyman.core.moves import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.runtime import Runtime

_LONGEST_COMMAND = 200
_LONGEST_ENVIRONMENT = 1 << 18
_MOST_LINKS = 8


def processes_in(runtime: Runtime) -> tuple[Process, ...]:
    """The processes of this machine that run a runtime, or a copy or an embedding of it.

    What belongs to others and cannot be looked into is left out: nobody can tell.
    """
    own = _Own(runtime)
    if sys.platform == "darwin":
        return _told_by_ps(own)
    try:
        numbers = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return ()
    running = [number for number in numbers if number != os.getpid() and _runs(number, own)]
    return tuple(_describe(number, own) for number in running)


def why_not_told() -> str:
    """Say why `processes_in` may miss a process of this user's, so that it proves nothing; empty where it does not.

    `ps` of macOS shows the first word of a command, which need not be the path of the program: `python` in an active
    venv, a path relative to another folder, and for framework builds always another program.
    """
    if sys.platform == "darwin":
        return "macOS does not tell which program a process runs"
    return "" if os.path.exists("/proc/self/exe") else "/proc is not there to tell which program a process runs"


class _Own:
    """What tells that a process runs a runtime: a prefix like `/usr` holds far more than one Python."""

    def __init__(self, runtime: Runtime) -> None:
        prefix, name = os.path.realpath(runtime.path), os.path.basename(runtime.executable)
        self.program = os.path.realpath(os.path.join(prefix, runtime.executable))
        self.inside = os.path.dirname(runtime.path) + "/"
        self.loaded = tuple(
            f"{prefix}/{part}"
            for part in (f"lib/lib{name}.so", f"lib/lib{name}.dylib", f"lib/{name.removesuffix('d')}/")
        )


def _runs(pid: int, own: _Own) -> bool:
    try:
        program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
    except OSError:
        return False
    if program == own.program:
        return True
    # Copied interpreters, and programs that embed one.
    name = os.path.basename(program)
    if "python" not in name and "wsgi" not in name:
        return False
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as maps:
            return any(start in line for line in maps for start in own.loaded)
    except OSError:
        return False


def _describe(pid: int, own: _Own) -> Process:
    words = _words(pid)
    return Process(pid, _shown(words), _started_through(pid, os.fsdecode(words[0]), own))


def _words(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(_LONGEST_COMMAND * 8).rstrip(b"\0").split(b"\0")
    except OSError:
        return [b"?"]


def _shown(words: list[bytes]) -> str:
    return b" ".join(words)[:_LONGEST_COMMAND].decode("utf-8", "replace")


def _started_through(pid: int, word: str, own: _Own) -> str | None:
    """The name in the store that the first word of a command leads through: see `Process`."""
    try:
        path = os.path.join(os.readlink(f"/proc/{pid}/cwd"), word if "/" in word else _on_path(pid, word))
        for _ in range(_MOST_LINKS):
            if path.startswith(own.inside):
                return path[len(own.inside) :].partition("/")[0]
            if path == own.program:
                return None
            path = os.path.join(os.path.dirname(path), os.readlink(path))
    except OSError:
        pass  # It ends outside, or is gone by now.
    return ""


def _on_path(pid: int, name: str) -> str:
    """Where a process found a bare name; the name itself where its PATH has none."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        variables = file.read(_LONGEST_ENVIRONMENT).split(b"\0")
    folders = next((one[5:] for one in variables if one.startswith(b"PATH=")), b"").split(b":")
    places = (os.path.join(os.fsdecode(folder), name) for folder in folders if folder)
    return next((place for place in places if os.access(place, os.X_OK)), name)


def _told_by_ps(own: _Own) -> tuple[Process, ...]:
    """What `ps` tells where there is no `/proc`. Paths of programs may hold blanks: each column is asked by itself."""
    found = [pid for pid, program in _ps("-ax", "comm").items() if os.path.realpath(program) == own.program]
    if not found:
        return ()
    commands = _ps("-p" + ",".join(map(str, found)), "args")
    return tuple(Process(pid, commands.get(pid, "?")[:_LONGEST_COMMAND]) for pid in found if pid != os.getpid())


def _ps(which: str, column: str) -> dict[int, str]:
    import subprocess

    command = ["/bin/ps", which, "-ww", "-o", "pid=", "-o", f"{column}="]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=5, check=False).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError):
        return {}
    columns = [line.split(None, 1) for line in answer.splitlines()]
    return {int(words[0]): words[1].strip() for words in columns if len(words) == 2 and words[0].isdigit()}
