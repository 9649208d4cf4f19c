"""The one family of failures, and every error code.

    PymanError                 1   something was not done
     ├ UsageError              2   the words of the command line are wrong
     ├ BadRequest              2   a request that nobody could understand (1 when it stood in a file)
     │  └ Unavailable          2   one that is understood, of a Python that pyman does not look after
     ├ NotFound                1   no such runtime, venv, build, alias
     ├ Refused                 1   pyman could, but something would be lost
     │  └ NotStarted           1   an interpreter that nobody vouches for
     ├ ReadOnly                1   the system does not let this user write there
     ├ DiskFull                1   no room
     ├ Locked                  1   another process is changing the same thing
     ├ Changed                 1   a file is not what it was when it was read
     ├ NetworkError            1   out of reach, cut short
     │  ├ Offline              1   the network was needed and not allowed
     │  └ BadAnswer            1   reached, and not what was asked for: missing, not understood
     ├ IntegrityError          1   wrong size, wrong hash, an archive that may not be unpacked
     ├ BrokenRuntime           1   an interpreter that does not do what it must
     ├ Interrupted           130   ctrl-C, SIGTERM or SIGHUP ended the work (128 and the signal's number)
     └ NoPython              127   `run` and the shims: nothing to run

A message is one sentence that says what is wrong; the hint is one that says what to do. Neither is markup, and
both may hold text from files: whoever prints them escapes what a terminal would obey.

Codes are a contract with programs that read the JSON. Each stands here once: with its class where the program itself
distinguishes the failure, else as a constant. A code written anywhere else is a type error.

Import-light.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    Code = NewType("Code", str)
else:
    Code = str

AMBIGUOUS = Code("ambiguous")
"""A request matches several installed Pythons."""
BAD_LOCK = Code("bad-lock")
"""A lock file that cannot be understood."""
BAD_SETTINGS = Code("bad-settings")
"""A settings file, or a value in it, that cannot be used."""
BLOCKED = Code("blocked")
"""A rebuild could not put a package back as it was."""
BORROWS = Code("borrows")
"""The venv's Python lends it packages, and the other one does not have them; it needs a yes."""
BUILD_FAILED = Code("build-failed")
"""A build from source failed; the hint names its log."""
BUG = Code("bug")
"""A failure inside pyman that nobody expected."""
CANNOT_HOLD_BACK = Code("cannot-hold-back")
"""A venv does not fit the new release, and cannot be kept on the old one."""
CANNOT_RENAME = Code("cannot-rename")
"""The file system does not rename that folder: it is part of a container's image."""
CANNOT_INSTALL = Code("cannot-install")
"""pip or uv failed."""
CHANGED_FILES = Code("changed-files")
"""A rebuild would lose changes that were made to files of packages since they were installed."""
EXISTS = Code("exists")
"""There is a venv in that place already."""
FOREIGN = Code("foreign")
"""The venv belongs to another tool, whose command the hint names."""
HOME = Code("home")
"""The place is the user's home folder, or holds it, or the store."""
IN_THE_WAY = Code("in-the-way")
"""Something else has the place of the venv that would be put back."""
IN_USE = Code("in-use")
"""A venv, a process or a hold needs the Python that would be removed."""
LEADS_ELSEWHERE = Code("leads-elsewhere")
"""The place is a link to another folder, or a text file that names one, which the hint names."""
MINOR_MISMATCH = Code("minor-mismatch")
"""The venv's packages are for another minor version."""
MISSING_HEADERS = Code("missing-headers")
"""A build from source needs programs or development files that the system does not have."""
MOUNT = Code("mount")
"""A mount point, which can neither be renamed nor removed."""
NEEDS_YES = Code("needs-yes")
"""It is done only after confirmation: on a terminal, or with `--yes`."""
NO_DOWNLOADS = Code("no-downloads")
"""The address of pyman's own releases is not set."""
NO_INSTALLER = Code("no-installer")
"""The program that is to install the packages is not there."""
NO_LOCK = Code("no-lock")
"""The project has no lock file."""
NO_PIP = Code("no-pip")
"""No runtime has a pip wheel that fits."""
NO_PYTHON_BUILD = Code("no-python-build")
"""A build from source needs python-build, which was not found."""
NO_TIMER = Code("no-timer")
"""Nothing on this machine can run pyman regularly, or what can refused."""
NO_PROGRAM = Code("no-program")
"""`run`: there is a Python, but not the program to run."""
NOT_A_FOLDER = Code("not-a-folder")
"""Something that is not a folder is in the place of one."""
NOT_A_MIRROR = Code("not-a-mirror")
"""The index of a mirror that cannot be understood."""
NOT_A_REPORT = Code("not-a-report")
NOT_ANSWERED = Code("not-answered")
"""A file that `pyman report` did not write."""
NOT_AS_PLANNED = Code("not-as-planned")
"""A rebuilt venv does not have the packages that it should have."""
NOT_EMPTY = Code("not-empty")
"""The folder holds other things than a venv."""
NOT_INSTALLED = Code("not-installed")
"""No installed Python satisfies the request; it may be possible to install one."""
NOT_OWN_FOLDER = Code("not-own-folder")
"""A folder of the venv is a link, or belongs to somebody else, or one in a mirror is a link: nothing is written."""
NOT_OURS = Code("not-ours")
"""Something that pyman did not write is in the place of one of its files."""
NOT_SEARCHED = Code("not-searched")
"""A folder could not be searched for venvs before a Python is removed."""
NOT_WHOLE = Code("not-whole")
"""A folder that pyman worked in does not contain a complete venv."""
NOT_YOURS = Code("not-yours")
"""It belongs to another user, or others may write to it."""
OLDER_RELEASE = Code("older-release")
"""The venv would go to an older patch release; it needs a yes."""
OTHER_ARCHITECTURE = Code("other-architecture")
"""The Python is built for another processor than the venv."""
OTHER_FILES = Code("other-files")
"""The folder of the venv holds files that are not part of it."""
OTHER_LOCK = Code("other-lock")
"""The project's lock file is installed by another tool, whose commands are named."""
OUTPUT = Code("output")
"""The answer could not be written to stdout."""
OWN_PYTHON = Code("own-python")
"""The Python that pyman itself runs on would be removed or replaced."""
OWN_VENV = Code("own-venv")
"""The venv that pyman itself runs in."""
PATH_SEPARATOR = Code("path-separator")
"""The path contains the character that separates the folders of PATH."""
PIP_CONF = Code("pip-conf")
"""The venv's own pip.conf, which says where packages come from, cannot be followed."""
SOURCE_GONE = Code("source-gone")
"""What a package was installed from no longer exists."""
SYSTEM = Code("system")
"""The system refused a file operation."""
UNREADABLE = Code("unreadable")
"""A folder that cannot be searched."""
UNREADABLE_STORE = Code("unreadable-store")
"""The store cannot be read."""
UNSAFE_FOLDER = Code("unsafe-folder")
"""Other users can write to the store or the cache."""
UNSUPPORTED = Code("unsupported")
"""Understood, but not supported: a system, an implementation, a build."""
UNVERIFIED = Code("unverified")
"""An archive without a checksum."""
WRONG_PLATFORM = Code("wrong-platform")
"""An archive for another platform."""


