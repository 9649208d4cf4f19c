"""Where tools keep venvs."""

import os

import pytest

from pyman.effects.venvs import venvs_of_tools as module
from pyman.effects.venvs.venvs_of_tools import PlaceOwners, tool_places, venvs_of_tools
from stage.venvs import make_venv, write


def folders(environ, home="/h", platform="linux"):
    found = {}
    for place in tool_places(environ, home, platform):
        found.setdefault(place.tool, []).append(place.folder)
    return found


def test_on_linux():
    assert folders({}) == {
        "pipx": [
            *("/h/.local/share/pipx/venvs", "/h/.local/share/pipx", "/h/.local/pipx/venvs", "/h/.local/pipx"),
            *("/opt/pipx/venvs", "/opt/pipx", "/h/.cache/pipx", "/opt/pipx/.cache"),
        ],
        "uv": ["/h/.local/share/uv/tools"],
        "poetry": ["/h/.cache/pypoetry/virtualenvs"],
        "pipenv": ["/h/.local/share/virtualenvs"],
        "virtualenvwrapper": ["/h/.virtualenvs"],
        "pdm": ["/h/.local/share/pdm/venvs"],
        "hatch": ["/h/.local/share/hatch/env/virtual", "/h/.local/share/hatch/env/.internal"],
        "pyenv-virtualenv": ["/h/.pyenv/versions"],
        "pre-commit": ["/h/.cache/pre-commit"],
    }


def test_on_macos():
    found = folders({}, "/Users/u", "darwin")
    assert found["poetry"] == ["/Users/u/Library/Caches/pypoetry/virtualenvs"]
    assert found["pipx"][0] == "/Users/u/Library/Application Support/pipx/venvs"
    assert found["hatch"][0] == "/Users/u/Library/Application Support/hatch/env/virtual"
    assert found["uv"] == ["/Users/u/.local/share/uv/tools"]
    assert found["pre-commit"] == ["/Users/u/.cache/pre-commit"]
    # Newer tools follow the variables of XDG there as well.
    found = folders({"XDG_DATA_HOME": "/x", "XDG_CACHE_HOME": "/y"}, "/Users/u", "darwin")
    assert found["poetry"] == ["/Users/u/Library/Caches/pypoetry/virtualenvs", "/y/pypoetry/virtualenvs"]
    assert {"/Users/u/Library/Application Support/pipx/venvs", "/x/pipx/venvs"} <= set(found["pipx"])
    assert {"/Users/u/Library/Application Support/pdm/venvs", "/x/pdm/venvs"} == set(found["pdm"])


@pytest.mark.parametrize(
    ("variable", "tool", "folder"),
    [
        ("PIPX_HOME", "pipx", "/x/venvs"),
        ("UV_TOOL_DIR", "uv", "/x"),
        ("POETRY_CACHE_DIR", "poetry", "/x/virtualenvs"),
        ("POETRY_VIRTUALENVS_PATH", "poetry", "/x"),
        ("WORKON_HOME", "pipenv", "/x"),
        ("WORKON_HOME", "virtualenvwrapper", "/x"),
        ("HATCH_DATA_DIR", "hatch", "/x/env/virtual"),
        ("PYENV_ROOT", "pyenv-virtualenv", "/x/versions"),
        ("PRE_COMMIT_HOME", "pre-commit", "/x"),
        ("XDG_DATA_HOME", "pdm", "/x/pdm/venvs"),
        ("XDG_DATA_HOME", "uv", "/x/uv/tools"),
        ("XDG_CACHE_HOME", "poetry", "/x/pypoetry/virtualenvs"),
    ],
)
def test_variables_are_honoured(variable, tool, folder):
    assert folders({variable: "/x"})[tool][0] == folder
    assert folders({variable: "not/absolute"}) | {"pipx": []} == folders({}) | {"pipx": []}
    assert folders({variable: ""}) | {"pipx": []} == folders({}) | {"pipx": []}


