"""What bases lend, read from their folders: once in a run, however many venvs borrow."""

from __future__ import annotations

import os

import pytest

from pyman.core.relink import Target
from pyman.core.version import Version
from pyman.effects.packages import donors
from pyman.effects.packages.donors import Donor, Donors
from pyman.effects.venvs.on_disk import read_venv
from stage.venvs import make_prefix, make_venv, write

FLAG = "include-system-site-packages = true\n"


@pytest.fixture
def folder(tmp_path):
    return os.path.realpath(tmp_path)


def target(prefix, minor="3.13"):
    version = Version(3, int(minor.split(".")[1]), 15)
    return Target(f"{prefix}/bin", f"{prefix}/bin/python{minor}", version, "default", prefix, in_store=False)


def borrower(path, prefix, **named):
    venv = make_venv(path, f"{prefix}/bin/python3.13", **named)
    with open(f"{venv}/pyvenv.cfg", "a", encoding="utf-8") as file:
        file.write(FLAG)
    return read_venv(venv)


def lend(prefix, name="lent", library="python3.13"):
    write(f"{prefix}/lib/{library}/site-packages/{name}-1.0.dist-info/METADATA")


def test_a_thousand_venvs_read_a_base_once(folder, monkeypatch):
    old, new = (make_prefix(f"{folder}/{name}", "3.13.5") for name in ("old", "new"))
    lend(old)
    venvs = [borrower(f"{folder}/venvs/{number}", old) for number in range(5)]
    looked = []
    real = os.scandir
    monkeypatch.setattr(donors.os, "scandir", lambda path: looked.append(path) or real(path))
    once = Donors()
    for facts in venvs * 200:
        assert once.losses(facts, target(new)) == ("lent 1.0",)
    of_bases = [path for path in looked if not path.startswith(f"{folder}/venvs")]
    assert len(of_bases) == len(set(of_bases))
    # Where a base lends nothing, no venv is looked into.
    looked.clear()
    for facts in venvs * 200:
        assert once.losses(facts, target(old)) == ()
    assert looked == []


def test_only_the_line_counts(folder):
    old, new = (make_prefix(f"{folder}/{name}", "3.13.5") for name in ("old", "new"))
    lend(old)
    plain = read_venv(make_venv(f"{folder}/plain", f"{old}/bin/python3.13"))
    assert Donors().losses(plain, target(new)) == ()
    assert Donors().losses(borrower(f"{folder}/flagged", old), target(new)) == ("lent 1.0",)


def test_one_base_by_two_names(folder):
    old = make_prefix(f"{folder}/3.13.5", "3.13.5")
    os.symlink("3.13.5", f"{folder}/3.13")
    lend(old)
    assert Donors().losses(borrower(f"{folder}/v", old), target(f"{folder}/3.13")) == ()


def test_another_minor_has_folders_of_its_own(folder):
    prefix = make_prefix(f"{folder}/usr", "3.13.5")
    os.remove(f"{prefix}/bin/python3"), os.remove(f"{prefix}/bin/python")
    make_prefix(prefix, "3.14.0")
    lend(prefix)
    write(f"{prefix}/lib/python3/dist-packages/for_all-1.0.egg-info")
    facts = borrower(f"{folder}/v", prefix)
    assert Donors().losses(facts, target(prefix, "3.14")) == ("lent 1.0",)


def test_home_says_where_the_packages_are(folder):
    """A farm of links: the interpreter is one, and the library a folder with more in it."""
    real = make_prefix(f"{folder}/stow/python-3.13", "3.13.5")
    farm = f"{folder}/local"
    os.makedirs(f"{farm}/bin")
    os.symlink(f"{real}/bin/python3.13", f"{farm}/bin/python3.13")
    write(f"{farm}/lib/python3.13/os.py")
    lend(farm)
    new = make_prefix(f"{folder}/new", "3.13.15")
    assert Donors().losses(borrower(f"{folder}/v", farm), target(new)) == ("lent 1.0",)
    # And of a lone link without a library beside it, those of where it leads.
    os.makedirs(f"{folder}/bin")
    os.symlink(f"{real}/bin/python3.13", f"{folder}/bin/python3.13")
    write(f"{folder}/lib/python3/dist-packages/debian-1.0.egg-info")
    assert Donors().losses(borrower(f"{folder}/w", folder), target(new)) == ()
    lend(real, "real")
    assert Donors().losses(borrower(f"{folder}/x", folder), target(new)) == ("real 1.0",)
    assert Donors().losses(borrower(f"{folder}/y", real), target(folder)) == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_packages_that_cannot_be_listed_are_not_taken_for_none(folder):
    old, new = (make_prefix(f"{folder}/{name}", "3.13.5") for name in ("old", "new"))
    lend(old)
    os.chmod(f"{old}/lib/python3.13/site-packages", 0)
    (lost,) = Donors().losses(borrower(f"{folder}/v", old), target(new))
    assert "which cannot be read" in lost
    os.chmod(f"{old}/lib/python3.13/site-packages", 0o755)


def test_pth_files_of_strangers_hang_nobody(folder):
    packages = f"{folder}/old/lib/python3.13/site-packages"
    os.makedirs(packages)
    os.mkfifo(f"{packages}/a.pth")
    write(f"{packages}/b.pth", "/nowhere\n" + "\n".join(f"{folder}/{number}" for number in range(100_000)))
    write(f"{packages}/c.pth", f"{folder}/more\n/\xff\n".encode("latin-1"))
    write(f"{folder}/more/lent-1.0.egg-info")
    old, new = (Donor(f"{folder}/{name}", "python3.13") for name in ("old", "new"))
    assert Donors().missed(old, new, "/nowhere") == ("lent 1.0",)
