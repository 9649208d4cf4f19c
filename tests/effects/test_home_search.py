"""The search of the home: where it is kept, what it leaves out, and what a folder that cannot be read tells."""

from __future__ import annotations

import errno
import os

import pytest

from pyman.effects import mounts
from pyman.effects.places import read_places
from pyman.effects.venvs.home_search import (
    ANOTHER_USERS,
    NETWORK,
    ROOT,
    Refusal,
    found_venvs,
    last_search,
    plan_search,
    search_home,
)
from pyman.effects.venvs.records import write_record
from stage.somebody import SOMEBODY, as_root, let_in, run_as_somebody
from stage.venvs import make_venv

_LINE = "{number} 1 0:{number} / {place} rw - {kind} server:/export rw\n"


@pytest.fixture
def home(tmp_path):
    folder = os.path.realpath(tmp_path / "home")
    os.makedirs(folder)
    return folder


def mount(monkeypatch, tmp_path, **kinds):
    """Have the system's list of mounts name these, by their paths."""
    table = tmp_path / "mountinfo"
    lines = [
        _LINE.format(number=number, place=place, kind=kind) for number, (place, kind) in enumerate(kinds.items(), 50)
    ]
    table.write_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n" + "".join(lines))
    monkeypatch.setattr(mounts, "_TABLE", str(table))


def test_a_mount_below_a_home_that_is_a_link_is_left_out(home, tmp_path, monkeypatch):
    link = f"{tmp_path}/link"
    os.symlink(home, link)
    for folder in ("server", "here"):
        make_venv(f"{home}/{folder}/.venv", "/nowhere/bin/python")
    mount(monkeypatch, tmp_path, **{f"{home}/server": "nfs4"})
    places = read_places({"HOME": link})
    assert f"{link}/server" in plan_search(places).without
    assert search_home(places, record=False).venvs == (f"{link}/here/.venv",)
    assert plan_search(places).may_be_slow


def test_what_a_variable_names_is_left_out_however_it_is_written(home):
    places = read_places({"HOME": home, "UV_CACHE_DIR": f"{home}/a/../cache/", "PIP_CACHE_DIR": f"{home}//pip/."})
    for folder in ("cache", "pip", "here"):
        make_venv(f"{home}/{folder}/.venv", "/nowhere/bin/python")
    assert search_home(places, record=False).venvs == (f"{home}/here/.venv",)


def test_names_with_other_line_ends_than_the_usual_one(home, tmp_path, monkeypatch):
    place = f"{home}/a\rb\x0bc\u2028d"
    os.makedirs(place)
    os.makedirs(f"{home}/.config/pyman")
    with open(f"{home}/.config/pyman/config.toml", "w", encoding="utf-8") as file:
        file.write(f'folders = ["{home}/a\\rb\\u000bc\\u2028d"]\n')
    places = read_places({"HOME": home})
    search_home(places)
    assert last_search(places).is_made


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
@as_root
def test_a_folder_of_another_user_that_a_disk_does_not_read_is_told(home, monkeypatch, number):
    """Only one that this user is not let in to says that nothing of this user's is in it."""
    theirs = f"{home}/theirs"
    os.makedirs(f"{theirs}/inner")
    os.chown(theirs, SOMEBODY, SOMEBODY)
    scandir = os.scandir

    def refusing(path):
        if path == os.fsencode(theirs):
            raise OSError(number, os.strerror(number), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    search = search_home(read_places({"HOME": home}), record=False)
    assert search.unreadable == ((theirs,) if number == errno.EIO else ())


@as_root
def test_why_a_home_is_not_searched(home, tmp_path, monkeypatch):
    assert plan_search(read_places({"HOME": "/"})).refused == (Refusal("/", ROOT),)
    os.chown(home, SOMEBODY, SOMEBODY)
    assert plan_search(read_places({"HOME": home})).refused == (Refusal(home, ANOTHER_USERS),)
    mount(monkeypatch, tmp_path, **{home: "nfs4"})
    assert plan_search(read_places({"HOME": home})).refused == (Refusal(home, NETWORK, "nfs4"),)


@as_root
def test_who_cannot_write_the_store_keeps_a_search_in_the_own_one(home, tmp_path):
    let_in(tmp_path)
    os.chown(home, SOMEBODY, SOMEBODY)
    store = f"{tmp_path}/opt/pyman"
    os.makedirs(store)
    found = make_venv(f"{home}/app/.venv", "/nowhere/bin/python")
    recorded = make_venv(f"{home}/known/.venv", "/nowhere/bin/python")
    write_record(store, recorded)
    places = read_places({"HOME": home, "PYMAN_ROOT": store})

    def work():
        assert not last_search(places).is_made
        search_home(places)
        assert last_search(places).is_made
        assert found_venvs(places) == (found,)

    run_as_somebody(work)
    assert os.path.isfile(f"{places.own_root}/searched")
    assert sorted(os.listdir(store)) == ["mounts", "venvs"]