def test_a_tilde_is_the_home_folder():
    assert folders({"WORKON_HOME": "~/envs"})["pipenv"] == ["/h/envs"]


def test_venvs_are_found_where_each_tool_puts_them(tmp_path):
    home = os.path.realpath(tmp_path)
    expected = [
        ".local/share/pipx/shared",
        ".local/share/pipx/venvs/black",
        ".cache/pipx/0a1b2c3d4e5f678",
        ".local/share/uv/tools/ruff",
        ".cache/pypoetry/virtualenvs/demo-AbCdEfGh-py3.13",
        ".local/share/virtualenvs/demo-AbCdEfGh",
        ".virtualenvs/work",
        ".local/share/pdm/venvs/demo-x-3.13",
        ".local/share/hatch/env/virtual/demo/AbCd/demo",
        ".local/share/hatch/env/virtual/tool",
        ".local/share/hatch/env/.internal/hatch-test/demo/AbCd/demo",
        ".local/share/hatch/env/.internal/hatch-static-analysis/demo",
        ".pyenv/versions/3.13.5/envs/work",
        ".cache/pre-commit/repo123/py_env-python3.13",
        ".cache/pre-commit/repo123/py_env-/usr/bin/python3.13",
    ]
    elsewhere = [
        ".pyenv/versions/3.13.5/lib/nested",
        ".cache/pre-commit/repo123/tests",
        ".local/share/uv/tools/ruff/lib/inner",
        ".virtualenvs/work/lib/inner",
    ]
    for folder in expected + elsewhere:
        make_venv(f"{home}/{folder}", "/nowhere/bin/python")
    os.symlink("3.13.5/envs/work", f"{home}/.pyenv/versions/work")
    assert sorted(venvs_of_tools(tool_places({}, home, "linux"))) == sorted(f"{home}/{folder}" for folder in expected)


def test_nothing_there_is_nothing_found(tmp_path):
    assert venvs_of_tools(tool_places({}, os.path.realpath(tmp_path), "linux")) == ()


CONFIG = {
    "poetry": ("pypoetry/config.toml", '[virtualenvs]\npath = "/x/envs"\n', "/x/envs"),
    "poetry below the home": ("pypoetry/config.toml", '[virtualenvs]\npath = "~/envs"\n', "/h/envs"),
    "poetry's cache": ("pypoetry/config.toml", 'cache-dir = "/x"\n', "/x/virtualenvs"),
    "poetry below its cache": (
        "pypoetry/config.toml",
        'cache-dir = "/x"\n[virtualenvs]\npath = "{cache-dir}/vv"\n',
        "/x/vv",
    ),
    "pdm": ("pdm/config.toml", '[venv]\nlocation = "/x/envs"\n', "/x/envs"),
    "pdm below the home": ("pdm/config.toml", '[venv]\nlocation = "~/envs"\n', "/h/envs"),
    "hatch": ("hatch/config.toml", '[dirs.env]\nvirtual = "/x/envs"\n', "/x/envs"),
    "hatch's data": ("hatch/config.toml", '[dirs]\ndata = "/x"\n', "/x/env/virtual"),
}


@pytest.mark.parametrize(("name", "text", "folder"), CONFIG.values(), ids=CONFIG)
def test_settings_files_are_honoured(name, text, folder, tmp_path):
    tool = {"pypoetry": "poetry"}.get(name.split("/")[0], name.split("/")[0])
    usual = {"XDG_CONFIG_HOME": str(tmp_path)}
    before = folders(usual)
    write(f"{tmp_path}/{name}", text)
    assert folders(usual)[tool][0] == folder
    variable = {"poetry": "POETRY_CONFIG_DIR", "pdm": "PDM_CONFIG_FILE", "hatch": "HATCH_CONFIG"}[tool]
    moved = os.path.dirname(f"{tmp_path}/{name}") if tool == "poetry" else f"{tmp_path}/{name}"
    assert folders({variable: moved})[tool][0] == folder
    # What is relative is meant to be seen from a project; what cannot be read is the tool's to complain about.
    for broken in (text.replace('"/x', '"x').replace('"~', '"x'), "[", b"\xff\0"):
        write(f"{tmp_path}/{name}", broken)
        assert folders(usual)[tool][0].startswith("/h/"), broken
    os.unlink(f"{tmp_path}/{name}")
    os.mkfifo(f"{tmp_path}/{name}")
    assert folders(usual) == before


