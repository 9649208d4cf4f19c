"""The texts of timers: whatever is in a name or a value, the program gets it as it is."""

from __future__ import annotations

import json
import plistlib
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyman.core.immutable import replace
from pyman.core.schedule import (
    CRON,
    DAILY,
    LONGEST_LINE,
    SYSTEMD,
    WEEKLY,
    Schedule,
    carried,
    cron_line,
    is_schedule_name,
    launchd_plist,
    limits_of,
    marked_name,
    read_mark,
    refuse_odd,
    refuse_readable_passwords,
    schedule_name,
    service_unit,
    starts,
    timer_unit,
    with_line,
    without_line,
)
from pyman.errors import PymanError

ODD = "a b%c%%d 100% $HOME ${PATH} `id` \"q\" 'r' \\n \\ é # ; & | < > ! ~ * = --"
PLAIN = Schedule(DAILY, False, "pyman-upkeep", ("/usr/bin/pyman", "schedule", "run"), (("PYMAN_ROOT", "/s"),), 4711)
HOSTILE = replace(
    PLAIN,
    fix=True,
    command=(f"/opt/{ODD}/pyman", "schedule", ODD),
    environment=(("PATH", f"/{ODD}:/bin"), ("PYMAN_ROOT", ODD)),
)
PRINTED = "import json, os, sys; print(json.dumps([sys.argv[1:], dict(os.environ)]))"


@pytest.mark.parametrize("schedule", [PLAIN, HOSTILE, replace(HOSTILE, when=WEEKLY)])
def test_launchd_reads_what_is_meant(schedule):
    told = plistlib.loads(launchd_plist(schedule).encode())
    assert told["ProgramArguments"] == [*schedule.command]
    assert told["EnvironmentVariables"] == dict(schedule.environment)
    assert told["Label"] == "pyman-upkeep"
    assert set(told["StartCalendarInterval"]) == {"Hour", "Minute"} | (
        {"Weekday"} if schedule.when == WEEKLY else set()
    )


def run_by_shell(line, *shell):
    """What cron does: the five fields away, then all up to the first `%` to the shell, which is not to be there."""
    assert "\n" not in line
    command = line.split(" ", 5)[5]
    assert "%" not in command
    answer = subprocess.run([*shell, "-c", command], capture_output=True, text=True, env={"HOME": "/"}, check=True)
    return json.loads(answer.stdout)


@pytest.mark.parametrize("shell", ["sh", "dash", "bash", "zsh", "busybox"])
def test_a_shell_makes_of_a_crontab_line_what_is_meant(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    values = [ODD, "%%", "a%", "%a", "", " ", "'%'", "\\%"]
    variables = [(f"PYMAN_{number}", value) for number, value in enumerate(values)]
    words = (sys.executable, "-c", PRINTED, *values)
    line, left_out = cron_line(replace(PLAIN, command=words, environment=(*variables, ("PATH", "/a b:/%"))))
    told, environ = run_by_shell(line, *(["busybox", "sh"] if shell == "busybox" else [shell]))
    assert told == values
    assert environ["PATH"] == "/a b:/%"
    assert [environ[name] for name, _ in variables] == values
    assert left_out == ()


@pytest.mark.parametrize("name", ["py=man", "it's", "a b", 'q"', "$HOME", "100%", "back\\slash"])
def test_a_program_with_an_odd_name_is_started_by_its_line(tmp_path, name):
    program = tmp_path / name / "pyman"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PRINTED}" "$@"\n')
    program.chmod(0o755)
    line, _ = cron_line(replace(PLAIN, command=(str(program), "schedule", "run")))
    assert run_by_shell(line, "sh")[0] == ["schedule", "run"]


def test_what_is_too_long_for_cron_is_left_out_or_refused():
    long = replace(PLAIN, environment=(("PATH", "/p" * LONGEST_LINE), ("PYMAN_ROOT", "/s")))
    line, left_out = cron_line(long)
    assert left_out == ("PATH",)
    assert "PATH" not in line
    assert "PYMAN_ROOT=/s" in line
    with pytest.raises(PymanError, match="cron accepts at most 990"):
        cron_line(replace(long, environment=(("PYMAN_MIRROR", "/m" * LONGEST_LINE),)))


