"""Recreating a venv with the packages that it had, in one transaction, and checking the result (design.md 7)."""

from __future__ import annotations

import os

from pyman.app.rebuild_plan import plan_rebuild, refuse_obstacles
from pyman.app.rebuild_python import target_of
from pyman.app.session import Session
from pyman.app.venv import build_venv
from pyman.core.immutable import record
from pyman.core.owner_files import Base, OwnerFile, rewrite_owner_file
from pyman.core.owners import MARKERS
from pyman.core.packages.compatibility import newly_broken
from pyman.core.packages.pip_conf import FILE_NAME as PIP_CONF
from pyman.core.plans.rebuild import Comparison, RebuildOptions, RebuildPlan, compare, relax, unplanned
from pyman.core.pyvenv_cfg import FILE_NAME, edit, other_settings
from pyman.core.venv import VenvFacts, VenvFolder
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.interpreters.admission import Admission
from pyman.effects.interruption import Terminated
from pyman.effects.lock import hold_store
from pyman.effects.packages.dist_info import keep_marks, read_packages
from pyman.effects.packages.installers import CannotInstall, install, sync
from pyman.effects.packages.programs import SmokeTest, missing_programs
from pyman.effects.places import cannot_write
from pyman.effects.processes import processes_of_venv
from pyman.effects.settings import read_link_mode
from pyman.effects.venvs.backup import Backup, VenvLock
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.journal import journal_path, read_entry
from pyman.effects.venvs.kept_files import copy_folder, copy_user_files, keep_activation, repoint_programs
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.own_folders import folder_made, refuse_unless_own, within_own
from pyman.effects.venvs.recovery import FINISHED, LEFT, interrupted, recover
from pyman.effects.venvs.stores import remember_venv
from pyman.effects.venvs.user_files import put_own_pip_conf
from pyman.errors import NOT_AS_PLANNED, NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyman.core.packages.package import Package

_MOST_TRIES = 20
"""Of `--allow-newer` without names: each one allows another version of at least one more package."""


class NotRestored(PymanError):
    """The rebuild failed, and the old venv could not be restored: the message says where it lies."""


def carry_out(session: Session, plan: RebuildPlan) -> Rebuilt:
    """Back up the old venv, make the new one, install, check; the old one is back if anything fails.

    Raises PymanError with the old venv in its place, NotRestored without.
    """
    places, facts = session.places, plan.facts
    for process in processes_of_venv(facts.folder):
        session.observer.noted(f"process {process.pid} ({process.command}) runs in {facts.path}: restart it afterwards")
    old = Backup(places, facts.folder, "rebuild", session.observer)
    try:
        with old:
            build_venv(places, plan.spec, plan.choice, old.journal, session.observer)
            made = folder_made(facts.folder)
            old.journal.copying((*plan.copied, *rewritten(plan)))
            for name in plan.copied:
                copy_folder(os.path.join(old.backup, name), os.path.join(facts.folder, name))
            if plan.pip_conf is not None:
                put_own_pip_conf(VenvFolder(old.backup, facts.identity), made, plan.pip_conf)
            plan = _install(session, plan)
            done = _finish(session, plan, old, made)
            old.commit(names_to_move(plan, old.backup))
        remember_venv(places, facts.path)
    except OSError as error:
        raise cannot_write(facts.folder, error) from error
    except PymanError as error:
        if old.restored:
            raise
        raise _not_restored(error) from error
    except Terminated as signal:
        if not old.restored:
            signal.failure = _not_restored(signal.failure)
        raise
    return done


def _not_restored(error: PymanError) -> NotRestored:
    return NotRestored(error.message, hint=error.hint, code=error.code, exit_status=error.exit_status)


def _install(session: Session, plan: RebuildPlan) -> RebuildPlan:
    """Install everything; with `--allow-newer`, more and more in other versions, until nothing is in the way."""
    python = os.path.join(plan.facts.folder, "bin", "python")
    link_mode = read_link_mode(session.places)
    for _ in range(_MOST_TRIES):
        try:
            for batch in plan.batches:
                install(
                    plan.installer,
                    batch,
                    python,
                    environ=session.environ,
                    folder=plan.folder,
                    offline=session.offline,
                    link_mode=link_mode,
                    observer=session.observer,
                )
        except CannotInstall as error:
            wider = relax(plan, frozenset(error.packages)) if plan.may_relax else plan
            free = {one.normalized for one in wider.reinstallation.resolved}
            if not free.issuperset(error.packages) or wider.relaxed == plan.relaxed:
                raise _explained(plan, error) from error
            session.observer.noted(f"{', '.join(error.packages)}: trying other versions")
            plan = wider
            continue
        break
    if plan.sync is not None:
        sync(
            plan.installer,
            plan.sync,
            plan.facts.folder,
            python,
            environ=session.environ,
            offline=session.offline,
            link_mode=link_mode,
            observer=session.observer,
        )
    return plan


