"""The way back: it goes on whatever happens on it, loses nothing, and tells what it could not do."""

from __future__ import annotations

import errno
import os

import pytest

from pyman.core.plans.steps import Plan, ReplaceFile
from pyman.core.venv import VenvFolder
from pyman.effects.places import Places
from pyman.effects.transaction import Transaction
from pyman.errors import PymanError
from stage.venvs import make_venv


@pytest.fixture
def places(tmp_path):
    folder = os.path.realpath(tmp_path)
    os.makedirs(f"{folder}/store")
    return Places(folder, f"{folder}/store", f"{folder}/cache", f"{folder}/config.toml")


def test_what_cannot_be_put_back_stays_beside_and_is_told(places, monkeypatch):
    venv = make_venv(f"{places.home}/.venv", "/nowhere/bin/python")
    file = f"{venv}/pyvenv.cfg"
    with open(file, "rb") as opened:
        before = opened.read()
    replace = os.replace
    failure = PymanError("it does not start")
    with pytest.raises(PymanError), Transaction(places) as transaction:
        transaction.take(Plan((ReplaceFile(file, before, b"home = /\n"),), venv=VenvFolder(venv)))

        def refusing(source, target, **named):
            if target == "pyvenv.cfg":
                raise OSError(errno.EIO, os.strerror(errno.EIO), source)
            replace(source, target, **named)

        monkeypatch.setattr(os, "replace", refusing)
        raise failure
    [kept] = [name for name in os.listdir(venv) if name.endswith(".kept")]
    with open(f"{venv}/{kept}", "rb") as opened:
        assert opened.read() == before
    assert f"{file} could not be put back from {venv}/{kept}" in failure.message
    assert failure.hint == f"rename {venv}/{kept} to {file} yourself"
    # The next change of that file does not take it for work that was cut off.
    monkeypatch.undo()
    with Transaction(places) as transaction:
        transaction.take(Plan((ReplaceFile(file, b"home = /\n", before),), venv=VenvFolder(venv)))
    assert kept in os.listdir(venv)


def test_an_undo_that_fails_does_not_keep_the_others_from_being_done(places):
    undone = []

    def fail():
        raise ValueError("nobody expected that")

    failure = PymanError("no")
    with pytest.raises(PymanError), Transaction(places) as transaction:
        transaction.undo_with(lambda: undone.append("first"))
        transaction.undo_with(fail)
        raise failure
    assert undone == ["first"]
    assert "nobody expected that" in failure.message


def test_what_could_not_be_put_back_is_told_beside_what_the_system_refused(places):
    def fail():
        raise PymanError("the copy lies there", hint="move it")

    with pytest.raises(PymanError, match=r"is full") as told, Transaction(places) as transaction:
        transaction.undo_with(fail)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert told.value.message.endswith("not everything could be put back: the copy lies there")
    assert told.value.hint == "move it"


def test_a_new_file_that_was_not_written_is_not_missed_on_the_way_back(places, monkeypatch):
    def full(*_given, **_named):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space") as told, Transaction(places) as transaction:
        transaction.put_file(f"{places.root}/holds", b"3.13 3.13.5\n")
    monkeypatch.undo()
    assert "put back" not in str(told.value)
    assert os.listdir(places.root) == []
