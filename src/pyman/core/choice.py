"""The answer to a request: which of the installed Pythons, and by which path it is used (design.md 4). Import-light."""

from __future__ import annotations

from posixpath import dirname, join

from pyman.core.immutable import record
from pyman.core.implementation import CPYTHON
from pyman.core.request import best_of
from pyman.core.version import Version, minor_alias, release_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.pyvenv_cfg import Policy
    from pyman.core.request import Request
    from pyman.core.store import Runtime, Store
    from pyman.core.version import Variant


@record
class Choice:
    """An answer to a request: which interpreter, and by which path it is used."""

    version: Version
    variant: Variant
    home: str
    """The folder that holds the interpreter, as it goes into `pyvenv.cfg`."""
    executable: str
    """The interpreter's path, in that folder."""
    policy: Policy
    """`follow` through a minor-version link, `pin` for one patch release."""
    runtime: Runtime | None = None
    """None for an interpreter that is not in the store."""

    @property
    def through(self) -> str | None:
        """The name in `runtimes/` that the path goes through: an alias, or a runtime's own; None outside the store."""
        if self.runtime is None:
            return None
        return self.runtime.alias if self.policy == "follow" else self.runtime.name

    @property
    def release(self) -> str:
        """Version and variant as people write them."""
        return release_name(self.version, self.variant)


def choose(store: Store, request: Request) -> Choice | None:
    """Answer a request with what is installed; None where nothing satisfies it (design.md 4).

    A request that names a patch release pins. Every other follows the alias of the best minor, and pins only if
    the release that the alias leads to does not satisfy it.
    """
    if request.build:
        builds = [layer.runtime(f"{release_of(request)}+{request.build}") for layer in store.layers]
        return next((pinned(store, build) for build in builds if build is not None and build.whole), None)
    usable = [runtime for layer in store.layers for runtime in layer.releases if runtime.whole]
    if not request.pins:
        held = [store.alias_target(alias.name) for alias in store.aliases if alias.name != "3"]
        usable += [runtime for runtime in held if runtime is not None and runtime.is_own_build]
    if request.alias == "3":
        default = store.in_use("3")
        if default is not None:
            return through_alias(store, default)
    best = best_of(request, [(runtime.version, runtime.variant) for runtime in usable])
    if best is None:
        # With nothing but variants installed, the newest is the one that `3` and the shims mean.
        is_any = request.kind == "latest" and request.implementation == CPYTHON
        default = store.in_use("3") if is_any else None
        return through_alias(store, default) if default is not None else None
    minor = minor_alias(*best)
    target = store.in_use(minor)
    if not request.pins and target is not None and request.admits(target.version, target.variant):
        return _choice(store, target, minor)
    same = [runtime for runtime in usable if (runtime.version, runtime.variant) == best]
    own = [runtime for runtime in same if runtime in store.runtimes]
    chosen = max(own or same, key=lambda runtime: runtime.rank)
    return _choice(store, chosen, chosen.name)


def release_of(request: Request) -> str:
    """The release that a request with three numbers names, with its variant: `3.14.2t`."""
    major, minor, patch = request.numbers
    return release_name(Version(major, minor, patch, request.prerelease), request.variant)


def through_alias(store: Store, runtime: Runtime) -> Choice:
    """Use a runtime through its minor's alias where that leads to it, else by its own name."""
    follows = store.in_use(runtime.alias) == runtime
    return _choice(store, runtime, runtime.alias if follows else runtime.name)


def pinned(store: Store, runtime: Runtime) -> Choice:
    """Use a runtime by its own name."""
    return _choice(store, runtime, runtime.name)


def _choice(store: Store, runtime: Runtime, through: str) -> Choice:
    executable = join(store.path_of(runtime, through), runtime.executable)
    policy: Policy = "pin" if through == runtime.name else "follow"
    return Choice(runtime.version, runtime.variant, dirname(executable), executable, policy, runtime)
