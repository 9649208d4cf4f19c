"""What the files of a runtime say about it: where it lies, and its manifest `pyman-runtime.toml`.

Only two files are changed, and in them only values that begin with `/install`. Everything else that upstream bakes in,
names of compilers for one, is left alone: what compiles with a runtime asks the user's environment for those.

Import-light.
"""

from __future__ import annotations

from pyman.core.record import record
from pyman.core.version import VARIANT_SUFFIX, Version, parse_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.version import Variant

# At import time, not when it is unpacked: through an alias `sys.base_prefix` is the alias, so an environment that
# follows it compiles against the alias, and a pinned one against its patch release. The text works on every Python 3,
# and also for tools that execute the file by themselves; the variables above it stay the literal that it was.
_RELOCATION = """

# pyman: this build was made for /install, and runs from wherever it lies. What is compiled with it looks there too.
def _relocate(variables):
    import sys

    for name, value in variables.items():
        words = value.split(" ") if isinstance(value, str) else [""]
        if (words[0] + "/").startswith("/install/"):
            moved = [sys.base_prefix + word[8:] if (word + "/").startswith("/install/") else word for word in words]
            variables[name] = " ".join(moved)


_relocate(build_time_vars)
"""

EXTERNALLY_MANAGED = """\
[externally-managed]
Error=This Python belongs to pyman, which replaces it as a whole when a newer patch
 release is installed: packages in it would be gone.

 Make an environment and install into that:

   pyman venv
   . .venv/bin/activate
   python -m pip install PACKAGE

 An application is best installed by pipx or uv tool, each in an environment of its own.
"""
"""The file that keeps pip out of a runtime (PEP 668). pip and uv show its text as it stands, empty lines too."""


def relocated_variables(source: bytes) -> bytes:
    """Return a `_sysconfigdata*.py` whose paths are those of the running interpreter, once it is imported.

    A file that has been changed already, or that is something else, is returned as it is.
    """
    addition = _RELOCATION.encode()
    if b"build_time_vars" not in source or source.endswith(addition):
        return source
    return source.rstrip(b"\n") + b"\n" + addition


def relocated_makefile(source: bytes, prefix: bytes) -> bytes:
    """Return a `Makefile` in which every variable that is set to a path below `/install` has one below `prefix`."""
    import re

    # make has no way to write a space in a path; it has one for these
    written = prefix.replace(b"$", b"$$").replace(b"#", b"\\#")

    def moved(match: re.Match[bytes]) -> bytes:
        words = re.sub(rb"(?<!\S)/install(?=[/\s]|$)", lambda _: written, match["value"])
        return match["name"] + words

    return re.sub(
        rb"^(?P<name>[\w.]+[ \t]*[:?+]{0,2}=[ \t]*)(?P<value>/install(?:[/ \t].*)?)$", moved, source, flags=re.MULTILINE
    )


# `pyman-runtime.toml`: what a managed runtime says about itself.
#
# Written with tomli-w, and read back here by the few lines of TOML that it consists of: `key = "text"`.


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
