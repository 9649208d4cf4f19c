"""A process that dies in the middle of a move: what it left is ended, or taken back, by the next one."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from pyman.core.plans.move import through_other
from pyman.core.version import Version
from pyman.effects.apply import Transaction
from pyman.effects.followers import read_follower
from pyman.effects.holds import set_hold
from pyman.effects.move_journal import end_moves
from pyman.effects.places import read_places
from pyman.effects.runtimes import tidy
from pyman.effects.store import read_store
from stage.followers import add_package, contents, is_consistent, make_venv, setting, version_of
from stage.home import link_tree

OLD, NEW = "3.13.5", "3.13.15"
_CHANGES = ("open", "os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link")


@pytest.fixture
def user(home):
    """Both releases are there, and the alias is held at the older one."""
    home.with_runtimes(OLD, NEW)
    set_hold(read_places(home.environ), "3.13", OLD)
    return home


class Knife:
    """Kills a forked process at the n-th change that it makes below a folder: an audit hook sees each beforehand."""

    def __init__(self):
        self.folder = ""
        self.left = 0
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if not self.folder or event not in _CHANGES:
            return
        writes = event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR))
        path = arguments[1] if event in ("os.symlink", "os.link") else arguments[0]
        if writes and isinstance(path, str) and path.startswith(self.folder):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def run(self, act, folder, number):
        """Do something in another process; return True where it was killed."""
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self.folder, self.left = str(folder), number
                act()
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(ended)
        assert code in (0, -signal.SIGKILL)
        return code != 0


@pytest.fixture(scope="module")
def knife():
    return Knife()


def test_killed_at_every_step_of_a_move(user, knife):
    """One venv of each kind: it goes along, has lines to be rewritten, is held back, comes forward again."""
    places = read_places(user.environ)
    build = f"{NEW}+20261101"
    link_tree(str(user.runtimes / NEW), str(user.runtimes / build))
    set_hold(places, "3.13", NEW)
    ours, lines, misfit, waiting = (
        make_venv(user, creator, name)
        for creator, name in (("pyman", "a"), ("virtualenv", "b"), ("pyman", "misfit"), ("pyman", "waiting"))
    )
    # What is written at the first move only is written now.
    set_hold(places, "3.13", OLD)
    set_hold(places, "3.13", NEW)
    add_package(misfit, "picky", requires_python=">3.13.5")
    follower = read_follower(str(waiting), places.runtimes, "3.13".__eq__)
    with Transaction(places) as transaction:
        transaction.take(through_other(follower, build, Version(3, 13, 15), held_back=f"{NEW} x", variant="default"))
    before = contents(user)
    set_hold(places, "3.13", OLD)
    after = contents(user)
    assert [version_of(venv) for venv in (ours, lines, misfit, waiting)] == [OLD, OLD, NEW, OLD]
    put_back(before, after)
    assert contents(user) == before

    seen = []
    for number in range(1, 200):
        if not knife.run(lambda: set_hold(places, "3.13", OLD), user.path, number):
            break
        for venv in (ours, lines, misfit, waiting):
            # However it stands, it starts: nowhere has an older program the newer library.
            assert setting(venv, "version_info") in (None, f"{OLD}.final.0", f"{NEW}.final.0")
            program, home = (os.path.realpath(path) for path in (venv / "bin/python", setting(venv, "home")))
            assert not (f"/{OLD}/" in program and f"/{NEW}" in home)
            assert os.access(program, os.X_OK)
        tidy(places)
        now = contents(user)
        assert now in (before, after), (number, difference(now, before), difference(now, after))
        seen.append(now == after)
        put_back(before, now)
    else:
        pytest.fail("it never came to its end")
    assert len(seen) > 20
    assert set(seen) == {True, False}
    assert seen == sorted(seen), "what was done is not taken back by dying later"


def put_back(wanted, present):
    """Make links and files what they were."""
    for path in wanted.keys() | present.keys():
        if wanted.get(path) == present.get(path):
            continue
        if path in present:
            os.unlink(path)
        if isinstance(wanted.get(path), str):
            os.symlink(wanted[path], path)
        elif path in wanted:
            with open(path, "wb") as file:
                file.write(wanted[path])


def difference(one, other):
    return {
        path: (one.get(path), other.get(path)) for path in one.keys() | other.keys() if one.get(path) != other.get(path)
    }


@pytest.mark.parametrize("what", ["link", "home"])
@pytest.mark.parametrize("moved", [False, True])
def test_half_held_back_and_half_forward(user, what, moved):
    """A venv whose link and `home` lead to two releases is brought onto its alias by the next move."""
    places = read_places(user.environ)
    venv = make_venv(user, "pyman", "v")
    if what == "link":
        os.unlink(venv / "bin/python")
        os.symlink(user.runtimes / OLD / "bin/python3.13", venv / "bin/python")
        (venv / "pyvenv.cfg").write_text((venv / "pyvenv.cfg").read_text() + f"pyman-held-back = {OLD} x\n")
    else:
        text = (venv / "pyvenv.cfg").read_text().replace("runtimes/3.13/bin\n", f"runtimes/{OLD}/bin\n", 1)
        (venv / "pyvenv.cfg").write_text(f"{text}pyman-held-back = {OLD} x\n")
    if moved:
        set_hold(places, "3.13", None)
    else:
        set_hold(places, "3.13", None)
        set_hold(places, "3.13", OLD)
    assert version_of(venv) == (NEW if moved else OLD)
    assert is_consistent(venv)
    assert setting(venv, "pyman-held-back") is None


@pytest.mark.parametrize("text", ["", "\0" * 9, "3.13\0", "3.13\0003.13.5\0behind\0/nowhere\0", "x" * 100])
def test_a_journal_that_makes_no_sense_is_dropped(user, text):
    places = read_places(user.environ)
    folder = user.runtimes / ".move-3.13-999999999-abcdef"
    folder.mkdir()
    (folder / "note").write_text("operation move\nsubject 3.13\npid 999999999\nhost elsewhere\n")
    (folder / "venvs").write_text(text)
    assert end_moves(places) in ((), ("/nowhere",))
    assert not folder.exists()
    assert read_store(places.root).unfinished == ()
