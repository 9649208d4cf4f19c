"""Where a list of builds lies: upstream, or the mirror that the user named."""

from __future__ import annotations

import os

from pyman.core.catalogue import UPSTREAM_INDEXES
from pyman.core.escape import without_secrets
from pyman.core.immutable import record
from pyman.core.mirror_lists import INDEX
from pyman.errors import UsageError


@record
class Source:
    """Where a list lies."""

    indexes: tuple[str, ...]
    """Addresses of the same list, to be tried in turn; or one absolute path."""
    base: str
    """What its relative addresses are relative to: see `parse_release`."""
    name: str
    """What to call it."""

    @property
    def cache_name(self) -> str:
        """What tells this list apart from others in the cache: "" for upstream's."""
        if self.indexes == UPSTREAM_INDEXES:
            return ""
        import hashlib

        return hashlib.sha256(without_secrets(self.indexes[0]).encode("utf-8", "surrogateescape")).hexdigest()[:12]

    @property
    def is_local(self) -> bool:
        """True for a list in a folder of this machine."""
        return self.indexes[0].startswith("/")


def find_source(mirror: str | None) -> Source:
    """Return where the list of a mirror lies: a folder, `file://`, or http(s), with or without `index.ndjson`.

    None and "" are upstream. A relative folder is one of the working directory. Raises UsageError for anything else.
    """
    if not mirror:
        return Source(UPSTREAM_INDEXES, UPSTREAM_INDEXES[0].rpartition("/")[0], "releases.astral.sh")
    scheme, separator, rest = mirror.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        index = mirror if mirror.endswith(".ndjson") else f"{mirror.rstrip('/')}/{INDEX}"
        return Source((index,), index.rpartition("/")[0], without_secrets(mirror))
    path = os.path.expanduser(mirror)
    if separator:
        from urllib.parse import unquote

        host, slash, below = rest.partition("/")
        if scheme.lower() != "file" or host not in ("", "localhost") or not slash:
            raise UsageError(
                f"the mirror {without_secrets(mirror)} is neither a folder nor a web address",
                hint="give a folder, or an address that begins with https://",
            )
        path = unquote(f"/{below}", errors="surrogateescape")
    path = os.path.abspath(path)
    index = path if path.endswith(".ndjson") else os.path.join(path, INDEX)
    return Source((index,), os.path.dirname(index), path)
