"""Linking a venv to another Python of its minor version, also where `rebuild` needs no more than that (design.md 7)."""

from __future__ import annotations

import os

from pyman.app.consent import get_consent
from pyman.app.console import short_path
from pyman.app.rebuild_or_relink import findings_of
from pyman.app.session import Session
from pyman.core.diagnosis.finding import FIXED, INSTALL, Finding
from pyman.core.escape import as_word
from pyman.core.plans.repair import relink_plan
from pyman.core.plans.steps import Verify
from pyman.core.pyvenv_cfg import HELD_BACK, POLICY, REQUEST
from pyman.core.relink import Target
from pyman.core.venv import VenvFacts
from pyman.core.version import short_release
from pyman.effects.architecture import Architectures
from pyman.effects.lock import hold_store
from pyman.effects.moves.check import Fitness
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.owner_files import read_owner_files
from pyman.effects.venvs.repairs import RepairLog
from pyman.effects.venvs.stores import remember_venv
from pyman.errors import BORROWS, NOT_YOURS, OTHER_ARCHITECTURE, NotFound, PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from pyman.app.repair import RepairResult
    from pyman.core.plans.rebuild import RebuildOptions
    from pyman.core.pyvenv_cfg import Policy

    RelinkStatus = Literal["planned", "relinked", "unchanged"]


def relink(session: Session, facts: VenvFacts, options: RebuildOptions) -> tuple[dict[str, object], str]:
    """Repair the venv in place, or link it to the release that the user names; say what was done.

    Raises PymanError where that fails; the venv is then as it was.
    """
    from pyman.app.repair import repair_venv

    shown = short_path(session, facts.path)
    findings = findings_of(session, facts)
    wanted = [finding for finding in findings if finding.is_for_fix]
    count = _count(facts)
    target = _other_target(session, facts, options) if options.python is not None else None
    if session.dry_run:
        told = [finding.repair for finding in wanted if finding.repair]
        if target is not None:
            told = [f"link it to {target[0].home}"]
        needs = f"needs no rebuild; the repair would be: {'; '.join(told)}" if told else "nothing is wrong with it"
        line = f"{shown}: {needs}; `--yes` recreates it anyway"
        status: RelinkStatus = "planned" if wanted or target is not None else "unchanged"
        return relinked_data(facts, facts, count, status), line
    if target is not None:
        command = f"pyman rebuild {as_word(facts.path)} -p {as_word(options.python or '')} --yes"
        get_consent(session, facts, target[0], yes=False, command=command, may_go_down=True)
        link_venv(session, facts, *target)
        after = read_one(session.places, facts.path) or facts
        line = f"{shown}: same minor version, so it was linked to {target[0].home} and kept its packages"
        return relinked_data(facts, after, count, "relinked"), line
    if not wanted:
        line = f"{shown}: nothing is wrong with it; `--yes` recreates it anyway"
        return relinked_data(facts, facts, count, "unchanged"), line
    borrows = next((finding for finding in wanted if finding.code == "borrows"), None)
    if borrows is not None:
        raise Refused(
            f"{facts.path} was not changed: {borrows.message}",
            hint=f"`pyman doctor {as_word(facts.path)} --fix --yes` relinks it anyway",
            code=BORROWS,
        )
    repaired: list[RepairResult] = []
    fitness = Fitness(session.places.cache)
    log = RepairLog(session.places, session.observer)
    outcome = repair_venv(session, facts.path, _is_download, repaired, foreign=True, fitness=fitness, log=log)
    fitness.store(all_asked=False)
    failure = next((one for one in repaired if one.status != FIXED), None)
    if failure is not None:
        raise PymanError(
            f"{facts.path} could not be repaired: {failure.why}",
            hint=f"run `pyman rebuild {as_word(facts.path)} --yes` to recreate it",
        )
    after = outcome.facts or facts
    line = f"{shown}: same minor version, so it was repaired in place and kept its packages"
    return relinked_data(facts, after, count, "relinked"), line


def _is_download(finding: Finding) -> bool:
    """True for a Python that is to be installed: a rebuild installs what it needs, and no other yes was given."""
    return finding.action == INSTALL


def _other_target(session: Session, facts: VenvFacts, options: RebuildOptions) -> tuple[Target, str, Policy] | None:
    """Link, words and policy that the user's request means, where the venv has others."""
    from pyman.app.rebuild_python import get_python, target_of
    from pyman.core.plans.rebuild import kept_request

    requested, request, choice, _ = get_python(session, facts, options)
    text = kept_request(facts, choice, requested, request)
    same = facts.link is not None and os.path.dirname(facts.link) == choice.home == (facts.home or "").rstrip("/")
    if same and facts.request == text and facts.policy == choice.policy:
        return None
    return target_of(choice), text, choice.policy


def _count(facts: VenvFacts) -> int:
    from pyman.effects.packages.dist_info import read_distributions

    library = facts.library
    if library is None:
        return 0
    distributions, _ = read_distributions(os.path.join(facts.folder, "lib", library.name, "site-packages"))
    return sum(one.normalized != "pip" for one in distributions)


def named_venv(session: Session, text: str | None) -> VenvFacts:
    """The venv that a command is about: the one named, else the active one, else `.venv` here.

    Raises NotFound where there is none.
    """
    named = text or session.environ.get("VIRTUAL_ENV") or ".venv"
    path = session.absolute(named)
    facts = read_one(session.places, path)
    if facts is None:
        inside = os.path.join(path, ".venv")
        hint = "give the path of a venv, or create one with `pyman venv`"
        if read_one(session.places, inside) is not None:
            hint = f"did you mean {as_word(os.path.join(named, '.venv'))}?"
        raise NotFound(f"there is no venv at {path}", hint=hint)
    if facts.uid != os.geteuid():
        raise Refused(f"{path} belongs to another user", hint="ask its owner to run pyman", code=NOT_YOURS)
    return facts


def link_venv(session: Session, facts: VenvFacts, target: Target, request: str, policy: Policy) -> bool:
    """Link a venv to a Python of its minor, and write down what was asked for; False where all was so already.

    Raises PymanError, having undone it.
    """
    objection = Architectures().objection(facts, target.executable)
    if objection:
        raise Refused(
            f"{facts.path} was not linked to {request}: {objection}",
            hint=f"run `pyman rebuild {as_word(facts.path)} -p {as_word(request)}` to recreate it",
            code=OTHER_ARCHITECTURE,
        )
    also: dict[str, str | None] = {REQUEST: request, POLICY: policy, HELD_BACK: None}
    plan = relink_plan(facts, target, owner_files=read_owner_files(facts.folder), also=also)
    changes = any(not isinstance(step, Verify) for step in plan.steps)
    if session.dry_run:
        return changes
    with hold_store(session.places, session.observer), Transaction(session.places) as transaction:
        transaction.take(plan)
    remember_venv(session.places, facts.path)
    return changes


def running_release(facts: VenvFacts) -> str | None:
    """The release that runs; null where it is unknown."""
    return short_release(facts.python) if facts.python is not None else None


def relinked_data(before: VenvFacts, after: VenvFacts, packages: int, status: RelinkStatus) -> dict[str, object]:
    """One element of `rebuilt` for a venv that a relink was enough for."""
    return {
        "path": before.path,
        "from": running_release(before),
        "to": running_release(after),
        "packages": packages,
        "added": [],
        "removed": [],
        "changed": [],
        "status": status,
    }
