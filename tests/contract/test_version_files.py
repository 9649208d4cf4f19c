"""The table of version files, against the program."""

import os
import subprocess
import sys

import pytest

from contract.version_files import CASES, make_store, started
from stage.home import PACKAGE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_program(case, tmp_path):
    folder = str(tmp_path)
    store = make_store(folder, case)
    environ = {
        "HOME": folder,
        "PATH": os.path.join(folder, "system"),
        "PYTHONPATH": PACKAGE,
        "PYMAN_ROOT": store.root,
        **case.environment,
    }
    project = os.path.join(folder, "work", "project")
    answer = subprocess.run(
        [sys.executable, "-m", "pyman", "which", case.program],
        env=environ,
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in answer.stderr
    if case.runs is not None:
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout.strip() == started(case, folder)
    else:
        assert answer.returncode == 1, answer.stdout
        assert answer.stdout == ""
        for words in case.says:
            assert words in answer.stderr
