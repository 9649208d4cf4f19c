"""`upgrade --try` and `[[trial]]`: what a user's command says of the new release, run for real on both."""

from __future__ import annotations

import os
import sys

import pytest

from pyman.core.trials import Trial
from pyman.effects.moves import trials
from pyman.effects.moves.move import reconcile_aliases
from pyman.effects.places import read_places
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD, SITE
from stage.somebody import SOMEBODY, as_root
from stage.venvs import write
from stage.wheels import build_wheel

NEWEST = NEW.replace(".", ", ")
BREAKS = f"import sys\nif sys.version_info >= ({NEWEST}):\n    raise RuntimeError('no such thing any more')\n"
TRAP = "open('ran', 'w')\n"
SUITE = "import eggs, sys\nassert sys.prefix != sys.base_prefix\nprint('1 passed')\n"


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD)


def project(machine, name="shop", **modules):
    """A project with a venv that follows, and these modules in it as packages."""
    folder = machine.path / name
    folder.mkdir()
    machine.pyman("venv", "--without-pip", cwd=folder)
    site = folder / f".venv/{SITE}"
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text)
        write(f"{site}/{module}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        write(f"{site}/{module}-1.0.dist-info/RECORD", f"{module}.py,,\n{module}-1.0.dist-info/METADATA,,\n")
    return folder


def upgraded(machine, *words, status=0, **environ):
    """The move of an upgrade: reasons and notes by project."""
    [move] = machine.json("upgrade", *words, status=status, **environ)["moved"]
    assert (move["from"], move["to"]) == (OLD, NEW)
    held = {os.path.basename(os.path.dirname(one["path"])): one["reason"] for one in move["held_back"]}
    notes = {os.path.basename(os.path.dirname(one["path"])): one["note"] for one in move["notes"]}
    return held, notes


def runs(folder):
    return os.path.realpath(folder / ".venv/bin/python").split("/runtimes/")[1].split("/")[0]


def script(folder, name, text):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)


def test_a_package_that_breaks_on_the_newer_release(machine):
    bad = project(machine, "bad", eggs=BREAKS, ham="")
    good = project(machine, "good", eggs="", ham="")
    held, notes = upgraded(machine, "--try", "imports")
    assert held == {"bad": f"trial: `import eggs` fails on {NEW}: RuntimeError: no such thing any more"}
    assert notes == {}
    assert (runs(bad), runs(good)) == (OLD, NEW)
    # It works where it is, and doctor does not move it.
    machine.run(bad / ".venv/bin/python", "-c", "import eggs")
    [finding] = machine.json("doctor", "--fix")["findings"]
    assert (finding["code"], finding["status"]) == ("held-back", "open")
    assert runs(bad) == OLD


def test_a_suite_that_passes_on_both(machine):
    folder = project(machine, eggs="")
    (folder / "suite.py").write_text(SUITE)
    assert upgraded(machine, "--try", "python suite.py") == ({}, {})
    assert runs(folder) == NEW


def test_a_suite_that_fails_on_the_new_one_only(machine):
    folder = project(machine, eggs=BREAKS)
    (folder / "suite.py").write_text(SUITE)
    held, _ = upgraded(machine, "--try", "python 'suite.py'")
    assert held == {"shop": f"trial: `python 'suite.py'` fails on {NEW}: RuntimeError: no such thing any more"}


def test_one_that_failed_before_is_no_reason(machine):
    folder = project(machine, eggs="")
    (folder / "suite.py").write_text("import eggs, nothing_of_that_name\n")
    held, notes = upgraded(machine, "--try", "python suite.py")
    assert held == {}
    assert notes["shop"].startswith("`python suite.py` fails on both releases: ModuleNotFoundError")
    assert runs(folder) == NEW


def test_one_that_fails_once_is_tried_again(machine):
    folder = project(machine, eggs="")
    (folder / "suite.py").write_text(
        "import os\nif not os.path.exists('once'):\n    open('once', 'w').close()\n    raise OSError\n"
    )
    assert upgraded(machine, "--try", "python suite.py") == ({}, {})
    assert (folder / "once").exists()


