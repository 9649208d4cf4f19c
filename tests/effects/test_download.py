"""Archives from a real server on loopback, with everything that goes wrong on the way."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from pyman.core.catalogue import Build
from pyman.core.version import Version
from pyman.effects.catalogue.feed import CatalogueFeed
from pyman.effects.observer import Observer
from pyman.effects.web.download import fetch, fetch_all
from pyman.effects.web.http import Web
from pyman.errors import IntegrityError, NetworkError, Offline, PymanError
from stage.mirror import OLD, archive_path, mirror_folder
from stage.server import (
    LOGIN_PAGE,
    Server,
    cut,
    instead,
    login_page,
    redirect,
    silence,
    stall,
    status,
    without_length,
    without_ranges,
    wrong_range,
)

SOURCE = os.path.join(os.path.dirname(__file__), "..", "..", "src")
LINUX = "x86_64-unknown-linux-gnu"
# What an archive holds does not matter here; that it is long enough to be cut anywhere does.
CONTENT = b"\x1f\x8b" + random.Random(1).randbytes(300_000)
PATH = "/python.tar.gz"


@pytest.fixture(autouse=True)
def _no_proxies_of_the_machine(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with Server() as server:
        server.files[PATH] = CONTENT
        yield server


@pytest.fixture
def cache(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture
def web():
    with Web(sleep=lambda _: None, environ={"PYMAN_HTTP_TIMEOUT": "5"}, rounds=3) as web:
        yield web


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def build(url, content=CONTENT, patch=5, **changes):
    fields = {
        "version": Version(3, 13, patch),
        "variant": "default",
        "build": "20260901",
        "platform": LINUX,
        "url": url,
        "sha256": sha256(content),
        "size": None,
        "archive_format": "tar.gz",
    }
    return Build(**(fields | changes))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def files_of(cache):
    """What lies in the cache's archives, but the locks, which stay."""
    folder = os.path.join(cache, "archives")
    return sorted(name for name in os.listdir(folder) if not name.endswith(".lock")) if os.path.isdir(folder) else []


def part_of(cache, build):
    return os.path.join(cache, "archives", f".{build.archive_name}.part")


def leave_part(cache, build, content):
    os.makedirs(os.path.join(cache, "archives"))
    with open(part_of(cache, build), "wb") as file:
        file.write(content)


# What it is about.


def test_an_archive_is_fetched_once_and_kept(server, cache, web):
    wanted = build(server.url + PATH)
    path = fetch(wanted, cache, web=web)
    assert read(path) == CONTENT
    assert os.path.dirname(path) == os.path.join(cache, "archives")
    assert fetch(wanted, cache, web=web) == path
    assert len(server.requests()) == 1
    assert files_of(cache) == [wanted.archive_name]


def test_what_is_kept_needs_no_network(server, cache, web):
    path = fetch(build(server.url + PATH), cache, web=web)
    assert fetch(build(server.url + PATH), cache, offline=True) == path


def test_offline_without_the_archive_says_so(server, cache):
    with pytest.raises(Offline, match=r"Python 3\.13\.5"):
        fetch(build(server.url + PATH), cache, offline=True)
    assert server.requests() == []
    assert not os.path.exists(cache)


def test_an_archive_of_a_folder_is_checked_in_place(tmp_path, cache):
    local = tmp_path / "python.tar.gz"
    local.write_bytes(CONTENT)
    assert fetch(build(str(local), size=len(CONTENT)), cache, offline=True) == str(local)
    assert not os.path.exists(cache)


@pytest.mark.parametrize("spoil", ["hash", "size", "missing", "folder", "fifo"])
def test_an_archive_of_a_folder_that_is_wrong(tmp_path, cache, spoil):
    local = tmp_path / "python.tar.gz"
    changes = {}
    if spoil == "folder":
        local.mkdir()
    elif spoil == "fifo":
        os.mkfifo(local)
    elif spoil != "missing":
        local.write_bytes(CONTENT[:-1] if spoil == "hash" else CONTENT)
        changes = {"size": 7} if spoil == "size" else {}
    expected = IntegrityError if spoil in ("hash", "size") else NetworkError
    with pytest.raises(expected, match=str(local)) as caught:
        fetch(build(str(local), **changes), cache)
    assert caught.value.hint


