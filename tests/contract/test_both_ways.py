"""The fast path and typer's agree: the same words get the same answer, whichever of the two gives it.

A shared option before the verb is what the fast path leaves to typer, so each line is run once as it stands and once
with one in front.
"""

from __future__ import annotations

import shutil

import pytest

from pyman.cli.fastpath import _VERBS, answer, take_apart
from stage.fake_store import FakeStore
from stage.home import Home

LINES = [
    # words, and what lies in `.python-version`
    (["find"], None),
    (["find"], "3.11\n"),
    (["find"], ">=3.11,<3.13\n"),
    (["find"], "../x\n"),
    (["find"], "3.9\n"),
    (["find", "3.13"], None),
    (["find", "3.13.5"], None),
    (["find", "3.9"], None),
    (["find", "nonsense"], None),
    (["find", ""], None),
    (["find", "./nothing"], None),
    (["find", "pypy3.11"], None),
    (["find", "--resolve"], None),
    (["find", "3.13", "--resolve", "-q"], None),
    (["find", "3.13", "3.11"], None),
    (["find", "--root", "/nowhere"], None),
    (["find", "--root"], None),
    (["find", "--nonsense"], None),
    (["find", "-x"], None),
    (["find", "--", "3.13"], None),
    (["find", "--root=/nowhere", "3.13"], None),
    (["find", "--help"], None),
    (["which"], None),
    (["which"], "3.11\n"),
    (["which"], "3.9\n"),
    (["which", "pip3.11"], None),
    (["which", "nonsense"], None),
    (["which", "--explain"], "3.9 3.11\n"),
    (["which", "python", "--explain", "--quiet"], None),
    (["which", "python", "pip"], None),
    (["venv", "v", "--without-pip"], None),
    (["venv", "--without-pip"], "3.11\n"),
    (["venv", "--without-pip", "-q"], None),
    (["venv", "v", "--without-pip", "-p", "3.13.5"], None),
    (["venv", "v", "--without-pip", "-p3.13.5"], None),
    (["venv", "v", "--without-pip", "--python=3.11"], None),
    (["venv", "v", "--without-pip", "--pin", "--prompt", "mine"], None),
    (["venv", "v", "--without-pip", "--system-site-packages"], None),
    (["venv", "v", "--without-pip", "-p", "nonsense"], None),
    (["venv", "v", "--without-pip", "-p", "3.9", "--no-install"], None),
    (["venv", "v", "w", "--without-pip"], None),
    (["venv", "-p"], None),
    (["venv", "there", "--without-pip"], None),
    (["init", "bash"], None),
    (["init", "tcsh"], None),
    (["init"], None),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    made = Home(tmp_path_factory.mktemp("ways"))
    store = FakeStore(str(made.root))
    for name in ("3.11.2", "3.13.5", "3.13.15"):
        store.managed(name)
    for alias, target in {"3.11": "3.11.2", "3.13": "3.13.15", "3": "3.13"}.items():
        store.alias(alias, target)
    return made


@pytest.mark.parametrize(
    ("words", "file"), LINES, ids=lambda value: " ".join(value) if isinstance(value, list) else value and value.strip()
)
def test_both_ways_give_one_answer(home, tmp_path, words, file):
    answers = []
    for before in ([], ["--root", str(home.root)] if "--root" not in " ".join(words) else ["--offline"]):
        folder = tmp_path / "project"
        (folder / "there").mkdir(parents=True)
        (folder / "there" / "file").write_text("")
        if file is not None:
            (folder / ".python-version").write_text(file)
        result = home.pyman(*before, *words, cwd=folder, status=None)
        made = {name: text for name, text in home.tree(folder).items() if "there" not in name}
        settings = [
            path.read_text() for path in sorted(folder.glob("*/pyvenv.cfg")) + sorted(folder.glob(".*/pyvenv.cfg"))
        ]
        # the command that is recorded names the words themselves
        settings = [[line for line in text.splitlines() if not line.startswith("command")] for text in settings]
        answers.append((result.status, result.out, result.err, made, settings))
        shutil.rmtree(folder)
    assert answers[0] == answers[1]


def test_unsafe_folders_are_refused_both_ways(home, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    for words in (["find"], ["-v", "find"], ["which"], ["-v", "which"], ["list"]):
        assert "chmod go-w" in home.pyman(*words, status=1, PYMAN_CACHE_DIR=str(tmp_path / "cache")).err
    for words in (["venv", "--without-pip"], ["-v", "venv", "--without-pip"]):
        assert "chmod go-w" in home.pyman(*words, status=1, PYMAN_ROOT=str(tmp_path / "cache"), cwd=tmp_path).err


@pytest.mark.parametrize(
    "words",
    [[], ["--help"], ["list"], ["find", "--json"], ["find", "-v"], ["find", "-h"], ["find", "--root"], ["find", "a", "b"],
     ["which", "--resolve"], ["find", "-q", "-q"], ["venv", "--prompt", "--pin"], ["--json", "find"], ["venvs"], ["version"],
     ["--version", "x"]],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_plain_is_left_to_typer(words):
    assert answer(words, {}) is None


def test_every_fast_verb_has_its_words():
    from pyman.cli.commands import command_named
    from pyman.cli.fastpath import _OPTIONS

    assert set(_OPTIONS) == set(_VERBS)
    for verb in _OPTIONS:
        assert command_named(verb) is not None


def test_the_fast_options_are_typer_s():
    """Name, meaning and whether a value follows: the command line knows them all, and none is another there."""
    from pyman.cli.commands import command_named
    from pyman.cli.fastpath import _OPTIONS
    from pyman.cli.typer_command import load

    for verb, known in _OPTIONS.items():
        declared = {
            option: not parameter.is_flag
            for parameter in load(command_named(verb)).params
            if parameter.param_type_name == "option"
            for option in parameter.opts
        }
        for option, (name, takes_value) in known.items():
            assert declared[option] is takes_value, (verb, option)
            assert f"--{name}" in declared, (verb, option)


def test_words_are_taken_apart():
    known = {"-p": ("python", True), "--pin": ("pin", False)}
    assert take_apart(["a", "-p", "3", "--pin"], known).options == {"python": "3", "pin": ""}
    assert take_apart(["-p", "-x"], known) is None
    assert take_apart(["a", "b"], known) is None
    assert take_apart(["a", "b"], known, 2).arguments == ("a", "b")
