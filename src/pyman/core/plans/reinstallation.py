"""What a rebuild puts into the new venv, and whether that is what was in the old one (DESIGN 7, Rebuild)."""

from __future__ import annotations

from pyman.core.packages.compatibility import Move, Release
from pyman.core.packages.installer import Batch, local_source, needs_network, requirement_line
from pyman.core.packages.package import Package, normalize_name, own_packages
from pyman.core.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.version import Version


@record
class Reinstalled:
    """One package that is put back."""

    name: str
    normalized: str
    version: str
    line: str
    """What the installer is given."""
    source: str
    """Where it comes from, in words."""
    exact: bool = True
    """False where another version than the old one may come of it."""
    pin: str = ""
    """What keeps it as it is when others are resolved."""


@record
class Obstacle:
    """One package that cannot be put back as it was."""

    name: str
    normalized: str
    version: str
    reason: str
    relaxable: bool
    """True where `--allow-newer` would take another version."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}: {self.reason}"


@record
class Reinstallation:
    """The packages of a rebuild. One with obstacles is not begun."""

    exact: tuple[Reinstalled, ...] = ()
    """Installed as they are named, and nothing with them."""
    resolved: tuple[Reinstalled, ...] = ()
    """Installed with what they need, in versions that fit the exact ones: the relaxed, and what the new minor adds."""
    own: tuple[str, ...] = ()
    """Normalized names of what is the new runtime's own affair."""
    obstacles: tuple[Obstacle, ...] = ()

    @property
    def batches(self) -> tuple[Batch, ...]:
        """What is installed, call by call."""
        exact, resolved = (
            Batch(tuple(one.line for one in part), tuple(one.normalized for one in part))
            for part in (self.exact, self.resolved)
        )
        pins = tuple(one.pin for one in self.exact if one.exact and one.pin)
        resolved = replace(resolved, constraints=pins, dependencies=True)
        return tuple(batch for batch in (exact, resolved) if batch.lines)

    @property
    def names(self) -> tuple[str, ...]:
        """The normalized names of all that is installed."""
        return tuple(one.normalized for one in (*self.exact, *self.resolved))


@record
class Comparison:
    """What a rebuild changed, as `rebuild` reports it."""

    added: tuple[tuple[str, str], ...] = ()
    """Pairs of a name and a version."""
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()
    """Names with the old version and the new one."""


def plan_reinstallation(
    packages: Iterable[Package],
    old: Release,
    new: Release,
    *,
    relaxed: frozenset[str] = frozenset(),
    missing: frozenset[str] = frozenset(),
    offline: bool = False,
) -> Reinstallation:
    """Decide how each package is put back under another release; where only the old minor is known, its x.y.0 will do.

    `relaxed` are normalized names whose version may change; `missing` those of `local_sources` that are gone.
    """
    present = tuple(packages)
    own = own_packages(present, old.version, new.version)
    exact: list[Reinstalled] = []
    resolved: list[Reinstalled] = []
    obstacles: list[Obstacle] = []
    for package in present:
        if package.normalized in own:
            continue
        identity = package.name, package.normalized, package.version
        told = requirement_line(package)
        reason = _obstacle(package, new.version, missing, offline=offline)
        relaxable = package.origin is None and not told.reason
        if relaxable and package.normalized in relaxed:
            line = _relaxed_line(package, told.line, excluded=bool(reason))
            resolved.append(Reinstalled(*identity, line, "from the index, in another version if need be", exact=False))
        elif reason:
            obstacles.append(Obstacle(*identity, reason, relaxable))
        else:
            # A folder may have moved on since it was installed.
            moving = package.origin is not None and package.origin.kind in ("editable", "folder")
            exact.append(Reinstalled(*identity, told.line, told.source, exact=not moving, pin=_pin(package)))
    resolved += _additions(present, own, Move(old, new))
    return Reinstallation(tuple(exact), tuple(resolved), tuple(sorted(own)), tuple(obstacles))


def _relaxed_line(package: Package, line: str, *, excluded: bool) -> str:
    if line != f"{package.name}=={package.version}":
        return package.name
    return f"{package.name}{'>' if excluded else '>='}{package.version.partition('+')[0]}"


def _pin(package: Package) -> str:
    return requirement_line(replace(package, origin=None)).line


def local_sources(packages: Iterable[Package]) -> tuple[str, ...]:
    """Return the folders and files that must exist for the packages to be put back."""
    return tuple(dict.fromkeys(source for package in packages if (source := local_source(package))))


def _obstacle(package: Package, new: Version, missing: frozenset[str], *, offline: bool) -> str:
    told = requirement_line(package)
    if told.reason:
        return told.reason
    source = local_source(package)
    if source in missing:
        what = "the source of this editable install" if told.line.startswith("-e ") else "what it was installed from"
        return f"{what} is gone: {source}"
    if offline and needs_network(package):
        return f"it is installed {told.source}, and the network is not to be used"
    wanted = package.distribution.requires_python
    # A folder may say something else by now; what is named by its version or its hash says the same.
    fixed = package.origin is None or package.origin.kind in ("archive", "vcs")
    if fixed and wanted and not _admits(wanted, new):
        return f"it requires Python {wanted}"
    return ""


def _admits(specifier: str, version: Version) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        numbers = f"{version.major}.{version.minor}.{version.patch}"
        return bool(SpecifierSet(specifier).contains(numbers, prereleases=True))
    except InvalidSpecifier:
        return True  # the installer knows what to make of it


def _additions(packages: Iterable[Package], own: frozenset[str], move: Move) -> list[Reinstalled]:
    """Return what the packages need on the new minor only, as `tomli; python_version < "3.11"`, and do not have."""
    there = {package.normalized for package in packages} | own
    added: dict[str, Reinstalled] = {}
    for package in packages:
        for requirement in () if package.normalized in own else move.beginning(package.distribution):
            name = normalize_name(requirement.name)
            if name not in there and requirement.url is None:
                extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
                line = f"{requirement.name}{extras}{requirement.specifier}"
                source = f"needed by {package.name} on Python {move.new.version.minor_name}"
                added.setdefault(line, Reinstalled(requirement.name, name, "", line, source, exact=False))
    return list(added.values())


def compare(before: Iterable[Package], after: Iterable[Package], own: Iterable[str] = ()) -> Comparison:
    """Return what differs between two sets of packages, apart from what is the runtime's own."""
    apart = frozenset(own)
    old, new = (
        {package.normalized: package for package in packages if package.normalized not in apart}
        for packages in (before, after)
    )
    return Comparison(
        added=tuple((package.name, package.version) for name, package in new.items() if name not in old),
        removed=tuple((package.name, package.version) for name, package in old.items() if name not in new),
        changed=tuple(
            (package.name, package.version, new[name].version)
            for name, package in old.items()
            if name in new and new[name].version != package.version
        ),
    )


def unplanned(plan: Reinstallation, comparison: Comparison) -> tuple[str, ...]:
    """Return what is not as the plan has it, one sentence each: what is missing or has another version unasked."""
    free = {one.normalized for one in (*plan.exact, *plan.resolved) if not one.exact}
    return (
        *(f"{name} {version} is missing" for name, version in comparison.removed),
        *(
            f"{name} is {after} instead of {before}"
            for name, before, after in comparison.changed
            if normalize_name(name) not in free
        ),
    )
