"""Where everything lives, and what may not be used."""

from __future__ import annotations

import os
import pwd
import sys

import pytest
from platformdirs.macos import MacOS
from platformdirs.unix import Unix

from pyman.effects.places import NO_HOME, Places, cannot_write, check_owner, make_folder, read_places
from pyman.errors import PymanError, ReadOnly, Refused, UsageError

HOME = {"HOME": "/home/me"}


@pytest.mark.parametrize(
    ("environ", "root", "place"),
    [
        ({}, None, "/home/me/.local/share/pyman"),
        ({"PYMAN_ROOT": "/srv/pyman"}, None, "/srv/pyman"),
        ({"PYMAN_ROOT": "/srv/pyman"}, "/other", "/other"),
        ({"PYMAN_ROOT": "/srv/./a/../pyman/"}, None, "/srv/pyman"),
        ({"PYMAN_ROOT": ""}, None, "/home/me/.local/share/pyman"),
        # the same on every system, whatever the platform's own rules say: the shims must know it without asking
        ({"XDG_DATA_HOME": "/data"}, None, "/home/me/.local/share/pyman"),
    ],
)
def test_the_store(environ, root, place):
    assert read_places(HOME | environ, root).root == place


def test_a_relative_name_is_one_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_places(HOME, "store").root == f"{tmp_path}/store"


@pytest.mark.parametrize(
    ("environ", "config"),
    [({}, "/home/me/.config/pyman/config.toml"), ({"PYMAN_CONFIG": "/etc/pyman.toml"}, "/etc/pyman.toml"),
     ({"XDG_CONFIG_HOME": "/cfg"}, "/cfg/pyman/config.toml")],
)  # fmt: skip
def test_the_settings(environ, config):
    assert read_places(HOME | environ).config == config


def test_what_lies_in_the_store():
    places = Places("/h", "/r", "/c", "/cfg")
    assert (places.runtimes, places.venvs, places.shims, places.lock) == (
        "/r/runtimes",
        "/r/venvs",
        "/r/shims",
        "/r/.lock",
    )


@pytest.mark.parametrize("system", [("linux", Unix), ("darwin", MacOS)])
@pytest.mark.parametrize("cache", [None, "/xdg/cache", "", "   ", "relative/cache"])
def test_the_cache_is_where_platformdirs_says(tmp_path, monkeypatch, cache, system):
    """It is not asked, for its import takes longer than a fast command; so the two are held together here."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", system[0])
    if cache is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
    ours = read_places(dict(os.environ)).cache
    theirs = system[1]("pyman", appauthor=False).user_cache_dir
    assert ours == (theirs if os.path.isabs(theirs) else os.path.abspath(theirs))


def test_the_cache_that_was_named():
    assert read_places(HOME | {"PYMAN_CACHE_DIR": "/cache", "XDG_CACHE_HOME": "/x"}).cache == "/cache"


@pytest.mark.parametrize("home", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_a_home_that_is_not_named_is_that_of_the_passwd_database(home):
    assert read_places(home).home == pwd.getpwuid(os.getuid()).pw_dir


@pytest.mark.parametrize("home", [{}, {"HOME": ""}])
def test_who_has_no_home_needs_none_where_the_variables_say_the_rest(home, monkeypatch):
    def nobody(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    places = read_places(home | {"PYMAN_ROOT": "/srv/pyman"})
    assert places.root == "/srv/pyman"
    # Nothing is below it, and nothing can be put there, not even by root.
    for path in (places.home, places.cache, places.config, places.own_root):
        assert path.startswith(NO_HOME)
    with pytest.raises(ReadOnly, match="no home folder"):
        make_folder(places.cache)
    with pytest.raises(UsageError, match="no home folder"):
        read_places(home)


@pytest.mark.parametrize(
    ("value", "automated"), [("true", True), ("1", True), ("", False), ("false", False), ("0", False)]
)
def test_continuous_integration_is_told_by_its_variable(value, automated):
    assert read_places(HOME | {"CI": value}).is_automated is automated
    assert not read_places(HOME).is_automated


@pytest.mark.parametrize("root", ["/a\nb", "/a\0b"])
def test_a_name_that_no_settings_file_could_hold_is_refused(root):
    with pytest.raises(UsageError):
        read_places(HOME, root)


# --- who may write there ---


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777, 0o2775])
def test_a_folder_that_others_may_write_to_is_refused_with_the_command_that_mends_it(tmp_path, mode):
    folder = tmp_path / "st'ore"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(Refused) as refused:
        check_owner(str(folder))
    assert refused.value.code == "unsafe-folder"
    command = refused.value.hint.removeprefix("run `").removesuffix("`")
    assert os.system(command) == 0
    check_owner(str(folder))


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o711, 0o500])
def test_a_folder_of_one_s_own_is_fine_and_so_is_one_that_is_not_there(tmp_path, mode):
    folder = tmp_path / "store"
    check_owner(str(folder))
    folder.mkdir()
    folder.chmod(mode)
    check_owner(str(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_another_user_is_refused(tmp_path):
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(Refused, match="another user"):
        check_owner(str(tmp_path))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="not a folder"):
        check_owner(str(tmp_path / "file"))


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077])
def test_folders_are_made_so_that_they_may_be_used_whatever_the_umask_says(tmp_path, umask):
    before = os.umask(umask)
    try:
        make_folder(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    for folder in ("a", "a/b"):
        check_owner(str(tmp_path / folder))
        assert os.access(tmp_path / folder, os.W_OK | os.X_OK)
    make_folder(str(tmp_path / "a" / "b"))
    (tmp_path / "file").write_text("")
    with pytest.raises(PymanError, match="cannot be written"):
        make_folder(str(tmp_path / "file" / "x"))


@pytest.mark.parametrize(
    ("number", "code"),
    [("ENOSPC", "disk-full"), ("EDQUOT", "disk-full"), ("EROFS", "read-only"), ("EACCES", "read-only"), ("EPERM", "read-only"),
     ("EIO", "failed")],
)  # fmt: skip
def test_what_the_system_refuses_is_told_apart(number, code):
    import errno

    value = getattr(errno, number)
    error = cannot_write("/store", OSError(value, os.strerror(value)))
    assert (error.code, "/store" in error.message, bool(error.hint)) == (code, True, True)


def test_the_program_agrees(home):
    assert home.pyman("cache", "dir").out.strip() == read_places(home.environ).cache
