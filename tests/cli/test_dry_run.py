"""`--dry-run` of every verb that changes something: it changes nothing, and says what the run then says (design.md 11)."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pyman.cli.commands import COMMANDS
from stage.home import Home, installed_once
from stage.mirror import MINOR, NEW, OLD, OTHER, OTHER_MINOR, archive_path, mirror_folder


def old(home):
    """The older release alone, with a venv that follows it."""
    home.with_runtimes(OLD)
    home.pyman("venv", "--without-pip", "v")


def two(home):
    """Both releases of a minor, and one venv that follows it."""
    home.with_runtimes(OLD, NEW)
    home.pyman("venv", "--without-pip", "v")


def unused(home):
    """Both releases, and nothing that needs the older one."""
    home.with_runtimes(OLD, NEW)


def held(home):
    """A hold at the older one."""
    two(home)
    home.pyman("hold", MINOR, OLD)


def pinned(home):
    """A venv that is pinned to the older one."""
    two(home)
    home.pyman("pin", "v", OLD, "--yes")


def minors(home):
    """Two minors."""
    home.with_runtimes(OTHER, NEW)
    home.pyman("venv", "--without-pip", "v")


def stale(home):
    """A venv that names a patch release although nothing pins it, and one that is gone."""
    two(home)
    home.run(home.runtimes / OLD / f"bin/python{MINOR}", "-m", "venv", "--without-pip", "stale")
    home.pyman("register", "stale")
    shutil.copytree(home.project / "v", home.project / "gone", symlinks=True)
    home.pyman("register", "gone")
    shutil.rmtree(home.project / "gone")


def strange(home):
    """A Python of pyenv's."""
    home.with_runtimes(NEW)
    place = home.path / f".pyenv/versions/{OTHER}"
    place.parent.mkdir(parents=True)
    subprocess.run(["cp", "-a", installed_once(OTHER), str(place)], check=True)
    for name in ("pyman-runtime.toml",):
        (place / name).unlink(missing_ok=True)


def adopted(home):
    """The same, adopted."""
    strange(home)
    home.pyman("adopt", home.path / f".pyenv/versions/{OTHER}")


def foreign_files(home):
    """A venv with something else at its top."""
    two(home)
    (home.project / "v/notes.txt").write_text("mine")


def unknown(home):
    """A venv that nobody has told of."""
    two(home)
    shutil.copytree(home.project / "v", home.path / "elsewhere/v", symlinks=True)


def scheduled(home):
    """A timer of systemd, which is a program that does nothing here."""
    two(home)
    systemctl = home.path / "tools/systemctl"
    systemctl.parent.mkdir()
    systemctl.write_text("#!/bin/sh\n")
    systemctl.chmod(0o755)
    home.environ |= {"PATH": f"{systemctl.parent}:/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{home.path}/units"}
    home.pyman("schedule", "daily", "--with", "systemd")


def chosen(home):
    two(home)
    home.pyman("use", MINOR)
    home.pyman("use", "--global", MINOR)


