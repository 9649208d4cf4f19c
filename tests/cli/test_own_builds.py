"""`3.13.5+NAME`: a build of the user's own beside the release, which only who names it gets."""

from __future__ import annotations

import os

import pytest

from stage.home import Home, installed_once, link_tree


@pytest.fixture
def own(home: Home) -> Home:
    """A home with 3.13.15, and a build of one's own of it, as `install 3.13.15+mine --build` leaves it."""
    home.with_runtimes("3.13.15")
    link_tree(installed_once("3.13.15"), str(home.runtimes / "3.13.15+mine"))
    return home


def test_a_request_gets_it_by_its_name_alone(own: Home) -> None:
    mine = f"{own.runtimes}/3.13.15+mine/bin/python3.13"
    assert own.pyman("find", "3.13.15+mine").out.strip() == mine
    assert own.pyman("find", "3.13.15").out.strip() == f"{own.runtimes}/3.13.15/bin/python3.13"
    assert own.pyman("find", "3.13").out.strip() == f"{own.runtimes}/3.13/bin/python3.13"
    assert own.json("find", "3.13.15+other", status=1)["error"]["code"] == "not-found"
    assert own.pyman("venv", "-p", "3.13.15+mine", "--without-pip").status == 0
    assert os.readlink(own.project / ".venv/bin/python") == mine
    assert own.json("venvs")["venvs"][0]["policy"] == "pin"
    assert own.json("doctor")["findings"] == []


def test_alone_it_has_no_alias_and_answers_no_other_request(own: Home) -> None:
    own.pyman("uninstall", "3.13.15")
    assert own.json("list")["aliases"] == []
    assert own.pyman("find", "3.13", status=None).status != 0
    assert own.pyman("find", "3.13.15", status=None).status != 0
    assert own.pyman("find", "latest", status=None).status != 0
    assert own.json("doctor")["findings"] == []
    assert own.json("prune")["removed"] == []
    assert own.json("uninstall", "3.13.15+mine")["changed"] == ["3.13.15+mine"]


def test_an_alias_leads_to_it_only_while_it_is_held_there(own: Home) -> None:
    assert os.readlink(own.runtimes / "3.13") == "3.13.15"
    own.pyman("hold", "3.13", "3.13.15+mine")
    assert os.readlink(own.runtimes / "3.13") == "3.13.15+mine"
    assert own.pyman("find", "3.13").out.strip() == f"{own.runtimes}/3.13/bin/python3.13"
    assert own.pyman("find", "3.13.15").out.strip() == f"{own.runtimes}/3.13.15/bin/python3.13"
    own.pyman("unhold", "3.13")
    assert os.readlink(own.runtimes / "3.13") == "3.13.15"
    own.pyman("hold", "3.13", "3.13.15")
    assert os.readlink(own.runtimes / "3.13") == "3.13.15"


def test_a_venv_that_was_made_with_it_stays_on_it(own: Home) -> None:
    own.run(own.runtimes / "3.13.15+mine/bin/python3.13", "-m", "venv", "--without-pip", own.project / ".venv")
    assert own.json("doctor", "--fix", "--offline")["findings"] == []
    assert "3.13.15+mine" in os.readlink(own.project / ".venv/bin/python3.13")


def test_it_is_in_nobody_elses_way(own: Home) -> None:
    own.pyman("uninstall", "3.13.15")
    own.pyman("shims")
    assert not os.path.lexists(own.root / "shims/python3.13.15")
    answer = own.pyman("install", "3.13.15+other", "--offline", status=1)
    assert "hint: run `pyman install 3.13.15+other --build`" in answer.err
    own.pyman("install", "3.13.15")
    assert os.path.lexists(own.root / "shims/python3.13.15")
    assert os.readlink(own.runtimes / "3.13") == "3.13.15"
