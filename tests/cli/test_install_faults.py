"""`pyman install` from mirrors, servers and disks that do everything wrong: a sentence, and a store as it was."""

from __future__ import annotations

import gzip
import json
import os
import socket
import subprocess
import tarfile
from urllib.parse import quote

import pytest

from stage.disks import read_only, small_disk
from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, OTHER_MINOR, archive_path, mirror_folder, runtime_tree
from stage.mirrors import Mirror, link, member, pack, stand_in, stand_in_files
from stage.programs import program
from stage.server import LOGIN_PAGE, Server, cut, instead, login_page, redirect, stall, status

RELEASE = f"{MINOR}.9"


@pytest.fixture
def mirror(tmp_path):
    return Mirror(tmp_path / "mirror")


@pytest.fixture
def user(tmp_path, mirror):
    """A home with a Python of pyenv's that would do, if it were asked."""
    home = Home(tmp_path, mirror.path)
    pyenv = home.path / ".pyenv/versions"
    pyenv.mkdir(parents=True)
    os.symlink(runtime_tree(OLD), tmp_path / "tree")
    subprocess.run(["cp", "-al", runtime_tree(OLD), pyenv / OLD], check=True)
    return home


def names(home):
    return sorted(os.listdir(home.runtimes)) if home.runtimes.exists() else []


def failed(answer):
    """One sentence that says what is wrong, one that helps, after whatever notes."""
    *_, first, second = answer.err.splitlines()
    assert first.startswith("error: "), answer
    assert second.startswith("hint: "), answer
    assert answer.out == ""
    return first


# --- archives ---


def other_hash(mirror):
    mirror.add(RELEASE, sha256="0" * 64)


def truncated(mirror):
    path = mirror.add(RELEASE)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2)


def truncated_and_signed(mirror):
    mirror.add(RELEASE, stand_in(RELEASE)[:-100])