@pytest.mark.parametrize("schedule", [PLAIN, HOSTILE, replace(HOSTILE, for_machine=True), replace(PLAIN, when=WEEKLY)])
def test_systemd_has_nothing_to_say_of_the_units(tmp_path, schedule):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze reads the units")
    # It looks whether the program is there.
    folder = tmp_path / ODD
    folder.mkdir()
    program = folder / "pyman"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    schedule = replace(schedule, command=(str(program), *schedule.command[1:]))
    service, timer = tmp_path / "pyman-upkeep.service", tmp_path / "pyman-upkeep.timer"
    service.write_text(service_unit(schedule))
    timer.write_text(timer_unit(schedule))
    answer = subprocess.run(
        [analyze, "verify", "--man=no", str(service), str(timer)], capture_output=True, text=True, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_lid_that_was_closed():
    """systemd runs what was missed, and not at once on every machine."""
    assert "\nPersistent=true\n" in timer_unit(PLAIN)
    assert "\nRandomizedDelaySec=" in timer_unit(PLAIN)
    assert f"\nOnCalendar={WEEKLY}\n" in timer_unit(replace(PLAIN, when=WEEKLY))


def test_machines_do_not_begin_at_the_same_minute():
    moments = {replace(PLAIN, seed=seed).moment for seed in range(0, 100_000, 37)}
    assert len(moments) == 300
    assert all(1 <= hour < 6 and 0 <= minute < 60 for hour, minute in moments)


@pytest.mark.parametrize("schedule", [PLAIN, HOSTILE, replace(PLAIN, when=WEEKLY, fix=True)])
@pytest.mark.parametrize("text", [service_unit, timer_unit, launchd_plist, lambda schedule: cron_line(schedule)[0]])
def test_every_text_tells_whose_it_is(text, schedule):
    assert read_mark(text(schedule), "pyman-upkeep") == (schedule.when, schedule.fix)
    assert read_mark(text(schedule), "pyman-upkeep-00000000") is None
    assert read_mark("[Timer]\nOnCalendar=daily\n", "pyman-upkeep") is None


def test_names():
    assert [schedule_name(None), schedule_name(0xBEEF)] == ["pyman-upkeep", "pyman-upkeep-0000beef"]
    assert all(map(is_schedule_name, (schedule_name(None), schedule_name(0xFFFFFFFF))))
    assert not any(
        map(is_schedule_name, ("", "pyman", "pyman-upkeep-", "pyman-upkeep-0000BEEF", "pyman-upkeep-0000beef0"))
    )
    assert marked_name(cron_line(PLAIN)[0]) == "pyman-upkeep"
    assert marked_name("0 0 * * * true") == ""


lines = st.lists(
    st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",)), max_size=30), max_size=6
)


@given(before=lines, after=lines, ends=st.booleans())
def test_other_lines_of_a_crontab_stay_as_they_are(before, after, ends):
    others = "".join(f"{line}\n" for line in [*before, *after])
    others = others if ends or not others else others.removesuffix("\n")
    once = with_line(others, cron_line(PLAIN)[0], "pyman-upkeep")
    assert once.endswith("\n")
    assert without_line(once, "pyman-upkeep").removesuffix("\n") == others.removesuffix("\n")
    weekly = cron_line(replace(PLAIN, when=WEEKLY))[0]
    assert with_line(once, weekly, "pyman-upkeep").count("pyman-schedule:") == 1 + others.count("pyman-schedule:")


def test_a_comment_that_speaks_of_it_and_the_line_of_another_store_stay():
    other = cron_line(replace(PLAIN, name="pyman-upkeep-0000beef"))[0]
    text = f"# pyman-schedule: pyman-upkeep daily\n{other}\n"
    assert without_line(with_line(text, cron_line(PLAIN)[0], "pyman-upkeep"), "pyman-upkeep") == text


@pytest.mark.parametrize("name", ["/opt/pyman", "/opt/a b/py'man", "/opt/100%/$HOME/py&man"])
def test_a_program_that_is_called_similarly_is_another(name):
    for text in (service_unit, launchd_plist, lambda schedule: cron_line(schedule)[0]):
        own = text(replace(PLAIN, command=(name, "schedule", "run")))
        other = text(replace(PLAIN, command=(f"{name}-next", "schedule", "run")))
        below = text(replace(PLAIN, command=(f"/home{name}", "schedule", "run")))
        assert [starts(each, name) for each in (own, other, below)] == [True, False, False]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYMAN_MIRROR", "https://me:secret@mirror.example/x"),
        ("https_proxy", "http://me:secret@proxy.example:3128"),
        ("ALL_PROXY", "me:secret@proxy.example:3128"),
        ("PYMAN_ADVISORIES_URL", "https://mirror.example/x?token=secret"),
    ],
)
def test_a_password_is_in_no_timer_that_others_can_read(name, value):
    schedule = replace(PLAIN, environment=(*PLAIN.environment, (name, value)))
    for each, kind in ((schedule, CRON), (replace(schedule, for_machine=True), SYSTEMD)):
        with pytest.raises(PymanError, match=f"^{name} contains a password") as caught:
            refuse_readable_passwords(each, kind)
        assert "secret" not in caught.value.message + caught.value.hint
    # Units of a user are read by that user alone.
    refuse_readable_passwords(schedule, SYSTEMD)
    refuse_readable_passwords(replace(schedule, environment=((name, "https://mirror.example/x"),)), CRON)


