"""Prefix repair on a real build, and what compiles with it through an alias."""

from __future__ import annotations

import ast
import configparser
import glob
import json
import os
import shutil
import subprocess
import sys

import pytest

from pyman.effects.files import replace_link
from pyman.effects.runtimes.install import repair_prefix, write_externally_managed
from pyman.errors import IntegrityError
from stage.mirror import LIBRARY, MINOR, NEW, OLD, copy_of_tree, runtime_tree
from stage.upstream import LEFT_BY_UPSTREAM, like_upstream

PROGRAMS = ("CC", "CXX", "LDSHARED", "LDCXXSHARED", "BLDSHARED", "LINKCC", "MAINCC", "CPP")
TELL = "import json, sysconfig; print(json.dumps(sysconfig.get_config_vars()))"


@pytest.fixture(scope="module")
def runtimes(tmp_path_factory):
    """A store's folder: OLD, NEW and the alias of their minor, each repaired while it lay elsewhere."""
    folder = tmp_path_factory.mktemp("store") / "runtimes"
    folder.mkdir()
    for version in (OLD, NEW):
        tree = copy_of_tree(version, str(folder / ".incoming"))
        repair_prefix(tree, str(folder / version))
        write_externally_managed(tree)
        os.rename(tree, folder / version)
    return str(folder)


@pytest.fixture
def alias(runtimes):
    replace_link(f"{runtimes}/{MINOR}", OLD)
    return f"{runtimes}/{MINOR}"


def run(*command, **more) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}, **more
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def variables(python: str) -> dict:
    return json.loads(run(python, "-IBc", TELL))


def data_file(tree: str) -> str:
    (found,) = glob.glob(f"{tree}/{LIBRARY}/_sysconfigdata*.py")
    return found


def need_archive_with_pkg_config() -> None:
    """Skip what knows each line of an archive that was built for /install: some are repacked from a distribution's."""
    if not os.path.isdir(f"{runtime_tree(OLD)}/lib/pkgconfig"):
        pytest.skip(f"the archive of {OLD} was not built for /install")


