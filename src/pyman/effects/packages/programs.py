"""Whether the programs that packages brought to a venv start: interpreter and imports are there."""

from __future__ import annotations

import os

from pyman.effects.files import open_regular

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping

_ANSWER_SECONDS = 60.0
"""Seconds for all programs of a venv together."""
_MOST_READ = 1 << 16
_MOST_TOLD = 1 << 20
_MOST_AT_ONCE = 4

# Runs each script up to the line that makes it the main program, which pip, uv and setuptools all write. What it prints
# is nobody's business; what fails is told through a pipe, and what ends the interpreter by telling nothing more.
_SMOKE_TEST = """\
import os, sys
told = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8", errors="backslashreplace")
for path in sys.argv[2:]:
    sys.argv = [path]
    told.write(path + "\\0")
    told.flush()
    reason = ""
    try:
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
        exec(code, {"__name__": "pyman", "__file__": path, "__builtins__": __builtins__})
    except BaseException as error:
        reason = type(error).__name__ + ": " + str(error)[:300].replace("\\0", "")
    told.write(reason + "\\0")
    told.flush()
os._exit(0)
"""


def missing_programs(venv: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in `bin` that are not programs, or whose first line names an interpreter that is not there."""
    return tuple(name for name in names if not _can_start(os.path.join(venv, "bin", name)))


def _can_start(path: str) -> bool:
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return False
    try:
        with open_regular(path) as file:
            line = file.read(4096).partition(b"\n")[0]
    except OSError:
        return True  # A program need not be readable; it is unknown.
    if not line.startswith(b"#!"):
        return True
    words = line[2:].split()
    # A long or unusual path follows `#!/bin/sh` and `exec`, and is not parsed here.
    return bool(words) and b"\0" not in words[0] and os.access(words[0], os.X_OK)


class SmokeTest:
    """The scripts of a venv, started as far as their imports by its interpreter, beside what pyman does meanwhile."""

    def __init__(self, venv: str, names: Iterable[str], environ: Mapping[str, str]) -> None:
        folder = os.path.join(venv, "bin")
        scripts = [path for name in names if _is_guarded(path := os.path.join(folder, name))]
        count = min(len(scripts), _processors(), _MOST_AT_ONCE)
        self._shares: list[_Share] = []
        try:
            for number in range(count):
                self._shares.append(_Share(os.path.join(folder, "python"), scripts[number::count], environ))
        except BaseException:
            self.end()
            raise

    def failures(self) -> dict[str, str] | None:
        """Wait for it, and say which do not start, and why; None where it is unknown, because it took too long.

        One that ends the interpreter keeps those after it from being tried.
        """
        import time

        deadline = time.monotonic() + _ANSWER_SECONDS
        try:
            return {name: reason for share in self._shares for name, reason in share.failures(deadline)}
        except TimeoutError:
            return None
        finally:
            self.end()

    def end(self) -> None:
        """Stop it, and everything that it started."""
        while self._shares:
            self._shares.pop().end()


class _Share:
    """One interpreter, and the scripts that it tries one after the other."""

    def __init__(self, python: str, scripts: list[str], environ: Mapping[str, str]) -> None:
        import subprocess

        self._read, write = os.pipe()
        try:
            # Bytecode is not written: the venv stays as it is.
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [python, "-I", "-B", "-c", _SMOKE_TEST, str(write), *scripts],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(write,),
                env=dict(environ),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._read)
            raise
        finally:
            os.close(write)

    def failures(self, deadline: float) -> list[tuple[str, str]]:
        *told, rest = self._listen(deadline).decode("utf-8", "replace").split("\0")
        if len(told) % 2:
            told.append(f"it ends the interpreter{rest}")
        pairs = zip(told[::2], told[1::2], strict=True)
        return [(os.path.basename(path), reason) for path, reason in pairs if reason]

    def _listen(self, deadline: float) -> bytes:
        import select
        import time

        content = bytearray()
        while len(content) < _MOST_TOLD:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._read], [], [], left)[0]:
                raise TimeoutError
            piece = os.read(self._read, 4096)
            if not piece:
                break
            content += piece
        return bytes(content)

    def end(self) -> None:
        import signal

        # Nobody has asked for its status, so that its number, and that of its group, is still its own.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except OSError:
            pass  # It has just ended on its own.
        self._process.wait()
        os.close(self._read)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_guarded(path: str) -> bool:
    """True for a script that begins its work only where it is the main program; all others are not run."""
    try:
        with open_regular(path) as file:
            content = file.read(_MOST_READ)
    except OSError:
        return False
    return content.startswith(b"#!") and b"__name__" in content and b"__main__" in content
