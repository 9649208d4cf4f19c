"""`REQUESTED` in a `dist-info` (PEP 376): whether the user asked for a package, or it came with another."""

from __future__ import annotations

import os

from pyman.effects.files import read_bytes, replace_file
from pyman.effects.packages.dist_info import LARGEST_RECORD
from pyman.effects.seeds.sharing import write_new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyman.core.packages.package import Package

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
