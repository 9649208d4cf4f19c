"""pip in a new venv: shared with no harm, borrowed where it must be, and whole whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings

from pyman.core.seeding import SeedTarget, Wheel, split_wheel_name
from pyman.core.version import Version
from pyman.effects.observer import Observer
from pyman.effects.seeds import seed as seed_module
from pyman.effects.seeds.cache import _unpack, fits
from pyman.effects.seeds.seed import seed
from pyman.effects.seeds.sharing import read_prepared
from pyman.errors import BrokenRuntime, NotFound, Refused
from stage.hostile import damaged
from stage.interpreters import from_mirror, from_system
from stage.mirror import ABI, LIBRARY, MINOR, NEW, OLD, SITE
from stage.programs import write_program
from stage.seeds import call, check_record, make, make_bare, state_of, target_of


class Listener(Observer):
    def __init__(self):
        self.tasks = []
        self.facts = []

    def began(self, task, total):
        self.tasks.append(task)

    def noted(self, fact):
        self.facts.append(fact)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that the tests of this file share, so that each wheel is compiled once."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A standard library that bundles a pip of four modules, where it does not matter how big pip is."""
    library = tmp_path_factory.mktemp("tiny") / LIBRARY
    bundled = library / "ensurepip/_bundled"
    bundled.mkdir(parents=True)
    main = "def main():\n    import os\n    print('pip 1.0 from', os.path.dirname(os.path.dirname(__file__)))\n"
    files = {
        "pip/__init__.py": "",
        "pip/__main__.py": "from pip.cli.main import main\nmain()\n",
        "pip/cli/__init__.py": "",
        "pip/cli/main.py": main,
        "pip/cli/template.py": "this is {{ no module }}\n",
        "pip/py.typed": "",
        "pip-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pip\nVersion: 1.0\n",
        "pip-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "pip-1.0.dist-info/entry_points.txt": "[console_scripts]\npip = pip.cli.main:main\npip3.8 = pip.cli.main:main\n",
    }
    files["pip-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in files)
    with zipfile.ZipFile(bundled / "pip-1.0-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return str(library)


@pytest.fixture
def linking(monkeypatch):
    """What an ordinary user gets where no file can be cloned, whoever runs the tests."""
    monkeypatch.setattr(seed_module, "allowed_ways", lambda *_, **__: ("linked", "copied"))


@pytest.fixture
def cache(tmp_path):
    (tmp_path / "cache").mkdir(mode=0o755)
    return str(tmp_path / "cache")


def test_the_bytecode_is_valid_and_stays(tmp_path, warm):
    interpreter = from_mirror(NEW)
    make(interpreter, tmp_path / "v", warm)
    before = state_of(tmp_path / "v/lib")
    call(tmp_path / "v/bin/pip", "--version")
    assert state_of(tmp_path / "v/lib") == before
    assert call(tmp_path / "v/bin/python", "-m", "pip", "check") == "No broken requirements found.\n"
    told = call(tmp_path / "v/bin/python", "-B", "-c", "import pip._internal as p; print(p.main.__code__.co_filename)")
    assert told.strip().startswith(str(tmp_path / "v/lib"))


def test_a_module_that_cannot_be_compiled_is_installed_without_bytecode(tmp_path, cache, tiny):
    make(from_mirror(NEW), tmp_path / "v", cache, libraries=(tiny,))
    compiled = sorted(path.name for path in (tmp_path / "v").rglob("*.pyc"))
    assert compiled == [f"__init__.{ABI}.pyc"] * 2 + [f"__main__.{ABI}.pyc", f"main.{ABI}.pyc"]
    check_record(tmp_path / f"v/{SITE}", "pip-1.0.dist-info")
    assert sorted(path.name for path in (tmp_path / "v/bin").glob("pip*")) == ["pip", "pip3", f"pip{MINOR}"]


def test_each_wheel_is_unpacked_once(tmp_path, cache):
    interpreter, listener = from_mirror("3.11.2"), Listener()
    for name in ("a", "b", "c"):
        make(interpreter, tmp_path / name, cache, listener)
    assert [task.split()[1] for task in listener.tasks] == ["pip", "setuptools"]
    assert listener.facts == []
    names = [name for name in os.listdir(f"{cache}/seeds") if not name.startswith(".")]
    assert len(names) == 2


def test_a_newer_patch_release_with_the_same_wheel_shares_the_bytecode(tmp_path, cache):
    one, other = from_mirror(OLD), from_mirror(NEW)
    listener = Listener()
    make(one, tmp_path / "a", cache, listener)
    interpreter_with_lent_wheel = target_of(other, str(tmp_path / "b"), libraries=(one.library,))
    make_bare(other, str(tmp_path / "b"))
    seed(interpreter_with_lent_wheel, cache, listener)
    assert len(listener.tasks) == 1
    before = state_of(tmp_path / "b/lib")
    call(tmp_path / "b/bin/pip", "--version")
    assert state_of(tmp_path / "b/lib") == before


# What happens in one venv while its sibling and the cache look on.


def upgrade_with_pip(venv, wheels):
    call(venv / "bin/pip", "install", "-q", "--no-index", "--find-links", wheels, "-U", "pip")


def upgrade_with_uv(venv, wheels):
    uv = shutil.which("uv") or os.path.join(os.path.dirname(sys.executable), "uv")
    if not os.path.exists(uv):
        pytest.skip("uv is not installed: its way of replacing files was not tried")
    cache = venv.parent / "uv-cache"
    command = [uv, "pip", "install", "-q", "--offline", "--no-index", "--find-links", wheels, "-U", "pip"]
    call(*command, "--python", venv / "bin/python", UV_CACHE_DIR=str(cache), HOME=str(venv))


def uninstall(venv, wheels):
    call(venv / "bin/python", "-m", "pip", "uninstall", "-q", "-y", "pip")


def compile_again(venv, wheels):
    call(venv / "bin/python", "-m", "compileall", "-q", "-f", "-x", "template", venv / "lib")


def compile_unchecked(venv, wheels):
    how = ["-f", "--invalidation-mode", "unchecked-hash", "-x", "template"]
    call(venv / "bin/python", "-m", "compileall", "-q", *how, venv / "lib")


def replace_with_sed(venv, wheels):
    call("sed", "-i", "s/a/b/", *(venv / "lib").rglob("site-packages/pip/__init__.py"))


def chmod(venv, wheels):
    call("chmod", "-R", "go-rwx", venv)


def chmod_unwritable(venv, wheels):
    call("chmod", "-R", "a-w", venv)


def edit_in_place(venv, wheels):
    for path in venv.rglob("site-packages/pip/__init__.py"):
        with path.open("a") as file:
            file.write("# one more line\n")


def edit_without_a_trace_in_the_size(venv, wheels):
    for path in venv.rglob("site-packages/pip/__init__.py"):
        with path.open("r+b") as file:
            file.write(b"#")


def truncate(venv, wheels):
    for path in venv.rglob("site-packages/pip/__pycache__/__init__*.pyc"):
        os.truncate(path, 0)


def touch(venv, wheels):
    call("touch", *venv.rglob("site-packages/pip/__init__.py"))


def chown(venv, wheels):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    call("chown", "-R", "65534", venv)


@pytest.mark.parametrize(
    ("action", "leaves_the_sibling"),
    [
        (upgrade_with_pip, True),
        (upgrade_with_uv, True),
        (uninstall, True),
        (compile_again, True),
        (compile_unchecked, True),
        (replace_with_sed, True),
        (chmod, False),
        (chmod_unwritable, False),
        (edit_in_place, False),
        (edit_without_a_trace_in_the_size, False),
        (truncate, False),
        (touch, False),
        (chown, False),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_done_to_one_venv_spoils_no_other(action, leaves_the_sibling, tmp_path, warm, tiny, linking):
    interpreter, listener = from_mirror(OLD), Listener()
    real = action in (upgrade_with_pip, upgrade_with_uv, uninstall)
    options = {} if real else {"libraries": (tiny,)}
    wheels = f"{from_mirror(NEW).library}/ensurepip/_bundled"
    one, sibling, late = tmp_path / "one", tmp_path / "sibling", tmp_path / "late"
    make(interpreter, one, warm, **options)
    (seeded,) = make(interpreter, sibling, warm, listener, **options)
    listener.tasks.clear()
    before, cached = state_of(sibling), state_of(f"{warm}/seeds")
    action(one, wheels)
    assert seeded.shared == "linked"
    if leaves_the_sibling:
        assert state_of(sibling) == before
        assert state_of(f"{warm}/seeds") == cached
    # Whatever became of the sibling: who comes later gets what was in the wheel, and is told.
    make(interpreter, late, warm, listener, **options)
    fresh = {name: (mode, content) for name, (_, _, mode, content) in before.items() if name.startswith("lib/")}
    compiled = ("INSTALLER", "RECORD", ".pyc")
    for name, (_, _, mode, content) in state_of(late).items():
        if name.startswith("lib/") and not name.endswith(compiled):
            assert fresh[name] == (mode, content)
    assert call(late / "bin/pip", "--version").startswith(f"pip {seeded.version} ")
    if leaves_the_sibling:
        assert (listener.tasks, listener.facts) == ([], [])
    else:
        assert listener.tasks[0].startswith("unpacking pip ")
        assert "changed after it was unpacked" in listener.facts[0]


@pytest.mark.parametrize("action", [chmod, edit_in_place, chown], ids=lambda action: action.__name__)
@pytest.mark.parametrize("ways", [("copied",), ("cloned", "copied")], ids=lambda ways: ways[0])
def test_what_has_its_own_files_reaches_no_other(action, ways, tmp_path, warm, tiny, monkeypatch):
    monkeypatch.setattr(seed_module, "allowed_ways", lambda *_, **__: ways)
    interpreter = from_mirror(OLD)
    one, sibling = tmp_path / "one", tmp_path / "sibling"
    for venv in (one, sibling):
        (seeded,) = make(interpreter, venv, warm, libraries=(tiny,))
        assert seeded.shared in ways
        assert {path.stat().st_nlink for path in (venv / "lib").rglob("*") if path.is_file()} == {1}
    before, cached = state_of(sibling), state_of(f"{warm}/seeds")
    action(one, "")
    assert state_of(sibling) == before
    assert state_of(f"{warm}/seeds") == cached
    call(sibling / "bin/pip", "--version")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's venvs may share files")
def test_roots_venvs_share_no_file_with_anything(tmp_path, cache, tiny):
    (seeded,) = make(from_mirror(NEW), tmp_path / "v", cache, libraries=(tiny,))
    assert seeded.shared in ("cloned", "copied")
    assert {path.lstat().st_nlink for path in tmp_path.rglob("*") if path.is_file()} == {1}


def test_link_mode_copy_shares_no_file(tmp_path, cache, tiny):
    interpreter = from_mirror(NEW)
    make_bare(interpreter, str(tmp_path / "v"))
    (seeded,) = seed(target_of(interpreter, str(tmp_path / "v"), libraries=(tiny,)), cache, link_mode="copy")
    assert seeded.shared == "copied"
    assert {path.lstat().st_nlink for path in (tmp_path / "v/lib").rglob("*") if path.is_file()} == {1}
    call(tmp_path / "v/bin/pip", "--version")


@pytest.mark.parametrize(
    ("spoil", "how"),
    [
        ("manifest", "gone"),
        ("manifest", "empty"),
        ("own/RECORD", "empty"),
        ("own/pip", "gone"),
        ("tree/pip/__main__.py", "gone"),
        ("pack", "gone"),
        ("pack", "empty"),
    ],
)
def test_a_cache_that_lost_something_is_made_anew(spoil, how, tmp_path, cache, tiny, monkeypatch):
    # Each way reads another file.
    monkeypatch.setattr(seed_module, "allowed_ways", lambda *_, **__: ("copied",) if spoil == "pack" else ("linked",))
    interpreter, listener = from_mirror(NEW), Listener()
    make(interpreter, tmp_path / "a", cache, libraries=(tiny,))
    (folder,) = Path(cache, "seeds").glob(f"pip-*-{MINOR}")
    (folder / spoil).unlink()
    if how == "empty":
        (folder / spoil).touch()
    make(interpreter, tmp_path / "b", cache, listener, libraries=(tiny,))
    assert len(listener.tasks) == 1
    call(tmp_path / "b/bin/pip", "check")


NASTY = ["with space", "l" * 120 + "/" + "o" * 100, "it's", 'a"b$c`d', "new\nline", "back\\slash \\u\\N \\", "ä☃"]


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_scripts_start_from_every_path_that_the_venv_gets(name, tmp_path, warm):
    interpreter = from_mirror(NEW)
    final = tmp_path / name
    final.parent.mkdir(exist_ok=True)
    make(interpreter, tmp_path / "work", warm, final=str(final))
    (tmp_path / "work").rename(final)
    (tmp_path / "link").symlink_to(final / "bin/pip")
    for script in (final / "bin/pip", tmp_path / "link"):
        assert str(final) in call(script, "--version")
    check_record(final / SITE, next(final.rglob("pip-*.dist-info")).name)


def test_a_python_without_wheels_borrows_the_newest_that_fits(tmp_path, warm):
    interpreter = from_mirror("3.11.2")
    bare, strange = tmp_path / "bare/lib/python3.11", tmp_path / "strange/lib/python3.11"
    bare.mkdir(parents=True)
    (strange / "ensurepip/_bundled").mkdir(parents=True)
    for name, metadata in (("pip-99.0", "Requires-Python: >=3.99\n"), ("pip-98.0", None)):
        with zipfile.ZipFile(strange / f"ensurepip/_bundled/{name}-py3-none-any.whl", "w") as archive:
            if metadata is not None:
                archive.writestr(f"{name}.dist-info/METADATA", f"Metadata-Version: 2.1\n{metadata}")
    # What the system refuses to read may be readable another time: nothing is cached of it.
    (strange / "ensurepip/_bundled/pip-100.0-py3-none-any.whl").mkdir()
    libraries = (str(bare), str(strange), from_mirror(OLD).library, interpreter.library)
    for venv in ("a", "b"):
        seeded = make(interpreter, tmp_path / venv, warm, libraries=libraries)
        names = [(package.name, package.version) for package in seeded]
        # OLD has the newer pip, and 3.11.2 the only setuptools.
        assert names[0] > ("pip", "25")
        assert [name for name, _ in names] == ["pip", "setuptools"]
        call(tmp_path / venv / "bin/pip", "--version")
    assert sorted(path.name.split("-")[1] for path in Path(warm, "seeds").glob("*.unfit")) == ["98.0", "99.0"]


def test_no_wheel_anywhere_is_said_with_what_to_do(tmp_path, cache):
    interpreter = from_mirror(NEW)
    (tmp_path / f"bare/{LIBRARY}").mkdir(parents=True)
    with pytest.raises(NotFound) as raised:
        make(interpreter, tmp_path / "v", cache, libraries=(str(tmp_path / f"bare/{LIBRARY}"),))
    assert "--without-pip" in raised.value.hint
    assert list((tmp_path / f"v/{SITE}").iterdir()) == []


def test_the_python_of_the_system(tmp_path, warm):
    interpreter = from_system()
    other = from_mirror(NEW)
    (pip, *_) = make(interpreter, tmp_path / "v", warm, libraries=(interpreter.library, other.library))
    assert call(tmp_path / "v/bin/pip", "--version").startswith(f"pip {pip.version} from {tmp_path}/v/")


def test_a_damaged_wheel_is_named(tmp_path, cache):
    interpreter = from_mirror(NEW)
    bundled = tmp_path / f"{LIBRARY}/ensurepip/_bundled"
    bundled.mkdir(parents=True)
    (wheel,) = Path(interpreter.library, "ensurepip/_bundled").glob("pip-*.whl")
    whole = wheel.read_bytes()
    for content in (b"", whole[:50_000], whole[:9000] + bytes(2000) + whole[11000:]):
        (bundled / wheel.name).write_bytes(content)
        shutil.rmtree(tmp_path / "v", ignore_errors=True)
        with pytest.raises(BrokenRuntime, match=r"pip-.*\.whl"):
            make(interpreter, tmp_path / "v", cache, libraries=(str(tmp_path / LIBRARY),))
        assert [name for name in os.listdir(f"{cache}/seeds") if not name.endswith(".lock")] == []


@pytest.mark.parametrize("script", ["exit 3", "kill -9 $$", "exec /nonexistent/python"])
def test_an_interpreter_that_cannot_compile_is_named(script, tmp_path, cache, tiny):
    interpreter = from_mirror(NEW)
    make_bare(interpreter, str(tmp_path / "v"))
    broken = write_program(tmp_path / f"broken/bin/python{MINOR}", script)
    (tmp_path / f"broken/{LIBRARY}/lib-dynload").mkdir(parents=True)
    (tmp_path / f"broken/{LIBRARY}/os.py").touch()
    target = target_of(interpreter, str(tmp_path / "v"), libraries=(tiny,))
    with pytest.raises(BrokenRuntime, match=r"python3\.13"):
        seed(SeedTarget(**{**target.__dict__, "executable": broken}), cache)
    with pytest.raises(BrokenRuntime, match="cannot be started"):
        seed(SeedTarget(**{**target.__dict__, "executable": str(tmp_path / "none")}), cache)
    assert [name for name in os.listdir(f"{cache}/seeds") if not name.endswith(".lock")] == []


def test_the_interpreter_that_compiles_obeys_nobody_and_writes_nowhere_else(tmp_path, cache, tiny, monkeypatch):
    interpreter = from_mirror(NEW)
    before = state_of(interpreter.prefix)
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "compileall.py").write_text("raise SystemExit('obeyed')\n")
    monkeypatch.setenv("PYTHONPATH", str(evil))
    monkeypatch.setenv("PYTHONHOME", str(evil))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.chdir(evil)
    target = target_of(interpreter, str(tmp_path / "v"), libraries=(tiny,))
    os.makedirs(target.site_packages)
    os.makedirs(target.scripts)
    seed(target, cache)
    assert state_of(interpreter.prefix) == before
    (pyc,) = Path(target.site_packages).glob("pip/__pycache__/__init__*.pyc")
    assert pyc.read_bytes()[4:8] == bytes(4), "bytecode is checked by the time of its source"


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, tiny):
    interpreter = from_mirror(NEW)
    # Nobody makes folders there, not even root.
    (pip,) = make(interpreter, tmp_path / "v", "/sys/pyman-cache", libraries=(tiny,))
    assert call(tmp_path / "v/bin/pip", "--version").startswith(f"pip {pip.version}")
    assert [name for name in os.listdir(tmp_path / f"v/{SITE}") if name.startswith(".")] == []


def test_a_cache_that_others_may_write_is_refused(tmp_path, cache):
    os.mkdir(f"{cache}/seeds")
    os.chmod(f"{cache}/seeds", 0o777)
    with pytest.raises(Refused, match="others may write"):
        make(from_mirror(NEW), tmp_path / "v", cache)


def test_the_umask_of_who_comes_first_is_nobody_elses(tmp_path, cache, tiny):
    interpreter = from_mirror(NEW)
    before = os.umask(0o077)
    try:
        make(interpreter, tmp_path / "v", cache, libraries=(tiny,))
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in Path(cache).glob("seeds/*/tree/**/*") if path.is_file()}
    assert modes == {0o644}
    assert (tmp_path / "v/bin/pip").stat().st_mode & 0o777 == 0o700


def test_on_another_file_system_it_is_copied(tmp_path, warm):
    elsewhere = Path("/dev/shm")
    if not os.access(elsewhere, os.W_OK) or elsewhere.stat().st_dev == os.stat(warm).st_dev:
        pytest.skip("there is no second file system to write to")
    venv = elsewhere / f"pyman-test-{os.getpid()}"
    try:
        (pip,) = make(from_mirror(NEW), venv, warm)
        assert pip.shared == "copied"
        before = state_of(venv / "lib")
        call(venv / "bin/pip", "list")
        assert state_of(venv / "lib") == before
    finally:
        shutil.rmtree(venv, ignore_errors=True)


@pytest.fixture
def cloning_folder(tmp_path):
    """A folder on a file system that clones files: that of the tests if it can, else one of our own, as root."""
    source, clone = tmp_path / "source", tmp_path / "clone"
    source.write_bytes(b"x")
    with source.open("rb", buffering=0) as reading, clone.open("wb") as writing:
        try:
            fcntl.ioctl(writing, 0x40049409, reading.fileno())
        except OSError as error:
            assert error.errno in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.ENOSYS)
        else:
            yield tmp_path
            return
    make_fs = shutil.which("mkfs.btrfs", path="/usr/sbin:/sbin:/usr/bin")
    if make_fs is None or os.geteuid() != 0:
        pytest.skip("no file system that clones files: needs Btrfs or XFS here, or root and mkfs.btrfs")
    with (tmp_path / "image").open("wb") as image:
        image.truncate(200 << 20)
    call(make_fs, "-q", tmp_path / "image")
    (tmp_path / "mounted").mkdir()
    mounted = subprocess.run(["mount", "-o", "loop", tmp_path / "image", tmp_path / "mounted"], check=False)
    if mounted.returncode:
        pytest.skip("a file system that clones files cannot be mounted here")
    try:
        yield tmp_path / "mounted"
    finally:
        call("umount", tmp_path / "mounted")


