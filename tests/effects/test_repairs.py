"""Real venvs of real tools, broken in real ways, repaired by plans that are taken for real, packages working afterwards."""

import os
import shutil

import pytest

from pyman.core.diagnosis.finding import DiagnosisContext
from pyman.core.diagnosis.venv import diagnose_venv
from pyman.core.plans.repair import moved_steps, plan_repair
from pyman.core.relocation import edits_of_move
from pyman.effects.places import Places
from pyman.effects.store import read_store
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.moved_files import read_moved
from pyman.effects.venvs.on_disk import read_venv
from pyman.errors import PymanError
from stage.mirror import LIBRARY, MINOR, NEW, OLD, copy_of_tree
from stage.venvs import call, need_copies_that_start, peer, write
from stage.wheels import build_wheel

TOOLS = ["venv", "virtualenv", "uv"]


def manifest(prefix, release):
    write(
        f"{prefix}/pyman-runtime.toml",
        f'version = "{release}"\nvariant = "default"\nsha256 = ""\ninstalled_at = ""\n'
        f'library = "{LIBRARY}"\nexecutable = "bin/python{MINOR}"\n',
    )


class Stage:
    """One store with NEW behind the alias, and an older Python elsewhere that may be removed."""

    def __init__(self, folder, originals):
        self.folder = folder
        self.places = Places(folder, f"{folder}/root", f"{folder}/cache", f"{folder}/config.toml")
        self.runtimes = self.places.runtimes
        os.makedirs(self.runtimes)
        for release, original in originals.items():
            shutil.copytree(original, f"{self.runtimes}/{release}", symlinks=True, copy_function=os.link)
            manifest(f"{self.runtimes}/{release}", release)
        os.symlink(NEW, f"{self.runtimes}/{MINOR}")
        self.old = f"{folder}/versions/{OLD}"
        shutil.copytree(originals[OLD], self.old, symlinks=True, copy_function=os.link)
        self.environ = {"HOME": folder, "UV_OFFLINE": "1", "UV_CACHE_DIR": f"{folder}/uv-cache"}
        self.wheel = build_wheel(f"{folder}/wheels", "spam", "1.0", scripts={"spam": "spam:main"})

    def make(self, tool, python, name="app"):
        venv = f"{self.folder}/{name}/.venv"
        if tool == "venv":
            call(python, "-m", "venv", "--without-pip", venv)
        elif tool == "copies":
            call(python, "-m", "venv", "--without-pip", "--copies", venv)
            need_copies_that_start(venv)
        elif tool == "virtualenv":
            call(peer("virtualenv"), "-q", "--no-pip", "-p", python, venv, **self.environ)
        else:
            call(peer("uv"), "venv", "-q", "-p", python, venv, **self.environ)
        call(peer("uv"), "pip", "install", "-q", "-p", f"{venv}/bin/python", self.wheel, **self.environ)
        return venv

    def findings(self, venv):
        return diagnose_venv(read_venv(venv), DiagnosisContext(read_store(self.places.root), os.geteuid()))

    def fix(self, venv):
        """Repair one finding after the other; return their codes."""
        fixed = []
        for _ in range(5):
            facts = read_venv(venv)
            store = read_store(self.places.root)
            for finding in diagnose_venv(facts, DiagnosisContext(store, os.geteuid())):
                edits = edits_of_move(*read_moved(facts)) if facts.moved_from is not None else ()
                repair = plan_repair(finding, facts, store, moved=moved_steps(edits, (), ()))
                if repair.plan is not None and not finding.asks:
                    with Transaction(self.places) as transaction:
                        transaction.take(repair.plan)
                    fixed.append(finding.code)
                    break
            else:
                return fixed
        raise AssertionError(f"it does not end: {fixed}")

    def check(self, venv, release=NEW):
        """It runs that release, through the alias, with its package; and nothing is left to say."""
        assert call(f"{venv}/bin/spam") == "spam 1.0\n"
        asked = call(
            f"{venv}/bin/python{MINOR}", "-c", "import os, sys; print(sys.version.split()[0], sys.prefix, os.__file__)"
        )
        assert asked.split() == [release, venv, f"{self.runtimes}/{MINOR}/{LIBRARY}/os.py"]
        assert self.findings(venv) == ()


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = os.path.realpath(tmp_path_factory.mktemp("originals"))
    return {release: copy_of_tree(release, f"{folder}/cpython-{release}") for release in (OLD, NEW)}


@pytest.fixture
def stage(tmp_path, originals):
    return Stage(os.path.realpath(tmp_path), originals)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_venv_whose_python_was_removed(stage, tool):
    venv = stage.make(tool, f"{stage.old}/bin/python{MINOR}")
    shutil.rmtree(stage.old)
    assert stage.fix(venv) == ["dangling"]
    stage.check(venv)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_venv_on_an_older_release(stage, tool):
    venv = stage.make(tool, f"{stage.runtimes}/{OLD}/bin/python{MINOR}")
    assert stage.fix(venv) == ["stale-patch"]
    stage.check(venv)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_venv_that_was_moved_and_lost_its_python(stage, tool):
    venv = stage.make(tool, f"{stage.old}/bin/python{MINOR}", "before")
    shutil.rmtree(stage.old)
    os.rename(f"{stage.folder}/before", f"{stage.folder}/after")
    moved = venv.replace("/before/", "/after/")
    assert stage.fix(moved) == ["dangling", "moved"]
    stage.check(moved)


