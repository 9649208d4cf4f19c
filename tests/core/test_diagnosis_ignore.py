"""Findings that are accepted, and the words by which all are explained."""

import pytest

from pyman.core.diagnosis.explanation import EXPLANATIONS, explained, reference
from pyman.core.diagnosis.finding import SEVERITIES, Finding
from pyman.core.diagnosis.ignore import Acknowledgement, parse_acknowledgement, unacknowledged
from pyman.errors import UsageError


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("moved", Acknowledgement("moved")),
        ("  moved  ", Acknowledgement("moved")),
        ("moved /a b/*", Acknowledgement("moved", "/a b/*")),
        ("moved ~", Acknowledgement("moved", "/home/me")),
        ("moved   ~/src/*", Acknowledgement("moved", "/home/me/src/*")),
    ],
)
def test_a_line_of_ignore(text, read):
    assert parse_acknowledgement(text, "/home/me/") == read


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("move", "unknown finding `move`", "did you mean `moved`?"),
        ("", "unknown finding ``", f"the codes are {', '.join(SEVERITIES)}"),
        ("moved src", "`src` is not an absolute path", "write `moved ~/...` or `moved /...`"),
        ("moved ~you/src", "`~you/src` is not an absolute path", "write `moved ~/...` or `moved /...`"),
    ],
)
def test_a_line_that_means_nothing(text, said, hint):
    with pytest.raises(UsageError) as refused:
        parse_acknowledgement(text, "/home/me")
    assert (str(refused.value), refused.value.hint) == (said, hint)


@pytest.mark.parametrize(
    ("one", "covers"),
    [
        (Acknowledgement("moved"), True),
        (Acknowledgement("gone"), False),
        (Acknowledgement("moved", "/src/[app]"), True),
        (Acknowledgement("moved", "/src/*"), True),
        (Acknowledgement("moved", "/src"), False),
        (Acknowledgement("gone", "/src/*"), False),
    ],
)
def test_what_is_accepted(one, covers):
    finding = Finding("moved", "venv", "/src/[app]", "")
    assert one.covers(finding) is covers
    other = Finding("dangling", "venv", "/src/[app]", "")
    assert unacknowledged((finding, other), (one,)) == ((other,) if covers else (finding, other))


def test_what_people_read_of_a_code():
    title, meaning, repair, otherwise = explained("stale-patch")
    assert (title, meaning) == ("stale-patch (warning)", EXPLANATIONS["stale-patch"].meaning)
    assert repair == f"Repair: {EXPLANATIONS['stale-patch'].repair}"
    assert otherwise.startswith("If you do nothing: ")
    assert "{code}" not in otherwise
    with pytest.raises(KeyError):
        explained("no-such-code")


def test_every_code_has_its_section_in_the_order_of_the_table():
    lines = list(reference())
    assert [line for line in lines if line.startswith("## ")] == [
        f"## {code} ({SEVERITIES[code]})" for code in SEVERITIES
    ]
    assert sum(line.startswith("**Repair.** ") for line in lines) == len(SEVERITIES)
    assert sum(line.startswith("**If you do nothing.** ") for line in lines) == len(SEVERITIES)
