"""What the result of a trial means, and which trial is whose."""

from __future__ import annotations

import pytest

from pyman.core.trials import (
    ELSEWHERE,
    FAILED,
    PASSED,
    Attempt,
    Trial,
    is_of_trial,
    judge,
    shortened,
    split_command,
    trial_for,
)
from pyman.errors import UsageError


def judged(new, old):
    """The verdict where runs end so, and how many of each there were."""
    ran = {"new": 0, "old": 0}

    def on(which, ends):
        def run():
            ran[which] += 1
            return Attempt(ends[ran[which] - 1], "why")

        return run

    return judge("pytest", "3.13.15", on("new", new), on("old", old)), ran["new"], ran["old"]


def test_what_passes_is_run_once():
    verdict, new, old = judged([PASSED], [])
    assert (verdict.reason, verdict.note, verdict.is_made, new, old) == ("", "", True, 1, 0)


def test_what_fails_once_is_tried_again():
    verdict, new, old = judged([FAILED, PASSED], [])
    assert (verdict.reason, new, old) == ("", 2, 0)


def test_what_fails_on_the_new_one_only_is_a_reason():
    verdict, new, old = judged([FAILED, FAILED], [PASSED])
    assert verdict.reason == "trial: `pytest` fails on 3.13.15: why"
    assert is_of_trial(verdict.reason)
    assert (new, old) == (2, 1)
    assert judged([FAILED, FAILED], [FAILED, PASSED])[0].reason == verdict.reason


def test_what_failed_before_is_none():
    verdict, new, old = judged([FAILED, FAILED], [FAILED, FAILED])
    assert (verdict.reason, verdict.note) == ("", "`pytest` fails on both releases: why")
    assert (new, old) == (2, 2)


@pytest.mark.parametrize(
    ("new", "old"), [([ELSEWHERE], []), ([FAILED, ELSEWHERE], []), ([FAILED, FAILED], [ELSEWHERE])]
)
def test_another_python_says_nothing(new, old):
    verdict, *_ = judged(new, old)
    assert (verdict.reason, verdict.note, verdict.is_made) == ("", "not tried: `pytest` runs another Python", False)


def test_the_nearest_folder_counts():
    everywhere, code, shop = Trial("a"), Trial("b", "/code"), Trial("c", "/code/shop")
    trials = [everywhere, code, shop]
    found = {
        project: trial_for(project, trials)
        for project in ("/", "/code", "/code/shop", "/code/shop/x", "/code/shopping")
    }
    assert found == {"/": everywhere, "/code": code, "/code/shop": shop, "/code/shop/x": shop, "/code/shopping": code}
    assert trial_for("/elsewhere", [code, shop]) is None


def test_words():
    assert split_command("pytest -k 'a b'") == ("pytest", "-k", "a b")
    for command in ("", "  ", "'open"):
        with pytest.raises(UsageError):
            split_command(command)


def test_a_reason_is_one_short_line():
    assert shortened("x\n\nE: it \x1b[31mbroke\n \n") == "E: it  [31mbroke"
    assert shortened("") == "it printed nothing"
    assert len(shortened("x" * 5000)) == 201
