"""A folder that holds more than a venv: nothing but the venv's own files is ever removed from it."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import time

import pytest

from stage.home import Home
from stage.mirror import MINOR, OLD, SITE, mirror_folder
from stage.somebody import SOMEBODY, as_root
from stage.wheels import install_distribution

MINE = ("main.py", "src/code.py", ".git/HEAD", "bin/run", "lib/mod.c", "doc/index.md", "include/x.h", "etc/app.conf")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("shared"), mirror_folder()).with_runtimes(OLD)
    home.pyman("venv", "warm")
    return home


@pytest.fixture
def user(shared, tmp_path):
    shared.project = tmp_path / "app"
    shared.project.mkdir()
    return shared


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


@pytest.fixture
def project(user):
    """A project whose folder is the venv, as `python -m venv .` makes it, with a package."""
    write(user.project, *MINE)
    user.run(user.runtimes / f"{MINOR}/bin/python{MINOR}", "-B", "-m", "venv", "--without-pip", user.project)
    (user.project / ".gitignore").write_text("*.o\n")
    site = user.project / SITE
    install_distribution(str(site), "spam", "1.0", scripts={"spam": "spam:main"})
    record(user.project, site / "spam-1.0.dist-info", {"share/man/spam.1": "of spam", "etc/spam.conf": "of spam"})
    return user


def record(venv, dist_info, data):
    """Data files of a package, and their rows in RECORD."""
    rows = ""
    for name, content in data.items():
        (venv / name).parent.mkdir(parents=True, exist_ok=True)
        (venv / name).write_text(content)
        rows += f"../../../{name},{hash_of(content)},{len(content)}\n"
    with open(dist_info / "RECORD", "a") as file:
        file.write(rows)


def hash_of(content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


REMOVING = {
    "clear here": ("venv", "--clear", "."),
    "clear": ("venv", "{project}", "--clear", "--without-pip"),
    "remove": ("venvs", "--remove", "{project}"),
}


@pytest.mark.parametrize("words", REMOVING.values(), ids=REMOVING)
def test_it_is_refused_with_what_is_not_the_venvs(words, project):
    before = project.tree(project.project)
    words = [word.format(project=project.project) for word in words]
    error = project.json(*words, status=1)["error"]
    assert error["code"] == "other-files"
    assert error["message"].endswith("contains files that are not part of a venv: .git, .gitignore, main.py, src")
    assert "--yes` removes only the venv's own files" in error["hint"]
    assert project.tree(project.project) == before
    # The hint is a command that works.
    command = error["hint"].split("`")[1].split()[1:]
    project.pyman(*(word.strip("'") for word in command), "--without-pip" if words[0] == "venv" else "-q")
    for name in MINE:
        assert (project.project / name).read_text() == "mine", name


def test_removing_with_a_yes_leaves_the_project_alone(project):
    inode = os.stat(project.project).st_ino
    record = project.json("venvs", "--remove", project.project, "--yes")
    assert record["changed"] == [str(project.project)]
    assert files(project.project) == sorted((*MINE, ".gitignore"))
    assert os.stat(project.project).st_ino == inode
    assert os.listdir(project.root / "venvs") == [name for name in os.listdir(project.root / "venvs") if name[0] != "."]


def test_clearing_with_a_yes_makes_another_venv_around_the_project(project):
    inode = os.stat(project.project).st_ino
    project.pyman("venv", ".", "--clear", "--yes", "--prompt", "new")
    assert os.stat(project.project).st_ino == inode
    for name in MINE:
        assert (project.project / name).read_text() == "mine", name
    assert (project.project / ".gitignore").read_text() == "*.o\n"
    assert not list(project.project.rglob("spam*"))
    assert project.run("bin/python", "-I", "-c", "import sys; print(sys.prefix)") == str(project.project)
    assert project.run("bin/pip", "--version").startswith("pip ")
    # Once more, and back where it fails.
    before = project.tree(project.project)
    (project.path / "r.txt").write_text("nothing-of-this-name\n")
    project.pyman("venv", ".", "--clear", "--yes", "-r", project.path / "r.txt", PIP_NO_INDEX="1", status=1)
    assert project.tree(project.project) == before


def test_what_a_package_put_there_and_somebody_changed_stays(project):
    """RECORD is what a repository may say too: only what still has the recorded content is the package's."""
    (project.project / "etc/spam.conf").write_text("changed by its user")
    site = project.project / f"{SITE}/spam-1.0.dist-info"
    with open(site / "RECORD", "a") as file:
        file.write(
            f"../../../src/code.py,{hash_of('another')},7\n../../../main.py,,\n../../../.git/HEAD,{hash_of('mine')},4\n"
        )
        file.write("../../../../outside,,\n../../..,,\n/etc/passwd,,\n")
    project.pyman("venvs", "--remove", project.project, status=1)
    project.pyman("venvs", "--remove", project.project, "--yes")
    assert files(project.project) == sorted((*MINE, ".gitignore", "etc/spam.conf"))