def test_a_venv_that_was_half_upgraded(stage):
    """`python -m venv --upgrade` rewrites the file and keeps the link."""
    venv = stage.make("venv", f"{stage.runtimes}/{OLD}/bin/python{MINOR}")
    call(f"{stage.runtimes}/{NEW}/bin/python{MINOR}", "-m", "venv", "--without-pip", "--upgrade", venv)
    assert [finding.code for finding in stage.findings(venv)] == ["mixed"]
    assert stage.fix(venv) == ["mixed"]
    stage.check(venv)


def test_a_venv_made_with_the_alias_after_it_moved(stage):
    os.unlink(f"{stage.runtimes}/{MINOR}")
    os.symlink(OLD, f"{stage.runtimes}/{MINOR}")
    venv = stage.make("virtualenv", f"{stage.runtimes}/{MINOR}/bin/python{MINOR}")
    assert stage.findings(venv) == ()
    os.unlink(f"{stage.runtimes}/{MINOR}")
    os.symlink(NEW, f"{stage.runtimes}/{MINOR}")
    assert stage.fix(venv) == ["stale-metadata"]
    stage.check(venv)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_venv_made_from_a_venv(stage, tool):
    outer = stage.make("venv", f"{stage.runtimes}/{MINOR}/bin/python{MINOR}", "outer")
    venv = stage.make(tool, f"{outer}/bin/python", "inner")
    # Interpreters before 3.11 would write this themselves.
    with open(f"{venv}/pyvenv.cfg", encoding="utf-8") as file:
        text = file.read()
    write(f"{venv}/pyvenv.cfg", text.replace(f"home = {stage.runtimes}/{MINOR}/bin", f"home = {outer}/bin"))
    assert stage.fix(venv)[0] == "nested"
    stage.check(venv)


def test_uv_sync_keeps_a_venv_before_and_after(stage):
    project = f"{stage.folder}/project"
    write(f"{project}/pyproject.toml", f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">={MINOR}"\n')
    venv = f"{project}/.venv"
    python = f"{stage.runtimes}/{MINOR}/bin/python{MINOR}"
    call(
        peer("uv"),
        "sync",
        "-q",
        "--project",
        project,
        "-p",
        f"{stage.runtimes}/{OLD}/bin/python{MINOR}",
        **stage.environ,
    )
    mark = write(f"{venv}/mark")
    assert stage.fix(venv) == ["stale-patch"]
    call(peer("uv"), "sync", "-q", "--project", project, "-p", python, **stage.environ)
    assert os.path.exists(mark)
    os.unlink(f"{stage.runtimes}/{MINOR}")
    os.symlink(OLD, f"{stage.runtimes}/{MINOR}")
    call(peer("uv"), "sync", "-q", "--project", project, "-p", python, **stage.environ)
    assert os.path.exists(mark)


def test_files_that_other_tools_share_are_not_written_through(stage):
    venv = stage.make("uv", f"{stage.runtimes}/{OLD}/bin/python{MINOR}")
    shared = f"{stage.folder}/shared.cfg"
    os.link(f"{venv}/pyvenv.cfg", shared)
    with open(shared, "rb") as file:
        before = file.read()
    stage.fix(venv)
    with open(shared, "rb") as file:
        assert file.read() == before


def test_a_repair_that_fails_leaves_the_venv_as_it_was(stage):
    venv = stage.make("venv", f"{stage.runtimes}/{OLD}/bin/python{MINOR}")
    # The alias leads to something that says another release: the start finds out.
    write(f"{stage.runtimes}/{NEW}/pyman-runtime.toml", "")
    os.unlink(f"{stage.runtimes}/{NEW}/bin/python{MINOR}")
    os.link(f"{stage.runtimes}/{OLD}/bin/python{MINOR}", f"{stage.runtimes}/{NEW}/bin/python{MINOR}")
    before = {name: os.lstat(f"{venv}/bin/{name}").st_mode for name in os.listdir(f"{venv}/bin")}
    with open(f"{venv}/pyvenv.cfg", "rb") as file:
        cfg = file.read()
    link = os.readlink(f"{venv}/bin/python{MINOR}")
    with pytest.raises(PymanError):
        stage.fix(venv)
    with open(f"{venv}/pyvenv.cfg", "rb") as file:
        assert file.read() == cfg
    assert os.readlink(f"{venv}/bin/python{MINOR}") == link
    assert {name: os.lstat(f"{venv}/bin/{name}").st_mode for name in os.listdir(f"{venv}/bin")} == before


def test_copies(stage):
    venv = stage.make("copies", f"{stage.old}/bin/python{MINOR}")
    shutil.rmtree(stage.old)
    assert stage.fix(venv) == ["dangling"]
    assert not os.path.islink(f"{venv}/bin/python")
    stage.check(venv)
