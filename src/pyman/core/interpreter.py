"""The one question that an interpreter is asked, and how its answer is read.

The answer is fields that end in a zero byte each, between two cookies that no program could print by chance: what a
noisy wrapper writes before and after them is no part of it. No field can hold a zero byte, so nothing needs quoting,
and the interpreter need not import a library to answer.
"""

from __future__ import annotations

from posixpath import isabs

from pyman.core.immutable import record, replace
from pyman.core.implementation import OTHERS
from pyman.core.version import Version, is_own_version, parse_version
from pyman.errors import UNSUPPORTED, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant

# Runs in the interpreter that is asked, Python 3.6 and newer: no newer syntax, nothing imported but os and sys.
# Arguments: the cookie, and the modules whose import is tried. It is started with -S, to be fast. `_sqlite3` looks up
# one name of functools; in a new tree, which has no bytecode, importing that takes as long as all the rest, so it finds
# a stand-in, unless that turns out not to do.
PROBE = """
import os, sys
cookie = sys.argv[1]
name = sys.implementation.name
def written(version):
    stage = {"alpha": "a", "beta": "b", "candidate": "rc"}.get(version[3], "")
    return "%d.%d.%d" % version[:3] + (stage + str(version[4]) if stage else "")
own = getattr(sys, name + "_version_info", None)
answer = [
    cookie,
    name,
    written(sys.version_info),
    written(own) if own else "",
    getattr(sys, "abiflags", "") + ("d" if hasattr(sys, "gettotalrefcount") else ""),
    sys.base_prefix,
    os.path.realpath(sys.base_prefix),
    os.path.dirname(os.__file__),
    sys.executable,
]
class StandIn:
    lru_cache = None
if sys.argv[2:]:
    sys.modules["functools"] = StandIn
for module in sys.argv[2:]:
    try:
        try:
            __import__(module)
        except Exception:
            sys.modules.pop("functools", None)
            __import__(module)
    except Exception as error:
        answer.append("%s %s" % (module, " ".join(str(error).replace("\\0", " ").split())))
os.write(1, b"".join(os.fsencode(field) + b"\\0" for field in answer + [cookie]))
"""
_FIELDS = 8
_LONGEST_SENTENCE = 1000

REQUIRED_MODULES = ("_ssl", "_hashlib", "_ctypes", "_sqlite3", "_lzma", "_bz2", "zlib")
REQUIRED_FROM_SOURCE = ("_ssl", "zlib")
"""What an installation is expected to have, and what fails first where a library of the system is missing. The
extension modules themselves, because the packages around them take ten times as long to import."""


@record
class InterpreterFacts:
    """What an interpreter says about itself. Paths are absolute, as it sees them."""

    implementation: str
    """`cpython`, `pypy`, `graalpy`."""
    version: Version
    """With the implementation's own one, where it told that."""
    variant: Variant
    """`default`, `freethreaded` or `debug`."""
    base_prefix: str
    real_base_prefix: str
    """The same with all links resolved."""
    standard_library: str
    executable: str


@record
class ImportFailure:
    """A module that could not be imported, and the interpreter's own sentence about it."""

    module: str
    sentence: str


def split_answer(output: bytes, cookie: str) -> list[str] | None:
    """Return the fields of an answer with whatever noise around it, None where there is no answer."""
    parts = output.split(cookie.encode() + b"\0")
    if len(parts) != 3:
        return None
    return [field.decode("utf-8", "surrogateescape") for field in parts[1].split(b"\0")[:-1]]


def read_facts(fields: list[str]) -> InterpreterFacts | None:
    """Return what the fields of an answer say, None where they are not such fields.

    Raises Refused for a build that is both free-threaded and debug: packages of neither fit it, and it has no name.
    """
    if len(fields) < _FIELDS:
        return None
    implementation, numbers, own, flags, base_prefix, real, library, executable = fields[:_FIELDS]
    version = parse_version(numbers)
    if version is not None and implementation in OTHERS:
        version = replace(version, implementation=implementation, own=own if is_own_version(own) else "")
    if version is None or not all(isabs(path) for path in (base_prefix, real, library, executable)):
        return None
    if "t" in flags and "d" in flags:
        raise Refused(
            f"{executable} is both a free-threaded and a debug build, for which pyman has no name", code=UNSUPPORTED
        )
    variant: Variant = "freethreaded" if "t" in flags else "debug" if "d" in flags else "default"
    return InterpreterFacts(
        implementation,
        version,
        variant,
        base_prefix,
        real,
        library,
        executable,
    )


def read_failures(fields: list[str]) -> tuple[ImportFailure, ...]:
    """Return the modules that the fields of an answer say could not be imported."""
    return tuple(ImportFailure(*field.partition(" ")[::2]) for field in fields[_FIELDS:])


def telling_line(error_output: str) -> str:
    """Return the line of what a program wrote about its end that says why it ended; "" where there is none.

    A Python that cannot start ends with where it was, not with why: the exception, or the fatal error, stands before.
    """
    import re

    lines = [line.strip() for line in error_output.split("\n") if line.strip()]
    for pattern in (r"(?:\w+\.)*\w*(?:Error|Exception)(?:: |$)", "Fatal Python error: "):
        found = next((line for line in reversed(lines) if re.match(pattern, line[:_LONGEST_SENTENCE])), None)
        if found is not None:
            return found
    return lines[-1] if lines else ""


def missing_part(sentence: str) -> str | None:
    """Return what the system lacks, by the sentence of a dynamic linker (glibc, musl, macOS); None if it says no such.

    `libssl.so.3`, `GLIBC_2.38`, `libssl.3.dylib`.
    """
    import re

    for pattern in (
        r"(\S+): cannot open shared object file",
        r"Error loading shared library (\S+?):",
        r"version [`'](\S+?)' not found",
        r"Library not loaded: (?:\S*/)?([^\s/]+)",
    ):
        # A word of no end would be looked through from each of its letters.
        found = re.search(pattern, sentence[:_LONGEST_SENTENCE])
        if found:
            return found[1]
    return None
