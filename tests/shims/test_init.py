"""The lines of `pyman init`, read by the shells themselves."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pyman.core.shell.init_script import SHELLS, init_script

COMMANDS = {"bash": ["bash", "--norc", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}
PRESENT = [shell for shell in SHELLS if shutil.which(shell)]
ODD = ["/root/shims", "/it's a/sh$ims `x`", '/a "b" \\c/*']


@pytest.fixture(params=PRESENT)
def shell(request):
    return request.param


def path_after(shell, script, path, *, times=1, **environment):
    """PATH as the shell has it after reading the lines so often, under its strictest settings."""
    strict = {"bash": "set -eu\n", "zsh": "set -eu\n", "fish": ""}[shell]
    # So said, fish too prints it the way it hands it on.
    command = f"{strict}{script * times}\n{shutil.which('env')}"
    result = subprocess.run(
        [shutil.which(shell), *COMMANDS[shell][1:], command],
        env={"PATH": path, "HOME": "/", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return next(line for line in result.stdout.splitlines() if line.startswith("PATH="))[5:]


@pytest.mark.parametrize("shims", ODD)
def test_first_on_path_and_once(shell, shims):
    script = init_script(shell, shims, "/completions")
    assert path_after(shell, script, "/usr/bin:/bin") == f"{shims}:/usr/bin:/bin"
    assert path_after(shell, script, "/usr/bin:/bin", times=3) == f"{shims}:/usr/bin:/bin"
    assert path_after(shell, script, f"/usr/bin:{shims}:/bin:{shims}") == f"{shims}:/usr/bin:/bin"
    assert path_after(shell, script, shims) == shims


def test_behind_a_venv_that_is_active(shell):
    script = init_script(shell, "/s", "/c")
    assert path_after(shell, script, "/v/bin:/usr/bin:/s", VIRTUAL_ENV="/v") == "/v/bin:/s:/usr/bin"
    assert path_after(shell, script, "/v/bin:/usr/bin", times=2, VIRTUAL_ENV="/v") == "/v/bin:/s:/usr/bin"
    assert path_after(shell, script, "/v/bin", VIRTUAL_ENV="/v") == "/v/bin:/s"
    # Whatever a start-up file put before it: `python` stays the one of the venv.
    assert path_after(shell, script, "/usr/bin:/v/bin", times=2, VIRTUAL_ENV="/v") == "/v/bin:/s:/usr/bin"
    # Only an editor says so: then it is not active.
    assert path_after(shell, script, "/usr/bin", VIRTUAL_ENV="/v") == "/s:/usr/bin"


def test_what_is_like_the_folder_stays(shell):
    script = init_script(shell, "/a/shims", "/c")
    assert path_after(shell, script, "/a/shims2:/b/a/shims:/bin") == "/a/shims:/a/shims2:/b/a/shims:/bin"


def test_nothing_is_started(shell, tmp_path):
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace counts the processes")
    log = tmp_path / "log"
    script = init_script(shell, "/s", "/c")
    words = [shutil.which(shell), *COMMANDS[shell][1:]]
    counts = []
    for text in (":\n", script):
        subprocess.run(
            [strace, "-f", "-qq", "-e", "trace=execve,fork,vfork,clone,clone3", "-o", str(log), *words, text],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, check=False, capture_output=True,
        )  # fmt: skip
        # fish starts threads of its own, which are no processes.
        counts.append(
            [
                line.split(" ", 1)[1].split("(")[0].strip()
                for line in log.read_text().splitlines()
                if "CLONE_THREAD" not in line
            ]
        )
    if not counts[0]:
        pytest.skip("strace cannot trace here")
    assert counts[0] == counts[1]


@pytest.mark.parametrize("shell", [shell for shell in PRESENT if shell != "fish"])
def test_names_of_its_own_do_not_stay(shell):
    script = init_script(shell, "/s", "/c")
    command = f"{script}\ntypeset -f __pyman_init || echo gone; echo ${{shims-none}} ${{rest-none}}"
    result = subprocess.run([*COMMANDS[shell], command], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["gone", "none", "none"]


# Other shells: what runs the lines, given as one text, and prints PATH at its end.
OTHERS = {
    "sh": ["dash", "-c"], "dash": ["dash", "-eu", "-c"], "ksh": ["ksh", "-eu", "-c"], "mksh": ["mksh", "-eu", "-c"],
    "yash": ["yash", "-eu", "-c"], "busybox": ["busybox", "sh", "-eu", "-c"], "tcsh": ["tcsh", "-f"],
    "nu": ["nu", "--no-config-file", "-c"], "xonsh": ["xonsh", "--no-rc", "-c"],
    "pwsh": ["pwsh", "-NoProfile", "-Command"],
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, words in OTHERS.items() if shutil.which(words[0])])
@pytest.mark.parametrize("shims", ODD)
def test_other_shells(tmp_path, name, shims):
    words = [shutil.which(OTHERS[name][0]), *OTHERS[name][1:]]
    script = init_script(name, shims, "/c")
    for path, venv, wanted in (
        (f"/usr/bin:{shims}:/bin", None, f"{shims}:/usr/bin:/bin"),
        ("/usr/bin:/v x/bin:/bin", "/v x", f"/v x/bin:{shims}:/usr/bin:/bin"),
        ("/usr/bin:/bin", "/v x", f"{shims}:/usr/bin:/bin"),
    ):
        text = f"{script}{script}\n{'^' if name == 'nu' else ''}{shutil.which('printenv')} PATH\n"
        if words[-1] == "-f":
            (tmp_path / "lines").write_text(text)
            text = str(tmp_path / "lines")
        environment = {"PATH": path, "HOME": str(tmp_path), **({"VIRTUAL_ENV": venv} if venv else {})}
        result = subprocess.run([*words, text], env=environment, capture_output=True, text=True, check=False)
        assert (result.stdout, result.stderr) == (f"{wanted}\n", "")


# What a scheduled run has to say.

INTERACTIVE = {
    "bash": ["--norc", "-i", "-c"],
    "zsh": ["-f", "-i", "-c"],
    "fish": ["--no-config", "-i", "-c"],
    "sh": ["-i", "-c"],
}


def said_by(shell, script, *, words=None):
    """What a shell that reads the lines says to its terminal, which is none here."""
    command = [shutil.which(shell), *(words or INTERACTIVE[shell]), f"{script}\nprintf 'end\\n'"]
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/", "TERM": "dumb"}
    answer = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    assert answer.stdout.endswith("end\n")
    return [line for line in answer.stderr.splitlines() if "pyman" in line]


@pytest.mark.parametrize("name", [*PRESENT, "sh"])
@pytest.mark.parametrize("folder", ["store", "it's a $store `x` %"])
def test_an_interactive_shell_says_once_what_a_run_left(tmp_path, name, folder):
    notice = tmp_path / folder / "notice"
    notice.parent.mkdir()
    script = init_script(name, str(notice.parent / "shims"), "/c")
    assert said_by(name, script) == []
    notice.write_text("pyman: 1 problem; run `pyman doctor` $(touch no) \\n\n")
    strict = "" if name == "fish" else "set -eu\n"
    # A script says nothing, and takes nothing away from who is asked next.
    assert said_by(name, strict + script, words=COMMANDS.get(name, ["sh", "-c"])[1:]) == []
    assert said_by(name, script) == ["pyman: 1 problem; run `pyman doctor` $(touch no) \\n"]
    assert notice.read_text() == ""
    assert said_by(name, script) == []


@pytest.mark.parametrize("name", [one for one in PRESENT if one != "fish"])
def test_it_is_said_also_where_files_may_not_be_overwritten(tmp_path, name):
    (tmp_path / "notice").write_text("pyman: 1 problem\n")
    script = "set -C\n" + init_script(name, f"{tmp_path}/shims", "/c")
    assert said_by(name, script) == ["pyman: 1 problem"]
    assert (tmp_path / "notice").read_text() == ""
