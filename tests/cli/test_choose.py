"""`find`, `which`, `use` and `run`: who asks for which Python, what answers, and why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR, mirror_folder
from stage.somebody import as_root


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three releases for all tests of this file, which only read them."""
    return Home(tmp_path_factory.mktemp("choose"), mirror_folder()).with_runtimes(OTHER, OLD, NEW)


@pytest.fixture
def here(store, tmp_path):
    """A folder of one test's own, and pyman in it."""
    (tmp_path / "below").mkdir()
    (store.root / "default").unlink(missing_ok=True)

    class Here:
        path = tmp_path
        home = store
        runtimes = store.runtimes

        def pyman(self, *words, cwd=tmp_path, **named):
            return store.pyman(*words, cwd=cwd, **named)

        def json(self, *words, status=0, **environ):
            return self.pyman(*words, "--json", status=status, **environ).json

        def write(self, name, text):
            (tmp_path / name).write_text(text)

        def python(self, through):
            minor = ".".join(through.split(".")[:2])
            return f"{store.runtimes}/{through}/bin/python{minor}"

    return Here()


# --- find ---

FOUND = [
    # request, place, release
    (None, MINOR, NEW),
    (MINOR, MINOR, NEW),
    ("3", MINOR, NEW),
    ("latest", MINOR, NEW),
    (OLD, OLD, OLD),
    (f"=={OLD}", OLD, OLD),
    (">=3.8", MINOR, NEW),
    (f"<{MINOR}", OTHER_MINOR, OTHER),
    (f">={MINOR},<{NEW}", OLD, OLD),
    (f"cpython-{OTHER_MINOR}", OTHER_MINOR, OTHER),
    (f"python{OTHER_MINOR}", OTHER_MINOR, OTHER),
]


@pytest.mark.parametrize(("request_", "place", "release"), FOUND, ids=str)
def test_find_prints_the_path_through_the_alias(here, request_, place, release):
    words = [request_] if request_ is not None else []
    assert here.pyman("find", *words).out == here.python(place) + "\n"
    answer = here.json("find", *words)
    assert answer == {
        "schema": "pyman/1",
        "path": here.python(place),
        "version": release,
        "request": request_ or "latest",
        "source": "--python" if request_ else "the newest installed",
    }


def test_find_resolve_prints_the_patch_release(here):
    assert here.pyman("find", MINOR, "--resolve").out == here.python(NEW) + "\n"
    assert here.json("find", "--resolve", "3")["path"] == here.python(NEW)


@pytest.mark.parametrize(
    ("words", "status", "code", "hint"),
    [(["3.12"], 1, "not-found", "pyman install 3.12"), ([f"{MINOR}.99"], 1, "not-found", f"pyman install {MINOR}.99"),
     (["nonsense"], 2, "bad-request", "3.13"), (["jython"], 1, "unsupported", "3.13"), (["./nothing"], 1, "not-found", ""),
     ([MINOR, OTHER_MINOR], 2, "usage", "pyman find --help"), (["--nonsense"], 2, "usage", "pyman find --help")],
)  # fmt: skip
def test_find_that_finds_nothing(here, words, status, code, hint):
    failed = here.json("find", *words, status=status)["error"]
    assert failed["code"] == code
    assert hint in (failed["hint"] or "")
    assert here.pyman("find", *words, status=status).out == ""


def test_an_empty_store_says_what_to_do(tmp_path):
    home = Home(tmp_path)
    assert "pyman install" in home.pyman("find", status=1).err
    assert "pyman install" in home.pyman("which", status=1).err
    assert home.json("list") == {"schema": "pyman/1", "runtimes": [], "aliases": []}


# --- the order of those who ask ---


