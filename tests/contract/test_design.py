"""docs/design.md says what is true: its sections, modules, commands, keys, codes and forms are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from contract.test_error_codes import named_codes
from pyman import errors
from pyman.cli.commands import COMMANDS, command_named
from pyman.cli.typer_command import load
from pyman.core.diagnosis.finding import SEVERITIES
from pyman.core.request import parse_request
from stage.design import SECTIONS, TEXT, anchor, of_head, quoted, section
from stage.home import Home
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR, mirror_folder

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src/pyman"
REFERENCE = re.compile(r"design\.md,? ([\d, ]*\d)")


def test_the_sections_are_numbered_and_the_list_of_contents_leads_to_them():
    assert list(SECTIONS) == [str(number) for number in range(1, len(SECTIONS) + 1)]
    for number, title in SECTIONS.items():
        assert f"{number}. [{title}](#{anchor(number)})" in TEXT


def test_every_reference_names_a_section():
    files = [path for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py")]
    texts = {path: path.read_text("utf-8") for path in [*files, ROOT / "pyproject.toml"] if path != Path(__file__)}
    found = [
        (str(path), number)
        for path, text in texts.items()
        for numbers in REFERENCE.findall(text)
        for number in numbers.split(", ")
    ]
    assert len(found) > 60
    assert [one for one in found if one[1] not in SECTIONS] == []
    assert {int(number) for number in re.findall(r"\bsections? (\d+)", TEXT)} <= set(map(int, SECTIONS))
    # The one form, so that whoever moves a section finds them all.
    assert [str(path) for path, text in texts.items() if re.search(r"\bDESIGN \d|docs/design\.md \d", text)] == []


def test_every_module_has_its_line():
    rows = of_head(13, "module")
    named = [name for row in rows for name in quoted(row[0]) if name.endswith(".py")]
    modules = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if path.name != "__init__.py"}
    assert sorted(named) == sorted(set(named))
    assert set(named) == modules
    assert all(row[1] for row in rows if ".py" in row[0])


def test_every_path_that_it_names_is_there():
    named = {word for word in quoted(TEXT) if re.fullmatch(r"(?:app|cli|core|effects|tests|docs)/[\w/.]*", word)}
    assert len(named) > 100
    assert [path for path in named if not (ROOT / path).exists() and not (SOURCE / path).exists()] == []


def test_every_command_has_its_keys():
    named = [name for row in of_head(11, "command") for name in quoted(row[0])]
    assert sorted(named) == sorted(command.name for command in COMMANDS if not command.hidden)
    for command in COMMANDS:
        assert not command.hidden or f"`{command.name}`" in section(11)


def test_what_is_not_built_yet_is_not():
    words = [word.split() for word in quoted(section(16).partition("\n\n")[2].partition("\n\n")[0])]
    for verb, *options in words:
        command = command_named(verb)
        assert (command is None) == (not options), verb
        known = {name for parameter in load(command).params for name in parameter.opts} if command else set()
        assert not known & set(options), verb


def test_every_finding_has_its_row_in_the_order_of_the_code():
    rows = [(quoted(row[0])[0], row[1]) for row in of_head(7, "code")]
    assert rows == list(SEVERITIES.items())


def test_every_error_code_has_its_row():
    rows = {quoted(row[0])[0]: row[1] for row in of_head(11, "code")}
    assert list(rows) == sorted({*(str(code) for _, code in named_codes()), errors.PymanError.code})
    for name, code in named_codes():
        status = getattr(getattr(errors, name), "exit_status", 1)
        assert status in (1, 130) or f"status {status}" in rows[code], code


def test_every_form_of_a_request_is_understood():
    forms = [form for row in of_head(4, "form") for form in quoted(row[0])]
    assert len(forms) > 15
    assert {form: parse_request(form).kind for form in forms}


# What commands answer, compared with the keys that the page tells. A dry run has the keys of the run.

LINES = [
    f"install {OTHER_MINOR}", f"install --force {OLD}", "upgrade --prune", f"hold {MINOR} {OLD}", f"unhold {MINOR}", f"rollback {MINOR}", "forget v",
    "prune", f"uninstall {OLD}", f"uninstall {OTHER}", "adopt", "list", "list --available", "list --outdated", f"info {MINOR}",
    "info v", "info stale", "venv --without-pip w", "venvs --size", "venvs --remove v", "venvs --unused 1y", "venvs --unused 1y --remove", "doctor", "doctor --undo", "doctor --explain gone", "rebuild v --force",
    "register .", "pin v", f"pin v {OLD}", "follow p", "shims", "use", f"use {MINOR}", "find", "which", "which --explain", "which --all", "init bash",
    "completions fish", "report", "report --merge report.json", f"mirror ../mirror {MINOR}", "cache", "cache dir", "cache clean",
    "self", "schedule", "schedule run",
]  # fmt: skip
COMMON = {"schema", "dry_run", "error"}
NO_KEYS = {
    "--all",
    "--available",
    "--outdated",
    "--remove",
    "--unused",
    "--explain",
    "--undo",
    "--merge",
    "dir",
    "clean",
}

KEYS = {name: set(quoted(keys)) - NO_KEYS for names, keys in of_head(11, "command") for name in quoted(names)}
ELEMENTS: dict[str, set[str]] = {}
for _name, _keys in of_head(11, "in"):
    ELEMENTS.setdefault(quoted(_name)[0], set()).update(
        quoted(_keys) if "of `info`" not in _keys else quoted(_keys)[:7]
    )
KEYS["info"] |= ELEMENTS["runtimes"]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What every command answers in a home with two releases of a minor, another minor, and venvs of each kind."""
    home = Home(tmp_path_factory.mktemp("design"), mirror_folder()).with_runtimes(OTHER, OLD, NEW)
    home.pyman("venv", "--without-pip", "v")
    home.pyman("venv", "--without-pip", "-p", OLD, "p")
    home.run(home.runtimes / f"{OLD}/bin/python{MINOR}", "-m", "venv", "--without-pip", "stale")
    (home.project / ".python-version").write_text(f"{MINOR}\n")
    rebuilt = {"run": "1", "folder": "/v", "path": "/v", "code": "wrong-abi", "action": "rebuild", "python": None}
    (home.root / "repairs").write_text(json.dumps({**rebuilt, "changes": []}) + "\n")
    (home.project / "report.json").write_text(home.pyman("report", "--json").out)
    planned = {command.name for command in COMMANDS if command.changes}
    return {
        line: home.json(*line.split(), *(["--dry-run"] if line.split()[0] in planned else []), status=None)
        for line in LINES
    }


