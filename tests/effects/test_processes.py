"""Processes that run a runtime, by whatever way they were started."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyman.effects import lock, processes
from pyman.effects.libproc import Libproc
from pyman.effects.store import read_store
from stage.followers import make_venv
from stage.mirror import MINOR, NEW, OLD

SCRIPT = "import sys; print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def user(home):
    return home.with_runtimes(OLD, NEW)


class Running:
    """A process that says when it runs, and ends with the block."""

    def __init__(self, *command, **options):
        self.command, self.options = [str(word) for word in command], options

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=-1, stdout=-1, **self.options)
        assert self.process.stdout.readline() == b"up\n"
        return self.process.pid

    def __exit__(self, *_):
        self.process.communicate()


class MacOS:
    """libproc and sysctl as <sys/proc_info.h> describes them, telling what /proc tells of the same processes."""

    def proc_listallpids(self, buffer, size):
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()][: size // 4]
        buffer[: len(numbers)] = numbers
        return len(numbers)

    def proc_pidpath(self, pid, buffer, _size):
        return self._fill(buffer, lambda: os.fsencode(os.readlink(f"/proc/{pid}/exe")))

    def proc_pidinfo(self, pid, kind, argument, buffer, size):
        if kind == 9:
            assert size == 2352
            return self._fill(buffer, lambda: bytes(152) + os.fsencode(os.readlink(f"/proc/{pid}/cwd"))) and size
        if kind == 3:
            assert size == 136
            return self._fill(buffer, lambda: bytes(120) + struct.pack("=QQ", 1_700_000_000, 250_000)) and size
        assert (kind, size) == (22, 1272)
        return self._fill(buffer, lambda: self._region(pid, argument.value)) and size

    def gethostuuid(self, buffer, wait):
        assert list(wait) == [5, 0]
        ctypes.memmove(buffer, bytes(range(16)), 16)
        return 0

    def sysctl(self, name, count, buffer, size, _new, _length):
        assert (count, list(name)[:2]) == (3, [1, 49])
        return 0 if self._fill(buffer, lambda: self._arguments(name[2]), size) else -1

    @staticmethod
    def _fill(buffer, told, size=None):
        try:
            content = told()
        except OSError:
            return 0
        ctypes.memmove(buffer, content, len(content))
        if size is not None:
            size._obj.value = len(content)
        return len(content)

    @staticmethod
    def _region(pid, address):
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            start, end = (int(number, 16) for number in line.split()[0].split("-"))
            if start >= address and "/" in line:
                head = bytes(80) + struct.pack("=QQ", start, end - start) + bytes(152)
                return head + line[line.index("/") :].encode() + b"\0"
        raise OSError

    @staticmethod
    def _arguments(pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        program = os.fsencode(os.readlink(f"/proc/{pid}/exe")) + b"\0"
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        padding = bytes(-len(program) % 8)
        return struct.pack("=i", words.count(b"\0")) + program + padding + words + environment + bytes(8)


@pytest.fixture(params=["linux", "macos"], autouse=True)
def system(request, monkeypatch):
    if request.param == "macos":
        monkeypatch.setattr(processes, "_table", lambda: Libproc(MacOS()))
    elif sys.platform == "darwin":
        pytest.skip("no Linux")
    return request.param


def found(user, name):
    runtime = read_store(str(user.root)).runtime(name)
    return {one.pid: one.through for one in processes.processes_in(runtime)}


@pytest.mark.real_archives("processes of their own")
def test_the_way_by_which_a_process_was_started(user):
    venv, pinned = make_venv(user, "venv", "a b"), make_venv(user, "pyman", "pinned", through=NEW)
    bin_folder = user.runtimes / f"{MINOR}/bin"
    script = user.project / "script"
    script.write_text(f"#!{user.runtimes}/3/bin/python{MINOR}\n{SCRIPT}\n")
    script.chmod(0o755)
    with (
        Running(venv / "bin/python", "-c", SCRIPT) as through_alias,
        Running(pinned / "bin/python3", "-c", SCRIPT) as through_patch,
        Running("a b/bin/python", "-c", SCRIPT, cwd=user.project) as relative,
        Running("python3", "-c", SCRIPT, env={"PATH": str(bin_folder)}) as bare,
        Running(script) as by_script,
        Running(sys.executable, "-c", SCRIPT) as other,
    ):
        seen = found(user, NEW)
        assert found(user, OLD) == {}
    assert {through_alias: MINOR, through_patch: NEW, relative: MINOR, by_script: "3"}.items() <= seen.items()
    assert seen.get(bare) == MINOR
    assert other not in seen
    assert found(user, NEW) == {}


@pytest.mark.real_archives("processes of their own")
def test_a_prefix_that_others_share_is_told_by_its_own_python(user, tmp_path):
    """Of everything that runs from /usr, only that Python's processes run that Python."""
    shared = tmp_path / "usr"
    shutil.copytree(user.runtimes / OLD, shared, symlinks=True)
    shutil.copy(shutil.which("sleep"), shared / "bin/sleep")
    os.unlink(user.runtimes / MINOR)
    shutil.rmtree(user.runtimes / OLD)
    os.symlink(shared, user.runtimes / OLD)
    with subprocess.Popen([shared / "bin/sleep", "60"]) as sleeper:
        with Running(shared / f"bin/python{MINOR}", "-c", SCRIPT) as pid:
            assert set(found(user, OLD)) == {pid}
        sleeper.kill()


