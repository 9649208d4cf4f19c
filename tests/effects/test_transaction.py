"""The way back: it goes on whatever happens on it, loses nothing, and tells what it could not do."""

from __future__ import annotations

import errno
import hashlib
import os
import stat

import pytest

from pyman.core.plans.steps import (
    CopyProgram,
    Forget,
    OwnCopy,
    Plan,
    Remember,
    RemoveBytecode,
    RemoveLink,
    ReplaceFile,
    ReplaceLink,
    Verify,
)
from pyman.core.venv import VenvFolder
from pyman.core.version import Version
from pyman.effects.files import TEMPORARY
from pyman.effects.places import Places
from pyman.effects.transaction import Transaction
from pyman.errors import Changed, PymanError, Refused
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
    assert f"{file} could not be restored from {venv}/{kept}" in failure.message
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


# Every step, taken and undone.

PACKAGES = "lib/python3.13/site-packages"
CONTENT = b"print()\n"


@pytest.fixture
def venv(places):
    """A venv with one of everything that steps are about."""
    folder = make_venv(f"{places.home}/.venv", "/nowhere/bin/python3.13")
    with open(f"{places.home}/program", "wb") as file:
        file.write(b"the new program")
    for name, content, mode in (
        ("bin/tool", b"#!old\n", 0o640),
        ("bin/copied", b"the old program", 0o755),
        (f"{PACKAGES}/module.py", CONTENT, 0o664),
        (f"{PACKAGES}/__pycache__/module.cpython-313.pyc", b"\0", 0o644),
    ):
        path = f"{folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
        os.utime(path, ns=(10**18, 10**18))
        if name.startswith("lib"):
            os.link(path, f"{places.home}/shared-{os.path.basename(path)}")
    os.symlink("/old/target", f"{folder}/bin/link")
    return folder


