"""The files that strangers meet first: they name what there is, and the workflows are what their checkers accept."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
TEXTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "tests/README.md",
    *(str(page.relative_to(TOP)) for page in sorted((TOP / "docs").rglob("*.md"))),
]


@pytest.mark.parametrize("name", TEXTS)
def test_links_within_the_repository_lead_somewhere(name):
    text = (TOP / name).read_text()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path = link.partition("#")[0]
        if path and "://" not in path:
            assert (TOP / name).parent.joinpath(path).exists(), f"{name}: {link}"


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "CHANGELOG.md"])
def test_files_that_are_named_exist(name):
    text = (TOP / name).read_text()
    for path in re.findall(r"`((?:src|tests|docs|\.github|completions|shims)/[\w./-]+)`", text):
        assert (TOP / path).exists() or (TOP / "tests" / path).exists(), f"{name}: {path}"


def test_the_project_has_no_address_of_its_own_but_in_one_place():
    """Until a person fills it in: nothing may send somebody to an address that somebody else may register."""
    files = [TOP / name for name in TEXTS if name != "CHANGELOG.md"] + sorted((TOP / ".github").rglob("*.*"))
    for file in files:
        for address in re.findall(r"https?://[^\s)`\"']+", file.read_text()):
            assert "pyman" not in address.replace("pymanager", ""), f"{file}: {address}"


def test_workflows_name_scripts_and_options_that_there_are():
    run = (TOP / "tests/run").read_text()
    for file in sorted((TOP / ".github/workflows").glob("*.yml")):
        text = file.read_text()
        for word in re.findall(r"run: \[(.*)\]", text):
            for option in word.split(","):
                assert option.strip() in run
        for script in re.findall(r"(?:bash|sh) ((?:\./)?[\w/]+\.sh)", text):
            assert (TOP / script).exists(), script


@pytest.mark.parametrize("checker", ["actionlint", "zizmor"])
def test_workflows_are_clean(checker):
    program = shutil.which(checker)
    if program is None:
        pytest.skip(f"{checker} is not on PATH")
    words = [program, "--offline", ".github"] if checker == "zizmor" else [program]
    result = subprocess.run(words, cwd=TOP, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
