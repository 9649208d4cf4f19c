"""The Python that pyman itself runs on stays, whatever is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig

import pytest

from stage.home import PACKAGE

OLD, NEW = "3.13.5", "3.13.15"
SAYS = f"error: pyman itself runs on Python {NEW}, so it is not "


def on_its_python(user, way="3.13"):
    """Put what install.sh makes into the store: a Python for pyman that goes through a name of the store."""
    (user.root / "app/bin").mkdir(parents=True)
    (user.root / "app/bin/python").symlink_to(user.runtimes / way / "bin/python3.13")
    return user


@pytest.mark.parametrize(
    "words",
    [["uninstall", NEW], ["uninstall", "--force", NEW], ["uninstall", "--relink", NEW], ["uninstall", OLD, NEW]],
    ids=" ".join,
)
def test_it_is_not_uninstalled(user, words):
    before = on_its_python(user).tree()
    result = user.pyman(*words, status=1)
    assert result.err.startswith(f"{SAYS}removed\nhint: ")
    assert user.json(*words, status=1)["error"]["code"] == "own-python"
    assert user.tree() == before


def test_another_one_goes_and_the_alias_moves_as_any_other(user):
    on_its_python(user, NEW)
    user.pyman("hold", "3.13", OLD)
    assert os.readlink(user.runtimes / "3.13") == OLD
    # Nothing but pyman needs it now.
    kept = user.json("prune")["kept"]
    assert [(one["version"], one["why"]) for one in kept] == [(NEW, "pyman")]
    assert f"kept {NEW}: pyman itself runs on it" in user.pyman("prune").out
    assert (user.runtimes / NEW).is_dir()
    assert user.json("info", NEW)["needed_by"] == [{"why": "pyman", "who": "pyman"}]
    user.pyman("unhold", "3.13")
    assert os.readlink(user.runtimes / "3.13") == NEW
    user.pyman("uninstall", OLD)
    assert not (user.runtimes / OLD).exists()


def test_an_adopted_one_that_pyman_goes_through_is_not_forgotten(user, tmp_path):
    os.rename(user.runtimes / NEW, tmp_path / "theirs")
    os.unlink(tmp_path / "theirs/pyman-runtime.toml")
    (user.runtimes / NEW).symlink_to(tmp_path / "theirs")
    on_its_python(user)
    before = user.tree()
    for words in (["forget", NEW], ["uninstall", "--force", NEW]):
        assert user.pyman(*words, status=1).err.startswith(f"{SAYS}removed\n")
    assert user.tree() == before
    # What is used by its own path needs no link.
    os.unlink(user.root / "app/bin/python")
    (user.root / "app/bin/python").symlink_to(tmp_path / "theirs/bin/python3.13")
    told = user.pyman("forget", NEW).err
    assert (
        told == f"pyman itself runs on {tmp_path}/theirs; before you delete it: install pyman again on a newer Python\n"
    )
    assert not os.path.lexists(user.runtimes / NEW)


def test_who_forgets_the_one_that_pyman_runs_on_is_told_before_deleting_it(user, tmp_path):
    os.rename(user.runtimes / NEW, tmp_path / "theirs")
    os.unlink(tmp_path / "theirs/pyman-runtime.toml")
    (user.runtimes / NEW).symlink_to(tmp_path / "theirs")
    (user.root / "app/bin").mkdir(parents=True)
    (user.root / "app/bin/python").symlink_to(tmp_path / "theirs/bin/python3.13")
    assert user.pyman("uninstall", NEW, "--force", "--dry-run").err.startswith(
        f"pyman itself runs on {tmp_path}/theirs; "
    )
    assert "pyman itself" not in user.pyman("uninstall", OLD, "--force", "--dry-run").err


def test_it_is_not_exchanged(home):
    user = on_its_python(home.with_runtimes(NEW))
    before = user.tree(user.runtimes)
    result = user.pyman("install", "--force", NEW, status=1)
    assert result.err == (
        f"{SAYS}replaced\nhint: reinstall pyman on another Python first "
        "(`install.sh`, `pipx` and `uv tool` take `--python`)\n"
    )
    # Nothing was downloaded for that.
    assert not list(user.cache.glob("archives/*"))
    assert user.tree(user.runtimes) == before


def test_the_one_that_this_process_runs_on(home):
    user = home.with_runtimes(NEW)
    python = user.runtimes / "3.13/bin/python3.13"
    venv = user.path / "venv"
    user.run(python, "-m", "venv", "--without-pip", venv)
    # What PYTHONPATH holds is not imported by pyman.
    code = f"import sys; sys.path[:0] = {[PACKAGE, sysconfig.get_path('purelib')]}; from pyman.__main__ import main; sys.exit(main())"
    for interpreter in (python, venv / "bin/python"):
        for words in (["uninstall", "--force", NEW], ["prune"]):
            command = [interpreter, "-c", code, *words, "--json"]
            done = subprocess.run(command, env=user.environ, capture_output=True, text=True, check=False)
            answer = json.loads(done.stdout)
            assert answer.get("changed", []) == []
            if words[0] == "uninstall":
                assert answer["error"]["message"] == f"{SAYS.removeprefix('error: ')}removed"
    assert user.run(python, "-c", "print(1)") == "1"
