"""doctor as users and programs meet it: every code about venvs, statuses, exit statuses, words, dry runs, questions."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys

import pytest

from stage.disks import as_on_a_disk
from stage.machine import Machine
from stage.mirror import ABI, MINOR, NEW, OLD, OTHER, OTHER_MINOR, SITE
from stage.venvs import make_prefix, make_venv, write
from stage.wheels import install_distribution

KEYS = ["code", "severity", "kind", "path", "message", "repair", "status"]
THROUGH = f"relink to {MINOR}, which is {NEW}"

# What is wrong, how bad that is, what `--fix` would do, and what becomes of it without a yes.
TABLE = {
    "held-back": ("info", None, "open"),
    "held-back-no-more": ("info", f"it fits now: {THROUGH}", "fixed"),
    "unreadable": ("warning", None, "open"),
    "minor-mismatch": ("error", f"rebuild it for {MINOR}", "open"),
    "minor-mismatch-relinked": ("error", THROUGH, "fixed"),
    "dangling": ("error", THROUGH, "fixed"),
    "dangling-other-minor": ("error", "install 3.12 and relink to it", "open"),
    "mixed": ("error", THROUGH, "fixed"),
    "nested": ("warning", "relink to its base", "fixed"),
    "no-stdlib": ("error", THROUGH, "fixed"),
    "copied-binary": ("warning", "refresh the copy", "fixed"),
    "incompatible": ("error", f"hold it back on {OLD}", "fixed"),
    "stale-patch": ("warning", THROUGH, "fixed"),
    "unfollowed": ("warning", THROUGH, "fixed"),
    "pinned": ("info", None, "open"),
    "wrong-abi": ("warning", f"rebuild it for {MINOR}", "open"),
    "moved": ("error", "rewrite its scripts", "fixed"),
    "stale-metadata": ("warning", "rewrite that line", "fixed"),
    "gone": ("info", "forget it", "fixed"),
}
AFTER_A_YES = ("minor-mismatch", "dangling-other-minor", "wrong-abi")
ENDINGS = ("-no-more", "-relinked", "-other-minor")


def code_of(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def make_sick(machine: Machine) -> None:
    """One venv for each line of the table, in a folder of that name."""
    runtimes, library = machine.runtimes, SITE
    old, new = f"{runtimes}/{OLD}/bin/python{MINOR}", f"{runtimes}/{NEW}/bin/python{MINOR}"
    alias = f"{runtimes}/{MINOR}/bin/python{MINOR}"
    places = {name: f"{machine.path}/sick/{name}/.venv" for name in TABLE}
    follows = f"version = {MINOR}\npyman-request = {MINOR}\npyman-policy = follow\n"

    held = f"version = {OLD}\npyman-request = {MINOR}\npyman-policy = follow\npyman-held-back = {OLD} eggs needs it\n"
    make_venv(places["held-back"], old, extra=held)
    install_distribution(f"{places['held-back']}/{library}", "eggs", "1.0", requires_python=f"<{NEW}")
    make_venv(places["held-back-no-more"], old, extra=held)
    make_venv(places["unreadable"], alias)
    os.unlink(f"{places['unreadable']}/pyvenv.cfg")
    os.mkfifo(f"{places['unreadable']}/pyvenv.cfg")
    make_venv(places["minor-mismatch"], alias, library="python3.12")
    make_venv(
        places["minor-mismatch-relinked"],
        make_prefix(f"{machine.path}/{OTHER_MINOR}.9", f"{OTHER_MINOR}.9") + f"/bin/python{OTHER_MINOR}",
        library=f"python{MINOR}",
    )
    make_venv(places["dangling"], f"{machine.path}/gone/{OLD}/bin/python{MINOR}")
    make_venv(places["dangling-other-minor"], f"{machine.path}/gone/3.12.1/bin/python3.12")
    make_venv(places["mixed"], alias, home=f"{runtimes}/{OLD}/bin")
    outer = make_venv(f"{machine.path}/outer", alias, extra=f"version = {MINOR}\n")
    make_venv(places["nested"], f"{outer}/bin/python", extra=f"version = {MINOR}\n")
    bare = f"{machine.path}/bare/{OLD}"
    os.makedirs(f"{bare}/bin")
    os.link(old, f"{bare}/bin/python{MINOR}")
    make_venv(places["no-stdlib"], f"{bare}/bin/python{MINOR}")
    make_venv(places["copied-binary"], alias, extra=f"version = {MINOR}\n")
    os.unlink(f"{places['copied-binary']}/bin/python")
    shutil.copy(old, f"{places['copied-binary']}/bin/python")
    make_venv(places["incompatible"], alias, extra=follows)
    install_distribution(f"{places['incompatible']}/{library}", "eggs", "1.0", requires_python=f"<{NEW}")
    make_venv(places["stale-patch"], old, extra=f"version = {OLD}\n")
    make_venv(places["unfollowed"], new, extra=f"version = {NEW}\n")
    make_venv(places["pinned"], old, extra=f"version = {OLD}\npyman-request = {OLD}\npyman-policy = pin\n")
    make_venv(places["wrong-abi"], alias, extra=f"version_info = {MINOR}.0.candidate.1\n")
    write(f"{places['wrong-abi']}/{library}/fast.{ABI}.so", b"\x7fELF")
    make_venv(places["moved"], alias, activate=f"{machine.path}/elsewhere/.venv")
    make_venv(places["stale-metadata"], alias, extra=f"version = {OLD}\n")
    make_venv(places["gone"], alias)


@pytest.fixture(scope="module")
def sick(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("sick"), OLD, NEW)
    make_sick(machine)
    machine.pyman("register", machine.path / "sick")
    shutil.rmtree(machine.path / "sick/gone/.venv")
    machine.told = machine.json("doctor", status=1)
    before = machine.exact(machine.path)
    machine.planned = machine.json("doctor", "--dry-run", status=1)
    # What was looked at is kept in the cache.
    machine.changed_by_dry_run = {
        name
        for name, what in machine.exact(machine.path).items()
        if before.get(name) != what and not name.startswith(".cache/pyman")
    }
    machine.fixed = machine.json("doctor", "--fix", status=1)
    machine.again = machine.json("doctor", "--fix", status=1)
    return machine


def findings_of(answer, name):
    return [one for one in answer["findings"] if f"/sick/{name}/" in one["path"]]


@pytest.mark.parametrize("name", TABLE)
def test_a_finding_and_what_becomes_of_it(sick, name):
    severity, repair, status = TABLE[name]
    (told,) = [one for one in findings_of(sick.told, name) if one["code"] == code_of(name)]
    assert list(told) == KEYS
    expected = repair.format(runtimes=sick.runtimes) if repair is not None else None
    assert (told["severity"], told["kind"], told["repair"], told["status"]) == (severity, "venv", expected, "open")
    assert told["message"]
    assert not told["message"].endswith(".")
    (planned,) = [one for one in findings_of(sick.planned, name) if one["code"] == code_of(name)]
    assert planned["status"] == ("planned" if status == "fixed" or name in AFTER_A_YES else "open")
    (fixed,) = [one for one in findings_of(sick.fixed, name) if one["code"] == code_of(name)]
    assert fixed["status"] == status, fixed


def test_what_is_fixed_is_healthy_and_stays_so(sick):
    left = {code_of(name) for name in TABLE if TABLE[name][2] == "open"} | {"held-back"}
    assert {one["code"] for one in sick.again["findings"]} == left
    assert {one["status"] for one in sick.again["findings"]} == {"open"}
    assert sick.again["summary"]["fixed"] == 0


def test_a_venv_has_one_finding_about_its_interpreter(sick):
    about_files = {"moved", "stale-metadata", "unreadable"}
    for name in TABLE:
        codes = [one["code"] for one in findings_of(sick.told, name)]
        assert len([code for code in codes if code not in about_files]) <= 1, codes
        assert len(set(codes)) == len(codes)


def test_the_summary_counts(sick):
    for answer in (sick.told, sick.planned, sick.fixed):
        still = [one for one in answer["findings"] if one["status"] != "fixed"]
        assert answer["summary"] == {
            "checked": len(TABLE) - 1,
            "open": sum(one["severity"] != "info" for one in still),
            "fixed": len(answer["findings"]) - len(still),
            "ignored": 0,
            "unreachable": 0,
            "unsearched": 1,
        }
    assert sick.fixed["summary"]["fixed"] == sum(status == "fixed" for *_, status in TABLE.values())


def test_a_dry_run_changes_nothing(sick):
    assert sick.changed_by_dry_run == set()


def test_a_dry_run_does_not_even_take_note_of_a_venv(tmp_path):
    machine = Machine(tmp_path, NEW)
    make_venv(f"{machine.path}/new/.venv", f"{machine.path}/gone/{OLD}/bin/python{MINOR}")
    before = machine.exact(machine.root)
    answer = machine.json("doctor", machine.path, "--fix", "--dry-run", status=1)
    assert [one["status"] for one in answer["findings"]] == ["planned"]
    assert machine.exact(machine.root) == before


def test_what_a_person_reads(sick, tmp_path):
    machine = Machine(tmp_path, OLD, NEW)
    assert machine.pyman("doctor").out == "no venvs found; no other problems\n"
    for name in ("one", "two"):
        make_venv(
            f"{machine.path}/{name}/.venv",
            f"{machine.runtimes}/{MINOR}/bin/python{MINOR}",
            extra=f"version = {MINOR}\n",
        )
    machine.pyman("register", machine.path)
    assert machine.pyman("doctor").out == "2 venvs checked: all healthy\n"
    make_venv(f"{machine.path}/old/.venv", str(machine.python(OLD)))
    make_venv(f"{machine.path}/lost/.venv", f"{machine.path}/gone/{OLD}/bin/python{MINOR}")
    told = machine.pyman("doctor", machine.path, status=1)
    head, worst, less, summary = told.out.splitlines()
    assert head.split() == ["Where", "Python", "State", "Repair", "Why"]
    assert worst.startswith("~/lost/.venv ")
    assert "error dangling" in worst
    assert worst.endswith(f"home is ~/gone/{OLD}/bin, which does not exist")
    assert less.startswith(f"~/old/.venv   {OLD}")
    assert f"relink to {MINOR} " in less
    assert summary == "2 of 4 venvs need attention"
    assert "--fix" in told.err
    fixed = machine.pyman("doctor", "--fix").out
    assert fixed.endswith("2 repaired; 4 venvs healthy\n")
    assert "fixed dangling" in fixed


def test_a_table_on_a_narrow_terminal(tmp_path):
    """One line a venv as long as its path fits, the cause once for all that have it, and never more than there is room."""
    machine = Machine(tmp_path, OLD, NEW)
    for number in range(20):
        make_venv(f"{machine.path}/p{number}/.venv", str(machine.python(OLD)))
    long = "a folder whose name somebody made long/because it says what is in it/and another one"
    make_venv(f"{machine.path}/{long}/.venv", str(machine.python(OLD)))
    machine.pyman("register", machine.path)
    status, text = on_terminal(machine, 100, "doctor")
    lines = text.splitlines()
    assert status == 1
    assert max(map(len, lines)) <= 100
    assert sum(f"points at {NEW}" in line and f"linked directly to {OLD}" in line for line in lines) == 1
    assert "; and 9 more, which `-v` shows" in " ".join(text.split())
    assert len(lines) < 22
    assert lines[1].rstrip().endswith(f"relink to {MINOR}")


def on_terminal(machine, columns, *words, answers=()):
    """pyman on a terminal of its own; returns its status and what stood there, without colours."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(machine.project)
        environ = {**machine.environ, "COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "xterm"}
        os.execve(sys.executable, [sys.executable, "-m", "pyman", *map(str, words)], environ)
    text = b""
    waiting = list(answers)
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
        if waiting and text.rstrip().endswith(b"[y/N]:"):
            os.write(terminal, waiting.pop(0).encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.decode()).replace("\r", "")


def test_what_asks_is_done_after_a_yes(tmp_path):
    """A minor that is missing is offered, on a terminal; programs say `--yes`."""
    machine = Machine(tmp_path, NEW)
    make_venv(f"{machine.path}/a/.venv", f"{machine.path}/gone/{OTHER_MINOR}.1/bin/python{OTHER_MINOR}")
    machine.pyman("register", machine.path)
    expected = {"a/.venv": ["dangling open"]}
    assert machine.found("--fix", status=1) == expected
    # A dry run needs no yes, and says that the run will need one.
    assert machine.found("--dry-run", status=1) == {"a/.venv": ["dangling planned"]}
    assert "need confirmation: `pyman doctor --fix --yes`" in machine.pyman("doctor", "--dry-run", status=1).err
    status, text = on_terminal(machine, 200, "doctor", "--fix", answers=["n"])
    assert status == 1
    # The terminal may show the answer before the program has asked for it to the end.
    assert re.search(rf"install {re.escape(OTHER_MINOR)} and relink to it\? \[y/N\]:\s*n", text), text
    assert not (machine.runtimes / OTHER_MINOR).exists()
    status, text = on_terminal(machine, 200, "doctor", "--fix", answers=["y"])
    assert status == 0, text
    assert "1 repaired; 1 venv healthy" in text
    assert (
        machine.run(machine.path / "a/.venv/bin/python", "-c", "import platform; print(platform.python_version())")
        == OTHER
    )
    assert machine.found("--fix", status=0) == {}


def test_yes_on_the_command_line(tmp_path):
    machine = Machine(tmp_path, NEW)
    make_venv(f"{machine.path}/a/.venv", f"{machine.path}/gone/{OTHER_MINOR}.1/bin/python{OTHER_MINOR}")
    machine.pyman("register", machine.path)
    assert "`pyman doctor --fix` repairs" in machine.pyman("doctor", status=1).err
    told = machine.pyman("doctor", "--fix", status=1).err
    assert "some repairs need confirmation: `pyman doctor --fix --yes`" in told
    assert "`pyman doctor --fix` repairs" not in told
    assert machine.found("--fix", "--yes", "--offline", status=0) == {"a/.venv": ["dangling fixed"]}


def test_only_below_the_folders_that_are_named(tmp_path):
    machine = Machine(tmp_path, OLD, NEW)
    for name in ("a/deep/down", "b"):
        make_venv(f"{machine.path}/{name}/.venv", str(machine.python(OLD)))
    machine.alias("3", "nowhere")  # a fault of the store is not what is asked for
    assert machine.found(machine.path / "a", "--fix", status=0) == {"a/deep/down/.venv": ["stale-patch fixed"]}
    assert machine.found(machine.path / "b", status=1) == {"b/.venv": ["stale-patch open"]}
    assert "alias-dangling" in str(machine.found(status=1))


@pytest.mark.parametrize("words", [("nowhere",), ("--no-such-option",), ("/dev/null/x",)])
def test_it_could_not_look(tmp_path, words):
    machine = Machine(tmp_path)
    result = machine.pyman("doctor", *words, status=2)
    assert result.out == ""
    assert machine.json("doctor", *words, status=2)["error"]["message"]


def test_a_store_that_others_may_write_cannot_be_looked_at(tmp_path):
    machine = Machine(tmp_path, NEW)
    machine.root.chmod(0o777)
    answer = machine.json("doctor", status=2)
    assert answer["error"]["code"] == "unsafe-folder"


def test_a_record_whose_venv_is_gone_is_forgotten_and_one_whose_disk_is_away_is_kept(tmp_path):
    machine = Machine(tmp_path, NEW)
    for name in ("gone", "disk/unmounted", "emptied"):
        make_venv(f"{machine.path}/{name}/.venv", str(machine.python()), extra=f"version = {MINOR}\n")
    os.symlink(f"{machine.path}/disk/unmounted/.venv", f"{machine.path}/pointer")
    machine.pyman("register", machine.path, machine.path / "pointer")
    (machine.path / "disk").rename(machine.path / ".away")
    as_on_a_disk(machine.root, machine.path / "disk/unmounted/.venv")
    shutil.rmtree(machine.path / "gone/.venv")
    (machine.path / "emptied/.venv/pyvenv.cfg").unlink()
    gone = {"gone/.venv", "emptied/.venv"}
    away = {place: ["unreachable open"] for place in ("disk/unmounted/.venv", "pointer")}
    assert machine.found(status=0) == {place: ["gone open"] for place in gone} | away
    assert machine.found("--fix", status=0) == {place: ["gone fixed"] for place in gone} | away
    told = machine.pyman("doctor", "--fix", status=0)
    assert told.out.splitlines()[-1] == "2 venvs cannot be reached"
    assert "`pyman forget" in told.out
    assert machine.json("doctor")["summary"]["unreachable"] == 2
    assert len(list((machine.root / "venvs").iterdir())) == 2
    assert "cannot be reached" in machine.pyman("venvs").err
    (machine.path / ".away").rename(machine.path / "disk")
    assert machine.json("doctor", status=0)["summary"]["checked"] == 1


@pytest.mark.parametrize("how", ["link", "file"])
def test_a_venv_that_lies_elsewhere_is_mended_where_it_is(tmp_path, how):
    machine = Machine(tmp_path, OLD, NEW)
    real = machine.venv("envs/shop", machine.python(OLD))
    machine.give(real)
    pointer = machine.project / ".venv"
    if how == "link":
        pointer.symlink_to(real)
    else:
        pointer.write_text(f"{real}\n")
    # What only a project's file names, outside of the project, is shown; nobody is told of it by looking.
    before = machine.exact(real)
    assert machine.found(pointer, "--fix", status=1) == {"project/.venv": ["stale-patch open"]}
    (told,) = machine.json("doctor", "--fix", status=1)["findings"]
    assert f"`pyman doctor {real} --fix`" in told["repair"]
    assert machine.exact(real) == before
    assert os.listdir(machine.root / "venvs") == []
    machine.pyman("register", pointer)
    assert machine.found(pointer, "--fix", status=0) == {"project/.venv": ["stale-patch fixed"]}
    machine.works(real)
    assert pointer.is_symlink() == (how == "link")
    assert [one["path"] for one in machine.json("venvs", pointer)["venvs"]] == [str(pointer)]
    # Known by both names, it is one venv.
    machine.pyman("register", real)
    assert [one["path"] for one in machine.json("venvs")["venvs"]] == [str(real)]


def test_a_quiet_machine_without_a_store(tmp_path):
    machine = Machine(tmp_path)
    summary = machine.json("doctor", "--offline", status=0)["summary"]
    assert not any(summary[name] for name in summary if name != "unsearched")
    assert not machine.root.exists()


def test_pymans_own_venv_is_left_alone(tmp_path):
    machine = Machine(tmp_path, OLD, NEW)
    own = machine.venv("own", machine.python(OLD))
    code = "import runpy, sys; sys.argv[:] = ['pyman', *sys.argv[1:]]; sys.path[:0] = %r; runpy.run_module('pyman', run_name='__main__')"
    before = machine.exact(own)
    ours = [path for path in sys.path if path.endswith("site-packages")]
    result = subprocess.run(
        [own / "bin/python", "-B", "-c", code % ours, "doctor", own.parent, "--fix"],
        env=machine.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (0, "no venvs found; no other problems\n"), result.stderr
    assert machine.exact(own) == before
