"""Looking at a venv and deciding its rebuild, before anything of it is touched."""

from __future__ import annotations

import os
import sys

from pyman import errors
from pyman.app.consent import get_consent
from pyman.app.examine import came_with_repository
from pyman.app.rebuild_python import get_python, target_of
from pyman.app.session import Session
from pyman.core.admission import WRITABLE, reason_and_hint
from pyman.core.choice import Choice
from pyman.core.escape import as_word
from pyman.core.immutable import replace
from pyman.core.implementation import refuse_other
from pyman.core.names import implementation_in_store, minor_of_alias
from pyman.core.new_venv import IGNORE_FILE, VenvSpec
from pyman.core.owners import RECREATES_ITSELF, recreation_hint
from pyman.core.packages.compatibility import Release, marker_environment
from pyman.core.packages.installer import Batch, Installer, local_source
from pyman.core.packages.lock_file import choose_lock, requirements_of_pylock
from pyman.core.packages.pip_conf import FILE_NAME as PIP_CONF
from pyman.core.packages.pip_conf import PipConf, overruled_by
from pyman.core.plans.rebuild import (
    RebuildOptions,
    RebuildPlan,
    Reinstallation,
    kept_request,
    local_sources,
    obstacles_of,
    refuse_missing_sources,
    refuse_unknown_names,
    relax,
    split_own,
    stays,
    told_changes,
)
from pyman.core.relink import wanted_alias
from pyman.core.venv import VenvFacts
from pyman.core.version import Version, split_release
from pyman.effects.disk_size import missing_space
from pyman.effects.files import read_bytes
from pyman.effects.interpreters.admission import changeable
from pyman.effects.packages.changed_files import changed_files
from pyman.effects.packages.dist_info import read_packages
from pyman.effects.packages.installers import find_installer, find_pip_wheel
from pyman.effects.store import read_stores
from pyman.effects.subprocesses import search_path_outside
from pyman.effects.venvs.backup import refuse_what_cannot_move
from pyman.effects.venvs.inventory import is_own
from pyman.effects.venvs.journal import journal_path, read_entry
from pyman.effects.venvs.user_files import hides_all, read_own_pip_conf
from pyman.errors import FOREIGN, NOT_YOURS, OTHER_LOCK, OWN_VENV, DiskFull, NotFound, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyman.core.packages.package import Package
    from pyman.core.version import Variant

LOCK = "lock"
_RUNS_ITS_CODE = "this venv is tracked by Git: rebuilding it runs code of the packages that are listed in it"
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


