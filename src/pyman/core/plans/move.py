"""Moving an alias: which venvs go along, which are held back, which come forward again (DESIGN 8)."""

from __future__ import annotations

from posixpath import join

from pyman.core.plan import Plan, ReplaceFile, ReplaceLink, Verify
from pyman.core.pyvenv_cfg import HELD_BACK, POLICY, REQUEST, VERSION_KEYS, Settings, edit
from pyman.core.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.moves import Swap
    from pyman.core.runtime import Runtime
    from pyman.core.version import Version


@record
class Follower:
    """A known venv that the move of an alias concerns."""

    path: str
    runtimes: str
    """The store's folder of runtimes, as the venv writes it."""
    through: str
    """The name in it that the venv goes through: an alias, or a patch release."""
    links: tuple[tuple[str, str], ...]
    """The links in its `bin` that go there: name and target."""
    cfg: bytes
    """Its `pyvenv.cfg`."""
    settings: Settings
    site_packages: str | None
    writable: bool = True

    @property
    def is_held_back(self) -> bool:
        """True for a venv that follows, and was kept on an older release by an earlier move."""
        return self.settings.held_back is not None

    @property
    def is_pinned(self) -> bool:
        """True where the user wants the patch release that it runs."""
        return self.settings.policy == "pin"


def through_other(
    follower: Follower, name: str, version: Version, *, held_back: str | None, variant: str, follow: bool = False
) -> Plan:
    """Make a venv go through another name of the store, keeping every other line of its settings.

    Going up the link is replaced first, so that at no instant an older interpreter runs with a newer library; the
    caller says with `held_back` why a venv stays behind, None where it comes forward. `follow` makes a pinned one
    follow from now on.
    """
    old, new = join(follower.runtimes, follower.through), join(follower.runtimes, name)
    changes: dict[str, str | None] = {}
    home = follower.settings.values.get("home", "")
    if home == old or home.startswith(old + "/"):
        changes["home"] = new + home[len(old) :]
    follows = follow or follower.settings.policy == "follow"
    if follow and follower.settings.policy is not None:
        changes[POLICY] = "follow"
        changes[REQUEST] = name
    shown = version.minor_name if held_back is None and follows else str(version)
    changes |= version_lines(follower.settings, version, follower.settings.get("version"), shown)
    changes[HELD_BACK] = held_back
    text = follower.cfg.decode("utf-8", "surrogateescape")
    cfg = ReplaceFile(
        join(follower.path, "pyvenv.cfg"), follower.cfg, edit(text, changes).encode("utf-8", "surrogateescape")
    )
    links = [
        ReplaceLink(join(follower.path, "bin", link), target, new + target[len(old) :])
        for link, target in follower.links
    ]
    check = Verify(follower.path, version, variant, join(new, "bin"))
    return Plan((cfg, *links, check) if held_back is not None else (*links, cfg, check))


def follow_version(follower: Follower, version: Version) -> Plan:
    """Bring the version lines of a venv up to the release that runs; nothing where they name the minor alone."""
    changes = version_lines(follower.settings, version, None, None)
    if not changes:
        return Plan()
    text = follower.cfg.decode("utf-8", "surrogateescape")
    new = edit(text, changes).encode("utf-8", "surrogateescape")
    if new == follower.cfg:
        return Plan()
    return Plan((ReplaceFile(join(follower.path, "pyvenv.cfg"), follower.cfg, new),))


def version_lines(
    settings: Settings, version: Version, present: str | None, wanted: str | None
) -> dict[str, str | None]:
    """The version keys that must change, in the form that each has: `3.13.5`, `3.13.5.final.0`, or the minor alone.

    `wanted` is what `version` shall say where it is known better than from its present form.
    """
    changes: dict[str, str | None] = {}
    for key in VERSION_KEYS:
        value = settings.values.get(key)
        if value is None:
            continue
        if key == "version" and wanted is not None and present is not None:
            changes[key] = wanted
            continue
        numbers = value.split(".")
        if len(numbers) > 2 and numbers[:2] == [str(version.major), str(version.minor)]:
            rest = numbers[3:]
            if rest[:1] and rest[0] in ("alpha", "beta", "candidate", "final"):
                rest = ["final", "0"] if version.is_final else rest
                changes[key] = ".".join([*numbers[:2], str(version.patch), *rest])
            else:
                changes[key] = str(version)
    return changes


@record
class AliasMove:
    """The move of one alias with all that it means, decided and not yet done."""

    swap: Swap
    old: Runtime | None
    new: Runtime | None
    along: tuple[Follower, ...] = ()
    """They follow, and their version lines are brought up to date."""
    behind: tuple[tuple[Follower, str], ...] = ()
    """They do not fit the new release: held back on the old one, with the reason."""
    forward: tuple[Follower, ...] = ()
    """They were held back before, and fit now."""
    still: tuple[tuple[Follower, str], ...] = ()
    """They were held back before, and still do not fit."""
    pinned: tuple[Follower, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be checked."""


def plans_before(move: AliasMove) -> tuple[Plan, ...]:
    """What is done to venvs before the alias moves: those that do not fit stay on the old release."""
    if move.old is None:
        return ()
    old = move.old
    return tuple(
        through_other(follower, old.name, old.version, held_back=f"{old.version} {reason}", variant=old.variant)
        for follower, reason in move.behind
    )


def plans_after(move: AliasMove) -> tuple[Plan, ...]:
    """What is done to venvs once the alias has moved."""
    if move.new is None:
        return ()
    new = move.new
    forward = tuple(
        through_other(follower, move.swap.alias, new.version, held_back=None, variant=new.variant)
        for follower in move.forward
    )
    return (*forward, *(plan for plan in (follow_version(one, new.version) for one in move.along) if plan.steps))
