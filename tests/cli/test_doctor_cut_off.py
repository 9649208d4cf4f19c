"""A repair that is cut off after any of its steps, or whose n-th step fails: nothing is lost, and the next one ends it."""

from __future__ import annotations

import os
import shutil

import pytest

from pyman.app.repair import planned_steps
from pyman.core.diagnosis.finding import DiagnosisContext
from pyman.core.diagnosis.venv import diagnose_venv
from pyman.core.plans.steps import Plan, Verify
from pyman.core.venv import VenvFolder
from pyman.effects.places import read_places
from pyman.effects.store import read_store
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.on_disk import read_venv
from pyman.errors import PymanError
from stage.machine import Machine
from stage.mirror import NEW, OLD, SITE


def stale(machine, *options, tool):
    venv = machine.venv("a", machine.python(OLD), *options, tool=tool)
    machine.give(venv)
    return venv


def moved(machine, *options, tool):
    venv = machine.venv("before", machine.python(), *options, tool=tool)
    machine.give(venv)
    (venv.parent / "src").mkdir()
    (venv / SITE / "shop.pth").write_text(f"{venv.parent}/src\n")
    venv.parent.rename(machine.path / "a")
    return machine.path / "a/.venv"


CASES = {
    "stale venv": (stale, "venv"),
    "stale copies": (stale, "venv", "--copies"),
    "stale virtualenv": (stale, "virtualenv"),
    "stale uv": (stale, "uv"),
    "moved venv": (moved, "venv"),
    "moved uv": (moved, "uv"),
}


class Broken:
    """A venv that needs a repair of several steps, and that is there again whenever it is wanted."""

    def __init__(self, machine, make, tool, *options):
        self.machine = machine
        self.places = read_places(machine.environ)
        self.venv = make(machine, *options, tool=tool)
        self.kept = machine.path / "kept"
        shutil.copytree(self.venv, self.kept, symlinks=True)

    def again(self):
        shutil.rmtree(self.venv)
        shutil.copytree(self.kept, self.venv, symlinks=True)

    def repair(self):
        """The steps of the first repair that it needs; none where it is well."""
        store = read_store(self.places.root)
        facts = read_venv(str(self.venv))
        found = [one for one in diagnose_venv(facts, DiagnosisContext(store, os.geteuid())) if one.action]
        return planned_steps(found[0], facts, store).steps if found else ()

    def take(self, steps):
        with Transaction(self.places) as transaction:
            transaction.take(Plan(tuple(steps), venv=VenvFolder(str(self.venv))))

    def mend(self):
        """What doctor does, in this process."""
        for _ in range(5):
            steps = self.repair()
            if not steps:
                return
            self.take(steps)
        raise AssertionError("it does not end")

    def contents(self):
        """What is in every file and link."""
        found = {}
        for path in self.venv.rglob("*"):
            if path.is_symlink():
                found[path] = os.readlink(path)
            elif path.is_file() and path.suffix != ".pyc":
                found[path] = path.read_bytes()
        return found


@pytest.fixture(params=CASES)
def broken(request, tmp_path):
    return Broken(Machine(tmp_path, OLD, NEW), *CASES[request.param])


def test_cut_off_after_any_step(broken):
    broken.mend()
    whole = broken.contents()
    broken.again()
    steps = [step for step in broken.repair() if not isinstance(step, Verify)]
    assert len(steps) > 1
    for number in range(1, len(steps) + 1):
        broken.again()
        broken.take(steps[:number])
        broken.mend()
        assert broken.contents() == whole, steps[number - 1]
    broken.machine.works(broken.venv)


def test_any_step_fails(broken):
    """The file or link that it is about was changed by another process, who is the only one that stays."""
    steps = [step for step in broken.repair() if not isinstance(step, Verify)]
    for number, step in enumerate(steps):
        broken.again()
        before = broken.contents()
        os.unlink(step.path)
        os.mkdir(step.path)
        with pytest.raises(PymanError):
            broken.take(steps)
        os.rmdir(step.path)
        after = broken.contents()
        name = next(path for path in before if str(path) == step.path)
        assert after == {path: what for path, what in before.items() if path != name}, number
