"""Real pip and real uv, against a folder of wheels or an index on loopback."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig

import pytest
from hypothesis import given, settings

from pyman.core.packages.compatibility import Release, marker_environment
from pyman.core.packages.installer import Batch, Installer
from pyman.core.packages.lock_file import requirements_of_pylock
from pyman.core.packages.package import normalize_name
from pyman.core.plans.rebuild import compare, plan_reinstallation, unplanned
from pyman.core.version import parse_version
from pyman.effects.observer import Observer
from pyman.effects.packages.dist_info import read_packages
from pyman.effects.packages.installers import CannotInstall, find_installer, install, sync
from pyman.effects.packages.programs import missing_programs
from pyman.effects.subprocesses import find_on_path, usable_search_path
from pyman.errors import NotFound
from stage.home import link_tree
from stage.hostile import HUGE, damaged
from stage.package_index import PackageIndex
from stage.somebody import SOMEBODY, as_root
from stage.wheels import build_wheel

VERSION = platform.python_version()
HERE = Release(
    parse_version(VERSION),
    marker_environment(parse_version(VERSION), sys_platform=sys.platform, machine=platform.machine()),
)
UV = shutil.which("uv", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))


@pytest.fixture(scope="session")
def wheelhouse(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("wheelhouse"))
    build_wheel(folder, "spam", "1.0", requires_dist=["eggs>=1"], scripts={"spam": "spam:main"})
    build_wheel(folder, "spam", "1.5", requires_dist=["eggs>=1", "bacon"], scripts={"spam": "spam:main"})
    build_wheel(folder, "eggs", "1.0")
    build_wheel(folder, "eggs", "2.0")
    build_wheel(folder, "bacon", "3.0")
    build_wheel(folder, "old", "1.0", requires_python=">=3.99")
    build_wheel(folder, "old", "2.0")
    build_wheel(folder, "tagged", "1.0", tags=["cp27-cp27m-manylinux1_x86_64"])
    return folder


@pytest.fixture(scope="session")
def empty_venv(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("empty") / "venv")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


@pytest.fixture
def venv(empty_venv, tmp_path):
    """By hard links: installers replace files, and write into none."""
    (tmp_path / "project").mkdir()
    link_tree(empty_venv, str(tmp_path / "project" / ".venv"))
    return str(tmp_path / "project" / ".venv")


@pytest.fixture(params=["pip", "uv"])
def installer(request, venv):
    if request.param == "uv":
        if UV is None:
            pytest.skip("no uv on PATH")
        return Installer("uv", (UV,))
    return find_installer("pip", "", f"{venv}/bin/python")


@pytest.fixture
def environ(wheelhouse, tmp_path):
    """Settings of the user's that lead to the wheelhouse, and some that would lead astray."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheelhouse,
        "PIP_TARGET": str(tmp_path / "astray"),
        "PIP_USER": "1",
        "PYTHONHOME": "/nonexistent",
        "PYTHONPATH": str(tmp_path),
        "VIRTUAL_ENV": str(tmp_path / "other"),
        "UV_NO_CONFIG": "1",
        "UV_INDEX": f"file://{tmp_path}/no-index",
        "UV_FIND_LINKS": wheelhouse,
        "UV_PYTHON": "2.7",
        "UV_SYSTEM_PYTHON": "1",
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
    }


def site_packages(venv):
    return f"{venv}/lib/python{sysconfig.get_python_version()}/site-packages"


def packages_of(venv):
    found, notes = read_packages(site_packages(venv))
    assert notes == ()
    return [one for one in found if one.name not in ("pip", "setuptools")]


def versions(venv):
    return {one.name: one.version for one in packages_of(venv)}


def put(installer, venv, environ, *lines, names=None, observer=None, **options):
    names = names or [normalize_name(line.split("=")[0].split(">")[0]) for line in lines]
    batch = Batch(lines, tuple(names), options.pop("constraints", ()), options.pop("dependencies", False))
    folder = os.path.dirname(venv)
    more = {"observer": observer} if observer else {}
    install(installer, batch, f"{venv}/bin/python", environ=environ, folder=folder, **options, **more)


