"""What is installed in site-packages folders, read from their files alone; no interpreter needs to work."""

from __future__ import annotations

import os
import time
from itertools import islice

from pyman.core.immutable import record, replace
from pyman.core.packages.compatibility import Need
from pyman.core.packages.package import (
    Distribution,
    Origin,
    Package,
    compiled_in_record,
    headers_of,
    is_compiled,
    is_inside,
    normalize_name,
    parse_direct_url,
    parse_metadata,
    paths_in_record,
    rows_in_record,
    scripts_in_entry_points,
    split_folder,
)
from pyman.core.scripts_and_modules import module_of, split_tag
from pyman.effects.architecture import architectures_of
from pyman.effects.files import SMALL_FILE, NotReadable, read_bytes, replace_file
from pyman.effects.packages.loose import LooseFiles
from pyman.effects.packages.symbols import is_library, undefined_symbols
from pyman.effects.seeds.sharing import write_new
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LARGEST_RECORD = 16 * SMALL_FILE
"""Bytes. The largest distributions list some 50,000 files."""

_KINDS = (".dist-info", ".egg-info", ".egg", ".egg-link")


def read_distributions(site_packages: str) -> tuple[tuple[Distribution, ...], tuple[str, ...]]:
    """Read what the check before a move needs: a few headers, and which files are compiled.

    Returns with it one sentence for each thing that could not be read. Raises nothing.
    """
    found: list[Distribution] = []
    notes: list[str] = []
    for folder in _metadata_folders(site_packages, notes):
        if folder.endswith(".dist-info"):
            distribution = _read_dist_info(f"{site_packages}/{folder}", folder, notes)
        else:
            distribution = _read_egg(site_packages, folder, notes)[0]
        if distribution is not None:
            found.append(distribution)
    return tuple(found), tuple(notes)


def read_packages(site_packages: str) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """Read all that a rebuild must know of each package, sorted by name.

    Returns with it one sentence for each thing that could not be read. Raises PymanError where that is the folder
    itself: it is not known then which packages there are.
    """
    found: list[Package] = []
    notes: list[str] = []
    folders = _metadata_folders(site_packages, notes)
    if notes and os.path.lexists(site_packages):
        raise PymanError(notes[0], hint="fix that, then run the same command again")
    for folder in folders:
        path = f"{site_packages}/{folder}"
        if folder.endswith(".dist-info"):
            distribution = _read_dist_info(path, folder, notes)
            if distribution is not None:
                found.append(_with_provenance(distribution, path, folder, notes))
            continue
        distribution, origin = _read_egg(site_packages, folder, notes)
        if distribution is not None:
            scripts = scripts_in_entry_points(_read_if_there(f"{path}/entry_points.txt", notes) or b"")
            found.append(Package(distribution, folder, True, None, origin, scripts))
    found.sort(key=lambda package: (package.normalized, package.folder))
    return _without_doubles(site_packages, found, notes), tuple(notes)


def installed_paths(site_packages: str, package: Package) -> tuple[str, ...] | None:
    """Return the paths that were installed with a package, relative to site-packages, or absolute.

    None where no list tells, or it cannot be read.
    """
    folder = f"{site_packages}/{package.folder}"
    try:
        if package.folder.endswith(".egg-info"):
            listed = paths_in_record(read_bytes(f"{folder}/installed-files.txt", LARGEST_RECORD))
            return tuple(os.path.normpath(os.path.join(package.folder, path)) for path in listed)
        return paths_in_record(read_bytes(f"{folder}/RECORD", LARGEST_RECORD))
    except OSError:
        return None


def top_levels(site_packages: str, package: Package) -> tuple[str, ...]:
    """The names in site-packages that a package without a list of files says, or seems, to have."""
    told = _read_if_there(f"{site_packages}/{package.folder}/top_level.txt", []) or b""
    names = tuple(name for name in told.decode("utf-8", "replace").split() if name.isidentifier())
    return names or (package.normalized.replace("-", "_"),)


