"""Making a venv anew with the packages that it had, in one transaction (DESIGN 7)."""

from __future__ import annotations

import os

from pyman.cli.flows.planning_rebuild import plan_rebuild, refuse_obstacles
from pyman.cli.session import Session
from pyman.core.packages.consistency import newly_broken
from pyman.core.plans.rebuild import RebuildOptions, RebuildPlan, relax
from pyman.core.plans.reinstallation import Comparison, compare, unplanned
from pyman.core.plans.repair import PIPX_METADATA, rewrite_pipx_metadata
from pyman.core.record import record
from pyman.core.relink import Target
from pyman.core.venv import VenvFacts
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.lock import hold
from pyman.effects.packages.dist_info import read_packages
from pyman.effects.packages.installers import CannotInstall, install, sync
from pyman.effects.packages.programs import Trial, missing_programs
from pyman.effects.packages.requested_marks import keep_marks
from pyman.effects.places import cannot_write
from pyman.effects.unfinished import read_unfinished
from pyman.effects.venvs.aside_journal import FINISHED, IN_THE_WAY, recover
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.processes import processes_of_venv
from pyman.effects.venvs.records import remember
from pyman.effects.venvs.set_aside import SetAside
from pyman.effects.venvs.stray_files import copy_folder, keep_strays
from pyman.effects.venvs.turn import Turn
from pyman.errors import NotFound, PymanError
from pyman.hot.making import build_venv
from pyman.hot.termination import Terminated

_MOST_TRIES = 20
"""Of `--allow-newer` without names: each one allows another version of at least one more package."""
_MOST_NAMED = 5


@record
class Rebuilt:
    """A rebuild that stands."""

    plan: RebuildPlan
    count: int
    """Packages that are there now, without what is the runtime's own affair."""
    comparison: Comparison
    notes: tuple[str, ...] = ()
    interrupted: BaseException | None = None
    """A signal that came when it was too late: the new venv was good already."""


class NotRestored(PymanError):
    """The rebuild failed, and the old venv could not be put back: the message says where it lies."""


def carry_out(session: Session, plan: RebuildPlan) -> Rebuilt:
    """Set the old venv aside, make the new one, install, check; the old one is back if anything fails.

    Raises PymanError with the old venv in its place, NotRestored without.
    """
    places, facts = session.places, plan.facts
    for process in processes_of_venv(facts.folder):
        session.observer.noted(
            f"process {process.pid} ({process.command}) runs in {facts.path}: start it again afterwards"
        )
    old = SetAside(places, facts.folder, "rebuild", session.observer)
    done: Rebuilt | None = None
    try:
        with old:
            build_venv(places, plan.wish, plan.choice, session.observer)
            for name in plan.copied:
                copy_folder(os.path.join(old.aside, name), os.path.join(facts.folder, name))
            plan = _install(session, plan)
            done = _checked(session, plan, old)
            old.keep_new(_moving(plan, old.aside))
        remember(places.root, facts.path)
    except (KeyboardInterrupt, Terminated) as signal:
        if not old.kept or done is None:
            raise
        return Rebuilt(done.plan, done.count, done.comparison, done.notes, signal)
    except OSError as error:
        raise cannot_write(facts.folder, error) from error
    except PymanError as error:
        if old.restored:
            raise
        raise NotRestored(error.message, hint=error.hint, code=error.code) from error
    return done


def _install(session: Session, plan: RebuildPlan) -> RebuildPlan:
    """Install everything; with `--allow-newer`, more and more in other versions, until nothing is in the way."""
    python = os.path.join(plan.facts.folder, "bin", "python")
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
                    observer=session.observer,
                )
        except CannotInstall as error:
            wider = relax(plan, frozenset(error.packages)) if plan.may_relax else plan
            free = {one.normalized for one in wider.reinstallation.resolved}
            if not free.issuperset(error.packages) or wider.relaxed == plan.relaxed:
                raise _explained(plan, error) from error
            session.observer.noted(f"{', '.join(error.packages)}: other versions are tried")
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
            observer=session.observer,
        )
    return plan


def _explained(plan: RebuildPlan, error: CannotInstall) -> CannotInstall:
    """The failure with a hint that helps: only what comes from an index has other versions."""
    fixed = {package.normalized for package in plan.packages if package.origin is not None}
    if plan.source is None and not fixed.intersection(error.packages):
        return error
    hint = f"see what {plan.installer.kind} says with `-v`"
    if plan.source is None:
        names = ", ".join(name for name in error.packages if name in fixed)
        hint = f"mend what {names} is installed from, or uninstall it first"
    return CannotInstall(error.message, hint=hint, packages=error.packages, code=error.code)


