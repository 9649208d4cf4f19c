"""`pyman list`, with `--available` and `--outdated`."""

from __future__ import annotations

from pyman.app.console import Answer, Table
from pyman.app.reasons import Reason, Reasons
from pyman.app.session import Session
from pyman.cli.show.changes import runtime_data
from pyman.cli.show.output import shown_place, with_pyman_line
from pyman.cli.show.reasons import fixes_cell, reason_data, source_notes
from pyman.cli.show.rows import alias_data
from pyman.cli.verb import verb
from pyman.core.immutable import replace
from pyman.core.implementation import CPYTHON
from pyman.core.request import parse_request
from pyman.core.store import Store, origin_of
from pyman.core.version import VARIANT_RANK, Version, minor_alias, release_name, version_data
from pyman.effects.runtimes.health import read_runtime_states
from pyman.effects.store import manifest_builds, read_stores
from pyman.effects.venvs.inventory import unrecorded_venvs
from pyman.effects.venvs.uses import read_users

_MOST_NAMED = 5

TYPE_CHECKING = False
if TYPE_CHECKING:
    # `Annotated` and typer are for typer to read, which imports them itself: see cli/typer_command.py.
    from collections.abc import Sequence
    from typing import Annotated

    import typer

    from pyman.core.catalogue import Build
    from pyman.core.version import Variant


@verb
def list_pythons(
    session: Session,
    available: Annotated[bool, typer.Option("--available", help="Show Pythons that can be installed.")] = False,
    outdated: Annotated[bool, typer.Option("--outdated", help="Show only Pythons with a newer patch release.")] = False,
    every: Annotated[bool, typer.Option("--all", help="With --available: show every patch release.")] = False,
) -> Answer:
    """Show installed Pythons, where their aliases point, and how many venvs use each.

    Examples:
        pyman list
        pyman list --available
        pyman list --outdated --json
    """
    store = read_stores(session.places)
    if available:
        return beside_installed(list_available(session, store, every=every), session, store)
    if outdated:
        return beside_installed(list_outdated(session, store), session, store)
    return list_installed(session, store)


@verb
def versions(session: Session) -> Answer:
    """pyenv's name for `pyman list`.

    Examples:
        pyman list
    """
    return with_pyman_line(list_installed(session, read_stores(session.places)), "versions", "list")


def list_installed(session: Session, store: Store) -> Answer:
    """The registry, as a table."""
    others = unrecorded_venvs(session.places)
    users = {path: len(venvs) for path, venvs in read_users(store, others).items()}
    rows, records, reasons = [], [], Reasons(session)
    states = [state for layer in store.layers for state in read_runtime_states(layer)]
    broken = {state.runtime.path for state in states if state.trouble is not None}
    for runtime in (runtime for layer in store.layers for runtime in layer.runtimes):
        names = store.names_of(runtime)
        # Only JSON shows it, so only JSON computes it.
        reason = reasons.of_runtime(store, runtime) if session.json else None
        records.append(runtime_data(store, runtime, users.get(runtime.path, 0), reason))
        state = "  (broken: see `pyman doctor`)" if runtime.path in broken or not runtime.whole else ""
        rows.append(
            (
                runtime.name + state,
                ", ".join(f"{name} (held)" if store.held(name) else name for name in names),
                origin_of(runtime.target) + (", for all users" if store.level_of(runtime) == "system" else ""),
                str(users.get(runtime.path, 0)),
                shown_place(session, runtime.target or runtime.path),
            )
        )
    notes = () if rows else ("no Python is installed yet: run `pyman install`", *_adoptable(session))
    table = Table(("Python", "Aliases", "From", "Venvs", "Place"), tuple(rows))
    return Answer({"runtimes": records, "aliases": alias_data(store)}, table=table, notes=notes)


def _adoptable(session: Session) -> tuple[str, ...]:
    """What `pyman adopt` would find, where there is nothing else to say."""
    if session.json or session.quiet:
        return ()
    from pyman.effects.interpreters.external import discover

    externals = sorted(discover(session.places)[0], key=lambda one: one.version.order, reverse=True)
    if not externals:
        return ()
    names = [f"{release_name(one.version, one.variant)} ({one.origin})" for one in externals]
    shown = ", ".join(names[:_MOST_NAMED]) + (
        f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    )
    return (f"found on this machine: {shown}; to use them, run `pyman adopt --all`",)


def beside_installed(answer: Answer, session: Session, store: Store) -> Answer:
    """The answer with what `list` alone says in its data: programs find it in every listing."""
    return replace(answer, data={**list_installed(session, store).data, **answer.data})


# `pyman list --available` and `--outdated`: what upstream has, beside what is here.


