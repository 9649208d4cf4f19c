"""Carrying out repairs: one finding at a time, undone if it fails, and looked at again afterwards."""

from __future__ import annotations

import contextlib
import os

from pyman.app import install as installing
from pyman.app.examine import diagnose, judge
from pyman.app.session import Session
from pyman.core.diagnosis import finding as actions
from pyman.core.diagnosis.finding import FAILED, FIXED, OPEN, Finding
from pyman.core.diagnosis.ignore import unacknowledged
from pyman.core.immutable import record, replace
from pyman.core.plans.move import through_other
from pyman.core.plans.repair import chosen_target, moved_steps, plan_repair
from pyman.core.plans.steps import CopyProgram, Forget, Plan, ReplaceFile
from pyman.core.relocation import edits_of_move, link_edits_of_move, moved_roots, still_names_old_place
from pyman.core.repairs import LASTING, DoneRepair, changes_of
from pyman.core.request import parse_request
from pyman.core.store import Store
from pyman.core.venv import VenvFacts
from pyman.core.version import short_release
from pyman.effects.files import read_bytes
from pyman.effects.interruption import DeferredSignals, Part
from pyman.effects.lock import hold_store
from pyman.effects.moves.check import Fitness
from pyman.effects.moves.followers import read_follower
from pyman.effects.moves.move import reconcile_aliases
from pyman.effects.packages.donors import Donors
from pyman.effects.places import make_folder
from pyman.effects.store import read_stores
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.inventory import read_one
from pyman.effects.venvs.moved_files import bytecode_of, folders_of_moved, kernels_elsewhere, read_moved
from pyman.effects.venvs.own_folders import clean_up_own, package_folders
from pyman.effects.venvs.owner_files import read_owner_files
from pyman.effects.venvs.records import record_name
from pyman.effects.venvs.recovery import restore_work_folder
from pyman.effects.venvs.repairs import RepairLog, modes_of
from pyman.effects.venvs.shared_files import read_shared_files
from pyman.effects.venvs.stores import is_known
from pyman.errors import Changed, NotFound, PymanError, ReadOnly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyman.core.diagnosis.finding import Status
    from pyman.core.diagnosis.ignore import Acknowledgement
    from pyman.core.plans.steps import Step

_MOST_NAMED = 5
_MOST_REPAIRS = 8
"""Of one venv: every repair removes its finding, so more would be a circle."""


@record
class RepairResult:
    """What became of one finding."""

    finding: Finding
    status: Status
    """`fixed`, `failed` or `open`."""
    why: str = ""
    """Why it failed, or was left."""


@record
class Outcome:
    """What became of one venv."""

    facts: VenvFacts | None
    """As it is now; None where it is none any more."""
    left: tuple[Finding, ...] = ()
    """What is still wrong with it."""


def repair_what_is_no_venv(session: Session, finding: Finding, repaired: list[RepairResult]) -> None:
    """Forget a record whose venv is gone; give a whole venv, in a work folder that the user named, its name again."""
    try:
        if finding.code == "gone":
            with Part():
                with Transaction(session.places) as transaction:
                    transaction.take(plan_repair(finding, None, read_stores(session.places)).plan or Plan())
                repaired.append(RepairResult(finding, FIXED))
        else:
            with DeferredSignals():
                restore_work_folder(finding.path)
                repaired.append(RepairResult(finding, FIXED))
    except PymanError as error:
        repaired.append(RepairResult(finding, FAILED, error.message))


def repair_venv(
    session: Session,
    path: str,
    allowed: Callable[[Finding], bool],
    repaired: list[RepairResult],
    *,
    foreign: bool,
    fitness: Fitness,
    log: RepairLog,
    accepted: Sequence[Acknowledgement] = (),
) -> Outcome:
    """Repair one venv, reading it again before and after every repair: two findings may be about one file.

    `repaired` gets what became of each finding, at once; what the user has `accepted` is left. What others
    repaired meanwhile stays: two doctors at once do no harm.
    """
    start = len(repaired)
    facts: VenvFacts | None = None
    left: tuple[Finding, ...] = ()
    for _ in range(_MOST_REPAIRS):
        store = read_stores(session.places)
        facts = read_one(session.places, path)
        if facts is None:
            return Outcome(None)
        found = diagnose(facts, judge(session, store, [facts], foreign=foreign, fitness=fitness))
        left = unacknowledged(found, accepted)
        tried = {(done.finding.code, done.finding.action) for done in repaired[start:]}
        finding = next((one for one in left if one.is_for_fix and (one.code, one.action) not in tried), None)
        if finding is None:
            break
        if finding.asks and not allowed(finding):
            repaired.append(RepairResult(finding, OPEN, "declined"))
            continue
        try:
            with Part(whole=True):
                said = _repair_one(session, facts, finding, store, log)
                repaired.append(RepairResult(replace(finding, repair=said) if said else finding, FIXED))
        except Changed:
            continue
        except PymanError as error:
            repaired.append(RepairResult(finding, FAILED, error.message))
    # A release that was installed for a venv, and then linked to: one finding, and the last word on it.
    last = {one.finding.code: one for one in repaired[start:]}
    repaired[start:] = (_confirmed(one, left) for one in last.values())
    return Outcome(facts, left)


