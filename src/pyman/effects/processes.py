"""Processes that run a runtime, or in a venv: `/proc` on Linux, `ps` on macOS."""

from __future__ import annotations

import os
import sys

from pyman.core.store import Process, Runtime
from pyman.effects.venvs.uses import Uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_LONGEST_COMMAND = 200
_LONGEST_ENVIRONMENT = 1 << 18
_LONGEST_MAPS = 1 << 22


def processes_in(runtime: Runtime) -> tuple[Process, ...]:
    """The processes of this machine that run a runtime, or a copy or an embedding of it.

    What belongs to others and cannot be looked into is left out: it is unknown.
    """
    own = _Own(runtime)
    if sys.platform == "darwin":
        return _running(own, _from_ps())
    return tuple(_describe(number, own) for number in _others() if _runs(number, own))


def processes_of_venv(venv: str) -> tuple[Process, ...]:
    """The processes that were started by a name in the venv's `bin`, by whatever path or PATH, or have its modules.

    What belongs to others and cannot be looked into is left out.
    """
    place = venv.rstrip("/")
    if sys.platform == "darwin":
        return _in_venv(place, _from_ps())
    found = []
    for number in _others():
        words = _words(number)
        if words and _runs_in(number, words, os.fsencode(place)):
            found.append(Process(number, _shown(words)))
    return tuple(found)


def _others() -> Iterator[int]:
    """The numbers of all processes but this one."""
    try:
        numbers = sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    except OSError:
        return
    yield from (number for number in numbers if number != os.getpid())


def why_unknown() -> str:
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
        self.uses = Uses(os.path.dirname(os.path.dirname(runtime.path)))
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


def _runs_in(pid: int, words: list[bytes], venv: bytes) -> bool:
    inside = venv + b"/bin/"
    if any(word.startswith(inside) for word in words[:2]):
        return True
    try:
        folder = os.path.join(os.readlink(f"/proc/{pid}/cwd".encode()), os.path.dirname(words[0]))
        if b"/" in words[0] and f"{os.path.normpath(os.fsdecode(folder))}/" == os.fsdecode(inside):
            return True
        # `python` found on PATH is that of the venv where it is active.
        if b"python" not in os.path.basename(os.readlink(f"/proc/{pid}/exe".encode())):
            return False
        # A folder above the venv may have another name, by a link.
        if os.path.realpath(folder) == os.path.realpath(inside) if b"/" in words[0] else _finds_in(pid, words[0], venv):
            return True
        return venv + b"/lib/" in _read(pid, "maps", _LONGEST_MAPS)
    except OSError:
        return False


def _finds_in(pid: int, name: bytes, venv: bytes) -> bool:
    """True where a bare name is the venv's: it is active, or first on PATH."""
    if b"VIRTUAL_ENV=" + venv in _environment(pid):
        return True
    found = os.path.dirname(os.fsencode(_on_path(pid, os.fsdecode(name))))
    return bool(found) and os.path.realpath(found) == os.path.realpath(venv + b"/bin")


def _describe(pid: int, own: _Own) -> Process:
    words = _words(pid) or [b"?"]
    return Process(pid, _shown(words), _started_through(pid, os.fsdecode(words[0]), own))


def _words(pid: int) -> list[bytes]:
    """A command line; empty for what belongs to the system, or has ended."""
    try:
        content = _read(pid, "cmdline", _LONGEST_COMMAND * 8)
    except OSError:
        return []
    return content.rstrip(b"\0").split(b"\0") if content else []


def _environment(pid: int) -> list[bytes]:
    return _read(pid, "environ", _LONGEST_ENVIRONMENT).split(b"\0")


def _read(pid: int, name: str, most: int) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read(most)


def _shown(words: list[bytes]) -> str:
    return b" ".join(words)[:_LONGEST_COMMAND].decode("utf-8", "replace")


def _started_through(pid: int, word: str, own: _Own) -> str | None:
    """The name in the store that the first word of a command leads through: see `Process`."""
    try:
        path = os.path.join(os.readlink(f"/proc/{pid}/cwd"), word if "/" in word else _on_path(pid, word))
        entry = own.uses.entry(path)
        if entry is not None:
            return entry[1]
        return None if os.path.realpath(path) == own.program else ""
    except OSError:
        return ""  # It is gone by now, or what is on the way cannot be looked at.


def _on_path(pid: int, name: str) -> str:
    """Where a process found a bare name; the name itself where its PATH has none."""
    folders = next((one[5:] for one in _environment(pid) if one.startswith(b"PATH=")), b"").split(b":")
    places = (os.path.join(os.fsdecode(folder), name) for folder in folders if folder)
    return next((place for place in places if os.access(place, os.X_OK)), name)


def _from_ps() -> dict[int, tuple[str, str]]:
    """Program and command of every other process, where there is no `/proc`.

    Both may hold blanks, so that no line could be taken apart: each column is asked separately.
    """
    commands = _ps("-ax", "args")
    programs = _ps("-ax", "comm")
    return {pid: (program, commands.get(pid, "?")) for pid, program in programs.items() if pid != os.getpid()}


def _running(own: _Own, told: dict[int, tuple[str, str]]) -> tuple[Process, ...]:
    return tuple(
        Process(pid, command[:_LONGEST_COMMAND])
        for pid, (program, command) in told.items()
        if os.path.realpath(program) == own.program
    )


def _in_venv(venv: str, told: dict[int, tuple[str, str]]) -> tuple[Process, ...]:
    inside = f"{venv}/bin/"
    return tuple(
        Process(pid, command[:_LONGEST_COMMAND])
        for pid, (program, command) in told.items()
        if program.startswith(inside) or command.startswith(inside) or f" {inside}" in command
    )


def _ps(which: str, column: str) -> dict[int, str]:
    import subprocess

    command = ["/bin/ps", which, "-ww", "-o", "pid=", "-o", f"{column}="]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=5, check=False).stdout.decode("utf-8", "replace")
    except (OSError, subprocess.SubprocessError):
        return {}
    columns = [line.split(None, 1) for line in answer.splitlines()]
    return {int(words[0]): words[1].strip() for words in columns if len(words) == 2 and words[0].isdigit()}
