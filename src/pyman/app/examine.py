"""Looking at venvs, the store and the machine, and saying what is wrong: `doctor`, and part of `venvs` and `info`."""

from __future__ import annotations

import functools
import os
from itertools import islice

from pyman import __version__
from pyman.app.session import Session
from pyman.core.diagnosis.finding import REBUILD, RECREATE, DiagnosisContext, Finding, left_to_the_user
from pyman.core.diagnosis.ignore import Acknowledgement, parse_acknowledgement, unacknowledged
from pyman.core.diagnosis.venv import (
    ListedVenv,
    diagnose_gone,
    diagnose_unreachable,
    diagnose_unsearched,
    diagnose_venv,
    diagnose_work_folder,
    list_venv,
)
from pyman.core.escape import without_secrets
from pyman.core.immutable import record, replace
from pyman.core.own_release import python_command
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.relink import Target, relink_target, store_target, target_for, wanted_alias
from pyman.core.request import Request, parse_request
from pyman.core.store import DISTRIBUTION_PREFIXES, Runtime, Store
from pyman.core.venv import OTHER_COPY, VenvFacts
from pyman.core.version import Version, minor_alias
from pyman.effects.architecture import Architectures
from pyman.effects.catalogue.freshness import A_DAY
from pyman.effects.moves.check import Base, Fitness, Question
from pyman.effects.own_installation import SOURCE, own_python, read_installation, runs_fetched_python
from pyman.effects.project_files import came_with_clone
from pyman.effects.runtimes.own_python import runs_pyman
from pyman.effects.scheduled_run import read_last_run
from pyman.effects.settings import read_settings
from pyman.effects.shims import pyman_command
from pyman.effects.store import read_stores
from pyman.effects.venvs.inventory import take_inventory
from pyman.effects.venvs.journal import journal_path, read_entry
from pyman.effects.venvs.place import is_work_folder
from pyman.effects.venvs.records import GONE, UNREACHABLE, KnownVenv
from pyman.effects.venvs.scripts_and_modules import ContentsLook
from pyman.effects.venvs.shared_files import SharedFilesLook
from pyman.effects.venvs.uses import Uses
from pyman.errors import BAD_SETTINGS, NetworkError, PymanError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyman.effects.venvs.home_search import HomeSearch

_TOGETHER = 256
"""Venvs that are judged at once; their facts are dropped before the next ones are read."""


@record
class Examination:
    """What was seen, and what is wrong."""

    store: Store
    venvs: tuple[ListedVenv, ...]
    findings: tuple[Finding, ...]
    absent: tuple[tuple[KnownVenv, str], ...] = ()
    """Records whose venv is not there: `gone`, or `unreachable` with its whole folder."""
    unreadable: tuple[str, ...] = ()
    """Folders that were named, or lie below one, and could not be searched."""
    search: HomeSearch | None = None
    """The search of the home, where one was asked for."""
    ignored: int = 0
    """Findings that the user has accepted, and that are none of `findings`."""


def examine(
    session: Session,
    folders: Iterable[str] = (),
    search: HomeSearch | None = None,
    *,
    foreign: bool = False,
    machine: bool = True,
    record: bool = True,
    work: bool = False,
) -> Examination:
    """Look at the known venvs, or at those below folders, and say what is wrong.

    `search` is what a search of the home has found. `machine` looks at the store, its runtimes and the machine too,
    `work` for work on venvs that was cut off; without `record` nothing is written down. Nothing of a venv is executed.
    """
    store = read_stores(session.places)
    searched = search.venvs if search is not None else ()
    inventory = take_inventory(
        session.places, session.environ, session.cwd, folders, searched, session.observer, record=record
    )
    venvs, findings, with_work = _judge_all(session, store, inventory.read(), bool(folders), foreign, record)
    findings += [diagnose_gone(known.name, known.path) for known, how in inventory.absent if how == GONE]
    findings += [diagnose_unreachable(known.path) for known, how in inventory.absent if how == UNREACHABLE]
    findings += map(diagnose_unsearched, inventory.unreadable)
    if work:
        around = {os.path.dirname(venv.folder) for venv in venvs} | with_work
        around.update(os.path.dirname(known.path) for known, how in inventory.absent if how == GONE)
        findings += _work_findings(session, folders, around)
    if machine:
        findings += store_findings(session, store)
    findings += end_of_life(session, venvs, store.runtimes if machine else ())
    return Examination(store, tuple(venvs), tuple(findings), tuple(inventory.absent), inventory.unreadable, search)


