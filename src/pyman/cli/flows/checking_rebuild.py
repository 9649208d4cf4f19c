"""Whether a rebuilt venv is what was planned, and what it takes over from the old one before it stands (DESIGN 7)."""

from __future__ import annotations

import os

from pyman.cli.session import Session
from pyman.core.owners import PIPX_METADATA, rewrite_pipx_metadata
from pyman.core.packages.compatibility import newly_broken
from pyman.core.packages.pip_conf import FILE_NAME as PIP_CONF
from pyman.core.plans.rebuild import Comparison, RebuildPlan, compare, unplanned
from pyman.core.record import record
from pyman.core.relink import Target
from pyman.core.venv import VenvFolder
from pyman.effects.files import read_bytes, replace_file
from pyman.effects.interpreters.admission import Admission
from pyman.effects.packages.dist_info import keep_marks, read_packages
from pyman.effects.packages.programs import Trial, missing_programs
from pyman.effects.venvs.backup import SetAside
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.own_folders import refuse_unless_own, within_own
from pyman.effects.venvs.user_files import keep_strays
from pyman.errors import NOT_AS_PLANNED, PymanError

_MOST_NAMED = 5


@record
class Rebuilt:
    """A rebuild that stands."""

    plan: RebuildPlan
    count: int
    """Packages that are there now, without what is the runtime's own affair."""
    comparison: Comparison
    notes: tuple[str, ...] = ()


def check_new(session: Session, plan: RebuildPlan, old: SetAside, made: VenvFolder) -> Rebuilt:
    """Look whether the new venv is what was planned, and give it what the user had put into the old one.

    `made` is the folder that was made for it: nothing is written into another that has its name by now. Raises
    PymanError where the new venv is not what was planned.
    """
    facts, aside = plan.facts, old.aside
    # Its programs are started: what somebody has put in its place while packages were installed is none of it.
    refuse_unless_own(made)
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
            within_own(made, library, lambda folder: keep_marks(folder, packages, before))
            _refuse(lacking, "`--allow-newer` with the names of these packages allows versions that fit")
        else:
            notes += lacking  # What the lock or the file says is what the user wants.
        strays: tuple[str, ...] = ()
        refuse_unless_own(made)
        if plan.library is not None:
            strays = keep_strays(aside, facts.folder, plan.library, library, plan.packages)
        _keep_pipx_metadata(plan, aside, made)
        if strays:
            notes += (f"kept what no package had put there: {_some(strays)}",)
        old.flush()
        notes += _refuse_programs_that_fail(trial, aside, session)
    finally:
        trial.end()
    return Rebuilt(plan, len(brought), comparison, (*plan.notes, *notes))


def _refuse(wrong: tuple[str, ...] | list[str], hint: str) -> None:
    if wrong:
        raise PymanError(f"the new venv is not what was planned: {_some(wrong)}", hint=hint, code=NOT_AS_PLANNED)


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
    if _may_be_started(session, aside):
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


def _may_be_started(session: Session, aside: str) -> bool:
    """Whether the old venv leads to a Python that pyman starts: it may be a repository's, with a program of its own."""
    facts = read_venv(aside)
    base = facts.interpreter if facts is not None else None
    if facts is None or base is None or base.library is None or facts.home_library is None:
        return False
    return os.path.realpath(facts.home_library) == os.path.realpath(base.library) and Admission(session.places).allows(
        base.path
    )


def names_to_move(plan: RebuildPlan, aside: str) -> tuple[str, ...]:
    """The user's own files, as far as the new venv does not have them yet."""
    return tuple(name for name in plan.moved if name != PIPX_METADATA and os.path.lexists(os.path.join(aside, name)))


def rewritten(plan: RebuildPlan) -> tuple[str, ...]:
    """The files at the top of the old venv that the new one gets before it is good, as they have to be there."""
    pip_conf = (PIP_CONF,) if plan.pip_conf is not None else ()
    return (*pip_conf, PIPX_METADATA) if PIPX_METADATA in plan.moved else pip_conf


def _keep_pipx_metadata(plan: RebuildPlan, aside: str, made: VenvFolder) -> None:
    """pipx keeps in the venv which Python that has."""
    if PIPX_METADATA not in plan.moved:
        return
    choice = plan.choice
    target = Target(
        choice.home, choice.executable, choice.version, choice.variant, "", in_store=choice.runtime is not None
    )
    content = rewrite_pipx_metadata(read_bytes(os.path.join(aside, PIPX_METADATA)), target)
    within_own(made, "", lambda folder: replace_file(PIPX_METADATA, content, folder=folder))
