"""What differs between implementations of Python: the names that each gives to its parts, and what pyman does for it.

The one place of these rules, and of all that is written down about one implementation: a new one is a row of _TABLE,
and where pyman downloads it, its list (core/pypy_lists.py for one). What names and files tell about an unknown Python,
core/names.py reads with what stands here.

An implementation other than CPython has a version of its own beside that of the language, and its own one orders its
releases: PyPy 7.3.18 and 7.3.19 are both Python 3.11.11. In the store they are `pypy3.11-8.0.1`, their alias
`pypy3.11`; `3.11` never means one of them.

Import-light: imports no more than start-up has.
"""

from __future__ import annotations

from pyman.core.escape import as_word
from pyman.core.immutable import record
from pyman.errors import UNSUPPORTED, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.venv import VenvFacts

CPYTHON, PYPY, GRAALPY = "cpython", "pypy", "graalpy"


@record
class Implementation:
    """One implementation that pyman knows, and what it calls its parts."""

    name: str
    """As `sys.implementation.name` and JSON have it; it begins the names in the store, but for CPython."""
    title: str
    """As people write it."""
    program: str
    """What its interpreter is called in `bin`, before the minor."""
    library: str
    """What its standard library is called in `lib`, and its headers in `include`, before the minor."""
    short: str
    """What wheels call it, before the digits of the minor: `cp313`."""
    marker: str
    """What environment markers call it: `platform_python_implementation`."""
    numbered: bool = True
    """False where no program of it carries the minor."""
    reads_home: bool = True
    """False where the link of a venv's interpreter alone decides which Python runs, and nobody needs its `home`."""
    repaired: bool = True
    """True where its venvs are made, repaired, moved, relinked and rebuilt; False where they are left as they are."""
    installed: bool = True
    """True where pyman can download it."""
    version_macro: str = ""
    """What its headers define as its own version."""
    abi: str = ""
    """What extensions compiled for it are called, by the digits of the minor and of its own major and minor version."""


_TABLE = {
    row.name: row
    for row in (
        Implementation(CPYTHON, "CPython", "python", "python", "cp", "CPython"),
        Implementation(
            *(PYPY, "PyPy", "pypy", "pypy", "pp", "PyPy"),
            reads_home=False,
            version_macro="PYPY_VERSION",
            abi="pypy{minor}-pp{own}",
        ),
        # Its library is called as CPython's is: only its other names tell it.
        Implementation(
            *(GRAALPY, "GraalPy", "graalpy", "python", "gp", "GraalVM"),
            numbered=False,
            reads_home=False,
            repaired=False,
            installed=False,
            abi="graalpy{own}-{minor}",
        ),
    )
}
KNOWN = tuple(_TABLE)
"""What JSON names; any other implementation is null there."""
OTHERS = tuple(name for name in KNOWN if name != CPYTHON)
"""Those that have versions of their own."""

# Those that pyman does not know, and leaves alone.
_UNKNOWN_TITLES = {
    "pyston": "Pyston",
    "jython": "Jython",
    "ironpython": "IronPython",
    "rustpython": "RustPython",
    "micropython": "MicroPython",
}
# The letters that the name of a program begins with. `python` is no sign: every implementation has a program of that
# name, and so has the system, under many others (`AppRun`, `.python3-wrapped`).
_PROGRAMS = {
    **{_TABLE[name].program: name for name in OTHERS},
    "graalpython": GRAALPY,
    **{name: name for name in _UNKNOWN_TITLES},
    "ipy": "ironpython",
}
_STARTS = tuple(_PROGRAMS)
# What tools write into `pyvenv.cfg` where that is another word. uv writes platform.python_implementation().
_SPELLINGS = {"graalvm": GRAALPY, "graalpython": GRAALPY, "python": CPYTHON}
PROGRAMS = tuple(row.program for row in _TABLE.values())
"""What the interpreters in `bin` are called before their numbers."""
UNNUMBERED = tuple(row.program for row in _TABLE.values() if not row.numbered)
"""The interpreters whose names never carry the minor."""
SHORT = {row.short: row.name for row in _TABLE.values() if row.name != CPYTHON}
"""What requests may call an implementation besides: `pp311`."""
LIBRARIES = {row.library: row.name for row in reversed(_TABLE.values())}
"""What folders in `lib` begin with, and the implementation that this tells: CPython's also that of GraalPy."""


def title(implementation: str) -> str:
    """The name of an implementation as people write it."""
    known = _TABLE.get(implementation)
    return known.title if known is not None else _UNKNOWN_TITLES.get(implementation, implementation)


def known_titles(word: str) -> str:
    """The implementations that pyman knows, for a sentence: `CPython, PyPy and GraalPy` with the word `and`."""
    *first, last = (row.title for row in _TABLE.values())
    return f"{', '.join(first)} {word} {last}"


def python_of(implementation: str) -> str:
    """What people say before a version: `Python` of CPython, else the implementation's own name."""
    return "Python" if implementation == CPYTHON else title(implementation)


