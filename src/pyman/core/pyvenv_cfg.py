"""`pyvenv.cfg`: read as tolerantly as CPython reads it, and changed line by line.

The dialects: CPython's getpath takes the first `home` and looks no further; `site` and the tools that make venvs
take the last of every other key. Both lower the key and strip key and value. Interpreters before 3.11 want a space
on both sides of the `=`, so that is how lines are written here. Lines without `=` mean nothing to anybody.

Import-light.
"""

from __future__ import annotations

from pyman.core.immutable import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Literal

    from pyman.core.version import Version

    Policy = Literal["follow", "pin"]

FILE_NAME = "pyvenv.cfg"

REQUEST = "pyman-request"
POLICY = "pyman-policy"
HELD_BACK = "pyman-held-back"

VERSION_KEYS = ("version", "version_info", "python-version")
"""The keys that name a release: stdlib writes the first, uv the second, virtualenv all three."""

BASE_KEYS = ("executable", "base-executable", "base-prefix", "base-exec-prefix")
"""The keys that name the base by a path: stdlib writes the first, virtualenv all four."""

_OF_MAKERS = frozenset(
    (
        *VERSION_KEYS, *BASE_KEYS, REQUEST, POLICY, HELD_BACK, "home", "include-system-site-packages", "command",
        "prompt", "implementation", "virtualenv", "uv", "seed", "relocatable", "extends-environment", "gourgeist",
    )
)  # fmt: skip
_BOM = "\ufeff"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_CODE_POINT_DIGITS = {"x": 2, "u": 4, "U": 8}


@record
class Settings:
    """What a `pyvenv.cfg` says."""

    values: Mapping[str, str]
    """By lower-case key; values as they stand, without the white space around them."""

    def get(self, key: str) -> str | None:
        """The value of a key, None where the file does not have it or leaves it empty."""
        return self.values.get(key) or None

    @property
    def home(self) -> str | None:
        """The folder of the base interpreter; None too for what no system takes for a path."""
        home = self.get("home")
        return home if home is not None and "\0" not in home else None

    @property
    def prompt(self) -> str | None:
        """The prompt without the quotation that the stdlib writes around it."""
        value = self.get("prompt")
        return unquote(value) if value is not None else None

    @property
    def has_system_site_packages(self) -> bool:
        """True where the base interpreter's packages can be imported; as `site` decides it."""
        return self.values.get("include-system-site-packages", "true").lower() == "true"

    @property
    def request(self) -> str | None:
        """What the user asked for when the venv was made or changed by pyman."""
        return self.get(REQUEST)

    @property
    def policy(self) -> Policy | None:
        """`follow` or `pin`; None where nothing says it."""
        value = self.get(POLICY)
        return "follow" if value == "follow" else "pin" if value == "pin" else None

    @property
    def minor(self) -> str | None:
        """The minor that the file names, in whichever form its maker wrote the version; None where it names none."""
        for key in VERSION_KEYS:
            numbers = (self.get(key) or "").split(".")[:2]
            if len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers):
                return ".".join(numbers)
        return None

    @property
    def held_back(self) -> tuple[str, str] | None:
        """The release that the venv is kept on, and the reason."""
        value = self.get(HELD_BACK)
        if value is None:
            return None
        release, _, reason = value.partition(" ")
        return release, reason.strip()


def parse_pyvenv_cfg(text: str) -> Settings:
    """Read the text of a `pyvenv.cfg`; no text is refused."""
    values: dict[str, str] = {}
    for line in text.removeprefix(_BOM).split("\n"):
        key, equals, value = line.partition("=")
        if not equals:
            continue
        key = key.strip().lower()
        if key != "home" or key not in values:
            values[key] = value.strip()
    values.pop("", None)
    return Settings(values)


def other_settings(settings: Settings) -> dict[str, str]:
    """The lines that no maker of venvs writes, as far as they can be written again."""
    found = {key: value for key, value in settings.values.items() if key not in _OF_MAKERS}
    return {key: value for key, value in found.items() if "\r" not in key + value and "\0" not in key + value}


