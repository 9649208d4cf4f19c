"""The part of a list of builds that concerns this machine, kept between commands.

One file for each list and platform: a first line about the list, then its releases as lines in upstream's schema. The
file's own time says when the list was last known to hold. What another pyman kept may lack what it did not understand:
it serves only where the list cannot be had. Anything odd about the file is as if it were not there, and what cannot be
written is done without: the cache may be deleted, or read-only, at any time.
"""

from __future__ import annotations

import json
import os

from pyman import __version__
from pyman.core.catalogue import Build, PassedOver, Unusable, offered_names, parse_release, release_line
from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON
from pyman.core.names import implementation_in_store
from pyman.core.version import VARIANT_SUFFIX, parse_version
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.places import make_folder
from pyman.effects.web.http import usable_tag
from pyman.errors import PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


_FORMAT = 3
_LARGEST = 16 << 20


@record
class CachedList:
    """What an earlier command read of a list."""

    builds: tuple[Build, ...]
    """Newest release first."""
    unusable: tuple[Unusable, ...]
    """Likewise."""
    passed_over: PassedOver
    etag: str
    """Of the answer that it was read from; "" where the server gave none."""
    url: str
    """The address that gave the answer, without secrets: an entity tag means nothing to another server."""
    complete: bool
    """False where reading stopped before the list's end."""
    fetched: float
    """Seconds since 1970."""
    same_reader: bool = True
    """False where another version of pyman has read it."""


class CatalogueCache:
    """The file for one list and one platform in `<cache>/catalogue/`."""

    def __init__(self, cache: str, name: str, platform: str) -> None:
        """`name` tells the lists apart: "" for upstream's."""
        self._folder = os.path.join(cache, "catalogue")
        self._path = os.path.join(self._folder, f"{platform}-{name}.ndjson" if name else f"{platform}.ndjson")
        self._platform = platform
        self._available = os.path.join(cache, "available")

    def read(self, base: str) -> CachedList | None:
        """Return what is kept, None where that is nothing or cannot be trusted. `base` as for `parse_release`."""
        try:
            fetched = os.stat(self._path).st_mtime
            head, *lines = read_bytes(self._path, _LARGEST).decode().splitlines()
            about = json.loads(head)
            if about["format"] != _FORMAT or about["releases"] != len(lines):
                return None
            builds = [build for line in lines for build in parse_release(line, base, self._platform).builds]
            if len(builds) != about["builds"]:
                return None
            return CachedList(
                tuple(builds),
                tuple(_unusable(*fields) for fields in about["unusable"]),
                PassedOver(*map(int, about["passed_over"])),
                usable_tag(str(about["etag"])),
                str(about["url"]),
                about["complete"] is True,
                fetched,
                about["pyman"] == __version__,
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, known: CachedList, base: str) -> None:
        """Keep a list, where the cache can be written."""
        releases: dict[tuple[object, str], list[Build]] = {}
        for build in known.builds:
            releases.setdefault((build.version, build.build), []).append(build)
        about = {
            "format": _FORMAT,
            "url": known.url,
            "etag": known.etag,
            "complete": known.complete,
            "releases": len(releases),
            "builds": len(known.builds),
            "unusable": [
                [str(one.version), one.variant, one.build, one.reason, one.version.implementation, one.version.own]
                for one in known.unusable
            ],
            "passed_over": [known.passed_over.lines, known.passed_over.artifacts],
            "pyman": __version__,
        }
        lines = [json.dumps(about), *(release_line(builds, base) for builds in releases.values())]
        try:
            make_folder(self._folder)
            replace_file(self._path, "".join(f"{line}\n" for line in lines).encode())
            os.utime(self._path, (known.fetched, known.fetched))
        except (OSError, PymanError):
            pass  # as the docstring of the module says

    def touch(self, fetched: float) -> None:
        """Note that the list still holds."""
        try:
            os.utime(self._path, (fetched, fetched))
        except OSError:
            pass  # as the docstring of the module says

    def write_available(self, builds: Sequence[Build], *, complete: bool) -> None:
        """Write `<cache>/available` for the shells' completion: minors and releases, one a line, the highest first.

        Where only a part of the list is known, what the file already has stays; what it has of implementations that are
        not among these builds, too: they may have lists of their own.
        """
        names = offered_names(builds)
        listed = {build.version.implementation for build in builds}
        try:
            before = read_bytes(self._available).decode()
        except (OSError, ValueError):
            before = ""
        known = set(names)
        names += [
            name
            for name in before.splitlines()
            if name not in known and not (complete and implementation_in_store(name) in listed)
        ]
        names.sort(key=lambda name: implementation_in_store(name) != CPYTHON)
        text = "".join(f"{name}\n" for name in names)
        if text == before:
            return
        try:
            make_folder(os.path.dirname(self._available))
            replace_file(self._available, text.encode())
        except (OSError, PymanError):
            pass  # as the docstring of the module says


def _unusable(
    version: str, variant: object, build: object, reason: object, implementation: str = CPYTHON, own: str = ""
) -> Unusable:
    """Read what `write` has written. Raises ValueError or TypeError for anything else."""
    number = parse_version(version)
    [named] = [name for name in VARIANT_SUFFIX if name == variant]
    if number is None or not isinstance(build, str) or not isinstance(reason, str):
        raise ValueError(version)
    return Unusable(replace(number, implementation=implementation, own=own), named, build, reason)