def test_the_order_of_those_who_ask(here):
    below = here.path / "below"
    asked = []

    def source():
        answer = here.pyman("find", "--json", cwd=below, PYMAN_PYTHON=asked[-1] if asked else "").json
        return answer["source"], answer["version"]

    assert source() == ("the newest installed", NEW)
    here.pyman("use", "--global", OTHER_MINOR)
    assert source() == ("the default", OTHER)
    here.write("pyproject.toml", f'[project]\nrequires-python = ">={MINOR}"\n')
    assert source() == (f"{here.path}/pyproject.toml", NEW)
    here.write(".python-version", f"# ours\n{OLD}\n")
    assert source() == (f"{here.path}/.python-version", OLD)
    (below / ".python-version").write_text("\n# nothing here\n")
    assert source() == (f"{here.path}/.python-version", OLD)
    asked.append(OTHER_MINOR)
    assert source() == ("PYMAN_PYTHON", OTHER)
    assert here.json("find", MINOR, PYMAN_PYTHON=OTHER_MINOR)["source"] == "--python"


def test_a_folder_reached_through_a_link_asks_as_the_user_sees_it(here, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "src").mkdir()
    (tmp_path / "project" / ".python-version").write_text(f"{OTHER_MINOR}\n")
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "project" / "src", tmp_path / "elsewhere" / "src")
    link = tmp_path / "elsewhere" / "src"
    assert here.pyman("find", "--json", cwd=link, PWD=str(link)).json["version"] == NEW
    assert here.pyman("find", "--json", cwd=link).json["version"] == OTHER
    assert here.pyman("find", "--json", cwd=link, PWD="/nowhere").json["version"] == OTHER


@pytest.mark.parametrize(
    ("words", "status"),
    [(["find"], 1), (["which"], 1), (["venv"], 1), (["install"], 1), (["run", "--", "true"], 127),
     (["run", "--", "python", "-V"], 127)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "text", "says"),
    [(".python-version", f"{MINOR}\n../evil/bin/python\n", "line 2"), (".python-version", "$(touch pwned)\n", "line 1"),
     (".python-version", f"{MINOR}\x003\n", "line 1"), ("pyproject.toml", '[project]\nrequires-python = "three"\n', "requires-python"),
     ("pyproject.toml", "[project]\nrequires-python =\n", "TOML")],
    ids=["path", "shell", "NUL", "no specifier", "no TOML"],
)  # fmt: skip
def test_a_file_that_is_not_understood_is_named_and_nothing_is_run(here, words, status, name, text, says):
    here.write(name, text)
    answer = here.pyman(*words, status=status)
    first, second = answer.err.splitlines()
    assert first.startswith(f"error: {here.path}/{name}")
    assert says in first
    assert second.startswith("hint: ")
    assert answer.out == ""
    assert sorted(os.listdir(here.path)) == sorted([name, "below"])


# --- which ---


@pytest.mark.parametrize(
    ("name", "place"),
    [("python", f"{MINOR}/bin/python"), ("python3", f"{MINOR}/bin/python3"), (f"python{MINOR}", f"{MINOR}/bin/python{MINOR}"),
     (f"python{OTHER_MINOR}", f"{OTHER_MINOR}/bin/python{OTHER_MINOR}"), ("pip", f"{MINOR}/bin/pip"), (f"pip{OTHER_MINOR}", f"{OTHER_MINOR}/bin/pip{OTHER_MINOR}")],
)  # fmt: skip
def test_which_prints_the_program(here, name, place):
    assert here.pyman("which", name).out == f"{here.runtimes}/{place}\n"
    assert set(here.json("which", name)) == {"schema", "path", "version", "request", "source"}


def test_which_of_what_is_nowhere(here):
    assert "pyman install 3.12" in here.pyman("which", "python3.12", status=1).err
    assert "no program `nonsense`" in here.pyman("which", "nonsense", status=1).err


