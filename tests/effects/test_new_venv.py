"""New venvs on the disk: whole or not there, whatever fails and whoever is killed; and what may be in their place."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest

from pyman.core.choice import Choice
from pyman.core.new_venv import VenvSpec, plan_layout
from pyman.core.version import Version
from pyman.effects.venvs.journal import Journal
from pyman.effects.venvs.new_venv import NewVenv
from pyman.effects.venvs.place import UNFINISHED, what_is_there
from pyman.errors import Changed, PymanError, Refused

CHOICE = Choice(Version(3, 13, 15), "default", "/r/3.13/bin", "/r/3.13/bin/python3.13", "follow")


def layout_for(path):
    return plan_layout(VenvSpec(str(path), "3.13"), CHOICE, lib64=True)


def make(path, fill=None, **options):
    with NewVenv(str(path), layout_for(path), fill) as new:
        new.put(**options)
        new.keep()


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def check_whole(path):
    layout = layout_for(path)
    for name in [*layout.folders, *(name for name, _ in layout.files), "bin/activate", "bin/activate.fish"]:
        assert (path / name).exists()
    assert {name: os.readlink(path / name) for name, _ in layout.links} == dict(layout.links)
    assert set(tree(path)) == {
        *layout.folders,
        *(name for name, _ in (*layout.links, *layout.files)),
        *(f"bin/{name}" for name in ("activate", "activate.csh", "activate.fish", "Activate.ps1")),
    }
    assert what_is_there(str(path)) == "venv"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@contextlib.contextmanager
def mounted(folder, *options):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_it_appears_whole(tmp_path):
    path = tmp_path / "some/where/.venv"
    seen = []

    def fill(work, _):
        seen.append(os.path.lexists(path))
        (path.parent / os.path.basename(work) / "lib/python3.13/site-packages/six.py").write_text("")

    make(path, fill)
    assert seen == [False]
    (path / "lib/python3.13/site-packages/six.py").unlink()
    check_whole(path)
    assert tree(tmp_path / "some") == [
        "where",
        *(f"where/{name}" for name in [".venv", *(f".venv/{n}" for n in tree(path))]),
    ]


def test_an_empty_folder_makes_way(tmp_path):
    (tmp_path / "v").mkdir()
    make(tmp_path / "v")
    check_whole(tmp_path / "v")
    assert os.listdir(tmp_path) == ["v"]


def test_the_folder_that_the_shell_stands_in_stays_the_same(tmp_path, monkeypatch):
    path = tmp_path / "v"
    path.mkdir()
    monkeypatch.chdir(path)
    before = path.stat().st_ino
    make(path)
    assert path.stat().st_ino == before
    check_whole(path)
    assert os.listdir(tmp_path) == ["v"]


@as_root
def test_an_empty_folder_whose_parent_is_closed(tmp_path):
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    (tmp_path / "v").mkdir()
    os.chown(tmp_path / "v", 65534, 65534)
    os.seteuid(65534)
    try:
        if not os.access(tmp_path / "v", os.W_OK, effective_ids=True):
            pytest.skip("another user cannot reach the folder of the tests")
        make(tmp_path / "v")
        with pytest.raises(PymanError, match="cannot be written") as raised:
            make(tmp_path / "w")
    finally:
        os.seteuid(0)
    check_whole(tmp_path / "v")
    assert "can write" in raised.value.hint
    assert os.listdir(tmp_path) == ["v"]


class Fault(Exception):
    pass


@pytest.mark.parametrize("error", [Fault, KeyboardInterrupt, SystemExit])
def test_whatever_fails_leaves_nothing(error, tmp_path):
    def fill(work, _):
        raise error

    with pytest.raises(error):
        make(tmp_path / "a/b/v", fill)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("inside", [False, True])
def test_what_fails_after_it_has_its_name_takes_it_back(inside, tmp_path, monkeypatch):
    path = tmp_path / "v"
    if inside:
        path.mkdir()
        monkeypatch.chdir(path)
    with pytest.raises(Fault), NewVenv(str(path), layout_for(path)) as new:
        new.put(unfinished=True)
        assert (path / UNFINISHED).exists()
        raise Fault
    assert tree(tmp_path) == (["v"] if inside else [])


@pytest.mark.parametrize("unfinished", [False, True])
def test_a_folder_that_is_exchanged_for_another_while_it_is_made(unfinished, tmp_path):
    """In a folder that others may write: nothing is put into what they put in its place, and nothing of it removed."""
    victim = tmp_path / "victim"
    (victim / "bin").mkdir(parents=True)
    (victim / "mine").touch()
    shared = tmp_path / "shared"
    shared.mkdir()

    def exchange(work, folder):
        os.rename(work, shared / "away")
        os.symlink(victim, work)
        os.mkdir("more", dir_fd=folder)

    with pytest.raises(Changed, match="was replaced by another process"):
        make(shared / "v", exchange, unfinished=unfinished)
    assert tree(victim) == ["bin", "mine"]
    assert (shared / "away/more").is_dir()
    # A real folder of the victim's, which whoever exchanges it could only move.
    os.unlink(shared / "v")

    def move_in(work, _):
        os.rename(work, shared / "again")
        os.rename(victim, work)

    with pytest.raises(Changed):
        make(shared / "v", move_in, unfinished=unfinished)
    assert tree(shared / "v") == ["bin", "mine"]


def test_an_empty_folder_that_is_exchanged_for_a_link(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.mkdir()
    path = tmp_path / "v"
    path.mkdir()
    monkeypatch.chdir(path)

    def exchange(*_):
        os.rename(path, tmp_path / "away")
        os.symlink(victim, path)

    with pytest.raises(Refused, match="created by another process"):
        make(path, exchange)
    assert tree(victim) == []


@pytest.mark.parametrize("started", ["inside", "empty", "nothing"])
def test_a_folder_on_the_way_that_is_exchanged_before_it_is_taken_back(started, tmp_path, monkeypatch):
    """In a folder of somebody else's, who lets its name lead to where names like those of a venv are."""
    victim = tmp_path / "victim"
    for name in ("v/bin/python3", "v/bin/pip", "v/lib/python3.13/os.py", "v/include/python3.13/Python.h"):
        (victim / name).parent.mkdir(parents=True, exist_ok=True)
        (victim / name).touch()
    (victim / "below").mkdir()
    shared = tmp_path / "shared"
    path = shared / ("below/v" if started == "nothing" else "v")
    shared.mkdir()
    if started != "nothing":
        path.mkdir(mode=0o777)
    if started == "inside":
        monkeypatch.chdir(path)
    if started == "empty":
        os.rename(victim / "v", victim / "w")
    before = tree(victim)
    with pytest.raises(Fault), NewVenv(str(path), layout_for(path)) as new:
        new.put(unfinished=True)
        os.rename(shared, tmp_path / "away")
        os.symlink(victim, shared)
        raise Fault
    assert tree(victim) == before
    assert (tmp_path / "away" / path.relative_to(shared) / UNFINISHED).exists()