@pytest.mark.real_archives("the prefix that a build has baked in")
class TestVariables:
    def test_they_name_the_place_that_the_interpreter_runs_from(self, runtimes, alias):
        for place in (alias, f"{runtimes}/{OLD}"):
            found = variables(f"{place}/bin/python{MINOR}")
            assert found["LIBDIR"] == f"{place}/lib"
            assert found["INCLUDEPY"] == f"{place}/include/python{MINOR}"
            assert found["DESTDIRS"] == f"{place} {place}/lib {place}/{LIBRARY} {place}/{LIBRARY}/lib-dynload"

    def test_only_values_that_begin_with_the_prefix_and_programs_are_others(self, runtimes):
        need_archive_with_pkg_config()
        before = ast.literal_eval(read(data_file(runtime_tree(OLD))).partition("=")[2].strip())
        script = (
            "import json, sysconfig; print(json.dumps(__import__(sysconfig._get_sysconfigdata_name()).build_time_vars))"
        )
        after = json.loads(run(f"{runtimes}/{OLD}/bin/python{MINOR}", "-IBc", script))
        assert after.keys() == before.keys()
        changed = {name for name in before if before[name] != after[name]}
        assert changed == {
            name
            for name, value in before.items()
            if str(value).split("/")[:2] == ["", "install"]
            or str(value).startswith("/install ")
            or (name in PROGRAMS and value.split(" ")[0] in ("gcc", "g++"))
        }
        assert {"prefix", "CC", "LDSHARED"} <= changed

    def test_the_file_is_still_what_other_tools_expect(self, runtimes):
        """Cross compilers execute it with another Python, some append code to its text, some read the literal."""
        path = data_file(f"{runtimes}/{OLD}")
        text = read(path)
        before = read(data_file(runtime_tree(OLD)))
        assert text.startswith(before)
        others = [sys.executable, *sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python")))]
        for python in others:
            said = run(
                python, "-IBc", text + "\nimport sys; print(build_time_vars['LIBDIR'] == sys.base_prefix + '/lib')"
            )
            assert said == "True\n"

    def test_twice_is_once(self, runtimes):
        path = data_file(f"{runtimes}/{OLD}")
        status = os.stat(path)
        repair_prefix(f"{runtimes}/{OLD}", f"{runtimes}/{OLD}")
        assert os.stat(path) == status

    def test_bytecode_of_the_file_before_is_removed(self, tmp_path):
        tree = copy_of_tree(OLD, str(tmp_path / OLD))
        run(f"{tree}/bin/python{MINOR}", "-Ic", TELL)
        (stale,) = glob.glob(f"{tree}/{LIBRARY}/__pycache__/_sysconfigdata*.pyc")
        kept = glob.glob(f"{tree}/{LIBRARY}/__pycache__/sysconfig*.pyc") + glob.glob(
            f"{tree}/{LIBRARY}/sysconfig/__pycache__/*.pyc"
        )
        repair_prefix(tree, tree)
        assert not os.path.exists(stale)
        assert kept
        assert all(map(os.path.exists, kept))
        assert variables(f"{tree}/bin/python{MINOR}")["LIBDIR"] == f"{tree}/lib"

    def test_a_name_that_shares_its_file_with_another(self, tmp_path):
        """A hard link inside the tree, or into somebody's cache: the other name keeps its content."""
        tree = copy_of_tree(OLD, str(tmp_path / OLD))
        os.link(data_file(tree), tmp_path / "other")
        before = (tmp_path / "other").read_bytes()
        repair_prefix(tree, tree)
        assert (tmp_path / "other").read_bytes() == before


@pytest.mark.real_archives("the prefix that a build has baked in")
class TestMakefile:
    def test_it_names_the_final_place(self, runtimes):
        need_archive_with_pkg_config()
        (path,) = glob.glob(f"{runtimes}/{OLD}/{LIBRARY}/config-*/Makefile")
        (before,) = glob.glob(f"{runtime_tree(OLD)}/{LIBRARY}/config-*/Makefile")
        old, new = read(before).splitlines(), read(path).splitlines()
        changed = [(was, now) for was, now in zip(old, new, strict=True) if was != now]
        assert changed == [
            ("CC=\t\tgcc", "CC=\t\tcc"),
            ("CXX=\t\tg++", "CXX=\t\tc++"),
            ("prefix=\t\t/install", f"prefix=\t\t{runtimes}/{OLD}"),
        ]

    @pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
    def test_what_make_reads_from_it(self, runtimes):
        (path,) = glob.glob(f"{runtimes}/{OLD}/{LIBRARY}/config-*/Makefile")
        said = run("make", "-s", "-f", path, "--eval", "show:;@echo $(LIBDIR) $(INCLUDEPY)", "show")
        assert said == f"{runtimes}/{OLD}/lib {runtimes}/{OLD}/include/python{MINOR}\n"


# A module that tells which headers it was compiled with, built the way that setuptools does it: what to call and
# with which options comes from sysconfig.
SOURCE = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "built", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_built(void) {
    PyObject *module = PyModule_Create(&definition);
    PyModule_AddStringConstant(module, "version", PY_VERSION);
    return module;
}
"""
BUILD = """
import json, shlex, subprocess, sysconfig
from sysconfig import get_config_var as var
compile_it = [*shlex.split(var("CC")), *shlex.split(var("CFLAGS")), *shlex.split(var("CCSHARED")), "-I" + var("INCLUDEPY")]
link_it = [*shlex.split(var("LDSHARED")), "-L" + var("LIBDIR")]
subprocess.run([*compile_it, "-c", "built.c", "-o", "built.o"], check=True)
subprocess.run([*link_it, "built.o", "-o", "built" + var("EXT_SUFFIX")], check=True)
print(json.dumps(compile_it + link_it))
"""


@pytest.mark.real_archives("the prefix that a build has baked in")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
class TestBuilding:
    @pytest.fixture
    def environment(self, tmp_path):
        def make(home: str) -> str:
            folder = tmp_path / os.path.basename(home)
            (folder / "bin").mkdir(parents=True)
            os.symlink(f"{home}/bin/python{MINOR}", folder / "bin/python")
            (folder / "pyvenv.cfg").write_text(f"home = {home}/bin\ninclude-system-site-packages = false\n")
            (folder / "built.c").write_text(SOURCE)
            return str(folder)

        return make

    def build(self, environment: str) -> tuple[list[str], str]:
        command = json.loads(run(f"{environment}/bin/python", "-B", "-c", BUILD, cwd=environment))
        return command, run(
            f"{environment}/bin/python", "-B", "-c", "import built; print(built.version)", cwd=environment
        ).strip()

    def test_an_environment_that_follows_compiles_against_the_alias(self, runtimes, alias, environment):
        follower, pinned = environment(alias), environment(f"{runtimes}/{OLD}")
        for folder, home in ((follower, alias), (pinned, f"{runtimes}/{OLD}")):
            command, version = self.build(folder)
            assert f"-I{home}/include/python{MINOR}" in command
            assert f"-L{home}/lib" in command
            assert not [word for word in command if "/install" in word]
            assert version == OLD

        replace_link(alias, NEW)
        assert self.build(follower)[1] == NEW
        assert self.build(pinned)[1] == OLD


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    """A runtime in a store whose files say what those of upstream's builds say, from an old and from a new one."""
    folder = tmp_path_factory.mktemp("upstream") / "runtimes"
    folder.mkdir()
    tree = copy_of_tree(OLD, str(folder / ".incoming"))
    like_upstream(tree)
    os.chmod(f"{tree}/bin/python{MINOR}-config", 0o755)
    repair_prefix(tree, str(folder / OLD))
    os.rename(tree, folder / OLD)
    return str(folder / OLD)


def programs(folder, *names, **links) -> str:
    """A folder for PATH with these programs of the machine alone; `links` are others, by what they really are."""
    folder.mkdir()
    for name, real in ({name: name for name in names} | links).items():
        found = shutil.which(real)
        assert found is not None, real
        os.symlink(found, folder / name)
    return str(folder)


@pytest.mark.real_archives("the prefix that a build has baked in")
@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
class TestLikeUpstream:
    """A runtime that was built by a clang of upstream's, on a machine that has something else."""

    def test_nothing_names_the_machine_of_the_build(self, upstream):
        need_archive_with_pkg_config()
        found = variables(f"{upstream}/bin/python{MINOR}")
        for name, value in found.items():
            if name != "CONFIG_ARGS" and isinstance(value, str):
                assert not LEFT_BY_UPSTREAM.search(value), (name, value)
        config = run(f"{upstream}/bin/python{MINOR}-config", "--cflags", "--ldflags", "--libs")
        (makefile,) = glob.glob(f"{upstream}/{LIBRARY}/config-*/Makefile")
        (listed,) = glob.glob(f"{upstream}/{LIBRARY}/_sysconfig_vars*.json")
        lines = [line for line in read(makefile).splitlines() if not line.startswith(("CONFIG_ARGS", "\t", "#"))]
        texts = [config, *(line for line in lines if line.partition("=")[0] in (*PROGRAMS, "AR", "CFLAGS", "prefix"))]
        texts += [f"{name}: {value}" for name, value in json.loads(read(listed)).items() if name != "CONFIG_ARGS"]
        for text in texts:
            assert not LEFT_BY_UPSTREAM.search(text), text
        assert json.loads(read(listed))["LIBDIR"] == f"{upstream}/lib"
        assert "prefix=${pcfiledir}/../..\n" in read(f"{upstream}/lib/pkgconfig/python-{MINOR}.pc")

    @pytest.mark.parametrize(
        ("there", "called"),
        [
            ({"cc": "cc", "gcc": "gcc"}, "cc"),
            ({"gcc": "gcc"}, "gcc"),
            # What it is does not matter here: that it is called does.
            ({"clang": "cc"}, "clang"),
        ],
        ids=["cc", "only gcc", "only clang"],
    )
    def test_an_extension_compiles_with_what_the_machine_has(self, upstream, tmp_path, there, called):
        path = programs(tmp_path / "path", "as", "ld", "ar", **there)
        (tmp_path / "built.c").write_text(SOURCE)
        done = subprocess.run(
            [f"{upstream}/bin/python{MINOR}", "-B", "-c", BUILD],
            cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0] == called
        told = run(f"{upstream}/bin/python{MINOR}", "-B", "-c", "import built; print(built.version)", cwd=tmp_path)
        assert told == f"{OLD}\n"

    def test_what_python_config_says_compiles(self, upstream, tmp_path):
        (tmp_path / "built.c").write_text(SOURCE)
        flags = run(f"{upstream}/bin/python{MINOR}-config", "--cflags", "--ldflags").split()
        suffix = run(f"{upstream}/bin/python{MINOR}-config", "--extension-suffix").strip()
        run("cc", "-shared", "-fPIC", *flags, "built.c", "-o", f"built{suffix}", cwd=tmp_path)
        told = run(f"{upstream}/bin/python{MINOR}", "-B", "-c", "import built; print(built.version)", cwd=tmp_path)
        assert told == f"{OLD}\n"


@pytest.mark.real_archives("the prefix that a build has baked in")
class TestExternallyManaged:
    def test_pip_leaves_the_runtime_alone(self, runtimes):
        done = subprocess.run(
            [f"{runtimes}/{OLD}/bin/python{MINOR}", "-IBm", "pip", "install", "--no-index", "six"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "externally-managed-environment" in done.stderr
        assert "pyman venv" in done.stderr

    def test_it_lies_where_the_standard_says(self, runtimes):
        where = run(
            f"{runtimes}/{OLD}/bin/python{MINOR}", "-IBc", "import sysconfig; print(sysconfig.get_path('stdlib'))"
        ).strip()
        parser = configparser.ConfigParser(interpolation=None)
        assert parser.read(f"{where}/EXTERNALLY-MANAGED")
        assert parser["externally-managed"]["Error"].splitlines()[0]


@pytest.mark.parametrize("repair", [lambda tree: repair_prefix(tree, tree), write_externally_managed])
def test_a_tree_without_a_standard_library(tmp_path, repair):
    with pytest.raises(IntegrityError):
        repair(str(tmp_path))
    (tmp_path / LIBRARY).mkdir(parents=True)
    with pytest.raises(IntegrityError):
        repair(str(tmp_path))


def test_a_pipe_in_the_place_of_a_file(tmp_path):
    library = tmp_path / LIBRARY
    library.mkdir(parents=True)
    (library / "os.py").touch()
    os.mkfifo(library / "_sysconfigdata__x.py")
    with pytest.raises(IntegrityError):
        repair_prefix(str(tmp_path), str(tmp_path))
