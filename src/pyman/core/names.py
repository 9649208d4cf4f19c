"""What the name of a folder or of an interpreter says about the Python behind it, and whose implementation that is.

A venv belongs to another implementation as soon as *one* sign says so: a venv of GraalPy has `lib/python3.12` as
CPython's has, and a name, a line of `pyvenv.cfg` or a file of its base is all that tells them apart. Taking one for
CPython's breaks it for good; the other mistake only leaves it alone.

Import-light.
"""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.immutable import record
from pyman.core.implementation import (
    CPYTHON,
    GRAALPY,
    LIBRARIES,
    OTHERS,
    PROGRAMS,
    PYPY,
    alias_name,
    in_words,
    of_program,
)
from pyman.core.version import Version, is_own_version, read_number, split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pyman.core.pyvenv_cfg import Policy
    from pyman.core.version import Variant

_PREFIXES = ("cpython-", "cpython@", "python@", "python-", "python")
_LONG_VARIANTS: tuple[tuple[str, Variant], ...] = (("+freethreaded", "freethreaded"), ("+debug", "debug"))

# Thousands of venvs have the same few folders above their interpreters.
_TOLD: dict[str, tuple[tuple[int, ...], str, Variant] | None] = {}
_MOST_TOLD = 2000


def version_in_name(name: str) -> tuple[tuple[int, ...], str, Variant] | None:
    """Numbers, pre-release and variant that the name of a folder gives; None where it is named after no CPython.

    `3.13.5`, `3.13.5+20261101`, `3.14t`, `cpython-3.13.5-linux-x86_64-gnu`, `cpython-3.14+freethreaded-linux-…`,
    `cpython@3.13.5` (pdm), `python@3.13` and `3.13.5_1` (Homebrew), `3.15-dev` (pyenv).
    """
    if name not in _TOLD:
        if len(_TOLD) > _MOST_TOLD:
            _TOLD.clear()
        _TOLD[name] = _read_name(name)
    return _TOLD[name]


def _read_name(name: str) -> tuple[tuple[int, ...], str, Variant] | None:
    text = name.lower()
    if not text[:1].isdigit():
        if not text.startswith(_PREFIXES):
            return None
        text = text[len(next(prefix for prefix in _PREFIXES if text.startswith(prefix))) :]
        if not text[:1].isdigit():
            return None
    variant = next((known for ending, known in _LONG_VARIANTS if ending in text), None)
    end = min((position for mark in "-+_" if (position := text.find(mark)) >= 0), default=len(text))
    split = split_release(text[:end])
    if split is None or split[0][0] not in (2, 3):
        return None
    return (split[0], split[1], variant) if variant is not None else split


@record
class OtherName:
    """What the name of a folder says that is named after an implementation other than CPython."""

    implementation: str
    numbers: tuple[int, ...]
    """Of the language; none where only the implementation's own version is named."""
    own: str
    """The implementation's own version; empty where only the language's is named."""

    @property
    def is_release(self) -> bool:
        """True where one release is named: mise has links like `pypy3.11-7.3` besides."""
        return self.own.count(".") == 2 or (not self.own and len(self.numbers) == 3)

    @property
    def minor(self) -> str:
        """The minor of the language; empty where it is not named."""
        return ".".join(map(str, self.numbers[:2])) if len(self.numbers) > 1 else ""


_OLDEST_GRAALVM = 20
_TOLD_OTHER: dict[str, OtherName | None] = {}


def other_in_name(name: str) -> OtherName | None:
    """What a folder says that is named after another implementation; None for any other name.

    `pypy3.11-8.0.1` (pyman, pyenv), `pypy3.11-v8.0.1-linux64` (its archive), `pypy3.11`, `pypy-3.11.15-linux-…` (uv),
    `graalpy3.12-25.2.4`, `graalpy-25.0.3`: what is no version of Python there is one of GraalVM.
    """
    if name not in _TOLD_OTHER:
        if len(_TOLD_OTHER) > _MOST_TOLD:
            _TOLD_OTHER.clear()
        _TOLD_OTHER[name] = _read_other_name(name)
    return _TOLD_OTHER[name]


