"""What may be written of a venv: its own folders, through no link, whoever exchanges them meanwhile."""

import os
import signal

import pytest

from pyman.core.plans.steps import Plan, ReplaceFile, ReplaceLink
from pyman.core.venv import VenvFolder
from pyman.effects.places import Places
from pyman.effects.staging import exchange
from pyman.effects.transaction import Transaction
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.own_folders import OwnName, clean_up_own, open_own, refuse_unless_own
from pyman.errors import PymanError, Refused
from stage.venvs import make_venv, write

PACKAGES = "lib/python3.13/site-packages"
FOLDERS = ["bin", "lib", "lib/python3.13", PACKAGES]


@pytest.fixture
def venv(tmp_path):
    return make_venv(f"{tmp_path}/app/.venv", "/nowhere/bin/python3.13")


def lead_out(venv, name, tmp_path):
    """Put a folder of a venv elsewhere, and a link to it in its place."""
    outside = f"{tmp_path}/outside"
    os.rename(f"{venv}/{name}", outside)
    os.symlink(outside, f"{venv}/{name}")
    return outside


def listing(folder):
    """What a write would change of what lies below a folder: whoever reads changes the time of reading alone."""
    found = {}
    for above, folders, files in os.walk(folder):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(above, name))
            found[os.path.join(above, name)] = (status.st_mode, status.st_ino, status.st_uid, status.st_ctime_ns)
    return found


def transaction(tmp_path):
    return Transaction(Places(str(tmp_path), f"{tmp_path}/root", f"{tmp_path}/cache", f"{tmp_path}/config.toml"))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_is_a_link(venv, name, tmp_path):
    assert read_venv(venv).not_written == ""
    refuse_unless_own(VenvFolder(venv))
    outside = lead_out(venv, name, tmp_path)
    before = listing(outside)
    assert read_venv(venv).not_written == f"{name} is a link to {outside}"
    with pytest.raises(Refused, match=f"{name} is a link to "):
        refuse_unless_own(VenvFolder(venv))
    with pytest.raises(Refused, match=f"{name} is a link to "):
        open_own(VenvFolder(venv), PACKAGES if name != "bin" else "bin")
    # Not even where what is written lies elsewhere in the venv.
    old = read_venv(venv).cfg
    plan = Plan((ReplaceFile(f"{venv}/pyvenv.cfg", old, b"home = /\n"),), venv=VenvFolder(venv))
    with pytest.raises(Refused, match="writes only into a venv's own folders"), transaction(tmp_path) as taking:
        taking.take(plan)
    assert read_venv(venv).cfg == old
    assert listing(outside) == before


def test_lib64_may_be_a_link_and_is_never_written_through(venv, tmp_path):
    os.symlink("lib", f"{venv}/lib64")
    refuse_unless_own(VenvFolder(venv))
    with pytest.raises(Refused, match="lib64 is a link to lib"):
        open_own(VenvFolder(venv), "lib64/python3.13")


def test_a_folder_that_is_a_file(venv):
    os.rename(f"{venv}/bin", f"{venv}/old")
    write(f"{venv}/bin")
    assert read_venv(venv).not_written == "bin is not a folder"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_another_user(venv, name):
    os.chown(f"{venv}/{name}", 12345, 12345)
    assert read_venv(venv).not_written == f"{name} belongs to another user"
    with pytest.raises(Refused, match=f"{name} belongs to another user"):
        refuse_unless_own(VenvFolder(venv))


def test_the_venv_itself_is_a_link(venv, tmp_path):
    os.symlink(venv, f"{tmp_path}/link")
    with pytest.raises(Refused, match="it is a link to"):
        open_own(VenvFolder(f"{tmp_path}/link"))
    # Links above it are the user's own way there.
    os.symlink(f"{tmp_path}/app", f"{tmp_path}/way")
    os.close(open_own(VenvFolder(f"{tmp_path}/way/.venv"), "bin"))


@pytest.mark.parametrize("below", ["..", "bin/..", "bin//x", "./bin", "bin/"])
def test_ways_that_lead_out(venv, below):
    with pytest.raises(ValueError, match="is not in a venv"):
        open_own(VenvFolder(venv), below)
    with pytest.raises(ValueError, match="is not in"):
        OwnName("/etc/passwd", VenvFolder(venv))