def test_the_real_mirror_served_over_http(cache, web):
    with Server(mirror_folder()) as server:
        found = CatalogueFeed(server.url, LINUX, cache, web=web).releases()
        [wanted] = [build for build in found.builds if str(build.version) == OLD]
        path = fetch(wanted, cache, web=web)
    assert read(path) == read(archive_path(OLD))


def test_progress_counts_every_byte_once(server, cache, web):
    heard = []

    class Listener(Observer):
        def began(self, task, total):
            heard.append(("began", task, total))

        def advanced(self, task, amount):
            heard.append(amount)

        def finished(self, task):
            heard.append(("finished", task))

    server.fault(PATH, cut(100_000, 1), without_ranges(1))
    fetch(build(server.url + PATH), cache, web=web, observer=Listener())
    assert heard[0] == ("began", "Python 3.13.5", len(CONTENT))
    assert heard[-1] == ("finished", "Python 3.13.5")
    assert sum(amount for amount in heard if isinstance(amount, int)) == len(CONTENT)


def test_the_faster_host_is_asked_first_and_the_other_is_the_fallback(server, cache, web, monkeypatch):
    from pyman.core import catalogue

    monkeypatch.setattr(catalogue, "GITHUB_PREFIX", f"{server.url}/github/")
    monkeypatch.setattr(catalogue, "FAST_PREFIX", f"{server.url}/fast/")
    server.files["/github/python.tar.gz"] = CONTENT
    for wrong in (status(404, 1), login_page(1), instead(CONTENT[:-1], 1), status(500, 1)):
        server.fault("/fast/python.tar.gz", wrong)
        path = fetch(build(f"{server.url}/github/python.tar.gz"), cache, web=web)
        assert read(path) == CONTENT
        os.unlink(path)
    assert [request.path.split("/")[1] for request in server.requests()] == ["fast", "github"] * 4


# Going on.


def test_a_cut_transfer_goes_on_where_it_stopped(server, cache, web):
    server.fault(PATH, cut(100_000, 1), cut(100_000, 1))
    assert read(fetch(build(server.url + PATH), cache, web=web)) == CONTENT
    ranges = [request.headers["Range"] for request in server.requests()]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]
    assert server.sent() == len(CONTENT)
    assert server.requests()[1].headers["If-Range"]


def test_a_line_that_breaks_all_the_time_still_gets_there(server, cache, web):
    server.fault(PATH, cut(20_000, 14))
    assert read(fetch(build(server.url + PATH), cache, web=web)) == CONTENT
    assert server.sent() == len(CONTENT)


def test_what_an_earlier_process_left_is_used(server, cache, web):
    wanted = build(server.url + PATH)
    leave_part(cache, wanted, CONTENT[:250_000])
    assert read(fetch(wanted, cache, web=web)) == CONTENT
    assert server.sent() == len(CONTENT) - 250_000


def test_what_an_earlier_process_left_may_be_all(server, cache, web):
    wanted = build(server.url + PATH)
    leave_part(cache, wanted, CONTENT)
    assert read(fetch(wanted, cache, web=web)) == CONTENT
    assert server.requests() == []


@pytest.mark.parametrize(
    "left",
    [CONTENT[:1000][::-1], CONTENT[::-1], CONTENT + b"more", b"<html>" * 10],
    ids=["short", "as long", "longer", "a page"],
)
def test_what_was_left_of_something_else_is_fetched_anew(server, cache, web, left):
    wanted = build(server.url + PATH)
    leave_part(cache, wanted, left)
    assert read(fetch(wanted, cache, web=web)) == CONTENT
    assert files_of(cache) == [wanted.archive_name]


def test_a_file_that_changes_on_the_server_is_not_mixed(server, cache, web):
    new = CONTENT[::-1]

    def change(handler, content):
        server.files[PATH] = new
        handler.serve(CONTENT, stop_after=1000)
        handler.close_connection = True

    fault = cut(0, 1)
    fault.act = change
    server.fault(PATH, fault)
    assert read(fetch(build(server.url + PATH, new), cache, web=web)) == new
    # By the entity tag the server saw that the rest would not fit.
    assert len(server.requests()) == 2


