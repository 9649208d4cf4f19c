"""Where the table comes from: what is shipped, a mirror, an address; whatever servers do, a command goes on."""

from __future__ import annotations

import json
import os

import pytest

from pyman.core.advisories import LARGEST
from pyman.effects.cache_folder import name_in_cache
from pyman.effects.catalogue.advisories import read_table, shipped_table, table_place
from pyman.effects.web.http import Web
from pyman.errors import UsageError
from stage.server import Server, cut, instead, login_page, redirect, stall, status

PATH = "/advisories.json"
DAY = 86400
NOW = 1_800_000_000.0  # 2027-01-15


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def table(made, name="CVE-2026-1"):
    advisories = [{"id": name, "fixed": ["3.13.6"]}]
    data = {"format": 1, "made": made, "known_to": made, "minors": {"3.13": {"until": 20}}, "advisories": advisories}
    return json.dumps(data).encode()


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def server():
    with Server() as server:
        server.files[PATH] = table("2027-01-01")
        yield server


def ask(source, cache, now=NOW, *, may_ask=True):
    web = lambda: Web(environ={"PYMAN_HTTP_TIMEOUT": "5"}, sleep=lambda _: None, rounds=1)  # noqa: E731
    return read_table(cache, source, may_ask=may_ask, web=web, clock=lambda: now)


def test_an_address_is_asked_once_a_week_and_by_its_tag(server, cache):
    source = server.url + PATH
    first = ask(source, cache)
    assert first.made == "2027-01-01"
    assert ask(source, cache, NOW + 7 * DAY - 1) == first
    assert len(server.requests()) == 1
    sent = server.sent()
    assert ask(source, cache, NOW + 7 * DAY) == first
    assert (len(server.requests()), server.sent()) == (2, sent)
    server.files[PATH] = table("2027-01-10")
    assert ask(source, cache, NOW + 8 * DAY) == first
    assert ask(source, cache, NOW + 14 * DAY).made == "2027-01-10"


def test_commands_that_use_no_network_read_what_is_kept(server, cache):
    source = server.url + PATH
    assert ask(source, cache, may_ask=False) == shipped_table()
    assert server.requests() == []
    assert not os.path.exists(cache)
    first = ask(source, cache)
    assert ask(source, cache, NOW + 90 * DAY, may_ask=False) == first
    assert len(server.requests()) == 1


@pytest.mark.parametrize(
    "fault",
    [
        lambda: status(404),
        lambda: status(500),
        lambda: status(304),
        lambda: redirect(PATH),
        lambda: cut(10),
        lambda: stall(10),
        lambda: login_page,
        lambda: instead(b"{}"),
        lambda: instead(b"\xff\xfe"),
        lambda: instead(b" " * (LARGEST + 1)),
    ],
)
def test_a_failure_leaves_what_was_known_and_is_tried_again_tomorrow(server, cache, fault):
    source = server.url + PATH
    server.fault(PATH, fault())
    assert ask(source, cache) == shipped_table()
    asked = len(server.requests())
    assert ask(source, cache, NOW + DAY - 1) == shipped_table()
    assert len(server.requests()) == asked
    server.heal()
    assert ask(source, cache, NOW + DAY).made == "2027-01-01"
    server.files[PATH] = table("2027-01-20")
    server.fault(PATH, fault())
    assert ask(source, cache, NOW + 8 * DAY).made == "2027-01-01"


def test_two_addresses_are_two_tables(server, cache):
    server.files["/other.json"] = table("2027-01-02", "CVE-2026-2")
    assert ask(server.url + PATH, cache).made == "2027-01-01"
    assert ask(f"{server.url}/other.json", cache).made == "2027-01-02"
    assert ask(server.url + PATH, cache).made == "2027-01-01"
    names = os.listdir(os.path.join(cache, "catalogue"))
    assert len(names) == 4
    assert all(name_in_cache("catalogue", name) is not None for name in names)


@pytest.mark.parametrize(
    ("made", "counts"),
    [("2027-01-01", True), ("2026-01-01", False), ("2027-01-15", True), ("2027-01-16", False), ("9999-12-31", False)],
)
def test_the_one_that_was_made_last_counts_and_none_of_a_day_to_come(cache, tmp_path, made, counts):
    path = tmp_path / "advisories.json"
    path.write_bytes(table(made))
    assert ask(str(path), cache) == (ask(f"file://{path}", cache))
    assert (ask(str(path), cache).made == made) is counts
    assert not os.path.exists(cache)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"x" * (LARGEST + 1)])
def test_a_file_that_is_no_table_is_as_none(cache, tmp_path, content):
    path = tmp_path / "advisories.json"
    path.write_bytes(content)
    assert ask(str(path), cache) == shipped_table()
    path.unlink()
    os.mkfifo(path)
    assert ask(str(path), cache) == shipped_table()


def test_where_a_table_may_be(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert table_place(None, None) == ""
    assert table_place("https://mirror.example/pythons", None) == "https://mirror.example/pythons/advisories.json"
    assert table_place("https://mirror.example/p/index.ndjson", None) == "https://mirror.example/p/advisories.json"
    assert table_place("mirror", None) == f"{tmp_path}/mirror/advisories.json"
    assert table_place("mirror", "https://other.example/a.json") == "https://other.example/a.json"
    assert table_place(None, "a.json") == f"{tmp_path}/a.json"
    with pytest.raises(UsageError):
        table_place("ftp://mirror.example", None)
