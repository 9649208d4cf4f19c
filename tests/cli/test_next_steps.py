"""What is printed is true, short, and says what to do next."""

from __future__ import annotations

import os
import subprocess

import pytest

from stage.home import Home
from stage.mirror import MINOR, NEW, OLD


def test_nobody_is_told_to_take_a_shared_folder_from_the_others(tmp_path):
    told = Home(tmp_path).pyman("list", status=1, PYMAN_ROOT="/tmp").err
    assert "others may write to /tmp" in told or "belongs to another user" in told
    assert "chmod" not in told
    assert "choose another folder with PYMAN_ROOT" in told


def test_an_upgrade_that_does_nothing_says_what_is_held(home):
    home.with_runtimes(OLD, NEW)
    home.pyman("rollback", MINOR)
    for words in (("upgrade",), ("upgrade", "--dry-run")):
        said = home.pyman(*words).out.splitlines()
        assert said[0] == f"{MINOR} is held and stays at {OLD}; `pyman unhold {MINOR}` removes the hold"
    home.pyman("unhold", MINOR)
    assert home.pyman("upgrade").out == "everything is up to date\n"


def test_an_empty_store_says_what_to_do_next(tmp_path):
    home = Home(tmp_path)
    assert "`pyman venv`" in home.pyman("venvs").err
    assert "`pyman doctor DIR`" in home.pyman("doctor").err
    assert home.pyman("prune").out == "nothing to remove: no Python was installed by pyman\n"
    assert (
        home.pyman("venv", "--no-install", status=1).err == "error: no Python is installed\nhint: run `pyman install`\n"
    )


def test_who_asks_for_a_python_that_is_not_there(user):
    (user.project / ".python-version").write_text("3.9\n")
    told = user.pyman("venv", "--no-install", status=1).err
    assert told.startswith(f"error: no installed Python satisfies 3.9, which {user.project}/.python-version requests\n")


def test_ctrl_c_in_a_rebuild_is_told_once(home):
    home.with_runtimes(NEW)
    home.pyman("venv", "--without-pip")
    (home.project / "requirements.txt").write_text("spam\n")
    folder = home.path / "bin"
    folder.mkdir()
    installer = folder / "uv"
    installer.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo uv 0.13.9 && exit\nkill -INT $(ps -o ppid= -p $PPID)\nsleep 60\n'
    )
    installer.chmod(0o755)
    words = ("rebuild", "--force", "--from", "requirements.txt", "--installer", "uv")
    path = f"{folder}:/usr/bin:/bin"
    assert home.pyman(*words, status=130, PATH=path).err.count("interrupted") == 1
    told = home.json(*words, status=130, PATH=path)
    assert (told["error"]["code"], told["rebuilt"], told["failed"][0]["restored"]) == ("interrupted", [], True)


def test_many_who_need_a_python_are_a_list_and_no_endless_sentence(home):
    home.with_runtimes(OLD, NEW)
    for number in range(7):
        home.pyman("venv", "--without-pip", "-p", OLD, f"v{number}")
    *listed, error, hint = home.pyman("uninstall", OLD, status=1).err.splitlines()
    assert listed == [f"{home.project}/v{number} is pinned to it" for number in range(7)]
    assert error == f"error: {OLD} is needed: {home.project}/v0 is pinned to it, and 6 more"
    assert hint.startswith("hint: `--relink`")
    assert len(home.json("uninstall", OLD, status=1)["needed"]) == 7


def test_a_folder_that_may_not_be_written_to(user):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    user.project.chmod(0o555)
    told = user.pyman("use", MINOR, status=1).err
    user.project.chmod(0o755)
    assert told.splitlines()[1].startswith("hint: choose a folder that you can write to")


def test_who_needs_attention_is_counted_and_the_next_step_named(home):
    home.with_runtimes(OLD, NEW)
    home.pyman("venv", "--without-pip")
    assert home.pyman("venvs", "--search").err == ""
    for name, numbers, sentence in (
        ("a", "2 venvs: 1 stale", "1 of 2 venvs needs attention"),
        ("b", "3 venvs: 2 stale", "2 of 3 venvs need attention"),
    ):
        subprocess.run(
            [home.runtimes / f"{OLD}/bin/python3", "-m", "venv", "--without-pip", home.project / name], check=True
        )
        assert home.pyman("venvs", ".").err == f"{numbers}; see `pyman doctor`\n"
        assert home.pyman("doctor", ".", status=1).out.endswith(f"{sentence}\n")
    home.pyman("venvs", "--remove", ".venv")
    assert home.pyman("venvs", ".").err == "2 venvs: 2 stale; see `pyman doctor`\n"
    planned = home.pyman("doctor", ".", "--dry-run", status=1).err
    assert planned.endswith("dry run: nothing was changed; `pyman doctor . --fix` repairs these\n")


def test_the_command_that_installs_from_a_mirror_can_be_pasted(home):
    told = home.pyman("mirror", "my pythons", MINOR).err
    assert f"`PYMAN_MIRROR='{home.project}/my pythons' pyman install`" in told


def test_commands_name_the_store_that_only_an_option_named(home, tmp_path):
    other = str(tmp_path / "other store")
    option = f"--root '{other}'"
    assert f"run `pyman {option} install`" in home.pyman("list", "--root", other).err
    # Also from the fast path, and in the hint of an error.
    assert f"hint: run `pyman {option} install 3.9`\n" in home.pyman("find", "3.9", "--root", other, status=1).err
    refused = home.json("venv", "-p", "3.9", "--no-install", "--root", other, status=1)["error"]
    assert refused["hint"] == f"run `pyman {option} install 3.9`"
    # It is left out where the command does the same without it.
    assert "`pyman install`" in home.pyman("list", "--root", str(home.root), PYMAN_ROOT=str(home.root)).err
    assert "`pyman install`" in home.pyman("list", PYMAN_ROOT=other).err


def test_what_a_file_requests_and_nobody_has_is_said_with_the_file(home):
    (home.project / ".python-version").write_text("3.13.99\n")
    told = home.pyman("install", status=1).err
    assert (
        f"error: Python 3.13.99 is not available for this machine, and {home.project}/.python-version requests it"
        in told
    )
    assert "requests it" not in home.pyman("install", "3.13.99", status=1).err


def test_a_venv_that_takes_the_place_of_another_says_so(home):
    home.with_runtimes(NEW)
    made = ("venv", "v", "-p", MINOR, "--without-pip")
    assert home.pyman(*made).out.startswith(f"created v with Python {NEW}\n")
    assert home.pyman(*made, "--clear", "--dry-run").out.startswith(
        f"would replace v with a new venv on Python {NEW}\n"
    )
    assert home.pyman(*made, "--clear").out.startswith(f"replaced v with a new venv on Python {NEW}\n")


def test_a_repaired_finding_tells_what_was_wrong_before(home):
    home.with_runtimes(OLD, NEW)
    home.pyman("venv", "v", "-p", MINOR, "--without-pip")
    pyvenv_cfg = home.project / "v/pyvenv.cfg"
    pyvenv_cfg.write_text(pyvenv_cfg.read_text().replace(f"/{MINOR}/bin", f"/{OLD}/bin"))
    told = home.pyman("doctor", ".", "--fix").out
    assert "  before: " in told
    assert home.pyman("doctor", ".").out == "1 venv checked: healthy\n"
