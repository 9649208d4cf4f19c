"""Requested versions: how people name a Python, understood the way pyenv and uv users expect.

    3   3.13   3.13.5   3.14t   3.14d   3.14.0rc2   3.15-dev     a release, or the start of one
    >=3.11,<3.14   ==3.13.5   ~=3.12                              a PEP 440 specifier set
    cpython-3.13.5   python-3.11   python3.11   cpython@3.13      the same with an implementation before it
    3.13+freethreaded   3.13+debug                                uv's way to write a variant
    latest   system                                               the newest; the one that is not ours
    pypy3.11   pypy3.11-8.0.1   pypy@3.11   pp311   pypy          PyPy, by the language and by its own version
    graalpy3.12   graalpy-25.0.3   graalpy                        GraalPy, likewise
    jython   pypy2.7   pypy3.11-nightly                           understood; not looked after
    ./venv   /usr/bin/python3   ~/.pyenv/versions/3.12            a path, on the command line only

Import-light: only a specifier that is more than plain numbers needs packaging.
"""

from __future__ import annotations

from pyman.core.implementation import CPYTHON, OTHERS, SHORT, alias_name
from pyman.core.names import other_in_name
from pyman.core.record import record, replace
from pyman.core.version import VARIANT_SUFFIX, Version, parse_specifier, split_release
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from packaging.specifiers import SpecifierSet

    from pyman.core.version import Variant

    RequestKind = Literal["release", "specifier", "latest", "system", "other", "path"]

OLDEST = (3, 6)
LONGEST = 200
"""Characters. No request is longer; what is, comes from a file that is not a version file."""

_OTHER_IMPLEMENTATIONS = (
    "graalpython",
    "jython",
    "ironpython",
    "micropython",
    "stackless",
    "pyston",
)
_OURS = ("cpython", "python")
_LONG_VARIANTS: dict[str, Variant] = {"+freethreaded": "freethreaded", "+debug": "debug"}
_PATH_STARTS = (".", "~")
_SETS: dict[str, SpecifierSet] = {}


@record
class Request:
    """One requested version."""

    text: str
    """As the user wrote it, for messages and for the venv's own record."""
    kind: RequestKind
    numbers: tuple[int, ...] = ()
    """One to three numbers of a release."""
    prerelease: str = ""
    variant: Variant = "default"
    prereleases: bool = False
    """True where a pre-release is as welcome as a final one: `3.15-dev`."""
    specifier: str = ""
    implementation: str = CPYTHON
    own: str = ""
    """The implementation's own version, or the start of one: `8.0.1`, `7.3`."""

    @property
    def pins(self) -> bool:
        """True where one release is named: `3.13.5`, `==3.13.5`, `pypy3.11-8.0.1`.

        `pypy3.11.15` names a release of the language, which several of PyPy's may have.
        """
        return len(self.numbers) == 3 if self.implementation == CPYTHON else self.own.count(".") == 2

    @property
    def alias(self) -> str | None:
        """The alias that the request names outright: `3.13`, `3.14t`, `3`, `pypy3.11`; None where it names none."""
        if self.kind != "release" or self.pins:
            return None
        if self.implementation != CPYTHON and (self.own or len(self.numbers) != 2):
            return None
        return alias_name(self.implementation, ".".join(map(str, self.numbers)) + VARIANT_SUFFIX[self.variant])

    def admits(self, version: Version, variant: Variant) -> bool:
        """True where this release is what was asked for; pre-releases are not held against it here."""
        if variant != self.variant or version.implementation != self.implementation:
            return False
        if self.own and version.own != self.own and not version.own.startswith(f"{self.own}."):
            return False
        if self.kind == "latest":
            return True
        if self.kind == "specifier":
            return specifier_admits(self.specifier, version)
        if self.kind != "release":
            return False
        if len(self.numbers) == 3:
            return (version.major, version.minor, version.patch) == self.numbers and (
                version.prerelease == self.prerelease
            )
        return (version.major, version.minor)[: len(self.numbers)] == self.numbers

    def __str__(self) -> str:
        return self.text


def parse_request(text: str) -> Request:
    """Understand a request.

    Raises BadRequest, which names what was written and shows what can be.
    """
    word = text.strip()
    if not word:
        raise _not_understood(text, "it is empty")
    if len(word) > LONGEST:
        raise _not_understood(word[:40] + "…", f"it is longer than {LONGEST} characters")
    if any(not character.isprintable() for character in word):
        raise _not_understood(word, "it holds a control character")
    if word[0] in "<>=!" or word.startswith("~="):
        return _parse_specifier(word)
    if "/" in word or word[0] in _PATH_STARTS:
        return Request(word, "path")
    if word[0] == "-":
        raise _not_understood(word, "it looks like an option")
    lower = word.lower()
    if lower == "latest":
        return Request(word, "latest")
    if lower == "system":
        return Request(word, "system")
    return _parse_release(word, lower)


