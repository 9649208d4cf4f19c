"""`pyman venv` killed, interrupted, raced and without room: what was there is back, and the next one works."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, mirror_folder
from stage.seeds import check_record
from stage.slow_uv import write_slow_uv

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A home with both patch releases of a minor, and the pip of each in its cache."""
    home = Home(tmp_path_factory.mktemp("shared"), mirror_folder()).with_runtimes(OLD, NEW)
    for release in (OLD, NEW):
        home.pyman("venv", "-p", release, f"warm{release}")
    return home


@pytest.fixture
def user(shared, tmp_path):
    """The shared home, in an empty folder of its own."""
    shared.project = tmp_path / "project"
    shared.project.mkdir()
    return shared


@pytest.fixture
def own_home(shared, tmp_path):
    """A home for what would be in the way of other tests there, with the shared cache."""
    home = Home(tmp_path, mirror_folder()).with_runtimes(OLD, NEW)
    home.environ["PYMAN_CACHE_DIR"] = str(shared.cache)
    return home


def start(user, *words, **environ):
    return subprocess.Popen(
        [sys.executable, "-m", "pyman", *map(str, words)],
        cwd=user.project,
        env={**user.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def settings_of(venv):
    return parse_pyvenv_cfg((venv / "pyvenv.cfg").read_text())


def check_works(user, venv, release=NEW):
    assert user.run(venv / "bin/python", "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])") == release
    (dist_info,) = venv.glob("lib/*/site-packages/pip-*.dist-info")
    check_record(dist_info.parent, dist_info.name)
    assert {path.name for path in venv.iterdir()} == {".gitignore", "bin", "include", "lib", "lib64", "pyvenv.cfg"}


def litter(user):
    """What work in progress lies about."""
    hidden = [name for name in os.listdir(user.project) if name.startswith(".") and "pyman" in name]
    return hidden + [name for name in os.listdir(user.root / "venvs") if name.startswith(".")]


# Kills itself when it has asked the system for the n-th change; the events are those of `sys.audit`.
DOOMED = """
import os, sys
left = int(sys.argv.pop(1))
changes = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock"}
def count(event, arguments):
    global left
    if event in changes or (event == "open" and arguments[2] & os.O_CREAT):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(count)
from pyman.__main__ import main
sys.exit(main())
"""


def doomed(user, instant, *words):
    """Run pyman until its n-th change; False where it has ended before."""
    process = subprocess.run(
        [sys.executable, "-c", DOOMED, str(instant), *words],
        cwd=user.project,
        env=user.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode in (0, -9), process
    return process.returncode == -9


def test_killed_at_every_instant_without_pip(user):
    venv, instant = user.project / ".venv", 0
    while doomed(user, instant := instant + 1, "venv", "--without-pip"):
        assert not venv.exists() or parse_pyvenv_cfg((venv / "pyvenv.cfg").read_text()).request == MINOR
        if venv.exists():
            shutil.rmtree(venv)
    assert instant > 15
    shutil.rmtree(venv)
    user.pyman("venv", "--without-pip")
    assert litter(user) == []


@pytest.mark.parametrize("instant", [1, 2, 3, 10, 100, 400, 700, 850, 1000])
def test_killed_while_pip_is_put_in(instant, user):
    doomed(user, instant, "venv")
    user.pyman("venv", status=None)
    check_works(user, user.project / ".venv")
    assert litter(user) == []


def test_killed_at_every_instant_while_one_is_replaced(user):
    """The old one or the new one is there, after one more run at the latest, and always whole."""
    venv, kept, instant = user.project / ".venv", user.project / "kept", 0
    user.pyman("venv", "-p", OLD, "--prompt", "old", "--without-pip")
    shutil.copytree(venv, kept, symlinks=True)
    seen = []
    while doomed(user, instant := instant + 1, "venv", "--clear", "--prompt", "new", "--without-pip"):
        assert user.pyman("venv", status=1).err.startswith(f"error: {venv} is already a venv")
        prompt = parse_pyvenv_cfg((venv / "pyvenv.cfg").read_text()).prompt
        assert entries(venv) == entries(kept)
        if prompt not in seen:
            seen.append(prompt)
        shutil.rmtree(venv)
        shutil.copytree(kept, venv, symlinks=True)
    # From one instant on it is the new one.
    assert seen == ["old", "new"]
    assert instant > 30
    user.pyman("venv", "--clear", "--without-pip")
    assert litter(user) == []


def entries(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def slow_uv(tmp_path):
    """A PATH with an uv that tells when it was started, and never ends; and the end where it tells it."""
    return write_slow_uv(tmp_path)


def is_running(number):
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8") as file:
            return file.read().split(") ")[1][0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("clear", [False, True], ids=["new", "clear"])
def test_ended_while_packages_are_installed(number, clear, user, slow_uv):
    path, pipe = slow_uv
    venv = user.project / ".venv"
    (user.project / "r.txt").write_text("spam\n")
    if clear:
        user.pyman("venv", "-p", OLD)
    before = user.tree(user.project)
    process = start(user, "venv", "-r", "r.txt", *(["--clear"] if clear else []), PATH=path)
    helper = int(pipe.read_text())
    assert list(venv.glob("lib/python3*/half-made"))
    busy = user.pyman("venv", status=1)
    assert "another process is creating" in busy.err
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    if number == signal.SIGKILL:
        assert process.returncode == -9
        # The old one is restored; a new one stays, and says so.
        again = user.pyman("venv", "-p", OLD, status=1)
        if clear:
            check_works(user, venv, OLD)
        else:
            assert "its installation was interrupted" in again.err
            assert list(venv.glob("lib/python3*/half-made"))
            user.pyman("venvs", "--remove", venv)
    else:
        assert process.returncode == 128 + number
        assert told.count("\n") <= 2
        assert user.tree(user.project) == before
    assert litter(user) == []
    assert not is_running(helper)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_fast_command_is_ended_as_well(number, tmp_path):
    """While pip is compiled for the first time, which takes longest."""
    home = Home(tmp_path, mirror_folder()).with_runtimes(NEW)
    process = start(home, "venv")
    while not any(home.cache.glob("seeds/.pip*.work-*/modules-*")):
        assert process.poll() is None
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, told
    assert "Traceback" not in told
    assert os.listdir(home.project) == []


def test_made_anew_by_somebody_after_a_kill_it_is_theirs(own_home, slow_uv):
    """What another tool put where a killed pyman had backed up the old one is never removed."""
    user, (path, pipe) = own_home, slow_uv
    venv = user.project / ".venv"
    (user.project / "r.txt").write_text("spam\n")
    user.pyman("venv", "-p", OLD)
    process = start(user, "venv", "--clear", "-r", "r.txt", PATH=path)
    pipe.read_text()
    process.kill()
    process.communicate()
    shutil.rmtree(venv)
    user.run(user.runtimes / f"{MINOR}/bin/python{MINOR}", "-B", "-m", "venv", "--without-pip", venv)
    before = user.tree(venv)
    user.pyman("venv", status=1)
    assert user.tree(venv) == before
    # The old one is still there to be looked at.
    (aside,) = user.project.glob(".*.pyman-old-*")
    assert (aside / "bin/pip").exists()


def test_two_at_once(user):
    processes = [start(user, "venv") for _ in range(4)]
    told = [process.communicate(timeout=60) for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1, 1, 1], told
    check_works(user, user.project / ".venv")
    processes = [start(user, "venv", "--clear") for _ in range(4)]
    told = [process.communicate(timeout=60)[1] for process in processes]
    assert 0 in {process.returncode for process in processes}, told
    assert "Traceback" not in "".join(told)
    assert "unexpected failure" not in "".join(told)
    check_works(user, user.project / ".venv")
    assert litter(user) == []


# An alias that moves meanwhile.


@contextlib.contextmanager
def moving(runtimes):
    """Swap the alias between both releases, hundreds of times while `with` lasts."""
    swaps, stop = [], threading.Event()

    def swap():
        while not stop.wait(0.0005) or len(swaps) < 300:
            target = (OLD, NEW)[len(swaps) % 2]
            os.symlink(target, runtimes / ".next")
            os.replace(runtimes / ".next", runtimes / MINOR)
            swaps.append(target)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield swaps
    finally:
        stop.set()
        thread.join()


def test_an_alias_that_moves_all_the_time_harms_no_venv(own_home):
    home = own_home
    with moving(home.runtimes) as swaps:
        processes = [start(home, "venv", f"v{number}", "-p", MINOR, "--json") for number in range(6)]
        told = [process.communicate(timeout=120) for process in processes]
    assert len(swaps) >= 300
    assert [process.returncode for process in processes] == [0] * 6, told
    for release in (OLD, NEW):
        (home.runtimes / MINOR).unlink()
        (home.runtimes / MINOR).symlink_to(release)
        for number in range(6):
            check_works(home, home.project / f"v{number}", release)
            assert home.run(f"v{number}/bin/pip", "--version").startswith("pip 2")
    home.pyman("venv", "last")


@pytest.mark.parametrize("to", [OLD, None], ids=["moved", "gone"])
def test_the_request_is_asked_again_when_the_alias_has_moved(to, own_home, tmp_path):
    """Moved after it was chosen and before it was known: who moved it could not ask this venv."""
    home = own_home
    (tmp_path / "programs").mkdir()
    link = f"ln -s {to} '{home.runtimes}/{MINOR}'" if to else ":"
    (tmp_path / "programs/uv").write_text(
        f"#!/bin/sh\n[ -L '{home.runtimes}/{MINOR}' ] || exit 0\n[ ! -e '{tmp_path}/moved' ] || exit 0\n"
        f"rm '{home.runtimes}/{MINOR}'\n{link}\n: >'{tmp_path}/moved'\n"
    )
    (tmp_path / "programs/uv").chmod(0o755)
    (home.project / "r.txt").write_text("# nothing\n")
    environ = {"PATH": f"{tmp_path}/programs:/usr/bin:/bin"}
    answer = home.json("venv", "-p", f">={NEW}", "-r", "r.txt", **environ)
    assert (answer["policy"], answer["python"], answer["alias"]) == ("pin", NEW, None)
    assert settings_of(home.project / ".venv").home == str(home.runtimes / f"{NEW}/bin")
    # Where it may follow wherever the alias leads, it does.
    (tmp_path / "moved").unlink()
    (home.runtimes / MINOR).unlink(missing_ok=True)
    (home.runtimes / MINOR).symlink_to(NEW)
    answer = home.json("venv", "v", "-p", MINOR, "-r", "r.txt", **environ)
    expected = ("follow", OLD) if to else ("pin", NEW)
    assert (answer["policy"], answer["python"]) == expected
    check_works(home, home.project / "v", expected[1])


# Places that cannot be written.


@contextlib.contextmanager
def mounted(folder, *options):
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@as_root
def test_a_store_that_cannot_be_written_stops_nobody(user):
    with mounted(user.root, "--bind", str(user.root)) as root:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(root)], check=True)
        user.pyman("venv")
        check_works(user, user.project / ".venv")
        user.pyman("venv", "--clear")
        check_works(user, user.project / ".venv")
        (user.project / "r.txt").write_text("nothing-of-this-name\n")
        user.pyman("venv", "--clear", "-r", "r.txt", PIP_NO_INDEX="1", status=1)
    check_works(user, user.project / ".venv")
    assert litter(user) == []


@as_root
def test_a_disk_without_room(user):
    small = user.project / "small"
    small.mkdir()
    with mounted(small, "-t", "tmpfs", "-o", "size=2m", "tmpfs"):
        user.pyman("venv", "small/old", "--without-pip")
        before = user.tree(small)
        for words in (["small/new/v"], ["small/old", "--clear"]):
            full = user.pyman("venv", *words, status=1)
            assert "is full" in full.err
            assert "make room" in full.err
            assert user.tree(small) == before
    assert litter(user) == []


@as_root
def test_a_mount_point_is_refused(user):
    for words in (["mount"], ["mount", "--clear"]):
        mount = user.project / "mount"
        mount.mkdir(exist_ok=True)
        with mounted(mount, "-t", "tmpfs", "tmpfs"):
            if "--clear" in words:
                Path(mount, "pyvenv.cfg").touch()
            before = user.tree(user.project)
            assert user.json("venv", *words, status=1)["error"]["code"] == "mount"
            assert user.tree(user.project) == before


REPLACING = (("venv", "v", "--clear"), ("rebuild", "v", "--force"), ("venvs", "--remove", "v"))


@as_root
@pytest.mark.parametrize("words", REPLACING, ids=" ".join)
def test_a_mount_below_a_venv_stops_what_would_remove_it(words, user):
    """At any depth, also a folder of the same disk, and before anything is touched."""
    user.pyman("venv", "v", "--without-pip")
    (user.project / "data").mkdir()
    (user.project / "data/f").write_text("precious")
    place = user.project / "v/share/da ta"
    place.mkdir(parents=True)
    with mounted(place, "--bind", str(user.project / "data")):
        before = user.tree(user.project)
        assert f"{place} is a mount point inside {user.project}/v" in user.pyman(*words, status=1).err
        assert user.tree(user.project) == before
    assert litter(user) == []


@as_root
@pytest.mark.parametrize("words", REPLACING, ids=" ".join)
def test_what_an_image_cannot_rename_is_copied(words, user):
    """overlayfs answers EXDEV for a folder of a lower layer."""
    for name in ("image", "upper", "work", "here"):
        (user.project / name).mkdir()
    user.pyman("venv", "image/v", "--without-pip")
    (user.project / "image/v/share/jupyter").mkdir(parents=True)
    (user.project / "image/v/share/jupyter/notes.txt").write_text("mine")
    layers = f"lowerdir={user.project}/image,upperdir={user.project}/upper,workdir={user.project}/work"
    with mounted(user.project / "here", "-t", "overlay", "-o", layers, "overlay") as here:
        user.pyman(*words, cwd=here)
        assert os.path.exists(here / "v/bin/python") == ("--remove" not in words)
        assert os.path.exists(here / "v/share/jupyter/notes.txt") == ("rebuild" in words)
        assert sorted(os.listdir(here)) == ([] if "--remove" in words else ["v"])
    assert litter(user) == []


@as_root
def test_a_venv_that_is_a_bind_mount_is_not_replaced(user):
    user.pyman("venv", "v", "--without-pip")
    with mounted(user.project / "v", "--bind", str(user.project / "v")):
        before = user.tree(user.project)
        assert user.json("venv", "v", "--clear", status=1)["error"]["code"] == "mount"
        assert user.tree(user.project) == before
    assert litter(user) == []