def test_which_variables_go_along():
    environ = {
        "PYMAN_MIRROR": "/m", "https_proxy": "http://p", "NO_PROXY": "x", "PATH": "/bin", "PIPX_HOME": "/p", "PYMAN_ROOT": "/no",
        "SECRET": "s", "PYMAN_PYTHON": "3.12", "PYMAN_KEEP_RUNNING": "1", "all_proxy": "a\nb", "PYMAN_ODD": "\udcff",
    }  # fmt: skip
    told, left_out = carried(environ, {"PYMAN_ROOT": "/s", "HOME": "/h"})
    assert dict(told) == {
        "PYMAN_MIRROR": "/m", "https_proxy": "http://p", "NO_PROXY": "x", "PATH": "/bin", "PIPX_HOME": "/p", "PYMAN_ROOT": "/s",
        "HOME": "/h",
    }  # fmt: skip
    assert left_out == ["PYMAN_ODD", "all_proxy"]


@pytest.mark.parametrize("path", ["/a\nb", "/a\x1bb", "/\udcff"])
def test_a_place_that_no_timer_can_name_is_refused(path):
    with pytest.raises(PymanError, match="cannot contain"):
        refuse_odd(["/usr/bin/pyman", path])
    refuse_odd(["/usr/bin/pyman", "/a b/é"])


@pytest.mark.parametrize(
    ("kind", "named", "said"),
    [
        ("systemd", {"for_machine": True}, []),
        ("systemd", {"lingers": True}, []),
        ("systemd", {}, ["it runs only while you are logged in; `loginctl enable-linger` lets it run always"]),
        ("launchd", {"for_machine": True}, ["a run missed while the Mac sleeps"]),
        ("launchd", {}, ["it runs only while you are logged in", "a run missed while the Mac sleeps"]),
        ("cron", {"has_daemon": True}, ["a run missed while the machine is off"]),
        ("cron", {}, ["no cron daemon runs here", "a run missed while the machine is off"]),
    ],
)
def test_when_a_timer_does_not_run(kind, named, said):
    told = limits_of(kind, **{"for_machine": False, "lingers": False, "has_daemon": False, **named})
    assert len(told) == len(said)
    assert all(one.startswith(start) for one, start in zip(told, said, strict=True))


def test_a_mark_of_neither_day_nor_week_is_none():
    assert read_mark("# pyman-schedule: pyman-upkeep hourly", "pyman-upkeep") is None
    assert read_mark("# pyman-schedule: pyman-upkeep", "pyman-upkeep") is None
    assert read_mark("# pyman-schedule: pyman-upkeep weekly fix", "pyman-upkeep") == (WEEKLY, True)
    assert read_mark("x\n# pyman-schedule: pyman-upkeep daily\n", "pyman-upkeep") == (DAILY, False)
    assert read_mark("# pyman-schedule: another daily", "pyman-upkeep") is None
