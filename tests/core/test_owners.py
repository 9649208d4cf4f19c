"""Who made a venv, and what that tool remembers of it."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from pyman.core.escape import as_word
from pyman.core.owner_files import Base, OwnerFile, owner_files_of, rewrite_owner_file
from pyman.core.owners import (
    creator_of,
    foreign_command,
    is_pdm_name,
    is_pipenv_name,
    is_poetry_name,
    owner_command,
    owner_hint,
    reads_exact_release,
    recreation_hint,
)
from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from pyman.core.relink import target_for
from pyman.core.version import Version
from stage.facts import RUNTIMES, following
from stage.hostile import HUGE, damaged
from stage.stores import store

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
    assert all(map(is_pipenv_name, ("shop-AbCd_-12", "my.shop.of.shops-AbCd_-12")))
    assert not any(
        map(is_pipenv_name, ("shop", "AbCdEfGh", "-AbCdEfGh", "shop-AbCdEfG", "shop-AbCd.fGh", "a-Ab.dEfGh"))
    )
    assert all(map(is_poetry_name, ("shop-AbCd_-12-py3.13", "my-pytool-AbCdEfGh-py3.13")))
    assert not any(map(is_poetry_name, ("shop-AbCd_-12", "shop-py3.13", "shop-AbCdEfGh-py3", "shop-AbCdEfGh-py3.x")))
    assert all(map(is_pdm_name, ("shop-AbCdEfGh-3.13", "my-shop-AbCd_-12-dev-1")))
    assert not any(map(is_pdm_name, ("shop", "shop-AbCdEfGh", "shop-AbCdEfGh-", "shop-3.13")))


# --- what owners remember ---

OLD, NEW = Version(3, 13, 5), Version(3, 13, 15)
STORE = "/store/runtimes"
MOVED = Base(f"{STORE}/3.13/bin/python3.13", NEW, NEW, f"{STORE}/3.13.15/bin/python3.13")
HELD = Base(f"{STORE}/3.13.5/bin/python3.13", OLD, NEW, f"{STORE}/3.13.15/bin/python3.13")


def rewritten(path, content, folder, base):
    return rewrite_owner_file(OwnerFile(path, content.encode()), folder, base).decode()


def test_which_files_there_may_be():
    assert owner_files_of("/p/.venv") == (
        "/p/.venv/pipx_metadata.json",
        "/p/.venv/uv-receipt.toml",
        "/p/.venv/.tox-info.json",
    )
    assert owner_files_of("/c/virtualenvs/shop-AbCd1_-2-py3.13")[3:] == ("/c/virtualenvs/envs.toml",)


@pytest.mark.parametrize("base", [MOVED, HELD], ids=["moved", "held"])
def test_pipx_is_told_what_runs(base):
    before = {"python_version": "Python 3.13.1", "source_interpreter": {"__type__": "Path", "__Path__": "/x"}, "a": [1]}
    after = json.loads(rewritten("/v/pipx_metadata.json", json.dumps(before), "/v", base))
    assert after == {
        "python_version": f"Python {base.version}",
        "source_interpreter": {"__type__": "Path", "__Path__": base.executable},
        "a": [1],
    }


@pytest.mark.parametrize("base", [MOVED, HELD], ids=["moved", "held"])
@pytest.mark.parametrize(
    ("executable", "then"),
    [
        (f"{STORE}/3.13.5/bin/python3.13", f"{STORE}/3.13.15/bin/python3.13"),
        ("/usr/bin/python3.13", "/usr/bin/python3.13"),
    ],
)
def test_tox_is_told_what_it_finds(base, executable, then):
    python = {"version_info": [3, 13, 5, "final", 0], "executable": executable, "virtualenv version": "21"}
    before = {"ToxEnv": {"name": "py313"}, "Python": python}
    after = json.loads(rewritten("/p/.tox/py313/.tox-info.json", json.dumps(before), "/p/.tox/py313", base))
    assert after["ToxEnv"] == before["ToxEnv"]
    assert after["Python"] == python | {"version_info": [3, 13, 15, "final", 0], "executable": then}


def test_tox_is_told_the_release_also_where_it_noted_no_interpreter():
    before = {"Python": {"version_info": [3, 13, 5, "final", 0]}}
    after = json.loads(rewritten("/p/.tox/py313/.tox-info.json", json.dumps(before), "/p/.tox/py313", MOVED))
    assert after == {"Python": {"version_info": [3, 13, 15, "final", 0]}}


@pytest.mark.parametrize(
    ("python", "then"),
    [
        ('"/store/runtimes/3.13.5/bin/python3.13"', f'"{MOVED.executable}"'),
        ('"3.13"', '"3.13"'),
        ('"cpython-3.13.5"', '"cpython-3.13.5"'),
    ],
)
def test_uv_is_told_a_path_where_it_had_one(python, then):
    receipt = (
        '[tool]\nrequirements = [{{ name = "spam" }}]\npython = {}\nentrypoints = [\n    {{ name = "spam" }},\n]\n'
    )
    after = rewritten("/t/spam/uv-receipt.toml", receipt.format(python), "/t/spam", MOVED)
    assert after == receipt.format(then)


@pytest.mark.parametrize("base", [MOVED, HELD], ids=["moved", "held"])
def test_poetry_is_told_what_it_finds_for_that_project_and_minor_alone(base):
    envs = """# kept
