"""The table of version files, against the program: what it says, what it runs for a shim, and what `run` runs."""

import os

import pytest

from contract.version_files import CASES, make_store, started
from pyman.core.shell.shims import is_of_python
from stage.warm import Warm


@pytest.fixture(scope="module")
def warm():
    with Warm() as warm:
        yield warm


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_program(case, tmp_path, warm):
    folder = str(tmp_path)
    store = make_store(folder, case)
    environ = {"HOME": folder, "PATH": os.path.join(folder, "system"), "PYMAN_ROOT": store.root, **case.environment}
    path = started(case, folder)

    def expect(words, status, out):
        answer = warm.pyman(*words, cwd=os.path.join(folder, "work", "project"), environ=environ)
        assert "Traceback" not in answer.stderr
        if path is not None:
            assert (answer.returncode, answer.stdout) == (0, out), answer
            return
        assert (answer.returncode, answer.stdout) == (status, ""), answer
        assert answer.stderr.startswith("error: ")
        for said in case.says:
            assert said in answer.stderr

    expect(["which", case.program], 1, f"{path}\n")
    expect(["shim", case.program, "-c", "a b"], 127, f"ran {path} <-c> <a b>\n")
    # Any other program that `run` is given is whatever PATH has.
    if is_of_python(case.program):
        expect(["run", "--", case.program, "-c", "a b"], 127, f"ran {path} <-c> <a b>\n")
