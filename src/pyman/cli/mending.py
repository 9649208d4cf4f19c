"""Carrying out repairs: one finding at a time, undone if it fails, and looked at again afterwards."""

from __future__ import annotations

import os

from pyman.cli import installing
from pyman.cli.session import Session
from pyman.core import finding as actions
from pyman.core.diagnosis import World, diagnose_venv
from pyman.core.finding import Finding
from pyman.core.moved import edits_of_move
from pyman.core.plan import Plan
from pyman.core.plans.move import through_other
from pyman.core.plans.repair import PIPX_METADATA, plan_repair
from pyman.core.record import record, replace
from pyman.core.request import parse_request
from pyman.core.runtime import Store
from pyman.core.venv import VenvFacts
from pyman.effects.adopting import adopt
from pyman.effects.apply import Transaction
from pyman.effects.files import read_bytes
from pyman.effects.followers import read_follower
from pyman.effects.lock import hold
from pyman.effects.move import settle_aliases
from pyman.effects.moved_venvs import read_moved
from pyman.effects.other_pythons import ask_stranger
from pyman.effects.places import cannot_write
from pyman.effects.runtimes import prepare_folders, remove_runtime
from pyman.effects.store import read_store
from pyman.effects.venvs_on_disk import read_venv
from pyman.errors import NotFound, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIXED, FAILED, OPEN = "fixed", "failed", "open"
_MOST_REPAIRS = 6
"""Of one venv: every repair removes its finding, so more would be a circle."""

_STORE_FIRST = (
    actions.SWEEP,
    actions.ADOPT_AGAIN,
    actions.FORGET_RUNTIME,
    actions.REINSTALL,
    actions.MOVE_ALIASES,
)
"""What the store needs before any venv is looked at: in this order."""


@record
class Mended:
    """What became of one finding."""

    finding: Finding
    status: str
    """`fixed`, `failed` or `open`."""
    why: str = ""
    """Why it failed, or was left."""


def is_for_fix(finding: Finding) -> bool:
    """True for a finding that `--fix` does something about; `upgrade` is only named."""
    return bool(finding.action) and finding.action != actions.UPGRADE


def mend_store(session: Session, findings: tuple[Finding, ...], allowed: Callable[[Finding], bool]) -> list[Mended]:
    """Mend what the store itself needs."""
    wanted = [finding for finding in findings if finding.action in _STORE_FIRST]
    mended = []
    for finding in sorted(wanted, key=lambda one: _STORE_FIRST.index(one.action)):
        if finding.asks and not allowed(finding):
            mended.append(Mended(finding, OPEN, "not wanted"))
            continue
        try:
            _mend_store(session, finding)
        except PymanError as error:
            mended.append(Mended(finding, FAILED, error.message))
        else:
            mended.append(Mended(finding, FIXED))
    return mended


def _mend_store(session: Session, finding: Finding) -> None:
    places = session.places
    if finding.action == actions.SWEEP:
        prepare_folders(places)
        return
    if finding.action == actions.MOVE_ALIASES:
        settle_aliases(places, session.observer)
        return
    runtime = read_store(places.root).runtime(finding.argument)
    if runtime is None:
        return
    if finding.action == actions.FORGET_RUNTIME:
        remove_runtime(places, runtime, force=True, observer=session.observer)
    elif finding.action == actions.ADOPT_AGAIN:
        remove_runtime(places, runtime, force=True, observer=session.observer)
        target = runtime.target or runtime.path
        adopt(places, ask_stranger(os.path.join(target, runtime.executable), places), session.observer)
    else:
        installed = installing.get(session, [parse_request(runtime.release)], force=True, may_adopt=False)
        if installed.error is not None:
            raise installed.error


