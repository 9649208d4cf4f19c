"""The journal of work on venvs, and what the next process makes of it: after a crash, and after a stranger was there."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys

import pytest
from hypothesis import given, settings

from pyman.effects.places import Places
from pyman.effects.venvs.journal import Claim, Entry, Journal, dead_entries, journal_path, read_entry
from pyman.effects.venvs.place import UNFINISHED, what_is_there
from pyman.effects.venvs.recovery import FINISHED, LEFT, UNDONE, UNFINISHED_VENV, parts_of, recover, recover_venv
from pyman.errors import Locked, Refused
from stage.hostile import HUGE, damaged
from stage.somebody import SOMEBODY, as_root, busy_somebody, exchange, let_in

ROUNDS = 4000 if os.environ.get("PYMAN_TEST_RACES") == "all" else 60


class Stage:
    """A store, and the place of a venv."""

    def __init__(self, folder):
        self.folder = folder
        self.places = Places(str(folder), str(folder / "store"), str(folder / "cache"), str(folder / "config"))
        self.venv = folder / "app/.venv"
        self.venv.parent.mkdir()

    def work(self, operation="venv", **told):
        """What a process has written down that died."""
        return Dead(self, operation, told)

    def recover(self):
        return [one.outcome for one in recover(self.places)]

    def entries(self):
        return list(dead_entries(self.places))

    def tree(self):
        return sorted(str(path.relative_to(self.venv.parent)) for path in self.venv.parent.rglob("*"))


class Dead:
    """A process while `with` lasts; it dies at the end."""

    def __init__(self, stage, operation, told):
        self.stage = stage
        self.journal = Journal(stage.places, str(stage.venv), operation, **told)

    def __enter__(self):
        self.journal.__enter__()
        assert self.journal.is_written
        return self

    def __exit__(self, *_):
        self.journal.end(keep=True)

    def make(self, inside=False):
        """The folder in which a venv is prepared, with what there is in one."""
        entry = self.journal.entry
        work = self.stage.folder / (entry.new_inside if inside else entry.new_beside)
        work.mkdir(parents=True)
        self.journal.made(work.stat().st_ino)
        fill(work, entry.number)
        return work

    @property
    def backup(self):
        return self.stage.folder / self.journal.entry.backup


def fill(folder, number=""):
    for name in ("bin", "lib/python3.13/site-packages", "include"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin/activate", "pyvenv.cfg"):
        (folder / name).write_text("")
    (folder / UNFINISHED).write_text(number)
    (folder / ".gitignore").write_text("*\n")


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def set_aside(stage, work):
    os.rename(stage.venv, work.backup)


# --- what is written, and what is read


@pytest.mark.parametrize("name", [".venv", "a b", "a\nb \\n\\", "end", "\udcff", "ü"])
def test_what_is_written_is_read_back(name, stage):
    venv = f"{stage.folder}/{name}"
    told = {"old": 5, "taken": ((7, "lib/python3.13"), (8, f"bin/{name}"))}
    with Journal(stage.places, venv, "clear", requirements=(f"/{name}/r.txt",), durable=True, **told) as journal:
        path = journal_path(stage.places, venv)
        assert read_entry(path) is None  # Its process lives.
        os.makedirs(f"{stage.folder}/work/bin")
        journal.made(os.stat(f"{stage.folder}/work").st_ino)
        journal.putting([(5, "bin")])
        journal.copying(("src",))
        journal.good((name,))
        journal.end(keep=True)
    assert read_entry(path) == journal.entry
    assert journal.entry.made
    assert (journal.entry.moving, journal.entry.requirements) == ((name,), (f"/{name}/r.txt",))


def test_nothing_is_left_of_what_went_well(stage):
    with Journal(stage.places, str(stage.venv), "venv"):
        assert len(os.listdir(stage.places.venvs)) == 1
    assert os.listdir(stage.places.venvs) == []
    with pytest.raises(ZeroDivisionError), Journal(stage.places, str(stage.venv), "venv"):
        1 / 0  # noqa: B018
    assert os.listdir(stage.places.venvs) == []


def test_one_process_at_a_time(stage):
    with Journal(stage.places, str(stage.venv), "venv") as first:
        for operation in ("venv", "clear"):
            with pytest.raises(Locked, match="another process is creating") as raised:
                Journal(stage.places, str(stage.venv), operation).__enter__()
            assert raised.value.code == "locked"
        with pytest.raises(Locked, match="another process is creating"):
            recover_venv(stage.places, str(stage.venv))
        assert recover(stage.places) == ()
        assert first.is_written
    with Journal(stage.places, str(stage.venv), "venv"):
        pass


def test_a_store_that_others_may_write_is_refused(stage):
    os.makedirs(stage.places.venvs)
    os.chmod(stage.places.venvs, 0o777)
    with pytest.raises(Refused) as raised:
        Journal(stage.places, str(stage.venv), "venv").__enter__()
    assert raised.value.code == "unsafe-folder"


@settings(max_examples=200)
@given(
    content=damaged(
        b"operation clear\nvenv /srv/my app/.venv\nnumber 47-ab\npid 47\nhost h\nold 5\ntake 3 lib/python3.13\n"
        b"requirement /r\nend\nmade 6\nend\nput 7 bin\nend\ngood\nmove .envrc\ncopied src\nend\n"
    )
)
def test_a_damaged_journal_names_nothing_outside_of_the_venv_and_its_folder(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / ".journal"
    path.write_bytes(content)
    entry = read_entry(str(path))
    if entry is None:
        return
    assert os.path.isabs(entry.venv)
    for folder in entry.folders:
        assert os.path.dirname(folder) in (entry.venv, os.path.dirname(entry.venv))
        assert ".pyman-" in os.path.basename(folder)
    for _, name in (*entry.taken, *entry.put):
        assert os.path.normpath(os.path.join(entry.venv, name)).startswith(f"{entry.venv.rstrip('/')}/")
    assert all("/" not in name and name not in ("", ".", "..") for name in (*entry.moving, *entry.copied))


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_of_journal_tells_nothing(kind, stage):
    os.makedirs(stage.places.venvs)
    path = journal_path(stage.places, str(stage.venv))
    with open(path, "wb") as file:
        file.write(HUGE[kind])
    assert stage.recover() == []
    assert not os.path.lexists(path)


@pytest.mark.parametrize("what", ["link", "fifo", "folder", "of somebody else"])
def test_what_this_user_did_not_write_is_no_journal(what, stage):
    with stage.work() as work:
        made = work.make()
    path = journal_path(stage.places, str(stage.venv))
    os.rename(path, f"{path}-kept")
    if what == "link":
        os.symlink(f"{path}-kept", path)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        os.mkdir(path)
    elif os.geteuid() == 0:
        shutil.copy(f"{path}-kept", path)
        os.chown(path, SOMEBODY, SOMEBODY)
    else:
        pytest.skip("only root can give files away")
    os.rename(f"{path}-kept", stage.folder / "kept")
    assert stage.recover() == []
    assert made.exists()
    with pytest.raises(Refused, match="not a pyman file"):
        Journal(stage.places, str(stage.venv), "venv").__enter__()


def test_who_died_before_a_word_was_written_had_done_nothing(stage):
    os.makedirs(stage.places.venvs)
    path = journal_path(stage.places, str(stage.venv))
    open(path, "w").close()
    assert stage.recover() == []
    assert not os.path.lexists(path)
    open(path, "w").close()
    with Journal(stage.places, str(stage.venv), "venv") as journal:
        assert journal.is_written


# --- a new venv that was cut off


@pytest.mark.parametrize("inside", [False, True], ids=["beside", "inside"])
def test_only_what_the_dead_left_is_cleared_away(inside, stage):
    if inside:
        stage.venv.mkdir()
    with stage.work() as work:
        work.make(inside)
        left = stage.tree()
        assert len(left) > 8
        assert stage.recover() == []  # It lives.
        assert stage.tree() == left
    assert stage.recover() == [UNDONE]
    assert stage.tree() == ([".venv"] if inside else [])
    assert stage.recover() == []


def test_a_folder_of_which_nothing_was_written_down_goes_only_if_it_is_empty(stage):
    with stage.work() as work:
        folder = stage.folder / work.journal.entry.new_beside
        folder.mkdir()
    (folder / "bin").mkdir()
    assert stage.recover() == [LEFT]
    (folder / "bin").rmdir()
    assert stage.recover() == [UNDONE]
    assert stage.tree() == []


@pytest.mark.parametrize("what", ["other names", "another folder", "a link", "of somebody else", "writable by others"])
def test_what_is_not_what_was_made_stays(what, stage):
    with stage.work() as work:
        folder = work.make()
    victim = stage.folder / "victim"
    shutil.copytree(folder, victim)
    if what == "other names":
        (folder / ".git").mkdir()
    elif what == "another folder":
        os.rename(folder, stage.folder / "away")
        os.rename(victim, folder)
    elif what == "a link":
        os.rename(folder, stage.folder / "away")
        os.symlink(victim, folder)
    elif os.geteuid() != 0:
        pytest.skip("only root can give files away")
    elif what == "of somebody else":
        os.chown(folder / "bin", SOMEBODY, SOMEBODY)
    else:
        os.chmod(folder / "bin", 0o777)
    before = sorted(os.listdir(folder / "bin"))
    for _ in range(2):
        assert stage.recover() == [LEFT]
    assert sorted(os.listdir(folder / "bin")) == before
    # It does not stop the next venv there, and is seen without the journal too.
    with Journal(stage.places, str(stage.venv), "venv") as journal:
        assert journal.is_written
    assert os.path.lexists(folder)


def test_what_was_half_moved_up_is_moved_up(stage):
    stage.venv.mkdir()
    with stage.work() as work:
        folder = work.make(inside=True)
        names = sorted(os.listdir(folder), key="pyvenv.cfg".__eq__)
        work.journal.putting(parts_of(str(folder), names))
        for name in names[:2]:
            os.rename(folder / name, stage.venv / name)
    # Somebody has made something of the same name meanwhile.
    (stage.venv / names[2]).mkdir()
    assert stage.recover() == [LEFT]
    (stage.venv / names[2]).rmdir()
    assert stage.recover() == [UNFINISHED_VENV]
    assert not folder.exists()
    assert what_is_there(str(stage.venv)) == "venv"
    assert sorted(os.listdir(stage.venv)) == sorted(names)


def test_a_mark_is_believed_only_of_the_venv_that_the_journal_tells_of(stage):
    with stage.work(requirements=("/r.txt",)) as work:
        os.rename(work.make(), stage.venv)
    assert stage.recover() == [UNFINISHED_VENV]
    [entry] = stage.entries()
    assert (entry.is_unfinished, entry.is_interrupted, entry.requirements) == (True, False, ("/r.txt",))
    # Another venv in its place, with a mark too.
    shutil.rmtree(stage.venv)
    fill(stage.venv, "4711-abcdef")
    assert not entry.is_unfinished
    assert stage.recover() == [UNDONE]
    assert stage.entries() == []
    assert (stage.venv / UNFINISHED).exists()


def test_who_works_on_an_unfinished_venv_leaves_it_unfinished_if_he_fails(stage):
    with stage.work(requirements=("/r.txt",)) as work:
        os.rename(work.make(), stage.venv)
    inode = os.stat(stage.venv).st_ino
    with pytest.raises(ZeroDivisionError), Journal(stage.places, str(stage.venv), "clear", old=inode):
        1 / 0  # noqa: B018
    [entry] = stage.entries()
    assert (entry.is_unfinished, entry.requirements) == (True, ("/r.txt",))
    with Journal(stage.places, str(stage.venv), "clear", old=inode):
        pass
    assert stage.entries() == []


# --- an old venv that was backed up


def old_venv(stage):
    fill(stage.venv)
    (stage.venv / UNFINISHED).unlink()
    (stage.venv / "bin/old").write_text("")
    return os.stat(stage.venv).st_ino


@pytest.mark.parametrize("moment", ["written", "aside", "prepared", "put"])
def test_an_old_one_is_put_back(moment, stage):
    inode = old_venv(stage)
    before = stage.tree()
    with stage.work("clear", old=inode, durable=True) as work:
        if moment != "written":
            set_aside(stage, work)
        if moment in ("prepared", "put"):
            made = work.make()
        if moment == "put":
            os.rename(made, stage.venv)
            (stage.venv / "share").mkdir()  # of a package
    assert stage.recover() == [UNDONE]
    assert stage.tree() == before
    assert os.stat(stage.venv).st_ino == inode


@pytest.mark.parametrize("what", ["other names in the new one", "another new one", "another old one"])
def test_what_is_in_the_way_stays_and_so_does_the_old_one(what, stage):
    inode = old_venv(stage)
    with stage.work("clear", old=inode) as work:
        set_aside(stage, work)
        os.rename(work.make(), stage.venv)
    if what == "other names in the new one":
        (stage.venv / "notes.txt").write_text("mine")
    else:
        place = work.backup if what == "another old one" else stage.venv
        os.rename(place, stage.folder / "away")
        shutil.copytree(stage.folder / "away", place)
    before = stage.tree()
    assert stage.recover() == [LEFT]
    assert stage.tree() == before
    [entry] = stage.entries()
    assert entry.is_interrupted
    assert not entry.is_unfinished


def test_what_was_found_good_is_finished(stage):
    inode = old_venv(stage)
    (stage.venv / ".envrc").write_text("mine")
    (stage.venv / "src").mkdir()
    with stage.work("rebuild", old=inode) as work:
        set_aside(stage, work)
        os.rename(work.make(), stage.venv)
        shutil.copytree(work.backup / "src", stage.venv / "src")
        work.journal.copying(("src",))
        work.journal.good((".envrc",))
    (work.backup / "late").write_text("mine")
    assert stage.recover() == [LEFT]
    assert (work.backup / "late").exists()
    (work.backup / "late").unlink()
    assert stage.recover() == [FINISHED]
    assert (stage.venv / ".envrc").read_text() == "mine"
    assert not work.backup.exists()
    assert not (stage.venv / UNFINISHED).exists()


def test_a_removal_is_finished_and_what_was_made_since_stays(stage):
    inode = old_venv(stage)
    with stage.work("remove", old=inode) as work:
        set_aside(stage, work)
        work.journal.good()
    fill(stage.venv)
    before = sorted(os.listdir(stage.venv))
    assert stage.recover() == [FINISHED]
    assert sorted(os.listdir(stage.venv)) == before
    assert not work.backup.exists()


# --- parts of a folder that is a project too


def project(stage):
    inode = old_venv(stage)
    (stage.venv / "main.py").write_text("mine")
    (stage.venv / "bin/run").write_text("mine")
    names = ("bin/activate", "bin/old", "lib/python3.13", "pyvenv.cfg", ".gitignore")
    return inode, tuple((os.lstat(stage.venv / name).st_ino, name) for name in names)


def take(stage, work, count):
    for _, name in work.journal.entry.taken[:count]:
        (work.backup / name).parent.mkdir(parents=True, exist_ok=True)
        os.rename(stage.venv / name, work.backup / name)


@pytest.mark.parametrize("count", range(6))
def test_parts_are_put_back_whenever_it_is_cut_off(count, stage):
    _, taken = project(stage)
    before = stage.tree()
    with stage.work("clear", taken=taken) as work:
        work.backup.mkdir()
        take(stage, work, count)
        if count == 5:
            folder = work.make(inside=True)
            work.journal.putting(parts_of(str(folder), [UNFINISHED, "bin/activate", "lib/python3.13", "pyvenv.cfg"]))
            for name in (UNFINISHED, "bin/activate", "lib/python3.13"):
                os.rename(folder / name, stage.venv / name)
            (stage.venv / "new").write_text("mine")
            before = sorted([*before, ".venv/new"])
    assert stage.recover() == [UNDONE]
    assert stage.tree() == before


def test_the_removal_of_parts_is_finished_and_what_was_made_since_stays(stage):
    _, taken = project(stage)
    with stage.work("remove", taken=taken) as work:
        work.backup.mkdir()
        take(stage, work, 5)
        work.journal.good()
    fill(stage.venv)
    before = [name for name in stage.tree() if ".pyman-old-" not in name]
    assert stage.recover() == [FINISHED]
    assert stage.tree() == before


# --- attacks


def test_parts_are_not_taken_from_where_a_link_leads(stage):
    """The folder was moved away, and its name leads to one that says it is the unfinished venv, as a copy would."""
    _, taken = project(stage)
    with stage.work("clear", taken=taken) as work:
        work.backup.mkdir()
        take(stage, work, 5)
        number = work.journal.entry.number
    os.rename(stage.venv, stage.folder / "away")
    fill(stage.folder / "victim", number)
    os.symlink(stage.folder / "victim", stage.venv)
    before = sorted((stage.folder / "victim").rglob("*"))
    assert stage.recover() == [LEFT]
    assert sorted((stage.folder / "victim").rglob("*")) == before


@as_root
@pytest.mark.skipif(sys.platform != "linux", reason="two names are exchanged in one step on Linux")
def test_root_removes_no_folder_that_was_exchanged_for_its_own(tmp_path):
    """In a folder of another user's, who gives another folder of root's the name of what root had prepared."""
    let_in(tmp_path)
    stage = Stage(tmp_path)
    parent = stage.venv.parent
    os.chown(parent, SOMEBODY, SOMEBODY)
    fill(parent / "victim")
    victim = os.open(parent / "victim", os.O_RDONLY)
    names = sorted(os.listdir(victim))
    outcomes = set()

    def attack():
        for name in os.listdir(parent):
            if ".pyman-new-" in name:
                exchange(parent / name, parent / "victim")

    with busy_somebody(attack):
        for _ in range(ROUNDS):
            with contextlib.suppress(OSError), stage.work() as work:
                work.make()
            outcomes.update(stage.recover())
            assert sorted(os.listdir(victim)) == names
    os.close(victim)
    assert LEFT in outcomes


def test_nothing_is_believed_that_no_journal_tells(stage):
    """Planted beside a venv and in it: whatever they say, and whoever looks."""
    fill(stage.venv)
    for name in (".x.pyman-new-999999999-a", "..venv.pyman-new-999999999-a", "..venv.pyman-old-999999999-aaaaaa"):
        fill(stage.venv.parent / name)
        (stage.venv.parent / name / "names").write_text("bin\0lib\0include\0.gitignore")
        fill(stage.venv / name.removeprefix("..venv").removeprefix(".x"))
    before = stage.tree()
    assert stage.recover() == []
    recover_venv(stage.places, str(stage.venv))
    with Journal(stage.places, str(stage.venv), "venv"):
        pass
    assert stage.tree() == before


def test_a_claim_is_one_processs(stage):
    with stage.work() as work:
        work.make()
    path = journal_path(stage.places, str(stage.venv))
    with Claim(path) as first, Claim(path) as second:
        assert isinstance(first.entry, Entry)
        assert second.is_alive
        assert second.entry is None