def test_every_step_of_a_choice_is_told(here):
    here.write(".python-version", f"3.9 {OLD}\n")
    here.write("pyproject.toml", f'[project]\nrequires-python = ">={OTHER_MINOR}"\n')
    here.pyman("use", "--global", OTHER_MINOR)
    assert here.pyman("which", "--explain").out.splitlines() == [
        "PYMAN_PYTHON: not set",
        f"{here.path}/.python-version: 3.9 {OLD} (line 1); used",
        "  3.9 is not installed",
        f"the default: {OTHER_MINOR}; not used",
        f"{OLD} is exactly the patch release {OLD}",
        f"python runs {here.runtimes}/{OLD}/bin/python",
    ]
    told = here.pyman("which", "--explain", f"python{OTHER_MINOR}").out
    assert f"python{OTHER_MINOR} itself names {OTHER_MINOR}; used" in told
    assert f"{OTHER_MINOR} is an alias of {OTHER}" in told
    (here.path / ".python-version").unlink()
    answer = here.json("which", "--explain")
    assert answer["path"] == f"{here.runtimes}/{MINOR}/bin/python"
    assert f"{here.path}/pyproject.toml: >={OTHER_MINOR} (requires-python); used" in answer["steps"]


def test_the_steps_of_a_choice_that_leads_nowhere(here):
    here.write(".python-version", "3.9\n")
    answer = here.pyman("which", "--explain", status=1)
    assert answer.out.splitlines() == [
        "PYMAN_PYTHON: not set",
        f"{here.path}/.python-version: 3.9 (line 1); used",
        "the default: not set",
    ]
    assert "pyman install 3.9" in answer.err
    told = here.json("which", "--explain", status=1)
    assert (told["path"], told["version"], told["request"]) == (None, None, "3.9")
    assert told["error"]["code"] == "no-python"


@pytest.mark.parametrize(
    ("name", "text", "step", "error"),
    [
        (".python-version", "# mine\nmyenv\n", ".python-version: myenv (line 2); used", "line 2: `myenv` is not a Python"),
        (".python-version", f"{OTHER_MINOR}\n../x\n", None, "line 2: `../x` is a path"),
        (".python-version", "2.7.18\n", ".python-version: 2.7.18 (line 1); used", "line 1: Python 2.7.18 is too old"),
        (".tool-versions", "python $x\n", None, "line 1: `$x` cannot be understood"),
        ("mise.toml", "[tools]\npython = \n", None, "mise.toml is not valid TOML"),
        ("mise.toml", '[tools]\npython = "x"\n', "mise.toml: x (line 2, tools.python); used", "line 2: `x` is not a Python"),
        ("pyproject.toml", '[project]\nrequires-python = "3.x"\n', "pyproject.toml: 3.x (requires-python); used",
         "requires-python: `3.x` is not a Python"),
    ],
)  # fmt: skip
def test_the_steps_are_told_where_one_of_them_fails(here, name, text, step, error):
    here.write(name, text)
    answer = here.pyman("which", "--explain", status=1)
    steps = answer.out.splitlines()
    assert steps[0] == "PYMAN_PYTHON: not set"
    assert step is None or f"{here.path}/{step}" in steps
    assert error in answer.err
    # No path is offered where paths are not followed.
    assert "./" not in answer.err.replace("../x", "")
    told = here.json("which", "--explain", status=1)
    assert (told["path"], told["steps"], told["error"]["code"]) == (None, steps, "bad-request")


@as_root
def test_who_owns_a_file_of_somebody_else_is_told(here):
    here.write(".python-version", f"{OTHER_MINOR}\n")
    os.chown(here.path / ".python-version", 54321, 54321)
    step = f"{here.path}/.python-version: {OTHER_MINOR} (line 1, owned by user 54321); used"
    assert step in here.pyman("which", "--explain").out.splitlines()
    assert "54321" not in here.pyman("which", "--explain", SUDO_UID="54321").out
    assert here.json("find")["version"] == OTHER


def test_a_venv_that_a_file_pins_says_how_it_would_follow(here):
    for name, text in ((".python-version", f"{OLD}\n"), (".tool-versions", f"python {OLD}\n")):
        here.write(name, text)
        told = here.pyman("venv", "--without-pip", "--clear").err
        assert f"{here.path}/{name} pins it to {OLD}; to follow {MINOR}, run `pyman use {MINOR}`" in told
        (here.path / name).unlink()
    here.write(".python-version", f"{MINOR}\n")
    for words in ((), ("-p", OLD), ("--pin",)):
        assert "to follow" not in here.pyman("venv", "--without-pip", "--clear", *words).err


