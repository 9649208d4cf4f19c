"""A rebuild before anything is touched: what is there, which Python it gets, what is put back from where."""

from __future__ import annotations

import os
import sys

from pyman.cli import installing
from pyman.cli.session import Session
from pyman.core.compatibility import Release, marker_environment
from pyman.core.lock_file import choose_lock, requirements_of_pylock
from pyman.core.own_files import IGNORE_FILE, of_the_user
from pyman.core.owner_command import owner_command
from pyman.core.package_installer import Batch, Installer
from pyman.core.packages import Package
from pyman.core.plans.install import Fetch, Impossible, decide
from pyman.core.plans.rebuild import Reinstallation, local_sources, plan_reinstallation
from pyman.core.rebuild_python import PythonWish, fits, kept_request, settled, wished_python
from pyman.core.record import record, replace
from pyman.core.relink import wanted_alias
from pyman.core.request import Request
from pyman.core.runtime import Choice, choose, executable_of
from pyman.core.venv import VenvFacts
from pyman.core.venv_layout import VenvWish
from pyman.core.version import Version, minor_alias, split_release
from pyman.effects.borrowed_pip import find_pip_wheel
from pyman.effects.disk_room import lacking_room
from pyman.effects.dist_info import read_packages
from pyman.effects.files import read_bytes
from pyman.effects.installers import find_installer
from pyman.effects.inventory import is_own
from pyman.effects.set_aside import refuse_what_cannot_move
from pyman.effects.store import read_store
from pyman.effects.stray_files import hides_all
from pyman.errors import BadRequest, NotFound, PymanError, Refused, UsageError
from pyman.hot.choosing import choose_interpreter

LOCK = "lock"


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
    offline: bool = False
    notes: tuple[str, ...] = ()

    @property
    def library(self) -> str | None:
        """The old site-packages folder, relative to the venv."""
        library = self.facts.library
        return os.path.join("lib", library.name, "site-packages") if library is not None else None


def plan_rebuild(session: Session, facts: VenvFacts, options: RebuildOptions) -> RebuildPlan:
    """Look at a venv and decide its rebuild. Raises PymanError with everything that stands in the way.

    Nothing is touched, but a Python that is missing is installed, unless it is for show only.
    """
    _refuse_what_is_not_ours(session, facts, options)
    library = facts.library
    packages, notes = (
        read_packages(os.path.join(facts.folder, "lib", library.name, "site-packages"))
        if library is not None
        else ((), ())
    )
    _refuse_unknown_names(facts, packages, options)
    missing = frozenset(source for source in local_sources(packages) if not _is_there(facts, source))
    if options.source is None:
        _refuse_missing_sources(facts, packages, missing)
    wish, request, choice, said = find_python(session, facts, options)
    new = _release(choice.version, choice.variant)
    with_pip = any(package.normalized == "pip" for package in packages)
    installer = _installer(session, facts, choice, options, with_pip=with_pip)
    user = of_the_user(os.listdir(facts.folder))
    copied = tuple(name for name in user if _holds_source(facts, name, packages))
    moved = tuple(name for name in user if name not in copied)
    if not hides_all(os.path.join(facts.folder, IGNORE_FILE)):
        moved = (*moved, IGNORE_FILE)
    plan = RebuildPlan(
        facts,
        VenvWish(
            facts.folder,
            kept_request(facts, choice, wish, request),
            with_pip=with_pip,
            system_site_packages="include-system-site-packages" in facts.settings.values
            and facts.settings.has_system_site_packages,
            prompt=facts.settings.prompt,
        ),
        choice,
        installer,
        packages,
        _old_release(facts, new),
        new,
        Reinstallation(),
        (),
        os.path.dirname(facts.path),
        missing=missing,
        may_relax=options.allow_newer and not options.relaxed,
        copied=copied,
        moved=moved,
        offline=session.offline,
        notes=(*notes, *said),
    )
    plan = relax(plan, frozenset(options.relaxed))
    if plan.may_relax:
        blocked = frozenset(one.normalized for one in plan.reinstallation.obstacles if one.relaxable)
        plan = relax(plan, blocked) if blocked else plan
    if options.source is not None:
        plan = _from_source(session, plan, options.source)
    return plan


def relax(plan: RebuildPlan, names: frozenset[str]) -> RebuildPlan:
    """The plan with other versions allowed for these packages too."""
    relaxed = plan.relaxed | names
    decided = plan_reinstallation(
        plan.packages, plan.old, plan.new, relaxed=relaxed, missing=plan.missing, offline=plan.offline
    )
    return replace(plan, reinstallation=decided, batches=decided.batches, relaxed=relaxed)


