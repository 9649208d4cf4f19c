"""Lists of builds, from folders and from a real server on loopback, with everything that goes wrong on the way."""

import gzip
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings

from pyman.core.catalogue import PassedOver, release_names
from pyman.effects.catalogue.cache import CatalogueCache
from pyman.effects.catalogue.feed import CatalogueFeed
from pyman.effects.catalogue.list_address import find_source
from pyman.effects.observer import Observer
from pyman.effects.web.http import Web
from pyman.errors import BadAnswer, NetworkError, Offline, UsageError
from stage.hostile import HUGE, damaged
from stage.mirror import mirror_folder
from stage.server import LOGIN_PAGE, Fault, Server, cut, instead, login_page, redirect, stall, status, without_length

LINUX = "x86_64-unknown-linux-gnu"
OTHERS = ("aarch64-apple-darwin", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl")
INDEX = "/index.ndjson"


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("SSL_CERT_", "PYMAN_HTTP", "PYMAN_CA")):
            monkeypatch.delenv(name)


def line(version, tag, platforms=(LINUX, *OTHERS), variants=("install_only", "install_only_stripped"), note=""):
    artifacts = [
        {
            "platform": platform,
            "variant": variant,
            "url": f"{tag}/cpython-{version}%2B{tag}-{platform}-{variant}.tar.gz",
            "archive_format": "tar.gz",
            "sha256": "5a" * 32,
            "note": note,
        }
        for platform in platforms
        for variant in variants
    ]
    return json.dumps({"version": f"{version}+{tag}", "date": "2026-01-01T00:00:00Z", "artifacts": artifacts}) + "\n"


def index(tags, minors=(14, 13, 12), padding=0):
    """A list with these tags, newest first, each with one patch release of every minor."""
    return "".join(
        line(f"3.{minor}.{number}", tag, note="x" * padding)
        for number, tag in reversed(list(enumerate(tags)))
        for minor in minors
    ).encode()


TAGS = ["20260101", "20260201", "20260301"]
ALL = ["3.14.2", "3.14.1", "3.14.0", "3.13.2", "3.13.1", "3.13.0", "3.12.2", "3.12.1", "3.12.0"]
OFFERED = ["3.14", *ALL[:3], "3.13", *ALL[3:6], "3.12", *ALL[6:]]


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def server():
    with Server() as server:
        server.files[INDEX] = index(TAGS)
        yield server


def feed(source, cache, *, offline=False, clock=lambda: 1000.0, platform=LINUX, observer=None, **environ):
    # Two rounds show that something is tried again as well as four do.
    web = Web(offline=offline, sleep=lambda _: None, environ={"PYMAN_HTTP_TIMEOUT": "5"} | environ, rounds=2)
    more = {"observer": observer} if observer else {}
    return CatalogueFeed(source, platform, cache, web=web, clock=clock, **more)


def names(catalogue):
    return [str(build.version) for build in catalogue.builds]


def newest(minor):
    return lambda builds: any(build.version.minor == minor for build in builds)


def big(content):
    """The same list, too large to be read to its end in any case."""
    head, _, rest = content.partition(b"\n")
    release = json.loads(head)
    release["padding"] = "x" * (1 << 20)
    return json.dumps(release).encode() + b"\n" + rest


# Where a list lies.


def test_a_folder_is_read_as_it_lies_there(tmp_path, cache, monkeypatch):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "index.ndjson").write_bytes(index(TAGS))
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "mirror")
    for source in (folder, f"{folder}/", f"{folder}/index.ndjson", f"file://{folder}", "mirror", "./mirror"):
        found = feed(source, cache, offline=True).releases()
        assert sorted(names(found), reverse=True) == sorted(ALL, reverse=True)
        assert found.builds[0].url == f"{folder}/20260301/cpython-3.14.2+20260301-{LINUX}-install_only_stripped.tar.gz"
        assert (found.stale, found.complete) == (False, True)
    assert not os.path.exists(f"{cache}/catalogue")