def edit(text: str, changes: Mapping[str, str | None]) -> str:
    """Give keys new values (None removes them), and keep every other character of the file as it is.

    A key that stands there more than once is changed everywhere, so that all readers agree. New keys go to the end.
    Raises ValueError for a key or value that a line cannot hold.
    """
    for key, value in changes.items():
        _check(key, value)
    mark = _BOM if text.startswith(_BOM) else ""
    *ended, rest = text[len(mark) :].split("\n")
    lines = [line + "\n" for line in ended] + ([rest] if rest else [])
    ending = "\r\n" if "\r\n" in text else "\n"
    missing = dict(changes)
    kept: list[str] = []
    for line in lines:
        before, equals, after = line.partition("=")
        key = before.strip().lower()
        if not equals or key not in changes:
            kept.append(line)
            continue
        value = changes[key]
        missing.pop(key, None)
        if value is None:
            continue
        body = line.rstrip("\r\n")
        kept.append(line if after.strip() == value else f"{before.strip()} = {value}{line[len(body) :]}")
    added = [f"{key} = {value}{ending}" for key, value in missing.items() if value is not None]
    if added and kept and not kept[-1].endswith("\n"):
        kept.append(ending)
    return mark + "".join(kept + added)


def render(pairs: Iterable[tuple[str, str]]) -> str:
    """The text of a new file. Raises ValueError for a key or value that a line cannot hold."""
    lines = []
    for key, value in pairs:
        _check(key, value)
        lines.append(f"{key} = {value}\n")
    return "".join(lines)


def _check(key: str, value: str | None) -> None:
    if not key or key != key.strip().lower() or "=" in key or "\n" in key or key.startswith(_BOM):
        raise ValueError(f"{key!r} cannot be a key of {FILE_NAME}")
    if value is not None and (value != value.strip() or "\n" in value or "\r" in value):
        raise ValueError(f"{value!r} cannot be a value of {FILE_NAME}")


def unquote(value: str) -> str:
    """Undo the quotation of a prompt: the stdlib writes it as a Python string, the others plainly.

    What is no well-formed string literal is returned as it stands.
    """
    if len(value) < 2 or value[0] not in "'\"" or value[-1] != value[0]:
        return value
    inside = value[1:-1]
    if "\\" not in inside:
        return inside if value[0] not in inside else value
    pieces: list[str] = []
    position = 0
    while position < len(inside):
        character = inside[position]
        position += 1
        if character != "\\":
            pieces.append(character)
            continue
        letter = inside[position : position + 1]
        position += 1
        if letter in _CODE_POINT_DIGITS:
            digits = inside[position : position + _CODE_POINT_DIGITS[letter]]
            position += _CODE_POINT_DIGITS[letter]
            code_point = _read_code_point(digits, _CODE_POINT_DIGITS[letter])
            if code_point is None:
                return value
            pieces.append(code_point)
        elif letter in _ESCAPES:
            pieces.append(_ESCAPES[letter])
        elif letter in ("\\", "'", '"'):
            pieces.append(letter)
        else:
            return value
    return "".join(pieces)


def _read_code_point(digits: str, length: int) -> str | None:
    if len(digits) != length or any(digit not in "0123456789abcdefABCDEF" for digit in digits):
        return None
    number = int(digits, 16)
    return chr(number) if number < 0x110000 else None


def version_line(value: str, version: Version, *, follows: bool) -> str:
    """What a version key must say: the minor alone where the venv follows, else the release, in the form it had.

    uv and pre-commit throw a venv away whose file names another patch release than runs; of the minor uv does not, and
    pre-commit compares to the letter.
    """
    dots = value.count(".")
    if follows or dots == 1:
        return version.minor_name
    return long_form(version) if dots == _LONG_FORM else str(version)


_LONG_FORM = 4
"""Dots in it."""
_STAGES = {"a": "alpha", "b": "beta", "rc": "candidate"}


def long_form(version: Version) -> str:
    """A release as `sys.version_info` has it: `3.13.15.final.0`."""
    stage = version.prerelease.rstrip("0123456789")
    serial = version.prerelease[len(stage) :] or "0"
    return f"{version.major}.{version.minor}.{version.patch}.{_STAGES.get(stage, 'final')}.{serial}"


def base_lines(settings: Settings, home: str, executable: str) -> dict[str, str | None]:
    """What the keys that a file has of BASE_KEYS must say for a venv with this `home` and this interpreter in it."""
    said = {"base-prefix": home.rpartition("/")[0], "base-exec-prefix": home.rpartition("/")[0]}
    return {key: said.get(key, executable) for key in BASE_KEYS if settings.get(key) is not None}
