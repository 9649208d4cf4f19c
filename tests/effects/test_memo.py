"""Answers that are kept in the cache: what comes back, and that nothing about the file can do harm."""

import os

import pytest

from pyman.effects.memo import Memo, load_fields, store_fields
from pyman.effects.venvs.remembered_sizes import VenvSizes


def kept(path, answers, *, all_asked=False):
    memo = Memo(str(path))
    for key, answer in answers.items():
        memo.keep(key, answer)
    memo.store(all_asked=all_asked)


def test_what_was_kept_comes_back_also_with_tabs_and_bytes_that_are_no_text(tmp_path):
    answers = {"/a b\tc": "one\ttwo", os.fsdecode(b"/\xff"): "", "/empty": "x y"}
    kept(tmp_path / "new/memo", answers)
    memo = Memo(str(tmp_path / "new/memo"))
    assert {key: memo.find(key) for key in answers} == answers
    assert memo.find("/other") is None
    assert (tmp_path / "new/memo").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_a_line_is_not_kept(tmp_path):
    kept(tmp_path / "memo", {"/a\nb": "x", "/c\0d": "x", "/e": "x\ny", "/f": "x"})
    assert (tmp_path / "memo").read_bytes() == b"/f\0x\n"


def test_others_stay_unless_all_were_asked_for(tmp_path):
    kept(tmp_path / "memo", {"/a": "1", "/b": "1"})
    kept(tmp_path / "memo", {"/b": "2"})
    assert (tmp_path / "memo").read_text() == "/a\x001\n/b\x002\n"
    kept(tmp_path / "memo", {"/b": "2"}, all_asked=True)
    assert (tmp_path / "memo").read_text() == "/b\x002\n"


def test_a_table_that_is_right_is_not_written_again(tmp_path):
    kept(tmp_path / "memo", {"/a": "1"})
    before = (tmp_path / "memo").stat().st_ino
    kept(tmp_path / "memo", {"/a": "1"})
    assert (tmp_path / "memo").stat().st_ino == before


def test_a_table_does_not_grow_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("pyman.effects.memo._MOST_KEPT", 2)
    kept(tmp_path / "memo", dict.fromkeys("abc", "1"))
    kept(tmp_path / "memo", {"d": "1"})
    assert (tmp_path / "memo").read_text() == "d\x001\n"


@pytest.mark.parametrize("content", [b"", b"\0", b"no mark\n", b"\xff" * 100, b"\n\n\0\n"])
def test_a_damaged_file_holds_nothing_that_was_asked_for(tmp_path, content):
    (tmp_path / "memo").write_bytes(content)
    assert Memo(str(tmp_path / "memo")).find("/a") is None
    kept(tmp_path / "memo", {"/a": "1"})
    assert Memo(str(tmp_path / "memo")).find("/a") == "1"


def test_a_place_that_cannot_be_written_is_no_failure(tmp_path):
    (tmp_path / "file").touch()
    kept(tmp_path / "file/memo", {"/a": "1"})
    store_fields(str(tmp_path / "file/fields"), ["a"])
    assert load_fields(str(tmp_path / "file/fields")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_what_another_user_wrote_is_not_believed(tmp_path):
    kept(tmp_path / "memo", {"/a": "1"})
    store_fields(str(tmp_path / "fields"), ["a", "b"])
    assert load_fields(str(tmp_path / "fields")) == ["a", "b"]
    for name in ("memo", "fields"):
        os.chown(tmp_path / name, 1234, 1234)
    assert Memo(str(tmp_path / "memo")).find("/a") is None
    assert load_fields(str(tmp_path / "fields")) == []


def test_a_size_that_is_no_number_is_measured_again(tmp_path):
    venv = tmp_path / "v"
    (venv / "bin").mkdir(parents=True)
    sizes = VenvSizes(str(tmp_path))
    told = sizes.of(str(venv))
    sizes.store()
    for damage in ("9" * 5000, "-1", "\u0663\u00b2", ""):
        text = (tmp_path / "sizes").read_text().rpartition(" ")[0]
        (tmp_path / "sizes").write_text(f"{text} {damage}\n")
        assert VenvSizes(str(tmp_path)).of(str(venv)) == told
