"""The search of the home: what it finds, where it does not look, when it is made, and what ends it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stage.disks import dead_disk, mounted
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.somebody import SOMEBODY, as_root
from stage.venvs import make_prefix, make_venv, write

DAY = 86400


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


def put(machine, *places, release=MINOR):
    for place in places:
        make_venv(f"{machine.path}/{place}", str(machine.python(release)))


def listed(machine, *words, cwd=None, **environ):
    """What `venvs` lists, by path below the home: how it is known."""
    answer = machine.pyman("venvs", "--json", *words, cwd=cwd, **environ).json
    return {os.path.relpath(one["path"], machine.path): one["known"] for one in answer["venvs"]}


def settings(machine, text):
    write(f"{machine.path}/.config/pyman/config.toml", text)


def searched_ago(machine, seconds):
    path = machine.root / "searched"
    when, *rest = path.read_text().splitlines()
    path.write_text("".join(f"{line}\n" for line in (str(int(when) - seconds), *rest)))


def test_the_first_look_finds_every_venv_of_the_home(machine, tmp_path):
    put(machine, "code/a/.venv", "code/b/c/env", "deep/er/est/.venv")
    put(machine, "code/old/.venv", release=OLD)
    found = dict.fromkeys(["code/a/.venv", "code/b/c/env", "deep/er/est/.venv", "code/old/.venv"], "search")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert listed(machine, cwd=elsewhere) == {}
    assert listed(machine, "--search", cwd=elsewhere) == found
    # It is no record, and known from then on.
    assert os.listdir(machine.root / "venvs") == []
    assert sorted(os.readlink(path) for path in (machine.root / "found").iterdir()) == sorted(
        f"{machine.path}/{place}" for place in found
    )
    assert listed(machine, cwd=elsewhere) == found
    assert machine.json("venvs")["not_searched"] == []
    assert {one["version"]: one["venvs"] for one in machine.json("list")["runtimes"]} == {NEW: 3, OLD: 1}
    assert machine.json("uninstall", OLD, status=1)["needed"][0]["who"] == f"{machine.path}/code/old/.venv"
    # What is gone from the home is gone from there, at the next search.
    (machine.path / "code/a/.venv/pyvenv.cfg").unlink()
    assert "code/a/.venv" not in listed(machine, "--search")
    assert len(os.listdir(machine.root / "found")) == 3


def test_one_line_says_what_is_there(machine):
    put(machine, "a/.venv", "b/.venv")
    put(machine, "c/.venv", "d/.venv", release=OLD)
    make_venv(f"{machine.path}/e/.venv", f"{machine.path}/gone/{MINOR}.1/bin/python{MINOR}")
    assert machine.pyman("venvs", "--search").err == "5 venvs: 2 stale, 1 broken; see `pyman doctor`\n"
    assert machine.pyman("venvs", "--search", "-q").err == ""


def test_venvs_on_a_python_without_support_are_counted(machine):
    put(machine, "a/.venv")
    prefix = make_prefix(f"{machine.path}/.pyenv/versions/3.7.9", "3.7.9")
    make_venv(f"{machine.path}/b/.venv", f"{prefix}/bin/python3.7", library="python3.7")
    assert "1 on an unsupported Python; see" in machine.pyman("venvs", "--search").err


def test_where_it_does_not_look(machine):
    inside = [
        ".local/share/Trash/files/.venv",
        ".local/share/containers/storage/overlay/x/.venv",
        ".cache/uv/environments-v2/x",
        ".cache/pip/x/.venv",
        "caches/uv/.venv",
        "code/node_modules/x/.venv",
        "snap/editor/42/.venv",
    ]
    put(machine, "code/.venv", *inside)
    assert listed(machine, "--search", UV_CACHE_DIR=f"{machine.path}/caches/uv") == {"code/.venv": "search"}
    # A folder that is named is searched to the bottom all the same.
    assert listed(machine, machine.path / ".local/share/Trash") == {".local/share/Trash/files/.venv": "place"}


def test_the_folders_of_the_settings_are_searched_instead_of_the_home(machine, tmp_path):
    put(machine, "code/.venv", "work/.venv")
    other = make_venv(f"{tmp_path}/disk/.venv", str(machine.python()))
    settings(machine, f'folders = ["~/work", "{tmp_path}/disk"]\n')
    assert set(listed(machine, "--search")) == {"work/.venv", os.path.relpath(other, machine.path)}
    settings(machine, "folders = []\n")
    (machine.root / "searched").unlink()
    answer = machine.json("venvs", "--search")
    assert answer["not_searched"] == []
    assert not (machine.root / "searched").exists()
    machine.pyman("uninstall", OLD)


def test_the_answer_says_that_nobody_looked(machine):
    assert machine.json("venvs")["not_searched"] == [str(machine.path)]
    assert machine.pyman("venvs").err.splitlines()[0] == "not searched for venvs: ~; run `pyman venvs --search`"
    assert machine.json("doctor", status=None)["summary"]["unsearched"] == 1
    assert "not searched for venvs: ~; run `pyman doctor --search`" in machine.pyman("doctor", status=None).err
    machine.pyman("doctor", "--search", status=None)
    assert machine.json("doctor", status=None)["summary"]["unsearched"] == 0
    searched_ago(machine, 2 * DAY)
    assert machine.json("venvs")["not_searched"] == [str(machine.path)]


def on_terminal(machine, *words, **environ):
    """What a terminal shows of pyman."""
    leader, follower = pty.openpty()
    variables = {**machine.environ, "TERM": "dumb", "COLUMNS": "200", **environ}
    with subprocess.Popen(
        [sys.executable, "-m", "pyman", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        env=variables,
        cwd=machine.project,
    ):
        os.close(follower)
        shown = b""
        try:
            while piece := os.read(leader, 1 << 16):
                shown += piece
        except OSError:
            pass  # how Linux says that the other end is closed
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def test_on_a_terminal_it_is_made_once_a_day(machine):
    put(machine, "code/.venv")
    time = machine.root / "searched"
    assert "~/code/.venv" in on_terminal(machine, "venvs")
    assert time.exists()
    put(machine, "new/.venv")
    assert "~/new/.venv" not in on_terminal(machine, "venvs")
    searched_ago(machine, 2 * DAY)
    shown = on_terminal(machine, "venvs", CI="1", TERM="xterm-256color")
    assert "~/new/.venv" not in shown
    assert "\x1b" not in shown
    assert "~/new/.venv" not in on_terminal(machine, "venvs", "--no-search")
    assert "~/new/.venv" in on_terminal(machine, "venvs")
    for words in (("doctor",), ("upgrade", "--offline")):
        searched_ago(machine, 2 * DAY)
        before = time.read_text()
        on_terminal(machine, *words)
        assert time.read_text() != before, words
    # Nothing else waits for a search.
    searched_ago(machine, 2 * DAY)
    before = time.read_text()
    for words in (("list",), ("info", MINOR), ("hold", MINOR), ("venv", "v", "--without-pip"), ("find",)):
        on_terminal(machine, *words)
    assert time.read_text() == before


def test_what_only_a_search_has_found_is_changed_after_one_yes(machine):
    put(machine, "a/.venv", "b/.venv", release=OLD)
    put(machine, "c/.venv", release=OLD)
    machine.pyman("register", machine.path / "c")
    before = machine.exact(machine.path / "a")
    told = machine.pyman("doctor", "--fix", "--search", status=1)
    assert (
        "2 of these venvs were found only by a search: to repair those too, run `pyman doctor --fix --yes` or"
        in told.err
    )
    assert machine.found(status=1) == {"a/.venv": ["stale-patch open"], "b/.venv": ["stale-patch open"]}
    assert machine.exact(machine.path / "a") == before
    # It needs no yes when it is named, and is a record from then on.
    assert machine.found(machine.path / "b", "--fix") == {"b/.venv": ["stale-patch fixed"]}
    planned = machine.pyman("doctor", "--fix", "--dry-run", status=1)
    assert "1 of these venvs was found only by a search" in planned.err
    assert machine.found("--fix", "--yes") == {"a/.venv": ["stale-patch fixed"]}
    assert listed(machine) == dict.fromkeys(["a/.venv", "b/.venv", "c/.venv"], "record")


def test_a_dry_run_keeps_nothing(machine):
    put(machine, "a/.venv", release=OLD)
    before = machine.exact(machine.root)
    assert machine.json("uninstall", OLD, "--dry-run", status=1)["needed"][0]["who"] == f"{machine.path}/a/.venv"
    assert machine.found("--search", "--dry-run", status=1) == {"a/.venv": ["stale-patch planned"]}
    assert machine.exact(machine.root) == before


def test_removing_a_python_searches_and_says_where_it_could_not(machine):
    put(machine, "a/.venv", release=OLD)
    assert machine.json("prune")["kept"][0]["who"] == f"{machine.path}/a/.venv"
    machine.pyman("venvs", "--remove", machine.path / "a/.venv")
    machine.path.joinpath("shut").mkdir()
    settings(machine, f'folders = ["{machine.path}", "{machine.path}/nowhere"]\n')
    for words in (("uninstall", OLD), ("uninstall", OLD, "--force"), ("prune",)):
        error = machine.json(*words, status=1)["error"]
        assert error["code"] == "not-searched"
        assert "~/nowhere" in error["message"]
        assert "--no-search" in error["hint"]
    machine.pyman("uninstall", OLD, "--no-search")


@as_root
def test_a_home_of_another_user_is_searched_only_where_it_is_named(machine):
    put(machine, "a/.venv")
    os.chown(machine.path, SOMEBODY, SOMEBODY)
    answer = machine.json("venvs", "--search")
    assert (answer["venvs"], answer["not_searched"]) == ([], [str(machine.path)])
    assert "not searched for venvs: ~ (it belongs to another user)" in machine.pyman("venvs", "--search").err
    assert machine.json("uninstall", OLD, status=1)["error"]["code"] == "not-searched"
    settings(machine, 'folders = ["~"]\n')
    assert listed(machine, "--search") == {"a/.venv": "search"}
    machine.pyman("uninstall", OLD)


def test_the_root_of_all_folders_is_no_home_to_search(machine):
    environ = {"HOME": "/", "PYMAN_CONFIG": f"{machine.path}/none.toml"}
    answer = machine.json("venvs", "--search", PYMAN_ROOT=str(machine.root), **environ)
    assert answer["not_searched"] == ["/"]


def test_a_disk_that_does_not_answer_hangs_nothing(machine):
    """A server that is gone, mounted in the home: it is not even looked at."""
    put(machine, "a/.venv")
    with dead_disk(machine.path / "server"):
        assert listed(machine, "--search") == {"a/.venv": "search"}
        machine.pyman("uninstall", OLD)


def test_a_home_on_a_network_is_not_searched_unless_it_is_named(machine):
    with dead_disk(machine.path / "home"):
        environ = {
            "HOME": str(machine.path / "home"),
            "PYMAN_ROOT": str(machine.root),
            "PYMAN_CACHE_DIR": str(machine.path / "cache"),
            "PYMAN_CONFIG": str(machine.path / "config.toml"),
        }
        program = (
            "from pyman.effects.places import read_places\n"
            "from pyman.effects.venvs.home_search import search_home\n"
            "import os\n"
            "print(search_home(read_places(os.environ), record=False).not_searched)\n"
        )
        said = machine.run(sys.executable, "-c", program, **environ)
        assert said == f"('{machine.path}/home',)"


@pytest.mark.parametrize("words", [("venvs",), ("doctor",), ("doctor", "--fix"), ("uninstall", OLD)], ids=" ".join)
def test_ctrl_c_in_the_middle_of_a_search(machine, words):
    """A disk of a program that does not answer: the search waits, and ctrl-C ends it, or the command."""
    put(machine, "a/.venv", release=OLD)
    if words != ("uninstall", OLD):
        machine.pyman("register", machine.path / "a")
    before = machine.exact(machine.runtimes), machine.exact(machine.path / "a")
    with dead_disk(machine.path / "z", "fuse.mine"):
        option = () if words[0] == "uninstall" else ("--search",)
        process = subprocess.Popen(
            [sys.executable, "-m", "pyman", *words, *option, "-v"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=machine.environ,
            cwd=machine.project,
        )
        assert process.stderr.readline().startswith("pyman ")
        # It says so when it takes longer than a moment.
        assert process.stderr.readline().startswith("searching for venvs (`--no-search` skips this")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    only_looks = words in (("venvs",), ("doctor",))
    if only_looks:
        assert process.returncode == (1 if words == ("doctor",) else 0)
        assert "the search was interrupted: there may be more venvs" in err
        assert "~/a/.venv" in out
    else:
        assert process.returncode == 130
        assert "interrupted" in err
    assert not (machine.root / "searched").exists()
    assert (machine.exact(machine.runtimes), machine.exact(machine.path / "a")) == before


def test_other_file_systems_are_not_entered(machine):
    put(machine, "a/.venv")
    with mounted(_made(machine.path / "disk"), "-t", "tmpfs", "tmpfs"):
        put(machine, "disk/.venv")
        assert listed(machine, "--search") == {"a/.venv": "search"}
        settings(machine, 'folders = ["~", "~/disk"]\n')
        assert listed(machine, "--search") == {"a/.venv": "search", "disk/.venv": "search"}


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_named_folder_that_cannot_be_searched_is_a_finding(machine):
    put(machine, "a/.venv")
    answer = machine.json("doctor", machine.path / "a", machine.path / "nowhere", status=1)
    assert [(one["code"], one["severity"], one["path"]) for one in answer["findings"]] == [
        ("unsearched", "warning", f"{machine.path}/nowhere")
    ]
    assert answer["summary"]["unsearched"] == 1
    told = machine.pyman("doctor", machine.path / "a", machine.path / "nowhere", status=1)
    assert told.out.splitlines()[-1] == "1 venv checked, 1 folder could not be searched"
    assert machine.pyman("doctor", machine.path / "nowhere", status=2).err


def test_an_empty_store_says_what_could_be_adopted(tmp_path):
    machine = Machine(tmp_path)
    assert "found on this machine" not in machine.json("list")
    root = machine.path / ".pyenv"
    machine.put(NEW, root / f"versions/{NEW}")
    said = machine.pyman("list").err
    assert said.startswith("no Python is installed yet: run `pyman install`\nfound on this machine: ")
    assert f"{NEW} (pyenv)" in said
