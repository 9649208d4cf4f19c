"""The aliases of the store: where each has to lead, and which are to be moved. Import-light."""

from __future__ import annotations

from posixpath import dirname, isabs, join

from pyman.core.immutable import record, replace
from pyman.core.implementation import CPYTHON, alias_name
from pyman.core.request import best_of, parse_request
from pyman.core.store import Alias, Runtime, Store, alias_order
from pyman.core.version import VARIANT_SUFFIX, minor_alias
from pyman.errors import BadRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def wanted_aliases(store: Store) -> dict[str, str]:
    """Say where every alias should point, by the rules of design.md 3.

    A minor's alias leads to its highest final release, managed before adopted; to the highest pre-release while
    there is no final one; to what a hold names; to the alias of the store beneath where that has a newer release. `3`
    leads to the default minor. That order of releases is `Runtime.rank` (core/store.py).
    """
    best: dict[str, Runtime] = {}
    for runtime in store.releases:
        if runtime.whole and (runtime.alias not in best or runtime.rank > best[runtime.alias].rank):
            best[runtime.alias] = runtime
    wanted = {alias: runtime.name for alias, runtime in best.items()}
    held_here = set()
    for alias, name in store.holds:
        held = store.runtime(name)
        if held is not None and held.whole and held.alias == alias:
            wanted[alias] = name
            held_here.add(alias)
    for alias, link, target in _aliases_beneath(store):
        own = store.runtime(wanted[alias]) if alias in wanted else None
        if alias not in held_here and (own is None or _is_newer(target, own)):
            wanted[alias] = link
    major = default_minor(store, wanted)
    if major is not None:
        wanted["3"] = major
    return wanted


def _aliases_beneath(store: Store) -> Iterator[tuple[str, str, Runtime]]:
    """The aliases of minors that the store beneath has: name, place, and the runtime that each leads to."""
    if store.beneath is None:
        return
    for alias in store.beneath.aliases:
        target = store.beneath.alias_target(alias.name)
        if target is not None and target.alias == alias.name:
            yield alias.name, store.beneath.folder(alias.name), target


def _is_newer(one: Runtime, other: Runtime) -> bool:
    return (one.version.is_final, one.version.order) > (other.version.is_final, other.version.order)


def default_minor(store: Store, wanted: dict[str, str]) -> str | None:
    """The minor alias that `3` leads to: that of the default request, else the newest installed."""
    targets = [(alias, store.linked(target)) for alias, target in wanted.items()]
    found = [runtime for alias, runtime in targets if runtime is not None and runtime.alias == alias]
    # `3` is CPython, whatever else is installed.
    present = [runtime for runtime in found if runtime.version.implementation == CPYTHON]
    default = _minor_of_default(store, present)
    if default is not None:
        return default
    plain = [runtime for runtime in present if runtime.variant == "default"] or present
    newest = max(plain, key=lambda runtime: (runtime.version.is_final, runtime.version.order), default=None)
    return newest.alias if newest is not None else None


def _minor_of_default(store: Store, present: list[Runtime]) -> str | None:
    """The minor that the default request means among those installed; None where it names none of them."""
    try:
        request = parse_request(store.default or "")
    except BadRequest:
        return None
    if request.kind == "release" and len(request.numbers) > 1:
        minor = ".".join(map(str, request.numbers[:2])) + VARIANT_SUFFIX[request.variant]
        alias = alias_name(request.implementation, minor)
        return alias if any(runtime.alias == alias for runtime in present) else None
    best = best_of(request, [(runtime.version, runtime.variant) for runtime in present])
    return minor_alias(*best) if best is not None else None


@record
class Swap:
    """One alias that does not point where it should. `new` is None where nothing is left for it to point at."""

    alias: str
    old: str | None
    new: str | None


def swaps(store: Store) -> tuple[Swap, ...]:
    """Compare every alias with the rules. What is right already is not in the answer, so it is not rewritten."""
    wanted = wanted_aliases(store)
    present = {alias.name: alias.target for alias in store.aliases}
    changes = [
        Swap(name, present.get(name), target)
        for name, target in wanted.items()
        if present.get(name) != target and name not in store.blocked
    ]
    changes += [
        Swap(name, target, None)
        for name, target in present.items()
        if name not in wanted and (not isabs(target) or _lies_beneath(store, target))
    ]
    # `3` comes last: it leads through the minors.
    return tuple(sorted(changes, key=lambda swap: (swap.alias == "3", swap.alias)))


def _lies_beneath(store: Store, target: str) -> bool:
    """True for a link into the store beneath, as far as that is there: one to anywhere else is left alone."""
    return store.beneath is not None and dirname(target) == join(store.beneath.root, "runtimes")


def with_links_beneath(store: Store) -> Store:
    """The store with the links to aliases of the store beneath that it lacks, so that what follows them follows both.

    They are made when the first venv needs one; nothing can follow a name that is not there.
    """
    links = missing_links(store)
    return with_swaps(store, (Swap(alias, None, target) for alias, target in links)) if links else store


def missing_links(store: Store) -> tuple[tuple[str, str], ...]:
    """Pairs of an alias that leads to the store beneath and is not there yet, and its target; `3` with them."""
    if store.beneath is None:
        return ()
    missing = [(swap.alias, swap.new) for swap in swaps(store) if swap.old is None and swap.new is not None]
    links = tuple((alias, target) for alias, target in missing if isabs(target) or alias == "3")
    return links if any(isabs(target) for _, target in links) else ()


def with_swaps(store: Store, done: Iterable[Swap]) -> Store:
    """The store once its aliases have been swapped."""
    targets = {alias.name: alias.target for alias in store.aliases}
    for swap in done:
        if swap.new is None:
            targets.pop(swap.alias, None)
        else:
            targets[swap.alias] = swap.new
    aliases = (Alias(name, target) for name, target in targets.items())
    return replace(store, aliases=tuple(sorted(aliases, key=alias_order, reverse=True)))