def record_rows(site_packages: str, package: Package) -> tuple[tuple[str, str], ...]:
    """Return those paths, each with the hash that stands there: `sha256=…`, or nothing. Raises the same."""
    return rows_in_record(read_bytes(f"{site_packages}/{package.folder}/RECORD", LARGEST_RECORD))


def _metadata_folders(site_packages: str, notes: list[str]) -> list[str]:
    try:
        names = os.listdir(site_packages)
    except OSError as error:
        notes.append(f"{site_packages} could not be read: {error.strerror}")
        return []
    # A name that begins with `~` is what pip moved aside and could not delete.
    return sorted(name for name in names if name.endswith(_KINDS) and not name.startswith(("~", ".")))


def _read_dist_info(path: str, folder: str, notes: list[str]) -> Distribution | None:
    distribution = None
    try:
        distribution = parse_metadata(headers_of(read_bytes(f"{path}/METADATA")))
        if distribution is None:
            notes.append(f"{path}/METADATA could not be checked: it is not UTF-8, or names no package")
    except OSError as error:
        notes.append(f"{path}/METADATA could not be read: {_why(error)}")
    distribution = distribution or _from_name(folder)
    if distribution is None:
        return None
    try:
        compiled = compiled_in_record(read_bytes(f"{path}/RECORD", LARGEST_RECORD))
    except OSError as error:
        notes.append(f"{path}/RECORD could not be read: {_why(error)}")
        return distribution
    return replace(distribution, compiled=compiled) if compiled else distribution


def _from_name(folder: str) -> Distribution | None:
    told = split_folder(folder)
    return Distribution(told[0], normalize_name(told[0]), told[1]) if told is not None else None


def _why(error: OSError) -> str:
    return "it is not a regular file, or too large" if isinstance(error, NotReadable) else error.strerror or str(error)