@pytest.mark.real_archives("processes of their own")
def test_who_has_an_adopted_python_by_its_owner_s_path_does_not_go_through_the_store(user, tmp_path):
    theirs = tmp_path / f"versions/{OLD}"
    shutil.copytree(user.runtimes / OLD, theirs, symlinks=True)
    shutil.rmtree(user.runtimes / OLD)
    os.symlink(theirs, user.runtimes / OLD)
    os.unlink(user.runtimes / MINOR)
    os.symlink(OLD, user.runtimes / MINOR)
    with (
        Running(theirs / "bin/python3", "-c", SCRIPT) as by_path,
        Running("python3", "-c", SCRIPT, env={"PATH": f"/nowhere:{theirs}/bin"}) as by_name,
        Running("python3", "-c", SCRIPT, env={"PATH": f"{user.runtimes}/{MINOR}/bin"}) as through_alias,
    ):
        seen = found(user, OLD)
    assert seen == {by_path: None, by_name: None, through_alias: MINOR}


@pytest.mark.real_archives("processes of their own")
def test_who_runs_in_a_venv(user):
    venv, other = make_venv(user, "venv", "a b"), make_venv(user, "venv", "other")
    script = venv / "bin/serve"
    script.write_text(f"{SCRIPT}\n")
    link = user.project / "link"
    os.symlink("a b", link)
    with (
        Running(venv / "bin/python", "-c", SCRIPT) as by_path,
        Running("a b/bin/python", "-c", SCRIPT, cwd=user.project) as relative,
        Running(sys.executable, script) as script_of_it,
        Running("python3", "-c", SCRIPT, env={"PATH": f"{venv}/bin", "VIRTUAL_ENV": str(venv)}) as active,
        Running("python3", "-c", SCRIPT, env={"PATH": f"/nowhere:{venv}/bin:/usr/bin"}) as on_path,
        Running(link / "bin/python", "-c", SCRIPT) as through_link,
        Running("link/bin/python", "-c", SCRIPT, cwd=user.project) as relative_through_link,
        Running(other / "bin/python", "-c", SCRIPT) as of_another,
    ):
        found_there = {one.pid for one in processes.processes_of_venv(f"{venv}/")}
        assert {one.pid for one in processes.processes_of_venv(str(other))} == {of_another}
    assert found_there == {by_path, relative, script_of_it, active, on_path, through_link, relative_through_link}
    assert processes.processes_of_venv(str(venv)) == ()


@pytest.mark.real_archives("processes of their own")
def test_a_framework_build_goes_on_to_another_program(user):
    """`bin/python3.13` of one starts `Python.app`, and says in a variable how it was called itself."""
    if processes._table().__class__ is not Libproc:
        pytest.skip("only macOS has them")
    prefix = user.runtimes / NEW
    program = prefix / "Resources/Python.app/Contents/MacOS/Python"
    program.parent.mkdir(parents=True)
    os.link(os.path.realpath(prefix / f"bin/python{MINOR}"), program)
    venv = make_venv(user, "venv", "v")
    inside = {"PYTHONHOME": str(prefix), "LD_LIBRARY_PATH": str(prefix / "lib")}
    through_venv = inside | {"__PYVENV_LAUNCHER__": str(venv / "bin/python")}
    with (
        Running(program, "-c", SCRIPT, env=inside) as by_path,
        Running(program, "-c", SCRIPT, env=through_venv) as by_venv,
    ):
        assert found(user, NEW) == {by_path: NEW, by_venv: MINOR}
        assert [one.pid for one in processes.processes_of_venv(str(venv))] == [by_venv]


def test_it_is_only_believed_where_it_is_right_about_this_process(monkeypatch):
    assert processes.why_unknown() == ""
    if processes._table().__class__ is Libproc:
        for wrong in ("proc_listallpids", "proc_pidpath", "proc_pidinfo", "sysctl"):
            system = MacOS()
            monkeypatch.setattr(system, wrong, lambda *_: 0)
            assert Libproc(system).why_unknown() == "macOS does not tell which program a process runs"
        monkeypatch.setattr(MacOS, "_arguments", lambda *_: struct.pack("=i", 1) + b"/bin/other\0\0\0other\0")
        assert Libproc(MacOS()).why_unknown()
        assert Libproc(object()).why_unknown()


def test_a_process_and_a_machine_are_known_again_on_macos(monkeypatch):
    """A number may be given to another process; a Mac's name changes with the network."""
    mac = Libproc(MacOS())
    assert mac.started(os.getpid()) == "1700000000250000"
    assert mac.host() == "000102030405060708090a0b0c0d0e0f"
    silent = Libproc(object())
    assert (silent.started(os.getpid()), silent.host()) == ("0", "")
    monkeypatch.setattr(lock, "sys", SimpleNamespace(platform="darwin"))
    assert lock.host() == os.uname().nodename
    monkeypatch.setattr(Libproc, "host", lambda _: "number")
    assert lock.host() == "number"
    assert lock._is_dead(f"999999999.0.aa.{lock._host()}")


DIGITS = "3f2a" * 16


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/gunicorn.service\n", "gunicorn.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/shop.service\n", "shop.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-term-12.scope\n", ""),
        ("0::/system.slice/my\\x2dshop.service\n", "my-shop.service"),
        ("0::/system.slice/web@1.service/worker\n", "web@1.service"),
        (f"0::/system.slice/docker-{DIGITS}.scope\n", "container 3f2a3f2a3f2a"),
        (f"12:pids:/docker/{DIGITS}\n1:name=systemd:/docker/{DIGITS}\n", "container 3f2a3f2a3f2a"),
        (f"0::/machine.slice/libpod-{DIGITS}.scope/container\n", "container 3f2a3f2a3f2a"),
        ("5:cpu,cpuacct:/system.slice/old.service\n", "old.service"),
        ("0::/\n", ""),
        ("", ""),
        ("rubbish", ""),
    ],
)
def test_whose_process_it_is(cgroup, unit):
    assert processes.unit_of(cgroup) == unit
