"""Whether a venv that `rebuild` is given needs to be made again, or a relink does what is wanted (design.md 7)."""

from __future__ import annotations

from pyman.app.session import Session
from pyman.core.diagnosis.finding import ERROR, REBUILD, RECREATE, Finding
from pyman.core.relink import wanted_alias
from pyman.core.trials import is_of_trial
from pyman.core.venv import VenvFacts
from pyman.core.version import minor_alias
from pyman.effects.architecture import Architectures
from pyman.effects.moves.check import Base, Fitness, Question
from pyman.effects.store import read_stores

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.choice import Choice
    from pyman.core.plans.rebuild import RebuildOptions


def needs_rebuild(session: Session, facts: VenvFacts, options: RebuildOptions) -> bool:
    """False where the same minor and variant is meant and a relink does what is wanted."""
    from pyman.app.rebuild_python import installed_python
    from pyman.core.plans.rebuild import means_same_minor

    if options.force or options.yes or options.source is not None or options.allow_newer or options.minor is not None:
        return True
    if facts.stage_reason:
        return True  # The yes was to this verb: not to single repairs, nor to leaving a base that lends packages.
    findings = findings_of(session, facts)
    if any(finding.action in (REBUILD, RECREATE) for finding in findings):
        return True
    if any(finding.severity == ERROR and not finding.is_for_fix for finding in findings):
        return True  # Nothing else repairs it.
    if options.python is None:
        return any(_waits_for_packages(facts, finding) for finding in findings)
    choice = installed_python(session, facts, options)
    if choice is None:
        # It will be installed; a request that the venv satisfies as it is needs no other minor.
        return not means_same_minor(facts, options.python)
    if Architectures().objection(facts, choice.executable):
        return True
    return minor_alias(choice.version, choice.variant) != wanted_alias(facts) or not _fits(session, facts, choice)


def _waits_for_packages(facts: VenvFacts, finding: Finding) -> bool:
    """True for a venv that is held back because of its packages: installed once more, they may fit the new release."""
    held = facts.settings.held_back
    return finding.code == "held-back" and not finding.action and held is not None and not is_of_trial(held[1])


def _fits(session: Session, facts: VenvFacts, choice: Choice) -> bool:
    """False where what is installed fits the release that runs and not the one that was chosen: a relink breaks it."""
    running, library = facts.running, facts.library
    if running is None or running.version is None or library is None:
        return True
    fitness = Fitness(session.places.cache)
    question = Question(
        facts.path,
        f"{facts.folder}/lib/{library.name}/site-packages",
        Base(running.path, running.version, running.variant),
        Base(choice.executable, choice.version, choice.variant),
    )
    return not fitness.reasons([question])


def findings_of(session: Session, facts: VenvFacts) -> tuple[Finding, ...]:
    """What doctor finds about one venv, also of another tool."""
    from pyman.app.examine import judge
    from pyman.core.diagnosis.venv import diagnose_venv

    return diagnose_venv(facts, judge(session, read_stores(session.places), [facts], foreign=True))
