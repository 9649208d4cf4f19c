"""What is installed, read from real venvs and from folders that no installer would leave."""

from __future__ import annotations

import os
import platform
import posixpath
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.packages.compatibility import Move, Release, Verdict, marker_environment
from pyman.core.packages.package import UNKNOWN, Origin, Package
from pyman.core.version import parse_version
from pyman.effects.packages.dist_info import Reader, installed_paths, read_distributions, read_packages
from pyman.effects.packages.symbols import exported_symbols
from stage.hostile import HUGE, damaged
from stage.index import fetch_wheels, unzip_wheels
from stage.mirror import ABI, MINOR, NEW, OLD, added_symbols, runtime_tree
from stage.wheels import build_wheel, install_distribution


@pytest.fixture
def site_packages(tmp_path):
    folder = tmp_path / "lib" / f"python{MINOR}" / "site-packages"
    folder.mkdir(parents=True)
    return str(folder)


def test_it_says_what_importlib_metadata_says_of_the_python_that_runs_the_tests():
    folder = sysconfig.get_path("purelib")
    found, notes = read_distributions(folder)
    said = {(one.metadata["Name"], one.version) for one in metadata.distributions(path=[folder])}
    assert {(one.name, one.version) for one in found} == said
    assert len(said) > 5
    for one in found:
        assert list(one.requires_dist) == [
            " ".join(line.split()) if "\n" in line else line for line in metadata.requires(one.name) or []
        ]
    assert not [note for note in notes if "could not be read" in note]


def test_everything_that_an_installer_leaves_is_read(site_packages):
    install_distribution(
        site_packages,
        "Spam.Eggs",
        "1.0",
        requires_python=">=3.8",
        requires_dist=["ham>=1"],
        scripts={"spam": "spam:main"},
        files={f"spam_eggs/_fast.{ABI}-x86_64-linux-gnu.so": b"\x7fELF"},
        direct_url={"url": "file:///src", "dir_info": {"editable": True}},
        installer="uv",
    )
    install_distribution(site_packages, "ham", "2.0", requested=False, installer=None)
    packages, notes = read_packages(site_packages)
    assert notes == ()
    ham, spam = packages
    assert (str(ham), ham.requested, ham.installer, ham.origin, ham.scripts) == ("ham 2.0", False, None, None, ())
    assert spam == Package(
        spam.distribution,
        "spam_eggs-1.0.dist-info",
        requested=True,
        installer="uv",
        origin=Origin("editable", "file:///src", "/src"),
        scripts=("spam",),
    )
    assert (spam.name, spam.normalized, spam.version) == ("Spam.Eggs", "spam-eggs", "1.0")
    assert spam.distribution.compiled == (f"spam_eggs/_fast.{ABI}-x86_64-linux-gnu.so",)
    assert read_distributions(site_packages)[0] == (ham.distribution, spam.distribution)
    assert "spam_eggs-1.0.dist-info/METADATA" in installed_paths(site_packages, spam)


def test_a_real_installation_by_pip_is_read_back(tmp_path):
    wheel = build_wheel(str(tmp_path / "w"), "Spam", "1.5", scripts={"spam": "spam:main"})
    target = str(tmp_path / "t")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", target, wheel]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (spam,), notes = read_packages(target)
    assert notes == ()
    assert (str(spam), spam.requested, spam.installer, spam.scripts) == ("Spam 1.5", True, "pip", ("spam",))
    assert spam.origin is not None
    assert (spam.origin.kind, spam.origin.path) == ("archive", wheel)
    assert "spam.py" in installed_paths(target, spam)