def tree(folder):
    """What is in a folder: for each name its kind, its permissions and its content; of a file also which one it is."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            status = os.lstat(path)
            content = None
            if stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            inode = status.st_ino if stat.S_ISREG(status.st_mode) else None
            found[path.removeprefix(f"{folder}/")] = (oct(status.st_mode), content, inode)
    return found


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def steps_of(venv, places):
    """Each kind of step, the name that it is about, and mode and content of that afterwards."""
    cache = f"{PACKAGES}/__pycache__/module.cpython-313.pyc"
    module = f"{PACKAGES}/module.py"
    tool, link = f"{venv}/bin/tool", f"{venv}/bin/link"
    return {
        "file": (ReplaceFile(tool, b"#!old\n", b"#!new\n"), "bin/tool", (0o640, b"#!new\n")),
        # Whoever may read it may execute it.
        "program": (ReplaceFile(tool, b"#!old\n", b"#!x\n", executable=True), "bin/tool", (0o750, b"#!x\n")),
        "mode": (ReplaceFile(tool, b"#!old\n", b"#!x\n", executable=True, mode=0o600), "bin/tool", (0o600, b"#!x\n")),
        "link": (ReplaceLink(link, "/old/target", "/new"), "bin/link", (0o777, "/new")),
        "new link": (ReplaceLink(f"{venv}/bin/more", None, "python"), "bin/more", (0o777, "python")),
        "no link": (RemoveLink(link, "/old/target"), "bin/link", None),
        "copy": (
            CopyProgram(f"{venv}/bin/copied", f"{places.home}/program"),
            "bin/copied",
            (0o755, b"the new program"),
        ),
        # The folder is its owner's alone to write to, and so is what lies in it.
        "own": (OwnCopy(f"{venv}/{module}", PACKAGES, "sha256", sha256(CONTENT)), module, (0o644, CONTENT)),
        "unknown": (OwnCopy(f"{venv}/{module}", PACKAGES, "", ""), module, (0o644, CONTENT)),
        "bytecode": (RemoveBytecode(f"{venv}/{cache}", PACKAGES), cache, None),
    }


KINDS = ("file", "program", "mode", "link", "new link", "no link", "copy", "own", "unknown", "bytecode")


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_is_taken_changes_one_name_and_leaves_nothing_behind(places, venv, kind):
    before = tree(venv)
    step, name, after = steps_of(venv, places)[kind]
    with Transaction(places) as transaction:
        transaction.take(Plan((step,), venv=VenvFolder(venv)))
    now = tree(venv)
    if after is None:
        assert name not in now
    else:
        mode, content, inode = now[name]
        assert (int(mode, 8) & 0o777, content) == after
        assert inode is None or inode != before[name][2]
    assert {other: value for other, value in now.items() if other != name} == {
        other: value for other, value in before.items() if other != name
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_is_undone_leaves_everything_as_it_was(places, venv, kind):
    before = tree(venv)
    step, name, _ = steps_of(venv, places)[kind]
    with pytest.raises(PymanError, match=r"^it does not start$"), Transaction(places) as transaction:
        transaction.take(Plan((step,), venv=VenvFolder(venv)))
        assert tree(venv).get(name) != before.get(name)
        raise PymanError("it does not start")
    # The very file that it was: others have it as well.
    assert tree(venv) == before


def test_a_copy_keeps_the_time_of_what_it_was(places, venv):
    path = f"{venv}/{PACKAGES}/module.py"
    with Transaction(places) as transaction:
        step = OwnCopy(path, PACKAGES, "sha256", sha256(CONTENT))
        transaction.take(Plan((step,), venv=VenvFolder(venv)))
    assert (os.stat(path).st_mtime_ns, os.stat(path).st_nlink) == (10**18, 1)


def test_a_plan_is_undone_from_its_end(places, venv):
    before = tree(venv)
    plan = Plan(
        (
            ReplaceFile(f"{venv}/bin/tool", b"#!old\n", b"#!2\n"),
            ReplaceFile(f"{venv}/bin/tool", b"#!2\n", b"#!3\n"),
            RemoveLink(f"{venv}/bin/link", "/old/target"),
            ReplaceLink(f"{venv}/bin/link", None, "/new"),
        ),
        venv=VenvFolder(venv),
    )
    with pytest.raises(PymanError), Transaction(places) as transaction:
        transaction.take(plan)
        raise PymanError("no")
    assert tree(venv) == before
    with Transaction(places) as transaction:
        transaction.take(plan)
    assert (tree(venv)["bin/tool"][1], tree(venv)["bin/link"][1]) == (b"#!3\n", "/new")


@pytest.mark.parametrize(
    "step",
    [
        ReplaceFile("bin/tool", b"something else\n", b"#!new\n"),
        ReplaceFile("bin/gone", b"", b""),
        ReplaceLink("bin/link", "/another", "/new"),
        ReplaceLink("bin/tool", "/old/target", "/new"),
        ReplaceLink("bin/link", None, "/new"),
        RemoveLink("bin/link", "/another"),
        RemoveLink("bin/tool", "/another"),
        CopyProgram("bin/copied", "/nowhere/python"),
        OwnCopy(f"{PACKAGES}/module.py", PACKAGES, "sha256", sha256(b"other")),
        OwnCopy("bin/link", "bin", "", ""),
        OwnCopy("bin/gone", "bin", "", ""),
        RemoveBytecode("bin/gone", "bin"),
    ],
    ids=str,
)
def test_what_is_not_as_it_was_read_is_left_alone_and_so_is_all_before_it(places, venv, step):
    from pyman.core.immutable import replace

    before = tree(venv)
    first = ReplaceFile(f"{venv}/pyvenv.cfg", before["pyvenv.cfg"][1], b"home = /\n")
    plan = Plan((first, replace(step, path=f"{venv}/{step.path}")), venv=VenvFolder(venv))
    with Transaction(places) as transaction, pytest.raises(PymanError):
        transaction.attempt(plan)
    assert tree(venv) == before


def test_what_was_changed_since_is_told_with_what_to_do(places, venv):
    plan = Plan((ReplaceFile(f"{venv}/bin/tool", b"", b"x"),), venv=VenvFolder(venv))
    said = "bin/tool was changed by another process since it was read"
    with pytest.raises(Changed, match=said) as told, Transaction(places) as transaction:
        transaction.take(plan)
    assert told.value.hint == "run the same command again"


def test_what_was_taken_before_an_attempt_stays(places, venv):
    with Transaction(places) as transaction:
        transaction.take(Plan((ReplaceFile(f"{venv}/bin/tool", b"#!old\n", b"#!2\n"),), venv=VenvFolder(venv)))
        failing = Plan(
            (ReplaceFile(f"{venv}/bin/tool", b"#!2\n", b"#!3\n"), RemoveLink(f"{venv}/bin/tool", "x")),
            venv=VenvFolder(venv),
        )
        with pytest.raises(Changed):
            transaction.attempt(failing)
        assert tree(venv)["bin/tool"][1] == b"#!2\n"
    assert tree(venv)["bin/tool"][1] == b"#!2\n"
    assert not [name for name in tree(venv) if TEMPORARY in name]


def test_nothing_is_begun_where_the_interpreter_may_not_be_started(places, venv):
    """`home` is the way to it: where nothing is there, nothing could tell afterwards whether the venv works."""
    before = tree(venv)
    steps = (
        ReplaceFile(f"{venv}/bin/tool", b"#!old\n", b"#!new\n"),
        Verify(venv, Version(3, 13, 5), "default", "/nowhere/bin"),
    )
    with Transaction(places) as transaction, pytest.raises(PymanError):
        transaction.attempt(Plan(steps, venv=VenvFolder(venv)))
    assert tree(venv) == before


def test_another_folder_in_the_place_of_the_venv_is_not_written_into(places, venv):
    status = os.stat(venv)
    before = tree(venv)
    plan = Plan(
        (ReplaceFile(f"{venv}/bin/tool", b"#!old\n", b"#!new\n"),),
        venv=VenvFolder(venv, (status.st_dev, status.st_ino + 1)),
    )
    with pytest.raises(PymanError), Transaction(places) as transaction:
        transaction.take(plan)
    assert tree(venv) == before


def test_a_file_of_nobodys_venv_is_not_written(places, venv):
    with pytest.raises(ValueError, match="lies in no store"), Transaction(places) as transaction:
        transaction.take(Plan((ReplaceFile(f"{venv}/bin/tool", b"#!old\n", b"x"),)))
    assert tree(venv)["bin/tool"][1] == b"#!old\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_user_is_refused(places, venv):
    os.chown(f"{venv}/bin/tool", 12345, -1)
    with pytest.raises(Refused, match="bin/tool belongs to another user") as told, Transaction(places) as transaction:
        transaction.take(Plan((ReplaceFile(f"{venv}/bin/tool", b"#!old\n", b"x"),), venv=VenvFolder(venv)))
    assert told.value.hint == "ask its owner to run pyman"
    assert tree(venv)["bin/tool"][1] == b"#!old\n"


def test_files_of_the_store(places):
    path = f"{places.root}/holds"
    with Transaction(places) as transaction:
        transaction.put_file(path, b"1\n")
    before = tree(places.root)
    for name in (path, f"{places.root}/default"):
        with pytest.raises(PymanError), Transaction(places) as transaction:
            transaction.put_file(name, b"2\n")
            assert tree(places.root)[os.path.basename(name)][1] == b"2\n"
            raise PymanError("no")
        assert tree(places.root) == before
    with Transaction(places) as transaction:
        transaction.put_file(path, b"3\n")
    assert [(name, content) for name, (_, content, _) in tree(places.root).items()] == [("holds", b"3\n")]


def test_records_of_venvs(places, venv):
    with Transaction(places) as transaction:
        transaction.take(Plan((Remember(venv),)))
    [record] = os.listdir(f"{places.root}/venvs")
    with Transaction(places) as transaction:
        transaction.take(Plan((Forget(record),)))
    assert os.listdir(f"{places.root}/venvs") == []


def test_what_is_behind_a_plan_is_taken_with_it_or_neither(places, venv):
    beside = f"{places.home}/envs.toml"
    with open(beside, "wb") as file:
        file.write(b"old")
    before = tree(places.home)

    def plan(old):
        return Plan(
            (ReplaceLink(f"{venv}/bin/link", "/old/target", "/new"),),
            VenvFolder(venv),
            Plan((ReplaceFile(beside, old, b"new"),), VenvFolder(places.home)),
        )

    with Transaction(places) as transaction, pytest.raises(Changed):
        transaction.attempt(plan(b"another"))
    assert tree(places.home) == before
    with Transaction(places) as transaction:
        transaction.attempt(plan(b"old"))
    assert (tree(places.home)["envs.toml"][1], tree(venv)["bin/link"][1]) == (b"new", "/new")


@pytest.mark.parametrize("kind", ["own", "unknown", "bytecode"])
def test_where_the_system_cannot_exchange_two_names(places, venv, monkeypatch, kind):
    """Three renames do the same, with nothing left over, there and back."""
    monkeypatch.setattr("pyman.effects.transaction.exchange", lambda *_given, **_named: False)
    before = tree(venv)
    step, name, after = steps_of(venv, places)[kind]
    with pytest.raises(PymanError), Transaction(places) as transaction:
        transaction.take(Plan((step,), venv=VenvFolder(venv)))
        raise PymanError("no")
    assert tree(venv) == before
    with Transaction(places) as transaction:
        transaction.take(Plan((step,), venv=VenvFolder(venv)))
    now = tree(venv)
    assert now.keys() == before.keys() - ({name} if after is None else set())
    assert after is None or now[name][1] == after[1]


def test_an_exchange_that_fails_half_way_goes_back(places, venv, monkeypatch):
    monkeypatch.setattr("pyman.effects.transaction.exchange", lambda *_given, **_named: False)
    before = tree(venv)
    rename, calls = os.rename, []

    def failing(source, target, **named):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO), source)
        rename(source, target, **named)

    monkeypatch.setattr(os, "rename", failing)
    with Transaction(places) as transaction, pytest.raises(PymanError):
        transaction.attempt(Plan((steps_of(venv, places)["own"][0],), venv=VenvFolder(venv)))
    monkeypatch.undo()
    assert tree(venv) == before


def test_all_that_could_not_be_put_back_is_told(places):
    def fail(error):
        raise error

    failure = PymanError("no", hint="first")
    with pytest.raises(PymanError), Transaction(places) as transaction:
        transaction.undo_with(lambda: fail(OSError(errno.EIO, "broken", "/a")))
        transaction.undo_with(lambda: fail(PymanError("it lies there")))
        raise failure
    assert failure.message == "no, and not everything could be put back: it lies there; [Errno 5] broken: '/a'"
    assert failure.hint == "first"


def test_a_shared_file_that_was_changed_is_told_by_its_path(places, venv):
    step = OwnCopy(f"{venv}/{PACKAGES}/module.py", PACKAGES, "sha256", sha256(b"other"))
    said = f"^{step.path} was changed by another process"
    with pytest.raises(Changed, match=said), Transaction(places) as transaction:
        transaction.take(Plan((step,), venv=VenvFolder(venv)))
