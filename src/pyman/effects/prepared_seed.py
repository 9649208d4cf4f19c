"""An unpacked wheel in the cache, read and compared with what was unpacked. Hot.

seeds/pip-24.2-1815170-1704067200000000000-3.13d/
    manifest    size, time and mode of every file below
    tree/       what goes into site-packages, bytecode included
    own/        RECORD and the scripts, which each venv gets its own of
"""

from __future__ import annotations

import os

from pyman.core.seeding import Seed, parse_seed
from pyman.effects.files import read_text

MANIFEST = "manifest"


def read_prepared(folder: str) -> Seed | None:
    """Return the seed in a folder of the cache, None where there is none or it is no longer what was unpacked.

    A venv's files may be hard links to these. What is edited, truncated, compiled, given other permissions or
    another owner in place, there or here, shows in size, time, mode or owner.
    """
    try:
        seed = parse_seed(read_text(os.path.join(folder, MANIFEST)))
        return seed if seed is not None and _is_unchanged(folder, seed) else None
    except OSError:
        return None


def _is_unchanged(folder: str, seed: Seed) -> bool:
    owner = os.lstat(folder).st_uid
    lstat = os.lstat
    for below, files in seed.folders:
        beginning = f"{folder}/{below}/"
        for name, size, mtime_ns, mode in files:
            status = lstat(beginning + name)
            if (
                status.st_mtime_ns != mtime_ns
                or status.st_size != size
                or status.st_mode != mode
                or status.st_uid != owner
            ):
                return False
    return True
