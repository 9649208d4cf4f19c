"""What `pyman-runtime.toml` says of a runtime: its release, its build, and where it came from.

Written with tomli-w, and read back here by the few lines of TOML that it consists of: `key = "text"`. Import-light.
"""

from __future__ import annotations

from pyman.core.immutable import record, replace
from pyman.core.implementation import OTHERS
from pyman.core.version import VARIANT_SUFFIX, Version, is_own_version, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant


@record
class BuiltFromSource:
    """How a runtime was built from source."""

    options: tuple[str, ...]
    """Those of `configure` that the user gave."""
    compiler: str
    """As it calls itself: `gcc (Debian 12.2.0-14) 12.2.0`."""
    needs: tuple[str, ...]
    """The libraries of the system that it is linked to: names, or paths where the system does not look."""


@record
class Manifest:
    """What was known of a runtime on the day it was unpacked."""

    version: Version
    variant: Variant
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
    source: BuiltFromSource | None = None
    """How it was built, where it was built on this machine."""


def manifest_fields(manifest: Manifest) -> dict[str, str]:
    """The table to write."""
    known = {
        "version": str(manifest.version),
        "implementation": manifest.version.implementation if manifest.version.own else None,
        "implementation_version": manifest.version.own or None,
        "variant": manifest.variant,
        "build": manifest.build,
        "url": manifest.url,
        "sha256": manifest.sha256,
        "installed_at": manifest.installed_at,
        "library": manifest.library,
        "executable": manifest.executable,
    }
    if manifest.source is not None:
        known |= {
            "options": " ".join(manifest.source.options),
            "compiler": manifest.source.compiler,
            "needs": ":".join(manifest.source.needs),
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
    implementation, own = fields.get("implementation"), fields.get("implementation_version", "")
    if implementation is not None and version is not None:
        if implementation not in OTHERS or not is_own_version(own):
            return None
        version = replace(version, implementation=implementation, own=own)
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
        _read_source(fields),
    )


def _read_source(fields: dict[str, str]) -> BuiltFromSource | None:
    if "needs" not in fields:
        return None
    needs = tuple(need for need in fields["needs"].split(":") if need)
    return BuiltFromSource(tuple(fields.get("options", "").split()), fields.get("compiler", ""), needs)


def _is_below(path: str) -> bool:
    return bool(path) and path[0] != "/" and "\0" not in path and ".." not in path.split("/")