@pytest.mark.parametrize("fault", [without_ranges, wrong_range, without_length])
def test_servers_that_know_no_ranges(server, cache, web, fault):
    wanted = build(server.url + PATH)
    leave_part(cache, wanted, CONTENT[:1000])
    server.fault(PATH, fault(1))
    assert read(fetch(wanted, cache, web=web)) == CONTENT


def test_something_odd_in_the_place_of_the_part_is_removed(server, cache, web, tmp_path):
    wanted = build(server.url + PATH)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for put in (lambda place: os.symlink(victim, place), os.mkfifo):
        os.makedirs(os.path.join(cache, "archives"), exist_ok=True)
        put(part_of(cache, wanted))
        os.unlink(fetch(wanted, cache, web=web))
    assert victim.read_text() == "precious"


def test_a_killed_download_is_gone_on_with(server, cache, web):
    wanted = build(server.url + PATH)
    server.fault(PATH, stall(200_000, 1))
    process = in_other_process(wanted, cache)
    assert server.stalled.wait(30)
    while not os.path.exists(part_of(cache, wanted)) or os.path.getsize(part_of(cache, wanted)) < 200_000:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert files_of(cache) == [f".{wanted.archive_name}.part"]
    assert read(fetch(wanted, cache, web=web)) == CONTENT
    assert server.requests()[1].headers["Range"] == "bytes=200000-"


# What goes wrong.


@pytest.mark.parametrize(
    "wrong",
    [CONTENT[:-1], CONTENT + b"x", CONTENT[::-1], b"", b"\x1f\x8b"],
    ids=["truncated", "longer", "corrupt", "empty", "tiny"],
)
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_another_content_is_refused_and_thrown_away(server, cache, web, wrong, size):
    server.fault(PATH, instead(wrong))
    with pytest.raises(IntegrityError, match="does not match the list of builds") as caught:
        fetch(build(server.url + PATH, size=size), cache, web=web)
    assert server.url in caught.value.message
    assert caught.value.code == "integrity"
    assert files_of(cache) == []
    assert len(server.requests()) == 1


def test_a_part_that_was_put_together_wrongly_is_fetched_once_more(server, cache, web):
    wanted = build(server.url + PATH)
    leave_part(cache, wanted, CONTENT[:1000][::-1])
    server.files[PATH] = CONTENT[::-1]
    with pytest.raises(IntegrityError):
        fetch(wanted, cache, web=web)
    assert [request.headers["Range"] for request in server.requests()] == ["bytes=1000-", None]
    assert files_of(cache) == []


def test_an_endless_answer_is_left_when_it_is_too_long(server, cache, web):
    server.fault(PATH, instead(CONTENT * 100))
    with pytest.raises(IntegrityError):
        fetch(build(server.url + PATH, size=len(CONTENT)), cache, web=web)
    assert server.sent() < len(CONTENT) * 100


@pytest.mark.parametrize(
    "fault",
    [login_page, lambda: instead(LOGIN_PAGE), lambda: instead(b" \n<?xml version='1.0'?><Error>AccessDenied</Error>")],
    ids=["said so", "kept quiet", "error page"],
)
def test_a_web_page_is_called_one_and_is_a_matter_of_the_network(server, cache, web, fault):
    server.fault(PATH, fault())
    with pytest.raises(NetworkError, match="a web page instead of an archive") as caught:
        fetch(build(server.url + PATH), cache, web=web)
    assert "log in" in caught.value.hint
    assert [name for name in files_of(cache) if not name.endswith(".part")] == []
    server.heal()
    assert read(fetch(build(server.url + PATH), cache, web=web)) == CONTENT


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda: status(404), "does not exist"),
        (lambda: status(500), "cannot answer"),
        (lambda: status(403), "denies access to"),
        (lambda: redirect(PATH), "redirects in a loop"),
        (lambda: cut(0), "interrupted the transfer"),
        (lambda: status(304), "to a plain request"),
        (lambda: status(416), "to a plain request"),
        (wrong_range, "to a plain request"),
    ],
)
def test_faults_that_stay(server, cache, web, fault, reason):
    server.fault(PATH, fault())
    with pytest.raises(NetworkError, match=reason) as caught:
        fetch(build(server.url + PATH), cache, web=web)
    assert caught.value.code == ("bad-answer" if "exist" in reason else "network")
    assert "\n" not in caught.value.message


