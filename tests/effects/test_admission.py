"""Who may be started, tried on real files: each layout with a program that leaves a trace when it is started."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

from pyman.core.interpreter import PROBE
from pyman.effects.interpreters.admission import Admission, lies_in_project, own_tool_roots
from pyman.effects.interpreters.ask import ask_once
from pyman.effects.places import read_places
from pyman.effects.venvs.inventory import BaseReleases
from pyman.effects.venvs.on_disk import read_venv
from pyman.errors import BrokenRuntime, NotStarted, PymanError
from stage.programs import write_program
from stage.strangers import STRANGER, python_for_strangers
from stage.venvs import make_venv, write

IS_ROOT = os.geteuid() == 0
AS_ROOT = pytest.mark.skipif(not IS_ROOT, reason="giving files to somebody else needs root")
RACES = int(os.environ.get("PYMAN_TEST_RACES", "1000"))


class Python:
    """A prefix with an interpreter that leaves a trace, and what an interpreter has beside it."""

    def __init__(self, prefix, minor="3.13"):
        self.prefix, self.minor = str(prefix), minor
        self.library = f"{prefix}/lib/python{minor}"
        self.mark = f"{os.path.dirname(self.prefix)}/started-{os.path.basename(self.prefix)}"
        text = f'echo "$0" >>"{self.mark}"\nexec "{os.path.realpath(sys.executable)}" "$@"'
        self.path = write_program(f"{prefix}/bin/python{minor}", text)
        for name in ("os.py", "lib-dynload/README", "encodings/__init__.py", "__pycache__/os.pyc"):
            write(f"{self.library}/{name}")

    @property
    def starts(self):
        with contextlib.suppress(FileNotFoundError), open(self.mark) as file:
            return file.read().splitlines()
        return []


@pytest.fixture
def python(tmp_path):
    return Python(os.path.realpath(tmp_path) + "/opt/it")


def start(path, admission=None, *, named=True):
    process = (admission or Admission()).start(str(path), ["-I", "-S", "-B", "-c", PROBE, "x"], named=named)
    assert process.wait(60) == 0


def test_it_is_started_by_its_real_path(python, tmp_path):
    os.symlink(python.prefix, tmp_path / "3.13")
    os.symlink(tmp_path / "3.13/bin/python3.13", tmp_path / "python")
    for path in (python.path, tmp_path / "3.13/bin/python3.13", tmp_path / "python"):
        start(path)
    assert python.starts == [python.path] * 3


# --- what is held against an interpreter that the user named, and against one of the store


def mode(part, bits):
    def change(python):
        os.chmod(part.format(prefix=python.prefix, lib=python.library, above=os.path.dirname(python.prefix)), bits)

    return pytest.param(change, id=f"{part}-{bits:o}")


def settings_above(python):
    write(f"{python.prefix}/pyvenv.cfg")


def settings_beside(python):
    os.symlink("nowhere", f"{python.prefix}/bin/pyvenv.cfg")


def script(python):
    write(python.path, f"#!/bin/sh\ntouch {python.mark}\n", 0o755)


def text(python):
    write(python.path, "import sys\n", 0o755)


def fifo(python):
    os.unlink(python.path)
    os.mkfifo(python.path)


def folder(python):
    os.unlink(python.path)
    os.mkdir(python.path)


def no_library(python):
    shutil.rmtree(python.library)


def library_behind_a_link(python):
    """What the link leads to counts, and every folder on the way there."""
    shared = f"{os.path.dirname(python.prefix)}/shared"
    os.makedirs(shared)
    os.rename(python.library, f"{shared}/python3.13")
    os.symlink(f"{shared}/python3.13", python.library)
    os.chmod(shared, 0o777)


def library_behind_a_sticky_link(python):
    library_behind_a_link(python)
    os.chmod(f"{os.path.dirname(python.prefix)}/shared", 0o1777)
    os.chmod(f"{os.path.dirname(python.prefix)}/shared/python3.13", 0o1777)


def compiled_modules_from_anywhere(python):
    """Without its own folder for them an interpreter looks for compiled modules in every folder above."""
    os.chmod(os.path.dirname(python.prefix), 0o1777)
    shutil.rmtree(f"{python.library}/lib-dynload")


REFUSED = [
    mode("{prefix}/bin/python3.13", 0o757),
    mode("{prefix}/bin", 0o777),
    mode("{prefix}", 0o777),
    mode("{prefix}", 0o1777),
    mode("{above}", 0o777),
    mode("{prefix}/lib", 0o777),
    mode("{lib}", 0o777),
    mode("{lib}", 0o1777),
    mode("{lib}/os.py", 0o666),
    mode("{lib}/encodings", 0o777),
    mode("{lib}/lib-dynload", 0o777),
    mode("{lib}/__pycache__", 0o777),
    settings_above,
    settings_beside,
    script,
    text,
    fifo,
    folder,
    no_library,
    library_behind_a_link,
    library_behind_a_sticky_link,
    compiled_modules_from_anywhere,
]


@pytest.mark.parametrize("change", REFUSED)
@pytest.mark.parametrize("how", ["named", "store", "adopted", "tool"])
def test_what_is_held_against_it(tmp_path, change, how):
    python, admission = admitted(tmp_path, how)
    start(python.path, admission, named=how == "named")
    change(python)
    with pytest.raises((NotStarted, BrokenRuntime)):
        start(python.path, admission, named=how == "named")
    assert len(python.starts) == 1


def admitted(tmp_path, how):
    """An interpreter that may be started on these grounds, and who decides it."""
    base = os.path.realpath(tmp_path)
    places = read_places({"HOME": f"{base}/home", "PYENV_ROOT": f"{base}/home/opt"})
    os.makedirs(places.runtimes)
    where = {"store": f"{places.runtimes}/3.13.5", "tool": f"{base}/home/opt/versions/3.13.5"}
    python = Python(where.get(how, f"{base}/home/elsewhere/it"))
    if how == "adopted":
        os.symlink(python.prefix, f"{places.runtimes}/3.13.5")
    return python, Admission(places)


def group_without_others(python):
    gid = 54321 if IS_ROOT else os.getegid()
    os.chown(python.prefix, -1, gid)
    os.chmod(python.prefix, 0o775)


def sticky_above(python):
    os.chmod(os.path.dirname(python.prefix), 0o1777)


def linked_library(python):
    os.rename(python.library, f"{python.prefix}/library")
    os.symlink("../library", python.library)


@pytest.mark.parametrize("change", [sticky_above, linked_library])
@pytest.mark.parametrize("how", ["named", "store", "adopted", "tool"])
def test_what_is_not_held_against_it(tmp_path, change, how):
    python, admission = admitted(tmp_path, how)
    change(python)
    start(python.path, admission, named=how == "named")
    assert python.starts == [python.path]


def test_what_nobody_vouches_for_is_not_started(python, tmp_path):
    """It is the user's own, and that of a repository is, too."""
    home = tmp_path / "home"
    home.mkdir()
    admission = Admission(read_places({"HOME": str(home)}))
    assert not admission.allows(python.path)
    with pytest.raises(NotStarted) as caught:
        ask_once(python.path, str(tmp_path / "cache"), admission)
    assert caught.value.hint == f"if you trust it, run `pyman adopt {python.prefix}`"
    ask_once(python.path, str(tmp_path / "cache"), admission, named=True)
    assert len(python.starts) == 1


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="this system has no Python of its own")
def test_the_systems_own_may_be_started(tmp_path):
    assert Admission(read_places({"HOME": str(tmp_path)})).check("/usr/bin/python3").startswith("/usr/bin/python3.")


