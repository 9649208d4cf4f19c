"""An unpacked wheel in the cache, read and compared with what was unpacked. Hot.

seeds/pip-24.2-1815170-1704067200000000000-3.13d/
    manifest    size, time and mode of every file below
    pack        the content of all files in tree/, for copies
    tree/       what goes into site-packages, bytecode included
    own/        RECORD and the scripts, which each venv gets its own of
"""

from __future__ import annotations

import os

from pyman.core.seeding import OWN, PACK, TREE, Seed, parse_seed
from pyman.effects.files import read_text
from pyman.effects.seeds.sharing import Spoilt, check_files

MANIFEST = "manifest"


def read_manifest(folder: str) -> Seed | None:
    """Return what a folder of the cache holds by its manifest, None where there is no whole one."""
    try:
        return parse_seed(read_text(os.path.join(folder, MANIFEST)))
    except OSError:
        return None


def read_prepared(folder: str) -> Seed | None:
    """Return the seed in a folder of the cache, None where there is none or it is no longer what was unpacked.

    A venv's files may be hard links to these. What is edited, truncated, compiled, given other permissions or
    another owner in place, there or here, shows in size, time, mode or owner.
    """
    seed = read_manifest(folder)
    if seed is None:
        return None
    try:
        check_files(f"{folder}/{TREE}", seed.files)
        check_files(f"{folder}/{OWN}", seed.own)
        check_files(folder, ((PACK, *seed.pack),))
    except (OSError, Spoilt):
        return None
    return seed