def test_folders_with_odd_names(tmp_path, cache):
    folder = tmp_path / "a mirror %41 ü"
    folder.mkdir()
    (folder / "index.ndjson").write_bytes(index(TAGS))
    assert len(feed(str(folder), cache).releases().builds) == 9
    assert len(feed(folder.as_uri(), cache).releases().builds) == 9


@pytest.mark.parametrize(
    ("mirror", "index_at", "base"),
    [
        ("https://m.example/p", "https://m.example/p/index.ndjson", "https://m.example/p"),
        ("https://m.example/p/", "https://m.example/p/index.ndjson", "https://m.example/p"),
        ("https://m.example", "https://m.example/index.ndjson", "https://m.example"),
        ("HTTPS://m.example/p/list.ndjson", "HTTPS://m.example/p/list.ndjson", "HTTPS://m.example/p"),
        ("file:///srv/p", "/srv/p/index.ndjson", "/srv/p"),
        ("file://localhost/srv/p", "/srv/p/index.ndjson", "/srv/p"),
        ("/srv/../srv/p/", "/srv/p/index.ndjson", "/srv/p"),
    ],
)
def test_every_way_to_name_a_mirror(mirror, index_at, base):
    source = find_source(mirror)
    assert source.indexes == (index_at,)
    assert source.base == base


@pytest.mark.parametrize("mirror", ["ftp://m.example/p", "file://elsewhere/p", "s3://bucket"])
def test_what_is_no_mirror_is_wrong_usage(mirror):
    with pytest.raises(UsageError, match="neither a folder nor a web address"):
        find_source(mirror)


def test_upstream_is_asked_at_two_places():
    for nothing in (None, ""):
        source = find_source(nothing)
        assert [url.split("/")[2] for url in source.indexes] == ["releases.astral.sh", "raw.githubusercontent.com"]
        assert source.cache_name == ""
    assert find_source("https://m.example").cache_name != find_source("https://n.example").cache_name


def test_the_home_folder_may_be_written_short(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "index.ndjson").write_bytes(index(TAGS))
    assert len(feed("~/mirror", cache).releases().builds) == 9


def test_the_real_mirror(cache):
    found = feed(mirror_folder(), cache).releases()
    assert {"3.13.15", "3.13.5"} <= set(release_names(found.builds))
    assert all(os.path.isfile(build.url) for build in found.builds)


@pytest.mark.parametrize("kind", ["missing folder", "no index", "folder", "fifo"])
def test_a_folder_without_a_list_is_one_sentence(tmp_path, cache, kind):
    folder = tmp_path / "mirror"
    if kind != "missing folder":
        folder.mkdir()
    if kind == "folder":
        (folder / "index.ndjson").mkdir()
    if kind == "fifo":
        os.mkfifo(folder / "index.ndjson")
    with pytest.raises(NetworkError, match=str(folder)) as caught:
        feed(str(folder), cache).releases()
    assert caught.value.hint


# What it is about.


def test_a_server_is_read_and_kept_for_this_platform_alone(server, cache):
    found = feed(server.url, cache).releases()
    assert sorted(names(found)) == sorted(ALL)
    assert found.fetched == 1000.0
    assert found.builds[0].url.startswith(f"{server.url}/20260301/")
    [kept] = os.listdir(f"{cache}/catalogue")
    assert kept.startswith(LINUX)
    with open(f"{cache}/catalogue/{kept}") as file:
        text = file.read()
    assert "darwin" not in text
    assert feed(server.url, cache, offline=True).releases().builds == found.builds
    with open(f"{cache}/available") as file:
        assert file.read().split() == OFFERED


def test_a_list_that_has_not_changed_is_not_sent_again(server, cache):
    first = feed(server.url, cache).releases()
    sent = server.sent()
    again = feed(server.url, cache, clock=lambda: 2000.0).releases()
    assert server.sent() == sent
    assert len(server.requests()) == 2
    assert again.builds == first.builds
    assert (again.stale, again.complete, again.fetched) == (False, True, 2000.0)
    later = feed(server.url, cache, offline=True).releases()
    assert (later.stale, later.fetched) == (True, 2000.0)


