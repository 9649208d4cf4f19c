"""The one family of failures.

    PymanError                 1   something was not done
     ├ UsageError              2   the words of the command line are wrong
     ├ BadRequest              2   a request that nobody could understand (1 when it stood in a file)
     ├ NotFound                1   no such runtime, venv, build, alias
     ├ Refused                 1   pyman could, but something would be lost
     ├ NetworkError            1   out of reach, cut short, an answer that is no answer
     │  └ Offline              1   the network was needed and not allowed
     ├ IntegrityError          1   wrong size, wrong hash, an archive that may not be unpacked
     ├ BrokenRuntime           1   an interpreter that does not do what it must
     └ NoPython              127   `run` and the shims: nothing to run

A message is one sentence that says what is wrong; the hint is one that says what to do. Neither is markup, and
both may hold text from files: whoever prints them escapes what a terminal would obey.
"""

from __future__ import annotations


class PymanError(Exception):
    """A failure to show as `error: …` and, when there is one, `hint: …`; `code` is stable, for programs."""

    code = "failed"
    exit_status = 1

    def __init__(
        self, message: str, *, hint: str = "", code: str | None = None, exit_status: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code
        if exit_status is not None:
            self.exit_status = exit_status


def bug(error: Exception) -> PymanError:
    """The failure to report for an exception that nobody expected: never a traceback.

    What the system refuses (a disk that fails, rights taken away meanwhile) is no bug, wherever it strikes.
    """
    if isinstance(error, OSError) and error.errno is not None and error.filename is not None:
        return PymanError(
            f"{error.filename} cannot be used: {(error.strerror or str(error)).lower()}",
            hint="see that its disk is well; if all is, please report it with what PYMAN_TRACEBACK=1 adds",
            code="system",
        )
    return PymanError(
        f"pyman failed in a way that it should not: {type(error).__name__}: {error}",
        hint="nothing is left half done; please report it with what PYMAN_TRACEBACK=1 adds",
        code="bug",
    )


class UsageError(PymanError):
    """The words of the command line are wrong."""

    code = "usage"
    exit_status = 2


class BadRequest(PymanError):
    """A request that nobody could understand."""

    code = "bad-request"
    exit_status = 2


class NotFound(PymanError):
    """What was asked for does not exist."""

    code = "not-found"


class Refused(PymanError):
    """Possible, but something of the user's would be lost or is not ours to touch."""

    code = "refused"


class NetworkError(PymanError):
    """Out of reach, cut short, or an answer that is no answer."""

    code = "network"


class Offline(NetworkError):
    """The network was needed and the user has forbidden it."""

    code = "offline"


class IntegrityError(PymanError):
    """Wrong size, wrong hash, or an archive that may not be unpacked. Never a reason to adopt another Python."""

    code = "integrity"


class BrokenRuntime(PymanError):
    """An interpreter that does not start, or is not what it should be."""

    code = "broken-runtime"


class NoPython(PymanError):
    """`run` and the shims found nothing to run."""

    code = "no-python"
    exit_status = 127