def test_exactly_what_is_named_is_installed_and_nothing_with_it(installer, venv, environ, tmp_path):
    put(installer, venv, environ, "spam==1.0")
    assert versions(venv) == {"spam": "1.0"}
    assert not (tmp_path / "astray").exists()
    told = subprocess.run([f"{venv}/bin/spam"], capture_output=True, text=True, check=True)
    assert told.stdout == "spam 1.0\n"
    put(installer, venv, environ)
    assert versions(venv) == {"spam": "1.0"}


def test_what_is_resolved_keeps_to_what_is_there(installer, venv, environ):
    put(installer, venv, environ, "eggs==1.0")
    put(installer, venv, environ, "spam>=1.0", dependencies=True, constraints=("eggs==1.0",))
    assert versions(venv) == {"spam": "1.5", "eggs": "1.0", "bacon": "3.0"}


BACKEND = """
import base64, hashlib, os, zipfile
NAME = {name!r}
def _wheel(folder, files):
    info = f"{{NAME}}-0.1.dist-info"
    files = dict(files)
    files[f"{{info}}/METADATA"] = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: 0.1\\n"
    files[f"{{info}}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    rows = "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"])
    files[f"{{info}}/RECORD"] = rows
    with zipfile.ZipFile(os.path.join(folder, f"{{NAME}}-0.1-py3-none-any.whl"), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{{NAME}}-0.1-py3-none-any.whl"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{f"{{NAME}}.py": "built = True\\n"}})
def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {{f"{{NAME}}.pth": os.getcwd() + "\\n"}})
"""


