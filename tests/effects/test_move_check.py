"""The check before an alias moves, on what real projects have installed and on what nobody should have."""

from __future__ import annotations

import os

import pytest

from pyman.core.aliases import Swap
from pyman.core.plans.move import AliasMove, Follower
from pyman.effects.moves.check import Base, check_followers, read_release
from pyman.effects.moves.move import reconcile_aliases, set_hold
from pyman.effects.places import read_places
from pyman.effects.store import read_store
from stage.followers import add_package, make_venv, setting, site_packages, version_of
from stage.index import fetch_wheels, unzip_wheels
from stage.mirror import MINOR, NEW, OLD, OTHER_SITE, SITE, added_symbols
from stage.wheels import install_distribution, metadata


@pytest.fixture
def user(home):
    """Both releases are there; the alias is held at the older one."""
    home.with_runtimes(OLD, NEW)
    set_hold(read_places(home.environ), MINOR, OLD)
    return home


def released(user, **options):
    """Move the alias to the newer release."""
    [moved] = set_hold(read_places(user.environ), MINOR, None, **options)
    return moved


def fill(venv, **content):
    """A package whose files are as nobody should have them."""
    folder = site_packages(venv) / "odd-1.0.dist-info"
    folder.mkdir()
    for name, data in {"METADATA": metadata("odd", "1.0").encode(), "RECORD": b"", **content}.items():
        if data is not None:
            (folder / name).write_bytes(data)
    return folder


ODD = {
    "metadata that is no UTF-8": {"METADATA": b"Metadata-Version: 2.1\nName: odd\xff\xfe\nVersion: 1.0\n\n"},
    "no metadata": {"METADATA": None},
    "metadata of nobody": {"METADATA": b"nonsense\n"},
    "a Requires-Python that does not parse": {
        "METADATA": metadata("odd", "1.0", requires_python=">=3.8 but not on Fridays").encode()
    },
    "a marker that does not parse": {
        "METADATA": metadata("odd", "1.0", requires_dist=["x; python_full_version >>> '3'"]).encode()
    },
    "an extension that is no ELF file": {"RECORD": b"odd.so,,\n"},
    "an extension that is not there": {"RECORD": b"gone.so,,\n"},
    "no record of files": {"RECORD": None},
}


@pytest.mark.parametrize("what", ODD)
def test_what_cannot_be_checked_is_reported_and_never_a_reason(user, what):
    venv = make_venv(user, "pyman", "v")
    fill(venv, **ODD[what])
    (site_packages(venv) / "odd.so").write_bytes(b"MZ no ELF file")
    moved = released(user)
    assert (moved.followed, moved.held_back) == (1, ())
    assert moved.notes, what
    assert {path for path, _ in moved.notes} == {str(venv)}
    assert version_of(venv) == NEW
    set_hold(read_places(user.environ), MINOR, OLD)
    # people read it, programs too
    result = user.pyman("unhold", MINOR)
    assert str(venv) in result.out
    assert "could not be" in result.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_folder_that_cannot_be_read(user):
    venv = make_venv(user, "pyman", "v")
    site_packages(venv).chmod(0)
    try:
        assert released(user).notes
    finally:
        site_packages(venv).chmod(0o755)


def test_a_fifo_in_the_place_of_metadata_hangs_nobody(user):
    venv = make_venv(user, "pyman", "v")
    os.mkfifo(fill(venv, METADATA=None) / "METADATA")
    moved = released(user)
    assert (moved.followed, len(moved.notes)) == (1, 1)


def test_a_fifo_in_the_place_of_settings_hangs_nobody(user):
    venv = make_venv(user, "pyman", "v")
    add_package(venv, "picky", requires_python=f"<{NEW}")
    os.unlink(venv / "pyvenv.cfg")
    os.mkfifo(venv / "pyvenv.cfg")
    assert user.json("unhold", MINOR, status=1)["error"]["code"] == "cannot-hold-back"
    assert released(user, check=False).followed == 1