def test_parts_that_are_links_are_not_looked_behind(project, tmp_path):
    for name in ("bin", "include"):
        shutil.move(project.project / name, tmp_path / f"{name}-elsewhere")
        (project.project / name).symlink_to(tmp_path / f"{name}-elsewhere")
    before = files(tmp_path / "bin-elsewhere")
    project.pyman("venvs", "--remove", project.project, "--yes")
    assert files(tmp_path / "bin-elsewhere") == before
    assert (project.project / "bin").is_symlink()


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        ((), False),
        ((".lock", "CACHEDIR.TAG", "pip-selfcheck.json", "__pycache__/x.pyc"), False),  # of tools
        (
            ("bin/mine", "share/jupyter/kernels/k/kernel.json", "share/python-wheels/pip.whl", f"{SITE}/mine.py"),
            False,
        ),  # put into the venv later
        (("share/mine",), True),
        (("doc/a/b.tex",), True),
        (("lib/mod.c",), True),
        (("include/x.h", "man/man1/x.1"), True),
        ((".pyvenv.cfg.pyman-999999999-0011aabb", ".pyman-unfinished"), False),  # pyman's own litter
        (("src/spam/.git/HEAD",), True),  # checked out by pip, and perhaps worked on
        ((".pyman-old-1-abcdef/pyvenv.cfg",), True),  # what no journal tells of
        (("data.sqlite",), True),
        ((".env",), True),
    ],
    ids=str,
)
@pytest.mark.parametrize("words", [("venv", "v", "--clear", "--without-pip"), ("venvs", "--remove", "v")], ids=" ".join)
def test_what_is_taken_for_a_venv_alone(words, names, refused, user):
    user.pyman("venv", "v", "--without-pip")
    write(user.project / "v", *names)
    user.pyman(*words, status=1 if refused else 0)
    for name in names if refused else ():
        assert (user.project / "v" / name).exists()


@pytest.mark.parametrize(
    "words",
    [("venv", "v", "--clear", "--without-pip"), ("venvs", "--remove", "v")],
    ids=" ".join,
)
def test_a_prefix_that_was_there_before_the_venv_is_kept(words, user):
    """`python -m venv ~/opt`: nothing at its top tells that other programs live there."""
    names = ("bin/tool", "lib/libtool.so.1", "doc/thesis.tex", "etc/tool.conf", "share/man/man1/tool.1")
    write(user.project / "v", *names)
    time.sleep(2.1)  # as coarse as times of files may be
    user.run(user.runtimes / f"{MINOR}/bin/python{MINOR}", "-B", "-m", "venv", "--without-pip", user.project / "v")
    told = user.pyman(*words, status=1)
    assert "bin/tool" in told.err + told.out
    for name in names:
        assert (user.project / "v" / name).exists()
    if words[:2] == ("venvs", "--remove"):
        user.pyman(*words, "--yes")
        assert files(user.project / "v") == sorted(names)


