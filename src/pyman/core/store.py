"""What is installed: runtimes and where they come from, aliases and where they point.

The store is read from its folder (effects/store.py); nothing in here looks.

Import-light.
"""

from __future__ import annotations

from posixpath import basename, dirname, isabs, join

from pyman.core.immutable import derived, record, replace
from pyman.core.implementation import alias_name, program_name
from pyman.core.names import other_in_name
from pyman.core.version import (
    UNKNOWN_PATCH,
    VARIANT_SUFFIX,
    Version,
    is_build_name,
    minor_alias,
    release_name,
    split_release,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Literal

    from pyman.core.version import Variant

    Level = Literal["own", "system"]

MANIFEST = "pyman-runtime.toml"


@record
class Runtime:
    """One entry of `runtimes/` that is a Python."""

    name: str
    """Its name in the store: `3.13.5`, `3.14.2t`, `3.13.15+20261101`, `3.13.5+source`, `pypy3.11-8.0.1`."""
    version: Version
    variant: Variant
    path: str
    """`<root>/runtimes/<name>`."""
    target: str | None = None
    """Where the link of an adopted runtime leads; None for a managed one."""
    build: str | None = None
    """The tag of the release that a managed runtime was unpacked from, or the name of a build of the user's own."""
    whole: bool = True
    """False where its interpreter or its manifest is missing, or the target of its link."""

    @property
    def is_managed(self) -> bool:
        """True where pyman unpacked it, and so may delete it."""
        return self.target is None

    @property
    def is_own_build(self) -> bool:
        """True for `3.13.5+NAME`: only who names it gets it, and an alias leads to it only by a hold."""
        return self.build is not None and is_build_name(self.build)

    @derived
    def alias(self) -> str:
        """The minor-version alias that it belongs to."""
        return minor_alias(self.version, self.variant)

    @derived
    def release(self) -> str:
        """Version and variant as people write them."""
        return release_name(self.version, self.variant)

    @property
    def rank(self) -> tuple[bool, bool, tuple[int, ...], str]:
        """Sorts the runtimes of one minor by which of them the bare alias should be (design.md 3)."""
        return (self.version.is_final, self.is_managed, self.version.order, self.build or "")

    @derived
    def executable(self) -> str:
        """The interpreter's place below the prefix: `bin/python3.13`, `bin/python3.14t`, `bin/pypy3.11`."""
        return executable_of(self.version, self.variant)


@record
class Alias:
    """A minor-version link: `3.13 -> 3.13.15`."""

    name: str
    target: str


@record
class Store:
    """What was there when we looked."""

    root: str
    runtimes: tuple[Runtime, ...] = ()
    aliases: tuple[Alias, ...] = ()
    holds: tuple[tuple[str, str], ...] = ()
    """Pairs of an alias and the name of the runtime that it is kept at."""
    default: str | None = None
    """The default request, as the file `default` has it."""
    blocked: tuple[str, ...] = ()
    """Aliases in whose place something else lies: never touched, only reported."""
    unfinished: tuple[str, ...] = ()
    """Names of work in progress, or of work that was cut off."""
    beneath: Store | None = None
    """The store for everybody, which lies beneath a user's own: nothing of it is changed through this one."""

    @property
    def layers(self) -> tuple[Store, ...]:
        """This store, and the one beneath it."""
        return (self,) if self.beneath is None else (self, self.beneath)

    @property
    def releases(self) -> tuple[Runtime, ...]:
        """The runtimes that a request for a release may mean: all but builds of the user's own."""
        return tuple(runtime for runtime in self.runtimes if not runtime.is_own_build)

    def runtime(self, name: str) -> Runtime | None:
        """The runtime with this name."""
        return self._by_name.get(name)

    @derived
    def _by_name(self) -> dict[str, Runtime]:
        return {runtime.name: runtime for runtime in self.runtimes}

    def alias_target(self, name: str) -> Runtime | None:
        """The runtime that an alias leads to, through other aliases if need be; None where it leads nowhere."""
        for _ in range(4):
            found = self.runtime(name)
            if found is not None:
                return found if found.whole else None
            link = next((alias for alias in self.aliases if alias.name == name), None)
            if link is None:
                return None
            name = link.target
            if isabs(name):
                return self._target_beneath(name)
        return None

    def _target_beneath(self, link: str) -> Runtime | None:
        """The runtime that the absolute link of an alias leads to, in the store beneath; None for any other link."""
        if self.beneath is None or dirname(link) != join(self.beneath.root, "runtimes"):
            return None
        return self.beneath.alias_target(basename(link))

    def linked(self, target: str | None) -> Runtime | None:
        """The runtime that an alias with this link text leads to: of this store by name, or of the one beneath."""
        if target is None:
            return None
        return self._target_beneath(target) if isabs(target) else self.runtime(target)

    def in_use(self, alias: str) -> Runtime | None:
        """The runtime that an alias means: that of this store where it leads anywhere, else of the store beneath."""
        return next((found for layer in self.layers if (found := layer.alias_target(alias)) is not None), None)

    def find(self, name: str) -> Runtime | None:
        """The runtime with this name, of this store or else of the one beneath."""
        return next((found for layer in self.layers if (found := layer.runtime(name)) is not None), None)

    def path_of(self, runtime: Runtime, name: str) -> str:
        """The place by which a runtime is used: its own, or that of an alias that leads to it."""
        if name == runtime.name:
            return runtime.path
        layer = next((layer for layer in self.layers if layer.alias_target(name) == runtime), self)
        return layer.folder(name)

    def names_of(self, runtime: Runtime) -> tuple[str, ...]:
        """The aliases that lead to a runtime."""
        found = (alias.name for layer in self.layers for alias in layer.aliases if self.in_use(alias.name) == runtime)
        return tuple(dict.fromkeys(found))

    def level_of(self, runtime: Runtime) -> Level:
        """Which of the two stores a runtime is in."""
        is_own = self.beneath is None or dirname(runtime.path) != join(self.beneath.root, "runtimes")
        return "own" if is_own else "system"

    def held(self, alias: str) -> str | None:
        """The name of the runtime that a hold keeps the alias at."""
        return next((name for held, name in self.holds if held == alias), None)

    def beyond_hold(self, alias: str) -> Runtime | None:
        """The newest release of a minor that is installed, where a hold keeps the alias at an older one; else None."""
        held = self.runtime(self.held(alias) or "")
        whole = (one for one in self.releases if one.whole and one.alias == alias)
        newest = max(whole, key=lambda one: one.rank, default=None)
        return newest if held is not None and newest is not None and newest.rank > held.rank else None

    def folder(self, name: str) -> str:
        """The place of a runtime or alias."""
        return join(self.root, "runtimes", name)


def with_runtime(store: Store, runtime: Runtime) -> Store:
    """The store with one more runtime, in the place of what had its name."""
    others = tuple(other for other in store.runtimes if other.name != runtime.name)
    return replace(store, runtimes=(*others, runtime))


def without_runtime(store: Store, name: str) -> Store:
    """The store without one runtime."""
    return replace(store, runtimes=tuple(runtime for runtime in store.runtimes if runtime.name != name))


def with_hold(store: Store, alias: str, name: str | None) -> Store:
    """The store with a hold on an alias, or without one."""
    others = tuple(pair for pair in store.holds if pair[0] != alias)
    return replace(store, holds=others if name is None else (*others, (alias, name)))


def with_default(store: Store, request: str | None) -> Store:
    """The store with another default request, or without one."""
    return replace(store, default=request)


def rollback_target(store: Store, alias: str) -> Runtime | None:
    """The highest installed release below the one that an alias leads to now."""
    present = store.alias_target(alias)
    if present is None:
        return None
    older = [
        runtime
        for runtime in store.releases
        if runtime.whole
        and runtime.alias == alias
        and (runtime.version.order, runtime.build or "") < (present.version.order, present.build or "")
    ]
    return max(
        older, key=lambda runtime: (runtime.version.order, runtime.is_managed, runtime.build or ""), default=None
    )


def executable_of(version: Version, variant: Variant) -> str:
    """The interpreter's place below the prefix: `bin/python3.13`, `bin/python3.14t`, as `make install` names it."""
    return f"bin/{program_name(version.implementation, version.minor_name + VARIANT_SUFFIX[variant])}"


def parse_runtime_name(name: str) -> tuple[Version, Variant, str | None] | None:
    """Return version, variant and build of a name in `runtimes/`; None for an alias or anything else.

    The name of another implementation's release does not tell the patch release of the language: UNKNOWN_PATCH.
    """
    release, plus, build = name.partition("+")
    if not release[:1].isdigit():
        other = _parse_other_name(release)
        return (other, "default", None) if other is not None and not plus else None
    split = split_release(release)
    if split is None or len(split[0]) != 3 or (plus and not (_is_tag(build) or is_build_name(build))):
        return None
    return Version(*split[0], split[1]), split[2], build or None


def _parse_other_name(name: str) -> Version | None:
    found = other_in_name(name)
    if found is None or len(found.numbers) != 2 or not found.is_release:
        return None
    version = Version(*found.numbers, UNKNOWN_PATCH, implementation=found.implementation, own=found.own)
    return version if release_name(version, "default") == name else None


def is_own_build(name: str) -> bool:
    """True for a name in `runtimes/` that is that of a build of the user's own: `3.13.5+source`."""
    parsed = parse_runtime_name(name)
    return parsed is not None and parsed[2] is not None and is_build_name(parsed[2])


def _is_tag(build: str) -> bool:
    return build.isascii() and build.isdigit() and len(build) == 8


def is_alias_name(name: str) -> bool:
    """True for `3`, `3.13`, `3.14t`, `pypy3.11`."""
    if not name[:1].isdigit():
        found = other_in_name(name)
        return found is not None and name == alias_name(found.implementation, found.minor)
    split = split_release(name)
    return split is not None and len(split[0]) < 3 and (len(split[0]) == 2 or split[2] == "default")


def is_adopted_target(target: str) -> bool:
    """True for the text of a link that adopts: absolute, where an alias is relative."""
    return isabs(target)


# Whose a runtime is, told from where it lies.

_ORIGINS = (
    # What a folder above the runtime is called, and the tool that calls it so.
    ("/.pyenv/versions/", "pyenv"),
    ("/pyenv/versions/", "pyenv"),
    ("/uv/python/", "uv"),
    ("/mise/installs/python/", "mise"),
    ("/.asdf/installs/python/", "asdf"),
    ("/asdf/installs/python/", "asdf"),
    ("/.rye/py/", "rye"),
    ("/pystand/", "pystand"),
    ("/hatch/env/virtual/.pythons/", "hatch"),
    ("/hatch/pythons/", "hatch"),
    ("/pdm/python/", "pdm"),
    ("/Cellar/python@", "homebrew"),
    ("/opt/python@", "homebrew"),
    ("/opt/local/Library/Frameworks/Python.framework/", "macports"),
    ("/Python.framework/", "python.org"),
    ("/PythonT.framework/", "python.org"),
    ("/Python3.framework/", "system"),  # The Command Line Tools, and Xcode.
)
SHARED_PREFIXES = ("/usr", "/usr/local", "/opt/homebrew", "/home/linuxbrew/.linuxbrew", "/opt/local", "/")
"""Prefixes whose `bin` holds far more than a Python: never put on PATH (design.md 3)."""

DISTRIBUTION_PREFIXES = ("/usr",)
"""Prefixes whose Python the distribution maintains, however long upstream does."""


def origin_of(target: str | None) -> str:
    """Who owns a runtime: `managed`, `pyenv`, `uv`, `mise`, …, `system`, or `path` where nothing tells."""
    if target is None:
        return "managed"
    if target in SHARED_PREFIXES:
        return "homebrew" if "brew" in target else "system"
    return next((owner for part, owner in _ORIGINS if part in target + "/"), "path")


def is_shared(target: str | None) -> bool:
    """True where a runtime's `bin` is not its own."""
    return target is not None and target in SHARED_PREFIXES


def with_broken(store: Store, names: Collection[str]) -> Store:
    """The store with some of its runtimes known to be broken."""
    runtimes = tuple(replace(one, whole=False) if one.name in names else one for one in store.runtimes)
    return replace(store, runtimes=runtimes)


# Where aliases move, as a value: what a change of the store means for every link that venvs go through.


def alias_order(alias: Alias) -> tuple[list[int], str]:
    """Sorts aliases, the greatest first, as they are listed."""
    other = other_in_name(alias.name)
    if other is not None:
        return [-1, *other.numbers], other.implementation
    plain = alias.name.rstrip("td")
    # Of one minor the plain one comes first, then free-threaded, then debug.
    return [int(part) for part in plain.split(".")], {"": "z"}.get(alias.name[len(plain) :], alias.name[len(plain) :])


@record
class Held:
    """A venv that stays on the old patch release, and why."""

    path: str
    reason: str


@record
class Process:
    """A process that was running when an alias moved."""

    pid: int
    command: str
    through: str | None = ""
    """The name in the store by which it was started; empty where nothing tells, None by its owner's own path."""
    unit: str = ""
    """The systemd service or the container that it belongs to, where the system tells that."""


@record
class Moved:
    """What the move of one alias meant for the venvs that go through it."""

    alias: str
    old: str | None
    new: str | None
    followed: int = 0
    pinned: int = 0
    held_back: tuple[Held, ...] = ()
    processes: tuple[Process, ...] = ()
    """Those that ran through the alias when it moved."""
    notes: tuple[tuple[str, str], ...] = ()
    """What could not be checked, or not be brought up to date: pairs of a venv's path and a sentence."""
    is_protected: bool = True
    """False where a venv that does not fit went along because it could not be held back, and nobody asked for that."""
    waits: bool = False
    """True where the alias stays where it is, because processes run through it; they are `processes`."""
    runtimes: tuple[Runtime | None, Runtime | None] = (None, None)
    """Where it led and where it leads now."""
