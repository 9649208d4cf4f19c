"""Who is a person, by the numbers and shells of accounts."""

from __future__ import annotations

import pwd
import sys

import pytest

from pyman.effects import users
from pyman.effects.users import has_persons_number, is_person


def account(uid, shell="/bin/sh"):
    return pwd.struct_passwd(("somebody", "x", uid, uid, "", "/home/somebody", shell))


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no login.defs")
@pytest.mark.parametrize(
    ("text", "first"),
    [
        (None, 1000),
        ("", 1000),
        ("UID_MIN\t\t\t 1000\nUID_MAX 60000\n", 1000),
        ("# UID_MIN 7\nUID_MIN 500\n", 500),
        ("UID_MIN 500\nUID_MIN 2000 # moved\n", 2000),
        ("UID_MIN\n", 1000),
        ("UID_MIN many\n", 1000),
        ("UID_MIN -1\n", 1000),
        ("UID_MIN \u00b2\n", 1000),
        (f"UID_MIN {'9' * 5000}\n", 1000),
        ("SYS_UID_MIN 101\n", 1000),
    ],
)
def test_the_first_number_of_a_person(tmp_path, monkeypatch, text, first):
    path = tmp_path / "login.defs"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr(users, "LOGIN_DEFS", str(path))
    assert [has_persons_number(account(uid)) for uid in (first - 1, first)] == [False, True]


def test_people_of_macos(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert [has_persons_number(account(uid)) for uid in (500, 501, 0xFFFFFFFE)] == [False, True, False]


def test_nobody_is_no_person_and_who_cannot_log_in_is_none():
    assert not has_persons_number(account(65534))
    shells = ("/bin/bash", "/usr/sbin/nologin", "/bin/false")
    assert [is_person(account(5000, shell)) for shell in shells] == [True, False, False]
