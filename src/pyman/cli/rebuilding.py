"""Making a venv anew with the packages that it had: planned, shown, and done in one transaction (DESIGN 7)."""

from __future__ import annotations

import os
import sys

from pyman.cli import installing
from pyman.cli.session import Session
from pyman.core.compatibility import Release, marker_environment
from pyman.core.owner_command import owner_command
from pyman.core.package_installer import Batch, Installer
from pyman.core.packages import Package
from pyman.core.plans.rebuild import (
    Comparison,
    Reinstallation,
    compare,
    local_sources,
    plan_reinstallation,
    unplanned,
)
from pyman.core.record import record
from pyman.core.relink import wanted_alias
from pyman.core.request import Request, parse_request
from pyman.core.runtime import Choice, choose
from pyman.core.venv import VenvFacts
from pyman.core.venv_layout import VenvWish
from pyman.core.version import Version, split_release
from pyman.effects.dist_info import read_packages, record_paths
from pyman.effects.installers import find_installer, install, sync
from pyman.effects.lock import hold
from pyman.effects.processes import processes_of_venv
from pyman.effects.removal import size_of
from pyman.effects.set_aside import SetAside, recover
from pyman.effects.store import read_store
from pyman.effects.unfinished import read_unfinished
from pyman.effects.venv_records import remember
from pyman.effects.venvs_on_disk import read_venv
from pyman.errors import NotFound, PymanError, Refused
from pyman.hot.choosing import choose_interpreter
from pyman.hot.making import build_venv

KEPT_FILES = ("pipx_metadata.json", "uv-receipt.toml")
"""What other tools keep at the top of a venv, and would miss."""

LOCKS = ("pylock.toml", "uv.lock", "poetry.lock", "pdm.lock")
_COMMANDS = {"poetry.lock": "poetry install", "pdm.lock": "pdm install"}


@record
class RebuildOptions:
    """The words of `pyman rebuild`."""

    python: str | None = None
    source: str | None = None
    """`lock`, or a requirements file; None for the packages that were there."""
    allow_newer: bool = False
    relaxed: tuple[str, ...] = ()
    """The names that `--allow-newer` is limited to; all where it is empty."""
    force: bool = False
    installer: str = "auto"


@record
class RebuildPlan:
    """One rebuild, decided and not yet begun."""

    facts: VenvFacts
    wish: VenvWish
    choice: Choice
    installer: Installer
    packages: tuple[Package, ...]
    reinstallation: Reinstallation
    batches: tuple[Batch, ...]
    lock: str | None = None
    """The lock file that is installed from instead."""
    notes: tuple[str, ...] = ()

    @property
    def old(self) -> str | None:
        """The release that ran."""
        return str(self.facts.python) if self.facts.python is not None else None


@record
class Rebuilt:
    """A rebuild that stands."""

    plan: RebuildPlan
    count: int
    comparison: Comparison
    notes: tuple[str, ...] = ()


def plan_rebuild(session: Session, facts: VenvFacts, options: RebuildOptions) -> RebuildPlan:
    """Look at a venv and decide its rebuild. Raises PymanError with everything that stands in the way.

    Nothing is touched, but a Python that is missing is installed.
    """
    if facts.uid != os.geteuid():
        raise Refused(f"{facts.path} belongs to another user", hint="let its owner run pyman", code="not-yours")
    if facts.creator == "pre-commit" or (facts.foreign and not options.force):
        raise Refused(f"{facts.path} belongs to {facts.creator}", hint=f"run `{owner_command(facts)}`", code="foreign")
    request, choice = asked_python(session, facts, options)
    library = facts.library
    packages, notes = (
        read_packages(os.path.join(facts.folder, "lib", library.name, "site-packages"))
        if library is not None
        else ((), ())
    )
    wish = VenvWish(
        facts.folder,
        request.text if request.kind != "path" else choice.executable,
        with_pip=any(package.normalized == "pip" for package in packages),
        system_site_packages=facts.settings.has_system_site_packages
        and "include-system-site-packages" in facts.settings.values,
        prompt=facts.settings.prompt,
    )
    project = os.path.dirname(facts.path)
    installer = find_installer(
        options.installer,
        session.environ.get("PATH", ""),
        os.path.join(facts.folder, "bin", "python"),
        outside=(project, facts.folder),
        pip_wheel=None if wish.with_pip else _pip_wheel(choice),
    )
    release = _release(choice.version, choice.variant)
    reinstallation = _reinstallation(session, packages, facts, release, options)
    lock = None
    batches = reinstallation.batches
    if options.source is not None:
        reinstallation, batches, lock = _from_source(session, options.source, project, installer)
    _refuse_obstacles(facts, choice, reinstallation)
    _refuse_without_room(facts)
    return RebuildPlan(facts, wish, choice, installer, packages, reinstallation, batches, lock, notes)


