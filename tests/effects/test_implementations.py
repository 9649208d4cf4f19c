"""The implementation of venvs as they lie on the disk: links and text in every layout that the tools make."""

from __future__ import annotations

import os
import shutil

import pytest

from pyman.effects.interpreters.on_disk import Bases, implementation_at
from pyman.effects.venvs.on_disk import read_venv
from stage.venvs import CFG, make_prefix, make_venv, write

TEXT = '#define PY_VERSION\t\t"3.11.17"\n#define PYPY_VERSION "8.0.1"\n'


def make_pypy(prefix, library="lib/pypy3.11"):
    """What a PyPy looks like to one who only reads it."""
    write(f"{prefix}/bin/pypy3.11", b"\x7fELF", 0o755)
    for name in ("pypy", "pypy3", "python", "python3", "python3.11"):
        os.symlink("pypy3.11", f"{prefix}/bin/{name}")
    write(f"{prefix}/{library}/os.py")
    write(f"{prefix}/include/pypy3.11/patchlevel.h", TEXT)
    return prefix


def make_graalpy(prefix, sign="lib/graalpy25.2/modules/x"):
    for name in ("graalpy", "python", "python3"):
        write(f"{prefix}/bin/{name}", b"\x7fELF", 0o755)
    write(f"{prefix}/lib/python3.12/os.py")
    write(f"{prefix}/include/python3.12/patchlevel.h", TEXT.replace("3.11.17", "3.12.8"))
    write(f"{prefix}/{sign}", "GRAALVM_VERSION=25.2\n")
    return prefix


def pypy_venv(path, base, *, first="pypy3", library="pypy3.11", said=None, home=None):
    """As PyPy's own venv module makes it; `first` is the name that leads out of it."""
    os.makedirs(f"{path}/bin")
    os.symlink(f"{base}/bin/{first}", f"{path}/bin/{first}")
    for name in {"pypy", "pypy3", "python", "python3", "python3.11"} - {first}:
        os.symlink(first, f"{path}/bin/{name}")
    os.makedirs(f"{path}/lib/{library}/site-packages")
    line = f"implementation = {said}\n" if said is not None else ""
    write(f"{path}/pyvenv.cfg", f"home = {home or base + '/bin'}\n{CFG}version = 3.11.17\n{line}")
    return path


@pytest.fixture
def folder(tmp_path):
    return os.path.realpath(tmp_path)


@pytest.mark.parametrize("first", ["pypy3", "pypy3.11", "python3.11", "python3", "python"])
def test_a_venv_of_pypy(folder, first):
    venv = pypy_venv(f"{folder}/v", make_pypy(f"{folder}/.pyenv/versions/pypy3.11-8.0.1"), first=first)
    facts = read_venv(venv)
    assert (facts.implementation, facts.alias, str(facts.python), facts.link_kind) == (
        *("pypy", "pypy3.11", "3.11.17"),
        "patch",
    )
    assert facts.python.own == "8.0.1"
    assert facts.interpreter.path == f"{folder}/.pyenv/versions/pypy3.11-8.0.1/bin/pypy3.11"
    assert facts.interpreter.library == f"{folder}/.pyenv/versions/pypy3.11-8.0.1/lib/pypy3.11"


@pytest.mark.parametrize("library", ["pypy3.11", "python3.11"])
@pytest.mark.parametrize("said", [None, "PyPy"])
def test_a_venv_of_pypy_whose_base_is_gone(folder, library, said):
    base = make_pypy(f"{folder}/opt/pypy")
    venv = pypy_venv(f"{folder}/v", base, first="python3.11", library=library, said=said)
    shutil.rmtree(base)
    facts = read_venv(venv)
    assert (facts.implementation, facts.alias, facts.link_kind) == ("pypy", "pypy3.11", "broken")


def test_a_venv_of_pypy_whose_base_is_gone_from_a_folder_that_cpython_shares(folder):
    """Debian: `home` is /usr/bin, where python3 stays when pypy3 is removed."""
    usr = make_prefix(f"{folder}/usr", "3.11.2", patchlevel=True)
    venv = pypy_venv(f"{folder}/v", usr)
    facts = read_venv(venv)
    assert (facts.implementation, facts.interpreter, facts.python) == ("pypy", None, None)


def test_a_venv_of_pypy_that_was_linked_to_a_cpython(folder):
    """What an older pyman did to it."""
    base = make_prefix(f"{folder}/cpython/3.11.2", "3.11.2")
    venv = pypy_venv(f"{folder}/v", make_pypy(f"{folder}/opt/pypy"), first="python3.11")
    os.unlink(f"{venv}/bin/python3.11")
    os.symlink(f"{base}/bin/python3.11", f"{venv}/bin/python3.11")
    write(f"{venv}/pyvenv.cfg", f"home = {base}/bin\n{CFG}")
    facts = read_venv(venv)
    assert (facts.implementation, facts.interpreter.implementation) == ("pypy", "cpython")


