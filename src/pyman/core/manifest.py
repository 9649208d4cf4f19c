"""`pyman-runtime.toml`: what a managed runtime says about itself.

Written with tomli-w, and read back here by the few lines of TOML that it consists of: `key = "text"`. Hot.
"""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.version import VARIANT_SUFFIX, Version, parse_version


@record
class Manifest:
    """What was known of a runtime on the day it was unpacked."""

    version: Version
    variant: str
    build: str | None
    url: str | None
    """None for a local archive."""
    sha256: str
    installed_at: str
    """UTC, ISO 8601."""
    library: str
    """The standard library below the prefix: `lib/python3.13`."""
    executable: str
    """The interpreter below the prefix: `bin/python3.13`."""


def manifest_fields(manifest: Manifest) -> dict[str, str]:
    """The table to write."""
    known = {
        "version": str(manifest.version),
        "variant": manifest.variant,
        "build": manifest.build,
        "url": manifest.url,
        "sha256": manifest.sha256,
        "installed_at": manifest.installed_at,
        "library": manifest.library,
        "executable": manifest.executable,
    }
    return {key: value for key, value in known.items() if value is not None}


def parse_manifest(text: str) -> Manifest | None:
    """Read a manifest; None where it is not one that pyman wrote."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition(" = ")
        if equals and len(value) >= 2 and value[0] == value[-1] == '"' and "\\" not in value:
            fields[key] = value[1:-1]
    version = parse_version(fields.get("version", ""))
    variant = fields.get("variant", "")
    library, executable = fields.get("library", ""), fields.get("executable", "")
    if version is None or variant not in VARIANT_SUFFIX or not _is_below(library) or not _is_below(executable):
        return None
    return Manifest(
        version,
        variant,
        fields.get("build"),
        fields.get("url"),
        fields.get("sha256", ""),
        fields.get("installed_at", ""),
        library,
        executable,
    )


def _is_below(path: str) -> bool:
    return bool(path) and path[0] != "/" and "\0" not in path and ".." not in path.split("/")
