"""The links of known venvs."""

import os
import subprocess
import types
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.effects.venvs import records
from pyman.effects.venvs.records import (
    forget,
    is_record_name,
    known_venvs,
    record_name,
    remember,
)
from pyman.errors import PymanError
from stage.venvs import make_venv


@pytest.fixture
def place(tmp_path):
    return os.path.realpath(tmp_path)


def test_a_record_is_a_link_to_the_venv(place):
    venv = make_venv(f"{place}/my project/.venv", "/nowhere/bin/python")
    name = remember(f"{place}/root", venv)
    assert name.startswith("my_project-")
    assert len(name) == len("my_project-") + 16
    assert os.readlink(f"{place}/root/venvs/{name}") == venv
    assert [(known.name, known.path) for known in known_venvs(f"{place}/root")] == [(name, venv)]
    assert forget(f"{place}/root", name) is True
    assert forget(f"{place}/root", name) is False
    assert known_venvs(f"{place}/root") == ()


def test_a_right_record_is_not_written_again(place):
    venv = make_venv(f"{place}/app", "/nowhere/bin/python")
    link = f"{place}/root/venvs/{remember(f'{place}/root', venv)}"
    before = os.lstat(link).st_ino
    remember(f"{place}/root", venv)
    assert os.lstat(link).st_ino == before


def test_one_venv_has_one_record_however_it_is_reached(place):
    make_venv(f"{place}/real/app/.venv", "/nowhere/bin/python")
    os.symlink("real", f"{place}/link")
    names = {record_name(f"{place}/{way}/app/.venv") for way in ("real", "link", "real/../link")}
    assert len(names) == 1
    # `.venv` itself may be a link: it is a place of its own, whatever it leads to today.
    os.symlink("real/app/.venv", f"{place}/.venv")
    assert record_name(f"{place}/.venv") not in names


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("/srv/app/.venv", "app-"),
        ("/srv/app/venv", "app-"),
        ("/srv/app/env", "app-"),
        ("/srv/tools/black", "black-"),
        ("/srv/.tox/py313", "py313-"),
        ("/srv/a b/ä/.venv", "_-"),
        ("/srv/-rf", "rf-"),
        ("/srv/..x", "x-"),
        ("/.venv", "venv-"),
        ("/srv/" + "x" * 250, "x" * 60 + "-"),
    ],
)
def test_names(path, start):
    assert record_name(path).startswith(start)


def test_the_hash_is_fnv_1a():
    """The published test vectors would do; this one was worked out by hand for `/a` as the reference does it."""
    value = 0xCBF29CE484222325
    for byte in b"/a":
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    assert record_name("/a") == f"a-{value:016x}"


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=100))
def test_every_folder_gives_a_name_that_is_no_path(name):
    found = record_name(f"/nowhere/{name}")
    assert found[0] not in ".-"
    assert is_record_name(found)
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(found) < 100


@pytest.mark.parametrize(
    "name",
    ["app", "app-", "-0123456789abcdef", "app-0123456789abcde", "app-0123456789abcdeg", "app-0123456789ABCDEF",
     ".x-0123456789abcdef", "a b-0123456789abcdef", "x" * 61 + "-0123456789abcdef", "0123456789abcdef"],
)  # fmt: skip
def test_what_is_no_name_of_a_record(name):
    assert not is_record_name(name)


def test_a_read_only_store_stops_nobody(place):
    if os.geteuid() != 0:
        os.makedirs(f"{place}/root/venvs")
        os.chmod(f"{place}/root/venvs", 0o555)
        assert remember(f"{place}/root", "/srv/app") is None
        return
    os.makedirs(f"{place}/root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "none", f"{place}/root"], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        assert remember(f"{place}/root", "/srv/app") is None
    finally:
        subprocess.run(["umount", f"{place}/root"], check=True)


def test_what_is_in_the_way_is_said(place):
    folder = f"{place}/root/venvs/{record_name('/srv/app')}"
    os.makedirs(folder)
    with pytest.raises(PymanError, match="cannot be written"):
        remember(f"{place}/root", "/srv/app")


def test_strange_things_among_the_records_are_none(place):
    folder = f"{place}/root/venvs"
    os.makedirs(f"{folder}/a-folder")
    os.symlink("relative", f"{folder}/relative")
    os.symlink("/srv/x", f"{folder}/.temporary")
    with open(f"{folder}/file", "w", encoding="utf-8"):
        pass
    assert known_venvs(f"{place}/root") == ()


def test_one_folder_in_several_spellings_is_one_record_on_macos(tmp_path, monkeypatch):
    """Its disks find a folder by other letters, and by each form of Unicode; the disk knows one spelling."""
    real = os.path.realpath(tmp_path / "Projects/Café")
    os.makedirs(real)

    def spelled_by_disk(folder):
        same = unicodedata.normalize("NFC", folder).casefold() == real.casefold()
        return real if same else folder

    spellings = [real, real.replace("Projects", "projects"), unicodedata.normalize("NFD", real)]
    assert len({record_name(f"{path}/.venv") for path in spellings}) == 3
    monkeypatch.setattr(records, "sys", types.SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(records, "as_on_disk", spelled_by_disk)
    assert {record_name(f"{path}/.venv") for path in spellings} == {record_name(f"{real}/.venv")}


def test_a_disk_that_does_not_tell_its_spelling_leaves_the_path_as_it_is(tmp_path):
    """Here, F_GETPATH is another question, or none."""
    assert records.as_on_disk(str(tmp_path)) == str(tmp_path)
    assert records.as_on_disk(f"{tmp_path}/nothing") == f"{tmp_path}/nothing"