def _explained(plan: RebuildPlan, error: CannotInstall) -> CannotInstall:
    """The failure with a hint that helps: only what comes from an index has other versions."""
    fixed = {package.normalized for package in plan.packages if package.origin is not None}
    if plan.source is None and not fixed.intersection(error.packages):
        return error
    hint = f"run it again with `-v` to see the output of {plan.installer.kind}"
    if plan.source is None:
        names = ", ".join(name for name in error.packages if name in fixed)
        hint = f"repair what {names} is installed from, or uninstall it first"
    return CannotInstall(error.message, hint=hint, packages=error.packages, code=error.code)


def recover_what_was_cut_off(session: Session) -> None:
    """Restore, or drop, what a rebuild that was killed had backed up."""
    places = session.places
    if not interrupted(places):
        return
    with hold_store(places, session.observer):
        for one in recover(places):
            if one.outcome == LEFT:
                told = f"could not be undone: {one.reason}"
            else:
                told = "was completed" if one.outcome == FINISHED else "was undone"
            session.observer.noted(f"an interrupted change of {one.venv} {told}")


def recreate_unfinished(session: Session, facts: VenvFacts) -> None:
    """Rebuild a venv whose creation was interrupted, and install what was being installed into it.

    Raises PymanError; the venv is then as it was.
    """
    entry = read_entry(journal_path(session.places, facts.folder))
    if entry is None or not entry.is_unfinished:
        raise NotFound(f"{facts.path} is no longer unfinished", hint="run `pyman doctor` again")
    rebuild_for(session, facts, "")


def rebuild_for(session: Session, facts: VenvFacts, minor: str) -> None:
    """Rebuild one venv for the doctor. Raises PymanError; the venv is then as it was."""
    with VenvLock(session.places, facts.folder, session.observer):
        again = read_one(session.places, facts.path)
        if again is None:
            raise NotFound(f"{facts.path} is no longer a venv", hint="run `pyman doctor` again")
        plan = plan_rebuild(session, again, RebuildOptions(minor=minor or None, foreign=facts.foreign))
        refuse_obstacles(plan)
        done = carry_out(session, plan)
    for note in done.notes:
        session.observer.noted(note)


# Whether a rebuilt venv is what was planned, and what it takes over from the old one before it stands (design.md 7).

_MOST_NAMED = 5


@record
class Rebuilt:
    """A rebuild that stands."""

    plan: RebuildPlan
    count: int
    """Packages that are there now, without what is the runtime's own affair."""
    comparison: Comparison
    notes: tuple[str, ...] = ()


def _finish(session: Session, plan: RebuildPlan, old: Backup, made: VenvFolder) -> Rebuilt:
    """See that the new venv is what was planned, and give it what the user had put into the old one.

    `made` is the folder that was made for it: nothing is written into another that has its name by now. Raises
    PymanError where the new venv is not what was planned.
    """
    facts = plan.facts
    # Its programs are started, so it must not be something that replaced it while packages were installed.
    refuse_unless_own(made)
    new = read_venv(facts.folder)
    if new is None or new.library is None:
        raise PymanError(f"the new venv in {facts.path} cannot be read", hint="please report this")
    library = os.path.join("lib", new.library.name, "site-packages")
    packages, notes = read_packages(os.path.join(facts.folder, library))
    brought = [package for package in packages if package.normalized not in plan.reinstallation.own]
    programs = [name for package in brought for name in package.scripts]
    smoke_test = SmokeTest(facts.folder, programs, session.environ)
    try:
        comparison, lacking = _refuse_unplanned(plan, packages, programs)
        if plan.source is None:
            before = {package.normalized: package.requested for package in plan.packages}
            within_own(made, library, lambda folder: keep_marks(folder, packages, before))
            _refuse(lacking, "`--allow-newer` with the names of these packages allows versions that fit")
        else:
            notes += lacking  # What the lock or the file says is what the user wants.
        notes += _take_over(plan, old.backup, new, made, library)
        old.flush()
        notes += _refuse_programs_that_fail(smoke_test, old.backup, session)
    finally:
        smoke_test.end()
    return Rebuilt(plan, len(brought), comparison, (*plan.notes, *notes))


def _refuse_unplanned(
    plan: RebuildPlan, packages: Sequence[Package], programs: Sequence[str]
) -> tuple[Comparison, tuple[str, ...]]:
    """What became of the packages, and what they lack since then. Raises PymanError where they are not as planned."""
    comparison = compare(plan.packages, packages, plan.reinstallation.own)
    wrong: list[str] = []
    if plan.source is None:
        wrong += unplanned(plan.reinstallation, comparison, any_version=plan.unfinished is not None)
    wrong += [f"bin/{name} does not start" for name in missing_programs(plan.facts.folder, programs)]
    _refuse(wrong, "`--allow-newer` allows other versions")
    lacking = newly_broken(
        [package.distribution for package in plan.packages],
        [package.distribution for package in packages],
        plan.old,
        plan.new,
        system_site_packages=plan.spec.system_site_packages,
    )
    return comparison, lacking


