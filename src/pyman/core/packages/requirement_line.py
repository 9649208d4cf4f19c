"""The line that makes pip or uv install again just what was there, or the reason why none does."""

from __future__ import annotations

import re

from pyman.core.packages.origin import COMPARED
from pyman.core.packages.package import is_name
from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.packages.origin import Origin
    from pyman.core.packages.package import Package

# PEP 440 in its normal form, and what a local version adds; `===` takes the rest.
_VERSION = re.compile(
    r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[a-z0-9]+([.-][a-z0-9]+)*)?", re.ASCII | re.IGNORECASE
)
_ANY_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*", re.ASCII)


@record
class RequirementLine:
    """How one package is put back, or why it cannot be: exactly one of `line` and `reason` is empty."""

    line: str = ""
    """One line of a requirements file, understood by pip and by uv."""
    source: str = ""
    """Where it comes from, in words for the plan."""
    reason: str = ""


def requirement_line(package: Package) -> RequirementLine:
    """Return the line that reinstalls exactly this package, or the reason why none does.

    Whether a local source still exists is not known here: see `local_source`.
    """
    name, origin = package.name, package.origin
    if not is_name(name):
        return RequirementLine(reason="its name is none that an installer takes")
    if origin is None:
        return _from_index(name, package.version)
    if origin.kind == "unknown":
        return RequirementLine(reason="its `direct_url.json` cannot be understood")
    if any(character.isspace() or character in "&#\\" for character in origin.subdirectory):
        return RequirementLine(reason=f"its subdirectory `{origin.subdirectory}` cannot be written in a requirement")
    if origin.kind == "editable":
        return RequirementLine(f"-e {_with_fragment(file_url(origin.path), origin)}", f"editable, from {origin.path}")
    if origin.kind == "vcs":
        source = f"{origin.system}+{origin.url}@{origin.commit}"
        # A `name @` before a URL without a host is beyond pip before 24.1.
        line = _with_fragment(source, origin, name) if origin.path else f"{name} @ {_with_fragment(source, origin)}"
        return RequirementLine(line, f"from {origin.url} at {origin.commit[:12]}")
    url = file_url(origin.path) if origin.path else origin.url
    return RequirementLine(_with_fragment(f"{name} @ {url}", origin), f"from {origin.path or origin.url}")


def _from_index(name: str, version: str) -> RequirementLine:
    if _VERSION.fullmatch(version):
        return RequirementLine(f"{name}=={version}", "from the index")
    if _ANY_VERSION.fullmatch(version):
        return RequirementLine(f"{name}==={version}", "from the index")
    return RequirementLine(reason=f"`{version}` is no version that an installer takes")


def _with_fragment(line: str, origin: Origin, egg: str = "") -> str:
    digests = dict(origin.hashes)
    parts = [f"{name}={digests[name]}" for name in COMPARED if name in digests][:1]
    if egg:
        parts.append(f"egg={egg}")
    if origin.subdirectory:
        parts.append(f"subdirectory={origin.subdirectory}")
    return f"{line}#{'&'.join(parts)}" if parts else line


def file_url(path: str) -> str:
    """Return the `file:` URL of an absolute path: the form that no requirements parser takes apart at spaces or `#`."""
    from urllib.parse import quote

    return "file://" + quote(path, safe="/", errors="surrogateescape")


def local_source(package: Package) -> str:
    """Return the local folder or file that the package is installed from again, empty where it needs none."""
    return package.origin.path if package.origin is not None else ""


def needs_network(package: Package) -> bool:
    """True where a URL, and no index or folder that may be local, is the only place to have it from."""
    return package.origin is not None and package.origin.kind in ("vcs", "archive") and not package.origin.path
