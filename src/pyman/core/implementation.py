"""What differs between implementations of Python, and how one is told from another.

The one place of these rules: which names an implementation gives to its programs, to its standard library and to an
alias, and which implementations pyman repairs. A venv belongs to another implementation as soon as *one* sign says so:
a venv of GraalPy has `lib/python3.12` as CPython's has, and a name, a line of `pyvenv.cfg` or a file of its base is all
that tells them apart. Taking one for CPython's breaks it for good; the other mistake only leaves it alone.

Import-light: imports nothing but errors.
"""

from __future__ import annotations

from pyman.core.version import split_release
from pyman.errors import UNSUPPORTED, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pyman.core.venv import VenvFacts

CPYTHON, PYPY, GRAALPY = "cpython", "pypy", "graalpy"
KNOWN = (CPYTHON, PYPY, GRAALPY)
"""What JSON names; any other implementation is null there."""

REPAIRED = (CPYTHON,)
"""Those whose venvs are repaired, moved, relinked and rebuilt, and whose Pythons are adopted."""

_TITLES = {
    CPYTHON: "CPython",
    PYPY: "PyPy",
    GRAALPY: "GraalPy",
    "pyston": "Pyston",
    "jython": "Jython",
    "ironpython": "IronPython",
    "rustpython": "RustPython",
    "micropython": "MicroPython",
}
# The letters that the name of a program begins with. `python` is no sign: every implementation has a program of that
# name, and so has the system, under many others (`AppRun`, `.python3-wrapped`).
_PROGRAMS = {
    "pypy": PYPY,
    "graalpy": GRAALPY,
    "graalpython": GRAALPY,
    "pyston": "pyston",
    "jython": "jython",
    "ironpython": "ironpython",
    "ipy": "ironpython",
    "rustpython": "rustpython",
    "micropython": "micropython",
}
_STARTS = tuple(_PROGRAMS)
# What tools write into `pyvenv.cfg` where that is another word. uv writes platform.python_implementation().
_SPELLINGS = {"graalvm": GRAALPY, "graalpython": GRAALPY, "python": CPYTHON}


# Thousands of venvs have the same few.
_SPLIT: dict[str, tuple[str, str, str] | None] = {}
_MOST_SPLIT = 2000


def title(implementation: str) -> str:
    """The name of an implementation as people write it."""
    return _TITLES.get(implementation, implementation)


def python_of(implementation: str) -> str:
    """What people say before a version: `Python` of CPython, else the implementation's own name."""
    return "Python" if implementation == CPYTHON else title(implementation)


def is_repaired(implementation: str | None) -> bool:
    """False for a venv of an implementation that is left alone. Where nothing tells, it is none of those."""
    return implementation is None or implementation in REPAIRED


def in_words(text: str) -> str | None:
    """The implementation that a line of `pyvenv.cfg` or an interpreter names; None for an empty one."""
    word = text.strip().lower()
    return _SPELLINGS.get(word, word) or None


def of_program(name: str) -> str | None:
    """The implementation that the name of a program tells: `pypy3.11`, `graalpy`; None for `python3` and all others."""
    word = name.lower().lstrip(".")
    if not word.startswith(_STARTS):
        return None
    end = next((number for number, letter in enumerate(word) if not letter.isalpha()), len(word))
    return _PROGRAMS.get(word[:end])


def split_library(name: str) -> tuple[str, str, str] | None:
    """Implementation, minor and variant that a folder in `lib` is named after; None for any other.

    `python3.14t` is CPython's, and GraalPy's; `pypy3.11` PyPy's alone.
    """
    if name not in _SPLIT:
        if len(_SPLIT) > _MOST_SPLIT:
            _SPLIT.clear()
        _SPLIT[name] = _split_library(name)
    return _SPLIT[name]


def _split_library(name: str) -> tuple[str, str, str] | None:
    for start, implementation in (("python", CPYTHON), ("pypy", PYPY)):
        split = split_release(name[len(start) :]) if name.startswith(start) else None
        if split is not None and len(split[0]) == 2 and not split[1]:
            return implementation, f"{split[0][0]}.{split[0][1]}", split[2]
    return None


def library_name(implementation: str, minor: str) -> str:
    """The folder in `lib` and in `include` of an implementation: `pypy3.11`, `python3.12`."""
    return f"pypy{minor}" if implementation == PYPY else f"python{minor}"


def alias_name(implementation: str | None, minor: str) -> str:
    """The alias of a minor, with its variant: `3.13`, `pypy3.11`. Aliases of two implementations are never one."""
    return minor if implementation in (None, CPYTHON) else f"{implementation}{minor}"


def of_base(program: str, called: str, names: Collection[str], *, is_graalvm: bool) -> str:
    """The implementation of an interpreter, by its name, the name it is called by, and the files of its prefix.

    `names` are those in the prefix and in its `lib`; none where the prefix is shared with other programs, whose files
    say nothing about this one. `is_graalvm` is what the file `release` of the prefix says.
    """
    told = of_program(program) or of_program(called)
    if told is not None:
        return told
    if is_graalvm or any(name.startswith("graalpy") for name in names):
        return GRAALPY
    found = [split for name in names if (split := split_library(name)) is not None]
    of_pypy = "lib_pypy" in names or any(split[0] == PYPY for split in found)
    return PYPY if of_pypy and not any(split[0] == CPYTHON for split in found) else CPYTHON


def of_venv(
    said: str | None, bases: Iterable[str | None], programs: Iterable[str], libraries: Collection[str]
) -> str | None:
    """The implementation of a venv: another than CPython as soon as one sign says so; None where nothing tells.

    `said` is the line of its `pyvenv.cfg`, `bases` are those of the interpreters that it leads to, `programs` the
    names on the way there, `libraries` those in its `lib`.
    """
    signs = [in_words(said)] if said is not None else []
    signs += bases
    signs += map(of_program, programs)
    signs += [split[0] for name in libraries if (split := split_library(name)) is not None]
    told = [sign for sign in signs if sign is not None]
    return next((sign for sign in told if sign != CPYTHON), CPYTHON if told else None)


def other_name(implementation: str | None) -> str | None:
    """The implementation as programs are told of it: one of KNOWN, None for one that pyman has no name for."""
    return implementation if implementation in KNOWN else None


def refuse_other(facts: VenvFacts, what: str) -> None:
    """Raise Refused for a venv of an implementation that pyman leaves alone; `what` is not done to it."""
    if is_repaired(facts.implementation):
        return
    name = title(facts.implementation or "")
    raise Refused(
        f"{facts.path} is a {name} venv, and pyman does not {what} venvs of {name}; nothing was changed",
        hint="use the tool that made it",
        code=UNSUPPORTED,
    )