def test_what_setuptools_left_before_wheels_is_read_too(site_packages, tmp_path):
    headers = "Metadata-Version: 1.1\nName: {}\nVersion: 2.0\n\n"
    os.makedirs(f"{site_packages}/folder-2.0-py{MINOR}.egg-info")
    with open(f"{site_packages}/folder-2.0-py{MINOR}.egg-info/PKG-INFO", "w") as file:
        file.write(headers.format("folder"))
    with open(f"{site_packages}/folder-2.0-py{MINOR}.egg-info/installed-files.txt", "w") as file:
        file.write("../folder/_x.so\n../folder/a.py\nPKG-INFO\n../../../../evil.so\n")
    with open(f"{site_packages}/single-2.0.egg-info", "w") as file:
        file.write(headers.format("single"))
    os.makedirs(f"{site_packages}/zipped-2.0-py{MINOR}.egg/EGG-INFO")
    with open(f"{site_packages}/zipped-2.0-py{MINOR}.egg/EGG-INFO/PKG-INFO", "w") as file:
        file.write(headers.format("zipped"))
    source = tmp_path / "source"
    (source / "my_app.egg-info").mkdir(parents=True)
    (source / "my_app.egg-info" / "PKG-INFO").write_text(headers.format("my-app"))
    with open(f"{site_packages}/my-app.egg-link", "w") as file:
        file.write(f"{source}\n../")
    packages, notes = read_packages(site_packages)
    assert notes == ()
    assert [str(one) for one in packages] == ["folder 2.0", "my-app 2.0", "single 2.0", "zipped 2.0"]
    assert packages[0].distribution.compiled == ("folder/_x.so",)
    assert packages[1].origin == Origin("editable", path=str(source))
    assert [str(one) for one in read_distributions(site_packages)[0]] == [
        "folder 2.0",
        "my-app 2.0",
        "single 2.0",
        "zipped 2.0",
    ]


def test_of_two_versions_the_one_that_was_installed_last_is_taken(site_packages):
    for version, moment in (("1.0", 2_000_000_000), ("2.0", 1_000_000_000)):
        os.utime(install_distribution(site_packages, "spam", version), (moment, moment))
    packages, notes = read_packages(site_packages)
    assert [str(one) for one in packages] == ["spam 1.0"]
    assert notes == ("spam is installed twice, as 1.0 and 2.0; 1.0 is used",)


def test_leftovers_of_pip_and_unrelated_folders_are_no_packages(site_packages):
    folder = install_distribution(site_packages, "spam", "1.0")
    os.rename(folder, f"{site_packages}/~pam-1.0.dist-info")
    os.makedirs(f"{site_packages}/.hidden-1.0.dist-info")
    assert read_packages(site_packages) == ((), ())


def test_what_cannot_be_read_is_a_note_and_still_a_package(site_packages):
    good = install_distribution(site_packages, "good", "1.0")
    fifo = install_distribution(site_packages, "fifo", "1.0")
    os.unlink(f"{fifo}/METADATA")
    os.mkfifo(f"{fifo}/METADATA")
    large = install_distribution(site_packages, "large", "1.0")
    os.truncate(f"{large}/METADATA", 1 << 30)
    os.unlink(f"{good}/RECORD")
    os.symlink("/dev/zero", f"{good}/RECORD")
    install_distribution(site_packages, "latin", "1.0", raw_metadata=b"Name: latin\nVersion: 1.0\nAuthor: J\xf6rg\n\n")
    os.makedirs(f"{site_packages}/bare-3.0.dist-info")
    loop = install_distribution(site_packages, "loop", "1.0", direct_url={})
    os.unlink(f"{loop}/direct_url.json")
    os.symlink("direct_url.json", f"{loop}/direct_url.json")

    packages, notes = read_packages(site_packages)
    assert [str(one) for one in packages] == ["bare 3.0", "fifo 1.0", "good 1.0", "large 1.0", "latin 1.0", "loop 1.0"]
    for name in ("bare", "fifo", "good", "large", "latin", "loop"):
        assert any(f"/{name}-" in note and "could not be" in note for note in notes), name
    assert all(one.requires_python is None for one in read_distributions(site_packages)[0])


def test_a_record_of_where_it_came_from_that_nobody_understands_is_kept_as_such(site_packages):
    folder = install_distribution(site_packages, "spam", "1.0")
    with open(f"{folder}/direct_url.json", "w") as file:
        file.write("{")
    assert read_packages(site_packages)[0][0].origin == UNKNOWN


def test_a_folder_that_is_missing_is_a_note(tmp_path):
    found, notes = read_distributions(str(tmp_path / "none"))
    assert found == ()
    assert len(notes) == 1