@pytest.mark.parametrize("name", ["env", "sh"])
def test_another_program_of_the_system_is_no_interpreter(tmp_path, name):
    os.symlink(f"/usr/bin/{name}", tmp_path / "python3.13")
    admission = Admission(read_places({"HOME": str(tmp_path)}))
    with pytest.raises(NotStarted):
        admission.check(str(tmp_path / "python3.13"))


def test_links_that_go_round_and_paths_to_nowhere(tmp_path):
    os.symlink("loop", tmp_path / "loop")
    for name in ("loop", "nothing", "loop/python"):
        with pytest.raises(BrokenRuntime, match="cannot be started"):
            Admission().check(str(tmp_path / name), named=True)


# --- root


@AS_ROOT
@pytest.mark.parametrize(
    "part", ["{prefix}/bin/python3.13", "{prefix}/bin", "{prefix}", "{above}", "{lib}", "{lib}/os.py"]
)
@pytest.mark.parametrize("how", ["named", "store", "adopted", "tool"])
def test_root_starts_nothing_of_others(tmp_path, part, how):
    python, admission = admitted(tmp_path, how)
    path = part.format(prefix=python.prefix, lib=python.library, above=os.path.dirname(python.prefix))
    os.chown(path, STRANGER, -1)
    with pytest.raises(NotStarted, match="belongs to another user"):
        start(python.path, admission, named=how == "named")
    assert python.starts == []


