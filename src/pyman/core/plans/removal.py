"""Removing a runtime: who needs it, and what `prune` may take away (design.md 8)."""

from __future__ import annotations

from pyman.core.aliases import wanted_aliases
from pyman.core.escape import as_word
from pyman.core.immutable import record
from pyman.core.store import with_hold, without_runtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from pyman.core.plans.move import Follower
    from pyman.core.store import Process, Runtime, Store

    Why = Literal[
        "follows", "pinned", "held back", "linked", "unreachable", "process", "processes", "unasked", "hold", "pyman"
    ]


@record
class Dependent:
    """One reason to keep a runtime."""

    why: Why
    """`follows`, `pinned`, `held back`, `linked`, `unreachable`, `process`, `processes` where they are unknown,
    `unasked` for a user whose venvs cannot be counted, `hold`; or `pyman`, which nothing overrules."""
    who: str
    """The path of a venv, the name of an alias, a process or user, or why processes are not known."""
    follower: Follower | None = None
    unfit: str = ""
    """Why the venv cannot be moved to another release."""
    goes_down_to: str = ""
    """The older release that a venv which follows would run without it; empty where none is left."""

    @property
    def description(self) -> str:
        """The reason as a line of a list."""
        more = f" and does not fit the release that it would move to: {self.unfit}" if self.unfit else ""
        down = f", and would go down to {self.goes_down_to}" if self.goes_down_to else ""
        return {
            "follows": f"{self.who} follows its alias{down}",
            "pinned": f"{self.who} is pinned to it",
            "held back": f"{self.who} is held back on it",
            "linked": f"{self.who} is linked to it",
            "unreachable": f"{self.who} cannot be reached and may need it (`pyman forget {as_word(self.who)}` if it is "
            "gone for good)",
            "process": f"process {self.who} runs it",
            "processes": f"{self.who}, so one may be running it",
            "unasked": f"the venvs of {self.who} cannot be counted",
            "hold": f"{self.who} is held at it",
            "pyman": "pyman itself runs on it",
        }[self.why] + more


def dependents_of(
    runtime: Runtime,
    store: Store,
    followers: Iterable[Follower],
    unreachable: Iterable[str],
    processes: Iterable[Process],
    *,
    unknown_because: str = "",
    runs_pyman: bool = False,
    unasked: Iterable[str] = (),
) -> tuple[Dependent, ...]:
    """Everything that needs a runtime.

    `unknown_because` is why `processes` may not be all of them, `runs_pyman` says that pyman itself runs on it, and
    `unasked` are users whose venvs cannot be counted.

    Venvs that go through its alias need it only while it is the last one behind that alias, or what is left is older.
    """
    found = [Dependent("pyman", "pyman")] if runs_pyman else []
    last = not runtime.is_own_build and _successor(store, runtime) is None
    older = _older_successor(store, runtime)
    major = store.alias_target("3")
    ways = (runtime.alias, "3") if major is not None and major.alias == runtime.alias else (runtime.alias,)
    for follower in followers:
        if follower.through == runtime.name:
            why: Why = "pinned" if follower.is_pinned else "held back" if follower.is_held_back else "linked"
            found.append(Dependent(why, follower.path, follower))
        elif follower.through in ways and (last or older):
            found.append(Dependent("follows", follower.path, follower, goes_down_to=older))
    found += [Dependent("unreachable", path) for path in unreachable]
    found += [Dependent("process", f"{process.pid} ({process.command})") for process in processes]
    found += [Dependent("processes", unknown_because)] if unknown_because else []
    found += [Dependent("unasked", user) for user in unasked]
    found += [Dependent("hold", alias) for alias, name in store.holds if name == runtime.name]
    return tuple(found)


def _older_successor(store: Store, runtime: Runtime) -> str:
    """The older release that the alias of a runtime would lead to without it; empty where it would not go down."""
    present = store.alias_target(runtime.alias)
    if present is None or present.name != runtime.name:
        return ""
    successor = _successor(store, runtime)
    return successor.name if successor is not None and successor.version < runtime.version else ""


def _successor(store: Store, runtime: Runtime) -> Runtime | None:
    """The runtime that the alias of another would lead to without that one, and without a hold."""
    left = without_runtime(with_hold(store, runtime.alias, None), runtime.name)
    return left.linked(wanted_aliases(left).get(runtime.alias))


def prunable(store: Store) -> tuple[Runtime, ...]:
    """The managed runtimes that no alias leads to and no hold names; whether venvs need them is looked at next.

    A build of the user's own is none: it took minutes, and nobody else has it.
    """
    kept = {target.path for alias in store.aliases if (target := store.alias_target(alias.name)) is not None}
    kept |= {store.folder(name) for _, name in store.holds}
    return tuple(runtime for runtime in store.releases if runtime.is_managed and runtime.path not in kept)


def aliases_without_way_back(store: Store, removed: Iterable[Runtime]) -> tuple[str, ...]:
    """The aliases that can no longer be rolled back once these runtimes are gone."""
    gone = {runtime.name for runtime in removed}
    left = [runtime for runtime in store.releases if runtime.name not in gone and runtime.whole]
    answer = []
    for alias in dict.fromkeys(runtime.alias for runtime in store.runtimes if runtime.name in gone):
        target = store.alias_target(alias)
        older = [one for one in left if one.alias == alias and target is not None and one.version < target.version]
        if not older:
            answer.append(alias)
    return tuple(answer)
