import datetime as dt
import json
import os

import pytest

from pyman.core.release_cycle import state
from pyman.effects.catalogue.release_cycle import published_cycles, today
from pyman.effects.web.http import Web
from stage.server import Server, cut, login_page, redirect, stall, status

PATH = "/api/release-cycle.json"
DAY = 86400


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def table(minor, end):
    return json.dumps({minor: {"status": "feature", "first_release": "2027-10-05", "end_of_life": end}}).encode()


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def server():
    with Server() as server:
        server.files[PATH] = table("3.99", "2040-10")
        yield server


def ask(server, cache, now, **environ):
    web = Web(environ={"PYMAN_HTTP_TIMEOUT": "5"} | environ, sleep=lambda _: None)
    return published_cycles(cache, url=server.url + PATH, web=web, clock=lambda: now)


def table_of(cycles):
    return {minor: cycle.end_of_life for minor, cycle in cycles.items()}


def test_what_is_published_is_asked_for_once_a_day_and_by_its_tag(server, cache):
    first = ask(server, cache, 10 * DAY)
    assert table_of(first) == {"3.99": "2040-10-31"}
    assert ask(server, cache, 11 * DAY - 1) == first
    assert len(server.requests()) == 1
    sent = server.sent()
    assert ask(server, cache, 11 * DAY) == first
    assert (len(server.requests()), server.sent()) == (2, sent)
    assert ask(server, cache, 12 * DAY - 1) == first
    assert len(server.requests()) == 2
    server.files[PATH] = server.files[PATH].replace(b"2040", b"2041")
    assert table_of(ask(server, cache, 20 * DAY)) == {"3.99": "2041-10-31"}
    assert state("3.99", "2041-11-01", ask(server, cache, 20 * DAY)).status == "end-of-life"


def test_offline_uses_what_is_there(server, cache):
    assert published_cycles(cache, offline=True, url=server.url + PATH) == {}
    first = ask(server, cache, 10 * DAY)
    assert first
    assert published_cycles(cache, offline=True, url=server.url + PATH, clock=lambda: 90 * DAY) == first
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
        login_page,
    ],
)
def test_a_fault_leaves_what_was_known_and_is_not_met_again_the_same_day(server, cache, fault):
    server.fault(PATH, fault())
    assert ask(server, cache, 1 * DAY, PYMAN_HTTP_TIMEOUT="0.2") == {}
    asked = len(server.requests())
    assert ask(server, cache, 1 * DAY + 5) == {}
    assert len(server.requests()) == asked
    server.heal()
    first = ask(server, cache, 2 * DAY)
    assert first
    server.files[PATH] = b'{"another": 1}'
    assert ask(server, cache, 3 * DAY) == first


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100000, b"x" * (2 << 20), b'{"3.14": []}'])
def test_data_that_is_none_is_as_none(server, cache, content):
    server.files[PATH] = content
    assert ask(server, cache, 1 * DAY) == {}
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "release-cycle.json"), "wb") as file:
        file.write(content)
    assert published_cycles(cache, offline=True) == {}


def test_a_cache_that_cannot_be_written_is_done_without(server, tmp_path):
    (tmp_path / "cache").write_text("")
    assert ask(server, str(tmp_path / "cache"), 1 * DAY)


def test_the_day_is_todays():
    before = dt.datetime.now(dt.UTC).date().isoformat()
    day = today()
    after = dt.datetime.now(dt.UTC).date().isoformat()
    assert before <= day <= after
