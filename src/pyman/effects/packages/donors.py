"""The packages that bases lend to venvs (`include-system-site-packages`), each base looked at once in a run."""

from __future__ import annotations

import errno
import os

from pyman.core.immutable import record
from pyman.core.implementation import library_name
from pyman.core.packages.lent import (
    NOTHING,
    DonorPackages,
    missing,
    package_folders,
    paths_in_pth,
    read_names,
    together,
)
from pyman.core.venv import NO_COPY
from pyman.effects.files import read_text
from pyman.effects.interpreters.standard_library import standard_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyman.core.relink import Target
    from pyman.core.venv import VenvFacts
    from pyman.core.version import Variant

_MOST_PATHS = 200
"""Of folders that the `.pth` files of one package folder add."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


@record
class Donor:
    """A base that venvs may borrow from."""

    prefix: str
    library: str
    """`python3.13`, the folder in `lib`."""


class Donors:
    """Says what venvs have from their bases, and would miss on others."""

    def __init__(self) -> None:
        self._lent: dict[Donor, DonorPackages] = {}
        self._targets: dict[Target, Donor] = {}
        self._missing: dict[tuple[Donor, Donor], tuple[str, ...]] = {}

    def losses(self, facts: VenvFacts, target: Target) -> tuple[str, ...]:
        """What a venv would miss if it were linked to another base: names with versions, sorted."""
        if not facts.settings.has_system_site_packages:
            return ()
        base = facts.interpreter if facts.copy == NO_COPY else facts.home_interpreter
        if base is None or not base.minor:
            return ()
        # `home` decides where the library is, and with it the packages; else the place of the interpreter does.
        prefix = base.prefix if facts.home_library is None else os.path.dirname(os.path.dirname(facts.home_library))
        old = Donor(prefix, _library(base.implementation, base.minor, base.variant))
        if target not in self._targets:
            self._targets[target] = _donor_at(target)
        return self.missed(old, self._targets[target], f"{facts.folder}/lib/{old.library}/site-packages")

    def missed(self, old: Donor, new: Donor, own: str) -> tuple[str, ...]:
        """What a venv with the package folder `own` has from one base and would not have from another."""
        if (old, new) not in self._missing:
            is_one = (os.path.realpath(old.prefix), old.library) == (os.path.realpath(new.prefix), new.library)
            self._missing[old, new] = () if is_one else missing(self._packages_of(old), self._packages_of(new))
        found = self._missing[old, new]
        if not found:
            return ()
        lent, has = self._packages_of(old), _own(own)
        if has.distributions.keys().isdisjoint(lent.distributions) and has.modules.isdisjoint(lent.modules):
            return found  # As most do, which have packages of their own and others of their base.
        return missing(lent, self._packages_of(new), has)

    def _packages_of(self, donor: Donor) -> DonorPackages:
        """The packages in a base's own folders and in those that their `.pth` files add."""
        if donor not in self._lent:
            self._lent[donor] = together(map(_packages_in, package_folders(donor.prefix, donor.library)))
        return self._lent[donor]


def _donor_at(target: Target) -> Donor:
    minor, prefix = target.version.minor_name, os.path.dirname(target.home)
    implementation = target.version.implementation
    if standard_library(prefix, minor, target.variant, implementation) is None:
        prefix = os.path.dirname(os.path.dirname(os.path.realpath(target.executable)))
    return Donor(prefix, _library(implementation, minor, target.variant))


def _library(implementation: str, minor: str, variant: Variant) -> str:
    """The folder of packages: debug builds share that of default ones."""
    return library_name(implementation, minor + ("t" if variant == "freethreaded" else ""))


def _packages_in(folder: str) -> DonorPackages:
    """What one folder of a base holds; where that cannot be told, its place stands for its packages."""
    try:
        return _read(folder)
    except OSError as error:
        if error.errno in _ABSENT:
            return NOTHING
        return DonorPackages({folder: f"whatever is in {folder} (which cannot be read)"})


def _own(folder: str) -> DonorPackages:
    try:
        return _read(folder)
    except OSError:
        return NOTHING


def _read(folder: str) -> DonorPackages:
    files, folders = _names(folder)
    added = [path for name in sorted(files) if name.endswith(".pth") for path in _added_by(f"{folder}/{name}", folder)]
    parts = [read_names(files, folders)]
    for path in list(dict.fromkeys(added))[:_MOST_PATHS]:
        try:
            parts.append(read_names(*_names(path)))
        except OSError:
            continue  # A line of a `.pth` file that leads nowhere adds nothing.
    return together(parts)


def _names(folder: str) -> tuple[list[str], list[str]]:
    """The names of the files and of the folders in a folder."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as found:
        for entry in found:
            (folders if _is_folder(entry) else files).append(entry.name)
    return files, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _added_by(path: str, folder: str) -> Iterator[str]:
    try:
        text = read_text(path, 1 << 16)
    except OSError:
        return
    for line in paths_in_pth(text):
        yield os.path.join(folder, line)