@as_root
def test_a_disk_that_is_full_at_any_step(tmp_path):
    """Every step that needs an inode fails once: those that the file system has are counted out."""
    folder = tmp_path / "disk"
    with mounted(folder, "-t", "tmpfs", "-o", "nr_inodes=200", "tmpfs"):
        make(folder / "a/v")
        needed = len(tree(folder))
        subprocess.run(["rm", "-r", folder / "a"], check=True)
        (folder / "mine").mkdir()
        for inodes in range(3, needed + 3):
            subprocess.run(["mount", "-o", f"remount,nr_inodes={inodes}", folder], check=True)
            if inodes < needed + 2:
                with pytest.raises(PymanError, match="is full") as raised:
                    make(folder / "a/v")
                assert raised.value.code == "disk-full"
                assert tree(folder) == ["mine"]
            else:
                make(folder / "a/v")
        check_whole(folder / "a/v")


@as_root
def test_a_mount_point_is_seen_and_never_touched(tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with mounted(tmp_path / "a mount", "-t", "tmpfs", "tmpfs") as mount:
        assert what_is_there(str(mount)) == "mount"
        make(mount / "v")
        check_whole(mount / "v")
    with mounted(tmp_path / "bound \\ here", "--bind", str(other)) as mount:
        assert what_is_there(str(mount)) == "mount"
        # One that nobody saw coming.
        with pytest.raises(Refused) as raised:
            make(mount)
        assert raised.value.code == "mount"
        assert os.listdir(mount) == []
    assert sorted(os.listdir(tmp_path)) == ["a mount", "bound \\ here", "other"]


def test_who_comes_second_is_told(tmp_path):
    path = tmp_path / "v"
    with pytest.raises(Refused, match="in the meantime") as raised:
        make(path, lambda *_: make(path))
    assert raised.value.code == "exists"
    check_whole(path)
    assert os.listdir(tmp_path) == ["v"]


@pytest.mark.parametrize("name", ["n" * 255, "ä" * 127, "☃" * 85, "a\nb 'c\" \\", "\udcff", "-v"])
def test_names(name, tmp_path):
    path = tmp_path / "x" / name
    try:
        make(path)
    except PymanError as error:
        # A file system may know UTF-8 only.
        assert name == "\udcff", error
        return
    check_whole(path)


def test_names_that_are_too_long(tmp_path):
    with pytest.raises(PymanError, match="too long"):
        make(tmp_path / "a" / ("n" * 256))
    with pytest.raises(PymanError, match="too long"):
        make(tmp_path.joinpath(*["d" * 200] * 25))
    assert os.listdir(tmp_path) == []


def test_what_may_be_in_the_place(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "empty").mkdir()
    there = {name: what_is_there(str(tmp_path / name)) for name in ("file", "full", "link", "empty", "none")}
    assert there == {"file": "file", "full": "folder", "link": "link", "empty": "empty", "none": "nothing"}
    assert what_is_there("/") == "root"
    with pytest.raises(PymanError, match="cannot be read"):
        what_is_there(str(tmp_path / "circle"))
    with pytest.raises(PymanError, match="is not a folder"):
        make(tmp_path / "file/v")
    with pytest.raises(PymanError, match="is not a folder"):
        make(tmp_path / "link/v")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_what_somebody_puts_into_it_meanwhile_stays(inside, tmp_path, monkeypatch):
    path = tmp_path / "v"
    if inside:
        path.mkdir()
        monkeypatch.chdir(path)
    with pytest.raises(PymanError) as raised, NewVenv(str(path), layout_for(path)) as new:
        new.put(unfinished=True)
        (path / "mine").write_text("precious")
        raise PymanError("no room")
    assert ("was not removed: it also contains mine" in raised.value.message) is not inside
    assert (path / "mine").read_text() == "precious"
    # What it was prepared in, or moved up from there, is its own.
    assert (path / UNFINISHED).exists() is not inside


def test_a_folder_that_holds_something_else_gets_what_it_lacks(tmp_path):
    path = tmp_path / "v"
    (path / "bin").mkdir(parents=True)
    (path / "bin/run").write_text("mine")
    (path / ".gitignore").write_text("*.o\n")
    before = tree(path)
    with Journal(None, str(path), "clear", taken=((1, "pyvenv.cfg"),)) as journal:
        with pytest.raises(Fault), NewVenv(str(path), layout_for(path), None, journal) as new:
            new.put()
            raise Fault
        assert tree(path) == before
        with NewVenv(str(path), layout_for(path), None, journal) as new:
            new.put()
            new.keep()
        (path / "bin/run").unlink()
        assert (path / ".gitignore").read_text() == "*.o\n"
        check_whole(path)
        # Twice is once too often.
        with (
            pytest.raises(Refused, match="in the meantime"),
            NewVenv(str(path), layout_for(path), None, journal) as new,
        ):
            new.put()
    check_whole(path)