def test_one_that_starts_another_python(machine):
    folder = project(machine, eggs=BREAKS)
    script(folder, "tests.sh", f"exec {sys.executable} -c 'raise SystemExit(1)'\n")
    held, notes = upgraded(machine, "--try", "./tests.sh")
    assert (held, notes) == ({}, {"shop": "not tried: `./tests.sh` runs another Python"})
    assert runs(folder) == NEW


def test_one_that_installs_something_leaves_the_venv_as_it_is(machine, tmp_path):
    folder = project(machine, eggs="")
    wheel = build_wheel(str(tmp_path / "wheels"), "spam", "1.0", scripts={"spam": "spam:main"})
    machine.pyman("venv", "--clear", "--yes", cwd=folder)
    before = machine.tree(folder / ".venv/lib")
    names = sorted(os.listdir(folder / ".venv/bin"))
    script(
        folder,
        "tests.sh",
        f"set -e\npython -m pip install -q --no-index {wheel}\nspam\npython -c 'import spam, sys; print(spam.__file__)' >>where\n",
    )
    assert upgraded(machine, "--try", "./tests.sh") == ({}, {})
    assert machine.tree(folder / ".venv/lib") == before
    assert sorted(os.listdir(folder / ".venv/bin")) == names
    assert "pyman-trial-" in (folder / "where").read_text()


def test_scripts_of_the_venv_run_the_python_that_is_tried(machine):
    folder = project(machine, eggs=BREAKS)
    path = folder / ".venv/bin/check"
    path.write_text(f"#!{folder}/.venv/bin/python\nimport eggs\n")
    path.chmod(0o755)
    held, _ = upgraded(machine, "--try", "check")
    assert list(held) == ["shop"]


def test_no_trial_is_left_and_nothing_is_written_into_the_venv(machine, tmp_path):
    folder = project(machine, eggs="")
    before = machine.tree(folder / ".venv/lib")
    upgraded(machine, "--try", "imports", TMPDIR=str(tmp_path))
    assert machine.tree(folder / ".venv/lib") == before
    assert list(tmp_path.glob("pyman-trial-*")) == []


@pytest.mark.parametrize(("seconds", "reason"), [(f"60 * (sys.version_info >= ({NEWEST}))", True), ("60", False)])
def test_a_command_that_hangs(machine, monkeypatch, seconds, reason):
    folder = project(machine, eggs="")
    (folder / "hang.py").write_text(f"import sys, time\ntime.sleep({seconds})\n")
    machine.put(NEW)
    monkeypatch.setattr(trials, "TRIAL_SECONDS", 3.0)
    places = read_places(machine.environ)
    [move] = [one for one in reconcile_aliases(places, trials=(Trial("python hang.py"),)) if one.alias == MINOR]
    late = "it took longer than 3 seconds"
    if reason:
        assert [held.reason for held in move.held_back] == [f"trial: `python hang.py` fails on {NEW}: {late}"]
    else:
        assert move.notes == ((f"{folder}/.venv", f"`python hang.py` fails on both releases: {late}"),)


@as_root
def test_what_belongs_to_somebody_else_is_never_run(machine):
    folder = project(machine, eggs=BREAKS)
    for path in (folder / ".venv").rglob("*"):
        os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    os.chown(folder / ".venv", SOMEBODY, SOMEBODY)
    (folder / "touch.py").write_text("open('ran', 'w')")
    held, notes = upgraded(machine, "--try", "python touch.py", status=None)
    assert held == {}
    assert "belongs to another user" in notes["shop"]
    assert not (folder / "ran").exists()


@as_root
@pytest.mark.parametrize("where", ["the project", "a folder above", "the scripts", "the packages"])
def test_what_somebody_else_could_have_put_there_is_never_run(machine, where):
    above = machine.path / "shared"
    above.mkdir()
    folder = project(machine, "shared/shop", eggs="")
    site = folder / f".venv/{SITE}"
    place = {"the project": folder, "a folder above": above, "the scripts": folder / ".venv/bin", "the packages": site}
    os.chown(place[where], SOMEBODY, SOMEBODY)
    for module in (folder / "eggs.py", site / "eggs.py"):
        module.write_text("open('ran', 'w')")
    for command in ("imports", "python eggs.py"):
        held, notes = upgraded(machine, "--try", command)
        assert (held, notes) == ({}, {"shop": f"not tried: {place[where]} belongs to another user"})
        assert not (folder / "ran").exists()
        machine.pyman("hold", MINOR, OLD)
        machine.pyman("uninstall", NEW, "--no-search")
        machine.pyman("unhold", MINOR)


