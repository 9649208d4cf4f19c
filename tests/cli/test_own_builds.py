"""`3.13.5+NAME`: a build of the user's own beside the release, which only who names it gets."""

from __future__ import annotations

import os

import pytest

from stage.home import Home, installed_once, link_tree
from stage.mirror import MINOR, NEW


@pytest.fixture
def own(home: Home) -> Home:
    """A home with NEW, and a build of one's own of it, as `install NEW+mine --build` leaves it."""
    home.with_runtimes(NEW)
    link_tree(installed_once(NEW), str(home.runtimes / f"{NEW}+mine"))
    return home


def test_a_request_gets_it_by_its_name_alone(own: Home) -> None:
    mine = f"{own.runtimes}/{NEW}+mine/bin/python{MINOR}"
    assert own.pyman("find", f"{NEW}+mine").out.strip() == mine
    assert own.pyman("find", NEW).out.strip() == f"{own.runtimes}/{NEW}/bin/python{MINOR}"
    assert own.pyman("find", MINOR).out.strip() == f"{own.runtimes}/{MINOR}/bin/python{MINOR}"
    assert own.json("find", f"{NEW}+other", status=1)["error"]["code"] == "not-found"
    assert own.pyman("venv", "-p", f"{NEW}+mine", "--without-pip").status == 0
    assert os.readlink(own.project / ".venv/bin/python") == mine
    assert own.json("venvs")["venvs"][0]["policy"] == "pin"
    assert own.json("doctor")["findings"] == []


def test_alone_it_has_no_alias_and_answers_no_other_request(own: Home) -> None:
    own.pyman("uninstall", NEW)
    assert own.json("list")["aliases"] == []
    assert own.pyman("find", MINOR, status=None).status != 0
    assert own.pyman("find", NEW, status=None).status != 0
    assert own.pyman("find", "latest", status=None).status != 0
    assert own.json("doctor")["findings"] == []
    assert own.json("prune")["removed"] == []
    assert own.json("uninstall", f"{NEW}+mine")["changed"] == [f"{NEW}+mine"]


def test_an_alias_leads_to_it_only_while_it_is_held_there(own: Home) -> None:
    assert os.readlink(own.runtimes / MINOR) == NEW
    own.pyman("hold", MINOR, f"{NEW}+mine")
    assert os.readlink(own.runtimes / MINOR) == f"{NEW}+mine"
    assert own.pyman("find", MINOR).out.strip() == f"{own.runtimes}/{MINOR}/bin/python{MINOR}"
    assert own.pyman("find", NEW).out.strip() == f"{own.runtimes}/{NEW}/bin/python{MINOR}"
    own.pyman("unhold", MINOR)
    assert os.readlink(own.runtimes / MINOR) == NEW
    own.pyman("hold", MINOR, NEW)
    assert os.readlink(own.runtimes / MINOR) == NEW


def test_a_venv_that_was_made_with_it_stays_on_it(own: Home) -> None:
    own.run(own.runtimes / f"{NEW}+mine/bin/python{MINOR}", "-m", "venv", "--without-pip", own.project / ".venv")
    assert own.json("doctor", "--fix", "--offline")["findings"] == []
    assert f"{NEW}+mine" in os.readlink(own.project / f".venv/bin/python{MINOR}")


def test_it_is_in_nobody_elses_way(own: Home) -> None:
    own.pyman("uninstall", NEW)
    own.pyman("shims")
    assert not os.path.lexists(own.root / f"shims/python{NEW}")
    answer = own.pyman("install", f"{NEW}+other", "--offline", status=1)
    assert f"hint: run `pyman install {NEW}+other --build`" in answer.err
    own.pyman("install", NEW)
    assert os.path.lexists(own.root / f"shims/python{NEW}")
    assert os.readlink(own.runtimes / MINOR) == NEW