def _parse_other(word: str, lower: str) -> Request | None:
    """Understand a request for another implementation that pyman looks after; None for any other word."""
    names = {**{name: name for name in OTHERS}, **SHORT}
    start = next((name for name in names if lower.startswith(name)), None)
    if start is None or lower.startswith(_OTHER_IMPLEMENTATIONS):
        return None
    implementation, rest = names[start], lower[len(start) :].removeprefix("@").removeprefix("-")
    if not rest and start in OTHERS:
        return Request(word, "latest", implementation=implementation)
    if rest[:1] in ("<", ">", "=", "!", "~"):
        return replace(_parse_specifier(rest), text=word, implementation=implementation)
    if rest[:1] == "3" and rest.isdigit() and len(rest) > 1:
        rest = f"3.{rest[1:]}"
    found = other_in_name(f"{implementation}{rest}")
    if found is None or (not found.own and "-" in rest) or found.numbers[:2] < OLDEST[: len(found.numbers)]:
        return None
    return Request(word, "release", found.numbers, implementation=implementation, own=found.own)


def _parse_release(word: str, lower: str) -> Request:
    other = _parse_other(word, lower)
    if other is not None:
        return other
    for name in (*_OTHER_IMPLEMENTATIONS, *OTHERS):
        if lower.startswith(name):
            return Request(word, "other", specifier=name)
    rest = lower
    for name in _OURS:
        if rest.startswith(name):
            rest = rest[len(name) :]
            rest = rest[1:] if rest[:1] in ("-", "@") else rest
            break
    prereleases = rest.endswith("-dev")
    rest = rest.removesuffix("-dev")
    for ending, variant in _LONG_VARIANTS.items():
        if rest.endswith(ending):
            rest = rest.removesuffix(ending) + VARIANT_SUFFIX[variant]
            break
    split = split_release(rest) or split_release(_with_patch(rest))
    if split is None:
        raise _not_understood(word)
    numbers, prerelease, variant = split
    if (prereleases and len(numbers) != 2) or (len(numbers) == 1 and variant != "default"):
        raise _not_understood(word)
    if numbers[:2] < OLDEST[: len(numbers)]:
        raise BadRequest(
            f"Python {'.'.join(map(str, numbers))} is too old: pyman looks after CPython 3.6 and newer",
            hint="name a newer one, for example `3.13`",
        )
    return Request(word, "release", numbers, prerelease, variant, prereleases)


def _with_patch(text: str) -> str:
    """Complete `3.14rc2` to `3.14.0rc2`: pre-releases are made of the first patch release only."""
    for stage in ("a", "b", "rc"):
        before, found, after = text.partition(stage)
        if found and before.count(".") == 1:
            return f"{before}.0{stage}{after}"
    return ""


def _parse_specifier(word: str) -> Request:
    plain = parse_specifier(word)
    if plain is not None:
        only = plain[0]
        pins = len(plain) == 1 and only.operator == "==" and len(only.numbers) == 3 and not only.wildcard
        return Request(word, "specifier", only.numbers if pins else (), specifier=word)
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        clauses = list(SpecifierSet(word))
    except InvalidSpecifier:
        raise _not_understood(word, "it is no PEP 440 specifier") from None
    numbers: tuple[int, ...] = ()
    prerelease = ""
    if len(clauses) == 1 and clauses[0].operator in ("==", "==="):
        split = split_release(clauses[0].version)
        if split is not None and len(split[0]) == 3 and split[2] == "default":
            numbers, prerelease = split[0], split[1]
    return Request(word, "specifier", numbers, prerelease, specifier=word)


def specifier_admits(specifier: str, version: Version) -> bool:
    """True where a version lies in a PEP 440 specifier set; raises nothing for a set that was parsed before."""
    plain = parse_specifier(specifier)
    if plain is not None:
        return all(clause.admits(version) for clause in plain)
    return bool(_specifier_set(specifier).contains(str(version), prereleases=True))


def _specifier_set(specifier: str) -> SpecifierSet:
    found = _SETS.get(specifier)
    if found is None:
        from packaging.specifiers import SpecifierSet

        found = _SETS[specifier] = SpecifierSet(specifier)
    return found


def _not_understood(word: str, why: str = "") -> BadRequest:
    return BadRequest(
        f"`{word}` names no Python" + (f": {why}" if why else ""),
        hint="write a version (`3.13`, `3.13.5`, `3.14t`), a range (`>=3.11,<3.14`), `latest`, `system`, "
        "or a path with a slash (`./venv`)",
    )


def best_of(request: Request, candidates: list[tuple[Version, Variant]]) -> tuple[Version, Variant] | None:
    """The release that the request means among those that it admits: the newest final one.

    A pre-release only where it was asked for, or where nothing else exists (design.md 4).
    """
    admitted = [pair for pair in candidates if request.admits(*pair)]
    if not request.prereleases and not (request.pins and request.prerelease):
        finals = [pair for pair in admitted if pair[0].is_final]
        admitted = finals or admitted
    return max(admitted, key=lambda pair: pair[0].order, default=None)
