"""The table is read once by a command, and only where two releases may be compared; each pair is looked up once."""

from __future__ import annotations

import json
import os
import time

import pytest

from pyman.app.reasons import Reasons
from pyman.app.session import Session
from pyman.core import advisories
from pyman.core.store import Store
from pyman.core.version import Version, parse_version
from pyman.effects.catalogue import advisories as tables
from pyman.effects.observer import SILENT
from pyman.effects.places import read_places

TODAY = time.strftime("%Y-%m-%d", time.gmtime())


@pytest.fixture
def session(tmp_path):
    table = {
        "format": 1, "made": TODAY, "known_to": TODAY, "minors": {"3.13": {"until": 20}},
        "advisories": [{"id": "CVE-2026-1", "fixed": ["3.13.6"]}],
    }  # fmt: skip
    (tmp_path / "table.json").write_text(json.dumps(table))
    environ = {"HOME": str(tmp_path), "PYMAN_ADVISORIES_URL": str(tmp_path / "table.json")}
    places = read_places(environ)
    return Session(places, environ, False, False, False, False, SILENT, lambda _: False, [])


@pytest.fixture
def calls(monkeypatch):
    """How often the table was read, and how often two releases were looked up in it."""
    counts = {"read": 0, "looked": 0}
    read, look = tables.read_table, advisories.fixes_between

    def counted_read(*words, **named):
        counts["read"] += 1
        return read(*words, **named)

    def counted_look(*words):
        counts["looked"] += 1
        return look(*words)

    monkeypatch.setattr(tables, "read_table", counted_read)
    monkeypatch.setattr(advisories, "fixes_between", counted_look)
    return counts


def release(text):
    found = parse_version(text)
    assert found is not None
    return found


def test_a_thousand_venvs_of_two_pairs_are_two_lookups_in_one_table(session, calls):
    reasons = Reasons(session)
    assert calls == {"read": 0, "looked": 0}
    for _ in range(500):
        for old in ("3.13.5", "3.13.4"):
            assert reasons.between(release(old), None, release("3.13.9")).fixes.ids == ("CVE-2026-1",)
    assert calls == {"read": 1, "looked": 2}


@pytest.mark.parametrize(
    ("one", "place", "other"),
    [
        (release("3.13.5"), None, release("3.13.5")),
        (release("3.13.5"), None, release("3.12.9")),
        (release("3.13.0rc1"), None, release("3.13.9")),
        (Version(3, 11, 2, implementation="pypy", own="7.3.1"), None, release("3.11.9")),
        (release("3.13.5"), "/opt/python", release("3.13.9")),
        (release("3.13.5"), "/usr", release("3.13.9")),
    ],
)
def test_where_nothing_is_said_the_table_is_not_read(session, calls, one, place, other):
    assert Reasons(session).between(one, place, other).fixes is None
    assert calls == {"read": 0, "looked": 0}


def test_the_newest_that_is_known_is_installed_or_was_in_the_list(session):
    store, old = Store("/store"), release("3.13.5")
    assert Reasons(session).of_newer(store, old, "default", None).fixes is None
    folder = session.places.cache
    os.makedirs(folder)
    with open(os.path.join(folder, "available"), "w") as file:
        file.write("3.14\n3.14.1\n3.13.9t\n3.13\nnonsense\n3.13.5\n")
    assert Reasons(session).of_newer(store, old, "default", None).fixes is None
    assert str(Reasons(session).of_newer(store, old, "freethreaded", None).fixes.new) == "3.13.9"
    with open(os.path.join(folder, "available"), "a") as file:
        file.write("3.13.12rc1\n3.13.10\n")
    assert str(Reasons(session).of_newer(store, old, "default", None).fixes.new) == "3.13.10"
