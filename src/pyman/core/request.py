"""Requested versions: how people name a Python, understood the way pyenv and uv users expect.

    3   3.13   3.13.5   3.14t   3.14d   3.14.0rc2   3.15-dev     a release, or the start of one
    313   v3.13.5   cp313   3.13+gil   3.13+freethreaded          the same as pyenv and uv write it
    cpython-3.13.5   python-3.11   python3.11   cpython@3.13      the same with an implementation before it
    3.13.5+NAME   3.13.5+source                                   a build of one's own (design.md 10)
    cpython-3.13.5-linux-x86_64-gnu   any-3.13-linux              a key of uv's: for one platform only
    >=3.11,<3.14   ==3.13.5   ~=3.12   cpython>=3.11              a PEP 440 specifier set
    latest   any   cpython   default   system                     the newest; what `3` means; the one that is not ours
    pypy3.11   pypy3.11-8.0.1   pypy@3.11   pp311   pypy          PyPy, by the language and by its own version
    graalpy3.12   graalpy-25.0.3   gp312   graalpy                GraalPy, likewise
    jython-2.7.4   pypy2.7   miniconda3-latest   2.7.18           understood; nothing that pyman looks after
    ./venv   /usr/bin/python3   ~/.pyenv/versions/3.12            a path, on the command line only

Where uv means something else: `==3.13` is 3.13.0 alone here, as PEP 440 has it; a word that names nothing is an error
and not the name of a program on PATH; `latest`, `system`, `python-3.13` and `3.15-dev` are words of pyenv's.

Import-light: only a specifier that is more than plain numbers needs packaging.
"""

from __future__ import annotations

from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, OTHERS, SHORT, alias_name, is_installed
from pyman.core.names import other_in_name
from pyman.core.version import SUFFIX_VARIANT, VARIANT_SUFFIX, Version, is_build_name, parse_specifier, split_release
from pyman.errors import BadRequest, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from packaging.specifiers import SpecifierSet

    from pyman.core.version import Variant

    RequestKind = Literal["release", "specifier", "latest", "system", "other", "path", "venv"]

OLDEST = (3, 6)
LONGEST = 200
"""Characters. No request is longer; what is, comes from a file that is not a version file."""

_IMPLEMENTATIONS = {
    "cpython": CPYTHON,
    "python": CPYTHON,
    "any": CPYTHON,
    "cp": CPYTHON,
    **{name: name for name in OTHERS},
    **SHORT,
}
"""What stands before a version, and whose it is. The short ones are uv's."""
_OTHERS = (
    "activepython",
    "anaconda",
    "cinder",
    "graalpython",
    "ironpython",
    "jython",
    "mambaforge",
    "micropython",
    "miniconda",
    "miniforge",
    "nogil",
    "pyodide",
    "pyston",
    "rustpython",
    "stackless",
)
"""What pyenv and uv install and pyman does not."""
_OPERATORS = ("<", ">", "=", "!", "~")
_LONG_VARIANTS: dict[str, Variant] = {"gil": "default", "freethreaded": "freethreaded", "debug": "debug"}
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
    """The implementation's own version, or the start of one: `8.0.1` of `pypy3.11-8.0.1`."""
    platform: str = ""
    """The platform that a key of uv's is for: `linux-x86_64-gnu`. Nothing is admitted before it is known to be ours."""
    build: str = ""
    """The name of a build of one's own: `source` of `3.13.5+source`. Only the runtime of that name is meant then."""

    @property
    def pins(self) -> bool:
        """True where one release is named: `3.13.5`, `==3.13.5`, `pypy3.11-8.0.1`.

        `pypy3.11.15` names a release of the language, which several of PyPy's may have.
        """
        return len(self.numbers) == 3 if self.implementation == CPYTHON else self.own.count(".") == 2

    @property
    def alias(self) -> str | None:
        """The alias that the request names outright: `3.13`, `3.14t`, `3`, `pypy3.11`; None where it names none."""
        if self.kind != "release" or self.pins or self.platform:
            return None
        if self.implementation != CPYTHON and (self.own or len(self.numbers) != 2):
            return None
        return alias_name(self.implementation, ".".join(map(str, self.numbers)) + VARIANT_SUFFIX[self.variant])

    def admits(self, version: Version, variant: Variant) -> bool:
        """True where this release is what was asked for; pre-releases are not held against it here."""
        if variant != self.variant or version.implementation != self.implementation:
            return False
        if self.platform or self.build:
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
        raise _not_understood(word, "it contains a control character")
    if word[0] in "<>=!" or word.startswith("~="):
        return _parse_specifier(word, word)
    if not is_specified(word) and ("/" in word or word[0] in _PATH_STARTS):
        return Request(word, "path")
    if word[0] == "-":
        raise _not_understood(word, "it looks like an option")
    lower = word.lower()
    if lower == "latest":
        return Request(word, "latest")
    if lower == "system":
        return Request(word, "system")
    if lower == "default":
        return Request(word, "release", (3,))
    if lower.startswith(_OTHERS):
        return Request(word, "other", specifier=lower)
    name, platform = _split_key(lower)
    request = _parse_name(word, name, is_key=platform != "")
    return replace(request, platform=platform) if platform else request


