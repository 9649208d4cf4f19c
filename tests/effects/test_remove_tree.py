"""Removing folders: nothing beside them goes, whatever lies in them and whoever changes them meanwhile."""

from __future__ import annotations

import contextlib
import os
import resource
import stat
import sys

import pytest

from pyman.effects.remove_tree import Mounted, NotOwn, remove_tree
from stage.disks import mounted
from stage.somebody import SOMEBODY, as_root, busy_somebody, exchange, let_in, run_as_somebody

linux = pytest.mark.skipif(sys.platform != "linux", reason="two names are exchanged in one step on Linux")
ROUNDS = 4000 if os.environ.get("PYMAN_TEST_RACES") == "all" else 60


def test_a_tree_is_removed_and_nothing_beside_it(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    tree = tmp_path / "tree"
    (tree / "deep" / "deeper").mkdir(parents=True)
    (tree / "deep" / "file").write_text("")
    os.link(outside / "kept", tree / "deep" / "second name")
    os.mkfifo(tree / "deep" / "fifo")
    os.symlink(outside, tree / "deep" / "link")
    os.symlink("nowhere", tree / "dangling")
    os.chmod(tree / "deep" / "deeper", 0o000)
    os.chmod(tree / "deep", 0o500)
    remove_tree(str(tree))
    assert sorted(os.listdir(tmp_path)) == ["outside"]
    assert (outside / "kept").exists()
    os.symlink(outside, tree)
    remove_tree(str(tree))
    assert (outside / "kept").exists()
    remove_tree(str(tree))
    remove_tree(str(tmp_path / "outside" / "kept" / "below a file"))


@pytest.fixture
def place(tmp_path):
    """A folder of an ordinary user's, to whom root's tests become."""
    let_in(tmp_path)
    folder = tmp_path / "place"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, SOMEBODY, SOMEBODY)
    return folder


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o300, 0o400, 0o500])
def test_what_cannot_be_opened_is_opened_by_its_owner(mode, place):
    def remove():
        (place / "tree/a/b").mkdir(parents=True)
        (place / "tree/a/file").touch()
        for folder in ("tree/a/b", "tree/a", "tree"):
            (place / folder).chmod(mode)
        remove_tree(str(place / "tree"))

    run_as_somebody(remove)
    assert os.listdir(place) == []


def test_the_folder_above_stays_as_it_is(place):
    def remove():
        (place / "shut/tree/a").mkdir(parents=True)
        (place / "shut").chmod(0o500)
        with pytest.raises(PermissionError) as raised:
            remove_tree(str(place / "shut/tree"))
        assert raised.value.filename == str(place / "shut/tree")

    run_as_somebody(remove)
    assert os.listdir(place / "shut") == ["tree"]
    assert stat.S_IMODE((place / "shut").stat().st_mode) == 0o500


def test_a_tree_that_is_deeper_than_folders_may_be_open(place):
    """It is refused, and what is left can be removed where more may be open."""

    def remove():
        folder = place
        for _ in range(80):
            folder /= "deeper"
            folder.mkdir()
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
        with pytest.raises(OSError, match="Too many open files"):
            remove_tree(str(place / "deeper"))

    run_as_somebody(remove)
    remove_tree(str(place / "deeper"))
    assert os.listdir(place) == []


