"""Processes that run a runtime, by whatever way they were started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from pyman.effects import processes
from pyman.effects.store import read_store
from stage.followers import make_venv

OLD, NEW = "3.13.5", "3.13.15"
SCRIPT = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def user(home):
    return home.with_runtimes(OLD, NEW)


class Running:
    """A process that says when it runs, and ends with the block."""

    def __init__(self, *command, **options):
        self.command, self.options = [str(word) for word in command], options

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=-1, stdout=-1, **self.options)
        assert self.process.stdout.readline() == b"up\n"
        return self.process.pid

    def __exit__(self, *_):
        self.process.communicate()


def found(user, name):
    runtime = read_store(str(user.root)).runtime(name)
    return {one.pid: one.through for one in processes.processes_in(runtime)}


def test_the_way_by_which_a_process_was_started(user):
    venv, pinned = make_venv(user, "venv", "a b"), make_venv(user, "pyman", "pinned", through=NEW)
    bin_folder = user.runtimes / "3.13/bin"
    script = user.project / "script"
    script.write_text(f"#!{user.runtimes}/3/bin/python3.13\n{SCRIPT}\n")
    script.chmod(0o755)
    with (
        Running(venv / "bin/python", "-c", SCRIPT) as through_alias,
        Running(pinned / "bin/python3", "-c", SCRIPT) as through_patch,
        Running("a b/bin/python", "-c", SCRIPT, cwd=user.project) as relative,
        Running("python3", "-c", SCRIPT, env={"PATH": str(bin_folder)}) as bare,
        Running(script) as by_script,
        Running(sys.executable, "-c", SCRIPT) as other,
    ):
        seen = found(user, NEW)
        assert found(user, OLD) == {}
    assert {through_alias: "3.13", through_patch: NEW, relative: "3.13", by_script: "3"}.items() <= seen.items()
    assert seen.get(bare) == "3.13"
    assert other not in seen
    assert found(user, NEW) == {}


def test_a_prefix_that_others_share_is_told_by_its_own_python(user, tmp_path):
    """Of everything that runs from /usr, only that Python's processes run that Python."""
    shared = tmp_path / "usr"
    shutil.copytree(user.runtimes / OLD, shared, symlinks=True)
    shutil.copy(shutil.which("sleep"), shared / "bin/sleep")
    os.unlink(user.runtimes / "3.13")
    shutil.rmtree(user.runtimes / OLD)
    os.symlink(shared, user.runtimes / OLD)
    with subprocess.Popen([shared / "bin/sleep", "60"]) as sleeper:
        with Running(shared / "bin/python3.13", "-c", SCRIPT) as pid:
            assert set(found(user, OLD)) == {pid}
        sleeper.kill()


def test_who_has_an_adopted_python_by_its_owner_s_path_does_not_go_through_the_store(user, tmp_path):
    theirs = tmp_path / "versions/3.13.5"
    shutil.copytree(user.runtimes / OLD, theirs, symlinks=True)
    shutil.rmtree(user.runtimes / OLD)
    os.symlink(theirs, user.runtimes / OLD)
    os.unlink(user.runtimes / "3.13")
    os.symlink(OLD, user.runtimes / "3.13")
    with (
        Running(theirs / "bin/python3", "-c", SCRIPT) as by_path,
        Running("python3", "-c", SCRIPT, env={"PATH": f"/nowhere:{theirs}/bin"}) as by_name,
        Running("python3", "-c", SCRIPT, env={"PATH": f"{user.runtimes}/3.13/bin"}) as through_alias,
    ):
        seen = found(user, OLD)
    assert seen == {by_path: None, by_name: None, through_alias: "3.13"}


@pytest.mark.skipif(not os.access("/bin/ps", os.X_OK), reason="no /bin/ps")
def test_what_ps_tells_where_there_is_no_proc():
    with Running(sys.executable, "-c", SCRIPT) as pid:
        assert processes._ps(f"-p{pid}", "args") == {pid: f"{sys.executable} -c {SCRIPT}"}
        assert pid in processes._ps("-ax", "comm")
        assert pid in processes._from_ps()
    assert processes._ps("-p999999999", "args") == {}


def test_what_ps_tells_of_a_path_with_blanks(user):
    """Of a runtime and of a venv alike."""
    runtime = read_store(str(user.root)).runtime(NEW)
    program = os.path.realpath(f"{runtime.path}/bin/python3.13")
    venv = "/home/you/my project/.venv"
    told = {
        1: (program, f"{program} -c pass"),
        2: (f"{venv}/bin/python", f"{venv}/bin/python -m http.server"),
        3: ("/usr/bin/python3", f"/usr/bin/python3 {venv}/bin/serve"),
        4: ("/home/you/my", "/home/you/my project/.venvs/bin/python"),
    }
    assert [one.pid for one in processes._running(processes._Own(runtime), told)] == [1]
    assert [one.pid for one in processes._in_venv(venv, told)] == [2, 3]


def test_who_runs_in_a_venv(user):
    venv, other = make_venv(user, "venv", "a b"), make_venv(user, "venv", "other")
    script = venv / "bin/serve"
    script.write_text(f"{SCRIPT}\n")
    link = user.project / "link"
    os.symlink("a b", link)
    with (
        Running(venv / "bin/python", "-c", SCRIPT) as by_path,
        Running("a b/bin/python", "-c", SCRIPT, cwd=user.project) as relative,
        Running(sys.executable, script) as script_of_it,
        Running("python3", "-c", SCRIPT, env={"PATH": f"{venv}/bin", "VIRTUAL_ENV": str(venv)}) as active,
        Running("python3", "-c", SCRIPT, env={"PATH": f"/nowhere:{venv}/bin:/usr/bin"}) as on_path,
        Running(link / "bin/python", "-c", SCRIPT) as through_link,
        Running("link/bin/python", "-c", SCRIPT, cwd=user.project) as relative_through_link,
        Running(other / "bin/python", "-c", SCRIPT) as of_another,
    ):
        found_there = {one.pid for one in processes.processes_of_venv(f"{venv}/")}
        assert {one.pid for one in processes.processes_of_venv(str(other))} == {of_another}
    assert found_there == {by_path, relative, script_of_it, active, on_path, through_link, relative_through_link}
    assert processes.processes_of_venv(str(venv)) == ()
