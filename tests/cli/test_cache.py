"""`pyman cache`: what is in it, and what cleaning takes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pyman.effects.cache_folder import name_in_cache
from pyman.effects.lock import hold
from stage.home import PACKAGE
from stage.mirror import MINOR

ARCHIVE = "cpython-3.13.5+20260901-x86_64-unknown-linux-gnu-default-19c2f234bfdd24c6.tar.gz"
SEED = "pip-25.1-1800000-1704067200000000000-3.13"
DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("folder", "name", "subject"),
    [
        ("", "available", "available"),
        ("", "release-cycle.json.etag", "release-cycle.json.etag"),
        ("", "anything", None),
        ("", "archives", None),
        ("archives", ARCHIVE, ARCHIVE),
        ("archives", f".{ARCHIVE}.part", ARCHIVE),
        ("archives", f".{ARCHIVE}.lock", ARCHIVE),
        ("archives", f".{ARCHIVE}.lock.d", ARCHIVE),
        ("archives", f".{ARCHIVE}.lock.d.123.4.5.host", ARCHIVE),
        ("archives", "holiday.tar.gz", None),
        ("archives", "cpython-notes.txt", None),
        ("catalogue", "x86_64-unknown-linux-gnu.ndjson", "x86_64-unknown-linux-gnu.ndjson"),
        ("catalogue", "x86_64-unknown-linux-gnu.txt", None),
        ("seeds", SEED, SEED),
        ("seeds", f"{SEED}.unfit", SEED),
        ("seeds", f".{SEED}.lock", SEED),
        ("seeds", f".{SEED}.work-123-abcdef", SEED),
        ("seeds", "some-work-that-is-mine", None),
        ("interpreters", DIGEST, DIGEST),
        ("interpreters", "notes", None),
        ("trials", "3.13.15+20261001", "3.13.15+20261001"),
        ("trials", "notes", None),
        ("elsewhere", ARCHIVE, None),
    ],
)
def test_which_names_are_ours(folder, name, subject):
    known = name_in_cache(folder, name)
    assert (known.subject if known is not None else None) == subject


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_pyman_made_goes_and_the_venv_keeps_its_pip(home):
    # Over the network, so that there is an archive in the cache.
    from stage.server import Server

    with Server(home.environ["PYMAN_MIRROR"]) as server:
        home.pyman("install", MINOR, PYMAN_MIRROR=server.url)
    home.pyman("venv", "env")
    shown = home.json("cache")
    assert shown["path"] == str(home.cache)
    sizes = {kind["kind"]: kind["bytes"] for kind in shown["kinds"]}
    assert all(sizes[kind] > 0 for kind in ("archives", "lists of builds", "unpacked pip and setuptools"))
    assert sum(sizes.values()) == shown["bytes"]
    assert "MiB in" in home.pyman("cache").out
    assert home.pyman("cache", "dir").out == f"{home.cache}\n"

    cleaned = home.json("cache", "clean")
    assert not home.cache.exists()
    assert sizes["archives"] <= cleaned["freed"] <= shown["bytes"]
    assert all(path.startswith(f"{home.cache}/") for path in cleaned["changed"])
    assert home.run(home.project / "env/bin/python", "-m", "pip", "--version").startswith("pip ")
    assert home.pyman("cache", "clean").out == f"{home.cache} is empty\n"
    assert home.json("cache")["bytes"] == 0
    # And all is made again where it is needed.
    home.pyman("venv", "other")
    assert home.run(home.project / "other/bin/python", "-m", "pip", "--version").startswith("pip ")


def test_nothing_else_is_touched(home):
    kept = ["mine.txt", "archives/holiday.tar.gz", "seeds/mine/deep/file", "catalogue/notes", "folder/available"]
    ours = ["available", f"archives/{ARCHIVE}", f"archives/.{ARCHIVE}.part", f"seeds/{SEED}/tree/pip/a.py",
            f"seeds/{SEED}.unfit", f"interpreters/{DIGEST}", "checks", "unreachable",
            "catalogue/linux.ndjson"]  # fmt: skip
    for name in (*kept, *ours):
        (home.cache / name).parent.mkdir(parents=True, exist_ok=True)
        (home.cache / name).write_text("x")
    outside = home.path / "outside"
    outside.mkdir()
    (outside / DIGEST).write_text("x")
    (home.cache / f"interpreters/{'f' * 64}").symlink_to(outside / DIGEST)
    (home.cache / "seeds" / f"{SEED}d").symlink_to(outside)
    result = home.pyman("cache", "clean")
    left = [name for name in everything(home.cache) if (home.cache / name).is_file()]
    assert left == sorted(kept)
    assert "mine.txt: pyman did not create it" in result.err
    assert (outside / DIGEST).read_text() == "x"
    linked = home.path / "linked"
    linked.mkdir()
    (linked / ARCHIVE).write_text("x")
    (home.cache / "archives" / "holiday.tar.gz").unlink()
    (home.cache / "archives").rmdir()
    (home.cache / "archives").symlink_to(linked)
    home.pyman("cache", "clean")
    assert (linked / ARCHIVE).exists()


def test_a_folder_with_the_name_of_a_file_of_ours_stays(home):
    names = ["contents", "sizes", "trials/3.13.5", "logs/build-x.log", "catalogue/mine.ndjson", f"interpreters/{DIGEST}",
             f"archives/{ARCHIVE}"]  # fmt: skip
    for name in names:
        (home.cache / name).mkdir(parents=True)
        (home.cache / name / "thesis.txt").write_text("x")
    for words in (("cache", "clean"), ("self", "uninstall")):
        home.pyman(*words)
        left = [name for name in everything(home.cache) if name.endswith("thesis.txt")]
        assert left == sorted(f"{name}/thesis.txt" for name in names)


def test_what_another_process_is_making_stays(home):
    archives = home.cache / "archives"
    archives.mkdir(parents=True)
    (archives / f".{ARCHIVE}.part").write_text("half")
    (archives / ARCHIVE.replace("3.13.5", "3.13.6")).write_text("whole")
    with hold(str(archives / f".{ARCHIVE}.lock"), what="a download"):
        result = home.pyman("cache", "clean")
        assert everything(archives) == sorted([f".{ARCHIVE}.part", f".{ARCHIVE}.lock"])
    assert f"was kept: process {os.getpid()} on " in result.err
    home.pyman("cache", "clean")
    assert not home.cache.exists()


def test_what_was_about_to_be_written_by_a_process_that_died(home):
    home.cache.mkdir(parents=True)
    died = "import os, sys; from pyman.effects import files; os.replace = lambda *_, **__: os._exit(9);"
    died += "files.replace_file(sys.argv[1], b'x')"
    subprocess.run(
        [sys.executable, "-c", died, str(home.cache / "available")], env={"PYTHONPATH": PACKAGE}, check=False
    )
    assert len(everything(home.cache)) == 1
    home.pyman("cache", "clean")
    assert not home.cache.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove anything")
def test_a_cache_that_cannot_be_written(home):
    home.cache.mkdir(parents=True)
    (home.cache / "available").write_text("x")
    home.cache.chmod(0o555)
    try:
        failed = home.pyman("cache", "clean", status=1)
    finally:
        home.cache.chmod(0o755)
    assert str(home.cache) in failed.err


def test_wrong_words(home):
    assert "dir" in home.pyman("cache", "empty", status=2).err
