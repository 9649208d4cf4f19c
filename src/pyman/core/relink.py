"""Where a venv could be linked to instead: the store's alias, else the owner's own minor-version link (design.md 7)."""

from __future__ import annotations

from posixpath import basename, dirname, join

from pyman.core.immutable import record
from pyman.core.implementation import alias_name, is_repaired, program_name
from pyman.core.names import minor_of_executable, other_in_name, version_in_name
from pyman.core.venv import VenvFacts, named_folder
from pyman.core.version import UNKNOWN_PATCH, VARIANT_SUFFIX, Version, minor_alias, release_name, split_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.store import Runtime, Store
    from pyman.core.version import Variant


@record
class Target:
    """An interpreter for a venv, and the path by which it is used."""

    home: str
    executable: str
    """In `home`."""
    version: Version
    variant: Variant
    prefix: str
    """The folder that the path leads to today."""
    in_store: bool
    pins: bool = False
    """True for a patch release, not a minor-version link."""

    @property
    def prefix_in_use(self) -> str:
        """The folder of the Python by the path that venvs have."""
        return dirname(self.home)

    @property
    def alias(self) -> str:
        """`3.13`, `3.14t`, `pypy3.11`."""
        return minor_alias(self.version, self.variant)


def wanted_alias(facts: VenvFacts) -> str | None:
    """The alias that a venv's packages need: `3.13`, `3.14t`, `pypy3.11`; told by its library, its link, its file."""
    if facts.alias is not None:
        return facts.alias
    named = minor_of_executable(basename(facts.link)) if facts.link is not None else None
    if named is not None:
        return alias_name(facts.implementation, named[0] + VARIANT_SUFFIX[named[1]])
    for key in ("version", "version_info"):
        numbers = numbers_in(facts.settings.get(key) or "")[0]
        if len(numbers) > 1:
            return alias_name(facts.implementation, f"{numbers[0]}.{numbers[1]}")
    return None


def target_for(facts: VenvFacts, store: Store, alias: str | None) -> Target | None:
    """What a venv of this alias should go through: the minor-version link, or the patch release that it is pinned to.

    None where neither is there, and for a venv of an implementation that is left alone. A pinned venv whose release is
    gone gets the link, and follows from then on.
    """
    if alias is None or not is_repaired(facts.implementation):
        return None
    release = pinned_release(facts)
    pinned = store.find(release) if release is not None else None
    if pinned is not None and pinned.whole and pinned.alias == alias:
        return store_target(store, pinned, pinned.name)
    runtime = store.in_use(alias)
    if runtime is not None and runtime.alias == alias:
        return store_target(store, runtime, alias)
    link = facts.owner_link
    if link is None or link.interpreter.alias != alias or link.interpreter.version is None:
        return None
    found = link.interpreter
    if found.library is None or found.version is None or not is_repaired(found.implementation):
        return None
    home = f"{link.path}/bin"
    program = program_name(found.implementation, found.minor + VARIANT_SUFFIX[found.variant])
    return Target(home, f"{home}/{program}", found.version, found.variant, found.prefix, in_store=False)


def store_target(store: Store, runtime: Runtime, name: str) -> Target:
    """A runtime of the store, used by the name of an alias or by its own."""
    executable = join(store.path_of(runtime, name), runtime.executable)
    prefix = runtime.target or runtime.path
    pins = name == runtime.name
    return Target(dirname(executable), executable, runtime.version, runtime.variant, prefix, in_store=True, pins=pins)


def shown_release(target: Target) -> str:
    """The release that a target leads to, and where that is not in the store."""
    release = release_name(target.version, target.variant)
    return release if target.in_store else f"{release} in {target.prefix}"


def pinned_release(facts: VenvFacts) -> str | None:
    """The patch release that a pinned venv wants, as its request or its link names it; None for any other venv."""
    if facts.policy != "pin":
        return None
    named = [facts.request.removeprefix("==").strip()] if facts.request is not None else []
    named += [basename(facts.named_release)] if facts.named_release is not None else []
    for name in named:
        other = other_in_name(name)
        if other is not None and other.own and other.is_release:
            return f"{alias_name(other.implementation, other.minor)}-{other.own}"
        found = version_in_name(name)
        if found is not None and len(found[0]) == 3:
            return release_name(Version(*found[0], found[1]), found[2])
    return None


def base_target(facts: VenvFacts, store: Store) -> Target | None:
    """For a venv whose `home` lies in another: the base of the outermost one, by the path that its own `home` has.

    Where that names a patch release which the alias has caught up with, and nothing pins the venv: the alias.
    """
    found = facts.interpreter
    if facts.base_home is None or found is None or found.version is None or not found.minor:
        return None
    if not is_repaired(facts.implementation):
        return None
    executable = f"{facts.base_home}/{basename(found.path)}"
    through = target_for(facts, store, wanted_alias(facts))
    if named_folder(executable) is not None and through is not None and through.version >= found.version:
        return through
    pins = named_folder(executable) is not None
    return Target(facts.base_home, executable, found.version, found.variant, found.prefix, in_store=False, pins=pins)


def relink_target(facts: VenvFacts, store: Store, *, nested: bool) -> Target | None:
    """What a repair links a venv to: `nested` says that it is the one of a venv whose `home` lies in another."""
    return base_target(facts, store) if nested else target_for(facts, store, wanted_alias(facts))


def names_one_runtime(facts: VenvFacts) -> bool:
    """True where `bin/python` and `home` lead to the same runtime, by whatever ways."""
    if facts.link is None or facts.home is None:
        return True
    if dirname(facts.link) == facts.home.rstrip("/"):
        return True
    own, homes = facts.interpreter, facts.home_interpreter
    if own is None or homes is None:
        return False
    return own.path == homes.path or own.prefix == homes.prefix


def has_stale_home(facts: VenvFacts) -> bool:
    """True where the file names another home than the one that counts: PyPy never reads it."""
    written = facts.settings.home
    return facts.home is not None and written is not None and facts.home.rstrip("/") != written.rstrip("/")


def numbers_in(text: str) -> tuple[tuple[int, ...], str]:
    """Numbers and pre-release that a version line names: `3.13`, `3.13.5`, `3.14.0rc2`, `3.14.0.candidate.2`."""
    parts = text.split(".")
    stages = {"alpha": "a", "beta": "b", "candidate": "rc"}
    prerelease = ""
    if len(parts) == 5 and parts[4].isascii() and parts[4].isdigit():
        prerelease = f"{stages[parts[3]]}{parts[4]}" if parts[3] in stages else ""
        parts = parts[:3]
    split = split_release(".".join(parts))
    return (split[0], split[1] or prerelease) if split is not None else ((), "")


def stale_keys(facts: VenvFacts, version: Version, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The version keys of a venv's file that name another release than this one."""
    stale = []
    for key in keys:
        numbers, prerelease = numbers_in(facts.settings.get(key) or "")
        if not numbers or version.patch == UNKNOWN_PATCH:
            continue
        named = (version.major, version.minor, version.patch)[: len(numbers)]
        # The stdlib leaves the stage of a pre-release out of its line: that one is not wrong.
        if numbers != named or (prerelease and prerelease != version.prerelease):
            stale.append(key)
    return tuple(stale)
