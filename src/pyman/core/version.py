"""Version numbers of Pythons, how they are written in the store, and sets of version specifiers. Import-light."""

from __future__ import annotations

from pyman.core.immutable import derived, record
from pyman.core.implementation import CPYTHON, alias_name, python_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Variant = Literal["default", "freethreaded", "debug"]

# How a variant is written behind a version: `3.14t`, `3.14.2d`. PEP 703 and the names of interpreters use the same.
VARIANT_SUFFIX: dict[Variant, str] = {"default": "", "freethreaded": "t", "debug": "d"}
SUFFIX_VARIANT = {suffix: variant for variant, suffix in VARIANT_SUFFIX.items()}

VARIANT_RANK: dict[Variant, int] = {"default": 2, "freethreaded": 1, "debug": 0}
"""Sorts the variants of one release by how many people want them."""

_STAGES = {"a": 0, "b": 1, "rc": 2}
_FINAL = 3
UNKNOWN_PATCH = -1
# A number of more digits is not a version of anything; int() of a very long one is slow.
_MOST_DIGITS = 6


@record
class Version:
    """One release: `3.13.5`, `3.14.0rc2`, PyPy 8.0.1. The variant and the build are told apart from it."""

    major: int
    minor: int
    patch: int
    """UNKNOWN_PATCH where only the implementation's own version is known."""
    prerelease: str = ""
    """`""` for a final release, else `a7`, `b1`, `rc2`."""
    implementation: str = CPYTHON
    """Whose release it is: `cpython`, `pypy`, `graalpy` (implementation.py)."""
    own: str = ""
    """The implementation's own version, `8.0.1`, `7.3.12rc1`; empty for CPython, whose version is the language's."""

    @property
    def is_final(self) -> bool:
        """True unless this is an alpha, beta or release candidate."""
        return not self.prerelease and (not self.own or self.own.replace(".", "").isdigit())

    @derived
    def minor_name(self) -> str:
        """The minor version of the language alone: `3.13`."""
        return f"{self.major}.{self.minor}"

    @derived
    def order(self) -> tuple[int, ...]:
        """Sorts like the releases themselves: alphas, betas, candidates, the final release.

        Another implementation's own version orders those of one minor; all of them come before those of CPython.
        """
        if self.own:
            return (-1, self.major, self.minor, *_own_order(self.own))
        stage, serial = _split_prerelease(self.prerelease)
        return (self.major, self.minor, self.patch, stage, serial)

    def __str__(self) -> str:
        """The version of the language: what packages ask for, and `pyvenv.cfg` has."""
        if self.patch == UNKNOWN_PATCH:
            return self.minor_name
        return f"{self.major}.{self.minor}.{self.patch}{self.prerelease}"

    def __lt__(self, other: Version) -> bool:
        return self.order < other.order

    def __le__(self, other: Version) -> bool:
        return self.order <= other.order

    def __gt__(self, other: Version) -> bool:
        return self.order > other.order

    def __ge__(self, other: Version) -> bool:
        return self.order >= other.order


def _split_prerelease(text: str) -> tuple[int, int]:
    for name, stage in _STAGES.items():
        if text.startswith(name):
            return stage, int(text[len(name) :])
    return _FINAL, 0


def _own_order(own: str) -> tuple[int, ...]:
    split = split_release(own)
    numbers, prerelease = (split[0], split[1]) if split is not None else ((), "")
    return (*numbers, *(0,) * (3 - len(numbers)), *_split_prerelease(prerelease))


def read_number(text: str) -> int | None:
    """Return the whole number that is written in plain digits without leading zeros, else None."""
    if not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    if len(text) > 1 and text[0] == "0":
        return None
    return int(text)


# The same few names of releases and interpreters are around every venv.
_SPLIT: dict[str, tuple[tuple[int, ...], str, Variant] | None] = {}
_MOST_SPLIT = 2000


def split_release(text: str) -> tuple[tuple[int, ...], str, Variant] | None:
    """Split `3.14.0rc2t` into its numbers, its pre-release and its variant: `((3, 14, 0), "rc2", "freethreaded")`.

    One to three numbers; None for anything else.
    """
    if text not in _SPLIT:
        if len(_SPLIT) > _MOST_SPLIT:
            _SPLIT.clear()
        _SPLIT[text] = _split(text)
    return _SPLIT[text]


def _split(text: str) -> tuple[tuple[int, ...], str, Variant] | None:
    end = 0
    while end < len(text) and (text[end].isdigit() or text[end] == "."):
        end += 1
    numbers: list[int] = []
    for part in text[:end].split("."):
        number = read_number(part)
        if number is None:
            return None
        numbers.append(number)
    rest = text[end:]
    prerelease = ""
    for name in _STAGES:
        if rest.startswith(name):
            last = len(name)
            while last < len(rest) and rest[last].isdigit():
                last += 1
            if read_number(rest[len(name) : last]) is None:
                return None
            prerelease, rest = rest[:last], rest[last:]
            break
    if rest not in SUFFIX_VARIANT or len(numbers) > 3 or (prerelease and len(numbers) < 3):
        return None
    return tuple(numbers), prerelease, SUFFIX_VARIANT[rest]


