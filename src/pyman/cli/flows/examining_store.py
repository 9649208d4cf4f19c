"""Looking at the store and the machine, for `doctor`: aliases, runtimes, interrupted work, what is new, PATH."""

from __future__ import annotations

import os

from pyman.cli.session import Session
from pyman.core.diagnosis.finding import Finding
from pyman.core.diagnosis.store import (
    diagnose_aliases,
    diagnose_certificates,
    diagnose_minors,
    diagnose_path,
    diagnose_runtimes,
    diagnose_unfinished,
)
from pyman.core.escape import without_secrets
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.core.record import replace
from pyman.core.release_cycle import state
from pyman.core.store import Store
from pyman.core.version import Version
from pyman.effects.catalogue.release_cycle import published_cycles, today
from pyman.effects.runtimes.health import read_interrupted, read_runtime_states, system_certificates, try_runtimes
from pyman.effects.runtimes.own_python import runs_pyman
from pyman.effects.web.http import LastFailure
from pyman.errors import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyman.core.diagnosis.venv import ListedVenv

_A_DAY = 86400.0
_PROGRAMS = ("python", "python3")


def store_findings(session: Session, store: Store, venvs: Iterable[ListedVenv]) -> list[Finding]:
    """Say what is wrong with the store and the machine. `venvs` are those that use it."""
    states = tuple(
        replace(state, runs_pyman=runs_pyman(session.places, state.runtime))
        for state in try_runtimes(read_runtime_states(store), session.places)
    )
    findings = [*diagnose_aliases(store), *diagnose_runtimes(states)]
    if not any(session.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")):
        findings += diagnose_certificates(states, system_certificates())
    findings += diagnose_unfinished(read_interrupted(store))
    used: dict[str, int] = {}
    for venv in venvs:
        if venv.minor is not None:
            used[venv.minor] = used.get(venv.minor, 0) + 1
    findings += diagnose_minors(store, used, _ended(session, used), _newest(session, store))
    path = session.environ.get("PATH", "").split(os.pathsep)
    findings += diagnose_path(session.places.shims, path, _winner(path))
    return findings


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
    from pyman.cli.flows.installing import known_builds, mirror_of

    minors = {runtime.alias: runtime for runtime in store.runtimes if runtime.is_managed and runtime.whole}
    if not minors:
        return {}
    failure = LastFailure(session.places.cache, without_secrets(mirror_of(session) or ""))
    spared = session.offline or failure.is_recent()
    try:
        builds = known_builds(replace(session, offline=spared), list(minors), max_age=_A_DAY)
    except NetworkError:
        if not spared:
            failure.remember()
        return {}
    newest: dict[str, Version] = {}
    for build in builds:
        alias = build.version.minor_name + build.release.removeprefix(str(build.version))
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