def _package(site, folder, theirs):
    (site / "eggs.py").unlink()
    write(f"{site}/eggs/__init__.py", TRAP)
    os.chown(site / "eggs", SOMEBODY, SOMEBODY)
    return site / "eggs"


def _module(site, folder, theirs):
    os.chown(site / "eggs.py", SOMEBODY, SOMEBODY)
    return site / "eggs.py"


def _pth(site, folder, theirs):
    (site / "more.pth").write_text(f"{theirs}\n")
    return theirs


def _module_of_a_pth(site, folder, theirs):
    source = folder.parent / "source"
    write(f"{source}/spam.py", TRAP)
    os.chown(source / "spam.py", SOMEBODY, SOMEBODY)
    (site / "more.pth").write_text("# mine\n../../../../../source\n")
    return source / "spam.py"


def _finder(site, folder, theirs):
    (site / "__editable___spam_1_0_finder.py").write_text(f"MAPPING: dict[str, str] = {{'spam': '{theirs}/spam'}}\n")
    return theirs


def _link(site, folder, theirs):
    (site / "spam").symlink_to(theirs / "spam")
    return theirs


def _script(site, folder, theirs):
    path = folder / ".venv/bin/check"
    path.write_text(f"#!{folder}/.venv/bin/python\n{TRAP}")
    path.chmod(0o755)
    os.chown(path, SOMEBODY, SOMEBODY)
    return path


@as_root
@pytest.mark.parametrize("put", [_package, _module, _pth, _module_of_a_pth, _finder, _link, _script])
def test_nothing_of_somebody_else_in_ones_own_venv_is_run(machine, put):
    folder = project(machine, "shop", eggs=TRAP)
    theirs = machine.path / "theirs"
    write(f"{theirs}/spam/__init__.py", TRAP)
    for path in (theirs, theirs / "spam", theirs / "spam/__init__.py"):
        os.chown(path, SOMEBODY, SOMEBODY)
    what = put(folder / f".venv/{SITE}", folder, theirs)
    for command in ("imports", "python -c 'import eggs'", "check"):
        held, notes = upgraded(machine, "--try", command)
        assert (held, notes) == ({}, {"shop": f"not tried: {what} belongs to another user"})
        assert not list(machine.path.glob("**/ran"))
        machine.pyman("hold", MINOR, OLD)
        machine.pyman("uninstall", NEW, "--no-search")
        machine.pyman("unhold", MINOR)


def test_a_package_that_all_may_write(machine):
    folder = project(machine, eggs="open('ran', 'w')")
    (folder / f".venv/{SITE}/eggs.py").chmod(0o666)
    _, notes = upgraded(machine, "--try", "imports")
    assert notes == {"shop": f"not tried: others may write to {folder}/.venv/{SITE}/eggs.py"}
    assert not (folder / "ran").exists()


@as_root
def test_what_is_not_run_may_be_of_others(machine):
    """Links to nothing, scripts that are not copied, what only lies beside the modules of a source."""
    folder = project(machine, eggs="")
    site = folder / f".venv/{SITE}"
    source = machine.path / "source"
    write(f"{source}/spam.py", "")
    write(f"{source}/data-of-others/x", "")
    os.chown(source / "data-of-others", SOMEBODY, SOMEBODY)
    (site / "more.pth").write_text(f"{source}\n{machine.path}/nowhere\n")
    (site / "gone").symlink_to(machine.path / "nowhere")
    (folder / ".venv/bin/notes").write_text("")
    os.chown(folder / ".venv/bin/notes", SOMEBODY, SOMEBODY)
    assert upgraded(machine, "--try", "python -c 'import eggs, spam'") == ({}, {})


def test_a_folder_that_all_may_write(machine):
    folder = project(machine, eggs="")
    folder.chmod(0o1777)
    assert upgraded(machine, "--try", "imports") == ({}, {"shop": f"not tried: others may write to {folder}"})