def _split_key(lower: str) -> tuple[str, str]:
    if "-" not in lower:
        return lower, ""
    from pyman.core.platform import split_platform

    return split_platform(lower)


def is_specified(word: str) -> bool:
    """True for a specifier set with an implementation before it: `cpython>=3.11,<3.12`."""
    end = next((number for number, letter in enumerate(word) if letter in _OPERATORS), 0)
    return word[:end].lower() in _IMPLEMENTATIONS


def _parse_name(word: str, lower: str, *, is_key: bool) -> Request:
    """Understand what names an implementation, a release, or both; `is_key` where a platform stood behind it."""
    name = next((name for name in _IMPLEMENTATIONS if lower.startswith(name)), "")
    rest = lower[len(name) :]
    implementation = _IMPLEMENTATIONS.get(name, CPYTHON)
    if rest.startswith(_OPERATORS):
        return replace(_parse_specifier(word, rest), implementation=implementation)
    if rest in ("", "-any") and name != "python" and (name or is_key):
        return Request(word, "latest", implementation=implementation)
    if name and rest[:1] in ("-", "@"):
        rest = rest[1:]
    return _parse_release(word, rest) if implementation == CPYTHON else _parse_other(word, name, rest)


def _parse_other(word: str, name: str, rest: str) -> Request:
    """Understand a request for another implementation that pyman looks after, without the name before it."""
    implementation = _IMPLEMENTATIONS[name]
    found = other_in_name(implementation + with_dot(rest))
    if found is not None and (found.own or "-" not in rest) and found.numbers[:2] >= OLDEST[: len(found.numbers)]:
        return Request(word, "release", found.numbers, implementation=implementation, own=found.own)
    if name in SHORT:
        raise _not_understood(word)
    return Request(word, "other", specifier=implementation)


def _parse_release(word: str, rest: str) -> Request:
    if rest[:1] == "v" and rest[1:2].isdigit():
        rest = rest[1:]
    prereleases = rest.endswith("-dev")
    rest, plus, long_variant = rest.removesuffix("-dev").partition("+")
    if (long_variant == "freethreaded+debug" or rest.endswith("td")) and split_release(rest.removesuffix("td")):
        return Request(word, "other", specifier="a free-threaded debug build")
    build = long_variant if is_build_name(long_variant) and not prereleases else ""
    if plus and not build:
        if long_variant not in _LONG_VARIANTS:
            raise _not_understood(word)
        rest += VARIANT_SUFFIX[_LONG_VARIANTS[long_variant]]
    rest = with_dot(rest)
    split = split_release(rest) or split_release(_with_patch(rest))
    if split is None:
        raise _not_understood(word)
    numbers, prerelease, variant = split
    if (prereleases and len(numbers) != 2) or (len(numbers) == 1 and variant != "default"):
        raise _not_understood(word)
    if build and len(numbers) != 3:
        raise _not_understood(word, "a build of your own needs a patch release, such as 3.13.5+NAME")
    if numbers[:2] < OLDEST[: len(numbers)]:
        raise Unavailable(
            f"Python {'.'.join(map(str, numbers))} is too old: pyman supports CPython 3.6 and newer",
            hint="choose a newer one, for example `3.13`",
        )
    return Request(word, "release", numbers, prerelease, variant, prereleases, build=build)


