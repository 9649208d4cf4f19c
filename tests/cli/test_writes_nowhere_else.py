"""Nothing outside of a venv is written, whatever its folders, its links and its project's files lead to."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from stage.home import Home
from stage.machine import Machine
from stage.mirror import LIBRARY, MINOR, NEW, OLD, SITE
from stage.venvs import make_prefix, make_venv, write
from stage.wheels import install_distribution

FOLDERS = ["bin", "lib", LIBRARY, SITE]
WRITERS = [
    ("doctor", "--fix", "--yes"),
    ("doctor", "--fix", "--yes", "{venv}"),
    ("pin", "{venv}"),
    ("follow", "{venv}"),
    ("rebuild", "{venv}", "--force"),
    ("rebuild", "{venv}"),
    ("hold", MINOR, OLD),
    ("uninstall", OLD, "--relink"),
]


def lead_out(machine, venv, name):
    """Put a folder of a venv beside the project, and a link to it in its place."""
    outside = machine.path / "outside"
    os.rename(f"{venv}/{name}", outside)
    os.symlink(os.path.relpath(outside, os.path.dirname(f"{venv}/{name}")), f"{venv}/{name}")
    return outside


@pytest.mark.parametrize("name", FOLDERS)
def test_a_venv_with_a_folder_elsewhere_is_not_changed_by_anything(tmp_path, name):
    machine = Machine(tmp_path, OLD, NEW)
    activate = f"{machine.path}/before/.venv"
    venv = make_venv(
        f"{machine.path}/app/.venv", str(machine.python(OLD)), extra=f"version = {OLD}\n", activate=activate
    )
    install_distribution(f"{venv}/{SITE}", "spam", "1.0", scripts={"spam": "spam:main"})
    outside = lead_out(machine, venv, name)
    machine.pyman("register", venv)
    before = machine.exact(machine.path / "app"), machine.exact(outside)
    for words in WRITERS:
        machine.pyman(*(word.format(venv=venv) for word in words), status=None)
        assert (machine.exact(machine.path / "app"), machine.exact(outside)) == before, words
    told = {one["code"]: one for one in machine.json("doctor", venv, "--fix", "--yes", status=1)["findings"]}
    assert {one["status"] for one in told.values()} == {"open"}
    link = os.readlink(f"{venv}/{name}")
    assert {one["repair"] for one in told.values()} == {
        f"not repaired: {name} is a link to {link}, and pyman writes only into a venv's own folders"
    }
    refused = machine.json("pin", venv, status=1)["error"]
    assert (refused["code"], f"{name} is a link to {link}" in refused["message"]) == ("not-own-folder", True)


def test_followers_with_a_folder_elsewhere(tmp_path):
    """A move has lines to rewrite, and one to hold back: neither is done, and the latter stops it."""
    machine = Machine(tmp_path, OLD, NEW)
    venv = make_venv(f"{machine.path}/app/.venv", str(machine.python()), extra=f"version = {NEW}\n")
    outside = lead_out(machine, venv, "bin")
    machine.pyman("register", venv)
    before = machine.exact(machine.path / "app"), machine.exact(outside)
    (moved,) = machine.json("hold", MINOR, OLD)["moved"]
    assert moved["notes"] == [{"path": venv, "note": "was not updated: bin is a link to ../../outside"}]
    assert (machine.exact(machine.path / "app"), machine.exact(outside)) == before
    machine.pyman("unhold", MINOR)
    install_distribution(f"{venv}/{SITE}", "eggs", "1.0", requires_python=f">={NEW}")
    before = machine.exact(machine.path / "app"), machine.exact(outside)
    refused = machine.json("rollback", MINOR, status=1)["error"]
    assert (refused["code"], "bin is a link" in refused["message"]) == ("cannot-hold-back", True)
    assert (machine.exact(machine.path / "app"), machine.exact(outside)) == before


def test_files_that_lead_elsewhere_are_replaced_and_never_written_into(tmp_path):
    """Links in `bin` and in a package's folder, and names that another venv has too."""
    machine = Machine(tmp_path, OLD, NEW)
    old = f"{machine.path}/before/.venv"
    venv = make_venv(f"{machine.path}/app/.venv", str(machine.python()), activate=old)
    packages = f"{venv}/{SITE}"
    info = install_distribution(packages, "spam", "1.0", scripts={"spam": "spam:main"})
    elsewhere = machine.path / "elsewhere"
    elsewhere.mkdir()
    header = f"#!{old}/bin/python\nimport spam\n"
    with open(f"{info}/RECORD", "a", encoding="utf-8") as record:
        record.write("../../../bin/spam,,\n")
    write(f"{venv}/bin/spam", header, 0o755)
    os.link(f"{venv}/bin/spam", elsewhere / "spam")
    os.link(f"{venv}/bin/activate", elsewhere / "activate")
    os.link(f"{venv}/pyvenv.cfg", elsewhere / "pyvenv.cfg")
    write(str(elsewhere / "linked"), header, 0o755)
    os.symlink(elsewhere / "linked", f"{venv}/bin/linked")
    # A package whose folder of records lies elsewhere, and names the old place.
    shutil.copytree(os.path.join(packages, os.path.basename(str(info))), elsewhere / "far-1.0.dist-info")
    write(str(elsewhere / "far-1.0.dist-info/direct_url.json"), f'{{"url": "file://{machine.path}/before"}}')
    write(str(elsewhere / "far-1.0.dist-info/RECORD"), f"{old}/bin/spam,,\n../../../bin/linked,,\n")
    os.symlink(elsewhere / "far-1.0.dist-info", f"{packages}/far-1.0.dist-info")
    # Which links a file has is told by its inode, so its number of names is left out.
    before = machine.exact(elsewhere)
    assert machine.found(venv, "--fix", status=None)["app/.venv"][0] == "moved fixed"
    assert machine.exact(elsewhere) == before
    assert (elsewhere / "spam").read_text() == header
    with open(f"{venv}/bin/spam", encoding="utf-8") as file:
        assert file.readline() == f"#!{venv}/bin/python\n"


