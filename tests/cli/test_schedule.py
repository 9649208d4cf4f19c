"""`schedule`: timers put in place and taken away, and what a run does, leaves alone and says.

A crontab and a systemctl of the stage stand in for the system's; tests/cli/test_cron.py has a real cron.
"""

from __future__ import annotations

import fcntl
import json
import os
import plistlib
import stat
import subprocess
import sys

import pytest

from pyman.core.schedule import DAILY, Schedule, launchd_plist
from pyman.effects import timers
from pyman.effects.places import read_places
from stage.home import PACKAGE
from stage.machine import Machine
from stage.mirror import MINOR, NEW, OLD
from stage.venvs import make_venv, write

CRONTAB = """\
#!/bin/sh
echo "$@" >>{folder}/calls
[ ! -e {folder}/broken ] || {{ echo "you may not use this program" >&2; exit 1; }}
case $1 in
    -l) cat {folder}/tab 2>/dev/null || {{ echo "no crontab for me" >&2; exit 1; }} ;;
    -) cat >{folder}/tab ;;
esac
"""
SYSTEMCTL = """\
#!/bin/sh
echo "$@" >>{folder}/calls
case $* in *enable*) [ ! -e {folder}/broken ] || {{ echo "Failed to connect to bus" >&2; exit 1; }} ;; esac
case $* in
    *enable*timer) mkdir -p "$SYSTEMD_UNIT_PATH/timers.target.wants"
        case $* in
            *disable*) rm -f "$SYSTEMD_UNIT_PATH/timers.target.wants/"* ;;
            *) ln -sf ../x "$SYSTEMD_UNIT_PATH/timers.target.wants/pyman-upkeep.timer" ;;
        esac ;;
esac
"""
OTHERS = "# mine\nMAILTO=me\n5 4 * * * date +\\%F\n"


class Timers(Machine):
    """A machine with a crontab and a systemctl of its own."""

    def __init__(self, folder, *releases):
        super().__init__(folder, *releases)
        self.tools, self.units = self.path / "tools", self.path / "units"
        for name, text in (("crontab", CRONTAB), ("systemctl", SYSTEMCTL)):
            write(f"{self.tools}/{name}", text.format(folder=self.tools))
            (self.tools / name).chmod(0o755)
        self.environ |= {"PATH": f"{self.tools}:/usr/bin:/bin", "SYSTEMD_UNIT_PATH": str(self.units)}

    @property
    def tab(self):
        path = self.tools / "tab"
        return path.read_text() if path.exists() else None

    @property
    def calls(self):
        path = self.tools / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def run_upkeep(self, *words, status=0, **environ):
        return self.pyman("schedule", "run", *words, "--json", status=status, **environ).json["last"]


@pytest.fixture
def machine(tmp_path):
    return Timers(tmp_path)


@pytest.fixture
def installed(tmp_path):
    return Timers(tmp_path, OLD)


def test_a_line_comes_and_goes_and_every_other_stays(machine):
    (machine.tools / "tab").write_text(OTHERS)
    planned = machine.json("schedule", "daily", "--with", "cron", "--fix", "--dry-run")
    assert machine.tab == OTHERS
    done = machine.json("schedule", "daily", "--with", "cron", "--fix")
    assert planned == {"dry_run": True, **done}
    assert (done["on"], done["when"], done["fix"], done["timer"], done["changed"]) == (
        True,
        "daily",
        True,
        "cron",
        ["crontab"],
    )
    assert machine.tab.startswith(OTHERS)
    assert machine.tab.count("\n") == OTHERS.count("\n") + 1
    assert machine.json("schedule") == done | {"changed": []}
    # Once more, and otherwise: still one line.
    machine.pyman("schedule", "weekly", "--with", "cron")
    assert machine.tab.count("\n") == OTHERS.count("\n") + 1
    told = machine.json("schedule")
    assert (told["when"], told["fix"]) == ("weekly", False)
    planned = "would remove pyman's line in the crontab\nthe schedule would be off\n"
    assert machine.pyman("schedule", "off", "--dry-run").out == planned
    assert machine.json("schedule", "off")["changed"] == ["crontab"]
    assert machine.tab == OTHERS
    assert machine.json("schedule")["on"] is False
    assert machine.json("schedule", "off")["changed"] == []