def asked_python(session: Session, facts: VenvFacts, options: RebuildOptions) -> tuple[Request, Choice]:
    """The Python of the new venv: the one asked for, else what the venv asks for, else the minor of its packages."""
    alias = wanted_alias(facts)
    text = options.python or facts.request or alias
    if text is None:
        raise NotFound(f"nothing tells which Python {facts.path} needs", hint="name one: `pyman rebuild -p 3.13`")
    request = parse_request(text)
    if request.kind == "path" and options.python is None and alias is not None:
        request = parse_request(alias)
    choice = _choose(session, request)
    if choice is None and request.kind in ("release", "specifier", "latest"):
        session.observer.noted(f"no installed Python satisfies {request}: installing it")
        installed = installing.get(session, [request])
        if installed.error is not None:
            raise installed.error
        choice = _choose(session, request)
    if choice is None:
        raise NotFound(f"no installed Python satisfies {request}", hint=f"run `pyman install {request}`")
    inside = facts.folder.rstrip("/") + "/"
    if choice.executable.startswith(inside):
        raise Refused(f"{choice.executable} lies in the venv that would be made anew", hint="name another Python")
    return request, choice


def _choose(session: Session, request: Request) -> Choice | None:
    store = read_store(session.places.root)
    if request.kind == "release":
        return choose(store, request)
    return choose_interpreter(store, request, session.environ, session.cwd, session.places.cache)


def _pip_wheel(choice: Choice) -> str | None:
    folder = os.path.join(
        os.path.dirname(choice.home), "lib", f"python{choice.version.minor_name}", "ensurepip", "_bundled"
    )
    try:
        wheels = sorted(name for name in os.listdir(folder) if name.startswith("pip-") and name.endswith(".whl"))
    except OSError:
        return None
    return os.path.join(folder, wheels[-1]) if wheels else None


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


def _reinstallation(
    session: Session, packages: tuple[Package, ...], facts: VenvFacts, release: Release, options: RebuildOptions
) -> Reinstallation:
    relaxed = frozenset(options.relaxed)
    if options.allow_newer and not relaxed:
        relaxed = frozenset(package.normalized for package in packages)
    missing = frozenset(source for source in local_sources(packages) if not os.path.exists(source))
    return plan_reinstallation(
        packages, _old_release(facts, release), release, relaxed=relaxed, missing=missing, offline=session.offline
    )


def _old_release(facts: VenvFacts, new: Release) -> Release:
    """What the packages ran on: where the patch release is not known any more, the first of their minor will do."""
    if facts.python is not None:
        return _release(facts.python, facts.running.variant if facts.running is not None else "default")
    alias = wanted_alias(facts)
    split = split_release(alias) if alias is not None else None
    if split is None or len(split[0]) < 2:
        return new
    return _release(Version(split[0][0], split[0][1], 0), split[2])


def _from_source(
    session: Session, source: str, project: str, installer: Installer
) -> tuple[Reinstallation, tuple[Batch, ...], str | None]:
    """Install from the project's lock file, or from a requirements file, instead of what was there."""
    if source != "lock":
        path = os.path.abspath(os.path.join(session.cwd, os.path.expanduser(source)))
        if not os.path.isfile(path):
            raise NotFound(f"there is no file {path}", hint="name a requirements file, or `lock`")
        return Reinstallation(), (Batch(dependencies=True, file=path),), None
    found = next((name for name in LOCKS if os.path.isfile(os.path.join(project, name))), None)
    if found is None:
        raise NotFound(f"there is no lock file in {project}", hint=f"looked for {', '.join(LOCKS)}")
    path = os.path.join(project, found)
    if found in _COMMANDS:
        raise Refused(
            f"{path} can be installed by its own tool only",
            hint=f"run `pyman rebuild` without `--from`, then `{_COMMANDS[found]}` in {project}",
            code="other-lock",
        )
    if found == "uv.lock" and installer.kind != "uv":
        raise NotFound(f"{path} needs uv, which is not on PATH", hint="install uv, or leave `--from lock` away")
    if found == "uv.lock":
        return Reinstallation(), (), project
    return Reinstallation(), (Batch(file=path),), None


def _refuse_obstacles(facts: VenvFacts, choice: Choice, reinstallation: Reinstallation) -> None:
    obstacles = reinstallation.obstacles
    if not obstacles:
        return
    told = "; ".join(str(obstacle) for obstacle in obstacles[:5])
    more = f"; and {len(obstacles) - 5} more" if len(obstacles) > 5 else ""
    names = " ".join(f"--allow-newer {one.normalized}" for one in obstacles if one.relaxable)
    hint = (
        f"`{names}` lets pyman take other versions of these"
        if names and all(one.relaxable for one in obstacles)
        else "put back what is missing, or uninstall these packages first"
    )
    raise Refused(
        f"{facts.path} cannot be rebuilt with Python {choice.release}: {told}{more}", hint=hint, code="blocked"
    )


