"""Other starts of this pyman: what a scheduled run is made of."""

from __future__ import annotations

import os
import sys

from pyman.core.immutable import record
from pyman.effects.interruption import DeferredSignals, defer_signals
from pyman.effects.shims import pyman_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from typing import Any

_LARGEST = 256 << 20
_ENDING_SECONDS = 60.0
"""Seconds in which a pyman that was told to end has to have undone what it was at."""


@record
class OwnAnswer:
    """What another pyman answered."""

    status: int
    """Its exit status, negative for a signal."""
    data: dict[str, Any]
    """Its JSON; empty where it gave none."""
    complaint: str
    """What went wrong, a sentence; empty where nothing did."""


def own_command() -> tuple[str, ...]:
    """The program, an absolute path, and the words that start this pyman."""
    command = pyman_command()
    return (os.path.abspath(command),) if command else (sys.executable, "-m", "pyman")


def ask_pyman(words: list[str], environ: Mapping[str, str]) -> OwnAnswer:
    """Start this pyman with `--json` and wait for its answer. However this is left, it is not running any more."""
    import subprocess
    import tempfile

    command = [*own_command(), *words, "--json"]
    process: subprocess.Popen[bytes] | None = None
    with tempfile.TemporaryFile() as complaints:
        try:
            with DeferredSignals():
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, env=dict(environ),
                    cwd="/", start_new_session=True,
                )  # fmt: skip
            assert process.stdout is not None
            content = process.stdout.read(_LARGEST)
            status = process.wait()
        except OSError as error:
            return OwnAnswer(1, {}, f"pyman could not be started: {error}")
        finally:
            if process is not None:
                _end(process)
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "replace").strip().splitlines()
    data = _parsed(content)
    failure = data.get("error")
    complaint = str(failure.get("message") or "") if isinstance(failure, dict) else ""
    if not data and not complaint:
        complaint = next(
            (line.removeprefix("error: ") for line in said if line.startswith("error: ")), f"it ended with {status}"
        )
    return OwnAnswer(status, data, complaint)


def _parsed(content: bytes) -> dict[str, Any]:
    import json

    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


@defer_signals
def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as ctrl-C would: what it was at is undone first."""
    import subprocess

    if process.stdout is not None:
        process.stdout.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