def test_stores_have_lines_of_their_own(machine):
    machine.pyman("schedule", "daily", "--with", "cron")
    machine.pyman("schedule", "weekly", "--with", "cron", PYMAN_ROOT=f"{machine.path}/other %s store")
    assert machine.tab.count("\n") == 2
    machine.pyman("schedule", "off")
    assert machine.json("schedule", PYMAN_ROOT=f"{machine.path}/other %s store")["when"] == "weekly"
    # Who takes pyman away takes all of them.
    machine.pyman("self", "uninstall")
    assert machine.tab == ""


def test_the_line_of_another_pyman_stays(machine):
    machine.pyman("schedule", "daily", "--with", "cron", PYMAN_ROOT=f"{machine.path}/other")
    program = machine.tab.partition(" --quiet schedule run")[0].rpartition(" ")[2]
    (machine.tools / "tab").write_text(machine.tab.replace(program, f"{program}-next"))
    before = machine.tab
    machine.pyman("self", "uninstall")
    assert machine.tab == before


def test_a_password_in_a_crontab_line_is_refused(machine):
    mirror = "https://me:secret@mirror.example/x"
    answer = machine.json("schedule", "daily", "--with", "cron", status=1, PYMAN_MIRROR=mirror)
    assert (answer["error"]["code"], answer["changed"], machine.tab) == ("unsupported", [], None)
    assert "secret" not in str(answer)


def test_a_crontab_that_cannot_be_read_is_not_replaced(machine):
    (machine.tools / "tab").write_text(OTHERS)
    (machine.tools / "broken").touch()
    error = machine.json("schedule", "daily", "--with", "cron", status=1)["error"]
    assert error["code"] == "no-timer"
    assert "you may not use this program" in error["message"]
    assert machine.pyman("schedule", "daily", "--with", "cron", status=1).out == ""
    assert machine.tab == OTHERS
    assert set(machine.calls) == {"-l"}
    assert machine.json("schedule")["on"] is False


def test_where_nothing_starts_programs(machine):
    error = machine.json("schedule", "daily", "--with", "launchd", status=1)["error"]
    assert error["code"] == "no-timer"
    assert "schedule run" in error["hint"]


