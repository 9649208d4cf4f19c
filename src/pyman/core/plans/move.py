"""Moving an alias: which venvs go along, which are held back, which come forward again (design.md 8)."""

from __future__ import annotations

from posixpath import dirname, isabs, join

from pyman.core.aliases import Swap
from pyman.core.immutable import record, replace
from pyman.core.implementation import library_name
from pyman.core.owner_files import Base
from pyman.core.owners import reads_exact_release
from pyman.core.plans.owner_files import with_owner_files
from pyman.core.plans.steps import CopyProgram, Plan, ReplaceLink, Verify, library_steps, settings_steps
from pyman.core.pyvenv_cfg import (
    BASE_KEYS,
    HELD_BACK,
    POLICY,
    REQUEST,
    VERSION_KEYS,
    Settings,
    base_lines,
    parse_pyvenv_cfg,
    version_line,
)
from pyman.core.store import Runtime, executable_of, parse_runtime_name
from pyman.core.venv import VenvFolder
from pyman.core.version import short_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from pyman.core.owner_files import OwnerFile
    from pyman.core.plans.steps import Step
    from pyman.core.store import Store
    from pyman.core.version import Variant, Version


_HELD_BACK = HELD_BACK.encode()
_GOES_STALE = frozenset(key.encode() for key in ("home", HELD_BACK, *VERSION_KEYS, *BASE_KEYS))


