"""Asking an interpreter what it is, by starting it: in an empty environment, with a limit to time and to output.

Each is started through effects/interpreters/admission.py, which decides who may be: `named` says that the user named
it, in words and not in a file. All of this raises NotStarted for one that may not be started.
"""

from __future__ import annotations

import os
import sys

from pyman.core.interpreter import (
    PROBE,
    REQUIRED_FROM_SOURCE,
    REQUIRED_MODULES,
    InterpreterFacts,
    missing_part,
    read_facts,
    read_failures,
    split_answer,
    telling_line,
)
from pyman.core.version import Version, shown_release
from pyman.effects.memo import load_fields, store_fields
from pyman.errors import BrokenRuntime

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

    from pyman.core.version import Variant
    from pyman.effects.interpreters.admission import Admission

# Bytes of output that are looked at; the rest is read and dropped.
_LARGEST_ANSWER = 1 << 18
_LONGEST_SENTENCE = 300
_ANOTHER = "use another build"
_ANSWER_SECONDS, _SMOKE_TEST_SECONDS = (60.0, 120.0) if sys.platform == "darwin" else (10.0, 30.0)
"""Seconds for an answer. macOS examines each new program before it first starts, which may take half a minute."""


def ask(
    executable: str, admission: Admission, *, named: bool = False, timeout: float = _ANSWER_SECONDS
) -> InterpreterFacts:
    """Start an interpreter once, by its real path, and return what it says that it is. `timeout` in seconds.

    It is isolated (`-I -S`), writes no bytecode, has an empty environment, `/` as working directory and no input.
    Raises BrokenRuntime when it cannot be started, fails, hangs, or is not a Python 3.6 or newer.
    """
    return _facts(executable, _answer(executable, (), admission, named=named, timeout=timeout))


def ask_once(
    executable: str, cache: str, admission: Admission, *, named: bool = False, timeout: float = _ANSWER_SECONDS
) -> InterpreterFacts:
    """Return what an interpreter is, from memory where it is the same file as the last time, else by asking it.

    Remembered below `cache` by its real path, size, modification time and inode. Raises what `ask` raises.
    """
    import hashlib

    try:
        real = os.path.realpath(executable, strict=True)
        status = os.stat(real)
    except OSError as error:
        raise BrokenRuntime(f"{executable} cannot be read: {error.strerror}") from error
    identity = [real, str(status.st_size), str(status.st_mtime_ns), str(status.st_ino)]
    digest = hashlib.sha256(os.fsencode(real)).hexdigest()
    memory = os.path.join(cache, "interpreters", digest)
    facts = _known_facts(memory, identity)
    if facts is None:
        fields = _answer(executable, (), admission, named=named, timeout=timeout)
        facts = _facts(executable, fields)
        store_fields(memory, identity + fields)
    return facts


def smoke_test(
    tree_python: str,
    expected: Version,
    variant: Variant,
    tree: str,
    admission: Admission,
    *,
    is_from_source: bool = False,
    timeout: float = _SMOKE_TEST_SECONDS,
) -> None:
    """Start the interpreter of a runtime once, and see that it is what it should be and finds its own library.

    `tree` is the runtime's folder now, `timeout` in seconds. Nothing is written into it. A build from source
    may lack what its system lacks. Raises BrokenRuntime with what is wrong, and for a module that cannot be imported
    with what the system lacks.
    """
    modules = REQUIRED_FROM_SOURCE if is_from_source else REQUIRED_MODULES
    fields = _answer(tree_python, modules, admission, timeout=timeout)
    facts = _facts(tree_python, fields)
    found, wanted = shown_release(facts.version, facts.variant), shown_release(expected, variant)
    if found != wanted or facts.implementation != expected.implementation:
        raise BrokenRuntime(
            f"{tree_python} reports that it is {found}, not {wanted}", hint="tell the maker of the archive"
        )
    real = os.path.realpath(tree)
    if facts.real_base_prefix != real:
        raise BrokenRuntime(f"{tree_python} reports the prefix {facts.base_prefix}, not {tree}", hint=_ANOTHER)
    if not os.path.realpath(facts.standard_library).startswith(f"{real}/"):
        raise BrokenRuntime(
            f"{tree_python} uses the standard library {facts.standard_library}, which is elsewhere", hint=_ANOTHER
        )
    failures = read_failures(fields)
    if failures:
        lacking = dict.fromkeys(part for failure in failures if (part := missing_part(failure.sentence)))
        raise BrokenRuntime(
            f"{tree_python} cannot import {failures[0].module}: {_shortened(failures[0].sentence)}",
            hint=f"install what the system lacks: {', '.join(lacking)}" if lacking else _ANOTHER,
        )


