"""The runtime of the store that a path names: its folder, its `bin`, or its interpreter."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyman.core.store import Runtime, Store


def runtime_at(store: Store, path: str) -> Runtime | None:
    """Return the runtime that an absolute path names, through whatever links to folders; None where there is none.

    The interpreter of a venv names no runtime: its folder is the venv's.
    """
    real = os.path.realpath(path)
    bin_folder = os.path.realpath(os.path.dirname(path))
    for runtime in store.runtimes:
        prefix = os.path.realpath(runtime.path)
        program = os.path.join(prefix, runtime.executable)
        its_bin = os.path.dirname(program)
        if real in (prefix, its_bin) or (bin_folder == its_bin and real == os.path.realpath(program)):
            return runtime
    return None