@pytest.mark.parametrize("sign", ["lib/graalpy25.2/modules/x", "release"])
@pytest.mark.parametrize("first", ["graalpy", "python", "python3"])
def test_a_venv_of_graalpy(folder, first, sign):
    """It has the library folder of CPython's, and may go through a program called `python3`."""
    base = make_graalpy(f"{folder}/opt/base", sign)
    venv = make_venv(f"{folder}/v", f"{base}/bin/{first}", library="python3.12")
    facts = read_venv(venv)
    assert (facts.implementation, facts.alias, str(facts.python)) == ("graalpy", "graalpy3.12", "3.12.8")
    assert facts.python.own == "25.2"
    assert implementation_at(f"{base}/bin/{first}") == "graalpy"


@pytest.mark.parametrize("left", ["the name in bin", "the folder's name", "what uv wrote", "what virtualenv wrote"])
def test_a_venv_of_graalpy_whose_base_is_gone(folder, left):
    base = f"{folder}/.pyenv/versions/" + ("graalpy-25.0.1" if left == "the folder's name" else "mine")
    extra = {"what uv wrote": "implementation = GraalVM\n", "what virtualenv wrote": "implementation = GraalPy\n"}
    venv = make_venv(f"{folder}/v", f"{base}/bin/python3", library="python3.12", extra=extra.get(left, ""))
    if left == "the name in bin":
        os.symlink("python", f"{venv}/bin/graalpy")
    facts = read_venv(venv)
    assert (facts.implementation, facts.link_kind) == ("graalpy", "broken")


@pytest.mark.parametrize("word", ["RustPython", "Pyston", "Jython", "IronPython", "Brython 3"])
def test_what_nobody_here_knows(folder, word):
    base = make_prefix(f"{folder}/3.13.5", "3.13.5")
    venv = make_venv(f"{folder}/v", f"{base}/bin/python3.13", extra=f"implementation = {word}\n")
    assert read_venv(venv).implementation == word.lower()


def test_cpythons_of_every_kind(folder):
    """Also where another one is near: in a shared prefix, in names of the user's own, in a folder called like one."""
    plain = make_prefix(f"{folder}/pypy-fan/3.13.5", "3.13.5")
    beside = make_prefix(f"{folder}/local", "3.13.5")
    write(f"{beside}/lib/pypy3.11/site-packages/x.py")
    conda = make_prefix(f"{folder}/miniconda3/envs/x", "3.13.5")
    write(f"{conda}/conda-meta/history")
    lone = make_prefix(f"{folder}/appimage", "3.13.5")
    os.rename(f"{lone}/bin/python3.13", f"{lone}/bin/AppRun")
    os.symlink("AppRun", f"{lone}/bin/python3.13")
    for number, base in enumerate((plain, beside, conda, lone)):
        venv = make_venv(f"{folder}/pypy-venvs/{number}", f"{base}/bin/python3.13")
        os.symlink("/nowhere/pypy3", f"{venv}/bin/pypy3")
        assert read_venv(venv).implementation == "cpython", base
    assert (
        read_venv(make_venv(f"{folder}/pypy/gone", f"{folder}/pypy-fan/gone/bin/python3.13")).implementation
        == "cpython"
    )


def test_where_nothing_tells(folder):
    write(f"{folder}/v/pyvenv.cfg", f"home = /nowhere\n{CFG}")
    assert read_venv(f"{folder}/v").implementation is None


def test_copies_of_pypy(folder):
    base = make_pypy(f"{folder}/opt/base")
    venv = pypy_venv(f"{folder}/v", base)
    os.unlink(f"{venv}/bin/pypy3")
    shutil.copy(f"{base}/bin/pypy3.11", f"{venv}/bin/pypy3")
    assert read_venv(venv).implementation == "pypy"


def test_pypy_of_the_old_layout(folder):
    write(f"{folder}/old/bin/pypy3", b"\x7fELF", 0o755)
    os.link(f"{folder}/old/bin/pypy3", f"{folder}/old/bin/python3")
    write(f"{folder}/old/lib-python/3/os.py")
    write(f"{folder}/old/lib_pypy/x.py")
    found = Bases().interpreter(f"{folder}/old/bin/python3", "python3")
    assert (found.implementation, found.minor, found.version) == ("pypy", "", None)


@pytest.mark.parametrize("name", ["python3", "graalpy", "python3.12"])
def test_in_a_prefix_that_others_share_a_name_with_a_minor_is_cpythons(folder, monkeypatch, name):
    """A GraalPy that was unpacked over /usr/local."""
    base = make_graalpy(f"{folder}/local")
    monkeypatch.setattr("pyman.effects.interpreters.on_disk.is_shared", lambda prefix: prefix == base)
    if name == "python3.12":
        write(f"{base}/bin/python3.12", b"\x7fELF", 0o755)
    assert implementation_at(f"{base}/bin/{name}") == ("cpython" if name == "python3.12" else "graalpy")


def test_a_release_file_that_cannot_be_read(folder):
    base = make_prefix(f"{folder}/3.13.5", "3.13.5")
    os.mkfifo(f"{base}/release")
    assert implementation_at(f"{base}/bin/python3.13") == "cpython"
