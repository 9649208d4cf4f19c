"""Where a package came from (`direct_url.json`, PEP 610)."""

from __future__ import annotations

import re
from posixpath import join, normpath

from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST_URL = 4096

_ARCHIVE_SCHEMES = ("https", "http", "file")
_REPOSITORY_SCHEMES = ("https", "http", "ssh", "git", "file", "svn", "lp")
_SYSTEMS = ("git", "hg", "svn", "bzr")
_COMMIT = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:@-]{0,200}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{32,128}", re.ASCII)
# Those that pip and uv both compare when they stand behind a URL, the usual one first.
COMPARED = ("sha256", "sha512", "sha384")


@record
class Origin:
    """What `direct_url.json` records. `kind` is `editable`, `folder`, `archive`, `vcs`, or `unknown`."""

    kind: str
    url: str = ""
    """As it is written there; without passwords, by PEP 610."""
    path: str = ""
    """The local folder or file that the URL names, absolute; empty where it is elsewhere."""
    subdirectory: str = ""
    """Where below the root of the source its `pyproject.toml` lies."""
    system: str = ""
    """`git`, `hg`, `svn`, `bzr`."""
    commit: str = ""
    hashes: tuple[tuple[str, str], ...] = ()
    """Pairs of an algorithm and a digest in hexadecimal."""


UNKNOWN = Origin("unknown")


def parse_direct_url(content: bytes) -> Origin:
    """Understand `direct_url.json`; UNKNOWN for what is none, so that nobody mistakes it for a package of the index."""
    import json

    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return UNKNOWN
    if not isinstance(told, dict):
        return UNKNOWN
    whole, subdirectory = told.get("url"), told.get("subdirectory") or ""
    if not isinstance(whole, str) or not isinstance(subdirectory, str) or not _is_plain(whole):
        return UNKNOWN
    # uv keeps what stood behind the URL in the requirement; pip tells it apart.
    url, _, fragment = whole.partition("#")
    behind = dict(part.split("=", 1) for part in fragment.split("&") if "=" in part)
    subdirectory = subdirectory or behind.get("subdirectory", "")
    if "#" in fragment or (subdirectory and not _is_plain(subdirectory.replace(" ", ""))):
        return UNKNOWN
    path = local_path(url)
    for key, understand in (("vcs_info", _vcs), ("archive_info", _archive), ("dir_info", _folder)):
        details = told.get(key)
        if isinstance(details, dict):
            return understand(url, path, subdirectory, {**behind, **details})
    return UNKNOWN


def _vcs(url: str, path: str, subdirectory: str, details: dict[str, Any]) -> Origin:
    system, commit = details.get("vcs"), details.get("commit_id")
    if system not in _SYSTEMS or not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        return UNKNOWN
    if _scheme(url) not in _REPOSITORY_SCHEMES:
        return UNKNOWN
    return Origin("vcs", url, path, subdirectory, system, commit)


def _archive(url: str, path: str, subdirectory: str, details: dict[str, Any]) -> Origin:
    if _scheme(url) not in _ARCHIVE_SCHEMES:
        return UNKNOWN
    hashes = details.get("hashes")
    pairs = list(hashes.items()) if isinstance(hashes, dict) else []
    legacy = details.get("hash")
    if not pairs and isinstance(legacy, str):
        algorithm, _, digest = legacy.partition("=")
        pairs = [(algorithm, digest)]
    pairs = pairs or [(name, details[name]) for name in COMPARED if name in details]
    known = [(name, digest) for name, digest in pairs if isinstance(digest, str) and _DIGEST.fullmatch(digest)]
    return Origin("archive", url, path, subdirectory, hashes=tuple(known))


def _folder(url: str, path: str, subdirectory: str, details: dict[str, Any]) -> Origin:
    if not path:
        return UNKNOWN
    # A folder needs no fragment to name one inside of it, and uv does not tell two such apart.
    inner = normpath(join(path, subdirectory)) if subdirectory else path
    return Origin("editable" if details.get("editable") is True else "folder", url, inner)


def local_path(url: str) -> str:
    """Return the absolute path that a `file:` URL names on this machine, empty for any other URL."""
    if _scheme(url) != "file":
        return ""
    from urllib.parse import unquote, urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    path = unquote(parts.path, errors="surrogateescape")
    return path if parts.netloc in ("", "localhost") and path.startswith("/") and "\0" not in path else ""


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _is_plain(text: str) -> bool:
    """True for text that stays one word in a requirements file, whatever it holds."""
    return 0 < len(text) <= LONGEST_URL and text.isprintable() and not any(map(str.isspace, text))