def test_a_young_list_may_be_used_without_asking(server, cache):
    feed(server.url, cache).releases()
    assert not feed(server.url, cache, clock=lambda: 1060.0).releases(max_age=61).stale
    assert len(server.requests()) == 1
    feed(server.url, cache, clock=lambda: 1061.0).releases(max_age=61)
    assert len(server.requests()) == 2
    # A time in the future is nobody's age.
    feed(server.url, cache, clock=lambda: 500.0).releases(max_age=61)
    assert len(server.requests()) == 3


def test_reading_stops_when_the_answer_is_known(server, cache):
    tags = [f"2025{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29)]
    server.files[INDEX] = index(tags, padding=500)
    whole = len(server.files[INDEX])
    assert whole > 5 << 20
    found = feed(server.url, cache).releases(newest(13))
    assert not found.complete
    assert names(found)[:3] == ["3.14.335", "3.13.335", "3.12.335"]
    # What is in the sockets' buffers is sent for nothing, and no more.
    assert server.requests()[0].sent < whole
    assert len(found.builds) < 100


def test_a_small_list_is_read_to_its_end_in_any_case(server, cache):
    assert feed(server.url, cache).releases(newest(14)).complete


def test_what_was_read_in_part_answers_the_same_question_and_no_other(server, cache):
    server.files[INDEX] = big(index(TAGS))
    found = feed(server.url, cache).releases(newest(14))
    assert not found.complete
    again = feed(server.url, cache).releases(newest(14))
    assert again.builds == found.builds
    assert [request.headers["If-None-Match"] is None for request in server.requests()] == [True, False]
    more = feed(server.url, cache).releases(lambda builds: any(str(build.version) == "3.12.0" for build in builds))
    assert set(ALL) == set(names(more))
    assert server.requests()[2].headers["If-None-Match"] is None


def test_what_was_read_in_part_is_no_answer_to_another_question_offline(server, cache):
    server.files[INDEX] = big(index(TAGS))
    feed(server.url, cache).releases(newest(14))
    oldest = lambda builds: any(str(build.version) == "3.12.0" for build in builds)  # noqa: E731
    with pytest.raises(Offline):
        feed(server.url, cache, offline=True).releases(oldest)
    known = feed(server.url, cache, offline=True).releases(newest(14))
    assert (known.stale, known.complete) == (True, False)
    # To show what is available, a part is better than nothing.
    assert not feed(server.url, cache, offline=True).releases().complete


def test_only_the_new_part_is_read_and_joined(server, cache):
    tags = [f"2025{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29)]
    server.files[INDEX] = index(tags, padding=500)
    feed(server.url, cache).releases()
    old = server.sent()
    server.files[INDEX] = index([*tags, "20260101"], padding=500)
    found = feed(server.url, cache).releases()
    assert found.complete
    assert names(found)[:4] == ["3.14.336", "3.13.336", "3.12.336", "3.14.335"]
    assert len(found.builds) == 3 * len([*tags, "20260101"])
    assert len(set(found.builds)) == len(found.builds)
    assert server.sent() - old < old
    assert feed(server.url, cache, offline=True).releases().builds == found.builds


def test_with_a_part_that_is_too_short_reading_still_stops_early(server, cache):
    tags = [f"2025{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29)]
    server.files[INDEX] = index(tags, padding=500)
    feed(server.url, cache).releases(newest(14))
    server.files[INDEX] = index([*tags, "20260101"], padding=500)
    found = feed(server.url, cache).releases(newest(13))
    assert not found.complete
    assert len(found.builds) < 100


def test_the_newest_release_that_is_kept_may_have_grown(server, cache):
    server.files[INDEX] = line("3.13.2", "20260301").encode() + index(TAGS[:2])
    feed(server.url, cache).releases()
    server.files[INDEX] = index(TAGS)
    assert sorted(names(feed(server.url, cache).releases())) == sorted(ALL)


def test_a_release_that_was_withdrawn_is_forgotten(server, cache):
    feed(server.url, cache).releases()
    server.files[INDEX] = index(TAGS[:2])
    assert "3.14.2" not in names(feed(server.url, cache).releases())
    with open(f"{cache}/available") as file:
        assert "3.14.2" not in file.read().split()


def test_a_list_of_others_builds_is_no_error(server, cache):
    found = feed(server.url, cache, platform="riscv64-unknown-linux-gnu").releases()
    assert found.builds == ()
    assert found.complete


def test_a_list_that_is_compressed_for_the_way(server, cache):
    def compressed(handler, content):
        handler.answer(200, gzip.compress(content), {"Content-Encoding": "gzip"})

    fault = without_length()
    fault.act = compressed
    server.fault(INDEX, fault)
    assert sorted(names(feed(server.url, cache).releases())) == sorted(ALL)


def test_a_list_in_chunks_with_blank_lines_and_windows_ends(server, cache):
    server.files[INDEX] = index(TAGS).replace(b"\n", b"\r\n\r\n")
    server.fault(INDEX, without_length())
    assert sorted(names(feed(server.url, cache).releases())) == sorted(ALL)


def test_passwords_are_kept_out_of_the_cache(server, cache):
    url = server.url.replace("://", "://user:word@")
    found = feed(url, cache).releases()
    assert "user:word@" in found.builds[0].url
    assert "word" not in found.source
    for folder, _, files in os.walk(cache):
        for name in files:
            with open(os.path.join(folder, name)) as file:
                assert "word" not in file.read()
    assert feed(url, cache, offline=True).releases().builds == found.builds


def test_what_is_available_grows_while_lists_are_read_in_part(server, cache):
    server.files[INDEX] = big(index(TAGS))
    feed(server.url, cache).releases(newest(14))
    with open(f"{cache}/available") as file:
        first = file.read().split()
    os.makedirs(cache, exist_ok=True)
    with open(f"{cache}/available", "w") as file:
        file.write("3.6.15\n")
    feed(server.url, cache).releases(newest(14))
    with open(f"{cache}/available") as file:
        assert file.read().split() == [*first, "3.6.15"]
    feed(server.url, cache).releases()
    with open(f"{cache}/available") as file:
        assert file.read().split() == OFFERED


def test_the_observer_hears_how_much_came(server, cache):
    heard = []

    class Listener(Observer):
        def began(self, task, total):
            heard.append(("began", task))

        def advanced(self, task, amount):
            heard.append(amount)

        def finished(self, task):
            heard.append(("finished", task))

    feed(server.url, cache, observer=Listener()).releases()
    assert heard[0] == ("began", "list of builds")
    assert heard[-1] == ("finished", "list of builds")
    assert sum(heard[1:-1]) == len(server.files[INDEX])


# What this pyman does not know.

STRANGE = [
    '{"version": "graalpy-25.0+20270101", "artifacts": []}',
    '{"version": "3.15.9+20270101.1", "artifacts": []}',
    '{"version": "3.15.9+20270101", "yanked": true}',
    "# generated",
    "\ufffd\0",
    "[" * 5000,
]


@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_line_that_is_not_understood_is_passed_over_and_counted(server, tmp_path, cache, strange, place):
    lines = index(TAGS).decode().splitlines()
    lines.insert(place, strange)
    server.files[INDEX] = "".join(f"{one}\n" for one in lines).encode()
    (tmp_path / "index.ndjson").write_bytes(server.files[INDEX])
    for source in (server.url, str(tmp_path)):
        found = feed(source, cache).releases()
        assert sorted(names(found)) == sorted(ALL)
        assert (found.passed_over, found.unusable, found.complete) == (PassedOver(1, 0), (), True)
    # It is told also where nothing was sent.
    assert feed(server.url, cache).releases().passed_over == PassedOver(1, 0)


def test_new_releases_are_found_behind_lines_that_are_not_understood(server, cache):
    tags = [f"2025{month:02}{day:02}" for month in range(1, 13) for day in range(1, 29)]
    server.files[INDEX] = index(tags, padding=500)
    feed(server.url, cache).releases()
    server.files[INDEX] = "".join(f"{one}\n" for one in STRANGE).encode() + index([*tags, "20260101"], padding=500)
    found = feed(server.url, cache).releases(newest(14))
    assert names(found)[:2] == ["3.14.336", "3.13.336"]
    assert found.passed_over == PassedOver(len(STRANGE), 0)


def test_a_build_that_cannot_be_used_is_told_also_from_the_cache(server, cache):
    damaged = line("3.13.3", "20260401").replace("5a", "zz")
    server.files[INDEX] = damaged.encode() + index(TAGS)
    first = feed(server.url, cache).releases()
    assert "3.13.3" not in names(first)
    assert [(one.release, one.build) for one in first.unusable] == [("3.13.3", "20260401")]
    for again in (feed(server.url, cache).releases(), feed(server.url, cache, offline=True).releases()):
        assert (again.builds, again.unusable) == (first.builds, first.unusable)
    # What is read beside the part that is kept does not tell it twice.
    server.files[INDEX] = index(["20260501"]) + server.files[INDEX]
    assert feed(server.url, cache).releases().unusable == first.unusable


def test_what_another_pyman_has_kept_is_read_again(server, cache, monkeypatch):
    from pyman.effects.catalogue import cache as catalogue_cache

    monkeypatch.setattr(catalogue_cache, "__version__", "0.0.1")
    first = feed(server.url, cache).releases()
    monkeypatch.undo()
    found = feed(server.url, cache, offline=True).releases()
    assert (found.builds, found.stale) == (first.builds, True)
    assert not feed(server.url, cache).releases(max_age=100).stale
    assert server.requests()[1].headers["If-None-Match"] is None
    feed(server.url, cache).releases()
    assert server.requests()[2].headers["If-None-Match"]


# What goes wrong.


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (LOGIN_PAGE, "a web page instead"),
        (b"\n<html>", "a web page instead"),
        (b"not json\n", "line 1 of the list .* is not JSON"),
        (b'{"a": 1}\n', "line 1 .* is not a release"),
        (b"[1, 2]\n", "line 1 .* is not a release"),
        (b'{"cpython-3.13.5-linux": {"url": "x"}}\n', "line 1 .* is not a release"),
        (b"\xff\xfe\n", "line 1 .* is not JSON"),
        (b"# generated\n" + b'{"schema": 2}\n', "line 1 .* is not JSON"),
        (index(TAGS)[:-40], "ends in the middle of line 9"),
        (b"\0" * 3000 + b"\n", "line 1"),
        (b"\x1f\x8b\x08\x00" + b"\0" * 3000, "line 1"),
    ],
)
@pytest.mark.parametrize("place", ["folder", "server"])
def test_a_list_that_is_none_is_one_sentence(server, tmp_path, cache, content, reason, place):
    server.files[INDEX] = content
    (tmp_path / "index.ndjson").write_bytes(content)
    with pytest.raises(NetworkError, match=reason) as caught:
        feed(server.url if place == "server" else str(tmp_path), cache).releases()
    assert "\n" not in caught.value.message
    assert not os.path.exists(f"{cache}/catalogue")


def test_a_line_without_end_is_not_read_to_its_end(server, cache):
    server.files[INDEX] = b'{"a": "' + b"x" * (9 << 20)
    with pytest.raises(NetworkError, match="too long for a list"):
        feed(server.url, cache).releases()


FAULTS = {
    "404": lambda: status(404),
    "500": lambda: status(500),
    "redirect loop": lambda: redirect(INDEX),
    "cut": lambda: cut(3000),
    "cut at once": lambda: cut(0),
    "login page": login_page,
    "other shape": lambda: instead(b'{"a": 1}\n'),
    "unasked 304": lambda: status(304),
}


@pytest.mark.parametrize("name", FAULTS)
def test_without_a_cache_every_fault_is_an_error(server, cache, name):
    server.fault(INDEX, FAULTS[name]())
    with pytest.raises(NetworkError) as caught:
        feed(server.url, cache).releases()
    assert "\n" not in caught.value.message
    assert isinstance(caught.value, BadAnswer) == (name in ANSWERED)


ANSWERED = ("404", "other shape")


@pytest.mark.parametrize("name", FAULTS)
def test_a_list_out_of_reach_is_survived_and_told_and_one_that_is_wrong_is_an_error(server, cache, name):
    first = feed(server.url, cache).releases()
    server.files[INDEX] = index([*TAGS, "20260401"])
    if name != "unasked 304":
        server.fault(INDEX, FAULTS[name]())
    if name in ANSWERED:
        with pytest.raises(BadAnswer):
            feed(server.url, cache).releases()
        assert feed(server.url, cache, offline=True).releases().builds == first.builds
    elif name != "unasked 304":
        found = feed(server.url, cache).releases()
        assert found.stale
        assert found.builds == first.builds
        assert found.fetched == 1000.0
    server.heal()
    assert not feed(server.url, cache).releases().stale


def test_a_refused_connection_and_a_stall_are_survived_too(server, cache):
    feed(server.url, cache).releases()
    server.files[INDEX] = index([*TAGS, "20260401"])
    server.fault(INDEX, stall(100))
    assert feed(server.url, cache, PYMAN_HTTP_TIMEOUT="0.2").releases().stale
    url = server.url
    server.heal()
    server.__exit__()
    assert feed(url, cache).releases().stale
    # The fixture closes it once more.
    server.__exit__ = lambda *_: None


def test_a_list_that_is_cut_in_passing_is_asked_again(server, cache):
    server.fault(INDEX, cut(3000, times=1))
    assert not feed(server.url, cache).releases().stale


def test_the_second_place_is_asked_where_the_first_is_out_of_order(server, cache, monkeypatch):
    from pyman.effects.catalogue import list_address

    places = (f"{server.url}/first.ndjson", f"{server.url}{INDEX}")
    monkeypatch.setattr(list_address, "UPSTREAM_INDEXES", places)
    server.files["/first.ndjson"] = LOGIN_PAGE
    assert len(feed(None, cache).releases().builds) == 9
    assert os.listdir(f"{cache}/catalogue") == [f"{LINUX}.ndjson"]
    # An entity tag means nothing to another server.
    server.files["/first.ndjson"] = server.files[INDEX]
    feed(None, cache).releases()
    assert server.requests("/first.ndjson")[1].headers["If-None-Match"] is None


def test_offline_without_a_cache_says_so(server, cache):
    with pytest.raises(Offline, match="the network is disabled"):
        feed(server.url, cache, offline=True).releases()
    assert server.requests() == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-100],
        lambda content: content.replace(b'"format": 3', b'"format": 1'),
        lambda content: content.replace(b'"unusable": []', b'"unusable": [["3.13.5", "x", "20261001", "y"]]'),
        lambda content: content.replace(b'"passed_over": [0, 0]', b'"passed_over": [0]x'),
        lambda content: content.split(b"\n", 1)[1],
        lambda content: b"[]\n" + content,
        lambda content: content.replace(b'"sha256":"', b'"sha256":"zz'),
        lambda content: b"[" * 100000 + content,
        lambda content: b"\xff" + content,
        lambda content: b"{}\n",
    ],
)
def test_a_cache_that_is_spoilt_is_as_none(server, cache, spoil):
    first = feed(server.url, cache).releases()
    [name] = os.listdir(f"{cache}/catalogue")
    with open(f"{cache}/catalogue/{name}", "rb") as file:
        content = spoil(file.read())
    with open(f"{cache}/catalogue/{name}", "wb") as file:
        file.write(content)
    with pytest.raises(Offline):
        feed(server.url, cache, offline=True).releases()
    assert feed(server.url, cache).releases().builds == first.builds
    assert feed(server.url, cache, offline=True).releases().builds == first.builds


