"""PyPy's own lists: what releases there are (`versions.json`), and the checksums of their archives.

The checksums are published on another host on purpose. The list of releases is an array, newest first nearly; a file of
it is `{"filename", "arch", "platform", "download_url"}`, without size or hash. A file whose checksum is not published
yet is not offered. Rolling builds (`nightly`) have neither a number nor a checksum.
"""

from __future__ import annotations

from pyman.core.catalogue import NO_SHA256, Build, Listed, PassedOver, Unusable, WrongShape, resolve_url
from pyman.core.immutable import replace
from pyman.core.implementation import PYPY
from pyman.core.request import OLDEST
from pyman.core.version import is_own_version, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

VERSIONS = "https://downloads.python.org/pypy/versions.json"
CHECKSUMS = "https://pypy.org/checksums.html"
FILES = ("pypy-versions.json", "pypy-checksums.html")
"""What the two are called in the cache."""

# Platform and architecture as the list calls them. There are no builds for musl.
_PLATFORMS = {
    "x86_64-unknown-linux-gnu": ("linux", "x64"),
    "i686-unknown-linux-gnu": ("linux", "i686"),
    "aarch64-unknown-linux-gnu": ("linux", "aarch64"),
    "s390x-unknown-linux-gnu": ("linux", "s390x"),
    "x86_64-apple-darwin": ("darwin", "x64"),
    "aarch64-apple-darwin": ("darwin", "arm64"),
}
_FORMATS = ("tar.gz", "tar.bz2")
_DATE = len("20261012")


def parse_pypy_lists(versions: str, checksums: str, platform: str) -> tuple[Listed, PassedOver]:
    """Return the builds for a platform, the newest PyPy first, and how much of the list is not understood.

    Raises WrongShape where it is not such a list at all.
    """
    import json

    try:
        releases = json.loads(versions)
    except (ValueError, RecursionError):
        raise WrongShape("is not JSON") from None
    if not isinstance(releases, list):
        raise WrongShape("is not a list of releases")
    sums = read_checksums(checksums)
    builds: dict[str, Build] = {}
    unusable: list[Unusable] = []
    lines = 0
    for release in releases:
        try:
            found = _read_release(release, sums, platform)
        except WrongShape:
            lines += 1
            continue
        if isinstance(found, Build):
            builds.setdefault(found.release, found)
        elif found is not None:
            unusable.append(found)
    if releases and lines == len(releases):
        raise WrongShape("has no release that this pyman understands")
    ordered = sorted(builds.values(), key=lambda build: build.version.order, reverse=True)
    return Listed(tuple(ordered), tuple(unusable)), PassedOver(lines=lines)


def read_checksums(text: str) -> dict[str, str]:
    """Return the sha256 of archives by their names, from PyPy's page of checksums or its source."""
    import re

    found = re.findall(r"([0-9a-fA-F]{64})[ \t]+(pypy[^\s<]+)", text)
    return {name: sha256.lower() for sha256, name in found}


def _read_release(release: object, sums: Mapping[str, str], platform: str) -> Build | Unusable | None:
    """The archive of a release for a platform; None where there is none for us. Raises WrongShape."""
    if not isinstance(release, dict) or not isinstance(release.get("files"), list):
        raise WrongShape("is not a release with files")
    own, python = release.get("pypy_version"), release.get("python_version")
    if not isinstance(own, str) or not isinstance(python, str):
        raise WrongShape("has no version")
    version = parse_version(python)
    if own == "nightly" or python.startswith("2."):
        return None
    if version is None or not is_own_version(own):
        raise WrongShape("has an invalid version")
    if (version.major, version.minor) < OLDEST:
        return None
    version = replace(version, implementation=PYPY, own=own)
    fitting = [file for file in release["files"] if _fits(file, platform)]
    if not fitting:
        return None
    tag = str(release.get("date", "")).replace("-", "")
    if len(tag) != _DATE or not (tag.isascii() and tag.isdigit()):
        raise WrongShape("has an invalid date")
    file = min(fitting, key=lambda file: _FORMATS.index(_format_of(file["filename"])))
    sha256 = sums.get(file["filename"])
    if sha256 is None:
        return Unusable(version, "default", tag, NO_SHA256)
    try:
        url = resolve_url(file["download_url"], VERSIONS.rpartition("/")[0])
    except WrongShape as error:
        return Unusable(version, "default", tag, str(error))
    return Build(version, "default", tag, platform, url, sha256, None, _format_of(file["filename"]))


def _fits(file: Any, platform: str) -> bool:
    wanted = _PLATFORMS.get(platform)
    if not isinstance(file, dict) or wanted is None or (file.get("platform"), file.get("arch")) != wanted:
        return False
    name = file.get("filename")
    return isinstance(name, str) and isinstance(file.get("download_url"), str) and _format_of(name) in _FORMATS


def _format_of(name: str) -> str:
    return next((ending for ending in _FORMATS if name.endswith(f".{ending}")), "")