class PymanError(Exception):
    """A failure to show as `error: …` and, when there is one, `hint: …`; `code` is stable, for programs."""

    code = Code("failed")
    exit_status = 1

    def __init__(
        self, message: str, *, hint: str = "", code: Code | None = None, exit_status: int | None = None
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
            hint="check its disk; if that is fine, please report it with the output of PYMAN_TRACEBACK=1",
            code=SYSTEM,
        )
    return PymanError(
        f"unexpected failure in pyman: {type(error).__name__}: {error}",
        hint="no change was left incomplete; please report it with the output of PYMAN_TRACEBACK=1",
        code=BUG,
    )


class UsageError(PymanError):
    """The words of the command line are wrong."""

    code = Code("usage")
    exit_status = 2


class BadRequest(PymanError):
    """A request that nobody could understand."""

    code = Code("bad-request")
    exit_status = 2


class Unavailable(BadRequest):
    """A request that is understood, and that no Python which pyman looks after could answer: CPython 2.7."""


class NotFound(PymanError):
    """What was asked for does not exist."""

    code = Code("not-found")


class Refused(PymanError):
    """Possible, but something of the user's would be lost or is not ours to touch."""

    code = Code("refused")


class ReadOnly(PymanError):
    """The system does not let this user write there."""

    code = Code("read-only")


class DiskFull(PymanError):
    """There is no room for what has to be written."""

    code = Code("disk-full")


class Locked(PymanError):
    """Another process is changing the same thing, and was not waited for, or not any longer."""

    code = Code("locked")


class Changed(PymanError):
    """A file is not what it was when it was read; nothing was written."""

    code = Code("changed")


class NotStarted(Refused):
    """An interpreter that is not started, because somebody else could have put it there (design.md 6)."""

    code = Code("not-started")


class NetworkError(PymanError):
    """Out of reach, or cut short."""

    code = Code("network")


class Offline(NetworkError):
    """The network was needed and the user has forbidden it."""

    code = Code("offline")


def network_disabled(needed: str) -> Offline:
    """The failure to report where the network is needed: `3.13.5 is not in the cache`."""
    return Offline(
        f"{needed}, and the network is disabled",
        hint="run it without --offline and PYMAN_OFFLINE, or use a folder as the mirror",
    )


class BadAnswer(NetworkError):
    """A server or mirror was reached, and has not what was asked for, or nothing that can be understood.

    Somebody has to correct it: never a reason to adopt another Python, or to do with an old list.
    """

    code = Code("bad-answer")


class IntegrityError(PymanError):
    """Wrong size, wrong hash, or an archive that may not be unpacked. Never a reason to adopt another Python."""

    code = Code("integrity")


class BrokenRuntime(PymanError):
    """An interpreter that does not start, or is not what it should be."""

    code = Code("broken-runtime")


class Interrupted(PymanError):
    """ctrl-C, SIGTERM or SIGHUP ended the work; what was done until then stands beside it in the answer."""

    code = Code("interrupted")
    exit_status = 130


class NoPython(PymanError):
    """`run` and the shims found nothing to run."""

    code = Code("no-python")
    exit_status = 127
