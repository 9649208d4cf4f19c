"""Somebody else's programs: a cloned repository, another user's home, names on PATH. Nothing of them is started.

Each program leaves a trace when it is started, and answers as a real Python does: whoever starts it notices nothing.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from stage.home import PACKAGE, Home
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.programs import write_program
from stage.strangers import STRANGER, python_for_strangers
from stage.venvs import make_venv, write

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


class Clone:
    """A repository as it comes: venvs of every kind, and the programs that they lead to."""

    def __init__(self, folder, traces, real):
        self.folder, self.traces, self.real = str(folder), str(traces), real
        os.makedirs(self.traces, exist_ok=True)
        write(f"{self.folder}/.git/HEAD", "ref: refs/heads/main\n")
        self.fake = self.python("fake", MINOR)
        self.venvs = [getattr(self, name)() for name in dir(self) if name.startswith("venv_")]

    def program(self, path, name):
        return write_program(f"{self.folder}/{path}", f'touch "{self.traces}/{name}"\nexec "{self.real}" "$@"')

    def python(self, prefix, minor):
        """A program with all that an interpreter has beside it."""
        for name in ("os.py", "lib-dynload/README", "encodings/__init__.py"):
            write(f"{self.folder}/{prefix}/lib/python{minor}/{name}")
        for name in ("python3", "python"):
            os.makedirs(f"{self.folder}/{prefix}/bin", exist_ok=True)
            os.symlink(f"python{minor}", f"{self.folder}/{prefix}/bin/{name}")
        return self.program(f"{prefix}/bin/python{minor}", os.path.basename(prefix))

    def venv(self, name, python, **others):
        return make_venv(f"{self.folder}/{name}", python, **others)

    def venv_linked(self):
        venv = self.venv(".venv", f"../../fake/bin/python{MINOR}")
        write(f"{venv}/pyvenv.cfg", f"version = {MINOR}\n")
        return venv

    def venv_with_home(self):
        return self.venv(
            "venv", self.fake, extra=f"executable = {self.fake}\nbase-executable = {self.fake}\nversion = {MINOR}\n"
        )

    def venv_of_tox(self):
        return self.venv(".tox/py313", f"../../../fake/bin/python{MINOR}", home=os.path.dirname(self.fake))

    def venv_with_its_own_library(self):
        """`bin/python` is the real one, `home` is not."""
        return self.venv("mixed", self.real, home=os.path.dirname(self.fake), extra=f"version = {MINOR}\n")

    def venv_with_a_copy(self):
        venv = self.venv("copied", self.fake)
        for name in ("python", "python3", f"python{MINOR}"):
            os.unlink(f"{venv}/bin/{name}")
            shutil.copy(self.fake, f"{venv}/bin/{name}")
        return venv

    def venv_with_a_base_inside(self):
        return self.venv("inside", self.python("inside/base", MINOR))

    def venv_in_a_venv(self):
        outer = self.venv("outer", self.fake)
        return self.venv("nested", f"{outer}/bin/python{MINOR}")

    def venv_by_a_text_file(self):
        venv = self.venv("envs/text", self.python("envs/base", MINOR))
        write(f"{self.folder}/text/.venv", "../envs/text\n")
        return venv

    def venv_of_a_tool_of_its_own(self):
        """A minor-version link beside the release, as uv has it: what doctor could relink to."""
        self.python("pythons/cpython-3.12.8-linux-x86_64-gnu", "3.12")
        link = f"{self.folder}/pythons/cpython-3.12-linux-x86_64-gnu"
        os.symlink("cpython-3.12.8-linux-x86_64-gnu", link)
        python = f"{self.folder}/pythons/cpython-3.12.7-linux-x86_64-gnu"
        self.python("pythons/cpython-3.12.7-linux-x86_64-gnu", "3.12")
        return self.venv("owned", f"{python}/bin/python3.12", library="python3.12")

    def venv_of_a_pyenv_of_its_own(self):
        self.python(".pyenv/versions/3.12.1", "3.12")
        os.symlink("3.12.1", f"{self.folder}/.pyenv/versions/3.12")
        return self.venv("pyenvs", f"{self.folder}/.pyenv/versions/3.12.1/bin/python3.12", library="python3.12")

    def venv_with_a_request(self):
        extra = f"pyman-request = {self.fake}\npyman-policy = follow\n"
        return self.venv("wished", f"/nowhere/bin/python{MINOR}", extra=extra)

    def venv_with_a_script(self):
        fake = self.python("scripted", MINOR)
        write(fake, f"#!/bin/sh\ntouch '{self.traces}/script'\nexec '{self.real}' \"$@\"\n", 0o755)
        return self.venv("by-script", fake)

    def venv_with_a_wrong_name(self):
        """A link that is called like an interpreter, and leads to another program of the system."""
        return self.venv("misnamed", "/usr/bin/env")

    def started(self):
        return sorted(os.listdir(self.traces))


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


@pytest.fixture
def clone(machine):
    return Clone(machine.path / "src/clone", machine.path / "traces", os.path.realpath(sys.executable))


def tried(home, *words, **named):
    """Run pyman, whatever it answers; but it must have understood the words."""
    answer = home.pyman(*words, status=None, **named)
    assert "unknown option" not in answer.err, answer
    assert "unknown command" not in answer.err, answer


LOOKING = [
    ("venvs",),
    ("venvs", "."),
    ("venvs", "..", "--size"),
    ("doctor",),
    ("doctor", "."),
    ("doctor", "..", "--dry-run"),
    ("list",),
    ("info",),
    ("info", MINOR),
    ("which", "python"),
    ("which", "python", "--explain"),
    ("find",),
    ("register", "."),
    ("adopt",),
    ("upgrade", "--dry-run"),
]
CHANGING = [
    ("doctor", "--fix"),
    ("doctor", ".", "--fix", "--yes", "--foreign"),
    ("adopt", "--all"),
    ("upgrade",),
    ("uninstall", OLD),
    ("prune",),
]


def test_the_trap_is_real(clone):
    for venv in clone.venvs:
        subprocess.run(["/bin/sh", "-c", f"'{venv}/bin/python3' -c ''"], check=False, env={}, capture_output=True)
    assert len(clone.started()) >= 5


def test_looking_at_a_clone_runs_nothing_of_it(machine, clone):
    for words in (*LOOKING, *(("info", venv) for venv in clone.venvs)):
        tried(machine, *words, cwd=clone.folder)
        assert clone.started() == [], words


def test_repairing_in_a_clone_runs_nothing_of_it(machine, clone):
    owned, pyenvs = (os.readlink(f"{clone.folder}/{name}/bin/python") for name in ("owned", "pyenvs"))
    for words in CHANGING:
        tried(machine, *words, cwd=clone.folder)
        assert clone.started() == [], words
    # A minor-version link that the repository brings along is no reason to relink.
    assert os.readlink(f"{clone.folder}/owned/bin/python") == owned
    assert os.readlink(f"{clone.folder}/pyenvs/bin/python") == pyenvs
    for name in machine.runtimes.iterdir():
        assert not os.path.realpath(name).startswith(clone.folder)


def test_changing_one_venv_of_a_clone_runs_nothing_of_it(machine, clone):
    for venv in clone.venvs:
        tried(machine, "rebuild", venv, "--dry-run", cwd=clone.folder)
        assert clone.started() == [], venv
    for name in ("venv", "owned", "nested"):
        for words in (("pin", name), ("follow", name), ("venv", "-p", f"./{name}", "made")):
            tried(machine, *words, cwd=clone.folder)
            assert clone.started() == [], words
            shutil.rmtree(f"{clone.folder}/made", ignore_errors=True)
    tried(machine, "rebuild", "wished", "--force", "--installer", "pip", cwd=clone.folder)
    assert clone.started() == []
    assert os.readlink(f"{clone.folder}/wished/bin/python") == str(machine.python())


def test_the_venv_of_a_clone_is_not_the_users_own_word(machine, clone):
    """The user named the venv, and the venv names the program."""
    for verb in (("adopt",), ("venv", "made", "-p"), ("find",)):
        answer = machine.pyman(*verb, "./venv", cwd=clone.folder, status=1)
        assert f"{clone.fake} was not started" in answer.err
        assert f"pyman adopt {clone.folder}/fake" in answer.err
    assert clone.started() == []
    machine.pyman("adopt", "./fake", cwd=clone.folder, status=None)
    assert clone.started() == ["fake"]


def test_what_is_unknown_is_said_to_be_and_how_to_make_it_known(machine, clone):
    venv = f"{clone.folder}/venv"
    assert machine.json("info", venv)["python"] is None
    assert f"`pyman adopt {clone.folder}/fake`" in machine.pyman("info", venv).out
    listed = machine.json("venvs", venv)["venvs"]
    assert [one["python"] for one in listed] == [None]
    told = machine.pyman("venvs", venv)
    assert f"`pyman info {venv}` says why" in told.out + told.err


def test_variables_that_lead_into_a_clone(machine, clone):
    environ = {"PYENV_ROOT": f"{clone.folder}/.pyenv", "UV_PYTHON_INSTALL_DIR": f"{clone.folder}/pythons"}
    for words in (("adopt",), ("adopt", "--all"), ("venvs", "."), ("doctor", ".", "--fix"), ("info", "owned")):
        tried(machine, *words, cwd=clone.folder, **environ)
        assert clone.started() == [], words
    assert not any(os.path.realpath(one).startswith(clone.folder) for one in machine.runtimes.iterdir())
    for relative in ({"PYENV_ROOT": ".pyenv"}, {"UV_PYTHON_INSTALL_DIR": "pythons"}):
        machine.pyman("adopt", "--all", cwd=clone.folder, status=None, **relative)
        assert clone.started() == [], relative


@pytest.mark.parametrize(
    "text",
    [
        f"./fake/bin/python{MINOR}",
        f"fake/bin/python{MINOR}",
        "/FOLDER/fake",
        "./.venv",
        "~/src/clone/fake",
        f"{MINOR}\n./fake",
    ],
)
def test_a_version_file_that_names_a_program(machine, clone, text):
    write(f"{clone.folder}/.python-version", text.replace("/FOLDER", clone.folder) + "\n")
    for words in (("which", "python"), ("find",), ("venv", "made"), ("run", "--", "python", "-V"), ("install",)):
        machine.pyman(*words, cwd=clone.folder, status=None)
        assert "fake" not in clone.started(), words


def test_a_pyman_of_the_clone_on_path(machine, clone):
    """The shim knows the pyman that wrote it, also by `python -m pyman`, and asks no other."""
    for folder in (".venv/bin", "tools"):
        clone.program(f"{folder}/pyman", f"{folder.replace('/', '-')}-pyman")
    write(f"{clone.folder}/.python-version", f">={MINOR}\n")
    machine.pyman("shims")
    shim = machine.root / "shims/python"
    path = f"tools:{clone.folder}/tools:{clone.folder}/.venv/bin:/usr/bin:/bin"
    environ = {**machine.environ, "PATH": path, "PYTHONPATH": clone.folder}
    where = {"cwd": clone.folder, "env": environ, "capture_output": True, "text": True}
    assert subprocess.run([shim, "-V"], check=False, **where).stdout == f"Python {NEW}\n"
    text = shim.read_text()
    shim.write_text(text.replace("pyman_written_command='", "pyman_written_command='/nowhere"))
    assert shim.read_text() != text
    ended = subprocess.run([shim, "-V"], check=False, **where)
    assert (ended.returncode, "run `pyman shims`" in ended.stderr) == (127, True)
    machine.pyman("shims")
    assert subprocess.run([shim, "-V"], check=False, **where).stdout == f"Python {NEW}\n"
    assert clone.started() == []


def test_helpers_on_path(machine, clone):
    """uv, git and the like of a clone that stands first on PATH, by a name or through a link."""
    for name in ("uv", "git", "ps", "pip", "cc", "python3"):
        for folder in (".venv/bin", "tools", "node_modules/.bin", "venv/lib/deep/bin"):
            if name != "python3" or folder != ".venv/bin":
                clone.program(f"{folder}/{name}", f"{folder.replace('/', '-')}-{name}")
    os.symlink(f"{clone.folder}/tools", machine.path / "linked")
    places = [
        ".",
        "",
        "tools",
        f"{clone.folder}/.venv/bin",
        f"{clone.folder}/tools",
        f"{clone.folder}/node_modules/.bin",
    ]
    places += [f"{clone.folder}/venv/lib/deep/bin", str(machine.path / "linked"), "/usr/bin", "/bin"]
    project = f"{clone.folder}/packages/shop"
    write(f"{project}/x.py", "")
    write(f"{project}/requirements.txt", "")
    for words in (
        ("venv", "made", "-r", "requirements.txt"),
        ("venv", "other", "-r", "requirements.txt", "--without-pip"),
        ("rebuild", "made", "--force"),
        ("uninstall", OLD),
        ("doctor", ".", "--fix"),
        ("venvs",),
    ):
        tried(machine, *words, cwd=project, PATH=os.pathsep.join(places))
        assert clone.started() == [], words


def test_the_systems_python_is_not_one_of_the_project(machine, clone):
    """PATH is the user's own word for what lies elsewhere."""
    path = f"{clone.folder}/fake/bin:/usr/bin:/bin"
    for words in (("find", "system"), ("venv", "made", "-p", "system")):
        assert "was not started" in machine.pyman(*words, cwd=clone.folder, status=1, PATH=path).err
    assert clone.started() == []
    machine.pyman("find", "system", PATH=path, status=None)
    assert clone.started() == ["fake"]


