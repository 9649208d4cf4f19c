"""Everything that moves an alias, with a fault at every single change that it makes: then nothing has changed."""

from __future__ import annotations

import os

import pytest

from pyman.effects.moves.followers import complete, read_followers
from pyman.effects.moves.move import set_hold
from pyman.effects.places import read_places
from pyman.effects.runtimes import install as new_runtimes
from pyman.effects.runtimes.managed import prepare_folders, remove_runtime
from pyman.effects.staging import WorkFolder
from pyman.effects.store import read_store
from pyman.errors import PymanError
from stage.changes import Changes
from stage.followers import add_package, contents, difference, is_consistent, make_venv, restore
from stage.mirror import MINOR, NEW, OLD


@pytest.fixture(scope="module")
def changes():
    return Changes()


class Upgrade:
    """NEW is unpacked and tried; it gets its name."""

    def __init__(self, home, spare):
        self.home, self.spare = home, spare
        self.places = read_places(home.environ)
        home.with_runtimes(OLD, NEW)
        self.runtime = read_store(str(home.root)).runtime(NEW)
        os.rename(home.runtimes / NEW, spare)
        os.unlink(home.runtimes / MINOR)
        os.symlink(OLD, home.runtimes / MINOR)
        self.misfit = {"requires_python": f"<{NEW}"}

    def do(self, tried):
        with WorkFolder(self.places.runtimes, "install", NEW, self.places.lock) as work:
            os.rmdir(work.tree)
            os.rename(self.spare, work.tree)
            try:
                new = new_runtimes._New(work, self.runtime, replace=False)
                return tried(
                    lambda: new_runtimes._give_names(
                        self.places, [new], check=True, force=False, trials=None, observer=new_runtimes.SILENT
                    )
                )
            finally:
                if os.path.exists(work.tree):
                    os.rename(work.tree, self.spare)

    def reset(self):
        if (self.home.runtimes / NEW).exists():
            os.rename(self.home.runtimes / NEW, self.spare)


class Uninstall:
    """NEW goes, and with it a pinned venv to the alias."""

    def __init__(self, home, spare):
        self.home, self.spare = home, spare
        self.places = read_places(home.environ)
        home.with_runtimes(OLD, NEW)
        self.runtime = read_store(str(home.root)).runtime(NEW)
        self.pinned = make_venv(home, "pyman", "pinned", through=NEW)
        self.misfit = None

    def do(self, tried):
        program = f"{self.runtime.path}/bin/python{MINOR}"
        found = [complete(one, program) for one in read_followers(self.places.root, NEW.__eq__).each]
        return tried(lambda: remove_runtime(self.places, self.runtime, relink=found))

    def reset(self):
        self.home.with_runtimes(*([] if (self.home.runtimes / NEW).exists() else [NEW]))


class Rollback:
    """The alias goes back and is held there."""

    def __init__(self, home, spare):
        self.home = home
        self.places = read_places(home.environ)
        home.with_runtimes(OLD, NEW)
        self.misfit = {"requires_python": f">{OLD}"}

    def do(self, tried):
        return tried(lambda: set_hold(self.places, MINOR, OLD))

    def reset(self):
        pass


# What takes a runtime away and puts it back for every change is tried at every other one.
@pytest.mark.parametrize(("operation", "step"), [(Upgrade, 2), (Uninstall, 3), (Rollback, 1)])
def test_a_fault_at_every_change(home, tmp_path, changes, operation, step):
    work = operation(home, tmp_path / "home/spare")
    venvs = [make_venv(home, creator, creator) for creator in ("pyman", "venv", "copies")]
    if work.misfit is not None:
        venvs.append(make_venv(home, "pyman", "misfit"))
        add_package(venvs[-1], "picky", **work.misfit)
    before = state(home)
    failed = 0
    for number in range(1, 200, step):
        try:
            struck = work.do(lambda act, number=number: changes.failing(home.path, number, act))
        except PymanError as error:
            assert changes.came()
            failed += 1
            assert error.message
            assert state(home) == before, (number, error.message, difference(state(home), before))
            continue
        # Where a fault does no harm, all was done; what could not be brought up to date can be now.
        assert all(os.access(venv / "bin/python", os.X_OK) for venv in venvs)
        prepare_folders(work.places)
        if not struck:
            assert all(is_consistent(venv) for venv in venvs)
            break
        work.reset()
        restore(before, state(home))
        assert state(home) == before, (number, difference(state(home), before))
    assert failed > 6


def state(home):
    return {path: what for path, what in contents(home).items() if "/spare" not in path}