def test_what_cron_starts_is_the_upkeep(installed):
    """The line as a shell gets it, in a bare environment: with the mirror, the cache and the store of who wrote it."""
    home = installed
    home.pyman("schedule", "daily", "--fix", "--with", "cron", PYMAN_CACHE_DIR=f"{home.path}/ca che%41")
    command = home.tab.split(" ", 5)[5]
    assert "%" not in command
    bare = {"HOME": "/nowhere", "PATH": "/usr/bin:/bin", "PYTHONPATH": PACKAGE}
    answer = subprocess.run(["/bin/sh", "-c", command], env=bare, cwd="/", capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    last = home.json("schedule")["last"]
    assert last["upgraded"] == [{"alias": MINOR, "from": OLD, "to": NEW}]
    assert (home.path / "ca che%41").is_dir()


def test_units_come_and_go(machine):
    planned = machine.json("schedule", "daily", "--with", "systemd", "--dry-run")
    assert not machine.units.exists()
    # A proxy may have a password, which of root's services everybody could ask.
    login = "" if os.geteuid() == 0 else "me:pass%20word@"
    done = machine.json("schedule", "daily", "--with", "systemd", https_proxy=f"http://{login}proxy/100%25")
    assert planned == {"dry_run": True, **done}
    service, timer = machine.units / "pyman-upkeep.service", machine.units / "pyman-upkeep.timer"
    assert done["changed"] == [str(service), str(timer)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (service, timer)} == {0o600}
    escaped = login.replace("%", "%%")
    assert f'Environment="https_proxy=http://{escaped}proxy/100%%25"' in service.read_text()
    user = [] if os.geteuid() == 0 else ["--user"]
    assert machine.calls[-2:] == [
        " ".join((*user, "daemon-reload")),
        " ".join((*user, "enable --now pyman-upkeep.timer")),
    ]
    assert machine.json("schedule")["on"] is True
    # Another kind takes its place.
    assert machine.json("schedule", "daily", "--with", "cron")["changed"] == ["crontab", str(service), str(timer)]
    assert sorted(machine.units.glob("*.*er*")) == []
    assert machine.json("schedule")["timer"] == "cron"


def test_where_systemd_refuses_nothing_is_left(machine):
    (machine.tools / "broken").touch()
    error = machine.json("schedule", "daily", "--with", "systemd", status=1)["error"]
    assert error["code"] == "no-timer"
    assert "Failed to connect to bus" in error["message"]
    assert os.listdir(machine.units) == []


def test_what_was_there_before_is_back_where_systemd_refuses(machine):
    machine.pyman("schedule", "daily", "--with", "systemd")
    before = machine.tree(machine.units)
    (machine.tools / "broken").touch()
    machine.pyman("schedule", "weekly", "--fix", "--with", "systemd", status=1)
    assert machine.tree(machine.units) == before


@pytest.mark.parametrize("name", ["pyman-upkeep.service", "pyman-upkeep.timer"])
def test_a_unit_of_somebody_else_is_left_alone(machine, name):
    write(f"{machine.units}/{name}", "[Timer]\nOnCalendar=hourly\n")
    before = machine.tree(machine.units)
    for words in (["--dry-run"], []):
        answer = machine.json("schedule", "daily", "--with", "systemd", *words, status=1)
        assert answer["error"]["code"] == "not-ours"
    machine.pyman("schedule", "off")
    assert machine.tree(machine.units) == before


def test_a_link_in_the_place_of_a_unit_is_left_alone(machine):
    machine.pyman("schedule", "daily", "--with", "systemd")
    timer = machine.units / "pyman-upkeep.timer"
    kept = machine.path / "dotfiles.timer"
    timer.rename(kept)
    timer.symlink_to(kept)
    assert machine.json("schedule", "weekly", "--with", "systemd", status=1)["error"]["code"] == "not-ours"
    assert timer.is_symlink()


def test_launchd_is_told_by_its_own_program(tmp_path, monkeypatch):
    """No Mac is here: its program is one of the stage, and what it is given is what a plist says."""
    write(f"{tmp_path}/launchctl", f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n')
    (tmp_path / "launchctl").chmod(0o755)
    schedule = Schedule(DAILY, True, "pyman-upkeep", ("/p y/pyman", "schedule", "run"), (("PYMAN_ROOT", "/é %"),))
    tools = timers.TimerTools(
        501, str(tmp_path), "", "", f"{tmp_path}/launchctl", "/u", f"{tmp_path}/agents", "/r", "", False
    )
    timers.install_agent(tools, "pyman-upkeep", launchd_plist(schedule))
    path = f"{tmp_path}/agents/pyman-upkeep.plist"
    with open(path, "rb") as file:
        assert plistlib.load(file)["ProgramArguments"] == ["/p y/pyman", "schedule", "run"]
    [found] = timers.installed_timers(tools, "pyman-upkeep")
    assert (found.kind, found.when, found.fix, found.paths) == ("launchd", "daily", True, (path,))
    timers.remove_timer(tools, "pyman-upkeep", found)
    assert not os.path.exists(path)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["bootout gui/501/pyman-upkeep", f"bootstrap gui/501 {path}", "bootout gui/501/pyman-upkeep"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's timers run what others could exchange")
def test_root_schedules_no_program_that_others_may_change(machine):
    environ = machine.environ | {"PYTHONPATH": PACKAGE}
    folder = machine.path / "bin"
    write(f"{folder}/pyman", f"#!{sys.executable}\nimport sys\nfrom pyman.__main__ import main\nsys.exit(main())\n")
    (folder / "pyman").chmod(0o777)
    # The one beside the interpreter would be found first.
    code = f"import sys; sys.executable = '{folder}/python'; sys.argv[0] = '{folder}/pyman'; from pyman.__main__ import main; sys.exit(main())"
    answer = subprocess.run(
        [sys.executable, "-c", code, "schedule", "daily", "--with", "cron", "--json"],
        env=environ,
        capture_output=True,
        check=False,
    )
    assert json.loads(answer.stdout)["error"]["code"] == "not-started"
    assert machine.tab is None


@pytest.mark.parametrize("words", [["--fix"], ["off", "--fix"], ["run", "--with", "cron"], ["hourly"]])
def test_words_that_mean_nothing(machine, words):
    assert machine.json("schedule", *words, status=2)["error"]["code"] == "usage"


# The run.


def test_a_run_upgrades_looks_and_repairs_what_it_may(installed, tmp_path):
    home = installed
    follows = make_venv(f"{home.path}/follows/.venv", str(home.python(MINOR)))
    stale = make_venv(f"{home.path}/stale/.venv", str(home.python(OLD)))
    found = make_venv(f"{home.path}/found/.venv", str(home.python(OLD)))
    for venv in (follows, stale):
        home.pyman("register", venv)
    home.pyman("venvs", "--search", cwd=tmp_path)
    planned = home.run_upkeep("--fix", "--dry-run")
    assert not (home.root / "upkeep").exists()
    assert planned["upgraded"] == [{"alias": MINOR, "from": OLD, "to": NEW}]
    last = home.run_upkeep("--fix")
    assert last["upgraded"] == [{"alias": MINOR, "from": OLD, "to": NEW}]
    assert [(one["code"], one["path"]) for one in last["fixed"]] == [("unfollowed", str(stale))] or [
        (one["code"], one["path"]) for one in last["fixed"]
    ] == [("stale-patch", str(stale))]
    # Only a search has found it: it is said, and left alone.
    assert [one["path"] for one in last["left"]] == [str(found)]
    assert os.readlink(f"{found}/bin/python").endswith(f"{OLD}/bin/python{MINOR}")
    assert last["status"] == "left"
    assert home.json("schedule")["last"] == last
    told = home.pyman("schedule").out
    assert f"{MINOR}: {OLD} -> {NEW}" in told
    assert str(found) in told
    assert (home.root / "notice").read_text() == "pyman: 1 without the newest patch release; run `pyman doctor`\n"


def test_without_fix_nothing_is_repaired(installed):
    stale = make_venv(f"{installed.path}/stale/.venv", str(installed.python(OLD)))
    installed.pyman("register", stale)
    last = installed.run_upkeep()
    assert (last["fixed"], [one["path"] for one in last["left"]]) == ([], [str(stale)])


@pytest.fixture
def service(installed):
    """A process that runs through the alias."""
    python = installed.root / f"runtimes/{MINOR}/bin/python{MINOR}"
    with subprocess.Popen(
        [python, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.communicate(b"\n")


def test_an_alias_in_use_stays_until_a_person_moves_it(installed, service):
    home = installed
    last = home.run_upkeep("--fix")
    assert os.readlink(home.root / f"runtimes/{MINOR}") == OLD
    assert (home.root / "runtimes" / NEW).is_dir()
    [waits] = last["waiting"]
    assert (waits["alias"], waits["from"], waits["to"]) == (MINOR, OLD, NEW)
    assert str(service.pid) in waits["users"][0]
    assert [one["code"] for one in last["left"]] == ["restart-needed"]
    [finding] = [one for one in home.json("doctor")["findings"] if one["kind"] == "alias"]
    assert (finding["code"], finding["severity"], finding["status"]) == ("restart-needed", "info", "open")
    assert str(service.pid) in finding["message"]
    # And the next day.
    assert home.run_upkeep("--fix")["waiting"] == [waits]
    assert os.readlink(home.root / f"runtimes/{MINOR}") == OLD
    moved = home.json("upgrade")
    assert [(one["alias"], one["to"]) for one in moved["moved"]] == [(MINOR, NEW)]
    assert moved["waiting"] == []
    assert moved["moved"][0]["processes"][0]["pid"] == service.pid
    assert home.json("doctor")["findings"] == []


def test_doctor_of_a_person_moves_it_too(installed, service):
    installed.run_upkeep()
    fixed = installed.json("doctor", "--fix")["findings"]
    assert [(one["code"], one["status"]) for one in fixed] == [("restart-needed", "fixed")]
    assert os.readlink(installed.root / f"runtimes/{MINOR}") == NEW


def test_the_settings_let_it_move(installed, service):
    write(f"{installed.path}/.config/pyman/config.toml", "move-running = true\n")
    last = installed.run_upkeep()
    assert (last["waiting"], last["upgraded"]) == ([], [{"alias": MINOR, "from": OLD, "to": NEW}])


def test_two_at_once_one_works(installed):
    path = installed.root / ".lock-upkeep"
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = installed.pyman("schedule", "run")
        assert "another run is in progress" in answer.err
        assert installed.json("schedule", "run")["last"] is None
    assert installed.run_upkeep()["status"] == "done"


def test_without_a_network_it_looks_all_the_same(installed):
    stale = make_venv(f"{installed.path}/stale/.venv", str(installed.python(OLD)))
    installed.pyman("register", stale)
    answer = installed.pyman("schedule", "run", "--fix", "--json", status=1, PYMAN_MIRROR="http://127.0.0.1:9/").json
    last = answer["last"]
    assert last["status"] == "failed"
    assert [error.partition(":")[0] for error in last["errors"]] == ["upgrade"]
    assert answer["error"]["message"] == last["errors"][0]
    assert [one["path"] for one in last["fixed"]] == [str(stale)]
    # That is no news for a prompt.
    assert not (installed.root / "notice").exists()


def test_a_run_that_is_cut_off_says_so(installed):
    before = installed.run_upkeep()
    result, instants = installed.struck({}, "schedule", "run")
    assert instants > 2
    result, _ = installed.struck({instants // 2: 15}, "schedule", "run")
    assert result.status == 143
    last = installed.json("schedule")["last"]
    assert last["status"] in ("unfinished", before["status"])


def test_a_file_of_nonsense_or_of_another_user_is_none(installed):
    for text in ("", "{", "[]", '{"status": "odd"}', "[" * 100_000):
        (installed.root / "upkeep").write_text(text)
        assert installed.json("schedule")["last"] is None
        installed.pyman("doctor")
    if os.geteuid() == 0:
        installed.run_upkeep()
        os.chown(installed.root / "upkeep", 4242, 4242)
        assert installed.json("schedule")["last"] is None


def test_notices_can_be_turned_off(installed):
    stale = make_venv(f"{installed.path}/stale/.venv", str(installed.python(OLD)))
    installed.pyman("register", stale)
    installed.run_upkeep()
    assert (installed.root / "notice").exists()
    write(f"{installed.path}/.config/pyman/config.toml", "notices = false\n")
    installed.run_upkeep()
    assert not (installed.root / "notice").exists()


def test_off_forgets_the_last_run(installed):
    installed.pyman("schedule", "daily", "--with", "cron")
    installed.run_upkeep()
    changed = installed.json("schedule", "off")["changed"]
    assert changed == ["crontab", str(installed.root / "upkeep")]
    assert installed.json("schedule")["last"] is None


def test_a_report_has_it_also_merged(installed):
    installed.pyman("schedule", "daily", "--with", "cron")
    last = installed.run_upkeep()
    told = installed.json("report")
    assert told["schedule"]["last"] == last
    assert (told["schedule"]["on"], told["schedule"]["when"]) == (True, "daily")
    write(f"{installed.path}/report.json", json.dumps(told))
    [host] = installed.json("report", "--merge", installed.path / "report.json")["hosts"]
    assert host["schedule"] == told["schedule"]


def test_where_the_usual_places_are(tmp_path):
    """Without systemd's variable: units of the user below their settings, of root in the machine's folder."""
    tools = timers.find_tools(read_places({"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}))
    expected = "/etc/systemd/system" if os.geteuid() == 0 else f"{tmp_path}/.config/systemd/user"
    assert tools.unit_folder == expected