def test_notes_of_tools_are_told_from_files_of_projects(user):
    user.pyman("venv", "v", "--without-pip")
    (user.project / "v/.project").write_text(f"{user.project}\n")  # pipenv, virtualenvwrapper
    user.pyman("venv", "v", "--without-pip", "--clear")
    assert not (user.project / "v/.project").exists()
    (user.project / "v/.project").write_text('<?xml version="1.0"?>\n<projectDescription/>\n')  # Eclipse
    user.pyman("venv", "v", "--without-pip", "--clear", status=1)
    (user.project / "v/.project").unlink()
    (user.project / "v/.gitignore").write_text("# mine\n*.o\n")
    user.pyman("venv", "v", "--without-pip", "--clear", status=1)


def test_what_packages_put_at_the_top_goes_with_them(user):
    user.pyman("venv", "v", "--without-pip")
    venv = user.project / "v"
    site = venv / SITE
    install_distribution(str(site), "spam", "1.0")
    record(venv, site / "spam-1.0.dist-info", {"LICENSE": "of spam", "tests/a/b.py": "of spam"})
    (venv / "tests/mine.py").write_text("mine")
    user.pyman("venv", "v", "--without-pip", "--clear", status=1)
    (venv / "tests/mine.py").unlink()
    user.pyman("venv", "v", "--without-pip", "--clear")
    assert not (venv / "LICENSE").exists()


@as_root
def test_what_belongs_to_another_user_is_not_ours(user):
    user.pyman("venv", "v", "--without-pip")
    os.chown(user.project / "v", SOMEBODY, SOMEBODY)
    before = user.tree(user.project)
    for words in (("venv", "v", "--clear"), ("venvs", "--remove", "v"), ("venvs", "--remove", "v", "--yes")):
        assert user.json(*words, status=1)["error"]["code"] == "not-yours"
    assert user.tree(user.project) == before


@pytest.mark.parametrize("place", [".", ".local", ".local/share"])
@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["", "yes"])
def test_what_holds_the_home_or_the_store_is_no_venv_to_be_removed(yes, place, user):
    """`python -m venv ~/.local`: at its top there are names of a venv alone, and the user's data in `share`."""
    folder = user.path / place
    (folder / "pyvenv.cfg").write_text(f"home = {user.runtimes}/{MINOR}/bin\nversion = {OLD}\n")
    try:
        before = user.tree(user.path)
        for words in (("venv", "--clear", *yes), ("venvs", "--remove", *yes), ("rebuild", "--force")):
            assert user.pyman(*words, folder, status=1).err
            assert user.tree(user.path) == before
    finally:
        (folder / "pyvenv.cfg").unlink()


# Kills itself when it has asked the system for the n-th change.
DOOMED = """
import os, sys
left = int(sys.argv.pop(1))
changes = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock"}
def count(event, arguments):
    global left
    if event in changes or (event == "open" and arguments[2] & os.O_CREAT):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(count)
from pyman.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("words", "step"),
    [
        (("venv", ".", "--clear", "--yes", "--without-pip", "--prompt", "new"), 7),
        (("venvs", "--remove", ".", "--yes"), 3),
    ],
    ids=["clear", "remove"],
)
def test_killed_at_any_instant_the_project_stays(words, step, project, tmp_path):
    import sys

    kept = tmp_path / "kept"
    shutil.copytree(project.project, kept, symlinks=True)
    instant = 1
    ends = set()
    while True:
        process = subprocess.run(
            [sys.executable, "-c", DOOMED, str(instant), *words],
            cwd=project.project,
            env=project.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode != -9:
            assert process.returncode == 0, process
            break
        project.pyman("doctor", ".", "--fix", status=None)
        for name in MINE:
            assert (project.project / name).read_text() == "mine", (instant, name)
        assert not [name for name in os.listdir(project.project) if ".pyman-" in name], instant
        if files(project.project) == files(kept):
            ends.add("old")
        else:
            ends.add("new")
            for name in os.listdir(project.project):
                path = project.project / name
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            shutil.copytree(kept, project.project, symlinks=True, dirs_exist_ok=True)
        instant += step
    assert "old" in ends
    assert [name for name in os.listdir(project.root / "venvs") if name.startswith(".")] == []
