"""The table of advisories: what came with pyman, or the one of a mirror or of `advisories-url` where that is newer.

An address is asked once a week, with little patience, and only by commands that use the network anyway; every failure
leaves what was known before. Without a mirror and an address there is nothing to ask.
"""

from __future__ import annotations

import os
import time

from pyman.core.advisories import FILE, LARGEST, NotATable, Table, parse_table
from pyman.effects.catalogue.freshness import A_DAY, A_WEEK, is_fresh
from pyman.effects.files import read_text
from pyman.effects.places import shipped
from pyman.errors import NetworkError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pyman.effects.catalogue.kept import KeptFile
    from pyman.effects.web.http import Web

_WEB_SECONDS = 4.0


def shipped_table() -> Table | None:
    """The table that came with pyman; None where a part of pyman is missing: then nothing is said."""
    try:
        return parse_table(read_text(shipped(FILE), LARGEST))
    except (OSError, NotATable, PymanError):
        return None


def read_table(
    cache: str,
    source: str,
    *,
    may_ask: bool,
    web: Callable[[], Web] | None = None,
    clock: Callable[[], float] = time.time,
) -> Table | None:
    """Return the newest table that is known; None where there is none.

    `source` is a web address, or the path of a file; "" for none. `may_ask` allows to ask the address.
    """
    own = shipped_table()
    other = _parsed(_text_of(cache, source, may_ask=may_ask, web=web, clock=clock)) if source else None
    today = time.strftime("%Y-%m-%d", time.gmtime(clock()))
    # A table with a date in the future would stay the newest for ever.
    if other is None or other.made > today or (own is not None and other.made < own.made):
        return own
    return other


def table_place(mirror: str | None, address: str | None) -> str:
    """Where a table may be: `address`, which the user named for it, else beside the list of a mirror; else "".

    Raises UsageError for a mirror that is neither a folder nor a web address.
    """
    from pyman.effects.catalogue.list_address import find_source

    if address:
        return address if "://" in address else os.path.abspath(os.path.expanduser(address))
    if not mirror:
        return ""
    base = find_source(mirror).base
    return f"{base}/{FILE}"


def _text_of(
    cache: str, source: str, *, may_ask: bool, web: Callable[[], Web] | None, clock: Callable[[], float]
) -> str:
    """What is at a place, or was when it was last asked; empty where that is nothing."""
    if not source.lower().startswith(("http://", "https://")):
        try:
            return read_text(source.removeprefix("file://"), LARGEST)
        except OSError:
            return ""
    from pyman.effects.catalogue.kept import KeptFile

    kept = KeptFile(os.path.join(cache, "catalogue", _kept_name(source)), LARGEST)
    now = clock()
    if may_ask and not is_fresh(kept.time(), now, A_WEEK):
        _refresh(kept, source, web, now)
    return kept.read()


def _refresh(kept: KeptFile, source: str, web: Callable[[], Web] | None, now: float) -> None:
    from pyman.effects.catalogue.kept import ask
    from pyman.effects.web.http import Web

    try:
        with web() if web is not None else Web(patience=_WEB_SECONDS, rounds=1) as asking:
            content, tag = ask(asking, source, kept.tag() if _parsed(kept.read()) is not None else "", LARGEST)
        if content is not None:
            parse_table(content.decode())
            kept.write(content, tag)
    except (NetworkError, ValueError):
        # Retried tomorrow: if this host cannot be reached, every command would wait for it.
        kept.touch(now - A_WEEK + A_DAY)
        return
    kept.touch(now)


def _parsed(text: str) -> Table | None:
    try:
        return parse_table(text) if text else None
    except NotATable:
        return None


def _kept_name(address: str) -> str:
    import hashlib

    from pyman.core.escape import without_secrets

    digest = hashlib.sha256(without_secrets(address).encode("utf-8", "surrogateescape")).hexdigest()
    return f"advisories-{digest[:12]}.json"
