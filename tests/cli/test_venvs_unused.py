"""`venvs --unused AGE`: by what a use leaves, never by what is not kept; and what `--remove` deletes of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

import pytest

from pyman.effects.mounts import Mount, Mounts
from pyman.effects.venvs.signs import project_of_venv, read_signs
from stage.machine import Machine
from stage.mirror import MINOR, NEW, SITE
from stage.venvs import make_venv, write

DAY = 86400


def age(folder, days):
    """Make everything in a venv look as if nobody had touched it for so many days."""
    then = time.time() - days * DAY
    for above, folders, files in os.walk(folder):
        for name in ("", *folders, *files):
            os.utime(os.path.join(above, name), (then, then), follow_symlinks=False)


class Told(Mounts):
    """One mount, of which the options are told."""

    def __init__(self, kind="ext4", options="rw,relatime"):
        self.told = Mount("/", kind, "/dev/sda", "/", options=options)

    def covering(self, path):
        return self.told


@pytest.fixture
def machine(tmp_path):
    mount = Mounts().covering(os.path.realpath(tmp_path))
    if mount is None or not mount.keeps_access_times:
        pytest.skip("the file system keeps no access times")
    return Machine(tmp_path, NEW)


def known(machine, *names):
    venvs = [make_venv(f"{machine.path}/{name}/.venv", str(machine.python())) for name in names]
    machine.pyman("register", *venvs)
    return venvs


def unused(machine, *words):
    return [one["path"] for one in machine.json("venvs", "--unused", "90d", *words)["venvs"]]


# What is a sign.


@pytest.mark.parametrize(
    ("kind", "options", "kept"),
    [
        ("ext4", "rw,relatime", True),
        ("xfs", "rw", True),
        ("tmpfs", "rw,nosuid,relatime", True),
        ("ext4", "rw,noatime", False),
        ("btrfs", "ro,relatime", False),
        ("overlay", "rw,relatime", False),
        ("nfs4", "rw,relatime", False),
        ("apfs", "rw", False),
    ],
)
def test_access_times_count_where_they_are_kept(tmp_path, kind, options, kept):
    venv = make_venv(f"{tmp_path}/v", f"/nowhere/python{MINOR}")
    age(venv, 300)
    signs = read_signs(venv, Told(kind, options))
    assert (signs.read is not None) is kept
    assert time.time() - signs.last > 299 * DAY


@pytest.mark.parametrize("name", ["pyvenv.cfg", "bin", SITE, f"{SITE}/spam/__pycache__", f"{SITE}/__pycache__"])
def test_what_was_written_is_a_sign(tmp_path, name):
    venv = make_venv(f"{tmp_path}/v", f"/nowhere/python{MINOR}")
    os.makedirs(f"{venv}/{SITE}/spam/__pycache__")
    os.makedirs(f"{venv}/{SITE}/__pycache__")
    age(venv, 300)
    os.utime(f"{venv}/{name}")
    assert time.time() - read_signs(venv, Told(options="noatime")).last < DAY


def test_programs_that_others_share_may_be_started_without_a_sign(tmp_path):
    venv = make_venv(f"{tmp_path}/v", f"/nowhere/python{MINOR}")
    script = write(f"{venv}/bin/spam", "#!/bin/sh\n", 0o755)
    os.link(script, f"{tmp_path}/other")
    age(venv, 300)
    assert read_signs(venv, Told()).read is not None  # Its interpreter reads pyvenv.cfg.
    os.link(write(f"{venv}/bin/ruff", b"\x7fELF", 0o755), f"{tmp_path}/ruff")
    age(venv, 300)
    assert read_signs(venv, Told()).read is None


def test_a_folder_that_is_not_there_has_no_sign(tmp_path):
    signs = read_signs(f"{tmp_path}/none", Told())
    assert (signs.last, signs.read) == (None, None)


def test_a_start_is_a_sign_and_a_look_is_none(machine):
    used, looked_at = known(machine, "used", "looked")
    for venv in (used, looked_at):
        write(f"{venv}/bin/activate", f"VIRTUAL_ENV='{venv}'\n")
        age(venv, 300)
    machine.run(f"{used}/bin/python", "-I", "-S", "-c", "")
    for words in (("doctor",), ("venvs", machine.path), ("info", looked_at), ("list",)):
        machine.pyman(*words, status=None)
    assert unused(machine) == [looked_at]


# What is listed.


def test_the_longest_unused_first_with_size_and_project(machine):
    first, second, third = known(machine, "a", "b", "c")
    shared = write(f"{first}/{SITE}/big.bin", b"x" * (1 << 20))
    os.link(shared, f"{second}/{SITE}/big.bin")
    write(f"{machine.path}/b/pyproject.toml")
    age(first, 200)
    age(second, 300)
    answer = machine.json("venvs", "--unused", "90d")
    rows = {one["path"]: one for one in answer["venvs"]}
    assert list(rows) == [second, first]
    assert third not in rows
    assert answer["not_judged"] == []
    assert rows[second]["size"] > 1 << 20 > rows[first]["size"]
    assert [(rows[one]["project"], rows[one]["project_exists"]) for one in (second, first)] == [
        (f"{machine.path}/b", True),
        (f"{machine.path}/a", False),
    ]
    day = time.strftime("%Y-%m-%dT", time.gmtime(time.time() - 300 * DAY))
    assert rows[second]["last_used"].startswith(day)
    said = machine.pyman("venvs", "--unused", "90d")
    assert said.out.splitlines()[0].split() == ["Venv", "Made", "by", "Python", "Size", "Last", "used", "Project"]
    assert "2 venvs, 1." in said.err
    assert "no venv is known to be unused" in machine.pyman("venvs", "--unused", "1y").err


@pytest.mark.real_archives("processes of their own")
def test_a_venv_in_which_something_runs_or_that_is_active_is_in_use(machine):
    runs, active, idle = known(machine, "runs", "active", "idle")
    process = subprocess.Popen([f"{runs}/bin/python", "-c", "print(1, flush=True); input()"], stdin=-1, stdout=-1)
    try:
        process.stdout.readline()
        for venv in (runs, active, idle):
            age(venv, 300)
        found = machine.json("venvs", "--unused", "90d", VIRTUAL_ENV=active)["venvs"]
        assert [one["path"] for one in found] == [idle]
    finally:
        process.communicate(b"\n")


def test_where_the_project_is(tmp_path):
    places = {
        "envs/demo-AbCd1234": (f"{tmp_path}/demo", True),
        "envs/gone-AbCd1234": (f"{tmp_path}/gone", False),
        "app/.tox/py313": (f"{tmp_path}/app", True),
        "left/.venv": (f"{tmp_path}/left", False),
        "pipx/venvs/black": (None, None),
    }
    for name in places:
        os.makedirs(tmp_path / name)
    os.makedirs(tmp_path / "demo")
    write(f"{tmp_path}/envs/demo-AbCd1234/.project", f"{tmp_path}/demo\n")
    write(f"{tmp_path}/envs/gone-AbCd1234/.project", f"{tmp_path}/gone")
    write(f"{tmp_path}/app/tox.ini")
    assert {name: project_of_venv(f"{tmp_path}/{name}") for name in places} == places


# What is removed.


def test_without_a_yes_nothing_is_removed(machine):
    [venv] = known(machine, "a")
    age(venv, 300)
    answer = machine.json("venvs", "--unused", "90d", "--remove", status=1)
    assert (answer["error"]["code"], answer["changed"]) == ("needs-yes", [])
    said = machine.pyman("venvs", "--unused", "90d", "--remove", status=1)
    assert "~/a/.venv, last used " in said.err
    assert "--yes" in said.err
    planned = machine.json("venvs", "--unused", "90d", "--remove", "--dry-run")
    assert (planned["changed"], os.path.isdir(venv)) == ([venv], True)


def test_a_yes_removes_those_and_no_others(machine):
    old, used, project, owned, linked = known(machine, "old", "used", "project", "owned", "linked")
    write(f"{project}/main.py", "mine\n")
    write(f"{owned}/pipx_metadata.json", "{}")
    outside = f"{machine.path}/outside"
    os.mkdir(outside)
    for venv in (old, project, owned):
        age(venv, 300)
    shutil.move(linked, f"{machine.path}/real")
    os.symlink(f"{machine.path}/real", linked)
    age(f"{machine.path}/real", 300)
    answer = machine.json("venvs", "--unused", "90d", "--remove", "--yes", status=1)
    assert answer["changed"] == [old]
    assert {project, owned} <= {one["path"] for one in answer["left"]}
    reasons = {one["path"]: one["reason"] for one in answer["left"]}
    assert "main.py" in reasons[project]
    assert "pipx" in reasons[owned]
    assert [os.path.isdir(one) for one in (old, used, project, owned, linked)] == [False, True, True, True, True]
    assert old not in [one["path"] for one in machine.json("venvs")["venvs"]]


def test_an_age_that_is_none(machine):
    assert machine.json("venvs", "--unused", "soon", status=2)["error"]["code"] == "usage"