def test_every_command_answers_with_the_keys_that_are_told_and_no_others(answers):
    seen: dict[str, set[str]] = {}
    for line, answer in answers.items():
        seen.setdefault(line.split()[0], set()).update(answer)
    assert set(KEYS) - set(seen) == {"run"}
    assert {name: keys - COMMON for name, keys in seen.items()} == {name: KEYS[name] for name in seen}


def elements(value, key, above=""):
    """Every object in an answer, with the row of the table that it belongs to."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield next(name for name in (f"{above}.{key}", key, "") if name in ELEMENTS or not name), key, one
            for name, inner in one.items():
                yield from elements(inner, name, key)


def test_every_element_has_the_keys_that_are_told(answers):
    seen = set()
    for answer in answers.values():
        for key, value in answer.items():
            for row, name, one in elements(value, key):
                if name not in ("error", "settings"):
                    assert row, name
                    assert set(one) <= ELEMENTS[row], name
                    seen.add(row)
    # The others take processes, packages or failures; their keys are at least words of the program.
    program = "\n".join(path.read_text() for folder in ("app", "cli") for path in (SOURCE / folder).rglob("*.py"))
    assert len(seen) > 12
    assert {key for row in set(ELEMENTS) - seen for key in ELEMENTS[row] if f'"{key}"' not in program} == set()
