"""A venv whose making was cut off: told of, kept, recreated after a yes, and never taken for rubbish."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pyman.effects.venvs.place import UNFINISHED
from stage.home import Home
from stage.mirror import OLD, SITE, mirror_folder
from stage.slow_uv import write_slow_uv
from stage.venvs import peer
from stage.wheels import build_wheel


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A home with a Python whose pip is in the cache, and a package that uv can install without a network."""
    folder = tmp_path_factory.mktemp("shared")
    home = Home(folder, mirror_folder()).with_runtimes(OLD)
    build_wheel(str(folder / "wheels"), "spam", "1.0", scripts={"spam": "spam:main"})
    build_wheel(str(folder / "wheels"), "eggs", "1.0")
    (folder / "tools").mkdir()
    (folder / "tools/uv").symlink_to(peer("uv"))
    home.environ |= {
        "PATH": f"{folder}/tools:/usr/bin:/bin",
        "UV_FIND_LINKS": str(folder / "wheels"),
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(folder / "uv-cache"),
    }
    home.pyman("venv", "warm")
    return home


@pytest.fixture
def cut_off(shared, tmp_path):
    """The shared home, with `.venv` in an empty folder of its own, killed while r.txt was installed."""
    home = shared
    home.project = tmp_path / "project"
    home.project.mkdir()
    (home.project / "r.txt").write_text("spam\n")
    path, pipe = write_slow_uv(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "pyman", "venv", "-r", "r.txt"],
        cwd=home.project,
        env={**home.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pipe.read_text()
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Its user goes on with it.
    home.venv = home.project / ".venv"
    (home.venv / "notes.txt").write_text("mine")
    (home.venv / "bin/tool").write_text("#!/bin/sh\n")
    uv = os.path.join(home.environ["PATH"].partition(":")[0], "uv")
    home.run(uv, "pip", "install", "-q", "--python", home.venv / "bin/python", "eggs", **home.environ)
    yield home
    for name in os.listdir(home.root / "venvs"):
        os.unlink(home.root / "venvs" / name)


def findings(home, *words, status):
    return [one for one in home.json("doctor", *words, status=status)["findings"] if one["path"] == str(home.venv)]


def works(home):
    assert home.run(home.venv / "bin/python", "-I", "-c", "import spam, eggs; print(spam.__name__)") == "spam"
    assert home.run(home.venv / "bin/spam") == "spam 1.0"
    assert (home.venv / "notes.txt").read_text() == "mine"
    assert (home.venv / "bin/tool").exists()
    assert not (home.venv / UNFINISHED).exists()


def left(home):
    return [name for name in os.listdir(home.root / "venvs") if name.startswith(".")] + [
        name for name in os.listdir(home.project) if ".pyman-" in name
    ]


@pytest.mark.parametrize("words", [(), ("{project}",)], ids=["known", "folder"])
def test_doctor_tells_of_it_and_changes_nothing_without_a_yes(words, cut_off):
    words = [word.format(project=cut_off.project) for word in words]
    before = cut_off.tree(cut_off.project)
    for more in ((), ("--dry-run",), ("--fix",)):
        [found] = findings(cut_off, *words, *more, status=1)
        assert (found["code"], found["severity"], found["kind"], found["status"]) == (
            "unfinished",
            "error",
            "venv",
            "planned" if more == ("--dry-run",) else "open",
        )
        assert found["message"] == "installing r.txt into it was interrupted"
        assert f"`pyman register {cut_off.venv}` keeps it as it is" in found["repair"]
        assert cut_off.tree(cut_off.project) == before
    [found] = findings(cut_off, *words, "--dry-run", "--yes", status=1)
    assert found["status"] == "planned"
    assert cut_off.tree(cut_off.project) == before
    [listed] = [one for one in cut_off.json("venvs")["venvs"] if one["path"] == str(cut_off.venv)]
    assert listed["state"] == "unfinished"
    shown = cut_off.pyman("doctor", status=1)
    assert "error unfinished" in shown.out


def test_a_yes_recreates_it_with_what_is_in_it_and_was_to_be_installed(cut_off):
    [found] = findings(cut_off, "--fix", "--yes", status=0)
    assert found["status"] == "fixed"
    works(cut_off)
    assert left(cut_off) == []
    assert findings(cut_off, "--fix", status=0) == []


def test_a_rebuild_recreates_it_with_what_is_in_it_and_was_to_be_installed(cut_off):
    before = cut_off.tree(cut_off.project)
    (cut_off.project / "r.txt").rename(cut_off.project / "away.txt")
    assert "there is no file" in cut_off.pyman("rebuild", status=1).err
    (cut_off.project / "away.txt").rename(cut_off.project / "r.txt")
    assert cut_off.tree(cut_off.project) == before
    answer = cut_off.json("rebuild", status=0)
    assert [one["status"] for one in answer["rebuilt"]] == ["rebuilt"]
    works(cut_off)
    assert left(cut_off) == []
    assert findings(cut_off, "--fix", status=0) == []


def test_what_cannot_be_recreated_stays_as_it_is(cut_off):
    (cut_off.project / "r.txt").write_text("nothing-of-this-name\n")
    before = cut_off.tree(cut_off.project)
    [found] = findings(cut_off, "--fix", "--yes", status=1)
    assert (found["code"], found["status"]) == ("unfinished", "failed")
    assert cut_off.tree(cut_off.project) == before
    (cut_off.project / "r.txt").unlink()
    [found] = findings(cut_off, "--fix", "--yes", status=1)
    assert "there is no file" in found["message"]
    (cut_off.project / "r.txt").write_text("spam\n")
    [found] = findings(cut_off, "--fix", "--yes", status=0)
    works(cut_off)


def test_it_can_be_kept(cut_off):
    # Not by the way, where a folder is searched.
    cut_off.pyman("register", cut_off.project)
    assert [one["code"] for one in findings(cut_off, status=1)] == ["unfinished"]
    told = cut_off.pyman("register", cut_off.venv)
    assert "kept as it is" in told.out
    assert findings(cut_off, status=0) == []
    assert (cut_off.venv / "notes.txt").read_text() == "mine"
    assert left(cut_off) == []


def test_venv_refuses_it_like_any_other_and_replaces_it_only_when_it_is_told_to(cut_off):
    before = cut_off.tree(cut_off.project)
    for words in ((), ("--pin",), ("--clear",)):
        told = cut_off.pyman("venv", *words, status=1)
        assert cut_off.tree(cut_off.project) == before
        expected = (
            "contains files that are not part of a venv: notes.txt" if words == ("--clear",) else "was interrupted"
        )
        assert expected in told.err
    cut_off.pyman("venv", "--clear", "--yes")
    assert (cut_off.venv / "notes.txt").read_text() == "mine"
    assert (cut_off.venv / "bin/tool").exists()
    assert not (cut_off.venv / f"{SITE}/eggs").exists()
    assert findings(cut_off, "--fix", status=0) == []
    assert left(cut_off) == []


def test_a_clear_that_fails_leaves_it_unfinished(cut_off):
    before = cut_off.tree(cut_off.project)
    (cut_off.project / "wrong.txt").write_text("nothing-of-this-name\n")
    cut_off.pyman("venv", "--clear", "--yes", "-r", "wrong.txt", status=1)
    (cut_off.project / "wrong.txt").unlink()
    assert cut_off.tree(cut_off.project) == before
    assert [one["code"] for one in findings(cut_off, status=1)] == ["unfinished"]
    findings(cut_off, "--fix", "--yes", status=0)
    works(cut_off)


def test_it_can_be_removed(cut_off):
    cut_off.pyman("venvs", "--remove", cut_off.venv, status=1)
    cut_off.pyman("venvs", "--remove", cut_off.venv, "--yes")
    assert sorted(path.name for path in cut_off.venv.rglob("*")) == ["bin", "notes.txt", "tool"]
    assert left(cut_off) == []
    assert findings(cut_off, status=0) == []
