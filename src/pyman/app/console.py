"""What a command answers, and the one place that prints: results to stdout, the rest to stderr.

Import-light.
"""

from __future__ import annotations

import os
import sys

from pyman.core.escape import visible
from pyman.core.immutable import record, replace
from pyman.effects.observer import Observer
from pyman.effects.places import is_automated
from pyman.errors import OUTPUT, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TextIO

    from pyman.app.session import Session


# What a command found or did, before anybody put it on a screen.

SCHEMA = "pyman/1"
_TOGETHER = 500
"""Elements of a list that are made text at once."""
_LONG = 1 << 16
"""Characters that are printed at once."""
_STYLES = {"error": "1;31", "warning": "1;33", "hint": "36"}
"""The prefixes of notes, and their colours on a terminal."""


@record
class Table:
    """Rows to compare. Columns of a pipe are separated by two spaces and more."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    details: tuple[str, ...] = ()
    """One sentence about each row, or none at all: under the rows on a terminal, the last column in a pipe."""


@record
class Answer:
    """One answer, for people and for programs."""

    data: dict[str, Any]
    """The keys of the `--json` object (design.md 11), beside `schema`."""
    lines: tuple[str, ...] = ()
    """Results: stdout."""
    table: Table | None = None
    """Results that people compare: stdout, before the lines."""
    notes: tuple[str, ...] = ()
    """What was done and what to do next: stderr, silent with `-q`."""
    error: PymanError | None = None
    """A failure of a part, beside what was done."""
    status: int = 0
    """The exit status where there is no error."""
    nothing_done: str = "dry run: nothing was changed"
    """What a dry run ends with."""
    raw: bool = False
    """True for text that another program reads letter by letter: paths, scripts. Escaped on a terminal only."""
    as_json: bool = False
    """True where the one object of `--json` is what is wanted, although nobody said so."""

    @property
    def exit_status(self) -> int:
        """0 done, 1 not done or findings, 2 wrong usage, or what a child said."""
        return self.error.exit_status if self.error is not None else self.status


def naming_store(text: str, option: str) -> str:
    """A text whose commands of pyman have the `option` that names the store, where they would act on another one."""
    return text.replace("`pyman ", f"`pyman {option} ") if option else text


def answer_naming_store(answer: Answer, option: str) -> Answer:
    """The same of all that a person reads in an answer."""
    if not option or answer.raw:
        return answer

    def named(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(naming_store(text, option) for text in texts)

    table = answer.table
    if table is not None:
        table = Table(table.head, tuple(named(row) for row in table.rows), named(table.details))
    return replace(
        answer,
        lines=named(answer.lines),
        table=table,
        notes=named(answer.notes),
        nothing_done=naming_store(answer.nothing_done, option),
        error=error_naming_store(answer.error, option) if answer.error is not None else None,
    )


def error_naming_store(error: PymanError, option: str) -> PymanError:
    """The same of an error."""
    error.message, error.hint = naming_store(error.message, option), naming_store(error.hint, option)
    return error


# The one place that prints. Results go to stdout, everything else to stderr; untrusted text is escaped.


def answer_plainly(answer: Answer, *, quiet: bool = False) -> int:
    """Print an answer without tables, and return the exit status."""
    for line in answer.lines:
        if answer.raw:
            _write(sys.stdout, visible(line) if is_terminal(sys.stdout) else line)
        else:
            result(line)
    if not quiet:
        for line in answer.notes:
            note(line)
    if answer.error is not None:
        print_error(answer.error)
    return answer.exit_status


def result(text: str) -> None:
    """Print one line that was asked for."""
    _write(sys.stdout, fitted(visible(text), sys.stdout))


def print_error(error: PymanError) -> None:
    """Print a failure: what is wrong, and what to do."""
    note(f"error: {error.message}")
    if error.hint:
        note(f"hint: {error.hint}")


def note(text: str) -> None:
    """Print one line about the work, while it is done."""
    line = fitted(visible(text), sys.stderr)
    kind, colon, rest = line.partition(":")
    if colon and kind in _STYLES and is_coloured(sys.stderr):
        line = f"\x1b[{_STYLES[kind]}m{kind}:\x1b[0m{rest}"
    _write(sys.stderr, line)


def end_interrupted_line() -> None:
    """Begin a new line on the terminal, which has shown `^C` at the end of the last one."""
    if is_terminal(sys.stderr):
        _write(sys.stderr, "")


def fitted(text: str, stream: TextIO | None) -> str:
    """A line as it fits the terminal behind a stream: broken between words, never within a path or a command."""
    width = _width_of(stream) if is_terminal(stream) else 0
    return text if len(text) <= width or not width else "\n".join(_broken(text, width))


def _broken(text: str, width: int) -> Iterator[str]:
    """Lines of at most so many characters. A longer word is left to the terminal, so that it can still be copied."""
    words = text.lstrip(" ")
    begin = " " * (len(text) - len(words))
    line, inner = begin, begin + "  "
    commands = words.split("`")
    # Text between backticks is one word; an odd number of backticks has no meaning.
    if len(commands) % 2:
        words = "`".join(part.replace(" ", "\0") if number % 2 else part for number, part in enumerate(commands))
    for word in words.split(" "):
        if not line.strip(" "):
            line += word
        elif len(line) + 1 + len(word) <= width or len(inner) + len(word) > width:
            line += f" {word}"
        else:
            yield line.replace("\0", " ")
            line = inner + word
    yield line.replace("\0", " ")


def _width_of(stream: TextIO | None) -> int:
    """Columns of a terminal; 0 where they are not known."""
    named = os.environ.get("COLUMNS", "")
    if named.isdecimal() and len(named) < len("10000"):
        return int(named)
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError):
        return 0


def answer_json(data: dict[str, Any], error: PymanError | None) -> None:
    """Print the one object of `--json`."""
    import json

    envelope = {"schema": SCHEMA, **data}
    if error is not None:
        envelope["error"] = {"code": error.code, "message": error.message, "hint": error.hint or None}
    if is_terminal(sys.stdout):
        _write(sys.stdout, json.dumps(envelope, indent=2))
        return
    text = ""
    for piece in _pieces(envelope):
        text += piece
        if len(text) > _LONG:
            _write(sys.stdout, text, end="")
            text = ""
    _write(sys.stdout, text)


def _pieces(envelope: dict[str, Any]) -> Iterator[str]:
    """The object as `json.dumps` makes it, of long lists some elements at a time: all their text takes room."""
    import json

    for number, (key, value) in enumerate(envelope.items()):
        yield f"{', ' if number else '{'}{json.dumps(key)}: "
        if not isinstance(value, list):
            yield json.dumps(value)
            continue
        for start in range(0, max(len(value), 1), _TOGETHER):
            yield f"{', ' if start else '['}{json.dumps(value[start : start + _TOGETHER])[1:-1]}"
        yield "]"
    yield "}"


class CannotPrint(PymanError):
    """Results that could not be written where they were wanted."""

    code = OUTPUT


def is_coloured(stream: TextIO | None) -> bool:
    """True for a terminal that shows colours, unless the user wants none (NO_COLOR) or a service shows it (CI)."""
    environ = os.environ
    plain = environ.get("NO_COLOR") or environ.get("TERM", "") in ("", "dumb", "unknown") or is_automated(environ)
    return is_terminal(stream) and not plain


def is_terminal(stream: TextIO | None) -> bool:
    """True where a person reads along; False also for a stream that was closed before pyman began (`>&-`)."""
    return stream is not None and stream.isatty()


def _write(stream: TextIO | None, line: str, end: str = "\n") -> None:
    if stream is None:
        return
    try:
        stream.write(line + end)
        stream.flush()
    except UnicodeEncodeError:
        # Bytes that are not text, or a terminal without Unicode: write the file system's own bytes.
        stream.flush()
        stream.buffer.write(os.fsencode(line + end))
        stream.buffer.flush()
    except OSError as error:
        # The rest of the buffer would be written again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        # `pyman list | head` has seen enough; there is nowhere left to report it to.
        if not isinstance(error, BrokenPipeError) and stream is sys.stdout:
            raise CannotPrint(
                f"the output could not be written: {(error.strerror or str(error)).lower()}",
                hint="check where the output goes",
            ) from error


# What fast commands tell the user while they work: a wait, a fact, and on a terminal what takes long.


class Listener(Observer):
    """One line for each."""

    def waiting(self, what: str, holder: str) -> None:
        """Say who is waited for."""
        note(f"waiting for {what}, used by {holder}")

    def began(self, task: str, total: int | None) -> None:
        """Say what is begun."""
        del total
        if sys.stderr.isatty():
            note(task)

    def noted(self, fact: str) -> None:
        """Say it."""
        note(fact)


def short_path(session: Session, path: str) -> str:
    """A path as people write it: `~` for their home."""
    home = session.places.home.rstrip("/")
    return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path


# Sizes as people read them.


def megabytes(size: int) -> str:
    """`87 MiB`; below ten with one decimal, and KiB for less than a tenth."""
    value = size / (1 << 20)
    if value < 0.1:
        return f"{-(-size // 1024)} KiB"
    return f"{value:.1f} MiB" if value < 10 else f"{value:.0f} MiB"
