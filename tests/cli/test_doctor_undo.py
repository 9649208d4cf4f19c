"""`doctor --undo`: every repair can be taken back, alone or with its run, and nothing that was changed since is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from cli.test_doctor import make_sick
from stage.machine import Machine
from stage.mirror import LIBRARY, MINOR, NEW, OLD, SITE
from stage.venvs import make_venv, write
from stage.wheels import install_distribution

FORTY = 40


def contents(folder):
    """What is in every file and link below a folder, and who may do what with it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path] = os.readlink(path)
        elif path.is_file():
            found[path] = (path.read_bytes(), path.stat().st_mode)
    return found


def stale(machine, *names):
    """Venvs of the older release, as of pyman."""
    python = str(machine.python(OLD))
    venvs = [make_venv(f"{machine.path}/{name}/.venv", python, extra=f"version = {OLD}\n") for name in names]
    machine.pyman("register", *venvs)
    return venvs


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path, OLD, NEW)


# What cannot be taken back, and why.
STAYS = {"copied-binary": "the old copy was not kept", "gone": ""}


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    """The venvs of doctor's own table, repaired and taken back."""
    machine = Machine(tmp_path_factory.mktemp("undo"), OLD, NEW)
    make_sick(machine)
    script = write(f"{machine.path}/sick/modes/.venv/bin/spam", "#!/bin/sh\n", 0o644)
    site = f"{machine.path}/sick/modes/.venv/{SITE}"
    make_venv(f"{machine.path}/sick/modes/.venv", str(machine.python()), extra=f"version = {MINOR}\n")
    install_distribution(site, "spam", "1.0", scripts={"spam": "spam:main"})
    os.chmod(script, 0o644)
    machine.pyman("register", machine.path / "sick")
    shutil.rmtree(machine.path / "sick/gone/.venv")
    before = contents(machine.path / "sick")
    fixed = machine.json("doctor", "--fix", status=1)
    machine.fixed = {one["path"]: one["code"] for one in fixed["findings"] if one["status"] == "fixed"}
    machine.repaired = contents(machine.path / "sick")
    machine.planned = machine.json("doctor", "--undo", "--dry-run", status=1)
    assert contents(machine.path / "sick") == machine.repaired
    machine.undone = machine.json("doctor", "--undo", status=1)
    machine.before, machine.after = before, contents(machine.path / "sick")
    return machine


def test_what_was_repaired_is_as_before(sick):
    assert len(sick.fixed) > 10
    kept = [path for path, code in sick.fixed.items() if code in STAYS]
    changed = sorted(path for path, code in sick.fixed.items() if code not in STAYS)
    assert sorted(sick.undone["changed"]) == changed
    assert sick.repaired != sick.before
    for path, what in sick.before.items():
        if not any(str(path).startswith(f"{one}/") for one in kept):
            assert sick.after[path] == what, path
    assert {path for path in sick.after if path not in sick.before and path.suffix != ".pyc"} == set()


def test_what_cannot_be_taken_back_is_said(sick):
    assert [(os.path.basename(os.path.dirname(one["path"])), one["reason"]) for one in sick.undone["left"]] == [
        ("copied-binary", f"its interpreter was copied again, and {STAYS['copied-binary']}")
    ]


def test_a_dry_run_says_the_same(sick):
    assert sick.planned == {**sick.undone, "dry_run": True}


def test_the_last_run_then_the_one_before(machine):
    first, second = stale(machine, "a", "b")
    machine.pyman("doctor", first, "--fix")
    machine.pyman("doctor", second, "--fix")
    assert machine.json("doctor", "--undo")["changed"] == [second]
    assert machine.json("doctor", "--undo")["changed"] == [first]
    refused = machine.json("doctor", "--undo", status=1)["error"]
    assert (refused["code"], refused["message"]) == ("not-found", "there is no repair to undo")
    assert os.readlink(f"{first}/bin/python") == os.readlink(f"{second}/bin/python") == str(machine.python(OLD))


def test_one_of_a_run_alone(machine):
    first, second, third = stale(machine, "a", "b", "c")
    machine.pyman("doctor", "--fix")
    said = machine.pyman("doctor", "--undo", second)
    assert said.out == f"undid the repair of ~/b/.venv: stale-patch; it runs Python {OLD} again\n"
    assert os.readlink(f"{second}/bin/python") == str(machine.python(OLD))
    assert machine.json("doctor", "--undo", f"{machine.path}/a")["changed"] == [first]
    assert machine.json("doctor", "--undo")["changed"] == [third]


