"""Reading what somebody else may have written: regular files only, and what a link leads to is not opened to find out."""

from __future__ import annotations

import os
import stat

import pytest

from pyman.effects import files
from pyman.effects.files import NotReadable, open_regular, open_to_read, read_bytes, read_own_text, read_text
from pyman.effects.project_files import project_of, read_project_file
from pyman.effects.venvs.on_disk import compare_copy, is_script
from pyman.errors import BadRequest


@pytest.fixture
def opened(monkeypatch):
    """Every path that was opened to be read, and no descriptor of a path alone."""
    paths = []
    real = os.open

    def recording(path, flags, *more, **named):
        if not flags & getattr(os, "O_PATH", 0):
            paths.append(os.path.realpath(path) if str(path).startswith("/proc/self/fd/") else str(path))
        return real(path, flags, *more, **named)

    monkeypatch.setattr(files.os, "open", recording)
    return paths


def test_what_a_link_leads_to_is_read(tmp_path):
    (tmp_path / "file").write_text("hello")
    os.symlink("file", tmp_path / "link")
    os.symlink("link", tmp_path / "links")
    for name in ("file", "link", "links"):
        assert read_bytes(f"{tmp_path}/{name}") == b"hello"
        assert read_text(f"{tmp_path}/{name}") == read_own_text(f"{tmp_path}/{name}") == "hello"
        with open_regular(f"{tmp_path}/{name}") as file:
            assert file.read() == b"hello"


def test_a_file_that_grows_while_it_is_read_is_not_read_beyond_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    real = os.read

    def growing(descriptor, size):
        with path.open("ab") as file:
            file.write(b"y" * 50)
        return real(descriptor, min(size, 60))

    monkeypatch.setattr(files.os, "read", growing)
    with pytest.raises(NotReadable, match="more than 200 bytes"):
        read_bytes(str(path), 200)
    assert path.stat().st_size < 1000


def test_a_device_behind_a_link_is_never_opened(tmp_path, opened):
    """To open a watchdog is to start it."""
    assert stat.S_ISCHR(os.stat("/dev/zero").st_mode)
    os.symlink("/dev/zero", tmp_path / "pyvenv.cfg")
    os.symlink("pyvenv.cfg", tmp_path / "further")
    for name in ("pyvenv.cfg", "further"):
        path = f"{tmp_path}/{name}"
        for read in (read_bytes, read_text, read_own_text, open_regular, open_to_read):
            with pytest.raises(NotReadable):
                read(path)
        assert is_script(path)
        with pytest.raises(NotReadable):
            compare_copy(path, None)
        with pytest.raises(BadRequest):
            read_project_file(path)
    assert [path for path in opened if not path.startswith(str(tmp_path))] == []


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, make, linked):
    make(tmp_path / "thing")
    os.symlink("thing", tmp_path / "link")
    path = f"{tmp_path}/{'link' if linked else 'thing'}"
    for read in (read_bytes, read_text, read_own_text, open_regular, open_to_read):
        with pytest.raises(NotReadable):
            read(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_in_an_open_folder_no_link_is_followed_and_nothing_else_is_read(tmp_path, make):
    (tmp_path / "file").write_text("hello")
    os.symlink("file", tmp_path / "link")
    make(tmp_path / "thing")
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert read_bytes("file", folder=folder) == b"hello"
        with pytest.raises(NotReadable):
            read_bytes("thing", folder=folder)
        with pytest.raises(OSError, match="levels of symbolic links"):
            read_bytes("link", folder=folder)
    finally:
        os.close(folder)


def test_links_that_lead_nowhere_or_round_say_so_as_the_system_does(tmp_path):
    os.symlink("nowhere", tmp_path / "dangling")
    os.symlink("loop", tmp_path / "loop")
    with pytest.raises(FileNotFoundError):
        read_bytes(f"{tmp_path}/dangling")
    with pytest.raises(OSError, match="levels of symbolic links"):
        read_bytes(f"{tmp_path}/loop")
    with pytest.raises(OSError, match=r"null (byte|character)"):
        open_regular("a\0b")


def test_the_home_and_what_is_above_it_are_no_project(tmp_path):
    home, other = tmp_path / "me", tmp_path / "other" / "lib"
    for folder in (tmp_path, home):
        (folder / ".git").mkdir(parents=True)
    (home / "shop" / "src").mkdir(parents=True)
    other.mkdir(parents=True)
    assert project_of(f"{home}/shop/src", str(home)) == f"{home}/shop/src"
    assert project_of(str(other), str(home)) == str(other)
    (home / "shop" / "setup.cfg").touch()
    assert project_of(f"{home}/shop/src", str(home)) == f"{home}/shop"
    assert project_of(f"{home}/shop/src", f"{home}/") == f"{home}/shop"
