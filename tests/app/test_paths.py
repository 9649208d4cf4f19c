"""A path as a request: kept as it was given wherever a venv made from it would work, resolved where it would not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyman.app import paths
from pyman.app.paths import absolute, behind_placeholder
from pyman.app.select import choose_path, system_program
from pyman.effects.places import read_places
from pyman.effects.store import read_store
from pyman.errors import BadRequest, NotFound, NotStarted, PymanError
from stage.interpreters import PYENV
from stage.mirror import LIBRARY, MINOR, NEW, OLD, OTHER, OTHER_MINOR, SITE, runtime_tree
from stage.programs import write_program
from stage.venvs import call, peer


@pytest.fixture
def outside(tmp_path):
    """A Python that pyman knows nothing of, in a folder named after its release: built like upstream's CPython."""
    place = tmp_path / "opt" / f"cpython-{OLD}"
    place.parent.mkdir()
    os.symlink(runtime_tree(OLD), tmp_path / "tree")
    subprocess.run(["cp", "-al", runtime_tree(OLD), place], check=True)
    return place


@pytest.fixture
def look(home):
    """Resolves a path as this user would."""

    def resolve(path, cwd=None, **environ):
        environ = {**home.environ, **environ}
        places = read_places(environ)
        return choose_path(str(path), read_store(places.root), environ, str(cwd or home.project), places, named=True)

    return resolve


def starts(home, name, path):
    """Make a venv from a path, start it, and say what it runs and what its file says."""
    home.pyman("venv", name, "--without-pip", "-p", path)
    venv = home.project / name
    version = home.run(venv / "bin/python", "-c", "import encodings, venv, platform; print(platform.python_version())")
    lines = dict(line.split(" = ", 1) for line in (venv / "pyvenv.cfg").read_text().splitlines())
    return version, lines["home"], lines["pyman-policy"]


# --- paths that are kept ---


def test_an_interpreter_in_its_own_folder_is_used_as_given(look, outside, home):
    for name in (f"python{MINOR}", "python3", "python"):
        choice = look(outside / "bin" / name)
        assert choice.executable == str(outside / "bin" / name)
    assert choice.policy == "pin"
    assert starts(home, "v", outside / f"bin/python{MINOR}") == (OLD, str(outside / "bin"), "pin")


def test_links_to_folders_are_kept(look, outside, tmp_path, home):
    """The seed's complaint: whoever names a link wants what it will lead to tomorrow."""
    current = tmp_path / "opt" / "current"
    os.symlink(outside.name, current)
    os.symlink(tmp_path / "opt", tmp_path / "pythons")
    for place in (current, tmp_path / "pythons" / "current"):
        for path in (place, place / "bin" / f"python{MINOR}", f"{place}/", f"{place}/bin/./python{MINOR}"):
            choice = look(path)
            assert choice.home == str(place / "bin")
            assert choice.policy == "follow"
    assert starts(home, "v", current) == (OLD, str(current / "bin"), "follow")
    # and so a venv follows the link
    newer = tmp_path / "opt" / f"cpython-{NEW}"
    subprocess.run(["cp", "-al", runtime_tree(NEW), newer], check=True)
    os.unlink(current)
    os.symlink(newer.name, current)
    assert home.run(home.project / "v/bin/python", "-V") == f"Python {NEW}"


def test_a_path_through_a_patch_release_pins_however_it_goes_on(look, outside, tmp_path):
    os.symlink(outside, tmp_path / MINOR)
    assert look(tmp_path / MINOR).policy == "follow"
    os.symlink(tmp_path / MINOR, tmp_path / f"python-{OLD}")
    assert look(tmp_path / f"python-{OLD}").policy == "pin"
    # another number in the way says nothing about this Python
    os.mkdir(tmp_path / "tool-1.2.3")
    os.symlink(outside, tmp_path / "tool-1.2.3" / "python")
    assert look(tmp_path / "tool-1.2.3/python").policy == "follow"


def test_relative_paths_keep_their_links_too(look, outside, tmp_path, home):
    os.symlink(outside, home.project / "linked")
    inside = home.project / "deep"
    inside.mkdir()
    for path, cwd in (
        ("linked", home.project),
        ("./linked/bin/python3", home.project),
        ("../linked", inside),
        (f"../deep/../linked/bin/python{MINOR}", inside),
        ("~/project/linked", inside),
    ):
        choice = look(path if path != "linked" else "./linked", cwd)
        assert choice.home == f"{home.project}/linked/bin", path


