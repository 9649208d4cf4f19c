"""Looking at every runtime of the store: is it there, is it whole, is it still the release that its name says. Hot."""

from __future__ import annotations

import os

from pyman.core.diagnosis.store import Interrupted, RuntimeState
from pyman.core.names import minor_of_executable
from pyman.core.store import MANIFEST, Runtime, Store
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.staging import read_unfinished


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
    if found is None:
        return RuntimeState(runtime, is_there=True, missing=missing)
    return RuntimeState(
        runtime, is_there=True, missing=missing, version=found.version, implementation=found.implementation
    )


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
        Interrupted(work.path, work.operation, work.subject) for work in read_unfinished(folder) if not work.alive
    )
