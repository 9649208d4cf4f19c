"""Looking at everything and saying what is wrong: what `doctor`, `venvs` and `info` have in common."""

from __future__ import annotations

import os

from pyman.cli.session import Session
from pyman.core.diagnosis import World, diagnose_gone, diagnose_venv
from pyman.core.finding import Finding
from pyman.core.record import record, replace
from pyman.core.release_cycle import state
from pyman.core.relink import target_for, wanted_alias
from pyman.core.request import Request, parse_request
from pyman.core.runtime import Runtime, Store
from pyman.core.store_diagnosis import (
    Interrupted,
    RuntimeState,
    diagnose_aliases,
    diagnose_minors,
    diagnose_path,
    diagnose_runtimes,
    diagnose_unfinished,
)
from pyman.core.venv import VenvFacts
from pyman.core.version import Version
from pyman.effects.fitness import Base, Fitness, Question
from pyman.effects.interpreter import ask_once
from pyman.effects.inventory import Inventory, take_inventory
from pyman.effects.release_cycle import published_cycles, today
from pyman.effects.runtime_states import read_interrupted, read_runtime_states
from pyman.effects.settings import read_settings
from pyman.effects.store import read_store
from pyman.effects.unfinished import read_unfinished
from pyman.effects.venv_records import GONE
from pyman.errors import NetworkError, PymanError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_A_DAY = 86400.0


@record
class Examination:
    """What was seen, and what is wrong."""

    store: Store
    inventory: Inventory
    findings: tuple[Finding, ...]
    world: World

    def facts(self, path: str) -> VenvFacts | None:
        """The venv at a path."""
        return next((facts for facts in self.inventory.venvs if facts.path == path), None)


def examine(
    session: Session, folders: Iterable[str] = (), *, foreign: bool = False, machine: bool = True
) -> Examination:
    """Look at the known venvs, or at those below folders, and say what is wrong.

    `machine` looks at the store, its runtimes and the machine too. Nothing of a venv is executed.
    """
    store = read_store(session.places.root)
    settings = read_settings(session.places.config)
    inventory = take_inventory(
        session.places, session.environ, session.cwd, folders, settings.folders, session.observer
    )
    world = judge(session, store, inventory.venvs, foreign=foreign)
    findings = [finding for facts in inventory.venvs for finding in diagnose_venv(facts, world)]
    findings += [diagnose_gone(known.name, known.path) for known, how in inventory.absent if how == GONE]
    if machine:
        findings += _store_findings(session, store, inventory)
    return Examination(store, inventory, tuple(findings), world)


def judge(session: Session, store: Store, venvs: Iterable[VenvFacts], *, foreign: bool = False) -> World:
    """What venvs are judged by: the store, whose they are, and which of them do not fit a release (DESIGN 8.1)."""
    behind: list[Question] = []
    ahead: list[Question] = []
    older: dict[str, str] = {}
    for facts in venvs:
        running, library = facts.running, facts.library
        if running is None or running.version is None or library is None:
            continue
        site_packages = os.path.join(facts.folder, "lib", library.name, "site-packages")
        request = _request_of(facts)
        present = Base(running.path, running.version, running.variant)
        target = target_for(facts, store, wanted_alias(facts))
        if target is not None and target.version != running.version and facts.policy != "pin":
            new = Base(target.executable, target.version, target.variant)
            behind.append(Question(facts.path, site_packages, present, new, request))
        elif facts.link_kind == "alias":
            before = _older(store, facts, running.version)
            if before is not None:
                older[facts.path] = before.name
                old = Base(os.path.join(before.path, before.executable), before.version, before.variant)
                ahead.append(Question(facts.path, site_packages, old, present, request))
    if not behind and not ahead:
        return World(store, os.geteuid(), foreign, {}, {})
    fitness = Fitness(session.places.cache)
    unfit = fitness.reasons(behind)
    incompatible = {path: (older[path], reason) for path, reason in fitness.reasons(ahead).items()}
    fitness.remember()
    return World(store, os.geteuid(), foreign, unfit, incompatible)


def _older(store: Store, facts: VenvFacts, version: Version) -> Runtime | None:
    """The highest installed release below the one that a venv of the store follows."""
    if facts.link is None or not facts.link.startswith(os.path.join(store.root, "runtimes") + "/"):
        return None
    fitting = [
        runtime
        for runtime in store.runtimes
        if runtime.whole and runtime.alias == facts.alias and runtime.version < version
    ]
    return max(fitting, key=lambda runtime: runtime.version.order, default=None)


def _request_of(facts: VenvFacts) -> Request | None:
    try:
        return parse_request(facts.request) if facts.request is not None else None
    except PymanError:
        return None


def _store_findings(session: Session, store: Store, inventory: Inventory) -> list[Finding]:
    findings = [*diagnose_aliases(store), *diagnose_runtimes(_tried(session, read_runtime_states(store)))]
    interrupted = [*read_interrupted(store)]
    interrupted += [
        Interrupted(work.path, work.operation, work.subject)
        for work in read_unfinished(session.places.venvs)
        if not work.alive
    ]
    findings += diagnose_unfinished(interrupted)
    used: dict[str, int] = {}
    for facts in inventory.venvs:
        running = facts.running
        if running is not None and running.alias:
            used[running.alias] = used.get(running.alias, 0) + 1
    findings += diagnose_minors(store, used, _ended(session, used), _newest(session, store))
    path = session.environ.get("PATH", "").split(os.pathsep)
    findings += diagnose_path(session.places.shims, path, _winner(path))
    return findings


def _tried(session: Session, states: Iterable[RuntimeState]) -> list[RuntimeState]:
    """The states with what each managed interpreter answers; it is started only when it changed since the last time."""
    tried = []
    for state_ in states:
        runtime = state_.runtime
        if runtime.is_managed and state_.missing is None and state_.is_there:
            try:
                facts = ask_once(os.path.join(runtime.path, runtime.executable), session.places.cache)
            except PymanError as error:
                tried.append(replace(state_, failure=error.message))
                continue
            if facts.version != runtime.version:
                tried.append(replace(state_, failure=f"it says that it is Python {facts.version}"))
                continue
        tried.append(state_)
    return tried


def _ended(session: Session, used: Iterable[str]) -> dict[str, str]:
    """The minors in use that get no more fixes, and their last day."""
    cycles = published_cycles(session.places.cache, offline=True)
    ended = {}
    for alias in used:
        minor = alias.rstrip("td")
        cycle = state(minor, today(), cycles)
        if cycle is not None and cycle.status == "end-of-life" and cycle.end_of_life is not None:
            ended[minor] = cycle.end_of_life
    return ended


def _newest(session: Session, store: Store) -> dict[str, Version]:
    """The newest release that is known of each managed minor: from a list that was asked for within a day."""
    from pyman.cli.installing import known_builds

    minors = {runtime.alias: runtime for runtime in store.runtimes if runtime.is_managed and runtime.whole}
    if not minors:
        return {}
    try:
        builds = known_builds(session, list(minors), max_age=_A_DAY)
    except NetworkError:
        return {}
    newest: dict[str, Version] = {}
    for build in builds:
        alias = build.version.minor_name + build.release.removeprefix(str(build.version))
        if alias in minors and build.version.is_final and (alias not in newest or build.version > newest[alias]):
            newest[alias] = build.version
    return newest


def _winner(path: Iterable[str]) -> str | None:
    """The `python` that PATH finds first."""
    for folder in path:
        program = os.path.join(folder, "python")
        if os.path.isabs(folder) and os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    return None
