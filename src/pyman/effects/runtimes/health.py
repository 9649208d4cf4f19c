"""Whether every runtime of the store is there, is whole, is what its name says, and starts."""

from __future__ import annotations

import os

from pyman.core.diagnosis.store import Interrupted, RuntimeState
from pyman.core.immutable import replace
from pyman.core.names import minor_of_executable
from pyman.core.store import MANIFEST, Runtime, Store
from pyman.effects.architecture import of_another_machine
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.memo import load_fields, store_fields
from pyman.effects.places import Places
from pyman.effects.staging import read_unfinished
from pyman.effects.store import read_manifest
from pyman.errors import PymanError, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def read_runtime_states(store: Store, bases: Bases | None = None) -> tuple[RuntimeState, ...]:
    """Say of every runtime what its files tell; nothing is run."""
    seen = bases or Bases()
    return tuple(_state(runtime, seen) for runtime in store.runtimes)


def _state(runtime: Runtime, bases: Bases) -> RuntimeState:
    if not os.path.isdir(runtime.path):
        return RuntimeState(runtime, is_there=False)
    executable = f"{runtime.path}/{runtime.executable}"
    end = bases.follow(executable)
    found = bases.interpreter(end.real, os.path.basename(executable)) if end.real is not None else None
    missing = None
    if found is None or not os.access(executable, os.X_OK):
        missing = "its interpreter"
    elif found.library is None:
        missing = "its standard library"
    elif runtime.is_managed and not os.access(f"{runtime.path}/{MANIFEST}", os.R_OK):
        missing = "its manifest"
    manifest = read_manifest(runtime)
    source = manifest.source if manifest is not None else None
    is_built = source is not None or runtime.is_own_build
    if found is None:
        return RuntimeState(runtime, is_there=True, missing=missing, is_from_source=is_built)
    failure = of_another_machine(found.path) or (_missing_libraries(source.needs) if source is not None else "")
    return RuntimeState(
        runtime,
        is_there=True,
        missing=missing,
        version=found.version,
        failure=(failure or None) if missing is None else None,
        implementation=found.implementation,
        is_from_source=is_built,
    )


def _missing_libraries(needs: tuple[str, ...]) -> str:
    """What a build is linked to that the system does not have any more, as a distribution's upgrade leaves it."""
    from pyman.effects.source_builds.linked import missing_libraries

    missing = missing_libraries(needs)
    return f"it is linked to {', '.join(missing)}, which this system no longer has" if missing else ""


def what_is_broken(runtime: Runtime, places: Places) -> str | None:
    """Say why a runtime cannot be used, after a start of it if it has changed since the last one; None if it can."""
    [state] = try_runtimes([_state(runtime, Bases())], places)
    return state.trouble


def present_executable(runtime: Runtime) -> str:
    """The interpreter of an adopted one, relative to its folder: another minor's, where its owner has put one there."""
    if not os.path.lexists(f"{runtime.path}/{runtime.executable}"):
        name = os.path.basename(os.path.realpath(f"{runtime.path}/bin/python3"))
        if minor_of_executable(name) is not None and os.access(f"{runtime.path}/bin/{name}", os.X_OK):
            return f"bin/{name}"
    return runtime.executable


def read_interrupted(store: Store) -> tuple[Interrupted, ...]:
    """The work in the store that was cut off; that of live processes is left out."""
    if not store.unfinished:
        return ()
    folder = os.path.join(store.root, "runtimes")
    return tuple(
        Interrupted(work.path, work.operation, work.subject, work.backup)
        for work in read_unfinished(folder)
        if not work.alive
    )


# Starting the interpreters of the store to see that they work: only those that changed since they last did.
#
# What passed is cached in the cache by what it consists of: interpreter, libraries, and the folders of the
# standard library that no start does without. A failure is not cached: whatever was wrong may be repaired outside
# of pyman.


def try_runtimes(states: Iterable[RuntimeState], places: Places) -> tuple[RuntimeState, ...]:
    """The states of runtimes, and what a start of each that can be started says."""
    return tuple(_try_one(state, places) if state.is_there else state for state in states)


def _try_one(state: RuntimeState, places: Places) -> RuntimeState:
    runtime = state.runtime
    if not runtime.is_managed:
        executable = present_executable(runtime)
        wanted = state.trouble is None or executable != runtime.executable
        wanted = wanted and state.implementation == runtime.version.implementation
        return _ask_adopted(state, f"{runtime.path}/{executable}", places) if wanted else state
    if state.trouble is not None:
        return state
    identity = _identity(runtime)
    memory = os.path.join(places.cache, "trials", runtime.name)
    known, *certificates = load_fields(memory) or [""]
    if known != identity:
        from pyman.effects.interpreters.admission import Admission
        from pyman.effects.interpreters.ask import certificate_places, smoke_test

        executable, admission = os.path.join(runtime.path, runtime.executable), Admission(places)
        try:
            smoke_test(
                executable,
                runtime.version,
                runtime.variant,
                runtime.path,
                admission,
                is_from_source=state.is_from_source,
            )
            certificates = list(certificate_places(executable, admission))
        except PymanError as error:
            return replace(state, failure=error.message)
        store_fields(memory, [identity, *certificates])
    return state if any(map(_holds_any, certificates)) else replace(state, without_certificates=tuple(certificates))


def _ask_adopted(state: RuntimeState, executable: str, places: Places) -> RuntimeState:
    """What an adopted one is made of is its owner's business; that it answers, and with which release, is ours."""
    from pyman.effects.interpreters.admission import Admission
    from pyman.effects.interpreters.ask import ask_once

    try:
        facts = ask_once(executable, places.cache, Admission(places))
    except Refused:
        return state
    except PymanError as error:
        return replace(state, failure=error.message)
    return replace(state, version=facts.version, implementation=facts.implementation)


def _identity(runtime: Runtime) -> str:
    library = f"lib/{os.path.basename(runtime.executable)}"
    shared = sorted(name for name in os.listdir(f"{runtime.path}/lib") if name.startswith("libpython"))
    paths = [runtime.executable, *(f"lib/{name}" for name in shared)]
    if runtime.version.own:
        paths.append(f"bin/lib{os.path.basename(runtime.executable)}-c.so")
    paths += [library + part for part in ("", "/os.py", "/encodings", "/lib-dynload")]
    return " ".join(_stamp(f"{runtime.path}/{path}") for path in paths)


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "-"
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ino}"


def _holds_any(place: str) -> bool:
    """True for a file of certificates, or a folder with any."""
    try:
        return bool(os.listdir(place)) if os.path.isdir(place) else os.path.getsize(place) > 0
    except OSError:
        return False


_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/openssl/cert.pem",
)
"""Where Debian, Fedora, SUSE, Alpine and macOS, and FreeBSD keep the certificates that they trust, in one file."""


def system_certificates() -> str | None:
    """The system's own file of certificates; None where there is none."""
    return next(filter(_holds_any, _BUNDLES), None)
