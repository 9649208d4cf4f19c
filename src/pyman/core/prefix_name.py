"""What a path says about following: whether it goes through a name that a patch release moves along. Hot."""

from __future__ import annotations

from pyman.core.version import Version, read_number


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


def policy_of_path(path: str, version: Version) -> str:
    """`pin` for a path that names a patch release, `follow` for any other (DESIGN 4)."""
    return "pin" if names_patch_release(path, version) else "follow"
