"""Which name of the store a venv goes through, by every way and every name; and each venv once, however it is known."""

from __future__ import annotations

import os

import pytest

from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.records import remember
from pyman.effects.venvs.uses import Uses
from stage.uses import ELSEWHERE, WAYS, elsewhere
from stage.uses import Uses as Stage
from stage.venvs import make_prefix, write

NAMES = ("3", "3.11", "3.11.2", "3.13", "3.13.5", "3.13.15", "3.14t")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("store"))
    for release in ("3.11.2", "3.13.5", "3.13.15"):
        make_prefix(f"{root}/runtimes/{release}", release, manifest=True)
    for alias, target in (("3", "3.13"), ("3.11", "3.11.2"), ("3.13", "3.13.15")):
        os.symlink(target, f"{root}/runtimes/{alias}")
    return root


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_and_every_name(root, tmp_path, way, name):
    stage = Stage(str(tmp_path), root)
    venv = stage.make(way, name, f"{tmp_path}/v")
    use = Uses(root).of(venv)
    assert (use.path, use.place, use.name) == (venv, venv, name)
    assert f"{use.runtimes}/" in (f"{root}/runtimes/", f"{os.path.realpath(root)}/runtimes/")
    # A store that is reached by a link to it is the same store.
    os.symlink(root, f"{tmp_path}/link")
    assert Uses(f"{tmp_path}/link").of(venv).name == name
    # doctor looks at the same links.
    facts = read_venv(venv)
    assert facts.problems == () or way == "without_python"
    if name != "3.14t" and not use.by_home:
        assert facts.python is not None


@pytest.mark.parametrize("way", ELSEWHERE)
def test_what_goes_elsewhere(root, tmp_path, way):
    assert Uses(root).of(elsewhere(way, f"{tmp_path}/v")) is None


@pytest.mark.parametrize("text", ["v", "./v\n", "{}/v"])
def test_a_text_file_in_the_place_of_a_venv(root, tmp_path, text):
    stage = Stage(str(tmp_path), root)
    stage.make("link", "3.13", f"{tmp_path}/v")
    stage.make("copy", "3.11", f"{tmp_path}/w")
    write(f"{tmp_path}/.venv", text.format(tmp_path))
    use = Uses(root).of(f"{tmp_path}/.venv")
    assert (use.path, use.place, use.name) == (f"{tmp_path}/.venv", os.path.realpath(f"{tmp_path}/v"), "3.13")
    for wrong in ("", "a\nb", "nothing", "\0", "x" * 5000):
        write(f"{tmp_path}/wrong", wrong)
        assert Uses(root).of(f"{tmp_path}/wrong") is None


def test_what_is_no_venv(root, tmp_path):
    venv = Stage(str(tmp_path), root).make("link", "3.13", f"{tmp_path}/v")
    os.unlink(f"{venv}/pyvenv.cfg")
    assert Uses(root).of(venv) is None
    assert Uses(root).of(f"{tmp_path}/nothing") is None
    os.symlink("x", f"{tmp_path}/x")
    assert Uses(root).of(f"{tmp_path}/x") is None
    os.mkfifo(f"{tmp_path}/fifo")
    assert Uses(root).of(f"{tmp_path}/fifo") is None


def test_each_venv_once_by_its_own_path(tmp_path):
    root = f"{tmp_path}/root"
    stage = Stage(str(tmp_path), root)
    venv = stage.make("link", "3.13", f"{tmp_path}/central")
    os.mkdir(f"{tmp_path}/a")
    os.mkdir(f"{tmp_path}/z")
    os.symlink(venv, f"{tmp_path}/a/.venv")
    write(f"{tmp_path}/z/.venv", venv)
    # Two projects, and the venv is not known by its own path.
    for project in "az":
        remember(root, f"{tmp_path}/{project}/.venv")
    ((use,), unseen) = Uses(root).of_known()
    assert (use.path in (f"{tmp_path}/a/.venv", f"{tmp_path}/z/.venv"), unseen) == (True, [])
    for known in (lambda: Uses(root).of_known([venv]), lambda: Uses(root).of_known()):
        if known is not None:
            remember(root, venv)
        ((use,), unseen) = known()
        assert (use.path, unseen) == (venv, [])


def test_a_copy_of_a_folder_by_hard_links_is_another_venv(tmp_path):
    root = f"{tmp_path}/root"
    venv = Stage(str(tmp_path), root).make("link", "3.13", f"{tmp_path}/v")
    os.makedirs(f"{tmp_path}/w/bin")
    os.symlink(os.readlink(f"{venv}/bin/python"), f"{tmp_path}/w/bin/python")
    os.link(f"{venv}/pyvenv.cfg", f"{tmp_path}/w/pyvenv.cfg")
    assert len(Uses(root).of_known([venv, f"{tmp_path}/w"])[0]) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_where_the_system_refuses_a_look(tmp_path):
    root = f"{tmp_path}/root"
    stage = Stage(str(tmp_path), root)
    (tmp_path / "shut").mkdir()
    inside = stage.make("link", "3.13", f"{tmp_path}/shut/v")
    behind = elsewhere("gone", f"{tmp_path}/v")
    os.unlink(f"{behind}/bin/python")
    os.symlink(f"{tmp_path}/shut/python", f"{behind}/bin/python")
    remember(root, inside)
    (tmp_path / "shut").chmod(0)
    try:
        assert Uses(root).of_known([behind]) == ([], [inside, behind])
    finally:
        (tmp_path / "shut").chmod(0o755)
