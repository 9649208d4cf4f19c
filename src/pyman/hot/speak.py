"""The one place that speaks. Results go to stdout, everything else to stderr; text from strangers is never obeyed."""

from __future__ import annotations

import os
import sys

from pyman.core.answer import SCHEMA, Answer
from pyman.core.escape import visible
from pyman.errors import OUTPUT, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO


def answer_plainly(answer: Answer, *, quiet: bool = False) -> int:
    """Print an answer without tables, and return the exit status."""
    escape = not answer.raw or is_terminal(sys.stdout)
    for line in answer.lines:
        _write(sys.stdout, visible(line) if escape else line)
    if not quiet:
        for note in answer.notes:
            _write(sys.stderr, visible(note))
    if answer.error is not None:
        complain(answer.error)
    return answer.exit_status


def result(text: str) -> None:
    """Print one line that was asked for."""
    _write(sys.stdout, visible(text))


def complain(error: PymanError) -> None:
    """Print a failure: what is wrong, and what to do."""
    _write(sys.stderr, f"error: {visible(error.message)}")
    if error.hint:
        _write(sys.stderr, f"hint: {visible(error.hint)}")


def note(text: str) -> None:
    """Print one line about the work, while it is done."""
    _write(sys.stderr, visible(text))


def answer_json(data: dict[str, Any], error: PymanError | None) -> None:
    """Print the one object of `--json`."""
    import json

    envelope = {"schema": SCHEMA, **data}
    if error is not None:
        envelope["error"] = {"code": error.code, "message": error.message, "hint": error.hint or None}
    _write(sys.stdout, json.dumps(envelope, indent=2 if is_terminal(sys.stdout) else None))


class CannotPrint(PymanError):
    """Results that could not be written where they were wanted."""

    code = OUTPUT


def is_terminal(stream: TextIO | None) -> bool:
    """True where a person reads along; False also for a stream that was closed before pyman began (`>&-`)."""
    return stream is not None and stream.isatty()


def _write(stream: TextIO | None, line: str) -> None:
    if stream is None:
        return
    try:
        stream.write(line + "\n")
        stream.flush()
    except UnicodeEncodeError:
        # Bytes that are no text, or a terminal without Unicode: the file system's own bytes are what was meant.
        stream.flush()
        stream.buffer.write(os.fsencode(line) + b"\n")
        stream.buffer.flush()
    except OSError as error:
        # What is left in the buffer would be tried again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        # `pyman list | head` has seen enough; and nobody could be told that nobody can be told.
        if not isinstance(error, BrokenPipeError) and stream is sys.stdout:
            raise CannotPrint(
                f"the answer could not be written: {(error.strerror or str(error)).lower()}",
                hint="see where the output goes",
            ) from error