def _read_other_name(name: str) -> OtherName | None:
    text = name.lower()
    implementation = next((one for one in OTHERS if text.startswith(one)), None)
    if implementation is None:
        return None
    first, *rest = text[len(implementation) :].removeprefix("-").split("-")
    split = split_release(first)
    if split is None or split[2] != "default":
        return None
    if split[0][0] >= _OLDEST_GRAALVM:
        return OtherName(implementation, (), first)
    if split[0][0] != _PYTHON or split[1]:
        return None
    own = rest[0].removeprefix("v") if rest else ""
    own = own if is_own_version(own) else ""
    # uv has the platform behind a release of the language.
    return OtherName(implementation, split[0], own) if own or not rest or len(split[0]) == 3 else None


_PYTHON = 3


def is_minor_name(name: str) -> bool:
    """True for the name of a minor-version link: `3`, `3.13`, `3.14t`, `cpython-3.13-linux-x86_64-gnu`, `pypy3.11`."""
    found = version_in_name(name)
    if found is None:
        other = other_in_name(name)
        return other is not None and not other.is_release and bool(other.minor)
    return len(found[0]) < 3


def is_release_name(name: str) -> bool:
    """True for a name that gives a patch release."""
    found = version_in_name(name)
    if found is None:
        other = other_in_name(name)
        return other is not None and other.is_release
    return len(found[0]) == 3


def minor_sibling(folder: str) -> str | None:
    """Where the owner of a folder named after a release would keep the minor-version link to it; None for others.

    `…/3.12.1` has `…/3.12` beside it, `…/cpython-3.12.8-linux-…` has `…/cpython-3.12-linux-…`, `…/pypy3.11-8.0.1` has
    `…/pypy3.11`, and Homebrew keeps `opt/python@3.12` for `Cellar/python@3.12/3.12.4_1`.
    """
    name, above = basename(folder), dirname(folder)
    other = other_in_name(name)
    if other is not None:
        return f"{above}/{alias_name(other.implementation, other.minor)}" if other.is_release and other.minor else None
    found = version_in_name(name)
    if found is None or len(found[0]) != 3:
        return None
    if basename(dirname(above)) == "Cellar":
        return f"{dirname(dirname(above))}/opt/{basename(above)}"
    minor, release = (".".join(map(str, numbers)) for numbers in (found[0][:2], found[0]))
    front, _, back = name.partition(release + found[1])
    # A build of the same release, as the store names it.
    return f"{above}/{front}{minor}{'' if back.startswith('+') and back[1:].isdigit() else back}"


_OF_A_FRAMEWORK = "/Resources/Python.app/Contents/MacOS"


def prefix_of(executable: str) -> str:
    """The prefix that the real path of an interpreter lies in.

    That of a framework build goes on to another program, to which some tools link: `Python.app`, below the prefix.
    """
    folder = dirname(executable)
    return folder.removesuffix(_OF_A_FRAMEWORK) if folder.endswith(_OF_A_FRAMEWORK) else dirname(folder)


def homebrew_names(path: str) -> tuple[str, ...]:
    """What Homebrew calls a file of a Python in its Cellar, the best name first; empty for any other file.

    Its next upgrade removes `Cellar/python@3.13/3.13.5`, and moves the link `opt/python@3.13` along.
    """
    above, cellar, below = path.partition("/Cellar/python@")
    formula, _, rest = below.partition("/")
    _, _, rest = rest.partition("/")
    if not cellar or not rest or len((split_release(formula) or ((),))[0]) != 2:
        return ()
    opt = f"{above}/opt/python@{formula}"
    return tuple(dict.fromkeys((f"{opt}/bin/{basename(path)}", f"{opt}/{rest}")))