def accepted_findings(session: Session, codes: Iterable[str]) -> tuple[Acknowledgement, ...]:
    """What the settings and the command line say is accepted. Raises PymanError where that cannot be understood."""
    home, config = session.places.home, session.places.config
    said = tuple(parse_acknowledgement(text, home) for text in codes)
    try:
        return said + tuple(parse_acknowledgement(text, home) for text in read_settings(session.places).ignore)
    except UsageError as error:
        message = f"{config} cannot be used: in `ignore`, {error.message}"
        raise PymanError(message, hint=error.hint, code=BAD_SETTINGS) from error


def without_accepted(seen: Examination, accepted: Sequence[Acknowledgement]) -> Examination:
    """What was seen, without what the user has accepted."""
    left = unacknowledged(seen.findings, accepted)
    return replace(seen, findings=left, ignored=len(seen.findings) - len(left))


def _judge_all(
    session: Session, store: Store, each: Iterator[VenvFacts], below: bool, foreign: bool, record: bool
) -> tuple[list[ListedVenv], list[Finding], set[str]]:
    """What is told of venvs, what is wrong with them, and the folders of those that hold work that was cut off.

    Their facts, and what was known of them, are dropped one after the other: `below` says that these are not all venvs.
    """
    fitness = Fitness(session.places.cache)
    shared = SharedFilesLook(session.places.cache)
    contents = ContentsLook(session.places.cache)
    venvs: list[ListedVenv] = []
    findings: list[Finding] = []
    with_work: set[str] = set()
    reading = map(contents.complete, map(shared.complete, each))
    while together := tuple(islice(reading, _TOGETHER)):
        context = judge(session, store, together, foreign=foreign, fitness=fitness)
        for facts in together:
            found = diagnose(facts, context)
            findings += found
            if facts.has_work:
                with_work.add(facts.folder)
            venvs.append(list_venv(facts, found))
    if record:
        for look in (fitness, shared, contents):
            look.store(all_asked=not below)
    return venvs, findings, with_work


def _work_findings(session: Session, folders: Iterable[str], around: set[str]) -> list[Finding]:
    """Work on venvs that was cut off: what the journal tells of, and folders for it that it does not tell of.

    `around` are the folders that venvs lie in.
    """
    from pyman.core.diagnosis.store import Interrupted, diagnose_unfinished
    from pyman.effects.venvs.recovery import find_work_folders, interrupted

    given = tuple(folders)
    tops = tuple(f"{os.path.realpath(folder).rstrip('/')}/" for folder in given)
    cut_off = [entry for entry in interrupted(session.places) if not given or f"{entry.venv}/".startswith(tops)]
    findings = [
        *diagnose_unfinished(
            Interrupted(entry.venv, entry.operation, entry.venv, entry.backup if os.path.lexists(entry.backup) else "")
            for entry in cut_off
        )
    ]
    named = [folder for folder in given if is_work_folder(os.path.basename(folder))]
    places = {*around, *(given or (session.cwd,)), *map(os.path.dirname, named)}
    for found in find_work_folders(session.places, places):
        is_named = found.path in named
        if given and not is_named and not f"{os.path.realpath(found.path)}/".startswith(tops):
            continue
        is_free = found.venv is not None and not os.path.lexists(found.venv)
        findings.append(diagnose_work_folder(found, os.geteuid(), is_free=is_free, named=is_named))
    return findings


def diagnose(facts: VenvFacts, context: DiagnosisContext) -> tuple[Finding, ...]:
    """Say what is wrong with one venv, and what `doctor` does about that: nothing of a clone is rebuilt."""
    found = diagnose_venv(facts, context)
    if not any(one.action in (REBUILD, RECREATE) for one in found) or not came_with_repository(facts):
        return found
    return tuple(map(left_to_the_user, found))


def came_with_repository(facts: VenvFacts) -> bool:
    """True for a venv that is in a Git repository, so that a rebuild runs what somebody has put there."""
    packages = (f"{facts.folder}/lib/{library.name}/site-packages" for library in facts.libraries)
    return came_with_clone(facts.folder, tuple(packages))