def test_files_of_one_folder_that_differ_are_told(here):
    here.write(".python-version", f"{OTHER_MINOR}\n")
    here.write(".tool-versions", f"python {MINOR}\n")
    here.write("mise.toml", f"[tools]\npython = '{OTHER_MINOR}'\n")
    told = here.pyman("which")
    assert told.out == f"{here.runtimes}/{OTHER_MINOR}/bin/python\n"
    assert told.err == (
        f"{here.path}/.tool-versions requests {MINOR}, {here.path}/.python-version requests {OTHER_MINOR}; the latter is used\n"
    )
    assert here.pyman("which", "-q").err == here.pyman("find").err == ""
    here.write("mise.toml", "nonsense")
    assert here.pyman("which").err == told.err
    assert here.pyman("venv", "--without-pip").err.count("the latter is used") == 1


# --- use ---


def test_use_without_a_request_shows_what_is_chosen(here):
    assert "newest installed" in here.pyman("use", status=1).err
    assert "newest installed" in here.pyman("use", "--global", status=1).err
    here.pyman("use", "--global", OTHER_MINOR)
    assert here.pyman("use", "--global").out == here.pyman("global").out == f"{OTHER_MINOR}\n"
    assert here.json("use")["source"] == "the default"
    here.pyman("use", OLD, OTHER_MINOR)
    assert here.pyman("use").out == here.pyman("local").out == f"{OLD}\n{OTHER_MINOR}\n"
    assert here.json("use") == {
        "schema": "pyman/1",
        "changed": [],
        "requests": [OLD, OTHER_MINOR],
        "source": f"{here.path}/.python-version",
    }


def test_the_name_of_a_venv_of_another_tool_is_not_overwritten_silently(here):
    here.write(".python-version", f"myenv {OTHER_MINOR}\n")
    assert here.pyman("use", MINOR).err == "it contained myenv before\n"
    assert here.pyman("use", OTHER_MINOR).err == ""


def test_a_choice_is_taken_back(here):
    here.write(".python-version", f"{OTHER_MINOR}\n")
    below = here.path / "below"
    here.pyman("use", OLD, cwd=below)
    told = here.pyman("use", "--unset", cwd=below)
    assert told.out == f"removed {below}/.python-version\n"
    assert told.err == f"{here.path}/.python-version is used: {OTHER_MINOR}\n"
    # Never what lies above.
    again = here.json("use", "--unset", cwd=below)
    assert again["changed"] == []
    assert here.pyman("local", "--unset").out == f"removed {here.path}/.python-version\n"
    assert not (here.path / ".python-version").exists()


def test_a_choice_that_is_a_link_is_taken_back_without_what_it_leads_to(here):
    here.write("versions", f"{OTHER_MINOR}\n")
    os.symlink("versions", here.path / ".python-version")
    here.pyman("use", "--unset")
    assert not (here.path / ".python-version").is_symlink()
    assert (here.path / "versions").read_text() == f"{OTHER_MINOR}\n"
    (here.path / ".python-version").mkdir()
    assert "is not a file" in here.pyman("use", "--unset", status=1).err


def test_the_default_is_taken_back(here):
    here.pyman("use", "--global", OTHER_MINOR)
    assert os.readlink(here.runtimes / "3") == OTHER_MINOR
    assert here.json("use", "--global", "--unset")["changed"] == [str(here.home.root / "default")]
    assert os.readlink(here.runtimes / "3") == MINOR
    assert here.json("find")["source"] == "the newest installed"
    assert here.json("global", "--unset")["changed"] == []


