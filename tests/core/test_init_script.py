"""The lines of `pyman init` as text; shims/test_init.py has the shells carry them out."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess

import pytest

from pyman.core.shell.init_script import SHELLS, can_be_on_path, init_script
from pyman.errors import PATH_SEPARATOR, UsageError

SHIMS, COMPLETIONS = "/s t'o\"r$e/shims", "/c o"

# What each of these shells reads: where its lines go, and how it gets them from pyman.
FILES = {
    "bash": ("~/.bashrc (on macOS ~/.bash_profile)", 'eval "$(pyman init bash)"'),
    "zsh": ("~/.zshrc", 'eval "$(pyman init zsh)"'),
    "fish": ("~/.config/fish/config.fish", "pyman init fish | source"),
    "sh": ("~/.profile", 'eval "$(pyman init sh)"'),
    "csh": ("~/.tcshrc", None),
    "nu": ("~/.config/nushell/config.nu", None),
    "xonsh": ("~/.xonshrc", None),
    "pwsh": ("the file that $PROFILE names", None),
}
OTHER_NAMES = {
    "sh": ["ash", "busybox", "dash", "ksh", "ksh93", "loksh", "mksh", "oksh", "posix", "yash"],
    "csh": ["tcsh"], "nu": ["nushell"], "pwsh": ["powershell"],
}  # fmt: skip
CHECKS = {
    "bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "-n"], "sh": ["dash", "-n"], "csh": ["tcsh", "-n"],
}  # fmt: skip


@pytest.mark.parametrize("shell", FILES)
def test_the_head_says_where_the_lines_go(shell):
    file, line = FILES[shell]
    head = "# pyman: shims first on PATH"
    if shell in SHELLS:
        head += ", completions on the first TAB"
    if line is None:
        head += f". Add these lines to {file}.\n"
    else:
        head += f". Add this line to {file}:\n#     {line}\n# or the lines below, which saves starting pyman.\n"
    text = init_script(shell, SHIMS, COMPLETIONS)
    assert text.startswith(head)
    # Nothing of a template is left.
    assert not re.search(r"\{(shims|completions|notice)\}|\{\{", text)


@pytest.mark.parametrize(("shell", "names"), OTHER_NAMES.items())
def test_shells_that_are_called_otherwise(shell, names):
    assert {init_script(name, SHIMS, COMPLETIONS) for name in names} == {init_script(shell, SHIMS, COMPLETIONS)}


@pytest.mark.parametrize("shell", [shell for shell, words in CHECKS.items() if shutil.which(words[0])])
def test_its_shell_understands_it(tmp_path, shell):
    script = tmp_path / "lines"
    script.write_text(init_script(shell, SHIMS, COMPLETIONS))
    answer = subprocess.run([*CHECKS[shell], str(script)], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def between(text, before, after):
    """What first stands between these two."""
    return text.partition(before)[2].partition(after)[0]


def test_a_folder_is_one_text_in_every_shell():
    assert shlex.split(between(init_script("sh", SHIMS, COMPLETIONS), "__pyman_without ", "\n")) == [SHIMS]
    nu = between(init_script("nu", SHIMS + "\\", COMPLETIONS), "| prepend ", " | uniq")
    assert json.loads(nu) == SHIMS + "\\"
    xonsh = between(init_script("xonsh", SHIMS, COMPLETIONS), "$PATH.add(", ", front=True")
    assert ast.literal_eval(xonsh) == SHIMS
    pwsh = between(init_script("pwsh", SHIMS, COMPLETIONS), "(@(", ") + ")
    assert pwsh == "'" + SHIMS.replace("'", "''") + "'"
    csh = between(init_script("csh", "/a b!/shims", COMPLETIONS), "path = ( ", " $path:q")
    assert csh == "'/a b\\!/shims'"
    fish = between(init_script("fish", SHIMS, COMPLETIONS), "contains -- ", " $PATH")
    assert fish == "'" + SHIMS.replace("'", "\\'") + "'"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "sh"])
def test_what_a_scheduled_run_has_to_say_lies_beside_the_shims(shell):
    assert "'/store/notice'" in init_script(shell, "/store/shims", "/c")


def test_a_shell_that_nobody_knows_is_told_the_folder():
    with pytest.raises(UsageError, match="elvish") as refused:
        init_script("elvish", "/s/shims", "/c")
    assert (
        refused.value.hint
        == "the shells are bash, zsh, fish, sh, csh, nu, xonsh, pwsh; in another one, put /s/shims first on PATH"
    )


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_path_would_take_for_two_is_refused(name):
    assert not can_be_on_path("/a:b/shims")
    assert can_be_on_path("/a b/shims")
    with pytest.raises(UsageError, match="cannot be on PATH") as refused:
        init_script(name, "/a:b/shims", "/completions")
    assert "PYMAN_ROOT" in refused.value.hint
    assert refused.value.code == PATH_SEPARATOR