def list_available(session: Session, store: Store, *, every: bool, mirror: str | None = None) -> Answer:
    """The newest patch release of each minor, or all of them, with what is installed marked."""
    from pyman.app.catalogue import catalogue
    from pyman.core.plans.install import better_unusable, cannot_use
    from pyman.core.release_cycle import state
    from pyman.effects.catalogue.release_cycle import published_cycles, today

    known = catalogue(session, mirror)
    known.refuse_nothing()
    releases = _releases(known.builds, every=every)
    here = {runtime.release for runtime in store.runtimes if runtime.whole}
    cycles = published_cycles(session.places.cache, offline=session.offline or session.mirror(mirror) is not None)
    rows, records = [], []
    for version, variant in releases:
        # The days of support are those of CPython.
        cycle = state(version.minor_name, today(), cycles) if not version.own else None
        is_here = release_name(version, variant) in here
        records.append(
            {
                **version_data(version),
                "variant": variant,
                "installed": is_here,
                "end_of_life": cycle.end_of_life if cycle is not None else None,
                "status": cycle.status if cycle is not None else None,
            }
        )
        rows.append(
            (
                minor_alias(version, variant),
                release_name(version, variant),
                "yes" if is_here else _other_installed(store, version, variant),
                cycle.status if cycle is not None else "",
                cycle.end_of_life or "" if cycle is not None else "",
            )
        )
    notes = [*known.stale_notes, *(error.message for error in dict.fromkeys(known.unreachable.values()))]
    minors = [
        parse_request(name) for name in dict.fromkeys(minor_alias(one.version, one.variant) for one in known.unusable)
    ]
    damaged = [better_unusable(minor, known.builds, known.unusable) for minor in minors]
    notes += [cannot_use(one).message for one in damaged if one is not None]
    table = Table(("Minor", "Newest" if not every else "Release", "Installed", "State", "End of life"), tuple(rows))
    return Answer({"available": records}, table=table, notes=tuple(notes))


def list_outdated(session: Session, store: Store) -> Answer:
    """The minors for which something newer exists, managed and adopted ones."""
    from pyman.app.catalogue import catalogue, nothing_newer
    from pyman.core.plans.install import Fetch, adopted_minors, cannot_use, decide_upgrade, minors_to_upgrade, missed

    adopted = adopted_minors(store)
    minors = [*minors_to_upgrade(store, ()), *map(parse_request, adopted)]
    known = catalogue(session, None, minors)
    known.refuse_nothing()
    rows, records = [], []
    reasons, judged = Reasons(session, may_ask=True), list[Reason]()
    builds = manifest_builds(store)
    for minor in minors:
        decision = decide_upgrade(minor, store, known.builds, builds)
        if not isinstance(decision, Fetch):
            continue
        present = store.alias_target(minor.text)
        held = store.held(minor.text) is not None
        remark = "held" if held else "adopted" if minor.text in adopted else ""
        newest = decision.build.version
        reason = reasons.between(present.version, present.target, newest) if present is not None else Reason()
        judged.append(reason)
        rows.append((minor.text, present.name if present else "", decision.name, fixes_cell(reason), remark))
        records.append(
            {
                "alias": minor.text,
                **version_data(present.version if present is not None else None),
                "variant": minor.variant,
                "newest": str(newest),
                **({"newest_implementation_version": newest.own} if newest.own else {}),
                "build": decision.build.build,
                "held": held,
                "fixes": reason_data(reason),
            }
        )
    notes = [*known.stale_notes, *(error.message for error in dict.fromkeys(known.unreachable.values()))]
    named = [str(record["alias"]) for record in records]
    damaged = missed(minors, store, known.builds, known.unusable)
    notes += [cannot_use(one).message for one in damaged]
    held_back = _newer_than_held(store)
    notes += held_back
    if not named and not damaged and not held_back:
        notes.append(nothing_newer(known))
    notes += source_notes(reasons, judged)
    if any(alias not in adopted and store.held(alias) is None for alias in named):
        notes.append("run `pyman upgrade` to install them")
    notes += [
        f"run `pyman unhold {alias}`, then `pyman upgrade {alias}`: it is held at {store.held(alias)}"
        for alias in named
        if alias not in adopted and store.held(alias) is not None
    ]
    mine = [alias for alias in named if alias in adopted]
    notes += [f"run `pyman upgrade {alias}` to install {alias} beside the adopted one" for alias in mine]
    return Answer(
        {"outdated": records},
        table=Table(("Minor", "Installed", "Newest", "Fixes", ""), tuple(rows)),
        notes=tuple(notes),
    )


def _newer_than_held(store: Store) -> list[str]:
    """What is installed and newer than the release that a hold keeps an alias at."""
    newer = ((alias, name, store.beyond_hold(alias)) for alias, name in store.holds)
    return [
        f"{alias} is held at {name}, and {newest.release} is installed: `pyman unhold {alias}` moves it"
        for alias, name, newest in newer
        if newest is not None
    ]


def _releases(builds: Sequence[Build], *, every: bool) -> list[tuple[Version, Variant]]:
    """The releases to show, newest minor first; of each minor the newest final one, else the newest of all."""
    pairs = sorted({(build.version, build.variant) for build in builds}, key=_order, reverse=True)
    if every:
        return pairs
    chosen: dict[str, tuple[Version, Variant]] = {}
    for version, variant in pairs:
        key = minor_alias(version, variant)
        if key not in chosen or (version.is_final and not chosen[key][0].is_final):
            chosen[key] = (version, variant)
    return sorted(chosen.values(), key=_order, reverse=True)


def _order(pair: tuple[Version, Variant]) -> tuple[bool, str, tuple[int, int], int, tuple[int, ...]]:
    version, variant = pair
    is_own = version.implementation == CPYTHON
    return (is_own, version.implementation, (version.major, version.minor), VARIANT_RANK[variant], version.order)


def _other_installed(store: Store, version: Version, variant: Variant) -> str:
    """What is installed of the same minor, where it is not the newest."""
    mine = [
        runtime.release
        for runtime in store.runtimes
        if runtime.alias == minor_alias(version, variant) and runtime.whole
    ]
    return mine[0] if mine else ""
