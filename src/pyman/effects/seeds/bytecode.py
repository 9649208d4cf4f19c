"""Bytecode, written by the interpreter that is to read it."""

from __future__ import annotations

import os

from pyman.effects.seeds.sharing import write_new
from pyman.errors import BrokenRuntime

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

# Seconds. pip and setuptools take two on a slow machine.
_TIMEOUT = 300.0
_MOST_PROCESSES = 4
_MODULES_WORTH_A_PROCESS = 50


def compile_tree(executable: str, tree: str, work: str) -> None:
    """Let an interpreter put its bytecode beside every module of a folder, valid by time and size of the source.

    `work` is a folder for notes. A module that it cannot compile has none, as after an installation by pip. The
    interpreter runs by itself (no environment, no site, no input) and writes nowhere else; the paths in the bytecode
    are relative, and every import replaces them. Raises BrokenRuntime where it cannot be started, fails, or hangs, and
    NotStarted where it may not be started.
    """
    processes: list[subprocess.Popen[bytes]] = []
    notes: list[str] = []
    try:
        for number, names in enumerate(_shares(tree)):
            notes.append(os.path.join(work, f"modules-{number}"))
            write_new(notes[-1], "".join(f"{name}\n" for name in names).encode())
            processes.append(_start(executable, tree, notes[-1]))
        for process in processes:
            _wait(executable, process, tree)
        for note in notes:
            os.unlink(note)
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def bytecode_of(tree: str) -> Iterator[str]:
    """Name the files of bytecode below a folder, relative to it."""
    for folder, _, names in walk_whole(tree):
        if os.path.basename(folder) == "__pycache__":
            yield from (os.path.relpath(os.path.join(folder, name), tree) for name in names)


def walk_whole(tree: str) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does. Raises OSError for a folder that cannot be read, where that would leave it out."""

    def stop(error: OSError) -> None:
        raise error

    return os.walk(tree, onerror=stop)


def _shares(tree: str) -> list[list[str]]:
    """Divide the modules among as many processes as the machine can run, each with about as much to read."""
    paths = [os.path.join(folder, name) for folder, _, names in walk_whole(tree) for name in names]
    modules = [(os.path.getsize(path), os.path.relpath(path, tree)) for path in paths if path.endswith(".py")]
    if not modules:
        return []  # Told of none, an interpreter compiles whatever it can import.
    modules.sort(reverse=True)
    count = min(os.cpu_count() or 1, _MOST_PROCESSES, len(modules) // _MODULES_WORTH_A_PROCESS + 1)
    return [[name for _, name in modules[number::count]] for number in range(count)]


def _start(executable: str, tree: str, note: str) -> subprocess.Popen[bytes]:
    import subprocess

    from pyman.effects.interpreters.admission import Admission

    arguments = ["-I", "-S", "-B", "-m", "compileall", "-q", "-f", "-i", note]
    # It is of the store, or was admitted when it was chosen for the venv: what it depends on is looked at again.
    return Admission().start(
        executable, arguments, named=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tree
    )


def _wait(executable: str, process: subprocess.Popen[bytes], tree: str) -> None:
    import subprocess

    try:
        _, complaint = process.communicate(timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise BrokenRuntime(f"{executable} compiled for more than {_TIMEOUT:g} seconds") from error
    # 1 is also how it says that one of the modules cannot be compiled.
    if process.returncode == 0 or (process.returncode == 1 and any(bytecode_of(tree))):
        return
    last = complaint.decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
    raise BrokenRuntime(
        f"{executable} cannot compile: {last[:300] or f'it ended with status {process.returncode}'}",
        hint="see whether it starts at all",
    )