def refuse_obstacles(plan: RebuildPlan) -> None:
    """Raise Refused for a plan in which something cannot be put back, or for which there is no room."""
    obstacles = plan.reinstallation.obstacles if plan.source is None else ()
    if obstacles:
        told = "; ".join(map(str, obstacles[:5])) + (f"; and {len(obstacles) - 5} more" if len(obstacles) > 5 else "")
        names = " ".join(one.normalized for one in obstacles if one.relaxable)
        hint = "put back what is missing, or uninstall these packages first"
        if names and all(one.relaxable for one in obstacles):
            hint = f"`--allow-newer {names}` takes other versions of just these"
        raise Refused(
            f"{plan.facts.path} cannot be rebuilt with Python {plan.choice.release}: {told}", hint=hint, code="blocked"
        )
    try:
        lacking = lacking_room(plan.facts.folder)
    except OSError as error:
        raise PymanError(f"{plan.facts.path} cannot be read: {error}", hint="look at it, then try again") from error
    if lacking:
        raise PymanError(
            f"there is no room for a second copy of {plan.facts.path}: {(lacking >> 20) + 1} MiB are lacking",
            hint="make room on that disk, then run the same command again",
            code="disk-full",
        )


def _refuse_what_is_not_ours(session: Session, facts: VenvFacts, options: RebuildOptions) -> None:
    if facts.creator == "pre-commit" or (facts.foreign and not options.force):
        raise Refused(f"{facts.path} belongs to {facts.creator}", hint=f"run `{owner_command(facts)}`", code="foreign")
    if is_own(facts.folder):
        raise Refused(
            f"{facts.path} is what pyman itself runs in",
            hint="install pyman for the user, outside of this venv, and run that one",
            code="own-venv",
        )
    del session
    refuse_what_cannot_move(facts.folder)
    inner = next((name for name in os.listdir(facts.folder) if os.path.ismount(os.path.join(facts.folder, name))), None)
    if inner is not None:
        raise Refused(
            f"{os.path.join(facts.folder, inner)} is a mount point, and would not come along",
            hint="unmount it first",
            code="mount",
        )


def _refuse_unknown_names(facts: VenvFacts, packages: tuple[Package, ...], options: RebuildOptions) -> None:
    there = {package.normalized for package in packages}
    unknown = [name for name in options.relaxed if name not in there]
    if unknown:
        raise UsageError(
            f"{facts.path} has no package {unknown[0]}",
            hint="`--allow-newer` takes names of packages that are installed",
        )


def _refuse_missing_sources(facts: VenvFacts, packages: tuple[Package, ...], missing: frozenset[str]) -> None:
    """Before a Python is installed for nothing."""
    gone = [one for one in packages if one.origin is not None and one.origin.path in missing]
    if gone:
        told = "; ".join(f"{one}: {_what_is_gone(one)}" for one in gone)
        raise Refused(
            f"{facts.path} cannot be rebuilt: {told}",
            hint=f"put it back, or uninstall {' '.join(one.name for one in gone)} first",
            code="source-gone",
        )


def _what_is_gone(package: Package) -> str:
    origin = package.origin
    if origin is None:
        return ""
    what = "the source of this editable install" if origin.kind == "editable" else "what it was installed from"
    return f"{what} is gone: {origin.path}"


def _is_there(facts: VenvFacts, source: str) -> bool:
    """True for a source that still exists, and will while the venv is set aside."""
    place = f"{facts.folder}/"
    if source.startswith(place) and not of_the_user([source[len(place) :].partition("/")[0]]):
        return False
    return os.path.exists(source)


def _holds_source(facts: VenvFacts, name: str, packages: tuple[Package, ...]) -> bool:
    place = f"{facts.folder}/{name}"
    return any(source == place or source.startswith(f"{place}/") for source in local_sources(packages))


def find_python(
    session: Session, facts: VenvFacts, options: RebuildOptions
) -> tuple[PythonWish, Request, Choice, tuple[str, ...]]:
    """The Python of the new venv, the request that it answers, and what is to be said about it.

    It is installed where it is missing; for a dry run only looked up. Raises NotFound where none can be had.
    """
    wish = wished_python(facts, options.python, options.minor)
    found = _installed(session, facts, wish, wish.requests)
    if found is not None:
        return wish, *found, ()
    wanted = next((request for request in wish.requests if request.kind not in ("path", "system")), None)
    if wanted is None:
        raise NotFound(f"no Python answers to {wish.requests[0]}", hint="name another: `pyman rebuild -p 3.13`")
    try:
        request, choice, said = _fetched(session, facts, wish, wanted, dry_run=options.dry_run)
    except PymanError:
        if wish.fallback is None:
            raise
        # As doctor does it: a pinned release that is gone for good lets the venv follow.
        followed = _installed(session, facts, wish, (wish.fallback,))
        if followed is not None:
            request, choice, said = *followed, ()
        else:
            request, choice, said = _fetched(session, facts, wish, wish.fallback, dry_run=options.dry_run)
        said = (f"{wanted} cannot be had any more: {facts.path} follows {wish.fallback} from now on", *said)
    return wish, request, choice, said


def _fetched(
    session: Session, facts: VenvFacts, wish: PythonWish, request: Request, *, dry_run: bool
) -> tuple[Request, Choice, tuple[str, ...]]:
    if dry_run:
        choice = _would_install(session, request)
        return request, choice, (f"Python {choice.release} would be installed first",)
    session.observer.noted(f"no installed Python satisfies {request}: installing it")
    installed = installing.get(session, [request])
    if installed.error is not None:
        raise installed.error
    found = _installed(session, facts, wish, (request,))
    if found is None:
        raise NotFound(f"no installed Python satisfies {request}", hint=f"run `pyman install {request}`")
    return *found, tuple(line for got in installed.got for line in got.said)


