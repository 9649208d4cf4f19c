"""The system's libraries that a build is linked to, and which of them are gone: read from files, nothing is run.

`ldd` would start what it looks at. The loader's own list is made from the folders in `/etc/ld.so.conf`, and they are
looked through here.
"""

from __future__ import annotations

import functools
import glob
import os
import sys

from pyman.effects.architecture import of_another_machine
from pyman.effects.files import read_text
from pyman.effects.packages.elf import needed_libraries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_USUAL = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")
_CONFIGURATION = "/etc/ld.so.conf"
_MOST_INCLUDES = 4


def linked_libraries(tree: str) -> tuple[str, ...]:
    """The libraries outside of a runtime that its interpreter and its modules are linked to, as `missing` takes them.

    By name where the loader's own folders have one, by path where the file itself names its folder. Those that are not
    found now are left out: whether they are gone could not be told later.
    """
    found: dict[str, None] = {}
    for path in _objects(tree):
        try:
            names, folders = needed_libraries(path)
        except OSError:
            continue
        for name in names:
            place = next((place for folder in folders if os.path.exists(place := _path(folder, path, name))), None)
            if place is not None and not os.path.realpath(place).startswith(f"{os.path.realpath(tree)}/"):
                found[os.path.normpath(place)] = None
            elif place is None and _is_found(name):
                found[name] = None
    return tuple(sorted(found))


def missing_libraries(needs: tuple[str, ...]) -> tuple[str, ...]:
    """Those that were found when a runtime was built, and are not there any more."""
    return tuple(need for need in needs if not (os.path.exists(need) if need.startswith("/") else _is_found(need)))


def _objects(tree: str) -> Iterator[str]:
    for folder, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(folder, name)
            is_program = os.path.basename(folder) == "bin" and name.startswith("python")
            if (is_program or ".so" in name) and not os.path.islink(path):
                yield path


def _path(folder: str, path: str, name: str) -> str:
    for origin in ("$ORIGIN", "${ORIGIN}"):
        folder = folder.replace(origin, os.path.dirname(path))
    return os.path.join(folder, name)


@functools.lru_cache(maxsize=256)
def _is_found(name: str) -> bool:
    """True where a folder of the loader has a library for this machine."""
    if "/" in name or sys.platform != "linux":
        return True
    paths = (os.path.join(folder, name) for folder in _folders())
    return any(os.path.exists(path) and not of_another_machine(path) for path in paths)


@functools.cache
def _folders() -> tuple[str, ...]:
    folders = [*_configured(_CONFIGURATION), *_USUAL]
    for path in glob.glob("/etc/ld-musl-*.path"):
        folders += _lines(path, ":")
    return tuple(dict.fromkeys(folders))


def _configured(path: str, depth: int = 0) -> list[str]:
    folders: list[str] = []
    for line in _lines(path):
        word, _, rest = line.partition(" ")
        if word == "include" and depth < _MOST_INCLUDES:
            for included in sorted(glob.glob(os.path.join(os.path.dirname(path), rest.strip()))):
                folders += _configured(included, depth + 1)
        elif word.startswith("/"):
            folders.append(word)
    return folders


def _lines(path: str, separator: str = "\n") -> list[str]:
    try:
        text = read_text(path)
    except OSError:
        return []
    lines = text.replace("\n", separator).split(separator)
    return [plain for line in lines if (plain := line.partition("#")[0].strip())]
