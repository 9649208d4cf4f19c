"""`.pth` files that macOS has hidden, which Python then does not read (`hidden-pth`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from stage.followers import make_venv
from stage.mirror import OLD, SITE

# What a Mac is to the one module that looks: files with these numbers have the flag.
STARTER = """
import sys, types
from pyman.effects.venvs import scripts_and_modules
from pyman.__main__ import main

hidden = set(map(int, sys.argv.pop(1).split(",")))
scripts_and_modules.sys = types.SimpleNamespace(platform="darwin")
scripts_and_modules._flags = lambda path: 0x8000 * (scripts_and_modules.os.lstat(path).st_ino in hidden)
sys.exit(main())
"""


@pytest.fixture
def venv(home):
    home.with_runtimes(OLD)
    return make_venv(home, "pyman", "v")


def doctor(home, hidden, *words):
    done = subprocess.run(
        [sys.executable, "-c", STARTER, ",".join(map(str, hidden)), "doctor", home.project, "--json", *words],
        env=home.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    findings = json.loads(done.stdout)["findings"]
    return [(one["code"], one["status"], one["message"]) for one in findings if one["code"] == "hidden-pth"]


def test_it_is_found_and_replaced_by_a_file_that_is_not_hidden(home, venv):
    [packages] = venv.glob(SITE)
    (packages / "editable.pth").write_text(f"{home.project}/src\n")
    (packages / "other.pth").write_text("import os\n")
    os.link(packages / "other.pth", home.path / "another-name")
    hidden = [(packages / name).stat().st_ino for name in ("editable.pth", "other.pth")]
    assert doctor(home, [hidden[0]]) == [("hidden-pth", "open", "editable.pth is hidden, so Python ignores it")]
    [(_, _, message)] = doctor(home, hidden)
    assert message.startswith("editable.pth and 1 more are hidden")
    assert [(code, status) for code, status, _ in doctor(home, hidden, "--fix")] == [("hidden-pth", "fixed")]
    assert (packages / "editable.pth").read_text() == f"{home.project}/src\n"
    assert doctor(home, hidden) == []
    # A file with a second name elsewhere is not written into.
    assert (home.path / "another-name").stat().st_ino == hidden[1] != (packages / "other.pth").stat().st_ino


def test_nothing_is_said_of_files_that_are_to_be_seen(home, venv):
    assert doctor(home, [0]) == []
