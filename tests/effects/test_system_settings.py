"""`/etc/pyman/config.toml`: what counts of it, and what goes before it."""

from __future__ import annotations

import os

import pytest

from pyman.core.toml_text import parse_toml
from pyman.effects import places as places_module
from pyman.effects import system_settings
from pyman.effects.places import read_places
from pyman.effects.settings import is_offline, read_settings
from pyman.effects.system_settings import SystemSettings, read_system_settings
from pyman.errors import PymanError
from stage.somebody import as_root, let_in, run_as_somebody

TEXT = 'system-root = "/opt/pyman/"\nmirror = "/srv/m"\nfolders = ["/srv"]\noffline = true\n'
ALL = SystemSettings("/opt/pyman", "/srv/m", ("/srv",), True)


@pytest.fixture
def config(tmp_path):
    let_in(tmp_path)
    path = tmp_path / "system.toml"
    path.write_text(TEXT)
    path.chmod(0o644)
    return path


@as_root
def test_a_file_counts_that_is_root_s_and_that_others_cannot_write(config):
    assert read_system_settings(str(config)) == ALL
    run_as_somebody(lambda: _check(read_system_settings(str(config)) == ALL))
    for mode in (0o664, 0o646):
        config.chmod(mode)
        assert read_system_settings(str(config)) == SystemSettings()
    config.chmod(0o644)
    os.chown(config, 12345, 0)
    assert read_system_settings(str(config)) == SystemSettings()
    run_as_somebody(lambda: _check(read_system_settings(str(config)) == SystemSettings()))


@as_root
def test_the_folder_of_the_usual_file_is_root_s_too(config, monkeypatch):
    monkeypatch.setattr(system_settings, "SYSTEM_CONFIG", str(config))
    assert read_system_settings(str(config)) == ALL
    config.parent.chmod(0o777)
    assert read_system_settings(str(config)) == SystemSettings()


def test_the_variable_does_not_count_for_root(tmp_path, monkeypatch):
    monkeypatch.setattr(places_module, "SYSTEM_CONFIG", "/usual")
    places = read_places({"HOME": str(tmp_path), "PYMAN_SYSTEM_CONFIG": "/named"})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert places.system_config == "/usual"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert places.system_config == "/named"


@as_root
@pytest.mark.parametrize(
    ("text", "says"),
    [("mirror = 3", "`mirror` must be"), ('system-root = "opt"', "absolute"), ("offline = 1", "`offline` must be"),
     ('folders = "x"', "`folders`"), ("ignore = []", "no setting `ignore`"), ("mirror =", "Invalid value"),
     ('system-root = "/a\\nb"', "absolute")],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_file(config, text, says):
    config.write_text(text)
    with pytest.raises(PymanError) as failure:
        read_system_settings(str(config))
    assert failure.value.message.startswith(f"{config} cannot be used: ")
    assert says in failure.value.message


@pytest.mark.parametrize(
    "text",
    ['system-root = "/opt/p"\n', 'system-root="/opt/p" ', '# all\n\nmirror = "/m"\r\noffline = true\n', 'mirror = "a#b"',
     'mirror = "=" # x', 'mirror = "a\\\\b"', "mirror = 'x'", 'mirror = ""', 'mirror = """x"""', 'folders = ["/a"]', "offline = True",
     'mirror = "a"\nmirror = "b"', '[t]\nmirror = "a"', 'mirror = "\u00e4"', "offline", 'folders = ["/a", "/b"]', 'folders = ["/a,b"]', "folders = []", 'folders = ["/a",]', 'folders = ["/a" "/b"]', 'folders = [["/a"]]', 'mirror = "x" "y"', '"mirror" = "a"', "=", 'mirror = "\t"'],
)  # fmt: skip
def test_plain_lines_are_read_as_toml_is(text):
    found = system_settings._plain(text)
    if found is not None:
        assert found == parse_toml(text)


def test_the_usual_file_is_plain():
    text = 'system-root = "/opt/p"\noffline = false\nfolders = ["/srv", "/data"]\n'
    assert system_settings._plain(text) == parse_toml(text)


def test_no_file_a_fifo_and_a_folder_are_none(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for name in ("nothing", "fifo", "."):
        assert read_system_settings(str(tmp_path / name)) == SystemSettings()


@as_root
def test_the_user_s_settings_and_the_environment_go_before(config, tmp_path):
    home = tmp_path / "home"
    (home / ".config/pyman").mkdir(parents=True)
    own = home / ".config/pyman/config.toml"
    environ = {"HOME": str(home), "PYMAN_SYSTEM_CONFIG": str(config)}

    def check():
        own = read_settings(read_places(environ))
        _check((own.mirror, own.folders, own.offline) == ("/srv/m", ("/srv",), True))
        _check(is_offline(read_places(environ)))
        _check(not is_offline(read_places({**environ, "PYMAN_OFFLINE": "0"})))

    run_as_somebody(check)
    own.write_text('mirror = "/own"\nfolders = []\noffline = false\n')
    own.chmod(0o644)

    def check_own():
        own = read_settings(read_places(environ))
        _check((own.mirror, own.folders, own.offline) == ("/own", (), False))
        _check(not is_offline(read_places(environ)))
        _check(is_offline(read_places({**environ, "PYMAN_OFFLINE": "1"})))

    run_as_somebody(check_own)


@as_root
def test_a_system_store_that_others_may_write_is_refused(config, tmp_path):
    root = tmp_path / "store"
    root.mkdir()
    config.write_text(f'system-root = "{root}"\n')
    environ = {"HOME": str(tmp_path), "PYMAN_SYSTEM_CONFIG": str(config)}

    def check(expected):
        try:
            found = read_places(environ).system_root
        except PymanError as error:
            found = error.code
        _check(found == expected)

    run_as_somebody(lambda: check(str(root)))
    root.chmod(0o777)
    run_as_somebody(lambda: check("unsafe-folder"))
    # The store itself has none beneath it.
    root.chmod(0o755)
    environ["PYMAN_ROOT"] = str(root)
    run_as_somebody(lambda: check(""))


def _check(holds):
    assert holds
