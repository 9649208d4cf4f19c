"""`pyman venv`: what it makes, what it says, what it refuses, and that nothing is left where it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyman.core.pyvenv_cfg import parse_pyvenv_cfg
from stage.home import Home, bundled_pip
from stage.mirror import LIBRARY, MINOR, NEW, OLD, OTHER, OTHER_MINOR, mirror_folder
from stage.wheels import build_wheel

FORBIDDEN = {
    "dataclasses",
    "re",
    "pathlib",
    "tomllib",
    "typing",
    "json",
    "subprocess",
    "hashlib",
    "threading",
    "signal",
    "enum",
    "shutil",
    "tempfile",
    "typer",
    "packaging",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A home that no test changes but by adding venvs; pip is in its cache."""
    home = Home(tmp_path_factory.mktemp("shared"), mirror_folder()).with_runtimes(OTHER, OLD, NEW)
    home.pyman("venv", "warm")
    return home


@pytest.fixture
def user(shared, tmp_path):
    """The shared home, in an empty folder of its own."""
    shared.project = tmp_path / "project"
    shared.project.mkdir()
    return shared


@pytest.fixture
def owner(tmp_path):
    """A home with a store of its own, to be changed."""
    return Home(tmp_path, mirror_folder()).with_runtimes(OLD, NEW)


def settings_of(venv):
    return parse_pyvenv_cfg(os.fsdecode((venv / "pyvenv.cfg").read_bytes()))


def test_it_follows_and_says_so(user):
    answer = user.pyman("venv", SHELL="/bin/bash")
    home = user.runtimes / f"{MINOR}/bin"
    assert answer.out.splitlines() == [
        f"created .venv with Python {NEW}",
        f"follows {MINOR} (now {NEW})",
    ]
    assert answer.err == "activate it with: source .venv/bin/activate\n"
    assert os.readlink(user.project / ".venv/bin/python") == f"{home}/python{MINOR}"
    assert (user.project / ".venv/.gitignore").read_text() == "*\n"
    assert [os.readlink(link) for link in (user.root / "venvs").glob("project-*")] == [str(user.project / ".venv")]
    # What it follows moves, and it runs the other release.
    told = user.run(".venv/bin/pip", "--version")
    assert told.startswith(f"pip {bundled_pip(user.runtimes / NEW)} ")


def test_it_is_pinned_and_says_so(user):
    answer = user.pyman("venv", "-p", OLD, "v")
    assert answer.out.splitlines()[1] == f"pinned to {OLD}"
    assert user.run("v/bin/python", "-c", "import sys; print(sys.version_info[2])") == "5"


def test_json(user):
    home = user.runtimes
    assert user.json("venv", "a") == {
        "schema": "pyman/1",
        "path": str(user.project / "a"),
        "python": NEW,
        "request": MINOR,
        "policy": "follow",
        "home": str(home / f"{MINOR}/bin"),
        "alias": MINOR,
        "changed": [str(user.project / "a")],
    }
    pinned = user.json("venv", "b", "-p", f">={MINOR},<{NEW}", "--without-pip")
    assert (pinned["policy"], pinned["alias"], pinned["home"]) == ("pin", None, str(home / f"{OLD}/bin"))