def certificate_places(executable: str, admission: Admission, *, timeout: float = _ANSWER_SECONDS) -> tuple[str, ...]:
    """Where an interpreter looks for the certificates that it trusts: a file and a folder; () where it does not say.

    Started as `ask` starts it.
    """
    command = ["-I", "-S", "-B", "-c", _CERTIFICATES]
    output, _, status = _run(executable, command, admission, named=False, timeout=timeout)
    places = output.split(b"\0")
    return tuple(map(os.fsdecode, places)) if status == 0 and len(places) == 2 else ()


_CERTIFICATES = """
import _ssl, os
_, file, _, folder = _ssl.get_default_verify_paths()
os.write(1, os.fsencode(file) + b"\\0" + os.fsencode(folder))
"""


def _answer(
    executable: str, modules: tuple[str, ...], admission: Admission, *, named: bool = False, timeout: float
) -> list[str]:
    """Start an interpreter and return the fields of its answer."""
    cookie = f"pyman-{os.urandom(12).hex()}"
    arguments = ["-I", "-S", "-B", "-c", PROBE, cookie, *modules]
    output, error_output, status = _run(executable, arguments, admission, named=named, timeout=timeout)
    fields = split_answer(output, cookie)
    if status == 0 and fields is not None:
        return fields
    last = telling_line(error_output.decode("utf-8", "backslashreplace"))
    last = _shortened(last.removeprefix(f"{os.path.realpath(executable)}: "))
    part = missing_part(last)
    hint = f"install what the system lacks: {part}" if part else _try_it(executable)
    if status is None:
        raise BrokenRuntime(f"{executable} did not answer within {timeout:g} seconds", hint=hint)
    if status < 0:
        import signal

        if sys.platform == "darwin" and -status == signal.SIGKILL:
            hint = signing_hint(executable)
        raise BrokenRuntime(f"{executable} was killed by the signal {signal.strsignal(-status) or -status}", hint=hint)
    if status:
        raise BrokenRuntime(f"{executable} ended with status {status}: {last or 'it printed nothing'}", hint=hint)
    raise BrokenRuntime(f"{executable} does not answer as a Python interpreter does", hint=hint)


def signing_hint(executable: str) -> str:
    """What helps against the one usual reason for which macOS kills a program when it starts: a broken signature."""
    from pyman.core.escape import as_word

    word = as_word(os.path.realpath(executable))
    return f"if `codesign -v {word}` complains, `codesign --force --sign - {word}` signs it again"


def _facts(executable: str, fields: list[str]) -> InterpreterFacts:
    facts = read_facts(fields)
    if facts is None:
        raise BrokenRuntime(f"{executable} gave an invalid answer", hint=_try_it(executable))
    return facts


def _run(
    executable: str, arguments: list[str], admission: Admission, *, named: bool, timeout: float
) -> tuple[bytes, bytes, int | None]:
    """Start an interpreter; return the beginnings of its output and its exit status, None if it had to be ended."""
    import signal
    import subprocess

    process = admission.start(
        executable, arguments, named=named, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    with process:
        ended = False
        try:
            output, error_output, ended = _read_both(process, timeout)
        finally:
            if not ended:
                # nobody has asked for its status, so its number, and that of its group, is still its own
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except OSError:
                    pass  # it has just ended on its own
        return output, error_output, process.returncode if ended else None


def _read_both(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bytes, bool]:
    """Read output and errors until both are closed and the process has ended; False if the time was over before."""
    import selectors
    import subprocess
    import time

    deadline = time.monotonic() + timeout
    kept: dict[int, bytearray] = {}
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                kept[stream.fileno()] = bytearray()
                selector.register(stream.fileno(), selectors.EVENT_READ)
        while (is_open := bool(selector.get_map())) and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                piece = os.read(key.fd, 1 << 16)
                if not piece:
                    selector.unregister(key.fd)
                kept[key.fd] += piece[: max(0, _LARGEST_ANSWER - len(kept[key.fd]))]
    ended = False
    if not is_open:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
            ended = True
        except subprocess.TimeoutExpired:
            pass  # said by what is returned
    output, error_output = kept.values()
    return bytes(output), bytes(error_output), ended


def _known_facts(memory: str, identity: list[str]) -> InterpreterFacts | None:
    """Return the facts of an earlier run. Anybody may have written there: only what makes sense is believed."""
    fields = load_fields(memory)
    return read_facts(fields[len(identity) :]) if fields[: len(identity)] == identity else None


def _try_it(executable: str) -> str:
    return f"check the output of `{executable} -I -c pass`"


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= _LONGEST_SENTENCE else f"{sentence[:_LONGEST_SENTENCE]}..."
