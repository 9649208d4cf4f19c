"""The activation scripts in the real shells: every path and prompt, twice, over another venv, and back again."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import termios

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyman.core.shell.activation import quote_csh, quote_fish, quote_sh
from pyman.effects.venvs.new_venv import activation_scripts

NASTY = [
    "plain",
    "with space",
    "it's",
    'dq"x',
    "a$HOME`touch pwned`$(touch pwned)",
    "back\\slash \\u \\n\\$x\\\\",
    "bang!x !! !$ \\!",
    "new\nline",
    "nonäscii ☃ 日本",
    "percent %n %% %{ ^x~#[*?]{a,b};&|<>()",
    "-dash",
    "@@VENV@@ tab\tx",
    "\u2018curly\u2019 \u201c\u201d",
    "trail\\",
    "x'\"'y''",
]
# What each case uses as a folder and, a few places further on, as a prompt.
CASES = [(folder, NASTY[(place + 6) % len(NASTY)]) for place, folder in enumerate(NASTY)]

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "dumb"}

SHELL_SCRIPT = """
set -eu
tell () {
    printf '%s\\0' "${VIRTUAL_ENV-unset}" "${VIRTUAL_ENV_PROMPT-unset}" "$PATH" "${PYTHONHOME-unset}" "${PS1-unset}" \
        "$(where-am-i)"
}
PS1='first> '
tell
. "$1/bin/activate"
tell
. "$1/bin/activate"
tell
deactivate
tell
. "$2/bin/activate"
. "$1/bin/activate"
tell
deactivate
tell
if command -v deactivate > /dev/null ; then echo left behind; exit 1; fi
"""
FISH_SCRIPT = """
function tell
    for name in VIRTUAL_ENV VIRTUAL_ENV_PROMPT PATH PYTHONHOME
        if set -q $name
            printf '%s\\0' "$$name"
        else
            printf 'unset\\0'
        end
    end
    fish_prompt
    printf '\\0'
    where-am-i
    printf '\\0'
end
function fish_prompt
    printf 'first> '
end
tell
source $argv[1]/bin/activate.fish
tell
source $argv[1]/bin/activate.fish
tell
deactivate
tell
source $argv[2]/bin/activate.fish
source $argv[1]/bin/activate.fish
tell
deactivate
tell
if functions -q deactivate _virtual_env_status _old_fish_prompt
    echo left behind
    exit 1
end
"""
CSH_TELL = """
foreach name (VIRTUAL_ENV VIRTUAL_ENV_PROMPT PATH PYTHONHOME prompt)
    if (`eval 'echo $?'$name`) then
        eval 'printf "%s\\0" "$'$name':q"'
    else
        printf 'unset\\0'
    endif
