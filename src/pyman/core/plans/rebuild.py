"""One rebuild, decided and not yet begun, and what keeps it from being begun (DESIGN 7, Rebuild)."""

from __future__ import annotations

from posixpath import join

from pyman.core.moved import of_the_user
from pyman.core.packages.installer import Batch, Installer, local_source
from pyman.core.plans.reinstallation import Reinstallation, local_sources, plan_reinstallation
from pyman.core.record import record, replace
from pyman.errors import BLOCKED, SOURCE_GONE, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.layout import VenvWish
    from pyman.core.packages.compatibility import Release
    from pyman.core.packages.package import Package
    from pyman.core.store import Choice
    from pyman.core.venv import VenvFacts

_MOST_NAMED = 5


@record
class RebuildOptions:
    """The words of `pyman rebuild`."""

    python: str | None = None
    minor: str | None = None
    """The alias that a finding of doctor names, where the user names no Python."""
    source: str | None = None
    """`lock`, or a requirements file; None for the packages that were there."""
    allow_newer: bool = False
    relaxed: tuple[str, ...] = ()
    """The normalized names that `--allow-newer` is limited to; what needs it where it is empty."""
    force: bool = False
    installer: str = "auto"
    dry_run: bool = False
    yes: bool = False
    """Rebuild also where a relink would do, and off a base that lends it packages."""


@record
class RebuildPlan:
    """One rebuild, decided and not yet begun."""

    facts: VenvFacts
    wish: VenvWish
    choice: Choice
    installer: Installer
    packages: tuple[Package, ...]
    old: Release
    new: Release
    reinstallation: Reinstallation
    batches: tuple[Batch, ...]
    folder: str
    """Where the installer is started: settings of the project are found there."""
    source: str | None = None
    """The lock file or requirements file that is installed instead of what was there."""
    sync: str | None = None
    """The project whose `uv.lock` uv installs."""
    missing: frozenset[str] = frozenset()
    may_relax: bool = False
    """True where any package may get another version that cannot be had as it was."""
    relaxed: frozenset[str] = frozenset()
    copied: tuple[str, ...] = ()
    """Names at the top of the venv's folder that packages are installed from: the new one gets copies of them first."""
    moved: tuple[str, ...] = ()
    """Other names there that are no venv's: the new one gets them once it is good."""
    pip_conf: bytes | None = None
    """The venv's own `pip.conf`: the new one has it before anything is installed."""
    offline: bool = False
    notes: tuple[str, ...] = ()

    @property
    def library(self) -> str | None:
        """The old site-packages folder, relative to the venv."""
        library = self.facts.library
        return join("lib", library.name, "site-packages") if library is not None else None


def relax(plan: RebuildPlan, names: frozenset[str]) -> RebuildPlan:
    """The plan with other versions allowed for these packages too."""
    relaxed = plan.relaxed | names
    decided = plan_reinstallation(
        plan.packages, plan.old, plan.new, relaxed=relaxed, missing=plan.missing, offline=plan.offline
    )
    batches = tuple(replace(batch, beside_lent=plan.wish.system_site_packages) for batch in decided.batches)
    return replace(plan, reinstallation=decided, batches=batches, relaxed=relaxed)


def obstacles_of(plan: RebuildPlan) -> Refused | None:
    """The refusal of a plan in which something cannot be put back as it was; None where all can."""
    obstacles = plan.reinstallation.obstacles if plan.source is None else ()
    if not obstacles:
        return None
    told = "; ".join(map(str, obstacles[:_MOST_NAMED]))
    if len(obstacles) > _MOST_NAMED:
        told += f"; and {', '.join(one.name for one in obstacles[_MOST_NAMED:])}"
    names = " ".join(one.normalized for one in obstacles if one.relaxable)
    hint = "put back what is missing, or uninstall these packages first"
    if names and all(one.relaxable for one in obstacles):
        hint = f"`--allow-newer {names}` takes other versions of just these"
    return Refused(
        f"{plan.facts.path} cannot be rebuilt with Python {plan.choice.release}: {told}", hint=hint, code=BLOCKED
    )


def refuse_unknown_names(facts: VenvFacts, packages: Iterable[Package], names: Iterable[str]) -> None:
    """Raise UsageError for a name behind `--allow-newer` that no package of the venv has."""
    there = {package.normalized for package in packages}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise UsageError(
            f"{facts.path} has no package {unknown[0]}",
            hint="`--allow-newer` takes names of packages that are installed",
        )


def refuse_missing_sources(facts: VenvFacts, packages: Iterable[Package], missing: frozenset[str]) -> None:
    """Raise Refused where what a package was installed from is gone: before a Python is installed for nothing."""
    gone = [package for package in packages if local_source(package) in missing]
    if gone:
        told = "; ".join(f"{package}: {_what_is_gone(package)}" for package in gone)
        raise Refused(
            f"{facts.path} cannot be rebuilt: {told}",
            hint=f"put it back, or uninstall {' '.join(package.name for package in gone)} first",
            code=SOURCE_GONE,
        )


def _what_is_gone(package: Package) -> str:
    is_editable = package.origin is not None and package.origin.kind == "editable"
    what = "the source of this editable install" if is_editable else "what it was installed from"
    return f"{what} is gone: {local_source(package)}"


def stays(facts: VenvFacts, source: str) -> bool:
    """False for a source that lies in a part of the venv which is made anew."""
    place = f"{facts.folder}/"
    return not source.startswith(place) or bool(of_the_user([source[len(place) :].partition("/")[0]]))


def split_own(
    facts: VenvFacts, names: Iterable[str], packages: tuple[Package, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split the user's own names at the top of a venv: those that packages are installed from, and the others."""
    sources = local_sources(packages)
    own = of_the_user(names)
    holding = tuple(
        name for name in own if any(f"{source}/".startswith(f"{facts.folder}/{name}/") for source in sources)
    )
    return holding, tuple(name for name in own if name not in holding)
