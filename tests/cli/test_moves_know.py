"""Moves of aliases begin with the inventory: venvs that nobody has recorded are checked, held back and kept in step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stage.followers import add_package, setting, version_of
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_venv

# In the home folder; `project` is where the commands run.
WHERE = {
    "pipx": ".local/share/pipx/venvs/app",
    "uv": ".local/share/uv/tools/app",
    "poetry": f".cache/pypoetry/virtualenvs/app-abcdefgh-py{MINOR}",
    "pipenv": ".local/share/virtualenvs/app-abcdefgh",
    "virtualenvwrapper": ".virtualenvs/app",
    "pdm": f".local/share/pdm/venvs/app-abcdefgh-{MINOR}",
    "hatch": ".local/share/hatch/env/virtual/app/abcdefgh/app",
    "pyenv-virtualenv": f".pyenv/versions/{OLD}/envs/app",
    "pre-commit": f".cache/pre-commit/repoabcdefgh/py_env-python{MINOR}",
    "here": "project/.venv",
    "tox": "project/.tox/py313",
    "nox": "project/.nox/tests",
}


@pytest.fixture
def user(home):
    """Both releases are there; the alias leads to the newer."""
    return home.with_runtimes(OLD, NEW)


def unrecorded(user, place, through=MINOR, extra=f"version_info = {NEW}\n"):
    """A venv that no command of pyman has seen."""
    path = str(user.path / place)
    return Path(make_venv(path, f"{user.runtimes}/{through}/bin/python{MINOR}", extra=extra))


def in_place_of(venv, name):
    """Another venv in the same folder."""
    return venv.with_name(f"{venv.name}-{name}" if venv.name != ".venv" else name)


def test_wherever_tools_keep_them(user):
    fitting, misfits = {}, {}
    for owner, place in WHERE.items():
        fitting[owner] = unrecorded(user, place)
        misfits[owner] = unrecorded(user, str(in_place_of(user.path / place, "venv")))
        add_package(misfits[owner], "picky", requires_python=f">{OLD}")
    [moved] = user.json("rollback", MINOR)["moved"]
    assert {one["path"] for one in moved["held_back"]} == set(map(str, misfits.values()))
    assert moved["venvs"] == {"followed": len(WHERE), "pinned": 0, "held_back": len(WHERE)}
    for owner in WHERE:
        # pre-commit compares the release itself with what runs.
        named = OLD if owner == "pre-commit" else MINOR
        assert (owner, setting(fitting[owner], "version_info"), version_of(fitting[owner])) == (owner, named, OLD)
        assert (owner, version_of(misfits[owner])) == (owner, NEW)
    # They stay unrecorded: nobody asked for that.
    assert os.listdir(user.root / "venvs") == []
    # What fits again comes forward, although it goes through no alias now.
    [moved] = user.json("unhold", MINOR)["moved"]
    assert moved["venvs"] == {"followed": 2 * len(WHERE), "pinned": 0, "held_back": 0}
    assert {os.readlink(venv / "bin/python") for venv in misfits.values()} == {
        f"{user.runtimes}/{MINOR}/bin/python{MINOR}"
    }


def moves(user):
    """Every verb that moves an alias down from NEW, or up from OLD, with what has to be done before."""
    opt = user.path / "opt"
    return {
        "hold": (["hold", MINOR, OLD], []),
        "uninstall": (["uninstall", NEW, "--relink"], []),
        "unhold": (["unhold", MINOR], [["hold", MINOR, OLD]]),
        "doctor --fix": (["doctor", "--fix"], []),
        "install": (["install", NEW], [["uninstall", NEW, "--force"]]),
        "upgrade": (["upgrade", MINOR], [["uninstall", NEW, "--force"]]),
        # One that pyman installed would go before it.
        "adopt": (["adopt", f"{opt}/{NEW}"], [["uninstall", OLD, NEW, "--force"], ["adopt", f"{opt}/{OLD}"]]),
    }


@pytest.mark.parametrize("verb", ["hold", "uninstall", "unhold", "doctor --fix", "install", "upgrade", "adopt"])
def test_whoever_moves_the_alias(user, verb):
    words, before = moves(user)[verb]
    if verb == "adopt":
        os.makedirs(user.path / "opt")
        for release in (OLD, NEW):
            user.run("cp", "-a", user.runtimes / release, user.path / "opt" / release)
            os.unlink(user.path / "opt" / release / "pyman-runtime.toml")
    for each in before:
        user.pyman(*each)
    if verb == "doctor --fix":
        # An alias that does not point where the rules say.
        os.unlink(user.runtimes / MINOR)
        os.symlink(OLD, user.runtimes / MINOR)
    old = os.readlink(user.runtimes / MINOR)
    fits = unrecorded(user, WHERE["uv"], extra=f"version_info = {old}\n")
    misfit = unrecorded(user, WHERE["pipx"], extra=f"version_info = {old}\n")
    add_package(misfit, "picky", requires_python=f"=={old}")
    answer = user.json(*words, status=None)
    if verb == "uninstall":
        # What it would be held back on is what goes; nobody has recorded it, so it moved anyway, and is named.
        assert [note["path"] for note in answer["moved"][0]["notes"]] == [str(misfit)]
    else:
        assert version_of(misfit) == old
        assert setting(misfit, "pyman-held-back") == f"{old} picky 1.0 requires Python =={old}"
    new = os.readlink(user.runtimes / MINOR)
    assert (new != old, version_of(fits), setting(fits, "version_info")) == (True, new, MINOR)


def test_what_a_link_names_outside_of_its_project_is_left_as_it_is(user):
    """Anybody's repository may hold such a link; see design.md 6."""
    central = unrecorded(user, "elsewhere/central")
    add_package(central, "picky", requires_python=f">{OLD}")
    os.symlink(central, user.project / ".venv")
    before = user.exact(central)
    answer = user.json("rollback", MINOR, status=1)
    [moved] = answer["moved"]
    assert user.exact(central) == before
    assert moved["held_back"] == []
    [note] = [note["note"] for note in moved["notes"]]
    assert f"moved anyway: picky 1.0 requires Python >{OLD}" in note
    assert "it is not recorded" in note
    # Once it is recorded it is a venv like any other.
    user.pyman("unhold", MINOR)
    user.pyman("register", ".venv")
    [moved] = user.json("rollback", MINOR)["moved"]
    assert len(moved["held_back"]) == 1
    assert version_of(central) == NEW


def test_a_dry_run_knows_them_too(user):
    misfit = unrecorded(user, WHERE["pipx"])
    add_package(misfit, "picky", requires_python=f">{OLD}")
    before = user.exact(misfit)
    planned = user.json("rollback", MINOR, "--dry-run")
    assert user.exact(misfit) == before
    assert planned["moved"] == user.json("rollback", MINOR)["moved"]


def test_where_nothing_moves_nobody_looks(user):
    """A place that cannot be read is no reason to fail, and an alias that stays is none to look."""
    unrecorded(user, WHERE["uv"])
    assert user.json("hold", MINOR)["moved"] == []