def plan_rebuild(session: Session, facts: VenvFacts, options: RebuildOptions) -> RebuildPlan:
    """Look at a venv and decide its rebuild. Raises PymanError with everything that stands in the way.

    Nothing is touched, but a Python that is missing is installed, unless it is for show only.
    """
    refuse_other(facts, "rebuild")
    _refuse_what_is_not_ours(facts, options)
    packages, notes = _packages(facts)
    refuse_unknown_names(facts, packages, options.relaxed)
    own_conf = read_own_pip_conf(facts.place)
    missing = frozenset(
        source for source in local_sources(packages) if not os.path.exists(source) or not stays(facts, source)
    )
    if options.source is None:
        refuse_missing_sources(facts, packages, missing)
        _refuse_sources_of_others(facts, packages)
    requested, request, choice, said = get_python(session, facts, options)
    said += _refuse_to_lose(session, facts, choice, options)
    new = _release(choice.version, choice.variant)
    with_pip = any(package.normalized == "pip" for package in packages)
    conf = own_conf[1] if own_conf is not None else None
    installer, told = _installer(session, facts, choice, options, conf, with_pip=with_pip)
    copied, moved = _names_kept(facts, packages)
    plan = RebuildPlan(
        facts,
        VenvSpec(
            facts.folder,
            kept_request(facts, choice, requested, request),
            with_pip=with_pip,
            system_site_packages=facts.settings.has_system_site_packages,
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
        changed=_changes(facts, packages),
        goes_over_changes=options.force,
        pip_conf=own_conf[0] if own_conf is not None else None,
        offline=session.offline,
        notes=(*notes, *said, *told),
    )
    if came_with_repository(facts):
        plan = replace(plan, notes=(*plan.notes, _RUNS_ITS_CODE))
    if options.source is None:
        plan = replace(plan, unfinished=_unfinished(session, facts))
    if plan.changed and options.force:
        plan = replace(plan, notes=(*plan.notes, f"{told_changes(plan.changed)}: these changes are lost"))
    plan = relax(plan, frozenset(options.relaxed))
    if plan.may_relax:
        blocked = frozenset(one.normalized for one in plan.reinstallation.obstacles if one.relaxable)
        plan = relax(plan, blocked) if blocked else plan
    if options.source is not None:
        plan = _from_source(session, plan, options.source)
    return plan


def _packages(facts: VenvFacts) -> tuple[tuple[Package, ...], tuple[str, ...]]:
    """What is installed, and what is to be said about it. Raises PymanError where not all of it can be read."""
    for problem in facts.problems:
        if problem.path.startswith(f"{facts.folder}/lib"):
            raise PymanError(
                f"{problem.path} cannot be read: {problem.reason}", hint="fix that, then run the same command again"
            )
    if facts.library is None:
        return (), ()
    return read_packages(os.path.join(facts.folder, "lib", facts.library.name, "site-packages"))


def _refuse_sources_of_others(facts: VenvFacts, packages: Iterable[Package]) -> None:
    """Raise Refused where a package is built from what others could have put there: the installer runs it."""
    for package in packages:
        source = local_source(package)
        if source:
            below = package.origin.subdirectory if package.origin is not None else ""
            hint = f"uninstall {package.name} first, or install it from a folder of your own"
            _refuse_source_of_others(facts, f"{package} is installed from a source", source, below, hint)


def _refuse_source_of_others(facts: VenvFacts, told: str, source: str, below: str, hint: str) -> None:
    folder = os.path.join(source, below)
    for path in (source, *(os.path.join(folder, name) for name in _BUILD_FILES)):
        try:
            found = changeable(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise PymanError(f"{path} cannot be read: {error}", hint=hint) from error
        if found is not None:
            why, chmod = reason_and_hint(path, found)
            hint = chmod if found.kind == WRITABLE else hint
            raise Refused(
                f"{facts.path} was not rebuilt: {told} that others could change: {why}", hint=hint, code=NOT_YOURS
            )


def _names_kept(facts: VenvFacts, packages: tuple[Package, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names at the top of the venv that the new one gets: copied before the packages come, and moved afterwards."""
    copied, moved = split_own(facts, os.listdir(facts.folder), packages)
    moved = tuple(name for name in moved if name != PIP_CONF)
    if not hides_all(os.path.join(facts.folder, IGNORE_FILE)):
        moved = (*moved, IGNORE_FILE)
    return copied, moved


def _unfinished(session: Session, facts: VenvFacts) -> Batch | None:
    """What was being installed when the making of the venv was cut off. Raises NotFound where that is gone."""
    entry = read_entry(journal_path(session.places, facts.folder))
    if entry is None or not entry.is_unfinished or not entry.requirements:
        return None
    missing = next((file for file in entry.requirements if not os.path.exists(file)), None)
    if missing is not None:
        raise NotFound(
            f"there is no file {missing}",
            hint=f"put it back, or run `pyman venv --clear {as_word(facts.path)}`",
        )
    return Batch(dependencies=True, file=entry.requirements[0], more_files=entry.requirements[1:])


def refuse_obstacles(plan: RebuildPlan) -> None:
    """Raise PymanError for a plan in which something cannot be restored, or for which there is no room."""
    refusal = obstacles_of(plan)
    if refusal is not None:
        raise refusal
    try:
        lacking = missing_space(plan.facts.folder)
    except OSError as error:
        raise PymanError(
            f"{plan.facts.path} cannot be read: {error}", hint="check it, then run the same command again"
        ) from error
    if lacking:
        raise DiskFull(
            f"there is not enough space for a second copy of {plan.facts.path}: {(lacking >> 20) + 1} MiB short",
            hint="free some space on that disk, then run the same command again",
        )


def refuse_foreign(facts: VenvFacts, options: RebuildOptions) -> None:
    """Raise Refused for the venv of another tool, unless `--force` takes it all the same."""
    is_left = facts.creator == RECREATES_ITSELF
    if is_left or (facts.foreign and not (options.force or options.foreign)):
        anyway = f"run `pyman rebuild {as_word(facts.path)} --force` to rebuild it anyway"
        hint = recreation_hint() if is_left else anyway
        raise Refused(f"{facts.path} belongs to {facts.creator}", hint=hint, code=FOREIGN)


def _refuse_what_is_not_ours(facts: VenvFacts, options: RebuildOptions) -> None:
    refuse_foreign(facts, options)
    if is_own(facts.folder):
        raise Refused(
            f"{facts.path} is the environment that pyman itself runs in",
            hint="install pyman outside of this venv and run that installation",
            code=OWN_VENV,
        )
    refuse_what_cannot_move(facts.folder)


def _changes(facts: VenvFacts, packages: tuple[Package, ...]) -> tuple[tuple[str, str], ...]:
    library = facts.library
    if library is None:
        return ()
    site_packages = os.path.join("lib", library.name, "site-packages")
    places = tuple(place for place in (facts.folder, facts.path, facts.moved_from) if place is not None)
    found = changed_files(facts.folder, site_packages, packages, places)
    return tuple((file.path, file.package) for file in found)


def _refuse_to_lose(session: Session, facts: VenvFacts, choice: Choice, options: RebuildOptions) -> tuple[str, ...]:
    """The packages that the base lends are not reinstalled: leaving it needs a yes, and is said."""
    another = f" -p {as_word(options.python)}" if options.python is not None else ""
    return get_consent(
        session,
        facts,
        target_of(choice),
        yes=options.yes,
        command=f"pyman rebuild {as_word(facts.path)}{another} --yes",
        may_go_down=True,
    )


def _installer(
    session: Session,
    facts: VenvFacts,
    choice: Choice,
    options: RebuildOptions,
    conf: PipConf | None,
    *,
    with_pip: bool,
) -> tuple[Installer, tuple[str, ...]]:
    """pip or uv, and what to say about that; none that the project, or the venv, could have brought along.

    Raises Refused where uv is wanted, and cannot be told what the venv's own `pip.conf` says.
    """
    search_path = search_path_outside(
        session.environ.get("PATH", ""), os.path.dirname(facts.path), session.places.home, facts.folder
    )
    python = os.path.join(facts.folder, "bin", "python")
    installer = find_installer(options.installer, search_path, python)
    notes: list[str] = []
    if installer.kind == "uv" and conf is not None and conf.lost_on_uv:
        why = f"uv does not read the venv's own {PIP_CONF}, and has no equivalent of its {', '.join(conf.lost_on_uv)}"
        if options.installer == "uv":
            raise Refused(
                f"{facts.path} cannot be rebuilt with uv: {why}",
                hint=f"run `pyman rebuild {as_word(facts.path)} --installer pip`",
                code=errors.PIP_CONF,
            )
        installer = find_installer("pip", search_path, python)
        notes.append(f"using pip: {why}")
    if installer.kind == "pip" and not with_pip:
        wheel = find_pip_wheel(choice, read_stores(session.places), session.places.cache)
        installer = find_installer("pip", search_path, python, pip_wheel=wheel)
    if conf is None:
        return installer, ()
    if conf.names_sources:
        notes.append(f"packages come from the sources in the venv's own {PIP_CONF}: {conf.told}")
        overruled = [name for name in overruled_by(conf) if name in session.environ]
        if overruled and installer.kind == "pip":
            notes.append(f"it takes precedence over {', '.join(overruled)} in the environment")
    return replace(installer, pip_conf=conf), tuple(notes)


def _release(version: Version, variant: Variant) -> Release:
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
    minor = minor_of_alias(alias) if alias is not None else ""
    if facts.python is not None and (alias is None or facts.python.minor_name == minor):
        return _release(facts.python, facts.running.variant if facts.running is not None else "default")
    split = split_release(alias.removeprefix(implementation_in_store(alias))) if alias is not None else None
    if alias is None or split is None or len(split[0]) < 2:
        return new
    version = Version(split[0][0], split[0][1], 0, implementation=implementation_in_store(alias))
    return _release(version, split[2])


def _from_source(session: Session, plan: RebuildPlan, source: str) -> RebuildPlan:
    """Install from the project's lock file, or from a requirements file, instead of what was there."""
    if source != LOCK:
        path = session.absolute(source)
        if not os.path.exists(path) or os.path.isdir(path):
            raise NotFound(f"there is no file {path}", hint=f"give a requirements file, or `{LOCK}`")
        batch = Batch(dependencies=True, file=path, system_site_packages=plan.spec.system_site_packages)
        return replace(plan, batches=(batch,), source=path, folder=session.cwd)
    project = os.path.dirname(plan.facts.path)
    hint = "use `--from FILE` with a requirements file of your own"
    _refuse_source_of_others(plan.facts, "the lock file is of a project", project, "", hint)
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
    named = tuple(line for _, line in lines), tuple(name for name, _ in lines)
    batch = Batch(*named, system_site_packages=plan.spec.system_site_packages)
    return replace(plan, batches=(batch,), source=lock.path)


class OtherLock(Refused):
    """A lock file that only its own tool installs, with these commands."""

    code = OTHER_LOCK

    def __init__(self, path: str, commands: tuple[str, ...]) -> None:
        super().__init__(
            f"{path} can be installed only by its own tool",
            hint=f"run {' and then '.join(f'`{one}`' for one in commands)}",
        )
        self.commands = commands