def test_it_is_cloned_where_the_file_system_can(cloning_folder):
    interpreter = from_mirror(NEW)
    cache = cloning_folder / "own cache"
    cache.mkdir(mode=0o755)
    (pip,) = make(interpreter, cloning_folder / "v", str(cache))
    assert pip.shared == "cloned"
    before, cached = state_of(cloning_folder / "v/lib"), state_of(cache)
    call(cloning_folder / "v/bin/pip", "--version")
    assert state_of(cloning_folder / "v/lib") == before
    edit_in_place(cloning_folder / "v", "")
    chmod(cloning_folder / "v", "")
    assert state_of(cache) == cached


SEEDER = f"""
import sys
from pyman.core.seeding import SeedTarget
from pyman.core.version import parse_version
from pyman.effects.seeds.seed import seed
venv, library, executable, cache = sys.argv[1:]
print(seed(SeedTarget(f"{{venv}}/{SITE}", f"{{venv}}/bin", f"{{venv}}/bin/python",
    parse_version("{NEW}"), "default", executable, (library,)), cache))
"""


def start(interpreter, venv, cache):
    make_bare(interpreter, str(venv))
    return subprocess.Popen(
        [sys.executable, "-c", SEEDER, str(venv), interpreter.library, interpreter.executable, cache],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_that_want_the_same_at_once_all_get_it(tmp_path, cache):
    interpreter = from_mirror(NEW)
    processes = [start(interpreter, tmp_path / name, cache) for name in "abc"]
    told = {process.communicate(timeout=120)[0] for process in processes}
    assert len(told) == 1
    assert [process.returncode for process in processes] == [0, 0, 0]
    for name in "abc":
        call(tmp_path / name / "bin/pip", "--version")
    assert len([name for name in os.listdir(f"{cache}/seeds") if not name.startswith(".")]) == 1


@pytest.mark.parametrize("moment", ["tree/pip/_internal", "tree/pip/**/*.pyc"])
def test_who_is_killed_while_preparing_leaves_nothing_in_the_way(moment, tmp_path, cache):
    interpreter = from_mirror(NEW)
    process = start(interpreter, tmp_path / "a", cache)
    while not any(Path(cache).glob(f"seeds/.*.work-*/{moment}")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    make(interpreter, tmp_path / "b", cache)
    assert call(tmp_path / "b/bin/pip", "--version").startswith("pip ")
    check_record(tmp_path / f"b/{SITE}", next((tmp_path / "b").rglob("pip-*.dist-info")).name)
    if "pyc" not in moment:
        assert list(Path(cache).glob("seeds/.*.work-*")) == []


def test_an_attempt_that_lost_its_source_is_taken_back(tmp_path, cache, tiny):
    interpreter = from_mirror(NEW)
    make(interpreter, tmp_path / "a", cache, libraries=(tiny,))
    make_bare(interpreter, str(tmp_path / "b"))
    target = target_of(interpreter, str(tmp_path / "b"), libraries=(tiny,))
    before = state_of(tmp_path / "b").keys()
    (folder,) = Path(cache, "seeds").glob("pip-*")
    prepared = read_prepared(str(folder))
    # The cache may be deleted between reading the manifest and using it.
    shutil.rmtree(folder / "tree" / prepared.dist_info)
    with pytest.raises(FileNotFoundError):
        seed_module._install(prepared, str(folder), target, ("linked",))
    assert state_of(tmp_path / "b").keys() > before
    seed_module._take_back(prepared, target)
    assert state_of(tmp_path / "b").keys() == before
    seed(target, cache)
    call(tmp_path / "b/bin/pip")


def test_what_is_in_the_way_is_not_replaced(tmp_path, cache, tiny):
    interpreter = from_mirror(NEW)
    make_bare(interpreter, str(tmp_path / "v"))
    (tmp_path / "v/bin/pip").write_text("mine")
    with pytest.raises(FileExistsError):
        seed(target_of(interpreter, str(tmp_path / "v"), libraries=(tiny,)), cache)
    assert (tmp_path / "v/bin/pip").read_text() == "mine"


def a_wheel(compression):
    """The bytes of a small pip."""
    content = io.BytesIO()
    files = {
        "pip/__init__.py": "x = 1\n" * 20,
        "pip-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: pip\nVersion: 1.0\nRequires-Python: >=3.8\n",
        "pip-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "pip-1.0.dist-info/entry_points.txt": "[console_scripts]\npip = pip:main\n",
    }
    files["pip-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in [*files, "pip-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@settings(max_examples=60)
@given(content=damaged(*map(a_wheel, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))))
def test_a_damaged_wheel_is_unpacked_inside_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "work").mkdir(parents=True)
    path = folder / "pip-1.0-py3-none-any.whl"
    path.write_bytes(content)
    wheel = Wheel(str(path), *split_wheel_name(path.name), len(content), 0)
    with contextlib.suppress(OSError):
        fits(wheel, Version(3, 13, 5))
    try:
        _unpack(wheel, str(folder / "work"), Version(3, 13, 5))
    except (BrokenRuntime, OSError):
        pass  # `prepare` says what the system refuses.
    assert sorted(os.listdir(folder)) == [path.name, "work"]
    assert set(os.listdir(folder / "work")) <= {"own", "tree"}