def mend_venv(
    session: Session, path: str, findings: tuple[Finding, ...], world: World, allowed: Callable[[Finding], bool]
) -> list[Mended]:
    """Mend one venv, reading it again after every repair: two findings may be about one file."""
    mended: list[Mended] = []
    left = [finding for finding in findings if is_for_fix(finding)]
    for _ in range(_MOST_REPAIRS):
        finding = next((one for one in left if all(one.code != done.finding.code for done in mended)), None)
        if finding is None:
            break
        if finding.asks and not allowed(finding):
            mended.append(Mended(finding, OPEN, "not wanted"))
            continue
        try:
            mend_one(session, path, finding, world)
        except PymanError as error:
            mended.append(Mended(finding, FAILED, error.message))
            continue
        mended.append(Mended(finding, FIXED))
        facts = read_venv(path)
        if facts is None:
            break
        world = World(read_store(session.places.root), world.uid, world.foreign, world.unfit, world.incompatible)
        left = [one for one in diagnose_venv(facts, world) if is_for_fix(one)]
    return mended


def mend_one(session: Session, path: str, finding: Finding, world: World) -> None:
    """Carry out one repair. Raises PymanError where it cannot be done; the venv is then as before."""
    store = read_store(session.places.root)
    if finding.action == actions.FORGET:
        with Transaction(session.places) as transaction:
            transaction.take(plan_repair(finding, None, store).plan or Plan())
        return
    facts = read_venv(path)
    if facts is None:
        raise NotFound(f"{path} is no venv any more", hint="run `pyman doctor` again")
    if finding.action == actions.INSTALL:
        try:
            _install(session, finding)
        except PymanError:
            # A pinned release that cannot be had again: the venv gets the alias, and follows from then on.
            _relink(session, replace(finding, action=actions.RELINK), facts, store)
            return
        store = read_store(session.places.root)
        again = World(store, world.uid, world.foreign, world.unfit, world.incompatible)
        rest = [one for one in diagnose_venv(facts, again) if one.action == actions.RELINK]
        for one in rest[:1]:
            _relink(session, one, facts, store)
    elif finding.action == actions.HOLD_BACK:
        _hold_back(session, facts, finding, store)
    elif finding.action == actions.REBUILD:
        from pyman.cli.rebuilding import rebuild_for

        rebuild_for(session, facts, finding.argument)
    else:
        _relink(session, finding, facts, store)


def _relink(session: Session, finding: Finding, facts: VenvFacts, store: Store) -> None:
    """Everything that is steps on one venv: links, settings, generated files."""
    edits = edits_of_move(*read_moved(facts)) if finding.action == actions.MEND_MOVE else ()
    plan = plan_repair(finding, facts, store, moved=edits, pipx_metadata=_pipx_metadata(facts)).plan
    if plan is None:
        raise _nothing_to_do(facts.path)
    with hold(session.places.lock, session.observer, what="the store"), Transaction(session.places) as transaction:
        transaction.take(plan)


def _nothing_to_do(path: str) -> NotFound:
    return NotFound(f"nothing is known that would mend {path}", hint="`pyman rebuild` makes it anew with its packages")


def _pipx_metadata(facts: VenvFacts) -> bytes | None:
    if PIPX_METADATA not in facts.names:
        return None
    try:
        return read_bytes(os.path.join(facts.folder, PIPX_METADATA))
    except OSError:
        return None


def _install(session: Session, finding: Finding) -> None:
    """A release that a venv needs, where nothing is there to link it to; a pinned one that cannot be had may follow."""
    installed = installing.get(session, [parse_request(finding.argument)], may_adopt=True)
    if installed.error is not None:
        raise installed.error


def _hold_back(session: Session, facts: VenvFacts, finding: Finding, store: Store) -> None:
    runtime = store.runtime(finding.argument)
    alias = facts.alias
    if runtime is None or alias is None:
        raise _nothing_to_do(facts.path)
    follower = read_follower(facts.folder, os.path.join(store.root, "runtimes"), frozenset((alias,)))
    if follower is None:
        raise _nothing_to_do(facts.path)
    reason = f"{runtime.version} {finding.message}"
    plan = through_other(follower, runtime.name, runtime.version, held_back=reason, variant=runtime.variant)
    with hold(session.places.lock, session.observer, what="the store"), Transaction(session.places) as transaction:
        try:
            transaction.take(plan)
        except OSError as error:
            raise cannot_write(facts.path, error) from error
