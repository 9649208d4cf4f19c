"""`pyman list`."""

from __future__ import annotations

from typing import Annotated

import typer

from pyman.cli.session import Session
from pyman.cli.show.notes import pyman_says, shown_place
from pyman.cli.verb import verb
from pyman.core.answer import Answer, Table
from pyman.core.record import replace
from pyman.core.store import Runtime, Store, origin_of
from pyman.effects.store import read_manifest, read_store
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.effects.venvs.uses import read_users


@verb
def list_pythons(
    session: Session,
    available: Annotated[bool, typer.Option("--available", help="Show what could be installed.")] = False,
    outdated: Annotated[bool, typer.Option("--outdated", help="Show what a newer patch release exists for.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --available: every patch release.")] = False,
) -> Answer:
    """Show the Pythons in the store, where their aliases point, and how many venvs run on each.

    Examples:
        pyman list
        pyman list --available
        pyman list --outdated --json
    """
    store = read_store(session.places.root)
    if available:
        from pyman.cli.available import list_available

        return beside_installed(list_available(session, store, every=every), session, store)
    if outdated:
        from pyman.cli.available import list_outdated

        return beside_installed(list_outdated(session, store), session, store)
    return list_installed(session, store)


@verb
def versions(session: Session) -> Answer:
    """pyenv's word for `pyman list`.

    Examples:
        pyman list
    """
    return pyman_says(list_installed(session, read_store(session.places.root)), "versions", "list")


def list_installed(session: Session, store: Store) -> Answer:
    """The registry, as a table."""
    others = unrecorded_venvs(session.places, session.environ, session.cwd, session.observer)
    users = {name: len(paths) for name, paths in read_users(store, others).items()}
    rows, records = [], []
    for runtime in store.runtimes:
        names = store.names_of(runtime)
        records.append(describe(store, runtime, users.get(runtime.name, 0)))
        state = "" if runtime.whole else "  (broken: see `pyman doctor`)"
        rows.append(
            (
                runtime.name + state,
                ", ".join(f"{name} (held)" if store.held(name) else name for name in names),
                origin_of(runtime.target),
                str(users.get(runtime.name, 0)),
                shown_place(session, runtime.target or runtime.path),
            )
        )
    aliases = [
        {"name": alias.name, "target": alias.target, "held": store.held(alias.name) is not None}
        for alias in store.aliases
    ]
    notes = () if rows else ("no Python is installed yet: run `pyman install`",)
    table = Table(("Python", "Aliases", "From", "Venvs", "Place"), tuple(rows))
    return Answer({"runtimes": records, "aliases": aliases}, table=table, notes=notes)


def beside_installed(answer: Answer, session: Session, store: Store) -> Answer:
    """The answer with what `list` alone says in its data: programs find it in every listing."""
    return replace(answer, data={**list_installed(session, store).data, **answer.data})


def describe(store: Store, runtime: Runtime, venvs: int) -> dict[str, object]:
    """A runtime as `list --json` has it."""
    manifest = read_manifest(runtime)
    return {
        "version": str(runtime.version),
        "implementation": "cpython",
        "variant": runtime.variant,
        "origin": origin_of(runtime.target),
        "path": runtime.target or runtime.path,
        "build": (manifest.build if manifest is not None else None) or runtime.build,
        "aliases": list(store.names_of(runtime)),
        "venvs": venvs,
    }
