"""A process that dies in the middle of a move: what it left is ended, or taken back, by the next one."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings

from pyman.core.plans.move import through_other
from pyman.core.version import parse_version
from pyman.effects.moves.followers import read_follower
from pyman.effects.moves.journal import end_moves
from pyman.effects.moves.move import set_hold
from pyman.effects.places import read_places
from pyman.effects.runtimes.managed import reconcile
from pyman.effects.store import read_store
from pyman.effects.transaction import Transaction
from stage.changes import Changes
from stage.followers import add_package, contents, difference, is_consistent, make_venv, restore, setting, version_of
from stage.home import link_tree
from stage.hostile import damaged
from stage.mirror import MINOR, NEW, OLD


@pytest.fixture
def user(home):
    """Both releases are there, and the alias is held at the older one."""
    home.with_runtimes(OLD, NEW)
    set_hold(read_places(home.environ), MINOR, OLD)
    return home


@pytest.fixture(scope="module")
def changes():
    return Changes()


def test_killed_at_every_step_of_a_move(user, changes):
    """One venv of each kind: it goes along, has lines to be rewritten, is held back, comes forward again."""
    places = read_places(user.environ)
    build = f"{NEW}+20261101"
    link_tree(str(user.runtimes / NEW), str(user.runtimes / build))
    set_hold(places, MINOR, NEW)
    ours, lines, misfit, waiting = (
        make_venv(user, creator, name)
        for creator, name in (("pyman", "a"), ("virtualenv", "py_env-b"), ("pyman", "misfit"), ("pyman", "waiting"))
    )
    # What is written at the first move only is written now.
    set_hold(places, MINOR, OLD)
    set_hold(places, MINOR, NEW)
    add_package(misfit, "picky", requires_python=f">{OLD}")
    follower = read_follower(str(waiting), places.root, MINOR.__eq__)
    with Transaction(places) as transaction:
        transaction.take(through_other(follower, build, parse_version(NEW), held_back=f"{NEW} x", variant="default"))
    before = contents(user)
    set_hold(places, MINOR, OLD)
    after = contents(user)
    assert [version_of(venv) for venv in (ours, lines, misfit, waiting)] == [OLD, OLD, NEW, OLD]
    restore(before, after)
    assert contents(user) == before

    seen = []
    for number in range(1, 200):
        if not changes.killed(user.path, number, lambda: set_hold(places, MINOR, OLD)):
            break
        for venv in (ours, lines, misfit, waiting):
            # However it stands, it starts: nowhere has an older program the newer library.
            assert setting(venv, "version_info") in (None, f"{OLD}.final.0", f"{NEW}.final.0")
            program, home = (os.path.realpath(path) for path in (venv / "bin/python", setting(venv, "home")))
            assert not (f"/{OLD}/" in program and f"/{NEW}" in home)
            assert os.access(program, os.X_OK)
        reconcile(places)
        now = contents(user)
        assert now in (before, after), (number, difference(now, before), difference(now, after))
        seen.append(now == after)
        restore(before, now)
    else:
        pytest.fail("it never came to its end")
    assert len(seen) > 20
    assert set(seen) == {True, False}
    assert seen == sorted(seen), "what was done is not taken back by dying later"


@pytest.mark.parametrize("what", ["link", "home"])
@pytest.mark.parametrize("moved", [False, True])
def test_half_held_back_and_half_forward(user, what, moved):
    """A venv whose link and `home` lead to two releases is brought onto its alias by the next move."""
    places = read_places(user.environ)
    venv = make_venv(user, "pyman", "v")
    if what == "link":
        os.unlink(venv / "bin/python")
        os.symlink(user.runtimes / OLD / f"bin/python{MINOR}", venv / "bin/python")
        (venv / "pyvenv.cfg").write_text((venv / "pyvenv.cfg").read_text() + f"pyman-held-back = {OLD} x\n")
    else:
        text = (venv / "pyvenv.cfg").read_text().replace(f"runtimes/{MINOR}/bin\n", f"runtimes/{OLD}/bin\n", 1)
        (venv / "pyvenv.cfg").write_text(f"{text}pyman-held-back = {OLD} x\n")
    if moved:
        set_hold(places, MINOR, None)
    else:
        set_hold(places, MINOR, None)
        set_hold(places, MINOR, OLD)
    assert version_of(venv) == (NEW if moved else OLD)
    assert is_consistent(venv)
    assert setting(venv, "pyman-held-back") is None


@pytest.mark.parametrize("text", ["", "\0" * 9, f"{MINOR}\0", f"{MINOR}\0003.13.5\0behind\0/nowhere\0", "x" * 100])
def test_a_journal_that_makes_no_sense_is_dropped(user, text):
    places = read_places(user.environ)
    folder = user.runtimes / f".move-{MINOR}-999999999-abcdef"
    folder.mkdir()
    (folder / "note").write_text(f"operation move\nsubject {MINOR}\npid 999999999\nhost elsewhere\n")
    (folder / "venvs").write_text(text)
    assert end_moves(places) in ((), ("/nowhere",))
    assert not folder.exists()
    assert read_store(places.root).unfinished == ()


@settings(max_examples=100)
@given(content=damaged(b"3.13\x003.13.15\x00behind\x00/nowhere/v\x003\x003.13.5\x00along\x00/nowhere/w\x00"))
def test_a_damaged_journal_ends_and_touches_nothing_but_venvs(tmp_path, content):
    places = read_places({"HOME": str(tmp_path), "PYMAN_ROOT": str(tmp_path / "root")})
    work = tmp_path / f"root/runtimes/.move-{MINOR}-999999999-abc"
    work.mkdir(parents=True)
    (work / "note").write_text(f"operation move\nsubject {MINOR}\npid 999999999\n")
    (work / "venvs").write_bytes(content)
    assert all(path.startswith("/") for path in end_moves(places))
    assert os.listdir(places.runtimes) == []