def _take_over(plan: RebuildPlan, backup: str, new: VenvFacts, made: VenvFolder, library: str) -> tuple[str, ...]:
    """Give the new venv what no package had put into the old one; says which files that are."""
    facts = plan.facts
    user_files: tuple[str, ...] = ()
    refuse_unless_own(made)
    if plan.library is not None:
        user_files = copy_user_files(backup, facts.folder, plan.library, library, plan.packages)
    repointed = repoint_programs(made, backup, dict.fromkeys((facts.folder, facts.path)), user_files)
    user_files += tuple(f"bin/{name}" for name in keep_activation(facts, backup, new, made))
    _keep_owner_files(plan, backup, made)
    _keep_settings(facts, new, made)
    notes: tuple[str, ...] = ()
    if user_files:
        notes += (f"kept files that belong to no package: {_some(user_files)}",)
    if repointed:
        notes += (f"the interpreter of these programs is gone, so bin/python now runs them: {_some(repointed)}",)
    return notes


def _refuse(wrong: tuple[str, ...] | list[str], hint: str) -> None:
    if wrong:
        raise PymanError(f"the new venv differs from the plan: {_some(wrong)}", hint=hint, code=NOT_AS_PLANNED)


def _some(words: tuple[str, ...] | list[str]) -> str:
    more = f", and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return "; ".join(words[:_MOST_NAMED]) + more


def _refuse_programs_that_fail(smoke_test: SmokeTest, backup: str, session: Session) -> tuple[str, ...]:
    """Programs that started in the old venv must start in the new one; the others are only told."""
    failing = smoke_test.failures()
    if failing is None:
        return ("not all programs could be tested: one of them takes too long to start",)
    if not failing:
        return ()
    before: dict[str, str] | None = None
    if _may_be_started(session, backup):
        old = SmokeTest(backup, failing, session.environ)
        try:
            before = old.failures()
        finally:
            old.end()
    if before is None:
        return tuple(f"bin/{name} does not start: {reason}" for name, reason in failing.items())
    _refuse(
        [f"bin/{name} no longer starts: {reason}" for name, reason in failing.items() if name not in before],
        "`--allow-newer` with the name of its package allows a version that fits",
    )
    return ()


def _may_be_started(session: Session, backup: str) -> bool:
    """Whether the old venv leads to a Python that pyman starts: it may be a repository's, with a program of its own."""
    facts = read_venv(backup)
    base = facts.interpreter if facts is not None else None
    if facts is None or base is None or base.library is None or facts.home_library is None:
        return False
    return os.path.realpath(facts.home_library) == os.path.realpath(base.library) and Admission(session.places).allows(
        base.path
    )


def names_to_move(plan: RebuildPlan, backup: str) -> tuple[str, ...]:
    """The user's own files, as far as the new venv does not have them yet."""
    return tuple(name for name in plan.moved if name not in MARKERS and os.path.lexists(os.path.join(backup, name)))


def rewritten(plan: RebuildPlan) -> tuple[str, ...]:
    """The files at the top of the old venv that the new one gets before it is good, as they have to be there."""
    pip_conf = (PIP_CONF,) if plan.pip_conf is not None else ()
    return (*pip_conf, *(name for name in MARKERS if name in plan.moved))


def _keep_settings(facts: VenvFacts, new: VenvFacts, made: VenvFolder) -> None:
    """The user's own lines in `pyvenv.cfg`."""
    others = other_settings(facts.settings)
    if others:
        content = edit(os.fsdecode(new.cfg), others).encode("utf-8", "surrogateescape")
        within_own(made, "", lambda folder: replace_file(FILE_NAME, content, folder=folder))


def _keep_owner_files(plan: RebuildPlan, backup: str, made: VenvFolder) -> None:
    """The owner of a venv keeps in it which Python that has."""
    choice = plan.choice
    target = target_of(choice)
    found_at = os.path.join(target.prefix, "bin", os.path.basename(choice.executable))
    base = Base(choice.executable, choice.version, choice.version, found_at)
    for name in MARKERS:
        if name in plan.moved:
            file = OwnerFile(os.path.join(backup, name), read_bytes(os.path.join(backup, name)))
            _put(made, name, rewrite_owner_file(file, backup, base))


def _put(made: VenvFolder, name: str, content: bytes) -> None:
    within_own(made, "", lambda folder: replace_file(name, content, folder=folder))