def test_forty_venvs_at_once(machine):
    venvs = stale(machine, *(f"{number:02}" for number in range(FORTY)))
    before = contents(machine.path / "00")
    machine.pyman("doctor", "--fix")
    assert contents(machine.path / "00") != before
    said = machine.pyman("doctor", "--undo").out.splitlines()
    assert said[-1] == "40 venvs restored"
    assert {os.readlink(f"{venv}/bin/python") for venv in venvs} == {str(machine.python(OLD))}
    assert contents(machine.path / "00") == before


@pytest.mark.parametrize("changed", ["link", "line", "gone", "another"])
def test_a_venv_that_was_changed_since_is_left(machine, changed):
    first, second = stale(machine, "a", "b")
    machine.pyman("doctor", "--fix")
    if changed == "link":
        os.unlink(f"{first}/bin/python")
        os.symlink("/usr/bin/python3", f"{first}/bin/python")
        why = "bin/python was changed since it was repaired on "
    elif changed == "line":
        with open(f"{first}/pyvenv.cfg", "a") as file:
            file.write("prompt = mine\n")
        why = "pyvenv.cfg was changed since it was repaired on "
    elif changed == "gone":
        shutil.rmtree(first)
        why = "it does not exist"
    else:
        shutil.rmtree(first)
        machine.pyman("venv", first, "--without-pip")
        why = "pyvenv.cfg was changed since it was repaired on "
    before = contents(machine.path / "a")
    answer = machine.json("doctor", "--undo", status=1)
    assert answer["changed"] == [second]
    assert [one["path"] for one in answer["left"]] == [first]
    assert answer["left"][0]["reason"].startswith(why)
    assert contents(machine.path / "a") == before
    # It is not forgotten, and nothing older is taken in its place.
    assert machine.json("doctor", "--undo", status=1)["left"] == answer["left"]


def test_not_to_a_release_that_was_removed(machine):
    [venv] = stale(machine, "a")
    machine.pyman("doctor", "--fix")
    machine.pyman("uninstall", OLD)
    answer = machine.json("doctor", "--undo", status=1)
    assert answer["changed"] == []
    assert answer["left"] == [
        {"path": venv, "reason": f"it would go back to {machine.python(OLD)}, which no longer exists"}
    ]
    assert os.readlink(f"{venv}/bin/python") == str(machine.python())


def test_a_rebuild_is_not_taken_back_and_that_is_said(machine):
    venv = make_venv(f"{machine.path}/a/.venv", str(machine.python()), library="python3.12")
    machine.pyman("register", venv)
    machine.pyman("doctor", "--fix", "--yes")
    answer = machine.json("doctor", "--undo", venv, status=1)
    command = f"`pyman rebuild {venv} -p {MINOR}`"
    reason = f"it was recreated, and the old one was not kept; {command} recreates it for {MINOR}"
    assert (answer["changed"], answer["left"]) == ([], [{"path": venv, "reason": reason}])
    assert answer["error"]["message"] == f"{venv.replace(str(machine.path), '~')} was not changed: {reason}"


def test_an_alias_is_not_moved_back_and_that_is_said(machine):
    machine.alias(MINOR, OLD)
    machine.pyman("doctor", "--fix")
    answer = machine.json("doctor", "--undo", status=1)
    reason = "`pyman rollback` and `pyman hold` move an alias back"
    assert answer["left"] == [{"path": str(machine.runtimes / MINOR), "reason": reason}]