@as_root
@pytest.mark.parametrize("options", [("-t", "tmpfs", "tmpfs"), ("--bind", "data")], ids=["device", "bind"])
def test_a_mount_at_any_depth_stops_it_before_anything_is_touched(options, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/f").write_text("precious")
    place = tmp_path / "tree/a b/share\\data"
    place.mkdir(parents=True)
    (tmp_path / "tree/file").write_text("")
    with mounted(place, *(str(tmp_path / word) if word == "data" else word for word in options)):
        (place / "f").write_text("precious")
        with pytest.raises(Mounted) as raised:
            remove_tree(str(tmp_path / "tree"))
        assert raised.value.filename == str(place)
        assert (place / "f").read_text() == "precious"
        assert (tmp_path / "tree/file").exists()
        # Where the mounts are not listed another device tells.
        if "--bind" not in options:
            with no_list_of_mounts(), pytest.raises(Mounted):
                remove_tree(str(tmp_path / "tree"))
            assert (place / "f").read_text() == "precious"
    remove_tree(str(tmp_path / "tree"))
    assert (tmp_path / "data/f").exists()


@contextlib.contextmanager
def no_list_of_mounts():
    from pyman.effects import mounts

    before, mounts._TABLE = mounts._TABLE, "/nonexistent"
    try:
        yield
    finally:
        mounts._TABLE = before


@as_root
@pytest.mark.parametrize("what", ["file", "folder", "link", "writable by others", "top"])
def test_only_ones_own(what, tmp_path):
    tree = tmp_path / "tree"
    (tree / "a/folder").mkdir(parents=True)
    (tree / "a/file").write_text("")
    (tree / "a/link").symlink_to("file")
    if what == "writable by others":
        os.chmod(tree / "a/folder", 0o777)
    else:
        os.chown(tree if what == "top" else tree / "a" / what, SOMEBODY, SOMEBODY, follow_symlinks=False)
    with pytest.raises(NotOwn):
        remove_tree(str(tree), own=True)
    assert os.path.lexists(tree / "a/folder" if what == "writable by others" else tree / "a")
    remove_tree(str(tree))
    assert os.listdir(tmp_path) == []


def test_only_ones_own_removes_ones_own(tmp_path):
    (tmp_path / "tree/a").mkdir(parents=True)
    (tmp_path / "tree/a/file").write_text("")
    (tmp_path / "tree/a/link").symlink_to("/")
    remove_tree(str(tmp_path / "tree"), own=True)
    assert os.listdir(tmp_path) == []


def grow(folder, victim, uid=None):
    """A tree with a folder that is like the victim, and a link to the victim, both for an attacker to exchange."""
    for path in ("tree", "tree/d", "tree/d/etc", *(f"tree/d/{number}" for number in range(20))):
        os.makedirs(folder / path, exist_ok=True)
    (folder / "tree/d/etc/system").write_text("")
    os.symlink(victim, folder / "tree/l")
    for path in ("tree", "tree/d", "tree/d/etc") if uid is not None else ():
        os.chown(folder / path, uid, uid)


def make_victim(folder, mode):
    victim = folder / "victim"
    (victim / "etc").mkdir(parents=True)
    (victim / "etc/system").write_text("precious")
    victim.chmod(mode)
    return victim


@linux
@as_root
@pytest.mark.parametrize("own", [False, True])
def test_who_exchanges_a_folder_for_a_link_meanwhile_gets_nothing_removed(own, tmp_path):
    """Root removes, another user races: what the link leads to stays, and keeps its mode."""
    let_in(tmp_path)
    victim = make_victim(tmp_path, 0o750)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    removed = 0
    with busy_somebody(lambda: exchange(shared / "tree/d", shared / "tree/l")):
        for _ in range(ROUNDS):
            with contextlib.suppress(OSError):
                grow(shared, victim, SOMEBODY)
            with contextlib.suppress(OSError):
                remove_tree(str(shared / "tree"), own=own)
                removed += 1
            assert (victim / "etc/system").exists()
            assert stat.S_IMODE(victim.stat().st_mode) == 0o750
    assert (removed > 0) != own


@linux
def test_what_has_to_be_made_readable_is_not_what_a_link_leads_to(place):
    """An ordinary user's folders that cannot be opened, exchanged meanwhile: no mode outside changes."""

    def race():
        victim = make_victim(place, 0o500)
        with busy_somebody(lambda: exchange(place / "tree/d", place / "tree/l")):
            for _ in range(ROUNDS):
                with contextlib.suppress(OSError):
                    grow(place, victim)
                with contextlib.suppress(OSError):
                    folder = os.open(place / "tree/d", os.O_RDONLY | os.O_NOFOLLOW)
                    os.fchmod(folder, 0o000)
                    os.close(folder)
                with contextlib.suppress(OSError):
                    remove_tree(str(place / "tree"))
                assert (victim / "etc/system").exists()
                assert stat.S_IMODE(victim.stat().st_mode) == 0o500

    run_as_somebody(race)
