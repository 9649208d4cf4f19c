"""The store, read from the disk as it lies there."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given, settings

from pyman.core.manifest import Manifest
from pyman.core.store import Alias, parse_runtime_name
from pyman.core.version import Version
from pyman.effects.files import replace_link
from pyman.effects.store import read_manifest, read_store
from pyman.errors import PymanError
from stage.fake_store import FakeStore, fill_prefix
from stage.hostile import HUGE, damaged


@pytest.fixture
def fake(tmp_path):
    return FakeStore(str(tmp_path / "root"))


def write(fake, name, content):
    with open(f"{fake.root}/{name}", "wb") as file:
        file.write(content)


def test_a_root_that_is_not_there_is_an_empty_store(tmp_path):
    made = read_store(str(tmp_path / "nothing"))
    assert (made.runtimes, made.aliases, made.holds, made.default) == ((), (), (), None)


def test_everything_is_told_by_names_and_links(fake, tmp_path):
    for name in ("3.13.5", "3.13.15", "3.14.2t", "3.13.15+20261101"):
        fake.managed(name)
    prefix = str(tmp_path / "pyenv" / "3.12.1")
    fill_prefix(prefix, "3.12")
    fake.adopted("3.12.1", prefix)
    for alias, target in {"3.13": "3.13.15", "3.12": "3.12.1", "3": "3.13", "3.14t": "3.14.2t"}.items():
        fake.alias(alias, target)
    made = read_store(fake.root)
    assert [one.name for one in made.runtimes] == ["3.14.2t", "3.13.15+20261101", "3.13.15", "3.13.5", "3.12.1"]
    assert all(one.whole for one in made.runtimes)
    assert [one.is_managed for one in made.runtimes] == [True, True, True, True, False]
    assert made.runtime("3.12.1").target == prefix
    assert made.runtime("3.13.15+20261101").build == "20261101"
    assert set(made.aliases) == {
        Alias("3.14t", "3.14.2t"),
        Alias("3.13", "3.13.15"),
        Alias("3.12", "3.12.1"),
        Alias("3", "3.13"),
    }
    assert made.alias_target("3") == made.runtime("3.13.15")


def test_what_is_no_part_of_the_store_is_passed_over(fake):
    fake.managed("3.13.5")
    os.mkdir(f"{fake.runtimes}/notes")
    os.symlink("3.13.5", f"{fake.runtimes}/3.13.6")
    os.mkdir(f"{fake.runtimes}/.install-3.13.6-1-ab")
    os.mkdir(f"{fake.runtimes}/3.13")
    made = read_store(fake.root)
    assert [one.name for one in made.runtimes] == ["3.13.5"]
    assert made.blocked == ("3.13",)
    assert made.unfinished == (".install-3.13.6-1-ab",)


def break_manifest(fake, folder):
    os.unlink(f"{folder}/pyman-runtime.toml")


def break_interpreter(fake, folder):
    os.unlink(f"{folder}/bin/python3.13")


@pytest.mark.parametrize("damage", [break_manifest, break_interpreter])
def test_a_runtime_that_lacks_what_it_needs_is_not_whole(fake, damage):
    damage(fake, fake.managed("3.13.5"))
    fake.alias("3.13", "3.13.5")
    made = read_store(fake.root)
    assert not made.runtime("3.13.5").whole
    assert made.alias_target("3.13") is None


def test_an_adopted_one_is_whole_while_its_interpreter_is_there(fake, tmp_path):
    prefix = str(tmp_path / "own")
    fill_prefix(prefix, "3.12")
    fake.adopted("3.12.1", prefix)
    assert read_store(fake.root).runtime("3.12.1").whole
    os.rename(prefix, prefix + "-moved")
    assert not read_store(fake.root).runtime("3.12.1").whole
    # another minor in the same place is another Python
    fill_prefix(prefix, "3.13")
    assert not read_store(fake.root).runtime("3.12.1").whole


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (b"3.13 3.13.5\n", (("3.13", "3.13.5"),)),
        (b"3.13 3.13.5\n3.14t 3.14.2t\n", (("3.13", "3.13.5"), ("3.14t", "3.14.2t"))),
        (b"# note\n\n3.13  3.13.5+20261101 \n", (("3.13", "3.13.5+20261101"),)),
        (b"3.13\n3.13 nonsense\n../x 3.13.5\n3.13 3.13.5 x\n\xff\xfe\n", ()),
        (b"", ()),
    ],
)
def test_holds_are_lines_and_what_is_no_hold_is_none(fake, content, holds):
    write(fake, "holds", content)
    assert read_store(fake.root).holds == holds


@pytest.mark.parametrize(
    ("content", "default"), [(b"3.13\n", "3.13"), (b"\n  3.12  \n", "3.12"), (b"", None), (b"\n", None)]
)
def test_the_default_is_one_line(fake, content, default):
    write(fake, "default", content)
    assert read_store(fake.root).default == default


def test_a_fifo_in_the_place_of_a_file_does_not_hang(fake):
    os.mkfifo(f"{fake.root}/default")
    os.mkfifo(f"{fake.root}/holds")
    folder = fake.managed("3.13.5")
    os.unlink(f"{folder}/pyman-runtime.toml")
    os.mkfifo(f"{folder}/pyman-runtime.toml")
    made = read_store(fake.root)
    assert (made.holds, made.default) == ((), None)
    assert read_manifest(made.runtimes[0]) is None


def test_the_manifest_of_a_managed_runtime_is_read_and_an_adopted_one_has_none(fake, tmp_path):
    fake.managed("3.14.2t")
    fake.adopted("3.12.1", str(tmp_path))
    made = read_store(fake.root)
    assert read_manifest(made.runtime("3.14.2t")) == Manifest(
        Version(3, 14, 2),
        "freethreaded",
        "20260901",
        None,
        "",
        "2026-09-01T00:00:00Z",
        "lib/python3.14t",
        "bin/python3.14t",
    )
    assert read_manifest(made.runtime("3.12.1")) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_store_that_cannot_be_read_is_no_empty_one(fake):
    fake.managed("3.13.5")
    os.chmod(fake.runtimes, 0)
    try:
        with pytest.raises(PymanError, match="cannot be read"):
            read_store(fake.root)
    finally:
        os.chmod(fake.runtimes, 0o755)


def test_a_file_in_the_place_of_the_store_is_said(tmp_path):
    (tmp_path / "runtimes").write_text("")
    with pytest.raises(PymanError, match="cannot be read"):
        read_store(str(tmp_path))


def test_a_store_that_changes_while_it_is_read_is_read(fake):
    """Links come and go: whoever reads sees one state or the other of each, and never fails."""
    fake.managed("3.13.5")
    stop = threading.Event()
    path = f"{fake.runtimes}/3.13"

    def change():
        while not stop.is_set():
            replace_link(path, "3.13.5")
            os.unlink(path)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2000):
            made = read_store(fake.root)
            assert made.aliases in ((), (Alias("3.13", "3.13.5"),))
    finally:
        stop.set()
        thread.join()


@settings(max_examples=100)
@given(holds=damaged(b"3.13 3.13.5\n3.14t 3.14.2t\n"), default=damaged(b"3.13\n", b">=3.11,<3.14\n"))
def test_damaged_files_of_the_store_hold_what_can_be_held(tmp_path, holds, default):
    (tmp_path / "holds").write_bytes(holds)
    (tmp_path / "default").write_bytes(default)
    store = read_store(str(tmp_path))
    for alias, name in store.holds:
        assert os.path.basename(alias) == alias
        assert parse_runtime_name(name) is not None
    assert store.default is None or len(store.default.splitlines()) == 1


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_anything_holds_nothing(tmp_path, kind):
    (tmp_path / "holds").write_bytes(HUGE[kind])
    assert read_store(str(tmp_path)).holds == ()