def test_every_program_of_a_name(here):
    (here.path / "bin").mkdir()
    (here.path / "bin/python3").write_text("#!/bin/sh\n")
    (here.path / "bin/python3").chmod(0o755)
    here.write(".python-version", f"{OTHER_MINOR}\n")
    path = f"{here.home.root}/shims:{here.path}/bin"
    expected = [f"{here.runtimes}/{OTHER_MINOR}/bin/python3", f"{here.runtimes}/{MINOR}/bin/python3",
                f"{here.runtimes}/{OLD}/bin/python3", f"{here.path}/bin/python3"]  # fmt: skip
    assert here.pyman("which", "-a", "python3", PATH=path).out.splitlines() == expected
    told = here.json("which", "--all", "python3", PATH=path)
    assert (told["path"], told["all"]) == (expected[0], expected)
    here.write(".python-version", "3.9\n")
    told = here.json("which", "-a", "python3", status=1, PATH=path)
    assert (told["path"], told["error"]["code"]) == (None, "no-python")
    assert set(told["all"]) == set(expected)


def test_use_writes_through_a_link(here):
    here.write("versions", f"{OTHER_MINOR}\n")
    os.symlink("versions", here.path / ".python-version")
    here.pyman("use", MINOR)
    assert (here.path / "versions").read_text() == f"{MINOR}\n"
    assert os.readlink(here.path / ".python-version") == "versions"


@pytest.mark.parametrize(
    ("target", "content"),
    [
        ("../../home/.bashrc", "export A=1\n"),
        ("../../home/version", "3.13\n"),  # whatever it says: it is outside of the project
        ("run.sh", "#!/bin/sh\nexec true\n"),
        ("pyproject.toml", "[project]\n"),
        ("empty", ""),
    ],
)
def test_use_never_writes_what_a_clone_only_links_to(here, target, content):
    project = here.path / "clone"
    (project / ".git").mkdir(parents=True)
    place = project / target.replace("../../home", str(here.home.path))
    place.write_text(content)
    os.symlink(place, project / ".python-version")
    for words in (("use", MINOR), ("local", MINOR), ("use", MINOR, "--dry-run")):
        refused = here.pyman(*words, "--json", cwd=project, status=1).json["error"]
        assert (refused["code"], refused["message"]) == (
            "leads-elsewhere",
            f"{project}/.python-version is a link to {place}",
        )
    assert place.read_text() == content


def test_use_writes_what_every_tool_reads(here):
    answer = here.pyman("use", MINOR)
    assert (here.path / ".python-version").read_text() == f"{MINOR}\n"
    assert str(here.path / ".python-version") in answer.out
    assert here.json("use", "3.12", OTHER_MINOR) == {
        "schema": "pyman/1",
        "changed": [str(here.path / ".python-version")],
    }
    assert (here.path / ".python-version").read_text() == f"3.12\n{OTHER_MINOR}\n"
    assert here.json("find")["version"] == OTHER
    here.pyman("use", f">={OTHER_MINOR},<{MINOR}")
    assert here.json("find")["version"] == OTHER


def test_use_of_what_is_not_there_yet_says_so(here):
    assert "pyman install 3.12" in here.pyman("use", "3.12").err
    assert here.pyman("use", "system").err == ""


def test_use_global_is_the_default_and_moves_3(here):
    here.pyman("use", "--global", OTHER_MINOR)
    assert (here.home.root / "default").read_text() == f"{OTHER_MINOR}\n"
    assert os.readlink(here.runtimes / "3") == OTHER_MINOR
    assert here.json("use", "--global", MINOR)["changed"] == [str(here.home.root / "default")]
    assert os.readlink(here.runtimes / "3") == MINOR


@pytest.mark.parametrize(
    "words",
    [
        ["./venv"],
        ["/usr/bin/python3"],
        ["jython"],
        ["nonsense"],
        [MINOR, "../x"],
        [""],
        [f"{MINOR} # why"],
        [f"{MINOR} 3.12"],
    ],
)
@pytest.mark.parametrize("where", [[], ["--global"]], ids=["here", "global"])
def test_use_refuses_what_no_file_may_say(here, words, where):
    answer = here.pyman("use", *where, *words, status=2)
    assert answer.err.startswith("error: ")
    assert not (here.path / ".python-version").exists()
    assert not (here.home.root / "default").exists()


def test_use_keeps_what_is_no_file(here):
    (here.path / ".python-version").mkdir()
    assert "not a regular file" in here.pyman("use", MINOR, status=1).err
    (here.path / ".python-version").rmdir()
    os.mkfifo(here.path / ".python-version")
    assert "not a regular file" in here.pyman("use", MINOR, status=1).err


