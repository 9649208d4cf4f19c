"""Faults that once did harm, each tried in every run of the suite."""

from __future__ import annotations

import os

import pytest

from faults import worlds
from faults.faulty import CHANGES, DENIED, ERROR, LOOKS, TORN, Faulty
from faults.trials import Trial
from faults.world import World

FOUND = {
    "the old venv given up, and the new one taken back": (
        worlds.one, "venv .venv --clear", ERROR, CHANGES, "unlink .*/.venv/.pyman-unfinished",
    ),
    "the old venv not to be looked at, and called removed": (
        worlds.one, "venv .venv --clear", ERROR, LOOKS, "stat .*/..venv.pyman-old-[^/]*",
    ),
    "the copy of a file that was mended already, when the repair of another was killed": (
        worlds.sick, "doctor --fix", TORN, CHANGES, "link .*/moved/bin/.activate.csh.pyman-[^/]*",
    ),
    "the baked-in prefix, where its file is not to be looked at": (
        worlds.nothing, "install 3.13.5", ERROR, LOOKS, "(stat|open) .*/tree/lib/.*/Makefile",
    ),
    "pip in the cache, where a folder of it is not to be read": (
        worlds.cold, "venv new", ERROR, LOOKS, "scan /.cache/pyman/seeds/.*/tree",
    ),
    "the user's own files in a venv that is rebuilt": (
        worlds.rebuildable, "rebuild .venv --force", ERROR, LOOKS, "scan .*/..venv.pyman-old-[^/]*/(bin|share.*)",
    ),
    "the packages of a venv that is rebuilt": (
        worlds.rebuildable, "rebuild .venv --force", ERROR, LOOKS, "scan .*/.venv/lib(/python3.13/site-packages)?",
    ),
    "no record to be written, and no word of why": (
        worlds.unknown, "register {home}/elsewhere", DENIED, CHANGES, "symlink .*/venvs/.*",
    ),
    "a venv that nobody could look at, when its Python was removed": (
        worlds.fitting, "uninstall 3.13.5 --relink", ERROR, LOOKS, "(readlink|stat|open) .*/(bin/python|pyvenv.cfg)",
    ),
    "one link of a venv that is held back": (
        worlds.one, "install 3.13", ERROR, LOOKS, "readlink .*/unfit/bin/python",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def faulty():
    with Faulty() as one:
        yield one


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_a_fault_that_was_found(found, faulty, tmp_path):
    make, words, fault, kind, pattern = found
    world = World(os.path.realpath(tmp_path), faulty, make)
    trial = Trial(world, tuple(words.format(home=world.path).split()))
    trial.try_at(fault, kind, pattern)
    assert not trial.problems, "\n".join(trial.problems)