CHOICES = [
    # words, what stands there, then request, python and policy
    ([], {}, (MINOR, NEW, "follow")),
    (["-p", OTHER_MINOR], {}, (OTHER_MINOR, OTHER, "follow")),
    (["-p", "3"], {}, ("3", NEW, "follow")),
    (["-p", f">={OTHER_MINOR},<{MINOR}"], {}, (f">={OTHER_MINOR},<{MINOR}", OTHER, "follow")),
    (["-p", f"=={OLD}"], {}, (f"=={OLD}", OLD, "pin")),
    (["-p", f"python{OTHER_MINOR}"], {}, (f"python{OTHER_MINOR}", OTHER, "follow")),
    (["--pin"], {}, (MINOR, NEW, "pin")),
    (["--pin", "-p", OTHER_MINOR], {}, (OTHER_MINOR, OTHER, "pin")),
    ([], {".python-version": f"{OTHER_MINOR}\n"}, (OTHER_MINOR, OTHER, "follow")),
    ([], {".python-version": f"3.9\n{OLD}\n"}, (OLD, OLD, "pin")),
    ([], {"pyproject.toml": f'[project]\nrequires-python = "<{MINOR}"\n'}, (f"<{MINOR}", OTHER, "follow")),
    (["-p", MINOR], {".python-version": f"{OTHER_MINOR}\n"}, (MINOR, NEW, "follow")),
    ([], {"PYMAN_PYTHON": OTHER_MINOR, ".python-version": f"{MINOR}\n"}, (OTHER_MINOR, OTHER, "follow")),
]


@pytest.mark.parametrize(("words", "there", "expected"), CHOICES, ids=lambda value: " ".join(map(str, value)) or "-")
def test_which_python_it_gets(words, there, expected, user):
    environ = {name: value for name, value in there.items() if name.isupper()}
    for name in there.keys() - environ.keys():
        (user.project / name).write_text(there[name])
    answer = user.json("venv", "--without-pip", *words, **environ)
    assert (answer["request"], answer["python"], answer["policy"]) == expected
    settings = settings_of(user.project / ".venv")
    assert (settings.request, settings.policy) == (expected[0], expected[2])
    assert settings.get("version") == (expected[1] if expected[2] == "pin" else expected[1].rpartition(".")[0])


def test_the_default(owner):
    (owner.root / "default").write_text(f"{OLD}\n")
    assert owner.json("venv", "--without-pip")["python"] == OLD


def test_paths(user):
    alias, release = user.runtimes / f"{MINOR}/bin/python{MINOR}", user.runtimes / OLD
    assert user.json("venv", "a", "--without-pip", "-p", alias)["policy"] == "follow"
    pinned = user.json("venv", "b", "--without-pip", "-p", release)
    assert (pinned["policy"], pinned["request"]) == ("pin", f"{release}/bin/python{MINOR}")
    # From a venv: its base, and its policy.
    assert user.json("venv", "c", "--without-pip", "-p", "./a")["home"] == str(alias.parent)
    assert user.json("venv", "d", "--without-pip", "-p", "./b/bin/python")["policy"] == "pin"
    # A lone link to an executable makes venvs that cannot start.
    (user.project / "python").symlink_to(alias)
    user.pyman("venv", "e", "--without-pip", "-p", "./python")
    assert user.run("e/bin/python", "-c", "import os; print(os.__name__)") == "os"


def test_a_python_that_is_missing_is_installed_with_a_word(tmp_path):
    home = Home(tmp_path, mirror_folder())
    refused = home.pyman("venv", "-p", OTHER_MINOR, "--no-install", status=1)
    assert f"no installed Python satisfies {OTHER_MINOR}" in refused.err
    assert f"pyman install {OTHER_MINOR}" in refused.err
    assert os.listdir(home.project) == []
    made = home.pyman("venv", "-p", OTHER_MINOR, "--without-pip")
    assert f"no installed Python satisfies {OTHER_MINOR}: installing it\n" in made.err
    assert f"Python {OTHER} is installed\n" in made.err
    assert home.run(".venv/bin/python", "-c", "import ssl; print('runs')") == "runs"
    offline = home.pyman("venv", "v", "-p", MINOR, "--offline", PYMAN_MIRROR="http://127.0.0.1:1", status=1)
    assert offline.err.count("error: ") == 1
    assert sorted(os.listdir(home.project)) == [".venv"]


def put(folder: Path) -> None:
    (folder / "file").write_text("mine")
    (folder / "full").mkdir()
    (folder / "full/mine").touch()
    (folder / "dangling").symlink_to("nowhere")
    (folder / "shown").mkdir()
    (folder / "shown/.DS_Store").touch()


