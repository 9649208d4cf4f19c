"""Real venvs that were moved or copied: after the edits their scripts and activation work at the new place."""

import base64
import csv
import hashlib
import json
import os
import shutil
import stat

import pytest

from pyman.core.relocation import edits_of_move
from pyman.effects.files import replace_file
from pyman.effects.venvs.moved_files import read_moved
from pyman.effects.venvs.on_disk import read_venv
from stage.mirror import MINOR, OLD, SITE, copy_of_tree
from stage.venvs import call, make_venv, peer, write
from stage.wheels import build_wheel, install_distribution


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    folder = os.path.realpath(tmp_path_factory.mktemp("real"))
    return f"{copy_of_tree(OLD, f'{folder}/cpython-{OLD}')}/bin/python{MINOR}"


@pytest.fixture
def place(tmp_path):
    return os.path.realpath(tmp_path)


def make(tool, python, venv, folder):
    wheel = build_wheel(f"{folder}/wheels", "spam", "1.0", scripts={"spam": "spam:main"})
    environ = {"HOME": folder, "UV_OFFLINE": "1", "UV_CACHE_DIR": f"{folder}/cache"}
    if tool == "venv":
        call(python, "-m", "venv", venv)
        call(f"{venv}/bin/pip", "install", "-q", "--no-index", wheel)
    elif tool == "virtualenv":
        call(peer("virtualenv"), "-q", "-p", python, venv, HOME=f"{folder}/home")
        call(peer("uv"), "pip", "install", "-q", "-p", f"{venv}/bin/python", wheel, **environ)
    else:
        call(peer("uv"), "venv", "-q", "-p", python, venv, **environ)
        call(peer("uv"), "pip", "install", "-q", "-p", f"{venv}/bin/python", wheel, **environ)


def mend(venv):
    facts = read_venv(venv)
    edits = edits_of_move(*read_moved(facts))
    for edit in edits:
        with open(edit.path, "rb") as file:
            assert file.read() == edit.before
        replace_file(edit.path, edit.after, stat.S_IMODE(os.stat(edit.path).st_mode))
    return edits


def check(venv, old):
    """Its script, its activation and its RECORD are those of a venv that was always here."""
    assert call(f"{venv}/bin/spam") == "spam 1.0\n"
    shown = call("sh", "-c", '. "$1"; printf %s "$VIRTUAL_ENV"; command -v spam', "sh", f"{venv}/bin/activate")
    assert shown == f"{venv}{venv}/bin/spam\n"
    site_packages = f"{venv}/{SITE}"
    for name in os.listdir(site_packages):
        record = f"{site_packages}/{name}/RECORD"
        if not os.path.exists(record):
            continue
        with open(record, encoding="utf-8", newline="") as file:
            for path, digest, size in csv.reader(file):
                # virtualenv lists its scripts without a hash.
                if path.startswith("../") and digest:
                    with open(os.path.join(site_packages, path), "rb") as listed:
                        content = listed.read()
                    found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                    assert (f"sha256={found}", str(len(content))) == (digest, size)
    for name in ("spam", "pip", "activate", "activate.fish", "activate.csh"):
        if os.path.exists(f"{venv}/bin/{name}"):
            with open(f"{venv}/bin/{name}", "rb") as file:
                assert os.fsencode(old) not in file.read(), name
    with open(f"{venv}/pyvenv.cfg", encoding="utf-8") as file:
        assert f"{old}\n" not in file.read()


@pytest.mark.parametrize(
    ("tool", "to"),
    [
        ("venv", "moved"),
        ("virtualenv", "moved"),
        ("uv", "moved"),
        ("virtualenv", "with space"),
        ("uv", "with space"),
        ("uv", "it's $HOME"),
        ("uv", "x" * 120),
    ],
)
def test_a_moved_venv_works_again(place, python, tool, to):
    old, new = f"{place}/project/.venv", f"{place}/{to}/.venv"
    make(tool, python, old, place)
    mine = write(f"{old}/bin/mine", f"#!{old}/bin/python\nprint('mine')\n", 0o755)
    with open(mine, "rb") as file:
        before = file.read()
    os.rename(f"{place}/project", f"{place}/{to}")
    assert mend(new)
    check(new, old)
    with open(f"{new}/bin/mine", "rb") as file:
        assert file.read() == before
    assert os.stat(f"{new}/bin/spam").st_mode & 0o111
    # The second time there is nothing left to do.
    assert read_venv(new).moved_from is None
    # And back: the other form of every header.
    os.rename(f"{place}/{to}", f"{place}/project")
    assert mend(old)
    check(old, new)