@AS_ROOT
def test_to_root_every_group_but_its_own_is_others(python):
    os.chown(python.prefix, 0, 54321)
    os.chmod(python.prefix, 0o775)
    with pytest.raises(NotStarted, match="others may write"):
        start(python.path)
    os.chown(python.prefix, 0, 0)
    os.chmod(python.prefix, 0o775)
    start(python.path)


@AS_ROOT
def test_what_root_cloned_or_unpacked_is_not_the_systems(tmp_path):
    """All of it is root's, and others may not write to it."""
    base = f"/opt/pyman-test-{os.getpid()}"
    admission = Admission(read_places({"HOME": f"{base}/home"}))
    try:
        plain, marked, at_home = (
            Python(f"{base}/python"),
            Python(f"{base}/clone/python"),
            Python(f"{base}/home/x/python"),
        )
        write(f"{base}/clone/.git", "gitdir: elsewhere\n")
        assert admission.allows(plain.path)
        assert not admission.allows(marked.path)
        assert not admission.allows(at_home.path)
        assert Admission(read_places({"HOME": "/"})).allows(at_home.path)
        os.chmod(base, 0o1777)
        assert not admission.allows(plain.path)
    finally:
        shutil.rmtree(base)


@AS_ROOT
@pytest.mark.parametrize("above", ["/opt/", "/"])
def test_what_root_unpacked_together_with_a_venv_is_not_asked(above, tmp_path):
    """Without a mark that it is a project, as in `/app` of an image; the same Python is asked for a venv elsewhere."""
    base = f"{above}pyman-test-{os.getpid()}"
    places = read_places({"HOME": str(tmp_path)})
    try:
        minor = "{}.{}".format(*sys.version_info)
        python = Python(f"{base}/python", minor)
        for name, starts in ((f"{base}/.venv", 0), (f"{base}/deep/er/.venv", 0), (f"{tmp_path}/.venv", 1)):
            facts = read_venv(make_venv(name, python.path, library=f"python{minor}"))
            releases = BaseReleases(places)
            known = releases.complete(facts).python is not None
            assert (known, len(python.starts)) == (starts > 0, starts)
            assert known == (releases.why_unknown(facts) is None)
            nested = read_venv(make_venv(f"{name}-nested", f"{name}/bin/python{minor}", library=f"python{minor}"))
            assert nested.base_home == f"{base}/python/bin"
            # What it would be relinked to is started then.
            assert (releases.complete(nested).base_home is None) == (starts == 0)
    finally:
        shutil.rmtree(base)


# --- groups and lists of rights, as another user