REFUSED = [
    (["file"], "not-a-folder", "is not a folder"),
    (["file/v"], "not-a-folder", "is not a folder"),
    (["full"], "not-empty", "is not empty and is not a venv; nothing was changed"),
    (["full", "--clear"], "not-empty", "is not empty and is not a venv; nothing was changed"),
    (["shown"], "not-empty", "is not empty: the Finder left .DS_Store in it"),
    (["dangling"], "not-a-folder", "is a link to nowhere, which does not exist"),
    (["/"], "not-empty", "is not empty"),
    (["~HOME~"], "home", "is your home folder"),
    (["a:b"], "path-separator", "could not be activated"),
    (["n" * 256], "failed", "too long"),
    (["/proc/v"], "failed", "cannot be written"),
    (["/dev/null/v"], "not-a-folder", "is not a folder"),
    (["v", "-r", "none.txt"], "not-found", "there is no file"),
    (["v", "-p", "./none"], "not-found", "does not exist"),
    (["v", "-p", "./file"], "bad-request", "is not an executable program"),
    (["v", "-p", "jython"], "unsupported", "manages CPython, PyPy and GraalPy"),
    (["v", "-p", "nonsense!"], "bad-request", "is not a Python version"),
]


@pytest.mark.parametrize(("words", "code", "message"), REFUSED, ids=lambda value: " ".join(value)[:30])
def test_what_is_refused(words, code, message, user):
    put(user.project)
    words = [str(user.path) if word == "~HOME~" else word for word in words]
    before, venvs = user.tree(user.project), sorted(os.listdir(user.root / "venvs"))
    answer = user.json("venv", *words, "--without-pip", status=None)
    assert answer["error"]["code"] == code
    assert message in answer["error"]["message"]
    assert answer["error"]["hint"]
    assert user.tree(user.project) == before
    assert sorted(os.listdir(user.root / "venvs")) == venvs
    told = user.pyman("venv", *words, "--without-pip", status=None)
    assert told.err.count("\n") == 2


def test_a_venv_that_is_there_is_kept(user):
    user.pyman("venv", "--without-pip")
    before = user.tree(user.project)
    assert "`--clear` deletes it first" in user.pyman("venv", status=1).err
    assert user.tree(user.project) == before


def test_clear_puts_another_in_its_place(user):
    user.pyman("venv", "v", "-p", OTHER_MINOR, "--without-pip")
    (user.project / "v/bin/mine").touch()
    user.pyman("venv", "v", "--clear", "--without-pip")
    assert not (user.project / "v/bin/mine").exists()
    assert settings_of(user.project / "v").request == MINOR
    assert os.listdir(user.project) == ["v"]
    assert [name for name in os.listdir(user.root / "venvs") if name.startswith(".")] == []
    # Where nothing is there is nothing to clear.
    user.pyman("venv", "w", "--clear", "--without-pip")


@pytest.mark.parametrize("words", [(), ("--clear",), ("-r", "requirements.txt")])
def test_a_link_to_another_folder_is_refused(user, words):
    """A cloned project may bring it: what it leads to is somebody's other venv, or an empty folder of theirs."""
    user.pyman("venv", "real", "--without-pip")
    (user.project / "real/mine").touch()
    (user.project / "empty").mkdir()
    (user.project / "requirements.txt").touch()
    for name in ("real", "empty"):
        (user.project / f"to-{name}").symlink_to(name)
        before = user.exact(user.project)
        refused = user.json("venv", f"to-{name}", *words, status=1)["error"]
        assert refused["code"] == "leads-elsewhere"
        assert str(user.project / name) in refused["hint"]
        assert user.exact(user.project) == before
    # But the folder that the user is in may be reached through a link.
    answer = user.pyman(
        "venv", ".", "--without-pip", "--json", cwd=user.project / "to-empty", PWD=str(user.project / "to-empty")
    )
    assert answer.json["path"] == str(user.project / "empty")


