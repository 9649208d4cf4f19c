"""Which release an archive is, by the names and headers that upstream gives it."""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.version import Version, parse_version

# `PY_RELEASE_LEVEL` of CPython's patchlevel.h, and how versions write it
_STAGE_NAMES = {
    "PY_RELEASE_LEVEL_ALPHA": "a",
    "PY_RELEASE_LEVEL_BETA": "b",
    "PY_RELEASE_LEVEL_GAMMA": "rc",
    "PY_RELEASE_LEVEL_FINAL": "",
}


@record
class Release:
    """A version and its variant, `default`, `freethreaded` or `debug`."""

    version: Version
    variant: str


@record
class ArchiveName:
    """What the file name of an archive of python-build-standalone says."""

    version: Version
    variant: str
    build: str
    """The release tag: `20261001`."""
    platform: str
    """The target triple: `x86_64-unknown-linux-gnu`."""
    flavor: str
    """`install_only_stripped`, `install_only` or `full`."""


def parse_archive_name(name: str) -> ArchiveName | None:
    """Return what a file name says, None when it is not one of upstream's.

    `cpython-VERSION[+N]+TAG-TRIPLE-[OPTIONS-]FLAVOR.tar.gz`, where a `+` may be written `%2B` and the triple may end
    in `-gnu`, `-musl` and the like (pbs:generate-version-metadata.py). Builds that are both free-threaded and debug
    are no variant that pyman has a name for.
    """
    import re

    match = re.fullmatch(
        r"cpython-(?P<version>[\w.]+)(?:\+\d+)?\+(?P<build>\d{1,14})"
        r"-(?P<platform>[a-z\d_]+-[a-z\d]+-[a-z\d]+(?:-(?:gnu(?:eabi(?:hf)?)?|musl|msvc))?)"
        r"-(?:(?P<options>[\w+-]+)-)?(?P<flavor>[a-z_]+)\.tar\.(?:gz|zst)",
        name.replace("%2B", "+").replace("%2b", "+"),
        re.ASCII,
    )
    if match is None:
        return None
    version = parse_version(match["version"])
    variant = _variant({*(match["options"] or "").split("+")})
    if version is None or variant is None:
        return None
    return ArchiveName(version, variant, match["build"], match["platform"], match["flavor"])


def _variant(options: set[str]) -> str | None:
    named = options & {"freethreaded", "debug"}
    return None if len(named) == 2 else (named or {"default"}).pop()


def read_patch_level(header: str) -> Version | None:
    """Return the version that `patchlevel.h` defines, None where it defines none."""
    defined = _defines(header)
    stage = _STAGE_NAMES.get(defined.get("PY_RELEASE_LEVEL", ""))
    if stage is None:
        return None
    numbers = [defined.get(f"PY_{part}_VERSION", "") for part in ("MAJOR", "MINOR", "MICRO")]
    serial = defined.get("PY_RELEASE_SERIAL", "") if stage else ""
    return parse_version(".".join(numbers) + stage + serial)


def read_configuration(header: str) -> str | None:
    """Return the variant that `pyconfig.h` defines, None where it is one without a name here."""
    defined = _defines(header)
    named = {"Py_GIL_DISABLED": "freethreaded", "Py_DEBUG": "debug"}
    return _variant({variant for name, variant in named.items() if defined.get(name) == "1"})


def _defines(header: str) -> dict[str, str]:
    """Return the first word of every `#define NAME VALUE`."""
    found: dict[str, str] = {}
    for line in header.splitlines():
        words = line.split(maxsplit=3)
        if len(words) >= 3 and words[0] == "#define":
            found[words[1]] = words[2]
    return found
