"""`self uninstall`: what it removes of a store, and of a folder that is none."""

from __future__ import annotations

import os

import pytest

from pyman.effects.venvs.records import record_name
from stage.home import Home

NAMES = ("default", "links", "notice", "upkeep", "repairs", "holds", "searched", "mounts")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def remembering(root):
    """A folder in which everything has the name of something that a store remembers."""
    root.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (root / name).write_text("/srv/mine\n")
    for folder in ("venvs", "found"):
        (root / folder).mkdir()
        (root / folder / record_name("/srv/app/.venv")).symlink_to("/srv/app/.venv")
    return root


def test_nothing_of_a_folder_without_runtimes_goes(home):
    """PYMAN_ROOT may name any folder, by mistake above all."""
    root = remembering(home.path / "thesis")
    (root / "shims").mkdir()
    (root / "shims/python3").symlink_to("python")
    before = home.exact(root)
    for words in (["--dry-run"], []):
        removed = home.json("self", "uninstall", *words, PYMAN_ROOT=str(root))["changed"]
        assert [path for path in removed if path.startswith(str(root))] == []
        assert home.exact(root) == before
    os.mkdir(home.path / "runtimes-elsewhere")
    (root / "runtimes").symlink_to("../runtimes-elsewhere")
    removed = home.json("self", "uninstall", PYMAN_ROOT=str(root))["changed"]
    assert [path for path in removed if path.startswith(str(root))] == []


def test_of_a_folder_with_shims_alone_only_these_go(home):
    root = home.path / "thesis"
    home.pyman("shims", PYMAN_ROOT=str(root))
    (root / "default").write_text("mine")
    home.pyman("self", "uninstall", PYMAN_ROOT=str(root))
    assert (root / "default").read_text() == "mine"
    assert not (root / "shims").exists()
    (root / "default").unlink()
    home.pyman("shims", PYMAN_ROOT=str(root))
    home.pyman("self", "uninstall", PYMAN_ROOT=str(root))
    assert not root.exists()


def test_of_a_store_only_what_pyman_makes_goes(home):
    root = remembering(home.root)
    (root / "runtimes").mkdir()
    (root / "links").write_text("")
    (root / "venvs/work").symlink_to("/srv/work")
    (root / "found/app-0123456789abcdef.txt").symlink_to("/srv/work")
    (root / "notice").unlink()
    (root / "notice").mkdir()
    (root / "notice/pyman.py").write_text("mine")
    planned = home.json("self", "uninstall", "--dry-run")["changed"]
    assert home.json("self", "uninstall")["changed"] == planned
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.name.startswith(".lock"))
    assert left == ["found", "found/app-0123456789abcdef.txt", "notice", "notice/pyman.py", "venvs", "venvs/work"]


def test_of_a_store_that_has_nothing_else_nothing_is_left(home):
    root = remembering(home.root)
    (root / "runtimes").mkdir()
    (root / "links").write_text("")
    died = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(died, 0)
    (root / f"venvs/.app-0123456789abcdef.pyman-{died}-01234567").symlink_to("/srv/app")
    home.pyman("self", "uninstall")
    assert not root.exists()


def test_what_a_removal_that_was_cut_off_left_goes(home):
    """Killed between the last folder of the store and its locks."""
    home.root.mkdir(parents=True)
    (home.root / ".lock").touch()
    (home.root / ".lock-3.13.5").touch()
    home.pyman("self", "uninstall")
    assert not home.root.exists()