end
where-am-i
printf '\\0'
"""
CSH_SCRIPT = """
set prompt="first> "
set tell="$TELL:q"
source "$tell:q"
source "$ONE:q/bin/activate.csh"
source "$tell:q"
source "$ONE:q/bin/activate.csh"
source "$tell:q"
deactivate
source "$tell:q"
source "$TWO:q/bin/activate.csh"
source "$ONE:q/bin/activate.csh"
source "$tell:q"
deactivate
source "$tell:q"
if ("`alias deactivate`" != "") exit 1
"""
FAMILY = {"bash": "sh", "dash": "sh", "zsh": "sh", "busybox": "sh", "fish": "fish", "tcsh": "csh"}
START = {
    "bash": ["bash", "--norc"],
    "dash": ["dash"],
    "zsh": ["zsh", "-f"],
    "busybox": ["busybox", "sh"],
    "fish": ["fish", "--no-config"],
    "tcsh": ["tcsh", "-f"],
}


def start(shell):
    if shutil.which(shell, path=ENVIRONMENT["PATH"]) is None:
        pytest.skip(f"{shell} is not installed: its activation script was not run")
    return START[shell]


def make(folder, prompt):
    """Make what activation needs of a venv: the scripts, and a program to find through PATH."""
    os.makedirs(folder + "/bin")
    for name, content in activation_scripts(folder, prompt).items():
        with open(f"{folder}/bin/{name}", "wb") as file:
            file.write(content)
    put_program(folder + "/bin", "inside")
    return folder


def put_program(folder, says):
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/where-am-i", "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nprintf %s '{says}'\n")
    os.chmod(file.name, 0o755)


def run(shell, one, two, base, **variables):
    put_program(base + "/outside", "outside")
    environment = {**ENVIRONMENT, "PATH": f"{base}/outside:/usr/bin:/bin", "HOME": base, **variables}
    if FAMILY[shell] == "csh":
        with open(base + "/tell.csh", "w", encoding="utf-8") as file:
            file.write(CSH_TELL)
        environment |= {"ONE": one, "TWO": two, "TELL": base + "/tell.csh"}
        command = [*start(shell), "-c", CSH_SCRIPT]
    else:
        script = FISH_SCRIPT if FAMILY[shell] == "fish" else SHELL_SCRIPT
        command = [*start(shell), "-c", script, *([] if shell == "fish" else ["script"]), one, two]
    done = subprocess.run(
        command, env=environment, cwd=base, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    told = [os.fsdecode(part) for part in done.stdout.split(b"\0")]
    assert told.pop() == ""
    names = ["VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "PATH", "PYTHONHOME", "prompt", "found"]
    return environment["PATH"], [dict(zip(names, told[at : at + 6], strict=True)) for at in range(0, len(told), 6)]


@pytest.mark.parametrize("shell", FAMILY)
@pytest.mark.parametrize(("folder", "prompt"), CASES, ids=range(len(CASES)))
def test_it_activates_and_leaves_everything_as_it_was(shell, folder, prompt, tmp_path):
    base = str(tmp_path)
    one = make(f"{base}/{folder}", prompt)
    two = make(f"{base}/other", "other")
    path, told = run(shell, one, two, base, PYTHONHOME="/some home")
    before, active, again, after, over, at_the_end = told
    assert before == {
        "VIRTUAL_ENV": "unset",
        "VIRTUAL_ENV_PROMPT": "unset",
        "PATH": path,
        "PYTHONHOME": "/some home",
        "prompt": "first> ",
        "found": "outside",
    }
    assert {**active, "prompt": ""} == {
        "VIRTUAL_ENV": one,
        "VIRTUAL_ENV_PROMPT": prompt,
        "PATH": f"{one}/bin:{path}",
        "PYTHONHOME": "unset",
        "prompt": "",
        "found": "inside",
    }
    assert active["prompt"].endswith(") first> ")
    assert again == active
    assert over == active
    assert after == before
    assert at_the_end == before
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("shell", FAMILY)
def test_no_prompt_where_none_is_wanted(shell, tmp_path):
    base = str(tmp_path)
    one, two = make(f"{base}/one", "one"), make(f"{base}/two", "two")
    _, told = run(shell, one, two, base, VIRTUAL_ENV_DISABLE_PROMPT="1")
    assert [state["prompt"] for state in told] == ["first> "] * 6
    assert told[1]["VIRTUAL_ENV_PROMPT"] == "one"
    assert {state["PYTHONHOME"] for state in told} == {"unset"}


@pytest.mark.parametrize("shell", FAMILY)
def test_over_a_venv_of_the_standard_library(shell, tmp_path):
    base = str(tmp_path)
    two = f"{base}/two"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", two], check=True, timeout=60)
    put_program(two + "/bin", "in the other")
    # Of some releases (3.12.1) that script takes it for set.
    other = {"PYTHONHOME": "/some home", "OSTYPE": "linux-gnu"}
    _, told = run(shell, make(f"{base}/one", "one"), two, base, **other)
    before, active, _, after, over, at_the_end = told
    assert over == active
    assert after == before
    assert at_the_end == before


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
def test_a_prompt_that_was_unset_is_unset_again(shell, tmp_path):
    one = make(str(tmp_path / "one"), "one")
    script = 'set -eu; unset PS1; . "$1/bin/activate"; echo "$PS1"; deactivate; echo "${PS1-unset}"; env'
    done = subprocess.run(
        [*start(shell), "-c", script, "script", one],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("(one) \nunset\n")
    assert "VIRTUAL" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "zsh promptsubst", "tcsh"])
def test_the_prompt_that_is_drawn_is_the_text_and_runs_nothing(shell, tmp_path):
    shell, _, option = shell.partition(" ")
    for place, text in enumerate(NASTY):
        one = make(str(tmp_path / f"{place}" / "venv"), text)
        script = one + "/bin/activate"
        if shell == "tcsh":
            line = f"source {script}.csh\nexit\n"
        elif option:
            line = f"unsetopt zle; setopt {option}\n. {script}\nexit\n"
        else:
            line = f"{'unsetopt zle; ' if shell == 'zsh' else ''}. {script}\nexit\n"
        # A line editor would change what the terminal does while the shell is being typed to.
        without_editor = {"bash": ["--noediting"], "zsh": ["+Z"]}.get(shell, [])
        drawn = interactive([*start(shell), *without_editor, "-i"], line, str(tmp_path))
        assert os.fsencode(f"({text}) ") in drawn
    assert not (tmp_path / "pwned").exists()


def interactive(command, lines, folder):
    """Run a shell on a terminal that repeats nothing of what is typed; return all that it wrote."""
    leader, follower = os.openpty()
    settings_ = termios.tcgetattr(follower)
    settings_[3] &= ~termios.ECHO
    settings_[1] &= ~termios.OPOST
    termios.tcsetattr(follower, termios.TCSANOW, settings_)
    environment = {**ENVIRONMENT, "HOME": folder}
    with subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=environment, cwd=folder, start_new_session=True
    ) as process:
        os.close(follower)
        written = b""
        typed = False
        while True:
            # A shell that begins to read may throw away what was typed before its first prompt.
            if not select.select([leader], [], [], 30)[0]:
                process.kill()
                raise AssertionError(f"{command} says nothing more: {written!r}")
            try:
                piece = os.read(leader, 1 << 16)
            except OSError:  # how Linux says that the other end is closed
                break
            if not piece:
                break
            written += piece
            if not typed:
                os.write(leader, lines.encode())
                typed = True
    os.close(leader)
    assert process.returncode == 0
    return written


@pytest.mark.parametrize(
    ("shell", "quote"),
    [("bash", quote_sh), ("dash", quote_sh), ("zsh", quote_sh), ("fish", quote_fish), ("tcsh", quote_csh)],
)
@settings(max_examples=12)
@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12), min_size=20))
def test_any_text_is_one_word(shell, quote, texts):
    program = "/usr/bin/printf" if shell == "tcsh" else "printf"
    line = f"{program} '%s\\0' " + " ".join(quote(text) for text in texts) + "\n"
    done = subprocess.run(
        start(shell), input=line.encode(), env=ENVIRONMENT, capture_output=True, timeout=60, check=False
    )
    assert done.stdout.decode() == "".join(text + "\0" for text in texts)