@pytest.mark.parametrize("kind", ["file in place of the cache", "fifo in place of the list"])
def test_a_cache_that_cannot_be_used_is_done_without(server, tmp_path, cache, kind):
    if kind.startswith("file"):
        (tmp_path / "cache").write_text("")
    else:
        (tmp_path / "cache" / "catalogue").mkdir(parents=True)
        name = f"{LINUX}-{find_source(server.url).cache_name}.ndjson"
        os.mkfifo(tmp_path / "cache" / "catalogue" / name)
    assert len(feed(server.url, cache).releases().builds) == 9


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its own peak")
def test_a_list_as_long_as_upstreams_is_never_held_whole(server, cache):
    tags = [f"20{year}{month:02}{day:02}" for year in (24, 25) for month in range(1, 13) for day in range(1, 8)]
    server.files[INDEX] = index(tags, range(6, 15), padding=3000)
    assert len(server.files[INDEX]) > 30 << 20
    script = f"""
from pyman.effects.catalogue.feed import CatalogueFeed
found = CatalogueFeed({server.url!r}, {LINUX!r}, {cache!r}).releases()
with open("/proc/self/status") as status:
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(len(found.builds), int(peak) // 1024)
"""
    source = os.path.join(os.path.dirname(__file__), "..", "..", "src")
    told = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    count, peak = map(int, told.stdout.split())
    assert count == len(tags) * 9
    assert peak < 60


