"""The tools themselves keep their venvs after everything that pyman does to the Python behind them.

Each tool makes an environment on the older release, a file is put into it, and the tool runs again after an upgrade, a
rollback, a repair, while the environment is held back, and after the older release is gone: the file is still there.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from stage.machine import Machine, wheels
from stage.mirror import MINOR, NEW, OLD, SITE
from stage.venvs import peer, write

PY = f"py{MINOR.replace('.', '')}"
"""What tox calls its environment."""
NOXFILE = f"""\
import nox

@nox.session(python=["{MINOR}"], reuse_venv=True)
def tests(session):
    session.run("python", "-V")
"""
TOX = "[tox]\nskipsdist = true\n[testenv]\nskip_install = true\ncommands = python -V\n"
POETRY = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.12"\n[tool.poetry]\npackage-mode = false\n'
PROJECT = '[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.12"\n'
HATCH = f'[project]\nname = "p"\nversion = "0"\n[tool.hatch.envs.default]\nskip-install = true\npython = "{MINOR}"\n'
HOOK = f"""\
repos:
- repo: local
  hooks:
  - {{id: v, name: v, language: python, language_version: python{MINOR}, entry: python -V, always_run: true,
     pass_filenames: false}}
"""

TOOLS = {
    # files of the project, what makes the environment, what uses it again, where it lies, whether it follows by itself
    "pipx": ({}, "pipx install --backend uv --python {alias} spam", "pipx upgrade spam",
             ".local/share/pipx/venvs/spam", True),
    "uv": ({}, "uv tool install -q -p {old} spam", "uv tool upgrade spam", ".local/share/uv/tools/spam", False),
    "poetry": ({"pyproject.toml": POETRY}, f"poetry -n env use {MINOR}", f"poetry -n env use {MINOR}",
               f".cache/pypoetry/virtualenvs/*-py{MINOR}", False),
    "tox": ({"tox.ini": TOX}, f"tox run -q -e {PY}", f"tox run -e {PY}", f"project/.tox/{PY}", True),
    "nox": ({"noxfile.py": NOXFILE}, "nox -s tests", "nox -s tests", f"project/.nox/tests-{MINOR.replace('.', '-')}", True),
    "hatch": ({"pyproject.toml": HATCH}, "hatch env create", "hatch run python -V",
              ".local/share/hatch/env/virtual/p/*/p", True),
    "pdm": ({"pyproject.toml": PROJECT}, "pdm use -f {alias}", "pdm run python -V",
            "project/.venv", True),
    "pre-commit": ({".pre-commit-config.yaml": HOOK}, "pre-commit run -a", "pre-commit run -a",
                   f".cache/pre-commit/repo*/py_env-python{MINOR}", True),
}  # fmt: skip


class Owned:
    """One tool, its environment, and the machine that both are on."""

    def __init__(self, folder, tool) -> None:
        files, make, self.again, place, self.follows = TOOLS[tool]
        self.machine = machine = Machine(folder, OLD)
        machine.environ |= {
            "PIP_FIND_LINKS": f"{wheels()} {os.environ.get('PIP_FIND_LINKS', '')}".strip(),
            "UV_FIND_LINKS": str(wheels()),
            "UV_NO_INDEX": "1",
            "PATH": f"{machine.root}/shims:{os.path.dirname(peer('pipx'))}:/usr/bin:/bin",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        if tool in ("pipx", "tox"):
            machine.environ["PIP_NO_INDEX"] = "1"
        machine.pyman("install", OLD)
        for name, text in files.items():
            write(f"{machine.project}/{name}", text)
        if tool == "pre-commit":
            machine.run("git", "init", "-q")
            machine.run("git", "add", ".")
        self.run(make.format(alias=machine.python(), old=machine.python(OLD)), may_lack=tool == "pre-commit")
        found = list(machine.path.glob(place))
        assert len(found) == 1, found
        self.venv = found[0]
        (self.venv / "mine").touch()

    def run(self, line, *, may_lack=False):
        program, *words = line.split()
        environ = self.machine.environ
        done = subprocess.run([peer(program), *words], cwd=self.machine.project, env=environ, capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, check=False, timeout=300)  # fmt: skip
        if done.returncode and may_lack:
            pytest.skip(f"{program} could not make its environment: {done.stdout[-300:]}{done.stderr[-300:]}")
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def is_kept(self, release):
        """The tool runs, has not made its environment anew, and finds nothing wrong; which release it runs."""
        said = self.run(self.again)
        assert (self.venv / "mine").exists(), f"{self.again} made it anew: {said}"
        code = "import sys; print(sys.version.split()[0])"
        assert self.machine.run(self.venv / "bin/python", "-c", code) == release


@pytest.mark.parametrize("tool", TOOLS)
def test_the_owner_keeps_its_environment(tmp_path, tool):
    if tool == "pre-commit" and shutil.which("git") is None:
        pytest.skip("needs git")
    owned = Owned(tmp_path, tool)
    machine = owned.machine
    owned.is_kept(OLD)
    # One that names the older release stays there until it is repaired.
    machine.pyman("install", NEW)
    # `poetry env use` would make it anew now, as it does beside any Python: poetry compares the releases.
    if tool != "poetry":
        owned.is_kept(NEW if owned.follows else OLD)
    machine.pyman("doctor", "--fix", "--foreign", status=None)
    owned.is_kept(NEW)
    machine.pyman("rollback", MINOR)
    owned.is_kept(OLD)
    machine.pyman("unhold", MINOR)
    owned.is_kept(NEW)
    # Held back by a package that does not fit.
    machine.pyman("rollback", MINOR)
    [library] = owned.venv.glob(SITE)
    write(
        f"{library}/fussy-1.dist-info/METADATA",
        f"Metadata-Version: 2.1\nName: fussy\nVersion: 1\nRequires-Python: <{NEW}\n",
    )
    machine.pyman("unhold", MINOR)
    owned.is_kept(OLD)
    machine.pyman("doctor", "--fix", "--foreign", status=None)
    owned.is_kept(OLD)
    shutil.rmtree(library / "fussy-1.dist-info")
    machine.pyman("rollback", MINOR)
    machine.pyman("unhold", MINOR)
    owned.is_kept(NEW)
    machine.pyman("uninstall", OLD)
    owned.is_kept(NEW)
    assert [one for one in machine.json("doctor", status=None)["findings"] if one["path"] == str(owned.venv)] == []
