"""`config.toml`: read, or refused with what is wrong in it."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess

import pytest
from hypothesis import given, settings

from pyman.effects.interpreters import admission
from pyman.effects.places import Places
from pyman.effects.settings import Settings, is_offline, read_link_mode, read_settings
from pyman.errors import PymanError
from stage.hostile import HUGE, damaged
from stage.somebody import SOMEBODY, as_root, let_in, run_as_somebody


def usual(path, **environ):
    """Places whose settings file is this one."""
    return Places(str(path.parent), f"{path.parent}/root", f"{path.parent}/cache", str(path), environ)


@pytest.mark.parametrize(
    ("text", "settings"),
    [("", Settings()), ('mirror = "/srv/pythons"\n', Settings("/srv/pythons")), ('mirror = ""\n', Settings()),
     ('folders = ["~/code", "/srv"]\n', Settings(None, ("~/code", "/srv"))), ("\ufeffmirror = 'x'\n", Settings("x")),
     ('link-mode = "copy"\n', Settings(link_mode="copy")), ("link-mode = 'auto'\n", Settings())],
)  # fmt: skip
def test_settings(tmp_path, text, settings):
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert read_settings(usual(path)) == settings
    assert read_link_mode(usual(path)) == settings.link_mode


def test_a_file_that_names_no_link_mode_is_not_parsed_for_it(tmp_path):
    (tmp_path / "config.toml").write_text("mirror = = 3\n")
    assert read_link_mode(usual(tmp_path / "config.toml")) == "auto"
    assert read_link_mode(usual(tmp_path / "nothing.toml")) == "auto"
    (tmp_path / "config.toml").write_text("mirror = = 3\nlink-mode = 'copy'\n")
    with pytest.raises(PymanError, match=r"config\.toml cannot be used"):
        read_link_mode(usual(tmp_path / "config.toml"))


def test_no_file_is_no_settings(tmp_path):
    assert read_settings(usual(tmp_path / "nothing.toml")) == Settings()
    (tmp_path / "file").write_text("")
    assert read_settings(usual(tmp_path / "file" / "config.toml")) == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [("mirror = 3\n", "`mirror` must be a string"), ("folders = 'x'\n", "`folders`"), ("folders = [1]\n", "`folders`"),
     ("miror = 'x'\n", "unknown setting `miror`"), ("link-mode = 'hard'\n", "`auto` or `copy`"), ("link-mode = [1]\n", ""),
     ("mirror =\n", "line 1"), ("\0", ""), ("x = " + "[" * 5000, "")],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_file(tmp_path, text, says):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(PymanError) as failure:
        read_settings(usual(path))
    assert failure.value.message.startswith(f"{path} cannot be used: ")
    assert says in failure.value.message
    assert failure.value.code == "bad-settings"


def test_a_fifo_does_not_hang_and_a_gigabyte_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises(PymanError, match="not a regular file"):
        read_settings(usual(tmp_path / "config.toml"))
    with open(tmp_path / "large.toml", "wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(PymanError, match="bytes"):
        read_settings(usual(tmp_path / "large.toml"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_somebody_else_s_file_decides_nothing(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("mirror = '/evil'\n")
    os.chown(path, 65534, -1)
    with pytest.raises(PymanError, match="another user"):
        read_settings(usual(path))


@pytest.mark.parametrize("bits", [0o666, 0o646, 0o602])
def test_a_file_that_others_may_write_decides_nothing(tmp_path, bits):
    path = tmp_path / "my config.toml"
    path.write_text("link-mode = 'copy'\noffline = true\n[[trial]]\nfolder = '/'\ncommand = 'evil'\n")
    path.chmod(bits)
    with pytest.raises(PymanError) as caught:
        read_settings(usual(path))
    assert caught.value.message == f"{path} cannot be used: others may write to it"
    assert caught.value.hint == f"run `chmod go-w '{path}'`"
    assert caught.value.code == "bad-settings"
    assert read_link_mode(usual(path)) == "auto"
    assert not is_offline(usual(path))
    subprocess.run(["sh", "-c", caught.value.hint.split("`")[1]], check=True)
    assert read_settings(usual(path)).trial
    assert is_offline(usual(path))


@as_root
@pytest.mark.parametrize(
    ("owner", "group", "rights", "counts"),
    [(SOMEBODY, SOMEBODY, "", True), (SOMEBODY, 0, "", True), (SOMEBODY, 54321, "", False),
     (0, 54321, "", True), (SOMEBODY, SOMEBODY, "u:54321:rw", False)],
)  # fmt: skip
def test_the_private_group_of_its_user_may_write_it(tmp_path, owner, group, rights, counts):
    """54321 is a group without members: of root's file nobody else may write, of the user's own who knows."""
    path = tmp_path / "config.toml"
    path.write_text("mirror = '/m'\n")
    os.chown(path, owner, group)
    path.chmod(0o664)
    if rights:
        if shutil.which("setfacl") is None:
            pytest.skip("needs setfacl")
        subprocess.run(["setfacl", "-m", rights, path], check=True)
    let_in(path.parent)
    assert admission, (grp, pwd)  # The other user may not read these modules where they lie.

    def look():
        if counts:
            assert read_settings(usual(path)).mirror == "/m"
        else:
            with pytest.raises(PymanError, match="others may write to it"):
                read_settings(usual(path))

    run_as_somebody(look)


@as_root
def test_to_root_every_group_but_its_own_is_others(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("mirror = '/m'\n")
    path.chmod(0o664)
    assert read_settings(usual(path)).mirror == "/m"
    os.chown(path, 0, SOMEBODY)
    with pytest.raises(PymanError, match="others may write to it"):
        read_settings(usual(path))


@as_root
@pytest.mark.parametrize("locked", ["config.toml", "pyman", ".config"])
def test_what_its_user_may_not_look_at_is_as_none_unless_it_was_named(tmp_path, locked):
    path = tmp_path / ".config" / "pyman" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("folders = []\nlink-mode = 'copy'\n")
    let_in(path.parent)
    next(each for each in (path, *path.parents) if each.name == locked).chmod(0o600)

    def look():
        assert read_settings(usual(path)) == Settings()
        assert read_link_mode(usual(path)) == "auto"
        with pytest.raises(PymanError, match="permission denied"):
            read_settings(usual(path, PYMAN_CONFIG=str(path)))

    run_as_somebody(look)


@settings(max_examples=100)
@given(content=damaged(b'mirror = "https://h/m"\nfolders = ["~/code", "/srv/a b"]\n'))
def test_damaged_settings_are_texts_or_an_error_with_the_file(tmp_path, content):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    try:
        read = read_settings(usual(path))
    except PymanError as error:
        assert (error.code, str(path) in error.message) == ("bad-settings", True)
        return
    assert all("\0" not in text for text in (read.mirror or "", *(read.folders or ())))


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_settings(tmp_path, kind):
    path = tmp_path / "config.toml"
    path.write_bytes(b"mirror = " + HUGE[kind][:-9])
    with pytest.raises(PymanError, match="cannot be used"):
        read_settings(usual(path))