# --- other users


@pytest.fixture
def stranger(tmp_path):
    """An unknown user, with a home, and pyman run as that user."""
    for above in itertools.takewhile(
        lambda folder: str(folder) != tempfile.gettempdir(), (tmp_path, *tmp_path.parents)
    ):
        os.chmod(above, 0o755)
    home = Home(tmp_path)
    site = next(path for path in sys.path if path.endswith("site-packages"))
    home.environ["PYTHONPATH"] = os.pathsep.join((PACKAGE, site))

    def run(*words, cwd):
        return subprocess.run(
            [python_for_strangers(), "-B", "-m", "pyman", *words],
            user=STRANGER,
            group=STRANGER,
            extra_groups=(),
            cwd=cwd,
            env=home.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    give_away(home.path)
    if run("--version", cwd="/").returncode != 0:
        pytest.skip("another user cannot run pyman here")
    home.as_stranger = run
    return home


def give_away(folder):
    os.chown(folder, STRANGER, STRANGER)
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(os.path.join(where, name), STRANGER, STRANGER, follow_symlinks=False)


@AS_ROOT
def test_another_user_in_a_clone(stranger):
    clone = Clone(stranger.path / "src/clone", stranger.path / "traces", python_for_strangers())
    give_away(stranger.path)
    for words in (
        ("venvs", "."),
        ("doctor", ".", "--fix", "--yes"),
        ("info", "venv"),
        ("adopt", "--all"),
        ("upgrade",),
    ):
        answer = stranger.as_stranger(*words, cwd=clone.folder)
        assert "Traceback" not in answer.stderr
        assert clone.started() == [], words


@AS_ROOT
def test_root_in_the_home_of_another_user(tmp_path):
    root = Machine(tmp_path / "root", OLD, NEW) if (tmp_path / "root").mkdir() is None else None
    clone = Clone(tmp_path / "theirs", tmp_path / "theirs/traces", os.path.realpath(sys.executable))
    give_away(tmp_path / "theirs")
    for words in (
        ("venvs", clone.folder),
        ("doctor", clone.folder, "--fix", "--yes", "--foreign"),
        ("info", f"{clone.folder}/venv"),
        ("venv", "made", "-p", clone.fake),
        ("adopt", f"{clone.folder}/fake"),
        ("find", clone.fake),
        ("rebuild", f"{clone.folder}/venv", "--dry-run"),
    ):
        tried(root, *words)
        assert clone.started() == [], words
    assert "belongs to another user" in root.pyman("adopt", f"{clone.folder}/fake", status=1).err
    assert f"{clone.fake} was not started" in root.pyman("info", f"{clone.folder}/venv").out