@pytest.mark.parametrize(
    ("text", "path"),
    [("/a/./b//c/", "/a/b/c"), ("x", "/w/x"), ("../x", "/x"), ("./../../x", "/x"), ("/..", "/"), ("~", "/h"),
     ("~/x", "/h/x"), (".", "/w"), ("/a/../../b", "/b")],
)  # fmt: skip
def test_paths_are_made_absolute(text, path):
    assert absolute(text, {"HOME": "/h"}, "/w") == path


def test_what_lies_above_a_link_is_where_the_link_leads(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    os.symlink(tmp_path / "real" / "deep", tmp_path / "link")
    assert absolute("link/../x", {}, str(tmp_path)) == f"{tmp_path}/real/x"
    assert absolute("real/../link/x", {}, str(tmp_path)) == f"{tmp_path}/link/x"


# --- a lone link to the executable: a venv made from it would not start ---


def test_upstream_s_own_venv_fails_from_a_lone_link(outside, tmp_path):
    """Why the links below are resolved: getpath looks for the library beside the link."""
    lone = tmp_path / "lone"
    os.symlink(outside / f"bin/python{MINOR}", lone)
    venv = tmp_path / "v"
    (venv / "bin").mkdir(parents=True)
    os.symlink(lone, venv / "bin/python")
    (venv / "pyvenv.cfg").write_text(f"home = {tmp_path}\n")
    failed = subprocess.run([venv / "bin/python", "-c", "import os"], capture_output=True, check=False, env={})
    assert failed.returncode != 0


def lone_absolute(folder, target):
    os.symlink(target / f"bin/python{MINOR}", folder / f"python{MINOR}")
    return folder / f"python{MINOR}"


def lone_relative(folder, target):
    os.symlink(os.path.relpath(target / "bin/python3", folder), folder / "mypython")
    return folder / "mypython"


def lone_chain(folder, target):
    os.symlink(target / f"bin/python{MINOR}", folder / "one")
    os.symlink("one", folder / "two")
    (folder / "more").mkdir()
    os.symlink("../two", folder / "more" / "three")
    return folder / "more" / "three"


def lone_through_a_folder_link(folder, target):
    os.symlink(folder / "bin", folder / "also")
    (folder / "bin").mkdir()
    os.symlink(target / f"bin/python{MINOR}", folder / "bin" / "python3")
    return folder / "also" / "python3"


LONE = [lone_absolute, lone_relative, lone_chain, lone_through_a_folder_link]


@pytest.mark.parametrize("make", LONE)
def test_a_lone_link_is_followed_to_where_its_library_is_and_no_further(make, look, outside, tmp_path, home):
    current = tmp_path / "opt" / "current"
    os.symlink(outside.name, current)
    folder = tmp_path / "lone"
    folder.mkdir()
    lone = make(folder, current)
    choice = look(lone)
    # the link to the executable is gone, the link to the folder is not
    assert choice.home == str(current / "bin")
    assert choice.policy == "follow"
    assert starts(home, "v", lone) == (OLD, str(current / "bin"), "follow")


def test_a_lone_link_into_the_store_follows_its_alias(look, home):
    home.with_runtimes(OLD, NEW)
    for through, policy in ((MINOR, "follow"), (OLD, "pin"), ("3", "follow")):
        lone = home.path / f"python-{through}"
        os.symlink(home.runtimes / through / "bin/python3", lone)
        choice = look(lone)
        assert choice.policy == policy
        assert choice.home == str(home.runtimes / (through if through != "3" else MINOR) / "bin")


# --- venvs ---


def test_a_venv_stands_for_its_base_and_its_policy(look, home):
    home.with_runtimes(OLD, NEW)
    home.pyman("venv", "follows", "--without-pip")
    home.pyman("venv", "pinned", "--without-pip", "--pin")
    home.pyman("venv", "older", "--without-pip", "-p", OLD)
    for name, through, policy in (
        ("follows", MINOR, "follow"),
        ("pinned", NEW, "pin"),
        ("older", OLD, "pin"),
    ):
        venv = home.project / name
        for path in (venv, venv / "bin", venv / "bin/python", venv / f"bin/python{MINOR}"):
            choice = look(path)
            assert (choice.home, choice.policy) == (str(home.runtimes / through / "bin"), policy), path
    version, place, policy = starts(home, "again", home.project / "pinned")
    assert (version, place, policy) == (NEW, str(home.runtimes / f"{NEW}/bin"), "pin")
    # a venv in a venv in a venv
    home.run(home.project / "follows/bin/python", "-m", "venv", "--without-pip", home.project / "stdlib")
    assert look(home.project / "stdlib").through == MINOR


def test_a_link_to_a_venv_is_the_venv(look, home):
    home.with_runtimes(NEW)
    home.pyman("venv", "v", "--without-pip", "--pin")
    os.symlink(home.project / "v", home.project / "linked")
    os.symlink(home.project / "v/bin/python", home.project / "lone")
    assert look("./linked").policy == look("./lone").policy == "pin"


@pytest.mark.parametrize("tool", ["virtualenv", "uv"])
def test_venvs_of_other_tools_lead_to_their_base(tool, look, home, outside):
    venv = home.project / tool
    python = outside / f"bin/python{MINOR}"
    if tool == "uv":
        call(peer("uv"), "venv", "--quiet", "--python", python, venv, HOME=str(home.path))
    else:
        call(peer("virtualenv"), "--quiet", "--without-pip", "--python", python, venv, HOME=str(home.path))
    # Where only the venv names it, it must be the user's own by other signs: here it lies where uv keeps Pythons.
    choice = look(venv, UV_PYTHON_INSTALL_DIR=str(outside.parent))
    assert str(choice.version) == OLD
    assert choice.home == str(outside / "bin")
    assert choice.policy == "pin"


def test_in_a_folder_of_many_interpreters_a_venv_leads_to_its_own(look, home, tmp_path, outside):
    """`/usr/bin` holds several minors, and uv writes no `executable`."""
    shared = tmp_path / "shared"
    for part in ("bin", "lib", "include"):
        (shared / part).mkdir(parents=True)
    for release, minor in ((OTHER, OTHER_MINOR), (OLD, MINOR)):
        subprocess.run(["cp", "-l", f"{runtime_tree(release)}/bin/python{minor}", shared / "bin"], check=True)
        os.symlink(f"{runtime_tree(release)}/lib/python{minor}", shared / "lib" / f"python{minor}")
        # What some builds need beside their programs.
        for library in Path(runtime_tree(release), "lib").glob("lib*.so*"):
            (shared / "lib" / library.name).unlink(missing_ok=True)
            os.symlink(library, shared / "lib" / library.name)
    for minor in (OTHER_MINOR, MINOR):
        venv = home.project / f"v{minor}"
        (venv / "bin").mkdir(parents=True)
        (venv / "lib" / f"python{minor}" / "site-packages").mkdir(parents=True)
        os.symlink(shared / "bin" / f"python{minor}", venv / "bin/python")
        (venv / "pyvenv.cfg").write_text(f"home = {shared}/bin\nuv = 0.9\nversion_info = {minor}\n")
        choice = look(venv, UV_PYTHON_INSTALL_DIR=str(tmp_path))
        assert (choice.executable, choice.policy) == (f"{shared}/bin/python{minor}", "follow")
        os.unlink(venv / "bin/python")
        assert look(venv, UV_PYTHON_INSTALL_DIR=str(tmp_path)).executable == f"{shared}/bin/python{minor}"


# --- shims ---


@pytest.fixture
def shims(home):
    home.with_runtimes(OTHER, OLD, NEW)
    home.pyman("shims")
    return home.root / "shims"


def test_a_shim_is_what_it_would_run(look, shims, home):
    assert look(shims / "python").through == MINOR
    (home.project / ".python-version").write_text(f"{OLD}\n")
    assert (look(shims / "python").through, look(shims / "python3").policy) == (OLD, "pin")
    assert look(shims / f"python{OTHER_MINOR}").through == OTHER_MINOR
    assert look(shims / "python", PYMAN_PYTHON=OTHER_MINOR).through == OTHER_MINOR
    assert starts(home, "v", shims / "python") == (OLD, str(home.runtimes / f"{OLD}/bin"), "pin")


def test_a_shim_that_is_asked_for_by_its_own_path_does_not_stand_for_itself(look, shims, home):
    assert look(shims / "python", PYMAN_PYTHON=str(shims / "python")).through == MINOR
    (home.root / "default").write_text(f"{shims}/python3\n")
    assert look(shims / "python").through == MINOR
    assert home.json("find", PYMAN_PYTHON=str(shims / "python"))["version"] == NEW


def test_a_shim_with_nothing_to_run_says_why(look, shims, home):
    (home.project / ".python-version").write_text("3.12\n")
    with pytest.raises(NotFound, match=r"3\.12"):
        look(shims / "python")


def test_a_shim_of_another_tool_is_not_started(look, tmp_path, outside):
    """It is a script, which may run anything, and is named in the place of what it runs."""
    shim = tmp_path / "bin" / "python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\ntouch {tmp_path}/started\nexec "{outside}/bin/python{MINOR}" "$@"\n')
    shim.chmod(0o755)
    with pytest.raises(NotStarted, match="binary executable") as caught:
        look(shim)
    assert caught.value.hint == "give the path of the interpreter that it runs"
    assert not (tmp_path / "started").exists()


# --- what is not a Python ---


def nothing(folder):
    return folder / "nothing"


def dangling(folder):
    os.symlink("nowhere", folder / "dangling")
    return folder / "dangling"


def circle(folder):
    os.symlink("b", folder / "a")
    os.symlink("a", folder / "b")
    return folder / "a"


def circle_of_folders(folder):
    os.symlink("loop", folder / "loop")
    return folder / "loop" / "bin" / "python"


def own_base(folder):
    (folder / "v" / "bin").mkdir(parents=True)
    os.symlink("python", folder / "v/bin/python3")
    os.symlink("/bin/sh", folder / "v/bin/python")
    (folder / "v/pyvenv.cfg").write_text(f"home = {folder}/v/bin\n")
    return folder / "v"


def empty_folder(folder):
    return folder


def text_file(folder):
    (folder / "python").write_text("hello")
    return folder / "python"


def not_python(folder):
    return "/bin/cat"


def fifo(folder):
    os.mkfifo(folder / "python")
    return folder / "python"


def venv_without_home(folder):
    (folder / "pyvenv.cfg").write_text(f"version = {OLD}\n")
    return folder


def venv_without_base(folder):
    (folder / "pyvenv.cfg").write_text("home = /nowhere/bin\n")
    return folder


def venv_with_a_fifo(folder):
    os.mkfifo(folder / "pyvenv.cfg")
    return folder


def failing(folder):
    (folder / "python3").write_text("#!/bin/sh\nexit 3\n")
    (folder / "python3").chmod(0o755)
    return folder / "python3"


def too_long(folder):
    return folder / ("x" * 5000)


@pytest.mark.parametrize(
    "make",
    [nothing, dangling, circle, circle_of_folders, own_base, empty_folder, text_file, not_python, fifo, venv_without_home,
     venv_without_base, venv_with_a_fifo, failing, too_long],
)  # fmt: skip
def test_what_is_no_python_is_said_in_a_sentence(make, look, tmp_path, home):
    folder = tmp_path / "odd"
    folder.mkdir()
    path = make(folder)
    with pytest.raises(PymanError) as failure:
        look(path)
    assert failure.value.hint
    assert failure.value.exit_status == 1
    assert "\n" not in failure.value.message
    if make is not too_long:
        answer = home.pyman("find", path, status=failure.value.exit_status)
        assert answer.err.startswith("error: ")


def test_another_implementation_is_said_to_be_that(look, tmp_path, outside):
    prefix = tmp_path / "rust"
    (prefix / f"{LIBRARY}/lib-dynload").mkdir(parents=True)
    (prefix / f"{LIBRARY}/os.py").touch()
    # Asked as pyman asks an interpreter: with some options, `-c`, a program and its arguments.
    code = "import sys; sys.implementation.name = 'rustpython'; code = sys.argv[5]; del sys.argv[1:6]; exec(code)"
    program = write_program(prefix / "bin/python3", f'exec "{outside}/bin/python{MINOR}" -c "{code}" "$@"')
    with pytest.raises(BadRequest, match="RustPython, which pyman does not support"):
        look(program)


@pytest.mark.skipif(not PYENV, reason="pyenv has no interpreters here")
def test_pyenv_s_interpreters_are_used_by_their_path(look, tmp_path):
    prefix = PYENV[-1]
    choice = look(prefix)
    assert choice.home == f"{prefix}/bin"
    assert choice.policy == "pin"
    minor = os.path.basename(prefix).rpartition(".")[0]
    os.symlink(prefix, tmp_path / minor)
    assert look(tmp_path / minor).policy == "follow"


@pytest.mark.skipif(not os.path.exists("/usr/bin/python3"), reason="this system has no Python of its own")
def test_the_system_s_python_is_followed(look):
    choice = look("/usr/bin/python3")
    assert (choice.executable, choice.policy, choice.runtime) == ("/usr/bin/python3", "follow", None)
    assert look("/usr").home == "/usr/bin"


# --- Homebrew, which removes each release from its Cellar at the next upgrade ---


class Brew:
    """The folders of a Homebrew, as it has them on macOS and on Linux."""

    def __init__(self, top, framework):
        self.top, self.below = top, f"Frameworks/Python.framework/Versions/{MINOR}" if framework else ""
        for folder in ("bin", "opt", SITE):
            (top / folder).mkdir(parents=True)

    def upgrade(self, old, new):
        """Install a release, and remove the one before it."""
        keg = self.top / f"Cellar/python@{MINOR}" / new
        (keg / self.below).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-al", runtime_tree(new), keg / self.below], check=True)
        if self.below:
            (keg / "bin").mkdir()
            for name in (f"python{MINOR}", "python3"):
                (keg / "bin" / name).symlink_to(f"../{self.below}/bin/{name}")
        for name in ("python@3", f"python@{MINOR}"):
            (self.top / "opt" / name).unlink(missing_ok=True)
            (self.top / "opt" / name).symlink_to(f"../Cellar/python@{MINOR}/{new}")
        for name in (f"python{MINOR}", "python3"):
            (self.top / "bin" / name).unlink(missing_ok=True)
            (self.top / "bin" / name).symlink_to(f"../Cellar/python@{MINOR}/{new}/bin/{name}")
        if old:
            subprocess.run(["rm", "-r", self.top / f"Cellar/python@{MINOR}" / old], check=True)


@pytest.mark.parametrize("framework", [True, False], ids=["macOS", "Linux"])
@pytest.mark.parametrize(
    "named",
    ["system", f"bin/python{MINOR}", "bin/python3", "opt/python@3", f"Cellar/python@{MINOR}/{OLD}/bin/python{MINOR}"],
)
def test_a_venv_of_homebrews_python_outlives_its_next_upgrade(home, tmp_path, named, framework):
    brew = Brew(tmp_path / "brew", framework)
    brew.upgrade("", OLD)
    request = named if named == "system" else brew.top / named
    home.pyman("venv", "v", "--without-pip", "-p", request, PATH=f"{brew.top}/bin:{home.environ['PATH']}")
    venv = home.project / "v"
    settings = (venv / "pyvenv.cfg").read_text()
    assert f"home = {brew.top}/opt/python@{MINOR}/bin\n" in settings
    assert "pyman-policy = follow\n" in settings
    brew.upgrade(OLD, NEW)
    assert f"/{NEW}/" in os.path.realpath(venv / "bin/python")
    if not framework:  # Only on macOS does such a build find its library.
        assert home.run(venv / "bin/python", "-I", "-c", "import sys; print(sys.version.split()[0])") == NEW
    assert [one["state"] for one in home.json("venvs", "--no-search")["venvs"]] == ["healthy"]


@pytest.mark.parametrize(
    "named", [f"bin/python{MINOR}", "opt/python@3", f"Cellar/python@{MINOR}/{OLD}/bin/python{MINOR}"]
)
def test_an_adopted_python_of_homebrew_is_linked_by_the_name_that_it_moves(home, tmp_path, named):
    brew = Brew(tmp_path / "brew", framework=True)
    brew.upgrade("", OLD)
    home.pyman("adopt", brew.top / named)
    assert os.readlink(home.runtimes / OLD) == f"{brew.top}/opt/python@{MINOR}"


# --- Apple's placeholder, which opens a dialog where the developer tools are not installed ---


def test_apples_placeholder_is_never_started(look, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(paths, "_APPLES", (str(tmp_path / "tools/bin/python3"),))
    with pytest.raises(NotFound, match="Apple's placeholder"):
        look("/usr/bin/python3")
    elsewhere = tmp_path / "bin/python3"
    write_program(elsewhere, "exit 1")
    seen = system_program({"PATH": f"/usr/bin:{tmp_path}/bin"}, read_store(str(tmp_path)))
    assert (behind_placeholder("/usr/bin/python3"), seen) == (None, str(elsewhere))
    # With the tools it is their Python.
    tools = tmp_path / "tools/bin/python3"
    write_program(tools, "exit 1")
    assert behind_placeholder("/usr/bin/python3") == str(tools)
    assert behind_placeholder(f"/usr/bin/python{OTHER_MINOR}") == f"/usr/bin/python{OTHER_MINOR}"
