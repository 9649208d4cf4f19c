"""The shim against the table of cases, under every sh that is in use, with no other program in reach."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.version_files import CASES, PYTHON_12, Case, make_store, started
from pyman.core.request import parse_request
from pyman.core.version_files import parse_version_file
from stage.fake_store import write_python
from stage.mirror import runtime_tree
from stage.somebody import SOMEBODY, as_root, let_in

TEMPLATE = os.path.join(os.path.dirname(__file__), "..", "..", "shims", "python")
SHELLS = {
    "dash": ["dash"],
    "bash": ["bash", "--posix"],
    "bash 3.2": [
        "bash-3.2",
        "--posix",
    ],  # macOS has it as /bin/sh; on other systems whoever runs the tests has built it
    "busybox": ["busybox", "sh"],
    "zsh": ["zsh", "-f"],
    "mksh": ["mksh"],
    "yash": ["yash"],
}
PRESENT = {name: [shutil.which(words[0]), *words[1:]] for name, words in SHELLS.items() if shutil.which(words[0])}
PRESENT["itself"] = []  # as it is usually started, by its first line
USUAL = Case("usual", None)


def is_yash(shell):
    return shell == PRESENT.get("yash")


@pytest.fixture(params=PRESENT)
def shell(request):
    return PRESENT[request.param]


class Stage:
    def __init__(self, folder: str, case: Case) -> None:
        self.folder = folder
        self.case = case
        self.store = make_store(folder, case)
        self.store.shims(TEMPLATE, (case.program, "python3", "pip"))
        self.shims = f"{self.store.root}/shims"
        self.project = f"{folder}/work/project"
        self.empty = f"{folder}/empty"
        os.mkdir(self.empty)
        write_python(f"{self.store.root}/app/bin/pyman")
        self.environment = {
            "HOME": folder,
            "LC_ALL": "C.UTF-8",  # for yash, which reads only what is text
            # No program of the system is in reach: what is not a built-in would fail.
            "PATH": f"{self.shims}:{self.empty}:{folder}/system:{self.shims}",
            **case.environment,
        }

    def run(self, shell, *arguments, program=None, cwd=None, **changes):
        environment = {name: value for name, value in {**self.environment, **changes}.items() if value is not None}
        return subprocess.run(
            [*shell, f"{self.shims}/{program or self.case.program}", *arguments],
            cwd=cwd or self.project, env=environment, capture_output=True, text=True, errors="replace", timeout=60,
            check=False,
        )  # fmt: skip


@pytest.fixture
def stage(tmp_path):
    return lambda case=USUAL: Stage(str(tmp_path), case)


def fails(result, *words):
    assert result.returncode == 127, result
    assert result.stdout == ""
    assert result.stderr.startswith("pyman: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_table(stage, case):
    scene = stage(case)
    for shell in PRESENT.values():
        if not (is_yash(shell) and is_no_text(case.file)):
            check(scene, case, scene.run(shell, "-c", "a b"))


def is_no_text(content):
    try:
        (content or b"").decode()
    except UnicodeDecodeError:
        return True
    return False


def check(scene, case, result):
    assert not os.path.exists(f"{scene.project}/pwned")
    if case.by == "pyman":
        handed = f"{scene.store.root}/app/bin/pyman"
        assert result.stdout == (f"ran {handed} <--root> <{scene.store.root}> <shim> <{case.program}> <-c> <a b>\n"), (
            result.stderr
        )
    elif case.runs is not None:
        assert result.stdout == f"ran {started(case, scene.folder)} <-c> <a b>\n", result.stderr
        assert result.stderr == ""
    else:
        fails(result, *case.says)


@pytest.mark.parametrize(
    "name", ["a\x1b[2Jb", "a\u009b2Jb", "a\u202eb", "a\u2066b", "a\nb", "a\tb", "a\x7fb", "ä", os.fsdecode(b"a\x9bb")]
)
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_only_a_plain_path_is_shown(stage, shell, name, locale):
    """A clone names its folders: what a terminal takes for more than letters is not printed."""
    if is_yash(shell) and not name.isascii():
        pytest.skip("reads only what is text in its locale")
    scene = stage(Case("missing", b"3.9\n"))
    folder = f"{scene.folder}/{name}"
    os.mkdir(folder)
    os.rename(f"{scene.project}/.python-version", f"{folder}/.python-version")
    result = scene.run(shell, cwd=folder, PWD=folder, LC_ALL=locale)
    fails(result, "Python 3.9 is not installed, and .python-version requests it: run `pyman install 3.9`")
    assert result.stderr.rstrip("\n").isprintable()
    venv = f"{folder}/v"
    os.mkdir(venv)
    with open(f"{venv}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.write("home = /nowhere\nversion = 3.11.2\n")
    scene.store.shims(TEMPLATE, ("pydoc3",))
    path = f"{venv}/bin:{scene.environment['PATH']}"
    if ":" not in venv:
        result = scene.run(shell, program="pydoc3", cwd=folder, VIRTUAL_ENV=venv, PATH=path, LC_ALL=locale)
        fails(result, "the Python of the active venv has no program `pydoc3.11`")


def test_a_usual_path_is_shown(stage, shell):
    scene = stage(Case("missing", b"3.9\n"))
    folder = f"{scene.folder}/Its (a) b-c_d.e+f,g=h@i%j#k~l & m"
    os.mkdir(folder)
    os.rename(f"{scene.project}/.python-version", f"{folder}/.python-version")
    fails(scene.run(shell, cwd=folder, PWD=folder), f"and {folder}/.python-version requests it")


# --- what is no plain text file ---


@pytest.mark.parametrize("kind", ["fifo", "folder", "link to nothing", "loop", "socket"])
def test_what_is_no_regular_file_is_left_to_pyman_unopened(stage, shell, kind, monkeypatch):
    scene = stage()
    path = f"{scene.project}/.python-version"
    if kind == "fifo":
        os.mkfifo(path)  # opening it would wait for ever
    elif kind == "folder":
        os.mkdir(path)
    elif kind == "socket":
        # By its name alone: the address of a socket is limited to 107 bytes, the path of a folder is not.
        monkeypatch.chdir(scene.project)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.basename(path))
    else:
        os.symlink(path if kind == "loop" else "/nowhere", path)
    assert "<shim> <python>" in scene.run(shell).stdout


def test_a_link_to_a_regular_file_is_read(stage, shell):
    scene = stage()
    with open(f"{scene.folder}/elsewhere", "w", encoding="utf-8") as file:
        file.write("3.11\n")
    os.symlink("../../elsewhere", f"{scene.project}/.python-version")
    assert "/3.11/bin/python" in scene.run(shell).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", [".python-version", "pyproject.toml"])
def test_whose_a_file_is_does_not_matter(stage, shell, name):
    """It can only choose among what is installed."""
    scene = stage()
    path = f"{scene.project}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        file.write("3.11\n" if name == ".python-version" else "")
    os.chown(path, 12345, 12345)
    assert f"/{'3.11' if name == '.python-version' else '3.13'}/bin/python" in scene.run(shell).stdout


def test_random_bytes_start_nothing(stage, shell):
    if is_yash(shell):
        pytest.skip("yash says that it cannot read them, and takes the file for a blank one")
    scene = stage()
    generator = random.Random(20261123)
    for size in (1, 7, 100, 5000, 300_000):
        with open(f"{scene.project}/.python-version", "wb") as file:
            file.write(b"\xfe" + generator.randbytes(size))
        assert "<shim> <python>" in scene.run(shell).stdout


def test_ten_megabytes_without_a_line_end(stage):
    """sh has no way to read part of a line: it takes seconds, and ends."""
    scene = stage(Case("large", b"3" * 10_000_000))
    assert "<shim> <python>" in scene.run(PRESENT["dash"]).stdout


# --- places ---


def test_in_a_folder_that_is_gone_the_default_counts(stage, shell):
    scene = stage()
    gone = f"{scene.folder}/gone"
    os.mkdir(gone)
    shim = f"{scene.shims}/python"
    words = " ".join(shlex.quote(word) for word in [*shell, shim, "x"])
    result = subprocess.run(
        ["/bin/sh", "-c", f"cd {gone} && /bin/rmdir {gone} && exec {words}"], env=scene.environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stdout == f"ran {scene.store.runtimes}/3.13/bin/python <x>\n", result.stderr


def test_the_path_that_the_user_sees_is_searched_not_the_one_behind_links(stage, shell):
    scene = stage()
    os.makedirs(f"{scene.folder}/real/below")
    os.makedirs(f"{scene.folder}/seen")
    os.symlink(f"{scene.folder}/real/below", f"{scene.folder}/seen/link")
    for name, version in {"seen": "3.11", "real": "3.12"}.items():
        with open(f"{scene.folder}/{name}/.python-version", "w", encoding="utf-8") as file:
            file.write(version)
    seen = f"{scene.folder}/seen/link"
    assert "/3.11/bin/python" in scene.run(shell, cwd=seen, PWD=seen).stdout
    assert "/3.12/bin/python" in scene.run(shell, cwd=seen, PWD=None).stdout
    assert "/3.12/bin/python" in scene.run(shell, cwd=seen, PWD="/a lie").stdout


def test_from_the_root_of_the_file_system(stage, shell):
    assert "/3.13/bin/python" in stage().run(shell, cwd="/").stdout


@pytest.mark.parametrize(
    "name", ["with space", "quo'te", 'dou"ble', "$HOME", "`x`", "*", "[a]", "ünï", "new\nline", "-n", "a:b"]
)
def test_any_name_of_a_folder_will_do(tmp_path, shell, name):
    folder = f"{tmp_path}/{name}"
    os.mkdir(folder)
    scene = Stage(folder, Case("odd", b"3.11\n"))
    assert scene.run(shell, "x").stdout == f"ran {scene.store.runtimes}/3.11/bin/python <x>\n"
    with open(f"{scene.project}/.python-version", "w", encoding="utf-8") as file:
        file.write("3.9\n")
    fails(scene.run(shell), "pyman install 3.9", ".python-version")


def test_pyman_root_outranks_where_the_shim_lies(stage, shell, tmp_path):
    scene = stage()
    (tmp_path / "other").mkdir()
    other = Stage(str(tmp_path / "other"), USUAL)
    assert scene.run(shell, PYMAN_ROOT=other.store.root).stdout == f"ran {other.store.runtimes}/3.13/bin/python\n"
    result = scene.run(shell, PYMAN_ROOT="../../other/root/")
    assert result.stdout == f"ran {scene.project}/../../other/root/runtimes/3.13/bin/python\n"


def test_a_store_that_is_gone(stage, shell):
    scene = stage()
    os.rename(scene.store.runtimes, f"{scene.folder}/away")
    fails(scene.run(shell), scene.store.root, "pyman install")
    fails(scene.run(shell, PYMAN_ROOT="/nowhere"), "/nowhere", "pyman install")


@as_root
@pytest.mark.parametrize("locked", ["root", "root/runtimes"])
def test_a_store_that_may_not_be_looked_at_is_not_taken_for_an_empty_one(stage, shell, locked):
    scene = stage()
    let_in(Path(scene.project))
    copy = f"{scene.folder}/empty/python"
    shutil.copy(f"{scene.shims}/python", copy)
    os.chmod(f"{scene.folder}/{locked}", 0o700)
    result = subprocess.run(
        [*shell, copy], cwd=scene.project, env={**scene.environment, "PYMAN_ROOT": scene.store.root},
        user=SOMEBODY, group=SOMEBODY, extra_groups=[], capture_output=True, text=True, check=False,
    )  # fmt: skip
    fails(result, f"the store {scene.store.root} cannot be read", f"{scene.folder}/{locked} is denied")


def test_a_link_to_the_shim_finds_the_root_that_was_written_into_it(stage, shell):
    scene = stage()
    shim = f"{scene.shims}/python"
    with open(shim, encoding="utf-8") as file:
        text = file.read()
    assert "pyman_written_root=''\n" in text
    with open(shim, "w", encoding="utf-8") as file:
        file.write(text.replace("pyman_written_root=''\n", f"pyman_written_root='{scene.store.root}'\n"))
    os.mkdir(f"{scene.folder}/bin")
    os.symlink(shim, f"{scene.folder}/bin/python3.11")
    result = subprocess.run(
        [*shell, f"{scene.folder}/bin/python3.11"], env=scene.environment, cwd="/", capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert result.stdout == f"ran {scene.store.runtimes}/3.11/bin/python3.11\n", result.stderr


# --- what must come through untouched ---


def test_arguments_status_and_standard_input_come_through(stage, shell):
    scene = stage(Case("real", b"3.11\n"))
    program = f"{scene.store.runtimes}/3.11.2/bin/python"
    with open(program, "w", encoding="utf-8") as file:
        file.write(
            '#!/bin/sh\nprintf "%s|" "$#" "$@"\nwhile IFS= read -r line; do printf "[%s]" "$line"; done\nexit 37\n'
        )
    arguments = ["", " ", "a b", "*", "$x", "'", '"', "\\", "-", "--", "é\n\t"]
    result = subprocess.run(
        [*shell, f"{scene.shims}/python", *arguments], cwd=scene.project, env=scene.environment, input="one\ntwo\n",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stdout == "|".join([str(len(arguments)), *arguments, ""]) + "[one][two]"
    assert result.returncode == 37


def test_the_program_is_the_very_process_that_was_started(stage, shell):
    """So signals reach it, and its status is the shim's own."""
    scene = stage(Case("real", b"3.11\n"))
    program = f"{scene.store.runtimes}/3.11.2/bin/python"
    with open(program, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\ntrap 'echo stopped; exit 5' TERM\necho $$\nread -r line\n")
    with subprocess.Popen(
        [*shell, f"{scene.shims}/python"], cwd=scene.project, env=scene.environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == f"{process.pid}\n"
        process.terminate()
        process.stdin.close()
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 5


def test_the_environment_is_not_changed(stage, shell):
    scene = stage(Case("real", b"3.11 # x\n", default=b"3.12\n"))
    program = f"{scene.store.runtimes}/3.11.2/bin/python"
    os.unlink(program)
    os.symlink(shutil.which("env"), program)
    # Short names that a script might use for itself; what is inherited is handed on with its new value.
    short = ("root", "file", "line", "name", "word", "words", "program", "folder", "path", "status", "count", "i")
    inherited = dict.fromkeys(short, "kept")
    inherited |= {"PWD": scene.project, "OLDPWD": "/", "SHLVL": "1", "_": "x"}
    scene.environment.update(inherited)
    result = scene.run(shell)
    assert result.returncode == 0, result
    after = dict(line.split("=", 1) for line in result.stdout.splitlines())
    before = dict(scene.environment)
    for of_the_shell in ("SHLVL", "_", "OLDPWD", "LOGNAME"):
        after.pop(of_the_shell, None)
        before.pop(of_the_shell, None)
    assert after == before


def test_no_process_but_the_interpreter(stage, shell, tmp_path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace counts the processes")
    scene = stage(Case("real", b"# x\n3.9 3.11\n", default=b"3.12\n"))
    log = f"{tmp_path}/log"
    traced = [strace, "-f", "-qq", "-e", "trace=execve,fork,vfork,clone,clone3", "-o", log]
    subprocess.run(
        [*traced, *shell, f"{scene.shims}/python", "x"], cwd=scene.project, env=scene.environment, check=True,
        capture_output=True,
    )  # fmt: skip
    with open(log, encoding="utf-8") as file:
        calls = [line.split(" ", 1)[1] for line in file]
    if not calls:
        pytest.skip("strace cannot trace here")
    # The shell becomes the interpreter, and what that starts is its own.
    assert [call.split("(")[0].strip() for call in calls[:2]] == ["execve", "execve"]
    assert '/runtimes/3.11/bin/python", ' in calls[1]


# --- loops ---


def test_a_runtime_that_leads_back_to_the_shim(stage, shell):
    scene = stage(Case("loop", b"3.11\n"))
    for name in ("python", "python3.11"):
        path = f"{scene.store.runtimes}/3.11.2/bin/{name}"
        os.unlink(path)
        os.symlink(f"{scene.shims}/python", path)
    fails(scene.run(shell), "back to this shim", "doctor")


def test_pyman_that_is_started_through_the_shim(stage, shell):
    scene = stage(Case("loop", b">=3.11\n"))
    with open(f"{scene.store.root}/app/bin/pyman", "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\nexec {scene.shims}/python "$@"\n')
    fails(scene.run(shell), "back to this shim")


def test_system_skips_every_shim(stage, shell):
    scene = stage(Case("system", b"system\n", program="python3"))
    copies = f"{scene.folder}/copies"
    os.mkdir(copies)
    shutil.copy(f"{scene.shims}/python", f"{copies}/python3")
    links = f"{scene.folder}/links"
    os.mkdir(links)
    os.symlink(f"{scene.shims}/python3", f"{links}/python3")
    pyenv = f"{scene.folder}/pyenv/shims"
    write_python(f"{pyenv}/python3")
    venv = f"{scene.folder}/venv"
    write_python(f"{venv}/bin/python3")
    with open(f"{venv}/pyvenv.cfg", "w", encoding="utf-8"):
        pass
    path = f"{copies}:{links}:.:relative:{pyenv}:{pyenv}/:{venv}/bin:{scene.store.runtimes}/3.11/bin:{scene.environment['PATH']}"
    assert scene.run(shell, PATH=path).stdout == f"ran {scene.folder}/system/python3\n"


# --- releases by name, links to shims, active venvs ---


@pytest.mark.parametrize(
    ("program", "runs"),
    [("python3.13.5", "3.13.5/bin/python3.13"), ("python3.12.1", "3.12.1/bin/python3.12"),
     ("python3.14.2t", "3.14.2t/bin/python3.14t")],
)  # fmt: skip
def test_a_patch_release_by_its_name(stage, shell, program, runs):
    """Whatever the files ask for: who looks for this name wants that release."""
    scene = stage(Case("named", b"3.11\n", program=program))
    path = f"{scene.store.runtimes}/{runs}"
    assert scene.run(shell, "-V").stdout == f"ran {path} <-V>\n"
    if not shell:
        assert pyman(scene, "which", program).stdout == f"{path}\n"
        assert pyman(scene, "shim", program, "-V").stdout == f"ran {path} <-V>\n"
    scene.store.shims(TEMPLATE, ("python3.13.9",))
    fails(scene.run(shell, program="python3.13.9"), "3.13.9 is not installed")


@pytest.mark.parametrize("program", ["3.11", "py311"])
def test_the_version_itself_is_its_python(stage, shell, program):
    scene = stage(Case("named", b"3.13\n", program=program))
    assert scene.run(shell, "-V").stdout == f"ran {scene.store.runtimes}/3.11/bin/python3.11 <-V>\n"


def test_a_link_to_a_shim_may_lie_anywhere(stage, shell):
    scene = stage(Case("linked", b"3.11\n", program="python3.11"))
    with open(f"{scene.shims}/python", encoding="utf-8") as file:
        text = file.read()
    with open(f"{scene.shims}/python", "w", encoding="utf-8") as file:
        file.write(text.replace("pyman_written_root=''\n", f"pyman_written_root='{scene.store.root}'\n"))
    for folder in ("bin", "shims"):
        os.mkdir(f"{scene.folder}/{folder}")
        os.symlink(f"{scene.shims}/python3.11", f"{scene.folder}/{folder}/python3.11")
        words = [*shell, f"{scene.folder}/{folder}/python3.11", "-V"]
        result = subprocess.run(
            words, cwd=scene.project, env=scene.environment, capture_output=True, text=True, check=False
        )
        assert result.stdout == f"ran {scene.store.runtimes}/3.11/bin/python3.11 <-V>\n", result


def pyman(scene, *words, **changes):
    environment = {**scene.environment, "PYMAN_ROOT": scene.store.root, **changes}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-m", "pyman", *words]
    return subprocess.run(command, cwd=scene.project, env=environment, capture_output=True, text=True, check=False)


def active(scene, cfg):
    """The environment of an active venv whose Python is that of `base`."""
    venv = f"{scene.folder}/my venv"
    write_python(f"{venv}/bin/python")
    for name in ("python3.11-config", "pydoc3.11", "idle3.11"):
        write_python(f"{scene.folder}/base/{name}")
    with open(f"{venv}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.write(cfg.format(home=f"{scene.folder}/base"))
    return {"VIRTUAL_ENV": venv, "PATH": f"{venv}/bin:{scene.environment['PATH']}"}


VENVS = {
    "venv": "home = {home}\ninclude-system-site-packages = false\nversion = 3.11.2\n",
    "pyman": "home = {home}\nversion = 3.11\n",
    "virtualenv": "home = {home}\nimplementation = CPython\nversion_info = 3.11.2.final.0\nversion = 3.11.2\n",
    "uv": "home = {home}\nimplementation = CPython\nuv = 0.13.9\nversion_info = 3.11.2\n",
}


@pytest.mark.parametrize("maker", VENVS)
def test_in_an_active_venv_its_python_answers(stage, shell, maker):
    scene = stage(Case("venv", b"3.13\n"))
    changes = active(scene, VENVS[maker])
    base, python = f"{scene.folder}/base", f"{scene.folder}/my venv/bin/python"
    config, doc = f"{base}/python3.11-config", f"{base}/pydoc3.11"
    for program, path, wanted in (
        ("python3-config", config, f"ran {config} <-h>\n"),
        ("pydoc3", doc, f"ran {python} <{doc}> <-h>\n"),
        ("pydoc3.11", doc, f"ran {python} <{doc}> <-h>\n"),
    ):
        scene.store.shims(TEMPLATE, (program,))
        assert scene.run(shell, "-h", program=program, **changes).stdout == wanted
        if not shell:
            assert pyman(scene, "shim", program, "-h", **changes).stdout == wanted
            assert pyman(scene, "which", program, **changes).stdout == f"{path}\n"
            assert "is active; used" in pyman(scene, "which", program, "--explain", **changes).stdout
    # What names another minor, is in every venv, or is not active is chosen as always.
    scene.store.shims(TEMPLATE, ("python3.13-config",))
    assert "/runtimes/3.13/bin/python3.13-config" in scene.run(shell, program="python3.13-config", **changes).stdout
    assert "/runtimes/3.13/bin/python" in scene.run(shell, **changes).stdout
    changes["PATH"] = scene.environment["PATH"]
    assert "/runtimes/3.13/bin/pydoc3" in scene.run(shell, program="pydoc3", **changes).stdout


def test_in_an_active_venv_no_other_python_answers(stage, shell):
    scene = stage(Case("venv", b"3.13\n", program="python3-config"))
    changes = active(scene, VENVS["venv"])
    os.unlink(f"{scene.folder}/base/python3.11-config")
    fails(scene.run(shell, **changes), "has no program `python3.11-config`")
    assert "has no program `python3.11-config`" in pyman(scene, "which", "python3-config", **changes).stderr
    # A file that sh does not understand is left to pyman.
    with open(f"{changes['VIRTUAL_ENV']}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.write("version = 3.11.2\n")
    assert "<shim> <python3-config>" in scene.run(shell, **changes).stdout


# --- pyman itself ---


def write_in(scene, **written):
    """Write into the shim what `pyman shims` does."""
    shim = f"{scene.shims}/python"
    with open(TEMPLATE, encoding="utf-8") as file:
        text = file.read()
    for name, value in written.items():
        assert f"\npyman_written_{name}=''\n" in text
        text = text.replace(f"\npyman_written_{name}=''\n", f"\npyman_written_{name}={shlex.quote(value)}\n")
    with open(shim, "w", encoding="utf-8") as file:
        file.write(text)


def test_pyman_is_found_where_it_was_written_or_installed(stage, shell):
    scene = stage(Case("range", b">=3.11\n"))
    installed = f"{scene.store.root}/app/bin/pyman"
    assert scene.run(shell).stdout.startswith(f"ran {installed} ")
    written, script = write_python(f"{scene.folder}/it's here/pyman"), f"{scene.folder}/pyman's/__main__.py"
    write_in(scene, command=written)
    words = f"<--root> <{scene.store.root}> <shim> <python> <-c> <a b>\n"
    assert scene.run(shell, "-c", "a b").stdout == f"ran {written} {words}"
    write_in(scene, command=written, script=script)
    assert scene.run(shell).stdout.startswith(f"ran {installed} ")
    os.mkdir(os.path.dirname(script))
    with open(script, "w", encoding="utf-8") as file:
        file.write("import sys; print(sys.flags.isolated, sys.argv)\n")
    words = [script, "--root", scene.store.root, "shim", "python", "-c", "a b"]
    assert scene.run(shell, "-c", "a b").stdout == f"1 {words}\n"


def test_no_pyman_is_looked_for_on_path(stage, shell):
    """It may be the project's: in its tools, or in its venv."""
    scene = stage(Case("range", b">=3.11\n"))
    installed, gone = f"{scene.store.root}/app/bin/pyman", f"{scene.folder}/gone/pyman"
    os.unlink(installed)
    for folder in ("tools", ".venv/bin"):
        write_python(f"{scene.project}/{folder}/pyman")
    path = f"{scene.project}/tools:{scene.project}/.venv/bin:tools:{scene.environment['PATH']}"
    fails(scene.run(shell, PATH=path), f"{installed} is missing", "run `pyman shims`")
    write_in(scene, command=gone)
    fails(scene.run(shell, PATH=path), f"{gone} is missing", "run `pyman shims`")
    write_in(scene, command=write_python(gone), script="/gone/pyman.pyz")
    fails(scene.run(shell, PATH=path), "/gone/pyman.pyz is missing", "run `pyman shims`")


def test_the_usual_root_is_not_named(stage, shell):
    scene = stage(Case("range", b">=3.11\n"))
    usual = f"{scene.folder}/.local/share/pyman"
    os.makedirs(os.path.dirname(usual))
    os.rename(scene.store.root, usual)
    scene.shims = f"{usual}/shims"
    assert scene.run(shell, "--json").stdout == f"ran {usual}/app/bin/pyman <shim> <python> <--json>\n"
    scene.shims = f"{usual}/shims"
    assert "--root" not in scene.run(shell, PYMAN_ROOT=usual).stdout


# --- a real interpreter ---


@pytest.mark.parametrize("file", [b"3.13\n", b""])
def test_a_venv_made_through_the_shim_follows_the_minor(tmp_path, file):
    root = f"{tmp_path}/root"
    os.makedirs(f"{root}/runtimes")
    for version in ("3.13.5", "3.13.15"):
        os.symlink(runtime_tree(version), f"{root}/runtimes/{version}")
    os.symlink("3.13.5", f"{root}/runtimes/3.13")
    os.symlink("3.13", f"{root}/runtimes/3")
    os.mkdir(f"{root}/shims")
    shutil.copy(TEMPLATE, f"{root}/shims/python3")
    with open(f"{tmp_path}/.python-version", "wb") as version_file:
        version_file.write(file)

    def python(program, *words):
        result = subprocess.run(
            [program, "-B", *words], cwd=tmp_path, env={"PATH": f"{root}/shims:/usr/bin:/bin", "HOME": str(tmp_path)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return result.stdout.strip()

    version = "import platform; print(platform.python_version())"
    assert python("python3", "-c", version) == "3.13.5"
    assert python("python3", "-c", "import sys; print(sys.executable)") == f"{root}/runtimes/3.13/bin/python3.13"
    python("python3", "-m", "venv", "--without-pip", "env")
    with open(f"{tmp_path}/env/pyvenv.cfg", encoding="utf-8") as configuration:
        assert f"home = {root}/runtimes/3.13/bin\n" in configuration.read()
    assert python(f"{tmp_path}/env/bin/python", "-c", version) == "3.13.5"
    os.unlink(f"{root}/runtimes/3.13")
    os.symlink("3.13.15", f"{root}/runtimes/3.13")
    assert python(f"{tmp_path}/env/bin/python", "-c", version) == "3.13.15"


# --- the grammar, once more ---

PIECES = st.sampled_from(
    ["3.11", "3.12", "3.13.5", "3.9", "3", "system", "python-", "cpython-", "t", "d", ".", "rc1", " ", "\t", "\n",
     "\r\n", "\r", "\v", "#", ">=", ",", "*", "/", "-", "é", "\x07", "$", "\\", "0"]
)  # fmt: skip


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    return Stage(str(tmp_path_factory.mktemp("fuzz")), USUAL)


@given(st.lists(PIECES, max_size=8).map("".join))
@settings(max_examples=150)
def test_the_shim_never_runs_what_the_program_would_not(fuzzed, text):
    with open(f"{fuzzed.project}/.python-version", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    result = fuzzed.run(PRESENT["dash"])
    if "<shim>" in result.stdout:
        return
    words = [parse_request(request.text) for request in parse_version_file(text)]
    there = {(3, 11): "3.11/bin/python", (3, 12): PYTHON_12, (3, 13, 5): "3.13.5/bin/python", (3,): "3.13/bin/python"}
    expected = ["3.13/bin/python"] if not words else []
    for word in words:
        if word.kind == "system":
            expected.append(f"{fuzzed.folder}/system/python3")
        elif word.variant == "default" and not word.prerelease and word.numbers in there:
            expected.append(there[word.numbers])
    if expected:
        assert result.stdout.endswith(f"{expected[0]}\n"), result
    else:
        fails(result, "pyman install")