def test_faults_that_pass(server, cache, web):
    server.fault(PATH, status(500, 1), status(429, 1), cut(1000, 1), status(503, 1), cut(1000, 1))
    assert read(fetch(build(server.url + PATH), cache, web=web)) == CONTENT


def test_a_stall_is_left_and_gone_on_with(server, cache):
    server.fault(PATH, stall(1000, 1))
    # Long enough for the thousand bytes to arrive on a busy machine.
    with Web(sleep=lambda _: None, environ={"PYMAN_HTTP_TIMEOUT": "2"}) as web:
        assert read(fetch(build(server.url + PATH), cache, web=web)) == CONTENT
    assert server.requests()[1].headers["Range"] == "bytes=1000-"


def test_a_server_that_never_answers_is_given_up(server, cache):
    server.fault(PATH, silence())
    with (
        Web(sleep=lambda _: None, environ={"PYMAN_HTTP_TIMEOUT": "0.2"}) as web,
        pytest.raises(NetworkError, match=r"sent nothing for 0\.2 seconds"),
    ):
        fetch(build(server.url + PATH), cache, web=web)
    assert len(server.requests()) == 2


def test_an_archive_that_was_spoilt_in_the_cache_is_fetched_again(server, cache, web):
    wanted = build(server.url + PATH)
    path = fetch(wanted, cache, web=web)
    with open(path, "r+b") as file:
        file.seek(1000)
        file.write(b"rot")
    with pytest.raises(Offline):
        fetch(wanted, cache, offline=True)
    assert read(fetch(wanted, cache, web=web)) == CONTENT
    assert len(server.requests()) == 2


def test_a_build_without_hash_is_refused_unless_that_is_allowed(server, cache, web):
    wanted = build(server.url + PATH, sha256=None)
    with pytest.raises(IntegrityError, match="no sha256") as caught:
        fetch(wanted, cache, web=web)
    assert caught.value.code == "unverified"
    assert server.requests() == []
    for _ in range(2):
        assert read(fetch(wanted, cache, web=web, allow_unverified=True)) == CONTENT
    # Nothing says that what is kept is what it should be.
    assert len(server.requests()) == 2
    server.fault(PATH, cut(1000, 1))
    assert read(fetch(wanted, cache, web=web, allow_unverified=True)) == CONTENT


def test_a_full_disk_is_one_sentence_and_leaves_nothing(server, tmp_path, web):
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with pytest.raises(PymanError, match="full") as caught:
            fetch(build(server.url + PATH), str(folder), web=web)
        assert not isinstance(caught.value, NetworkError)
        assert str(folder) in caught.value.message
        assert files_of(str(folder)) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_cache_that_cannot_be_written_is_one_sentence(server, tmp_path, web):
    (tmp_path / "cache").write_text("")
    with pytest.raises(PymanError, match="cannot be written"):
        fetch(build(server.url + PATH), str(tmp_path / "cache"), web=web)


# Several at once.


def in_other_process(wanted, cache):
    script = f"""
import sys
from pyman.core.catalogue import Build
from pyman.core.version import Version
from pyman.effects.web.download import fetch
sys.stdout.write(fetch({wanted!r}, {cache!r}))
"""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": SOURCE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_eight_processes_download_once(server, cache):
    wanted = build(server.url + PATH)
    processes = [in_other_process(wanted, cache) for _ in range(8)]
    for process in processes:
        path, errors = process.communicate()
        assert (process.returncode, errors) == (0, "")
        assert read(path) == CONTENT
    assert len(server.requests()) == 1
    assert files_of(cache) == [wanted.archive_name]


def several(server, count):
    builds = []
    for number in range(count):
        content = CONTENT + bytes([number])
        server.files[f"/{number}.tar.gz"] = content
        builds.append(build(f"{server.url}/{number}.tar.gz", content, number))
    return builds