def judge(
    session: Session,
    store: Store,
    venvs: Iterable[VenvFacts],
    *,
    foreign: bool = False,
    fitness: Fitness | None = None,
) -> DiagnosisContext:
    """What venvs are judged by: the store, whose they are, and which of them do not fit a release (design.md 8).

    With `fitness` the caller keeps the answers.
    """
    newly_held: list[Question] = []
    ahead: list[Question] = []
    older: dict[str, str] = {}
    borrowing: list[VenvFacts] = []
    uses = Uses(store.root)
    architectures = Architectures()
    others: dict[str, str] = {}
    unfinished: dict[str, tuple[str, ...]] = {}
    targets: dict[str, Target | None] = {}
    for facts in venvs:
        if facts.settings.has_system_site_packages:
            borrowing.append(facts)
        target = targets[facts.path] = target_for(facts, store, wanted_alias(facts))
        objection = architectures.objection(facts, _would_link_to(facts, target))
        if objection:
            others[facts.path] = objection
        if facts.marked:
            entry = read_entry(journal_path(session.places, facts.folder))
            if entry is not None and entry.is_unfinished:
                unfinished[facts.path] = entry.requirements
        for is_behind, question, release in _questions(store, uses, facts, target):
            if is_behind:
                newly_held.append(question)
            else:
                ahead.append(question)
                older[facts.path] = release
    if not newly_held and not ahead and not borrowing:
        return DiagnosisContext(store, os.geteuid(), foreign, {}, {}, {}, others, targets, unfinished)
    asked = fitness or Fitness(session.places.cache)
    unfit = asked.reasons(newly_held)
    incompatible = {path: (older[path], reason) for path, reason in asked.reasons(ahead).items()}
    if fitness is None:
        asked.store(all_asked=False)
    context = DiagnosisContext(
        store,
        os.geteuid(),
        foreign,
        unfit,
        incompatible,
        other_architecture=others,
        targets=targets,
        unfinished=unfinished,
    )
    # Where nobody looked yet, `borrows` stands in the place of every relink.
    in_question = [facts for facts in borrowing if any(one.code == "borrows" for one in diagnose_venv(facts, context))]
    losses = {
        (facts.path, target.home): asked.donors.losses(facts, target)
        for facts in in_question
        for target in _targets(store, facts, older.get(facts.path))
    }
    return replace(context, losses=losses)


def _targets(store: Store, facts: VenvFacts, older: str | None) -> Iterator[Target]:
    """Wherever a repair may link a venv to."""
    runtime = store.find(older) if older is not None else None
    found = (
        relink_target(facts, store, nested=False),
        relink_target(facts, store, nested=True),
        store_target(store, runtime, runtime.name) if runtime is not None else None,
    )
    yield from (target for target in found if target is not None)


def _would_link_to(facts: VenvFacts, target: Target | None) -> str:
    """The interpreter that a repair would link a venv to, or copy into it; empty where there is none."""
    if facts.copy == OTHER_COPY and facts.home_interpreter is not None:
        return facts.home_interpreter.path
    return target.executable if target is not None else ""


def _questions(
    store: Store, uses: Uses, facts: VenvFacts, target: Target | None
) -> Iterator[tuple[bool, Question, str]]:
    """Whether it fits what it would be linked to; and whether it fits what it follows, as it fitted what was before."""
    running, library = facts.running, facts.library
    if running is None or running.version is None or library is None:
        return
    moves = target is not None and target.version != running.version and facts.policy != "pin"
    before = _older(store, uses, facts, running.version) if not moves and facts.link_kind == "alias" else None
    if not moves and before is None:
        return
    site_packages = f"{facts.folder}/lib/{library.name}/site-packages"
    request = _request_of(facts)
    present = Base(running.path, running.version, running.variant)
    if before is not None:
        old = Base(os.path.join(before.path, before.executable), before.version, before.variant)
        yield False, Question(facts.path, site_packages, old, present, request), before.name
    elif target is not None:
        new = Base(target.executable, target.version, target.variant)
        yield True, Question(facts.path, site_packages, present, new, request), ""


def _older(store: Store, uses: Uses, facts: VenvFacts, version: Version) -> Runtime | None:
    """The highest installed release below the one that a venv of the store follows."""
    if facts.link is None or (uses.named(facts.link) is None and not _goes_beneath(store, facts.link)):
        return None
    fitting = [
        runtime
        for layer in store.layers
        for runtime in layer.releases
        if runtime.whole and runtime.alias == facts.alias and runtime.version < version
    ]
    return max(fitting, key=lambda runtime: runtime.version.order, default=None)


def _goes_beneath(store: Store, link: str) -> bool:
    """True for a link through an alias of the store for everybody."""
    return store.beneath is not None and link.startswith(f"{store.beneath.root}/runtimes/")


def _request_of(facts: VenvFacts) -> Request | None:
    return _parsed(facts.request) if facts.request is not None else None