def test_imports_are_of_packages_and_not_of_the_folder(machine):
    folder = project(machine, eggs="")
    (folder / "eggs.py").write_text("open('ran', 'w')")
    (folder / "importlib.py").write_text("open('ran', 'w')")
    assert upgraded(machine, "--try", "imports") == ({}, {})
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("words", [(), ("--split-index",), ("--index-version", "4")], ids=" ".join)
def test_a_venv_that_came_with_a_clone_is_not_run(machine, words):
    origin = project(machine, "origin", eggs="open('ran', 'w')")
    (origin / ".venv/bin/python").unlink()
    (origin / ".venv/bin/python").symlink_to(f"../../../.local/share/pyman/runtimes/{MINOR}/bin/python{MINOR}")
    clone = machine.path / "clone"
    machine.run("git", "init", "-q", origin)
    machine.run("git", "-C", origin, "add", "-f", ".venv")
    author = ("-c", "user.name=x", "-c", "user.email=x@x.invalid")
    machine.run("git", "-C", origin, *author, "commit", "-q", "-m", "x")
    machine.run("git", "clone", "-q", origin, clone)
    for folder in (origin, clone) if words else ():
        machine.run("git", "-C", folder, "update-index", *words)
    # Looking at the project of the current folder makes it known.
    machine.pyman("venvs", cwd=clone)
    _, notes = upgraded(machine, "--try", "imports")
    assert notes == dict.fromkeys(("clone", "origin"), "not tried: it came with its Git repository")
    assert not list(machine.path.glob("*/ran"))


def test_a_venv_of_any_name(machine):
    folder = machine.path / "shop"
    folder.mkdir()
    machine.pyman("venv", "started", "--without-pip", cwd=folder)
    held, notes = upgraded(machine, "--try", "python -c 'raise SystemExit(1)'")
    assert (held, list(notes.values())) == (
        {},
        ["`python -c 'raise SystemExit(1)'` fails on both releases: it printed nothing"],
    )


def test_what_only_a_search_has_found_is_not_run(machine, tmp_path):
    folder = project(machine, eggs=BREAKS)
    machine.pyman("forget", folder / ".venv")
    machine.pyman("venvs", "--search", cwd=tmp_path)
    held, notes = upgraded(machine, "--try", "imports")
    assert (held, notes) == ({}, {"shop": "not tried: only a search found it"})


def test_the_settings_say_it_for_one_folder(machine):
    bad, other = project(machine, "bad", eggs=BREAKS), project(machine, "other", eggs=BREAKS)
    write(
        f"{machine.path}/.config/pyman/config.toml",
        '[[trial]]\nfolder = "~/bad"\ncommand = "python -c \'import eggs\'"\n',
    )
    held, _ = upgraded(machine)
    assert list(held) == ["bad"]
    assert (runs(bad), runs(other)) == (OLD, NEW)


def test_a_later_move_tries_it_again(machine):
    folder = project(machine, eggs=BREAKS)
    upgraded(machine, "--try", "imports")
    machine.pyman("rollback", MINOR)
    assert runs(folder) == OLD
    # Without a trial nobody knows.
    machine.pyman("unhold", MINOR)
    (folder / f".venv/{SITE}/eggs.py").write_text("")
    machine.pyman("hold", MINOR, OLD)
    write(f"{machine.path}/.config/pyman/config.toml", '[[trial]]\nfolder = "~/shop"\ncommand = "imports"\n')
    machine.pyman("unhold", MINOR)
    assert runs(folder) == NEW


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--try", "'open"], "usage"), (["--try", ""], "usage"), (["--try", "imports", "--no-check"], "usage")],
)
def test_what_cannot_be_tried(machine, words, code):
    assert machine.json("upgrade", *words, status=2)["error"]["code"] == code


@pytest.mark.parametrize(
    "text",
    ["trial = 3", "[trial]\nfolder = '/x'", "[[trial]]\nfolder = '/x'", "[[trial]]\nfolder = 'x'\ncommand = 'y'",
     "[[trial]]\nfolder = '/x'\ncommand = \"'open\"", "[[trial]]\nfolder = '/x'\ncommand = 'y'\nmore = 1"],
)  # fmt: skip
def test_settings_that_mean_nothing(machine, text):
    project(machine, eggs="")
    write(f"{machine.path}/.config/pyman/config.toml", text)
    assert machine.json("upgrade", status=1)["error"]["code"] == "bad-settings"
