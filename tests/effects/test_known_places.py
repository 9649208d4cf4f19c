"""Where tools keep venvs."""

import os

import pytest

from pyman.effects.venvs.inventory import find_known_venvs, known_places
from stage.venvs import make_venv


def folders(environ, home="/h", platform="linux"):
    found = {}
    for place in known_places(environ, home, platform):
        found.setdefault(place.tool, []).append(place.folder)
    return found


def test_on_linux():
    assert folders({}) == {
        "pipx": ["/h/.local/share/pipx/venvs", "/h/.local/share/pipx", "/h/.local/pipx/venvs", "/h/.local/pipx"],
        "uv": ["/h/.local/share/uv/tools"],
        "poetry": ["/h/.cache/pypoetry/virtualenvs"],
        "pipenv": ["/h/.local/share/virtualenvs"],
        "virtualenvwrapper": ["/h/.virtualenvs"],
        "pdm": ["/h/.local/share/pdm/venvs"],
        "hatch": ["/h/.local/share/hatch/env/virtual"],
        "pyenv-virtualenv": ["/h/.pyenv/versions"],
        "pre-commit": ["/h/.cache/pre-commit"],
    }


def test_on_macos():
    found = folders({}, "/Users/u", "darwin")
    assert found["poetry"] == ["/Users/u/Library/Caches/pypoetry/virtualenvs"]
    assert found["pipx"][0] == "/Users/u/Library/Application Support/pipx/venvs"
    assert found["hatch"] == ["/Users/u/Library/Application Support/hatch/env/virtual"]
    assert found["uv"] == ["/Users/u/.local/share/uv/tools"]
    assert found["pre-commit"] == ["/Users/u/.cache/pre-commit"]


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
        ".local/share/uv/tools/ruff",
        ".cache/pypoetry/virtualenvs/demo-AbCdEfGh-py3.13",
        ".local/share/virtualenvs/demo-AbCdEfGh",
        ".virtualenvs/work",
        ".local/share/pdm/venvs/demo-x-3.13",
        ".local/share/hatch/env/virtual/demo/AbCd/demo",
        ".local/share/hatch/env/virtual/tool",
        ".pyenv/versions/3.13.5/envs/work",
        ".cache/pre-commit/repo123/py_env-python3.13",
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
    assert sorted(find_known_venvs({}, home, "linux")) == sorted(f"{home}/{folder}" for folder in expected)


def test_nothing_there_is_nothing_found(tmp_path):
    assert find_known_venvs({}, os.path.realpath(tmp_path), "linux") == ()
