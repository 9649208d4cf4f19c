"""What became of requests to install, in words and as data (DESIGN 11)."""

from __future__ import annotations

from pyman.cli.flows.installing import Got
from pyman.cli.session import Session
from pyman.core.store import Runtime, Store, origin_of
from pyman.effects.store import read_store


def told_of_hold(session: Session, runtime: Runtime) -> list[str]:
    """A line that says so, where a hold keeps the alias elsewhere, or something lies in its place."""
    store = read_store(session.places.root)
    if runtime.alias in store.blocked:
        return [f"{store.folder(runtime.alias)} is in the place of an alias, so nothing can follow {runtime.alias}"]
    held = store.held(runtime.alias)
    if held is None or held == runtime.name:
        return []
    return [f"{runtime.alias} is held and stays at {held}; `pyman unhold {runtime.alias}` lets it go"]


def got_data(store: Store, got: Got) -> dict[str, object]:
    """One item of the key `installed` of DESIGN 11."""
    return {
        "request": got.request.text,
        "version": str(got.runtime.version),
        "path": got.runtime.target or got.runtime.path,
        "origin": origin_of(got.runtime.target),
        "aliases": list(store.names_of(got.runtime)),
        "already": got.already,
    }