[other-AbCdEfGh]
minor = "3.13"
patch = "3.13.5"

["shop-AbCd1_-2"]
minor = "3.13"
patch = "3.13.5"  # by poetry
"""
    after = rewritten("/c/envs.toml", envs, "/c/shop-AbCd1_-2-py3.13", base)
    front, mark, back = envs.rpartition('patch = "3.13.5"  # by poetry')
    assert (after, back) == (f'{front}patch = "3.13.15"\n', "\n")
    assert mark
    assert rewritten("/c/envs.toml", envs, "/c/shop-AbCd1_-2-py3.12", base) == envs
    assert rewritten("/c/envs.toml", envs, "/c/none-AbCd1_-2-py3.13", base) == envs


def test_poetry_is_told_also_about_a_project_whose_name_holds_what_ends_it():
    envs = '[my-pytool-AbCd1_-2]\nminor = "3.13"\npatch = "3.13.5"\n'
    after = rewritten("/c/envs.toml", envs, "/c/my-pytool-AbCd1_-2-py3.13", MOVED)
    assert after == envs.replace("3.13.5", "3.13.15")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "pipx_metadata.json",
            f'{{"python_version":"Python {NEW}", "source_interpreter": {{"__Path__": "{MOVED.executable}"}}}}',
        ),
        (
            ".tox-info.json",
            f'{{"Python":{{"executable": "{MOVED.found_at}", "version_info": [3, 13, 15, "final", 0]}}}}',
        ),
        ("uv-receipt.toml", f"[tool]\npython  =  '{MOVED.executable}'\n"),
        ("envs.toml", "[shop-AbCd1_-2]\nminor='3.13'\npatch='3.13.15'\n"),
    ],
)
def test_a_file_that_is_right_already_keeps_every_byte(name, content):
    """However it is laid out: nothing is written, so nothing can be lost."""
    folder = "/c/shop-AbCd1_-2-py3.13"
    place = "/c" if name == "envs.toml" else folder
    assert rewritten(f"{place}/{name}", content, folder, MOVED) == content


@pytest.mark.parametrize(("name", "indent"), [("pipx_metadata.json", 4), (".tox-info.json", 2)])
def test_a_file_looks_as_its_owner_writes_it(name, indent):
    """pipx sorts, tox does not."""
    python = {"version_info": [3, 13, 5, "final", 0], "executable": "/usr/bin/python3.13"}
    before = {"python_version": "Python 3.13.5", "Python": python, "ToxEnv": {"name": "py313"}}
    after = rewritten(f"/v/{name}", json.dumps(before), "/v", MOVED)
    assert after == json.dumps(json.loads(after), indent=indent, sort_keys=name.startswith("pipx"))
    assert next(iter(json.loads(after))) == ("Python" if name.startswith("pipx") else "python_version")


@pytest.mark.parametrize("name", ["pipx_metadata.json", ".tox-info.json", "uv-receipt.toml", "envs.toml"])
@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", "null", "[" * 100_000, '{"Python": 1}', '{"Python": {"version_info": [3]}}', "[tool]\npython = 3\n",
     "a.b = 1", "[shop-AbCd1_-2]\nminor = 1"],
)  # fmt: skip
def test_what_no_tool_writes_stays_as_it_is(name, content):
    folder = "/c/shop-AbCd1_-2-py3.13"
    place = "/c" if name == "envs.toml" else folder
    assert rewritten(f"{place}/{name}", content, folder, MOVED) == content


WRITTEN = {
    "pipx_metadata.json": b'{"python_version": "Python 3.13.5", "source_interpreter": {"__Path__": "/p", "__type__": "Path"}}',
    ".tox-info.json": b'{"Python": {"version_info": [3, 13, 5, "final", 0], "executable": "/s/3.13.5/bin/python3.13"}}',
    "uv-receipt.toml": b'[tool]\nrequirements = [{ name = "spam" }]\npython = "/s/3.13.5/bin/python3.13"\n',
    "envs.toml": b'[shop-AbCd1_-2]\nminor = "3.13"\npatch = "3.13.5"\n',
}


@tries(max_examples=200)
@given(data=st.data(), name=st.sampled_from(sorted(WRITTEN)))
def test_a_damaged_file_stays_or_is_what_it_was_as_before(data, name):
    content = data.draw(damaged(WRITTEN[name]))
    folder = "/c/shop-AbCd1_-2-py3.13"
    place = "/c" if name == "envs.toml" else folder
    after = rewrite_owner_file(OwnerFile(f"{place}/{name}", content), folder, MOVED)
    if after != content:
        parse = json.loads if name.endswith(".json") else tomllib.loads
        before = parse(content.decode()) if name.endswith(".toml") else parse(content)
        assert parse(after.decode()).keys() == before.keys()


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_stays(name, kind):
    folder = "/c/shop-AbCd1_-2-py3.13"
    place = "/c" if name == "envs.toml" else folder
    assert rewrite_owner_file(OwnerFile(f"{place}/{name}", HUGE[kind]), folder, MOVED) == HUGE[kind]


TARGET = target_for(following(), store("3.13.15"), "3.13")
PYTHON = f"{RUNTIMES}/3.13/bin/python3.13"


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"creator": "tox", "folder": "/my app/.tox/py313"}, "cd '/my app' && tox run --recreate -e py313"),
        # Elsewhere nothing tells where its project is; and what begins with a dot it keeps for itself.
        ({"creator": "tox", "folder": "/envs/py313"}, None),
        ({"creator": "tox", "folder": "/p/.tox/.pkg"}, None),
        ({"creator": "tox", "folder": "/p/.tox/-x"}, None),
        (
            {"creator": "pipx", "folder": "/t/black", "names": ("pipx_metadata.json",)},
            f"pipx reinstall --python {PYTHON} black",
        ),
        ({"creator": "pipx", "folder": "/t/shared"}, None),
        ({"creator": "uv", "folder": "/t/ruff"}, f"uv tool upgrade --python {PYTHON} ruff"),
        # It refuses a tool whose Python is gone.
        ({"creator": "uv", "folder": "/t/ruff", "interpreter": None}, None),
        ({"creator": "poetry", "folder": "/c/demo"}, None),
    ],
)
def test_what_owners_offer(changes, command):
    facts = following(**changes)
    assert owner_command(facts, TARGET) == command
    assert owner_command(facts, None) is None
    own = foreign_command(facts)
    assert own == f"pyman doctor {as_word(facts.folder)} --fix --foreign"
    first = f"run `{command}`, or" if command else "run"
    assert owner_hint(facts, TARGET, asks=False) == f"{first} `{own}`"
    assert owner_hint(facts, TARGET, asks=True) == f"{first} `{own} --yes`"


def test_pre_commit_reads_the_very_release():
    assert reads_exact_release("/c/repo/py_env-python3.13")
    assert not reads_exact_release("/c/py_env-x/demo")


def test_only_pre_commit_makes_its_venvs_again():
    assert recreation_hint() == "run `pre-commit clean`: it recreates its environments when they are needed"
