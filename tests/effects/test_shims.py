from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

import pyman
from pyman.core.shell.shims import shim_names
from pyman.effects.places import shipped
from pyman.effects.shims import pyman_command, read_shims, shim_command, wanted_text, write_shims
from pyman.errors import PymanError, Refused
from stage.fake_store import FakeStore

NAMES = shim_names(["3.11", "3.13"])


@pytest.fixture
def store(tmp_path):
    store = FakeStore(f"{tmp_path}/it's a root")
    store.managed("3.11.2")
    store.managed("3.13.5")
    store.alias("3.11", "3.11.2")
    store.alias("3.13", "3.13.5")
    store.alias("3", "3.13")
    return store


def run(store, name):
    return subprocess.run(
        [f"{store.root}/shims/{name}", "x"], cwd="/", env={"HOME": "/"}, capture_output=True, text=True, check=False
    )


def test_every_name_is_put_in_place_and_runs(store):
    assert write_shims(store.root, NAMES, "/nowhere/pyman") == NAMES
    assert read_shims(store.root).names == NAMES
    assert run(store, "python").stdout == f"ran {store.runtimes}/3.13/bin/python <x>\n"
    assert run(store, "pip3.11").stdout == f"ran {store.runtimes}/3.11/bin/pip3.11 <x>\n"
    assert stat.S_IMODE(os.stat(f"{store.root}/shims/python").st_mode) == 0o755


def test_what_is_right_is_not_written_again(store):
    write_shims(store.root, NAMES, "/nowhere/pyman")
    before = {name: os.lstat(f"{store.root}/shims/{name}").st_ino for name in NAMES}
    assert write_shims(store.root, NAMES, "/nowhere/pyman") == ()
    assert {name: os.lstat(f"{store.root}/shims/{name}").st_ino for name in NAMES} == before


def test_names_go_when_their_python_goes(store):
    write_shims(store.root, NAMES, "")
    fewer = shim_names(["3.13"])
    assert "python3.11" in write_shims(store.root, fewer, "")
    assert read_shims(store.root).names == fewer


def test_a_shim_of_an_older_release_is_replaced(store):
    write_shims(store.root, NAMES, "/old/pyman")
    assert write_shims(store.root, NAMES, "/new/pyman") == ("python",)
    assert read_shims(store.root).text == wanted_text(store.root, "/new/pyman")


def test_what_is_not_ours_stays(store):
    folder = f"{store.root}/shims"
    os.mkdir(folder)
    with open(f"{folder}/pip", "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho mine\n")
    os.symlink("/somewhere/python3", f"{folder}/python3")
    os.mkdir(f"{folder}/pip3")
    with open(f"{folder}/black", "wb") as file:
        file.write(b"\x7fELF")
    changed = write_shims(store.root, NAMES, "")
    assert not {"pip", "python3", "pip3", "black"} & set(changed)
    shims = read_shims(store.root)
    assert shims.foreign == ("black", "pip", "pip3", "python3")
    assert os.readlink(f"{folder}/python3") == "/somewhere/python3"


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_the_one_file_is_refused_where_something_else_has_its_name(store, kind):
    folder = f"{store.root}/shims"
    os.mkdir(folder)
    if kind == "file":
        with open(f"{folder}/python", "w", encoding="utf-8") as file:
            file.write("mine")
    elif kind == "link":
        os.symlink("/usr/bin/env", f"{folder}/python")
    else:
        os.mkdir(f"{folder}/python")
    with pytest.raises(Refused, match="not a pyman shim"):
        write_shims(store.root, NAMES, "")
    assert os.listdir(folder) == ["python"]


def test_a_folder_that_cannot_be_made(store):
    with open(f"{store.root}/shims", "w", encoding="utf-8"):
        pass
    assert read_shims(store.root).names == ()
    with pytest.raises(PymanError, match="shims"):
        write_shims(store.root, NAMES, "")


def test_what_travels_with_pyman():
    assert os.access(shipped("shims", "python"), os.X_OK)
    assert os.path.isdir(shipped("completions"))
    with pytest.raises(PymanError, match="nothing-like-this"):
        shipped("nothing-like-this")


def test_pyman_knows_how_it_can_be_started(tmp_path, monkeypatch):
    program = tmp_path / "pyman"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", f"{tmp_path}/python3")
    assert pyman_command() == str(program)
    program.chmod(0o644)
    assert pyman_command() == ""


def test_a_shim_has_a_command_also_where_pyman_has_none_of_its_own(tmp_path, monkeypatch):
    """`python -m pyman`, a pyman.pyz that is not executable; what is written starts pyman wherever it is started."""
    script = os.path.join(os.path.dirname(pyman.__file__), "__main__.py")
    monkeypatch.setattr("sys.argv", [script])
    python = os.path.realpath(sys.executable)
    monkeypatch.setattr("sys.executable", f"{tmp_path}/python3")
    assert shim_command() == (f"{tmp_path}/python3", script)
    (tmp_path / "typing.py").write_text("raise SystemExit('of the project')\n")
    (tmp_path / "pyman").mkdir()
    words = [python, "-I", "-S", script, "--version"]
    environ = {"HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    said = subprocess.run(words, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert said.stdout.startswith("pyman ")
    monkeypatch.setattr("pyman.effects.shims.own_archive", lambda: f"{tmp_path}/pyman.pyz")
    assert shim_command() == (f"{tmp_path}/python3", f"{tmp_path}/pyman.pyz")
    program = tmp_path / "bin/pyman"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr("pyman.effects.shims.own_archive", lambda: "")
    monkeypatch.setattr("sys.executable", f"{tmp_path}/bin/python3")
    assert shim_command() == (str(program),)
    monkeypatch.setattr("sys.executable", "")
    monkeypatch.chdir(tmp_path / "bin")
    assert shim_command() == ()
