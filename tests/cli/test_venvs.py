"""venvs and register: what is known, who uses which Python, how large it is, and deleting it."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

import pytest

from stage.disks import as_on_a_disk
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_prefix, make_venv, write

KEYS = ["path", "creator", "owner", "known", "implementation", "request", "policy", "python", "link", "state"]


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def paths(machine, *words, **environ):
    return [os.path.relpath(one["path"], machine.path) for one in machine.json("venvs", *words, **environ)["venvs"]]


def test_what_is_told_of_each(machine):
    machine.venv("made", tool="pyman")
    machine.venv("pinned", machine.python(OLD), tool="pyman")
    make_venv(f"{machine.path}/lost/.venv", f"{machine.path}/gone/{MINOR}.1/bin/python{MINOR}")
    machine.pyman("register", machine.path)
    venvs = machine.json("venvs")["venvs"]
    assert all(list(one) == KEYS for one in venvs)
    assert {one.pop("owner") for one in venvs} == {pwd.getpwuid(os.geteuid()).pw_name}
    told = {os.path.relpath(one.pop("path"), machine.path): tuple(one.values()) for one in venvs}
    assert told == {
        "made/.venv": ("pyman", "record", "cpython", told["made/.venv"][3], "follow", NEW, "alias", "healthy"),
        "pinned/.venv": ("pyman", "record", "cpython", told["pinned/.venv"][3], "pin", OLD, "patch", "pinned"),
        "lost/.venv": ("unknown", "record", "cpython", None, None, None, "broken", "dangling"),
    }
    table = machine.pyman("venvs").out.splitlines()
    assert table[0].split() == ["Venv", "Made", "by", "Python", "Follows", "State"]
    assert [line.split() for line in table[1:]] == [
        ["~/lost/.venv", "unknown", "?", "dangling"],
        ["~/made/.venv", "pyman", NEW, MINOR, "healthy"],
        ["~/pinned/.venv", "pyman", OLD, "pinned", "pinned"],
    ]


def test_where_it_looks(machine):
    """Records, the current folder and what testers keep in it, the folders of the settings, the places of tools."""
    alias = str(machine.python())
    places = {
        "recorded": "somewhere/env",
        "here": "project/.venv",
        "here by another name": "project/my-env",
        "tox": "project/.tox/py313",
        "nox": "project/.nox/tests",
        "hatch here": "project/.hatch/shop",
        "direnv": f"project/.direnv/python-{OLD}",
        "named": "project/envs/named",
        "named, outside": "far/away",
        "settings": "work/deep/down/.venv",
        "virtualenvwrapper": ".virtualenvs/shop",
        "hatch": "data/hatch/env/virtual/shop/AbCdEf/shop",
        "poetry": f"poetry/shop-AbCdEf12-py{MINOR}",
        "pre-commit": f".cache/pre-commit/repo1/py_env-python{MINOR}",
        "pipx run": ".cache/pipx/0a1b2c3d4e5f678",
        "hatch's own": "data/hatch/env/.internal/hatch-test/shop/AbCdEf/shop",
        "pdm": f"pdms/shop-AbCdEf12-{MINOR}",
    }
    for place in (*places.values(), "nobody/knows/.venv"):
        make_venv(f"{machine.path}/{place}", alias, extra=f"version = {MINOR}\n")
    machine.pyman("register", machine.path / "somewhere")
    write(f"{machine.project}/.python-envs", f"# named by a tool\n{machine.path}/far/away\nenvs/named\n\n../nowhere\n")
    write(f"{machine.path}/.config/pdm/config.toml", f'[venv]\nlocation = "{machine.path}/pdms"\n')
    write(f"{machine.path}/.config/pyman/config.toml", 'folders = ["~/work"]\n')
    environ = {"XDG_DATA_HOME": f"{machine.path}/data", "POETRY_VIRTUALENVS_PATH": f"{machine.path}/poetry"}
    listed = machine.json("venvs", "--search", **environ)
    assert sorted(os.path.relpath(one["path"], machine.path) for one in listed["venvs"]) == sorted(places.values())
    known = {os.path.relpath(one["path"], machine.path): one["known"] for one in listed["venvs"]}
    assert {known[places[name]] for name in ("here", "tox", "direnv", "named", "named, outside")} == {"project"}
    assert {known[places[name]] for name in ("virtualenvwrapper", "hatch", "pdm", "pipx run")} == {"place"}
    assert (known[places["recorded"]], known[places["settings"]]) == ("record", "search")
    assert listed["not_searched"] == []
    # What was found once is known from then on, wherever one is.
    (machine.path / ".config/pyman/config.toml").unlink()
    found = machine.pyman("venvs", "--json", cwd=machine.path / "data").json["venvs"]
    assert len(found) == len(places) - 1, "what only a file of a project names, from outside, is not recorded"


def test_the_project_of_a_folder_in_it(machine):
    for place in ("project/.venv", "project/.tox/py313", f"project/.direnv/python-{MINOR}", "far/away"):
        make_venv(f"{machine.path}/{place}", str(machine.python()))
    write(f"{machine.project}/pyproject.toml", "[project]\n")
    write(f"{machine.project}/.python-envs", f"{machine.path}/far/away\n")
    folder = machine.project / "src/deep"
    folder.mkdir(parents=True)
    found = machine.pyman("venvs", "--json", cwd=folder).json["venvs"]
    assert len(found) == 4
    assert len(os.listdir(machine.root / "venvs")) == 3


def test_what_only_a_file_of_a_project_names_is_not_changed(machine):
    """`.python-envs` is as `.venv` that is a link: what lies outside is shown, and changed by its own path."""
    venv = make_venv(f"{machine.path}/far/away", str(machine.python(OLD)))
    inside = make_venv(f"{machine.path}/project/envs/one", str(machine.python(OLD)))
    write(f"{machine.project}/.python-envs", f"{venv}\nenvs/one\n")
    (finding,) = [one for one in machine.json("doctor", status=1)["findings"] if one["path"] == venv]
    assert (finding["code"], finding["repair"]) == (
        "stale-patch",
        f"`pyman doctor {venv} --fix` repairs it: it is outside of the project that names it",
    )
    before = machine.exact(Path(venv))
    machine.pyman("doctor", "--fix", "--yes", status=1)
    assert machine.exact(Path(venv)) == before
    assert os.readlink(f"{inside}/bin/python") == str(machine.python())
    kept = machine.json("uninstall", OLD, "--relink", status=1)["needed"]
    assert [(one["who"], one["reason"]) for one in kept] == [(venv, f"it is not recorded: run `pyman register {venv}`")]
    machine.pyman("doctor", venv, "--fix")
    assert os.readlink(f"{venv}/bin/python") == str(machine.python())


@pytest.mark.parametrize("moved", ["variable", "settings"])
def test_a_tool_that_moved_its_venvs_still_owns_them(machine, moved):
    """By any path, and for every command that would change one."""
    venv = make_venv(f"{machine.path}/hatchlings/env/virtual/shop/AbCdEf12/shop", str(machine.python(OLD)))
    write(f"{venv}/pyvenv.cfg", f"home = {machine.python(OLD).parent}\nversion = {OLD}\nvirtualenv = 21\n")
    environ = {"HATCH_DATA_DIR": f"{machine.path}/hatchlings"} if moved == "variable" else {}
    if moved == "settings":
        write(f"{machine.path}/.config/hatch/config.toml", '[dirs]\ndata = "~/hatchlings"\n')
    (one,) = machine.json("venvs", **environ)["venvs"]
    assert (one["path"], one["creator"]) == (venv, "hatch")
    before = machine.exact(Path(venv))
    machine.pyman("doctor", "--fix", "--yes", status=1, **environ)
    machine.pyman("doctor", venv, "--fix", "--yes", status=1, **environ)
    for words in (("venvs", "--remove", venv), ("pin", venv)):
        assert machine.json(*words, status=1, **environ)["error"]["code"] == "foreign"
    assert machine.exact(Path(venv)) == before
    machine.pyman("doctor", "--fix", "--foreign", **environ)
    assert os.readlink(f"{venv}/bin/python") == str(machine.python())


@pytest.mark.parametrize("how", ["link", "file", "relative file"])
def test_what_is_in_the_place_of_a_venv_is_looked_at_by_a_search(machine, how):
    """`.venv` of a git worktree leads to that of the main checkout."""
    real = make_venv(f"{machine.path}/main/.venv", str(machine.python(OLD)))
    pointer = machine.project / ".venv"
    if how == "link":
        pointer.symlink_to(real)
    else:
        pointer.write_text(str(real) if how == "file" else "../main/.venv\n")
    assert paths(machine, ".") == ["project/.venv"]
    assert {path: codes for path, codes in machine.found(".", status=1).items() if path} == {
        "project/.venv": ["stale-patch open"]
    }
    before = machine.exact(Path(real))
    machine.pyman("doctor", ".", "--fix", "--yes", status=1)
    assert machine.exact(Path(real)) == before
    assert paths(machine, machine.path) == ["main/.venv"]


def test_only_below_the_folders_that_are_named(machine):
    for place in ("a/.venv", "a/node_modules/x/.venv", "b/.venv"):
        make_venv(f"{machine.path}/{place}", str(machine.python()))
    make_venv(f"{machine.path}/a/known/node_modules/.venv", str(machine.python()))
    machine.pyman("register", machine.path / "a/known/node_modules/.venv")
    assert paths(machine, machine.path / "a") == ["a/.venv", "a/known/node_modules/.venv"]
    assert paths(machine, "../b") == ["b/.venv"]
    assert paths(machine, machine.path / "a/.venv") == ["a/.venv"]
    assert "does not exist" in machine.pyman("venvs", "nowhere", status=1).err


def test_who_uses_a_python(machine):
    machine.venv("new", tool="pyman")
    machine.venv("old", machine.python(OLD), tool="pyman")
    prefix = make_prefix(f"{machine.path}/.pyenv/versions/3.12.2", "3.12.2")
    make_venv(f"{machine.path}/other/.venv", f"{prefix}/bin/python3.12", library="python3.12")
    make_venv(f"{machine.path}/lost/.venv", f"{machine.path}/gone/{MINOR}.1/bin/python{MINOR}")
    machine.pyman("register", machine.path)
    for request, expected in {
        MINOR: ["lost/.venv", "new/.venv", "old/.venv"],
        OLD: ["old/.venv"],
        f"=={NEW}": ["new/.venv"],
        f">=3.12,<{NEW}": ["old/.venv", "other/.venv"],
        "3.12": ["other/.venv"],
        "3.14": [],
        str(machine.runtimes / OLD): ["old/.venv"],
        str(machine.runtimes / MINOR): ["new/.venv"],
        str(prefix): ["other/.venv"],
    }.items():
        assert paths(machine, "--python", request) == expected, request
    assert "no venv runs 3.14" in machine.pyman("venvs", "-p", "3.14").err


def test_how_large_they_are(machine):
    venv = make_venv(f"{machine.path}/a/.venv", str(machine.python()))
    write(f"{venv}/large", b"x" * (3 << 20))
    os.link(f"{venv}/large", f"{venv}/again")
    machine.pyman("register", venv)
    (one,) = machine.json("venvs", "--size")["venvs"]
    assert list(one) == [*KEYS, "size"]
    assert 3 << 20 <= one["size"] < 4 << 20
    assert " 3.0 MiB " in machine.pyman("venvs", "--size").out
    assert "MiB" not in machine.pyman("venvs").out


def test_registering(machine):
    make_venv(f"{machine.path}/a/.venv", str(machine.python()))
    make_venv(f"{machine.path}/b/.venv", str(machine.python()))
    answer = machine.json("register", machine.path / "a/.venv", "../b")
    assert answer == {"schema": "pyman/1", "changed": [f"{machine.path}/a/.venv", f"{machine.path}/b/.venv"]}
    records = sorted(os.readlink(path) for path in (machine.root / "venvs").iterdir())
    assert records == answer["changed"]
    before = machine.exact(machine.root)
    machine.pyman("register", machine.path / "a")
    assert machine.exact(machine.root) == before
    assert "there is no venv" in machine.pyman("register", ".", status=1).err
    assert "does not exist" in machine.pyman("register", "nowhere", status=1).err


def test_a_store_that_cannot_be_written_is_no_reason_not_to_look(machine):
    make_venv(f"{machine.path}/a/.venv", str(machine.python()))
    (machine.root / "venvs").rmdir()
    (machine.root / "venvs").symlink_to("/proc/self")
    assert paths(machine, machine.path / "a") == ["a/.venv"]


def test_deleting(machine):
    venv = machine.venv("a", tool="pyman")
    other = machine.venv("b", tool="pyman")
    assert machine.json("venvs", "--remove", venv) == {"schema": "pyman/1", "changed": [str(venv)]}
    assert not venv.exists()
    assert paths(machine) == ["b/.venv"]
    assert os.listdir(machine.path / "a") == []
    assert len(os.listdir(machine.root / "venvs")) == 1
    assert machine.pyman("venvs", "--remove", "../b/.venv").out == "removed ~/b/.venv\n"
    assert not other.exists()


def test_what_is_not_deleted(machine):
    venv = machine.venv("a", tool="pyman")
    make_venv(f"{machine.path}/shop/.tox/py313", str(machine.python()))
    folder = write(f"{machine.path}/folder/file").rpartition("/")[0]
    before = machine.exact(machine.path / "a"), machine.exact(machine.path / "shop")
    for words, status, said in [
        ((venv, folder), 1, "is not a venv; nothing was changed"),
        ((venv, machine.path / "shop/.tox/py313"), 1, "belongs to tox"),
        ((venv, "nowhere"), 1, "is not a venv"),
        ((), 2, "takes the paths of the venvs to delete"),
    ]:
        assert said in machine.pyman("venvs", "--remove", *words, status=status).err
    assert before == (machine.exact(machine.path / "a"), machine.exact(machine.path / "shop"))
    assert os.path.exists(f"{folder}/file")


@pytest.mark.parametrize("how", ["link", "file"])
def test_what_lies_elsewhere_is_deleted_by_its_own_path_only(machine, how):
    real = machine.venv("envs/shop", tool="pyman")
    pointer = machine.project / ".venv"
    if how == "link":
        pointer.symlink_to(real)
    else:
        pointer.write_text(str(real))
    machine.pyman("register", pointer)
    before = machine.exact(Path(real))
    refused = machine.json("venvs", "--remove", pointer, status=1)["error"]
    assert refused["code"] == "leads-elsewhere"
    assert f"`pyman venvs --remove {real}`" in refused["hint"]
    assert machine.exact(Path(real)) == before
    machine.pyman("venvs", "--remove", real)
    assert not real.exists()
    assert os.path.lexists(pointer)


def test_one_on_a_disk_that_is_away_is_listed(machine):
    venv = machine.venv("disk", tool="pyman")
    (machine.path / "disk").rename(machine.path / "away")
    as_on_a_disk(machine.root)
    answer = machine.json("venvs", "--size")
    told = dict.fromkeys(("owner", "implementation", "request", "policy", "python", "size"))
    told |= {"creator": "unknown", "known": "record", "link": "broken", "state": "unreachable"}
    assert answer["venvs"] == [{"path": str(venv), **told}]
    assert machine.pyman("venvs").out.splitlines()[1].split() == ["~/disk/.venv", "unknown", "?", "unreachable"]
    assert paths(machine, "--python", MINOR) == []
    (machine.path / "away").rename(machine.path / "disk")
    assert machine.json("venvs")["venvs"][0]["state"] == "healthy"


def test_a_venv_that_vanishes_and_comes_back(machine):
    venv = machine.venv("a", tool="pyman")
    venv.rename(machine.path / "away")
    assert machine.json("venvs")["venvs"] == []
    (machine.path / "away").rename(venv)
    assert paths(machine) == ["a/.venv"]
    shutil.rmtree(venv)
    machine.pyman("doctor", "--fix")
    assert os.listdir(machine.root / "venvs") == []


def test_names_of_files_are_not_obeyed(machine):
    """A path may hold what a terminal would take for a command, or a table for markup."""
    venv = f"{machine.path}/[red]\x1b[31m\n/.venv"
    make_venv(venv, str(machine.python(OLD)))
    text = machine.pyman("venvs", machine.path).out
    assert "\x1b" not in text
    assert "[red]\\x1b[31m\\n/.venv" in text
    assert len(text.splitlines()) == 2
    assert machine.json("venvs")["venvs"][0]["path"] == venv
    assert machine.found("--fix", status=0) == {os.path.relpath(venv, machine.path): ["stale-patch fixed"]}