@given(
    st.dictionaries(
        st.sampled_from(["METADATA", "RECORD", "WHEEL", "INSTALLER", "direct_url.json", "entry_points.txt"]),
        st.binary(max_size=80),
    )
)
@settings(max_examples=40)
def test_no_content_makes_it_fail(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("site-packages")
    (folder / "spam-1.0.dist-info").mkdir()
    for name, content in contents.items():
        (folder / "spam-1.0.dist-info" / name).write_bytes(content)
    assert len(read_packages(str(folder))[0]) == 1
    assert len(read_distributions(str(folder))[0]) == 1


EGG = b"Metadata-Version: 1.0\nName: egg\nVersion: 1.0\n"
FILES = {
    "a-1.0.dist-info/METADATA": EGG,
    "a-1.0.dist-info/RECORD": b"a/_x.so,sha256=x,3\na/__init__.py,,\n",
    "a-1.0.dist-info/direct_url.json": b'{"url": "file:///src/a", "dir_info": {"editable": true}}',
    "a-1.0.dist-info/INSTALLER": b"pip\n",
    f"b-1.0-py{MINOR}.egg-info/PKG-INFO": EGG,
    f"b-1.0-py{MINOR}.egg-info/installed-files.txt": b"../b/_x.so\n../b/__init__.py\nPKG-INFO\n",
    "c.egg-link": b"/nowhere/src\n../\n",
    "d.egg/EGG-INFO/PKG-INFO": EGG,
}


@given(st.sampled_from(sorted(FILES)).flatmap(lambda name: st.tuples(st.just(name), damaged(FILES[name]))))
@settings(max_examples=150)
def test_one_damaged_file_takes_nothing_else_along(tmp_path_factory, broken):
    folder = str(tmp_path_factory.getbasetemp() / "damaged")
    for name, content in {**FILES, broken[0]: broken[1]}.items():
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        with open(f"{folder}/{name}", "wb") as file:
            file.write(content)
    packages, _ = read_packages(folder)
    distributions, _ = read_distributions(folder)
    for one in distributions:
        assert all(posixpath.normpath(f"/s/{file}").startswith("/s/") for file in one.compiled)
    # The four claim to be one package, and where one is damaged so that it is no more, it is one of its own.
    assert 1 <= len(packages) <= 3
    assert len(distributions) >= 3


def test_a_link_to_no_path_is_told(site_packages):
    with open(f"{site_packages}/x.egg-link", "wb") as file:
        file.write(b"/src\0/x\n")
    assert read_packages(site_packages) == (
        (),
        (f"{site_packages}/x.egg-link could not be checked: it names no folder",),
    )


@pytest.mark.parametrize("kind", HUGE)
def test_a_megabyte_in_every_file(site_packages, kind):
    for name, content in FILES.items():
        os.makedirs(os.path.dirname(f"{site_packages}/{name}"), exist_ok=True)
        with open(f"{site_packages}/{name}", "wb") as file:
            file.write((content + HUGE[kind])[: 1 << 20])
    assert read_packages(site_packages)[0]
    assert read_distributions(site_packages)[0]


# The check before a move, from real files to its verdict.

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is the format of Linux")

EXTENSION = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
extern PyObject *ADDED(void);
static PyObject *make(PyObject *self, PyObject *ignored) { return ADDED(); }
static PyMethodDef methods[] = {{"make", make, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "needy", "", -1, methods};
PyMODINIT_FUNC PyInit_needy(void) { return PyModule_Create(&module); }
"""


@pytest.fixture(scope="session")
def runtimes():
    return {release: runtime_tree(release) for release in (OLD, NEW)}


@pytest.fixture(scope="session")
def releases(runtimes):
    return {text: as_release(text, f"{prefix}/bin/python{MINOR}") for text, prefix in runtimes.items()}


def as_release(text, executable):
    version = parse_version(text)
    markers = marker_environment(version, sys_platform="linux", machine=platform.machine())
    return Release(version, markers, exported_symbols(executable))


def check(site_packages, old, new):
    move = Move(old, new)
    installed = Reader(move.lost_symbols).read(str(site_packages))
    verdict = move.check(installed.distributions, installed.needs)
    return Verdict(verdict.reasons, (*installed.notes, *verdict.notes))


@pytest.fixture(scope="session")
def needy(runtimes, tmp_path_factory):
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to build an extension with")
    folder = tmp_path_factory.mktemp("needy")
    (folder / "needy.c").write_text(EXTENSION.replace("ADDED", added_symbols()[0]))
    include = f"{runtimes[NEW]}/include/python{MINOR}"
    command = ["gcc", "-shared", "-fPIC", f"-I{include}", "-o", folder / "needy.so", folder / "needy.c"]
    subprocess.run(command, check=True)
    return (folder / "needy.so").read_bytes()


@pytest.mark.real_archives("headers")
def test_an_extension_that_needs_a_newer_release_holds_a_rollback_back(tmp_path, releases, needy):
    install_distribution(str(tmp_path), "needy", "1.0", files={f"needy.{ABI}-x86_64-linux-gnu.so": needy})
    old, new = releases[OLD], releases[NEW]
    assert check(tmp_path, old, new) == Verdict()
    assert check(tmp_path, new, old).reasons == (
        f"needy 1.0 needs {added_symbols()[0]} in needy.{ABI}-x86_64-linux-gnu.so, which {OLD} lacks",
    )


@pytest.mark.real_archives("headers")
def test_hard_links_of_one_file_are_read_once(tmp_path, releases, needy):
    (tmp_path / "needy.so").write_bytes(needy)
    for venv in ("a", "b"):
        install_distribution(str(tmp_path / venv), "needy", "1.0", files={"needy.so": b""})
        os.unlink(tmp_path / venv / "needy.so")
        os.link(tmp_path / "needy.so", tmp_path / venv / "needy.so")
    reader = Reader(Move(releases[NEW], releases[OLD]).lost_symbols)
    first = reader.read(str(tmp_path / "a"))
    # The name is the same file under the same moment, so that it need not be looked into again.
    with open(tmp_path / "needy.so", "r+b") as file:
        moment = os.fstat(file.fileno())
        file.write(b"no ELF any more")
    os.utime(tmp_path / "needy.so", ns=(moment.st_atime_ns, moment.st_mtime_ns))
    assert first.needs
    assert reader.read(str(tmp_path / "b")).needs == first.needs


@pytest.mark.parametrize("direction", [(OLD, NEW), (NEW, OLD)])
def test_files_that_are_no_extensions_are_told_and_no_reason(tmp_path, releases, direction):
    install_distribution(
        str(tmp_path),
        "odd",
        "1.0",
        files={"text.so": "INPUT(libm.so.6)", "empty.so": "", "mach.so": b"\xcf\xfa\xed\xfe", "short.so": b"\x7fELF"},
    )
    os.unlink(tmp_path / "empty.so")
    verdict = check(tmp_path, *(releases[one] for one in direction))
    assert verdict.reasons == ()
    assert "could not be checked" in " ".join(verdict.notes)


def test_many_folders_are_answered_in_their_order(tmp_path):
    folders = []
    for number in range(40):
        folders.append(str(tmp_path / str(number)))
        install_distribution(folders[-1], f"p{number}", "1.0")
    folders.append(str(tmp_path / "none"))
    answers = list(Reader().read_each(folders))
    assert [one.site_packages for one in answers] == folders
    assert [str(one.distributions[0]) for one in answers[:-1]] == [f"p{number} 1.0" for number in range(40)]
    assert answers[-1].notes
    assert [one.site_packages for one in Reader().read_each(folders[:3])] == folders[:3]


def test_the_same_answers_from_several_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("pyman.effects.packages.dist_info._SLOW_DISTRIBUTION", 0)
    monkeypatch.setattr("pyman.effects.packages.dist_info._SLOW_FILE", 0)
    folders = [str(tmp_path / str(number)) for number in range(60)]
    for number, folder in enumerate(folders):
        install_distribution(folder, f"p{number}", "1.0", files={"x.so": b"\x7fELF"})
    reader = Reader(frozenset({"PyList_New"}))
    assert list(reader.read_each(folders)) == [reader.read(folder) for folder in folders]


def both_ways(site_packages, releases):
    old, new = releases[OLD], releases[NEW]
    return check(site_packages, old, new), check(site_packages, new, old)


@pytest.mark.parametrize("project", ["numpy", "lxml", "cryptography", "pillow", "shiboken6"])
def test_real_compiled_wheels_are_not_held_back(tmp_path, tmp_path_factory, releases, project):
    unzip_wheels(str(tmp_path), fetch_wheels(str(tmp_path_factory.mktemp("wheels")), project))
    assert Reader().read(str(tmp_path)).distributions[0].compiled
    assert both_ways(tmp_path, releases) == (Verdict(), Verdict())


@pytest.mark.skipif("PYMAN_TEST_LARGE" not in os.environ, reason="80 MB of Qt: set PYMAN_TEST_LARGE to fetch it")
def test_libraries_that_leave_names_like_pythons_to_each_other_are_not_held_back(tmp_path, tmp_path_factory, releases):
    wheels = fetch_wheels(str(tmp_path_factory.mktemp("wheels")), "PySide6-Essentials", "shiboken6")
    unzip_wheels(str(tmp_path), wheels)
    assert both_ways(tmp_path, releases) == (Verdict(), Verdict())