def write_project(folder, name):
    os.makedirs(folder)
    with open(f"{folder}/pyproject.toml", "w") as file:
        file.write('[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
        file.write(f'[project]\nname = "{name}"\nversion = "0.1"\n')
    with open(f"{folder}/backend.py", "w") as file:
        file.write(BACKEND.format(name=name))
    return folder


def commit_project(folder, name):
    write_project(folder, name)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def test_every_kind_of_source_is_put_back_by_either_installer(installer, venv, environ, tmp_path, empty_venv):
    if shutil.which("git") is None:
        pytest.skip("no git for an installation from a repository")
    local = build_wheel(str(tmp_path / "local wheels"), "loc", "1.0")
    editable = write_project(str(tmp_path / "my source"), "edited")
    inner = write_project(str(tmp_path / "mono repo" / "inner"), "inner")
    folder = write_project(str(tmp_path / "folder"), "foldered")
    repository = commit_project(str(tmp_path / "repository"), "versioned")
    by_hand = ["spam==1.0", "eggs==1.0", f"loc @ file://{local.replace(' ', '%20')}"]
    by_hand += [f"-e file://{editable.replace(' ', '%20')}", f"-e file://{inner.replace(' ', '%20')}"]
    by_hand += [f"foldered @ file://{folder}", f"git+file://{repository}#egg=versioned"]
    put(installer, venv, environ, *by_hand)
    before = packages_of(venv)
    assert {one.name: one.origin.kind for one in before if one.origin} == {
        "loc": "archive",
        "edited": "editable",
        "inner": "editable",
        "foldered": "folder",
        "versioned": "vcs",
    }

    plan = plan_reinstallation(before, HERE, HERE)
    assert plan.obstacles == ()
    again = str(tmp_path / "again" / ".venv")
    shutil.copytree(empty_venv, again, symlinks=True)
    python = f"{again}/bin/python"
    other = Installer("pip", (python, "-I", "-m", "pip")) if installer.kind == "pip" else installer
    for batch in plan.batches:
        install(other, batch, python, environ=environ, folder=str(tmp_path))
    after = packages_of(again)
    assert unplanned(plan, compare(before, after, plan.own)) == ()
    assert len(after) == 7
    strip = {one.name: one.origin and (one.origin.kind, one.origin.path, one.origin.commit) for one in before}
    assert {one.name: one.origin and (one.origin.kind, one.origin.path, one.origin.commit) for one in after} == strip


def test_a_hash_that_differs_stops_it(installer, venv, environ, tmp_path):
    local = build_wheel(str(tmp_path / "w"), "loc", "1.0")
    with pytest.raises(CannotInstall) as caught:
        put(installer, venv, environ, f"loc @ file://{local}#sha256={'a' * 64}", names=["loc"])
    assert caught.value.packages == ("loc",)
    assert versions(venv) == {}


def test_all_that_block_are_named_and_not_only_the_first(installer, venv, environ):
    with pytest.raises(CannotInstall) as caught:
        put(installer, venv, environ, "eggs==9", "spam==1.0", "Not.There==1", "tagged==1.0")
    assert set(caught.value.packages) == {"eggs", "not-there", "tagged"}
    assert caught.value.code == "cannot-install"
    assert "--allow-newer" in caught.value.hint
    assert all(name in caught.value.message for name in caught.value.packages)


def test_a_build_that_fails_names_its_package(installer, venv, environ, tmp_path):
    source = write_project(str(tmp_path / "source"), "unbuildable")
    with open(f"{source}/backend.py", "a") as file:
        file.write("\ndef build_wheel(*_): raise SystemExit('no compiler')\n")
    with pytest.raises(CannotInstall) as caught:
        put(installer, venv, environ, "spam==1.0", f"unbuildable @ file://{source}", names=["spam", "unbuildable"])
    assert caught.value.packages == ("unbuildable",)


@pytest.fixture
def index_environ(environ, wheelhouse):
    with PackageIndex(wheelhouse) as index:
        for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_FIND_LINKS", "UV_INDEX", "UV_OFFLINE"):
            environ.pop(name)
        environ |= {"PIP_INDEX_URL": index.url, "UV_DEFAULT_INDEX": index.url, "PIP_NO_CACHE_DIR": "1", "NO_PROXY": "*"}
        yield environ, index


def test_a_version_for_other_pythons_only_is_named(installer, venv, index_environ):
    environ, index = index_environ
    put(installer, venv, environ, "spam==1.0")
    assert index.asked
    with pytest.raises(CannotInstall) as caught:
        put(installer, venv, environ, "old==1.0", "eggs==1.0")
    assert caught.value.packages == ("old",)
    put(installer, venv, environ, "old>1.0", dependencies=True)
    assert versions(venv) == {"spam": "1.0", "old": "2.0"}


def test_offline_asks_nobody(installer, venv, index_environ):
    environ, index = index_environ
    with pytest.raises(CannotInstall):
        put(installer, venv, environ, "spam==1.0", offline=True)
    assert index.asked == []


def test_offline_takes_what_is_on_this_machine(installer, venv, environ):
    put(installer, venv, environ, "spam==1.0", offline=True)
    assert versions(venv) == {"spam": "1.0"}


def test_an_index_out_of_reach_is_no_fault_of_the_packages(installer, venv, index_environ):
    environ, _ = index_environ
    # Nothing listens on the first port.
    away = "http://127.0.0.1:1/simple"
    environ |= {"PIP_INDEX_URL": away, "PIP_RETRIES": "1", "UV_DEFAULT_INDEX": away, "UV_HTTP_RETRIES": "0"}
    with pytest.raises(CannotInstall) as caught:
        put(installer, venv, environ, "spam==1.0")
    assert caught.value.code == "network"
    assert caught.value.packages == ()


class Listening(Observer):
    def __init__(self):
        self.open = []
        self.seen = []

    def began(self, task, total):
        self.open.append(task)
        self.seen.append(task)

    def finished(self, task):
        self.open.remove(task)


def test_what_it_says_is_heard_while_it_works(installer, venv, environ):
    observer = Listening()
    put(installer, venv, environ, "spam==1.0", observer=observer)
    assert observer.open == []
    assert any("nstalled" in task for task in observer.seen)
    assert all(task.startswith(f"{installer.kind}: ") for task in observer.seen)


def test_a_pip_that_is_no_part_of_the_venv_comes_from_a_wheel(tmp_path, environ):
    import ensurepip

    bundled = os.path.join(os.path.dirname(ensurepip.__file__), "_bundled")
    wheels = [name for name in os.listdir(bundled) if name.startswith("pip-")] if os.path.isdir(bundled) else []
    if not wheels:
        pytest.skip("this Python bundles no pip")
    venv = str(tmp_path / "bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    wheel = os.path.join(bundled, wheels[0])
    installer = find_installer("auto", "", f"{venv}/bin/python", pip_wheel=wheel)
    put(installer, venv, environ, "spam==1.0")
    assert versions(venv) == {"spam": "1.0"}
    assert not os.path.exists(f"{site_packages(venv)}/pip")


needs_uv = pytest.mark.skipif(UV is None, reason="no uv on PATH")


@needs_uv
@pytest.mark.parametrize(
    ("link_mode", "words", "shared"),
    [("copy", {}, False), ("copy", {"UV_LINK_MODE": "hardlink"}, True), ("auto", {}, False)],
    ids=["settings", "environment", "root"],
)
def test_uv_shares_no_file_where_pyman_would_not(venv, environ, link_mode, words, shared):
    if link_mode == "auto" and os.geteuid() != 0:
        pytest.skip("an ordinary user's venvs may share files")
    put(Installer("uv", (UV,)), venv, {**environ, **words}, "spam==1.0", link_mode=link_mode)
    metadata = os.path.join(site_packages(venv), "spam-1.0.dist-info", "METADATA")
    assert (os.stat(metadata).st_nlink > 1) == shared


@needs_uv
def test_a_project_locked_by_uv_is_installed_from_its_lock_file(tmp_path, venv, environ, wheelhouse):
    project = os.path.dirname(venv)
    with open(f"{project}/pyproject.toml", "w") as file:
        file.write('[project]\nname = "app"\nversion = "0.1"\nrequires-python = ">=3.8"\ndependencies = ["spam<1.5"]\n')
        file.write(f'[tool.uv]\npackage = false\nno-index = true\nfind-links = ["{wheelhouse}"]\n')
    del environ["UV_NO_CONFIG"], environ["UV_INDEX"]
    clean = {name: value for name, value in environ.items() if name in ("PATH", "HOME", "UV_CACHE_DIR", "UV_OFFLINE")}
    subprocess.run([UV, "lock", "-q", "--python", sys.executable], cwd=project, env=clean, check=True)
    with open(f"{project}/.python-version", "w") as file:
        file.write("2.7\n")
    with open(f"{venv}/pyvenv.cfg") as file:
        settings = file.read()
    sync(Installer("uv", (UV,)), project, venv, f"{venv}/bin/python", environ=environ)
    assert versions(venv) == {"spam": "1.0", "eggs": "2.0"}
    assert os.path.exists(f"{venv}/bin/pip")
    with open(f"{venv}/pyvenv.cfg") as file:
        assert file.read() == settings

    os.truncate(f"{project}/uv.lock", 10)
    with pytest.raises(CannotInstall):
        sync(Installer("uv", (UV,)), project, venv, f"{venv}/bin/python", environ=environ)


@needs_uv
def test_pylock_is_installed_by_uv_as_it_is_and_by_pip_as_lines(tmp_path, installer, venv, environ, wheelhouse):
    with open(tmp_path / "requirements.txt", "w") as file:
        file.write("spam==1.0\n")
    path = str(tmp_path / "pylock.toml")
    export = [UV, "pip", "compile", "-q", "--no-index", "--python", sys.executable, "--generate-hashes", "--find-links"]
    export += [wheelhouse, "--format", "pylock.toml", "-o", path, str(tmp_path / "requirements.txt")]
    done = subprocess.run(
        export, check=False, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"this uv writes no pylock.toml: {done.stderr}")
    if installer.kind == "uv":
        batch = Batch(file=path)
    else:
        with open(path, "rb") as file:
            told = requirements_of_pylock(file.read(), path, HERE.markers)
        batch = Batch(tuple(line for _, line in told))
        assert "--hash=sha256:" in batch.lines[-1]
        environ |= {"PIP_FIND_LINKS": ""}
    install(installer, batch, f"{venv}/bin/python", environ=environ, folder=str(tmp_path))
    assert versions(venv) == {"spam": "1.0", "eggs": "2.0"}


def program(folder, name="uv", mode=0o755):
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{name}", "w") as file:
        file.write("#!/bin/sh\n")
    os.chmod(f"{folder}/{name}", mode)
    return f"{folder}/{name}"


def test_helpers_come_from_folders_that_are_the_users_alone(tmp_path, monkeypatch):
    project = str(tmp_path / "project")
    program(f"{project}/tools")
    program(f"{project}/.venv/bin")
    program(str(tmp_path / "other-venv" / "bin"))
    (tmp_path / "other-venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    os.symlink(tmp_path / "other-venv" / "bin", tmp_path / "linked")
    os.symlink(f"{project}/tools", tmp_path / "linked-tools")
    program(str(tmp_path / "plain"), mode=0o644)
    os.makedirs(tmp_path / "folder" / "uv")
    good = program(str(tmp_path / "good"))
    monkeypatch.chdir(project)
    before = [
        "",
        "tools",
        f"{project}/tools",
        f"{project}/.venv/bin",
        f"{tmp_path}/other-venv/bin",
        f"{tmp_path}/linked",
    ]
    before += [f"{tmp_path}/linked-tools", f"{tmp_path}/plain", f"{tmp_path}/folder", f"{tmp_path}/none"]
    path = usable_search_path(os.pathsep.join([*before, f"{tmp_path}/good"]), outside=[project])
    nothing = usable_search_path(os.pathsep.join(before), outside=[project])
    assert path.split(os.pathsep) == [f"{tmp_path}/plain", f"{tmp_path}/folder", f"{tmp_path}/none", f"{tmp_path}/good"]
    assert find_on_path("uv", path) == good
    assert find_on_path("uv", nothing) is None
    assert find_installer("auto", path, "/v/bin/python") == Installer("uv", (good,), path)
    assert find_installer("uv", path, "/v/bin/python").kind == "uv"
    assert find_installer("pip", path, "/v/bin/python").command == ("/v/bin/python", "-I", "-m", "pip")
    assert find_installer("auto", nothing, "/v/bin/python").kind == "pip"
    with pytest.raises(NotFound) as caught:
        find_installer("uv", nothing, "/v/bin/python")
    assert caught.value.code == "no-installer"


@as_root
def test_root_finds_no_helper_that_others_could_have_put_there(tmp_path):
    """By owner, by group, for everybody, in a folder below or behind one of these; the program alone, too."""
    tmp_path = tmp_path.resolve()
    good = program(f"{tmp_path}/good/bin")
    places = {"owner": "", "group": "", "everybody": "", "below": "/deep/er", "group's file": "", "owner's file": ""}
    folders = {name: f"{tmp_path}/{name}{below}" for name, below in places.items()}
    files = {name: program(folder) for name, folder in folders.items()}
    os.chown(folders["owner"], SOMEBODY, -1)
    for path in (folders["group"], f"{tmp_path}/below", files["group's file"]):
        os.chown(path, 0, SOMEBODY)
        os.chmod(path, 0o2775 if os.path.isdir(path) else 0o775)
    os.chmod(folders["everybody"], 0o777)
    os.chown(files["owner's file"], SOMEBODY, -1)
    os.symlink(folders["group"], tmp_path / "linked")
    os.makedirs(tmp_path / "links")
    os.symlink(files["group"], tmp_path / "links/uv")
    alone = [folders["group's file"], folders["owner's file"], f"{tmp_path}/links"]
    named = [*folders.values(), f"{tmp_path}/linked", f"{tmp_path}/links", f"{tmp_path}/below/none"]
    path = usable_search_path(os.pathsep.join([*named, f"{tmp_path}/good/bin"]))
    assert path.split(os.pathsep) == [*alone, f"{tmp_path}/good/bin"]
    assert find_on_path("uv", path) == good
    os.chown(f"{tmp_path}/good", 0, SOMEBODY)
    os.chmod(f"{tmp_path}/good", 0o775)
    assert find_on_path("uv", path) is None
    os.chown(f"{tmp_path}/good", 0, 0)
    assert find_on_path("uv", path) == good


@settings(max_examples=100)
@given(content=damaged(b"#!/bin/sh\necho\n", b"#! /nowhere/python -s\n", b"\x7fELF"))
def test_a_damaged_program_is_missing_or_not(tmp_path_factory, content):
    venv = tmp_path_factory.getbasetemp() / "programs"
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    (venv / "bin" / "x").write_bytes(content)
    (venv / "bin" / "x").chmod(0o755)
    assert missing_programs(str(venv), ["x"]) in ((), ("x",))


@pytest.mark.parametrize("kind", HUGE)
def test_a_first_line_of_a_megabyte_names_no_interpreter(tmp_path, kind):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "x").write_bytes(b"#!" + HUGE[kind])
    (tmp_path / "bin" / "x").chmod(0o755)
    assert missing_programs(str(tmp_path), ["x"]) == ("x",)
