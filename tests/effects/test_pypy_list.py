"""PyPy's lists from a server on loopback: kept with their entity tags, and usable without a network."""

import json
import os

import pytest

from pyman.effects.catalogue.pypy import pypy_releases
from pyman.effects.web.http import Web
from pyman.errors import BadAnswer, NetworkError, Offline
from stage.server import Server, status

VERSIONS, CHECKSUMS = "/pypy/versions.json", "/checksums.html"
NAME = "pypy3.11-v8.0.1-linux64.tar.gz"
PLATFORM = "x86_64-unknown-linux-gnu"


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with Server() as server:
        url = f"https://downloads.python.org/pypy/{NAME}"
        file = {"filename": NAME, "arch": "x64", "platform": "linux", "download_url": url}
        about = {"pypy_version": "8.0.1", "python_version": "3.11.17", "date": "2026-10-12"}
        server.files[VERSIONS] = json.dumps([{**about, "files": [file]}]).encode()
        server.files[CHECKSUMS] = f"<pre>{'ab' * 32}  {NAME}</pre>".encode()
        yield server


@pytest.fixture
def ask(server, tmp_path):
    def ask(now=0.0, **options):
        web = Web(
            environ={"PYMAN_HTTP_TIMEOUT": "5"}, sleep=lambda _: None, offline=options.pop("offline", False), rounds=1
        )
        urls = (server.url + VERSIONS, server.url + CHECKSUMS)
        return pypy_releases(PLATFORM, str(tmp_path / "cache"), web=web, urls=urls, clock=lambda: now, **options)

    return ask


def test_lists_are_asked_for_again_by_their_tags(server, ask):
    first = ask(1000.0)
    assert [build.release for build in first.builds] == ["pypy3.11-8.0.1"]
    sent = server.sent()
    assert ask(2000.0).builds == first.builds
    assert (len(server.requests()), server.sent()) == (4, sent)
    assert ask(2500.0, max_age=600.0).builds == first.builds
    assert len(server.requests()) == 4


def test_the_shells_are_told_and_keep_what_other_lists_offer(ask, tmp_path):
    available = tmp_path / "cache/available"
    available.parent.mkdir()
    available.write_text("3.13\n3.13.5\npypy3.10\n")
    ask()
    assert available.read_text() == "3.13\n3.13.5\npypy3.11\npypy3.11-8.0.1\n"


def test_without_a_network_the_kept_lists_serve(server, ask):
    with pytest.raises(Offline):
        ask(offline=True)
    first = ask()
    assert not first.stale
    again = ask(offline=True)
    assert (again.builds, again.stale) == (first.builds, True)
    server.faults[CHECKSUMS] = [status(503)]
    assert ask().stale


def test_a_release_waits_for_its_checksum(server, ask):
    server.files[CHECKSUMS] = b"<pre></pre>"
    known = ask()
    assert (known.builds, [one.release for one in known.unusable]) == ((), ["pypy3.11-8.0.1"])


def test_what_is_no_list_is_an_error_also_beside_a_kept_one(server, ask):
    ask()
    server.files[VERSIONS] = b"<html>log in</html>"
    with pytest.raises(BadAnswer, match="list of PyPy's releases"):
        ask()


def test_a_server_that_is_out_of_reach(server, ask):
    server.faults[VERSIONS] = [status(503)]
    with pytest.raises(NetworkError):
        ask()