def _checked(session: Session, plan: RebuildPlan, old: SetAside) -> Rebuilt:
    """Look whether the new venv is what was planned, and give it what the user had put into the old one.

    Raises PymanError where it is not.
    """
    facts, aside = plan.facts, old.aside
    new = read_venv(facts.folder)
    if new is None or new.library is None:
        raise PymanError(f"the new venv in {facts.path} cannot be read", hint="please report this")
    library = os.path.join("lib", new.library.name, "site-packages")
    packages, notes = read_packages(os.path.join(facts.folder, library))
    own = plan.reinstallation.own
    brought = [package for package in packages if package.normalized not in own]
    programs = [name for package in brought for name in package.scripts]
    trial = Trial(facts.folder, programs, session.environ)
    try:
        comparison = compare(plan.packages, packages, own)
        wrong = [*unplanned(plan.reinstallation, comparison)] if plan.source is None else []
        wrong += [f"bin/{name} is no program that starts" for name in missing_programs(facts.folder, programs)]
        _refuse(wrong, "`--allow-newer` allows other versions")
        lacking = newly_broken(
            [package.distribution for package in plan.packages],
            [package.distribution for package in packages],
            plan.old,
            plan.new,
            lends=plan.wish.system_site_packages,
        )
        if plan.source is None:
            before = {package.normalized: package.requested for package in plan.packages}
            keep_marks(os.path.join(facts.folder, library), packages, before)
            _refuse(lacking, "`--allow-newer` with the names of these packages allows versions that fit")
        else:
            notes += lacking  # What the lock or the file says is what the user wants.
        strays: tuple[str, ...] = ()
        if plan.library is not None:
            strays = keep_strays(aside, facts.folder, plan.library, library, plan.packages)
        _keep_pipx_metadata(plan, aside)
        if strays:
            notes += (f"kept what no package had put there: {_some(strays)}",)
        old.flush()
        notes += _refuse_programs_that_fail(trial, aside, session)
    finally:
        trial.end()
    return Rebuilt(plan, len(brought), comparison, (*plan.notes, *notes))


def _refuse(wrong: tuple[str, ...] | list[str], hint: str) -> None:
    if wrong:
        raise PymanError(f"the new venv is not what was planned: {_some(wrong)}", hint=hint, code="not-as-planned")


def _some(words: tuple[str, ...] | list[str]) -> str:
    more = f", and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return "; ".join(words[:_MOST_NAMED]) + more


def _refuse_programs_that_fail(trial: Trial, aside: str, session: Session) -> tuple[str, ...]:
    """Programs that started in the old venv must start in the new one; the others are only told."""
    failing = trial.failures()
    if failing is None:
        return ("not every program could be tried: one of them takes too long to start",)
    if not failing:
        return ()
    before: dict[str, str] | None = None
    if os.access(os.path.join(aside, "bin", "python"), os.X_OK):
        old = Trial(aside, failing, session.environ)
        try:
            before = old.failures()
        finally:
            old.end()
    if before is None:
        return tuple(f"bin/{name} does not start: {reason}" for name, reason in failing.items())
    _refuse(
        [f"bin/{name} starts no more: {reason}" for name, reason in failing.items() if name not in before],
        "`--allow-newer` with the name of its package allows a version that fits",
    )
    return ()


def _moving(plan: RebuildPlan, aside: str) -> tuple[str, ...]:
    """The user's own files, as far as the new venv does not have them yet."""
    return tuple(name for name in plan.moved if name != PIPX_METADATA and os.path.lexists(os.path.join(aside, name)))


def _keep_pipx_metadata(plan: RebuildPlan, aside: str) -> None:
    """pipx keeps in the venv which Python that has."""
    if PIPX_METADATA not in plan.moved:
        return
    choice = plan.choice
    target = Target(
        choice.home, choice.executable, choice.version, choice.variant, "", in_store=choice.runtime is not None
    )
    content = read_bytes(os.path.join(aside, PIPX_METADATA))
    replace_file(os.path.join(plan.facts.folder, PIPX_METADATA), rewrite_pipx_metadata(content, target))


def recover_what_was_cut_off(session: Session) -> None:
    """Put back, or drop, what a rebuild that was killed had set aside."""
    places = session.places
    if not any(not work.alive for work in read_unfinished(places.venvs)):
        return
    with hold(places.lock, session.observer, what="the store"):
        for one in recover(places):
            if one.outcome == IN_THE_WAY:
                told = f"the old venv lies in {one.aside}, because something else is in its place"
            else:
                told = "that was finished" if one.outcome == FINISHED else "the old venv is back"
            session.observer.noted(f"{one.venv} was being changed when pyman was cut off: {told}")


def rebuild_for(session: Session, facts: VenvFacts, minor: str) -> None:
    """Rebuild one venv for the doctor. Raises PymanError; the venv is then as it was."""
    with Turn(session.places, facts.folder, session.observer):
        again = read_one(session.places, facts.path)
        if again is None:
            raise NotFound(f"{facts.path} is no venv any more", hint="run `pyman doctor` again")
        plan = plan_rebuild(session, again, RebuildOptions(minor=minor or None, force=facts.foreign))
        refuse_obstacles(plan)
        done = carry_out(session, plan)
    for note in done.notes:
        session.observer.noted(note)
    if done.interrupted is not None:
        raise done.interrupted