def _confirmed(repaired: RepairResult, left: tuple[Finding, ...]) -> RepairResult:
    """A repair that left its finding where it was has failed, whatever it says."""
    if repaired.status == FIXED and any(one.code == repaired.finding.code for one in left):
        return replace(repaired, status=FAILED, why="the problem remains after the repair")
    return repaired


def _repair_one(session: Session, facts: VenvFacts, finding: Finding, store: Store, log: RepairLog) -> str:
    """Carry out one repair, and say what was done where it is not what was announced.

    Raises PymanError where it cannot be done; the venv is then as before.
    """
    if finding.action == actions.INSTALL:
        return _install(session, facts, finding, store, log)
    if finding.action == actions.REPAIR_MOVED:
        return _repair_moved(session, finding, facts, store, log)
    if finding.action == actions.MOVE_ALIASES:
        reconcile_aliases(session.places, session.observer)
    elif finding.action == actions.HOLD_BACK:
        _hold_back(session, facts, finding, store, log)
    elif finding.action == actions.REBUILD:
        from pyman.app.rebuild import rebuild_for

        rebuild_for(session, facts, finding.argument)
    elif finding.action == actions.RECREATE:
        from pyman.app.rebuild import recreate_unfinished

        recreate_unfinished(session, facts)
    else:
        _take_steps(session, finding, facts, store, log)
        return ""
    if finding.action in LASTING:
        log.add(_as_done(log, facts, finding, Plan()))
    return ""


def _as_done(log: RepairLog, facts: VenvFacts, finding: Finding, plan: Plan) -> DoneRepair:
    """What is written down of a repair."""
    changes = changes_of(
        plan, modes_of(one.path for one in plan.steps if isinstance(one, ReplaceFile) and one.executable)
    )
    copies = not changes and any(isinstance(step, CopyProgram) for step in plan.steps)
    action = actions.REFRESH if copies else finding.action
    before = None if facts.link_kind == "broken" else str(facts.python or "")
    return DoneRepair(log.run, facts.folder, facts.path, finding.code, action, before, changes)


def _repair_moved(session: Session, finding: Finding, facts: VenvFacts, store: Store, log: RepairLog) -> str:
    """Repair a venv that was moved, and say what is left that names the old place: nothing else tells of it then."""
    files, relocated = read_moved(facts)
    edits = edits_of_move(files, relocated)
    left = [*still_names_old_place(files, edits, link_edits_of_move(files, relocated))]
    left += kernels_elsewhere(facts, session.environ, session.places.home)
    _take_steps(session, finding, facts, store, log, also=_old_record(session, facts))
    if not left or facts.old_place is None:
        return ""
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    named = ", ".join(left[:_MOST_NAMED])
    return f"{finding.repair}; these still refer to {facts.old_place} and were not changed: {named}{more}"


def _old_record(session: Session, facts: VenvFacts) -> tuple[Step, ...]:
    """Forget where a venv was that was renamed: it is one venv. One on a disk that is not there may be another."""
    old = facts.moved_from
    if old is None or os.path.lexists(old) or not is_known(session.places, old):
        return ()
    above, _ = moved_roots(old, facts.folder)[0]
    if not _is_on_one_disk(os.path.dirname(above), facts.folder) or not os.access(session.places.venvs, os.W_OK):
        return ()
    return (Forget(record_name(old)),)


def _is_on_one_disk(one: str, other: str) -> bool:
    try:
        return os.stat(one).st_dev == os.stat(other).st_dev
    except OSError:
        return False