CASES = [
    (old, f"install {MINOR}"),
    (old, f"install {OTHER_MINOR} {MINOR}"),
    (old, f"install --default {OTHER_MINOR}"),
    (old, f"install {OLD}"),
    (old, f"install --force {OLD}"),
    (old, "install 3.99"),
    (old, "install --from {archive}"),
    (old, "upgrade"),
    (old, "upgrade --prune"),
    (two, "upgrade"),
    (two, f"hold {MINOR}"),
    (two, f"hold {MINOR} {OLD}"),
    (two, "hold 3.99"),
    (held, f"unhold {MINOR}"),
    (two, f"unhold {MINOR}"),
    (two, f"rollback {MINOR}"),
    (old, f"rollback {MINOR}"),
    (unused, "prune"),
    (pinned, "prune"),
    (unused, f"uninstall {OLD}"),
    (pinned, f"uninstall {OLD}"),
    (pinned, f"uninstall {OLD} --relink"),
    (pinned, f"uninstall {OLD} --force"),
    (held, f"uninstall {OLD} --force"),
    (minors, f"uninstall {OTHER} {NEW}"),
    (minors, f"uninstall {OTHER}"),
    (strange, f"adopt ../.pyenv/versions/{OTHER}"),
    (adopted, f"adopt ../.pyenv/versions/{OTHER}"),
    (adopted, f"forget {OTHER}"),
    (two, "forget v"),
    (two, "forget nothing"),
    (two, "venv --without-pip w"),
    (two, "venv w --pin"),
    (old, f"venv -p {OTHER_MINOR} --without-pip w"),
    (two, "venv -p 3.99 w"),
    (two, "venv v"),
    (two, "venv --clear v"),
    (two, "venvs --remove v"),
    (unknown, "register ../elsewhere"),
    (two, "pin v"),
    (two, "pin v 3.12.1"),
    (pinned, "follow v"),
    (two, f"use {OTHER_MINOR}"),
    (two, f"use --global {MINOR}"),
    (minors, f"use --global {OTHER_MINOR}"),
    (chosen, "use --unset"),
    (chosen, "use --global --unset"),
    (chosen, "local --unset"),
    (two, "use --unset"),
    (two, f"local {OTHER_MINOR}"),
    (two, f"global {OTHER_MINOR}"),
    (two, "shims"),
    (two, "shims --link"),
    (two, "report --html page.html"),
    (two, "rehash"),
    (two, f"mirror ../mirror {MINOR}"),
    (two, "cache clean"),
    (two, "self update"),
    (two, "self uninstall"),
    (minors, f"rebuild v -p {OTHER_MINOR}"),
    (two, "rebuild v"),
    (two, "rebuild v --force"),
    (scheduled, "schedule daily --with systemd"),
    (scheduled, "schedule weekly --fix --with systemd"),
    (scheduled, "schedule off"),
    (two, "schedule off"),
    (stale, "doctor --fix"),
    (stale, "doctor . --fix"),
]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, mirror_folder())


def picture(home):
    """Everything below the home but for the cache: what was looked up may be kept there."""
    tree = home.exact(home.path)
    cache = os.path.relpath(home.cache, home.path)
    return {name: what for name, what in tree.items() if name not in (".", ".cache") and not name.startswith(cache)}


def comparable(answer):
    """An answer without what a plan need not say, see design.md 11."""
    if isinstance(answer, list):
        return [comparable(one) for one in answer]
    if not isinstance(answer, dict):
        return answer
    left_out = ("dry_run", "status", "open", "fixed", "time")
    return {key: comparable(value) for key, value in answer.items() if key not in left_out}


@pytest.mark.parametrize(("world", "words"), CASES, ids=[f"{words} ({world.__name__})" for world, words in CASES])
def test_it_changes_nothing_and_says_what_the_run_says(home, world, words):
    world(home)
    command = words.format(archive=archive_path(NEW)).split(" ")
    before = picture(home)
    planned = home.json(*command, "--dry-run", status=None)
    assert picture(home) == before
    done = home.json(*command, status=None)
    assert planned["dry_run"] is True
    assert "dry_run" not in done
    assert comparable(planned) == comparable(done)


@pytest.mark.parametrize(
    ("world", "words"),
    [(two, f"pin v {OLD}"), (foreign_files, "venvs --remove v"), (foreign_files, "venv --clear v")],
)
def test_it_needs_no_yes_and_names_the_one_that_the_run_will_need(home, world, words):
    world(home)
    before = picture(home)
    told = home.pyman(*words.split(), "--dry-run")
    assert "needs confirmation" in told.out + told.err
    assert "--yes" in told.out + told.err
    planned = home.json(*words.split(), "--dry-run")
    assert picture(home) == before
    assert home.json(*words.split(), status=1)["error"]["hint"]
    done = home.json(*words.split(), "--yes")
    assert comparable(planned) == comparable(done)


def test_people_are_told_that_nothing_was_done(home):
    minors(home)
    for words in (f"uninstall {OTHER}", f"hold {MINOR}", "venv w", "prune"):
        told = home.pyman(*words.split(), "--dry-run")
        assert "would" in told.out or "nothing" in told.out, told
        assert told.err.endswith("dry run: nothing was changed\n")


def test_every_verb_that_changes_something_is_tried():
    tried = {words.split()[0] for _, words in CASES}
    assert {command.name for command in COMMANDS if command.changes} - tried == {"venvs"} - tried


@pytest.mark.parametrize("words", ["list", "info", "find", "which", "run -- true", "init bash", "completions bash"])
def test_a_verb_that_only_looks_has_none(home, words):
    home.with_runtimes(NEW)
    result = home.pyman(words.split()[0], "--dry-run", *words.split()[1:], status=None)
    assert result.status in (2, 127)
