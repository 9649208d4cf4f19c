"""Compiled modules that a venv imports and that no package lists: copied in, or built in the folders that it points to.

Where a move takes away something that compiled files need, they are looked for in all of site-packages, below the
paths that `.pth` files add, and in the source folders that editable installs name: those of setuptools, hatchling,
scikit-build-core, meson-python and maturin. Only what can be imported is looked at, and never more than so many names.
"""

from __future__ import annotations

import os

from pyman.core.names import split_library
from pyman.core.packages.lent import paths_in_pth
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.relocation import is_pointer, sources_in
from pyman.core.scripts_and_modules import Abi, has_tag, module_of
from pyman.effects.files import names_seen, read_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pyman.core.version import Variant

MOST_ENTRIES = 20_000
"""Names that are looked at for one venv."""
_LIBRARY = ".so"


class LooseFiles:
    """The compiled modules of one venv that no package lists: `files` are their absolute paths."""

    def __init__(self, site_packages: str, listed: Collection[str], abi: str = "") -> None:
        """Look for them; `listed` are those that RECORD files name, relative to site-packages. Raises nothing.

        `abi` is what modules of another implementation are called that count: `pypy311-pp73`.
        """
        self.files: list[str] = []
        self.notes: list[str] = []
        self._left = MOST_ENTRIES
        self._listed = {f"{site_packages}/{path}" for path in listed}
        split = split_library(os.path.basename(os.path.dirname(site_packages)))
        self._abi = None
        if split is not None:
            variant: Variant = "freethreaded" if split[2] == "freethreaded" else "default"
            self._abi = Abi(split[1], variant, None, own=abi)
        self._seen: set[str] = set()
        outside = tuple(dict.fromkeys(pointed_to(site_packages)))
        self.looks_outside = bool(outside)
        """True where something beside site-packages was looked at."""
        for path in (site_packages, *outside):
            self._look_at(path)
            if self._left <= 0:
                self.notes.append(
                    f"{path} was only partly checked: it has more than {MOST_ENTRIES:,} files and folders"
                )
                break

    def _look_at(self, path: str) -> None:
        """A folder that the venv imports from, or a package of it, or one compiled module."""
        if path.endswith(_LIBRARY):
            self._add(path)
            return
        # Only the folder that is named may be reached through links: below it none is followed.
        real, start = os.path.realpath(path), len(path)
        pending = [path]
        while pending and self._left > 0:
            folder = pending.pop()
            place = real + folder[start:]
            if place in self._seen:
                continue
            self._seen.add(place)
            pending += self._entries_of(folder)

    def _entries_of(self, folder: str) -> list[str]:
        """Add the compiled modules in a folder, and return the packages in it."""
        packages: list[str] = []
        modules: list[str] = []
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    self._left -= 1
                    if entry.name == FILE_NAME or self._left <= 0:
                        return []  # Nobody imports from a venv folder, such as the project's own.
                    if entry.name.endswith(_LIBRARY):
                        modules.append(entry.path)
                    elif entry.name.isidentifier() and entry.name not in _NEVER and _is_folder(entry):
                        packages.append(entry.path)
        except OSError:
            return []
        for path in modules:
            self._add(path)
        return packages

    def _add(self, path: str) -> None:
        tag = module_of(path)[1]
        of_another = has_tag(tag) and self._abi is not None and not self._abi.loads(tag)
        if path not in self._listed and not of_another and os.path.isfile(path):
            self.files.append(path)


_NEVER = frozenset(("__pycache__", "node_modules"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def pointed_to(site_packages: str) -> Iterator[str]:
    """The paths that `.pth` files and editable installs add, outside of site-packages."""
    for name in filter(is_pointer, names_seen(site_packages)):
        try:
            content = read_bytes(f"{site_packages}/{name}")
        except OSError:
            continue
        found = [*sources_in(name, content)]
        if name.endswith(".pth"):
            text = content.decode("utf-8", "surrogateescape")
            found += [os.path.normpath(os.path.join(site_packages, path)) for path in paths_in_pth(text)]
        for path in found:
            if path != "/" and "\0" not in path and not f"{path}/".startswith(f"{site_packages}/"):
                yield path