def _refuse_without_room(facts: VenvFacts) -> None:
    """Two copies must fit for a while. Raises PymanError before anything is touched."""
    needed = size_of(facts.folder)
    room = os.statvfs(os.path.dirname(facts.folder))
    if room.f_bavail * room.f_frsize < needed:
        raise PymanError(
            f"there is no room for a second copy of {facts.path}: it takes {needed >> 20} MiB",
            hint="make room on that disk, then run the same command again",
            code="disk-full",
        )


def carry_out(session: Session, plan: RebuildPlan) -> Rebuilt:
    """Set the old venv aside, make the new one, install, compare; the old one is back if anything fails."""
    places, facts = session.places, plan.facts
    for process in processes_of_venv(facts.folder):
        session.observer.noted(
            f"process {process.pid} ({process.command}) runs in {facts.path}: start it again afterwards"
        )
    python = os.path.join(facts.folder, "bin", "python")
    project = os.path.dirname(facts.path)
    with SetAside(places, facts.folder, "rebuild", session.observer) as old:
        build_venv(places, plan.wish, plan.choice)
        for batch in plan.batches:
            install(
                plan.installer,
                batch,
                python,
                environ=session.environ,
                folder=project,
                offline=session.offline,
                observer=session.observer,
            )
        if plan.lock is not None:
            sync(
                plan.installer,
                plan.lock,
                facts.folder,
                python,
                environ=session.environ,
                offline=session.offline,
                observer=session.observer,
            )
        new = read_venv(facts.folder)
        if new is None or new.library is None:
            raise PymanError(f"the new venv in {facts.path} cannot be read", hint="please report this")
        site_packages = os.path.join(facts.folder, "lib", new.library.name, "site-packages")
        packages, notes = read_packages(site_packages)
        comparison = compare(plan.packages, packages, plan.reinstallation.own)
        if not plan.lock and all(not batch.file for batch in plan.batches):
            _refuse_what_is_not_planned(plan, comparison)
            _refuse_broken_scripts(facts.folder, packages)
        _keep_own_files(old.aside, facts.folder, plan.packages, facts)
        old.keep_new()
    remember(places.root, facts.path)
    return Rebuilt(plan, len(packages), comparison, (*plan.notes, *notes))


def _refuse_what_is_not_planned(plan: RebuildPlan, comparison: Comparison) -> None:
    wrong = unplanned(plan.reinstallation, comparison)
    if wrong:
        raise PymanError(
            f"the new venv is not what was planned: {'; '.join(wrong[:5])}",
            hint="`--allow-newer` allows other versions",
            code="not-as-planned",
        )


def _refuse_broken_scripts(venv: str, packages: tuple[Package, ...]) -> None:
    """Every console script must be there and name an interpreter that exists."""
    for package in packages:
        for name in package.scripts:
            path = os.path.join(venv, "bin", name)
            if not os.path.isfile(path) or not os.access(path, os.X_OK):
                raise PymanError(
                    f"{package.name} brings no program {name}", hint="please report this", code="not-as-planned"
                )


def _keep_own_files(aside: str, venv: str, packages: tuple[Package, ...], facts: VenvFacts) -> None:
    """Take over what no package put there: the user's own scripts, and what the owner keeps at the top."""
    import shutil

    for name in KEPT_FILES:
        source = os.path.join(aside, name)
        if os.path.isfile(source) and not os.path.islink(source):
            shutil.copy2(source, os.path.join(venv, name))
    known = set()
    library = facts.library
    if library is not None:
        site_packages = os.path.join(aside, "lib", library.name, "site-packages")
        for package in packages:
            for path in record_paths(site_packages, package):
                known.add(os.path.basename(path))
            known.update(package.scripts)
    folder = os.path.join(aside, "bin")
    for name in sorted(os.listdir(folder)):
        source, target = os.path.join(folder, name), os.path.join(venv, "bin", name)
        usual = name.lower().startswith(("python", "activate", "pip", "deactivate", "easy_install"))
        if usual or name in known or os.path.lexists(target) or not os.path.isfile(source) or os.path.islink(source):
            continue
        shutil.copy2(source, target)


def recover_what_was_cut_off(session: Session) -> None:
    """Put back, or drop, what a rebuild that was killed had set aside."""
    places = session.places
    if not any(not work.alive for work in read_unfinished(places.venvs)):
        return
    with hold(places.lock, session.observer, what="the store"):
        for venv in recover(places):
            session.observer.noted(f"{venv} was being changed when pyman was cut off: that was undone or finished")


def rebuild_for(session: Session, facts: VenvFacts, python: str) -> None:
    """Rebuild one venv for the doctor. Raises PymanError; the venv is then as it was."""
    carry_out(session, plan_rebuild(session, facts, RebuildOptions(python=python or None, force=facts.foreign)))