def _installed(
    session: Session, facts: VenvFacts, wish: PythonWish, requests: tuple[Request, ...]
) -> tuple[Request, Choice] | None:
    store = read_store(session.places.root)
    for request in requests:
        if request.kind == "release":
            choice = choose(store, request)
        else:
            try:
                choice = choose_interpreter(store, request, session.environ, session.cwd, session.places.cache)
            except (NotFound, BadRequest):
                if wish.asked:
                    raise
                continue
        if choice is None or not fits(choice, wish):
            continue
        if os.path.realpath(choice.home).startswith(os.path.realpath(facts.folder) + os.sep):
            if wish.asked:
                raise Refused(
                    f"{choice.executable} lies in the venv that would be made anew", hint="name another Python"
                )
            continue
        return request, settled(choice, wish, request, store)
    return None


def _would_install(session: Session, request: Request) -> Choice:
    """What `pyman install` would bring, without bringing it."""
    store = read_store(session.places.root)
    builds = installing.catalogue(session, None).builds
    decision = decide(request, store, builds)
    if isinstance(decision, Impossible):
        raise decision.error
    build = decision.build if isinstance(decision, Fetch) else decision.runtime
    policy = "pin" if request.pins else "follow"
    alias = minor_alias(build.version, build.variant)
    executable = os.path.join(store.folder(alias), executable_of(build.version, build.variant))
    return Choice(build.version, build.variant, os.path.dirname(executable), executable, policy)


def _installer(
    session: Session, facts: VenvFacts, choice: Choice, options: RebuildOptions, *, with_pip: bool
) -> Installer:
    """pip or uv; none that the project, or the venv, could have brought along."""
    project = os.path.realpath(os.path.dirname(facts.path))
    home = os.path.realpath(session.places.home)
    # In the home folder everything is the user's own, the usual place of uv too.
    around = home == project or home.startswith(project.rstrip("/") + "/")
    outside = (facts.folder,) if around else (facts.folder, project)
    search_path = session.environ.get("PATH", "")
    python = os.path.join(facts.folder, "bin", "python")
    installer = find_installer(options.installer, search_path, python, outside=outside)
    if installer.kind == "uv" or with_pip:
        return installer
    wheel = find_pip_wheel(choice, read_store(session.places.root), session.places.cache)
    return find_installer("pip", search_path, python, pip_wheel=wheel)


def _release(version: Version, variant: str) -> Release:
    machine = os.uname()
    markers = marker_environment(
        version,
        sys_platform=sys.platform,
        machine=machine.machine,
        system_release=machine.release,
        system_version=machine.version,
    )
    return Release(version, markers, None, variant)


def _old_release(facts: VenvFacts, new: Release) -> Release:
    """What the packages ran on: where the patch release is not known any more, the first of their minor will do."""
    alias = wanted_alias(facts)
    split = split_release(alias) if alias is not None else None
    if facts.python is not None and (alias is None or facts.python.minor_name == alias.rstrip("td")):
        return _release(facts.python, facts.running.variant if facts.running is not None else "default")
    if split is None or len(split[0]) < 2:
        return new
    return _release(Version(split[0][0], split[0][1], 0), split[2])


def _from_source(session: Session, plan: RebuildPlan, source: str) -> RebuildPlan:
    """Install from the project's lock file, or from a requirements file, instead of what was there."""
    if source != LOCK:
        path = os.path.abspath(os.path.join(session.cwd, os.path.expanduser(source)))
        if not os.path.exists(path) or os.path.isdir(path):
            raise NotFound(f"there is no file {path}", hint=f"name a requirements file, or `{LOCK}`")
        batch = Batch(dependencies=True, file=path)
        return replace(plan, batches=(batch,), source=path, folder=session.cwd)
    project = os.path.dirname(plan.facts.path)
    lock = choose_lock(project, os.listdir(project), plan.installer.kind, plan.choice.executable)
    if lock.commands:
        raise OtherLock(lock.path, tuple(" ".join(command) for command in lock.commands))
    if lock.kind == "uv.lock":
        return replace(plan, batches=(), source=lock.path, sync=project)
    if plan.installer.kind == "uv":
        return replace(plan, batches=(Batch(file=lock.path),), source=lock.path)
    try:
        content = read_bytes(lock.path)
    except OSError as error:
        raise PymanError(f"{lock.path} cannot be read: {error}", hint="lock the project again") from error
    lines = requirements_of_pylock(content, lock.path, plan.new.markers)
    batch = Batch(tuple(line for _, line in lines), tuple(name for name, _ in lines))
    return replace(plan, batches=(batch,), source=lock.path)


class OtherLock(Refused):
    """A lock file that only its own tool installs, with these commands."""

    code = "other-lock"

    def __init__(self, path: str, commands: tuple[str, ...]) -> None:
        super().__init__(
            f"{path} is installed by its own tool only", hint=f"run {' and then '.join(f'`{one}`' for one in commands)}"
        )
        self.commands = commands
