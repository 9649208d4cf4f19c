"""pyman.pyz as a user runs it: one file, in a home of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pyman.effects.places import read_places
from stage.home import Home
from stage.mirror import MINOR, mirror_folder
from stage.pyz import build_pyz, build_wheel
from stage.server import Server

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def pyz(wheel, tmp_path_factory):
    return build_pyz(tmp_path_factory.mktemp("pyz") / "it's pyman.pyz", wheel)


@pytest.fixture
def person(tmp_path, pyz):
    return Person(tmp_path, pyz)


class Person:
    """Somebody with nothing but pyman.pyz and a Python."""

    def __init__(self, folder, pyz):
        self.home = Home(folder, mirror_folder())
        self.pyz = pyz
        self.builds = f"{self.home.cache}/pyz"
        self.python = f"{folder}/python"
        os.mkdir(self.python)
        base = os.path.realpath(sys.executable)
        os.symlink(base, f"{self.python}/python3.{sys.version_info[1]}")
        self.environ = {name: value for name, value in self.home.environ.items() if name != "PYTHONPATH"}
        self.environ["PATH"] = f"{self.python}:/nowhere"

    def run(self, *words, status=0, **environ):
        result = subprocess.run(
            [*words], cwd=self.home.project, env=self.environ | environ, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert status is None or result.returncode == status, (result.stdout, result.stderr)
        assert "Traceback" not in result.stderr
        return result

    def pyman(self, *words, **options):
        return self.run(self.pyz, *words, **options)


def test_the_same_wheel_gives_the_same_bytes(wheel, pyz, tmp_path):
    again = build_pyz(tmp_path / "again.pyz", wheel)
    with open(pyz, "rb") as one, open(again, "rb") as other:
        assert one.read() == other.read()


def test_it_unpacks_itself_once_for_this_user_alone(person):
    assert person.pyman("--version").stdout.startswith("pyman ")
    [build] = os.listdir(person.builds)
    for folder in (person.builds, f"{person.builds}/{build}"):
        assert os.stat(folder).st_mode & 0o777 == 0o700
    unpacked = os.stat(f"{person.builds}/{build}").st_ctime_ns
    before = os.stat(f"{person.builds}/{build}").st_ino
    assert json.loads(person.pyman("list", "--json").stdout)["runtimes"] == []
    assert os.stat(f"{person.builds}/{build}").st_ino == before
    assert unpacked
    compiled = f"{person.builds}/{build}/pyman/__pycache__/__main__.{sys.implementation.cache_tag}.pyc"
    assert os.path.isfile(compiled)


def test_a_specifier_in_a_version_file_a_shim_and_a_search_work_from_it(person):
    person.pyman("install", MINOR)
    (person.home.project / ".python-version").write_text(">=3.12,<3.99\n")
    shim = f"{person.home.root}/shims/python"
    assert re.match(r"Python 3\.13\.", person.run(shim, "-V").stdout)
    # What it was unpacked to may be removed at any time: the shim knows the file.
    shutil.rmtree(person.builds)
    assert re.match(r"Python 3\.13\.", person.run(shim, "-V").stdout)
    person.pyman("venv", "there")
    [found] = json.loads(person.pyman("venvs", "--json", ".").stdout)["venvs"]
    assert found["path"] == f"{person.home.project}/there"
    script = person.pyman("init", "bash").stdout
    assert f"{person.builds}/" in script
    assert person.pyman("completions", "fish").stdout


def test_many_helpers_walk_folders_from_it(person):
    for number in range(60):
        os.makedirs(person.home.project / f"{number}/deep/er")
    (person.home.project / "59/deep/pyvenv.cfg").write_text("home = /usr/bin\n")
    probe = ("import sys; sys.path.insert(0, sys.argv[1]); from pyman.effects.venvs import search; "
             "helper = search._start(1)[0]; print(helper.is_busy, search.folder_walk.__file__); search._end([helper])")  # fmt: skip
    person.pyman("--version")
    [build] = os.listdir(person.builds)
    said = person.run(sys.executable, "-I", "-c", probe, f"{person.builds}/{build}").stdout
    assert said == f"False {person.builds}/{build}/pyman/effects/venvs/folder_walk.py\n"
    [found] = json.loads(person.pyman("venvs", "--json", ".").stdout)["venvs"]
    assert found["path"].endswith("59/deep")


@pytest.mark.parametrize("how", ["python", "relative", "sh", "path"])
def test_however_it_is_started(person, how):
    folder, name = os.path.split(person.pyz)
    if how == "python":
        result = person.run(sys.executable, person.pyz, "--version")
    elif how == "relative":
        result = subprocess.run(
            [sys.executable, name, "shims"], cwd=folder, env=person.environ, capture_output=True, text=True, check=True
        )
        with open(f"{person.home.root}/shims/python", encoding="utf-8") as file:
            assert "/it'\\''s pyman.pyz'\n" in file.read()
        return
    elif how == "sh":
        result = person.run("/bin/sh", person.pyz, "--version")
    else:
        result = person.run("/bin/sh", "-c", f"'{name.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}' --version",
                            PATH=f"{folder}:{person.environ['PATH']}")  # fmt: skip
    assert result.stdout.startswith("pyman ")


def test_modules_of_others_are_not_taken_for_pymans(person, tmp_path):
    (tmp_path / "evil").mkdir()
    for folder in (tmp_path / "evil", person.home.project):
        (folder / "typing.py").write_text("raise SystemExit('run')\n")
    result = person.pyman("list", PYTHONPATH=str(tmp_path / "evil"))
    assert "run" not in result.stderr.replace("run `pyman", "")


def test_old_builds_go_and_those_in_use_stay(person, wheel, tmp_path):
    person.pyman("--version")
    [old] = os.listdir(person.builds)
    os.mkdir(f"{person.builds}/mine")
    newer = build_pyz(tmp_path / "newer.pyz", wheel, extra="")
    held = os.open(f"{person.builds}/{old}", os.O_RDONLY)
    import fcntl

    fcntl.flock(held, fcntl.LOCK_SH)
    person.run(newer, "--version")
    assert old in os.listdir(person.builds)
    os.close(held)
    newest = build_pyz(tmp_path / "newest.pyz", wheel, another="")
    person.run(newest, "--version")
    assert old not in os.listdir(person.builds)
    assert len(os.listdir(person.builds)) == 2
    assert "mine" in os.listdir(person.builds)


def test_many_first_starts_at_once(person):
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda _: person.pyman("--version").stdout, range(6)))
    assert len(set(said)) == 1
    assert len(os.listdir(person.builds)) == 1


@pytest.mark.parametrize("place", ["cache", "builds", "build"])
@pytest.mark.parametrize("what", ["link", "file", "writable", pytest.param("stranger", marks=needs_root)])
def test_what_somebody_else_put_there_is_not_run(person, tmp_path, place, what):
    person.pyman("--version")
    [build] = os.listdir(person.builds)
    path = {"cache": str(person.home.cache), "builds": person.builds, "build": f"{person.builds}/{build}"}[place]
    if what == "link":
        if place == "cache":
            pytest.skip("the cache may be elsewhere")
        os.rename(path, tmp_path / "elsewhere")
        os.symlink(tmp_path / "elsewhere", path)
    elif what == "file":
        shutil.rmtree(path)
        with open(path, "w", encoding="utf-8"):
            pass
    elif what == "writable":
        os.chmod(path, 0o777)
    else:
        os.chown(path, 12345, 12345)
    result = person.pyman("--version", status=1)
    assert result.stdout == ""
    error, hint = result.stderr.splitlines()
    assert error.startswith("error: ")
    assert path in error
    assert "PYMAN_CACHE_DIR" in hint


def test_without_a_python_it_says_what_it_needs(person):
    old = f"{person.python}/python3.10"
    os.rename(f"{person.python}/python3.{sys.version_info[1]}", old)
    shim = f"{person.python}/python3.14"
    with open(shim, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexit 99\n")
    os.chmod(shim, 0o755)
    if any(name.startswith("python3.1") for name in os.listdir("/usr/local/bin")):
        pytest.skip("this machine has a Python where pyman.pyz looks without PATH")
    result = person.pyman("list", status=1)
    assert result.stderr.splitlines()[0] == (
        "error: no CPython 3.11 or newer was found on PATH, and pyman.pyz needs one"
    )


def test_the_cache_is_where_pyman_has_it(tmp_path):
    import importlib.util

    from stage.pyz import CHECKOUT

    spec = importlib.util.spec_from_file_location("pyz_main", f"{CHECKOUT}/tools/pyz_main.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    home = {"HOME": str(tmp_path)}
    for more in ({}, {"PYMAN_CACHE_DIR": "/c"}, {"PYMAN_CACHE_DIR": "relative"}, {"XDG_CACHE_HOME": "/x"},
                 {"XDG_CACHE_HOME": " "}, {"XDG_CACHE_HOME": "relative"}, {"HOME": ""}):  # fmt: skip
        assert module.cache_folder(home | more) == read_places(home | more).cache


def test_cleaning_the_cache_keeps_what_runs(person):
    result = json.loads(person.pyman("cache", "clean", "--json").stdout)
    [build] = os.listdir(person.builds)
    assert result["kept"] == [f"{person.builds}/{build} was kept: a running pyman uses it"]
    other = person.home.pyman("cache", "clean", "--json").json
    assert other["changed"] == [f"{person.builds}/{build}"]
    assert not os.path.exists(person.builds)


# --- pyman itself ---


def releases(folder, wheel, *versions, spoil=False):
    """A folder of releases: pyman.pyz files that say another version, and their sums."""
    import hashlib

    os.makedirs(folder, exist_ok=True)
    lines = []
    for version in versions:
        name = f"pyman-{version}.pyz"
        path = build_pyz(f"{folder}/{name}", wheel, version)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        lines.append(f"{'0' * 64 if spoil else digest}  {name}\n")
    with open(f"{folder}/SHA256SUMS", "w", encoding="utf-8") as file:
        file.writelines(lines)
    return str(folder)


@pytest.fixture
def own(person, tmp_path):
    """Somebody whose pyman.pyz is theirs to replace."""
    place = tmp_path / "bin/pyman tool"
    place.parent.mkdir()
    shutil.copy(person.pyz, place)
    person.pyz = str(place)
    return person


def test_it_says_how_it_was_installed(own):
    said = json.loads(own.pyman("self", "--json").stdout)
    assert (said["installed_by"], said["changed"]) == ("pyman.pyz", [])
    assert own.pyman("self").stdout == f"pyman {said['version']}, installed by pyman.pyz: {own.pyz}\n"


def test_it_updates_itself_to_the_newest_release(own, wheel, tmp_path):
    own.pyman("shims")
    with Server(releases(tmp_path / "releases", wheel, "0.9", "99.1", "99.0")) as server:
        url = {"PYMAN_DOWNLOADS": server.url}
        planned = json.loads(own.pyman("self", "update", "--json", "--dry-run", **url).stdout)
        assert planned.pop("dry_run") is True
        assert "pyman 99" not in own.pyman("--version").stdout
        updated = json.loads(own.pyman("self", "update", "--json", **url).stdout)
        assert updated == planned == {
            "schema": "pyman/1", "version": "99.1", "installed_by": "pyman.pyz", "changed": [own.pyz]
        }  # fmt: skip
        assert own.pyman("--version").stdout == "pyman 99.1\n"
        assert own.pyman("self", "update", **url).stdout == "pyman 99.1 is the newest release\n"
    assert os.listdir(os.path.dirname(own.pyz)) == ["pyman tool"]


@pytest.mark.parametrize("what", ["sum", "content", "http", "unset", "offline"])
def test_an_update_that_cannot_be_had_changes_nothing(own, wheel, tmp_path, what):
    with open(own.pyz, "rb") as file:
        before = file.read()
    folder = releases(tmp_path / "releases", wheel, "99.0", spoil=what == "sum")
    if what == "content":
        import hashlib

        with open(f"{folder}/pyman-99.0.pyz", "wb") as file:
            file.write(b"<html>")
        with open(f"{folder}/SHA256SUMS", "w", encoding="utf-8") as file:
            file.write(f"{hashlib.sha256(b'<html>').hexdigest()}  pyman-99.0.pyz\n")
    with Server(folder) as server:
        url = {
            "sum": server.url,
            "content": server.url,
            "http": "http://example.com/",
            "unset": "",
            "offline": server.url,
        }
        words = ["--offline"] if what == "offline" else []
        result = own.pyman("self", "update", *words, status=None, PYMAN_DOWNLOADS=url[what])
    said = {
        "sum": "has the sha256", "content": "does not start", "http": "must begin with https://",
        "unset": "the address of pyman's releases is not set", "offline": "the network is disabled",
    }  # fmt: skip
    assert result.returncode == (2 if what == "http" else 1)
    assert said[what] in result.stderr
    assert "\nhint: " in result.stderr
    with open(own.pyz, "rb") as file:
        assert file.read() == before
    assert os.listdir(os.path.dirname(own.pyz)) == ["pyman tool"]


def test_it_uninstalls_itself_without_a_trace(own):
    own.pyman("shims")
    planned = json.loads(own.pyman("self", "uninstall", "--json", "--dry-run").stdout)
    assert os.path.exists(own.pyz)
    done = json.loads(own.pyman("self", "uninstall", "--json").stdout)
    assert planned.pop("dry_run") is True
    assert planned == done
    assert own.pyz in done["changed"]
    assert not os.path.exists(own.pyz)
    left = [path for path in own.home.path.rglob("*") if not path.is_dir()]
    assert left == []
    assert not own.home.root.exists()
    assert not own.home.cache.exists()


def test_pythons_and_links_of_others_stay(own):
    own.pyman("install", MINOR)
    own.pyman("shims", "--link", "there")
    (own.home.project / "there/python3.9").write_text("mine")
    result = own.pyman("self", "uninstall")
    assert f"kept {own.home.root}" in result.stderr
    assert os.listdir(own.home.project / "there") == ["python3.9"]
    assert not (own.home.root / "shims").exists()
    assert {MINOR} < set(os.listdir(own.home.runtimes))


def test_what_a_cleaner_of_caches_took_is_unpacked_again(person):
    person.pyman("--version")
    [build] = os.listdir(person.builds)
    build = f"{person.builds}/{build}"
    before = os.stat(build).st_ino
    os.unlink(f"{build}/pyman/cli/doctor.py")
    os.unlink(f"{build}/typing_extensions.py")
    shutil.rmtree(f"{build}/pyman/shims")
    assert json.loads(person.pyman("doctor", "--json").stdout)["findings"] == []
    assert os.listdir(f"{build}/pyman/shims") == ["python"]
    assert os.stat(build).st_ino == before
    assert os.path.isfile(f"{build}/typing_extensions.py")
    for above, folders, files in os.walk(build, topdown=False):
        for name in files:
            os.unlink(f"{above}/{name}")
        for name in folders:
            os.rmdir(f"{above}/{name}")
    assert person.pyman("--version").stdout.startswith("pyman ")
    assert os.listdir(person.builds) == [os.path.basename(build)]


@needs_root
def test_root_unpacks_nothing_where_another_user_could_exchange_it(person, tmp_path):
    his = tmp_path / "his"
    his.mkdir()
    os.chown(his, 65534, 65534)
    os.symlink(his, tmp_path / "link")
    for cache in (f"{his}/cache", f"{his}/a/b/cache", f"{tmp_path}/link/cache"):
        shutil.rmtree(his / "a", ignore_errors=True)
        assert "belongs to another user" in person.pyman("--version", status=1, PYMAN_CACHE_DIR=cache).stderr
    assert list(his.rglob("pyman")) == []
    os.chown(his, 0, 0)
    os.chmod(his, 0o777)
    assert "others may write to" in person.pyman("--version", status=1, PYMAN_CACHE_DIR=f"{his}/cache").stderr
    os.chmod(his, 0o1777)
    person.pyman("--version", PYMAN_CACHE_DIR=f"{his}/cache")


def test_folders_above_the_cache_are_this_users_alone_whatever_the_umask(person, tmp_path):
    before = os.umask(0)
    try:
        person.pyman("--version", PYMAN_CACHE_DIR=f"{tmp_path}/x/y")
    finally:
        os.umask(before)
    assert os.stat(f"{tmp_path}/x").st_mode & 0o777 == 0o700
