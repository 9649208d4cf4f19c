"""One home that pyman has never seen, with a real environment of every tool: what each command knows of it.

PYMAN_TEST_TABLE names a file for the table: tool, maker as listed, counted by `uninstall`, what runs after an upgrade.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess

import pytest

from cli.test_owners_keep import TOOLS
from stage.machine import Machine, wheels
from stage.mirror import NEW, OLD
from stage.venvs import peer, write

# Further ones, each with its project: what makes it, and where it lies.
OTHERS = {
    "pipenv": ("pipenv --python {alias} install", ".local/share/virtualenvs/pipenv-*"),
    "virtualenvwrapper": ("virtualenv -q --no-seed -p {alias} {home}/.virtualenvs/wrapped", ".virtualenvs/wrapped"),
    "pyenv-virtualenv": (
        "virtualenv -q --no-seed -p {alias} {home}/.pyenv/versions/3.13.5/envs/named",
        ".pyenv/versions/3.13.5/envs/named",
    ),
    "direnv": ("direnv exec . true", "direnv/.direnv/python-3*"),
    "venv": ("{old} -m venv --without-pip {home}/venv/.venv", "venv/.venv"),
}


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path, OLD)
    machine.environ |= {
        "PIP_FIND_LINKS": f"{wheels()} {os.environ.get('PIP_FIND_LINKS', '')}".strip(),
        "UV_FIND_LINKS": str(wheels()),
        "UV_NO_INDEX": "1",
        "PATH": f"{machine.root}/shims:{os.path.dirname(peer('pipx'))}:/usr/bin:/bin",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "UV_TOOL_BIN_DIR": f"{machine.path}/uv-bin",
        "PYENV_ROOT": f"{machine.path}/.pyenv",
        "CI": "",
    }
    machine.pyman("shims")
    return machine


def make(machine, tool, left_out):
    """One environment; its path, None where the tool could not make it here."""
    folder = machine.path / tool
    folder.mkdir(exist_ok=True)
    files, line, place = (TOOLS[tool][0], TOOLS[tool][1], TOOLS[tool][3]) if tool in TOOLS else ({}, *OTHERS[tool])
    if tool == "direnv":
        files = {".envrc": f"layout python {machine.python()}\n"}
    for name, text in files.items():
        write(f"{folder}/{name}", text)
    environ = dict(machine.environ)
    if tool in ("pipx", "tox"):
        environ["PIP_NO_INDEX"] = "1"
    commands = [line.format(alias=machine.python(), old=machine.python(OLD), home=machine.path)]
    if tool == "direnv":
        if shutil.which("direnv") is None:
            left_out[tool] = "direnv is not installed"
            return None
        commands.insert(0, "direnv allow .")
    if tool == "pre-commit":
        commands[:0] = ["git init -q", "git add ."]
    for command in commands:
        program, *words = command.split()
        if program not in ("git", "direnv") and not program.startswith("/"):
            program = peer(program)
        done = subprocess.run([program, *words], cwd=folder, env=environ, capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=300)  # fmt: skip
        if done.returncode:
            left_out[tool] = f"{command}: {done.stdout[-300:]}{done.stderr[-300:]}"
            return None
    place = place.replace("project/", f"{tool}/")
    found = [path for path in glob.glob(f"{machine.path}/{place}") if os.path.isfile(f"{path}/pyvenv.cfg")]
    assert len(found) == 1, (tool, place, found)
    return found[0]


def test_every_command_knows_the_environments_of_every_tool(machine):
    left_out: dict[str, str] = {}
    made = {tool: make(machine, tool, left_out) for tool in (*TOOLS, *OTHERS)}
    made = {tool: path for tool, path in made.items() if path is not None}
    assert len(made) >= 10, left_out
    shutil.rmtree(machine.root / "venvs")
    shutil.rmtree(machine.root / "found", ignore_errors=True)
    (machine.root / "searched").unlink(missing_ok=True)

    # The first command of all searches the home, and finds each, by the name of its maker.
    listed = {row["path"]: row for row in machine.pyman("venvs", "--search", "--json").json["venvs"]}
    table = {tool: [listed.get(path, {}).get("creator", "not listed")] for tool, path in made.items()}
    # pdm has virtualenv make the `.venv` of a project, and nothing in it says pdm.
    makers = {tool: tool for tool in made} | {"pdm": "virtualenv"}
    assert {tool: row[0] for tool, row in table.items()} == makers

    # None may lose the Python that it runs on: whether it goes through the alias or names the release.
    refused = machine.pyman("uninstall", OLD, "--json", status=1).json
    needed = {one["who"] for one in refused["needed"]}
    for tool, path in made.items():
        table[tool].append("counted" if path in needed else "not counted")
    assert {row[1] for row in table.values()} == {"counted"}, table

    # A newer release comes: those that follow run it, and doctor names the others.
    machine.pyman("install", NEW)
    code = "import sys; print(sys.version.split()[0])"
    findings = {one["path"]: one["code"] for one in machine.pyman("doctor", "--json", status=None).json["findings"]}
    for tool, path in made.items():
        runs = machine.run(f"{path}/bin/python", "-c", code)
        table[tool].append(f"{runs}, {findings.get(path, 'healthy')}")
        assert runs == NEW or findings.get(path) in ("stale-patch", "unfollowed"), (tool, runs, findings.get(path))
    # After the repair nothing needs the older one any more, and the command that removes it agrees.
    machine.pyman("doctor", "--fix", "--foreign", "--yes", status=None)
    for tool, path in made.items():
        assert machine.run(f"{path}/bin/python", "-c", code) == NEW, tool
    planned = machine.pyman("prune", "--dry-run", "--json").json
    assert [one["version"] for one in planned["removed"]] == [OLD]
    if place := os.environ.get("PYMAN_TEST_TABLE"):
        write(place, json.dumps({"table": table, "left out": left_out}, indent=1))
