"""Reading venvs: cheap ones for every odd case, real ones of every tool, and proof that nothing of them is run."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.venv import LONE_COPY, OTHER_COPY, SAME_COPY, SCRIPT
from pyman.effects.interpreters.on_disk import Bases
from pyman.effects.venvs.on_disk import read_venv
from pyman.effects.venvs.venvs_of_tools import tool_places, venvs_of_tools
from stage.hostile import damaged
from stage.mirror import MINOR, OLD, OTHER_MINOR, SITE, copy_of_tree
from stage.venvs import call, make_prefix, make_venv, peer, write
from stage.wheels import build_wheel


@pytest.fixture
def place(tmp_path):
    """A store with 3.13 -> 3.13.5 and 3.13.15 beside it."""
    folder = os.path.realpath(tmp_path)
    for release in ("3.13.5", "3.13.15"):
        make_prefix(f"{folder}/runtimes/{release}", release, manifest=True)
    os.symlink("3.13.5", f"{folder}/runtimes/3.13")
    return folder


def read(path):
    facts = read_venv(path)
    assert facts is not None
    return facts


def test_a_venv_through_the_alias(place):
    facts = read(make_venv(f"{place}/app/.venv", f"{place}/runtimes/3.13/bin/python3.13"))
    assert facts.link_kind == "alias"
    assert facts.minor_link == f"{place}/runtimes/3.13"
    assert facts.link == f"{place}/runtimes/3.13/bin/python3.13"
    assert facts.way.chain == (
        f"{place}/app/.venv/bin/python",
        f"{place}/runtimes/3.13/bin/python3.13",
        f"{place}/runtimes/3.13.5/bin/python3.13",
    )
    assert str(facts.python) == "3.13.5"
    assert facts.home_library == f"{place}/runtimes/3.13/lib/python3.13"
    assert (facts.problems, facts.moved_from, facts.uid, facts.foreign) == ((), None, os.geteuid(), False)


def test_the_release_comes_from_the_link_and_not_from_the_file(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13", extra="version = 3.13.1\n")
    os.unlink(f"{place}/runtimes/3.13")
    os.symlink("3.13.15", f"{place}/runtimes/3.13")
    assert str(read(venv).python) == "3.13.15"


@pytest.mark.parametrize(
    ("details", "release"),
    [
        ({"major": 3, "minor": 14, "micro": 3, "releaselevel": "final", "serial": 0}, "3.14.3"),
        ({"major": 3, "minor": 14, "micro": 0, "releaselevel": "candidate", "serial": 2}, "3.14.0rc2"),
        ({"major": 3, "minor": 13, "micro": 3, "releaselevel": "final", "serial": 0}, "3.14.1"),
        ({"major": 3, "minor": 14, "micro": "x", "releaselevel": "final", "serial": 0}, "3.14.1"),
        ({"major": 3}, "3.14.1"),
        ([], "3.14.1"),
        (None, "3.14.1"),
    ],
)
def test_what_was_written_when_it_was_built_goes_before_headers(place, details, release):
    prefix = make_prefix(f"{place}/opt/it", "3.14.1", patchlevel=True)
    content = json.dumps({"language": {"version_info": details}}) if details is not None else "no JSON"
    write(f"{prefix}/lib/python3.14/build-details.json", content)
    facts = read(make_venv(f"{place}/v", f"{prefix}/bin/python3.14", library="python3.14"))
    assert str(facts.python) == release


def test_a_patch_release(place):
    facts = read(make_venv(f"{place}/v", f"{place}/runtimes/3.13.5/bin/python3.13"))
    assert (facts.link_kind, facts.named_release, facts.minor_link) == ("patch", f"{place}/runtimes/3.13.5", None)


def test_links_inside_bin_as_the_stdlib_makes_them(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3", library="python3.13")
    for name, text in (("python", "python3"), ("python3", f"{place}/runtimes/3.13/bin/python3")):
        os.unlink(f"{venv}/bin/{name}")
        os.symlink(text, f"{venv}/bin/{name}")
    facts = read(venv)
    assert facts.link == f"{place}/runtimes/3.13/bin/python3"
    assert facts.way.chain == (
        f"{venv}/bin/python",
        f"{venv}/bin/python3",
        f"{place}/runtimes/3.13/bin/python3",
        f"{place}/runtimes/3.13.5/bin/python3",
        f"{place}/runtimes/3.13.5/bin/python3.13",
    )
    assert [entry.name for entry in facts.entries] == ["python", "python3", "python3.13"]


def test_a_relative_link(place):
    facts = read(make_venv(f"{place}/v", "../../runtimes/3.13/bin/python3.13", home=f"{place}/runtimes/3.13/bin"))
    assert facts.link == f"{place}/runtimes/3.13/bin/python3.13"
    assert facts.link_kind == "alias"


@pytest.mark.parametrize("broken", ["no-python", "gone-target", "loop", "no-home", "relative-home", "file-in-the-way"])
def test_broken_links(place, broken):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    if broken == "no-python":
        for name in ("python", "python3", "python3.13"):
            os.unlink(f"{venv}/bin/{name}")
    elif broken == "gone-target":
        shutil.rmtree(f"{place}/runtimes/3.13.5")
    elif broken == "loop":
        os.unlink(f"{place}/runtimes/3.13")
        os.symlink("3.13", f"{place}/runtimes/3.13")
    elif broken == "no-home":
        write(f"{venv}/pyvenv.cfg", "version = 3.13.5\n")
    elif broken == "relative-home":
        write(f"{venv}/pyvenv.cfg", "home = runtimes/3.13/bin\n")
    else:
        os.unlink(f"{place}/runtimes/3.13")
        write(f"{place}/runtimes/3.13")
    facts = read(venv)
    assert facts.link_kind == "broken"
    assert facts.problems == ()


def test_links_that_chase_each_other_end(place):
    venv = make_venv(f"{place}/v", f"{place}/a/python")
    os.makedirs(f"{place}/a")
    os.symlink("../b/python", f"{place}/a/python")
    os.symlink("a", f"{place}/b")
    assert read(venv).way.real is None
    os.unlink(f"{venv}/bin/python")
    os.symlink("python3", f"{venv}/bin/python")
    assert read(venv).interpreter is None
    deep = make_venv(f"{place}/deep", "/x" * 2000 + "/python", home="/x" * 3000)
    assert read(deep).link_kind == "broken"


def test_somebody_elses_minor_link(place):
    make_prefix(f"{place}/uv/cpython-3.12.8-linux-x86_64-gnu", "3.12.8")
    os.symlink(f"{place}/uv/cpython-3.12.8-linux-x86_64-gnu", f"{place}/uv/cpython-3.12-linux-x86_64-gnu")
    link = f"{place}/uv/cpython-3.12-linux-x86_64-gnu"
    facts = read(make_venv(f"{place}/v", f"{link}/bin/python3.12", library="python3.12"))
    assert (facts.link_kind, facts.minor_link, str(facts.python)) == ("alias", link, "3.12.8")


def test_homebrew(place):
    cellar = f"{place}/Cellar/python@3.12/3.12.4_1"
    framework = make_prefix(f"{cellar}/Frameworks/Python.framework/Versions/3.12", "3.12.4")
    os.makedirs(f"{cellar}/bin")
    os.symlink("../Frameworks/Python.framework/Versions/3.12/bin/python3.12", f"{cellar}/bin/python3.12")
    os.makedirs(f"{place}/opt")
    os.symlink("../Cellar/python@3.12/3.12.4_1", f"{place}/opt/python@3.12")
    facts = read(make_venv(f"{place}/v", f"{place}/opt/python@3.12/bin/python3.12", library="python3.12"))
    assert (facts.link_kind, str(facts.python)) == ("alias", "3.12.4")
    assert facts.interpreter.prefix == framework
    cellar_venv = read(make_venv(f"{place}/w", f"{cellar}/bin/python3.12", library="python3.12"))
    assert (cellar_venv.link_kind, cellar_venv.named_release) == ("patch", cellar)


def test_a_shared_prefix_is_told_by_its_headers(place):
    usr = make_prefix(f"{place}/usr", "3.11.2", patchlevel=True)
    facts = read(make_venv(f"{place}/v", f"{usr}/bin/python3.11", library="python3.11"))
    assert (facts.link_kind, str(facts.python)) == ("external", "3.11.2")
    shutil.rmtree(f"{usr}/include")
    assert read(f"{place}/v").python is None
    write(f"{usr}/include/python3.11/patchlevel.h", '#define PY_VERSION "9.9.9"\n')
    assert read(f"{place}/v").python is None


def test_free_threaded(place):
    make_prefix(f"{place}/opt/3.14.0t", "3.14.0t", patchlevel=True)
    facts = read(make_venv(f"{place}/v", f"{place}/opt/3.14.0t/bin/python3.14t", library="python3.14t"))
    assert (facts.interpreter.variant, facts.alias, facts.interpreter.alias) == ("freethreaded", "3.14t", "3.14t")
    assert facts.interpreter.library == f"{place}/opt/3.14.0t/lib/python3.14t"


def test_an_executable_whose_name_tells_nothing(place):
    prefix = make_prefix(f"{place}/opt/py", "3.13.7", patchlevel=True)
    os.unlink(f"{prefix}/bin/python")
    os.rename(f"{prefix}/bin/python3.13", f"{prefix}/bin/python")
    facts = read(make_venv(f"{place}/v", f"{prefix}/bin/python"))
    assert (facts.interpreter.minor, str(facts.python)) == ("3.13", "3.13.7")


def test_the_standard_library(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    shutil.rmtree(f"{place}/runtimes/3.13.5/lib")
    facts = read(venv)
    assert (facts.home_library, facts.interpreter.library) == (None, None)
    write(f"{place}/runtimes/3.13.5/lib64/python3.13/os.py")
    facts = read(venv)
    assert facts.home_library == f"{place}/runtimes/3.13/lib64/python3.13"


def test_a_venv_made_from_a_venv(place):
    outer = make_venv(f"{place}/outer", f"{place}/runtimes/3.13/bin/python3.13")
    middle = make_venv(f"{place}/middle", f"{outer}/bin/python")
    facts = read(make_venv(f"{place}/inner", f"{middle}/bin/python"))
    assert (facts.outer, facts.base_home) == (middle, f"{place}/runtimes/3.13/bin")
    assert facts.interpreter.path == f"{place}/runtimes/3.13.5/bin/python3.13"
    write(f"{outer}/pyvenv.cfg", f"home = {middle}/bin\n")
    assert read(f"{place}/inner").base_home is None
    shutil.rmtree(outer)
    assert read(f"{place}/inner").outer == middle


def test_copies(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    binary = f"{venv}/bin/python"
    os.unlink(binary)
    shutil.copy(f"{place}/runtimes/3.13/bin/python3.13", binary)
    facts = read(venv)
    assert (facts.copy, facts.link, str(facts.python), facts.link_kind) == (SAME_COPY, None, "3.13.5", "alias")
    write(binary, b"\x7fELF3.13.4")
    assert read(venv).copy == OTHER_COPY
    assert read(venv).python is None
    write(binary, b"\x7fELF3.13.15 and more")
    assert read(venv).copy == OTHER_COPY
    write(binary, "#!/bin/sh\nexec python3\n")
    assert read(venv).copy == SCRIPT
    write(binary, b"\x7fELF3.13.5")
    write(f"{venv}/pyvenv.cfg", "home = /nowhere/bin\n")
    assert read(venv).copy == LONE_COPY


def test_large_copies_are_compared_in_parts(place):
    content = os.urandom(1 << 20)
    base = write(f"{place}/opt/3.13.7/bin/python3.13", content, 0o755)
    venv = make_venv(f"{place}/v", base)
    os.unlink(f"{venv}/bin/python")
    write(f"{venv}/bin/python", content)
    assert read(venv).copy == SAME_COPY
    write(f"{venv}/bin/python", os.urandom(16) + content[16:])
    assert read(venv).copy == OTHER_COPY


def test_several_library_folders_are_counted(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    for name in ("a-1.dist-info", "b-1.dist-info", "b"):
        os.makedirs(f"{venv}/lib/python3.12/site-packages/{name}")
    os.makedirs(f"{venv}/lib/python3.11")
    facts = read(venv)
    assert [(library.name, library.site_packages, library.distributions) for library in facts.libraries] == [
        ("python3.11", False, None),
        ("python3.12", True, 2),
        ("python3.13", True, 0),
    ]
    assert facts.alias == "3.12"


def test_moved_and_copied_venvs(place):
    venv = make_venv(f"{place}/old/.venv", f"{place}/runtimes/3.13/bin/python3.13")
    os.rename(f"{place}/old", f"{place}/new")
    assert read(f"{place}/new/.venv").moved_from == venv
    shutil.copytree(f"{place}/new/.venv", venv, symlinks=True)
    assert read(venv).moved_from is None
    assert read(f"{place}/new/.venv").moved_from == venv
    os.symlink("old", f"{place}/link")
    assert read(f"{place}/link/.venv").moved_from is None
    write(f"{venv}/bin/activate", 'VIRTUAL_ENV="$(cd "$(dirname "$0")/.." && pwd)"\n')
    assert read(venv).moved_from is None
    # No venv lies there, and every path begins with it: nothing is looked for in its files.
    write(f"{venv}/bin/activate", "VIRTUAL_ENV='/'\n")
    assert read(venv).moved_from is None


def test_compiled_packages_are_looked_for_only_where_a_prerelease_is_named(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13", extra="version_info = 3.13.0.candidate.2\n")
    assert read(venv).compiled is False
    write(f"{venv}/lib/python3.13/site-packages/fast/core.cpython-313-x86_64-linux-gnu.so")
    assert read(venv).compiled is True
    for version, compiled in (("3.13.0rc2", True), ("3.13.0b1", True), ("3.13.0", None), ("3.13.5.final.0", None)):
        write(f"{venv}/pyvenv.cfg", f"home = /x\nversion_info = {version}\n")
        assert read(venv).compiled is compiled


def test_a_link_or_a_text_file_in_place_of_the_folder(place):
    real = make_venv(f"{place}/cache/demo-1234", f"{place}/runtimes/3.13/bin/python3.13")
    os.makedirs(f"{place}/project")
    dot_venv = f"{place}/project/.venv"
    os.symlink("../cache/demo-1234", dot_venv)
    assert (read(dot_venv).path, read(dot_venv).folder, read(dot_venv).moved_from) == (dot_venv, real, None)
    os.unlink(dot_venv)
    for text in (f"{real}\n", "../cache/demo-1234", f"\ufeff{real}\r\n"):
        write(dot_venv, text)
        assert read(dot_venv).folder == real
    for text in ("", "nowhere", f"{real}\n{real}\n", "a\0b", "x" * 5000):
        write(dot_venv, text)
        assert read_venv(dot_venv) is None
    os.unlink(dot_venv)
    os.symlink(".venv", dot_venv)
    assert read_venv(dot_venv) is None


def test_what_is_no_venv(place):
    os.makedirs(f"{place}/empty")
    os.mkfifo(f"{place}/fifo")
    for path in ("empty", "fifo", "missing", "runtimes/3.13.5"):
        assert read_venv(f"{place}/{path}") is None


@pytest.mark.parametrize(
    "kind", ["fifo", "folder", "huge", "random", "carriage returns", "empty", "loop", "unreadable"]
)
def test_a_strange_pyvenv_cfg_is_a_problem_and_nothing_else(place, kind):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    path = f"{venv}/pyvenv.cfg"
    os.unlink(path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "huge":
        write(path)
        os.truncate(path, 1 << 30)
    elif kind == "random":
        write(path, bytes(range(256)) * 8)
    elif kind == "carriage returns":  # What one reader takes for many lines is one for another.
        write(path, f"home = {place}/runtimes/3.13/bin\rinclude-system-site-packages = false\r")
    elif kind == "empty":
        write(path)
    elif kind == "loop":
        os.symlink("pyvenv.cfg", path)
    else:
        write(path, "home = /x\n", 0)
        if os.geteuid() == 0:
            pytest.skip("root reads every file")
    facts = read(venv)
    assert [problem.path for problem in facts.problems] == [path]
    assert str(facts.interpreter.version) == "3.13.5"


@pytest.mark.parametrize(
    ("name", "make"), [("bin/python", os.mkfifo), ("bin/python", os.mkdir), ("bin/activate", os.mkfifo)]
)
def test_what_is_no_regular_file_is_a_problem(place, name, make):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    os.unlink(f"{venv}/{name}")
    make(f"{venv}/{name}")
    assert [problem.path for problem in read(venv).problems] == [f"{venv}/{name}"]


def test_what_is_no_folder_is_a_problem_and_what_is_missing_is_none(place):
    venv = make_venv(f"{place}/v", f"{place}/runtimes/3.13/bin/python3.13")
    shutil.rmtree(f"{venv}/bin")
    shutil.rmtree(f"{venv}/lib")
    write(f"{venv}/lib")
    assert {problem.path for problem in read(venv).problems} == {f"{venv}/lib"}
    # Of what has neither nobody can tell what it was.
    os.unlink(f"{venv}/lib")
    assert {problem.path for problem in read(venv).problems} == {f"{venv}/bin", f"{venv}/lib"}


def test_names_that_are_no_utf_8(place):
    odd = f"{place}/b\udcff"
    facts = read(make_venv(f"{odd}/v", f"{place}/runtimes/3.13/bin/python3.13"))
    assert (facts.path, facts.moved_from) == (f"{odd}/v", None)


@settings(max_examples=60)
@given(
    st.binary(max_size=300),
    st.binary(max_size=300),
    st.binary(min_size=1, max_size=40).filter(lambda text: b"\0" not in text),
)
def test_random_content_never_crashes(place, cfg, activate, link):
    venv = f"{place}/fuzz"
    if not os.path.exists(venv):
        make_venv(venv, "/nowhere/python")
    write(f"{venv}/pyvenv.cfg", cfg)
    write(f"{venv}/bin/activate", activate)
    os.unlink(f"{venv}/bin/python")
    os.symlink(os.fsdecode(link), f"{venv}/bin/python")
    facts = read(venv)
    assert facts.link_kind in ("alias", "patch", "external", "broken")


def test_bases_are_looked_at_once(place):
    bases = Bases()
    venvs = [make_venv(f"{place}/v{number}", f"{place}/runtimes/3.13/bin/python3.13") for number in range(3)]
    read_all = [read_venv(venv, bases) for venv in venvs]
    assert read_all[0].interpreter is read_all[2].interpreter


# Real venvs of real tools, on a real interpreter reached through an alias.


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    folder = os.path.realpath(tmp_path_factory.mktemp("real"))
    os.makedirs(f"{folder}/runtimes")
    copy_of_tree(OLD, f"{folder}/runtimes/{OLD}")
    os.symlink(OLD, f"{folder}/runtimes/{MINOR}")
    return folder


def make_real(real, tool, folder):
    python = f"{real}/runtimes/{MINOR}/bin/python{MINOR}"
    venv = f"{folder}/.venv"
    if tool == "venv":
        call(python, "-m", "venv", "--without-pip", venv)
    elif tool == "virtualenv":
        call(peer("virtualenv"), "-q", "--without-pip", "-p", python, venv)
    elif tool == "uv":
        call(peer("uv"), "venv", "-q", "-p", python, venv, UV_CACHE_DIR=f"{folder}/cache")
    return venv


@pytest.mark.parametrize("tool", ["venv", "virtualenv", "uv"])
def test_real_venvs(real, tmp_path, tool):
    folder = os.path.realpath(tmp_path)
    venv = make_real(real, tool, folder)
    facts = read(venv)
    assert (facts.creator, facts.foreign, facts.link_kind) == (tool, False, "alias")
    assert (facts.minor_link, str(facts.python), facts.alias) == (f"{real}/runtimes/{MINOR}", OLD, MINOR)
    assert (facts.moved_from, facts.problems) == (None, ())
    asked = call(
        f"{venv}/bin/python", "-I", "-S", "-c", "import os, sys; print(os.path.realpath(sys.executable))"
    ).strip()
    assert facts.interpreter.path == asked


@pytest.mark.parametrize("tool", ["venv", "virtualenv", "uv"])
def test_real_venvs_after_a_move(real, tmp_path, tool):
    folder = os.path.realpath(tmp_path)
    venv = make_real(real, tool, f"{folder}/a b")
    os.rename(f"{folder}/a b", f"{folder}/c")
    assert read(f"{folder}/c/.venv").moved_from == venv


def test_a_real_tox_environment(real, tmp_path):
    folder = os.path.realpath(tmp_path)
    write(f"{folder}/tox.ini", "[tox]\nskipsdist = true\n[testenv]\nskip_install = true\ncommands = python -V\n")
    call(
        peer("tox"),
        "-q",
        "--root",
        folder,
        "-e",
        "py",
        "--discover",
        f"{real}/runtimes/{MINOR}/bin/python{MINOR}",
        HOME=folder,
    )
    facts = read(f"{folder}/.tox/py")
    assert (facts.creator, facts.foreign) == ("tox", True)


def test_a_real_poetry_environment(real, tmp_path):
    folder = os.path.realpath(tmp_path)
    text = f'[project]\nname = "demo"\nversion = "1"\nrequires-python = ">={OTHER_MINOR}"\n[tool.poetry]\npackage-mode = false\n'
    write(f"{folder}/project/pyproject.toml", text)
    environ = {"HOME": folder, "POETRY_CACHE_DIR": f"{folder}/cache", "POETRY_VIRTUALENVS_IN_PROJECT": "false"}
    python = f"{real}/runtimes/{MINOR}/bin/python{MINOR}"
    call(peer("poetry"), "-q", "-n", "-C", f"{folder}/project", "env", "use", python, **environ)
    [name] = [name for name in os.listdir(f"{folder}/cache/virtualenvs") if name.startswith("demo")]
    facts = read(f"{folder}/cache/virtualenvs/{name}")
    assert (facts.creator, facts.foreign) == ("poetry", True)


def test_real_environments_of_uv_tool_and_pipx(real, tmp_path):
    folder = os.path.realpath(tmp_path)
    wheel = build_wheel(f"{folder}/wheels", "spam", "1.0", scripts={"spam": "spam:main"})
    python = f"{real}/runtimes/{MINOR}/bin/python{MINOR}"
    environ = {
        "HOME": folder,
        "PATH": f"{os.path.dirname(peer('uv'))}:/usr/bin:/bin",
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": f"{folder}/cache",
        "UV_TOOL_DIR": f"{folder}/tools",
        "UV_TOOL_BIN_DIR": f"{folder}/bin",
        "PIPX_HOME": f"{folder}/pipx",
        "PIPX_BIN_DIR": f"{folder}/bin2",
        "PIPX_DEFAULT_BACKEND": "uv",
    }
    call(peer("uv"), "tool", "install", "-q", "-p", python, wheel, **environ)
    call(peer("pipx"), "install", "-q", "--python", python, wheel, **environ)
    for path, creator in ((f"{folder}/tools/spam", "uv"), (f"{folder}/pipx/venvs/spam", "pipx")):
        facts = read(path)
        assert (facts.creator, facts.foreign, facts.link_kind) == (creator, True, "alias")
    found = venvs_of_tools(tool_places(environ, folder, "linux"))
    assert set(found) >= {f"{folder}/tools/spam", f"{folder}/pipx/venvs/spam"}


def test_the_venv_that_runs_these_tests():
    if sys.prefix == sys.base_prefix:
        pytest.skip("the tests do not run in a venv")
    facts = read(sys.prefix)
    assert facts.interpreter is not None
    assert facts.alias.startswith(f"3.{sys.version_info.minor}")
    assert facts.python is None or str(facts.python) == sys.version.split()[0]


def test_nothing_of_a_venv_is_run(real, tmp_path):
    """A start of its Python, by whatever way, would leave a mark; and reading starts no process at all."""
    folder = os.path.realpath(tmp_path)
    venv = make_real(real, "venv", folder)
    mark = f"{folder}/mark"
    site_packages = f"{venv}/{SITE}"
    write(f"{site_packages}/trap.pth", f"import os; open({mark!r}, 'w').close()\n")
    write(f"{site_packages}/sitecustomize.py", f"open({mark!r}, 'w').close()\n")
    subprocess.run([f"{venv}/bin/python", "-c", ""], check=True)
    assert os.path.exists(mark), "the trap must work"
    os.unlink(mark)
    os.unlink(f"{venv}/bin/python")
    write(f"{venv}/bin/python", f"#!/bin/sh\ntouch {mark}\n", 0o755)
    started = []
    sys.addaudithook(lambda event, _: started.append(event) if event in EVENTS_OF_STARTING else None)
    assert read(venv).copy == SCRIPT
    assert started == []
    assert not os.path.exists(mark)


EVENTS_OF_STARTING = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty")


@settings(max_examples=60)
@given(
    cfg=damaged(
        b"home = /usr/bin\nversion = 3.13.5\nexecutable = /usr/bin/python3\nprompt = 'a'\n", b"home=/nowhere/bin\n"
    ),
    activate=damaged(b"VIRTUAL_ENV=/srv/.venv\nexport VIRTUAL_ENV\n", b'VIRTUAL_ENV="/srv/.venv"\n'),
)
def test_damaged_files_of_a_venv_never_crash(place, cfg, activate):
    venv = f"{place}/damaged"
    if not os.path.exists(venv):
        make_venv(venv, "/nowhere/python")
    write(f"{venv}/pyvenv.cfg", cfg)
    write(f"{venv}/bin/activate", activate)
    facts = read(venv)
    assert facts.home is None or facts.home.startswith("/")


def test_a_home_that_no_system_takes(place):
    venv = make_venv(f"{place}/v", "/nowhere/python")
    write(f"{venv}/pyvenv.cfg", b"home = /a\0b\nversion = 3.13.5\n")
    assert read(venv).home is None


@pytest.mark.parametrize(
    "framework",
    [
        "Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework",
        "Library/Frameworks/Python.framework",
        "opt/local/Library/Frameworks/Python.framework",
    ],
)
def test_a_venv_that_leads_to_the_program_of_a_framework_build(place, framework):
    """Virtualenv links to it for Apple's Python, and its old releases did so for all."""
    prefix = make_prefix(f"{place}/{framework}/Versions/3.9", "3.9.6", patchlevel=True)
    program = write(f"{prefix}/Resources/Python.app/Contents/MacOS/Python", b"\xcf\xfa\xed\xfe", 0o755)
    os.makedirs(f"{place}/usr/bin")
    os.symlink(f"{prefix}/bin/python3", f"{place}/usr/bin/python3")
    venv = make_venv(f"{place}/v", program, home=f"{place}/usr/bin", library="python3.9")
    facts = read(venv)
    assert (facts.interpreter.prefix, facts.interpreter.minor, str(facts.python)) == (prefix, "3.9", "3.9.6")
    assert facts.home_interpreter.prefix == prefix
    assert facts.strays == ()