@record
class Follower:
    """A known venv that goes through a name of the store."""

    path: str
    """As it is recorded."""
    runtimes: str
    """The store's folder of runtimes, as the venv writes it."""
    through: str
    """The name in it that the venv goes through: an alias, or a patch release."""
    cfg: bytes = b""
    """Its `pyvenv.cfg`; empty where that cannot be read."""
    folder: str = ""
    """Where it really lies; empty where that is its path."""
    links: tuple[tuple[str, str], ...] = ()
    """The links in its `bin` that lead out of it: name and target. Looked up for those that are to be changed."""
    copies: tuple[str, ...] = ()
    """The names in its `bin` that are copies of the interpreter: such a venv goes by its `home` alone."""
    identity: tuple[int, int] | None = None
    """Device and inode of the folder that it lies in."""
    obstacle: str = ""
    """Why it was not changed: `it cannot be written`; empty where nothing is against it."""
    libraries: tuple[tuple[str, str], ...] = ()
    """The links to libraries of its base: names relative to it, and texts. Looked up like `links`."""
    owner_files: tuple[OwnerFile, ...] = ()
    """The files in which the tool that made it remembers its Python."""
    is_recorded: bool = True
    """False for a venv that is known without a record."""
    is_own: bool = True
    """True for a venv that belongs to the user."""

    @property
    def settings(self) -> Settings:
        """What its `pyvenv.cfg` says."""
        return parse_pyvenv_cfg(self.cfg.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"))

    @property
    def place(self) -> str:
        """The folder to write into."""
        return self.folder or self.path

    @property
    def own(self) -> VenvFolder:
        """The same, and which folder that was."""
        return VenvFolder(self.place, self.identity)

    @property
    def stops_moves(self) -> bool:
        """True where an alias stays rather than that this venv breaks."""
        return self.is_recorded and self.is_own

    @property
    def is_held_back(self) -> bool:
        """True for a venv that follows, and was kept on an older release by an earlier move."""
        return self.settings.held_back is not None

    @property
    def is_pinned(self) -> bool:
        """True where the user wants the patch release that it runs."""
        return self.settings.policy == "pin"

    @property
    def is_split(self) -> bool:
        """True where `home` goes through another name of the store than the link: the library of another release."""
        home = self.settings.home or ""
        inside = self.runtimes + "/"
        return home.startswith(inside) and home[len(inside) :].partition("/")[0] != self.through


def through_other(
    follower: Follower,
    name: str,
    version: Version,
    *,
    held_back: str | None,
    variant: Variant,
    follow: bool = False,
    found: Runtime | None = None,
    runtimes: str = "",
) -> Plan:
    """Make a venv go through another name of the store, keeping every other line of its settings.

    `runtimes` is the folder that has this name, where that is another store's.

    Going up the link is replaced first, going down `home`, so that at no instant an older interpreter runs with a
    newer library. The caller says with `held_back` why a venv stays behind, None where it comes forward. `follow`
    makes a pinned one follow from now on. `found` is the runtime that its owner finds for its minor.
    """
    settings = follower.settings
    old, new = join(follower.runtimes, follower.through), join(runtimes or follower.runtimes, name)
    program = executable_of(version, variant)
    changes: dict[str, str | None] = {"home": join(new, "bin"), HELD_BACK: held_back}
    if follow and settings.policy == "pin":
        changes[POLICY] = "follow"
        changes[REQUEST] = name
    changes |= version_lines(settings, version, follows=_names_minor(follower, name))
    changes |= base_lines(settings, join(new, "bin"), join(new, program))
    files = settings_steps(follower.place, follower.cfg, changes)
    links: list[Step] = []
    for link, target in follower.links:
        inside = target[len(old) + 1 :] if target.startswith(old + "/") else program
        if target != join(new, inside):
            links.append(ReplaceLink(join(follower.place, "bin", link), target, join(new, inside)))
    links += library_steps(follower.place, follower.libraries, new)
    if held_back is None:
        links += refreshed(follower, join(new, program))
    check = Verify(follower.place, version, variant, join(new, "bin"))
    named = parse_runtime_name(follower.through)
    down = held_back is not None or (named is not None and named[0] > version)
    steps = (*files, *links, check) if down else (*links, *files, check)
    base = _base(replace(follower, runtimes=runtimes or follower.runtimes), name, version, variant, found)
    return with_owner_files(steps, follower.own, follower.owner_files, base)


def refreshed(follower: Follower, program: str) -> tuple[CopyProgram, ...]:
    """Copy the interpreter again into a venv that holds copies of it."""
    return tuple(CopyProgram(join(follower.place, "bin", name), program) for name in follower.copies)


def _base(follower: Follower, name: str, version: Version, variant: Variant, found: Runtime | None) -> Base:
    """The Python of a venv that goes through a name of the store."""
    executable = join(follower.runtimes, name, executable_of(version, variant))
    if found is None:
        return Base(executable, version, version, executable)
    folder = found.target or join(follower.runtimes, found.name)
    return Base(executable, version, found.version, join(folder, found.executable))


def onto_alias(
    follower: Follower, alias: str, version: Version, variant: Variant, found: Runtime | None = None
) -> Plan:
    """Bring a venv that goes along up to the release that its alias has now; nothing where all is right already.

    What an earlier move left half done is done: link and `home` go through the alias, and nothing says held back.
    """
    if follower.through in (alias, "3") and not follower.is_held_back and not follower.is_split:
        program = join(follower.runtimes, follower.through, executable_of(version, variant))
        changes = version_lines(follower.settings, version, follows=_names_minor(follower, alias))
        changes |= _stale_base_lines(follower, program)
        libraries = library_steps(follower.place, follower.libraries, join(follower.runtimes, follower.through))
        steps: tuple[Step, ...] = (*settings_steps(follower.place, follower.cfg, changes), *libraries)
        base = _base(follower, follower.through, version, variant, found)
        return with_owner_files(steps, follower.own, follower.owner_files, base)
    return through_other(follower, alias, version, held_back=None, variant=variant, found=found)


def may_need_work(cfg: bytes, minor: str) -> bool:
    """False for a file that says nothing which goes stale when its minor moves; made to be quick."""
    release = f"{minor}.".encode()
    if release not in cfg and _HELD_BACK not in cfg:
        return False
    for line in cfg.split(b"\n"):
        if release in line or _HELD_BACK in line:
            key = line.partition(b"=")[0].removeprefix(b"\xef\xbb\xbf").strip().lower()
            if key in _GOES_STALE:
                return True
    return False


def _names_minor(follower: Follower, name: str) -> bool:
    """True for a venv whose file is to name its minor alone, once it goes through a name of the store."""
    return parse_runtime_name(name) is None and not reads_exact_release(follower.place)


def version_lines(settings: Settings, version: Version, *, follows: bool) -> dict[str, str | None]:
    """The version keys that must change, because they name another release than the one that runs.

    A venv that follows names its minor alone from then on, which no move makes wrong. A pre-release stays: it tells
    what packages were compiled for.
    """
    changes: dict[str, str | None] = {}
    for key in VERSION_KEYS:
        value = settings.values.get(key, "")
        numbers = value.split(".")
        if numbers[:2] != [str(version.major), str(version.minor)]:
            continue
        if (len(numbers) == 5 and numbers[3] == "final") or (len(numbers) == 3 and numbers[2].isdigit()):
            changes[key] = version_line(value, version, follows=follows)
    return changes


def _stale_base_lines(follower: Follower, program: str) -> dict[str, str | None]:
    """The keys of a venv that goes through an alias which name a release of the store: the one that ran once."""
    settings, inside = follower.settings, f"{follower.runtimes}/"
    home = join(follower.runtimes, follower.through, "bin")
    return {
        key: value
        for key, value in base_lines(settings, home, program).items()
        if settings.values[key].startswith(inside)
        and parse_runtime_name(settings.values[key][len(inside) :].partition("/")[0]) is not None
    }


@record
class AliasMove:
    """The move of one alias with all that it means, decided and not yet done."""

    swap: Swap
    old: Runtime | None
    new: Runtime | None
    updated: tuple[Follower, ...] = ()
    """They follow, and are brought up to date."""
    others: int = 0
    """How many follow beside those, and need nothing done."""
    newly_held: tuple[tuple[Follower, str], ...] = ()
    """They do not fit the new release: held back on the old one, with the reason."""
    blocked: tuple[tuple[Follower, str], ...] = ()
    """They do not fit, and cannot be held back: they stop the move."""
    released: tuple[Follower, ...] = ()
    """They were held back before, and fit now."""
    still_held: tuple[tuple[Follower, str], ...] = ()
    """They were held back before, and stay so."""
    pinned: tuple[Follower, ...] = ()
    to_minor: tuple[tuple[Follower, Runtime], ...] = ()
    """They go through `3`, which is about to lead to another minor: they get the alias of their own."""
    unprotected: tuple[str, ...] = ()
    """They do not fit and go along, because they cannot be held back, and nobody asked for that."""
    notes: tuple[tuple[str, str], ...] = ()
    """What could not be checked or done: pairs of a venv and a sentence."""

    @property
    def goes_up(self) -> bool:
        """True where the new release is newer than the old one."""
        return self.old is not None and self.new is not None and self.new.version > self.old.version


def going_and_waiting(
    moves: list[AliasMove], after: Store, in_use: Collection[str]
) -> tuple[list[AliasMove], list[AliasMove]]:
    """The moves to make, and those that wait for the processes that run through their alias, which is `in_use`.

    An alias whose release goes does not wait: it would lead nowhere.
    """
    there = {runtime.name for runtime in after.runtimes if runtime.whole}
    waiting = [move for move in moves if move.swap.old in there and move.swap.alias in in_use]
    return [move for move in moves if move not in waiting], waiting


def plan_to_hold_back(move: AliasMove, follower: Follower, reason: str) -> Plan:
    """Keep a venv on the release that its alias leaves."""
    old = move.old
    if old is None:
        return Plan()
    return through_other(
        follower,
        old.name,
        old.version,
        held_back=f"{short_release(old.version)} {reason}",
        variant=old.variant,
        found=move.new,
        # The link in this store may have led to the store beneath.
        runtimes=dirname(old.path) if isabs(move.swap.old or "") else "",
    )


def plan_to_tell_owner(move: AliasMove, follower: Follower) -> Plan:
    """Let the owner of a venv that stays behind find what it expects, so that it keeps the venv."""
    held = parse_runtime_name(follower.through)
    if held is None or move.new is None or held[0].own:
        return Plan()  # The patch release of another implementation's Python is not known from its name.
    version, variant = held[0], held[1]
    base = _base(follower, follower.through, version, variant, move.new)
    return with_owner_files((), follower.own, follower.owner_files, base)


def plan_to_update(move: AliasMove, follower: Follower) -> Plan:
    """Bring a venv up to the release that its alias leads to now."""
    new = move.new
    return onto_alias(follower, move.swap.alias, new.version, new.variant, new) if new is not None else Plan()


def going_along(move: AliasMove, follower: Follower, why: str, *, force: bool) -> AliasMove:
    """The move with a venv that goes along although it does not fit: `force` asks for that."""
    return replace(
        move,
        others=move.others + 1,
        unprotected=move.unprotected if force else (*move.unprotected, follower.path),
        notes=(*move.notes, (follower.path, f"moved anyway: {why}")),
    )


def copies_of(move: AliasMove, follower: Follower) -> Plan:
    """Refresh the copies of the interpreter that a venv which goes along holds."""
    new = move.new
    if move.old is None or new is None:
        return Plan()
    return Plan(refreshed(follower, join(follower.runtimes, new.name, new.executable)), venv=follower.own)


def library_of_runtime(runtime: Runtime) -> str:
    """The folder that holds the packages for a runtime: `python3.13`, `python3.13t`; debug builds share the first."""
    version = runtime.version
    return library_name(version.implementation, version.minor_name + ("t" if runtime.variant == "freethreaded" else ""))
