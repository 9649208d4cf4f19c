"""`doctor --explain CODE`: every code is explained, in the same words as in the reference."""

from __future__ import annotations

import re

import pytest

from pyman.core.diagnosis.explanation import EXPLANATIONS
from pyman.core.diagnosis.finding import SEVERITIES
from stage.findings_page import PAGE, text
from stage.home import Home


def test_every_code_is_explained_in_the_order_of_the_table():
    assert list(EXPLANATIONS) == list(SEVERITIES)


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_an_explanation_is_whole_sentences(code):
    told = EXPLANATIONS[code]
    for paragraph in (told.meaning, told.repair, told.otherwise):
        assert re.fullmatch(r"[A-Z`].*[.]", paragraph), paragraph
    otherwise = told.otherwise.format(code=code)
    assert "{" not in told.meaning + told.repair + otherwise
    for command in re.findall(r"`(pyman [^`]*)`", f"{told.meaning} {told.repair} {otherwise}"):
        assert command.split()[1] in (
            "doctor",
            "rebuild",
            "register",
            "pin",
            "follow",
            "upgrade",
            "hold",
            "forget",
            "init",
            "self",
            "install",
        )


def test_the_reference_is_the_same_text():
    assert PAGE.read_text("utf-8") == text()


def test_it_looks_at_nothing(tmp_path):
    home = Home(tmp_path)
    said = home.pyman("doctor", "--explain", "stale-patch").out
    assert said.splitlines()[0] == "stale-patch (warning)"
    assert "pyman pin VENV" in said
    assert not home.root.exists()
    answer = home.json("doctor", "--explain", "gone")
    assert (answer["code"], answer["severity"]) == ("gone", "info")
    assert answer["repair"] in home.pyman("doctor", "--explain", "gone").out


def test_an_unknown_code(tmp_path):
    home = Home(tmp_path)
    assert home.json("doctor", "--explain", "stalepatch", status=2)["error"]["hint"] == "did you mean `stale-patch`?"
    assert "dangling" in home.json("doctor", "--explain", "x", status=2)["error"]["hint"]
