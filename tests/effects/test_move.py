"""Moving an alias on a real store: nobody who starts meanwhile fails, and what fails leaves everything as it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import pytest

from pyman.core.store import with_hold
from pyman.effects.moves.move import change_store, reconcile_aliases, set_hold
from pyman.effects.places import read_places
from pyman.effects.store import read_store
from pyman.errors import PymanError, Refused
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR

_MUTATIONS = ("open", "os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link")


@pytest.fixture
def store(home):
    """Two releases of one minor; the alias leads to the newer."""
    return home.with_runtimes(OLD, NEW)


def places_of(home):
    return read_places(home.environ)


def make_venv(home, name, *words):
    home.pyman("venv", name, "--without-pip", *words)
    return home.project / name


def add_package(venv, name, **fields):
    """What an installer leaves of a package: its metadata."""
    folder = next((venv / "lib").glob("python3.*")) / "site-packages" / f"{name}-1.0.dist-info"
    folder.mkdir()
    text = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{text}\n")


def version_of(venv):
    process = subprocess.run(
        [venv / "bin/python", "-I", "-c", "import platform; print(platform.python_version())"],
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def cfg_of(venv):
    return (venv / "pyvenv.cfg").read_text()


def test_no_start_fails_while_the_alias_moves_hundreds_of_times(store):
    venv = make_venv(store, "v")
    places = places_of(store)
    os.unlink(next(iter((store.root / "venvs").iterdir())))
    stop = threading.Event()
    moves = 0
    failures: list[PymanError] = []

    def move():
        nonlocal moves
        try:
            while not stop.is_set():
                set_hold(places, MINOR, OLD)
                set_hold(places, MINOR, None)
                moves += 2
        except PymanError as error:  # told below, in the thread that can fail the test
            failures.append(error)

    mover = threading.Thread(target=move)
    mover.start()
    seen = set()
    try:
        while moves < 200 and mover.is_alive():
            seen.add(version_of(venv))
    finally:
        stop.set()
        mover.join()
    assert not failures
    assert moves >= 200
    assert seen <= {OLD, NEW}


def test_an_alias_that_is_right_is_not_rewritten(store):
    before = {name: os.lstat(store.runtimes / name) for name in ("3", MINOR)}
    assert reconcile_aliases(places_of(store)) == ()
    for name, status in before.items():
        now = os.lstat(store.runtimes / name)
        assert (now.st_ino, now.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


def test_a_folder_in_the_place_of_an_alias_is_never_touched(store):
    os.unlink(store.runtimes / MINOR)
    (store.runtimes / MINOR).mkdir()
    (store.runtimes / MINOR / "mine").write_text("")
    reconcile_aliases(places_of(store))
    assert (store.runtimes / MINOR / "mine").exists()
    assert read_store(str(store.root)).blocked == (MINOR,)


def test_aliases_are_relative_and_owned_by_the_rules(store):
    os.unlink(store.runtimes / MINOR)
    os.symlink(store.runtimes / OLD, store.runtimes / MINOR)
    os.symlink("3.12.1", store.runtimes / "3.12")
    moved = reconcile_aliases(places_of(store))
    assert [(move.alias, move.new) for move in moved] == [("3.12", None), (MINOR, NEW)]
    assert os.readlink(store.runtimes / MINOR) == NEW
    assert not os.path.lexists(store.runtimes / "3.12")


def test_everyone_is_counted_held_back_and_brought_forward_again(store):
    places = places_of(store)
    set_hold(places, MINOR, OLD)
    follows, pinned, misfit = make_venv(store, "a"), make_venv(store, "b", "--pin"), make_venv(store, "c")
    stdlib = store.project / "d"
    store.run(store.runtimes / f"{MINOR}/bin/python3", "-m", "venv", "--without-pip", stdlib)
    store.pyman("register", stdlib)
    add_package(misfit, "picky", Requires_Python=f"<{NEW}")

    [moved] = set_hold(places, MINOR, None)
    assert (moved.alias, moved.old, moved.new) == (MINOR, OLD, NEW)
    assert (moved.followed, moved.pinned) == (2, 1)
    [held] = moved.held_back
    assert held.path == str(misfit)
    assert "picky" in held.reason
    assert [version_of(venv) for venv in (follows, stdlib, pinned, misfit)] == [
        NEW,
        NEW,
        OLD,
        OLD,
    ]
    assert f"version = {MINOR}\n" in cfg_of(stdlib)
    assert f"pyman-held-back = {OLD} " in cfg_of(misfit)
    assert "pyman-policy = follow\n" in cfg_of(misfit)

    # tried again at every move: still in vain
    set_hold(places, MINOR, OLD)
    [moved] = set_hold(places, MINOR, None)
    assert [one.path for one in moved.held_back] == [str(misfit)]
    # and no more once it fits
    for metadata in misfit.rglob("METADATA"):
        metadata.write_text(metadata.read_text().replace(f"<{NEW}", "<3.99"))
    set_hold(places, MINOR, OLD)
    [moved] = set_hold(places, MINOR, None)
    assert (moved.followed, moved.held_back) == (3, ())
    assert version_of(misfit) == NEW
    assert "held-back" not in cfg_of(misfit)


def test_without_the_check_all_go_along(store):
    places = places_of(store)
    set_hold(places, MINOR, OLD)
    misfit = make_venv(store, "c")
    add_package(misfit, "picky", Requires_Python=f"<{NEW}")
    [moved] = set_hold(places, MINOR, None, check=False)
    assert (moved.followed, moved.held_back) == (1, ())
    assert version_of(misfit) == NEW


def test_a_venv_that_does_not_fit_and_cannot_be_held_back_stops_the_move(store):
    places = places_of(store)
    set_hold(places, MINOR, OLD)
    misfit = make_venv(store, "c")
    add_package(misfit, "picky", Requires_Python=f"<{NEW}")
    os.rename(misfit / "bin", misfit / "programs")
    os.symlink("programs", misfit / "bin")
    before = store.tree()
    with pytest.raises(Refused) as refused:
        set_hold(places, MINOR, None)
    assert refused.value.code == "cannot-hold-back"
    assert str(misfit) in refused.value.message
    assert "--force" in refused.value.hint
    assert store.tree() == before
    [moved] = set_hold(places, MINOR, None, force=True)
    assert os.readlink(store.runtimes / MINOR) == NEW
    # that was asked for
    assert moved.is_protected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a venv to somebody else")
def test_a_venv_of_somebody_else_stops_nothing(store):
    """Nobody keeps security fixes from all others; but it is named, and nobody can say that all went well."""
    places = places_of(store)
    set_hold(places, MINOR, OLD)
    misfit = make_venv(store, "c")
    add_package(misfit, "picky", Requires_Python=f"<{NEW}")
    os.chown(misfit, 65534, -1)
    [moved] = set_hold(places, MINOR, None)
    assert os.readlink(store.runtimes / MINOR) == NEW
    path, note = moved.notes[-1]
    assert (path, moved.followed, moved.is_protected) == (str(misfit), 1, False)
    assert f"moved anyway: picky 1.0 requires Python <{NEW}" in note


class Faults:
    """Makes the n-th change of the file system below a folder fail, once, as a disk does.

    An audit hook cannot be taken back, so there is one for the session, which does nothing unless it is armed.
    """

    def __init__(self):
        self.folder = None
        self.left = 0
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if self.folder is None or event not in _MUTATIONS or threading.current_thread() is not threading.main_thread():
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        path = arguments[0]
        if isinstance(path, str) and path.startswith(self.folder):
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)

    def arm(self, folder, number):
        self.folder, self.left = str(folder), number

    def disarm(self):
        """Return whether the fault has struck."""
        self.folder = None
        return self.left <= 0


@pytest.fixture(scope="module")
def faults():
    return Faults()


def test_a_fault_at_any_step_leaves_everything_as_it_was(store, faults):
    places = places_of(store)
    set_hold(places, MINOR, OLD)
    make_venv(store, "a")
    misfit = make_venv(store, "c")
    add_package(misfit, "picky", Requires_Python=f"<{NEW}")
    before = contents(store)
    struck = 0
    for number in range(1, 200):
        faults.arm(store.path, number)
        try:
            set_hold(places, MINOR, None)
        except PymanError as error:
            assert faults.disarm()
            struck += 1
            assert contents(store) == before, (number, error)
            continue
        except BaseException:
            faults.disarm()
            raise
        if not faults.disarm():
            break
        # The fault struck where it does no harm (the note of a lock): what was to be done was done.
        assert os.readlink(store.runtimes / MINOR) == NEW
        set_hold(places, MINOR, OLD, check=False)
        for name in ("pyvenv.cfg", "bin/python"):
            assert os.path.lexists(misfit / name)
        before = contents(store)
    assert struck >= 6
    assert os.readlink(store.runtimes / MINOR) == NEW


def contents(home):
    """Links and settings below the home, the runtimes' own files left out: they never change."""
    found = {}
    for top, folders, files in os.walk(home.path):
        if os.path.dirname(top) == str(home.runtimes):
            folders.clear()
            continue
        for name in (*folders, *files):
            path = os.path.join(top, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif os.path.isfile(path) and not name.startswith(".lock") and "/.cache/" not in path:
                with open(path, "rb") as file:
                    found[path] = file.read()
    return found


def test_a_change_that_fails_takes_the_moves_back(store):
    before = contents(store)

    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(PymanError) as failure:
        change_store(places_of(store), lambda now: with_hold(now, MINOR, OLD), fail)
    assert failure.value.code == "disk-full"
    assert contents(store) == before


def test_changes_at_the_same_time_all_count(store):
    store.with_runtimes(OTHER)
    places = places_of(store)

    def hold(alias, name):
        for _ in range(20):
            set_hold(places, alias, name)
            set_hold(places, alias, None)
        set_hold(places, alias, name)

    threads = [threading.Thread(target=hold, args=pair) for pair in ((MINOR, OLD), (OTHER_MINOR, OTHER))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = read_store(str(store.root))
    assert set(made.holds) == {(MINOR, OLD), (OTHER_MINOR, OTHER)}
    assert made.alias_target(MINOR).name == OLD


@pytest.mark.real_archives("processes of their own")
def test_a_process_that_runs_through_the_alias_is_named(store):
    venv = make_venv(store, "v")
    with subprocess.Popen(
        [venv / "bin/python", "-c", "print('up', flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        [moved] = set_hold(places_of(store), MINOR, OLD)
        process.stdin.close()
    assert [one.pid for one in moved.processes] == [process.pid]
