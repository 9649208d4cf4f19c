"""`pyman mirror`: made from the real archives, and from a server that misbehaves; installed from by others."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, mirror_folder
from stage.server import Server, instead, stall, status

LINUX, ARM, MAC = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin"


def another_home(tmp_path, mirror):
    (tmp_path / "another").mkdir()
    return Home(tmp_path / "another", mirror)


def content(version, platform):
    return f"no archive, but nobody unpacks it: {version} {platform}\n".encode() * 5000


@pytest.fixture
def upstream():
    """Three releases for three platforms, behind a server."""
    with Server() as server:
        lines = []
        for version, tag in (("3.14.1", "20261001"), ("3.13.9", "20261001"), ("3.13.8", "20260901")):
            artifacts = []
            for platform in (LINUX, ARM, MAC):
                name = f"{tag}/cpython-{version}%2B{tag}-{platform}-install_only_stripped.tar.gz"
                server.files["/" + name.replace("%2B", "+")] = content(version, platform)
                digest = hashlib.sha256(content(version, platform)).hexdigest()
                artifacts.append({"platform": platform, "variant": "install_only_stripped", "url": name,
                                  "archive_format": "tar.gz", "sha256": digest})  # fmt: skip
            lines.append({"version": f"{version}+{tag}", "date": "x", "artifacts": artifacts})
        server.files["/index.ndjson"] = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        yield server


@pytest.fixture
def user(tmp_path, upstream):
    return Home(tmp_path, upstream.url)


def place(folder, version, tag, platform):
    return folder / tag / f"cpython-{version}+{tag}-{platform}-install_only_stripped.tar.gz"


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_another_machine_installs_from_it_as_a_folder_and_over_http(home, tmp_path):
    folder = tmp_path / "mirror of mine"
    first = home.json("mirror", folder, OLD)
    assert [os.path.isfile(path) for path in first["changed"]] == [True, True]
    assert os.path.basename(first["changed"][1]) == "advisories.json"
    again = home.pyman("mirror", folder, OLD, MINOR)
    assert again.out == f"{OLD} for {LINUX} is already there\n{NEW} for {LINUX} added\n"
    assert str(folder) in again.err
    # What was made is what upstream has: the same places, the same sums.
    real = mirror_folder()
    sums = {name for name in files(folder) if name.endswith("/SHA256SUMS")}
    for name in files(folder) - sums - {"index.ndjson", "advisories.json", ".pyman-mirror/lock"}:
        with open(f"{real}/{name}", "rb") as one, open(folder / name, "rb") as other:
            assert one.read() == other.read()
    for name in sums:
        command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
        subprocess.run(command, cwd=(folder / name).parent, check=True)
    assert len(sums) == 2

    other = another_home(tmp_path, str(folder))
    assert other.json("install", OLD, "--offline")["installed"][0]["version"] == OLD
    with Server(str(folder)) as server:
        upgraded = other.json("upgrade", PYMAN_MIRROR=server.url)
    assert upgraded["installed"][0]["version"] == NEW
    assert other.run(other.runtimes / f"{MINOR}/bin/python{MINOR}", "-V") == f"Python {NEW}"
    failed = other.pyman("install", "3.11", "--no-adopt", status=1)
    assert "3.11" in failed.err


def test_for_other_platforms(user, tmp_path, upstream):
    folder = tmp_path / "mirror"
    answer = user.json("mirror", folder, "3.13", "--platform", ARM, "--platform", MAC)
    assert {(one["version"], one["platform"], one["already"]) for one in answer["archives"]} == {
        ("3.13.9", ARM, False), ("3.13.9", MAC, False),
    }  # fmt: skip
    assert files(folder) == {
        "index.ndjson",
        "advisories.json",
        "20261001/SHA256SUMS",
        ".pyman-mirror/lock",
        *(str(place(folder, "3.13.9", "20261001", one).relative_to(folder)) for one in (ARM, MAC)),
    }
    user.pyman("mirror", folder, "3.14", "3.13.8")
    lines = [json.loads(line) for line in (folder / "index.ndjson").read_text().splitlines()]
    assert [line["version"] for line in lines] == ["3.14.1+20261001", "3.13.9+20261001", "3.13.8+20260901"]
    assert [len(line["artifacts"]) for line in lines] == [1, 2, 1]
    # The shells here complete what this machine can have, and only that was asked for this machine.
    assert (user.cache / "available").read_text().split() == ["3.14", "3.14.1", "3.13", "3.13.9", "3.13.8"]
    assert place(folder, "3.13.8", "20260901", LINUX).read_bytes() == content("3.13.8", LINUX)


def test_a_second_time_nothing_is_fetched_and_nothing_written(user, tmp_path, upstream):
    folder = tmp_path / "mirror"
    user.pyman("mirror", folder, "3.13")
    before = {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()}
    archive = "/" + str(place(folder, "3.13.9", "20261001", LINUX).relative_to(folder))
    assert len(upstream.requests(archive)) == 1
    assert user.json("mirror", folder, "3.13")["changed"] == []
    assert len(upstream.requests(archive)) == 1
    assert {path: path.stat().st_ino for path in folder.rglob("*") if path.is_file()} == before
    # One that was spoilt, or taken away, is fetched again.
    place(folder, "3.13.9", "20261001", LINUX).write_bytes(b"spoilt")
    assert len(user.json("mirror", folder, "3.13")["changed"]) == 1
    place(folder, "3.13.9", "20261001", LINUX).unlink()
    user.pyman("mirror", folder, "3.14")
    assert "3.13.9" not in (folder / "index.ndjson").read_text()


def test_one_that_is_cut_off_goes_on_and_is_not_named_before_it_is_whole(user, tmp_path, upstream):
    folder = tmp_path / "mirror"
    archive = "/" + str(place(folder, "3.13.9", "20261001", LINUX).relative_to(folder))
    upstream.fault(archive, stall(after=100_000))
    command = [sys.executable, "-m", "pyman", "mirror", str(folder), "3.13"]
    with subprocess.Popen(command, env=user.environ, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        assert upstream.stalled.wait(30)
        process.kill()
    assert not any(path.name in ("index.ndjson", "SHA256SUMS") for path in folder.rglob("*"))
    upstream.heal()
    user.pyman("mirror", folder, "3.13")
    assert place(folder, "3.13.9", "20261001", LINUX).read_bytes() == content("3.13.9", LINUX)
    assert files(folder) == {
        "index.ndjson", "advisories.json", "20261001/SHA256SUMS", ".pyman-mirror/lock", archive[1:],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "said"),
    [(instead(b"x" * 200_000), "sha256"), (status(404), "404")],
    ids=["another content", "not there"],
)
def test_what_cannot_be_had_leaves_the_mirror_as_it_was(user, tmp_path, upstream, fault, said):
    folder = tmp_path / "mirror"
    user.pyman("mirror", folder, "3.13.8")
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    archive = "/" + str(place(folder, "3.13.9", "20261001", LINUX).relative_to(folder))
    upstream.fault(archive, fault)
    assert said in user.pyman("mirror", folder, "3.13", status=1).err
    after = {name: (folder / name).read_bytes() for name in files(folder) if not name.startswith(".pyman-mirror")}
    assert after.items() <= before.items()
    assert len(after) == len(before) - 1


@pytest.mark.parametrize("line", ["nonsense\n", '{"version": "3.13.5+20260901"}\n', "<!DOCTYPE html>\n"])
def test_a_list_that_is_none_is_not_overwritten(user, tmp_path, upstream, line):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "index.ndjson").write_text(line)
    failed = user.json("mirror", folder, "3.13", status=1)
    assert failed["error"]["code"] == "not-a-mirror"
    assert "line 1" in failed["error"]["message"]
    assert (folder / "index.ndjson").read_text() == line
    assert (
        upstream.requests("/20261001/cpython-3.13.9+20261001-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz")
        == []
    )


@pytest.mark.parametrize(
    ("words", "status_", "said"),
    [
        (["3.9"], 1, "Python 3.9 is not available for"),
        (["3.13", "--platform", "x86_64"], 2, "`x86_64` is not a platform"),
        (["3.13", "--platform", "riscv64-unknown-linux-gnu"], 1, "riscv64-unknown-linux-gnu"),
        (["./venv"], 2, "is not a build"),
        (["system"], 2, "is not a build"),
        (["graalpy3.12"], 1, "`graalpy3.12` cannot be installed"),
        (["x y"], 2, "is not a Python version"),
        ([], 2, "REQUEST"),
    ],
)
def test_wrong_words_make_nothing(user, tmp_path, words, status_, said):
    folder = tmp_path / "mirror"
    assert said in user.pyman("mirror", folder, *words, status=status_).err
    assert not folder.exists()


def test_two_at_once_lose_nothing(user, tmp_path):
    folder = tmp_path / "mirror"
    running = [
        subprocess.Popen([sys.executable, "-m", "pyman", "mirror", str(folder), request], env=user.environ)
        for request in ("3.14", "3.13", "3.13.8")
    ]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    text = (folder / "index.ndjson").read_text()
    assert all(version in text for version in ("3.14.1", "3.13.9", "3.13.8"))
    assert len(files(folder)) == 3 + 2 + 1 + 1 + 1


def test_a_folder_that_cannot_be_written(user, tmp_path):
    (tmp_path / "file").write_text("x")
    failed = user.pyman("mirror", tmp_path / "file", "3.13", status=1)
    assert str(tmp_path / "file") in failed.err


# --- a folder that came with a clone, with links in it ---


@pytest.fixture
def local_user(tmp_path, upstream):
    """One whose archives come from a folder, so that they are copied."""
    source = tmp_path / "source"
    for name, body in upstream.files.items():
        (source / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        (source / name[1:]).write_bytes(body)
    return Home(tmp_path, str(source))


def test_a_leftover_that_is_a_link_is_never_written_through(local_user, tmp_path):
    folder, precious = tmp_path / "mirror", tmp_path / "precious"
    precious.write_text("mine")
    precious.chmod(0o600)
    (folder / ".pyman-mirror").mkdir(parents=True)
    name = place(folder, "3.13.9", "20261001", LINUX).name
    (folder / f".pyman-mirror/copy-{name}").symlink_to(precious)
    local_user.pyman("mirror", folder, "3.13")
    assert (precious.read_text(), precious.stat().st_mode & 0o777) == ("mine", 0o600)
    added = place(folder, "3.13.9", "20261001", LINUX)
    assert added.read_bytes() == content("3.13.9", LINUX)
    assert (added.is_symlink(), added.stat().st_mode & 0o777) == (False, 0o644)
    # What a run left that was cut off is no hindrance either.
    (folder / f".pyman-mirror/copy-{name}").write_text("half of it")
    added.unlink()
    local_user.pyman("mirror", folder, "3.13")
    assert added.read_bytes() == content("3.13.9", LINUX)


@pytest.mark.parametrize("name", [".pyman-mirror", ".pyman-mirror/archives", "20261001"])
def test_a_folder_that_is_a_link_is_refused_before_anything_is_written(user, tmp_path, name):
    folder, precious = tmp_path / "mirror", tmp_path / "precious"
    precious.mkdir()
    (precious / "uv.lock").write_text("mine")
    (folder / name).parent.mkdir(parents=True)
    (folder / name).symlink_to(precious)
    before = sorted(folder.rglob("*"))
    for words in ([], ["--dry-run"]):
        refused = user.json("mirror", folder, "3.13", *words, status=1)["error"]
        assert refused["code"] == "not-own-folder"
        assert refused["message"].startswith(f"{folder / name} is a link")
        assert sorted(folder.rglob("*")) == before
        assert [path.read_text() for path in precious.iterdir()] == ["mine"]


def test_only_locks_of_its_own_downloads_are_removed(user, tmp_path):
    folder = tmp_path / "mirror"
    downloads = folder / ".pyman-mirror/archives"
    downloads.mkdir(parents=True)
    (downloads / "poetry.lock").write_text("mine")
    user.pyman("mirror", folder, "3.13")
    assert [path.name for path in downloads.iterdir()] == ["poetry.lock"]


def test_an_archive_on_its_way_that_is_a_link_does_not_get_into_the_mirror(user, tmp_path):
    folder, elsewhere = tmp_path / "mirror", tmp_path / "elsewhere"
    user.pyman("mirror", folder, "3.13")
    added = place(folder, "3.13.9", "20261001", LINUX)
    elsewhere.write_bytes(added.read_bytes())
    digest = hashlib.sha256(added.read_bytes()).hexdigest()[:16]
    downloads = folder / ".pyman-mirror/archives"
    downloads.mkdir()
    (downloads / f"cpython-3.13.9+20261001-{LINUX}-default-{digest}.tar.gz").symlink_to(elsewhere)
    added.unlink()
    user.pyman("mirror", folder, "3.13")
    assert (added.is_symlink(), added.read_bytes()) == (False, content("3.13.9", LINUX))


def test_the_folder_itself_may_be_a_link(user, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "mirror").symlink_to("disk")
    user.pyman("mirror", tmp_path / "mirror", "3.13")
    assert place(tmp_path / "disk", "3.13.9", "20261001", LINUX).is_file()
