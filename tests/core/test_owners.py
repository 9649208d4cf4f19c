"""Who made a venv."""

import pytest

from pyman.core.owners import creator_of, is_pdm_name, is_pipenv_name
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg

STDLIB = "version = 3.13.5\ncommand = /usr/bin/python3 -m venv /home/u/pyman\n"


@pytest.mark.parametrize(
    ("folder", "names", "text", "creator", "foreign"),
    [
        ("/p/.venv", (), "uv = 0.13.9\nversion_info = 3.13\n", "uv", False),
        ("/t/ruff", ("uv-receipt.toml",), "uv = 0.13.9\n", "uv", True),
        ("/t/black", ("pipx_metadata.json",), "uv = 0.13.9\n", "pipx", True),
        ("/h/.local/share/pipx/shared", (), STDLIB, "pipx", True),
        ("/p/.tox/py313", (), "virtualenv = 21\n", "tox", True),
        ("/p/envs/py313", (".tox-info.json",), "virtualenv = 21\n", "tox", True),
        ("/p/.nox/tests", (), "virtualenv = 21\n", "nox", True),
        ("/c/pre-commit/repoabc/py_env-python3.13", (), "virtualenv = 21\n", "pre-commit", True),
        ("/h/.local/share/hatch/env/virtual/demo/Ab12/demo", (), "virtualenv = 21\n", "hatch", True),
        ("/p/.hatch/demo", (), "virtualenv = 21\n", "hatch", True),
        ("/h/.local/share/hatch/env/.internal/hatch-test/demo/Ab12/demo", (), "uv = 0.13.9\n", "hatch", True),
        ("/p/.direnv/python-3.13.5", (), STDLIB, "direnv", False),
        ("/p/.direnv/python-3.13", (), "version = 3.13\ncommand = pyman venv /p\n", "pyman", False),
        ("/h/.pyenv/versions/3.13.5/envs/work", (), STDLIB, "pyenv-virtualenv", False),
        ("/p/envs/work", (), STDLIB, "venv", False),
        ("/c/pypoetry/virtualenvs/demo", (), "virtualenv = 21\n", "poetry", True),
        ("/elsewhere/demo-Ab_1-xYz-py3.13", (), "virtualenv = 21\n", "poetry", True),
        ("/h/.local/share/pdm/venvs/demo-AbCd-3.13", (), "virtualenv = 21\n", "pdm", True),
        ("/p/demo-py3.13", (), "virtualenv = 21\n", "virtualenv", False),
        ("/p/.venv", (), "virtualenv = 21\nversion = 3.13.5\n", "virtualenv", False),
        ("/p/.venv", (), "version = 3.13\ncommand = pyman venv /p/.venv\npyman-request = 3.13\n", "pyman", False),
        ("/p/.venv", (), STDLIB + "pyman-policy = pin\n", "venv", False),
        ("/p/.venv", (), "home = /usr/bin\nversion = 3.9.2\n", "venv", False),
        ("/p/.venv", (), "home = /usr/bin\n", "unknown", False),
        ("/p/.venv", (), "", "unknown", False),
    ],
)
def test_creator(folder, names, text, creator, foreign):
    assert creator_of(folder, names, parse_pyvenv_cfg(text)) == (creator, foreign)


@pytest.mark.parametrize(
    ("place", "text", "creator", "foreign"),
    [
        ("hatch", "virtualenv = 21\n", "hatch", True),
        ("pipx", STDLIB, "pipx", True),
        ("pipenv", "virtualenv = 21\n", "pipenv", False),
        ("virtualenvwrapper", "virtualenv = 21\n", "virtualenvwrapper", False),
        ("virtualenvwrapper", STDLIB, "venv", False),
        ("virtualenvwrapper", "version = 3.13\ncommand = pyman venv /p\n", "pyman", False),
        ("", "virtualenv = 21\n", "virtualenv", False),
    ],
)
def test_the_place_tells_whose_a_venv_is(place, text, creator, foreign):
    assert creator_of("/x/y/work", (), parse_pyvenv_cfg(text), place) == (creator, foreign)


def test_names_that_tools_give():
    assert is_pipenv_name("shop-AbCd_-12")
    assert not any(map(is_pipenv_name, ("shop", "AbCdEfGh", "-AbCdEfGh", "shop-AbCdEfG", "shop-AbCd.fGh")))
    assert all(map(is_pdm_name, ("shop-AbCdEfGh-3.13", "my-shop-AbCd_-12-dev-1")))
    assert not any(map(is_pdm_name, ("shop", "shop-AbCdEfGh", "shop-AbCdEfGh-", "shop-3.13")))