def corrupt_and_signed(mirror):
    content = bytearray(stand_in(RELEASE))
    content[len(content) // 2] ^= 0xFF
    mirror.add(RELEASE, bytes(content))


def wrong_checksum_of_gzip(mirror):
    content = bytearray(stand_in(RELEASE))
    content[-6] ^= 0xFF
    mirror.add(RELEASE, bytes(content))


def empty(mirror):
    mirror.add(RELEASE, b"")


def empty_tar(mirror):
    mirror.add(RELEASE, gzip.compress(b"\0" * 10240))


def login_page_signed(mirror):
    mirror.add(RELEASE, LOGIN_PAGE)


def no_python(mirror):
    mirror.add(RELEASE, pack(member("python/README", "nothing")))


def another_release(mirror):
    mirror.add(RELEASE, stand_in(f"{MINOR}.8"))


def another_variant(mirror):
    mirror.add(RELEASE, stand_in(RELEASE + "t"))


def liar(mirror):
    """Headers of one release, an interpreter of another."""
    files = stand_in_files(RELEASE)
    lie = stand_in_files(f"{MINOR}.8")[f"bin/python{MINOR}"]
    mirror.add(
        RELEASE, pack(*(member(f"python/{p}", lie if p.startswith("bin") else t, 0o755) for p, t in files.items()))
    )


def hanging_or_failing(mirror):
    mirror.add(RELEASE, stand_in(RELEASE, **{f"bin/python{MINOR}": "#!/bin/sh\necho 'no libssl' >&2; exit 3\n"}))


def hostile(*members):
    """An archive that is a whole CPython, and one thing more."""

    def make(mirror):
        whole = [member(f"python/{path}", text, 0o755) for path, text in stand_in_files(RELEASE).items()]
        mirror.add(RELEASE, pack(*whole, *members))

    return make


HOSTILE = {
    "an absolute name": hostile(member("/tmp/pyman-was-here", "x")),
    "a name that goes up": hostile(member("python/../../../escaped", "x")),
    "beside python": hostile(member("escaped", "x")),
    "an absolute link": hostile(link("python/evil", "/etc/passwd")),
    "a link that leaves": hostile(link("python/lib/evil", "../../../escaped")),
    "through a link": hostile(link("python/evil", "bin"), member("python/evil/x", "x")),
    "a hard link outside": hostile(member("python/evil", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "a device": hostile(member("python/evil", type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "a fifo": hostile(member("python/evil", type=tarfile.FIFOTYPE)),
    "a name with an escape": hostile(member("python/\x1b[31mred", "x")),
    "a name twice": hostile(member(f"python/bin/python{MINOR}", "x")),
}
BROKEN = [other_hash, truncated, truncated_and_signed, corrupt_and_signed, wrong_checksum_of_gzip, empty, empty_tar,
          login_page_signed, no_python, another_release, another_variant, liar, hanging_or_failing]  # fmt: skip


@pytest.mark.parametrize("make", [*BROKEN, *HOSTILE.values()], ids=[*(make.__name__ for make in BROKEN), *HOSTILE])
def test_an_archive_that_is_none_leaves_nothing_and_is_no_reason_to_adopt(make, user, mirror, tmp_path):
    make(mirror)
    before = {name for name in os.listdir(tmp_path) if name != "home"}
    answer = user.pyman("install", MINOR, status=1)
    assert "\x1b" not in failed(answer)
    assert names(user) == []
    assert {name for name in os.listdir(tmp_path) if name != "home"} == before
    assert not os.path.exists("/tmp/pyman-was-here")


def test_a_local_archive_that_is_none_leaves_nothing(user, tmp_path):
    path = tmp_path / "python.tar.gz"
    for content in (b"", LOGIN_PAGE, stand_in(RELEASE)[:-50], gzip.compress(b"x" * 600)):
        path.write_bytes(content)
        failed(user.pyman("install", "--from", path, status=1))
    assert names(user) == []
    path.unlink()
    os.mkfifo(path)
    failed(user.pyman("install", "--from", path, status=1))


def test_the_next_run_succeeds_where_the_last_one_met_a_bad_archive(user, mirror):
    truncated(mirror)
    user.pyman("install", MINOR, status=1)
    mirror.lines.clear()
    mirror.add(RELEASE)
    user.pyman("install", MINOR)
    assert names(user) == ["3", MINOR, RELEASE]


@pytest.mark.parametrize(
    ("script", "why", "hint"),
    [
        (
            """printf '%s\\n' 'Fatal Python error: x' "ModuleNotFoundError: No module named 'encodings'" '' \\
            'Current thread 0x0 (most recent call first):' '  <no Python frame>' >&2; exit 1""",
            "ended with status 1: ModuleNotFoundError: No module named 'encodings'",
            "install another release",
        ),
        (
            'echo "$0: error while loading shared libraries: libffi.so.9: cannot open shared object file" >&2; exit 127',
            "ended with status 127: error while loading shared libraries: libffi.so.9",
            "install what the system lacks: libffi.so.9",
        ),
        ("kill -SEGV $$", "was killed by the signal", "install another release"),
        ("echo hello", "does not answer as a Python", "install another release"),
    ],
    ids=["fatal", "library", "signal", "no answer"],
)
def test_a_build_that_does_not_start_is_told_with_the_reason_and_no_place_that_is_gone(user, mirror, script, why, hint):
    mirror.add(RELEASE, stand_in(RELEASE, **{f"bin/python{MINOR}": program(script)}))
    answer = user.pyman("install", MINOR, "--no-adopt", status=1)
    assert f"error: Python {RELEASE} {why}" in failed(answer)
    assert hint in answer.err.splitlines()[-1]
    assert ".install-" not in answer.err
    assert names(user) == []


# --- lists ---

GOOD_LINE = f'{{"version": "{MINOR}.9+20261001", "artifacts": []}}'
LISTS = {
    "empty": b"",
    "blank": b"\n\n",
    "cut": GOOD_LINE.encode()[:30],
    "not JSON": b"hello\n",
    "a web page": LOGIN_PAGE,
    "an array": b"[1, 2]\n",
    "a number": b"3\n",
    "another shape": b'{"releases": []}\n',
    "no version": b'{"version": 3, "artifacts": []}\n',
    "nested": b"[" * 100_000 + b"\n",
    "binary": b"\x00\xff\xfe\x1b[31m" * 100,
    "cut after a good line": f"{GOOD_LINE}\n{GOOD_LINE[:20]}".encode(),
}  # fmt: skip


@pytest.mark.parametrize("content", LISTS.values(), ids=LISTS)
def test_a_list_that_is_none_is_named_with_what_is_wrong(content, user, mirror):
    with open(os.path.join(mirror.path, "index.ndjson"), "wb") as file:
        file.write(content)
    answer = user.pyman("install", MINOR, "--no-adopt", status=1)
    message = failed(answer)
    assert mirror.path in message
    assert "\x1b" not in message
    assert names(user) == []


def test_a_list_without_a_hash_is_not_believed(user, mirror):
    mirror.add(RELEASE, sha256=None)
    assert user.json("install", MINOR, status=1)["error"]["code"] == "unverified"
    assert names(user) == []


@pytest.mark.parametrize(
    "url", ["../secret.tar.gz", "/etc/passwd", "file:///etc/passwd", "a/../../b", "%2e%2e/x.tar.gz"]
)
def test_an_address_that_leaves_the_mirror_is_refused(url, user, mirror):
    mirror.add(RELEASE, url=url)
    answer = user.pyman("install", MINOR, "--no-adopt", status=1)
    assert quote(url, safe="/:%.") in failed(answer) or url in failed(answer)
    assert names(user) == []


# --- servers ---


@pytest.fixture
def server(mirror):
    mirror.add(RELEASE)
    with Server(mirror.path) as running:
        yield running


def archive_of(mirror):
    return "/" + os.path.relpath(
        next(os.path.join(top, name) for top, _, files in os.walk(mirror.path) for name in files if "cpython" in name),
        mirror.path,
    )


def install(user, server, *words, **keywords):
    return user.pyman("install", MINOR, *words, PYMAN_MIRROR=server.url, **keywords)


@pytest.mark.parametrize(
    ("fault", "where", "says"),
    [
        (status(404), "index", "404"),
        (status(403), "archive", "403"),
        (status(404), "archive", "404"),
        (redirect("/index.ndjson"), "index", "redirects in a loop"),
        (login_page(), "index", "web page"),
        (login_page(), "archive", "web page"),
        (instead(b"x" * 100), "archive", "sha256"),
        (instead(b""), "archive", "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_server_that_answers_wrongly(fault, where, says, user, server, mirror):
    server.fault("/index.ndjson" if where == "index" else archive_of(mirror), fault)
    answer = install(user, server, "--no-adopt", status=1)
    assert says in failed(answer)
    assert names(user) == []


@pytest.mark.parametrize(
    ("fault", "where"),
    [(status(500, times=1), "index"), (status(503, times=1), "archive"), (cut(500, times=1), "archive"),
     (cut(20, times=1), "index"), (stall(500, times=1), "archive"), (instead(b"", times=1), "nothing")],
    ids=["500", "503", "cut", "cut list", "stall", "none"],
)  # fmt: skip
def test_what_is_over_in_a_moment_is_tried_again(fault, where, user, server, mirror):
    server.fault("/index.ndjson" if where == "index" else archive_of(mirror) if where == "archive" else "/x", fault)
    install(user, server, PYMAN_HTTP_TIMEOUT="0.5")
    assert names(user) == ["3", MINOR, RELEASE]


def test_a_cut_download_goes_on_where_it_stopped(home):
    """A real archive, in three pieces."""
    path = "/" + os.path.relpath(archive_path(NEW), mirror_folder())
    size = os.path.getsize(archive_path(NEW))
    with Server(mirror_folder()) as server:
        server.fault(path, cut(4_000_000, times=1), cut(4_000_000, times=1))
        home.pyman("install", NEW, PYMAN_MIRROR=server.url)
        asked = server.requests(path)
        assert [request.headers.get("Range", "all").partition("=")[0] for request in asked] == ["all", "bytes", "bytes"]
        assert server.sent(path) < size * 1.1
    assert home.run(home.runtimes / f"{MINOR}/bin/python3", "-V") == f"Python {NEW}"


def test_several_archives_are_fetched_and_one_s_failure_spares_the_others(user, server, mirror):
    mirror.add("3.12.7")
    bad = archive_of(mirror)
    [other] = [name for name in ("/20261001/" + one for one in os.listdir(f"{mirror.path}/20261001")) if name != bad]
    server.fault(bad, status(404))
    answer = user.json("install", MINOR, "3.12", "--no-adopt", status=1, PYMAN_MIRROR=server.url)
    [got] = answer["installed"]
    assert got["version"] in other
    assert "404" in answer["error"]["message"]


# --- upstream out of reach: what is there, else what the machine has ---


def closed_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_out_of_reach_a_python_of_the_machine_is_adopted_and_that_is_said(user):
    answer = user.pyman("install", MINOR, PYMAN_MIRROR=closed_port())
    prefix = user.path / f".pyenv/versions/{OLD}"
    assert "cannot be reached" in answer.out
    assert f"adopted {OLD} of pyenv in {prefix} instead" in answer.out
    assert os.readlink(user.runtimes / OLD) == str(prefix)
    assert names(user) == ["3", MINOR, OLD]
    user.pyman("venv", "--without-pip")
    assert user.run(user.project / ".venv/bin/python", "-V") == f"Python {OLD}"


def test_out_of_reach_in_json(user):
    answer = user.json("install", MINOR, "--offline", PYMAN_MIRROR="http://mirror.invalid")
    [got] = answer["installed"]
    assert (got["version"], got["origin"], got["already"]) == (OLD, "pyenv", False)
    assert got["path"] == str(user.path / f".pyenv/versions/{OLD}")
    assert got["aliases"] == [MINOR, "3"]
    # and what is adopted is kept the next time
    [again] = user.json("install", MINOR, "--offline", PYMAN_MIRROR="http://mirror.invalid")["installed"]
    assert (again["already"], again["origin"]) == (True, "pyenv")


def test_out_of_reach_what_is_managed_is_kept(user, mirror):
    mirror.add(f"{MINOR}.2")
    user.pyman("install", MINOR)
    answer = user.pyman("install", MINOR, "--offline", PYMAN_MIRROR="http://mirror.invalid")
    assert f"using installed {MINOR}.2; could not check for newer releases: " in answer.out
    assert names(user) == ["3", MINOR, f"{MINOR}.2"]


@pytest.mark.parametrize("words", [[MINOR, "--no-adopt"], ["3.9"], [f"{MINOR}.6"]])
def test_out_of_reach_and_nothing_that_may_be_taken(user, words):
    answer = user.json("install", *words, "--offline", status=1, PYMAN_MIRROR="http://mirror.invalid")
    assert answer["error"]["code"] == "offline"
    assert answer["installed"] == []
    assert names(user) == []


def test_a_list_from_before_serves_without_a_network(user, server, mirror):
    install(user, server)
    with open(archive_of_path(mirror), "rb") as file:
        content = file.read()
    assert content
    answer = user.pyman("install", MINOR, "--offline", PYMAN_MIRROR=server.url)
    assert "already installed" in answer.out
    listed = user.json("list", "--available", "--offline", PYMAN_MIRROR=server.url)
    assert [one["version"] for one in listed["available"]] == [RELEASE]


def test_what_a_list_from_before_does_not_have_is_adopted_where_the_machine_has_it(user, mirror):
    mirror.add("3.12.9")
    with Server(mirror.path) as server:
        # what a list of today does not have is no reason to adopt
        assert user.json("install", MINOR, status=1, PYMAN_MIRROR=server.url)["installed"] == []
        refused = user.json("install", "3.9", "--offline", status=1, PYMAN_MIRROR=server.url)
        assert refused["error"]["code"] == "not-found"
        [got] = user.json("install", MINOR, "--offline", PYMAN_MIRROR=server.url)["installed"]
        assert (got["version"], got["origin"], got["already"]) == (OLD, "pyenv", False)
        # and once it is adopted, today's list need not have it
        [again] = user.json("install", MINOR, PYMAN_MIRROR=server.url)["installed"]
        assert (again["version"], again["origin"], again["already"]) == (OLD, "pyenv", True)


def archive_of_path(mirror):
    return mirror.path + archive_of(mirror)


# --- disks ---


def test_a_full_disk_is_said_and_nothing_half_stays(home):
    with small_disk(home.root, "20m"):
        answer = home.pyman("install", NEW, status=1)
        assert "is full" in failed(answer)
        assert names(home) == []
        assert json.loads(home.pyman("install", NEW, "--json", status=1).out)["error"]["code"] == "disk-full"


def test_a_disk_without_any_room_is_said_too(user, mirror):
    mirror.add(RELEASE)
    with small_disk(user.root, "64k"):
        with open(user.root / "filler", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        assert "is full" in failed(user.pyman("install", MINOR, status=1))


def test_a_full_cache_disk_is_said(user, server, mirror):
    with small_disk(user.cache, "64k"):
        mirror.lines.clear()
        mirror.add(RELEASE, stand_in(RELEASE, **{"lib/filler": os.urandom(200_000).hex()}))
        assert "is full" in failed(install(user, server, status=1))
    assert names(user) == []


def test_a_store_that_is_read_only_serves_what_it_has(home):
    home.with_runtimes(OLD, NEW)
    with read_only(home.root):
        assert [one["version"] for one in home.json("list")["runtimes"]] == [NEW, OLD]
        assert home.pyman("find", MINOR).out == f"{home.runtimes}/{MINOR}/bin/python{MINOR}\n"
        home.pyman("which", "python")
        home.pyman("venv")
        assert home.run(home.project / ".venv/bin/python", "-V") == f"Python {NEW}"
        for request in (MINOR, OLD, f">={MINOR}"):
            assert home.json("install", request)["installed"][0]["already"] is True
        assert home.json("install", "--from", archive_path(OLD))["installed"][0]["already"] is True
        for words in (("install", OTHER_MINOR), ("install", OLD, "--force"), ("hold", MINOR), ("uninstall", OLD),
                      ("use", "--global", MINOR), ("adopt", "/usr/bin/python3")):  # fmt: skip
            answer = home.json(*words, status=1)
            assert answer["error"]["code"] == "read-only", words


def test_a_root_that_is_no_folder_or_in_none(home, tmp_path):
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        assert str(tmp_path / "file") in failed(home.pyman("install", MINOR, "--root", root, status=1))
