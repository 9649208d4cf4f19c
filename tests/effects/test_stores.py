"""Whose records count: of the store, of the user's own one, and for root those of every user."""

from __future__ import annotations

import os
import pwd
import types
from pathlib import Path

import pytest

from pyman.app import venv as making
from pyman.core.pyvenv_cfg import FILE_NAME
from pyman.effects import mounts
from pyman.effects.places import read_places
from pyman.effects.runtimes.dependents import read_dependents
from pyman.effects.store import read_store
from pyman.effects.venvs.inventory import take_inventory, unrecorded_venvs
from pyman.effects.venvs.records import known_venvs, write_link, write_record
from pyman.effects.venvs.stores import forget_venv, is_known, recorded_by_others, recorded_venvs, stores_asked
from stage.somebody import SOMEBODY, as_root, let_in, run_as_somebody
from stage.venvs import make_prefix, make_venv

OLD, NEW = "3.13.5", "3.13.15"


class Machine:
    """A store of root's, and a user with a home, whom `pwd` knows of."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.root = f"{folder}/opt/pyman"
        for release in (OLD, NEW):
            make_prefix(f"{self.root}/runtimes/{release}", release, manifest=True)
        os.symlink(NEW, f"{self.root}/runtimes/3.13")
        os.symlink("3.13", f"{self.root}/runtimes/3")
        self.users = []
        monkeypatch.setattr(pwd, "getpwall", lambda: self.users)
        os.makedirs(f"{folder}/root")
        self.admin = read_places({"HOME": f"{folder}/root", "PYMAN_ROOT": self.root})
        self.home = self.user("alice", SOMEBODY)
        self.alice = read_places({"HOME": self.home, "PYMAN_ROOT": self.root})

    def user(self, name, uid, home=None):
        home = home or f"{self.folder}/home/{name}"
        os.makedirs(home, exist_ok=True)
        os.chown(home, uid, uid)
        self.users.append(types.SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=uid, pw_dir=home))
        return home

    def venv(self, place, through=OLD):
        return make_venv(f"{self.folder}/{place}", f"{self.root}/runtimes/{through}/bin/python3.13")

    def needed(self, release=OLD):
        store = read_store(self.root)
        found = read_dependents(self.admin, store, store.runtime(release), unrecorded_venvs(self.admin))
        return {one.who: one.why for one in found if one.why != "processes"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root changes a store for everybody")
    let_in(tmp_path)
    return Machine(tmp_path, monkeypatch)


def test_root_counts_the_venvs_of_every_user(machine):
    pinned, found = machine.venv("home/alice/v"), machine.venv("home/alice/w")
    write_record(machine.alice.own_root, pinned)
    write_link(f"{machine.alice.own_root}/found", "w-1", found)
    assert machine.needed() == {pinned: "linked", found: "linked"}
    # `list`, `info`, `uninstall` and moves of aliases ask the same.
    assert set(unrecorded_venvs(machine.admin)) == {pinned, found}


def test_users_that_nobody_lists_have_their_homes_beside_the_others(machine):
    """Users of a directory service are not enumerated, as a rule."""
    venv = machine.venv("home/bob/v")
    write_record(f"{machine.folder}/home/bob/.local/share/pyman", venv)
    assert machine.needed() == {venv: "linked"}


def test_a_store_is_read_once_and_the_own_one_is_not_that_of_another(machine):
    venv = machine.venv("v")
    write_record(machine.root, venv)
    machine.user("root", 0, f"{machine.folder}/root")
    machine.user("again", SOMEBODY, machine.home)
    write_record(machine.admin.own_root, venv)
    write_record(machine.alice.own_root, machine.venv("home/alice/v"))
    assert recorded_by_others(machine.admin) == (f"{machine.folder}/home/alice/v",)
    assert len(machine.needed()) == 2


def test_what_others_cannot_be_asked_about_keeps_root_from_nothing(machine, monkeypatch):
    write_record(machine.alice.own_root, f"{machine.folder}/disk/that/is/away/v")
    assert machine.needed() == {}
    # A record that is none, a store that cannot be read, a user without a home.
    os.makedirs(f"{machine.alice.own_root}/venvs", exist_ok=True)
    os.symlink("relative", f"{machine.alice.own_root}/venvs/x-1")
    os.makedirs(f"{machine.user('carol', SOMEBODY)}/.local/share/pyman")
    os.symlink("/dev/null", f"{machine.folder}/home/carol/.local/share/pyman/venvs")
    machine.users.append(types.SimpleNamespace(pw_name="_apt", pw_uid=42, pw_gid=42, pw_dir="/nonexistent"))
    machine.users.append(types.SimpleNamespace(pw_name="odd", pw_uid=1000, pw_gid=1000, pw_dir=""))
    assert machine.needed() == {}
    # Nothing on a network is looked at: it may never answer.
    write_record(machine.alice.own_root, machine.venv("home/alice/v"))
    assert machine.needed() == {f"{machine.folder}/home/alice/v": "linked"}
    away = mounts.Mount(f"{machine.folder}/home/alice", "nfs4", "server:/home/alice", "/", "2", parent="1")
    monkeypatch.setattr(mounts, "_mounts", lambda: [mounts.Mount("/", "ext4", "/dev/sda1", "/", "1"), away])
    assert machine.needed() == {}


def test_who_is_not_root_asks_nobody_else(machine):
    write_record(f"{machine.folder}/home/bob/.local/share/pyman", machine.venv("home/bob/v"))
    run_as_somebody(lambda: _is_equal(recorded_by_others(machine.alice), ()))


@as_root
def test_a_user_who_cannot_write_the_store_records_in_the_own_one(machine):
    told = f"{machine.folder}/home/alice/told"

    def work():
        options = making.VenvOptions(folder=f"{machine.home}/v", python=OLD, pin=False, with_pip=False)
        answer = making.make_venv(machine.alice, {"HOME": machine.home}, machine.home, options)
        with open(told, "w", encoding="utf-8") as file:
            file.write("\n".join(answer.notes))
        _is_equal([one.path for one in recorded_venvs(machine.alice)], [f"{machine.home}/v"])
        _is_equal(is_known(machine.alice, f"{machine.home}/v"), True)
        # Who lists the venvs sees it, and one that was found is recorded there too.
        os.makedirs(f"{machine.home}/.virtualenvs")
        found = make_venv(f"{machine.home}/.virtualenvs/w", f"{machine.root}/runtimes/3.13/bin/python3.13")
        each = {facts.path for facts in take_inventory(machine.alice, {}, machine.home).read()}
        _is_equal(each, {f"{machine.home}/v", found})
        _is_equal(is_known(machine.alice, found), True)
        # Each has a line that tells what it lay on.
        _is_equal(len(Path(machine.alice.own_root, "mounts").read_text().splitlines()), 2)

    run_as_somebody(work)
    assert os.path.isfile(f"{machine.home}/v/{FILE_NAME}")
    with open(told, encoding="utf-8") as file:
        assert f"it is recorded in {machine.alice.own_root}, because {machine.root} cannot be written" in file.read()
    assert known_venvs(machine.root) == ()
    assert machine.needed() == {f"{machine.home}/v": "pinned"}
    run_as_somebody(lambda: forget_venv(machine.alice, known_venvs(machine.alice.own_root)[0].name))
    assert len(known_venvs(machine.alice.own_root)) == 1


def test_a_store_that_is_not_there_yet_is_the_users_where_it_can_be_made(machine):
    new = read_places({"HOME": machine.home, "PYMAN_ROOT": f"{machine.home}/new/store"})
    run_as_somebody(lambda: _is_equal(stores_asked(new), (new.root,)))
    new = read_places({"HOME": machine.home, "PYMAN_ROOT": f"{machine.folder}/new"})
    run_as_somebody(lambda: _is_equal(stores_asked(new), (new.root, new.own_root)))


def test_records_of_the_own_store_are_no_part_of_another_that_is_the_users(machine):
    """Who tries something in a second store does not have the venvs of the first one repaired there."""
    write_record(machine.admin.own_root, machine.venv("v"))
    assert recorded_venvs(machine.admin) == ()
    assert unrecorded_venvs(machine.admin) == (f"{machine.folder}/v",)


def _is_equal(one, other):
    assert one == other, (one, other)