def test_the_folder_that_one_stands_in(user):
    folder = user.project / "here"
    folder.mkdir()
    answer = user.pyman("venv", ".", "--without-pip", cwd=folder)
    assert f"source {folder}/bin/activate" in answer.err
    gone = user.project / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}"; exec "{sys.executable}" -m pyman venv'
    done = subprocess.run(["sh", "-c", script], cwd=gone, env=user.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 2)
    assert "no longer exists" in done.stderr


BROKEN = {"interpreter": [f"bin/python{MINOR}"], "standard library": [f"{LIBRARY}/os.py"]}


@pytest.mark.parametrize("lacking", BROKEN)
@pytest.mark.parametrize("way", [[], ["-v"]], ids=["fast", "typer"])
def test_a_broken_runtime_is_named(lacking, way, owner):
    for name in BROKEN[lacking]:
        (owner.runtimes / NEW / name).unlink()
    answer = owner.pyman("venv", *way, status=1)
    assert re.search(r"Python 3\.13\.15(, which 3\.13 points at,)? is broken", answer.err)
    assert f"pyman install --force {NEW}" in answer.err
    assert os.listdir(owner.project) == []
    assert owner.json("venv", "-p", OLD, "--without-pip")["python"] == OLD


NAMES = ["with space", "it's", 'a"b$c`d', "new\nline", "back\\slash", "ä☃", "!bang %h", "-dash", os.fsdecode(b"\xff")]


@pytest.mark.parametrize("name", [*NAMES, "l" * 200], ids=lambda name: ascii(name)[:20])
def test_every_path_works(name, user):
    try:
        (user.project / name).mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    venv = user.project / name / "v"
    user.pyman("venv", venv, "--prompt", name)
    code = "import sys, os; sys.stdout.buffer.write(os.fsencode(sys.prefix))"
    told = subprocess.run([venv / "bin/python", "-c", code], capture_output=True, check=True, env=user.environ).stdout
    assert told == os.fsencode(venv)
    pip = subprocess.run([venv / "bin/pip", "--version"], capture_output=True, check=True, env=user.environ).stdout
    assert pip.startswith(f"pip {bundled_pip(user.runtimes / NEW)} ".encode())
    assert settings_of(venv).prompt == name


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh"])
def test_the_line_for_the_users_shell_activates_it(shell, user):
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    for name in ("plain", "it's $HOME !1"):
        (user.project / name).mkdir()
        answer = user.pyman("venv", f"{name}/v", "--without-pip", SHELL=program)
        line = answer.err.removeprefix("activate it with: ")
        assert user.run(program, "-c", f"{line}\nprintenv VIRTUAL_ENV") == f"{user.project}/{name}/v"


# With packages.


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    build_wheel(str(folder), "spam", "1.0", scripts={"spam": "spam:main"}, requires_dist=["ham"])
    build_wheel(str(folder), "ham", "2.0")
    return folder


