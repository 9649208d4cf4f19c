"""Files of packages that somebody changed since they were installed: a rebuild would put the old ones back."""

from __future__ import annotations

import os
import re
from posixpath import basename, dirname

from pyman.core.immutable import record
from pyman.core.packages.package import digests_in_record
from pyman.core.script_header import header_for, read_header
from pyman.core.user_files import inside
from pyman.effects.files import NotReadable, open_to_read, read_bytes
from pyman.effects.packages.dist_info import LARGEST_RECORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyman.core.packages.package import Package

_PIECE = 1 << 20
# Tools write these after a package was installed, and the new installer does.
_OF_INSTALLERS = frozenset(("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json"))
# The lines of the scripts that pip, uv and installer generate for entry points.
_GENERATED = re.compile(
    r"""\s*|\#.*coding.*|import\ re|import\ sys|from\ [\w.]+\ import\ [\w.]+
    |if\ __name__\ ==\ ['"]__main__['"]:|\s+sys\.argv\[0\]\ =\ .*|\s+if\ sys\.argv\[0\]\.endswith\(.*
    |\s+sys\.exit\([\w.]+\(\)\)""",
    re.VERBOSE,
)


@record
class ChangedFile:
    """One such file."""

    path: str
    """Relative to the venv."""
    package: str


def changed_files(
    venv: str, library: str, packages: Iterable[Package], places: Iterable[str]
) -> tuple[ChangedFile, ...]:
    """Find the files whose content is not what RECORD tells; those without a hash there, or that are gone, are none.

    `library` is the folder of the packages, relative to the venv; `places` are those that the venv had. A script is not
    changed where only its first lines name another interpreter, as after a move. Raises nothing: what cannot be read
    is not told.
    """
    site_packages = os.path.join(venv, library)
    found = []
    for package in packages:
        try:
            rows = digests_in_record(read_bytes(f"{site_packages}/{package.folder}/RECORD", LARGEST_RECORD))
        except OSError:
            continue
        for listed, algorithm, digest in rows:
            path = inside(venv, library, listed)
            if path is None or (dirname(path).endswith(".dist-info") and basename(path) in _OF_INSTALLERS):
                continue
            present = _digest(os.path.join(venv, path), algorithm)
            if present in (None, digest) or (
                dirname(path) == "bin"
                and _is_as_generated(os.path.join(venv, path), package, algorithm, digest, places)
            ):
                continue
            found.append(ChangedFile(path, package.name))
    return tuple(found)


def _digest(path: str, algorithm: str) -> str | None:
    """The digest of a file, also of one that a link leads to: uv and virtualenv can install so."""
    try:
        descriptor = open_to_read(path)
    except OSError:
        return None
    import hashlib

    digest = hashlib.new(algorithm)
    try:
        while piece := os.read(descriptor, _PIECE):
            digest.update(piece)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def _is_as_generated(path: str, package: Package, algorithm: str, digest: str, places: Iterable[str]) -> bool:
    try:
        text = read_bytes(path).decode("utf-8", "surrogateescape")
    except (OSError, NotReadable):
        return True
    header = read_header(text)
    if header is None:
        return False
    _, arguments, rest = header
    if basename(path) in package.scripts and all(_GENERATED.fullmatch(line) for line in rest.splitlines()):
        return True
    import hashlib

    return any(
        hashlib.new(algorithm, f"{before}{rest}".encode("utf-8", "surrogateescape")).hexdigest() == digest
        for before in _headers(places, arguments)
    )


def _headers(places: Iterable[str], arguments: str) -> Iterator[str]:
    for place in places:
        for name in ("python", "python3"):
            yield header_for(f"{place}/bin/{name}", arguments)