def test_a_plan_without_a_venv_is_for_the_store_alone(venv, tmp_path):
    plan = Plan((ReplaceLink(f"{venv}/bin/python", "/nowhere/bin/python3.13", "/x"),))
    with pytest.raises(ValueError, match="does not say which venv"), transaction(tmp_path) as taking:
        taking.take(plan)


def test_another_venv_in_its_place_since_it_was_read(venv, tmp_path):
    """Of the same content, so that nothing else tells them apart."""
    place = read_venv(venv).place
    os.rename(venv, f"{tmp_path}/app/first")
    make_venv(venv, "/nowhere/bin/python3.13")
    before = listing(venv)
    plan = Plan((ReplaceLink(f"{venv}/bin/python3.14", None, "/x"),), venv=place)
    with pytest.raises(PymanError, match="replaced by another folder"), transaction(tmp_path) as taking:
        taking.take(plan)
    assert listing(venv) == before


def test_what_is_open_stays_the_folder_that_it_was(venv, tmp_path):
    it = OwnName(f"{venv}/bin/python", VenvFolder(venv))
    folder = it.open()
    outside = f"{tmp_path}/outside"
    os.mkdir(outside)
    os.rename(f"{venv}/bin", f"{venv}/before")
    os.symlink(outside, f"{venv}/bin")
    try:
        os.symlink("/x", "new", dir_fd=folder)
    finally:
        os.close(folder)
    assert os.listdir(outside) == []
    assert os.readlink(f"{venv}/before/new") == "/x"
    with pytest.raises(Refused, match="bin is a link"):
        it.open()
    # A real folder is another one too.
    os.unlink(f"{venv}/bin")
    os.mkdir(f"{venv}/bin")
    with pytest.raises(OSError, match="another folder has its name"):
        it.open()


def test_the_way_back_leads_nowhere_else(venv, tmp_path):
    """Exchanged between a step and its undo: what is there by then is not touched, and that is said."""
    outside = f"{tmp_path}/outside"
    write(f"{outside}/python", "mine")
    old = "/nowhere/bin/python3.13"
    steps = (ReplaceLink(f"{venv}/bin/python", old, "/x"),)
    with pytest.raises(PymanError) as failed, transaction(tmp_path) as taking:
        taking.take(Plan(steps, venv=VenvFolder(venv)))
        os.rename(f"{venv}/bin", f"{venv}/before")
        os.symlink(outside, f"{venv}/bin")
        raise PymanError("something failed")
    assert "not everything could be put back" in failed.value.message
    assert os.listdir(outside) == ["python"]
    assert os.readlink(f"{venv}/before/python") == "/x"


def test_folders_that_are_exchanged_all_the_time(venv, tmp_path):
    """A race: `bin` is a link to somebody's folder half of the time."""
    outside = f"{tmp_path}/outside"
    os.makedirs(outside)
    os.symlink("/nowhere/bin/python3.13", f"{outside}/python")
    os.symlink(outside, f"{venv}/other")
    if not exchange(f"{venv}/bin", f"{venv}/other"):
        pytest.skip("this system cannot exchange two names")
    before = listing(outside)
    child = os.fork()
    if child == 0:
        while True:
            exchange(f"{venv}/bin", f"{venv}/other")
    done = refused = 0
    try:
        for number in range(30_000):
            if number >= 300 and done and refused:
                break
            target = "/nowhere/bin/python3.13" if number % 2 else "/x"
            try:
                with transaction(tmp_path) as taking:
                    real = next(folder for folder in (f"{venv}/bin", f"{venv}/other") if not os.path.islink(folder))
                    old = os.readlink(f"{real}/python")
                    taking.take(Plan((ReplaceLink(f"{venv}/bin/python", old, target),), venv=VenvFolder(venv)))
                done += 1
            except (PymanError, OSError, StopIteration):
                refused += 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert listing(outside) == before
    assert done
    assert refused


def test_leftovers_are_swept_from_its_own_folders_only(venv, tmp_path):
    dead = ".python.pyman-999999999-0123abcd"
    outside = lead_out(venv, "bin", tmp_path)
    for folder in (outside, venv):
        os.symlink("/x", f"{folder}/{dead}")
    clean_up_own(VenvFolder(venv), ("", "bin", "nowhere"))
    assert os.path.lexists(f"{outside}/{dead}")
    assert not os.path.lexists(f"{venv}/{dead}")
