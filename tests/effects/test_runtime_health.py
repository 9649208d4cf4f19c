"""What is in the place of each runtime."""

import os
import shutil

import pytest

from pyman.effects.runtimes.health import read_interrupted, read_runtime_states
from pyman.effects.store import read_store
from stage.venvs import make_prefix, write


@pytest.fixture
def root(tmp_path):
    folder = os.path.realpath(tmp_path)
    make_prefix(f"{folder}/runtimes/3.13.5", "3.13.5", manifest=True)
    make_prefix(f"{folder}/elsewhere/3.12.1", "3.12.1", patchlevel=True)
    os.symlink(f"{folder}/elsewhere/3.12.1", f"{folder}/runtimes/3.12.1")
    return folder


def states(root):
    return {state.runtime.name: state for state in read_runtime_states(read_store(root))}


def test_whole_runtimes(root):
    assert {(name, state.is_there, state.missing, str(state.version)) for name, state in states(root).items()} == {
        ("3.13.5", True, None, "3.13.5"),
        ("3.12.1", True, None, "3.12.1"),
    }


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        ("bin/python3.13", "its interpreter"),
        ("lib/python3.13", "its standard library"),
        ("pyman-runtime.toml", "its manifest"),
    ],
)
def test_what_a_runtime_lacks(root, gone, missing):
    path = f"{root}/runtimes/3.13.5/{gone}"
    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    assert states(root)["3.13.5"].missing == missing


def test_an_interpreter_that_nobody_may_start(root):
    os.chmod(f"{root}/runtimes/3.13.5/bin/python3.13", 0o644)
    assert states(root)["3.13.5"].missing == "its interpreter"


def test_adopted_runtimes_that_changed_or_went_away(root):
    write(f"{root}/elsewhere/3.12.1/include/python3.12/patchlevel.h", '#define PY_VERSION "3.12.9"\n')
    assert str(states(root)["3.12.1"].version) == "3.12.9"
    shutil.rmtree(f"{root}/elsewhere/3.12.1")
    assert states(root)["3.12.1"].is_there is False


def test_interrupted_work(root):
    assert read_interrupted(read_store(root)) == ()
    work = f"{root}/runtimes/.install-3.13.9-999999999-abcdef"
    write(f"{work}/note", "operation install\nsubject 3.13.9\npid 999999999\nhost nowhere\n")
    [found] = read_interrupted(read_store(root))
    assert (found.path, found.operation, found.subject) == (work, "install", "3.13.9")