def test_a_variable_goes_before_the_settings_file(tmp_path):
    write(f"{tmp_path}/pypoetry/config.toml", 'cache-dir = "/x"\n[virtualenvs]\npath = "/x/envs"\n')
    write(f"{tmp_path}/hatch/config.toml", '[dirs]\ndata = "/x"\n')
    usual = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert folders(usual | {"POETRY_VIRTUALENVS_PATH": "{cache-dir}/vv"})["poetry"] == ["/x/vv"]
    assert folders(usual | {"POETRY_VIRTUALENVS_PATH": "{cache-dir}/vv", "POETRY_CACHE_DIR": "/y"})["poetry"] == [
        "/y/vv"
    ]
    assert folders(usual | {"HATCH_DATA_DIR": "/y"})["hatch"] == ["/y/env/virtual", "/y/env/.internal"]


def test_whose_a_venv_is_where_a_tool_moved(tmp_path):
    """Also by the real path of a folder that the variable names through a link."""
    real = os.path.realpath(tmp_path)
    os.mkdir(f"{real}/real")
    os.symlink("real", f"{real}/link")
    write(f"{real}/pdm/config.toml", f'[venv]\nlocation = "{real}/envs"\n')
    write(f"{real}/hatch/config.toml", f'[dirs.env]\nvirtual = "{real}/envs"\n')
    environ = {
        "XDG_CONFIG_HOME": real,
        "HATCH_DATA_DIR": f"{real}/link",
        "PIPX_HOME": "/x/pipx",
        "PIPX_SHARED_LIBS": "/x/libs",
        "WORKON_HOME": f"{real}/envs",
        "PYENV_ROOT": "/x/pyenv",
        "PRE_COMMIT_HOME": "/x/hooks",
    }
    owners = PlaceOwners(tool_places(environ, "/h", "linux"))
    for folder, tool in {
        f"{real}/link/env/virtual/p/AbCdEfGh/p": "hatch",
        f"{real}/real/env/virtual/p/AbCdEfGh/docs": "hatch",
        f"{real}/real/env/.internal/hatch-test/p/AbCdEfGh/p": "hatch",
        f"{real}/envs/p/AbCdEfGh/p": "hatch",
        f"{real}/envs/shop-AbCd_-12-3.13": "pdm",
        f"{real}/envs/shop-AbCdEfGh": "pipenv",
        f"{real}/envs/work": "virtualenvwrapper",
        "/x/pipx/venvs/black": "pipx",
        "/x/pipx/.cache/0a1b2c3d4e5f678": "pipx",
        "/x/pipx/shared": "pipx",
        "/x/libs": "pipx",
        "/x/pyenv/versions/3.13.5/envs/work": "pyenv-virtualenv",
        "/x/pyenv/versions/3.13.5/lib/work": "",
        "/x/hooks/repo1/py_env-python3.13": "pre-commit",
        "/x/hooks/repo1/py_env-/usr/bin/python3.13": "pre-commit",
        "/x/hooks/repo1/tests": "",
        "/x/other": "",
        "/x/pipx": "",
    }.items():
        assert owners.tool_of(folder) == tool, folder


def test_a_settings_file_is_read_once(tmp_path, monkeypatch):
    for name in ("pypoetry", "pdm", "hatch"):
        write(f"{tmp_path}/.config/{name}/config.toml", "[x]\n")
    read, reading = [], module.read_own_text
    monkeypatch.setattr(module, "read_own_text", lambda path: read.append(path) or reading(path))
    folders({}, str(tmp_path))
    assert sorted(read) == [f"{tmp_path}/.config/{name}/config.toml" for name in ("hatch", "pdm", "pypoetry")]
