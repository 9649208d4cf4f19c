"""Programs that must not outlive pyman: what still wrote into a venv after its old self was put back would spoil it."""

from __future__ import annotations

import os

from pyman.effects.interruption import Undisturbed, undisturbed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping

# The program's standard input is the leash: a pipe whose other end pyman alone holds. It closes when pyman ends it, or
# ends itself in whatever way; then the whole group goes. Only a shell does this on every system, without any delay.
_SCRIPT = """\
exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill -KILL "$watcher" 2>/dev/null
exit "$status"
"""

_MOST_KEPT = 1 << 20
_AFTERTHOUGHT = 0.5  # seconds; a daemon that the program left behind may hold its output open for ever


def run_on_leash(
    command: list[str], environment: Mapping[str, str], folder: str, listen: Callable[[str], None] | None = None
) -> tuple[int, str]:
    """Run a program, hand every line that it says to `listen`, and return its status with the last MiB of them.

    The status is negative for a signal. However this function is left, nothing that it started is running any more.
    """
    import subprocess

    process: subprocess.Popen[bytes] | None = None
    try:
        with Undisturbed():
            process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
            )
        output = _listen(process, listen)
        status = process.wait()
    finally:
        if process is not None:
            _end(process)
    return (128 - status if status > 128 else status), output


def _listen(process: subprocess.Popen[bytes], listen: Callable[[str], None] | None) -> str:
    import selectors

    if process.stdout is None:
        return ""
    source = process.stdout.fileno()
    kept = bytearray()
    line = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while True:
            if not selector.select(_AFTERTHOUGHT):
                if process.poll() is not None:
                    break
                continue
            piece = os.read(source, 1 << 16)
            if not piece:
                break
            kept += piece
            del kept[:-_MOST_KEPT]
            line += piece
            *whole, rest = line.split(b"\n")
            line = bytearray(rest[-_MOST_KEPT:])
            if listen is not None:
                for one in whole:
                    listen(one.decode("utf-8", "replace"))
    return kept.decode("utf-8", "replace")


@undisturbed
def _end(process: subprocess.Popen[bytes]) -> None:
    import signal

    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        # Nobody has asked for its status, so that its number, and that of its group, is still its own.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            pass  # it has just ended by itself
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
