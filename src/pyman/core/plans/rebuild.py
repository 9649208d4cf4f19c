"""One rebuild, decided before it begins: its Python, its packages, and what prevents it (design.md 4, 7)."""

from __future__ import annotations

from posixpath import join

from pyman.core.choice import Choice, pinned
from pyman.core.escape import as_word
from pyman.core.immutable import record, replace
from pyman.core.packages.compatibility import NOT_UNDERSTOOD, Move, Release
from pyman.core.packages.installer import Batch, Installer, local_source, needs_network, requirement_line
from pyman.core.packages.package import Package, normalize_name, own_packages
from pyman.core.relink import pinned_release, wanted_alias
from pyman.core.request import Request, parse_request
from pyman.core.store import Store
from pyman.core.user_files import of_the_user
from pyman.core.version import Version, minor_alias, python_name
from pyman.errors import BLOCKED, CHANGED_FILES, SOURCE_GONE, BadRequest, NotFound, Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.new_venv import VenvSpec
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
    """Go over changed files of packages, and rebuild what another tool owns, or a relink would do for."""
    foreign: bool = False
    """Rebuild what another tool owns."""
    installer: str = "auto"
    yes: bool = False
    """Rebuild also where a relink would do, and off a base that lends it packages."""


@record
class RebuildPlan:
    """One rebuild, decided and not yet begun."""

    facts: VenvFacts
    spec: VenvSpec
    choice: Choice
    installer: Installer
    packages: tuple[Package, ...]
    old: Release
    new: Release
    reinstallation: Reinstallation
    batches: tuple[Batch, ...]
    folder: str
    """Where the installer is started: settings of the project are found there."""
    missing: frozenset[str]
    may_relax: bool
    """True where any package may get another version that cannot be had as it was."""
    copied: tuple[str, ...]
    """Names at the top of the venv's folder that packages are installed from: the new one gets copies of them first."""
    moved: tuple[str, ...]
    """Other names there that are no venv's: the new one gets them once it is good."""
    changed: tuple[tuple[str, str], ...]
    """Files of packages that were changed since they were installed, relative to the venv, each with the package."""
    goes_over_changes: bool
    """True where the user says that these changes may be lost."""
    pip_conf: bytes | None
    """The venv's own `pip.conf`: the new one has it before anything is installed."""
    offline: bool
    notes: tuple[str, ...]
    source: str | None = None
    """The lock file or requirements file that is installed instead of what was there."""
    unfinished: Batch | None = None
    """What was being installed when its creation was interrupted: installed behind what is there."""
    sync: str | None = None
    """The project whose `uv.lock` uv installs."""
    relaxed: frozenset[str] = frozenset()

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
    also = (plan.unfinished,) if plan.unfinished is not None else ()
    batches = tuple(
        replace(batch, system_site_packages=plan.spec.system_site_packages) for batch in (*decided.batches, *also)
    )
    return replace(plan, reinstallation=decided, batches=batches, relaxed=relaxed)


def obstacles_of(plan: RebuildPlan) -> Refused | None:
    """The refusal of a plan in which something cannot be restored as it was; None where all can."""
    obstacles = plan.reinstallation.obstacles if plan.source is None else ()
    if not obstacles:
        return _refusal_of_changes(plan)
    told = "; ".join(map(str, obstacles[:_MOST_NAMED]))
    if len(obstacles) > _MOST_NAMED:
        told += f"; and {', '.join(one.name for one in obstacles[_MOST_NAMED:])}"
    names = " ".join(one.normalized for one in obstacles if one.relaxable)
    hint = "put back what is missing, or uninstall these packages first"
    if names and all(one.relaxable for one in obstacles):
        hint = f"`--allow-newer {names}` allows newer versions of {' and '.join(names.split())}"
    return Refused(
        f"{plan.facts.path} cannot be rebuilt with {python_name(plan.choice.release)}: {told}", hint=hint, code=BLOCKED
    )


def _refusal_of_changes(plan: RebuildPlan) -> Refused | None:
    if not plan.changed or plan.goes_over_changes:
        return None
    return Refused(
        f"{plan.facts.path} was not rebuilt: {told_changes(plan.changed)}",
        hint=f"copy the changes elsewhere, then run `pyman rebuild {as_word(plan.facts.path)} --force`",
        code=CHANGED_FILES,
    )


def told_changes(changed: tuple[tuple[str, str], ...]) -> str:
    """Which files were changed: of many the first."""
    named = ", ".join(
        f"{path.partition('/site-packages/')[2] or path} ({package})" for path, package in changed[:_MOST_NAMED]
    )
    more = f" and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
    return f"files of packages were changed since they were installed: {named}{more}"


