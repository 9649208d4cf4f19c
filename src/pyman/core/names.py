"""What the name of a folder or of an interpreter says about the Python behind it. Import-light."""

from __future__ import annotations

from posixpath import basename, dirname

from pyman.core.version import Version, read_number, split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def is_minor_name(name: str) -> bool:
    """True for the name of a minor-version link: `3`, `3.13`, `3.14t`, `cpython-3.13-linux-x86_64-gnu`."""
    found = version_in_name(name)
    return found is not None and len(found[0]) < 3


def is_release_name(name: str) -> bool:
    """True for a name that gives a patch release."""
    found = version_in_name(name)
    return found is not None and len(found[0]) == 3


def minor_sibling(folder: str) -> str | None:
    """Where the owner of a folder named after a release would keep the minor-version link to it; None for others.

    `…/3.12.1` has `…/3.12` beside it, `…/cpython-3.12.8-linux-…` has `…/cpython-3.12-linux-…`, and Homebrew keeps
    `opt/python@3.12` for `Cellar/python@3.12/3.12.4_1`.
    """
    name, above = basename(folder), dirname(folder)
    found = version_in_name(name)
    if found is None or len(found[0]) != 3:
        return None
    if basename(dirname(above)) == "Cellar":
        return f"{dirname(dirname(above))}/opt/{basename(above)}"
    minor, release = (".".join(map(str, numbers)) for numbers in (found[0][:2], found[0]))
    front, _, back = name.partition(release + found[1])
    # A build of the same release, as the store names it.
    return f"{above}/{front}{minor}{'' if back.startswith('+') and back[1:].isdigit() else back}"


def release_of_path(path: str, minor: str) -> tuple[Version, Variant] | None:
    """Release and variant that the nearest folder of a real path names, where that release is of this minor."""
    while path not in ("/", ""):
        found = version_in_name(basename(path))
        if found is not None and len(found[0]) == 3:
            version = Version(*found[0], found[1])
            return (version, found[2]) if not minor or version.minor_name == minor else None
        path = dirname(path)
    return None


def minor_of_executable(name: str) -> tuple[str, Variant] | None:
    """Minor and variant that the name of an interpreter gives: `python3.14t` is `3.14`, free-threaded."""
    split = split_release(name.removeprefix("python")) if name.startswith("python") else None
    if split is None or len(split[0]) != 2 or split[1]:
        return None
    return f"{split[0][0]}.{split[0][1]}", split[2]


def is_interpreter_name(name: str) -> bool:
    """True for `python`, `python3`, `python3.13`, `python3.14t`; not for `python3-config`."""
    if not name.startswith("python"):
        return False
    rest = name[len("python") :]
    return not rest or ((split := split_release(rest)) is not None and len(split[0]) < 3)


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
    release = (version.major, version.minor, version.patch)
    return any(release == numbers[:3] for folder in path.split("/") for numbers in versions_in(folder))


def policy_of_path(path: str, version: Version) -> Policy:
    """`pin` for a path that names a patch release, `follow` for any other (design.md 4)."""
    return "pin" if names_patch_release(path, version) else "follow"
