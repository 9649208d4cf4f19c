"""`pyman run`, and what `-p` changes; that it agrees with the shims, tests/contract shows case by case."""

from __future__ import annotations

import os
import sys

import pytest

from contract.version_files import Case, make_store
from stage.warm import Warm


@pytest.fixture(scope="module")
def warm():
    with Warm() as warm:
        yield warm


class Scene:
    def __init__(self, folder, warm):
        self.folder = folder
        self.warm = warm
        self.store = make_store(folder, Case("run", b"3.13\n"))
        self.project = f"{folder}/work/project"
        self.environ = {"HOME": folder, "PATH": f"{folder}/system:/usr/bin:/bin", "PYMAN_ROOT": self.store.root}

    def run(self, *words, **environ):
        answer = self.warm.pyman("run", *words, cwd=self.project, environ=self.environ | environ)
        assert "Traceback" not in answer.stderr
        return answer

    def shown(self, *words, **environ):
        answer = self.run(*words, **environ)
        assert answer.returncode == 0, answer
        return answer.stdout.strip()


@pytest.fixture
def scene(tmp_path, warm):
    return Scene(str(tmp_path), warm)


def test_the_bin_of_the_one_asked_for_is_first_on_path(scene):
    path = scene.environ["PATH"]
    show = ("--", "sh", "-c", 'echo "$PATH|${PYMAN_PYTHON-}"')
    assert scene.shown(*show) == f"{scene.store.runtimes}/3.13/bin:{path}|"
    # What it starts through a shim is the same Python.
    assert scene.shown("-p", "3.11", *show) == f"{scene.store.runtimes}/3.11/bin:{path}|3.11"
    assert scene.shown("-p", "3.11.2", *show) == f"{scene.store.runtimes}/3.11.2/bin:{path}|3.11.2"


def test_a_path_is_handed_on_absolute(scene):
    show = ("--", "sh", "-c", 'echo "$PYMAN_PYTHON"')
    assert scene.shown("-p", "../../root/runtimes/3.11", *show) == f"{scene.store.runtimes}/3.11/bin/python3.11"


def test_what_python_asks_for_outranks_everybody(scene):
    started = f"ran {scene.store.runtimes}/3.12/bin/python3.12 <-V>"
    assert scene.shown("-p", "3.12", "--", "python", "-V", PYMAN_PYTHON="3.11") == started
    assert scene.shown("--python", "3.12", "python", "-V") == started


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        ("3.9", 127, "error: Python 3.9 is not installed, and --python requests it\nhint: run `pyman install 3.9`\n"),
        ("./nowhere", 127, "/nowhere does not exist"),
        ("3.1 x", 2, "error: `3.1 x` is not a Python version"),
        ("pypy3.11", 127, "pypy3.11"),
    ],
)
def test_what_is_wrong_with_it_is_said_of_the_option(scene, request_, status, said):
    for command in (("python", "-V"), ("sh", "-c", "echo ran")):
        answer = scene.run("-p", request_, "--", *command)
        assert (answer.returncode, answer.stdout) == (status, "")
        assert "PYMAN_PYTHON" not in answer.stderr
        if command[0] == "python":
            assert said in answer.stderr


def test_a_program_with_a_minor_runs_where_that_minor_is(scene):
    there = f"{scene.store.runtimes}/3.11/bin"
    assert scene.shown("-p", "3.9", "--", "python3.11") == f"ran {there}/python3.11"
    # A path says something about its own minor only.
    other = {"PYMAN_PYTHON": f"{scene.store.runtimes}/3.12"}
    assert scene.shown("--", "python3.11", **other) == f"ran {there}/python3.11"
    assert scene.shown("--", "python3.12", **other) == f"ran {scene.store.runtimes}/3.12/bin/python3.12"


def test_an_interpreter_outside_the_store(scene):
    """A venv's stands for its base, where that lies with the user's own version manager, or is the system's."""
    base = getattr(sys, "_base_executable", sys.executable)
    above = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(base))))
    own = {"PYENV_ROOT": os.path.dirname(above), "UV_PYTHON_INSTALL_DIR": above}
    show = ("-c", "import os, sys; print(os.path.realpath(sys.executable))")
    for python in (sys.executable, base):
        assert scene.shown("-p", python, "--", "python", *show, **own) == os.path.realpath(base)
        assert scene.shown("--", "python3", *show, PYMAN_PYTHON=python, **own) == os.path.realpath(base)
    assert scene.run("-p", base, "--", "pip2").returncode == 127


def test_arguments_and_status_come_through(scene):
    answer = scene.run("--", "sh", "-c", 'printf "%s|" "$@"; exit 37', "sh", "", "a b", "--", "-q", "--json")
    assert (answer.returncode, answer.stdout) == (37, "|a b|--|-q|--json|")
    assert scene.run("--", "sh", "-c", "kill -9 $$").returncode == -9


def test_what_is_not_on_path(scene):
    answer = scene.run("--", "no-such-program")
    assert answer.returncode == 127
    assert "no-such-program" in answer.stderr
    assert scene.run().returncode == 2


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="the system has no Python")
def test_the_bin_of_a_shared_prefix_is_not_put_on_path(scene):
    show = ("--", "sh", "-c", 'echo "$PATH"')
    assert scene.shown("-p", "/usr/bin/python3", *show) == scene.environ["PATH"]