def test_a_copy_is_mended_and_the_original_is_not_touched(place, python):
    old, new = f"{place}/project/.venv", f"{place}/copy/.venv"
    make("uv", python, old, place)
    shutil.copytree(old, new, symlinks=True)
    before = {entry.name: os.lstat(entry.path).st_ino for entry in os.scandir(f"{old}/bin")}
    mend(new)
    check(new, old)
    assert {entry.name: os.lstat(entry.path).st_ino for entry in os.scandir(f"{old}/bin")} == before
    assert read_venv(old).moved_from is None


def test_editable_installs_follow_their_sources_where_these_moved_along(place, python):
    old, new = f"{place}/project/.venv", f"{place}/elsewhere/.venv"
    make_venv(old, python)
    site_packages = f"{old}/{SITE}"
    write(f"{place}/project/src/where.py", "")
    write(f"{place}/shared/lib.py", "")
    install_distribution(
        site_packages,
        "demo",
        "1.0",
        files={"demo.pth": f"{place}/project/src\n{place}/shared\n{place}/project/never\n"},
        direct_url={"url": f"file://{place}/project", "dir_info": {"editable": True}},
    )
    os.rename(f"{place}/project", f"{place}/elsewhere")
    mend(new)
    moved = f"{new}/{SITE}"
    with open(f"{moved}/demo.pth", encoding="utf-8") as file:
        assert file.read() == f"{place}/elsewhere/src\n{place}/shared\n{place}/project/never\n"
    with open(f"{moved}/demo-1.0.dist-info/direct_url.json", encoding="utf-8") as file:
        assert json.load(file)["url"] == f"file://{place}/elsewhere"
    asked = call(f"{new}/bin/python", "-c", "import where; print(where.__file__)").strip()
    assert asked == f"{place}/elsewhere/src/where.py"


def test_sources_that_stayed_are_still_named(place, python):
    old, new = f"{place}/project/.venv", f"{place}/elsewhere/.venv"
    make_venv(old, python)
    write(f"{old}/{SITE}/demo.pth", f"{place}/project/src\n")
    write(f"{place}/project/src/demo.py")
    write(f"{place}/elsewhere/src/demo.py")
    os.rename(old, new)
    assert f"{new}/{SITE}/demo.pth" not in {edit.path for edit in mend(new)}


def test_what_is_no_regular_file_is_left_alone(place, python):
    old, new = f"{place}/project/.venv", f"{place}/elsewhere/.venv"
    make_venv(old, python)
    site_packages = f"{old}/{SITE}"
    dist_info = install_distribution(site_packages, "demo", "1.0", scripts={"demo": "demo:main"})
    os.mkfifo(f"{site_packages}/fifo.pth")
    os.mkdir(f"{old}/bin/activate.fish")
    secret = write(f"{place}/secret", f"#!{old}/bin/python\n")
    if os.path.lexists(f"{old}/bin/demo"):
        os.unlink(f"{old}/bin/demo")
    os.symlink(secret, f"{old}/bin/demo")
    with open(f"{dist_info}/RECORD", "a", encoding="utf-8") as file:
        file.write("../../../bin/demo,sha256=x,1\n../../../../../secret,sha256=x,1\n../../../bin/fifo,sha256=x,1\n")
    os.mkfifo(f"{old}/bin/fifo")
    os.rename(f"{place}/project", f"{place}/elsewhere")
    assert [os.path.relpath(edit.path, new) for edit in mend(new)] == ["bin/activate"]
