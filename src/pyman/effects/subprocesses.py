"""Programs that pyman starts: found where no project could have put them, and ended when pyman ends."""

from __future__ import annotations

import os
import time

from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects.interruption import DeferredSignals, defer_signals
from pyman.effects.project_files import project_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable, Mapping

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


def run_supervised(
    command: list[str],
    environment: Mapping[str, str],
    folder: str,
    listen: Callable[[str], None] | None = None,
    *,
    umask: int = -1,
    seconds: float | None = None,
) -> tuple[int, str]:
    """Run a program, hand every line that it says to `listen`, and return its status with the last MiB of them.

    The status is negative for a signal; `umask` is the mask of the files that it makes, -1 for that of pyman. However
    this function is left, nothing that it started is running any more. Raises TimeoutError where it takes longer than
    `seconds`.
    """
    import subprocess

    deadline = None if seconds is None else time.monotonic() + seconds
    process: subprocess.Popen[bytes] | None = None
    try:
        with DeferredSignals():
            process = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                cwd=folder,
                start_new_session=True,
                umask=umask,
            )
        output = _listen(process, listen, deadline)
        # It may have closed its output, and go on.
        status = process.wait(None if deadline is None else max(deadline - time.monotonic(), 0))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        if process is not None:
            _end(process)
    return (128 - status if status > 128 else status), output


def _listen(
    process: subprocess.Popen[bytes], listen: Callable[[str], None] | None, deadline: float | None = None
) -> str:
    import selectors

    if process.stdout is None:
        return ""
    source = process.stdout.fileno()
    kept = bytearray()
    line = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        while True:
            left = _AFTERTHOUGHT if deadline is None else min(_AFTERTHOUGHT, deadline - time.monotonic())
            if left <= 0:
                raise TimeoutError
            if not selector.select(left):
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


@defer_signals
def _end(process: subprocess.Popen[bytes]) -> None:
    import signal

    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        # Nobody has asked for its status, so that its number, and that of its group, is still its own.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            pass  # it has just ended on its own
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


# Programs found on PATH, as pyman's own helpers: none that a project or a venv could have brought along (design.md 6).


def search_path_outside(search_path: str, folder: str, home: str, venv: str = "") -> str:
    """Return the part of a PATH that neither the project of a folder nor a venv could have brought along."""
    return usable_search_path(search_path, outside=_outside_of(venv, project_of(folder, home), home), home=home)


def _outside_of(venv: str, project: str, home: str) -> tuple[str, ...]:
    """The folders of which nothing on PATH counts: the venv, if there is one, and the project.

    A project that holds the home folder is none: everything in there is the user's own, the usual place of uv too.
    """
    real_home, real_project = (f"{os.path.realpath(folder).rstrip('/')}/" for folder in (home, project))
    own = (venv,) if venv else ()
    return own if real_home.startswith(real_project) else (*own, project)


def usable_search_path(search_path: str, *, outside: Iterable[str] = (), home: str = "") -> str:
    """Return a PATH without relative folders, without those in the folders `outside`, and without those in a venv.

    A home folder that is a venv itself does not count as one. For root nothing counts that somebody else could
    change: by owner, by group, or in a folder above.
    """
    closed = tuple(f"{path.rstrip('/')}/" for folder in outside for path in (folder, os.path.realpath(folder)))
    above = (home.rstrip("/"), os.path.realpath(home) if home else "")
    kept = []
    for folder in search_path.split(os.pathsep):
        if not os.path.isabs(folder):
            continue
        places = (os.path.normpath(folder), os.path.realpath(folder))
        if any(f"{place}/".startswith(closed) or _lies_in_venv(place, above) for place in places):
            continue
        if not _is_foreign(folder):
            kept.append(folder)
    return os.pathsep.join(kept)


def find_on_path(name: str, usable: str) -> str | None:
    """Return the first program of that name on the usable part of a PATH, None where there is none."""
    for folder in usable.split(os.pathsep):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK) and not _is_foreign(path):
            return path
    return None


def _lies_in_venv(folder: str, homes: tuple[str, ...]) -> bool:
    while folder not in ("/", "", *homes):
        if os.path.lexists(os.path.join(folder, FILE_NAME)):
            return True
        folder = os.path.dirname(folder)
    return False


def _is_foreign(path: str) -> bool:
    """True where root would start what somebody else could have put there (design.md 6)."""
    if os.geteuid() != 0:
        return False
    from pyman.effects.interpreters.admission import why_named_changeable

    try:
        return why_named_changeable(path) != ""
    except OSError:
        return True
