"""Which known venvs go through a name of the store, however their links and files are made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyman.effects.moves.followers import read_followers
from pyman.effects.venvs.records import record_name, remember
from stage.venvs import make_venv, write

THROUGH = {"3.13": "3.13", "3": "3.13"}


class Place:
    """A store without runtimes: only links and texts are read."""

    def __init__(self, folder):
        self.folder = folder
        self.root = f"{folder}/root"
        self.runtimes = f"{self.root}/runtimes"
        os.makedirs(self.runtimes)

    def venv(self, name, through="3.13", extra="", **options):
        venv = make_venv(f"{self.folder}/{name}", f"{self.runtimes}/{through}/bin/python3.13", extra=extra, **options)
        remember(self.root, venv)
        return venv

    def found(self, **counted):
        return read_followers(self.root, lambda name: name.startswith("3"), **counted)

    def names(self):
        return {os.path.basename(one.path): one.through for one in self.found().each}


@pytest.fixture
def place(tmp_path):
    return Place(str(tmp_path))


def test_every_way_to_go_through_a_name(place):
    place.venv("alias")
    place.venv("patch", "3.13.5")
    place.venv("major", "3")
    # `python` leads to `python3`, and only that leads out
    stdlib = place.venv("stdlib")
    os.unlink(f"{stdlib}/bin/python")
    os.unlink(f"{stdlib}/bin/python3")
    os.symlink("python3", f"{stdlib}/bin/python")
    os.symlink(f"{place.runtimes}/3.13/bin/python3", f"{stdlib}/bin/python3")
    # a copy goes by its home
    copied = place.venv("copied")
    for name in ("python", "python3", "python3.13"):
        os.unlink(f"{copied}/bin/{name}")
        write(f"{copied}/bin/{name}", "\x7fELF", 0o755)
    # a lone link somewhere leads here
    os.symlink(f"{place.runtimes}/3.13/bin/python3.13", f"{place.folder}/python3.13")
    lone = make_venv(f"{place.folder}/lone", f"{place.folder}/python3.13")
    remember(place.root, lone)
    # elsewhere
    for name, target in (
        ("system", "/usr/bin/python3"),
        ("gone", "/nowhere/python"),
        ("circle", f"{place.folder}/circle/bin/python"),
    ):
        remember(place.root, make_venv(f"{place.folder}/{name}", target))
    remember(place.root, f"{place.folder}/missing/.venv")
    write(f"{place.root}/venvs/no-link", "")
    os.symlink("relative", f"{place.root}/venvs/relative-0000")
    assert place.names() == {
        "alias": "3.13", "patch": "3.13.5", "major": "3", "stdlib": "3.13", "copied": "3.13", "lone": "3.13"
    }  # fmt: skip
    assert [one.path for one in place.found().each if one.copies] == [copied]


def test_a_store_that_venvs_write_down_by_its_real_path(place):
    link = f"{place.folder}/link"
    os.symlink(place.root, link)
    place.venv("v")
    [follower] = read_followers(link, "3.13".__eq__).each
    assert (follower.runtimes, follower.through) == (place.runtimes, "3.13")


def test_what_cannot_be_read_is_followed_and_not_written(place):
    venv = place.venv("v")
    os.unlink(f"{venv}/pyvenv.cfg")
    os.mkfifo(f"{venv}/pyvenv.cfg")
    [follower] = place.found().each
    assert (follower.through, follower.obstacle) == ("3.13", "it is not writable")
    # without its file it is not a venv
    os.unlink(f"{venv}/pyvenv.cfg")
    assert place.found().each == ()


def test_those_in_which_nothing_goes_stale_are_only_counted(place):
    place.venv("quiet", extra="version = 3.13\n")
    place.venv("full", extra="version = 3.13.5\n")
    place.venv("held", extra="pyman-held-back = 3.13.5 x\n")
    place.venv("patch", "3.13.5", extra="version = 3.13\n")
    owned = place.venv("owned", extra="version = 3.13\n")
    (Path(owned) / "pipx_metadata.json").write_text("{}")
    found = place.found(counted=THROUGH)
    assert {os.path.basename(one.path) for one in found.each} == {"full", "held", "patch", "owned"}
    assert found.others == {"3.13": 1}
    [tool] = [one for one in found.each if one.path == str(owned)]
    assert [(file.path, file.content) for file in tool.owner_files] == [(f"{owned}/pipx_metadata.json", b"{}")]
    # poetry's lies beside the venv, wherever that is recorded or linked.
    poetry = place.venv("shop-AbCd1_-2-py3.13", extra="version = 3.13\n")
    os.symlink(poetry, f"{place.folder}/.venv")
    assert poetry not in {one.path for one in place.found(counted=THROUGH).each}
    write(f"{place.folder}/envs.toml", "[shop]\n")
    assert poetry in {one.path for one in place.found(counted=THROUGH).each}
    os.unlink(f"{place.root}/venvs/{record_name(poetry)}")
    others = [f"{place.folder}/.venv"]
    assert others[0] in {one.path for one in place.found(counted=THROUGH, others=others).each}
    # A link is somebody's own way to keep the file: it stays, and the venv moves.
    (Path(owned) / "pipx_metadata.json").rename(Path(owned).parent / "elsewhere.json")
    (Path(owned) / "pipx_metadata.json").symlink_to(Path(owned).parent / "elsewhere.json")
    [tool] = [one for one in place.found(counted=THROUGH).each if one.path == str(owned)]
    assert tool.owner_files == ()
