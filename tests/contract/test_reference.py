"""docs/reference and the man page are what the program says, and name every variable that it reads."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from stage import man_page
from stage.reference import FOLDER, VARIABLES, pages

ROOT = Path(__file__).resolve().parents[2]
INTERNAL = {"PYMAN_SHIM_PROCESS"}
"""Variables by which one process of pyman tells another something."""


@pytest.mark.parametrize(("name", "text"), pages().items())
def test_a_page_is_what_the_program_says(name, text):
    assert (FOLDER / name).read_text("utf-8") == text, "run `PYTHONPATH=src:tests python -m stage.reference`"


def test_there_is_no_other_page():
    assert {path.name for path in FOLDER.iterdir()} == set(pages())


def test_the_man_page_is_what_the_program_says():
    assert man_page.PAGE.read_text("utf-8") == man_page.text(), "run `PYTHONPATH=src:tests python -m stage.reference`"


def test_every_variable_that_is_read_is_named():
    files = [*list((ROOT / "src").rglob("*.py")), ROOT / "shims/python", ROOT / "install.sh"]
    read = {name for path in files for name in re.findall(r"(?<![A-Z_])PYMAN_[A-Z_]+[A-Z]", path.read_text("utf-8"))}
    assert read - INTERNAL == {name for name in VARIABLES if name.startswith("PYMAN_")}


@pytest.mark.parametrize(
    "command",
    [["mandoc", "-T", "lint", "-W", "warning"], ["man", "--warnings", "-l", "-E", "UTF-8"]],
    ids=["mandoc", "man"],
)
def test_the_man_page_is_shown(command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on PATH")
    shown = subprocess.run(
        [*command, man_page.PAGE],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80"},
        check=False,
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    if command[0] == "man":
        assert "pyman doctor" in shown.stdout
        assert "~/.config/pyman/config.toml" in shown.stdout
        assert max(map(len, re.sub(r".\x08", "", shown.stdout).splitlines())) <= 120
