"""The check before a move, from real files to its verdict."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys

import pytest

from pyman.core.packages.compatibility import Move, Release, Verdict, marker_environment
from pyman.core.version import parse_version
from pyman.effects.packages.elf import exported_symbols
from pyman.effects.packages.installed import Reader
from stage.index import fetch_wheels, unzip_wheels
from stage.mirror import runtime_tree
from stage.wheels import install_distribution

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is the format of Linux")

EXTENSION = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
extern PyObject *_PyType_AllocNoTrack(PyTypeObject *, Py_ssize_t);
static PyObject *make(PyObject *self, PyObject *ignored) { return _PyType_AllocNoTrack(&PyList_Type, 0); }
static PyMethodDef methods[] = {{"make", make, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "needy", "", -1, methods};
PyMODINIT_FUNC PyInit_needy(void) { return PyModule_Create(&module); }
"""


@pytest.fixture(scope="session")
def runtimes():
    return {release: runtime_tree(release) for release in ("3.13.5", "3.13.15")}


@pytest.fixture(scope="session")
def releases(runtimes):
    return {text: as_release(text, f"{prefix}/bin/python3.13") for text, prefix in runtimes.items()}


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
    (folder / "needy.c").write_text(EXTENSION)
    include = f"{runtimes['3.13.15']}/include/python3.13"
    command = ["gcc", "-shared", "-fPIC", f"-I{include}", "-o", folder / "needy.so", folder / "needy.c"]
    subprocess.run(command, check=True)
    return (folder / "needy.so").read_bytes()


def test_an_extension_that_needs_a_newer_release_holds_a_rollback_back(tmp_path, releases, needy):
    install_distribution(str(tmp_path), "needy", "1.0", files={"needy.cpython-313-x86_64-linux-gnu.so": needy})
    old, new = releases["3.13.5"], releases["3.13.15"]
    assert check(tmp_path, old, new) == Verdict()
    assert check(tmp_path, new, old).reasons == (
        "needy 1.0 needs _PyType_AllocNoTrack in needy.cpython-313-x86_64-linux-gnu.so, which 3.13.5 lacks",
    )


def test_hard_links_of_one_file_are_read_once(tmp_path, releases, needy):
    (tmp_path / "needy.so").write_bytes(needy)
    for venv in ("a", "b"):
        install_distribution(str(tmp_path / venv), "needy", "1.0", files={"needy.so": b""})
        os.unlink(tmp_path / venv / "needy.so")
        os.link(tmp_path / "needy.so", tmp_path / venv / "needy.so")
    reader = Reader(Move(releases["3.13.15"], releases["3.13.5"]).lost_symbols)
    first = reader.read(str(tmp_path / "a"))
    # The name is the same file under the same moment, so that it need not be looked into again.
    with open(tmp_path / "needy.so", "r+b") as file:
        moment = os.fstat(file.fileno())
        file.write(b"no ELF any more")
    os.utime(tmp_path / "needy.so", ns=(moment.st_atime_ns, moment.st_mtime_ns))
    assert first.needs
    assert reader.read(str(tmp_path / "b")).needs == first.needs


@pytest.mark.parametrize("direction", [("3.13.5", "3.13.15"), ("3.13.15", "3.13.5")])
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
    monkeypatch.setattr("pyman.effects.packages.installed._SLOW_DISTRIBUTION", 0)
    monkeypatch.setattr("pyman.effects.packages.installed._SLOW_FILE", 0)
    folders = [str(tmp_path / str(number)) for number in range(60)]
    for number, folder in enumerate(folders):
        install_distribution(folder, f"p{number}", "1.0", files={"x.so": b"\x7fELF"})
    reader = Reader(frozenset({"PyList_New"}))
    assert list(reader.read_each(folders)) == [reader.read(folder) for folder in folders]


def both_ways(site_packages, releases):
    old, new = releases["3.13.5"], releases["3.13.15"]
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