def test_what_the_owner_remembers_goes_back_too(machine):
    folder = f"{machine.path}/.local/share/pipx/venvs/spam"
    old = machine.python(OLD)
    make_venv(folder, str(old), extra=f"version = {OLD}\n")
    metadata = {"python_version": f"Python {OLD}", "source_interpreter": {"__Path__": str(old), "__type__": "Path"}}
    write(f"{folder}/pipx_metadata.json", json.dumps(metadata))
    poetry = f"{machine.path}/.cache/pypoetry/virtualenvs/demo-AbCd1234-py{MINOR}"
    make_venv(poetry, str(old), extra=f"version = {OLD}\n")
    envs = write(
        f"{os.path.dirname(poetry)}/envs.toml",
        f'[demo-AbCd1234]\nminor = "{MINOR}"\npatch = "{OLD}"\n\n[other]\npatch = "1"\n',
    )
    before = contents(machine.path)
    fixed = machine.json("doctor", "--fix", "--foreign", status=None)
    assert {one["path"] for one in fixed["findings"] if one["status"] == "fixed"} == {folder, poetry}
    with open(envs) as file:
        assert OLD not in file.read()
    assert sorted(machine.json("doctor", "--undo")["changed"]) == sorted([folder, poetry])
    for path in (folder, os.path.dirname(poetry)):
        for name, what in before.items():
            if str(name).startswith(f"{path}/"):
                assert contents(machine.path)[name] == what, name


def test_two_repairs_of_one_venv_are_taken_back_together(machine):
    """Stale and moved."""
    venv = make_venv(
        f"{machine.path}/a/.venv", str(machine.python(OLD)), extra=f"version = {OLD}\n", activate="/elsewhere/.venv"
    )
    machine.pyman("register", venv)
    before = contents(machine.path / "a")
    fixed = machine.json("doctor", "--fix", status=None)["findings"]
    assert {one["code"] for one in fixed if one["status"] == "fixed"} == {"stale-patch", "moved"}
    assert machine.json("doctor", "--undo")["changed"] == [venv]
    assert contents(machine.path / "a") == before


def test_bytecode_of_what_is_rewritten_goes(machine):
    """Python would take it for up to date: same size, same second."""
    venv = machine.venv("before")
    (machine.path / "before/src").mkdir()
    finder = venv / SITE / "__editable___shop_1_finder.py"
    finder.write_text(f"MAPPING = {{'shop': '{machine.path}/before/src/shop'}}\n")
    os.rename(machine.path / "before", machine.path / "behind")
    os.makedirs(machine.path / "behind/src/shop")
    venv = machine.path / "behind/.venv"
    finder = venv / SITE / finder.name
    machine.pyman("doctor", venv, "--fix")
    assert "behind" in finder.read_text()
    machine.run(venv / "bin/python", "-c", "import __editable___shop_1_finder")
    assert list((venv / SITE / "__pycache__").glob("__editable__*"))
    machine.pyman("doctor", venv, "--undo")
    assert "before" in finder.read_text()
    assert not list((venv / SITE / "__pycache__").glob("__editable__*"))


def test_fix_and_undo_are_two_things(machine):
    assert machine.json("doctor", "--undo", "--fix", status=2)["error"]["code"] == "usage"


# The file that tells of repairs, in the hands of others.


@pytest.mark.parametrize("what", ["link", "others", "folder", "fifo"])
def test_a_file_that_is_not_the_users_own_is_refused(machine, what):
    [venv] = stale(machine, "a")
    path = f"{machine.root}/repairs"
    if what == "link":
        os.symlink(write(f"{machine.path}/mine", "precious\n"), path)
    elif what == "others":
        os.chmod(write(path), 0o666)
    elif what == "folder":
        os.mkdir(path)
    else:
        os.mkfifo(path)
    for words in (("doctor", "--fix"), ("doctor", "--undo")):
        refused = machine.json(*words, status=None)["error"]
        assert refused["code"] == "unsafe-folder", refused
        assert path in refused["message"]
        assert path in refused["hint"]
    assert os.readlink(f"{venv}/bin/python") == str(machine.python(OLD))
    if what == "link":
        assert (machine.path / "mine").read_text() == "precious\n"


def test_lines_that_pyman_does_not_write_are_passed_over(machine):
    [venv] = stale(machine, "a")
    victim = write(f"{machine.path}/victim", "mine\n")
    machine.pyman("doctor", "--fix")
    path = machine.root / "repairs"
    line = json.loads(path.read_text())
    line["run"] = "29991231T000000Z-1-00000000"
    outside = [
        {**line, "changes": [{**line["changes"][0], "path": name}]}
        for name in ("../../victim", victim, "bin/../../../victim", "", ".", "bin/pyth\0on")
    ]
    bad = [*outside, {**line, "folder": "a/.venv"}, {**line, "changes": 3}, {**line, "python": 3}, [], None]
    text = "".join(f"{json.dumps(one)}\n" for one in bad)
    path.write_bytes(b'{"run": "cut off\n' + path.read_bytes() + text.encode() + b"\xff\xfe\x00\n" + b"[" * 5000)
    assert machine.json("doctor", "--undo")["changed"] == [venv]
    assert os.readlink(f"{venv}/bin/python") == str(machine.python(OLD))
    with open(victim) as file:
        assert file.read() == "mine\n"


