"""Processes that run a runtime, or in a venv: `/proc` on Linux, libproc on macOS (libproc.py)."""

from __future__ import annotations

import os
import sys

from pyman.core.store import Process, Runtime
from pyman.effects.venvs.uses import Uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from pyman.effects.libproc import Libproc

    ProcessTable: TypeAlias = "Libproc | _ProcFolder"


_LONGEST_COMMAND = 200
_LONGEST_ENVIRONMENT = 1 << 18
_LONGEST_MAPS = 1 << 24


def processes_in(runtime: Runtime) -> tuple[Process, ...]:
    """The processes of this machine that run a runtime, or a copy or an embedding of it.

    What belongs to others and cannot be looked into is left out: it is unknown.
    """
    own, table = _Own(runtime), _table()
    return tuple(_describe(number, own, table) for number in _others(table) if _runs(number, own, table))


def processes_of_venv(venv: str) -> tuple[Process, ...]:
    """The processes that were started by a name in the venv's `bin`, by whatever path or PATH, or have its modules.

    What belongs to others and cannot be looked into is left out.
    """
    place, table = os.fsencode(venv.rstrip("/")), _table()
    found = []
    for number in _others(table):
        words = _words(number, table)
        if words and _runs_in(number, words, place, table):
            found.append(Process(number, _shown(words)))
    return tuple(found)


def why_unknown() -> str:
    """Say why `processes_in` may miss a process of this user's, so that it proves nothing; empty where it does not."""
    return _table().why_unknown()


def why_unknown_in_venvs() -> str:
    """Say why `processes_of_venv` may miss a process that everybody may usually see; empty where it does not."""
    table = _table()
    return table.why_unknown() or ("/proc hides the processes of other users" if _hides_others(table) else "")


def _hides_others(table: ProcessTable) -> bool:
    """True where `/proc` is mounted with `hidepid`, and this user is none of those who see everything all the same."""
    if not isinstance(table, _ProcFolder):
        return False
    try:
        table.words(1)
    except OSError:
        return True
    return False


def _table() -> ProcessTable:
    if sys.platform != "darwin":
        return _ProcFolder()
    from pyman.effects.libproc import Libproc

    return Libproc()


def _others(table: ProcessTable) -> Iterator[int]:
    """The numbers of all processes but this one."""
    try:
        numbers = table.numbers()
    except OSError:
        return
    yield from (number for number in numbers if number != os.getpid())


class _ProcFolder:
    """`/proc` of Linux; as `Libproc`, which has the same methods."""

    def why_unknown(self) -> str:
        return "" if os.path.exists("/proc/self/exe") else "without /proc it is unknown which program a process runs"

    def numbers(self) -> list[int]:
        return sorted(int(entry) for entry in os.listdir("/proc") if entry.isdigit())

    def program(self, pid: int) -> str:
        return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")

    def folder(self, pid: int) -> str:
        return os.readlink(f"/proc/{pid}/cwd")

    def words(self, pid: int) -> list[bytes]:
        content = _read(pid, "cmdline", _LONGEST_COMMAND * 8)
        return content.rstrip(b"\0").split(b"\0") if content else []

    def environment(self, pid: int) -> list[bytes]:
        return _read(pid, "environ", _LONGEST_ENVIRONMENT).split(b"\0")

    def has_loaded(self, pid: int, starts: tuple[bytes, ...]) -> bool:
        maps = _read(pid, "maps", _LONGEST_MAPS)
        return any(start in maps for start in starts)


class _Own:
    """What tells that a process runs a runtime: a prefix like `/usr` holds far more than one Python."""

    def __init__(self, runtime: Runtime) -> None:
        prefix, name = os.path.realpath(runtime.path), os.path.basename(runtime.executable)
        self.program = os.path.realpath(os.path.join(prefix, runtime.executable))
        # What the `bin/python3.13` of a framework build goes on to.
        self.programs = (self.program, f"{prefix}/Resources/Python.app/Contents/MacOS/Python")
        self.uses = Uses(os.path.dirname(os.path.dirname(runtime.path)))
        self.loaded = tuple(
            os.fsencode(f"{prefix}/{part}")
            for part in (f"lib/lib{name}.so", f"lib/lib{name}.dylib", f"lib/{name.removesuffix('d')}/")
        )
        if os.path.isfile(self.programs[1]):
            self.loaded += (os.fsencode(f"{prefix}/Python"),)  # Its libpython.


def _runs(pid: int, own: _Own, table: ProcessTable) -> bool:
    try:
        program = table.program(pid)
        if program in own.programs:
            return True
        # Copied interpreters, and programs that embed one.
        name = os.path.basename(program).lower()
        return ("python" in name or "wsgi" in name) and table.has_loaded(pid, own.loaded)
    except OSError:
        return False