def with_dot(text: str) -> str:
    """Write `313` as `3.13`, and `314t` as `3.14t`; any other text is returned as it is."""
    digits = text.rstrip("td")
    is_compact = digits.isascii() and digits.isdigit() and digits[0] in "23" and len(digits) in (2, 3)
    return f"{text[0]}.{text[1:]}" if is_compact else text


def _with_patch(text: str) -> str:
    """Complete `3.14rc2` to `3.14.0rc2`: pre-releases are made of the first patch release only."""
    for stage in ("a", "b", "rc"):
        before, found, after = text.partition(stage)
        if found and before.count(".") == 1:
            return f"{before}.0{stage}{after}"
    return ""


def _parse_specifier(word: str, text: str) -> Request:
    """Understand a specifier set; a variant may stand behind it, as uv has it: `>=3.14t`, `>=3.14+freethreaded`."""
    specifier, plus, long_variant = text.partition("+")
    variant = _LONG_VARIANTS.get(long_variant if plus else "gil")
    if variant is None:
        raise _not_understood(word, "it is not a PEP 440 specifier")
    if not long_variant and specifier[-1:] in SUFFIX_VARIANT and specifier[-2:-1].isdigit():
        variant, specifier = SUFFIX_VARIANT[specifier[-1:]], specifier[:-1]
    numbers, prerelease = _pinned_by(word, specifier)
    return Request(word, "specifier", numbers, prerelease, variant, specifier=specifier)


def _pinned_by(word: str, specifier: str) -> tuple[tuple[int, ...], str]:
    """Numbers and pre-release of the one release that a specifier set names; no numbers where there are more."""
    plain = parse_specifier(specifier)
    if plain is not None:
        only = plain[0]
        pins = len(plain) == 1 and only.operator == "==" and len(only.numbers) == 3 and not only.wildcard
        return (only.numbers if pins else ()), ""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        clauses = list(SpecifierSet(specifier))
    except InvalidSpecifier:
        raise _not_understood(word, "it is not a PEP 440 specifier") from None
    if len(clauses) == 1 and clauses[0].operator in ("==", "==="):
        split = split_release(clauses[0].version)
        if split is not None and len(split[0]) == 3 and split[2] == "default":
            return split[0], split[1]
    return (), ""


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


NAMES = "a version (`3.13`, `3.13.5`, `3.14t`), a range (`>=3.11,<3.14`), `latest` or `system`"
"""What may be written where paths are not followed."""


def _not_understood(word: str, why: str = "") -> BadRequest:
    return BadRequest(
        f"`{word}` is not a Python version" + (f": {why}" if why else ""),
        hint=f"write {NAMES}",
    )


def how_to_get(request: Request) -> str:
    """What to do, as a hint, where nothing installed satisfies a request."""
    if request.platform:
        return "it is for another platform: give only the version"
    if request.kind == "other":
        return "install it by other means"
    if not is_installed(request.implementation):
        return "install it by other means, then run `pyman adopt PATH`"
    return f"run `pyman install {as_word(request.text)}{' --build' if request.build else ''}`"


def best_of(request: Request, candidates: list[tuple[Version, Variant]]) -> tuple[Version, Variant] | None:
    """The release that the request means among those that it admits: the newest final one.

    A pre-release only where it was asked for, or where nothing else exists (design.md 4).
    """
    admitted = [pair for pair in candidates if request.admits(*pair)]
    if not request.prereleases and not (request.pins and request.prerelease):
        finals = [pair for pair in admitted if pair[0].is_final]
        admitted = finals or admitted
    return max(admitted, key=lambda pair: pair[0].order, default=None)