def is_repaired(implementation: str | None) -> bool:
    """False for a venv of an implementation that is left alone. Where nothing tells, it is none of those."""
    return implementation is None or (implementation in _TABLE and _TABLE[implementation].repaired)


def is_same_implementation(one: str | None, other: str | None) -> bool:
    """True unless two are known to differ. Where nothing tells one, it is CPython."""
    return (one or CPYTHON) == (other or CPYTHON)


def reads_home(implementation: str | None) -> bool:
    """False where the link of a venv's interpreter alone decides which Python runs."""
    return implementation not in _TABLE or _TABLE[implementation].reads_home


def marker_name(implementation: str) -> str:
    """What environment markers call an implementation."""
    return _TABLE[implementation].marker if implementation in _TABLE else title(implementation)


def is_own_library(name: str) -> bool:
    """True for a shared library as PyPy and GraalPy bring theirs, and virtualenv links to them: `libpypy3.11-c.so`."""
    return name.startswith("lib") and (name.endswith(".dylib") or ".so" in name)


def names_own_library(name: str) -> bool:
    """True for a library that an implementation itself is in, where its name says that: `libpypy3.11-c.so`."""
    return is_own_library(name) and of_program(name.removeprefix("lib")) is not None


def is_installed(implementation: str) -> bool:
    """True where pyman can download an implementation."""
    return implementation in _TABLE and _TABLE[implementation].installed


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


def library_name(implementation: str, minor: str) -> str:
    """The folder in `lib` and in `include` of an implementation: `pypy3.11`, `python3.14t`."""
    known = _TABLE.get(implementation)
    return f"{known.library if known is not None else 'python'}{minor}"


def program_name(implementation: str, minor: str) -> str:
    """The interpreter in `bin` whose name says most: `python3.13`, `pypy3.11`, `graalpy`."""
    known = _TABLE.get(implementation, _TABLE[CPYTHON])
    return f"{known.program}{minor}" if known.numbered else known.program


def shim_programs(implementation: str, minor: str) -> tuple[str, ...]:
    """The names of the interpreter that mean this implementation wherever they are run: `pypy3.11`, `pypy3`, `pypy`."""
    names = (program_name(implementation, end) for end in (minor, "3", ""))
    return tuple(dict.fromkeys(names))


def names_in_venv(implementation: str, minor: str) -> tuple[str, ...]:
    """What the interpreter is called in the `bin` of a venv besides `python`."""
    known = _TABLE.get(implementation, _TABLE[CPYTHON])
    names = ["python3", f"python{minor}"]
    if known.program != "python":
        names += [known.program, f"{known.program}3", f"{known.program}{minor}"]
    return tuple(names)


def alias_name(implementation: str | None, minor: str) -> str:
    """The alias of a minor, with its variant: `3.13`, `pypy3.11`. Aliases of two implementations are never one."""
    return minor if implementation in (None, CPYTHON) else f"{implementation}{minor}"


def abi_tag(implementation: str, minor: str, own: str) -> str | None:
    """What extensions compiled for a release are called: `pypy311-pp73`; None of CPython, where the minor tells it.

    It goes with the minor of the language and with major and minor of the implementation's `own` version.
    """
    pattern = _TABLE[implementation].abi if implementation in _TABLE else ""
    return pattern.format(minor=minor.replace(".", ""), own="".join(own.split(".")[:2])) or None


def version_macro(implementation: str) -> str:
    """What the headers of an implementation define as its own version; empty where they do not tell it."""
    return _TABLE[implementation].version_macro if implementation in _TABLE else ""


def other_name(implementation: str | None) -> str | None:
    """The implementation as programs are told of it: one of KNOWN, None for one that pyman has no name for."""
    return implementation if implementation in KNOWN else None


def why_not_repaired(implementation: str) -> str:
    """Why venvs of an implementation are left as they are; empty where they are not."""
    return "" if is_repaired(implementation) else f"pyman does not change venvs of {title(implementation)}"


def refuse_to_make(implementation: str, executable: str, path: str) -> None:
    """Raise Refused for an implementation whose venvs pyman leaves alone, so makes none."""
    if not is_repaired(implementation):
        raise Refused(
            f"pyman does not create venvs of {title(implementation)}",
            hint=f"run `{as_word(executable)} -m venv {as_word(path)}`: it follows the same link",
            code=UNSUPPORTED,
        )


def refuse_to_cross(facts: VenvFacts, implementation: str) -> None:
    """Raise Refused for a venv that would get another implementation: nothing that is compiled in it would fit."""
    if is_same_implementation(facts.implementation, implementation):
        return
    own = facts.implementation or CPYTHON
    raise Refused(
        f"{facts.path} is a {title(own)} venv, and pyman does not rebuild it with {title(implementation)}; nothing was"
        " changed",
        hint=f"create another venv for {title(implementation)}",
        code=UNSUPPORTED,
    )


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
