"""Venvs that belong to other tools, and those that other tools look at: pipx, poetry, tox, uv tool, pre-commit, uv sync."""

from __future__ import annotations

import json
import os

import pytest

from cli.test_owners_keep import PY
from stage.machine import Machine, wheels
from stage.mirror import MINOR, NEW, OLD, OTHER_MINOR
from stage.venvs import peer, write

OWNERS = {
    ".local/share/pipx/venvs/spam": ("pipx", "pipx reinstall --python {alias} spam"),
    ".local/share/uv/tools/spam": ("uv", "uv tool upgrade --python {alias} spam"),
    f"toxed/.tox/{PY}": ("tox", f"cd {{home}}/toxed && tox run --recreate -e {PY}"),
    f".cache/pre-commit/repo1a2b/py_env-python{MINOR}": ("pre-commit", ""),
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """The tools' own venvs on OLD, and NEW behind the alias."""
    machine = Machine(tmp_path_factory.mktemp("owners"), OLD, NEW)
    machine.environ |= {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels()),
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheels()),
        "PATH": f"{os.path.dirname(peer('pipx'))}:/usr/bin:/bin",
    }
    old = machine.python(OLD)
    machine.run(peer("uv"), "tool", "install", "-q", "--python", old, "spam")
    machine.run(peer("pipx"), "install", "--backend", "uv", "--python", old, "spam")
    write(
        f"{machine.project}/pyproject.toml",
        '[project]\nname = "demo"\nversion = "1.0"\n[tool.poetry]\npackage-mode = false\n',
    )
    machine.run(peer("poetry"), "-n", "env", "use", old)
    settings = (
        f"[tox]\nskipsdist = true\n[testenv]\nskip_install = true\nbase_python = {old}\ndeps = spam\ncommands = spam\n"
    )
    write(f"{machine.path}/toxed/tox.ini", settings)
    machine.run(peer("tox"), "run", "-q", "-e", PY, cwd=machine.path / "toxed")
    machine.run(
        peer("virtualenv"),
        "-q",
        "--no-seed",
        "-p",
        old,
        machine.path / f".cache/pre-commit/repo1a2b/py_env-python{MINOR}",
    )
    machine.pyman("register", machine.path / "toxed")
    machine.trees = {place: machine.exact(machine.path / place) for place in OWNERS}
    machine.poetry = next((machine.path / ".cache/pypoetry/virtualenvs").iterdir())
    return machine


def owned(answer, machine):
    return {os.path.relpath(one["path"], machine.path): one for one in answer["findings"]}


def test_their_own_command_is_named_and_nothing_is_touched(machine):
    for words in ((), ("--fix",)):
        found = owned(machine.json("doctor", *words, status=1), machine)
        poetry = found.pop(os.path.relpath(machine.poetry, machine.path))
        assert poetry["repair"] == f"run `pyman doctor {machine.poetry} --fix --foreign`"
        for place, (_, command) in OWNERS.items():
            ours = f"`pyman doctor {machine.path / place} --fix --foreign`"
            theirs = command.format(alias=machine.python(MINOR), home=machine.path)
            assert found[place]["repair"] == (f"run `{theirs}`, or {ours}" if theirs else f"run {ours}")
        assert {one["code"] for one in found.values()} == {"stale-patch"}
        assert {one["status"] for one in found.values()} == {"open"}
    for place, tree in machine.trees.items():
        assert machine.exact(machine.path / place) == tree
    venvs = {os.path.relpath(one["path"], machine.path): one["creator"] for one in machine.json("venvs")["venvs"]}
    assert venvs.pop(os.path.relpath(machine.poetry, machine.path)) == "poetry"
    assert venvs == {place: creator for place, (creator, _) in OWNERS.items()}


@pytest.mark.parametrize("word", ["pin", "follow"])
def test_pin_and_follow_leave_them_to_their_owner(machine, word):
    answer = machine.pyman(word, machine.path / f"toxed/.tox/{PY}", status=1)
    assert f"pyman doctor {machine.path}/toxed/.tox/{PY} --fix --foreign" in answer.err


def test_with_foreign_all_are_repaired(machine):
    found = owned(machine.json("doctor", "--fix", "--foreign"), machine)
    assert len(found) == 5
    assert {one["status"] for one in found.values()} == {"fixed"}
    for place in OWNERS:
        if "pre-commit" not in place:
            machine.works(machine.path / place)
    # pipx knows the interpreter that its venv has now, and finds nothing wrong.
    metadata = json.loads((machine.path / ".local/share/pipx/venvs/spam/pipx_metadata.json").read_text())
    assert metadata["python_version"] == f"Python {NEW}"
    assert metadata["source_interpreter"]["__Path__"] == str(machine.python())
    assert "spam 1.0" in machine.run(peer("pipx"), "list", "--short")
    assert machine.run(peer("poetry"), "-n", "run", "python", "-c", "import sys; print(sys.prefix)") == str(
        machine.poetry
    )
    assert "spam v1.0" in machine.run(peer("uv"), "tool", "list")
    again = machine.json("doctor", "--fix", "--foreign")
    assert again["summary"]["fixed"] == 0


@pytest.mark.parametrize("tool", ["pyman", "uv", "venv", "virtualenv"])
def test_uv_sync_keeps_a_venv_before_and_after_the_alias_moved_and_after_a_relink(tmp_path, tool):
    """uv recreates a project's venv when its file names another patch release than runs: what is in it would be lost."""
    machine = Machine(tmp_path, OLD)
    write(
        f"{machine.project}/pyproject.toml",
        f'[project]\nname = "demo"\nversion = "1.0"\nrequires-python = ">={OTHER_MINOR}"\n',
    )
    followed = machine.venv("project", tool=tool)
    pinned = machine.venv("pinned", machine.python(OLD), tool=tool)
    write(f"{machine.path}/pinned/pyproject.toml", (machine.project / "pyproject.toml").read_text())
    for venv in (followed, pinned):
        machine.give(venv)
        (venv / "mine").touch()

    def sync(venv):
        machine.run(peer("uv"), "sync", "-q", "--inexact", cwd=venv.parent)
        assert (venv / "mine").exists(), f"uv made {venv} anew"

    sync(followed)
    sync(pinned)
    machine.pyman("register", machine.path)
    machine.pyman("install", NEW)
    sync(followed)
    machine.works(followed)
    if tool == "pyman":
        # pinned on purpose: nothing to repair, and uv keeps it as well
        assert machine.found() == {"pinned/.venv": ["pinned open"]}
        machine.pyman("follow", pinned)
    else:
        assert machine.found("--fix", status=0) == {"pinned/.venv": ["stale-patch fixed"]}
    sync(pinned)
    machine.works(pinned)
    assert machine.found(status=0) == {}