_LONG_VARIANTS = ("gil", "freethreaded", "debug")
_SHORT_VARIANTS = ("t", "d", "td")
_LONGEST_BUILD_NAME = 40


def is_build_name(text: str) -> bool:
    """True for what may stand behind `3.13.5+`: the name of a build of the user's own, and no word of a variant.

    Lower-case letters and digits, the first one a letter: what begins with a digit is the tag of a build of upstream's.
    """
    if not text or not text.isascii() or not text.isalnum() or text != text.lower() or not text[0].isalpha():
        return False
    is_variant = text in _SHORT_VARIANTS or text.startswith(_LONG_VARIANTS)
    return len(text) <= _LONGEST_BUILD_NAME and not is_variant


def parse_version(text: str) -> Version | None:
    """Return the version that `3.13.5` or `3.14.0rc2` names, None when it names none."""
    split = split_release(text)
    if split is None or len(split[0]) != 3 or split[2] != "default":
        return None
    return Version(*split[0], split[1])


def is_own_version(text: str) -> bool:
    """True for what can be an implementation's own version: `8.0.1`, `7.3.12rc1`, `25.3`."""
    split = split_release(text)
    return split is not None and len(split[0]) > 1 and split[2] == "default"


def minor_alias(version: Version, variant: Variant) -> str:
    """Return the name of the alias that a release belongs to: `3.13`, `3.14t`, `pypy3.11`."""
    return alias_name(version.implementation, version.minor_name + VARIANT_SUFFIX[variant])


def release_name(version: Version, variant: Variant) -> str:
    """Return a release with its variant as people and the store write it: `3.13.5`, `3.14.0rc2t`, `pypy3.11-8.0.1`."""
    if version.own:
        return f"{minor_alias(version, variant)}-{version.own}"
    return f"{version}{VARIANT_SUFFIX[variant]}"


def version_data(version: Version | None, key: str = "version") -> dict[str, object]:
    """A version as JSON has it (design.md 11): that of the language, and beside it another implementation's own."""
    own = {"implementation_version": version.own} if version is not None and version.own else {}
    return {key: str(version) if version is not None else None, **own}


def short_release(version: Version) -> str:
    """A release without its variant, as findings name it: `3.13.5`, `pypy3.11-8.0.1`."""
    return release_name(version, "default")


def python_name(name: str) -> str:
    """A release, an alias or a request as a sentence names it: `Python 3.13`, `pypy3.11-8.0.1`."""
    return f"Python {name}" if not name[:1].isalpha() or name in ("latest", "system") else name


def shown_release(version: Version, variant: Variant) -> str:
    """Return a release as sentences name it: `Python 3.13.5`, `PyPy 8.0.1 (Python 3.11.17)`."""
    if version.own:
        return f"{python_of(version.implementation)} {version.own} (Python {version})"
    return f"Python {release_name(version, variant)}"


# PEP 440 specifier sets as people write them for Python: `>=3.11,<3.14`, `~=3.12`, `==3.13.*`.
#
# packaging understands all of PEP 440 and costs twice the start of an interpreter, so what consists of plain numbers
# is read here; a test holds the two together.

_OPERATORS = ("==", "!=", "<=", ">=", "~=", "<", ">")
_MOST_NUMBERS = 3


@record
class Clause:
    """One comparison."""

    operator: str
    numbers: tuple[int, ...]
    """One to three numbers; what is left out is zero."""
    wildcard: bool = False
    """True for `==3.13.*`: only the numbers that are written count."""

    def admits(self, version: Version) -> bool:
        """True where a release satisfies the comparison, a pre-release like any other."""
        release = (version.major, version.minor, version.patch)
        limit = (*self.numbers, 0, 0)[:_MOST_NUMBERS]
        if self.operator in ("==", "!="):
            if self.wildcard:
                equal = release[: len(self.numbers)] == self.numbers
            else:
                equal = release == limit and version.is_final
            return equal == (self.operator == "==")
        # A pre-release comes before its release, and belongs to it: `<3.14` does not mean 3.14.0rc1.
        before = release < limit or (release == limit and not version.is_final)
        if self.operator == "<":
            return release < limit
        if self.operator == "<=":
            return before or release == limit
        if self.operator == ">":
            return not before and release != limit
        if self.operator == ">=":
            return not before
        return not before and release[: len(self.numbers) - 1] == self.numbers[:-1]


def parse_specifier(text: str) -> tuple[Clause, ...] | None:
    """Return the comparisons of a plain specifier set; None for what takes more to understand, or is none."""
    clauses = []
    for part in text.split(","):
        clause = _parse_clause(part.strip(" \t"))
        if clause is None:
            return None
        clauses.append(clause)
    return tuple(clauses)


def _parse_clause(text: str) -> Clause | None:
    operator = next((operator for operator in _OPERATORS if text.startswith(operator)), None)
    if operator is None:
        return None
    written = text[len(operator) :].lstrip(" \t")
    plain = written.removesuffix(".*")
    wildcard = plain != written
    numbers = [read_number(part) for part in plain.split(".")]
    if None in numbers or len(numbers) > _MOST_NUMBERS:
        return None
    if (wildcard and operator not in ("==", "!=")) or (operator == "~=" and len(numbers) < 2):
        return None
    return Clause(operator, tuple(number for number in numbers if number is not None), wildcard)