def _take_steps(
    session: Session, finding: Finding, facts: VenvFacts, store: Store, log: RepairLog, *, also: tuple[Step, ...] = ()
) -> None:
    """Everything that is steps on one venv: links, settings, generated files."""
    plan = planned_steps(finding, facts, store)
    if not plan.steps:
        raise _nothing_to_do(facts.path)
    plan = replace(plan, steps=(*plan.steps, *also))
    with locked_store(session), Transaction(session.places) as transaction:
        # The files that a killed repair was about to move into place are beside those that this one replaces.
        folders = {"", "bin"}
        if finding.action == actions.REPAIR_MOVED:
            folders.update(folders_of_moved(facts))
        if finding.action == actions.OWN_FILES:
            folders.update(package_folders(facts.folder))
        clean_up_own(facts.place, folders)
        transaction.undo_with(log.add(_as_done(log, facts, finding, plan)))
        transaction.take(plan)


def planned_steps(finding: Finding, facts: VenvFacts, store: Store) -> Plan:
    """The steps of one repair; none where it is no matter of steps."""
    moved = _moved_steps(facts) if finding.action == actions.REPAIR_MOVED else ()
    shared = [file for file, _ in read_shared_files(facts)] if finding.action == actions.OWN_FILES else ()
    repair = plan_repair(
        finding,
        facts,
        store,
        moved=moved,
        shared=shared,
        contents=_contents(finding, facts),
        owner_files=read_owner_files(facts.folder),
    )
    return repair.plan or Plan()


def _moved_steps(facts: VenvFacts) -> tuple[Step, ...]:
    files, relocated = read_moved(facts)
    edits = edits_of_move(files, relocated)
    return moved_steps(
        edits, link_edits_of_move(files, relocated), bytecode_of((edit.path for edit in edits), facts.folder)
    )


@contextlib.contextmanager
def locked_store(session: Session) -> Iterator[None]:
    """Hold the store's lock; a store that the user cannot write moves no alias under this venv."""
    with contextlib.ExitStack() as stack:
        try:
            make_folder(session.places.root)
            stack.enter_context(hold_store(session.places, session.observer))
        except ReadOnly:
            pass
        yield


def _nothing_to_do(path: str) -> NotFound:
    return NotFound(f"there is no automatic repair for {path}", hint="`pyman rebuild` recreates it with its packages")


def _contents(finding: Finding, facts: VenvFacts) -> Iterator[tuple[str, bytes]]:
    """The files that are replaced by themselves, and what is in them; what cannot be read is left out."""
    paths: tuple[str, ...] = ()
    if finding.action == actions.REPAIR_MODES:
        paths = tuple(os.path.join(facts.folder, "bin", name) for name in facts.contents.not_executable)
    elif finding.action == actions.SHOW_FILES:
        paths = facts.contents.hidden
    for path in paths:
        with contextlib.suppress(OSError):
            yield path, read_bytes(path)


def _install(session: Session, facts: VenvFacts, finding: Finding, store: Store, log: RepairLog) -> str:
    """A release that a venv needs; the venv is linked to it when it is looked at again.

    A pinned release that cannot be had again: the venv gets the alias, and follows from then on.
    """
    installed = installing.get(session, [parse_request(finding.argument)], may_adopt=True)
    if installed.error is None:
        log.add(_as_done(log, facts, finding, Plan()))
        return ""
    relink = replace(finding, action=actions.RELINK)
    target = chosen_target(relink, facts, store)
    if facts.policy != "pin" or target is None or not planned_steps(relink, facts, store).steps:
        raise installed.error
    if Donors().losses(facts, target):
        raise installed.error  # What it would lose was not in the question.
    _take_steps(session, relink, facts, store, log)
    return f"{finding.argument} is not available ({installed.error.message}), so the venv now follows its minor version"


def _hold_back(session: Session, facts: VenvFacts, finding: Finding, store: Store, log: RepairLog) -> None:
    runtime = store.find(finding.argument)
    alias = facts.alias
    if runtime is None or alias is None:
        raise _nothing_to_do(facts.path)
    followers = (read_follower(facts.folder, layer.root, alias.__eq__) for layer in store.layers)
    follower = next((one for one in followers if one is not None), None)
    if follower is None:
        raise _nothing_to_do(facts.path)
    reason = f"{short_release(runtime.version)} {finding.message}"
    plan = through_other(
        follower,
        runtime.name,
        runtime.version,
        held_back=reason,
        variant=runtime.variant,
        found=store.in_use(alias),
        runtimes=os.path.dirname(runtime.path) if store.level_of(runtime) == "system" else "",
    )
    with locked_store(session), Transaction(session.places) as transaction:
        transaction.undo_with(log.add(_as_done(log, facts, finding, plan)))
        transaction.take(plan)