def _read_if_there(path: str, notes: list[str]) -> bytes | None:
    try:
        return read_bytes(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        notes.append(f"{path} could not be read: {_why(error)}")
        return None


def _with_provenance(distribution: Distribution, path: str, folder: str, notes: list[str]) -> Package:
    direct_url = _read_if_there(f"{path}/direct_url.json", notes)
    installer = (_read_if_there(f"{path}/INSTALLER", notes) or b"").decode("utf-8", "replace").strip()
    return Package(
        distribution,
        folder,
        os.path.lexists(f"{path}/REQUESTED"),
        installer if installer and installer.isprintable() else None,
        parse_direct_url(direct_url) if direct_url is not None else None,
        scripts_in_entry_points(_read_if_there(f"{path}/entry_points.txt", notes) or b""),
    )


def _read_egg(site_packages: str, folder: str, notes: list[str]) -> tuple[Distribution | None, Origin | None]:
    """Read what setuptools and distutils left before wheels: a folder, a lone file, or a link to a source tree."""
    path = f"{site_packages}/{folder}"
    if folder.endswith(".egg-link"):
        return _read_egg_link(path, folder, notes)
    inside = "EGG-INFO/PKG-INFO" if folder.endswith(".egg") else "PKG-INFO"
    content = _read_if_there(f"{path}/{inside}", notes)
    if content is None and folder.endswith(".egg-info"):
        content = _read_if_there(path, notes) if os.path.isfile(path) else None
    distribution = parse_metadata(headers_of(content)) if content is not None else None
    if distribution is None:
        notes.append(f"{path} could not be checked: it has no metadata that can be read")
        return _from_name(folder), None
    files = paths_in_record(_read_if_there(f"{path}/installed-files.txt", notes) or b"")
    # Those paths are relative to the `egg-info` folder itself.
    inside_of = (name.removeprefix("../") for name in files if is_compiled(name) and name.count("../") == 1)
    compiled = tuple(filter(is_inside, inside_of))
    return (replace(distribution, compiled=compiled) if compiled else distribution), None


def _read_egg_link(path: str, folder: str, notes: list[str]) -> tuple[Distribution | None, Origin | None]:
    source = (_read_if_there(path, notes) or b"").decode("utf-8", "surrogateescape").partition("\n")[0].strip()
    if not os.path.isabs(source) or "\0" in source:
        notes.append(f"{path} could not be checked: it names no folder")
        return None, None
    name = folder.removesuffix(".egg-link")
    origin = Origin("editable", path=source)
    egg_info = f"{source}/{name.replace('-', '_')}.egg-info/PKG-INFO"
    content = _read_if_there(egg_info, notes)
    distribution = parse_metadata(headers_of(content)) if content is not None else None
    return distribution or Distribution(name, normalize_name(name), "0"), origin


def _without_doubles(site_packages: str, packages: list[Package], notes: list[str]) -> tuple[Package, ...]:
    """Keep of two versions of one package the one that was installed last: its files are those that are there."""
    kept: dict[str, Package] = {}
    for package in packages:
        other = kept.get(package.normalized)
        if other is None:
            kept[package.normalized] = package
            continue
        last = max(other, package, key=lambda one: _modified(f"{site_packages}/{one.folder}"))
        kept[package.normalized] = last
        notes.append(
            f"{package.name} is installed twice, as {other.version} and {package.version}; {last.version} is used"
        )
    return tuple(kept.values())


def _modified(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0


# What many venvs have installed, as much of it as the check before a move needs (core/packages/compatibility.py).

# What the system still has in memory one thread reads fastest; a disk answers several at once. Told by the first few
# folders: from memory a distribution takes 25 microseconds and a compiled file 400, from a disk ten times as long.
_SAMPLE = 8
_SLOW_DISTRIBUTION = 100e-6
_SLOW_FILE = 1e-3
_THREADS = 8

_MOST_REMEMBERED = 20_000
_TOGETHER = 256
"""Folders that are read at once by several threads."""


@record
class Installed:
    """What one site-packages folder holds."""

    site_packages: str
    distributions: tuple[Distribution, ...] = ()
    needs: tuple[Need, ...] = ()
    """What compiled files need of that which the move takes away."""
    notes: tuple[str, ...] = ()
    """What could not be read, one sentence each."""
    may_change_unseen: bool = False
    """True where compiled files count whose changes the time of the folder does not tell."""


class Reader:
    """Reads site-packages folders; a compiled file that several venvs share by hard links is read once."""

    def __init__(
        self,
        lost_symbols: frozenset[str] = frozenset(),
        lost_architectures: frozenset[str] = frozenset(),
        lost_abi: str = "",
    ) -> None:
        """What the move takes away: where it takes no symbol, no table of symbols is read."""
        self.lost_symbols = lost_symbols
        self.lost_architectures = lost_architectures
        self.lost_abi = lost_abi
        self._remembered: dict[tuple[int, int, int, int], tuple[str, ...] | None] = {}

    def read(self, site_packages: str) -> Installed:
        """Read one folder. Raises nothing: what cannot be read is a note."""
        distributions, notes = read_distributions(site_packages)
        needs: list[Need] = []
        unreadable: list[str] = []
        for distribution in distributions:
            for file in distribution.compiled:
                self._read_file(f"{site_packages}/{file}", file, str(distribution), needs, unreadable)
        may_change_unseen = False
        if self.lost_symbols or self.lost_architectures or self.lost_abi:
            loose = LooseFiles(site_packages, {file for each in distributions for file in each.compiled}, self.lost_abi)
            notes, may_change_unseen = (*notes, *loose.notes), loose.looks_outside or bool(loose.files)
            for path in loose.files:
                self._read_file(path, path.removeprefix(f"{site_packages}/"), "", needs, unreadable)
        notes = (*notes, *_shortened(unreadable))
        return Installed(site_packages, distributions, tuple(needs), notes, may_change_unseen)

    def _read_file(self, path: str, file: str, package: str, needs: list[Need], unreadable: list[str]) -> None:
        """See what one compiled file needs; `package` is empty for one that no package lists."""
        of_package = f" of {package}" if package else ""
        if self.lost_abi and split_tag(module_of(file)[1])[0] == self.lost_abi:
            needs.append(Need(package, file, abi=self.lost_abi))
        if self.lost_architectures:
            built_for = architectures_of(path)
            if built_for and built_for <= self.lost_architectures:
                needs.append(Need(package, file, architectures=built_for))
        try:
            symbols = self._lost_symbols_of(path)
        except OSError as error:
            unreadable.append(f"{file}{of_package} could not be checked: {error.strerror or error}")
            return
        if symbols is None:
            unreadable.append(f"{file}{of_package} could not be checked: it is not a compiled module")
        elif symbols:
            needs.append(Need(package, file, symbols))

    def read_each(self, folders: Iterable[str]) -> Iterator[Installed]:
        """Read many folders, answering in their order, and with several threads where the disk is what takes time."""
        waiting = iter(folders)
        seconds = expected = 0.0
        for folder in islice(waiting, _SAMPLE):
            began = time.perf_counter()
            installed = self.read(folder)
            seconds += time.perf_counter() - began
            files = sum(len(distribution.compiled) for distribution in installed.distributions)
            expected += len(installed.distributions) * _SLOW_DISTRIBUTION + files * _SLOW_FILE
            yield installed
        if seconds <= expected:
            yield from map(self.read, waiting)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_THREADS) as pool:
            # `map` would read all of them at once, before they are needed.
            while together := tuple(islice(waiting, _TOGETHER)):
                yield from pool.map(self.read, together)

    def _lost_symbols_of(self, path: str) -> tuple[str, ...] | None:
        if not self.lost_symbols:
            return () if is_library(path) else None
        status = os.stat(path)
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if key in self._remembered:
            return self._remembered[key]
        symbols = undefined_symbols(path)
        answer = None if symbols is None else tuple(sorted(symbols & self.lost_symbols))
        if len(self._remembered) < _MOST_REMEMBERED:
            self._remembered[key] = answer
        return answer


def _shortened(notes: list[str]) -> list[str]:
    """Leave it at one sentence where a whole venv is of a kind that nobody reads here."""
    return notes if len(notes) <= 3 else [*notes[:2], f"{len(notes) - 2} more compiled files could not be checked"]


# `REQUESTED` in a `dist-info` (PEP 376): whether the user asked for a package, or it came with another.

_MARK = "REQUESTED"
_OF_NOTHING = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0"
"""As RECORD tells of an empty file."""


def keep_marks(site_packages: int, packages: Iterable[Package], before: Mapping[str, bool]) -> None:
    """Mark the packages as they were: an installer that is given every name marks them all.

    `site_packages` is the descriptor of that folder, open; `before` says of normalized names whether they were asked
    for; others keep what they have. Raises OSError.
    """
    for package in packages:
        wanted = before.get(package.normalized, package.requested)
        if package.requested != wanted and package.folder.endswith(".dist-info"):
            _mark(site_packages, package.folder, wanted=wanted)


def _mark(site_packages: int, folder: str, *, wanted: bool) -> None:
    row = f"{folder}/{_MARK},".encode()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=site_packages)
    try:
        content = read_bytes("RECORD", LARGEST_RECORD, folder=descriptor)
        rows = [line for line in content.splitlines(keepends=True) if not line.startswith(row)]
        if wanted:
            rows.append(row + _OF_NOTHING.encode() + (b"\r\n" if content.endswith(b"\r\n") else b"\n"))
        # A new file: the old one may be a hard link into another tool's cache.
        replace_file("RECORD", b"".join(rows), 0o644, folder=descriptor)
        if wanted:
            write_new(_MARK, b"", folder=descriptor)
        else:
            os.unlink(_MARK, dir_fd=descriptor)
    finally:
        os.close(descriptor)