def test_pyenv_s_words_answer_with_pyman_s(here):
    assert "`pyman use`" in here.pyman("local", OTHER_MINOR).err
    assert (here.path / ".python-version").read_text() == f"{OTHER_MINOR}\n"
    assert "`pyman use --global`" in here.pyman("global", OTHER_MINOR).err
    assert (here.home.root / "default").read_text() == f"{OTHER_MINOR}\n"
    assert here.json("versions") == here.json("list")
    assert "`pyman list`" in here.pyman("versions").err


# --- run ---

_SHOW = "import platform, sys; print(sys.argv[1:], platform.python_version())"


def test_run_gives_the_command_its_words_untouched(here):
    words = ["--json", "-q", "-h", "--", "-p", OTHER_MINOR, "a b", "", "ü", "*"]
    assert here.pyman("run", "--", "python", "-c", _SHOW, *words).out == f"{words} {NEW}\n"
    assert here.pyman("run", "python", "-c", _SHOW, *words).out == f"{words} {NEW}\n"
    assert here.pyman("run", "-p", OTHER_MINOR, "--", "python", "-c", _SHOW).out == f"[] {OTHER}\n"
    here.write(".python-version", f"{OLD}\n")
    assert here.pyman("run", "--", "python", "-c", _SHOW).out == f"[] {OLD}\n"


def test_run_puts_the_python_first_on_path(here):
    script = "command -v python3; python3 -V; pip --version"
    told = here.pyman("run", "-p", OTHER_MINOR, "--", "sh", "-c", script).out
    first, second, third = told.splitlines()
    assert first == f"{here.runtimes}/{OTHER_MINOR}/bin/python3"
    assert second == f"Python {OTHER}"
    assert third.endswith(f"(python {OTHER_MINOR})")


def test_run_of_a_path(here, tmp_path):
    os.symlink(here.runtimes / OTHER_MINOR, tmp_path / "mine")
    assert here.pyman("run", "-p", "./mine", "--", "python", "-V").out == f"Python {OTHER}\n"
    nested = "cd /; python -V"
    assert here.pyman("run", "-p", "./mine", "--", "sh", "-c", nested).out == f"Python {OTHER}\n"


@pytest.mark.parametrize("status", [0, 1, 3, 127, 200])
def test_run_has_the_command_s_status(here, status):
    here.pyman("run", "--", "python", "-c", f"raise SystemExit({status})", status=status)
    here.pyman("run", "--", "sh", "-c", f"exit {status}", status=status)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_run_passes_signals_on(here, number):
    # Whoever runs the tests may have them ignored, as nohup does.
    code = (
        "import signal, sys; [signal.signal(number, signal.SIG_DFL) for number in (1, 2, 15)]; print('up', flush=True)"
    )
    code += "; sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-m", "pyman", "run", "--", "python", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=here.home.environ,
        cwd=here.path,
    ) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(60) == -number


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [(["run", "-p", "3.12", "--", "python"], 127, "pyman install 3.12"), (["run", "--", "nonsense"], 127, "nonsense"),
     (["run", "-p", "3.12", "--", "sh", "-c", "echo ran"], 127, "pyman install 3.12"),
     (["run", "--", "python3.12"], 127, "pyman install 3.12"), (["run", "-p", "nonsense", "--", "true"], 2, "nonsense"),
     (["run", "-p", "./nothing", "--", "true"], 127, "nothing"), (["run"], 2, "command"), (["run", "-p", MINOR], 2, "command"),
     (["run", "--", "/etc/passwd"], 126, "/etc/passwd is not an executable program"),
     (["run", "--", "./no/program"], 127, "there is no program `./no/program`\n")],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_run_without_anything_to_run(here, words, status, says):
    answer = here.pyman(*words, status=status)
    assert says in answer.err.lower()
    assert answer.out == ""


def test_run_of_an_empty_store_is_127(tmp_path):
    assert "pyman install" in Home(tmp_path).pyman("run", "--", "python", status=127).err