def test_several_are_fetched_side_by_side_and_answered_in_order(server, cache, web):
    builds = several(server, 6)
    together = threading.Barrier(4)

    def meet(handler, content):
        # Four of them are under way at the same time, or this breaks.
        together.wait(30)
        handler.serve(content)

    for number in range(4):
        fault = cut(0, 1)
        fault.act = meet
        server.fault(f"/{number}.tar.gz", fault)
    paths = fetch_all([*builds, builds[0]], cache, web=web)
    assert [read(path) for path in paths] == [CONTENT + bytes([number]) for number in (*range(6), 0)]
    assert len(server.requests()) == 6


def test_nothing_to_fetch_is_nothing(cache, web):
    assert fetch_all([], cache, web=web) == []


def test_the_first_failure_breaks_off_the_others_which_go_on_later(server, cache, web):
    builds = several(server, 4)
    server.fault("/0.tar.gz", stall(200_000, 1))
    server.fault("/1.tar.gz", silence(1))

    def fail_late(handler, content):
        # Only when the others are under way.
        assert server.stalled.wait(30)
        while not os.path.exists(part_of(cache, builds[0])) or os.path.getsize(part_of(cache, builds[0])) < 200_000:
            pass
        handler.answer(200, b"another content")

    fault = cut(0, 1)
    fault.act = fail_late
    server.fault("/3.tar.gz", fault)
    with Web(environ={"PYMAN_HTTP_TIMEOUT": "60"}) as patient, pytest.raises(IntegrityError, match=r"/3\.tar\.gz"):
        fetch_all(builds, cache, web=patient)
    server.released.set()
    assert os.path.getsize(part_of(cache, builds[0])) == 200_000
    paths = fetch_all(builds, cache, web=web)
    assert [read(path)[-1] for path in paths] == [0, 1, 2, 3]
    assert "bytes=200000-" in [request.headers["Range"] for request in server.requests("/0.tar.gz")]


def test_a_failure_does_not_wait_for_another_process(server, cache, web):
    builds = several(server, 2)
    server.fault("/0.tar.gz", silence(1))
    process = in_other_process(builds[0], cache)
    assert server.stalled.wait(30)
    waiting = threading.Event()

    class Listener(Observer):
        def waiting(self, what, holder):
            assert holder.startswith(f"process {process.pid} ")
            waiting.set()

    def fail_late(handler, content):
        assert waiting.wait(30)
        handler.answer(404, b"")

    fault = cut(0, 1)
    fault.act = fail_late
    server.fault("/1.tar.gz", fault)
    with pytest.raises(NetworkError, match="does not exist"):
        fetch_all(builds, cache, web=web, observer=Listener())
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_an_archive_is_never_held_whole(server, cache):
    if sys.platform != "linux":
        pytest.skip("only Linux tells a process its own peak")
    content = b"\x1f\x8b" + random.Random(2).randbytes(80 << 20)
    server.files["/large.tar.gz"] = content
    wanted = build(f"{server.url}/large.tar.gz", content)
    script = f"""
from pyman.core.catalogue import Build
from pyman.core.version import Version
from pyman.effects.web.download import fetch
fetch({wanted!r}, {cache!r})
fetch({wanted!r}, {cache!r}, offline=True)
with open("/proc/self/status") as status:
    [peak] = [line.split()[1] for line in status if line.startswith("VmHWM")]
print(int(peak) // 1024)
"""
    told = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": SOURCE}, capture_output=True, text=True, check=True
    )
    assert int(told.stdout) < 60


def test_a_folder_needs_nothing_of_the_web(tmp_path, cache):
    local = tmp_path / "python.tar.gz"
    local.write_bytes(CONTENT)
    script = f"""
import sys
from pyman.core.catalogue import Build
from pyman.core.version import Version
from pyman.effects.web.download import fetch_all
fetch_all([{build(str(local))!r}], {cache!r})
print([name for name in ("httpx", "ssl", "socket", "concurrent.futures") if name in sys.modules])
"""
    told = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": SOURCE}, capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"