def refuse_unknown_names(facts: VenvFacts, packages: Iterable[Package], names: Iterable[str]) -> None:
    """Raise UsageError for a name behind `--allow-newer` that no package of the venv has."""
    there = {package.normalized for package in packages}
    unknown = [name for name in names if name not in there]
    if unknown:
        raise UsageError(
            f"{facts.path} has no package {unknown[0]}",
            hint="`--allow-newer` takes the names of installed packages",
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
    """False for a source that lies in a part of the venv which is recreated."""
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


# Which Python a venv is recreated with, and what stays of its request and policy (design.md 4, 7).


@record
class RequestedPython:
    """What to look for: the first of `requests` that is there is taken, else the first that can be installed."""

    requests: tuple[Request, ...]
    alias: str | None = None
    """The minor and variant that it must be; None where the user names one, or nothing tells."""
    asked: bool = False
    """True where the user names it now: these words are kept with the venv."""
    pin: bool = False
    """True for a venv that is pinned, and stays so."""
    fallback: Request | None = None
    """The minor, for a venv that is pinned to a release which may be nowhere to be had: then it follows."""


def requested_python(facts: VenvFacts, asked: str | None, minor: str | None = None) -> RequestedPython:
    """Say which Python a rebuild of this venv is for.

    `asked` are the user's words; `minor` is the alias that a finding of doctor names. Without either it is the minor of
    the venv's packages: its pinned release, the path that it was made from, the store's alias, the interpreter that it
    goes through. Raises NotFound where nothing tells, BadRequest for words that nobody understands.
    """
    pin = facts.policy == "pin"
    if asked is not None:
        return RequestedPython((parse_request(asked),), asked=True, pin=pin)
    own = _parsed(facts.request)
    alias = minor or wanted_alias(facts)
    if alias is None:
        if own is None:
            raise NotFound(
                f"it is not known which Python {facts.path} needs",
                hint=f"choose one: `pyman rebuild -p 3.13 {as_word(facts.path)}`",
            )
        return RequestedPython((own,), pin=pin)
    path = (own,) if own is not None and own.kind == "path" else ()
    link = (Request(facts.link, "path"),) if facts.link is not None else ()
    release = pinned_release(facts)
    if release is not None and _alias_of(release) == alias:
        requests = (parse_request(release), *path, *link)
        return RequestedPython(requests, alias, pin=True, fallback=parse_request(alias))
    return RequestedPython((*path, parse_request(alias), *link), alias, pin=pin)


def _parsed(text: str | None) -> Request | None:
    try:
        return parse_request(text) if text is not None else None
    except BadRequest:
        return None


def _alias_of(release: str) -> str | None:
    parsed = _parsed(release)
    if parsed is None or not parsed.pins:
        return None
    return replace(parsed, numbers=parsed.numbers[:2], own="").alias


def means_same_minor(facts: VenvFacts, asked: str) -> bool:
    """True for words that name the minor and variant that the venv has, or admit the release that it runs."""
    request = parse_request(asked)
    if request.kind == "release" and len(request.numbers) > 1:
        return replace(request, numbers=request.numbers[:2], own="").alias == wanted_alias(facts)
    running = facts.running
    return running is not None and running.version is not None and request.admits(running.version, running.variant)


def fits(choice: Choice, requested: RequestedPython) -> bool:
    """True for an interpreter of the minor and variant that is requested."""
    return requested.alias is None or minor_alias(choice.version, choice.variant) == requested.alias


def with_policy(choice: Choice, requested: RequestedPython, request: Request, store: Store) -> Choice:
    """The choice with the venv's policy: what was pinned stays pinned, unless its release is nowhere to be had."""
    if not requested.pin or request == requested.fallback:
        return choice
    return pinned(store, choice.runtime) if choice.runtime is not None else replace(choice, policy="pin")


def kept_request(facts: VenvFacts, choice: Choice, requested: RequestedPython, request: Request) -> str:
    """The words to keep with the new venv: those of now, else those of before as long as they are true."""
    if requested.asked:
        return choice.executable if request.kind == "path" else request.text
    own = _parsed(facts.request)
    if own is not None and own.admits(choice.version, choice.variant):
        return own.text
    if request.kind == "path" and (own is None or own == request):
        return choice.executable
    return choice.release if choice.policy == "pin" else minor_alias(choice.version, choice.variant)


# What a rebuild puts into the new venv, and whether that is what was in the old one (design.md 7, Rebuild).


@record
class Reinstalled:
    """One package that is restored."""

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
    """One package that cannot be restored as it was."""

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
    """Decide how each package is restored under another release; where only the old minor is known, its x.y.0 will do.

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
            resolved.append(
                Reinstalled(*identity, line, "from the index, in another version if necessary", exact=False)
            )
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
    """Return the folders and files that must exist for the packages to be restored."""
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
        return f"it is installed {told.source}, and the network is disabled"
    wanted = package.distribution.requires_python
    # A folder may say something else by now; what is named by its version or its hash says the same.
    fixed = package.origin is None or package.origin.kind in ("archive", "vcs")
    if fixed and wanted and not _admits(wanted, new):
        return f"it requires Python {wanted}"
    return ""


def _admits(specifier: str, version: Version) -> bool:
    from packaging.specifiers import SpecifierSet

    try:
        numbers = f"{version.major}.{version.minor}.{version.patch}"
        return bool(SpecifierSet(specifier).contains(numbers))
    except NOT_UNDERSTOOD:
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


def unplanned(plan: Reinstallation, comparison: Comparison, *, any_version: bool = False) -> tuple[str, ...]:
    """Return what is not as the plan has it, one sentence each: what is missing or has another version unasked.

    `any_version`: what is installed behind what was there may change versions, and loses nothing.
    """
    free = {one.normalized for one in (*plan.exact, *plan.resolved) if not one.exact}
    changed = () if any_version else comparison.changed
    return (
        *(f"{name} {version} is missing" for name, version in comparison.removed),
        *(
            f"{name} is {after} instead of {before}"
            for name, before, after in changed
            if normalize_name(name) not in free
        ),
    )