@pytest.mark.real_archives("packages of their own")
def test_packages_of_the_base_count_where_the_venv_sees_them(user):
    """pip is installed in the runtime itself."""
    sees, does_not = user.project / "sees", user.project / "not"
    user.pyman("venv", sees, "--without-pip", "--system-site-packages")
    user.pyman("venv", does_not, "--without-pip")
    for venv in (sees, does_not):
        add_package(venv, "modern", requires_dist=[f"pip>=20; python_full_version >= '{NEW}'"])
    moved = released(user)
    assert [one.path for one in moved.held_back] == [str(does_not)]
    assert version_of(sees) == NEW


def test_only_the_library_of_the_minor_counts(user):
    """What another minor left behind is nobody's business."""
    venv = make_venv(user, "pyman", "v")
    other = venv / OTHER_SITE
    install_distribution(str(other), "picky", "1.0", requires_python=f"<{NEW}")
    assert released(user).held_back == ()


def test_many_reasons_become_one_line(user):
    venv = make_venv(user, "pyman", "v")
    for number in range(6):
        add_package(venv, f"picky-{number}", requires_python=f"<{NEW}")
    add_package(venv, "evil", "1.0\r", requires_python=f"<{NEW}")
    [held] = released(user).held_back
    assert "and 4 more" in held.reason
    assert setting(venv, "pyman-held-back") == f"{OLD} {held.reason}"
    assert (version_of(venv), len(held.reason.splitlines())) == (OLD, 1)


def test_a_venv_whose_release_is_gone_comes_forward(user):
    """Nothing that is left is worse than an interpreter that is not there."""
    venv = make_venv(user, "pyman", "v")
    add_package(venv, "picky", requires_python=f"<{NEW}")
    assert len(released(user).held_back) == 1
    user.pyman("uninstall", OLD, "--force")
    assert not os.path.exists(venv / "bin/python")
    os.unlink(user.runtimes / MINOR)
    [moved] = reconcile_aliases(read_places(user.environ))
    assert (moved.followed, moved.held_back) == (1, ())
    assert version_of(venv) == NEW


@pytest.mark.real_archives("symbols")
def test_the_exported_symbols_differ_as_they_do(user):
    """Some are new, and nothing was lost on the way."""
    old, new = (
        read_release(
            Base(
                str(user.runtimes / name / f"bin/python{MINOR}"),
                read_store(str(user.root)).runtime(name).version,
                "default",
            )
        )
        for name in (OLD, NEW)
    )
    assert added_symbols()[0] in new.symbols - old.symbols
    assert {"PyList_New", "_Py_NoneStruct"} <= old.symbols & new.symbols


# C by hand, Cython, Rust, and libraries that leave names of Python's form to each other.
WHEELS = ["numpy", "lxml", "cryptography", "pillow", "PySide6-Essentials shiboken6"]


@pytest.mark.parametrize("name", WHEELS)
def test_real_wheels_are_never_held_back(user, name, tmp_path_factory):
    if "PySide6" in name and not os.environ.get("PYMAN_TEST_LARGE"):
        pytest.skip("80 MB to fetch: set PYMAN_TEST_LARGE=1")
    wheels = tmp_path_factory.mktemp("wheels")
    places = read_places(user.environ)
    packages = user.project / SITE
    packages.mkdir(parents=True)
    unzip_wheels(str(packages), fetch_wheels(str(wheels), *name.split()))
    # What they need that is not there was not there before.
    store = read_store(places.root)
    follower = Follower(str(user.project), places.runtimes, MINOR, b"include-system-site-packages = false\n")
    for old, new in ((OLD, NEW), (NEW, OLD)):
        swap = Swap(MINOR, old, new)
        move = AliasMove(swap, store.runtime(old), store.runtime(new), updated=(follower,))
        checked = check_followers(move, (), store, {})
        assert (checked.newly_held, checked.notes) == ((), ())
        assert checked.updated == (follower,)
