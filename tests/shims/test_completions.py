"""The completion scripts, in the shells that they are for: as functions, and typed at a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess

import pexpect
import pytest

from pyman.cli.commands import COMMANDS
from pyman.core.shell.completion import KINDS, completion_scripts
from pyman.core.shell.init_script import init_script
from stage.command_table import FOLDER, TABLE, frames
from stage.fake_store import FakeStore

FILES = {"bash": "pyman.bash", "zsh": "_pyman", "fish": "pyman.fish"}
PRESENT = [shell for shell in FILES if shutil.which(shell)]
PROMPT = "ready> "


def completions_folder():
    return os.path.abspath(FOLDER)


class Home:
    def __init__(self, folder):
        self.folder = str(folder)
        self.store = FakeStore(f"{folder}/a root")
        for name in ("3.11.2", "3.13.5", "3.13.15", "3.14.2t"):
            self.store.managed(name)
        for alias, target in {"3.11": "3.11.2", "3.13": "3.13.15", "3.14t": "3.14.2t", "3": "3.13"}.items():
            self.store.alias(alias, target)
        os.mkdir(f"{self.store.runtimes}/.incoming")
        os.makedirs(f"{self.store.root}/venvs")
        self.venv = f"{folder}/projects/web app/.venv"
        os.makedirs(self.venv)
        os.symlink(self.venv, f"{self.store.root}/venvs/web app-12345678")
        os.makedirs(f"{self.store.root}/shims")
        for name in ("python", "pip3.13"):
            with open(f"{self.store.root}/shims/{name}", "w", encoding="utf-8"):
                pass
        os.mkdir(f"{folder}/cache")
        with open(f"{folder}/cache/available", "w", encoding="utf-8") as file:
            file.write("3.15\n3.15.0a7\n3.14\n3.14.4\n$(touch pwned)\n3.12\n3.12.9\n")
        self.work = f"{folder}/work"
        os.makedirs(f"{self.work}/subfolder")
        with open(f"{self.work}/some.tar.gz", "w", encoding="utf-8"):
            pass
        self.environment = {
            "HOME": self.folder,
            "PATH": "/nothing",  # a completion starts no program
            "PYMAN_ROOT": self.store.root,
            "PYMAN_CACHE_DIR": f"{folder}/cache",
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
        }


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    yield home
    assert not os.path.exists(f"{home.work}/pwned")


def ask(shell, home, line, **changes):
    """The candidates for the last word of a line, each with its description after a tab where the shell shows one."""
    script = shlex.quote(f"{completions_folder()}/{FILES[shell]}")
    if shell == "bash":
        words = line.split(" ")
        array = " ".join(shlex.quote(word) for word in words)
        command = f"set -u; source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _pyman; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    else:
        command = f"source {script}; complete -C {shlex.quote(line)}"
    result = subprocess.run(
        [shutil.which(shell), *(["--norc"] if shell == "bash" else ["--no-config"]), "-c", command],
        cwd=home.work, env={**home.environment, **changes}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.stderr == ""
    return result.stdout.splitlines()


def words(candidates):
    return {candidate.split("\t")[0] for candidate in candidates if candidate}


LISTED = [shell for shell in PRESENT if shell != "zsh"]  # zsh answers at a terminal only
CASES = [
    ("pyman ins", {"install"}),
    ("pyman --json un", {"uninstall", "unhold"}),
    ("pyman --root /x venv", {"venv", "venvs"}),
    ("pyman venv --p", {"--python", "--pin", "--prompt"}),
    ("pyman --ver", {"--version", "--verbose"}),
    ("pyman venv --ver", {"--verbose"}),
    ("pyman rebuild --installer ", {"auto", "uv", "pip"}),
    ("pyman cache ", {"dir", "clean"}),
    ("pyman rebuild --from l", {"lock"}),
    ("pyman rebuild --from so", {"some.tar.gz"}),
    ("pyman init ", {"bash", "zsh", "fish"}),
    ("pyman hold ", {"3", "3.11", "3.13", "3.14t"}),
    ("pyman hold 3.13 ", {"3.11.2", "3.13.5", "3.13.15", "3.14.2t"}),
    ("pyman hold 3.13 3.13.5 ", set()),
    ("pyman uninstall 3.13", {"3.13", "3.13.5", "3.13.15"}),
    ("pyman uninstall 3.11.2 3.14", {"3.14t", "3.14.2t"}),
    ("pyman install 3.14", {"3.14", "3.14.4"}),
    ("pyman mirror folder 3.14", {"3.14", "3.14.4"}),
    ("pyman install --from some", {"some.tar.gz"}),
    ("pyman venv -p 3.12", {"3.12", "3.12.9"}),
    (
        "pyman venv --python 3.1",
        {
            "3.11",
            "3.13",
            "3.14t",
            "3.11.2",
            "3.13.5",
            "3.13.15",
            "3.14.2t",
            "3.15",
            "3.15.0a7",
            "3.14",
            "3.14.4",
            "3.12",
            "3.12.9",
        },
    ),
    ("pyman use s", {"system"}),
    ("pyman which p", {"python", "pip3.13"}),
    ("pyman --root /nowhere hold ", set()),
    ("pyman run -- ls so", {"some.tar.gz"}),
    ("pyman run nothing --ver", set()),
    ("pyman run --ver", {"--verbose"}),
    ("pyman prune ", set()),
    ("pyman nothing ", set()),
]


@pytest.mark.parametrize("shell", LISTED)
@pytest.mark.parametrize(("line", "expected"), CASES)
def test_what_is_offered(shell, home, line, expected):
    offered = words(ask(shell, home, line))
    if shell == "fish" and line.split(" ")[-1][:1] == "-":
        offered = {word for word in offered if word.startswith("--")}
    assert offered == expected


@pytest.mark.parametrize("shell", LISTED)
def test_known_venvs_by_their_place(shell, home):
    assert home.venv in words(ask(shell, home, "pyman follow /"))
    os.rename(home.venv, f"{home.venv}2")
    os.rename(f"{home.store.root}/venvs", f"{home.folder}/away")
    assert home.venv not in words(ask(shell, home, "pyman follow /"))


@pytest.mark.parametrize("shell", LISTED)
def test_a_record_whose_venv_is_gone_is_not_offered(shell, home):
    os.rename(home.venv, f"{home.venv}2")
    assert not [word for word in words(ask(shell, home, "pyman follow /")) if "12345678" in word or word == home.venv]


@pytest.mark.parametrize("shell", LISTED)
@pytest.mark.parametrize(
    "line", ["pyman install ", "pyman venv -p ", "pyman hold 3.13 ", "pyman follow ", "pyman mirror x "]
)
def test_nothing_is_offered_twice(shell, home, line):
    os.symlink(home.venv, f"{home.store.root}/venvs/again-87654321")
    with open(f"{home.folder}/cache/available", "a", encoding="utf-8") as file:
        file.write("3.13.15\n3.12.9\n3.13\n")
    offered = [candidate.split("\t")[0] for candidate in ask(shell, home, line)]
    assert len(offered) == len(set(offered))


def test_bash_3_has_no_compopt_and_gets_its_names_quoted(home):
    if "bash" not in PRESENT:
        pytest.skip("no bash")
    os.mkdir(f"{home.work}/sub folder")
    line = "pyman register sub"
    assert words(ask("bash", home, line)) == {"sub folder", "subfolder"}
    assert words(ask("bash", home, line, BASH_ENV=f"{write(home.folder, 'enable -n compopt')}")) == {
        "sub\\ folder",
        "subfolder",
    }


def write(folder, text):
    path = f"{folder}/start-up"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("shell", LISTED)
def test_a_root_on_the_command_line_counts(shell, home, tmp_path):
    (tmp_path / "other").mkdir()
    other = FakeStore(f"{tmp_path}/other/root")
    other.managed("3.9.1")
    for line in (f"pyman --root {other.root} hold 3.9 3.", f"pyman hold --root {other.root} 3.9 3."):
        assert words(ask(shell, home, line)) == {"3.9.1"}


@pytest.mark.parametrize("shell", LISTED)
def test_without_store_and_cache(shell, home):
    nothing = {"PYMAN_ROOT": "/nowhere", "PYMAN_CACHE_DIR": "/nowhere"}
    assert words(ask(shell, home, "pyman use ", **nothing)) == {"latest", "system"}
    assert words(ask(shell, home, "pyman use ", PYMAN_ROOT="", PYMAN_CACHE_DIR="")) == {"latest", "system"}
    assert words(ask(shell, home, "pyman install ", **nothing)) == set()


def test_bash_shows_descriptions_in_a_list_only(home):
    if "bash" not in PRESENT:
        pytest.skip("no bash")
    listed = ask("bash", home, "pyman un", COMP_TYPE="63")
    assert listed == [
        "unhold     (Remove a hold; the alias moves to the newest installed release)",
        "uninstall  (Remove a Python that nothing needs)",
    ]
    assert ask("bash", home, "pyman un", COMP_TYPE="9") == ["unhold", "uninstall"]
    assert ask("bash", home, "pyman unh", COMP_TYPE="63") == ["unhold"]


def test_fish_shows_descriptions(home):
    if "fish" not in PRESENT:
        pytest.skip("no fish")
    assert "unhold\tRemove a hold; the alias moves to the newest installed release" in ask("fish", home, "pyman un")
    assert "3.14.4\tavailable release" in ask("fish", home, "pyman install 3.14")


# --- at a terminal, set up by `pyman init` ---


@pytest.fixture
def terminal(home):
    started = []

    def start(shell):
        script = f"{home.folder}/init"
        with open(script, "w", encoding="utf-8") as file:
            file.write(init_script(shell, f"{home.store.root}/shims", completions_folder()))
        arguments = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}[shell]
        child = pexpect.spawn(
            shutil.which(shell), arguments, cwd=home.work, env=home.environment, encoding="utf-8", timeout=30,
            dimensions=(50, 160), echo=False,
        )  # fmt: skip
        started.append(child)
        set_up = {
            "bash": [
                "bind 'set enable-bracketed-paste off'",
                "bind 'set page-completions off'",
                'pyman() { printf "got:"; printf "<%s>" "$@"; printf ":end\\n"; }',
                f"PS1='{PROMPT}'",
            ],
            "zsh": [
                "autoload -Uz compinit; compinit -D -u",
                "setopt no_beep; unset zle_bracketed_paste; unsetopt prompt_sp",
                'pyman() { printf "got:"; printf "<%s>" "$@"; printf ":end\\n" }',
                f"PS1='{PROMPT}'",
            ],
            "fish": [
                'function pyman; printf "got:"; printf "<%s>" $argv; printf ":end\\n"; end',
                f"function fish_prompt; printf '{PROMPT}'; end; function fish_right_prompt; end",
            ],
        }[shell]
        for line in (*set_up, f"source '{script}'"):
            child.send(f"{line}\r")
        # Typed in two parts, so that the echo of the line is not taken for its output.
        child.send("printf '%s%s\\n' set -up\r")
        child.expect("set-up")
        return child

    yield start
    for child in started:
        child.close(force=True)


def typed(child, line):
    """Type a line, with TAB where it has one, and return the words that the shell then runs."""
    child.send(line + "\r")
    child.expect("got:(.*?):end")
    return child.match.group(1)


@pytest.mark.parametrize("shell", PRESENT)
def test_typed_at_a_terminal(shell, home, terminal):
    child = terminal(shell)
    assert typed(child, "pyman insta\t") == "<install>"
    assert typed(child, "pyman doctor --forei\t") == "<doctor><--foreign>"
    assert typed(child, "pyman venv -p 3.12.\t") == "<venv><-p><3.12.9>"
    assert typed(child, "pyman uninstall 3.11.\t") == "<uninstall><3.11.2>"
    assert typed(child, "pyman --root /nowhere rollb\t 3.13") == "<--root></nowhere><rollback><3.13>"
    assert typed(child, "pyman rollback 3.14\t") == "<rollback><3.14t>"
    assert typed(child, "pyman install --from some\t").startswith("<install><--from><some.tar.gz")
    assert typed(child, "pyman register sub\t").startswith("<register><subfolder")
    place = home.venv.rsplit("/", 2)[0]
    assert typed(child, f"pyman follow {place}/web\t").removesuffix("/>").removesuffix(">") in (
        f"<follow><{home.venv}",
        f"<follow><{place}/web app",
    )


@pytest.mark.skipif("zsh" not in PRESENT, reason="no zsh")
def test_zsh_lists_descriptions(terminal):
    child = terminal("zsh")
    child.send("pyman un\t\t")
    child.expect("unhold +-- Remove a hold; the alias moves to the newest installed release")
    child.send("\x15pyman hold 3.13 3.13.\t\t")
    child.expect("3\\.13\\.5 +3\\.13\\.15")
    child.send("\x15pyman doctor --d\t\t\x15pyman venv --py\t\x15pyman install 3.1\t\t")
    child.expect("3\\.14\\.4")


@pytest.mark.skipif("bash" not in PRESENT, reason="no bash")
def test_bash_lists_descriptions(terminal):
    child = terminal("bash")
    child.send("pyman un\t\t")
    child.expect("unhold +\\(Remove a hold; the alias moves to the newest installed release\\)")


# --- the files ---


@pytest.mark.parametrize("name", FILES.values())
def test_what_is_committed_is_what_the_table_says(name):
    with open(f"{completions_folder()}/{name}", encoding="utf-8") as file:
        assert file.read() == completion_scripts(TABLE, frames())[name], (
            "write it anew: PYTHONPATH=src:tests python -m stage.command_table"
        )


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck reads the script for bash")
def test_shellcheck_has_nothing_to_say():
    subprocess.run(["shellcheck", f"{completions_folder()}/pyman.bash"], check=True)


def test_the_table_says_something_of_everything():
    """A kind that exists for each value, and a description for each verb and option that is not hidden."""
    assert [command.name for command in TABLE.commands] == [one.name for one in COMMANDS if not one.hidden]
    options = [option for command in TABLE.commands for option in (*command.options, *TABLE.shared, *TABLE.alone)]
    assert all(option.summary and all(name.startswith("-") for name in option.names) for option in options)
    assert all(command.summary for command in TABLE.commands)
    for place in (*options, *(argument for command in TABLE.commands for argument in command.arguments)):
        assert not place.value or set(place.value.split("|")) <= set(KINDS)
        assert bool(place.choices) == ("choice" in place.value.split("|"))