def _runs_in(pid: int, words: list[bytes], venv: bytes, table: ProcessTable) -> bool:
    inside = venv + b"/bin/"
    if any(word.startswith(inside) for word in words[:2]):
        return True
    try:
        folder = os.path.join(table.folder(pid), os.path.dirname(os.fsdecode(words[0])))
        if b"/" in words[0] and f"{os.path.normpath(folder)}/" == os.fsdecode(inside):
            return True
        # `python` found on PATH is that of the venv where it is active.
        if "python" not in os.path.basename(table.program(pid)).lower():
            return False
        # A folder above the venv may have another name, by a link.
        if b"/" in words[0]:
            is_in = os.path.realpath(folder) == os.path.realpath(os.fsdecode(inside))
        else:
            is_in = _finds_in(pid, words[0], venv, table)
        return is_in or table.has_loaded(pid, (venv + b"/lib/",))
    except OSError:
        return False


def _finds_in(pid: int, name: bytes, venv: bytes, table: ProcessTable) -> bool:
    """True where a bare name is the venv's: it is active, or first on PATH."""
    if b"VIRTUAL_ENV=" + venv in table.environment(pid):
        return True
    found = os.path.dirname(os.fsencode(_on_path(pid, os.fsdecode(name), table)))
    return bool(found) and os.path.realpath(found) == os.path.realpath(venv + b"/bin")


def _describe(pid: int, own: _Own, table: ProcessTable) -> Process:
    words = _words(pid, table) or [b"?"]
    return Process(pid, _shown(words), _started_through(pid, os.fsdecode(words[0]), own, table), _unit(pid))


def _unit(pid: int) -> str:
    try:
        return unit_of(_read(pid, "cgroup", _LONGEST_COMMAND * 8).decode("utf-8", "replace"))
    except OSError:
        return ""


def unit_of(cgroup: str) -> str:
    """The systemd service or the container that a process belongs to; empty where its control group names none.

    What a person started in a login session belongs to nothing that could be restarted.
    """
    for line in cgroup.splitlines():
        _, _, path = line.partition("::") if line.startswith("0::") else line.rpartition(":")
        for name in reversed(path.split("/")):
            if name.endswith(".service") and not name.startswith("user@"):
                return name.replace("\\x2d", "-")
            container = _container(name)
            if container:
                return f"container {container[:12]}"
    return ""


def _container(name: str) -> str:
    """The number of a container, as Docker, podman and Kubernetes write it in the name of a control group."""
    number = name.removesuffix(".scope").rpartition("-")[2]
    return number if len(number) == 64 and not number.strip("0123456789abcdef") else ""


def is_pyman(process: Process) -> bool:
    """True for a process that started this one, and for any other start of this pyman."""
    from pyman.effects.shims import pyman_command

    command = pyman_command()
    return process.pid in _ancestors() or (bool(command) and command in process.command.split(" ")[1:4])


def _ancestors() -> Iterator[int]:
    """The numbers of the processes that started this one, the nearest first."""
    number = os.getppid()
    while number > 1:
        yield number
        try:
            # The second field is the name in parentheses, and may hold anything; the parent is the fourth.
            number = int(_read(number, "stat", _LONGEST_COMMAND * 8).rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return


def _words(pid: int, table: ProcessTable) -> list[bytes]:
    """A command line; empty for what belongs to the system, or has ended."""
    try:
        return table.words(pid)
    except OSError:
        return []


def _read(pid: int, name: str, most: int) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read(most)


def _shown(words: list[bytes]) -> str:
    return b" ".join(words)[:_LONGEST_COMMAND].decode("utf-8", "replace")


def _started_through(pid: int, word: str, own: _Own, table: ProcessTable) -> str | None:
    """The name in the store that the first word of a command leads through: see `Process`."""
    try:
        path = os.path.join(table.folder(pid), word if "/" in word else _on_path(pid, word, table))
        entry = own.uses.entry(path)
        if entry is not None:
            return entry[1]
        return None if os.path.realpath(path) in own.programs else ""
    except OSError:
        return ""  # It is gone by now, or what is on the way cannot be looked at.


def _on_path(pid: int, name: str, table: ProcessTable) -> str:
    """Where a process found a bare name; the name itself where its PATH has none."""
    folders = next((one[5:] for one in table.environment(pid) if one.startswith(b"PATH=")), b"").split(b":")
    places = (os.path.join(os.fsdecode(folder), name) for folder in folders if folder)
    return next((place for place in places if os.access(place, os.X_OK)), name)
