"""docs/from-pyenv.md, followed to the letter on the machine of a user of pyenv: every venv starts in the end, without pyenv."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from stage.home import installed_once, link_tree
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR, as_here
from stage.venvs import call, write

GUIDE = Path(__file__).parents[2] / "docs/from-pyenv.md"


@pytest.fixture
def machine(tmp_path):
    """Two Pythons of pyenv, a venv in each of four projects, two elsewhere, and one of pyenv-virtualenv, by its name."""
    machine = Machine(tmp_path)
    versions = machine.path / ".pyenv/versions"
    versions.mkdir(parents=True)
    for release in (OLD, OTHER):
        link_tree(installed_once(release), str(versions / release))
        (versions / release / "pyman-runtime.toml").unlink()
    machine.environ["PYENV_ROOT"] = str(machine.path / ".pyenv")

    def venv(place, release):
        python = versions / release / f"bin/python{release.rpartition('.')[0]}"
        call(python, "-B", "-m", "venv", "--without-pip", machine.path / place, HOME=str(machine.path))

    for name, release in (("shop", OLD), ("billing", OLD), ("site", OTHER), ("old", OTHER)):
        venv(f"code/{name}/.venv", release)
        write(f"{machine.path}/code/{name}/.python-version", f"{release}\n")
    venv(".virtualenvs/scratch", OLD)
    venv(f".pyenv/versions/{OLD}/envs/data", OLD)
    os.symlink(versions / OLD / "envs/data", versions / "data")
    write(f"{machine.path}/code/data/.python-version", "data\n")
    return machine


def test_doctor_says_that_pyman_has_none_of_these_pythons_yet(machine):
    told = f"6 venvs get no patch releases, and pyman has no Python {OTHER_MINOR} or Python {MINOR}: run `pyman adopt --all`, then "
    assert told in machine.pyman("doctor", "--search", status=None).err
    machine.pyman("adopt", "--all")
    assert "adopt" not in machine.pyman("doctor", status=None).err
    # A venv that needs two repairs is one venv.
    os.rename(machine.path / "code/shop", machine.path / "code/market")
    told = machine.pyman("doctor", "--search", "--dry-run", status=1).err
    assert "4 of these venvs were found only by a search" in told


def test_the_guide_to_the_letter(machine):
    blocks = re.findall(r"```sh\n(.*?)```", as_here(GUIDE.read_text()), re.DOTALL)
    assert len(blocks) == 7
    done = []
    for number, block in enumerate(blocks, 1):
        for line in block.splitlines():
            words = [word.replace("~", str(machine.path)) for word in line.split()]
            if words[0] == "pyman":
                done.append(machine.pyman(*words[1:], status=None))
                assert done[-1].status == 0 or "--dry-run" in words, (line, done[-1])
            elif words[0] == "mv":
                shutil.move(words[1], words[2])
            elif words[0] == "rm":
                shutil.rmtree(words[2])
            elif words[0] == "cd":
                machine.project = Path(words[1])
            else:
                assert words[0] == "eval"
        if number == 2:
            code = "import sys; print(sys.version.split()[0])"
            assert machine.run(machine.path / "code/shop/.venv/bin/python", "-c", code) == OLD
    venvs = {row["path"]: row for row in machine.pyman("venvs", "--search", "--json").json["venvs"]}
    assert len(venvs) == 6
    for path, row in venvs.items():
        release = OTHER if path.endswith(("site/.venv", "old/.venv")) else NEW
        assert (row["state"], row["link"]) == ("healthy", "alias"), row
        assert machine.run(f"{path}/bin/python", "-c", code) == release
    assert (machine.path / "code/data/.python-version").read_text() == f"{MINOR}\n"
    assert "6 venvs checked: all healthy" in done[-1].out