@functools.cache
def _parsed(text: str) -> Request | None:
    try:
        return parse_request(text)
    except PymanError:
        return None


# Looking at the store and the machine, for `doctor`: aliases, runtimes, interrupted work, what is new, PATH.

_PROGRAMS = ("python", "python3")


def store_findings(session: Session, store: Store) -> list[Finding]:
    """Say what is wrong with the store and the machine."""
    from pyman.core.diagnosis.store import (
        diagnose_aliases,
        diagnose_certificates,
        diagnose_newer,
        diagnose_own_python,
        diagnose_path,
        diagnose_runtimes,
        diagnose_unfinished,
    )
    from pyman.effects.runtimes.health import read_interrupted, read_runtime_states, system_certificates, try_runtimes

    states = tuple(
        replace(state, runs_pyman=runs_pyman(session.places, state.runtime))
        for state in try_runtimes(read_runtime_states(store), session.places)
    )
    last = read_last_run(session.places.root)
    findings = [*diagnose_aliases(store, last.waiting if last is not None else ()), *diagnose_runtimes(states)]
    if not any(session.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")):
        findings += diagnose_certificates(states, system_certificates())
    findings += diagnose_unfinished(read_interrupted(store))
    newest = _newest(session, store)
    findings += diagnose_newer(store, newest)
    installation = read_installation(__version__, pyman_command())
    if installation.by != SOURCE:
        own, interpreter = own_python()
        ended = ended_minors(session, [own.minor_name])
        minor, is_fetched = "3" if ended else own.minor_name, runs_fetched_python(installation)
        repair = python_command(installation.by, minor, is_fetched=is_fetched)
        findings += diagnose_own_python(own, interpreter, repair, store, newest, ended)
    path = session.environ.get("PATH", "").split(os.pathsep)
    findings += diagnose_path(session.places.shims, path, _winner(path))
    return findings


def end_of_life(session: Session, venvs: Iterable[ListedVenv], runtimes: Iterable[Runtime] = ()) -> tuple[Finding, ...]:
    """Say which venvs and runtimes are of a minor that gets no more fixes. What is said is of today."""
    from pyman.core.diagnosis.store import diagnose_end_of_life

    seen, installed = tuple(venvs), tuple(runtimes)
    minors = {venv.minor for venv in seen if venv.minor is not None} | {runtime.alias for runtime in installed}
    return diagnose_end_of_life(seen, installed, ended_minors(session, minors))


def ended_minors(session: Session, used: Iterable[str]) -> dict[str, str]:
    """The minors in use that get no more fixes, and their last day."""
    from pyman.core.release_cycle import state
    from pyman.effects.catalogue.release_cycle import published_cycles, today

    cycles = published_cycles(session.places.cache, offline=True)
    ended = {}
    for alias in used:
        minor = alias.rstrip("td")
        cycle = state(minor, today(), cycles)
        if cycle is not None and cycle.status == "end-of-life" and cycle.end_of_life is not None:
            ended[minor] = cycle.end_of_life
    return ended


def _newest(session: Session, store: Store) -> dict[str, Version]:
    """The newest release that is known of each minor: from a list that was asked for within a day.

    What a distribution maintains gets its patch releases from there.
    """
    from pyman.app.catalogue import known_builds
    from pyman.effects.web.http import LastFailure

    whole = [runtime for runtime in store.releases if runtime.whole]
    minors = {one.alias: one for one in whole if one.target not in DISTRIBUTION_PREFIXES}
    if not minors:
        return {}
    failure = LastFailure(session.places.cache, without_secrets(session.mirror() or ""))
    spared = session.offline or failure.is_recent()
    try:
        builds = known_builds(replace(session, offline=spared), list(minors), max_age=A_DAY)
    except NetworkError:
        if not spared:
            failure.store()
        return {}
    newest: dict[str, Version] = {}
    for build in builds:
        alias = minor_alias(build.version, build.variant)
        if alias in minors and build.version.is_final and (alias not in newest or build.version > newest[alias]):
            newest[alias] = build.version
    return newest


def _winner(path: Sequence[str]) -> str | None:
    """The first `python` or `python3` on PATH. An environment that is switched on comes first by right."""
    for folder in path:
        if not os.path.isabs(folder) or os.path.exists(os.path.join(os.path.dirname(folder), FILE_NAME)):
            continue
        for name in _PROGRAMS:
            program = os.path.join(folder, name)
            if os.access(program, os.X_OK) and os.path.isfile(program):
                return program
    return None
