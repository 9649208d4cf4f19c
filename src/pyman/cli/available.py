"""`pyman list --available` and `--outdated`: what upstream has, beside what is here."""

from __future__ import annotations

from pyman.cli.flows import installing
from pyman.cli.session import Session
from pyman.core.answer import Answer, Table
from pyman.core.catalogue import Catalogue
from pyman.core.plans.install import Fetch, decide_upgrade, minors_to_upgrade
from pyman.core.release_cycle import state
from pyman.core.store import Store
from pyman.core.version import VARIANT_RANK, VARIANT_SUFFIX, Version, minor_alias, release_name
from pyman.effects.catalogue.release_cycle import published_cycles, today
from pyman.effects.store import read_manifest


def list_available(session: Session, store: Store, *, every: bool, mirror: str | None = None) -> Answer:
    """The newest patch release of each minor, or all of them, with what is installed marked."""
    known = installing.catalogue(session, mirror)
    releases = _releases(known, every=every)
    here = {(runtime.version, runtime.variant) for runtime in store.runtimes if runtime.whole}
    cycles = published_cycles(
        session.places.cache, offline=session.offline or installing.mirror_of(session, mirror) is not None
    )
    rows, records = [], []
    for version, variant in releases:
        cycle = state(version.minor_name, today(), cycles)
        records.append(
            {
                "version": str(version),
                "variant": variant,
                "installed": (version, variant) in here,
                "end_of_life": cycle.end_of_life if cycle is not None else None,
                "status": cycle.status if cycle is not None else None,
            }
        )
        rows.append(
            (
                minor_alias(version, variant),
                release_name(version, variant),
                "installed" if (version, variant) in here else _other_installed(store, version, variant),
                cycle.status if cycle is not None else "",
                cycle.end_of_life or "" if cycle is not None else "",
            )
        )
    notes = (_stale(known),) if known.stale else ()
    table = Table(("Minor", "Newest" if not every else "Release", "Here", "State", "End of life"), tuple(rows))
    return Answer({"available": records}, table=table, notes=notes)


def list_outdated(session: Session, store: Store) -> Answer:
    """The managed minors for which something newer exists."""
    minors = minors_to_upgrade(store, ())
    known = installing.catalogue(session, None) if minors else None
    rows, records = [], []
    builds = {
        runtime.name: manifest.build or ""
        for runtime in store.runtimes
        if (manifest := read_manifest(runtime)) is not None
    }
    for minor in minors:
        decision = decide_upgrade(minor, store, known.builds if known is not None else (), builds)
        if not isinstance(decision, Fetch):
            continue
        present = store.alias_target(minor.text)
        held = store.held(minor.text) is not None
        rows.append((minor.text, present.name if present else "", decision.name, "held" if held else ""))
        records.append(
            {
                "alias": minor.text,
                "version": str(present.version) if present is not None else None,
                "variant": minor.variant,
                "newest": str(decision.build.version),
                "build": decision.build.build,
                "held": held,
            }
        )
    notes = [_stale(known)] if known is not None and known.stale else []
    notes.append("bring them up to date with `pyman upgrade`" if rows else "everything is the newest")
    return Answer(
        {"outdated": records},
        table=Table(("Minor", "Installed", "Newest", ""), tuple(rows)),
        notes=tuple(notes),
    )


def _releases(known: Catalogue, *, every: bool) -> list[tuple[Version, str]]:
    """The releases to show, newest minor first; of each minor the newest final one, else the newest of all."""
    pairs = sorted({(build.version, build.variant) for build in known.builds}, key=_order, reverse=True)
    if every:
        return pairs
    chosen: dict[tuple[str, str], tuple[Version, str]] = {}
    for version, variant in pairs:
        key = (version.minor_name, variant)
        if key not in chosen or (version.is_final and not chosen[key][0].is_final):
            chosen[key] = (version, variant)
    return sorted(chosen.values(), key=_order, reverse=True)


def _order(pair: tuple[Version, str]) -> tuple[tuple[int, int], int, tuple[int, ...]]:
    version, variant = pair
    return ((version.major, version.minor), VARIANT_RANK[variant], version.order)


def _other_installed(store: Store, version: Version, variant: str) -> str:
    """What is installed of the same minor, where it is not the newest."""
    mine = [
        runtime.release
        for runtime in store.runtimes
        if runtime.alias == version.minor_name + VARIANT_SUFFIX[variant] and runtime.whole
    ]
    return f"installed {mine[0]}" if mine else ""


def _stale(known: Catalogue) -> str:
    return f"{known.source} was not asked: this is what it had when it was last reached"