def test_a_folder_needs_nothing_of_the_web(tmp_path, cache):
    (tmp_path / "index.ndjson").write_bytes(index(TAGS))
    script = f"""
import sys
from pyman.effects.catalogue.feed import CatalogueFeed
CatalogueFeed({str(tmp_path)!r}, {LINUX!r}, {cache!r}).releases()
print([name for name in ("httpx", "ssl", "socket", "truststore") if name in sys.modules])
"""
    source = os.path.join(os.path.dirname(__file__), "..", "..", "src")
    told = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"


@pytest.mark.parametrize("tag", [b'"\xe9"', b'"\xff\xfe"', b'"a\x01b"', b"W/"])
def test_a_tag_that_no_header_can_hold_is_forgotten(tmp_path, tag):
    line = (json.dumps({"version": "3.13.5+20261001", "artifacts": []}) + "\n").encode()

    def act(handler, _):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nETag: %s\r\nContent-Length: %d\r\n\r\n" % (tag, len(line)) + line)

    with Server() as server:
        server.fault("/index.ndjson", Fault(act))
        for _ in range(2):
            with Web(rounds=1) as web:
                assert CatalogueFeed(server.url, "p", str(tmp_path), web=web).releases().complete


@settings(max_examples=150)
@given(content=damaged(b'{"format": 2, "url": "https://h", "etag": "\\"x\\"", "complete": true, "releases": 1, "builds": 1, '
                       b'"unusable": [["3.13.5", "default", "20261001", "x"]], "passed_over": [1, 0], "pyman": "1"}\n'
                       b'{"version":"3.13.5+20261001","artifacts":[{"platform":"p","variant":"install_only",'
                       b'"url":"a","archive_format":"tar.gz","sha256":"' + b"5a" * 32 + b'","size":null}]}\n'))  # fmt: skip
def test_a_damaged_cache_is_read_or_as_if_it_were_not_there(tmp_path, content):
    (tmp_path / "catalogue").mkdir(exist_ok=True)
    (tmp_path / "catalogue" / "p.ndjson").write_bytes(content)
    known = CatalogueCache(str(tmp_path), "", "p").read("https://h")
    if known is not None:
        known.etag.encode("ascii")
        assert all(build.url.startswith("https://") for build in known.builds)


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_is_no_list(tmp_path, kind):
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "p.ndjson").write_bytes(HUGE[kind])
    assert CatalogueCache(str(tmp_path), "", "p").read("https://h") is None
    (tmp_path / "index.ndjson").write_bytes(HUGE[kind])
    with pytest.raises(NetworkError):
        CatalogueFeed(str(tmp_path), "p", str(tmp_path / "cache")).releases()
