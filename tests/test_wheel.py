"""The wheel that a release is: everything that pyman needs is in it, and works from where it is put."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=CHECKOUT, check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = folder.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_file_of_the_package_is_in_it(unpacked):
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "src/pyman", "shims", "completions"], cwd=CHECKOUT, capture_output=True, check=False
    )
    if tracked.returncode != 0:
        pytest.skip("this is no checkout")
    for name in tracked.stdout.decode().split("\0"):
        if name and os.path.exists(f"{CHECKOUT}/{name}"):
            place = unpacked / (name.removeprefix("src/") if name.startswith("src/") else f"pyman/{name}")
            with open(f"{CHECKOUT}/{name}", "rb") as source:
                assert place.read_bytes() == source.read()


def test_what_is_no_python_is_found_from_there(unpacked, tmp_path):
    environ = {"HOME": str(tmp_path), "PATH": os.defpath, "PYTHONPATH": str(unpacked), "LANG": "C.UTF-8"}

    def pyman(*words):
        return subprocess.run(
            [sys.executable, "-m", "pyman", *words], env=environ, cwd=tmp_path, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip

    assert str(unpacked / "pyman/completions") in pyman("init", "bash")
    with open(f"{CHECKOUT}/completions/pyman.fish", encoding="utf-8") as file:
        assert pyman("completions", "fish") == file.read()
    pyman("shims")
    assert (tmp_path / ".local/share/pyman/shims/python").read_text().startswith("#!/bin/sh\n# pyman shim:")


def test_the_command_is_named_after_it(unpacked):
    [entries] = unpacked.glob("*.dist-info/entry_points.txt")
    assert entries.read_text().split() == ["[console_scripts]", "pyman", "=", "pyman.__main__:main"]


def test_the_man_page_is_where_man_looks_for_it(unpacked):
    [page] = unpacked.glob("*.data/data/share/man/man1/pyman.1")
    with open(f"{CHECKOUT}/docs/pyman.1", "rb") as source:
        assert page.read_bytes() == source.read()