def as_stranger(code, *arguments):
    """Run a program with the sources of pyman as an unknown user."""
    source = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "src"))
    environ = {"PYTHONPATH": source, "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return subprocess.run(
        [python_for_strangers(), "-B", "-c", code, *map(str, arguments)],
        user=STRANGER,
        group=STRANGER,
        extra_groups=(),
        env=environ,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def strangers(tmp_path):
    """A folder that an unknown user may reach."""
    for above in itertools.takewhile(
        lambda folder: str(folder) != tempfile.gettempdir(), (tmp_path, *tmp_path.parents)
    ):
        os.chmod(above, 0o755)
    probe = as_stranger("import pyman.effects.interpreters.admission")
    if probe.returncode != 0:
        pytest.skip("another user may not read pyman's sources here")
    return Python(os.path.realpath(tmp_path) + "/theirs/it")


CHECK = """
import sys
from pyman.effects.interpreters.admission import Admission
from pyman.effects.places import read_places
from pyman.effects.venvs.on_disk import read_venv
from pyman.errors import NotStarted
try:
    Admission(read_places({"HOME": sys.argv[2]})).check(sys.argv[1], named=sys.argv[3] == "named")
except NotStarted as error:
    print(error.message, "|", error.hint)
else:
    print("yes")
"""


@AS_ROOT
@pytest.mark.parametrize(
    ("owner", "group", "bits", "how", "answer"),
    [
        (STRANGER, STRANGER, 0o755, "named", "yes"),
        (STRANGER, STRANGER, 0o775, "named", "yes"),  # a private group
        (STRANGER, 54321, 0o775, "named", "others may write"),
        (STRANGER, 0, 0o775, "named", "yes"),  # root's group
        (0, 0, 0o755, "named", "yes"),
        (0, 54321, 0o775, "named", "yes"),  # root's file, and nobody is in the group
        (54321, STRANGER, 0o755, "named", "yes"),  # somebody else's, whom the user named
        (54321, STRANGER, 0o775, "named", "others may write"),
        (STRANGER, STRANGER, 0o757, "named", "others may write"),
        (STRANGER, STRANGER, 0o755, "found", "pyman adopt"),
        (0, 0, 0o755, "found", "pyman adopt"),  # below a folder for everybody
    ],
)
def test_owners_and_groups_as_another_user(strangers, owner, group, bits, how, answer):
    os.chown(strangers.prefix, owner, group)
    os.chmod(strangers.prefix, bits)
    assert answer in as_stranger(CHECK, strangers.path, "/nonexistent", how).stdout


@AS_ROOT
@pytest.mark.skipif(shutil.which("setfacl") is None, reason="needs setfacl")
def test_a_list_of_rights_names_others(strangers):
    os.chown(strangers.prefix, STRANGER, STRANGER)
    subprocess.run(["setfacl", "-m", "u:54321:rwx", strangers.prefix], check=True)
    assert "others may write" in as_stranger(CHECK, strangers.path, "/nonexistent", "named").stdout


# --- the folders of version managers


def test_a_version_manager_that_a_project_brings_along_is_none(tmp_path):
    home = os.path.realpath(tmp_path) + "/home"
    clone = f"{home}/src/clone"
    write(f"{clone}/.git/config")
    for root, environ in (
        (f"{clone}/.pyenv", {"PYENV_ROOT": f"{clone}/.pyenv"}),
        (f"{clone}/deep/er/uv", {"UV_PYTHON_INSTALL_DIR": f"{clone}/deep/er/uv"}),
        (f"{clone}/data/uv/python", {"XDG_DATA_HOME": f"{clone}/data"}),
        (f"{home}/linked", {"MISE_DATA_DIR": f"{home}/linked"}),
    ):
        os.makedirs(root if "linked" not in root else f"{clone}/mise", exist_ok=True)
        if "linked" in root:
            os.symlink(f"{clone}/mise", root)
        places = read_places({"HOME": home, **environ})
        assert lies_in_project(root, home)
        assert root not in [one.root for one in own_tool_roots(places)]
        version = Python(f"{root}/versions/3.13.5" if "pyenv" in root else f"{root}/cpython-3.13.5")
        assert not Admission(places).allows(version.path)


def test_a_project_below_a_version_manager_is_none(tmp_path):
    """As where somebody lets uv keep its Pythons in the home folder itself."""
    home = os.path.realpath(tmp_path) + "/home"
    write(f"{home}/src/clone/.git/config")
    own, cloned = Python(f"{home}/cpython-3.13.5"), Python(f"{home}/src/clone/python")
    admission = Admission(read_places({"HOME": home, "UV_PYTHON_INSTALL_DIR": home}))
    assert admission.allows(own.path)
    assert not admission.allows(cloned.path)


def test_its_own_repository_and_that_of_the_home_do_not_count(tmp_path):
    home = os.path.realpath(tmp_path) + "/home"
    write(f"{home}/.git/config")
    write(f"{tmp_path}/.git/config")
    write(f"{home}/.pyenv/.git/config")
    python = Python(f"{home}/.pyenv/versions/3.13.5")
    places = read_places({"HOME": home})
    assert [one.tool for one in own_tool_roots(places)] == ["pyenv"]
    assert Admission(places).check(python.path) == python.path


def test_a_relative_variable_does_not_count(tmp_path, monkeypatch):
    python = Python(tmp_path / "clone/.pyenv/versions/3.13.5")
    monkeypatch.chdir(tmp_path / "clone")
    for value in (".pyenv", "./.pyenv", "~/clone/.pyenv"):
        places = read_places({"HOME": str(tmp_path), "PYENV_ROOT": value})
        assert not Admission(places).allows(python.path)


@AS_ROOT
def test_a_version_manager_of_somebody_else_is_none(tmp_path):
    home = os.path.realpath(tmp_path) + "/home"
    Python(f"{home}/.pyenv/versions/3.13.5")
    os.chown(f"{home}/.pyenv", STRANGER, STRANGER)
    assert own_tool_roots(read_places({"HOME": home})) == ()


# --- what was checked is what is started


def test_a_program_that_is_exchanged_after_it_was_checked_is_not_started(python, monkeypatch):
    """Its owner may do that at any time; what runs is what was looked at."""
    look = Admission._look

    def exchanging(self, executable, *, named):
        program = look(self, executable, named=named)
        write_program(f"{python.path}.new", f'echo other >>"{python.mark}"')
        os.replace(f"{python.path}.new", python.path)
        return program

    monkeypatch.setattr(Admission, "_look", exchanging)
    start(python.path)
    if sys.platform == "linux":
        assert python.starts == [python.path]


FLIP = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
folder, count = os.fsencode(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
for number in range(1 << 40):
    each = b"%s/p%d" % (folder, number % count)
    if libc.renameat2(-100, each + b"/fake/bin", -100, each + b"/alt/bin", 2):
        sys.exit(os.strerror(ctypes.get_errno()))
"""


@AS_ROOT
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "renameat2"), reason="folders cannot be exchanged in one step")
def test_root_looks_while_a_user_exchanges_the_program(tmp_path, strangers):
    """PYMAN_TEST_RACES says how often it is tried. One of the two is a link to a program of the system."""
    base = os.path.realpath(tmp_path) + "/homes"
    count = 20
    for number in range(count):
        each = f"{base}/p{number}"
        fake = Python(f"{each}/fake")
        os.makedirs(f"{each}/alt/bin")
        os.symlink("/usr/bin/env" if number % 2 else os.path.realpath("/usr/bin/python3"), f"{each}/alt/bin/python3.13")
        fake.mark = f"{each}/started-fake"
    for folder, folders, files in os.walk(base):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), STRANGER, STRANGER, follow_symlinks=False)
    os.chown(base, STRANGER, STRANGER)
    flipper = subprocess.Popen(
        [python_for_strangers(), "-c", FLIP, base, str(count)],
        user=STRANGER,
        group=STRANGER,
        extra_groups=(),
        stdout=subprocess.PIPE,
    )
    admission = Admission(read_places({"HOME": str(tmp_path / "home")}))
    seen = set()
    try:
        assert flipper.stdout.readline() == b"ready\n"
        for number in range(RACES):
            path = f"{base}/p{number % count}/fake/bin/python3.13"
            seen.add(os.path.islink(path))
            with contextlib.suppress(PymanError):
                ask_once(path, str(tmp_path / "cache"), admission)
        assert flipper.poll() is None
    finally:
        flipper.kill()
        flipper.wait()
        flipper.stdout.close()
    assert seen == {True, False}
    assert [name for name in os.listdir(base) if os.path.exists(f"{base}/{name}/started-fake")] == []