@pytest.mark.parametrize("how", ["link", "file"])
@pytest.mark.parametrize("known", [False, True])
def test_a_clone_names_another_venv_of_the_users(tmp_path, how, known):
    """`doctor`, `pin`, `follow`, `rebuild`, `venvs --remove` and `venv --clear` in it leave that venv alone."""
    machine = Machine(tmp_path, OLD, NEW)
    other = machine.venv("other", machine.python(OLD))
    if known:
        machine.pyman("register", other)
    (machine.project / ".git").mkdir()
    pointer = machine.project / ".venv"
    if how == "link":
        pointer.symlink_to("../other/.venv")
    else:
        pointer.write_text("../other/.venv\n")
    before = machine.exact(other)
    for words in [
        ("pin",),
        ("pin", pointer),
        ("follow",),
        ("rebuild",),
        ("rebuild", pointer, "--force"),
        ("venvs", "--remove", pointer),
    ]:
        refused = machine.json(*words, status=1)["error"]
        assert (refused["code"], str(other) in refused["hint"]) == ("leads-elsewhere", True), words
        assert machine.exact(other) == before
    machine.pyman("venv", "--clear", "--without-pip", status=1)
    assert machine.exact(other) == before
    if not known:
        for words in ((), (".",), (pointer,)):
            machine.pyman("doctor", *words, "--fix", "--yes", status=None)
            machine.pyman("venvs", *words, status=None)
            assert machine.exact(other) == before
        assert not (machine.root / "venvs").exists() or os.listdir(machine.root / "venvs") == []
    assert os.path.lexists(pointer)


def test_a_link_inside_of_the_project_is_the_projects_own(tmp_path):
    machine = Machine(tmp_path, OLD, NEW)
    real = machine.venv("project/envs/dev", machine.python(OLD))
    (machine.project / "pyproject.toml").touch()
    (machine.project / ".venv").symlink_to(real)
    assert machine.found("--fix", status=0) == {"project/.venv": ["stale-patch fixed"]}
    machine.pyman("pin")
    assert "pyman-policy = pin" in (real / "pyvenv.cfg").read_text()


@pytest.fixture
def anothers_home():
    """A home of user 12345, where that user may look: not below pytest's folder, which is root's alone."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    folder = Path(tempfile.mkdtemp(prefix="pyman-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_another_user_is_told_that_a_folder_is_not_his(anothers_home):
    """`sudo` recreated `bin`: the user's pyman says so and leaves the venv as it is."""
    home = Home(anothers_home)
    prefix = make_prefix(f"{home.path}/versions/{OLD}", OLD, patchlevel=True)
    venv = make_venv(f"{home.path}/app/.venv", f"{prefix}/bin/python{MINOR}", extra=f"version = {MINOR}.1\n")
    for above, folders, files in os.walk(anothers_home):
        for name in (*folders, *files):
            os.chown(os.path.join(above, name), 12345, 12345, follow_symlinks=False)
    command = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable, "-m", "pyman"]

    def pyman(*words):
        return subprocess.run(
            [*command, *words], capture_output=True, text=True, env=home.environ, cwd="/", check=False
        )

    if pyman("--version").returncode != 0:
        pytest.skip("another user cannot run this pyman")
    os.chown(f"{venv}/bin", 0, 0)
    os.chmod(f"{venv}/bin", 0o777)
    before = home.exact(home.path / "app")
    for words in (("doctor", venv, "--fix"), ("pin", venv), ("rebuild", venv)):
        done = pyman(*words)
        assert done.returncode == 1, done
        assert "bin belongs to another user" in done.stdout + done.stderr, done
        assert home.exact(home.path / "app") == before
    # And it is the folder's owner that counts, not that it could be written.
    os.chown(f"{venv}/bin", 12345, 12345)
    assert "1 repaired" in pyman("doctor", venv, "--fix").stdout


def test_a_venv_that_is_exchanged_while_its_packages_are_installed_is_not_tried(tmp_path):
    """In a folder that others may write: what they put in its place is not started to see whether it works."""
    home = Home(tmp_path).with_runtimes(OLD)
    home.pyman("venv", "--without-pip")
    venv = f"{home.project}/.venv"
    for name in (f"spam{number}" for number in range(100)):  # To look at them takes a while.
        install_distribution(f"{venv}/{SITE}", name, "1.0", scripts={name: "spam:main"})
        write(f"{venv}/bin/{name}", "#!/bin/sh\nif __name__ == '__main__': pass\n", 0o755)
    shutil.copytree(venv, tmp_path / "theirs", symlinks=True)
    os.unlink(tmp_path / "theirs/bin/python")
    write(f"{tmp_path}/theirs/bin/python", f"#!/bin/sh\n: >'{tmp_path}/started'\n", 0o755)
    # What installs is the moment at which somebody exchanges it.
    write(f"{tmp_path}/tools/uv", f"#!/bin/sh\nmv '{venv}' '{venv}-away'\nmv '{tmp_path}/theirs' '{venv}'\n", 0o755)
    path = f"{tmp_path}/tools:/usr/bin:/bin"
    refused = home.json("rebuild", "--force", "--installer", "uv", status=1, PATH=path)
    assert "was replaced by another folder" in str(refused), refused
    assert not (tmp_path / "started").exists()
