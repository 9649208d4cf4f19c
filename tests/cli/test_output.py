"""What is printed where: results and the rest, terminals and pipes, text from strangers, streams that are gone."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys

import pytest

from pyman.app.console import answer_json, fitted
from pyman.cli.commands import COMMANDS
from stage.fake_store import FakeStore
from stage.home import Home

ODD = "a\x1b[31mred\x07[bold]b\nc"


def command(*words):
    return [sys.executable, "-m", "pyman", *map(str, words)]


def on_a_terminal(home, *words, status=0, typed=b"", **environ):
    """Run pyman with all its streams on a terminal, and type at a question; returns what was shown."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command(*words),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=home.project,
        env={**home.environ, "TERM": "xterm-256color", "COLUMNS": "200", **environ},
    )
    os.close(slave)
    shown = b""
    while select.select([master], [], [], 60)[0]:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if typed and b"[y/N]" in shown:
            os.write(master, typed)
            typed = b""
    os.close(master)
    assert process.wait(60) == status, shown
    return shown.decode(errors="surrogateescape")


def with_streams(home, *words, **streams):
    return subprocess.run(
        command(*words),
        stdin=subprocess.DEVNULL,
        env=home.environ,
        cwd=home.project,
        check=False,
        timeout=60,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


# --- colours, tables, bars ---


def test_a_table_on_a_terminal_is_coloured_unless_nobody_wants_that(user):
    shown = on_a_terminal(user, "list")
    assert "\x1b[" in shown
    assert "3.13.15" in shown
    plain = on_a_terminal(user, "list", NO_COLOR="1")
    assert "3.13.15" in plain
    assert "\x1b[3" not in plain
    assert "\x1b[9" not in plain


def test_a_pipe_gets_plain_lines_and_columns(user):
    head, first, second = user.pyman("list").out.splitlines()
    assert head.split() == ["Python", "Aliases", "From", "Venvs", "Place"]
    assert first.split() == ["3.13.15", "3.13,", "3", "managed", "0", str(user.runtimes / "3.13.15")]
    assert second.split() == ["3.13.5", "managed", "0", str(user.runtimes / "3.13.5")]
    assert "\x1b" not in user.pyman("list", FORCE_COLOR="1").out


def test_json_on_a_terminal_is_one_object_too(user):
    import json

    assert json.loads(on_a_terminal(user, "list", "--json"))["aliases"][0]["name"] == "3.13"


def test_what_kind_of_line_it_is_is_coloured_on_a_terminal_alone(user):
    shown = on_a_terminal(user, "find", "3.12", status=1)
    assert shown.startswith("\x1b[1;31merror:\x1b[0m ")
    assert "\n\x1b[36mhint:\x1b[0m run `" in shown
    assert on_a_terminal(user, "list", "--nothing", status=2).startswith("\x1b[1;31merror:\x1b[0m unknown option")
    for wish in ({"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}):
        assert on_a_terminal(user, "find", "3.12", status=1, **wish).startswith("error: ")
    assert user.pyman("find", "3.12", status=1).err.startswith("error: ")


# --- lines that are longer than the terminal is wide ---


class Terminal(io.StringIO):
    def isatty(self):
        return True


PATH = "/home/ada/customers/a-rather-long-name/.venv"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("error: it is short", ["error: it is short"]),
        (f"error: {PATH} is already a venv", [f"error: {PATH}", "  is already a venv"]),
        ("run `pyman doctor --fix` or `pyman rebuild --all --yes` now", ["run `pyman doctor --fix` or", "  `pyman rebuild --all --yes` now"]),
        ("    of many words that go on and on and on, until the end", ["    of many words that go on and on and on, until", "      the end"]),
        (f"  from {PATH}/{PATH}", [f"  from {PATH}/{PATH}"]),
        ("an odd ` of which there is one alone in this sentence", ["an odd ` of which there is one alone in this", "  sentence"]),
    ],
)  # fmt: skip
def test_a_line_is_broken_between_words_and_never_in_a_path_or_a_command(text, lines, monkeypatch):
    monkeypatch.setenv("COLUMNS", "52")
    assert fitted(text, Terminal()).split("\n") == lines
    assert fitted(text, io.StringIO()) == text


def test_a_long_path_in_a_table_is_whole(user):
    folder = user.project / "a-rather-long-name-of-a-company" / "and-the-name-of-its-project"
    user.pyman("venv", folder / "v", "--without-pip")
    user.pyman("venv", "short", "--without-pip")
    shown = re.sub(r"\x1b\[[0-9;]*m|\r", "", on_a_terminal(user, "venvs", COLUMNS="60"))
    path = f"~/{(folder / 'v').relative_to(user.path)}"
    assert path in [line.strip() for line in shown.splitlines()]
    assert [line for line in shown.splitlines() if len(line.rstrip()) > 60 and line.strip() != path] == []


# --- a question before pyman goes ---


def test_self_uninstall_asks_on_a_terminal_and_says_what_goes_and_what_stays(user):
    user.pyman("shims")
    before = user.tree(user.root)
    shown = on_a_terminal(user, "self", "uninstall", typed=b"n\n", status=1)
    assert f"removes {user.root}/shims" in shown
    assert f"keeps {user.root}" in shown
    assert "nothing was removed" in shown
    ended = on_a_terminal(user, "self", "uninstall", typed=b"\x04", status=130, NO_COLOR="1")
    assert ended.replace("\r", "").endswith("Go ahead? [y/N]: \nerror: interrupted\n")
    assert user.tree(user.root) == before
    assert "Go ahead?" not in on_a_terminal(user, "self", "uninstall", "--yes")
    assert not (user.root / "shims").exists()


def test_verbose_names_what_pyman_uses(user):
    assert f"store: {user.root}; cache: {user.cache}; settings: " in user.pyman("list", "-v").err
    assert user.pyman("list", "-v", "-q").err == ""


# --- results and everything else ---


def test_results_go_to_stdout_and_everything_else_to_stderr(user):
    found = user.pyman("find", "3.13")
    assert (found.out, found.err) == (f"{user.runtimes}/3.13/bin/python3.13\n", "")
    made = user.pyman("venv", "v", "--without-pip")
    assert "activate" in made.err
    assert "activate" not in made.out
    failed = user.pyman("find", "3.12", status=1)
    assert failed.out == ""
    assert [line.partition(":")[0] for line in failed.err.splitlines()] == ["error", "hint"]


@pytest.mark.parametrize("quiet", ["-q", "--quiet"])
def test_quiet_leaves_results_and_errors(user, quiet):
    made = user.pyman("venv", "v", "--without-pip", quiet)
    assert made.out != ""
    assert made.err == ""
    assert user.pyman("use", "3.12", quiet).err == ""
    assert user.pyman("find", "3.12", quiet, status=1).err.startswith("error: ")
    assert user.pyman(quiet, "local", "3.13").err == ""


# --- text from strangers ---


@pytest.fixture
def odd(tmp_path):
    """A project whose folder has a name that a terminal would obey and rich would read as markup."""
    home = Home(tmp_path)
    FakeStore(str(home.root)).managed("3.13.5")
    folder = home.project / ODD
    folder.mkdir()
    return home, folder


def test_control_characters_are_shown_and_not_obeyed(odd):
    home, folder = odd
    (folder / ".python-version").write_text("3.12\n")
    answer = home.pyman("find", cwd=folder, status=1)
    assert "\x1b" not in answer.err
    assert r"a\x1b[31mred\x07[bold]b\nc/.python-version" in answer.err
    (folder / ".python-version").write_text("../\x1b[2Jx\n")
    answer = home.pyman("which", cwd=folder, status=1)
    assert "\x1b" not in answer.err
    assert r"\x1b[2Jx" in answer.err
    assert len(answer.err.splitlines()) == 2
    used = home.pyman("use", "3.13", cwd=folder)
    assert "\x1b" not in used.out + used.err
    assert "\x1b" not in home.pyman("find", "\x1b[31m", status=2).err
    assert "\x1b" not in home.pyman("\x1b[31m", status=2).err
    assert "\x1b" not in home.pyman("find", "--\x1b[31m", status=2).err


def test_markup_in_a_name_is_text_also_on_a_terminal(tmp_path):
    home = Home(tmp_path)
    root = tmp_path / "[bold]root[/bold]\x1b[31m"
    FakeStore(str(root)).managed("3.13.5")
    shown = on_a_terminal(home, "list", "--root", root, NO_COLOR="1", COLUMNS="400")
    assert "[bold]root[/bold]" in shown
    assert r"\x1b[31m" in shown
    assert "\x1b[31m" not in shown
    found = on_a_terminal(home, "find", "3.13", "--root", root)
    assert r"\x1b[31m" in found


def test_a_path_for_programs_is_given_letter_by_letter(tmp_path):
    home = Home(tmp_path)
    root = os.fsencode(tmp_path) + b"/\xff\xfe \x1b[31m\xc3\xbc"
    FakeStore(os.fsdecode(root)).managed("3.13.5")
    process = with_streams(home, "find", "3.13", "--root", os.fsdecode(root))
    assert process.stdout == root + b"/runtimes/3.13.5/bin/python3.13\n"
    listed = with_streams(home, "list", "--root", os.fsdecode(root))
    assert listed.returncode == 0
    assert b"\x1b" not in listed.stdout
    assert rb"\udcff\udcfe" in listed.stdout


def test_a_line_break_in_the_store_s_own_name_is_refused(tmp_path):
    answer = Home(tmp_path).pyman("list", "--root", f"{tmp_path}/a\nb", status=2)
    assert "line break" in answer.err


def test_a_terminal_without_unicode(tmp_path):
    home = Home(tmp_path)
    FakeStore(str(tmp_path / "ü")).managed("3.13.5")
    for words in (("find", "3.13"), ("list",), ("list", "--json")):
        answer = home.pyman(*words, "--root", tmp_path / "ü", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
        assert answer.out


# --- streams that are gone ---

EVERYWHERE = [("--version",), ("--help",), ("find", "3.13"), ("list",), ("list", "--json"), ("install", "--help"),
              ("which", "--explain")]  # fmt: skip


@pytest.mark.parametrize("words", EVERYWHERE, ids=" ".join)
def test_who_reads_no_further_is_no_failure_to_talk_about(user, words):
    reading, writing = os.pipe()
    os.close(reading)
    process = with_streams(user, *words, stdout=writing)
    os.close(writing)
    assert process.stderr == b""


@pytest.mark.parametrize("words", [*EVERYWHERE, ("find", "3.12")], ids=" ".join)
def test_streams_that_were_closed_before_it_began(user, words):
    quoted = " ".join(f"'{word}'" for word in command(*words))
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        process = subprocess.run(
            ["sh", "-c", f"{quoted} {closed}"], capture_output=True, env=user.environ, cwd=user.project, check=False
        )
        assert process.returncode == (1 if words == ("find", "3.12") else 0), (closed, process)
        assert b"Traceback" not in process.stderr
        assert b"Exception" not in process.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words", [("find", "3.13"), ("list",), ("list", "--json"), ("--version",), ("--help",)], ids=" ".join
)
def test_an_answer_that_cannot_be_written_is_a_failure(user, words):
    with open("/dev/full", "wb") as full:
        process = with_streams(user, *words, stdout=full)
    assert process.returncode == 1
    assert process.stderr.decode().splitlines()[0] == "error: the output could not be written: no space left on device"
    assert b"Exception" not in process.stderr


# --- what nobody expected ---


@pytest.mark.parametrize(
    "words", [("find", "3.13"), ("list",), ("list", "--json"), ("install", "3.13"), ("shim", "python")], ids=" ".join
)
def test_a_bug_is_said_to_be_one_without_a_traceback(user, tmp_path, words):
    """The interpreter itself is made to fail where no code could expect it."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import os\ndef scandir(*_):\n    raise ZeroDivisionError('boom')\nos.scandir = scandir\n"
    )
    path = f"{folder}:{user.environ['PYTHONPATH']}"
    status = 127 if words[0] == "shim" else 1
    answer = user.pyman(*words, status=status, PYTHONPATH=path)
    first, second = answer.err.splitlines()
    assert first == "error: unexpected failure in pyman: ZeroDivisionError: boom"
    assert "PYMAN_TRACEBACK=1" in second
    if "--json" in words:
        assert answer.json["error"]["code"] == "bug"
    told = subprocess.run(
        command(*words),
        capture_output=True,
        env={**user.environ, "PYTHONPATH": path, "PYMAN_TRACEBACK": "1"},
        check=False,
        cwd=user.project,
    )
    assert b"Traceback" in told.stderr


# --- the words that every command has ---


def test_global_options_stand_before_and_after_the_verb(user):
    other = FakeStore(str(user.path / "other"))
    other.managed("3.12.1")
    for words in (
        ("--json", "--root", other.root, "list"),
        ("--root", other.root, "list", "--json"),
        (f"--root={other.root}", "--json", "list"),
        ("list", f"--root={other.root}", "--json"),
        ("-q", "-v", "--offline", "--json", "--root", other.root, "list"),
        ("list", "-q", "-v", "--offline", "--json", "--root", other.root),
    ):
        assert [one["version"] for one in user.pyman(*words).json["runtimes"]] == ["3.12.1"], words


def test_the_version(user):
    from pyman import __version__

    for words in (("--version",), ("-V",), ("-q", "--version")):
        assert user.pyman(*words).out == f"pyman {__version__}\n"
    for words in (("--json", "--version"), ("--version", "--json"), ("-V", "-q", "--json")):
        assert user.pyman(*words).json["version"] == __version__


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["instal"], "did you mean `pyman install`?"), (["vens"], "venv"), (["qqqq"], "pyman --help"), (["help", "qqqq"], "pyman --help")],
)  # fmt: skip
def test_a_word_that_is_no_command(user, words, hint):
    answer = user.pyman(*words, status=2)
    assert "unknown command" in answer.err
    assert hint in answer.err
    assert user.pyman("--json", *words, status=2).json["error"]["code"] == "usage"


def test_help_shows_every_command(user):
    told = user.pyman("--help").out
    assert user.pyman("-h").out == user.pyman("help").out == user.pyman().out == told
    for one in COMMANDS:
        assert (f"  {one.name} " in told) is not one.hidden
    assert (
        user.pyman("help", "install").out == user.pyman("install", "--help").out == user.pyman("--help", "install").out
    )


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1200])
def test_a_long_answer_is_one_object_all_the_same(count, capsys):
    data = {
        "venvs": [{"path": f"/ä/{number}", "state": None} for number in range(count)],
        "more": {"a": []},
        "none": [],
    }
    answer_json(data, None)
    out = capsys.readouterr().out
    assert out == json.dumps({"schema": "pyman/1", **data}) + "\n"
