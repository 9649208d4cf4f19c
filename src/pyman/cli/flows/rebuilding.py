"""Making a venv anew with the packages that it had, in one transaction (DESIGN 7)."""

from __future__ import annotations

import os

from pyman.cli.flows.checking_rebuild import Rebuilt, check_new, names_to_move, rewritten
from pyman.cli.flows.planning_rebuild import plan_rebuild, refuse_obstacles
from pyman.cli.session import Session
from pyman.core.packages.installer import Batch
from pyman.core.plans.rebuild import RebuildOptions, RebuildPlan, relax
from pyman.core.record import replace
from pyman.core.venv import VenvFacts, VenvFolder
from pyman.effects.interruption import Terminated
from pyman.effects.lock import hold
from pyman.effects.packages.installers import CannotInstall, install, sync
from pyman.effects.places import cannot_write
from pyman.effects.processes import processes_of_venv
from pyman.effects.settings import read_link_mode
from pyman.effects.venvs.backup import SetAside, Turn
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.journal import journal_path, read_entry
from pyman.effects.venvs.own_folders import folder_made
from pyman.effects.venvs.records import remember
from pyman.effects.venvs.recovery import FINISHED, LEFT, interrupted, recover
from pyman.effects.venvs.user_files import copy_folder, put_own_pip_conf
from pyman.errors import NotFound, PymanError
from pyman.hot.making import build_venv

_MOST_TRIES = 20
"""Of `--allow-newer` without names: each one allows another version of at least one more package."""


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
    try:
        with old:
            build_venv(places, plan.wish, plan.choice, old.journal, session.observer)
            made = folder_made(facts.folder)
            old.journal.copying((*plan.copied, *rewritten(plan)))
            for name in plan.copied:
                copy_folder(os.path.join(old.aside, name), os.path.join(facts.folder, name))
            if plan.pip_conf is not None:
                put_own_pip_conf(VenvFolder(old.aside, facts.identity), made, plan.pip_conf)
            plan = _install(session, plan)
            done = check_new(session, plan, old, made)
            old.keep_new(names_to_move(plan, old.aside))
        remember(places.root, facts.path)
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
    link_mode = read_link_mode(session.places.config)
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
            link_mode=link_mode,
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


def recover_what_was_cut_off(session: Session) -> None:
    """Put back, or drop, what a rebuild that was killed had set aside."""
    places = session.places
    if not interrupted(places):
        return
    with hold(places.lock, session.observer, what="the store"):
        for one in recover(places):
            if one.outcome == LEFT:
                told = f"it could not be undone: {one.reason}"
            else:
                told = "that was finished" if one.outcome == FINISHED else "that was undone"
            session.observer.noted(f"{one.venv} was being changed when pyman was cut off: {told}")


def recreate_unfinished(session: Session, facts: VenvFacts) -> None:
    """Rebuild a venv whose making was cut off, and install what was being installed into it.

    Raises PymanError; the venv is then as it was.
    """
    with Turn(session.places, facts.folder, session.observer):
        again = read_one(session.places, facts.path)
        entry = read_entry(journal_path(session.places, facts.folder))
        if again is None or entry is None or not entry.is_unfinished:
            raise NotFound(f"{facts.path} is not unfinished any more", hint="run `pyman doctor` again")
        plan = plan_rebuild(session, again, RebuildOptions(force=facts.foreign))
        files = entry.requirements
        missing = next((file for file in files if not os.path.exists(file)), None)
        if missing is not None:
            raise NotFound(f"there is no file {missing}", hint=f"put it back, or use `pyman venv --clear {facts.path}`")
        if files:
            batch = Batch(dependencies=True, file=files[0], more_files=files[1:])
            plan = replace(plan, batches=(*plan.batches, batch), source=files[0])
        done = carry_out(session, plan)
    for note in done.notes:
        session.observer.noted(note)


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