@pytest.fixture
def from_wheels(wheelhouse):
    """The settings of pip and uv with which they install from a folder alone."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheelhouse),
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "UV_FIND_LINKS": str(wheelhouse),
    }


@pytest.fixture
def uv_path(tmp_path):
    uv = shutil.which(
        "uv", path=os.pathsep.join([os.environ.get("PYMAN_TEST_PEERS", ""), os.path.dirname(sys.executable)])
    )
    if uv is None:
        pytest.skip("uv is not there: PYMAN_TEST_PEERS names no folder that has it")
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/uv").symlink_to(uv)
    return f"{tmp_path}/programs:/usr/bin:/bin"


@pytest.mark.parametrize("kind", ["pip", "uv"])
def test_requirements_are_installed_or_nothing_is(kind, user, from_wheels, request):
    path = request.getfixturevalue("uv_path") if kind == "uv" else "/usr/bin:/bin"
    environ = {**from_wheels, "PATH": path}
    (user.project / "one two.txt").write_text("spam\n")
    (user.project / "more.txt").write_text("ham==2.0\n")
    answer = user.pyman("venv", "-r", "one two.txt", "-r", "more.txt", **environ)
    assert answer.out.splitlines()[2] == f"installed one two.txt and more.txt with {kind}"
    assert user.run(".venv/bin/spam") == "spam 1.0"
    # uv leaves its lock.
    there = sorted(name for name in os.listdir(user.project / ".venv") if name != ".lock")
    assert there == [".gitignore", "bin", "include", "lib", "lib64", "pyvenv.cfg"]

    (user.project / "more.txt").write_text("ham==9\n")
    before = user.tree(user.project)
    for words in (["new/v"], [".venv", "--clear"]):
        failed = user.pyman("venv", *words, "-r", "one two.txt", "-r", "more.txt", **environ, status=1)
        assert failed.err.startswith(f"error: {kind}")
        assert user.tree(user.project) == before
    assert user.run(".venv/bin/spam") == "spam 1.0"


def test_only_the_users_own_uv_installs(user, from_wheels, tmp_path):
    for folder in ("project", "tools/v/bin", "usual"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "uv").write_text(f"#!/bin/sh\necho '{folder}' >>'{tmp_path}/called'\nexit 1\n")
        (tmp_path / folder / "uv").chmod(0o755)
    (tmp_path / "tools/v/pyvenv.cfg").touch()
    (user.project / "r.txt").write_text("ham\n")
    environ = {**from_wheels, "PATH": f".:{user.project}:{tmp_path}/tools/v/bin:/usr/bin:/bin"}
    assert user.pyman("venv", "-r", "r.txt", **environ).out.endswith("with pip\n")
    environ["PATH"] += f":{tmp_path}/usual"
    user.pyman("venv", "w", "-r", "r.txt", **environ, status=1)
    assert (tmp_path / "called").read_text().split() == ["usual"]
    assert not (user.project / "w").exists()
    without = user.pyman("venv", "w", "--without-pip", "-r", "r.txt", **from_wheels, status=1)
    assert "leave out `--without-pip`" in without.err


# Two ways to the same answer.

BOTH = [
    ["venv"],
    ["venv", "v", "-p", OTHER_MINOR, "--without-pip", "--prompt", "x y"],
    ["venv", "v", "--pin", "--system-site-packages"],
    ["venv", "v", "--python", f">={OTHER_MINOR},<{MINOR}"],
    ["venv", "v", "-p", "3.9", "--no-install"],
    ["venv", "v", "-p", "nonsense!"],
    ["venv", "file"],
    ["venv", "full"],
    ["venv", "dangling", "-q"],
    ["venv", "-q", "deep/er/v"],
    ["venv", "a:b"],
    ["venv", "v", "--root", "/proc/none"],
    ["venv", "v", "--prompt", "."],
]


@pytest.mark.parametrize("words", BOTH, ids=" ".join)
def test_fast_and_not_it_is_the_same(words, user):
    seen = []
    for way in ("fast", "typer"):
        folder = user.project / "both"
        folder.mkdir()
        put(folder)
        program = "from pyman.__main__ import main" if way == "fast" else "from pyman.cli.app import run"
        call = "main()" if way == "fast" else "run(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", f"import sys\n{program}\nsys.exit({call})", *words],
            cwd=folder,
            env={**user.environ, "PYMAN_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        files = [
            path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.name in ("pyvenv.cfg", "activate", "pip", "RECORD") and path.is_file()
        ]
        names = [name for name in user.tree(folder) if not name.endswith(".pyc")]
        seen.append((done.returncode, done.stdout, done.stderr, names, files))
        folder.rename(user.project / way)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("words", [["-p", MINOR], ["--without-pip"]], ids=" ".join)
def test_a_fast_command_imports_little(words, user):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pyman", "venv", *words],
        cwd=user.project,
        env=user.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")]
    # What `-m` needs, and what a `.pth` of this environment imports, comes before.
    ours = imported[imported.index("pyman") + 1 :]
    assert "pyman.app.venv" in ours
    assert FORBIDDEN.isdisjoint(ours[ours.index("pyman.cli.fastpath") :]), FORBIDDEN & set(ours)