def test_a_line_goes_on_after_one_that_was_cut_off(machine):
    [venv] = stale(machine, "a")
    (machine.root / "repairs").write_text('{"run": "2026')
    machine.pyman("doctor", "--fix")
    assert machine.json("doctor", "--undo")["changed"] == [venv]


def test_a_repair_that_failed_is_not_written_down(machine):
    """The release that the venv would be linked to does not start."""
    [venv] = stale(machine, "a")
    broken = machine.runtimes / NEW / f"{LIBRARY}/encodings/__init__.py"
    broken.unlink()
    broken.write_text("raise SystemExit(3)\n")
    before = contents(machine.path / "a")
    answer = machine.json("doctor", venv, "--fix", status=1)
    assert [one["status"] for one in answer["findings"] if one["code"] == "stale-patch"] == ["failed"]
    assert contents(machine.path / "a") == before
    assert (machine.root / "repairs").read_text() == ""


# Cut off in the middle.


def test_whatever_a_kill_leaves_is_taken_back(machine):
    """A repair writes down first what it does: each of its files and links is as before or as after."""
    [venv] = stale(machine, "a")
    before = contents(machine.path / "a")
    machine.pyman("doctor", "--fix")
    after = contents(machine.path / "a")
    told = (machine.root / "repairs").read_bytes()
    changed = [path for path in after if after[path] != before[path]]
    assert len(changed) == 2
    for path in changed:
        (machine.root / "repairs").write_bytes(told)
        shutil.rmtree(machine.path / "a")
        for other in before:
            other.parent.mkdir(parents=True, exist_ok=True)
            what = before[other] if other == path else after[other]
            if isinstance(what, str):
                other.symlink_to(what)
            else:
                write(str(other), *what)
        os.makedirs(f"{venv}/{SITE}")
        assert machine.json("doctor", "--undo")["changed"] == [venv]
        assert contents(machine.path / "a") == before


def test_a_killed_undo_goes_on(machine):
    """Those that are back already are passed over, and the run is still the last one."""
    venvs = stale(machine, "a", "b", "c")
    machine.pyman("doctor", "--fix")
    told = (machine.root / "repairs").read_bytes()
    machine.pyman("doctor", "--undo", venvs[0])
    (machine.root / "repairs").write_bytes(told)
    assert machine.json("doctor", "--undo")["changed"] == venvs[1:]
    assert (machine.root / "repairs").read_text() == ""


# It does not grow for ever.


def test_the_oldest_runs_go(machine):
    [venv] = stale(machine, "a")
    filler = [
        {"run": f"20260101T{number:06}Z-1-0", "folder": f"/nowhere/{number}", "path": f"/nowhere/{number}", "code": "x",
         "action": "rebuild", "python": "x" * 1000, "changes": []}
        for number in range(1200)
    ]  # fmt: skip
    path = machine.root / "repairs"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in filler))
    other = machine.path / "linked"
    os.link(path, other)
    assert path.stat().st_size > 1 << 20
    machine.pyman("doctor", "--fix")
    lines = path.read_text().splitlines()
    assert path.stat().st_size < 1 << 20
    assert json.loads(lines[0])["folder"] != "/nowhere/0"
    assert [json.loads(line)["folder"] for line in lines[-2:]] == ["/nowhere/1199", venv]
    assert len(other.read_text().splitlines()) == 1200  # Another name of the old file is another file.


def test_a_store_that_cannot_be_written_repairs_all_the_same(machine):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    [venv] = stale(machine, "a")
    os.chmod(machine.root, 0o555)
    try:
        machine.pyman("doctor", venv, "--fix", status=None)
    finally:
        os.chmod(machine.root, 0o755)
    assert os.readlink(f"{venv}/bin/python") == str(machine.python())
    assert subprocess.run([f"{venv}/bin/python", "-c", ""], check=False).returncode == 0