def release_of_path(path: str, minor: str) -> tuple[Version, Variant] | None:
    """Release and variant that the nearest folder of a real path names, where that release is of this minor."""
    while path not in ("/", ""):
        found = version_in_name(basename(path))
        if found is not None and len(found[0]) == 3:
            version = Version(*found[0], found[1])
            return (version, found[2]) if not minor or version.minor_name == minor else None
        path = dirname(path)
    return None


def minor_of_alias(alias: str) -> str:
    """The minor of the language that an alias is for: `3.14` of `3.14t`, `3.11` of `pypy3.11`."""
    other = other_in_name(alias)
    return other.minor if other is not None else alias.rstrip("td")


def implementation_in_store(name: str) -> str:
    """The implementation that a name in the store, an alias or a release, is for."""
    other = other_in_name(name)
    return other.implementation if other is not None else CPYTHON


def minor_of_executable(name: str) -> tuple[str, Variant] | None:
    """Minor and variant that the name of an interpreter gives: `python3.14t` is `3.14`, free-threaded; `pypy3.11`."""
    split = split_library(name)
    return split[1:] if split is not None else None


def is_interpreter_name(name: str) -> bool:
    """True for `python`, `python3`, `python3.13`, `python3.14t`, `pypy3.11`, `graalpy`; not for `python3-config`."""
    for start in PROGRAMS:
        if name.startswith(start):
            rest = name[len(start) :]
            return not rest or ((split := split_release(rest)) is not None and len(split[0]) < 3)
    return False


# What a path says about following: whether it goes through a name that a patch release moves along.


def versions_in(name: str) -> list[tuple[int, ...]]:
    """Every dotted number in a folder's name: `cpython-3.13.5-linux` holds `(3, 13, 5)`, `python@3.12` `(3, 12)`."""
    found = []
    word = ""
    for character in name + " ":
        if (character.isdigit() and character.isascii()) or (character == "." and word):
            word += character
            continue
        if word:
            numbers = [read_number(part) for part in word.strip(".").split(".")]
            if len(numbers) > 1 and None not in numbers:
                found.append(tuple(number for number in numbers if number is not None))
        word = ""
    return found


def names_patch_release(path: str, version: Version) -> bool:
    """True where a folder of the path is named after the patch release itself, so that the path pins.

    Only the interpreter's own release counts: `/srv/tool-1.2.3/python/3.13` follows.
    """
    if version.own and any(
        version.own == other.own for folder in path.split("/") if (other := other_in_name(folder)) is not None
    ):
        return True
    release = (version.major, version.minor, version.patch)
    return any(release == numbers[:3] for folder in path.split("/") for numbers in versions_in(folder))


def policy_of_path(path: str, version: Version) -> Policy:
    """`pin` for a path that names a patch release, `follow` for any other (design.md 4)."""
    return "pin" if names_patch_release(path, version) else "follow"


# Which implementation names and files tell.

# Thousands of venvs have the same few.
_SPLIT: dict[str, tuple[str, str, Variant] | None] = {}
_MOST_SPLIT = 2000


def split_library(name: str) -> tuple[str, str, Variant] | None:
    """Implementation, minor and variant that a folder in `lib` is named after; None for any other.

    `python3.14t` is CPython's, and GraalPy's; `pypy3.11` PyPy's alone.
    """
    if name not in _SPLIT:
        if len(_SPLIT) > _MOST_SPLIT:
            _SPLIT.clear()
        _SPLIT[name] = _split_library(name)
    return _SPLIT[name]


def _split_library(name: str) -> tuple[str, str, Variant] | None:
    for start, implementation in LIBRARIES.items():
        split = split_release(name[len(start) :]) if name.startswith(start) else None
        if split is not None and len(split[0]) == 2 and not split[1]:
            return implementation, f"{split[0][0]}.{split[0][1]}", split[2]
    return None


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
